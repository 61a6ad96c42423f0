//! Files of modules on this machine: at the path the dump records, and in folders the user names.
//!
//! A name proves nothing: the caller matches each candidate by identity (module version id, time stamp and size, build
//! id) before it believes one byte of it.
//!
//! A dump is untrusted, so a recorded path is looked up only when it is an ordinary absolute path of this machine: never
//! a network share, a device or a pipe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object::Object as _;

use super::elf_image::ElfImage;
use super::{Module, Target};
use crate::base::{Addr, Cancelled, Job, Skipped, Warnings};
use crate::dump::map::FileMap;

/// Folders inside folders that are looked into.
const MOST_DEPTH: usize = 16;
/// Files of the named folders that are remembered.
const MOST_FILES: usize = 500_000;
/// Files of one name that are tried.
const MOST_CANDIDATES: usize = 64;

/// A file that was accepted as a module's.
#[derive(Clone, Debug)]
pub struct ImageFile {
    /// Where it is on this machine.
    pub path: PathBuf,
    /// Its bytes.
    pub map: Arc<FileMap>,
}

/// The files of the folders the user named, by name. Built once for a dump.
#[derive(Clone, Debug, Default)]
pub struct ImageFolders {
    /// By base name in small letters: file systems of Windows and macOS do not tell letters apart.
    by_name: BTreeMap<String, Vec<PathBuf>>,
}

impl ImageFolders {
    /// Lists `folders` and the folders inside them. Links to folders are not followed. What cannot be listed is
    /// reported; a folder with more than 500,000 files is listed in part, and says so.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn list(folders: &[PathBuf], job: &Job, warnings: &mut Warnings) -> Result<Self, Cancelled> {
        let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut n_files = 0_usize;
        let mut open: Vec<(PathBuf, usize)> = folders.iter().rev().map(|folder| (folder.clone(), 0)).collect();
        while let Some((folder, depth)) = open.pop() {
            job.tick(0)?;
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    let why = format!("the folder cannot be listed: {error}: {}", folder.display());
                    warnings.skip(Skipped::Module, None, why);
                    continue;
                }
            };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && depth < MOST_DEPTH {
                    open.push((entry.path(), depth.saturating_add(1)));
                } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
                    if n_files >= MOST_FILES {
                        let why = format!("only the first {MOST_FILES} files of the named folders are looked at");
                        warnings.skip(Skipped::Module, None, why);
                        open.clear();
                        break;
                    }
                    n_files = n_files.saturating_add(1);
                    let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
                    by_name.entry(name).or_default().push(entry.path());
                }
            }
        }
        for paths in by_name.values_mut() {
            paths.sort();
            paths.dedup();
        }
        Ok(Self { by_name })
    }

    /// Files that may be the module recorded as `recorded`: that very path when it is one of this machine, then files of
    /// its name in the named folders.
    #[must_use]
    pub fn candidates(&self, recorded: &str) -> Vec<PathBuf> {
        let name = recorded.rsplit(['/', '\\']).next().unwrap_or(recorded).to_ascii_lowercase();
        let named = self.by_name.get(&name).map(Vec::as_slice).unwrap_or_default();
        let mut candidates: Vec<PathBuf> = local(recorded).into_iter().collect();
        for path in named.iter().take(MOST_CANDIDATES) {
            if !candidates.contains(path) {
                candidates.push(path.clone());
            }
        }
        candidates
    }

    /// The first candidate for `recorded` that `accept` recognises by its bytes. Files that cannot be opened are passed
    /// over: the next one may be the right one.
    pub fn find<T>(&self, recorded: &str, mut accept: impl FnMut(&ImageFile) -> Option<T>) -> Option<T> {
        self.candidates(recorded).into_iter().find_map(|path| {
            let map = match FileMap::open(&path) {
                Ok(map) => Arc::new(map),
                Err(error) => {
                    tracing::debug!("a module file cannot be opened: {error}: {}", path.display());
                    return None;
                }
            };
            accept(&ImageFile { path, map })
        })
    }
}

