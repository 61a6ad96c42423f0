//! Names inside a zip archive (APPNOTE.TXT 4.3), enough to word a refusal. `.diagsession` files are zip archives too.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::Refusal;
use crate::base::{ByteReader, FileOffset};

/// Names shown in a refusal.
const SHOWN: usize = 5;
/// The end record is 22 bytes and a comment of at most 65,535.
const TAIL_BYTES: u64 = 22 + 65_535;
/// Bytes of the list of members that are read.
const LIST_BYTES: u64 = 1 << 20;

/// The refusal of an archive: what is inside, and to unpack it.
pub(super) fn refuse(file: &mut File, extension: &str) -> Refusal {
    let what = if extension == "diagsession" { "Visual Studio session (.diagsession)" } else { "Zip archive" };
    let why = match names(file) {
        Some(names) if names.is_empty() => "it is empty".to_owned(),
        Some(names) => {
            let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            let more = names.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("archives are not looked into; this one holds {}{more}", shown.join(", "))
        }
        None => "archives are not looked into, and the list of its members cannot be read".to_owned(),
    };
    Refusal::new(what, why, "Unpack it and open the dump inside").with_command("unzip FILE")
}

/// Names of the members, `None` when the list cannot be read. Control characters are replaced: names go to a screen.
fn names(file: &mut File) -> Option<Vec<String>> {
    let len = file.metadata().ok()?.len();
    let tail_at = len.saturating_sub(TAIL_BYTES);
    let tail = read_at(file, tail_at, TAIL_BYTES)?;
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let mut reader = ByteReader::new(tail.get(end..)?, FileOffset(tail_at));
    reader.skip("end record", 12).ok()?;
    let list_bytes = u64::from(reader.u32("size of the list").ok()?);
    let list_at = u64::from(reader.u32("offset of the list").ok()?);
    let list = read_at(file, list_at, list_bytes.min(LIST_BYTES))?;
    let mut reader = ByteReader::new(&list, FileOffset(list_at));
    let mut names = Vec::new();
    while reader.u32("member").ok() == Some(0x0201_4b50) {
        reader.skip("member", 24).ok()?;
        let name_len = reader.u16("name length").ok()?;
        let extra_len = reader.u16("extra length").ok()?;
        let comment_len = reader.u16("comment length").ok()?;
        reader.skip("member", 12).ok()?;
        let name = String::from_utf8_lossy(reader.take("name", name_len.into()).ok()?);
        if !name.ends_with('/') {
            names.push(name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(120).collect());
        }
        if reader
            .skip("extra", usize::from(extra_len))
            .and_then(|()| reader.skip("comment", comment_len.into()))
            .is_err()
        {
            break;
        }
    }
    Some(names)
}

fn read_at(file: &mut File, at: u64, most: u64) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
