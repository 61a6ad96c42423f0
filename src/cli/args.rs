//! What is typed: commands, options, and the help that explains them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::analysis::MergedGrouping;
use crate::analysis::dominator_tree::Grouping;
use crate::analysis::inspections::NAMES as INSPECTIONS;
use crate::base::{Generation, RootKind};
use crate::report::Form;
use crate::report::ignore::GRAMMAR;
use crate::report::instances::InstanceOrder;
use crate::report::types::{TypeGrouping, TypeOrder};

/// Finds what leaks in a .NET process dump, and why it stays alive. Needs no .NET, no symbols and no network.
#[derive(Debug, Parser)]
#[command(
    name = "heaproot",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes: 0 done, 1 the dump cannot be analysed, 2 wrong usage, 3 analysed with losses (--strict), 4 found what --fail-on names."
)]
pub struct Cli {
    /// A command; without one the dump opens in the window.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Dump to open in the window: an ELF core, plain or as .zst, .gz, .xz.
    pub dump: Option<PathBuf>,

    /// Place in the window to open at, as “Copy this place” writes it: types/0x7f…
    #[arg(long, value_name = "PLACE")]
    pub at: Option<String>,

    /// Picture of the window as it is on the screen, once everything is read; the program ends then. For checks.
    #[arg(long, value_name = "FILE.png", hide = true)]
    pub picture: Option<PathBuf>,

    /// Options of the window.
    #[command(flatten)]
    pub open: OpenArgs,
}

/// How a dump is opened.
#[derive(Clone, Debug, Default, Args)]
pub struct OpenArgs {
    /// Folder with the assemblies of the process, for names that the dump does not hold; may be repeated.
    #[arg(long = "modules", value_name = "DIR")]
    pub modules: Vec<PathBuf>,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Dump to read: an ELF core, plain or as .zst, .gz, .xz.
    pub dump: PathBuf,

    /// How it is opened.
    #[command(flatten)]
    pub open: OpenArgs,

