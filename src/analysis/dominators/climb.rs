//! Semidominators by path compression, immediate dominators by skip pointers.
//!
//! Everything speaks of numbers in depth-first order, so a number falls on the way up: the deepest ancestor whose number
//! is at most `s` is found by skips. A skip pointer leads to the parent or twice as far as the parent's own, so that two
//! of them replace a climb of any length by a logarithmic one (Myers, "An applicative random-access stack").

use bytemuck::{Pod, Zeroable};

use super::search::Cross;
use super::{ROOT, Steps};
use crate::analysis::TICK;
use crate::base::{Cancelled, Job};

/// Sources whose paths are looked at together before they are needed.
const AHEAD: usize = 256;
/// Steps of each path that are looked at.
const AHEAD_STEPS: usize = 24;

/// Semidominators by number: the smallest number from which a path leads here through greater numbers alone.
/// `nodes` has one for each of them, and any contents.
pub(super) fn semidominators(
    nodes: &mut [Node],
    parent: &[u32],
    cross: Cross,
    steps: &mut Steps,
    job: &Job,
) -> Result<Vec<u32>, Cancelled> {
    let mut semi = parent.to_vec();
    for (at, (node, &ancestor)) in (0u32..).zip(nodes.iter_mut().zip(parent)) {
        *node = Node { ancestor, least: at };
    }
    let mut forest = Forest { nodes, path: Vec::new(), ahead: Vec::new(), steps: 0 };
    for rows in cross.downwards() {
        let (mut left, mut seen) = (rows.sources.as_slice(), 0);
        for (vertex, &count) in rows.targets.zip(&rows.counts).rev() {
            if vertex.is_multiple_of(TICK) {
                job.tick(u64::from(TICK))?;
            }
            if vertex == ROOT {
                break;
            }
            let count = count as usize;
            if seen < count {
                seen = AHEAD.max(count).min(left.len());
                forest.look_ahead(&left[left.len() - seen..], vertex);
            }
            let (before, sources) = left.split_at(left.len() - count);
            let mut least = parent[vertex as usize];
            for &source in sources {
                least = least.min(forest.least(source, vertex));
            }
            (left, seen) = (before, seen - count);
            semi[vertex as usize] = least;
            forest.nodes[vertex as usize].least = least;
        }
    }
    steps.compression = forest.steps;
    Ok(semi)
}

/// A vertex of the search tree; its path upwards is compressed as far as it is linked.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Node {
    ancestor: u32,
    /// The smallest semidominator on the compressed path; the own number while it is not linked.
    least: u32,
}

/// The part of the search tree above the vertex at work is not linked yet; below it paths are compressed.
struct Forest<'a> {
    nodes: &'a mut [Node],
    path: Vec<(u32, u32)>,
    ahead: Vec<u32>,
    steps: u64,
}

impl Forest<'_> {
    /// Walks the paths of `sources` side by side and changes nothing: reads of different paths do not wait for each
    /// other, and what follows finds them in the cache. On graphs without any locality this is most of the time.
    fn look_ahead(&mut self, sources: &[u32], vertex: u32) {
        self.ahead.clear();
        self.ahead.extend(sources.iter().copied().filter(|&source| source > vertex));
        // A path of a million steps is compressed at its first use, and walked as it is here: only its beginning.
        for _ in 0..AHEAD_STEPS {
            let mut kept = 0;
            for index in 0..self.ahead.len() {
                let ancestor = self.nodes[self.ahead[index] as usize].ancestor;
                self.ahead[kept] = ancestor;
                kept += usize::from(ancestor > vertex);
            }
            self.ahead.truncate(kept);
        }
    }

    /// The smallest semidominator between `from` and the top of its tree among the vertices above `vertex`, which are
    /// the linked ones; `from` itself when it is not linked.
    #[inline]
    fn least(&mut self, from: u32, vertex: u32) -> u32 {
        let Node { mut ancestor, least } = self.nodes[from as usize];
        if from <= vertex || ancestor <= vertex {
            return least;
        }
        self.path.clear();
        self.path.push((from, least));
        // The last of the path hangs on the top of its tree; what is above it is not linked.
        let (mut top, mut running) = (ancestor, least);
        while ancestor > vertex {
            let node = self.nodes[ancestor as usize];
            (top, running) = (node.ancestor, node.least);
            self.path.push((ancestor, node.least));
            ancestor = node.ancestor;
        }
        self.steps += self.path.len() as u64 - 1;
        self.path.pop();
        while let Some((at, least)) = self.path.pop() {
            running = running.min(least);
            self.nodes[at as usize] = Node { ancestor: top, least: running };
        }
        running
    }
}

/// A vertex of the dominator tree with its skip pointer.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct SkipNode {
    idom: u32,
    jump: u32,
    depth: u32,
}

/// Immediate dominators out of semidominators: the deepest dominator of the parent that is not below the semidominator.
/// They take the place of the parents. `nodes` has one for each of them, and any contents.
pub(super) fn immediate_dominators(
    nodes: &mut [SkipNode],
    mut parent: Vec<u32>,
    semi: &[u32],
    steps: &mut Steps,
    job: &Job,
) -> Result<Vec<u32>, Cancelled> {
    nodes[ROOT as usize] = SkipNode { idom: ROOT, jump: ROOT, depth: 0 };
    for (vertex, (above, &semi)) in parent.iter_mut().zip(semi).enumerate().skip(1) {
        if vertex.is_multiple_of(TICK as usize) {
            job.tick(u64::from(TICK))?;
        }
        while *above > semi {
            let node = nodes[*above as usize];
            *above = if node.jump > semi { node.jump } else { node.idom };
            steps.climb += 1;
        }
        nodes[vertex] = below(nodes, *above);
    }
    Ok(parent)
}

/// A vertex whose immediate dominator is `above`.
fn below(nodes: &[SkipNode], above: u32) -> SkipNode {
    let SkipNode { jump, depth, .. } = nodes[above as usize];
    let far = nodes[jump as usize];
    let is_pair = depth - far.depth == far.depth - nodes[far.jump as usize].depth;
    let jump = if is_pair { far.jump } else { above };
    SkipNode { idom: above, jump, depth: depth + 1 }
}

/// The dominator tree with a skip pointer per vertex.
pub(super) struct SkipTree<'a> {
    nodes: &'a [SkipNode],
    /// Skips taken so far.
    pub(super) steps: u64,
}

impl<'a> SkipTree<'a> {
    /// The tree that [`immediate_dominators`] left in `nodes`.
    pub(super) fn new(nodes: &'a [SkipNode]) -> Self {
        Self { nodes, steps: 0 }
    }

    /// Nearest common ancestor of two vertices.
    pub(super) fn common(&mut self, a: u32, b: u32) -> u32 {
        let node = |at: u32| self.nodes[at as usize];
        let (mut high, mut low) = if node(a).depth <= node(b).depth { (a, b) } else { (b, a) };
        let level = node(high).depth;
        loop {
            let at = node(low);
            if at.depth <= level {
                break;
            }
            low = if node(at.jump).depth >= level { at.jump } else { at.idom };
            self.steps += 1;
        }
        while high != low {
            let (a, b) = (node(high), node(low));
            (high, low) = if a.jump == b.jump { (a.idom, b.idom) } else { (a.jump, b.jump) };
            self.steps += 1;
        }
        high
    }
}
