//! A packed stream to a temporary sparse file: gzip (RFC 1952), zstd (RFC 8878), xz (format 1.0.4).
//!
//! None of the three can be mapped. Dumps pack extremely well (3.1 GB from 3.6 MB was seen), so no ratio is too high: the
//! limit is the free space of the disk, and pages of zeros are left as holes that take none.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use super::sniff::{self, Packing, Sample, Sniffed};
use super::{DumpError, FileKind, Refusal, temporary};
use crate::base::job::Unit;
use crate::base::number::size;
use crate::base::{Job, Limits};

/// Bytes unpacked between two looks at the job: some milliseconds even for xz.
const STEP_BYTES: usize = 1 << 20;
/// Stretches of zeros of this length become holes: the block of the file systems in use.
const PAGE: [u8; 4096] = [0; 4096];
/// Bytes written between two looks at the free space.
const CHECK_EVERY_BYTES: u64 = 64 << 20;
/// Free space that is never used up.
const RESERVE_BYTES: u64 = 256 << 20;
/// Real data of dumps packs 8:1 to 30:1. Below the smaller ratio a file that does not fit by its size will not fit by its
/// holes either.
const LIKELY_RATIO: u64 = 8;
/// Largest window of a zstd stream as a power of two (128 MiB of memory): all that the tool makes without being asked.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Why a packed file cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// No folder takes a temporary file.
    #[error("no folder takes the unpacked dump: {source}")]
    Folder {
        /// What the system said last.
        #[source]
        source: io::Error,
    },
    /// The disk is, or would be, full.
    #[error("not enough room to unpack: {} needed, {} free in {}", wanted, size(*free), folder.display())]
    NoSpace {
        /// What is needed, for a person.
        wanted: String,
        /// Bytes free.
        free: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// The packed bytes are wrong, or end early.
    #[error("the {} stream is damaged or cut short after {} unpacked bytes: {source}", packing.label(), unpacked)]
    Damaged {
        /// How it is packed.
        packing: Packing,
        /// Bytes that came out before.
        unpacked: u64,
        /// What the unpacker said.
        #[source]
        source: io::Error,
    },
    /// The temporary file cannot be written.
    #[error("the unpacked dump cannot be written: {source}")]
    Write {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// More comes out than any file system holds.
    #[error("the {} stream unpacks to more than {}", packing.label(), size(*most))]
    TooLong {
        /// How it is packed.
        packing: Packing,
        /// The limit.
        most: u64,
    },
}

impl UnpackError {
    pub(super) fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Folder { .. } | Self::NoSpace { .. } | Self::Write { .. } => {
                format!(
                    "Make room, or name a folder with room in the environment variable {}",
                    temporary::FOLDER_VARIABLE
                )
            }
            Self::Damaged { packing: Packing::Zstd, source, .. } if source.to_string().contains("memory") => {
                "It was packed with an unusual window; unpack it first: zstd -d --long=31 FILE".to_owned()
            }
            Self::Damaged { .. } => "Copy the file again from where it was written".to_owned(),
            Self::TooLong { .. } => return None,
        })
    }
}

/// A file that came out of a packed one. It has no name, and goes away with its last handle.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) file: File,
    pub(super) kind: FileKind,
}