    /// Exit with code 3 when anything of the heap could not be read or named.
    #[arg(long)]
    pub strict: bool,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormArg {
    /// Aligned columns.
    Table,
    /// Comma-separated values with exact numbers.
    Csv,
    /// One JSON object; the forms are described in src/cli/JSON.md.
    Json,
}

impl From<FormArg> for Form {
    fn from(form: FormArg) -> Self {
        match form {
            FormArg::Table => Self::Table,
            FormArg::Csv => Self::Csv,
            FormArg::Json => Self::Json,
        }
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What the dump is: process, runtime, collector, segments, modules, what was read and what was not
    /// [SOS: eeversion, eeheap -gc, clrmodules]
    Info(TableArgs),
    /// Every type on the heap with its exact count and bytes [SOS: dumpheap -stat]
    Types(TypesArgs),
    /// The instances of a type [SOS: dumpheap -type, dumpheap -mt]
    Instances(InstancesArgs),
    /// What keeps an object alive: the path from a root to it [SOS: gcroot]
    Path(PathArgs),
    /// What does not fit together in the heap, and checksums to compare with other tools [SOS: verifyheap]
    Verify(TableArgs),
    /// What leaks, in two sentences, with the evidence: suspects, event handlers, and what was looked for besides
    Leaks(LeaksArgs),
    /// What was looked for besides leaks, each with definition, threshold, evidence and remedy
    Inspect(InspectArgs),
    /// Event handlers that were never removed: publisher, subscriber, method, and the bytes that come back
    Events(ListArgs),
    /// What objects keep alive, each and together: what comes back when they go [SOS: objsize, which adds up what is
    /// shared]
    Retained(RetainedArgs),
    /// The biggest holders: the top of the dominator tree
    Dominators(DominatorsArgs),
    /// Every root by kind, and what only this kind keeps alive [SOS: gcroot -all, one object at a time]
    Roots(TableArgs),
    /// What would come back if references, objects or roots were gone: objects and bytes by type, exactly
    WhatIf(WhatIfArgs),
    /// What an object refers to, or what refers to it [SOS: dumpobj, one reference at a time]
    Refs(RefsArgs),
    /// GC handles of all kinds, with what they hold [SOS: gchandles]
    Handles(TableArgs),
    /// Static and thread-static fields with their values [SOS: dumpclass, one class at a time]
    Statics(TableArgs),
    /// Managed threads [SOS: clrthreads]
    Threads(TableArgs),
    /// Objects with a finalizer: registered, and ready to run [SOS: finalizequeue]
    Finalizers(TableArgs),
    /// A picture of a view, without a display
    Screenshot(ScreenshotArgs),
}

/// Arguments of a command that takes a dump and a form.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// Arguments of `types`.
#[derive(Debug, Args)]
pub struct TypesArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Order of the rows.
    #[arg(long, value_enum, default_value = "bytes")]
    pub sort: SortArg,
    /// Only names that contain TEXT; CamelHumps like CoDi, or /REGEX/.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub filter: String,
    /// Sums by namespace or module instead of types.
    #[arg(long, value_enum)]
    pub by: Option<ByArg>,
    /// Only objects that a root holds.
    #[arg(long, conflicts_with = "dead")]
    pub live: bool,
    /// Only objects that nothing holds: what a collection would free now.
    #[arg(long)]
    pub dead: bool,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// Arguments of `leaks`.
#[derive(Debug, Args)]
pub struct LeaksArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Exit with code 4 when there is such a finding: `suspects` for any suspect or event leak, a number for one that
    /// keeps so many per cent of the live heap, a fingerprint for that very leak; may be repeated.
    #[arg(long, value_name = "suspects|PERCENT|FINGERPRINT")]
    pub fail_on: Vec<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: PathFormArg,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Only this inspection, with all its evidence.
    #[arg(value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(INSPECTIONS))]
    pub name: Option<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// Arguments of a command that lists rows.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// Arguments of `retained`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct RetainedArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// All instances of a type: its name, the end of it, or its MethodTable.
    #[arg(long = "type", value_name = "T", group = "what")]
    pub type_name: Option<String>,
    /// These objects, by address.
    #[arg(long = "object", value_name = "ADDR", group = "what", num_args = 1..)]
    pub objects: Vec<String>,
    /// Objects whose addresses stand in a file, one a line; what follows an address on its line is passed over.
    #[arg(long, value_name = "FILE", group = "what")]
    pub objects_from: Option<PathBuf>,
    /// Words on stacks hold nothing: they may be stale.
    #[arg(long)]
    pub no_stack: bool,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// Arguments of `dominators`.
#[derive(Debug, Args)]
pub struct DominatorsArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// What siblings are put together by.
    #[arg(long, value_enum, default_value = "type")]
    pub by: GroupArg,
    /// Who holds the instances of a type alone, instead of the top of the tree: its name, the end of it, or its
    /// MethodTable.
    #[arg(long, value_name = "TYPE")]
    pub of: Option<String>,
    /// Words on stacks hold, too: they may be stale.
    #[arg(long)]
    pub stack: bool,
    /// Types that are passed over on the way to a holder: “framework”, “none”, or names as in `types --filter`; may be
    /// repeated [default: framework]
    #[arg(long, value_name = "PATTERN", requires = "of")]
    pub skip: Vec<String>,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// What siblings of the dominator tree are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupArg {
    /// Nothing: one row an object.
    Object,
    /// Their type.
    Type,
    /// The namespace of their type.
    Namespace,
    /// The module of their type.
    Module,
}

impl From<GroupArg> for Grouping {
    fn from(group: GroupArg) -> Self {
        match group {
            GroupArg::Object => Self::Object,
            GroupArg::Type => Self::Type,
            GroupArg::Namespace => Self::Namespace,
            GroupArg::Module => Self::Module,
        }
    }
}

/// Order of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortArg {
    /// Biggest first.
    Bytes,
    /// Most instances first.
    Count,
    /// By name.
    Name,
}

impl From<SortArg> for TypeOrder {
    fn from(sort: SortArg) -> Self {
        match sort {
            SortArg::Bytes => Self::Bytes,
            SortArg::Count => Self::Count,
            SortArg::Name => Self::Name,
        }
    }
}

/// How types are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    /// By namespace.
    Namespace,
    /// By module.
    Module,
}

impl From<ByArg> for TypeGrouping {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Namespace => Self::Namespace,
            ByArg::Module => Self::Module,
        }
    }
}

