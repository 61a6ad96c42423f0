//! What the instances of each type keep alive together: a lower bound for all types at once, the exact size for those in
//! sight, found behind the table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Answer;
use crate::analysis::ObjectSet;
use crate::analysis::dominators::sets::retained_by;
use crate::analysis::dominators::{DominatorOptions, Retained, root_objects};
use crate::analysis::instances::{InstanceFilter, instances};
use crate::base::{Cancelled, Job};
use crate::session::{Analyses, Pending, Session};
use crate::snapshot::TypeId;

/// How long one question runs before its answers are shown: a pass over the heap per type.
const BATCH: Duration = Duration::from_millis(200);

/// Retained sizes by type.
#[derive(Debug, Default)]
pub struct TypeRetained {
    bounds: Answer<(), Vec<Retained>>,
    exact: HashMap<TypeId, u64>,
    pending: Option<Pending<Vec<(TypeId, u64)>>>,
}

/// What is known of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeSize {
    /// Not found out yet.
    Unknown,
    /// At least this much: what two instances hold together is not in it.
    AtLeast(u64),
    /// This much.
    Exact(u64),
}

impl TypeRetained {
    /// Takes in what was found. True when something new can be shown.
    pub fn poll(&mut self) -> bool {
        let is_new = self.bounds.poll();
        match self.pending.as_mut().and_then(Pending::poll) {
            Some(result) => {
                self.pending = None;
                self.exact.extend(result.into_iter().flatten());
                true
            }
            None => is_new,
        }
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.bounds.is_pending() || self.pending.is_some()
    }

    /// The lower bounds of all types, once they are known.
    #[must_use]
    pub fn bounds(&self) -> Option<Arc<Vec<Retained>>> {
        self.bounds.value().cloned()
    }

    /// What is known of `ty`.
    #[must_use]
    pub fn of(&self, ty: TypeId) -> TypeSize {
        match (self.exact.get(&ty), self.bounds.value().and_then(|bounds| bounds.get(ty.index()))) {
            (Some(&bytes), _) => TypeSize::Exact(bytes),
            (None, Some(bound)) => TypeSize::AtLeast(bound.bytes),
            (None, None) => TypeSize::Unknown,
        }
    }

    /// Asks for the bounds, and then for the exact sizes of `types`, in this order.
    pub fn want(&mut self, session: &Session, types: &[TypeId]) {
        if session.dominance().is_none() {
            return;
        }
        self.bounds.want(session, (), bounds);
        if self.bounds.value().is_none() || self.pending.is_some() {
            return;
        }
        let mut seen = HashSet::new();
        let missing: Vec<TypeId> =
            types.iter().copied().filter(|ty| !self.exact.contains_key(ty) && seen.insert(*ty)).collect();
        if !missing.is_empty() {
            self.pending = session.ask(move |analyses, job| exact(analyses, &missing, job));
        }
    }
}

fn bounds(analyses: &Analyses, job: &Job) -> Result<Vec<Retained>, Cancelled> {
    match analyses.dominance.as_deref() {
        Some(dominance) => dominance.children.retained_by_type(&dominance.tree, &analyses.snapshot, job),
        None => Ok(Vec::new()),
    }
}

/// As many of `types` as fit into the batch's time, one at least.
fn exact(analyses: &Analyses, types: &[TypeId], job: &Job) -> Result<Vec<(TypeId, u64)>, Cancelled> {
    let begin = Instant::now();
    let mut found = Vec::new();
    let (Some(graph), Some(dominance)) = (analyses.graph.as_deref(), analyses.dominance.as_deref()) else {
        return Ok(found);
    };
    let snapshot = &analyses.snapshot;
    let roots = root_objects(graph, DominatorOptions { stack: false });
    for &ty in types {
        if !found.is_empty() && begin.elapsed() > BATCH {
            break;
        }
        let mut set = ObjectSet::new(snapshot.objects.len());
        let filter = InstanceFilter { types: vec![ty], ..InstanceFilter::default() };
        for object in instances(snapshot, None, &filter, job)? {
            set.insert(object);
        }
        found.push((ty, retained_by(snapshot, graph, &dominance.tree, &roots, &set, job)?.bytes));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::sample::seed;
    use crate::ui::tests::type_named;

    #[test]
    fn bounds_come_first_and_exact_sizes_follow_and_are_no_smaller() {
        let (snapshot, graph) = seed(300, 16);
        let session = Session::from_parts(Arc::new(snapshot), Some(Arc::new(graph)));
        let snapshot = session.snapshot().unwrap();
        let types: Vec<TypeId> = snapshot.types.iter().map(|(ty, _)| ty).collect();
        let mut sizes = TypeRetained::default();
        assert_eq!(sizes.of(types[0]), TypeSize::Unknown);
        let mut bounds = None;
        for _ in 0..10_000 {
            sizes.want(&session, &types);
            sizes.poll();
            bounds = bounds.or_else(|| sizes.bounds());
            if types.iter().all(|&ty| matches!(sizes.of(ty), TypeSize::Exact(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let bounds = bounds.unwrap();
        for &ty in &types {
            let TypeSize::Exact(bytes) = sizes.of(ty) else { panic!("{ty:?}") };
            assert!(bytes >= bounds[ty.index()].bytes, "{ty:?}");
        }
        let worker = type_named(&snapshot, "Corpus.Seed.Worker");
        assert!(matches!(sizes.of(worker), TypeSize::Exact(bytes) if bytes > snapshot.totals[worker.index()].bytes));
    }
}
