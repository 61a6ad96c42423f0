//! The finalizer's backlog: dead objects whose finalizer has not run.

use std::collections::BTreeMap;

use super::{Description, Inspection, Item, Subject, times};
use crate::base::number;
use crate::snapshot::{ObjectId, TypeId};

const BACKLOG: Description = Description {
    name: "finalizer-backlog",
    title: "Finalizer backlog",
    definition: "objects that are dead and wait for the finalizer thread",
    threshold: "10 or more objects ready",
    remedy: "dispose the objects instead of leaving them to the finalizer; look at the finalizer thread's stack for the one that blocks it",
};

/// Ready objects that are called a backlog.
const MIN_READY: usize = 10;

pub(super) fn inspect(subject: &Subject<'_>) -> Inspection {
    let finalizers = &subject.graph.roots.finalizers;
    let mut by_type: BTreeMap<TypeId, Vec<ObjectId>> = BTreeMap::new();
    for &object in &finalizers.ready {
        by_type.entry(subject.snapshot.objects.type_of(object)).or_default().push(object);
    }
    let items = by_type
        .into_iter()
        .map(|(ty, objects)| Item {
            text: times(objects.len() as u64, &subject.snapshot.types.row(ty).display_name()),
            objects: objects.len() as u64,
            bytes: objects.iter().map(|&object| subject.retained(object)).sum(),
            example: objects.first().copied(),
        })
        .collect();
    let result = format!(
        "{} ready, {} registered",
        number::count(finalizers.ready.len() as u64),
        number::count(finalizers.registered.len() as u64)
    );
    BACKLOG.answer(finalizers.ready.len() >= MIN_READY, result, items)
}
