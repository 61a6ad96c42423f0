//! Questions to a heap, as pure functions of a snapshot and its graph: one file per question.
//!
//! ```text
//! histogram                    which types, how many, how big
//! instances                    which objects, by text, size, generation, and by what holds them
//! referrers, referrer_groups   who refers to an object, one by one and in a few lines
//! reach                        what is alive when something is taken away
//! reachability                 what keeps an object alive, how far from a root
//! roots, handle_owners         what a root is called, and which field a handle belongs to
//! root_path, path_tree         why one object is alive
//! different_paths              why else it is alive: one path a root, the most different ones first
//! fold, readable               how a path reads to a person
//! merged_paths                 why many objects are alive, in one tree
//! cut                          the same questions with some references taken away
//! what_if                      what comes back then
//! dominators, dominator_tree   what each object keeps alive alone; the same as rows, and who holds a set
//! suspects                     few holders that keep much
//! events                       handlers that were never removed
//! inspections                  waste and habits that end in leaks, one file each
//! findings, verdict            all of these, and the answer in two sentences
//! fingerprint                  a name of a finding that is the same in every dump
//! plumbing                     what is the framework's own
//! object_set, pages            one bit an object; columns in huge pages
//! ```
//!
//! **Invariants:** nothing here knows a file or a window. Every function runs on hundreds of millions of objects: columns
//! of numbers by id, no map per object, no recursion over the heap, a tick of the job per 32,768 objects. What leaves a
//! function is sorted with a tie-break: the same dump gives the same answer.

pub mod cut;
pub mod different_paths;
pub mod dominator_tree;
pub mod dominators;
pub mod events;
pub mod findings;
pub mod fingerprint;
pub mod fold;
pub mod handle_owners;
pub mod histogram;
pub mod inspections;
pub mod instances;
pub mod merged_paths;
pub mod object_set;
mod pages;
pub mod path_tree;
pub mod plumbing;
pub mod reach;
pub mod reachability;
pub mod readable;
pub mod referrer_groups;
pub mod referrers;
pub mod root_path;
pub mod roots;
pub mod suspects;
#[cfg(test)]
pub(crate) mod tests;
pub mod verdict;
pub mod what_if;

pub use cut::{Cut, Ignore};
pub use different_paths::{DifferentPath, DifferentPaths};
pub use dominators::{Dominator, DominatorTree, Retained, dominators};
pub use histogram::{Histogram, histogram};
pub use merged_paths::{MergedGrouping, MergedPaths};
pub use object_set::ObjectSet;
pub use path_tree::{Holders, holders};
pub use reachability::{Reachability, ReachabilityOptions, reachability};
pub use referrers::{Referrers, referrers};
pub use root_path::{RootPath, root_path};
pub use roots::RootIndex;
pub use what_if::{WhatIf, what_if};

use crate::base::number;
use crate::snapshot::{ExtraEdge, HeapGraph, HeapSnapshot, ObjectId, Slot};

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

impl<'a> Heap<'a> {
    /// The same heap where `other` says what is alive; as it is when there is no other.
    #[must_use]
    pub fn alive_as(self, other: Option<&'a Reachability>) -> Self {
        Self { reachability: other.unwrap_or(self.reachability), ..self }
    }

    /// The heap without what was ignored for `answer`; as it is when nothing was.
    #[must_use]
    pub fn without(self, answer: Option<&'a WhatIf>) -> Self {
        self.alive_as(answer.map(|answer| &answer.reachability))
    }

    /// Why answers about who holds what may be wrong, for a person: `the dump was taken during a collection`. `None`
    /// when nothing speaks against them.
    #[must_use]
    pub fn uncertain(&self) -> Option<String> {
        let (snapshot, graph) = (self.snapshot, self.graph);
        let mut reasons = Vec::new();
        // References that lead nowhere name no cause: damage leaves them as well as a collection.
        if snapshot.facts.gc.in_progress || snapshot.coverage.n_marked > 0 {
            reasons.push("the dump was taken during a collection".to_owned());
        } else if snapshot.facts.gc.background {
            reasons.push("a background collection was under way: what it has freed may still be listed".to_owned());
        }
        let lost = snapshot.coverage.lost_bytes();
        if lost > 0 {
            reasons.push(format!("{} of the heap could not be read", number::size(lost)));
        }
        reasons.extend(snapshot.lost_holders(graph));
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Name of the first reference from `from` to `to` that is not left out; `None` where it cannot be read. Reads
    /// `from` from the dump.
    #[must_use]
    pub fn edge_name(&self, from: ObjectId, to: ObjectId) -> Option<String> {
        let (snapshot, graph, reach) = (self.snapshot, self.graph, self.reachability);
        let cut = reach.cut().filter(|cut| !cut.spares(snapshot, from));
        let offset = match cut {
            None => snapshot.slot_to(from, to),
            Some(cut) => {
                let is_left = |slot: &Slot| slot.target == to && !cut.takes_slot(snapshot, from, slot.offset);
                snapshot.slots(from).find(is_left).map(|slot| slot.offset)
            }
        };
        let Some(offset) = offset else {
            return extra_edge(&graph.extra, from, to).map(|edge| edge.kind.label().to_owned());
        };
        // Static fields of a type that can be unloaded lie in an array of its LoaderAllocator.
        if reach.roots().has_fields(from)
            && let Some(row) = u32::try_from(offset).ok().and_then(|offset| reach.roots().field_at(graph, from, offset))
        {
            return Some(format!("static {}", roots::static_name(snapshot, row)));
        }
        Some(snapshot.slot_name(from, offset))
    }
}

/// The edge from `from` to `to` that no field holds.
fn extra_edge(extra: &[ExtraEdge], from: ObjectId, to: ObjectId) -> Option<&ExtraEdge> {
    let first = extra.partition_point(|edge| (edge.from, edge.to) < (from, to));
    extra.get(first).filter(|edge| (edge.from, edge.to) == (from, to))
}