/// The path as one of this machine, when it is absolute, not on the network, and an ordinary file.
fn local(recorded: &str) -> Option<PathBuf> {
    if recorded.starts_with("\\\\") || recorded.starts_with("//") || recorded.contains('\0') {
        return None;
    }
    let path = Path::new(recorded);
    let device = ["/dev/", "/proc/", "/sys/"].iter().any(|folder| recorded.starts_with(folder));
    (path.is_absolute() && !device && path.is_file()).then(|| path.to_owned())
}

/// The GNU build id of an ELF file; `None` when it is none or has none.
#[must_use]
pub fn build_id_of_file(bytes: &[u8]) -> Option<&[u8]> {
    let file = object::read::elf::ElfFile64::<object::Endianness>::parse(bytes).ok()?;
    file.build_id().ok().flatten()
}

impl Target {
    /// Puts the read-only parts of ELF modules that are absent from the dump back from the modules' files, where a file
    /// with the same build id is found. Bytes of the dump always win. Kernel and gdb cores leave these parts out.
    ///
    /// Only modules that `wanted` names are looked for. Returns the modules that got bytes, by index.
    pub fn splice_images(&mut self, folders: &ImageFolders, mut wanted: impl FnMut(&Module) -> bool) -> Vec<usize> {
        let mut spliced = Vec::new();
        for index in 0..self.modules.len() {
            let Some(module) = self.modules.get(index).filter(|module| !module.build_id.is_empty()) else { continue };
            if !wanted(module) {
                continue;
            }
            let Some(image) = ElfImage::read(&self.memory, module.base) else { continue };
            let file = folders.find(&module.path, |file| {
                let matches = build_id_of_file(file.map.bytes()).is_some_and(|id| id == module.build_id);
                matches.then(|| file.clone())
            });
            let Some(file) = file else { continue };
            let parts: Vec<(Addr, u64, u64)> = image.read_only().collect();
            let before = self.memory.present_bytes(module.range);
            self.memory.add(file.map, &parts);
            if self.memory.present_bytes(module.range) > before {
                spliced.push(index);
            }
        }
        spliced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(folder: &Path) -> ImageFolders {
        ImageFolders::list(&[folder.to_owned()], &Job::new(), &mut Warnings::new()).unwrap()
    }

    #[test]
    fn candidates_are_found_by_name_in_named_folders_and_matched_by_the_caller() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("App.DLL"), b"right").unwrap();
        std::fs::write(folder.path().join("app.dll"), b"wrong").unwrap();
        let folders = list(folder.path());
        assert_eq!(folders.candidates("C:\\app\\App.dll").len(), 2);
        let found = folders.find("/app/App.dll", |file| (file.map.bytes() == b"right").then(|| file.path.clone()));
        assert_eq!(found, Some(inner.join("App.DLL")));
        assert_eq!(folders.find("/app/App.dll", |file| (file.map.bytes() == b"other").then_some(())), None);
        assert!(folders.candidates("/app/Other.dll").is_empty());
    }

    #[test]
    fn a_recorded_path_is_looked_up_only_when_it_is_local_and_ordinary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.so");
        std::fs::write(&path, b"x").unwrap();
        assert_eq!(local(path.to_str().unwrap()), Some(path.clone()));
        for odd in ["x.so", "\\\\server\\share\\x.dll", "//server/x.dll", "/dev/zero", "/proc/self/mem", "/", "a\0b"] {
            assert_eq!(local(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_said_and_a_link_in_a_circle_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut warnings = Warnings::new();
        let absent = folder.path().join("absent");
        ImageFolders::list(&[absent], &Job::new(), &mut warnings).unwrap();
        assert!(warnings.list()[0].why.starts_with("the folder cannot be listed: "));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
            std::fs::write(folder.path().join("x.dll"), b"x").unwrap();
            assert_eq!(list(folder.path()).candidates("x.dll").len(), 1);
        }
    }
}
