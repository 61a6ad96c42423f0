//! What is known of dump, process and runtime, and the parts of the coverage that follow from the types.

use std::collections::BTreeMap;

use crate::clr::Runtime;
use crate::snapshot::coverage::UnnamedTypes;
use crate::snapshot::{Coverage, Facts, GcFacts, TypeName, TypeShape, TypeTable, TypeTotals};

/// Facts of the dump, the process, the runtime.
pub(crate) fn facts(runtime: &Runtime, file_name: &str, file_bytes: u64) -> Facts {
    let target = &runtime.target;
    Facts {
        file_name: file_name.to_owned(),
        file_bytes,
        format: "ELF core",
        writer: target.writer.label(),
        arch: Some(target.arch),
        os: Some(target.os),
        process_id: target.process.id,
        process_name: target.process.name.clone(),
        command_line: target.process.command_line.clone(),
        runtime: runtime.info.facts.clone(),
        gc: GcFacts {
            mode: runtime.gc.mode,
            n_heaps: u32::try_from(runtime.gc.heaps.len()).unwrap_or(u32::MAX),
            layout: runtime.gc.layout,
            standalone: runtime.info.standalone_gc.clone(),
            in_progress: runtime.gc.in_progress,
            background: runtime.gc.background.unwrap_or(false),
        },
        evidence: runtime.evidence.clone(),
    }
}

/// Adds what is unnamed, absent and cut.
pub(crate) fn complete_coverage(coverage: &mut Coverage, runtime: &Runtime, types: &TypeTable, totals: &[TypeTotals]) {
    let mut by_reason: BTreeMap<&str, UnnamedTypes> = BTreeMap::new();
    for ((_, row), sums) in types.iter().zip(totals) {
        let TypeName::Missing(reason) = &row.name else { continue };
        if sums.count == 0 || matches!(row.shape, TypeShape::Free | TypeShape::Gap) {
            continue;
        }
        let row = by_reason.entry(reason).or_insert_with(|| UnnamedTypes {
            reason: reason.to_string(),
            n_types: 0,
            n_objects: 0,
            bytes: 0,
        });
        row.n_types += 1;
        row.n_objects += sums.count;
        row.bytes += sums.bytes;
    }
    coverage.unnamed = by_reason.into_values().collect();
    coverage.unnamed.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.reason.cmp(&b.reason)));
    coverage.absent.clone_from(&runtime.absent);
    coverage.n_cut_segments = runtime.target.losses.n_cut_segments;
    coverage.cut_bytes = runtime.target.losses.cut_bytes;
}
