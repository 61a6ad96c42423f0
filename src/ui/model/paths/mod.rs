//! The path tree of an object, flattened to the lines that are drawn: a spine from the object to its root, forks where
//! other holders lead elsewhere.
//!
//! A chain is not a hierarchy: only a real branch indents. What is folded out is part of the question, so that the same
//! question always gives the same lines.

mod further;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

pub use further::Further;
pub use text::{markdown, shared_words};

use crate::analysis::different_paths::DifferentPaths;
use crate::analysis::fold::{RUN, collection_step, run_length};
use crate::analysis::path_tree::{HoldingRoot, Page, holders};
use crate::analysis::root_path::PathStart;
use crate::analysis::{Heap, Ignore, root_path};
use crate::base::{Addr, Cancelled, Job, RootKind, number};
use crate::snapshot::{HeapSnapshot, ObjectId, TypeShape};
use crate::ui::type_name;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathQuery {
    /// Of which object.
    pub object: ObjectId,
    /// Branches that are folded out: the objects from the top down to the fork.
    pub open: BTreeSet<Vec<ObjectId>>,
    /// Objects whose further referrers are shown, one page more each time.
    pub more: BTreeSet<(ObjectId, usize)>,
    /// Steps inside collections are shown.
    pub internals: bool,
    /// What is ignored on the way.
    pub ignored: Vec<Ignore>,
    /// Paths of other roots that follow the first one.
    pub n_further: usize,
}

