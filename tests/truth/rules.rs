//! When a difference from ClrMD is right. Each rule quotes the truth folder's README, or says what proves it.

/// A reason why a difference is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// "Names come from files. `pages_from_files` says which assemblies' pages were read from the runtime's own folder.
    /// A reader without that folder is right to leave those types unnamed and to say why." Names of fields and of
    /// threads (a field of the Thread object) go with them.
    NamesFromFiles,
    /// "Generic instantiations over such types read `List<T1>`, `Dictionary<T1, T2>`, `Entry+System.Collections.Generic.
    /// Dictionary<T1, T2>`: placeholders, not names."
    Placeholder,
    /// "base_size (strings: ClrMD says 20, the MethodTable 22)", and "String base size in the MethodTable: 26 (2.1) …
    /// ClrMD says 24": on 2.1 its free blocks are short of the same two bytes, hence their unrounded sum.
    StringBaseSize,
    /// "Server GC with an adaptive number of heaps (9, 10): handles are lost … Such files say `handles_incomplete`."
    /// "Then handles, roots and reachable sets are lower bounds."
    HandlesIncomplete,
    /// "stack_roots: superset is right there"; and a reader that takes every word of a stack for a root finds at least
    /// what the precise one finds: `with_stack` is a lower bound.
    StackSuperset,
    /// "Field types: a field whose type ClrMD cannot resolve can have the wrong element type": a class read as a struct,
    /// a static function pointer looked for among the references.
    FieldType,
    /// ClrMD gives one slot to two fields (thread statics of generic types on 8); one of them is ours, and ours gives
    /// the other a slot of its own.
    SharedSlot,
    /// "Thread-local GC data of 9+: the outer object[] of each thread is in no list", nor is the SByte[] of its primitive
    /// fields.
    OuterArray,
    /// A name that is not well made: `System.Int32<*>` for the array `System.Int32[*]`.
    IllFormedName,
    /// ClrMD mixes up the arguments of generics nested in generics. The program's source says `Generic<int>.
    /// Deep<string>` where ClrMD says `Generic<System.String>+Deep<System.Int32>`.
    NestedArguments,
    /// ClrMD gives modules made at run time no name; ours is their assembly's.
    DynamicModule,
}

impl Rule {
    /// One line for the list of differences.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::NamesFromFiles => "metadata is not in the dump",
            Self::Placeholder => "ClrMD's placeholder is no name",
            Self::StringBaseSize => "ClrMD's base size of strings",
            Self::HandlesIncomplete => "the DAC lost handle tables",
            Self::StackSuperset => "conservative stacks",
            Self::FieldType => "ClrMD could not resolve the field",
            Self::SharedSlot => "ClrMD gives one slot to two fields",
            Self::OuterArray => "thread storage that is in none of ClrMD's lists",
            Self::IllFormedName => "ClrMD's name is not well made",
            Self::NestedArguments => "ClrMD mixes up nested arguments",
            Self::DynamicModule => "ClrMD gives dynamic modules no name",
        }
    }
}
