//! Upper bounds for every count that a dump may claim.
//!
//! A count is checked against the bytes that remain, then against its field here, and only then allocated.

/// Upper bounds. [`Limits::default`] fits every dump seen, with ample room; tests set small ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of an unpacked file, holes included.
    pub unpacked_bytes: u64,
    /// Memory segments of a core file (70,000 were seen in a real one).
    pub memory_segments: u64,
    /// Rows of a file-mapping note.
    pub file_mappings: u64,
    /// Bytes of one notes segment.
    pub note_bytes: u64,
    /// Entries of the dynamic linker's list of modules.
    pub link_map_entries: u64,
    /// Operating-system threads of one process.
    pub threads: u64,
    /// Managed modules.
    pub managed_modules: u64,
    /// Method tables, with and without instances.
    pub method_tables: u64,
    /// Heap segments or regions (256 GiB in regions of 4 MiB are 65,536).
    pub heap_segments: u64,
    /// GC heaps of a server process.
    pub gc_heaps: u64,
    /// Segments of all handle tables together.
    pub handle_segments: u64,
    /// Entries of one finalizer queue.
    pub finalizer_entries: u64,
    /// Bytes of one module's metadata.
    pub metadata_bytes: u64,
    /// Characters of one name or path read from the target.
    pub name_chars: u64,
    /// Objects of the heap: ids are 32 bits wide.
    pub objects: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 1 << 44,
            memory_segments: 1 << 22,
            file_mappings: 1 << 22,
            note_bytes: 1 << 30,
            link_map_entries: 1 << 16,
            threads: 1 << 20,
            managed_modules: 1 << 17,
            method_tables: 1 << 23,
            heap_segments: 1 << 20,
            gc_heaps: 4096,
            handle_segments: 1 << 20,
            finalizer_entries: 1 << 31,
            metadata_bytes: 1 << 30,
            name_chars: 1 << 16,
            objects: u32::MAX as u64 - 1,
        }
    }
}
