//! What the dump is and what is known of it: `heaproot info`.

use serde::Serialize;

use super::coverage::CoverageReport;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::base::{Addr, number};
use crate::snapshot::{HeapGraph, HeapSnapshot, ModuleRow, SegmentRow};

/// The dump, the process, the runtime, the heap.
#[derive(Clone, Debug, Serialize)]
pub struct InfoReport {
    /// The file.
    pub file: FileInfo,
    /// The process.
    pub process: ProcessInfo,
    /// The runtime.
    pub runtime: RuntimeInfo,
    /// `Linux`, `Linux (musl)`, `Windows`, `macOS`; `null` when the file does not say.
    pub os: Option<&'static str>,
    /// `x64`, `arm64`; `null` when the file does not say.
    pub arch: Option<&'static str>,
    /// The collector.
    pub gc: GcInfo,
    /// Objects of the heap, free blocks not counted.
    pub total: Sum,
    /// What roots hold; `null` when references were not read.
    pub reachable: Option<ReachableInfo>,
    /// Segments and regions, by address of the first object.
    pub segments: Vec<SegmentLine>,
    /// Managed modules, by address.
    pub modules: Vec<ModuleLine>,
    /// How things were found, in the order they were used.
    pub evidence: Vec<EvidenceLine>,
    /// What was read and what was not.
    pub coverage: CoverageReport,
}

/// The file.
#[derive(Clone, Debug, Serialize)]
pub struct FileInfo {
    /// Name without its folder.
    pub name: String,
    /// Bytes, unpacked.
    pub bytes: u64,
    /// Kind.
    pub format: &'static str,
    /// Program that wrote it.
    pub writer: &'static str,
}

/// The process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessInfo {
    /// Process id.
    pub id: Option<u32>,
    /// Program.
    pub name: String,
    /// Command line.
    pub command_line: String,
}

/// The runtime.
#[derive(Clone, Debug, Serialize)]
pub struct RuntimeInfo {
    /// For a person.
    pub name: String,
    /// As exact as known.
    pub version: String,
    /// How it was found out.
    pub version_source: String,
    /// Path of its module on the machine it ran on.
    pub module: String,
    /// Where that was loaded.
    pub base: Hex,
    /// Linked into the program.
    pub single_file: bool,
}

/// The collector.
#[derive(Clone, Debug, Serialize)]
pub struct GcInfo {
    /// `workstation` or `server`.
    pub mode: &'static str,
    /// Heaps in use.
    pub heaps: u32,
    /// `segments` or `regions`.
    pub layout: &'static str,
    /// File name of a stand-alone collector.
    pub standalone: Option<String>,
    /// A blocking collection was under way.
    pub in_progress: bool,
    /// A background collection was under way.
    pub background: bool,
}

/// What roots hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReachableInfo {
    /// From precise roots.
    pub without_stack: Sum,
    /// From these and from words on stacks, which may be stale.
    pub with_stack: Sum,
}

/// A segment or region.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentLine {
    /// `ephemeral`, `gen0`, `gen1`, `gen2`, `large`, `pinned`, `frozen`.
    pub kind: &'static str,
    /// First object.
    pub start: Hex,
    /// End of the last object.
    pub end: Hex,
    /// The runtime's `heap_segment`.
    pub address: Hex,
    /// GC heap it belongs to.
    pub heap: u32,
    /// End of committed memory.
    pub committed_end: Hex,
    /// End of reserved memory.
    pub reserved_end: Hex,
}

/// A managed module.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleLine {
    /// The runtime's `Module`.
    pub address: Hex,
    /// File name.
    pub name: String,
    /// Path on the machine it ran on.
    pub path: String,
    /// Where its image begins.
    pub image_base: Hex,
    /// Made at run time.
    pub dynamic: bool,
    /// Its load context, when not the default one.
    pub load_context: Option<String>,
    /// Module version id, as .NET writes it.
    pub mvid: Option<String>,
    /// Where its metadata came from; `null` when there is none.
    pub metadata: Option<String>,
    /// Why there is no metadata.
    pub metadata_missing: Option<String>,
}

/// One step of finding things.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceLine {
    /// What was found.
    pub what: &'static str,
    /// How, with which checks.
    pub how: String,
}

