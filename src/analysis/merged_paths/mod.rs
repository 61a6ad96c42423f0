//! Why many objects are alive, in one picture: a shortest path for each of them, merged into a tree.
//!
//! ```text
//! from roots by object    static Dispatcher.Shutdown ─ EventHandler 0x7f… ─ _invocationList Object[] 0x7f… ─ …
//! from roots by type      static Dispatcher.Shutdown ─ EventHandler ─ Object[] ─ EventHandler ─ Worker
//! to roots by type        Worker ─ EventHandler ─ Object[] ─ EventHandler ─ static Dispatcher.Shutdown
//! ```
//!
//! Every row says how many of the objects asked for have their path through it, and their own bytes. The tree of
//! objects is made once ([`MergedPaths::new`]); its rows are gathered level by level, as a person unfolds them
//! ([`MergedPaths::top`], [`MergedPaths::unfold`]). By type, objects of one type in a row are one row: a list is as long
//! as a person cares for, not as its million links.

mod build;
mod level;

use std::sync::Arc;

use super::root_path::PathStart;
use crate::base::Cancelled;
use crate::snapshot::{ObjectId, TypeId};

/// How paths are laid on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MergedGrouping {
    /// From the roots, one row an object; references have names.
    FromRootsByObject,
    /// From the roots, one row a type.
    FromRootsByType,
    /// From the objects asked for, one row a type.
    ToRootsByType,
}

impl MergedGrouping {
    /// All, in the order they are offered.
    pub const ALL: [Self; 3] = [Self::FromRootsByObject, Self::FromRootsByType, Self::ToRootsByType];

    /// Words of the command line and of the JSON form.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FromRootsByObject => "roots-objects",
            Self::FromRootsByType => "roots-types",
            Self::ToRootsByType => "types-roots",
        }
    }
}

/// A tree of objects: the paths of the objects asked for. 24 bytes per object on them.
#[derive(Clone, Debug, Default)]
pub struct MergedPaths {
    /// Objects on a path, the farthest from their root first.
    objects: Vec<ObjectId>,
    /// Types of the same.
    types: Vec<TypeId>,
    /// Place of the holder, which comes later; [`NONE`] for one that a root holds.
    parents: Vec<u32>,
    /// Objects asked for whose paths pass, itself included.
    counts: Vec<u32>,
    /// Their bytes.
    bytes: Vec<u64>,
    /// Where the held of each begin in `children`; one more at the end.
    first_child: Vec<u32>,
    /// Places, those of one holder together.
    children: Vec<u32>,
    /// Places of the objects that a root holds, with that root, by place.
    starts: Vec<(u32, PathStart)>,
    /// Places of the objects asked for, in order.
    asked: Vec<u32>,
    /// The same, one bit a place.
    is_asked: Vec<u64>,
    /// Objects asked for that something holds, and their bytes.
    held: Through,
    /// Those that nothing holds.
    unheld: Through,
}

/// No place: the holder is a root.
const NONE: u32 = u32::MAX;

/// Objects asked for whose path passes somewhere, and their own bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Through {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Through {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// What a row stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MergedKey {
    /// A root, or roots with one name: `static Corpus.Seed.Dispatcher.Shutdown`, `string literal (interned)`.
    Root(String),
    /// An object.
    Object(ObjectId),
    /// Objects of a type.
    Type(TypeId),
}

/// A row, to be unfolded. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedNode(Members);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Members {
    /// Places whose whole subtrees are meant.
    Below(Arc<[u32]>),
    /// Places with what came up to them.
    Above(Arc<[(u32, Through)]>),
    /// A row that ends.
    End,
}

/// One row of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedRow {
    /// What it stands for.
    pub key: MergedKey,
    /// Name of the reference that leads here from the row above; only by object.
    pub via: Option<String>,
    /// Objects that the row stands for, runs of one type included; 0 for roots.
    pub n_objects: u64,
    /// Objects of one type on the longest run in it: 1 where none holds another.
    pub longest_run: u64,
    /// Asked objects whose path passes here.
    pub through: Through,
    /// Those of them that stand in this very row.
    pub here: u64,
    /// It has rows below.
    pub unfolds: bool,
    /// What [`MergedPaths::unfold`] is told.
    pub node: MergedNode,
}

/// Rows below one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergedLevel {
    /// Most objects asked for first; a page of them.
    pub rows: Vec<MergedRow>,
    /// All rows.
    pub n_rows: u64,
}

impl MergedPaths {
    /// Asked objects that something holds.
    #[must_use]
    pub fn held(&self) -> Through {
        self.held
    }

    /// Asked objects that nothing holds: they have no path.
    #[must_use]
    pub fn unheld(&self) -> Through {
        self.unheld
    }

    /// Objects on all paths together.
    #[must_use]
    pub fn n_objects(&self) -> u64 {
        self.objects.len() as u64
    }

    /// Bytes of memory this takes.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        let per_object = size_of::<u32>() * 5 + size_of::<u64>();
        (self.objects.len() * per_object + self.starts.len() * size_of::<(u32, PathStart)>() + self.asked.len() * 4)
            as u64
    }

    fn below(&self, place: u32) -> &[u32] {
        let at = place as usize;
        let (from, to) = (self.first_child[at] as usize, self.first_child[at + 1] as usize);
        &self.children[from..to]
    }

    fn through(&self, place: u32) -> Through {
        Through { count: u64::from(self.counts[place as usize]), bytes: self.bytes[place as usize] }
    }

    /// True for a place that was asked for.
    fn is_asked(&self, place: u32) -> bool {
        self.is_asked.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn start(&self, place: u32) -> Option<&PathStart> {
        let at = self.starts.binary_search_by_key(&place, |&(place, _)| place).ok()?;
        self.starts.get(at).map(|(_, start)| start)
    }
}

/// Counts work, and asks the job once in a while.
struct Pace<'a> {
    job: &'a crate::base::Job,
    n: u32,
}

impl<'a> Pace<'a> {
    const fn new(job: &'a crate::base::Job) -> Self {
        Self { job, n: 0 }
    }

    fn step(&mut self) -> Result<(), Cancelled> {
        self.n += 1;
        if self.n == super::TICK {
            self.n = 0;
            self.job.tick(0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