/// Unpacks `file`, whose beginning is `head`, when what is inside can be opened.
pub(super) fn unpack(
    mut file: File,
    packing: Packing,
    head: &[u8],
    extension: &str,
    limits: &Limits,
    job: &Job,
) -> Result<Unpacked, DumpError> {
    let packed_bytes = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    let promised = match packing {
        Packing::Gzip => None,
        Packing::Zstd => zstd::zstd_safe::get_frame_content_size(head).ok().flatten(),
        Packing::Xz => xz_unpacked_bytes(&mut file, packed_bytes),
    };
    file.seek(SeekFrom::Start(0)).map_err(|source| UnpackError::Write { source })?;
    job.stage("Unpacking", Unit::Bytes, Some(promised.unwrap_or(packed_bytes)));
    let consumed = Rc::new(Cell::new(0));
    let mut stream =
        Stream { decoder: decoder(Counted { file, consumed: Rc::clone(&consumed) }, packing)?, packing, unpacked: 0 };

    let mut buffer = vec![0; STEP_BYTES];
    let mut len = stream.fill(buffer.get_mut(..sniff::SAMPLE_BYTES).unwrap_or_default())?;
    let kind = look_inside(buffer.get(..len).unwrap_or_default(), packing, extension)?;

    let mut writer = SparseWriter::create(promised, packed_bytes)?;
    let mut reported = 0;
    while len > 0 {
        writer.write(buffer.get(..len).unwrap_or_default())?;
        if stream.unpacked > limits.unpacked_bytes {
            return Err(UnpackError::TooLong { packing, most: limits.unpacked_bytes }.into());
        }
        let done = if promised.is_some() { stream.unpacked } else { consumed.get() };
        job.tick(done.saturating_sub(reported))?;
        reported = done;
        len = stream.fill(&mut buffer)?;
    }
    Ok(Unpacked { file: writer.finish()?, kind })
}

/// The kind of what is inside, before the whole is unpacked.
fn look_inside(head: &[u8], packing: Packing, extension: &str) -> Result<FileKind, Refusal> {
    let inside = |what: std::borrow::Cow<'static, str>| format!("{what} in {}", packing.label());
    match sniff::sniff(&Sample { head, extension }) {
        Sniffed::Kind(kind) => match kind.not_yet() {
            Some(refusal) => Err(Refusal { what: inside(refusal.what).into(), ..refusal }),
            None => Ok(kind),
        },
        Sniffed::Packed(again) => Err(Refusal::new(
            format!("{} stream in {}", again.label(), packing.label()),
            "it is packed twice, and only one packing is undone",
            "Unpack it once",
        )),
        Sniffed::Zip => Err(Refusal::new(
            inside("Zip archive".into()),
            "archives are not looked into",
            "Unpack both and open the dump inside",
        )),
        Sniffed::Refused(refusal) => Err(Refusal { what: inside(refusal.what).into(), ..refusal }),
    }
}

fn decoder(file: Counted, packing: Packing) -> Result<Box<dyn Read>, DumpError> {
    let file = BufReader::with_capacity(128 << 10, file);
    Ok(match packing {
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(file)),
        Packing::Zstd => {
            let damaged = |source| UnpackError::Damaged { packing, unpacked: 0, source };
            let mut decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(damaged)?;
            Box::new(decoder)
        }
    })
}

/// The packed file, with how much of it was read.
struct Counted {
    file: File,
    consumed: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read(into)?;
        self.consumed.set(self.consumed.get().saturating_add(len as u64));
        Ok(len)
    }
}

struct Stream {
    decoder: Box<dyn Read>,
    packing: Packing,
    unpacked: u64,
}

impl Stream {
    /// Fills `into` as far as the stream goes; fewer bytes mean its end.
    fn fill(&mut self, into: &mut [u8]) -> Result<usize, UnpackError> {
        let mut filled = 0_usize;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.decoder.read(rest) {
                Ok(0) => break,
                Ok(len) => filled = filled.saturating_add(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(UnpackError::Damaged { packing: self.packing, unpacked: self.unpacked, source });
                }
            }
        }
        self.unpacked = self.unpacked.saturating_add(filled as u64);
        Ok(filled)
    }
}

/// Writes a file in which pages of zeros are holes.
struct SparseWriter {
    file: File,
    folder: PathBuf,
    /// Bytes of the file so far, holes included.
    len: u64,
    /// Bytes written, without holes.
    written: u64,
    /// `written` at which to look at the free space next.
    check_at: u64,
}

