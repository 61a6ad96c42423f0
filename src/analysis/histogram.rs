//! The type table: which types have instances, how many, how big, in which order, in which group.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapSnapshot, TypeId, TypeRow, TypeShape, TypeTotals};

/// Column to sort by; ties fall by name, then by id, so that the order never depends on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// Full name, `A` first.
    Name,
    /// Module's file name, `A` first.
    Module,
    /// Instances, most first.
    Count,
    /// Bytes, most first.
    Bytes,
    /// Bytes per instance, most first.
    Average,
    /// Biggest instance, biggest first.
    Biggest,
}

/// Order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorting {
    /// Column.
    pub by: SortBy,
    /// Turns the column's own direction round.
    pub is_reversed: bool,
}

/// Which types are shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Names that pass; unnamed types are asked with the address of their MethodTable.
    pub matches: &'a dyn Fn(&str) -> bool,
    /// Only types of the program itself: see [`is_own_code`].
    pub own_code_only: bool,
    /// Types without an instance too.
    pub with_empty: bool,
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("own_code_only", &self.own_code_only).finish_non_exhaustive()
    }
}

impl Shown<'_> {
    /// Every type with an instance.
    pub const ALL: Self = Self { matches: &|_| true, own_code_only: false, with_empty: false };
}

/// One type of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramRow {
    /// Which type.
    pub ty: TypeId,
    /// Its count and bytes.
    pub totals: TypeTotals,
}

impl HistogramRow {
    /// Bytes per instance, rounded down; 0 without instances.
    #[must_use]
    pub const fn average(&self) -> u64 {
        match self.totals.bytes.checked_div(self.totals.count) {
            Some(average) => average,
            None => 0,
        }
    }
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Rows, in the order asked for. Free blocks and gaps are none.
    pub rows: Vec<HistogramRow>,
    /// Instances of the rows shown.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Types with instances that are not shown.
    pub n_hidden: u64,
    /// Their bytes.
    pub hidden_bytes: u64,
}

/// What the groups of [`grouped`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Namespaces, nested at every dot.
    Namespace,
    /// Modules, one level.
    Module,
}

/// A group of types with its sums, types and smaller groups.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Last part of its name: `Generic`; `(no namespace)`, `(no name)`, `(no module)` for what has none.
    pub name: String,
    /// Whole name: `System.Collections.Generic`.
    pub full_name: String,
    /// Instances in it and in its groups.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Types in it and in its groups.
    pub n_types: u64,
    /// Groups in it, in the order of the rows' sorting as far as sums have it.
    pub groups: Vec<Group>,
    /// Rows directly in it, in the order of the table.
    pub rows: Vec<HistogramRow>,
}

/// The type table of `totals` (those of the snapshot, or of a part of it such as what is alive). Cost: the type table.
#[must_use]
pub fn histogram(snapshot: &HeapSnapshot, totals: &[TypeTotals], shown: Shown<'_>, sorting: Sorting) -> Histogram {
    let mut table = Histogram::default();
    for (ty, row) in snapshot.types.iter() {
        let Some(&totals) = totals.get(ty.index()) else { continue };
        if matches!(row.shape, TypeShape::Free | TypeShape::Gap) || (totals.count == 0 && !shown.with_empty) {
            continue;
        }
        let passes = (!shown.own_code_only || is_own_code(snapshot, ty)) && (shown.matches)(&row.display_name());
        if passes {
            table.count += totals.count;
            table.bytes += totals.bytes;
            table.rows.push(HistogramRow { ty, totals });
        } else if totals.count > 0 {
            table.n_hidden += 1;
            table.hidden_bytes += totals.bytes;
        }
    }
    sort(snapshot, &mut table.rows, sorting);
    table
}

/// Count and bytes per type of the objects that `is_in` says. Cost: one pass over the heap.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn totals_where(
    snapshot: &HeapSnapshot,
    is_in: impl Fn(crate::snapshot::ObjectId) -> bool,
    job: &Job,
) -> Result<Vec<TypeTotals>, Cancelled> {
    let mut totals = vec![TypeTotals::default(); snapshot.types.len()];
    for entry in snapshot.objects.all_entries() {
        if entry.id.0 % super::TICK == 0 {
            job.tick(u64::from(super::TICK))?;
        }
        if is_in(entry.id) {
            let sum = &mut totals[entry.ty.index()];
            sum.count += 1;
            sum.bytes += entry.size;
            sum.biggest = sum.biggest.max(entry.size);
        }
    }
    Ok(totals)
}

