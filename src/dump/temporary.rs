//! Temporary files for unpacked dumps: large, sparse, and gone with their last handle.
//!
//! A file has no name on Linux (`O_TMPFILE`), loses it at once on other Unix systems, and is opened with
//! delete-on-close on Windows. So an exit, a cancel and a crash all give the room back without our doing. What can stay
//! behind (a crash between creation and removal of the name, a power failure on Windows) is swept at the next start: on
//! Unix removing a name never harms a running program, on Windows an open file cannot be removed because it is not shared.
//!
//! The files stand in a folder of our own, never beside the user's file.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use super::map;

/// Environment variable that names another folder for unpacked dumps.
pub const FOLDER_VARIABLE: &str = "HEAPROOT_TEMP";
/// How names of our files begin, where a system needs one (the library's own beginning).
const PREFIX: &str = ".tmp";

/// Folders to try, best first: the one the user named for us, or for temporary files in general; the user's cache, which
/// is a disk where `/tmp` is often memory; the system's folder for temporary files.
fn folders() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable(FOLDER_VARIABLE) {
        return vec![folder.join("heaproot-unpacked")];
    }
    // Folders that several users share: one of ours for each of them.
    let user = std::env::var("USER").ok().filter(|user| user.chars().all(|letter| letter.is_ascii_alphanumeric()));
    let shared = user.map_or_else(|| "heaproot-unpacked".to_owned(), |user| format!("heaproot-unpacked-{user}"));
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let cache = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(|| home.map(|home| home.join(".cache")))
    };
    let mut folders = Vec::new();
    if cfg!(target_os = "linux") {
        folders.extend(variable("TMPDIR").map(|folder| folder.join(&shared)));
    }
    folders.extend(cache.map(|cache| cache.join("heaproot").join("unpacked")));
    if cfg!(target_os = "linux") {
        folders.push(PathBuf::from("/var/tmp").join(&shared));
    }
    folders.push(std::env::temp_dir().join(&shared));
    folders
}

/// A new temporary file and the folder it stands in, in the first folder that takes it and has `wanted_bytes` free; when
/// none has, in the one with most room.
///
/// # Errors
/// What the system said about the last folder tried.
pub fn create(wanted_bytes: u64) -> io::Result<(File, PathBuf)> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "no folder for temporary files");
    let mut best: Option<(u64, File, PathBuf)> = None;
    for folder in folders() {
        match create_in(&folder) {
            Ok(file) => {
                let free = fs4::available_space(&folder).unwrap_or(u64::MAX);
                if free >= wanted_bytes {
                    return Ok((file, folder));
                }
                if best.as_ref().is_none_or(|&(most, ..)| most < free) {
                    best = Some((free, file, folder));
                }
            }
            Err(failed) => error = failed,
        }
    }
    best.map(|(_, file, folder)| (file, folder)).ok_or(error)
}

fn create_in(folder: &std::path::Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    sweep(folder);
    let file = tempfile::tempfile_in(folder)?;
    // An ordinary file holds the same bytes, so a file system that cannot make sparse ones is no failure.
    if let Err(error) = map::make_sparse(&file) {
        tracing::debug!("unwritten stretches take room here: {error}");
    }
    Ok(file)
}

/// Removes what a crashed run may have left, in every folder used. Failing is harmless: the next start tries again.
pub fn sweep_all() {
    folders().iter().for_each(|folder| sweep(folder));
}

fn sweep(folder: &std::path::Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            match fs::remove_file(entry.path()) {
                Ok(()) => tracing::info!("removed an unpacked dump that an earlier run left"),
                Err(error) => tracing::debug!("an unpacked dump stays: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

    use super::*;

    #[test]
    fn a_temporary_file_has_no_name_and_leftovers_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("{PREFIX}crashed"));
        let foreign = folder.path().join("notes.txt");
        fs::write(&left, b"left").unwrap();
        fs::write(&foreign, b"mine").unwrap();
        let mut file = create_in(folder.path()).unwrap();
        assert!(!left.exists());
        assert!(foreign.exists());
        file.write_all(b"bytes").unwrap();
        sweep(folder.path());
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut back = String::new();
        file.read_to_string(&mut back).unwrap();
        assert_eq!(back, "bytes", "sweeping never takes a running program's file");
        #[cfg(unix)]
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
