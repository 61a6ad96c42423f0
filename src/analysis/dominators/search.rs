//! Depth-first order of the core, and the references off the search tree, by target.

use std::hint::black_box;
use std::ops::Range;

use super::ROOT;
use super::core_graph::{CoreGraph, Member, NO_TARGET, OtherTargets};
use crate::analysis::TICK;
use crate::base::{Cancelled, Job};

/// The order of the search. Number 0 is the virtual root; those of the members of the core stand with them.
pub(super) struct Search {
    /// By number: who led to it.
    pub(super) parent: Vec<u32>,
    /// References between numbers that are not in the search tree.
    pub(super) cross: Cross,
}

/// References (target, source) that are not in the search tree, in buckets of neighbouring targets: what a bucket holds
/// is sorted in the cache when its turn comes.
pub(super) struct Cross {
    buckets: Vec<Bucket>,
    n_numbers: u32,
}

/// Numbers of a bucket, as a power of two.
const BUCKET_SHIFT: u32 = 16;

/// Pairs of one allocation: many of them cost no copy when they grow.
const PAIRS: usize = 1 << 14;

#[derive(Clone, Default)]
struct Bucket {
    full: Vec<Vec<(u32, u32)>>,
    open: Vec<(u32, u32)>,
}

impl Bucket {
    #[inline]
    fn push(&mut self, target: u32, source: u32) {
        if self.open.len() == PAIRS {
            self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(PAIRS)));
        }
        self.open.push((target, source));
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.full.iter().flatten().chain(&self.open).copied()
    }

    fn len(&self) -> usize {
        self.full.len() * PAIRS + self.open.len()
    }
}

/// References to the targets of one bucket, as rows.
pub(super) struct CrossRows {
    /// The targets.
    pub(super) targets: Range<u32>,
    /// Sources to each target.
    pub(super) counts: Vec<u32>,
    /// Sources, in the order of their targets.
    pub(super) sources: Vec<u32>,
}

impl Cross {
    fn new(n_core: usize) -> Self {
        Self { buckets: vec![Bucket::default(); (n_core >> BUCKET_SHIFT) + 1], n_numbers: 0 }
    }

    #[inline]
    fn push(&mut self, target: u32, source: u32) {
        self.buckets[(target >> BUCKET_SHIFT) as usize].push(target, source);
    }

    pub(super) fn n_references(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.len() as u64).sum()
    }

    /// All rows, those of the greatest targets first. Gives back the memory of each bucket.
    pub(super) fn downwards(self) -> impl Iterator<Item = CrossRows> {
        let n = self.n_numbers;
        self.buckets.into_iter().enumerate().rev().map(move |(index, bucket)| {
            let bound = |index: usize| ((index as u64) << BUCKET_SHIFT).min(n.into()) as u32;
            let (first, targets) = (bound(index), bound(index)..bound(index + 1));
            let mut counts = vec![0_u32; targets.len()];
            for (target, _) in bucket.pairs() {
                counts[(target - first) as usize] += 1;
            }
            let mut sum = 0;
            let mut next: Vec<usize> = counts
                .iter()
                .map(|&count| {
                    sum += count as usize;
                    sum - count as usize
                })
                .collect();
            let mut sources = vec![0; bucket.len()];
            for (target, source) in bucket.pairs() {
                let place = &mut next[(target - first) as usize];
                sources[*place] = source;
                *place += 1;
            }
            CrossRows { targets, counts, sources }
        })
    }
}

/// Walks from `roots`, indexes of the core. Targets beside the way down wait on one stack, so that no row is read twice:
/// four bytes for each of them, twelve for each step with some.
pub(super) fn search(core: &mut CoreGraph, roots: &[u32], job: &Job) -> Result<Search, Cancelled> {
    let n = core.members.len();
    let mut walk = Walk {
        others: core.others.view(),
        members: &mut core.members,
        parent: Vec::with_capacity(n + 1),
        cross: Cross::new(n),
        waiting: Vec::new(),
        way: Vec::new(),
        since_tick: 0,
    };
    walk.parent.push(ROOT);
    for &root in roots {
        walk.descend(root, ROOT, job)?;
        while let Some(&(from, first)) = walk.way.last() {
            if walk.waiting.len() == first {
                walk.way.pop();
            } else if let Some(target) = walk.waiting.pop() {
                walk.look_ahead();
                walk.descend(target, from, job)?;
            }
        }
    }
    let Walk { parent, mut cross, .. } = walk;
    cross.n_numbers = parent.len() as u32;
    Ok(Search { parent, cross })
}

/// How far below the top of the stack members are looked at before they are needed.
const AHEAD: usize = 8;

struct Walk<'a> {
    others: OtherTargets<'a>,
    members: &'a mut [Member],
    parent: Vec<u32>,
    cross: Cross,
    /// Targets that were passed on the way down, the next one last.
    waiting: Vec<u32>,
    /// Steps of the way down with targets beside it: number, and how many were waiting before them.
    way: Vec<(u32, usize)>,
    since_tick: u32,
}

impl Walk<'_> {
    /// Follows a reference, and the first reference of whatever is new, until something is known.
    fn descend(&mut self, mut index: u32, mut from: u32, job: &Job) -> Result<(), Cancelled> {
        while index != NO_TARGET {
            let place = &mut self.members[index as usize];
            if place.number != ROOT {
                if place.number != from {
                    self.cross.push(place.number, from);
                }
                break;
            }
            let new = self.parent.len() as u32;
            place.number = new;
            let member = *place;
            self.parent.push(from);
            let [first, second] = member.targets;
            if second != NO_TARGET {
                // Not waited for: it arrives beside the first.
                black_box(self.members[second as usize].number);
                self.way.push((new, self.waiting.len()));
                self.waiting.extend(self.others.of(member, index).iter().rev());
                self.waiting.push(second);
            }
            (index, from) = (first, new);
            self.since_tick += 1;
            if self.since_tick == TICK {
                self.since_tick = 0;
                job.tick(u64::from(TICK))?;
            }
        }
        Ok(())
    }

    /// A read that nothing waits for: the step that needs this member finds it in the cache.
    #[inline]
    fn look_ahead(&self) {
        if let Some(&index) = self.waiting.len().checked_sub(AHEAD).and_then(|at| self.waiting.get(at)) {
            black_box(self.members[index as usize].number);
        }
    }
}
