//! Everything that is looked for in one heap, and the verdict on it.

use super::Heap;
use super::dominator_tree::TreeView;
use super::dominators::DominatorTree;
use super::dominators::children::Children;
use super::events::{Events, events};
use super::inspections::{Inspection, Outcome, Subject, inspect_all};
use super::suspects::{Suspects, suspects};
use super::verdict::{Verdict, verdict};
use crate::base::job::Unit;
use crate::base::{Cancelled, Job};

/// What was looked for, and what was found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Event handlers.
    pub events: Events,
    /// Holders that keep much alive.
    pub suspects: Suspects,
    /// The other inspections.
    pub inspections: Vec<Inspection>,
    /// The answer.
    pub verdict: Verdict,
}

impl Findings {
    /// Inspections that found something; events and suspects are none of them.
    #[must_use]
    pub fn n_found(&self) -> usize {
        self.inspections.iter().filter(|one| one.outcome == Outcome::Found).count()
    }

    /// Inspections that could not be made of this dump.
    #[must_use]
    pub fn n_impossible(&self) -> usize {
        self.inspections.iter().filter(|one| matches!(one.outcome, Outcome::NotPossible(_))).count()
    }
}

/// Looks for everything. Some passes over the heap.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn findings(heap: &Heap<'_>, tree: &DominatorTree, children: &Children, job: &Job) -> Result<Findings, Cancelled> {
    let events = events(heap, tree, job)?;
    let view = TreeView { snapshot: heap.snapshot, graph: heap.graph, tree, children };
    let suspects = suspects(heap, &view, job)?;
    let verdict = verdict(heap, tree, &events, &suspects);
    job.stage("Looking for waste", Unit::Steps, None);
    let inspections = inspect_all(&Subject { snapshot: heap.snapshot, graph: heap.graph, tree }, job)?;
    Ok(Findings { events, suspects, inspections, verdict })
}