/// Arguments of `instances`.
#[derive(Debug, Args)]
pub struct InstancesArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Type: its name, the end or any part of it that fits only one type, or the address of its MethodTable.
    #[arg(value_name = "TYPE")]
    pub type_name: String,
    /// Only those whose text or preview contains TEXT, in any case; may be repeated, all are wanted then.
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,
    /// Only those of N bytes or more.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_bytes: u64,
    /// Only those in a generation; may be repeated.
    #[arg(long, value_enum)]
    pub generation: Vec<GenerationArg>,
    /// Only those that a root holds.
    #[arg(long, conflicts_with = "dead")]
    pub live: bool,
    /// Only those that nothing holds: what a collection would free now.
    #[arg(long)]
    pub dead: bool,
    /// Only those that a kind of root holds, and no kind named before it in this list; may be repeated.
    #[arg(long, value_enum, value_name = "KIND")]
    pub root: Vec<RootArg>,
    /// Order of the rows.
    #[arg(long, value_enum, default_value = "address")]
    pub sort: InstanceSortArg,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// A generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GenerationArg {
    /// The youngest.
    Gen0,
    /// The one between.
    Gen1,
    /// The oldest.
    Gen2,
    /// Large objects.
    Loh,
    /// Pinned objects.
    Poh,
    /// Frozen objects.
    Frozen,
}

impl From<GenerationArg> for Generation {
    fn from(generation: GenerationArg) -> Self {
        match generation {
            GenerationArg::Gen0 => Self::Gen0,
            GenerationArg::Gen1 => Self::Gen1,
            GenerationArg::Gen2 => Self::Gen2,
            GenerationArg::Loh => Self::Large,
            GenerationArg::Poh => Self::Pinned,
            GenerationArg::Frozen => Self::Frozen,
        }
    }
}

/// Kinds of roots, most preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RootArg {
    /// Static fields.
    Static,
    /// Handles of every kind.
    Handle,
    /// Thread-static fields.
    ThreadStatic,
    /// The finalizer queue.
    Finalizer,
    /// Words on stacks and in registers.
    Stack,
}

impl RootArg {
    /// The kinds it stands for.
    #[must_use]
    pub fn kinds(self) -> Vec<RootKind> {
        match self {
            Self::Static => vec![RootKind::Static],
            Self::Handle => RootKind::HANDLES.to_vec(),
            Self::ThreadStatic => vec![RootKind::ThreadStatic],
            Self::Finalizer => vec![RootKind::FinalizerQueue],
            Self::Stack => vec![RootKind::Stack],
        }
    }
}

/// Order of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InstanceSortArg {
    /// By address.
    Address,
    /// Biggest first.
    Bytes,
}

impl From<InstanceSortArg> for InstanceOrder {
    fn from(sort: InstanceSortArg) -> Self {
        match sort {
            InstanceSortArg::Address => Self::Address,
            InstanceSortArg::Bytes => Self::Bytes,
        }
    }
}

/// Form of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PathFormArg {
    /// Lines for a terminal.
    #[value(alias = "text")]
    Table,
    /// Comma-separated values, one step a line.
    Csv,
    /// One JSON object; the forms are described in src/cli/JSON.md.
    Json,
    /// Markdown, for a bug tracker.
    Md,
}

impl From<PathFormArg> for Form {
    fn from(form: PathFormArg) -> Self {
        match form {
            PathFormArg::Table => Self::Table,
            PathFormArg::Csv => Self::Csv,
            PathFormArg::Json => Self::Json,
            PathFormArg::Md => Self::Markdown,
        }
    }
}

/// Arguments of `path`.
#[derive(Debug, Args)]
#[command(after_help = GRAMMAR)]
#[command(group = clap::ArgGroup::new("of").required(true).args(["address", "type_name"]))]
pub struct PathArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Object: its address, or any address inside it, with or without 0x and backquotes.
    #[arg(value_name = "ADDR")]
    pub address: Option<String>,
    /// All instances of a type: one path for each root that holds some of them.
    #[arg(long = "type", value_name = "T")]
    pub type_name: Option<String>,
    /// One path for each root, the most different ones first, not the first alone.
    #[arg(long, conflicts_with = "merged")]
    pub all: bool,
    /// The paths of all instances in one tree.
    #[arg(long, requires = "type_name")]
    pub merged: bool,
    /// How merged paths are laid on one another.
    #[arg(long, value_enum, default_value = "roots-types", requires = "merged")]
    pub group_by: MergedArg,
    /// Leave out words on stacks and in registers, which may be stale.
    #[arg(long)]
    pub no_stack: bool,
    /// Look for paths without something, see below; may be repeated.
    #[arg(long, value_name = "EDGE")]
    pub ignore: Vec<String>,
    /// Show the insides of collections and delegates.
    #[arg(long)]
    pub internals: bool,
    /// With --type: at most N roots, with --merged at most N rows a level; 0 means all [default: 10]
    #[arg(long, value_name = "N", requires = "type_name")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: PathFormArg,
}

