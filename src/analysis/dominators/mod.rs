//! Exact dominators and retained sizes: who keeps what alive, alone.
//!
//! An object *dominates* another when every path from the roots to the other passes it. The nearest such object is the
//! immediate dominator; the tree of immediate dominators hangs on one virtual root that refers to everything the roots
//! hold. What an object *retains* is the sum of the shallow sizes below it in that tree, itself included: what comes
//! back when it goes.
//!
//! ```text
//! search    depth-first order over the objects that refer to something; references off the search tree, by target
//! climb     semidominators (Lengauer and Tarjan 1979) by path compression, then immediate dominators (the second step
//!           of Semi-NCA, Georgiadis 2005) with skip pointers (Myers 1983) instead of the climb that is quadratic
//! leaves    an object without references lies on no path to another: its dominator is the nearest common one of
//!           those that refer to it, found afterwards
//! sums      retained bytes and objects, from the last of the order to the first
//! ```
//!
//! Cost: O((objects + references) log objects) on any graph, no recursion; about 30 bytes of scratch per object that
//! refers to something. Long lists whose nodes share objects make the textbook climb quadratic: `steps` counts what the
//! climb costs, and a test holds it down.

pub mod children;
mod climb;
mod search;
pub mod sets;
#[cfg(test)]
mod tests;

use std::hint::black_box;

use super::{ObjectSet, TICK};
use crate::base::job::Unit;
use crate::base::{Cancelled, Job, RootKind};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// Which roots hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DominatorOptions {
    /// Words on stacks hold, too. They may be stale.
    pub stack: bool,
}

/// Immediate dominator of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dominator {
    /// No object alone: several roots, or paths that meet nowhere before it.
    Root,
    /// This object.
    Object(ObjectId),
}

/// What an object keeps alive, itself included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retained {
    /// Bytes.
    pub bytes: u64,
    /// Objects.
    pub count: u64,
}

/// What the search and the climbs cost, free of the noise of a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Objects that refer to something.
    pub n_core: u64,
    /// References that are not in the search tree, between such objects.
    pub n_cross: u64,
    /// Vertices touched by path compression.
    pub compression: u64,
    /// Skips taken to find immediate dominators.
    pub climb: u64,
    /// Skips taken to find the dominators of leaves.
    pub leaf: u64,
}

/// Not reached.
const NONE: u32 = u32::MAX;

/// Number of the virtual root.
const ROOT: u32 = 0;

/// The dominator tree with retained sizes. Objects that refer to something have a number in the order of the search;
/// leaves know the number of their dominator.
#[derive(Clone, Debug)]
pub struct DominatorTree {
    /// By id: the own number of an object that refers to something, the dominator's number of a leaf, [`NONE`].
    number: Vec<u32>,
    /// Objects that refer to something.
    core: ObjectSet,
    /// By number: the object. The first stands for the virtual root.
    vertex: Vec<ObjectId>,
    /// By number: the immediate dominator's number.
    idom: Vec<u32>,
    /// By number: what it retains.
    bytes: Vec<u64>,
    /// By number: objects it retains.
    count: Vec<u32>,
    steps: Steps,
}

/// Objects that roots hold directly, in the plain graph: a static field is a slot of the runtime's array, and that array
/// is what a handle holds. A field whose array is not on the heap is a root itself.
#[must_use]
pub fn root_objects(graph: &HeapGraph, options: DominatorOptions) -> Vec<ObjectId> {
    let tables = &graph.roots;
    let storage = |rows: &[crate::snapshot::StaticRow], row: Option<u32>| {
        rows.get(row? as usize)?.storage.map(|(array, _)| array)
    };
    let mut objects: Vec<ObjectId> = tables
        .roots
        .iter()
        .filter(|root| options.stack || root.kind != RootKind::Stack)
        .map(|root| {
            let array = match root.kind {
                RootKind::Static => storage(&tables.statics, root.row),
                RootKind::ThreadStatic => storage(&tables.thread_statics, root.row),
                _ => None,
            };
            array.unwrap_or(root.object)
        })
        .collect();
    objects.sort_unstable();
    objects.dedup();
    objects
}

/// The dominator tree below `roots` (sorted; [`root_objects`] gives those of the process).
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn dominators(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    roots: &[ObjectId],
    job: &Job,
) -> Result<DominatorTree, Cancelled> {
    let n = snapshot.objects.len();
    job.stage("Finding what keeps what alive", Unit::Objects, Some(4 * n as u64));
    let core = core(snapshot, graph, job)?;
    let search::Search { mut number, vertex, parent, cross } = search::search(snapshot, graph, &core, roots, job)?;
    let mut steps = Steps { n_core: vertex.len() as u64 - 1, n_cross: cross.n_references(), ..Steps::default() };
    let semi = climb::semidominators(&parent, &cross, &mut steps, job)?;
    drop(cross);
    let mut tree = climb::immediate_dominators(&parent, semi, &mut steps, job)?;
    drop(parent);
    fold_leaves(graph, &core, roots, &mut number, &mut tree, job)?;
    steps.leaf = tree.steps;
    let idom = tree.into_idom();
    let (bytes, count) = sums(snapshot, &core, &number, &idom, job)?;
    Ok(DominatorTree { number, core, vertex, idom, bytes, count, steps })
}

