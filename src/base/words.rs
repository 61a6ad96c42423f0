//! The runtime's words that both sides of the snapshot need, each with the label the screen shows.

/// Processor of the dead process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// AMD64.
    X64,
    /// AArch64.
    Arm64,
}

impl Arch {
    /// As .NET spells it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Operating system of the dead process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux with glibc or unknown C library.
    Linux,
    /// Linux with musl.
    LinuxMusl,
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
}

impl Os {
    /// As people write it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::LinuxMusl => "Linux (musl)",
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
        }
    }
}

/// Where in the GC's ageing an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// Youngest.
    Gen0,
    /// Survived one collection.
    Gen1,
    /// Old.
    Gen2,
    /// Large object heap.
    Large,
    /// Pinned object heap (5 and later).
    Pinned,
    /// Frozen: string literals and the like, never collected (8 and later).
    Frozen,
}

impl Generation {
    /// All, in the order the screen lists them.
    pub const ALL: [Self; 6] = [Self::Gen0, Self::Gen1, Self::Gen2, Self::Large, Self::Pinned, Self::Frozen];

    /// Short word of a table cell.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gen0 => "0",
            Self::Gen1 => "1",
            Self::Gen2 => "2",
            Self::Large => "large",
            Self::Pinned => "pinned",
            Self::Frozen => "frozen",
        }
    }

    /// Word of the JSON forms.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Gen0 => "gen0",
            Self::Gen1 => "gen1",
            Self::Gen2 => "gen2",
            Self::Large => "loh",
            Self::Pinned => "poh",
            Self::Frozen => "frozen",
        }
    }
}

/// What a heap segment or region holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// Segments model: generations 0, 1 and 2 share it.
    Ephemeral,
    /// Generation 0 region.
    Gen0,
    /// Generation 1 region.
    Gen1,
    /// Generation 2 region or segment.
    Gen2,
    /// Large objects.
    Large,
    /// Pinned objects.
    Pinned,
    /// Frozen objects.
    Frozen,
}

impl SegmentKind {
    /// Word of tables and of the JSON forms.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ephemeral => "ephemeral",
            Self::Gen0 => "gen0",
            Self::Gen1 => "gen1",
            Self::Gen2 => "gen2",
            Self::Large => "large",
            Self::Pinned => "pinned",
            Self::Frozen => "frozen",
        }
    }
}

/// Element types of ECMA-335 II.23.1.16, as far as fields and arrays use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementType {
    /// `bool`.
    Boolean,
    /// `char`.
    Char,
    /// `sbyte`.
    I1,
    /// `byte`.
    U1,
    /// `short`.
    I2,
    /// `ushort`.
    U2,
    /// `int`.
    I4,
    /// `uint`.
    U4,
    /// `long`.
    I8,
    /// `ulong`.
    U8,
    /// `float`.
    R4,
    /// `double`.
    R8,
    /// `nint`.
    I,
    /// `nuint`.
    U,
    /// An unmanaged pointer or function pointer.
    Pointer,
    /// A managed interior pointer.
    ByRef,
    /// Any reference to an object.
    Class,
    /// A struct stored in place.
    ValueType,
}

impl ElementType {
    /// From the byte of ECMA-335. Every reference shape (string, object, arrays, class) becomes [`ElementType::Class`].
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x02 => Self::Boolean,
            0x03 => Self::Char,
            0x04 => Self::I1,
            0x05 => Self::U1,
            0x06 => Self::I2,
            0x07 => Self::U2,
            0x08 => Self::I4,
            0x09 => Self::U4,
            0x0a => Self::I8,
            0x0b => Self::U8,
            0x0c => Self::R4,
            0x0d => Self::R8,
            0x0e | 0x12 | 0x14 | 0x1c | 0x1d => Self::Class,
            0x0f | 0x1b => Self::Pointer,
            0x10 => Self::ByRef,
            0x11 => Self::ValueType,
            0x18 => Self::I,
            0x19 => Self::U,
            _ => return None,
        })
    }

    /// Bytes of a value stored in place; `None` for structs.
    #[must_use]
    pub const fn size_bytes(self) -> Option<u64> {
        Some(match self {
            Self::Boolean | Self::I1 | Self::U1 => 1,
            Self::Char | Self::I2 | Self::U2 => 2,
            Self::I4 | Self::U4 | Self::R4 => 4,
            Self::I8 | Self::U8 | Self::R8 | Self::I | Self::U | Self::Pointer | Self::ByRef | Self::Class => 8,
            Self::ValueType => return None,
        })
    }
}

