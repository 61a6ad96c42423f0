//! What keeps an object alive: `heaproot path`.

use serde::Serialize;

use super::table::{Cell, Section, Table, text};
use super::what_if::{IgnoredLine, ignored_lines};
use super::{Hex, Report};
use crate::analysis::path_tree::{Page, holders, holding_roots};
use crate::analysis::{Heap, Ignore, RootPath, root_path};
use crate::base::{Addr, Cancelled, Job, RootKind, number};
use crate::snapshot::ObjectId;

/// Rows of referrers that an object without a path shows.
const REFERRERS: usize = 10;

/// The object and the paths that lead to it.
#[derive(Clone, Debug, Serialize)]
pub struct PathReport {
    /// Where the object begins.
    pub object: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Bytes it occupies.
    pub bytes: u64,
    /// `gen0`, `gen1`, `gen2`, `loh`, `poh`, `frozen`.
    pub generation: &'static str,
    /// One line of its content.
    pub preview: Option<String>,
    /// A root holds it.
    pub reachable: bool,
    /// From a root to the object, the most telling first; empty when nothing holds it.
    pub paths: Vec<PathLine>,
    /// Objects that refer to one that nothing holds; they are garbage themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<ReferrerLine>,
    /// How many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_referrers: Option<u64>,
    /// What was left out of the graph.
    pub ignored: Vec<IgnoredLine>,
    /// Why it may be wrong; `null` when nothing speaks against it.
    pub uncertain: Option<String>,
}

/// One path.
#[derive(Clone, Debug, Serialize)]
pub struct PathLine {
    /// Where it begins.
    pub root: RootLine,
    /// Objects from the one the root refers to, to the one asked for.
    pub steps: Vec<StepLine>,
}

/// A root.
#[derive(Clone, Debug, Serialize)]
pub struct RootLine {
    /// `static`, `strong handle`, …
    pub kind: &'static str,
    /// Its name without the kind: `Corpus.Seed.Dispatcher.Shutdown`.
    pub name: String,
    /// Handle, slot or stack word.
    pub address: Hex,
    /// A word on a stack or in a register: it may be left over.
    pub stale: bool,
}

/// One object of a path.
#[derive(Clone, Debug, Serialize)]
pub struct StepLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the reference that leads to it; `null` for the first, which the root holds.
    pub via: Option<String>,
    /// Bytes it occupies.
    pub bytes: u64,
}

/// An object that refers to another.
#[derive(Clone, Debug, Serialize)]
pub struct ReferrerLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the (first) reference.
    pub via: Option<String>,
}

impl RootLine {
    /// From the whole name of a root, which begins with its kind.
    #[must_use]
    pub fn new(kind: RootKind, name: &str, address: Addr) -> Self {
        let bare = name.strip_prefix(kind.label()).map_or(name, |rest| rest.trim_start());
        Self { kind: kind.label(), name: bare.to_owned(), address: address.into(), stale: kind == RootKind::Stack }
    }

    /// `static Corpus.Seed.Dispatcher.Shutdown`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

impl PathReport {
    /// Finds the way from the best root to `object`. With `all`, one way for each root that refers to it or to an
    /// object that refers to it.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(heap: &Heap<'_>, object: ObjectId, all: bool, ignored: &[Ignore], job: &Job) -> Result<Self, Cancelled> {
        let snapshot = heap.snapshot;
        let first = root_path(heap, object, job)?;
        let mut paths: Vec<PathLine> = first.iter().map(|path| path_line(heap, path)).collect();
        if all {
            add_other_paths(heap, object, &mut paths, job)?;
        }
        let mut referrers = Vec::new();
        let mut n_referrers = None;
        if paths.is_empty() {
            let found = holders(heap, object, &[], Page { skip: 0, take: REFERRERS }, job)?;
            n_referrers = Some(found.n_rows);
            referrers.extend(found.rows.into_iter().map(|row| ReferrerLine {
                address: snapshot.objects.address(row.object).into(),
                type_name: snapshot.type_of(row.object).display_name(),
                via: row.via,
            }));
        }
        Ok(Self {
            object: snapshot.objects.address(object).into(),
            type_name: snapshot.type_of(object).display_name(),
            bytes: snapshot.objects.size(object),
            generation: snapshot.objects.generation(object).key(),
            preview: Some(snapshot.preview(object)).filter(|text| !text.is_empty()),
            reachable: first.is_some(),
            paths,
            referrers,
            n_referrers,
            ignored: ignored_lines(heap, ignored),
            uncertain: heap.uncertain(),
        })
    }

