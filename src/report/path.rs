//! What keeps an object alive: `heaproot path`.

use serde::Serialize;

use super::table::{Cell, Section, Table, text};
use super::what_if::{IgnoredLine, ignored_lines};
use super::{Hex, Report};
use crate::analysis::different_paths::different_paths;
use crate::analysis::fold::{Folding, ShownStep};
use crate::analysis::handle_owners::{HandleOwners, handle_owners, owner_text};
use crate::analysis::path_tree::{Page, holders};
use crate::analysis::{Heap, Ignore, RootPath, readable, root_path};
use crate::base::{Addr, Cancelled, Job, RootKind, number};
use crate::snapshot::{HeapSnapshot, ObjectId};

/// Rows of referrers that an object without a path shows.
const REFERRERS: usize = 10;

/// The object and the paths that lead to it.
#[derive(Clone, Debug, Serialize)]
pub struct PathReport {
    /// Where the object begins.
    pub object: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Bytes it occupies.
    pub bytes: u64,
    /// `gen0`, `gen1`, `gen2`, `loh`, `poh`, `frozen`.
    pub generation: &'static str,
    /// One line of its content.
    pub preview: Option<String>,
    /// A root holds it.
    pub reachable: bool,
    /// From a root to the object, the most telling first; empty when nothing holds it.
    pub paths: Vec<PathLine>,
    /// More roots reach it than were looked for.
    pub more_roots: bool,
    /// Objects that refer to one that nothing holds; they are garbage themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<ReferrerLine>,
    /// How many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_referrers: Option<u64>,
    /// What was left out of the graph.
    pub ignored: Vec<IgnoredLine>,
    /// Words on stacks hold objects, too.
    pub stack: bool,
    /// Why it may be wrong; `null` when nothing speaks against it.
    pub uncertain: Option<String>,
}

/// One path.
#[derive(Clone, Debug, Serialize)]
pub struct PathLine {
    /// Where it begins.
    pub root: RootLine,
    /// Handlers on it, by who raises them and what is called: `Dispatcher.Shutdown → Worker.OnShutdown`.
    pub handlers: Vec<String>,
    /// The part it has in common with the most similar path before it, from 0 to 1; 0 for the first.
    pub overlap: f64,
    /// Objects from the one the root refers to, to the one asked for.
    pub steps: Vec<StepLine>,
    /// Objects in the middle of a very long path that `steps` leaves out.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: u64,
    /// The same as a person reads it: insides of collections and delegates are one step, long runs are counted.
    pub shown: Vec<ShownLine>,
}

/// One step of a path as a person reads it.
#[derive(Clone, Debug, Serialize)]
pub struct ShownLine {
    /// Where the object begins; `null` for a run.
    pub address: Option<Hex>,
    /// What leads to it from the step before.
    pub via: Option<String>,
    /// Its type; that of all objects of a run, when they are of one.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// What it is in its author's words: `→ Worker.OnShutdown`, `lambda in Program.Watch`, `async Shop.Saga.Inner`.
    pub note: Option<String>,
    /// Objects between it and the step before, or in the run.
    pub hidden: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A root.
#[derive(Clone, Debug, Serialize)]
pub struct RootLine {
    /// `static`, `strong handle`, …
    pub kind: &'static str,
    /// Its name without the kind: `Corpus.Seed.Dispatcher.Shutdown`.
    pub name: String,
    /// Handle, slot or stack word.
    pub address: Hex,
    /// A word on a stack or in a register: it may be left over.
    pub stale: bool,
    /// The field that keeps the handle: `App.Server._self`; `null` for other roots, and where none was found.
    pub owner: Option<String>,
}

/// One object of a path.
#[derive(Clone, Debug, Serialize)]
pub struct StepLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the reference that leads to it; `null` for the first, which the root holds.
    pub via: Option<String>,
    /// Bytes it occupies.
    pub bytes: u64,
}

/// An object that refers to another.
#[derive(Clone, Debug, Serialize)]
pub struct ReferrerLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the (first) reference.
    pub via: Option<String>,
}

