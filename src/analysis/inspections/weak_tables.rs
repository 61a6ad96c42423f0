//! ConditionalWeakTable entries whose value holds its own key.
//!
//! The table itself copes with that: key and value die together. It becomes a leak when something else holds the value,
//! because then the value holds the key for good.

use super::{Description, Inspection, Item, ObjectSet, Subject};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::{ExtraEdgeKind, ObjectId};

const TABLES: Description = Description {
    name: "weak-table-cycles",
    title: "Weak tables",
    definition: "ConditionalWeakTable entries whose value refers to its key",
    threshold: "the value is held by something else too",
    remedy: "let the value refer to its key weakly, or not at all",
};

/// Objects followed from one value in search of its key.
const MAX_STEPS: usize = 10_000;

pub(super) fn inspect(subject: &Subject<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let pairs: Vec<(ObjectId, ObjectId)> = subject
        .graph
        .extra
        .iter()
        .filter(|edge| edge.kind == ExtraEdgeKind::DependentHandle && subject.live(edge.from))
        .map(|edge| (edge.from, edge.to))
        .collect();
    let mut items = Vec::new();
    let mut n_cycles = 0u64;
    for &(key, value) in &pairs {
        job.tick(0)?;
        if !reaches(subject, value, key) {
            continue;
        }
        n_cycles += 1;
        // Held by something else: alive although the key keeps nothing.
        let mut cut = ObjectSet::new(subject.snapshot.objects.len());
        cut.insert(key);
        if super::reachable_cutting(subject, &cut, job)?.contains(value) {
            items.push(Item {
                text: format!(
                    "{} holds its key {}",
                    subject.snapshot.type_of(value).display_name(),
                    subject.snapshot.type_of(key).display_name()
                ),
                objects: 1,
                bytes: subject.retained(key),
                example: Some(key),
            });
        }
        // Each needs a pass over the heap: a sample is enough to name the pattern.
        if items.len() >= 20 {
            break;
        }
    }
    let result = format!(
        "{}, {} with a cycle",
        number::counted(pairs.len() as u64, "entry", "entries"),
        number::count(n_cycles)
    );
    Ok(TABLES.answer(!items.is_empty(), result, items))
}

fn reaches(subject: &Subject<'_>, from: ObjectId, wanted: ObjectId) -> bool {
    let mut seen = std::collections::BTreeSet::from([from]);
    let mut stack = vec![from];
    while let Some(object) = stack.pop() {
        if object == wanted {
            return true;
        }
        for target in subject.graph.references.of(object) {
            if seen.len() < MAX_STEPS && seen.insert(target) {
                stack.push(target);
            }
        }
    }
    false
}