impl PathQuery {
    /// The path alone.
    #[must_use]
    pub fn new(object: ObjectId) -> Self {
        let (open, more) = (BTreeSet::new(), BTreeSet::new());
        Self { object, open, more, internals: false, ignored: Vec::new(), n_further: 0 }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct PathLine {
    /// 0 on the spine, one more per fork.
    pub depth: usize,
    /// What it says.
    pub kind: LineKind,
    /// The spine goes on below.
    pub goes_on: bool,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum LineKind {
    /// The object that is asked for.
    Subject(Node),
    /// The object again, where a path of another root begins.
    Further {
        /// The object.
        node: Node,
        /// Which path, from 2.
        index: usize,
        /// Holders on it.
        n_holders: u64,
        /// Those of them that are on a path above, too.
        n_shared: u64,
    },
    /// A holder: the reference, and whose it is.
    Step {
        /// Name of the reference.
        via: Option<String>,
        /// The holder.
        node: Node,
        /// What it refers to.
        to: ObjectId,
        /// This reference is the one to cut.
        is_blamed: bool,
    },
    /// A folded or unfolded branch.
    Fork {
        /// Name of the reference.
        via: Option<String>,
        /// The holder.
        node: Node,
        /// Steps from it to its root.
        n_more: Option<u32>,
        /// Where the branch ends.
        root: Option<(RootKind, String)>,
        /// Folded out.
        is_open: bool,
        /// What [`PathQuery::open`] is told.
        key: Vec<ObjectId>,
    },
    /// A root that refers to the object above.
    Root(RootLine),
    /// Steps of one type in a row.
    Run {
        /// How many are left out.
        n: u64,
        /// Their type.
        type_name: String,
        /// Their reference.
        via: Option<String>,
    },
    /// The branch meets itself.
    Cycle {
        /// Where it goes back to.
        node: Node,
        /// Through which reference.
        via: Option<String>,
    },
    /// Referrers that are not shown.
    More {
        /// How many.
        n: u64,
        /// What [`PathQuery::more`] is told.
        key: (ObjectId, usize),
    },
}

/// An object as a line shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which.
    pub object: ObjectId,
    /// Where.
    pub address: Addr,
    /// Its full type name; an array with its length: `System.Object[4096]`.
    pub type_name: String,
    /// The type has a name.
    pub is_named: bool,
    /// `Name = "worker-1132"`, `→ OnShutdown`.
    pub note: String,
    /// Its own bytes.
    pub bytes: u64,
}

/// A root as a line shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RootLine {
    /// Its kind.
    pub kind: RootKind,
    /// Its name without the kind: `Corpus.Seed.Dispatcher.Shutdown`.
    pub name: String,
    /// Where the reference stands.
    pub address: Addr,
    /// Only a guess keeps it.
    pub is_doubtful: bool,
    /// It stands for a field or event.
    pub note: &'static str,
    /// What is to be ignored to be without it.
    pub ignore: Option<Ignore>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paths {
    /// What is drawn.
    pub lines: Vec<PathLine>,
    /// Something holds it.
    pub is_held: bool,
    /// Branches from the object and its holders, the spine included.
    pub n_paths: u64,
    /// Different roots among the lines.
    pub n_roots: usize,
    /// What it means, in one or two sentences: plain and strong stretches.
    pub verdict: Vec<(String, bool)>,
    /// When nothing holds it: the nearest referrers, themselves garbage.
    pub dead_referrers: Vec<(Node, Option<String>)>,
    /// How many there are.
    pub n_dead_referrers: u64,
    /// Bytes and objects that nothing holds: what a collection frees.
    pub garbage: (u64, u64),
    /// Why it may be wrong, as [`Heap::uncertain`] says.
    pub uncertain: Option<String>,
    /// Steps inside collections were folded.
    pub has_internals: bool,
    /// The path as text, one line per step.
    pub text: String,
    /// What is known of paths of other roots; `None` until they are asked for.
    pub further: Option<Further>,
}

/// Holders of an object that are shown beside the spine.
const FORKS: usize = 3;
/// Steps of a spine whose forks are looked for: beyond, a chain is only followed.
const FORKED_STEPS: usize = 64;
/// Lines at most: a picture of all of them still fits into memory.
const MOST_LINES: usize = 5_000;

/// The path tree of `query`, with paths out of `different` once those were looked for. Cost: the referrers of the objects
/// shown.
///
/// # Errors
/// [`Cancelled`].
pub fn paths(
    heap: &Heap<'_>,
    query: &PathQuery,
    different: Option<&DifferentPaths>,
    job: &Job,
) -> Result<Paths, Cancelled> {
    let mut build = Build { heap, query, job, answer: Paths::default() };
    build.answer.uncertain = heap.uncertain();
    match root_path(heap, query.object, job)? {
        None => build.nothing_holds()?,
        Some(path) => {
            build.answer.is_held = true;
            let node = node(heap.snapshot, query.object);
            build.push(0, LineKind::Subject(node));
            build.chain(&path, 0, &[], Forks::Shown)?;
            build.finish(&path);
            if let Some(different) = different {
                build.further(different)?;
            }
        }
    }
    build.answer.text = text::text(&build.answer);
    Ok(build.answer)
}

/// Are other holders of the objects on a chain listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forks {
    Shown,
    Hidden,
}

struct Build<'a> {
    heap: &'a Heap<'a>,
    query: &'a PathQuery,
    job: &'a Job,
    answer: Paths,
}