impl RootLine {
    /// From the whole name of a root, which begins with its kind.
    #[must_use]
    pub fn new(kind: RootKind, name: &str, address: Addr) -> Self {
        let bare = name.strip_prefix(kind.label()).map_or(name, |rest| rest.trim_start());
        Self {
            kind: kind.label(),
            name: bare.to_owned(),
            address: address.into(),
            stale: kind == RootKind::Stack,
            owner: None,
        }
    }

    /// The same with the owner of a handle.
    #[must_use]
    pub fn owned(mut self, snapshot: &HeapSnapshot, owners: &HandleOwners) -> Self {
        self.owner = owners.of(Addr(self.address.0)).map(|owner| owner_text(snapshot, owner));
        self
    }

    /// The same, with a word of doubt where there is some.
    #[must_use]
    pub fn doubted_text(&self) -> String {
        let is_told = !self.stale || self.name.contains("may be stale");
        let owner = self.owner.as_ref().map_or_else(String::new, |owner| format!(", of {owner}"));
        format!("{}{owner}{}", self.text(), if is_told { "" } else { " (may be stale)" })
    }

    /// `static Corpus.Seed.Dispatcher.Shutdown`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// How paths are looked for and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathOptions {
    /// Which.
    pub which: Which,
    /// What of them is folded.
    pub folding: Folding,
}

/// Which paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// One for each root, the most different ones first.
    OnePerRoot,
}

impl PathReport {
    /// Finds the way from the best root to `object`, or one way for each root. `ignored` is what `heap.reachability`
    /// leaves out.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(
        heap: &Heap<'_>,
        object: ObjectId,
        options: PathOptions,
        ignored: &[Ignore],
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let snapshot = heap.snapshot;
        let mut paths: Vec<PathLine> = Vec::new();
        let mut more_roots = false;
        match options.which {
            Which::First => {
                let first = root_path(heap, object, job)?;
                paths.extend(first.iter().map(|path| PathLine::new(heap, path, 0.0, options.folding)));
            }
            Which::OnePerRoot => {
                let mut found = different_paths(heap, object, job)?;
                more_roots = !found.is_complete() || found.n_roots() > MOST_PATHS;
                for found in found.by_ref().take(MOST_PATHS) {
                    job.tick(0)?;
                    paths.push(PathLine::new(heap, &found.path, found.overlap, options.folding));
                }
            }
        }
        own_handles(heap, paths.iter_mut().map(|path| &mut path.root), job)?;
        let mut referrers = Vec::new();
        let mut n_referrers = None;
        if paths.is_empty() {
            let found = holders(heap, object, &[], Page { skip: 0, take: REFERRERS }, job)?;
            n_referrers = Some(found.n_rows);
            referrers.extend(found.rows.into_iter().map(|row| ReferrerLine {
                address: snapshot.objects.address(row.object).into(),
                type_name: snapshot.type_of(row.object).display_name(),
                via: row.via,
            }));
        }
        Ok(Self {
            object: snapshot.objects.address(object).into(),
            type_name: snapshot.type_of(object).display_name(),
            bytes: snapshot.objects.size(object),
            generation: snapshot.objects.generation(object).key(),
            preview: Some(snapshot.preview(object)).filter(|text| !text.is_empty()),
            reachable: !paths.is_empty(),
            paths,
            more_roots,
            referrers,
            n_referrers,
            ignored: ignored_lines(heap, ignored),
            stack: heap.reachability.with_stack(),
            uncertain: heap.uncertain(),
        })
    }

    /// The path as lines: root first, one object a line. For the answer in the terminal and for copies.
    #[must_use]
    pub fn lines(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for path in &self.paths {
            sections.push(Section::Heading(path.root.doubted_text()));
            sections.extend(path.lines());
        }
        if self.paths.iter().any(PathLine::has_folded) {
            sections.push(Section::Line("Insides of collections and delegates are left out (--internals).".to_owned()));
        }
        if self.more_roots {
            sections.push(Section::Line("More roots hold it than were looked for.".to_owned()));
        }
        if self.paths.is_empty() {
            let nothing = match (self.ignored.is_empty(), self.stack) {
                (false, _) => "Nothing else holds it.",
                (true, true) => "Nothing holds it: garbage not yet collected.",
                (true, false) => "Nothing holds it, words on stacks apart.",
            };
            sections.push(Section::Line(nothing.to_owned()));
            let n = self.n_referrers.unwrap_or(0);
            if n > 0 && self.ignored.is_empty() {
                let objects = match self.stack {
                    true => number::counted(n, "object, garbage itself, refers", "objects, garbage themselves, refer"),
                    false => number::counted(
                        n,
                        "object that nothing else holds refers",
                        "objects that nothing else holds refer",
                    ),
                };
                sections.push(Section::Line(format!("{objects} to it:")));
                let mut table = step_table();
                for line in &self.referrers {
                    table.push(vec![
                        Cell::Address(Addr(line.address.0)),
                        Cell::text_or_missing(line.via.as_deref()),
                        Cell::Text(line.type_name.clone()),
                    ]);
                }
                sections.push(Section::Table(table));
            }
        }
        sections
    }
}