impl InfoReport {
    /// Gathers the facts. `reachable` comes from the analyses, when they ran.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: Option<&HeapGraph>, reachable: Option<ReachableInfo>) -> Self {
        let facts = &snapshot.facts;
        Self {
            file: FileInfo {
                name: facts.file_name.clone(),
                bytes: facts.file_bytes,
                format: facts.format,
                writer: facts.writer,
            },
            process: ProcessInfo {
                id: facts.process_id,
                name: facts.process_name.clone(),
                command_line: facts.command_line.clone(),
            },
            runtime: RuntimeInfo {
                name: facts.runtime.name.clone(),
                version: facts.runtime.version.clone(),
                version_source: facts.runtime.version_source.clone(),
                module: facts.runtime.module.clone(),
                base: facts.runtime.module_base.into(),
                single_file: facts.runtime.single_file,
            },
            os: facts.os.map(|os| os.label()),
            arch: facts.arch.map(|arch| arch.label()),
            gc: GcInfo {
                mode: facts.gc.mode.label(),
                heaps: facts.gc.n_heaps,
                layout: facts.gc.layout.label(),
                standalone: facts.gc.standalone.clone(),
                in_progress: facts.gc.in_progress,
                background: facts.gc.background,
            },
            total: Sum { count: snapshot.n_objects(), bytes: snapshot.object_bytes() },
            reachable,
            segments: snapshot.objects.segments().iter().map(segment_line).collect(),
            modules: snapshot.modules.iter().map(module_line).collect(),
            evidence: facts
                .evidence
                .iter()
                .map(|evidence| EvidenceLine { what: evidence.what, how: evidence.how.clone() })
                .collect(),
            coverage: CoverageReport::new(snapshot, graph),
        }
    }

    /// The facts that fit on a screen: the head of `info` and of the answer in the terminal.
    #[must_use]
    pub fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![(
            "File".to_owned(),
            format!("{}, {}, {}", self.file.name, self.file.format, number::size(self.file.bytes)),
        )];
        let mut add = |label: &str, value: String| facts.push((label.to_owned(), value));
        add("Written by", self.file.writer.to_owned());
        let id = self.process.id.map_or_else(String::new, |id| format!(" (process {id})"));
        let command =
            if self.process.command_line.is_empty() { &self.process.name } else { &self.process.command_line };
        add("Process", format!("{command}{id}"));
        add("System", [self.os, self.arch].into_iter().flatten().collect::<Vec<_>>().join(", "));
        let single = if self.runtime.single_file { ", single file" } else { "" };
        add("Runtime", format!("{}{single}; {}", self.runtime.name, self.runtime.version_source));
        add("Collector", gc_text(&self.gc));
        add(
            "Objects",
            format!("{}, {}", number::counted(self.total.count, "object", "objects"), number::size(self.total.bytes)),
        );
        if let Some(reachable) = &self.reachable {
            let held =
                |sum: Sum| format!("{}, {}", number::counted(sum.count, "object", "objects"), number::size(sum.bytes));
            add("Held by roots", held(reachable.without_stack));
            add("Held with stacks", format!("{} (stack words may be stale)", held(reachable.with_stack)));
        }
        facts
    }
}

fn gc_text(gc: &GcInfo) -> String {
    let heaps = number::counted(u64::from(gc.heaps), "heap", "heaps");
    let mut text = format!("{}, {heaps}, {}", gc.mode, gc.layout);
    if let Some(name) = &gc.standalone {
        text.push_str(&format!(", {name}"));
    }
    if gc.in_progress {
        text.push_str(", a collection was under way");
    }
    if gc.background {
        text.push_str(", a background collection was under way");
    }
    text
}

fn segment_line(segment: &SegmentRow) -> SegmentLine {
    SegmentLine {
        kind: segment.kind.label(),
        start: segment.objects.start.into(),
        end: segment.objects.end.into(),
        address: segment.address.into(),
        heap: segment.heap,
        committed_end: segment.committed_end.into(),
        reserved_end: segment.reserved_end.into(),
    }
}

fn module_line(module: &ModuleRow) -> ModuleLine {
    ModuleLine {
        address: module.address.into(),
        name: module.name.clone(),
        path: module.path.clone(),
        image_base: module.image_base.into(),
        dynamic: module.is_dynamic,
        load_context: module.load_context.clone(),
        mvid: module.mvid.map(guid),
        metadata: module.metadata.clone().ok(),
        metadata_missing: module.metadata.clone().err(),
    }
}

/// A GUID as .NET writes it: the first three groups are little-endian numbers.
fn guid(bytes: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, node @ ..] = bytes;
    let node: String = node.iter().map(|byte| format!("{byte:02x}")).collect();
    let first = u32::from_le_bytes([a, b, c, d]);
    let (second, third) = (u16::from_le_bytes([e, f]), u16::from_le_bytes([g, h]));
    format!("{first:08x}-{second:04x}-{third:04x}-{i:02x}{j:02x}-{node}")
}

impl Report for InfoReport {
    const SCHEMA: &'static str = "heaproot.info/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Facts(self.facts())];
        sections.extend(self.coverage.sections());
        sections.push(Section::Heading("Segments".to_owned()));
        sections.push(Section::Table(self.rows()));
        sections.push(Section::Heading("Modules".to_owned()));
        let mut modules = Table::new(vec![
            text("Module", "address"),
            text("Context", "load_context"),
            text("Metadata", "metadata"),
            text("Name", "name"),
        ]);
        for line in &self.modules {
            modules.push(vec![
                Cell::Address(Addr(line.address.0)),
                Cell::text_or_missing(line.load_context.as_deref()),
                Cell::text_or_missing(line.metadata.as_deref().or(line.metadata_missing.as_deref())),
                Cell::Text(if line.name.is_empty() { line.path.clone() } else { line.name.clone() }),
            ]);
        }
        sections.push(Section::Table(modules));
        sections.push(Section::Heading("How it was found".to_owned()));
        sections
            .push(Section::Facts(self.evidence.iter().map(|line| (line.what.to_owned(), line.how.clone())).collect()));
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Kind", "kind"),
            number("Heap", "heap"),
            text("Start", "start"),
            text("End", "end"),
            text("Committed to", "committed_end"),
            text("Reserved to", "reserved_end"),
            text("Segment", "address"),
        ]);
        for line in &self.segments {
            let address = |at: Hex| Cell::Address(Addr(at.0));
            table.push(vec![
                Cell::Text(line.kind.to_owned()),
                Cell::Count(u64::from(line.heap)),
                address(line.start),
                address(line.end),
                address(line.committed_end),
                address(line.reserved_end),
                address(line.address),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_read_as_in_dotnet() {
        let bytes = [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        assert_eq!(guid(bytes), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
