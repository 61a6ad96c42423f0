//! Why the objects of a type are alive: one path a root, or all paths merged: `heaproot path --type`.

use serde::Serialize;

use super::lookup::TypeChoice;
use super::path::{PathLine, own_handles};
use super::table::{Cell, Section, Table, number, text};
use super::what_if::{IgnoredLine, ignored_lines};
use super::{Hex, Report, Sum};
use crate::analysis::fold::Folding;
use crate::analysis::instances::{InstanceFilter, instances};
use crate::analysis::merged_paths::{MergedKey, MergedRow, Through};
use crate::analysis::path_tree::Page;
use crate::analysis::{Heap, Ignore, MergedGrouping, MergedPaths, root_path};
use crate::base::{Addr, Cancelled, Job, number};
use crate::snapshot::ObjectId;

/// Rows of the whole tree at most, unless all are asked for.
const MOST_ROWS: usize = 400;
/// Levels that are unfolded by themselves.
const MOST_LEVELS: usize = 100;
/// A row that fewer pass than one in so many of those that pass the row above is not unfolded by itself; roots are.
const SMALL: u64 = 100;

fn sum(through: Through) -> Sum {
    Sum { count: through.count, bytes: through.bytes }
}

/// The instances of `choice`, in order.
fn of_types(heap: &Heap<'_>, choice: &TypeChoice, job: &Job) -> Result<Vec<ObjectId>, Cancelled> {
    let filter = InstanceFilter { types: choice.ids.clone(), ..InstanceFilter::default() };
    instances(heap.snapshot, None, &filter, job)
}

/// One path for each root that holds objects of a type.
#[derive(Clone, Debug, Serialize)]
pub struct TypePathsReport {
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Objects that roots hold.
    pub held: Sum,
    /// Objects that nothing holds.
    pub unheld: Sum,
    /// Roots at which first paths begin, those behind the limit included.
    pub n_roots: u64,
    /// By number of objects, most first.
    pub roots: Vec<TypeRootLine>,
    /// What was left out of the graph.
    pub ignored: Vec<IgnoredLine>,
    /// Why it may be wrong; `null` when nothing speaks against it.
    pub uncertain: Option<String>,
}

/// A root, and what it holds.
#[derive(Clone, Debug, Serialize)]
pub struct TypeRootLine {
    /// Its name: `static Corpus.Seed.Dispatcher.Shutdown`.
    pub name: String,
    /// Objects whose first path begins there.
    pub through: Sum,
    /// One of them.
    pub object: Hex,
    /// Its path.
    pub path: PathLine,
}

impl TypePathsReport {
    /// Merges the first paths of the objects of `choice`, and shows one for each root.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(
        heap: &Heap<'_>,
        choice: &TypeChoice,
        limit: Option<usize>,
        folding: Folding,
        ignored: &[Ignore],
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let tree = MergedPaths::new(heap, &of_types(heap, choice, job)?, job)?;
        let page = Page { skip: 0, take: limit.unwrap_or(usize::MAX) };
        let top = tree.top(heap, MergedGrouping::FromRootsByObject, page, job)?;
        let mut roots = Vec::new();
        for row in &top.rows {
            let MergedKey::Root(name) = &row.key else { continue };
            let Some(object) = tree.example(row) else { continue };
            let Some(path) = root_path(heap, object, job)? else { continue };
            roots.push(TypeRootLine {
                name: name.clone(),
                through: sum(row.through),
                object: heap.snapshot.objects.address(object).into(),
                path: PathLine::new(heap, &path, 0.0, folding),
            });
        }
        own_handles(heap, roots.iter_mut().map(|root| &mut root.path.root), job)?;
        for root in &mut roots {
            if let Some(owner) = &root.path.root.owner {
                root.name.push_str(&format!(", of {owner}"));
            }
        }
        Ok(Self {
            type_name: choice.name.clone(),
            held: sum(tree.held()),
            unheld: sum(tree.unheld()),
            n_roots: top.n_rows,
            roots,
            ignored: ignored_lines(heap, ignored),
            uncertain: heap.uncertain(),
        })
    }
}

