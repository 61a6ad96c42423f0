//! The dominator tree as it is shown: static fields at the top, equal siblings as one row.
//!
//! The runtime's own arrays that hold static fields are folded away: what hangs on such an array alone stands directly
//! under the root with the field's name. Siblings of one type are one group, and the group's children are all their
//! children together, so that `700 × EventHandler` leads to `700 × ReportView`.

mod holders;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::dominators::children::{Children, sort_biggest_first};
use super::dominators::{Dominator, DominatorTree, Retained};
use super::reachability::Reachability;
use super::roots::{static_name, storage_label};
use crate::base::{Cancelled, Job, RootKind};
use crate::snapshot::{HeapGraph, HeapSnapshot, ModuleId, ObjectId, TypeId};

pub use self::holders::{HolderRow, Holders};

/// The tree with everything that names its rows.
#[derive(Clone, Copy, Debug)]
pub struct TreeView<'a> {
    /// The heap.
    pub snapshot: &'a HeapSnapshot,
    /// References and roots, for names.
    pub graph: &'a HeapGraph,
    /// Upwards.
    pub tree: &'a DominatorTree,
    /// Downwards.
    pub children: &'a Children,
}

/// How siblings are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Not at all.
    Object,
    /// Those of one type.
    Type,
    /// Those whose types share a namespace.
    Namespace,
    /// Those whose types are of one module.
    Module,
}

impl Grouping {
    /// Word of the command line.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Type => "type",
            Self::Namespace => "namespace",
            Self::Module => "module",
        }
    }
}

/// What a row of the tree stands for, besides its members' type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowName {
    /// A static field that holds its one member: `Corpus.Seed.Dispatcher.Shutdown`.
    Static(String),
    /// A slot of the runtime's own array that no field owns: what it is.
    Storage(&'static str),
    /// The reference from the one object above: `_items`.
    Edge(String),
    /// A namespace or a module.
    Name(String),
    /// The type says it all.
    Type,
}

/// A row: one object, or several siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRow {
    /// What it stands for.
    pub name: RowName,
    /// Type of its members; of the first, where they are of several.
    pub ty: TypeId,
    /// Its objects, biggest first.
    pub members: Vec<ObjectId>,
    /// The doubtful kind of root that alone reaches them, for a row under the root: words on stacks, which may be stale,
    /// or the finalizer queue, which lets go when finalizers have run.
    pub only: Option<RootKind>,
    /// What they keep alive together. They are siblings, so the sum is exact.
    pub retained: Retained,
    /// Their own bytes.
    pub own_bytes: u64,
}

/// Rows of one level, biggest first, as many as were asked for, and the others as one sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeLevel {
    /// The biggest.
    pub rows: Vec<TreeRow>,
    /// The others.
    pub rest: Rest,
}

/// Rows of a level that were not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// How many.
    pub n_rows: u64,
    /// Their objects.
    pub n_objects: u64,
    /// What these keep alive together.
    pub retained: Retained,
    /// Their own bytes.
    pub own_bytes: u64,
}

impl std::iter::Sum for Rest {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            n_rows: sum.n_rows + part.n_rows,
            n_objects: sum.n_objects + part.n_objects,
            retained: sum.retained + part.retained,
            own_bytes: sum.own_bytes + part.own_bytes,
        })
    }
}

impl TreeRow {
    /// The row as one of those that are not listed.
    #[must_use]
    pub fn unlisted(&self) -> Rest {
        Rest { n_rows: 1, n_objects: self.members.len() as u64, retained: self.retained, own_bytes: self.own_bytes }
    }
}

/// What stands under the root.
pub(super) struct Top {
    /// What has a name of its own: static fields, the runtime's arrays.
    pub(super) named: Vec<TreeRow>,
    /// Everything else.
    pub(super) plain: Vec<ObjectId>,
}

