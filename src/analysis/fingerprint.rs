//! A name for a leak that is the same in every dump of the same program.
//!
//! Made of names alone: types, fields, methods, kinds of roots. No address, no count, no index: the same leak has the
//! same fingerprint on another machine, in another run, on another processor and under another runtime.

use std::borrow::Cow;

/// 64-bit FNV-1a over the parts, each ended by a zero, written as two groups of four hexadecimal digits. Addresses in the
/// parts, which stand for names that are not in the dump, all count as the same: they differ from run to run.
#[must_use]
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in without_addresses(part).bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let short = (hash ^ (hash >> 32)) as u32;
    format!("{:04x}-{:04x}", short >> 16, short & 0xffff)
}

/// `static ?, field at ?` of `static 0x7fd77c635100, field at 0x7fd7700008e8`; an offset (`+0x8`) stays.
fn without_addresses(part: &str) -> Cow<'_, str> {
    if !part.contains("0x") {
        return Cow::Borrowed(part);
    }
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find("0x") {
        let (before, address) = rest.split_at(at);
        let end = address[2..].find(|letter: char| !letter.is_ascii_hexdigit()).map_or(address.len(), |end| end + 2);
        text.push_str(before);
        text.push_str(if before.ends_with('+') { &address[..end] } else { "?" });
        rest = &address[end..];
    }
    text.push_str(rest);
    Cow::Owned(text)
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

    #[test]
    fn addresses_count_as_the_same_and_offsets_do_not() {
        let check = |part: &str, expected: &str| assert_eq!(without_addresses(part), expected);
        check("static 0x7fd77c635100, field at 0x7fd7700008e8", "static ?, field at ?");
        check("0x7fd77c6375c0", "?");
        check("+0x8", "+0x8");
        check("Corpus.Seed.Worker", "Corpus.Seed.Worker");
        assert_eq!(fingerprint(["event", "0x7fd77c6375c0"]), fingerprint(["event", "0x7f0000001230"]));
    }
}
