//! Questions to a heap, as pure functions of a snapshot and its graph: one file per question.
//!
//! ```text
//! histogram                    which types, how many, how big
//! referrers                    who refers to an object
//! reach                        what is alive when something is taken away
//! reachability                 what keeps an object alive, how far from a root
//! roots                        what a root is called
//! root_path, path_tree         why one object is alive
//! dominators                   what each object keeps alive, alone
//! cut                          the same questions with some references taken away
//! ```
//!
//! **Invariants:** nothing here knows a file or a window. Every function runs on hundreds of millions of objects: columns
//! of numbers by id, no map per object, no recursion over the heap, a tick of the job per 32,768 objects. What leaves a
//! function is sorted with a tie-break: the same dump gives the same answer.

pub mod cut;
pub mod dominator_tree;
pub mod dominators;
pub mod events;
pub mod findings;
pub mod fingerprint;
pub mod histogram;
pub mod inspections;
pub mod object_set;
pub mod path_tree;
pub mod reach;
pub mod reachability;
pub mod referrers;
pub mod root_path;
pub mod roots;
pub mod suspects;
pub mod verdict;

pub use cut::{Cut, Ignore};
pub use dominators::{Dominator, DominatorTree, Retained, dominators};
pub use histogram::{Histogram, histogram};
pub use object_set::ObjectSet;
pub use path_tree::{Holders, holders};
pub use reachability::{Reachability, ReachabilityOptions, reachability};
pub use referrers::{Referrers, referrers};
pub use root_path::{RootPath, root_path};
pub use roots::RootIndex;

use crate::snapshot::{HeapGraph, HeapSnapshot};

/// Objects between two ticks of a job: some tenths of a millisecond.
pub(crate) const TICK: u32 = 1 << 15;

/// A heap with everything that questions about single objects need.
#[derive(Clone, Copy, Debug)]
pub struct Heap<'a> {
    /// The heap.
    pub snapshot: &'a HeapSnapshot,
    /// References and roots.
    pub graph: &'a HeapGraph,
    /// References turned round.
    pub referrers: &'a Referrers,
    /// What is alive, and how far from its root.
    pub reachability: &'a Reachability,
}
