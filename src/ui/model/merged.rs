//! Why many objects are alive: their paths as one tree, folded out level by level.

use std::collections::BTreeSet;

use crate::analysis::Heap;
use crate::analysis::merged_paths::{MergedGrouping, MergedKey, MergedLevel, MergedPaths, MergedRow, Through};
use crate::analysis::path_tree::Page;
use crate::base::{Cancelled, Job};

/// Where a row is: the keys from the top down to it.
pub type Branch = Vec<MergedKey>;

/// Rows of a level whose rest was folded out.
const MORE: usize = 5_000;
/// Lines at most.
const MOST_LINES: usize = 20_000;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedLine {
    /// Level, from 0.
    pub depth: usize,
    /// What it says.
    pub kind: MergedKind,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum MergedKind {
    /// A row of the tree.
    Row {
        /// The row.
        row: MergedRow,
        /// Where it is.
        branch: Branch,
        /// Folded out; `None` when nothing stands below.
        is_open: Option<bool>,
    },
    /// Rows that are not listed.
    More {
        /// How many.
        n: u64,
        /// The row above them.
        branch: Branch,
    },
}

/// The lines that `open` folds out. `more` are rows all of whose levels are listed.
///
/// # Errors
/// [`Cancelled`].
pub fn lines(
    heap: &Heap<'_>,
    paths: &MergedPaths,
    grouping: MergedGrouping,
    open: &BTreeSet<Branch>,
    more: &BTreeSet<Branch>,
    job: &Job,
) -> Result<Vec<MergedLine>, Cancelled> {
    let page = |branch: &Branch| if more.contains(branch) { Page { skip: 0, take: MORE } } else { Page::FIRST };
    let mut lines = Vec::new();
    let top = paths.top(heap, grouping, page(&Vec::new()), job)?;
    // Levels from the top down to the one at work, each with its next row first.
    let mut stack = vec![(level(top), Branch::new())];
    while let Some((mut rows, above)) = stack.pop() {
        if lines.len() >= MOST_LINES {
            break;
        }
        let depth = above.len();
        let Some(next) = rows.rows.pop() else {
            if rows.n_left > 0 {
                lines.push(MergedLine { depth, kind: MergedKind::More { n: rows.n_left, branch: above } });
            }
            continue;
        };
        let mut branch = above.clone();
        branch.push(next.key.clone());
        let is_open = next.unfolds.then(|| open.contains(&branch));
        stack.push((rows, above));
        if is_open == Some(true) {
            stack.push((level(paths.unfold(heap, grouping, &next, page(&branch), job)?), branch.clone()));
        }
        lines.push(MergedLine { depth, kind: MergedKind::Row { row: next, branch, is_open } });
    }
    Ok(lines)
}

/// Rows that are still to be listed, the next one last.
struct Level {
    rows: Vec<MergedRow>,
    n_left: u64,
}

fn level(found: MergedLevel) -> Level {
    let n_left = found.n_rows.saturating_sub(found.rows.len() as u64);
    let mut rows = found.rows;
    rows.reverse();
    Level { rows, n_left }
}

/// The way down that most of the objects share, to be open at first: while one row has nine tenths of what is above it.
///
/// # Errors
/// [`Cancelled`].
pub fn main_way(
    heap: &Heap<'_>,
    paths: &MergedPaths,
    grouping: MergedGrouping,
    job: &Job,
) -> Result<BTreeSet<Branch>, Cancelled> {
    const STEPS: usize = 12;
    let mut open = BTreeSet::new();
    let mut branch = Branch::new();
    let mut found = paths.top(heap, grouping, Page::FIRST, job)?;
    let mut above: Through = paths.held();
    for _ in 0..STEPS {
        let Some(row) = found.rows.first().filter(|row| row.unfolds && row.through.count * 10 >= above.count * 9)
        else {
            break;
        };
        branch.push(row.key.clone());
        open.insert(branch.clone());
        above = row.through;
        found = paths.unfold(heap, grouping, row, Page::FIRST, job)?;
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analysis::instances::{InstanceFilter, instances};
    use crate::session::Session;
    use crate::synth::sample::seed;
    use crate::ui::tests::type_named;

    #[test]
    fn the_tree_unfolds_along_the_main_way() {
        let (snapshot, graph) = seed(3000, 16);
        let session = Session::from_parts(Arc::new(snapshot), Some(Arc::new(graph)));
        let analyses = session.analyses().unwrap();
        let heap = analyses.heap().unwrap();
        let job = Job::new();
        let worker = type_named(heap.snapshot, "Corpus.Seed.Worker");
        let filter = InstanceFilter { types: vec![worker], ..InstanceFilter::default() };
        let asked = instances(heap.snapshot, None, &filter, &job).unwrap();
        let paths = MergedPaths::new(&heap, &asked, &job).unwrap();
        let grouping = MergedGrouping::FromRootsByType;
        let closed = lines(&heap, &paths, grouping, &BTreeSet::new(), &BTreeSet::new(), &job).unwrap();
        let sum: u64 = closed
            .iter()
            .map(|line| match &line.kind {
                MergedKind::Row { row, .. } => row.through.count,
                MergedKind::More { .. } => 0,
            })
            .sum();
        assert_eq!((sum, closed.iter().all(|line| line.depth == 0)), (3000, true));
        let open = main_way(&heap, &paths, grouping, &job).unwrap();
        let unfolded = lines(&heap, &paths, grouping, &open, &BTreeSet::new(), &job).unwrap();
        assert!(unfolded.len() >= closed.len() + 3, "{unfolded:?}");
        assert!(unfolded.iter().any(|line| line.depth >= 3), "{unfolded:?}");
    }
}
