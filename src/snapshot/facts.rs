//! What is known of the dump, the process and its runtime, and how it was found out.

pub use crate::base::found::{Evidence, GcLayoutKind, GcMode, RuntimeFacts};
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