impl SparseWriter {
    /// A new temporary file. What is known of the size is checked against the free space first.
    fn create(promised: Option<u64>, packed_bytes: u64) -> Result<Self, UnpackError> {
        let likely = packed_bytes.saturating_mul(LIKELY_RATIO);
        let wanted = promised.map_or(likely, |promised| promised.min(likely));
        let wanted = wanted.saturating_add(RESERVE_BYTES);
        let (file, folder) = temporary::create(wanted).map_err(|source| UnpackError::Folder { source })?;
        let free = fs4::available_space(&folder).unwrap_or(u64::MAX);
        if free < wanted {
            let wanted = match promised {
                Some(promised) => format!("about {} of {}", size(wanted), size(promised)),
                None => format!("about {}", size(wanted)),
            };
            return Err(UnpackError::NoSpace { wanted, free, folder });
        }
        Ok(Self { file, folder, len: 0, written: 0, check_at: CHECK_EVERY_BYTES })
    }

    /// Appends `bytes`; pages of zeros are skipped.
    fn write(&mut self, bytes: &[u8]) -> Result<(), UnpackError> {
        let mut run: Option<(u64, usize, usize)> = None;
        let mut start = 0_usize;
        for page in bytes.chunks(PAGE.len()) {
            let end = start.saturating_add(page.len());
            let hole = PAGE.starts_with(page);
            run = match run {
                Some((at, from, _)) if !hole => Some((at, from, end)),
                Some((at, from, to)) => {
                    self.write_run(at, bytes.get(from..to).unwrap_or_default())?;
                    None
                }
                None if !hole => Some((self.len.saturating_add(start as u64), start, end)),
                None => None,
            };
            start = end;
        }
        if let Some((at, from, to)) = run {
            self.write_run(at, bytes.get(from..to).unwrap_or_default())?;
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn write_run(&mut self, at: u64, bytes: &[u8]) -> Result<(), UnpackError> {
        let result = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(bytes));
        result.map_err(|source| self.failed(source))?;
        self.written = self.written.saturating_add(bytes.len() as u64);
        if self.written >= self.check_at {
            self.check_at = self.written.saturating_add(CHECK_EVERY_BYTES);
            let free = fs4::available_space(&self.folder).unwrap_or(u64::MAX);
            if free < RESERVE_BYTES {
                let wanted = format!("more than {}", size(self.written));
                return Err(UnpackError::NoSpace { wanted, free, folder: self.folder.clone() });
            }
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> UnpackError {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            let free = fs4::available_space(&self.folder).unwrap_or(0);
            let wanted = format!("more than {}", size(self.written));
            UnpackError::NoSpace { wanted, free, folder: self.folder.clone() }
        } else {
            UnpackError::Write { source }
        }
    }

    /// The file with its full length, a hole at the end included.
    fn finish(self) -> Result<File, UnpackError> {
        self.file.set_len(self.len).map_err(|source| self.failed(source))?;
        Ok(self.file)
    }
}

/// The unpacked size of an xz file: the sum over the index at its end (xz format 4.3). `None` when it is not readable or
/// the file holds several streams.
fn xz_unpacked_bytes(file: &mut File, packed_bytes: u64) -> Option<u64> {
    let mut footer = [0; 12];
    file.seek(SeekFrom::Start(packed_bytes.checked_sub(12)?)).ok()?;
    file.read_exact(&mut footer).ok()?;
    let [_, _, _, _, size0, size1, size2, size3, _, _, b'Y', b'Z'] = footer else { return None };
    let index_bytes = u64::from(u32::from_le_bytes([size0, size1, size2, size3])).checked_add(1)?.checked_mul(4)?;
    let index_at = packed_bytes.checked_sub(12)?.checked_sub(index_bytes)?;
    file.seek(SeekFrom::Start(index_at)).ok()?;
    let mut index = Vec::new();
    file.take(index_bytes.min(16 << 20)).read_to_end(&mut index).ok()?;
    let mut bytes = index.iter().copied();
    let mut number = || -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = bytes.next()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    // The index begins with a zero byte, where a block has its size.
    (number()? == 0).then_some(())?;
    let n_records = number()?;
    let mut sum = 0_u64;
    for _ in 0..n_records {
        number()?;
        sum = sum.checked_add(number()?)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn core_bytes(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        bytes[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0");
        for page in (0..len).step_by(40960) {
            bytes[page] = 1 + (page / 40960) as u8 % 250;
        }
        bytes[0] = 0x7f;
        bytes
    }

    fn pack(bytes: &[u8], packing: Packing) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
            Packing::Zstd => zstd::bulk::compress(bytes, 1).unwrap(),
            Packing::Xz => {
                let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
        }
    }

    fn unpacked(packed: &[u8], packing: Packing, limits: &Limits, job: &Job) -> Result<Unpacked, DumpError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(packed).unwrap();
        unpack(file, packing, packed, "core", limits, job)
    }

    #[test]
    fn what_was_packed_comes_out_with_holes() {
        let bytes = core_bytes(5 << 20 | 123);
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Xz] {
            let packed = pack(&bytes, packing);
            let mut out = unpacked(&packed, packing, &Limits::default(), &Job::new()).unwrap();
            assert_eq!(out.kind, FileKind::ElfCore);
            let mut back = Vec::new();
            out.file.seek(SeekFrom::Start(0)).unwrap();
            out.file.read_to_end(&mut back).unwrap();
            assert!(back == bytes, "{packing:?}");
            #[cfg(target_os = "linux")]
            {
                use std::os::unix::fs::MetadataExt as _;
                let on_disk = out.file.metadata().unwrap().blocks() * 512;
                assert!(on_disk < (bytes.len() / 2) as u64, "{on_disk} bytes on disk");
            }
        }
    }

    #[test]
    fn the_size_of_an_xz_file_stands_in_its_index() {
        let bytes = core_bytes(1 << 20);
        let packed = pack(&bytes, Packing::Xz);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&packed).unwrap();
        assert_eq!(xz_unpacked_bytes(&mut file, packed.len() as u64), Some(1 << 20));
    }

