//! The facts of the status bar.

use crate::session::Status;
use crate::snapshot::{Facts, GcMode, HeapSnapshot};
use crate::ui::app::Dump;
use crate::ui::widgets::marks::Badge;

/// `.NET 10.0.12`, `Linux x64`, `server GC, 16 heaps`: what is known, in that order.
#[must_use]
pub fn facts_line(facts: &Facts) -> Vec<String> {
    let mut line = Vec::new();
    if !facts.runtime.name.is_empty() {
        line.push(facts.runtime.name.clone());
    }
    let system: Vec<_> =
        [facts.os.map(|os| os.label()), facts.arch.map(|arch| arch.label())].into_iter().flatten().collect();
    if !system.is_empty() {
        line.push(system.join(" "));
    }
    line.push(gc_words(facts));
    line
}

/// `workstation GC`, `server GC, 16 heaps`.
#[must_use]
pub fn gc_words(facts: &Facts) -> String {
    match facts.gc.mode {
        GcMode::Workstation => "workstation GC".to_owned(),
        GcMode::Server if facts.gc.n_heaps == 1 => "server GC, 1 heap".to_owned(),
        GcMode::Server => format!("server GC, {} heaps", facts.gc.n_heaps),
    }
}

/// Kinds of gaps of a heap: lost stretches, types without a name, a collection under way, a cut file, references and
/// roots that were not read.
#[must_use]
pub fn n_gaps(dump: &Dump, snapshot: &HeapSnapshot) -> usize {
    let coverage = &snapshot.coverage;
    [
        coverage.lost_bytes() > 0,
        !coverage.unnamed.is_empty(),
        coverage.n_marked > 0 || snapshot.facts.gc.in_progress,
        coverage.n_cut_segments > 0,
        dump.session.graph().is_some_and(|graph| !snapshot.lost_holders(&graph).is_empty()),
        dump.session.background_problem().is_some(),
    ]
    .into_iter()
    .filter(|gap| *gap)
    .count()
}

/// What the badge says of an open dump.
#[must_use]
pub fn badge(dump: &Dump, snapshot: &HeapSnapshot) -> Badge {
    match n_gaps(dump, snapshot) {
        _ if dump.session.graph().is_none() && dump.session.background().is_some() => Badge::Reading,
        _ if matches!(dump.session.status(), Status::Failed(_)) => Badge::NotOpened,
        0 => Badge::AllRead,
        n => Badge::Gaps(n),
    }
}
