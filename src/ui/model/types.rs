//! The type table: filtered, sorted, grouped, with totals.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{TypeCatalog, TypeEntry, add};
use super::filter::{BadPattern, Filter, nearest};
use crate::analysis::dominators::Retained;
use crate::base::{Cancelled, Job};
use crate::snapshot::{TypeId, TypeTotals};
use crate::ui::type_name;
use crate::ui::widgets::table::Sort;

/// A column of the type table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeColumn {
    /// Name.
    Name,
    /// Instances.
    Objects,
    /// Their bytes.
    Bytes,
    /// What goes with its instances, all together.
    Retained,
    /// Bytes per instance.
    Average,
    /// The biggest instance.
    Biggest,
}

/// What rows are gathered under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// Nothing.
    #[default]
    None,
    /// Namespace.
    Namespace,
    /// Module.
    Module,
}

impl Grouping {
    /// All, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::None, Self::Namespace, Self::Module];

    /// Word of the button and the menu.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "No grouping",
            Self::Namespace => "By namespace",
            Self::Module => "By module",
        }
    }
}

/// Which objects are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// All on the heap.
    #[default]
    All,
    /// Reachable from a root.
    Live,
    /// What a collection would free now.
    Dead,
}

impl Liveness {
    /// All, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::All, Self::Live, Self::Dead];

    /// Word of the menu.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "All objects",
            Self::Live => "Live objects only",
            Self::Dead => "Garbage only",
        }
    }
}

/// What the table is asked to show.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeQuery {
    /// Which objects are counted.
    pub liveness: Liveness,
    /// Text of the filter.
    pub filter: String,
    /// Order.
    pub sort: Sort<TypeColumn>,
    /// Groups.
    pub grouping: Grouping,
    /// Hide the framework's types.
    pub just_my_code: bool,
    /// Groups that are folded out, by name.
    pub open: BTreeSet<String>,
    /// Retained sizes are known.
    pub has_retained: bool,
}