impl Build<'_> {
    fn push(&mut self, depth: usize, kind: LineKind) {
        if self.answer.lines.len() < MOST_LINES {
            self.answer.lines.push(PathLine { depth, kind, goes_on: true });
        }
    }

    /// The spine above `path.objects`' last object, which has its line already. `branch` leads from the top to it.
    fn chain(
        &mut self,
        path: &crate::analysis::RootPath,
        depth: usize,
        branch: &[ObjectId],
        forks: Forks,
    ) -> Result<(), Cancelled> {
        let snapshot = self.heap.snapshot;
        // From the object towards the root.
        let objects: Vec<ObjectId> = path.objects.iter().rev().copied().collect();
        let mut branch = branch.to_vec();
        let mut index = 0;
        while let Some(&object) = objects.get(index) {
            self.job.tick(0)?;
            let next = objects.get(index + 1).copied();
            if forks == Forks::Shown && index < FORKED_STEPS {
                self.forks(object, next, depth, &branch)?;
            }
            branch.push(object);
            let Some(holder) = next else { break };
            if !self.query.internals
                && let Some((name, n_folded)) = collection_step(self.heap, &objects[index..])
            {
                // The steps inside a collection are one step: from the element to the collection.
                branch.extend_from_slice(&objects[index + 1..index + n_folded]);
                index += n_folded;
                let node = node(snapshot, objects[index]);
                self.answer.has_internals = true;
                let to = objects[index - 1];
                self.push(depth, LineKind::Step { via: Some(name), node, to, is_blamed: false });
                continue;
            }
            let run = run_length(snapshot, &objects, index + 1);
            let via = self.edge(holder, object);
            let is_blamed = false;
            self.push(depth, LineKind::Step { via, node: node(snapshot, holder), to: object, is_blamed });
            index += 1;
            if run > RUN {
                // The first and the last of the run stand; what is between is counted.
                let n = (run - 2) as u64;
                let via = self.edge(objects[index + 1], objects[index]);
                let type_name = snapshot.type_of(holder).display_name();
                self.push(depth, LineKind::Run { n, type_name, via });
                index += run - 2;
                branch.push(objects[index]);
                let (last, before) = (objects[index + 1], objects[index]);
                let via = self.edge(last, before);
                self.push(depth, LineKind::Step { via, node: node(snapshot, last), to: before, is_blamed: false });
                index += 1;
            }
        }
        let line = start_line(self.heap, &path.start);
        self.push(depth, LineKind::Root(line));
        if let Some(last) = self.answer.lines.last_mut() {
            last.goes_on = false;
        }
        Ok(())
    }

    fn edge(&self, from: ObjectId, to: ObjectId) -> Option<String> {
        self.heap.snapshot.edge_name(from, to, &self.heap.graph.extra)
    }

    /// Other holders of `object` than the next step of its spine.
    fn forks(
        &mut self,
        object: ObjectId,
        next: Option<ObjectId>,
        depth: usize,
        branch: &[ObjectId],
    ) -> Result<(), Cancelled> {
        let pages = self.query.more.iter().filter(|(of, _)| *of == object).count();
        let take = 1 + FORKS + pages * Page::FIRST.take;
        let level = holders(self.heap, object, branch, Page { skip: 0, take }, self.job)?;
        // The root of the spine's end has its own line; further roots are forks that end at once.
        let spine_root = next.is_none().then(|| level.roots.first().cloned()).flatten();
        for root in level.roots.iter().filter(|root| spine_root.as_ref() != Some(*root)).take(FORKS) {
            self.push(depth, LineKind::Root(root_line(self.heap.snapshot, object, root)));
        }
        let mut n_shown = usize::from(next.is_some());
        for row in level.rows.iter().filter(|row| Some(row.object) != next && row.distance.is_some()) {
            let holder = node(self.heap.snapshot, row.object);
            n_shown += 1;
            if row.is_cycle {
                // A multicast delegate is its own target: that is how the runtime stores it, not a circle to show.
                if row.object != object {
                    self.push(depth, LineKind::Cycle { node: holder, via: row.via.clone() });
                }
                continue;
            }
            let mut key = branch.to_vec();
            key.extend([object, row.object]);
            let is_open = self.query.open.contains(&key);
            let near = row.distance.is_some_and(|distance| distance < 4096);
            let path = if near || is_open { root_path(self.heap, row.object, self.job)? } else { None };
            let root = path.as_ref().map(|path| {
                let line = start_line(self.heap, &path.start);
                (line.kind, line.name)
            });
            let n_more = row.distance;
            self.answer.n_paths += 1;
            self.push(
                depth,
                LineKind::Fork { via: row.via.clone(), node: holder, n_more, root, is_open, key: key.clone() },
            );
            if let Some(path) = path.filter(|_| is_open) {
                key.pop();
                self.chain(&path, depth + 1, &key, Forks::Shown)?;
            }
        }
        let n_left = level.n_alive.saturating_sub(n_shown as u64);
        if n_left > 0 {
            self.push(depth, LineKind::More { n: n_left, key: (object, pages) });
        }
        Ok(())
    }

    fn nothing_holds(&mut self) -> Result<(), Cancelled> {
        let (heap, object) = (self.heap, self.query.object);
        let level = holders(heap, object, &[], Page { skip: 0, take: 8 }, self.job)?;
        self.answer.n_dead_referrers = level.n_rows;
        self.answer.dead_referrers =
            level.rows.iter().map(|row| (node(heap.snapshot, row.object), row.via.clone())).collect();
        let garbage = heap.reachability.unreachable(heap.snapshot);
        self.answer.garbage = (garbage.bytes, garbage.count);
        Ok(())
    }

    fn finish(&mut self, path: &crate::analysis::RootPath) {
        self.answer.n_paths += 1;
        let mut roots = BTreeSet::new();
        for line in &self.answer.lines {
            match &line.kind {
                LineKind::Root(root) => drop(roots.insert((root.kind, root.name.clone()))),
                LineKind::Fork { root: Some(root), .. } => drop(roots.insert(root.clone())),
                _ => {}
            }
        }
        self.answer.n_roots = roots.len();
        self.answer.verdict = verdict(self.heap, path);
    }
}