/// The first lines of both reports.
fn head(type_name: &str, held: Sum, unheld: Sum, ignored: &[IgnoredLine], uncertain: Option<&String>) -> Vec<Section> {
    let mut sections = vec![Section::Line(format!(
        "{} of {type_name}, {}",
        number::counted(held.count, "held object", "held objects"),
        number::size(held.bytes)
    ))];
    if unheld.count > 0 {
        sections.push(Section::Line(format!(
            "{} more that nothing holds, {}",
            number::count(unheld.count),
            number::size(unheld.bytes)
        )));
    }
    if !ignored.is_empty() {
        sections.push(Section::Heading("Without".to_owned()));
        sections.extend(ignored.iter().map(|line| Section::Line(format!("  {}", line.words))));
    }
    sections.extend(uncertain.map(|why| Section::Line(format!("uncertain: {why}"))));
    sections
}

impl Report for TypePathsReport {
    const SCHEMA: &'static str = "heaproot.type-paths/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = head(&self.type_name, self.held, self.unheld, &self.ignored, self.uncertain.as_ref());
        for root in &self.roots {
            sections.push(Section::Heading(format!(
                "{} of {}: {}",
                number::count(root.through.count),
                number::count(self.held.count),
                root.name
            )));
            sections.extend(root.path.lines());
        }
        let n_more = self.n_roots.saturating_sub(self.roots.len() as u64);
        if n_more > 0 {
            let roots = number::counted(n_more, "more root", "more roots");
            sections.push(Section::Line(format!("{roots} not shown (--limit).")));
        }
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            number("Objects", "count"),
            number("Bytes", "bytes"),
            text("Example", "object"),
            text("Root kind", "root_kind"),
            text("Root", "root"),
        ]);
        for line in &self.roots {
            table.push(vec![
                Cell::Count(line.through.count),
                Cell::Size(line.through.bytes),
                Cell::Address(Addr(line.object.0)),
                Cell::Text(line.path.root.kind.to_owned()),
                Cell::Text(line.path.root.name.clone()),
            ]);
        }
        table
    }
}

/// The paths of all objects of a type in one tree.
#[derive(Clone, Debug, Serialize)]
pub struct MergedReport {
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// `roots-objects`, `roots-types` or `types-roots`.
    pub group_by: &'static str,
    /// Objects that roots hold.
    pub held: Sum,
    /// Objects that nothing holds.
    pub unheld: Sum,
    /// The tree, each row before the rows below it.
    pub rows: Vec<MergedLine>,
    /// What was left out of the graph.
    pub ignored: Vec<IgnoredLine>,
    /// Why it may be wrong; `null` when nothing speaks against it.
    pub uncertain: Option<String>,
    #[serde(skip)]
    indents: Vec<usize>,
}

/// One row of the tree.
#[derive(Clone, Debug, Serialize)]
pub struct MergedLine {
    /// Levels above it.
    pub depth: usize,
    /// `root`, `object`, `type`; `more` for rows of its level that are left out.
    pub kind: &'static str,
    /// Name of the root or type; how many rows are left out.
    pub name: String,
    /// Where the object begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Hex>,
    /// Name of the reference that leads to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Objects that the row stands for.
    pub objects: u64,
    /// The longest run of one type among them.
    pub longest_run: u64,
    /// Asked objects whose path passes here.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that stand in this row.
    pub here: u64,
}

/// A row that waits to be written.
enum Next {
    Row(Box<MergedRow>),
    /// So many rows that are left out.
    More(u64, Through),
}

impl Next {
    /// Rows and objects that are left out when it is.
    fn left_out(&self) -> (u64, Through) {
        match self {
            Self::Row(row) => (1, row.through),
            Self::More(n, rest) => (*n, *rest),
        }
    }
}