/// Sorts rows. Names are compared as they are shown.
pub fn sort(snapshot: &HeapSnapshot, rows: &mut [HistogramRow], sorting: Sorting) {
    let name = |row: &HistogramRow| snapshot.types.row(row.ty).display_name();
    match sorting.by {
        SortBy::Name => rows.sort_by_cached_key(|row| (name(row), row.ty)),
        SortBy::Module => rows.sort_by_cached_key(|row| (module_name(snapshot, row.ty).to_owned(), name(row), row.ty)),
        SortBy::Count => rows.sort_by_cached_key(|row| (Reverse(row.totals.count), name(row), row.ty)),
        SortBy::Bytes => rows.sort_by_cached_key(|row| (Reverse(row.totals.bytes), name(row), row.ty)),
        SortBy::Average => rows.sort_by_cached_key(|row| (Reverse(row.average()), name(row), row.ty)),
        SortBy::Biggest => rows.sort_by_cached_key(|row| (Reverse(row.totals.biggest), name(row), row.ty)),
    }
    if sorting.is_reversed {
        rows.reverse();
    }
}

/// The rows of `table` as a tree with sums. Groups come in the table's order where it is one of sums, else by name.
#[must_use]
pub fn grouped(snapshot: &HeapSnapshot, table: &Histogram, by: GroupBy, sorting: Sorting) -> Group {
    let mut root = Node::default();
    for row in &table.rows {
        let path = match by {
            GroupBy::Namespace => namespace_parts(snapshot.types.row(row.ty)),
            GroupBy::Module => vec![module_name(snapshot, row.ty)],
        };
        let mut node = &mut root;
        node.add(row);
        for part in path {
            node = node.groups.entry(part.to_owned()).or_default();
            node.add(row);
        }
        node.rows.push(*row);
    }
    root.finish(String::new(), String::new(), sorting)
}

/// A group while rows are sorted into it.
#[derive(Default)]
struct Node {
    count: u64,
    bytes: u64,
    n_types: u64,
    groups: BTreeMap<String, Node>,
    rows: Vec<HistogramRow>,
}

impl Node {
    fn add(&mut self, row: &HistogramRow) {
        self.count += row.totals.count;
        self.bytes += row.totals.bytes;
        self.n_types += 1;
    }

    /// Namespaces are as deep as their names are long: names are bounded when read, and so is this.
    fn finish(self, name: String, full_name: String, sorting: Sorting) -> Group {
        let mut groups: Vec<Group> = self
            .groups
            .into_iter()
            .map(|(name, node)| {
                let full = if full_name.is_empty() { name.clone() } else { format!("{full_name}.{name}") };
                node.finish(name, full, sorting)
            })
            .collect();
        groups.sort_by(|a, b| group_order(a, b, sorting));
        Group { name, full_name, count: self.count, bytes: self.bytes, n_types: self.n_types, groups, rows: self.rows }
    }
}

fn group_order(a: &Group, b: &Group, sorting: Sorting) -> Ordering {
    let order = match sorting.by {
        SortBy::Count => b.count.cmp(&a.count),
        SortBy::Bytes => b.bytes.cmp(&a.bytes),
        SortBy::Average => (b.bytes / b.count.max(1)).cmp(&(a.bytes / a.count.max(1))),
        SortBy::Name | SortBy::Module | SortBy::Biggest => Ordering::Equal,
    };
    let order = order.then_with(|| a.name.cmp(&b.name));
    if sorting.is_reversed { order.reverse() } else { order }
}

/// Most parts a namespace is split into: what is deeper stays together in its last part.
const MOST_PARTS: usize = 16;

fn namespace_parts(row: &TypeRow) -> Vec<&str> {
    match row.name.known().map(namespace) {
        None => vec!["(no name)"],
        Some("") => vec!["(no namespace)"],
        Some(namespace) => namespace.splitn(MOST_PARTS, '.').collect(),
    }
}

/// The namespace of a full type name: what stands before the last dot in front of generic arguments, nesting and
/// array brackets.
#[must_use]
pub fn namespace(name: &str) -> &str {
    let end = name.find(['<', '+', '[']).unwrap_or(name.len());
    name.get(..end).and_then(|own| own.rsplit_once('.')).map_or("", |(namespace, _)| namespace)
}

/// File name of the module that defines `ty`.
#[must_use]
pub fn module_name(snapshot: &HeapSnapshot, ty: TypeId) -> &str {
    let module = snapshot.types.row(ty).module;
    module.and_then(|id| snapshot.modules.get(id.index())).map_or("(no module)", |module| module.name.as_str())
}

