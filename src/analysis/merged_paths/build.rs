//! The tree of objects: climbed level by level, the farthest from the roots first, so that paths which meet are one from
//! there on.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{MergedPaths, NONE, Through};
use crate::analysis::root_path::{Up, steps_up};
use crate::analysis::{Heap, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::ObjectId;

/// An object on its way to the root, with what has come to it so far.
#[derive(Clone, Copy, Debug)]
struct Climber {
    object: ObjectId,
    count: u32,
    bytes: u64,
    is_asked: bool,
}

/// Objects that are climbed from together.
const BATCH: usize = 1 << 9;

impl MergedPaths {
    /// Merges the first path of every object of `asked` (sorted, each once). What `heap.reachability` leaves out is left
    /// out of the paths.
    ///
    /// Cost: the referrers of every object on a path, some 50 ns each, in parallel.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(heap: &Heap<'_>, asked: &[ObjectId], job: &Job) -> Result<Self, Cancelled> {
        let mut tree = Self::default();
        let mut waiting = tree.by_rank(heap, asked, job)?;
        let mut climbing: Vec<Climber> = Vec::new();
        // (place of the child, its holder), by holder.
        let mut arrived: Vec<(ObjectId, u32)> = Vec::new();
        while let Some(next) = climbing.first().or_else(|| waiting.values().next().and_then(|row| row.first())) {
            let rank = heap.reachability.rank(next.object);
            if let Some(asked) = waiting.remove(&Reverse(rank)) {
                climbing = joined(climbing, asked);
            }
            let first = tree.objects.len() as u32;
            tree.append(heap, &climbing, &arrived);
            job.tick(0)?;
            let objects = tree.objects.get(first as usize..).unwrap_or_default();
            let ups: Vec<Vec<Up>> = objects.par_chunks(BATCH).map(|batch| steps_up(heap, batch)).collect();
            arrived.clear();
            for (place, up) in (first..).zip(ups.into_iter().flatten()) {
                match up {
                    Up::Root(start) => tree.starts.push((place, start)),
                    Up::Holder(holder) => arrived.push((holder, place)),
                }
            }
            arrived.par_sort_unstable();
            climbing = tree.merged(&arrived);
        }
        tree.first_child.push(tree.children.len() as u32);
        tree.is_asked = vec![0; tree.objects.len().div_ceil(64)];
        for &place in &tree.asked {
            tree.is_asked[place as usize / 64] |= 1 << (place % 64);
        }
        Ok(tree)
    }

    /// The held of `asked` by their rank, farthest first.
    fn by_rank(
        &mut self,
        heap: &Heap<'_>,
        asked: &[ObjectId],
        job: &Job,
    ) -> Result<BTreeMap<Reverse<u64>, Vec<Climber>>, Cancelled> {
        let mut by_rank: BTreeMap<Reverse<u64>, Vec<Climber>> = BTreeMap::new();
        for (index, &object) in asked.iter().enumerate() {
            if index % TICK as usize == 0 {
                job.tick(0)?;
            }
            let bytes = heap.snapshot.objects.size(object);
            if !heap.reachability.is_alive(object) {
                self.unheld.add(Through { count: 1, bytes });
                continue;
            }
            self.held.add(Through { count: 1, bytes });
            let climber = Climber { object, count: 1, bytes, is_asked: true };
            by_rank.entry(Reverse(heap.reachability.rank(object))).or_default().push(climber);
        }
        Ok(by_rank)
    }

    /// Gives places to the climbers of one level. `arrived` are their children, by holder.
    fn append(&mut self, heap: &Heap<'_>, climbing: &[Climber], arrived: &[(ObjectId, u32)]) {
        let mut children = arrived.iter().peekable();
        for climber in climbing {
            let place = self.objects.len() as u32;
            self.objects.push(climber.object);
            self.types.push(heap.snapshot.objects.type_of(climber.object));
            self.parents.push(NONE);
            self.counts.push(climber.count);
            self.bytes.push(climber.bytes);
            self.first_child.push(self.children.len() as u32);
            if climber.is_asked {
                self.asked.push(place);
            }
            while let Some(&(_, child)) = children.next_if(|(holder, _)| *holder == climber.object) {
                self.children.push(child);
                self.parents[child as usize] = place;
            }
        }
    }

    /// The holders of what arrived, with the sums of what they hold.
    fn merged(&self, arrived: &[(ObjectId, u32)]) -> Vec<Climber> {
        let mut holders: Vec<Climber> = Vec::new();
        for &(object, child) in arrived {
            let (count, bytes) = (self.counts[child as usize], self.bytes[child as usize]);
            match holders.last_mut().filter(|last| last.object == object) {
                Some(last) => {
                    last.count += count;
                    last.bytes += bytes;
                }
                None => holders.push(Climber { object, count, bytes, is_asked: false }),
            }
        }
        holders
    }
}

/// Both, each sorted by object; one that is in both once.
fn joined(climbing: Vec<Climber>, asked: Vec<Climber>) -> Vec<Climber> {
    if climbing.is_empty() {
        return asked;
    }
    let mut all = Vec::with_capacity(climbing.len() + asked.len());
    let (mut a, mut b) = (climbing.into_iter().peekable(), asked.into_iter().peekable());
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(left), Some(right)) if left.object == right.object => {
                let (count, bytes) = (left.count + right.count, left.bytes + right.bytes);
                let both = Climber { object: left.object, count, bytes, is_asked: true };
                a.next();
                b.next();
                Some(both)
            }
            (Some(left), Some(right)) if left.object < right.object => a.next(),
            (Some(_), None) => a.next(),
            (_, Some(_)) => b.next(),
            (None, None) => break,
        };
        all.extend(next);
    }
    all
}
