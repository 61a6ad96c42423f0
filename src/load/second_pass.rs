//! Second pass: handles, statics, threads and finalizers by id, then every reference.

use std::sync::Arc;

use super::collectible::loader_allocators;
use super::edges::{EdgeSource, read_edges};
use super::error::Error;
use super::roots;
use crate::base::job::Unit;
use crate::base::{Job, Place, Skipped, Warnings};
use crate::clr::{Runtime, Types};
use crate::snapshot::{HeapGraph, HeapSnapshot};

/// What is left to read after the first pass.
#[derive(Clone, Debug)]
pub struct Remaining {
    runtime: Arc<Runtime>,
    types: Arc<Types>,
}

impl Remaining {
    pub(crate) fn new(runtime: Arc<Runtime>, types: Arc<Types>) -> Self {
        Self { runtime, types }
    }

    /// The runtime that was found.
    #[must_use]
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// What more can be asked of its types.
    #[must_use]
    pub fn types(&self) -> &Arc<Types> {
        &self.types
    }

    /// Reads roots and references of `snapshot`, which came from the same call of [`super::open`].
    ///
    /// # Errors
    /// [`Error::Cancelled`]. What cannot be read is a warning of the graph.
    pub fn read_graph(&self, snapshot: &HeapSnapshot, job: &Job) -> Result<HeapGraph, Error> {
        let mut warnings = Warnings::new();
        job.stage("Reading roots", Unit::Steps, None);
        let roots = roots::read(&self.runtime, &self.types, snapshot, job, &mut warnings)?;
        let loader_allocators = loader_allocators(&self.runtime, &self.types, snapshot);
        job.stage("Reading references", Unit::Objects, Some(snapshot.objects.len() as u64));
        let source = EdgeSource {
            memory: &self.runtime.target.memory,
            objects: &snapshot.objects,
            types: &snapshot.types,
            loader_allocators: &loader_allocators,
            dependents: &roots.dependents,
        };
        let edges = read_edges(&source, job)?;
        if edges.absent_bytes > 0 {
            let place = edges.first_absent.map(Place::Target);
            let why = format!("{} bytes of objects with references are not in the dump", edges.absent_bytes);
            warnings.skip(Skipped::Reference, place, why);
        }
        Ok(HeapGraph {
            references: edges.references,
            extra: edges.extra,
            checksums: edges.checksums,
            n_dangling: edges.n_dangling,
            roots: roots.tables,
            warnings,
        })
    }
}
