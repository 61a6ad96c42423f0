//! The only memory map, and the only `unsafe`.

use std::fs::File;
use std::path::Path;

/// A whole file, mapped read-only.
#[derive(Debug)]
pub struct FileMap(memmap2::Mmap);

impl FileMap {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Whatever the system says when the file cannot be opened or mapped.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature; this is the one place")]
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the map is read-only and private to us. The risk that remains is that somebody cuts the file short
        // while it is mapped: reads past the new end then fault, as for every tool that maps files. Dumps are finished
        // files; the window says that the file must not be changed while it is open.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self(map))
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
