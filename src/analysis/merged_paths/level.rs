//! Rows of the tree, gathered level by level.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::{Members, MergedGrouping, MergedKey, MergedLevel, MergedNode, MergedPaths, MergedRow, Pace, Through};
use crate::analysis::Heap;
use crate::analysis::path_tree::Page;
use crate::base::{Cancelled, Job};
use crate::snapshot::{ObjectId, TypeId};

/// One in so many of all objects are many: a pass over all is then cheaper than a queue.
const MANY: usize = 16;

/// A row while it is gathered.
#[derive(Debug, Default)]
struct Gathered {
    through: Through,
    here: u64,
    n_objects: u64,
    longest_run: u64,
    below: Vec<u32>,
    above: Vec<(u32, Through)>,
    unfolds: bool,
}

impl MergedPaths {
    /// The first level: roots, or the types of the objects asked for.
    ///
    /// Cost: the objects that roots hold, or those asked for, some 20 ns each.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn top(
        &self,
        heap: &Heap<'_>,
        grouping: MergedGrouping,
        page: Page,
        job: &Job,
    ) -> Result<MergedLevel, Cancelled> {
        if grouping == MergedGrouping::ToRootsByType {
            let own = |&place: &u32| (place, Through { count: 1, bytes: self.own_bytes(heap, place) });
            let asked = self.asked.iter().map(own);
            return self.level_above(heap, asked.collect(), Vec::new(), page, job);
        }
        let mut rows: BTreeMap<String, Gathered> = BTreeMap::new();
        let mut pace = Pace::new(job);
        for &(place, start) in &self.starts {
            pace.step()?;
            let name = match grouping {
                MergedGrouping::FromRootsByObject => start.name(heap),
                _ => start.shape(heap),
            };
            let row = rows.entry(name).or_default();
            row.through.add(self.through(place));
            row.below.push(place);
            row.unfolds = true;
        }
        let rows = rows.into_iter().map(|(name, row)| (MergedKey::Root(name), row)).collect();
        Ok(finished(rows, page))
    }

    /// The level below a row of the same grouping.
    ///
    /// Cost: the objects that the row stands for and those next to them, some 20 ns each; by object the names of the
    /// page's references.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn unfold(
        &self,
        heap: &Heap<'_>,
        grouping: MergedGrouping,
        row: &MergedRow,
        page: Page,
        job: &Job,
    ) -> Result<MergedLevel, Cancelled> {
        match (&row.node.0, &row.key) {
            (Members::End, _) => Ok(MergedLevel::default()),
            (Members::Above(members), _) => self.climbed(heap, members, page, job),
            (Members::Below(places), MergedKey::Root(_)) if grouping == MergedGrouping::FromRootsByObject => {
                self.objects_in(heap, places, None, page, job)
            }
            (Members::Below(places), MergedKey::Root(_)) => self.types_in(places.to_vec(), page, job),
            (Members::Below(places), MergedKey::Object(_)) => {
                let Some(&place) = places.first() else { return Ok(MergedLevel::default()) };
                self.objects_in(heap, self.below(place), Some(place), page, job)
            }
            (Members::Below(places), MergedKey::Type(ty)) => {
                let mut pace = Pace::new(job);
                let mut held = Vec::new();
                self.each_in_run(places, *ty, &mut pace, |place, _| {
                    held.extend(self.below(place).iter().copied().filter(|&child| self.types[child as usize] != *ty));
                })?;
                self.types_in(held, page, job)
            }
        }
    }

    /// An asked object whose path passes the row: the first below what most paths pass. `None` for rows towards the roots.
    #[must_use]
    pub fn example(&self, row: &MergedRow) -> Option<ObjectId> {
        let Members::Below(places) = &row.node.0 else { return None };
        let most = |places: &[u32]| {
            let by_count = |&place: &u32| (self.counts[place as usize], Reverse(self.objects[place as usize]));
            places.iter().copied().max_by_key(by_count)
        };
        let mut place = most(places)?;
        while !self.is_asked(place) {
            place = most(self.below(place))?;
        }
        Some(self.objects[place as usize])
    }

    fn own_bytes(&self, heap: &Heap<'_>, place: u32) -> u64 {
        if self.counts[place as usize] == 1 {
            return self.bytes[place as usize];
        }
        heap.snapshot.objects.size(self.objects[place as usize])
    }

    /// One row an object, of `places`, which `holder` holds. A chain of one type in which each holds the next and nothing
    /// else is one row.
    fn objects_in(
        &self,
        heap: &Heap<'_>,
        places: &[u32],
        holder: Option<u32>,
        page: Page,
        job: &Job,
    ) -> Result<MergedLevel, Cancelled> {
        let mut ranked: Vec<(Reverse<u32>, Reverse<u64>, u32)> = places
            .iter()
            .map(|&place| (Reverse(self.counts[place as usize]), Reverse(self.bytes[place as usize]), place))
            .collect();
        let end = page.skip.saturating_add(page.take).min(ranked.len());
        if end < ranked.len() {
            ranked.select_nth_unstable(end);
            ranked.truncate(end);
        }
        ranked.sort_unstable();
        let mut pace = Pace::new(job);
        let mut rows = Vec::new();
        for &(_, _, place) in ranked.iter().skip(page.skip) {
            let (mut last, mut n_objects, mut here) = (place, 1, u64::from(self.is_asked(place)));
            while let &[only] = self.below(last)
                && self.types[only as usize] == self.types[place as usize]
            {
                pace.step()?;
                (last, n_objects, here) = (only, n_objects + 1, here + u64::from(self.is_asked(only)));
            }
            let object = self.objects[place as usize];
            rows.push(MergedRow {
                key: MergedKey::Object(object),
                via: holder.and_then(|holder| heap.edge_name(self.objects[holder as usize], object)),
                n_objects,
                longest_run: n_objects,
                through: self.through(place),
                here,
                unfolds: !self.below(last).is_empty(),
                node: MergedNode(Members::Below([last].into())),
            });
        }
        Ok(MergedLevel { rows, n_rows: places.len() as u64 })
    }

    /// One row a type, of the subtrees below `places`.
    fn types_in(&self, places: Vec<u32>, page: Page, job: &Job) -> Result<MergedLevel, Cancelled> {
        let mut rows: BTreeMap<TypeId, Gathered> = BTreeMap::new();
        let mut pace = Pace::new(job);
        for place in places {
            pace.step()?;
            let row = rows.entry(self.types[place as usize]).or_default();
            row.through.add(self.through(place));
            row.below.push(place);
        }
        for (&ty, row) in &mut rows {
            let (mut n_objects, mut here, mut longest, mut unfolds) = (0, 0, 0, false);
            self.each_in_run(&row.below, ty, &mut pace, |place, depth| {
                n_objects += 1;
                here += u64::from(self.is_asked(place));
                longest = longest.max(depth);
                unfolds |= self.below(place).iter().any(|&child| self.types[child as usize] != ty);
            })?;
            (row.n_objects, row.here, row.longest_run, row.unfolds) = (n_objects, here, longest, unfolds);
        }
        Ok(finished(rows.into_iter().map(|(ty, row)| (MergedKey::Type(ty), row)).collect(), page))
    }

    /// Every object of `ty` in the runs that begin with `places`, with its place in the run from 1.
    fn each_in_run(
        &self,
        places: &[u32],
        ty: TypeId,
        pace: &mut Pace<'_>,
        mut each: impl FnMut(u32, u64),
    ) -> Result<(), Cancelled> {
        let mut stack: Vec<(u32, u64)> = Vec::new();
        for &first in places {
            stack.push((first, 1));
            while let Some((place, depth)) = stack.pop() {
                pace.step()?;
                each(place, depth);
                let same = self.below(place).iter().filter(|&&child| self.types[child as usize] == ty);
                stack.extend(same.map(|&child| (child, depth + 1)));
            }
        }
        Ok(())
    }

    /// The level above `members`, whose runs of one type are climbed first.
    fn climbed(
        &self,
        heap: &Heap<'_>,
        members: &[(u32, Through)],
        page: Page,
        job: &Job,
    ) -> Result<MergedLevel, Cancelled> {
        let (up, ended) = self.ends_of_runs(members, job)?;
        self.level_above(heap, up, ended, page, job)
    }

    /// Holders of other types than what they hold, with what comes up to them; and what ends at a root.
    #[expect(clippy::type_complexity, reason = "two lists of one kind")]
    fn ends_of_runs(
        &self,
        members: &[(u32, Through)],
        job: &Job,
    ) -> Result<(Vec<(u32, Through)>, Vec<(u32, Through)>), Cancelled> {
        let (mut up, mut ended) = (Vec::new(), Vec::new());
        let mut pace = Pace::new(job);
        // Gives the holder when it is of the same type; else the run ends here.
        let mut leave = |place: u32, through: Through| {
            let holder = self.parents[place as usize];
            if holder == super::NONE {
                ended.push((place, through));
            } else if self.types[holder as usize] == self.types[place as usize] {
                return Some(holder);
            } else {
                up.push((holder, through));
            }
            None
        };
        // Holders come later than what they hold: with the smallest place first, everything has come to an object
        // before it is left.
        if members.len() * MANY >= self.objects.len() {
            let mut sums = vec![Through::default(); self.objects.len()];
            members.iter().for_each(|&(place, through)| sums[place as usize].add(through));
            for place in 0..sums.len() {
                pace.step()?;
                let through = sums[place];
                if through.count > 0
                    && let Some(holder) = leave(place as u32, through)
                {
                    sums[holder as usize].add(through);
                }
            }
            return Ok((up, ended));
        }
        let mut in_run: BinaryHeap<Reverse<(u32, Through)>> = BinaryHeap::new();
        for &(place, through) in members {
            pace.step()?;
            in_run.extend(leave(place, through).map(|holder| Reverse((holder, through))));
        }
        while let Some(Reverse((place, mut through))) = in_run.pop() {
            pace.step()?;
            while in_run.peek().is_some_and(|Reverse((next, _))| *next == place) {
                if let Some(Reverse((_, more))) = in_run.pop() {
                    through.add(more);
                }
            }
            in_run.extend(leave(place, through).map(|holder| Reverse((holder, through))));
        }
        Ok((up, ended))
    }

    /// One row a type of `members`, and one a root of `ended`.
    fn level_above(
        &self,
        heap: &Heap<'_>,
        mut members: Vec<(u32, Through)>,
        ended: Vec<(u32, Through)>,
        page: Page,
        job: &Job,
    ) -> Result<MergedLevel, Cancelled> {
        let mut pace = Pace::new(job);
        if !members.is_sorted_by_key(|&(place, _)| place) {
            members.sort_unstable_by_key(|&(place, _)| place);
        }
        let mut rows: BTreeMap<TypeId, Gathered> = BTreeMap::new();
        let mut members = members.into_iter().peekable();
        while let Some((place, mut through)) = members.next() {
            pace.step()?;
            while let Some((_, more)) = members.next_if(|&(next, _)| next == place) {
                through.add(more);
            }
            let row = rows.entry(self.types[place as usize]).or_default();
            row.through.add(through);
            row.n_objects += 1;
            row.here += u64::from(self.is_asked(place));
            row.longest_run = 1;
            row.unfolds = true;
            row.above.push((place, through));
        }
        let mut roots: BTreeMap<String, Gathered> = BTreeMap::new();
        for (place, through) in ended {
            pace.step()?;
            let name = self.start(place).map_or_else(String::new, |start| start.shape(heap));
            roots.entry(name).or_default().through.add(through);
        }
        let types = rows.into_iter().map(|(ty, row)| (MergedKey::Type(ty), row));
        let roots = roots.into_iter().map(|(name, row)| (MergedKey::Root(name), row));
        Ok(finished(types.chain(roots).collect(), page))
    }
}

/// The page of the rows, most objects asked for first.
fn finished(mut rows: Vec<(MergedKey, Gathered)>, page: Page) -> MergedLevel {
    // They come by key; that stays for ties.
    rows.sort_by_key(|(_, row)| Reverse((row.through.count, row.through.bytes)));
    let n_rows = rows.len() as u64;
    let row = |(key, row): (MergedKey, Gathered)| MergedRow {
        key,
        via: None,
        n_objects: row.n_objects,
        longest_run: row.longest_run,
        through: row.through,
        here: row.here,
        unfolds: row.unfolds,
        node: MergedNode(match (row.below.is_empty(), row.above.is_empty()) {
            (false, _) => Members::Below(row.below.into()),
            (true, false) => Members::Above(row.above.into()),
            (true, true) => Members::End,
        }),
    };
    MergedLevel { rows: rows.into_iter().skip(page.skip).take(page.take).map(row).collect(), n_rows }
}
