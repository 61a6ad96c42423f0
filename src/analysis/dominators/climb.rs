//! Semidominators by path compression, immediate dominators by skip pointers.
//!
//! Everything speaks of numbers in depth-first order, so a number falls on the way up: the deepest ancestor whose number
//! is at most `s` is found by skips. A skip pointer leads to the parent or twice as far as the parent's own, so that two
//! of them replace a climb of any length by a logarithmic one (Myers, "An applicative random-access stack").

use super::search::Cross;
use super::{ROOT, Steps};
use crate::analysis::TICK;
use crate::base::{Cancelled, Job};

/// Sources whose paths are looked at together before they are needed.
const AHEAD: usize = 256;
/// Steps of each path that are looked at.
const AHEAD_STEPS: usize = 24;

/// Semidominators by number: the smallest number from which a path leads here through greater numbers alone.
pub(super) fn semidominators(
    parent: &[u32],
    cross: &Cross,
    steps: &mut Steps,
    job: &Job,
) -> Result<Vec<u32>, Cancelled> {
    let mut semi = parent.to_vec();
    let mut forest = Forest {
        nodes: (0u32..).zip(parent).map(|(at, &ancestor)| Node { ancestor, least: at }).collect(),
        path: Vec::new(),
        ahead: Vec::new(),
        steps: 0,
    };
    let (mut left, mut seen) = (cross.sources(), 0);
    for (vertex, sources) in cross.downwards() {
        if vertex.is_multiple_of(TICK) {
            job.tick(u64::from(TICK))?;
        }
        if seen < sources.len() {
            seen = AHEAD.max(sources.len()).min(left.len());
            forest.look_ahead(&left[left.len() - seen..], vertex);
        }
        let mut least = parent[vertex as usize];
        for &source in sources {
            least = least.min(forest.least(source, vertex));
        }
        seen -= sources.len();
        left = &left[..left.len() - sources.len()];
        semi[vertex as usize] = least;
        forest.nodes[vertex as usize].least = least;
    }
    steps.compression = forest.steps;
    Ok(semi)
}

/// A vertex of the search tree; its path upwards is compressed as far as it is linked.
#[derive(Clone, Copy)]
struct Node {
    ancestor: u32,
    /// The smallest semidominator on the compressed path; the own number while it is not linked.
    least: u32,
}

/// The part of the search tree above the vertex at work is not linked yet; below it paths are compressed.
struct Forest {
    nodes: Vec<Node>,
    path: Vec<(u32, u32)>,
    ahead: Vec<u32>,
    steps: u64,
}

impl Forest {
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

/// The dominator tree with a skip pointer per vertex.
pub(super) struct SkipTree {
    nodes: Vec<SkipNode>,
    /// Skips taken by [`SkipTree::common`].
    pub(super) steps: u64,
}

#[derive(Clone, Copy)]
struct SkipNode {
    idom: u32,
    jump: u32,
    depth: u32,
}

/// Immediate dominators out of semidominators: the deepest dominator of the parent that is not below the semidominator.
pub(super) fn immediate_dominators(
    parent: &[u32],
    semi: Vec<u32>,
    steps: &mut Steps,
    job: &Job,
) -> Result<SkipTree, Cancelled> {
    let mut tree = SkipTree { nodes: Vec::with_capacity(parent.len()), steps: 0 };
    tree.nodes.push(SkipNode { idom: ROOT, jump: ROOT, depth: 0 });
    for (vertex, (&parent, &semi)) in (0u32..).zip(parent.iter().zip(&semi)).skip(1) {
        if vertex.is_multiple_of(TICK) {
            job.tick(u64::from(TICK))?;
        }
        let mut at = parent;
        while at > semi {
            let node = tree.nodes[at as usize];
            at = if node.jump > semi { node.jump } else { node.idom };
            steps.climb += 1;
        }
        tree.link(at);
    }
    Ok(tree)
}

impl SkipTree {
    /// Adds the next vertex below `above`.
    fn link(&mut self, above: u32) {
        let SkipNode { jump, depth, .. } = self.nodes[above as usize];
        let far = self.nodes[jump as usize];
        let is_pair = depth - far.depth == far.depth - self.nodes[far.jump as usize].depth;
        let jump = if is_pair { far.jump } else { above };
        self.nodes.push(SkipNode { idom: above, jump, depth: depth + 1 });
    }

    /// Nearest common ancestor of two vertices.
    pub(super) fn common(&mut self, a: u32, b: u32) -> u32 {
        let node = |tree: &Self, at: u32| tree.nodes[at as usize];
        let (mut high, mut low) = if node(self, a).depth <= node(self, b).depth { (a, b) } else { (b, a) };
        let level = node(self, high).depth;
        loop {
            let at = node(self, low);
            if at.depth <= level {
                break;
            }
            low = if node(self, at.jump).depth >= level { at.jump } else { at.idom };
            self.steps += 1;
        }
        while high != low {
            let (a, b) = (node(self, high), node(self, low));
            (high, low) = if a.jump == b.jump { (a.idom, b.idom) } else { (a.jump, b.jump) };
            self.steps += 1;
        }
        high
    }

    pub(super) fn into_idom(self) -> Vec<u32> {
        self.nodes.into_iter().map(|node| node.idom).collect()
    }
}