    #[test]
    fn a_cut_or_bent_stream_says_so() {
        for packing in [Packing::Gzip, Packing::Zstd, Packing::Xz] {
            let packed = pack(&core_bytes(2 << 20), packing);
            let cut = unpacked(&packed[..packed.len() * 2 / 3], packing, &Limits::default(), &Job::new()).unwrap_err();
            assert!(cut.to_string().contains("stream is damaged or cut short after"), "{packing:?}: {cut}");
        }
    }

    #[test]
    fn a_stream_longer_than_the_limit_is_refused_and_one_within_is_not() {
        let packed = pack(&core_bytes(4 << 20), Packing::Zstd);
        let limits = Limits { unpacked_bytes: 2 << 20, ..Limits::default() };
        let error = unpacked(&packed, Packing::Zstd, &limits, &Job::new()).unwrap_err();
        assert_eq!(error.to_string(), "the zstd stream unpacks to more than 2.0 MiB");
        let limits = Limits { unpacked_bytes: 4 << 20, ..Limits::default() };
        assert!(unpacked(&packed, Packing::Zstd, &limits, &Job::new()).is_ok());
    }

    #[test]
    fn what_is_inside_is_judged_before_all_is_unpacked() {
        let mut bytes = b"MDMP\x93\xa7\0\0".to_vec();
        bytes.resize(1 << 20, 7);
        let error = unpacked(&pack(&bytes, Packing::Gzip), Packing::Gzip, &Limits::default(), &Job::new()).unwrap_err();
        assert!(error.to_string().starts_with("Windows minidump in gzip: minidumps cannot be read yet"), "{error}");
    }

    #[test]
    fn cancelling_stops_the_unpacking_at_once() {
        // Half a GiB of zeros, some kilobytes packed.
        let mut bytes = core_bytes(1 << 20);
        bytes.resize(512 << 20, 0);
        let packed = pack(&bytes, Packing::Zstd);
        drop(bytes);
        let job = Job::new();
        let watcher = job.clone();
        let cancelled = std::thread::spawn(move || {
            while watcher.progress().done == 0 {
                std::thread::yield_now();
            }
            watcher.cancel();
            Instant::now()
        });
        let result = unpacked(&packed, Packing::Zstd, &Limits::default(), &job);
        let late = cancelled.join().unwrap().elapsed();
        assert!(matches!(result, Err(DumpError::Cancelled(_))));
        assert!(late < Duration::from_millis(200), "{late:?}");
    }
}
