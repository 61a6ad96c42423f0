//! The instances of a type: ids in the order asked for, and previews of the ones in sight.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::analysis::Reachability;
use crate::analysis::instances::{InstanceFilter, instances};
use crate::base::job::Unit;
use crate::base::{Cancelled, Job};
use crate::session::{Pending, Session};
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId};
use crate::ui::widgets::table::Sort;

/// A column of the instance table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceColumn {
    /// Where it stands.
    Address,
    /// One line of its contents; not sortable.
    Preview,
    /// Its own bytes.
    Bytes,
    /// What goes with it.
    Retained,
    /// Its generation.
    Generation,
    /// Reachable from a root.
    Held,
}

/// What the table is asked to show.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceQuery {
    /// Of which type.
    pub ty: TypeId,
    /// Which of them; its own types do not matter.
    pub filter: InstanceFilter,
    /// Order; by address when equal.
    pub sort: Sort<InstanceColumn>,
    /// Reachability is known.
    pub has_reachability: bool,
    /// Retained sizes are known, and the order asks for them.
    pub has_retained: bool,
}

/// The table.
#[derive(Clone, Debug)]
pub struct InstanceList {
    /// Of which type.
    pub ty: TypeId,
    /// Those that were asked for, in order.
    pub objects: Vec<ObjectId>,
    /// How many of them are held, when known.
    pub n_held: Option<u64>,
    /// All instances of the type.
    pub n_all: u64,
    /// A filter was set.
    pub is_filtered: bool,
}

impl InstanceList {
    /// The row of `object`. Linear.
    #[must_use]
    pub fn row_of(&self, object: ObjectId) -> Option<u64> {
        self.objects.iter().position(|&row| row == object).map(|row| row as u64)
    }
}

/// The instances of a type that the filter means, sorted. One parallel pass over the type column; with a text, reads every
/// instance that fits otherwise.
///
/// # Errors
/// [`Cancelled`].
pub fn instance_list(
    snapshot: &HeapSnapshot,
    reachability: Option<&Reachability>,
    retained: Option<&(dyn Fn(ObjectId) -> u64 + Sync)>,
    query: &InstanceQuery,
    job: &Job,
) -> Result<InstanceList, Cancelled> {
    job.stage("Looking for instances", Unit::Objects, Some(snapshot.objects.len() as u64));
    let filter = InstanceFilter { types: vec![query.ty], ..query.filter.clone() };
    let mut objects = instances(snapshot, reachability, &filter, job)?;
    let is_held = |object: ObjectId| reachability.is_some_and(|reach| reach.is_alive(object));
    let n_held = reachability.map(|_| objects.par_iter().filter(|&&object| is_held(object)).count() as u64);
    match query.sort.column {
        InstanceColumn::Bytes => sort_by(&mut objects, |object| snapshot.objects.size(object)),
        InstanceColumn::Generation => sort_by(&mut objects, |object| snapshot.objects.generation(object) as u64),
        InstanceColumn::Held => sort_by(&mut objects, |object| u64::from(is_held(object))),
        InstanceColumn::Retained => {
            if let Some(retained) = retained {
                sort_by(&mut objects, retained);
            }
        }
        InstanceColumn::Address | InstanceColumn::Preview => {}
    }
    job.tick(0)?;
    if query.sort.is_descending {
        objects.reverse();
    }
    let n_all = snapshot.totals.get(query.ty.index()).map_or(0, |totals| totals.count);
    let is_filtered = query.filter != InstanceFilter::default();
    Ok(InstanceList { ty: query.ty, objects, n_held, n_all, is_filtered })
}

fn sort_by(objects: &mut [ObjectId], key: impl Fn(ObjectId) -> u64 + Sync) {
    objects.par_sort_by_cached_key(|&object| (key(object), object));
}

/// One-line previews, asked for as rows come into sight. Keeps the latest few thousand.
#[derive(Debug, Default)]
pub struct Previews {
    known: HashMap<ObjectId, Arc<str>>,
    pending: Option<Pending<Vec<(ObjectId, String)>>>,
}

impl Previews {
    const KEPT: usize = 8192;

    /// The preview of `object`, when it is known.
    #[must_use]
    pub fn get(&self, object: ObjectId) -> Option<&Arc<str>> {
        self.known.get(&object)
    }

    /// Asks for those of `objects` that are not known. One question at a time.
    pub fn want(
        &mut self,
        session: &Session,
        objects: &[ObjectId],
        preview: impl Fn(&HeapSnapshot, ObjectId) -> String + Send + 'static,
    ) {
        if self.pending.is_some() {
            return;
        }
        let missing: Vec<_> = objects.iter().copied().filter(|object| !self.known.contains_key(object)).collect();
        if missing.is_empty() {
            return;
        }
        self.pending = session.ask(move |analyses, job| {
            missing
                .into_iter()
                .map(|object| {
                    job.tick(1)?;
                    Ok((object, preview(&analyses.snapshot, object)))
                })
                .collect()
        });
    }

    /// Takes what has come. True when something new can be shown.
    pub fn poll(&mut self) -> bool {
        let Some(result) = self.pending.as_mut().and_then(Pending::poll) else { return false };
        self.pending = None;
        if let Ok(previews) = result {
            if self.known.len() + previews.len() > Self::KEPT {
                self.known.clear();
            }
            self.known.extend(previews.into_iter().map(|(object, text)| (object, text.into())));
        }
        true
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }
}
