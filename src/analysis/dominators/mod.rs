//! Exact dominators and retained sizes: who keeps what alive, alone.
//!
//! An object *dominates* another when every path from the roots to the other passes it. The nearest such object is the
//! immediate dominator; the tree of immediate dominators hangs on one virtual root that refers to everything the roots
//! hold. What an object *retains* is the sum of the shallow sizes below it in that tree, itself included: what comes
//! back when it goes.
//!
//! ```text
//! core_graph  the objects that refer to something, and the references between them, as plain rows
//! search      depth-first order of the core; references off the search tree, by target
//! climb       semidominators (Lengauer and Tarjan 1979) by path compression, then immediate dominators (the second
//!             step of Semi-NCA, Georgiadis 2005) with skip pointers (Myers 1983) instead of the climb that is quadratic
//! share       an object without references lies on no path to another: its dominator is its only referrer, or the
//!             nearest common dominator of all of them, found afterwards
//! sums        retained bytes and objects, from the last of the order to the first
//! ```
//!
//! Cost: O((objects + references) log objects) on any graph, no recursion; about 36 bytes of scratch per object that
//! refers to something, and 8 per reference off the search tree. Long lists whose nodes share objects make the textbook climb quadratic: `steps` counts what the
//! climb costs, and a test holds it down.

pub mod children;
mod climb;
mod core_graph;
mod search;
pub mod sets;
#[cfg(test)]
mod tests;

use std::hint::black_box;

use bytemuck::{Pod, Zeroable};

use self::climb::SkipTree;
use self::core_graph::{CoreGraph, Member, NOBODY, SEVERAL};
use super::pages::Pages;
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

impl Dominator {
    /// The object, when it is one.
    #[must_use]
    pub const fn object(self) -> Option<ObjectId> {
        match self {
            Self::Root => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// What an object keeps alive, itself included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retained {
    /// Bytes.
    pub bytes: u64,
    /// Objects.
    pub count: u64,
}

impl std::ops::Add for Retained {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, count: self.count + other.count }
    }
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
#[derive(Debug)]
pub struct DominatorTree {
    /// By id: the own number of an object that refers to something, the dominator's number of a leaf, [`NONE`].
    number: Vec<u32>,
    /// Objects that refer to something.
    core: ObjectSet,
    /// By number: the immediate dominator's number.
    idom: Vec<u32>,
    /// By number: the object, and what it retains. The first is the virtual root.
    holdings: Pages<Holding>,
    steps: Steps,
}

/// An object of the core, and what it retains.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Holding {
    bytes: u64,
    count: u32,
    /// Id; that of the virtual root means nothing.
    object: u32,
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
    job.stage("Finding what keeps what alive", Unit::Objects, Some(5 * n as u64));
    let mut core = CoreGraph::read(graph, job)?;
    let members: Vec<u32> = roots.iter().filter_map(|&root| core.indexes.of(root)).collect();
    let search::Search { parent, cross } = search::search(&mut core, &members, job)?;
    let CoreGraph { indexes, members, others, owners, mut shared } = core;
    drop(others);
    let mut number = numbers(&indexes.set, &members, owners, job)?;
    for &root in roots.iter().filter(|&&root| !indexes.set.contains(root)) {
        number[root.index()] = ROOT;
    }
    shared.iter_mut().for_each(|(_, by)| *by = members[*by as usize].number);
    let n_numbers = parent.len();
    let mut steps = Steps { n_core: n_numbers as u64 - 1, n_cross: cross.n_references(), ..Steps::default() };
    let mut forest = members.reuse(n_numbers);
    let semi = climb::semidominators(&mut forest, &parent, cross, &mut steps, job)?;
    let mut tree = forest.reuse(n_numbers);
    let idom = climb::immediate_dominators(&mut tree, parent, &semi, &mut steps, job)?;
    drop(semi);
    steps.leaf = share(&shared, SkipTree::new(&tree), &mut number, job)?;
    drop(shared);
    let mut holdings = tree.reuse(n_numbers);
    sums(snapshot, &indexes.set, &number, &idom, &mut holdings, job)?;
    Ok(DominatorTree { number, core: indexes.set, idom, holdings, steps })
}

/// The column of numbers, in the place of the owners: a leaf with one referrer that is reached has that one's number.
fn numbers(core: &ObjectSet, members: &[Member], mut owners: Vec<u32>, job: &Job) -> Result<Vec<u32>, Cancelled> {
    let mut next = 0;
    for (id, place) in (0..).map(ObjectId).zip(&mut owners) {
        if id.0.is_multiple_of(TICK) {
            job.tick(u64::from(TICK))?;
        }
        let member = if core.contains(id) {
            next += 1;
            next
        } else {
            *place
        };
        *place = match member {
            NOBODY | SEVERAL => NONE,
            behind => match members[behind as usize - 1].number {
                ROOT => NONE,
                number => number,
            },
        };
    }
    Ok(owners)
}

/// Pairs looked at together.
const AHEAD: usize = 64;

/// Gives every leaf of several referrers, whose numbers stand beside it, the nearest common dominator of those that are
/// reached. Returns the skips taken.
fn share(shared: &[(ObjectId, u32)], mut tree: SkipTree<'_>, number: &mut [u32], job: &Job) -> Result<u64, Cancelled> {
    for (block, pairs) in shared.chunks(AHEAD).enumerate() {
        if block.is_multiple_of(TICK as usize / AHEAD) {
            job.tick(0)?;
        }
        // Reads that do not wait for each other: the loop after this one finds them in the cache.
        black_box(pairs.iter().fold(0, |sum, (leaf, _)| sum ^ number[leaf.index()]));
        for &(leaf, by) in pairs.iter().filter(|&&(_, by)| by != ROOT) {
            let known = &mut number[leaf.index()];
            *known = match *known {
                NONE => by,
                ROOT => ROOT,
                same if same == by => same,
                other => tree.common(other, by),
            };
        }
    }
    Ok(tree.steps)
}

/// What every object of the core retains, by number.
fn sums(
    snapshot: &HeapSnapshot,
    core: &ObjectSet,
    number: &[u32],
    idom: &[u32],
    holdings: &mut [Holding],
    job: &Job,
) -> Result<(), Cancelled> {
    holdings.fill(Holding::zeroed());
    for entry in snapshot.objects.all_entries() {
        if entry.id.0.is_multiple_of(TICK) {
            job.tick(u64::from(TICK))?;
        }
        // An object's own size belongs to its own number, a leaf's to its dominator's.
        let place = number[entry.id.index()];
        if place != NONE {
            let holding = &mut holdings[place as usize];
            holding.bytes += entry.size;
            holding.count += 1;
            if core.contains(entry.id) {
                holding.object = entry.id.0;
            }
        }
    }
    for place in (1..idom.len()).rev() {
        let Holding { bytes, count, .. } = holdings[place];
        let above = &mut holdings[idom[place] as usize];
        above.bytes += bytes;
        above.count += count;
    }
    Ok(())
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
        Some(if above == ROOT {
            Dominator::Root
        } else {
            Dominator::Object(ObjectId(self.holdings[above as usize].object))
        })
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
        self.holdings.heap_bytes() + (self.number.len() * 4 + self.number.len() / 8 + self.idom.len() * 4) as u64
    }

    fn at(&self, number: u32) -> Retained {
        let Holding { bytes, count, .. } = self.holdings[number as usize];
        Retained { bytes, count: count.into() }
    }
}
