//! ELF core files (gABI chapter 4; Linux' `elfcore.h` notes): program headers and notes as typed records.
//!
//! ```text
//! ELF header ── e_phoff ──► program headers ─┬─ PT_LOAD: address, bytes in memory, bytes in the file
//!      │ e_phnum = 0xFFFF                    └─ PT_NOTE: threads, process, auxiliary vector, mapped files
//!      └─ e_shoff ──► section header 0 (its sh_info is then the count)
//! ```
//!
//! Left out: floating-point registers and every note whose name or number is not listed in [`raw`]. 32-bit and
//! big-endian files are refused by name.

mod notes;
pub mod raw;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::base::{Addr, AddrRange, Arch};

/// A memory segment of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreSegment {
    /// Where it was mapped.
    pub at: Addr,
    /// Its bytes in memory. Those behind [`CoreSegment::file_bytes`] are absent, not zero.
    pub memory_bytes: u64,
    /// Where its bytes begin in the file.
    pub file_offset: u64,
    /// Its bytes that the file really holds: what the header promises, cut at the end of the file.
    pub file_bytes: u64,
    /// True when the process could write to it.
    pub writable: bool,
}

/// A row of the file-mapping note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreMapping {
    /// Where.
    pub range: AddrRange,
    /// Byte of the file at the start of the range, whatever unit the note counts in.
    pub offset: u64,
    /// Path as the process saw it; ` (deleted)` may follow.
    pub path: Arc<str>,
}

/// A thread's status note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreThread {
    /// Thread id.
    pub id: u32,
    /// General registers in the order of the kernel's `user_regs_struct`: 27 on x64 (rip is 16, rsp 19), 34 on arm64
    /// (sp is 31, pc 32).
    pub registers: Vec<u64>,
}

/// Program that wrote the core, judged by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreWriter {
    /// createdump: the only one that sets the operating system ABI to 3.
    CreateDump,
    /// gdb's gcore: adds a target description, or section headers.
    Gdb,
    /// A user-mode emulator: neither mapped files nor floating-point registers.
    Emulator,
    /// The Linux kernel.
    Kernel,
}

/// What the headers promise and the file does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreLosses {
    /// Segments wholly or partly behind the end of the file.
    pub n_cut_segments: u64,
    /// Bytes of them that are missing.
    pub cut_bytes: u64,
    /// Address space listed without bytes in the file, by intention of the writer.
    pub absent_bytes: u64,
}

/// An ELF core file. Costs memory for its tables only.
#[derive(Clone, Debug)]
pub struct ElfCore {
    /// Processor.
    pub arch: Arch,
    /// Who wrote it.
    pub writer: CoreWriter,
    /// Memory segments in the order of the file: usually sorted and disjoint, which nothing guarantees.
    pub segments: Vec<CoreSegment>,
    /// Rows of the file-mapping note; empty when there is none.
    pub mappings: Vec<CoreMapping>,
    /// Threads in the order of the file.
    pub threads: Vec<CoreThread>,
    /// Auxiliary vector: key and value.
    pub auxv: Vec<(u64, u64)>,
    /// Process id.
    pub process_id: Option<u32>,
    /// Program name, cut at 15 bytes by the kernel.
    pub name: String,
    /// Command line, cut at 79 bytes by the kernel.
    pub arguments: String,
    /// What is missing.
    pub losses: CoreLosses,
}

impl ElfCore {
    /// The value of an entry of the auxiliary vector.
    #[must_use]
    pub fn auxiliary(&self, key: u64) -> Option<u64> {
        self.auxv.iter().find(|&&(present, _)| present == key).map(|&(_, value)| value)
    }
}