fn step_table() -> Table {
    Table::new(vec![text("Address", "address"), text("Reference", "via"), text("Type", "type")])
}

impl PathLine {
    /// Words for a path. Cost: the slots of the objects on it.
    #[must_use]
    pub fn new(heap: &Heap<'_>, path: &RootPath, overlap: f64, folding: Folding) -> Self {
        let snapshot = heap.snapshot;
        let n = path.objects.len();
        let omitted = n.saturating_sub(MOST_STEPS);
        let is_kept = |index: usize| omitted == 0 || index < MOST_STEPS / 2 || index >= n - MOST_STEPS / 2;
        let mut before = None;
        let mut steps = Vec::with_capacity(n.min(MOST_STEPS));
        for (index, &object) in path.objects.iter().enumerate() {
            if is_kept(index) {
                steps.push(StepLine {
                    address: snapshot.objects.address(object).into(),
                    type_name: snapshot.type_of(object).display_name(),
                    via: before.and_then(|from| heap.edge_name(from, object)),
                    bytes: snapshot.objects.size(object),
                });
            }
            before = Some(object);
        }
        let name = |object: ObjectId| snapshot.type_of(object).display_name();
        let shown = path.shown(heap, folding).into_iter().map(|step| match step {
            ShownStep::Object { object, via, n_hidden } => ShownLine {
                address: Some(snapshot.objects.address(object).into()),
                via,
                type_name: Some(name(object)),
                note: readable::note(heap, object),
                hidden: n_hidden,
            },
            ShownStep::Run { n, object, is_one_type } => ShownLine {
                address: None,
                via: None,
                type_name: is_one_type.then(|| name(object)),
                note: None,
                hidden: n,
            },
        });
        Self {
            root: RootLine::new(path.start.kind(heap), &path.start.name(heap), path.start.address(heap)),
            handlers: readable::handlers_on(heap, path),
            overlap,
            steps,
            omitted: omitted as u64,
            shown: shown.collect(),
        }
    }

    /// What is below the name of the root.
    #[must_use]
    pub fn lines(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = self.handlers.iter().cloned().map(Section::Line).collect();
        let mut table = step_table();
        for line in &self.shown {
            let type_name = match (&line.type_name, line.address) {
                (Some(name), Some(_)) => match &line.note {
                    Some(note) => format!("{name}  {note}"),
                    None => name.clone(),
                },
                (Some(name), None) => format!("{} more of {name}", number::count(line.hidden)),
                (None, _) => format!("{} more objects", number::count(line.hidden)),
            };
            table.push(vec![
                line.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                Cell::text_or_missing(line.via.as_deref().or(line.address.is_none().then_some("…"))),
                Cell::Text(type_name),
            ]);
        }
        sections.push(Section::Table(table));
        sections
    }

    fn has_folded(&self) -> bool {
        self.shown.iter().any(|line| line.hidden > 0 && line.address.is_some())
    }
}

impl Report for PathReport {
    const SCHEMA: &'static str = "heaproot.path/1";