/// An object as a line shows it. Reads a few hundred bytes of the dump.
#[must_use]
pub fn node(snapshot: &HeapSnapshot, object: ObjectId) -> Node {
    let row = snapshot.type_of(object);
    let mut type_name = row.display_name();
    let mut note = String::new();
    match row.shape {
        TypeShape::Vector => {
            if let (Some(length), Some(base)) = (snapshot.array_length(object), type_name.strip_suffix("[]")) {
                type_name = format!("{base}[{length}]");
            }
        }
        TypeShape::Delegate => note = delegate_note(snapshot, object),
        TypeShape::Array { .. } => {}
        _ => note = snapshot.preview(object),
    }
    Node {
        object,
        address: snapshot.objects.address(object),
        type_name,
        is_named: row.name.known().is_some(),
        note,
        bytes: snapshot.objects.size(object),
    }
}

/// `→ OnShutdown` of a single delegate, `3,000 handlers` of a multicast one.
fn delegate_note(snapshot: &HeapSnapshot, object: ObjectId) -> String {
    let Some(parts) = snapshot.delegate(object) else { return String::new() };
    if !snapshot.invocation_list(&parts, 1).is_empty() {
        return number::counted(parts.invocation_count, "handler", "handlers");
    }
    match snapshot.values.method_at(parts.code()) {
        Some(method) => format!("→ {}", method.name),
        None => String::new(),
    }
}

fn start_line(heap: &Heap<'_>, start: &PathStart) -> RootLine {
    let kind = start.kind(heap);
    let name = start.name(heap);
    let object = match *start {
        PathStart::Root(root) => heap.graph.roots.roots.get(root.index()).map(|root| root.object),
        PathStart::Storage { object, .. } => Some(object),
    };
    RootLine {
        kind,
        name: without_kind(kind, &name),
        address: start.address(heap),
        is_doubtful: kind == RootKind::Stack,
        note: root_note(heap.snapshot, kind, object),
        ignore: Some(match *start {
            PathStart::Root(root) => Ignore::Root(root),
            PathStart::Storage { array, object } => Ignore::Edge { from: array, to: object },
        }),
    }
}

fn root_line(snapshot: &HeapSnapshot, object: ObjectId, root: &HoldingRoot) -> RootLine {
    RootLine {
        kind: root.kind,
        name: without_kind(root.kind, &root.name),
        address: root.address,
        is_doubtful: root.is_doubtful,
        note: root_note(snapshot, root.kind, Some(object)),
        ignore: root.root.map(Ignore::Root),
    }
}