    /// The path as lines: root first, one object a line. For the answer in the terminal and for copies.
    #[must_use]
    pub fn lines(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for path in &self.paths {
            let doubt =
                if path.root.stale && !path.root.name.contains("may be stale") { " (may be stale)" } else { "" };
            sections.push(Section::Heading(format!("{}{doubt}", path.root.text())));
            let mut table =
                Table::new(vec![text("Address", "address"), text("Reference", "via"), text("Type", "type")]);
            for step in &path.steps {
                table.push(vec![
                    Cell::Address(Addr(step.address.0)),
                    Cell::text_or_missing(step.via.as_deref()),
                    Cell::Text(step.type_name.clone()),
                ]);
            }
            sections.push(Section::Table(table));
        }
        if self.paths.is_empty() {
            sections.push(Section::Line(if self.ignored.is_empty() {
                "Nothing holds it: garbage not yet collected.".to_owned()
            } else {
                "Nothing else holds it.".to_owned()
            }));
            let n = self.n_referrers.unwrap_or(0);
            if n > 0 && self.ignored.is_empty() {
                let objects =
                    number::counted(n, "object, garbage itself, refers", "objects, garbage themselves, refer");
                sections.push(Section::Line(format!("{objects} to it:")));
                let mut table =
                    Table::new(vec![text("Address", "address"), text("Reference", "via"), text("Type", "type")]);
                for line in &self.referrers {
                    table.push(vec![
                        Cell::Address(Addr(line.address.0)),
                        Cell::text_or_missing(line.via.as_deref()),
                        Cell::Text(line.type_name.clone()),
                    ]);
                }
                sections.push(Section::Table(table));
            }
        }
        sections
    }
}

impl Report for PathReport {
    const SCHEMA: &'static str = "heaproot.path/1";

    fn sections(&self) -> Vec<Section> {
        let mut title =
            format!("{} at {}, {}, {}", self.type_name, Addr(self.object.0), number::size(self.bytes), self.generation);
        if let Some(preview) = &self.preview {
            title.push_str(&format!(": {preview}"));
        }
        let mut sections = vec![Section::Line(title)];
        if !self.ignored.is_empty() {
            sections.push(Section::Heading("Without".to_owned()));
            sections.extend(self.ignored.iter().map(|line| Section::Line(format!("  {}", line.words))));
        }
        if let Some(why) = &self.uncertain {
            sections.push(Section::Line(format!("uncertain: {why}")));
        }
        sections.extend(self.lines());
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Path", "path"),
            text("Root kind", "root_kind"),
            text("Root", "root"),
            text("Address", "address"),
            text("Reference", "via"),
            text("Type", "type"),
        ]);
        for (index, path) in self.paths.iter().enumerate() {
            for step in &path.steps {
                table.push(vec![
                    Cell::Count(index as u64 + 1),
                    Cell::Text(path.root.kind.to_owned()),
                    Cell::Text(path.root.name.clone()),
                    Cell::Address(Addr(step.address.0)),
                    Cell::text_or_missing(step.via.as_deref()),
                    Cell::Text(step.type_name.clone()),
                ]);
            }
        }
        table
    }
}

fn path_line(heap: &Heap<'_>, path: &RootPath) -> PathLine {
    let snapshot = heap.snapshot;
    let root = RootLine::new(path.start.kind(heap), &path.start.name(heap), path.start.address(heap));
    let steps = path
        .steps(heap)
        .into_iter()
        .map(|step| StepLine {
            address: snapshot.objects.address(step.object).into(),
            type_name: snapshot.type_of(step.object).display_name(),
            via: step.via,
            bytes: snapshot.objects.size(step.object),
        })
        .collect();
    PathLine { root, steps }
}

/// Most paths that `--all` lists.
const MOST_PATHS: usize = 100;

/// The best path through every root that refers to `object` itself and through every object that does, one per root:
/// of several that begin at the same root the first, which is the shortest.
fn add_other_paths(heap: &Heap<'_>, object: ObjectId, paths: &mut Vec<PathLine>, job: &Job) -> Result<(), Cancelled> {
    let snapshot = heap.snapshot;
    let step = |object: ObjectId, via: Option<String>| StepLine {
        address: snapshot.objects.address(object).into(),
        type_name: snapshot.type_of(object).display_name(),
        via,
        bytes: snapshot.objects.size(object),
    };
    let is_new = |paths: &[PathLine], root: &RootLine| {
        !paths.iter().any(|path| (path.root.address, path.root.kind) == (root.address, root.kind))
    };
    for holding in holding_roots(heap, object) {
        let root = RootLine::new(holding.kind, &holding.name, holding.address);
        if paths.len() < MOST_PATHS && is_new(paths, &root) {
            paths.push(PathLine { root, steps: vec![step(object, None)] });
        }
    }
    let page = Page { skip: 0, take: 10 * MOST_PATHS };
    for holder in holders(heap, object, &[], page, job)?.rows {
        if paths.len() >= MOST_PATHS {
            break;
        }
        let Some(path) = root_path(heap, holder.object, job)? else { continue };
        // A way to the holder that passes the object itself is no way to the object.
        if path.objects.contains(&object) {
            continue;
        }
        let mut line = path_line(heap, &path);
        if is_new(paths, &line.root) {
            line.steps.push(step(object, holder.via));
            paths.push(line);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_keeps_its_kind_and_its_name_apart() {
        for (kind, name, expected) in [
            (RootKind::Static, "static A.B.C", "A.B.C"),
            (RootKind::StrongHandle, "strong handle at 0x10", "at 0x10"),
            (RootKind::StrongHandle, "string literal (interned)", "string literal (interned)"),
        ] {
            assert_eq!(RootLine::new(kind, name, Addr(16)).name, expected);
        }
    }
}
