//! Who holds a set: “who holds these 150,000 strings”.

use std::cmp::Reverse;

use super::{Grouping, RowName, TreeRow, TreeView};
use crate::analysis::ObjectSet;
use crate::analysis::dominators::Dominator;
use crate::analysis::dominators::sets::{Holder, holders_of};
use crate::base::{Cancelled, Job};
use crate::snapshot::{ObjectId, TypeId};

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
    /// What the members of `row` hold. `found` comes in the order of dominators.
    fn new(row: TreeRow, found: &[Holder]) -> Self {
        let held = |&member: &ObjectId| {
            let place = found.binary_search_by_key(&Dominator::Object(member), |holder| holder.dominator);
            place.ok().and_then(|place| found.get(place))
        };
        let (objects, bytes) = row
            .members
            .iter()
            .filter_map(held)
            .fold((0, 0), |(objects, bytes), holder| (objects + holder.objects, bytes + holder.bytes));
        Self { holder: Some(row), objects, bytes }
    }

    fn first_member(&self) -> Option<ObjectId> {
        self.holder.as_ref()?.members.first().copied()
    }
}

/// Who holds a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Those with most bytes, biggest first, and in any case what no object alone holds, as the last.
    pub rows: Vec<HolderRow>,
    /// All rows, those that were not asked for included.
    pub n_rows: u64,
}

impl TreeView<'_> {
    /// Who holds the objects of `set`: for each of them the nearest dominator that is not `skipped`, and what a static
    /// field holds in any case, put together; the `most` rows with most bytes. Cost: as [`holders_of`].
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn holders(
        &self,
        set: &ObjectSet,
        skipped: impl Fn(TypeId) -> bool,
        grouping: Grouping,
        most: usize,
        job: &Job,
    ) -> Result<Holders, Cancelled> {
        let mut named = self.held_by_statics();
        let passes_over = |object: ObjectId| {
            !named.contains_key(&object)
                && (skipped(self.snapshot.objects.type_of(object)) || self.graph.roots.is_static_storage(object))
        };
        let mut found = holders_of(self.snapshot, self.tree, set, passes_over, job)?;
        let objects = found.iter().filter_map(|holder| holder.dominator.object());
        let (of_statics, mut plain): (Vec<ObjectId>, Vec<ObjectId>) =
            objects.partition(|object| named.contains_key(object));
        let n_plain = plain.len();
        if grouping == Grouping::Object {
            // A row each, the biggest first: no more of them than are asked for.
            plain.truncate(most);
        }
        let n_left_out = n_plain - plain.len();
        let mut rows = self.grouped(&plain, grouping, None);
        for object in of_statics {
            rows.extend(named.remove(&object).map(|name| self.row(RowName::Static(name), vec![object])));
        }
        found.sort_unstable_by_key(|holder| holder.dominator);
        let mut rows: Vec<HolderRow> = rows.into_iter().map(|row| HolderRow::new(row, &found)).collect();
        rows.sort_by_key(|row| (Reverse((row.bytes, row.objects)), row.first_member()));
        let mut n_rows = rows.len() + n_left_out;
        rows.truncate(most);
        // The root is smaller than every object.
        if let Some(&Holder { dominator: Dominator::Root, objects, bytes }) = found.first() {
            rows.push(HolderRow { holder: None, objects, bytes });
            n_rows += 1;
        }
        Ok(Holders { rows, n_rows: n_rows as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_tree;
    use crate::synth::sample::sample;

    #[test]
    fn holders_of_a_set_are_the_nearest_that_are_not_skipped() {
        with_tree(&sample(), check_holders);
    }

    fn check_holders(view: &TreeView<'_>) {
        let (snapshot, job) = (view.snapshot, Job::new());
        let is = |ty: TypeId, part: &str| snapshot.types.row(ty).name.known().is_some_and(|name| name.contains(part));
        let mut workers = ObjectSet::new(snapshot.objects.len());
        for object in snapshot.objects.ids().filter(|&object| is(snapshot.objects.type_of(object), "Seed.Worker")) {
            workers.insert(object);
        }
        let n = workers.len();
        let name = |row: &HolderRow| row.holder.as_ref().map(|holder| holder.name.clone());

        let holders = |grouping, skipped: &dyn Fn(TypeId) -> bool, most| {
            view.holders(&workers, skipped, grouping, most, &job).unwrap()
        };
        let nearest = holders(Grouping::Type, &|_| false, 50).rows;
        assert_eq!(name(&nearest[0]), Some(RowName::Type), "one handler for each worker");
        assert_eq!(nearest[0].holder.as_ref().unwrap().members.len() as u64, nearest[0].objects);

        let user = holders(Grouping::Type, &|ty| is(ty, "System."), 50).rows;
        assert_eq!(name(&user[0]), Some(RowName::Static("Corpus.Seed.Dispatcher.Shutdown".to_owned())));
        for rows in [&nearest, &user] {
            assert_eq!(rows.iter().map(|row| row.objects).sum::<u64>(), n, "every worker has one holder");
        }
        let all = holders(Grouping::Object, &|_| true, 50).rows;
        assert_eq!(name(&all[0]), name(&user[0]), "what a static field holds is never passed over");

        let (whole, some) = (holders(Grouping::Object, &|_| false, 5_000), holders(Grouping::Object, &|_| false, 7));
        assert_eq!(whole.rows.len() as u64, whole.n_rows);
        let shared = whole.rows.last().filter(|row| row.holder.is_none());
        let expected: Vec<HolderRow> = whole.rows[..7].iter().chain(shared).cloned().collect();
        assert_eq!((some.n_rows, some.rows), (whole.n_rows, expected), "the rest is counted");
    }
}
