//! What reading a runtime finds, in the words that both sides of the snapshot need: the reader of the runtime fills them
//! in, the snapshot carries them to the screen.

use super::addr::Addr;

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

/// One step of finding things, with its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What was found: `GC variables`.
    pub what: &'static str,
    /// How and with which checks: `by shape at 0x…, the only candidate; 3 of 3 checks passed`.
    pub how: String,
}

/// One run of references inside an object, as GCDesc gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceRun {
    /// Byte from the object's address where the run begins.
    pub offset: u32,
    /// Added to the object's size, the length of the run in bytes; negative or zero.
    pub size_minus_object: i64,
}

/// Where a type's references stand (GCDesc, gcdesc.h).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum ReferenceLayout {
    /// None.
    #[default]
    None,
    /// Runs.
    Runs(Box<[ReferenceRun]>),
    /// An array of structs: from `start`, the items (references, bytes to skip after them) repeat to the end.
    Repeat {
        /// First byte from the object's address.
        start: u32,
        /// (number of references, bytes to skip after them).
        items: Box<[(u32, u32)]>,
    },
}

/// Why a stretch of a segment holds no objects we know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapReason {
    /// The unused part of a thread's or heap's allocation context: normal in every dump.
    AllocationContext,
    /// Not in the dump.
    Absent,
    /// Present, but no object begins there: damage, or a collection under way.
    Damaged,
}

impl GapReason {
    /// For a person, and in the JSON forms.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AllocationContext => "allocation context",
            Self::Absent => "not in the dump",
            Self::Damaged => "no object could be read",
        }
    }
}

/// Something that was looked for and is not in the dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentFact {
    /// What.
    pub what: String,
    /// Where it should have been.
    pub at: Option<Addr>,
    /// What it costs the reader.
    pub consequence: String,
}
