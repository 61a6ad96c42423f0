//! The only memory map, the one call that makes a file sparse on Windows, and with them the only `unsafe`.

use std::fs::File;
use std::io;
use std::path::Path;

/// A whole file, mapped read-only.
#[derive(Debug)]
pub struct FileMap {
    /// `None` for an empty file, which no system maps.
    map: Option<memmap2::Mmap>,
    /// Kept open behind the map: a temporary file goes away with its last handle, and Windows refuses that while the file
    /// is mapped. Fields are dropped in this order.
    _file: File,
}

impl FileMap {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Whatever the system says when the file cannot be opened or mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?)
    }

    /// Maps an open file, all of it.
    ///
    /// # Errors
    /// Whatever the system says when the file cannot be mapped.
    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature; this is the one place")]
    pub fn new(file: File) -> io::Result<Self> {
        let map = if file.metadata()?.len() == 0 {
            None
        } else {
            // SAFETY: the map is read-only and private to us. The risk that remains is that somebody cuts the file
            // short while it is mapped: reads past the new end then fault, as for every tool that maps files. Dumps are
            // finished files; the window says that the file must not be changed while it is open.
            Some(unsafe { memmap2::Mmap::map(&file)? })
        };
        Ok(Self { map, _file: file })
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

/// Lets unwritten stretches of `file` take no room on disk. Unix file systems that can do it do it unasked.
///
/// # Errors
/// Whatever the system says; the file is then an ordinary one.
#[cfg(not(windows))]
pub fn make_sparse(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Lets unwritten stretches of `file` take no room on disk. NTFS and ReFS want to be told.
///
/// # Errors
/// Whatever the system says (FAT and exFAT cannot); the file is then an ordinary one.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the one system call that no crate wraps")]
pub fn make_sparse(file: &File) -> io::Result<()> {
    use std::os::windows::io::AsRawHandle as _;
    use windows_sys::Win32::System::IO::DeviceIoControl;
    use windows_sys::Win32::System::Ioctl::FSCTL_SET_SPARSE;
    let mut returned = 0;
    // SAFETY: the handle is open for as long as `file` is borrowed; the request takes no input and gives no output, and
    // the count of returned bytes is a local that outlives the call.
    let done = unsafe {
        DeviceIoControl(
            file.as_raw_handle(),
            FSCTL_SET_SPARSE,
            std::ptr::null(),
            0,
            std::ptr::null_mut(),
            0,
            &raw mut returned,
            std::ptr::null_mut(),
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
