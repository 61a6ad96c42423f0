//! Paths of other roots below the first one, each a spine of its own.

use std::collections::BTreeSet;

use super::{Build, Forks, LineKind, MOST_LINES, Paths, node};
use crate::analysis::different_paths::DifferentPaths;
use crate::base::{Cancelled, number};
use crate::snapshot::ObjectId;

/// Paths of other roots than the first path's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Further {
    /// Those among the lines.
    pub n_shown: usize,
    /// Those that could follow.
    pub n_left: usize,
    /// All roots were found.
    pub is_complete: bool,
    /// No more are listed, though there are some.
    pub is_full: bool,
}

/// Further paths that are listed at most: the command line has the rest.
const MOST_FURTHER: usize = 99;

impl Paths {
    /// `2 paths, 2 roots`: the branches of the first path, or the paths that are listed and the roots there are.
    #[must_use]
    pub fn counts(&self) -> String {
        let (n_paths, n_roots, least) = match self.further.filter(|further| further.n_shown > 0) {
            None => (self.n_paths, self.n_roots as u64, ""),
            Some(further) => {
                let n_roots = (further.n_shown + further.n_left + 1) as u64;
                (further.n_shown as u64 + 1, n_roots, if further.is_complete { "" } else { "at least " })
            }
        };
        format!("{}, {least}{}", number::counted(n_paths, "path", "paths"), number::counted(n_roots, "root", "roots"))
    }

    /// What `heaproot path` needs to be told to list as many.
    #[must_use]
    pub fn arguments(&self) -> &'static str {
        if self.further.is_some() { " --all" } else { "" }
    }
}

impl Build<'_> {
    /// Paths of other roots, the most different one next. Forks stand on the first path alone: a further path is one of
    /// those that they lead to.
    pub(super) fn further(&mut self, different: &DifferentPaths) -> Result<(), Cancelled> {
        let n_all = different.n_roots();
        let mut above: BTreeSet<ObjectId> = BTreeSet::new();
        let mut n_shown = 0;
        let mut is_full = false;
        for (index, found) in different.clone().take(1 + self.query.n_further).enumerate() {
            self.job.tick(0)?;
            let holders = found.path.objects.split_last().map_or(&[][..], |(_, holders)| holders);
            if index > 0 {
                is_full = self.answer.lines.len() >= MOST_LINES || index > MOST_FURTHER;
                if is_full {
                    break;
                }
                let n_shared = holders.iter().filter(|holder| above.contains(holder)).count() as u64;
                let node = node(self.heap.snapshot, self.query.object);
                let n_holders = holders.len() as u64;
                self.push(0, LineKind::Further { node, index: index + 1, n_holders, n_shared });
                self.chain(&found.path, 0, &[], Forks::Hidden)?;
                n_shown = index;
            }
            above.extend(holders);
        }
        let n_left = n_all.saturating_sub(1 + n_shown);
        let is_complete = different.is_complete();
        if n_all > 1 {
            let n = number::count(n_all as u64);
            let all = match (n_all, is_complete) {
                (2, true) => "both roots let go".to_owned(),
                (_, true) => format!("all {n} roots let go"),
                (_, false) => format!("all of at least {n} roots let go"),
            };
            let words = format!(" It goes only when {all}.");
            self.answer.verdict.push((words, false));
        }
        self.answer.further = Some(Further { n_shown, n_left, is_complete, is_full });
        Ok(())
    }
}
