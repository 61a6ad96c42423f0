//! Depth-first order of the objects that refer to something, and the references off the search tree, by target.

use super::{NONE, ROOT};
use crate::analysis::{ObjectSet, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::graph::Targets;
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

/// References by target, as rows.
pub(super) struct Cross {
    first: Vec<u64>,
    sources: Vec<u32>,
}

impl Cross {
    /// Counting sort of (target, source).
    fn new(n: usize, pairs: &[(u32, u32)]) -> Self {
        let mut first = vec![0u64; n + 1];
        for &(target, _) in pairs {
            first[target as usize + 1] += 1;
        }
        for index in 1..first.len() {
            first[index] += first[index - 1];
        }
        let mut sources = vec![0u32; pairs.len()];
        // `first[t]` moves to the end of row t while it fills, which is the start of row t + 1: shift it back after.
        for &(target, source) in pairs {
            let place = &mut first[target as usize];
            sources[*place as usize] = source;
            *place += 1;
        }
        first.copy_within(0..n, 1);
        first[0] = 0;
        Self { first, sources }
    }

    /// Sources of the references to `target`.
    #[inline]
    pub(super) fn to(&self, target: u32) -> &[u32] {
        let (from, to) = (self.first[target as usize] as usize, self.first[target as usize + 1] as usize);
        &self.sources[from..to]
    }

    pub(super) fn n_references(&self) -> u64 {
        self.sources.len() as u64
    }
}

/// Walks from the roots. The stack holds the rest of a row per step down: 32 bytes for each of a list's million nodes.
pub(super) fn search(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    core: &ObjectSet,
    roots: &[ObjectId],
    job: &Job,
) -> Result<Search, Cancelled> {
    let mut number = vec![NONE; snapshot.objects.len()];
    let mut vertex = vec![ObjectId(NONE)];
    let mut parent = vec![ROOT];
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let mut stack: Vec<(u32, Targets<'_>)> = Vec::new();
    let mut enter = |object: ObjectId, from: u32, stack: &mut Vec<(u32, Targets<'_>)>| -> bool {
        let known = number[object.index()];
        if known != NONE {
            if known != from {
                pairs.push((known, from));
            }
            return false;
        }
        let new = vertex.len() as u32;
        number[object.index()] = new;
        vertex.push(object);
        parent.push(from);
        stack.push((new, Targets::default()));
        true
    };
    for &root in roots.iter().filter(|&&root| core.contains(root)) {
        if !enter(root, ROOT, &mut stack) {
            continue;
        }
        if let Some(top) = stack.last_mut() {
            top.1 = graph.references.of(root);
        }
        let mut since_tick = 0;
        while let Some((from, row)) = stack.last_mut() {
            let from = *from;
            let Some(target) = row.find(|&target| core.contains(target)) else {
                stack.pop();
                continue;
            };
            if enter(target, from, &mut stack) {
                if let Some(top) = stack.last_mut() {
                    top.1 = graph.references.of(target);
                }
                since_tick += 1;
                if since_tick == TICK {
                    since_tick = 0;
                    job.tick(u64::from(TICK))?;
                }
            }
        }
    }
    let cross = Cross::new(vertex.len(), &pairs);
    Ok(Search { number, vertex, parent, cross })
}
