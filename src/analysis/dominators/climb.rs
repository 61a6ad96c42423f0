//! Semidominators by path compression, immediate dominators by skip pointers.
//!
//! Everything speaks of numbers in depth-first order, so a number falls on the way up: the deepest ancestor whose number
//! is at most `s` is found by skips. A skip pointer leads to the parent or twice as far as the parent's own, so that two
//! of them replace a climb of any length by a logarithmic one (Myers, "An applicative random-access stack").

use super::search::Cross;
use super::{ROOT, Steps};
use crate::analysis::TICK;
use crate::base::{Cancelled, Job};

/// Semidominators by number: the smallest number from which a path leads here through greater numbers alone.
pub(super) fn semidominators(
    parent: &[u32],
    cross: &Cross,
    steps: &mut Steps,
    job: &Job,
) -> Result<Vec<u32>, Cancelled> {
    let n = parent.len() as u32;
    let mut forest = Forest {
        ancestor: parent.to_vec(),
        label: (0..n).collect(),
        semi: (0..n).collect(),
        path: Vec::new(),
        steps: 0,
    };
    for vertex in (1..n).rev() {
        if vertex % TICK == 0 {
            job.tick(u64::from(TICK))?;
        }
        let mut semi = parent[vertex as usize];
        for &source in cross.to(vertex) {
            let best = forest.best(source, vertex);
            semi = semi.min(forest.semi[best as usize]);
        }
        forest.semi[vertex as usize] = semi;
    }
    steps.compression = forest.steps;
    Ok(forest.semi)
}

/// The part of the search tree above the vertex at work is not linked yet; below it paths are compressed.
struct Forest {
    ancestor: Vec<u32>,
    /// On the compressed path: the vertex with the smallest semidominator.
    label: Vec<u32>,
    semi: Vec<u32>,
    path: Vec<u32>,
    steps: u64,
}

impl Forest {
    /// The vertex with the smallest semidominator between `from` and the top of its tree among the vertices above
    /// `vertex`, which are the linked ones; `from` itself when it is not linked.
    #[inline]
    fn best(&mut self, from: u32, vertex: u32) -> u32 {
        if from <= vertex || self.ancestor[from as usize] <= vertex {
            return self.label[from as usize];
        }
        self.path.clear();
        let mut at = from;
        while self.ancestor[at as usize] > vertex {
            self.path.push(at);
            at = self.ancestor[at as usize];
        }
        self.steps += self.path.len() as u64;
        let mut above = at;
        while let Some(at) = self.path.pop() {
            let (mine, other) = (self.label[at as usize], self.label[above as usize]);
            if self.semi[other as usize] < self.semi[mine as usize] {
                self.label[at as usize] = other;
            }
            self.ancestor[at as usize] = self.ancestor[above as usize];
            above = at;
        }
        self.label[from as usize]
    }
}

/// The dominator tree with a skip pointer per vertex.
pub(super) struct SkipTree {
    idom: Vec<u32>,
    jump: Vec<u32>,
    depth: Vec<u32>,
    /// Skips taken by [`SkipTree::common`].
    pub(super) steps: u64,
}

/// Immediate dominators out of semidominators: the deepest dominator of the parent that is not below the semidominator.
pub(super) fn immediate_dominators(
    parent: &[u32],
    semi: Vec<u32>,
    steps: &mut Steps,
    job: &Job,
) -> Result<SkipTree, Cancelled> {
    let n = parent.len();
    // Semidominators of smaller numbers are not needed any more: the answer takes their place.
    let mut tree = SkipTree { idom: semi, jump: vec![ROOT; n], depth: vec![0; n], steps: 0 };
    for (vertex, &parent) in (0u32..).zip(parent).skip(1) {
        if vertex.is_multiple_of(TICK) {
            job.tick(u64::from(TICK))?;
        }
        let semi = tree.idom[vertex as usize];
        let mut at = parent;
        while at > semi {
            let jump = tree.jump[at as usize];
            at = if jump > semi { jump } else { tree.idom[at as usize] };
            steps.climb += 1;
        }
        tree.link(vertex, at);
    }
    Ok(tree)
}

impl SkipTree {
    fn link(&mut self, vertex: u32, above: u32) {
        let (jump, depth) = (self.jump[above as usize], self.depth[above as usize]);
        let is_pair = depth - self.depth[jump as usize]
            == self.depth[jump as usize] - self.depth[self.jump[jump as usize] as usize];
        let at = vertex as usize;
        self.idom[at] = above;
        self.depth[at] = depth + 1;
        self.jump[at] = if is_pair { self.jump[jump as usize] } else { above };
    }

    /// Nearest common ancestor of two vertices.
    pub(super) fn common(&mut self, a: u32, b: u32) -> u32 {
        let depth = |tree: &Self, at: u32| tree.depth[at as usize];
        let (mut high, mut low) = if depth(self, a) <= depth(self, b) { (a, b) } else { (b, a) };
        let level = depth(self, high);
        while depth(self, low) > level {
            let jump = self.jump[low as usize];
            low = if depth(self, jump) >= level { jump } else { self.idom[low as usize] };
            self.steps += 1;
        }
        while high != low {
            let jumps = (self.jump[high as usize], self.jump[low as usize]);
            (high, low) = if jumps.0 == jumps.1 { (self.idom[high as usize], self.idom[low as usize]) } else { jumps };
            self.steps += 1;
        }
        high
    }

    pub(super) fn into_idom(self) -> Vec<u32> {
        self.idom
    }
}