/// Objects that refer to something.
fn core(snapshot: &HeapSnapshot, graph: &HeapGraph, job: &Job) -> Result<ObjectSet, Cancelled> {
    let mut core = ObjectSet::new(snapshot.objects.len());
    for object in snapshot.objects.ids() {
        if object.0 % TICK == 0 {
            job.tick(u64::from(TICK))?;
        }
        if graph.references.has_targets(object) {
            core.insert(object);
        }
    }
    Ok(core)
}

/// Gives every leaf the nearest common dominator of its referrers.
fn fold_leaves(
    graph: &HeapGraph,
    core: &ObjectSet,
    roots: &[ObjectId],
    number: &mut [u32],
    tree: &mut climb::SkipTree,
    job: &Job,
) -> Result<(), Cancelled> {
    for &root in roots.iter().filter(|&&root| !core.contains(root)) {
        number[root.index()] = ROOT;
    }
    let mut leaves = Vec::new();
    // In the order of the heap, where rows stand one behind the other: the common dominator is the same in any order.
    for object in core.iter() {
        if object.0 % TICK == 0 {
            job.tick(u64::from(TICK))?;
        }
        let referrer = number[object.index()];
        if referrer == NONE {
            continue;
        }
        leaves.clear();
        leaves.extend(graph.references.of(object).filter(|&target| !core.contains(target)));
        // Reads that do not wait for each other: the loop after this one finds them in the cache.
        black_box(leaves.iter().fold(0, |sum, leaf| sum ^ number[leaf.index()]));
        for &target in &leaves {
            let known = &mut number[target.index()];
            *known = match *known {
                NONE => referrer,
                ROOT => ROOT,
                same if same == referrer => same,
                other => tree.common(other, referrer),
            };
        }
    }
    Ok(())
}

/// Retained bytes and objects by number.
fn sums(
    snapshot: &HeapSnapshot,
    core: &ObjectSet,
    number: &[u32],
    idom: &[u32],
    job: &Job,
) -> Result<(Vec<u64>, Vec<u32>), Cancelled> {
    let mut bytes = vec![0u64; idom.len()];
    let mut count = vec![0u32; idom.len()];
    for entry in snapshot.objects.all_entries() {
        if entry.id.0 % TICK == 0 {
            job.tick(u64::from(TICK))?;
        }
        // An object's own size belongs to its own number, a leaf's to its dominator's.
        let place = number[entry.id.index()];
        if place != NONE {
            bytes[place as usize] += entry.size;
            count[place as usize] += 1;
        }
    }
    debug_assert!(!core.contains(ObjectId(NONE)));
    for place in (1..idom.len()).rev() {
        let above = idom[place] as usize;
        bytes[above] += bytes[place];
        count[above] += count[place];
    }
    Ok((bytes, count))
}

impl DominatorTree {
    /// True when a root reaches `object`. Column look-up.
    #[must_use]
    pub fn is_reached(&self, object: ObjectId) -> bool {
        self.number.get(object.index()).is_some_and(|&number| number != NONE)
    }

    /// Number of the immediate dominator of `object`.
    fn above(&self, object: ObjectId) -> Option<u32> {
        let number = self.number.get(object.index()).copied().filter(|&number| number != NONE)?;
        Some(if self.core.contains(object) { self.idom[number as usize] } else { number })
    }

    /// The immediate dominator of `object`; `None` when no root reaches it. Column look-up.
    #[must_use]
    pub fn dominator(&self, object: ObjectId) -> Option<Dominator> {
        let above = self.above(object)?;
        Some(if above == ROOT { Dominator::Root } else { Dominator::Object(self.vertex[above as usize]) })
    }

    /// What `object` keeps alive; `None` when no root reaches it. Column look-up and, for a leaf, its size.
    #[must_use]
    pub fn retained(&self, snapshot: &HeapSnapshot, object: ObjectId) -> Option<Retained> {
        let number = self.number.get(object.index()).copied().filter(|&number| number != NONE)?;
        Some(if self.core.contains(object) {
            self.at(number)
        } else {
            Retained { bytes: snapshot.objects.size(object), count: 1 }
        })
    }

    /// Everything that roots reach.
    #[must_use]
    pub fn total(&self) -> Retained {
        self.at(ROOT)
    }

    /// What the work cost.
    #[must_use]
    pub const fn steps(&self) -> Steps {
        self.steps
    }

    /// Bytes of memory it takes.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        (self.number.len() * 4 + self.number.len() / 8 + self.vertex.len() * (4 + 4 + 8 + 4)) as u64
    }

    fn at(&self, number: u32) -> Retained {
        Retained { bytes: self.bytes[number as usize], count: u64::from(self.count[number as usize]) }
    }
}
