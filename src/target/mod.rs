//! The dead process: its memory, modules, threads and registers.
//!
//! **Invariant:** no runtime is known here; everything is what the operating system and the dump's writer recorded.

// Tests may index and add: a panic there is a failed test.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod elf_image;
pub mod from_core;
pub mod images;
pub mod memory;
mod modules;

use crate::base::{Addr, AddrRange, Arch, Os};
pub use from_core::from_core;
pub use memory::{ByteSource, MemoryError, SplicedMemory, TargetMemory};

/// Why a dump does not become a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The file itself.
    #[error(transparent)]
    Dump(#[from] crate::dump::DumpError),
    /// Not one byte of memory.
    #[error(
        "the dump holds no memory: its headers list {n_segments} segments, none of which lies within its {file_bytes} bytes"
    )]
    NoMemory {
        /// Segments the headers list.
        n_segments: u64,
        /// Length of the file.
        file_bytes: u64,
    },
}

impl TargetError {
    /// What the user can do about it, when there is something.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Dump(error) => error.advice(),
            Self::NoMemory { .. } => Some(
                "Copy the file again from where it was written, or collect a new dump with a higher size limit"
                    .to_owned(),
            ),
        }
    }
}

/// The dead process, as its dump shows it.
#[derive(Debug)]
pub struct Target {
    /// Processor.
    pub arch: Arch,
    /// Operating system.
    pub os: Os,
    /// Bytes of a memory page of the machine it ran on.
    pub page_bytes: u64,
    /// Who wrote the dump, as far as its form tells.
    pub writer: DumpWriter,
    /// The process.
    pub process: Process,
    /// What createdump wrote about the runtime, when it did (8 and later).
    pub diagnostics: Option<Diagnostics>,
    /// Modules by base address, as the dump or the dynamic linker lists them.
    pub modules: Vec<Module>,
    /// Every file mapping the dump lists, by start address. Empty when the dump has no such list.
    pub file_mappings: Vec<FileMapping>,
    /// Threads of the operating system, with registers.
    pub threads: Vec<OsThread>,
    /// What the file promised and does not hold.
    pub losses: Losses,
    /// Memory.
    pub memory: SplicedMemory,
}

impl Target {
    /// The file mapping that holds `at`, when the dump lists one. Cost: a search in the sorted list.
    #[must_use]
    pub fn file_mapping_at(&self, at: Addr) -> Option<&FileMapping> {
        let index = self.file_mappings.partition_point(|mapping| mapping.range.start <= at).checked_sub(1)?;
        self.file_mappings.get(index).filter(|mapping| mapping.range.contains(at))
    }

    /// The module whose range holds `at`. Ranges of modules can nest where assemblies are mapped inside gaps of the
    /// program; the one that begins last wins. Cost: one pass over the modules.
    #[must_use]
    pub fn module_at(&self, at: Addr) -> Option<&Module> {
        self.modules.iter().rev().find(|module| module.range.contains(at))
    }
}

/// What createdump writes into a page of its own, beside the process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// Version of the page: 1 or 2.
    pub version: u32,
    /// Record of a crash of a NativeAOT program.
    pub exception_record: Option<Addr>,
    /// Base of the runtime's module; `None` before version 2 and when createdump did not find it.
    pub runtime_base: Option<Addr>,
}

/// What is known of the process itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Process id, when recorded.
    pub id: Option<u32>,
    /// Program name, as recorded (the kernel cuts it at 15 bytes).
    pub name: String,
    /// Command line, as recorded (the kernel cuts it at 79 bytes).
    pub command_line: String,
}

/// Program that wrote the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpWriter {
    /// createdump, dotnet-dump, or the runtime at a crash.
    CreateDump,
    /// The Linux kernel.
    Kernel,
    /// gdb's gcore.
    Gdb,
    /// A user-mode emulator (qemu).
    Emulator,
    /// Windows' dbghelp or a program that writes its form.
    DbgHelp,
    /// Not recognised.
    Unknown,
}

impl DumpWriter {
    /// For a person.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::CreateDump => "createdump",
            Self::Kernel => "Linux kernel",
            Self::Gdb => "gdb",
            Self::Emulator => "qemu",
            Self::DbgHelp => "dbghelp",
            Self::Unknown => "unknown writer",
        }
    }
}

/// A module: an ELF or PE image at an address of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Where its first byte is mapped.
    pub base: Addr,
    /// From its first to its last mapped byte, gaps included.
    pub range: AddrRange,
    /// Its path on the machine it ran on.
    pub path: String,
    /// Spans of its writable data (`.data` and `.bss`), from its own headers; empty when they are absent.
    pub writable: Vec<AddrRange>,
    /// GNU build id, or nothing.
    pub build_id: Vec<u8>,
    /// Time stamp and size of image of a PE header, when it is one.
    pub pe_identity: Option<(u32, u32)>,
}

impl Module {
    /// The last part of its path, on either system's separators.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or(&self.path)
    }
}

/// A stretch of a file mapped into the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMapping {
    /// Where.
    pub range: AddrRange,
    /// Byte of the file at the start of the range.
    pub offset: u64,
    /// Path on the machine it ran on.
    pub path: std::sync::Arc<str>,
}

/// A thread of the operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsThread {
    /// Its id.
    pub id: u32,
    /// Stack pointer.
    pub stack_pointer: Addr,
    /// Instruction pointer.
    pub instruction_pointer: Addr,
    /// General registers by name, in the order of the processor's manual.
    pub registers: Vec<(&'static str, u64)>,
    /// Its name, when the dump records one.
    pub name: Option<String>,
}

/// What the file promised and does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Memory segments that the headers list.
    pub n_segments: u64,
    /// Segments that lie wholly or partly past the end of the file.
    pub n_cut_segments: u64,
    /// Bytes of them that are missing.
    pub cut_bytes: u64,
    /// Address space the headers list without bytes in the file.
    pub absent_bytes: u64,
}
