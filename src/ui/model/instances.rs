//! The instances of a type: ids in the order asked for, and previews of the ones in sight.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceQuery {
    /// Of which type.
    pub ty: TypeId,
    /// Order; by address when equal.
    pub sort: Sort<InstanceColumn>,
    /// Reachability is known.
    pub has_reachability: bool,
    /// Retained sizes are known.
    pub has_retained: bool,
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct InstanceList {
    /// Instances, in order.
    pub objects: Vec<ObjectId>,
    /// Held ones, when known.
    pub n_held: Option<u64>,
}

impl InstanceList {
    /// The row of `object`. Linear.
    #[must_use]
    pub fn row_of(&self, object: ObjectId) -> Option<u64> {
        self.objects.iter().position(|&row| row == object).map(|row| row as u64)
    }
}

/// The instances of a type, sorted. One parallel pass over the type column.
///
/// # Errors
/// [`Cancelled`].
pub fn instance_list(
    snapshot: &HeapSnapshot,
    is_held: Option<&(dyn Fn(ObjectId) -> bool + Sync)>,
    retained: Option<&(dyn Fn(ObjectId) -> u64 + Sync)>,
    query: &InstanceQuery,
    job: &Job,
) -> Result<InstanceList, Cancelled> {
    const CHUNK: u32 = 1 << 18;
    let n = snapshot.objects.len() as u32;
    let chunks: Vec<Vec<ObjectId>> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            job.tick(CHUNK.into())?;
            let range = chunk * CHUNK..(chunk + 1).saturating_mul(CHUNK).min(n);
            Ok(range.map(ObjectId).filter(|&object| snapshot.objects.type_of(object) == query.ty).collect())
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut objects = chunks.concat();
    let n_held = is_held.map(|is_held| objects.par_iter().filter(|&&object| is_held(object)).count() as u64);
    match query.sort.column {
        InstanceColumn::Bytes => sort_by(&mut objects, |object| snapshot.objects.size(object)),
        InstanceColumn::Generation => sort_by(&mut objects, |object| snapshot.objects.generation(object) as u64),
        InstanceColumn::Held => {
            if let Some(is_held) = is_held {
                sort_by(&mut objects, |object| u64::from(is_held(object)));
            }
        }
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
    Ok(InstanceList { objects, n_held })
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