    fn sections(&self) -> Vec<Section> {
        let mut title =
            format!("{} at {}, {}, {}", self.type_name, Addr(self.object.0), number::size(self.bytes), self.generation);
        if let Some(preview) = &self.preview {
            title.push_str(&format!(": {preview}"));
        }
        let mut sections = vec![Section::Line(title)];
        if !self.ignored.is_empty() {
            sections.push(Section::Heading("Without".to_owned()));
            sections.extend(self.ignored.iter().map(|line| Section::Line(format!("  {}", line.words))));
        }
        if let Some(why) = &self.uncertain {
            sections.push(Section::Line(format!("uncertain: {why}")));
        }
        sections.extend(self.lines());
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Path", "path"),
            text("Root kind", "root_kind"),
            text("Root", "root"),
            text("Address", "address"),
            text("Reference", "via"),
            text("Type", "type"),
        ]);
        for (index, path) in self.paths.iter().enumerate() {
            for step in &path.steps {
                table.push(vec![
                    Cell::Count(index as u64 + 1),
                    Cell::Text(path.root.kind.to_owned()),
                    Cell::Text(path.root.name.clone()),
                    Cell::Address(Addr(step.address.0)),
                    Cell::text_or_missing(step.via.as_deref()),
                    Cell::Text(step.type_name.clone()),
                ]);
            }
        }
        table
    }
}

/// Looks for the owners of those of `roots` that are handles. One pass over the heap, when there are any.
pub(super) fn own_handles<'a>(
    heap: &Heap<'_>,
    roots: impl Iterator<Item = &'a mut RootLine>,
    job: &Job,
) -> Result<(), Cancelled> {
    let is_handle = |root: &&mut RootLine| RootKind::HANDLES.iter().any(|kind| kind.label() == root.kind);
    let mut handles = roots.filter(is_handle).peekable();
    if handles.peek().is_none() {
        return Ok(());
    }
    let owners = handle_owners(heap.snapshot, heap.graph, job)?;
    handles.for_each(|root| *root = root.clone().owned(heap.snapshot, &owners));
    Ok(())
}

/// Paths that are listed at most, one a root.
const MOST_PATHS: usize = 100;
/// Steps of one path that are listed at most.
const MOST_STEPS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::analysis::{ReachabilityOptions, reachability};
    use crate::report::table::write_sections;
    use crate::synth::heap::{HeapBuilder, Kind};

    #[test]
    fn what_only_a_stack_holds_is_no_garbage_without_it() {
        let mut heap = HeapBuilder::new();
        let ty = heap.class("App.Local", &[("next", Kind::Reference)]);
        let (local, next) = (heap.object(ty), heap.object(ty));
        heap.set(local, "next", next);
        let thread = heap.thread("worker");
        heap.stack(thread, local);
        let built = heap.build();
        let said = |stack: bool| {
            with_heap(&built, |heap| {
                let options = ReachabilityOptions { stack, cut: None };
                let other = reachability(heap.snapshot, heap.graph, options, &Job::new()).unwrap();
                let heap = heap.alive_as(Some(&other));
                let options = PathOptions { which: Which::First, folding: Folding::Plain };
                let report = PathReport::new(&heap, next, options, &[], &Job::new()).unwrap();
                let mut text = Vec::new();
                write_sections(&report.sections(), &mut text).unwrap();
                String::from_utf8(text).unwrap()
            })
        };
        assert!(said(true).contains("worker"), "{}", said(true));
        let without = said(false);
        assert!(without.contains("Nothing holds it, words on stacks apart."), "{without}");
        assert!(!without.contains("garbage"), "{without}");
    }

    #[test]
    fn a_root_keeps_its_kind_and_its_name_apart() {
        for (kind, name, expected) in [
            (RootKind::Static, "static A.B.C", "A.B.C"),
            (RootKind::StrongHandle, "strong handle at 0x10", "at 0x10"),
            (RootKind::StrongHandle, "string literal (interned)", "string literal (interned)"),
        ] {
            assert_eq!(RootLine::new(kind, name, Addr(16)).name, expected);
        }
    }
}
