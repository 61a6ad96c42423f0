//! What is known of the dump, the process and its runtime, and how it was found out.

use crate::base::{Addr, Arch, Os};

/// The dump, the process, the runtime.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The file's name without its folder.
    pub file_name: String,
    /// Bytes of the (unpacked) file.
    pub file_bytes: u64,
    /// Kind of file, for a person: `ELF core`.
    pub format: &'static str,
    /// Program that wrote it, for a person: `createdump`.
    pub writer: &'static str,
    /// Processor; `None` when the file does not say.
    pub arch: Option<Arch>,
    /// Operating system; `None` when the file does not say.
    pub os: Option<Os>,
    /// Process id.
    pub process_id: Option<u32>,
    /// Program name as recorded.
    pub process_name: String,
    /// Command line as recorded.
    pub command_line: String,
    /// The runtime.
    pub runtime: RuntimeFacts,
    /// The collector.
    pub gc: GcFacts,
    /// Checks and anchors, in the order they were used: what was found by shape, symbol or descriptor.
    pub evidence: Vec<Evidence>,
}

/// The runtime's version and module.
#[derive(Clone, Debug, Default)]
pub struct RuntimeFacts {
    /// For a person: `.NET 9.0.18`, `.NET 10.0 (by structure)`.
    pub name: String,
    /// As exact as known: `9.0.18`, `10.0`, or empty.
    pub version: String,
    /// How it was found out: `version string in libcoreclr.so`, `path of the runtime`, `structure`.
    pub version_source: String,
    /// Path of the runtime's module on the machine it ran on.
    pub module: String,
    /// Where that module was loaded.
    pub module_base: Addr,
    /// True when the runtime is linked into the program.
    pub single_file: bool,
}

/// Workstation or server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcMode {
    /// One heap.
    Workstation,
    /// One heap per processor, or as many as it adapted to.
    Server,
}

impl GcMode {
    /// Word of tables and of the JSON forms.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Workstation => "workstation",
            Self::Server => "server",
        }
    }
}

/// How the collector lays out memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcLayoutKind {
    /// Few large segments (up to 6, and libclrgc).
    Segments,
    /// Many small regions (7 and later).
    Regions,
}

impl GcLayoutKind {
    /// Word of tables and of the JSON forms.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Regions => "regions",
        }
    }
}

/// The collector.
#[derive(Clone, Debug)]
pub struct GcFacts {
    /// Workstation or server.
    pub mode: GcMode,
    /// Heaps in use.
    pub n_heaps: u32,
    /// Segments or regions.
    pub layout: GcLayoutKind,
    /// File name of a stand-alone collector.
    pub standalone: Option<String>,
    /// A blocking collection was under way: references may be unreliable.
    pub in_progress: bool,
    /// A background collection was under way: freed objects may still be listed.
    pub background: bool,
}

/// One step of finding things, with its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What was found: `GC variables`.
    pub what: &'static str,
    /// How and with which checks: `by shape at 0x…, the only candidate; 3 of 3 checks passed`.
    pub how: String,
}

/// A managed module.
#[derive(Clone, Debug)]
pub struct ModuleRow {
    /// Address of the runtime's `Module`.
    pub address: Addr,
    /// File name: `System.Private.CoreLib.dll`; for a module without a file, its assembly's name or the address.
    pub name: String,
    /// Path on the machine it ran on; empty when it has none.
    pub path: String,
    /// Where its image begins; null when it has none.
    pub image_base: Addr,
    /// Made at run time.
    pub is_dynamic: bool,
    /// Name or kind of its load context, when it is not the default one.
    pub load_context: Option<String>,
    /// Module version id, when metadata was read.
    pub mvid: Option<[u8; 16]>,
    /// Where its metadata came from: `dump`, a path, or the reason why it is missing.
    pub metadata: Result<String, String>,
}
