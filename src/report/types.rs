//! The types of the heap with their instances: `heaproot types`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::coverage::{self, CoverageReport};
use super::filter::NameFilter;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::base::{Addr, number};
use crate::snapshot::{HeapGraph, HeapSnapshot, TypeId, TypeName, TypeRow, TypeShape, TypeTotals};

/// What the rows are sorted by. Ties fall by bytes, count, name, MethodTable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeOrder {
    /// Biggest first.
    Bytes,
    /// Most instances first.
    Count,
    /// By name.
    Name,
}

/// How rows are gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeGrouping {
    /// By namespace.
    Namespace,
    /// By module file.
    Module,
}

/// What the report lists.
#[derive(Clone, Debug)]
pub struct TypesOptions {
    /// Order of the rows.
    pub order: TypeOrder,
    /// Which names.
    pub filter: NameFilter,
    /// Rows gathered, or one a type.
    pub grouping: Option<TypeGrouping>,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// Which objects the totals count.
    pub part: HeapPart,
}

/// A part of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapPart {
    /// Every object.
    All,
    /// Those that a root reaches.
    Live,
    /// Those that a collection would free now.
    Dead,
}

impl HeapPart {
    /// Word of the JSON form.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Live => "live",
            Self::Dead => "dead",
        }
    }
}

/// Types with instances.
#[derive(Clone, Debug, Serialize)]
pub struct TypesReport {
    /// Which objects are counted: `all`, `live`, `dead`.
    pub part: &'static str,
    /// One row a MethodTable; empty when gathered.
    pub types: Vec<TypeLine>,
    /// Rows gathered by namespace or module.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupLine>,
    /// Types that fit, those behind the limit included.
    pub matching: Matching,
    /// Free blocks between objects.
    pub free: Sum,
    /// All objects of the heap, free blocks not counted.
    pub total: Sum,
    /// What was read and what was not.
    pub coverage: CoverageReport,
    #[serde(skip)]
    sentence: String,
}

/// The rows that fit the filter.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Matching {
    /// Types.
    pub types: u64,
    /// Their instances.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One type.
#[derive(Clone, Debug, Serialize)]
pub struct TypeLine {
    /// MethodTable.
    pub mt: Hex,
    /// Name; `null` without one.
    pub name: Option<String>,
    /// Why there is no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unnamed: Option<String>,
    /// File name of the defining module.
    pub module: Option<String>,
    /// Instances.
    pub count: u64,
    /// Bytes they occupy, each rounded up to the alignment.
    pub bytes: u64,
    /// The sum before rounding, as SOS prints it; `null` where only a part of the heap was counted.
    pub raw_bytes: Option<u64>,
    /// Bytes of the biggest instance.
    pub biggest: u64,
}

/// Types gathered under one name.
#[derive(Clone, Debug, Serialize)]
pub struct GroupLine {
    /// Namespace or module; empty for the global namespace.
    pub name: String,
    /// Types.
    pub types: u64,
    /// Instances.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

impl TypesReport {
    /// Gathers the rows. One pass over the type table; `totals` are those of the snapshot, or of a part of the heap.
    #[must_use]
    pub fn new(
        snapshot: &HeapSnapshot,
        graph: Option<&HeapGraph>,
        totals: &[TypeTotals],
        options: &TypesOptions,
    ) -> Self {
        let mut free = Sum::default();
        let mut total = Sum::default();
        let mut matching = Matching::default();
        let mut rows: Vec<(TypeId, &TypeRow, TypeTotals)> = Vec::new();
        for (id, row) in snapshot.types.iter() {
            let sums = totals.get(id.index()).copied().unwrap_or_default();
            match row.shape {
                TypeShape::Gap => continue,
                TypeShape::Free => free.add(sums.count, sums.bytes),
                _ => {
                    total.add(sums.count, sums.bytes);
                    if sums.count > 0 && options.filter.matches(&row.display_name()) {
                        matching.types += 1;
                        matching.count += sums.count;
                        matching.bytes += sums.bytes;
                        rows.push((id, row, sums));
                    }
                }
            }
        }
        rows.sort_by_cached_key(|&(_, row, sums)| {
            let by_name = |row: &TypeRow| (row.name.known().is_none(), row.display_name(), row.method_table);
            match options.order {
                TypeOrder::Bytes => (Reverse(sums.bytes), Reverse(sums.count), by_name(row)),
                TypeOrder::Count => (Reverse(sums.count), Reverse(sums.bytes), by_name(row)),
                TypeOrder::Name => (Reverse(0), Reverse(0), by_name(row)),
            }
        });
        let limit = options.limit.unwrap_or(usize::MAX);
        let (types, groups) = match options.grouping {
            None => (
                rows.iter().take(limit).map(|&(_, row, sums)| type_line(snapshot, row, sums, options.part)).collect(),
                Vec::new(),
            ),
            Some(grouping) => (Vec::new(), grouped(snapshot, &rows, grouping, options.order, limit)),
        };
        Self {
            part: options.part.label(),
            types,
            groups,
            matching,
            free,
            total,
            coverage: CoverageReport::new(snapshot, graph),
            sentence: coverage::sentence(snapshot, graph),
        }
    }

