//! The dominator tree downwards: what each object holds alone, biggest first.

use super::{Dominator, DominatorTree, NONE, ROOT, Retained};
use crate::analysis::TICK;
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId};

/// Children of every object, as rows, each sorted by retained bytes (biggest first), then id.
#[derive(Clone, Debug)]
pub struct Children {
    first: Vec<u32>,
    objects: Vec<ObjectId>,
}

impl Children {
    /// Turns the tree round. One pass and a sort of each row: about 4 bytes per live object stay.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(tree: &DominatorTree, snapshot: &HeapSnapshot, job: &Job) -> Result<Self, Cancelled> {
        let mut first = vec![0u32; tree.idom.len() + 1];
        for object in snapshot.objects.ids() {
            if object.0.is_multiple_of(TICK) {
                job.tick(0)?;
            }
            if let Some(above) = tree.above(object) {
                first[above as usize + 1] += 1;
            }
        }
        for index in 1..first.len() {
            first[index] += first[index - 1];
        }
        let mut objects = vec![ObjectId(NONE); first.last().copied().unwrap_or_default() as usize];
        for object in snapshot.objects.ids() {
            if object.0.is_multiple_of(TICK) {
                job.tick(0)?;
            }
            if let Some(above) = tree.above(object) {
                let place = &mut first[above as usize];
                objects[*place as usize] = object;
                *place += 1;
            }
        }
        let n = first.len() - 1;
        first.copy_within(0..n, 1);
        first[0] = 0;
        let bytes = |object: ObjectId| tree.retained(snapshot, object).unwrap_or_default().bytes;
        let mut keys = Vec::new();
        for number in 0..n {
            let row = &mut objects[first[number] as usize..first[number + 1] as usize];
            if (number as u32).is_multiple_of(TICK) {
                job.tick(0)?;
            }
            sort_biggest_first(row, bytes, &mut keys);
        }
        Ok(Self { first, objects })
    }

    /// What `of` holds alone, biggest first. Column look-up.
    #[must_use]
    pub fn of(&self, tree: &DominatorTree, of: Dominator) -> &[ObjectId] {
        match of {
            Dominator::Root => self.row(ROOT),
            Dominator::Object(object) if tree.core.contains(object) && tree.is_reached(object) => {
                self.row(tree.number[object.index()])
            }
            Dominator::Object(_) => &[],
        }
    }

    fn row(&self, number: u32) -> &[ObjectId] {
        &self.objects[self.first[number as usize] as usize..self.first[number as usize + 1] as usize]
    }

    /// Bytes of memory it takes.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        (self.first.len() * 4 + self.objects.len() * 4) as u64
    }

    /// Per type, what its instances retain at least: the retained sizes of those that stand below no other instance.
    /// What two of them hold together is not in it; [`super::sets::retained_by`] finds that too. One walk of the tree.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn retained_by_type(
        &self,
        tree: &DominatorTree,
        snapshot: &HeapSnapshot,
        job: &Job,
    ) -> Result<Vec<Retained>, Cancelled> {
        let mut sums = vec![Retained::default(); snapshot.types.len()];
        // Instances of each type on the way down from the root.
        let mut open = vec![0u32; snapshot.types.len()];
        let mut stack: Vec<(TypeId, u32, u32)> = Vec::new();
        let (mut next, mut end, mut of) = (self.first[0], self.first[1], None);
        let mut since_tick = 0;
        loop {
            if next == end {
                if let Some(ty) = of {
                    let ty: TypeId = ty;
                    open[ty.index()] -= 1;
                }
                let Some((ty, at, to)) = stack.pop() else { break };
                (next, end) = (at, to);
                of = (ty.0 != NONE).then_some(ty);
                continue;
            }
            let object = self.objects[next as usize];
            next += 1;
            since_tick += 1;
            if since_tick == TICK {
                since_tick = 0;
                job.tick(0)?;
            }
            let ty = snapshot.objects.type_of(object);
            if open[ty.index()] == 0 {
                let retained = tree.retained(snapshot, object).unwrap_or_default();
                sums[ty.index()].bytes += retained.bytes;
                sums[ty.index()].count += retained.count;
            }
            if tree.core.contains(object) {
                let number = tree.number[object.index()] as usize;
                let row = (self.first[number], self.first[number + 1]);
                if row.0 != row.1 {
                    stack.push((of.unwrap_or(TypeId(NONE)), next, end));
                    (next, end) = row;
                    of = Some(ty);
                    open[ty.index()] += 1;
                }
            }
        }
        Ok(sums)
    }
}

/// Sorts siblings by bytes, biggest first, then by id. `keys` is used again from row to row: the bytes of an object,
/// turned over, above its id; eight bytes for each of what may be all objects of a heap.
pub(in crate::analysis) fn sort_biggest_first(
    row: &mut [ObjectId],
    bytes: impl Fn(ObjectId) -> u64,
    keys: &mut Vec<u64>,
) {
    if row.len() < 2 {
        return;
    }
    let clipped = |object: ObjectId| u32::try_from(bytes(object)).unwrap_or(u32::MAX);
    keys.clear();
    keys.extend(row.iter().map(|&object| u64::from(!clipped(object)) << 32 | u64::from(object.0)));
    keys.sort_unstable();
    row.iter_mut().zip(keys.iter()).for_each(|(place, &key)| *place = ObjectId(key as u32));
    // The few that retain 4 GiB or more stand first, in the order of their ids.
    let n_clipped = keys.partition_point(|key| key >> 32 == 0);
    row[..n_clipped].sort_by_cached_key(|&object| (std::cmp::Reverse(bytes(object)), object));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn siblings_of_any_size_stand_biggest_first(
            sizes in prop::collection::vec(prop_oneof![0..5_u64, (1_u64 << 32) - 3..(1 << 32) + 3, any::<u64>()], 0..40),
        ) {
            let bytes = |object: ObjectId| sizes[object.index()];
            let mut row: Vec<ObjectId> = (0..sizes.len() as u32).map(ObjectId).collect();
            let mut expected = row.clone();
            expected.sort_by_key(|&object| (std::cmp::Reverse(bytes(object)), object));
            sort_biggest_first(&mut row, bytes, &mut vec![7; 3]);
            prop_assert_eq!(row, expected);
        }
    }
}