/// How merged paths are laid on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MergedArg {
    /// From the roots, one row an object, with the names of references.
    RootsObjects,
    /// From the roots, one row a type.
    RootsTypes,
    /// From the objects towards their roots, one row a type.
    TypesRoots,
}

impl From<MergedArg> for MergedGrouping {
    fn from(group: MergedArg) -> Self {
        match group {
            MergedArg::RootsObjects => Self::FromRootsByObject,
            MergedArg::RootsTypes => Self::FromRootsByType,
            MergedArg::TypesRoots => Self::ToRootsByType,
        }
    }
}

/// Arguments of `what-if`.
#[derive(Debug, Args)]
#[command(after_help = GRAMMAR)]
pub struct WhatIfArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// What is taken away, see below; may be repeated: what all of them hold together comes back, too.
    #[arg(long, value_name = "EDGE", required = true)]
    pub ignore: Vec<String>,
    /// Leave out words on stacks and in registers, which may be stale.
    #[arg(long)]
    pub no_stack: bool,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// Arguments of `refs`.
#[derive(Debug, Args)]
pub struct RefsArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// Object: its address, or any address inside it, with or without 0x and backquotes.
    #[arg(value_name = "ADDR")]
    pub address: String,
    /// Objects that refer to it.
    #[arg(long = "in", conflicts_with = "out")]
    pub inbound: bool,
    /// Objects it refers to (the default).
    #[arg(long = "out")]
    pub out: bool,
    /// With --in: by type and field, not one by one.
    #[arg(long, requires = "inbound")]
    pub grouped: bool,
    /// At most N rows; 0 means all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "table")]
    pub format: FormArg,
}

/// View of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViewArg {
    /// The answer, and the heap at a glance.
    Overview,
    /// The type table.
    Types,
    /// The instances of a type.
    Instances,
    /// The same, and who alone holds them.
    Holders,
    /// What keeps an object alive, in full length.
    Path,
    /// What each object keeps alive.
    Dominators,
    /// Leak suspects.
    Suspects,
    /// Event handlers.
    Events,
    /// What else was looked for.
    Inspections,
    /// Every root by kind.
    Roots,
    /// GC handles.
    Handles,
    /// Static fields.
    Statics,
    /// Managed threads.
    Threads,
    /// The finalizer queue.
    Finalizers,
    /// What was read and what was not.
    Coverage,
}

impl ViewArg {
    /// The word that the window knows it by.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Types => "types",
            Self::Instances => "instances",
            Self::Holders => "holders",
            Self::Path => "path",
            Self::Dominators => "dominators",
            Self::Suspects => "suspects",
            Self::Events => "events",
            Self::Inspections => "inspections",
            Self::Roots => "roots",
            Self::Handles => "handles",
            Self::Statics => "statics",
            Self::Threads => "threads",
            Self::Finalizers => "finalizers",
            Self::Coverage => "coverage",
        }
    }
}

/// Arguments of `screenshot`.
#[derive(Debug, Args)]
pub struct ScreenshotArgs {
    /// Dump and how it is opened.
    #[command(flatten)]
    pub common: Common,
    /// What is shown.
    #[arg(long, value_enum, default_value = "types")]
    pub view: ViewArg,
    /// Type whose instances are shown.
    #[arg(long = "type", value_name = "TYPE")]
    pub type_name: Option<String>,
    /// Object whose path is shown.
    #[arg(long, value_name = "ADDR")]
    pub object: Option<String>,
    /// Text of the filter of the table.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// File to write.
    #[arg(short, long, value_name = "FILE.png")]
    pub output: PathBuf,
    /// Points across.
    #[arg(long, default_value_t = 1280)]
    pub width: u32,
    /// Points down.
    #[arg(long, default_value_t = 800)]
    pub height: u32,
    /// Pixels a point: 1 or 2.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=2))]
    pub scale: u32,
    /// Dark colours.
    #[arg(long)]
    pub dark: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent_and_names_what_it_replaces() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        for sos in ["dumpheap -stat", "dumpheap -type", "gcroot", "verifyheap", "eeversion"] {
            assert!(help.contains(sos), "{sos}\n{help}");
        }
    }

    #[test]
    fn a_dump_alone_opens_the_window() {
        let cli = Cli::parse_from(["heaproot", "a.core", "--modules", "x", "--modules", "y"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.dump.unwrap().to_str(), Some("a.core"));
        assert_eq!(cli.open.modules.len(), 2);
    }
}
