//! Why an object is alive: the shortest path from a root, with the name of every reference on it.

use super::roots::{root_name, root_shape, storage_label};
use super::{Heap, Reachability, TICK};
use crate::base::{Cancelled, Job, RootKind};
use crate::snapshot::preview::without_namespaces;
use crate::snapshot::slots::display_field_name;
use crate::snapshot::{ObjectId, RootId};

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStart {
    /// A root refers to the first object.
    Root(RootId),
    /// A slot of the runtime's own array that no field owns refers to it.
    Storage {
        /// The array.
        array: ObjectId,
        /// The first object.
        object: ObjectId,
    },
}

impl PathStart {
    /// For a person: `static Corpus.Seed.Dispatcher.Shutdown`, `string literal (interned)`.
    #[must_use]
    pub fn name(&self, heap: &Heap<'_>) -> String {
        match *self {
            Self::Root(root) => root_name(heap.snapshot, heap.graph, root),
            Self::Storage { object, .. } => storage_label(heap.snapshot, object).to_owned(),
        }
    }

    /// A static field without its namespace, `Dispatcher.Shutdown`; another root as [`PathStart::name`] calls it.
    #[must_use]
    pub fn short_name(&self, heap: &Heap<'_>) -> String {
        let row = match *self {
            Self::Root(root) => super::roots::static_row(heap.graph, root),
            Self::Storage { .. } => None,
        };
        let short = row.and_then(|row| {
            let owner = without_namespaces(&heap.snapshot.types.row(row.declaring).display_name());
            Some(format!("{owner}.{}", display_field_name(row.name.as_deref()?)))
        });
        short.unwrap_or_else(|| self.name(heap))
    }

    /// The same without what differs between runs: addresses, thread numbers.
    #[must_use]
    pub fn shape(&self, heap: &Heap<'_>) -> String {
        match *self {
            Self::Root(root) => root_shape(heap.snapshot, heap.graph, root),
            Self::Storage { object, .. } => storage_label(heap.snapshot, object).to_owned(),
        }
    }

    /// Kind of the root; that of the handle that holds the array, for an unnamed slot of it.
    #[must_use]
    pub fn kind(&self, heap: &Heap<'_>) -> RootKind {
        match *self {
            Self::Root(root) => heap.graph.roots.roots.get(root.index()).map_or(RootKind::Stack, |root| root.kind),
            Self::Storage { array, .. } => heap.reachability.stage(array).unwrap_or(RootKind::StrongHandle),
        }
    }

    /// Address of the handle, slot or stack word; of the array, for an unnamed slot of it.
    #[must_use]
    pub fn address(&self, heap: &Heap<'_>) -> crate::base::Addr {
        match *self {
            Self::Root(root) => {
                heap.graph.roots.roots.get(root.index()).map_or(crate::base::Addr::NULL, |root| root.address)
            }
            Self::Storage { array, .. } => heap.snapshot.objects.address(array),
        }
    }
}

/// A way from a root to an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootPath {
    /// Where it begins.
    pub start: PathStart,
    /// Objects from the one that the root refers to, to the one asked for.
    pub objects: Vec<ObjectId>,
}

/// One object of a path, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The object.
    pub object: ObjectId,
    /// Name of the reference that leads to it; `None` for the first, whose name is the root's, and where it cannot be
    /// read.
    pub via: Option<String>,
}

impl RootPath {
    /// The path with the names of its references, which are read from the dump. Cost: the slots of the objects on it.
    #[must_use]
    pub fn steps(&self, heap: &Heap<'_>) -> Vec<PathStep> {
        let mut steps = Vec::with_capacity(self.objects.len());
        let mut before = None;
        for &object in &self.objects {
            let via = before.and_then(|from| heap.edge_name(from, object));
            steps.push(PathStep { object, via });
            before = Some(object);
        }
        steps
    }