    fn type_table(&self) -> Table {
        let mut table = Table::new(vec![
            text("MethodTable", "mt"),
            number("Objects", "count"),
            number("Bytes", "bytes"),
            number("Share", "share"),
            number("Biggest", "biggest"),
            text("Type", "name"),
        ]);
        for line in &self.types {
            let name = match (&line.name, &line.unnamed) {
                (Some(name), _) => name.clone(),
                (None, reason) => unnamed_text(line.module.as_deref(), reason.as_deref()),
            };
            table.push(vec![
                Cell::Address(Addr(line.mt.0)),
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                Cell::Share(line.bytes, self.total.bytes),
                Cell::Size(line.biggest),
                Cell::Text(name),
            ]);
        }
        table
    }

    fn group_table(&self) -> Table {
        let mut table = Table::new(vec![
            number("Types", "types"),
            number("Objects", "count"),
            number("Bytes", "bytes"),
            number("Share", "share"),
            text("Group", "name"),
        ]);
        for line in &self.groups {
            let name = if line.name.is_empty() { "(no namespace)".to_owned() } else { line.name.clone() };
            table.push(vec![
                Cell::Count(line.types),
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                Cell::Share(line.bytes, self.total.bytes),
                Cell::Text(name),
            ]);
        }
        table
    }
}

impl Report for TypesReport {
    const SCHEMA: &'static str = "heaproot.types/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections =
            vec![Section::Table(if self.groups.is_empty() { self.type_table() } else { self.group_table() })];
        let shown: u64 = if self.groups.is_empty() {
            self.types.len() as u64
        } else {
            self.groups.iter().map(|group| group.types).sum()
        };
        let mut foot = Vec::new();
        if shown < self.matching.types {
            foot.push(format!(
                "{} not shown (--limit).",
                number::counted(self.matching.types - shown, "more type", "more types")
            ));
        }
        if self.matching.count != self.total.count {
            foot.push(format!(
                "Matching: {} of {}, {}.",
                number::counted(self.matching.count, "object", "objects"),
                number::counted(self.matching.types, "type", "types"),
                number::size(self.matching.bytes),
            ));
        }
        if self.part != HeapPart::All.label() {
            foot.push(format!("Only {} objects are counted.", self.part));
        }
        foot.push(format!(
            "Total: {}, {}; free: {}, {}.",
            number::counted(self.total.count, "object", "objects"),
            number::size(self.total.bytes),
            number::counted(self.free.count, "block", "blocks"),
            number::size(self.free.bytes),
        ));
        foot.push(self.sentence.clone());
        sections.extend(foot.into_iter().map(Section::Line));
        sections
    }

