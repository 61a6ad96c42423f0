//! When a difference from ClrMD is right. Each rule quotes the truth folder's README.

/// A reason why a difference is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// "Names come from files. `pages_from_files` says which assemblies' pages were read from the runtime's own folder.
    /// A reader without that folder is right to leave those types unnamed and to say why"
    NamesFromFiles,
    /// "Generic instantiations over such types read `List<T1>`, `Dictionary<T1, T2>`, `Entry+System.Collections.Generic.
    /// Dictionary<T1, T2>`: placeholders, not names."
    Placeholder,
    /// "base_size (strings: ClrMD says 20, the MethodTable 22)", and 24 against 26 on 2.1
    StringBaseSize,
    /// "Server GC with an adaptive number of heaps (9, 10): handles are lost … Such files say `handles_incomplete`."
    HandlesIncomplete,
    /// "static slots: superset"
    StaticSuperset,
    /// "Generic instantiations are listed only when the heap has an instance", "Statics of classes whose initialised
    /// flag is not set have no address although the slot may hold a value"
    StaticWithoutAddress,
    /// "stack roots: superset is right there", and ours are conservative by design: `with_stack` is a lower bound
    StackSuperset,
    /// "Field types: a field whose type ClrMD cannot resolve can have the wrong element type"
    FieldType,
}

impl Rule {
    /// One line for the list of differences.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NamesFromFiles => "metadata is not in the dump",
            Self::Placeholder => "ClrMD's placeholder is no name",
            Self::StringBaseSize => "ClrMD's base size of strings",
            Self::HandlesIncomplete => "the DAC lost handle tables",
            Self::StaticSuperset => "more statics than ClrMD",
            Self::StaticWithoutAddress => "ClrMD gives no address",
            Self::StackSuperset => "conservative stacks",
            Self::FieldType => "ClrMD could not resolve the field",
        }
    }
}