    /// One line: `static Corpus.Seed.Dispatcher.Shutdown -> _invocationList -> [7] -> _target`.
    #[must_use]
    pub fn text(&self, heap: &Heap<'_>) -> String {
        let mut text = self.start.name(heap);
        for step in self.steps(heap).iter().skip(1) {
            text.push_str(" -> ");
            text.push_str(step.via.as_deref().unwrap_or("?"));
        }
        text
    }
}

/// The shortest path to `object` from a root of its stage; of several the one through the smallest addresses. `None`
/// when nothing holds it.
///
/// Cost: the referrers of the objects on the path.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn root_path(heap: &Heap<'_>, object: ObjectId, job: &Job) -> Result<Option<RootPath>, Cancelled> {
    let reach = heap.reachability;
    let (Some(class), Some(mut level)) = (reach.class(object), reach.level(object)) else { return Ok(None) };
    let mut objects = vec![object];
    let mut at = object;
    let start = loop {
        if objects.len().is_multiple_of(TICK as usize / 8) {
            job.tick(0)?;
        }
        // Deeper down a root of the same class refers to the object only when it was left out.
        let root = if level == 0 { start_root(reach, at, class) } else { None };
        if let Some(root) = root {
            break PathStart::Root(root);
        }
        let Some(parent) = level.checked_sub(1).and_then(|above| parent(heap, at, class, above)) else {
            // A storage array without a readable handle: its own start.
            break PathStart::Storage { array: at, object: objects.last().copied().unwrap_or(at) };
        };
        if reach.roots().is_storage(parent) {
            break PathStart::Storage { array: parent, object: at };
        }
        objects.push(parent);
        at = parent;
        level -= 1;
    };
    objects.reverse();
    Ok(Some(RootPath { start, objects }))
}

/// The root of `class` that refers to `object`.
fn start_root(reach: &Reachability, object: ObjectId, class: u8) -> Option<RootId> {
    reach.roots_of(object).find(|&root| reach.class_of_root(root) == Some(class))
}

/// Equally near referrers that are looked at for one of the program's own.
const MOST_COMPARED: usize = 64;

/// A referrer of `object` at `level` of `class`: the first one of the program's own, else the first.
fn parent(heap: &Heap<'_>, object: ObjectId, class: u8, level: u32) -> Option<ObjectId> {
    let reach = heap.reachability;
    best(heap, object, heap.referrers.of(object).filter(|&from| reach.is_at(from, class, level)))
}

/// The first of `nearer` of the program's own, else the first.
fn best(heap: &Heap<'_>, object: ObjectId, nearer: impl Iterator<Item = ObjectId>) -> Option<ObjectId> {
    let reach = heap.reachability;
    let is_own = |from: ObjectId| !reach.is_framework(heap.snapshot.objects.type_of(from));
    let mut left = nearer.filter(|&from| reach.lets(heap.snapshot, heap.graph, from, object)).take(MOST_COMPARED);
    let first = left.next()?;
    // Most objects have one: its type need not be looked at.
    let Some(second) = left.next() else { return Some(first) };
    if is_own(first) {
        return Some(first);
    }
    Some(std::iter::once(second).chain(left).find(|&from| is_own(from)).unwrap_or(first))
}

/// Where the path of an object goes on, seen from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Up {
    /// An object holds it.
    Holder(ObjectId),
    /// A root does.
    Root(PathStart),
}