impl TreeView<'_> {
    /// The `most` biggest rows under the root; what stacks or the finalizer queue alone reach is in rows of its own. Cost:
    /// a pass over what roots alone hold.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn top(
        &self,
        reachability: &Reachability,
        grouping: Grouping,
        most: usize,
        job: &Job,
    ) -> Result<TreeLevel, Cancelled> {
        let Top { named, plain } = self.top_parts(job)?;
        let is_doubtful = |kind: &RootKind| matches!(kind, RootKind::Stack | RootKind::FinalizerQueue);
        let parts = gather(&plain, |object| reachability.stage(object).filter(is_doubtful));
        Ok(self.level(named, parts, grouping, None, most))
    }

    /// What stands under the root, not yet put together. A row for each static field, four bytes for everything else.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub(super) fn top_parts(&self, job: &Job) -> Result<Top, Cancelled> {
        let (mut rows, mut plain) = (Vec::new(), Vec::new());
        let mut named = self.held_by_statics();
        let mut labelled: BTreeMap<&'static str, Vec<ObjectId>> = BTreeMap::new();
        for &object in self.children.of(self.tree, Dominator::Root) {
            if !self.graph.roots.is_static_storage(object) {
                plain.push(object);
                continue;
            }
            // The array's own bytes are a row of their own, without what hangs on it.
            let own = self.snapshot.objects.size(object);
            rows.push(TreeRow {
                name: RowName::Storage("storage of static fields"),
                ty: self.snapshot.objects.type_of(object),
                members: vec![object],
                only: None,
                retained: Retained { bytes: own, count: 1 },
                own_bytes: own,
            });
            let slots: BTreeSet<ObjectId> = self.graph.references.of(object).collect();
            for &child in self.children.of(self.tree, Dominator::Object(object)) {
                job.tick(0)?;
                match named.remove(&child) {
                    Some(name) => rows.push(self.row(RowName::Static(name), vec![child])),
                    None if slots.contains(&child) => {
                        labelled.entry(storage_label(self.snapshot, child)).or_default().push(child);
                    }
                    // Several fields lead to it, none of them alone.
                    None => plain.push(child),
                }
            }
        }
        for (label, members) in labelled {
            let by_type = gather(&members, |object| self.snapshot.objects.type_of(object));
            rows.extend(by_type.into_values().map(|members| self.row(RowName::Storage(label), members)));
        }
        Ok(Top { named: rows, plain })
    }

    /// What static fields hold alone, with their names.
    fn held_by_statics(&self) -> BTreeMap<ObjectId, String> {
        let mut named = BTreeMap::new();
        for row in &self.graph.roots.statics {
            if let (Some(object), Some((array, _))) = (row.object, row.storage)
                && self.tree.dominator(object) == Some(Dominator::Object(array))
            {
                named.entry(object).or_insert_with(|| static_name(self.snapshot, row));
            }
        }
        named
    }

    /// The `most` biggest rows under `members`, which are siblings. Cost: a pass over what they hold, and over the
    /// references of a single one for the names.
    #[must_use]
    pub fn below(&self, members: &[ObjectId], grouping: Grouping, most: usize) -> TreeLevel {
        let children: Vec<ObjectId> = members
            .iter()
            .flat_map(|&member| self.children.of(self.tree, Dominator::Object(member)))
            .copied()
            .collect();
        let above = match members {
            [one] => Some(*one),
            _ => None,
        };
        self.level(Vec::new(), BTreeMap::from([(None, children)]), grouping, above, most)
    }

    /// Rows that have a name and siblings that have none, by who alone reaches them, as one level.
    fn level(
        &self,
        mut rows: Vec<TreeRow>,
        parts: BTreeMap<Option<RootKind>, Vec<ObjectId>>,
        grouping: Grouping,
        above: Option<ObjectId>,
        most: usize,
    ) -> TreeLevel {
        let mut unlisted = Vec::new();
        for (only, mut objects) in parts {
            if grouping == Grouping::Object {
                // A row each: no more of them than are asked for.
                sort_biggest_first(&mut objects, |object| self.retained(object).bytes, &mut Vec::new());
                let others = &objects[objects.len().min(most)..];
                let (retained, own_bytes) = self.sums(others);
                let n = others.len() as u64;
                unlisted.push(Rest { n_rows: n, n_objects: n, retained, own_bytes });
                objects.truncate(most);
            }
            rows.extend(self.grouped(&objects, grouping, above).into_iter().map(|row| TreeRow { only, ..row }));
        }
        sort(&mut rows);
        let others = rows.drain(rows.len().min(most)..).map(|row| row.unlisted());
        let rest = others.chain(unlisted).sum();
        TreeLevel { rows, rest }
    }

    /// True when there is something under these.
    #[must_use]
    pub fn has_below(&self, members: &[ObjectId]) -> bool {
        members.iter().any(|&member| !self.children.of(self.tree, Dominator::Object(member)).is_empty())
    }

    /// True for the row of a storage array, whose children stand beside it.
    #[must_use]
    pub fn is_storage(&self, row: &TreeRow) -> bool {
        matches!((&row.name, row.members.as_slice()),
            (RowName::Storage(_), &[one]) if self.graph.roots.is_static_storage(one))
    }

    fn grouped(&self, objects: &[ObjectId], grouping: Grouping, above: Option<ObjectId>) -> Vec<TreeRow> {
        match grouping {
            Grouping::Object => self.singles(objects, above),
            Grouping::Type => {
                let groups = gather(objects, |object| self.snapshot.objects.type_of(object));
                let (singles, groups): (Vec<_>, Vec<_>) = groups.into_values().partition(|members| members.len() == 1);
                let mut rows = self.singles(&singles.concat(), above);
                rows.extend(groups.into_iter().map(|members| self.row(RowName::Type, members)));
                rows
            }
            Grouping::Namespace => {
                let groups = gather(objects, |object| self.namespace(object));
                groups.into_iter().map(|(name, members)| self.row(RowName::Name(name), members)).collect()
            }
            Grouping::Module => {
                let groups = gather(objects, |object| self.snapshot.type_of(object).module);
                let name = |module: Option<ModuleId>| {
                    let row = module.and_then(|module| self.snapshot.modules.get(module.index()));
                    row.map_or_else(|| "no module".to_owned(), |row| row.name.clone())
                };
                groups.into_iter().map(|(module, members)| self.row(RowName::Name(name(module)), members)).collect()
            }
        }
    }

    /// A row for each of `objects`, with the name of its reference from `above`.
    fn singles(&self, objects: &[ObjectId], above: Option<ObjectId>) -> Vec<TreeRow> {
        let mut edges = above
            .map(|above| self.snapshot.edge_names_to(above, objects, &self.graph.extra))
            .unwrap_or_default()
            .into_iter();
        let name = |edge: Option<Option<String>>| edge.flatten().map_or(RowName::Type, RowName::Edge);
        objects.iter().map(|&object| self.row(name(edges.next()), vec![object])).collect()
    }

    /// A row of siblings.
    pub(super) fn row(&self, name: RowName, members: Vec<ObjectId>) -> TreeRow {
        let (retained, own_bytes) = self.sums(&members);
        let ty = members.first().map_or(TypeId(0), |&first| self.snapshot.objects.type_of(first));
        TreeRow { name, ty, members, only: None, retained, own_bytes }
    }

    /// What an object keeps alive; nothing when no root reaches it. Column look-up.
    pub(super) fn retained(&self, object: ObjectId) -> Retained {
        self.tree.retained(self.snapshot, object).unwrap_or_default()
    }

    /// What siblings keep alive together, and their own bytes.
    fn sums(&self, siblings: &[ObjectId]) -> (Retained, u64) {
        siblings.iter().fold((Retained::default(), 0), |(retained, own), &object| {
            (retained + self.retained(object), own + self.snapshot.objects.size(object))
        })
    }

    fn namespace(&self, object: ObjectId) -> String {
        let row = self.snapshot.type_of(object);
        row.name.known().map_or_else(|| "no name".to_owned(), |name| namespace_of(name).to_owned())
    }
}

