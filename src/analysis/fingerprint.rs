//! A name for a leak that is the same in every dump of the same program.
//!
//! Made of names alone: types, fields, methods, kinds of roots. No address, no count, no index: the same leak has the
//! same fingerprint on another machine, in another run, on another processor and under another runtime.

/// 64-bit FNV-1a over the parts, each ended by a zero, written as two groups of four hexadecimal digits.
#[must_use]
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let short = (hash ^ (hash >> 32)) as u32;
    format!("{:04x}-{:04x}", short >> 16, short & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
        assert_eq!(fingerprint(["event", "A.B"]), fingerprint(["event", "A.B"]));
        assert_eq!(fingerprint([""]).len(), 9);
    }
}