/// True for a type of the program itself: neither its namespace nor its module begins like the platform's. An array or
/// a generic of the platform over a type of the program belongs to the program.
#[must_use]
pub fn is_own_code(snapshot: &HeapSnapshot, ty: TypeId) -> bool {
    let row = snapshot.types.row(ty);
    match row.name.known() {
        Some(name) => !is_platform_name(name) || argument_names(name).any(|argument| !is_platform_name(argument)),
        None => !is_platform_name(module_name(snapshot, ty)),
    }
}

/// True for names (of types and of module files) that Microsoft's platform and the runtime's own types bear.
#[must_use]
pub fn is_platform_name(name: &str) -> bool {
    let begins = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '+', '<', '[']))
    };
    ["System", "Microsoft", "Windows", "Internal", "Interop", "MS", "Mono", "FxResources", "mscorlib", "netstandard"]
        .into_iter()
        .any(begins)
        || name.starts_with('<')
}

/// The names between the brackets of a generic's arguments, at every depth.
fn argument_names(name: &str) -> impl Iterator<Item = &str> {
    let arguments = name.find('<').and_then(|at| name.get(at + 1..)).unwrap_or("");
    arguments.split(['<', '>', ',', '+', '[', ']']).map(str::trim).filter(|part| part.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::sample::sample;

    const BY_BYTES: Sorting = Sorting { by: SortBy::Bytes, is_reversed: false };

    #[test]
    fn rows_are_sorted_filtered_and_summed() {
        let (snapshot, _) = sample();
        let table = histogram(&snapshot, &snapshot.totals, Shown::ALL, BY_BYTES);
        assert_eq!((table.count, table.bytes), (snapshot.n_objects(), snapshot.object_bytes()));
        assert!(table.rows.is_sorted_by_key(|row| Reverse(row.totals.bytes)));
        let workers = Shown { matches: &|name| name.contains("Worker"), ..Shown::ALL };
        let table = histogram(&snapshot, &snapshot.totals, workers, Sorting { by: SortBy::Name, is_reversed: false });
        let names: Vec<String> = table.rows.iter().map(|row| snapshot.types.row(row.ty).display_name()).collect();
        assert_eq!(
            names,
            ["Corpus.Seed.Worker", "Corpus.Seed.Worker[]", "System.Collections.Generic.List<Corpus.Seed.Worker>"]
        );
        assert_eq!(table.bytes + table.hidden_bytes, snapshot.object_bytes());
        let own = histogram(&snapshot, &snapshot.totals, Shown { own_code_only: true, ..Shown::ALL }, BY_BYTES);
        assert_eq!(own.rows.len(), 4);
    }

    #[test]
    fn groups_sum_what_is_in_them() {
        let (snapshot, _) = sample();
        let table = histogram(&snapshot, &snapshot.totals, Shown::ALL, BY_BYTES);
        for by in [GroupBy::Namespace, GroupBy::Module] {
            let tree = grouped(&snapshot, &table, by, BY_BYTES);
            assert_eq!((tree.count, tree.bytes, tree.n_types), (table.count, table.bytes, table.rows.len() as u64));
            let mut groups = vec![&tree];
            while let Some(group) = groups.pop() {
                let bytes = group.rows.iter().map(|row| row.totals.bytes).sum::<u64>();
                assert_eq!(group.bytes, bytes + group.groups.iter().map(|inner| inner.bytes).sum::<u64>());
                groups.extend(&group.groups);
            }
        }
        let tree = grouped(&snapshot, &table, GroupBy::Namespace, BY_BYTES);
        let names: Vec<&str> = tree.groups.iter().map(|group| group.full_name.as_str()).collect();
        assert_eq!(names, ["System", "Corpus"]);
    }

    #[test]
    fn namespaces_and_platform_names() {
        for (name, expected) in [
            ("System.Collections.Generic.List<Corpus.Seed.Worker>", "System.Collections.Generic"),
            ("Corpus.Seed.Worker+Inner[]", "Corpus.Seed"),
            ("Program", ""),
            ("<Module>", ""),
        ] {
            assert_eq!(namespace(name), expected);
        }
        for (name, expected) in [
            ("System.String", true),
            ("Systematic.Thing", false),
            ("Microsoft.Extensions.Options", true),
            ("<>f__AnonymousType0<System.Int32>", true),
            ("Corpus.Program", false),
        ] {
            assert_eq!(is_platform_name(name), expected, "{name}");
        }
    }
}
