//! Inspections: one question each about waste or a known leak pattern, with definition, threshold, evidence and remedy.
//!
//! Every inspection answers, also when it finds nothing: a check that was made is worth a line, and one that could not
//! be made says why. Patterns and the fields that show them: the runtime's own class library, names by version, resolved
//! through the dump's own metadata; a field that is missing makes the check `NotPossible`, never "nothing found".

mod cancellation;
mod collections;
mod duplicates;
mod finalization;
mod fragmentation;
mod growth;
mod load_contexts;
mod locals;
mod reading;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;
mod weak_tables;

use super::ObjectSet;
use super::dominators::{DominatorOptions, DominatorTree, root_objects};
use super::reach::{Taken, reach};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

pub use reading::Reader;

/// What an inspection looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The heap.
    pub snapshot: &'a HeapSnapshot,
    /// References and roots.
    pub graph: &'a HeapGraph,
    /// What precise roots reach, and what each object retains.
    pub tree: &'a DominatorTree,
}

impl Subject<'_> {
    /// True for an object that a precise root reaches.
    fn live(&self, object: ObjectId) -> bool {
        self.tree.is_reached(object)
    }

    /// Bytes that an object keeps alive.
    fn retained(&self, object: ObjectId) -> u64 {
        self.tree.retained(self.snapshot, object).unwrap_or_default().bytes
    }

    /// True when `bytes` are at least one per cent of the live heap and not trifling.
    fn is_notable(&self, bytes: u64) -> bool {
        bytes >= FLOOR_BYTES && bytes.saturating_mul(100) >= self.tree.total().bytes
    }
}

/// Below this, waste is not worth a sentence whatever its share of a small heap.
const FLOOR_BYTES: u64 = 16 * 1024;

/// Items kept of one inspection, biggest first.
const MAX_ITEMS: usize = 100;

/// How an inspection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Above the threshold.
    Found,
    /// Looked for and not there, or below the threshold.
    Nothing,
    /// Could not be looked for, with the reason.
    NotPossible(String),
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is, in words.
    pub text: String,
    /// Objects concerned.
    pub objects: u64,
    /// Bytes that it costs or holds.
    pub bytes: u64,
    /// One of the objects, to go to.
    pub example: Option<ObjectId>,
}

/// An inspection with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Key on the command line: `duplicate-strings`.
    pub name: &'static str,
    /// For the screen: `Duplicate strings`.
    pub title: &'static str,
    /// What is looked for.
    pub definition: &'static str,
    /// When it is called a finding.
    pub threshold: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer in a few words.
    pub result: String,
    /// Objects concerned, findings or not.
    pub objects: u64,
    /// Bytes they cost or hold.
    pub bytes: u64,
    /// The evidence, biggest first.
    pub items: Vec<Item>,
}

/// Words of an inspection that do not depend on the heap.
#[derive(Clone, Copy, Debug)]
struct Description {
    name: &'static str,
    title: &'static str,
    definition: &'static str,
    threshold: &'static str,
    remedy: &'static str,
}

impl Description {
    fn answer(self, found: bool, result: String, mut items: Vec<Item>) -> Inspection {
        let (objects, bytes) = items.iter().fold((0u64, 0u64), |(objects, bytes), item| {
            (objects.saturating_add(item.objects), bytes.saturating_add(item.bytes))
        });
        sort_items(&mut items);
        let outcome = if found { Outcome::Found } else { Outcome::Nothing };
        self.with(outcome, result, objects, bytes, items)
    }

    fn nothing(self) -> Inspection {
        self.with(Outcome::Nothing, "nothing found".to_owned(), 0, 0, Vec::new())
    }

    /// The answer when no object has a type that is known by its name: there is none, or the names are not in the dump.
    fn absent(self, reader: &Reader<'_>) -> Inspection {
        if reader.has_runtime_names() {
            self.nothing()
        } else {
            self.not_possible("the runtime's types have no names in this dump".to_owned())
        }
    }

    fn not_possible(self, why: String) -> Inspection {
        self.with(Outcome::NotPossible(why.clone()), format!("not possible: {why}"), 0, 0, Vec::new())
    }

    fn with(self, outcome: Outcome, result: String, objects: u64, bytes: u64, items: Vec<Item>) -> Inspection {
        let Self { name, title, definition, threshold, remedy } = self;
        Inspection { name, title, definition, threshold, remedy, outcome, result, objects, bytes, items }
    }
}

fn sort_items(items: &mut Vec<Item>) {
    items.sort_by(|a, b| {
        b.bytes
            .cmp(&a.bytes)
            .then(b.objects.cmp(&a.objects))
            .then_with(|| a.text.cmp(&b.text))
            .then(a.example.cmp(&b.example))
    });
    items.truncate(MAX_ITEMS);
}

/// Makes every inspection. A few passes over the heap and some reads per object of the patterns looked for.
///
/// # Errors
/// [`Cancelled`] when nobody waits any more.
pub fn inspect_all(subject: &Subject<'_>, job: &Job) -> Result<Vec<Inspection>, Cancelled> {
    let reader = Reader::new(subject.snapshot);
    let mut inspections = vec![
        growth::inspect(subject, &reader, job)?,
        duplicates::strings(subject, job)?,
        timers::inspect(subject, &reader, job)?,
        cancellation::inspect(subject, &reader, job)?,
    ];
    inspections.extend(tasks::inspect(subject, &reader, job)?);
    inspections.extend([
        finalization::inspect(subject),
        collections::inspect(subject, &reader, job)?,
        collections::empty(subject, &reader, job)?,
        collections::arrays(subject, job)?,
        locals::inspect(subject, &reader, job)?,
        weak_tables::inspect(subject, job)?,
        fragmentation::inspect(subject, job)?,
        load_contexts::inspect(subject, &reader, job)?,
        collections::large(subject, job)?,
        duplicates::boxes(subject, job)?,
    ]);
    Ok(inspections)
}

/// Names of all inspections, in the order [`inspect_all`] answers.
pub const NAMES: [&str; 16] = [
    "growing-collections",
    "duplicate-strings",
    "timers",
    "cancellation-registrations",
    "faulted-tasks",
    "stuck-tasks",
    "finalizer-backlog",
    "sparse-collections",
    "empty-collections",
    "sparse-arrays",
    "thread-and-async-locals",
    "weak-table-cycles",
    "fragmentation",
    "load-contexts",
    "large-objects",
    "boxed-duplicates",
];

/// Everything the roots reach when the objects in `cut` keep nothing. One pass over the reachable heap.
fn reachable_cutting(subject: &Subject<'_>, cut: &ObjectSet, job: &Job) -> Result<ObjectSet, Cancelled> {
    let roots = root_objects(subject.graph, DominatorOptions { stack: false });
    reach(subject.snapshot, subject.graph, &roots, Taken { idle: Some(cut), ..Taken::default() }, job)
}

/// Objects and bytes that only the objects in `cut` keep alive, themselves left out.
fn held_only_by(subject: &Subject<'_>, cut: &ObjectSet, job: &Job) -> Result<(u64, u64, ObjectSet), Cancelled> {
    let kept = reachable_cutting(subject, cut, job)?;
    let (mut objects, mut bytes) = (0u64, 0u64);
    for object in subject.snapshot.objects.ids() {
        if subject.live(object) && !kept.contains(object) && !cut.contains(object) {
            objects += 1;
            bytes += subject.snapshot.objects.size(object);
        }
    }
    Ok((objects, bytes, kept))
}

/// `3,000 × Worker.OnTick`.
fn times(n: u64, what: &str) -> String {
    format!("{} × {what}", number::count(n))
}