impl MergedReport {
    /// Merges the first paths of the objects of `choice`, and unfolds what most of them pass. `limit` rows a level;
    /// without one every row there is.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(
        heap: &Heap<'_>,
        choice: &TypeChoice,
        grouping: MergedGrouping,
        limit: Option<usize>,
        ignored: &[Ignore],
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let tree = MergedPaths::new(heap, &of_types(heap, choice, job)?, job)?;
        let mut report = Self {
            type_name: choice.name.clone(),
            group_by: grouping.label(),
            held: sum(tree.held()),
            unheld: sum(tree.unheld()),
            rows: Vec::new(),
            ignored: ignored_lines(heap, ignored),
            uncertain: heap.uncertain(),
            indents: Vec::new(),
        };
        report.unfold(heap, &tree, grouping, limit, job)?;
        Ok(report)
    }

    fn unfold(
        &mut self,
        heap: &Heap<'_>,
        tree: &MergedPaths,
        grouping: MergedGrouping,
        limit: Option<usize>,
        job: &Job,
    ) -> Result<(), Cancelled> {
        let page = Page { skip: 0, take: limit.unwrap_or(usize::MAX) };
        let most_rows = if limit.is_some() { MOST_ROWS } else { usize::MAX };
        // Rows to write, last first: (depth, indent, objects that pass the row above, row).
        let mut waiting: Vec<(usize, usize, u64, Next)> = Vec::new();
        let mut level = Some((tree.top(heap, grouping, page, job)?, 0, 0, tree.held()));
        loop {
            if let Some((level, depth, indent, whole)) = level.take() {
                let n_more = level.n_rows - level.rows.len() as u64;
                // Only a real branch indents: a chain is no hierarchy.
                let is_branch = level.n_rows > 1 && depth > 0;
                let indent = indent + usize::from(is_branch || depth == 1);
                let shown = level.rows.iter().fold(Through::default(), |sum, row| Through {
                    count: sum.count + row.through.count,
                    bytes: sum.bytes + row.through.bytes,
                });
                if n_more > 0 {
                    let rest = Through {
                        count: whole.count.saturating_sub(shown.count),
                        bytes: whole.bytes.saturating_sub(shown.bytes),
                    };
                    waiting.push((depth, indent, whole.count, Next::More(n_more, rest)));
                }
                let rows = level.rows.into_iter().rev();
                waiting.extend(rows.map(|row| (depth, indent, above_of(depth, whole), Next::Row(Box::new(row)))));
            }
            let Some((depth, indent, above, next)) = waiting.pop() else { break };
            if self.rows.len() >= most_rows {
                // Nothing is unfolded any more; what waits is told in one line a level.
                let (mut n, mut rest) = next.left_out();
                while let Some((_, _, _, next)) = waiting.pop_if(|(other, ..)| *other == depth) {
                    let (more, through) = next.left_out();
                    (n, rest.count, rest.bytes) = (n + more, rest.count + through.count, rest.bytes + through.bytes);
                }
                self.indents.push(indent);
                self.rows.push(MergedLine::more(depth, n, rest));
                continue;
            }
            self.indents.push(indent);
            match next {
                Next::More(n, rest) => self.rows.push(MergedLine::more(depth, n, rest)),
                Next::Row(row) => {
                    self.rows.push(line(heap, &row, depth));
                    let is_big = row.through.count * SMALL >= above && depth < MOST_LEVELS;
                    if row.unfolds && (is_big || limit.is_none()) {
                        let below = tree.unfold(heap, grouping, &row, page, job)?;
                        let mut whole = row.through;
                        if grouping != MergedGrouping::ToRootsByType {
                            whole.count -= row.here.min(whole.count);
                        }
                        level = Some((below, depth + 1, indent, whole));
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a row is big beside: every root is worth a look.
fn above_of(depth: usize, whole: Through) -> u64 {
    if depth == 0 { 0 } else { whole.count }
}

fn line(heap: &Heap<'_>, row: &MergedRow, depth: usize) -> MergedLine {
    let type_name = |ty| heap.snapshot.types.row(ty).display_name();
    let (kind, name, address) = match &row.key {
        MergedKey::Root(name) => ("root", name.clone(), None),
        MergedKey::Type(ty) => ("type", type_name(*ty), None),
        MergedKey::Object(object) => {
            let name = type_name(heap.snapshot.objects.type_of(*object));
            ("object", name, Some(Hex::from(heap.snapshot.objects.address(*object))))
        }
    };
    MergedLine {
        depth,
        kind,
        name,
        address,
        via: row.via.clone(),
        objects: row.n_objects,
        longest_run: row.longest_run,
        count: row.through.count,
        bytes: row.through.bytes,
        here: row.here,
    }
}

impl MergedLine {
    /// The line of `n` rows that are left out.
    fn more(depth: usize, n: u64, rest: Through) -> Self {
        Self {
            depth,
            kind: "more",
            name: number::counted(n, "more row", "more rows"),
            address: None,
            via: None,
            objects: 0,
            longest_run: 0,
            count: rest.count,
            bytes: rest.bytes,
            here: 0,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(via) = &self.via {
            text.push_str(&format!("{via}  "));
        }
        text.push_str(&self.name);
        if let Some(address) = self.address {
            text.push_str(&format!("  {}", Addr(address.0)));
        }
        if self.longest_run > 1 {
            text.push_str(&format!("  {} in a row", number::count(self.longest_run)));
        }
        if self.address.is_none() && self.objects > 1 && ![self.count, self.longest_run].contains(&self.objects) {
            text.push_str(&format!("  {} objects", number::count(self.objects)));
        }
        text
    }
}

impl Report for MergedReport {
    const SCHEMA: &'static str = "heaproot.merged-paths/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = head(&self.type_name, self.held, self.unheld, &self.ignored, self.uncertain.as_ref());
        let mut table = Table::new(vec![
            number("Objects", "count"),
            number("Bytes", "bytes"),
            number("Share", "share"),
            text("Path", "path"),
        ]);
        for (line, indent) in self.rows.iter().zip(&self.indents) {
            table.push(vec![
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                Cell::Share(line.count, self.held.count),
                Cell::Text(format!("{}{}", "  ".repeat(*indent), line.text())),
            ]);
        }
        if !self.rows.is_empty() {
            sections.push(Section::Table(table));
        }
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            number("Depth", "depth"),
            number("Objects", "count"),
            number("Bytes", "bytes"),
            text("Kind", "kind"),
            text("Address", "address"),
            text("Reference", "via"),
            text("Name", "name"),
        ]);
        for line in &self.rows {
            table.push(vec![
                Cell::Count(line.depth as u64),
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                Cell::Text(line.kind.to_owned()),
                line.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                Cell::text_or_missing(line.via.as_deref()),
                Cell::Text(line.name.clone()),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::report::lookup::find_types;
    use crate::synth::sample::sample;

    fn merged(limit: Option<usize>, grouping: MergedGrouping) -> MergedReport {
        with_heap(&sample(), |heap| {
            let choice = find_types(heap.snapshot, "Corpus.Seed.Worker").unwrap();
            MergedReport::new(heap, &choice, grouping, limit, &[], &Job::new()).unwrap()
        })
    }

    /// Objects that pass rows of a level, those left out included, are those that pass the row above.
    fn check_sums(report: &MergedReport) {
        let mut above: Vec<(u64, u64)> = vec![(report.held.count, 0)];
        let mut done: Vec<(u64, u64)> = Vec::new();
        for row in &report.rows {
            done.extend(above.drain(row.depth + 1..));
            above[row.depth].1 += row.count;
            above.push((row.count - row.here, 0));
        }
        done.extend(above);
        for (count, below) in done {
            assert!(below == 0 || below == count, "{below} of {count}");
        }
    }

    #[test]
    fn a_tree_that_is_too_long_says_what_it_leaves_out() {
        let cut = merged(Some(10_000), MergedGrouping::FromRootsByObject);
        let n_more = cut.rows.iter().filter(|row| row.kind == "more").count();
        assert!(n_more > 0 && cut.rows.len() == MOST_ROWS + n_more, "{n_more} of {}", cut.rows.len());
        check_sums(&cut);
    }

    #[test]
    fn without_a_limit_every_row_is_there() {
        let all = merged(None, MergedGrouping::FromRootsByObject);
        check_sums(&all);
        assert_eq!(all.rows.iter().map(|row| row.here).sum::<u64>(), all.held.count);
        assert!(all.rows.iter().all(|row| row.kind != "more"));
        check_sums(&merged(None, MergedGrouping::FromRootsByType));
    }
}