/// `event` for a static that holds a delegate.
fn root_note(snapshot: &HeapSnapshot, kind: RootKind, object: Option<ObjectId>) -> &'static str {
    let is_delegate = object.is_some_and(|object| snapshot.type_of(object).shape == TypeShape::Delegate);
    match kind {
        RootKind::Static | RootKind::ThreadStatic if is_delegate => "event",
        _ => "",
    }
}

/// The pill says the kind already.
fn without_kind(kind: RootKind, name: &str) -> String {
    let name = name.trim_end_matches(" (may be stale)");
    match kind {
        RootKind::Static => name.strip_prefix("static ").unwrap_or(name).to_owned(),
        RootKind::Stack => name.strip_prefix("stack of ").or(name.strip_prefix("stack ")).unwrap_or(name).to_owned(),
        RootKind::FinalizerQueue => "ready queue, its finalizer waits to run".to_owned(),
        _ => name.to_owned(),
    }
}

/// What the path means.
fn verdict(heap: &Heap<'_>, path: &crate::analysis::RootPath) -> Vec<(String, bool)> {
    let plain = |text: &str| (text.to_owned(), false);
    let strong = |text: String| (text, true);
    let line = start_line(heap, &path.start);
    let first = path.objects.first().copied();
    let is_event = line.note == "event" && path.objects.len() > 1;
    let n_steps = path.objects.len() - 1;
    let name = short_member(&line.name);
    let away = match n_steps {
        0 => "directly".to_owned(),
        1 => "through one reference".to_owned(),
        n => format!("through {} references", number::count(n as u64)),
    };
    match line.kind {
        RootKind::Static if is_event => vec![
            plain("The static event "),
            strong(name),
            plain(
                " keeps the handler, the handler keeps its target. Nothing that the event refers to can go before the \
                   handler is removed.",
            ),
        ],
        RootKind::Static => vec![
            plain("The static field "),
            strong(name),
            plain(&format!(" holds it {away}, as long as the program runs.")),
        ],
        RootKind::ThreadStatic => {
            vec![strong(name), plain(&format!(" holds it {away}, as long as that thread lives."))]
        }
        RootKind::FinalizerQueue => vec![plain(
            "Nothing of the program holds it. It waits for its finalizer, and goes at the collection after that.",
        )],
        RootKind::Stack => vec![
            plain("Only a word on a stack refers to it, "),
            plain(&away),
            plain(". The word may be stale: the object may be garbage that nobody has collected yet."),
        ],
        _ => {
            let what =
                first.map(|object| type_name::short(&heap.snapshot.type_of(object).display_name())).unwrap_or_default();
            vec![
                plain("A "),
                plain(line.kind.label()),
                plain(" to "),
                strong(what),
                plain(&format!(" holds it {away}.")),
            ]
        }
    }
}

/// `Dispatcher.Shutdown` of `Corpus.Seed.Dispatcher.Shutdown`.
#[must_use]
pub fn short_member(name: &str) -> String {
    // The member is the last part; what is before it is a type with its own rules.
    match split_member(name) {
        Some((ty, member)) => format!("{}.{member}", type_name::short(ty)),
        None => name.to_owned(),
    }
}

/// Type and member of `Namespace.Type<Args>.member`; words behind the member go with it.
#[must_use]
pub fn split_member(name: &str) -> Option<(&str, &str)> {
    let head = name.find(" of ").unwrap_or(name.len());
    let mut depth = 0_i32;
    let mut dot = None;
    for (index, letter) in name[..head].char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => depth -= 1,
            '.' if depth <= 0 => dot = Some(index),
            _ => {}
        }
    }
    let dot = dot?;
    Some((&name[..dot], &name[dot + 1..]))
}