    fn rows(&self) -> Table {
        if !self.groups.is_empty() {
            return self.group_table();
        }
        let mut table = Table::new(vec![
            text("MethodTable", "mt"),
            number("Objects", "count"),
            number("Bytes", "bytes"),
            number("Raw bytes", "raw_bytes"),
            number("Biggest", "biggest"),
            text("Module", "module"),
            text("Type", "name"),
        ]);
        for line in &self.types {
            table.push(vec![
                Cell::Address(Addr(line.mt.0)),
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                line.raw_bytes.map_or(Cell::Missing, Cell::Size),
                Cell::Size(line.biggest),
                Cell::text_or_missing(line.module.as_deref()),
                Cell::text_or_missing(line.name.as_deref()),
            ]);
        }
        table
    }
}

/// The namespace of a full type name: what stands before the last dot in front of arguments, brackets and nesting.
#[must_use]
pub fn namespace_of(name: &str) -> &str {
    let end = name.find(['<', '[', '+', '*', '&', '(', ',']).unwrap_or(name.len());
    name.get(..end).and_then(|head| head.rfind('.')).and_then(|dot| name.get(..dot)).unwrap_or("")
}

/// `no name: module not in the dump (Leaky.dll)`.
#[must_use]
pub fn unnamed_text(module: Option<&str>, reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("reason unknown");
    match module {
        Some(module) => format!("(no name: {reason}; {module})"),
        None => format!("(no name: {reason})"),
    }
}

/// One row of the type table.
#[must_use]
pub fn type_line(snapshot: &HeapSnapshot, row: &TypeRow, sums: TypeTotals, part: HeapPart) -> TypeLine {
    let (name, unnamed) = match &row.name {
        TypeName::Known(name) => (Some(name.to_string()), None),
        TypeName::Missing(reason) => (None, Some(reason.to_string())),
    };
    TypeLine {
        mt: row.method_table.into(),
        name,
        unnamed,
        module: module_name(snapshot, row),
        count: sums.count,
        bytes: sums.bytes,
        raw_bytes: (part == HeapPart::All).then_some(sums.raw_bytes),
        biggest: sums.biggest,
    }
}

/// File name of the module that defines `row`.
#[must_use]
pub fn module_name(snapshot: &HeapSnapshot, row: &TypeRow) -> Option<String> {
    row.module.and_then(|module| snapshot.modules.get(module.index())).map(|module| module.name.clone())
}

fn grouped(
    snapshot: &HeapSnapshot,
    rows: &[(TypeId, &TypeRow, TypeTotals)],
    grouping: TypeGrouping,
    order: TypeOrder,
    limit: usize,
) -> Vec<GroupLine> {
    let mut groups: BTreeMap<String, GroupLine> = BTreeMap::new();
    for &(_, row, sums) in rows {
        let name = match grouping {
            TypeGrouping::Module => module_name(snapshot, row).unwrap_or_else(|| "(no module)".to_owned()),
            TypeGrouping::Namespace => {
                row.name.known().map_or_else(|| "(no name)".to_owned(), |name| namespace_of(name).to_owned())
            }
        };
        let group = groups.entry(name.clone()).or_insert(GroupLine { name, types: 0, count: 0, bytes: 0 });
        group.types += 1;
        group.count += sums.count;
        group.bytes += sums.bytes;
    }
    let mut groups: Vec<GroupLine> = groups.into_values().collect();
    match order {
        TypeOrder::Bytes => groups.sort_by_key(|group| Reverse(group.bytes)),
        TypeOrder::Count => groups.sort_by_key(|group| Reverse(group.count)),
        // They come out of the map by name; both sorts above keep that for ties.
        TypeOrder::Name => {}
    }
    groups.truncate(limit);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces() {
        for (name, expected) in [
            ("System.String", "System"),
            ("System.Collections.Generic.Dictionary<System.String, A.B>", "System.Collections.Generic"),
            ("Corpus.Seed.Worker+Nested", "Corpus.Seed"),
            ("System.Int32[,]", "System"),
            ("Program", ""),
            ("<>c__DisplayClass0_0", ""),
        ] {
            assert_eq!(namespace_of(name), expected, "{name}");
        }
    }
}
