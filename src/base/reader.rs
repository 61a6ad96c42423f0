//! A reader over bytes that cannot panic and cannot be asked for more than there is.

use super::addr::FileOffset;

/// Bytes ended, or a count was absurd.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes end before the value does.
    #[error("{what} at {at}: {wanted} bytes wanted, {left} left")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        at: FileOffset,
        /// Bytes it needs.
        wanted: u64,
        /// Bytes that remain.
        left: u64,
    },
    /// A count that the remaining bytes or the limit cannot hold.
    #[error("{what} at {at}: the file claims {found}, at most {most} are possible")]
    Count {
        /// What is counted.
        what: &'static str,
        /// Where the count stands.
        at: FileOffset,
        /// The claimed count.
        found: u64,
        /// The largest count accepted.
        most: u64,
    },
}

/// Little-endian reader over a slice, with the slice's own offset for messages.
#[derive(Clone, Copy, Debug)]
pub struct ByteReader<'a> {
    bytes: &'a [u8],
    position: usize,
    origin: u64,
}

impl<'a> ByteReader<'a> {
    /// Reads `bytes`, which begin at `origin` of their file.
    #[must_use]
    pub const fn new(bytes: &'a [u8], origin: FileOffset) -> Self {
        Self { bytes, position: 0, origin: origin.0 }
    }

    /// Where the next byte stands in the file.
    #[must_use]
    pub const fn at(&self) -> FileOffset {
        FileOffset(self.origin.saturating_add(self.position as u64))
    }

    /// Bytes that remain.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// Takes `len` bytes.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer remain.
    pub fn take(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], ReadError> {
        let taken = self
            .position
            .checked_add(len)
            .and_then(|end| self.bytes.get(self.position..end))
            .ok_or(ReadError::Short { what, at: self.at(), wanted: len as u64, left: self.left() as u64 })?;
        self.position = self.position.saturating_add(len);
        Ok(taken)
    }

    /// Skips `len` bytes.
    ///
    /// # Errors
    /// [`ReadError::Short`] when fewer remain.
    pub fn skip(&mut self, what: &'static str, len: usize) -> Result<(), ReadError> {
        self.take(what, len).map(|_| ())
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ReadError> {
        let at = self.at();
        let left = self.left() as u64;
        self.take(what, N)?.first_chunk::<N>().copied().ok_or(ReadError::Short { what, at, wanted: N as u64, left })
    }

    /// One byte.
    ///
    /// # Errors
    /// [`ReadError::Short`] at the end.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, ReadError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    /// [`ReadError::Short`] at the end.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, ReadError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// [`ReadError::Short`] at the end.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, ReadError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// [`ReadError::Short`] at the end.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, ReadError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Accepts a claimed count only when that many records of `record_size` bytes remain and `most` allows it.
    ///
    /// # Errors
    /// [`ReadError::Count`] naming the count, its place and the bound.
    pub fn count(&self, what: &'static str, claimed: u64, record_size: u64, most: u64) -> Result<usize, ReadError> {
        let fitting = (self.left() as u64).checked_div(record_size.max(1)).unwrap_or(0);
        let most = most.min(fitting);
        usize::try_from(claimed).ok().filter(|_| claimed <= most).ok_or(ReadError::Count {
            what,
            at: self.at(),
            found: claimed,
            most,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_little_endian_and_stops_at_the_end() {
        let mut reader = ByteReader::new(&[1, 0, 2, 0, 0, 0, 9], FileOffset(100));
        assert_eq!(reader.u16("a"), Ok(1));
        assert_eq!(reader.u32("b"), Ok(2));
        let short = ReadError::Short { what: "c", at: FileOffset(106), wanted: 8, left: 1 };
        assert_eq!(reader.u64("c"), Err(short));
        assert_eq!(reader.u8("d"), Ok(9));
    }

    #[test]
    fn an_absurd_count_is_refused_by_name_and_a_reasonable_one_is_not() {
        let reader = ByteReader::new(&[0; 64], FileOffset(0));
        assert_eq!(reader.count("rows", 4, 16, 100), Ok(4));
        assert!(reader.count("rows", 5, 16, 100).is_err_and(|error| error.to_string().contains("rows")));
        assert!(reader.count("rows", 3, 16, 2).is_err());
        assert!(reader.count("rows", u64::MAX, 0, u64::MAX).is_err());
    }
}
