//! Depth-first order of the objects that refer to something, and the references off the search tree, by target.

use std::hint::black_box;

use super::{NONE, ROOT};
use crate::analysis::{ObjectSet, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// The order of the search. Number 0 is the virtual root.
pub(super) struct Search {
    /// By id: its number, or [`NONE`] for leaves and what is not reached.
    pub(super) number: Vec<u32>,
    /// By number: the object; that of the virtual root means nothing.
    pub(super) vertex: Vec<ObjectId>,
    /// By number: who led to it.
    pub(super) parent: Vec<u32>,
    /// References between numbers that are not in the search tree.
    pub(super) cross: Cross,
}

/// References by target, as rows: those to the greatest number stand last.
pub(super) struct Cross {
    /// By number: how many refer to it.
    count: Vec<u32>,
    sources: Vec<u32>,
}

/// Pairs of one allocation: many small ones cost no copy when they grow, and are given back one by one.
const PAIRS: usize = 1 << 20;

/// References (target, source) as they are met.
#[derive(Default)]
struct Pairs(Vec<Vec<(u32, u32)>>);

impl Pairs {
    #[inline]
    fn push(&mut self, target: u32, source: u32) {
        match self.0.last_mut() {
            Some(last) if last.len() < PAIRS => last.push((target, source)),
            _ => {
                // The first is small: most graphs that are asked for are.
                let room = if self.0.is_empty() { 1024 } else { PAIRS };
                let mut next = Vec::with_capacity(room);
                next.push((target, source));
                self.0.push(next);
            }
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
}

impl Cross {
    /// Counting sort of (target, source).
    fn new(n: usize, pairs: Pairs) -> Self {
        let mut count = vec![0u32; n];
        for &(target, _) in pairs.0.iter().flatten() {
            count[target as usize] += 1;
        }
        let mut next = Vec::with_capacity(n);
        let mut sum = 0usize;
        for &count in &count {
            next.push(sum as u64);
            sum += count as usize;
        }
        let mut sources = vec![0u32; pairs.len()];
        for block in pairs.0 {
            for (target, source) in block {
                let place = &mut next[target as usize];
                sources[*place as usize] = source;
                *place += 1;
            }
        }
        Self { count, sources }
    }

    /// Sources of the references to each number, from the greatest number down to 1.
    pub(super) fn downwards(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let mut rest = self.sources.as_slice();
        (1..self.count.len()).rev().map(move |target| {
            let (before, row) = rest.split_at(rest.len() - self.count[target] as usize);
            rest = before;
            (target as u32, row)
        })
    }

    /// All sources, in the order of their targets.
    pub(super) fn sources(&self) -> &[u32] {
        &self.sources
    }

    pub(super) fn n_references(&self) -> u64 {
        self.sources.len() as u64
    }
}

/// Walks from the roots. The rest of every row on the way down waits on one stack, so that nothing is read twice: four
/// bytes for each reference beside the way, twelve for each step of it.
pub(super) fn search(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    core: &ObjectSet,
    roots: &[ObjectId],
    job: &Job,
) -> Result<Search, Cancelled> {
    let mut walk = Walk {
        graph,
        core,
        number: vec![NONE; snapshot.objects.len()],
        vertex: vec![ObjectId(NONE)],
        parent: vec![ROOT],
        pairs: Pairs::default(),
        waiting: Vec::new(),
        way: Vec::new(),
        row: Vec::new(),
    };
    let mut since_tick = 0;
    for &root in roots.iter().filter(|&&root| core.contains(root)) {
        walk.meet(root, ROOT);
        while let Some(&(from, first)) = walk.way.last() {
            if walk.waiting.len() == first {
                walk.way.pop();
                continue;
            }
            if let Some(target) = walk.waiting.pop()
                && walk.meet(target, from)
            {
                since_tick += 1;
                if since_tick == TICK {
                    since_tick = 0;
                    job.tick(u64::from(TICK))?;
                }
            }
        }
    }
    let Walk { number, vertex, parent, pairs, .. } = walk;
    let cross = Cross::new(vertex.len(), pairs);
    Ok(Search { number, vertex, parent, cross })
}

struct Walk<'a> {
    graph: &'a HeapGraph,
    core: &'a ObjectSet,
    number: Vec<u32>,
    vertex: Vec<ObjectId>,
    parent: Vec<u32>,
    pairs: Pairs,
    /// Targets that were not numbered when their row was read, the next one last.
    waiting: Vec<ObjectId>,
    /// The way down: number, and how many were waiting before its row.
    way: Vec<(u32, usize)>,
    row: Vec<ObjectId>,
}

impl Walk<'_> {
    /// Follows a reference. True when `object` is new: its row waits then.
    #[inline]
    fn meet(&mut self, object: ObjectId, from: u32) -> bool {
        let known = self.number[object.index()];
        if known != NONE {
            if known != from {
                self.pairs.push(known, from);
            }
            return false;
        }
        let new = self.vertex.len() as u32;
        self.number[object.index()] = new;
        self.vertex.push(object);
        self.parent.push(from);
        self.row.clear();
        self.row.extend(self.graph.references.of(object).filter(|&target| self.core.contains(target)));
        // Reads that do not wait for each other: the loop after this one finds them in the cache.
        black_box(self.row.iter().fold(0, |sum, target| sum ^ self.number[target.index()]));
        self.way.push((new, self.waiting.len()));
        for &target in self.row.iter().rev() {
            match self.number[target.index()] {
                NONE => self.waiting.push(target),
                known if known != new => self.pairs.push(known, new),
                _ => {}
            }
        }
        true
    }
}
