//! A path to a mapped, unpacked file of a known kind.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::map::FileMap;
use super::sniff::{self, FileKind, Packing, Sample, Sniffed};
use super::{DumpError, Refusal, unpack, zip};
use crate::base::{Job, Limits};

/// A file that was opened, unpacked when it was packed, and mapped.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The file the user named.
    pub path: PathBuf,
    /// Its kind, or the kind of what was packed in it.
    pub kind: FileKind,
    /// How it was packed, when it was.
    pub packing: Option<Packing>,
    /// Bytes of the file the user named.
    pub file_bytes: u64,
    /// The bytes, unpacked. The last clone takes the temporary file with it.
    pub map: Arc<FileMap>,
}

/// Opens the file at `path`: looks at its content, unpacks gzip, zstd and xz to a temporary file, and maps it.
///
/// # Errors
/// [`DumpError::Refused`] for everything that is not read, by name and with advice; [`DumpError::Open`] and
/// [`DumpError::Unpack`] for what the system or a damaged packing says; [`DumpError::Cancelled`].
pub fn open(path: &Path, limits: &Limits, job: &Job) -> Result<Opened, DumpError> {
    job.stage("Opening", crate::base::job::Unit::Bytes, None);
    let failed = |source| DumpError::Open { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Refusal::new("Folder", "a dump is a file", "Open a file inside it").into());
    }
    if !metadata.is_file() {
        return Err(
            Refusal::new("Device or pipe", "a dump has to be an ordinary file", "Copy it to a file first").into()
        );
    }
    let mut file = File::open(path).map_err(failed)?;
    let mut head = Vec::new();
    (&mut file).take(sniff::SAMPLE_BYTES as u64).read_to_end(&mut head).map_err(failed)?;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let opened = |kind, packing, map| Opened {
        path: path.to_owned(),
        kind,
        packing,
        file_bytes: metadata.len(),
        map: Arc::new(map),
    };
    match sniff::sniff(&Sample { head: &head, extension: &extension }) {
        Sniffed::Kind(kind) => match kind.not_yet() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(opened(kind, None, FileMap::new(file).map_err(failed)?)),
        },
        Sniffed::Packed(packing) => {
            let unpacked = unpack::unpack(file, packing, &head, &extension, limits, job)?;
            Ok(opened(unpacked.kind, Some(packing), FileMap::new(unpacked.file).map_err(failed)?))
        }
        Sniffed::Zip => Err(zip::refuse(&mut file, &extension).into()),
        Sniffed::Refused(refusal) => Err(refusal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        open(path, &Limits::default(), &Job::new()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_file_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refused(folder.path()), "Folder: a dump is a file. Open a file inside it");
        let absent = refused(&folder.path().join("absent"));
        assert!(absent.starts_with("the file cannot be opened: ") && absent.ends_with("absent"), "{absent}");
        let empty = folder.path().join("empty.dmp");
        std::fs::write(&empty, b"").unwrap();
        assert!(refused(&empty).starts_with("Empty file: it holds no bytes"));
    }

    #[test]
    fn what_to_do_follows_from_what_the_system_said() {
        let advice = |kind: std::io::ErrorKind| {
            DumpError::Open { path: PathBuf::from("a.core"), source: kind.into() }.advice().unwrap_or_default()
        };
        assert_eq!(advice(std::io::ErrorKind::NotFound), "Check the path, and that the file may be read");
        assert!(advice(std::io::ErrorKind::OutOfMemory).starts_with("Raise the limit of memory"));
    }

    #[test]
    fn an_archive_is_refused_by_what_is_inside() {
        let mut bytes = b"PK\x03\x04".to_vec();
        let list_at = bytes.len() as u32;
        for name in ["a/core.1", "notes.txt"] {
            bytes.extend(b"PK\x01\x02");
            bytes.extend([0; 24]);
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0; 16]);
            bytes.extend(name.as_bytes());
        }
        let list_bytes = bytes.len() as u32 - list_at;
        bytes.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
        bytes.extend(list_bytes.to_le_bytes());
        bytes.extend(list_at.to_le_bytes());
        bytes.extend([0, 0]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dumps.zip");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(
            refused(&path),
            "Zip archive: archives are not looked into; this one holds a/core.1, notes.txt. \
             Unpack it and open the dump inside: unzip FILE"
        );
    }
}
