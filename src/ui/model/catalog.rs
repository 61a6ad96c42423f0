//! The types of a heap as the window lists them: names in lower case, modules, own or framework. Made once per dump.

use crate::analysis::plumbing::is_framework;
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapSnapshot, TypeId, TypeName, TypeRow, TypeShape, TypeTotals};

/// One type with instances.
#[derive(Clone, Debug)]
pub struct TypeEntry {
    /// Which.
    pub id: TypeId,
    /// Its name; the MethodTable's address for a type without one.
    pub name: Box<str>,
    /// The same in lower case.
    pub lower: Box<str>,
    /// Why it has no name.
    pub unnamed: Option<Box<str>>,
    /// Its module's file name; empty when unknown.
    pub module: Box<str>,
    /// Of the framework, not of the program.
    pub is_framework: bool,
    /// Count and bytes.
    pub totals: TypeTotals,
}

/// All types with instances, in the snapshot's order.
#[derive(Clone, Debug, Default)]
pub struct TypeCatalog {
    /// The types.
    pub entries: Vec<TypeEntry>,
    /// Free blocks: count and bytes.
    pub free: TypeTotals,
}

impl TypeCatalog {
    /// Builds the catalog. One pass over the types.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn build(snapshot: &HeapSnapshot, job: &Job) -> Result<Self, Cancelled> {
        let mut catalog = Self::default();
        for (id, row) in snapshot.types.iter() {
            if id.0 % 1024 == 0 {
                job.tick(1024)?;
            }
            let totals = snapshot.totals.get(id.index()).copied().unwrap_or_default();
            match row.shape {
                TypeShape::Free => catalog.free = add(catalog.free, totals),
                TypeShape::Gap => {}
                _ if totals.count == 0 => {}
                _ => catalog.entries.push(entry(snapshot, id, row, totals)),
            }
        }
        Ok(catalog)
    }

    /// The entry of `id`. Binary search.
    #[must_use]
    pub fn entry(&self, id: TypeId) -> Option<&TypeEntry> {
        let index = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.entries.get(index)
    }
}

/// Both together.
#[must_use]
pub fn add(a: TypeTotals, b: TypeTotals) -> TypeTotals {
    TypeTotals {
        count: a.count.saturating_add(b.count),
        bytes: a.bytes.saturating_add(b.bytes),
        raw_bytes: a.raw_bytes.saturating_add(b.raw_bytes),
        biggest: a.biggest.max(b.biggest),
    }
}

fn entry(snapshot: &HeapSnapshot, id: TypeId, row: &TypeRow, totals: TypeTotals) -> TypeEntry {
    let name = row.display_name();
    let module = row.module.and_then(|module| snapshot.modules.get(module.index()));
    let unnamed = match &row.name {
        TypeName::Known(_) => None,
        TypeName::Missing(reason) => Some(reason.clone()),
    };
    TypeEntry {
        id,
        lower: name.to_lowercase().into(),
        is_framework: is_framework(snapshot, row),
        module: module.map_or("", |module| &module.name).into(),
        unnamed,
        name: name.into(),
        totals,
    }
}