impl Default for TypeQuery {
    fn default() -> Self {
        Self {
            liveness: Liveness::All,
            filter: String::new(),
            sort: Sort { column: TypeColumn::Bytes, is_descending: true },
            grouping: Grouping::None,
            just_my_code: false,
            open: BTreeSet::new(),
            has_retained: false,
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeLine {
    /// A type.
    Type {
        /// Which.
        id: TypeId,
        /// Its sums.
        totals: TypeTotals,
        /// Inside a group.
        is_grouped: bool,
    },
    /// A namespace or module with the sums of its types.
    Group {
        /// Its name; empty for types without one.
        name: String,
        /// Types in it.
        n_types: usize,
        /// Their sums.
        totals: TypeTotals,
        /// Folded out.
        is_open: bool,
    },
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct TypeList {
    /// Rows.
    pub lines: Vec<TypeLine>,
    /// Types shown, those in folded groups included.
    pub n_types: usize,
    /// Types there are.
    pub n_all: usize,
    /// Types hidden by "just my code" alone.
    pub n_framework: usize,
    /// Sums of the types shown.
    pub totals: TypeTotals,
    /// Most bytes of a row: what share bars are measured against.
    pub most_bytes: u64,
    /// Name nearest to a filter that matched nothing, and its own part.
    pub nearest: Option<(String, String)>,
    /// Why the filter cannot be used; the table is unfiltered then.
    pub bad_pattern: Option<BadPattern>,
}

/// Bytes per instance.
#[must_use]
pub fn average(totals: &TypeTotals) -> u64 {
    totals.bytes.checked_div(totals.count).unwrap_or(0)
}

/// The table that `query` asks for. Sorts the matching types. `counted` are the sums of the live or dead objects alone,
/// by type; without it all objects count. `retained` are retained sizes by type, for the order.
///
/// # Errors
/// [`Cancelled`].
pub fn type_list(
    catalog: &TypeCatalog,
    counted: Option<&[TypeTotals]>,
    retained: Option<&[Retained]>,
    query: &TypeQuery,
    job: &Job,
) -> Result<TypeList, Cancelled> {
    let (filter, bad_pattern) = match Filter::parse(&query.filter) {
        Ok(filter) => (Some(filter), None),
        Err(bad) => (None, Some(bad)),
    };
    let mut list = TypeList { n_all: catalog.entries.len(), bad_pattern, ..TypeList::default() };
    let mut shown: Vec<(TypeTotals, &TypeEntry)> = Vec::new();
    let counted = |entry: &TypeEntry| match counted {
        Some(totals) => totals.get(entry.id.index()).copied().unwrap_or_default(),
        None => entry.totals,
    };
    for entries in catalog.entries.chunks(1024) {
        job.tick(entries.len() as u64)?;
        for entry in entries {
            if filter.as_ref().is_some_and(|filter| !filter.matches(&entry.name, &entry.lower)) {
                continue;
            }
            if query.just_my_code && entry.is_framework {
                list.n_framework += 1;
                continue;
            }
            let totals = counted(entry);
            if totals.count == 0 {
                continue;
            }
            list.totals = add(list.totals, totals);
            shown.push((totals, entry));
        }
    }
    list.n_types = shown.len();
    if shown.is_empty() && filter.is_some_and(|filter| !filter.is_empty()) {
        let names: Vec<_> = catalog.entries.iter().map(|entry| (&*entry.name, type_name::own(&entry.name))).collect();
        list.nearest = nearest(&query.filter, names.iter().map(|(name, own)| (*name, own.as_str())))
            .map(|name| (name.to_owned(), type_name::own(name)));
    }
    let kept = |entry: &TypeEntry| {
        retained.and_then(|retained| retained.get(entry.id.index())).map_or(0, |retained| retained.bytes)
    };
    shown.sort_by(|(a_totals, a), (b_totals, b)| {
        if query.sort.column == TypeColumn::Retained {
            let order = kept(a).cmp(&kept(b));
            let order = if query.sort.is_descending { order.reverse() } else { order };
            return order.then_with(|| a.name.cmp(&b.name)).then(a.id.cmp(&b.id));
        }
        compare((a_totals, &a.name), (b_totals, &b.name), query.sort).then(a.id.cmp(&b.id))
    });
    job.tick(0)?;
    match query.grouping {
        Grouping::None => {
            list.most_bytes = shown.iter().map(|(totals, _)| totals.bytes).max().unwrap_or(0);
            let line = |(totals, entry): &(TypeTotals, &TypeEntry)| TypeLine::Type {
                id: entry.id,
                totals: *totals,
                is_grouped: false,
            };
            list.lines = shown.iter().map(line).collect();
        }
        Grouping::Namespace | Grouping::Module => group(&mut list, &shown, query),
    }
    Ok(list)
}

fn compare(a: (&TypeTotals, &str), b: (&TypeTotals, &str), sort: Sort<TypeColumn>) -> Ordering {
    let number = |totals: &TypeTotals| match sort.column {
        // A group has no retained size: that of a set is no sum.
        TypeColumn::Name | TypeColumn::Retained => 0,
        TypeColumn::Objects => totals.count,
        TypeColumn::Bytes => totals.bytes,
        TypeColumn::Average => average(totals),
        TypeColumn::Biggest => totals.biggest,
    };
    let order = match sort.column {
        TypeColumn::Name => a.1.cmp(b.1),
        _ => number(a.0).cmp(&number(b.0)),
    };
    // Ties stand by name whichever way the column runs, so that turning a column round moves only what differs.
    let order = if sort.is_descending { order.reverse() } else { order };
    order.then_with(|| a.1.cmp(b.1))
}

fn group(list: &mut TypeList, shown: &[(TypeTotals, &TypeEntry)], query: &TypeQuery) {
    type Group<'a> = (TypeTotals, Vec<(TypeTotals, &'a TypeEntry)>);
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for (totals, entry) in shown {
        let name = match query.grouping {
            Grouping::Module => &*entry.module,
            _ if entry.unnamed.is_some() => "",
            _ => type_name::namespace(&entry.name),
        };
        let group = groups.entry(name).or_default();
        group.0 = add(group.0, *totals);
        group.1.push((*totals, entry));
    }
    list.most_bytes = groups.values().map(|(totals, _)| totals.bytes).max().unwrap_or(0);
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(a, (a_totals, _)), (b, (b_totals, _))| compare((a_totals, a), (b_totals, b), query.sort));
    for (name, (totals, types)) in groups {
        let is_open = query.open.contains(name);
        list.lines.push(TypeLine::Group { name: name.to_owned(), n_types: types.len(), totals, is_open });
        if is_open {
            list.lines.extend(types.iter().map(|(totals, entry)| TypeLine::Type {
                id: entry.id,
                totals: *totals,
                is_grouped: true,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> TypeCatalog {
        let rows = [
            ("System.Byte[]", 6002, 2_400_000, true),
            ("System.String", 3533, 197_000, true),
            ("Corpus.Seed.Worker", 3000, 144_000, false),
            ("Corpus.Seed.Job", 3000, 96_000, false),
            ("Other.Job", 3000, 96_000, false),
        ];
        let entries = rows.iter().zip(0..).map(|((name, count, bytes, is_framework), id)| TypeEntry {
            id: TypeId(id),
            name: (*name).into(),
            lower: name.to_lowercase().into(),
            unnamed: None,
            module: if *is_framework { "CoreLib.dll" } else { "Seed.dll" }.into(),
            is_framework: *is_framework,
            totals: TypeTotals { count: *count, bytes: *bytes, raw_bytes: *bytes, biggest: 64 },
        });
        TypeCatalog { entries: entries.collect(), ..TypeCatalog::default() }
    }

    fn names(query: &TypeQuery) -> Vec<String> {
        let catalog = catalog();
        let list = type_list(&catalog, None, None, query, &Job::new()).unwrap();
        let name = |line: &TypeLine| match line {
            TypeLine::Type { id, .. } => catalog.entry(*id).unwrap().name.to_string(),
            TypeLine::Group { name, n_types, totals, .. } => format!("{name}: {n_types}, {}", totals.bytes),
        };
        list.lines.iter().map(name).collect()
    }

    #[test]
    fn sorted_by_any_column_with_ties_by_name() {
        let by =
            |column, is_descending| names(&TypeQuery { sort: Sort { column, is_descending }, ..TypeQuery::default() });
        assert_eq!(by(TypeColumn::Bytes, true)[..2], ["System.Byte[]", "System.String"]);
        assert_eq!(by(TypeColumn::Bytes, true)[3..], ["Corpus.Seed.Job", "Other.Job"]);
        assert_eq!(by(TypeColumn::Bytes, false)[..2], ["Corpus.Seed.Job", "Other.Job"]);
        assert_eq!(by(TypeColumn::Name, false)[0], "Corpus.Seed.Job");
        assert_eq!(by(TypeColumn::Objects, true)[2..], ["Corpus.Seed.Job", "Corpus.Seed.Worker", "Other.Job"]);
    }

    #[test]
    fn groups_have_sums_and_unfold() {
        let mut query = TypeQuery { grouping: Grouping::Namespace, ..TypeQuery::default() };
        assert_eq!(names(&query), ["System: 2, 2597000", "Corpus.Seed: 2, 240000", "Other: 1, 96000"]);
        query.open.insert("Corpus.Seed".to_owned());
        assert_eq!(names(&query)[2..4], ["Corpus.Seed.Worker", "Corpus.Seed.Job"]);
        query.grouping = Grouping::Module;
        assert_eq!(names(&query), ["CoreLib.dll: 2, 2597000", "Seed.dll: 3, 336000"]);
    }

    #[test]
    fn nothing_found_offers_the_nearest_and_counts_what_is_hidden() {
        let ask = |query: &TypeQuery| type_list(&catalog(), None, None, query, &Job::new()).unwrap();
        let list = ask(&TypeQuery { filter: "Wroker".to_owned(), ..TypeQuery::default() });
        assert_eq!((list.n_types, list.n_all), (0, 5));
        assert_eq!(list.nearest, Some(("Corpus.Seed.Worker".to_owned(), "Worker".to_owned())));
        let list = ask(&TypeQuery { just_my_code: true, ..TypeQuery::default() });
        assert_eq!((list.n_types, list.n_framework, list.totals.count), (3, 2, 9000));
        let list = ask(&TypeQuery { filter: "/(/".to_owned(), ..TypeQuery::default() });
        assert_eq!((list.n_types, list.bad_pattern.is_some()), (5, true));
    }
}