/// `Corpus.Seed` of `Corpus.Seed.Dispatcher<System.String>+Inner[]`.
fn namespace_of(name: &str) -> &str {
    let outer = name.split(['<', '[', '+', '*', '&']).next().unwrap_or(name);
    outer.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

fn gather<K: Ord>(objects: &[ObjectId], key: impl Fn(ObjectId) -> K) -> BTreeMap<K, Vec<ObjectId>> {
    let mut groups: BTreeMap<K, Vec<ObjectId>> = BTreeMap::new();
    for &object in objects {
        groups.entry(key(object)).or_default().push(object);
    }
    groups
}

/// Biggest first; equal ones by the name they have of their own, then in heap order, in which elements stand as `[9]`
/// before `[10]`.
fn sort(rows: &mut [TreeRow]) {
    fn name(row: &TreeRow) -> Option<&RowName> {
        match &row.name {
            RowName::Edge(_) | RowName::Type => None,
            name => Some(name),
        }
    }
    rows.sort_by(|a, b| {
        let size = |row: &TreeRow| Reverse((row.retained.bytes, row.retained.count));
        size(a)
            .cmp(&size(b))
            .then_with(|| name(a).cmp(&name(b)))
            .then_with(|| a.members.first().cmp(&b.members.first()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::{with_heap, with_tree};
    use crate::synth::sample::sample;

    const ALL: usize = usize::MAX;

    #[test]
    fn static_fields_stand_at_the_top_and_siblings_are_one_row() {
        let heap = sample();
        with_heap(&heap, |asked| with_tree(&heap, |view| check_rows(view, asked.reachability)));
    }

    fn check_rows(view: &TreeView<'_>, reachability: &Reachability) {
        let (snapshot, tree, job) = (view.snapshot, view.tree, Job::new());
        let top = view.top(reachability, Grouping::Type, ALL, &job).unwrap().rows;
        assert_eq!(top.iter().map(|row| row.retained.bytes).sum::<u64>(), tree.total().bytes);
        let event = top.iter().find(|row| row.name == RowName::Static("Corpus.Seed.Dispatcher.Shutdown".to_owned()));
        let event = event.unwrap();
        assert_eq!(event.members.len(), 1);
        let list = view.below(&event.members, Grouping::Type, ALL).rows;
        assert_eq!(list[0].name, RowName::Edge("_invocationList".to_owned()));
        let handlers = view.below(&list[0].members, Grouping::Type, ALL).rows;
        assert!(handlers[0].members.len() > 1_000, "{}", handlers[0].members.len());
        let workers = view.below(&handlers[0].members, Grouping::Type, ALL).rows;
        assert_eq!(snapshot.types.row(workers[0].ty).name.known(), Some("Corpus.Seed.Worker"));
        for grouping in [Grouping::Object, Grouping::Type, Grouping::Namespace, Grouping::Module] {
            let all = view.top(reachability, grouping, ALL, &job).unwrap();
            assert_eq!(all.rest, Rest::default(), "{grouping:?}");
            assert_eq!(all.rows.iter().map(|row| row.retained.bytes).sum::<u64>(), tree.total().bytes, "{grouping:?}");
            let some = view.top(reachability, grouping, 3, &job).unwrap();
            assert_eq!(some.rows[..], all.rows[..3.min(all.rows.len())], "{grouping:?}");
            let others: Rest = all.rows.iter().skip(3).map(TreeRow::unlisted).sum();
            assert_eq!(some.rest, others, "{grouping:?}: what is not listed is counted");
        }
        let (each, some) = (view.below(&list[0].members, Grouping::Object, ALL), 100);
        assert_eq!(view.below(&list[0].members, Grouping::Object, some).rows, each.rows[..some]);
        assert!(each.rows.iter().all(|row| matches!(&row.name, RowName::Edge(name) if name.starts_with('['))));
    }

    #[test]
    fn namespaces() {
        let check = |name: &str, expected: &str| assert_eq!(namespace_of(name), expected);
        check("Corpus.Seed.Worker", "Corpus.Seed");
        check("System.Collections.Generic.Dictionary<System.String, A.B>+Entry[]", "System.Collections.Generic");
        check("Worker[]", "");
    }
}