/// One step of the paths of many objects: what [`root_path`] finds for each. Look-ups in a big heap miss the cache; step
/// by step for all of them the misses overlap.
pub(super) fn steps_up(heap: &Heap<'_>, objects: &[ObjectId]) -> Vec<Up> {
    let reach = heap.reachability;
    let mut referrers: Vec<ObjectId> = Vec::with_capacity(objects.len() * 2);
    let mut ends: Vec<u32> = Vec::with_capacity(objects.len());
    for &object in objects {
        referrers.extend(heap.referrers.of(object));
        ends.push(referrers.len() as u32);
    }
    let ranks: Vec<u16> = referrers.iter().map(|&from| reach.mark(from)).collect();
    let mut begin = 0;
    let mut ups = Vec::with_capacity(objects.len());
    for (&object, end) in objects.iter().zip(ends) {
        let row = begin..end as usize;
        begin = end as usize;
        let is_first = reach.level(object) == Some(0);
        let root = reach.class(object).filter(|_| is_first).and_then(|class| start_root(reach, object, class));
        ups.push(match root {
            Some(root) => Up::Root(PathStart::Root(root)),
            None => {
                let wanted = reach.mark_above(object);
                let at_mark = row.filter(|&at| Some(ranks[at]) == wanted.map(|(mark, _)| mark)).map(|at| referrers[at]);
                let nearer = at_mark.filter(|&from| wanted.is_some_and(|(_, level)| reach.level(from) == Some(level)));
                match best(heap, object, nearer) {
                    None => Up::Root(PathStart::Storage { array: object, object }),
                    Some(array) if reach.roots().is_storage(array) => Up::Root(PathStart::Storage { array, object }),
                    Some(holder) => Up::Holder(holder),
                }
            }
        });
    }
    ups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::base::HandleKind;
    use crate::synth::heap::{HeapBuilder, Kind};
    use crate::synth::sample::sample;

    fn check(heap: &Heap<'_>, object: ObjectId, expected: Option<&str>) {
        let path = root_path(heap, object, &Job::new()).unwrap();
        assert_eq!(path.map(|path| path.text(heap)).as_deref(), expected);
    }

    #[test]
    fn the_leaking_worker_hangs_on_the_event() {
        with_heap(&sample(), |heap| {
            let worker = |n| {
                let is = |&id: &ObjectId| heap.snapshot.type_of(id).name.known() == Some("Corpus.Seed.Worker");
                heap.snapshot.objects.ids().filter(is).nth(n).unwrap()
            };
            check(
                heap,
                worker(17),
                Some("static Corpus.Seed.Dispatcher.Shutdown -> _invocationList -> [17] -> _target"),
            );
            check(heap, worker(2990), Some("static Corpus.Seed.Dispatcher.Active -> _items -> [6]"));
            let named = |text: &str| {
                let is = |&id: &ObjectId| heap.snapshot.string(id, 40).is_some_and(|string| string.text == text);
                heap.snapshot.objects.ids().find(is).unwrap()
            };
            check(heap, named("worker-"), Some("string literal (interned)"));
            check(heap, named("concurrent"), Some("static System.AppContext.s_dataStore -> _entries -> [1].value"));
            let stale = heap.graph.roots.handles.iter().find(|row| !row.is_strong).and_then(|row| row.object).unwrap();
            check(heap, stale, None);
        });
    }

    #[test]
    fn kinds_of_roots_by_preference() {
        let mut heap = HeapBuilder::new();
        let class = heap.class("App.Box", &[("inner", Kind::Reference)]);
        let boxes: Vec<ObjectId> = (0..7).map(|_| heap.object(class)).collect();
        heap.handle(HandleKind::Pinned, boxes[0]);
        let thread = heap.thread("worker");
        heap.stack(thread, boxes[0]);
        heap.stack(thread, boxes[1]);
        heap.thread_static(thread, class, "current", boxes[2]);
        heap.finalizer_ready(boxes[3]);
        heap.dependent(boxes[0], boxes[4]);
        // Held by a handle at distance 3 and by the finalizer queue at distance 0: the handle is the better answer.
        heap.set(boxes[4], "inner", boxes[5]);
        heap.finalizer_ready(boxes[5]);
        with_heap(&heap.build(), |heap| {
            check(heap, ObjectId(0), Some("pinned handle at 0x7d0000000000"));
            check(heap, ObjectId(1), Some("stack of thread 1 \"worker\" at 0x7c00000ff808 (may be stale)"));
            check(heap, ObjectId(2), Some("thread static App.Box.current of thread 1 \"worker\""));
            check(heap, ObjectId(3), Some("finalizer queue (waits to be finalized)"));
            check(heap, ObjectId(5), Some("pinned handle at 0x7d0000000000 -> ConditionalWeakTable -> inner"));
            check(heap, ObjectId(6), None);
        });
    }
}
