//! The dominator tree as it is shown: static fields at the top, equal siblings as one row.
//!
//! The runtime's own arrays that hold static fields are folded away: what hangs on such an array alone stands directly
//! under the root with the field's name. Siblings of one type are one group, and the group's children are all their
//! children together, so that `700 × EventHandler` leads to `700 × ReportView`.

use std::collections::{BTreeMap, BTreeSet};

use super::ObjectSet;
use super::dominators::children::Children;
use super::dominators::sets::holders_of;
use super::dominators::{Dominator, DominatorTree, Retained};
use super::roots::{static_name, storage_label};
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapGraph, HeapSnapshot, ModuleId, ObjectId, TypeId};

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
    /// What they keep alive together. They are siblings, so the sum is exact.
    pub retained: Retained,
    /// Their own bytes.
    pub own_bytes: u64,
}

/// Who holds some objects of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRow {
    /// One object, or several; `None` for what no object alone holds.
    pub holder: Option<TreeRow>,
    /// Objects of the set that it holds.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
}

impl HolderRow {
    fn first_member(&self) -> Option<ObjectId> {
        self.holder.as_ref()?.members.first().copied()
    }
}

impl TreeView<'_> {
    /// The rows under the root, biggest first.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn top(&self, grouping: Grouping, job: &Job) -> Result<Vec<TreeRow>, Cancelled> {
        let storage: BTreeSet<ObjectId> = self.graph.roots.static_storage.iter().copied().collect();
        let (mut rows, mut plain) = (Vec::new(), Vec::new());
        let mut named = self.held_by_statics();
        let mut labelled: BTreeMap<&'static str, Vec<ObjectId>> = BTreeMap::new();
        for &object in self.children.of(self.tree, Dominator::Root) {
            if !storage.contains(&object) {
                plain.push(object);
                continue;
            }
            // The array's own bytes are a row of their own, without what hangs on it.
            let own = self.snapshot.objects.size(object);
            rows.push(TreeRow {
                name: RowName::Storage("storage of static fields"),
                ty: self.snapshot.objects.type_of(object),
                members: vec![object],
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
        rows.extend(self.grouped(&plain, grouping, None));
        sort(&mut rows);
        Ok(rows)
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

    /// Who holds the objects of `set`: for each of them the nearest dominator that is not `skipped`, and what a static
    /// field holds in any case, put together; most bytes first. What no object alone holds is the last.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn holders(
        &self,
        set: &ObjectSet,
        skipped: impl Fn(TypeId) -> bool,
        grouping: Grouping,
        job: &Job,
    ) -> Result<Vec<HolderRow>, Cancelled> {
        let mut named = self.held_by_statics();
        let storage = &self.graph.roots.static_storage;
        let passes_over = |object: ObjectId| {
            !named.contains_key(&object)
                && (skipped(self.snapshot.objects.type_of(object)) || storage.binary_search(&object).is_ok())
        };
        let mut found = holders_of(self.snapshot, self.tree, set, passes_over, job)?;
        found.sort_unstable_by_key(|holder| holder.dominator);
        let objects: Vec<ObjectId> = found
            .iter()
            .filter_map(|holder| match holder.dominator {
                Dominator::Object(object) => Some(object),
                Dominator::Root => None,
            })
            .collect();
        let (of_statics, plain): (Vec<ObjectId>, Vec<ObjectId>) =
            objects.into_iter().partition(|object| named.contains_key(object));
        let mut rows = self.grouped(&plain, grouping, None);
        for object in of_statics {
            rows.extend(named.remove(&object).map(|name| self.row(RowName::Static(name), vec![object])));
        }
        let of = |dominator: Dominator| {
            let at = found.binary_search_by_key(&dominator, |holder| holder.dominator).ok();
            at.and_then(|at| found.get(at)).map_or((0, 0), |holder| (holder.objects, holder.bytes))
        };
        let mut holders: Vec<HolderRow> = rows
            .into_iter()
            .map(|row| {
                let held = row.members.iter().map(|&member| of(Dominator::Object(member)));
                let (objects, bytes) = held.fold((0, 0), |sum, held| (sum.0 + held.0, sum.1 + held.1));
                HolderRow { holder: Some(row), objects, bytes }
            })
            .collect();
        let key = |row: &HolderRow| (std::cmp::Reverse((row.bytes, row.objects)), row.first_member());
        holders.sort_by_key(key);
        let (objects, bytes) = of(Dominator::Root);
        if objects > 0 {
            holders.push(HolderRow { holder: None, objects, bytes });
        }
        Ok(holders)
    }

    /// The rows under `members`, which are siblings; biggest first.
    #[must_use]
    pub fn below(&self, members: &[ObjectId], grouping: Grouping) -> Vec<TreeRow> {
        let children: Vec<ObjectId> = members
            .iter()
            .flat_map(|&member| self.children.of(self.tree, Dominator::Object(member)))
            .copied()
            .collect();
        let above = match members {
            [one] => Some(*one),
            _ => None,
        };
        let mut rows = self.grouped(&children, grouping, above);
        sort(&mut rows);
        rows
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
            (RowName::Storage(_), [one]) if self.graph.roots.static_storage.contains(one))
    }

    fn grouped(&self, objects: &[ObjectId], grouping: Grouping, above: Option<ObjectId>) -> Vec<TreeRow> {
        match grouping {
            Grouping::Object => objects.iter().map(|&object| self.named(object, above)).collect(),
            Grouping::Type => {
                let groups = gather(objects, |object| self.snapshot.objects.type_of(object));
                let row = |members: Vec<ObjectId>| match members.as_slice() {
                    [one] => self.named(*one, above),
                    _ => self.row(RowName::Type, members),
                };
                groups.into_values().map(row).collect()
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

    fn named(&self, object: ObjectId, above: Option<ObjectId>) -> TreeRow {
        let edge = above.and_then(|above| self.snapshot.edge_name(above, object, &self.graph.extra));
        self.row(edge.map_or(RowName::Type, RowName::Edge), vec![object])
    }

    fn row(&self, name: RowName, members: Vec<ObjectId>) -> TreeRow {
        let (mut retained, mut own_bytes) = (Retained::default(), 0);
        for &member in &members {
            let of = self.tree.retained(self.snapshot, member).unwrap_or_default();
            retained.bytes += of.bytes;
            retained.count += of.count;
            own_bytes += self.snapshot.objects.size(member);
        }
        let ty = members.first().map_or(TypeId(0), |&first| self.snapshot.objects.type_of(first));
        TreeRow { name, ty, members, retained, own_bytes }
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

fn sort(rows: &mut [TreeRow]) {
    rows.sort_by(|a, b| {
        let key = |row: &TreeRow| std::cmp::Reverse((row.retained.bytes, row.retained.count));
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name)).then_with(|| a.members.first().cmp(&b.members.first()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::dominators::{DominatorOptions, dominators, root_objects};
    use crate::synth::sample::sample;

    #[test]
    fn static_fields_stand_at_the_top_and_siblings_are_one_row() {
        let (snapshot, graph) = sample();
        let job = Job::new();
        let roots = root_objects(&graph, DominatorOptions { stack: false });
        let tree = dominators(&snapshot, &graph, &roots, &job).unwrap();
        let children = Children::new(&tree, &snapshot, &job).unwrap();
        let view = TreeView { snapshot: &snapshot, graph: &graph, tree: &tree, children: &children };
        let top = view.top(Grouping::Type, &job).unwrap();
        assert_eq!(top.iter().map(|row| row.retained.bytes).sum::<u64>(), tree.total().bytes);
        let event = top.iter().find(|row| row.name == RowName::Static("Corpus.Seed.Dispatcher.Shutdown".to_owned()));
        let event = event.unwrap();
        assert_eq!(event.members.len(), 1);
        let list = view.below(&event.members, Grouping::Type);
        assert_eq!(list[0].name, RowName::Edge("_invocationList".to_owned()));
        let handlers = view.below(&list[0].members, Grouping::Type);
        assert!(handlers[0].members.len() > 1_000, "{}", handlers[0].members.len());
        let workers = view.below(&handlers[0].members, Grouping::Type);
        assert_eq!(snapshot.types.row(workers[0].ty).name.known(), Some("Corpus.Seed.Worker"));
        for grouping in [Grouping::Object, Grouping::Namespace, Grouping::Module] {
            let rows = view.top(grouping, &job).unwrap();
            assert_eq!(rows.iter().map(|row| row.retained.bytes).sum::<u64>(), tree.total().bytes, "{grouping:?}");
        }
    }

    #[test]
    fn holders_of_a_set_are_the_nearest_that_are_not_skipped() {
        let (snapshot, graph) = sample();
        let job = Job::new();
        let roots = root_objects(&graph, DominatorOptions { stack: false });
        let tree = dominators(&snapshot, &graph, &roots, &job).unwrap();
        let children = Children::new(&tree, &snapshot, &job).unwrap();
        let view = TreeView { snapshot: &snapshot, graph: &graph, tree: &tree, children: &children };
        let is = |ty: TypeId, part: &str| snapshot.types.row(ty).name.known().is_some_and(|name| name.contains(part));
        let mut workers = ObjectSet::new(snapshot.objects.len());
        for object in snapshot.objects.ids().filter(|&object| is(snapshot.objects.type_of(object), "Seed.Worker")) {
            workers.insert(object);
        }
        let n = workers.len();
        let name = |row: &HolderRow| row.holder.as_ref().map(|holder| holder.name.clone());

        let nearest = view.holders(&workers, |_| false, Grouping::Type, &job).unwrap();
        assert_eq!(name(&nearest[0]), Some(RowName::Type), "one handler for each worker");
        assert_eq!(nearest[0].holder.as_ref().unwrap().members.len() as u64, nearest[0].objects);

        let user = view.holders(&workers, |ty| is(ty, "System."), Grouping::Type, &job).unwrap();
        assert_eq!(name(&user[0]), Some(RowName::Static("Corpus.Seed.Dispatcher.Shutdown".to_owned())));
        for rows in [&nearest, &user] {
            assert_eq!(rows.iter().map(|row| row.objects).sum::<u64>(), n, "every worker has one holder");
        }
        let all = view.holders(&workers, |_| true, Grouping::Object, &job).unwrap();
        assert_eq!(name(&all[0]), name(&user[0]), "what a static field holds is never passed over");
    }

    #[test]
    fn namespaces() {
        let check = |name: &str, expected: &str| assert_eq!(namespace_of(name), expected);
        check("Corpus.Seed.Worker", "Corpus.Seed");
        check("System.Collections.Generic.Dictionary<System.String, A.B>+Entry[]", "System.Collections.Generic");
        check("Worker[]", "");
    }
}