/// Types of GC handles. Numbers and names: `HNDTYPE_*` of gcinterface.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandleKind {
    /// 0: cleared before finalization.
    WeakShort,
    /// 1: tracks resurrection.
    WeakLong,
    /// 2: `GCHandle.Normal` and the runtime's own.
    Strong,
    /// 3: `GCHandle.Pinned`.
    Pinned,
    /// 4: kind in its user data.
    Variable,
    /// 5: held while its COM or tracker count is positive.
    RefCounted,
    /// 6: an edge from primary to secondary.
    Dependent,
    /// 7: overlapped I/O, up to 7.
    AsyncPinned,
    /// 8: strong, with a size, up to 8.
    SizedRef,
    /// 9: weak WinRT or native COM.
    WeakNativeCom,
    /// 10: weak, moves an interior pointer with its object (9 and later).
    WeakInterior,
    /// 11: bridge to another collector (10 and later).
    CrossReference,
}

impl HandleKind {
    /// All, by number.
    pub const ALL: [Self; 12] = [
        Self::WeakShort,
        Self::WeakLong,
        Self::Strong,
        Self::Pinned,
        Self::Variable,
        Self::RefCounted,
        Self::Dependent,
        Self::AsyncPinned,
        Self::SizedRef,
        Self::WeakNativeCom,
        Self::WeakInterior,
        Self::CrossReference,
    ];

    /// From the runtime's number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Words of tables and of the JSON forms.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::WeakShort => "weak short",
            Self::WeakLong => "weak long",
            Self::Strong => "strong",
            Self::Pinned => "pinned",
            Self::Variable => "variable",
            Self::RefCounted => "ref-counted",
            Self::Dependent => "dependent",
            Self::AsyncPinned => "async pinned",
            Self::SizedRef => "sized ref",
            Self::WeakNativeCom => "weak native COM",
            Self::WeakInterior => "weak interior",
            Self::CrossReference => "cross reference",
        }
    }

    /// True when a handle of this kind keeps its object alive. A ref-counted one only while its count is positive, a
    /// variable one by its user data: the reader decides those.
    #[must_use]
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Strong | Self::Pinned | Self::RefCounted | Self::AsyncPinned | Self::SizedRef)
    }
}

/// What kind of root keeps an object alive. The order is the order of preference of a shown path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// A static field.
    Static,
    /// A strong handle.
    StrongHandle,
    /// A pinned handle.
    PinnedHandle,
    /// A ref-counted handle whose count is positive or cannot be read.
    RefCountedHandle,
    /// An async pinned handle.
    AsyncPinnedHandle,
    /// A sized-ref handle.
    SizedRefHandle,
    /// A thread-static field.
    ThreadStatic,
    /// Waiting for its finalizer to run.
    FinalizerQueue,
    /// A word on a stack or in a register; may be stale.
    Stack,
}

impl RootKind {
    /// All, most preferred first.
    pub const ALL: [Self; 9] = [
        Self::Static,
        Self::StrongHandle,
        Self::PinnedHandle,
        Self::RefCountedHandle,
        Self::AsyncPinnedHandle,
        Self::SizedRefHandle,
        Self::ThreadStatic,
        Self::FinalizerQueue,
        Self::Stack,
    ];

    /// Those that are handles.
    pub const HANDLES: [Self; 5] =
        [Self::StrongHandle, Self::PinnedHandle, Self::RefCountedHandle, Self::AsyncPinnedHandle, Self::SizedRefHandle];

    /// Words of tables and of the JSON forms.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::StrongHandle => "strong handle",
            Self::PinnedHandle => "pinned handle",
            Self::RefCountedHandle => "ref-counted handle",
            Self::AsyncPinnedHandle => "async pinned handle",
            Self::SizedRefHandle => "sized ref handle",
            Self::ThreadStatic => "thread static",
            Self::FinalizerQueue => "finalizer queue",
            Self::Stack => "stack",
        }
    }
}
