//! Who holds the objects of a set alone: `heaproot dominators --of`.

use serde::Serialize;

use super::filter::NameFilter;
use super::retained::row_name;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::analysis::ObjectSet;
use crate::analysis::dominator_tree::{Grouping, HolderRow, TreeView};
use crate::analysis::dominators::sets::live_part;
use crate::analysis::plumbing::is_framework;
use crate::base::{Addr, Cancelled, Job, number};
use crate::snapshot::{HeapSnapshot, ObjectId, TypeRow};

/// Types that are passed over on the way to a holder.
#[derive(Clone, Debug)]
pub enum Skip {
    /// The framework's own.
    Framework,
    /// None: the immediate dominators themselves.
    Nothing,
    /// Those with such a name.
    Named(Vec<NameFilter>),
}

impl Skip {
    /// What was typed behind `--skip`: `framework`, `none`, or patterns as in the filter of the type table. Nothing typed
    /// means the framework.
    ///
    /// # Errors
    /// What is wrong with a pattern.
    pub fn parse(typed: &[String]) -> Result<Self, String> {
        match typed {
            [] => Ok(Self::Framework),
            [one] if one == "framework" => Ok(Self::Framework),
            [one] if one == "none" => Ok(Self::Nothing),
            patterns => patterns
                .iter()
                .map(|pattern| match NameFilter::parse(pattern)? {
                    NameFilter::All => Err("a pattern is missing; “none” passes over nothing".to_owned()),
                    filter => Ok(filter),
                })
                .collect::<Result<_, _>>()
                .map(Self::Named),
        }
    }

    fn takes(&self, snapshot: &HeapSnapshot, row: &TypeRow) -> bool {
        match self {
            Self::Framework => is_framework(snapshot, row),
            Self::Nothing => false,
            Self::Named(filters) => filters.iter().any(|filter| filter.matches(&row.display_name())),
        }
    }
}

/// Who holds the objects of a set.
#[derive(Clone, Debug, Serialize)]
pub struct HoldersReport {
    /// What was asked for, in words.
    pub of: String,
    /// How holders are put together: `object`, `type`, `namespace`, `module`.
    pub by: &'static str,
    /// All objects asked for.
    pub objects: Sum,
    /// Those that roots hold: each is below one holder.
    pub live: Sum,
    /// All rows, those behind the limit included.
    pub total: u64,
    /// Most bytes first; what no object alone holds is the last.
    pub holders: Vec<HolderLine>,
}

/// One or several holders.
#[derive(Clone, Debug, Serialize)]
pub struct HolderLine {
    /// `static Corpus.Seed.Dispatcher.Shutdown`, a namespace, a module; `null` when the type says it all.
    pub name: Option<String>,
    /// Type of the holders, of the first, where they are of several; `null` for what no object alone holds.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// The holder, when it is one.
    pub address: Option<Hex>,
    /// Holders of the row.
    pub holders: u64,
    /// Objects of the set below them.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
}

impl HoldersReport {
    /// Gathers who holds `objects`.
    ///
    /// # Errors
    /// [`Cancelled`] when nobody waits any more.
    pub fn new(
        view: &TreeView<'_>,
        (of, objects): (String, &[ObjectId]),
        skip: &Skip,
        grouping: Grouping,
        limit: Option<usize>,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let snapshot = view.snapshot;
        let mut set = ObjectSet::new(snapshot.objects.len());
        let mut all = Sum::default();
        for &object in objects {
            set.insert(object);
            all.add(1, snapshot.objects.size(object));
        }
        let skipped: Vec<bool> = snapshot.types.iter().map(|(_, row)| skip.takes(snapshot, row)).collect();
        let most = limit.unwrap_or(usize::MAX);
        let holders = view.holders(&set, |ty| skipped[ty.index()], grouping, most, job)?;
        let live = live_part(snapshot, view.tree, &set, job)?;
        Ok(Self {
            of,
            by: grouping.key(),
            objects: all,
            live: live.into(),
            total: holders.n_rows,
            holders: holders.rows.iter().map(|row| line(snapshot, row)).collect(),
        })
    }
}

fn line(snapshot: &HeapSnapshot, row: &HolderRow) -> HolderLine {
    let HolderRow { holder, objects, bytes } = row;
    let members = holder.as_ref().map_or(&[][..], |holder| &holder.members);
    HolderLine {
        name: holder.as_ref().and_then(|holder| row_name(&holder.name)),
        type_name: holder.as_ref().map(|holder| snapshot.types.row(holder.ty).display_name()),
        address: if let [one] = members { Some(snapshot.objects.address(*one).into()) } else { None },
        holders: members.len() as u64,
        objects: *objects,
        bytes: *bytes,
    }
}

impl Report for HoldersReport {
    const SCHEMA: &'static str = "heaproot.holders/1";

    fn sections(&self) -> Vec<Section> {
        let dead = self.objects.count - self.live.count;
        let mut facts = vec![("Held by roots".to_owned(), self.live.words())];
        if dead > 0 {
            facts.push(("Held by nothing".to_owned(), number::counted(dead, "object", "objects")));
        }
        let mut table = Table::new(vec![
            number("Objects", "objects"),
            number("Bytes", "bytes"),
            number("Share", "share"),
            text("Held by", "name"),
            text("Holder", "type"),
        ]);
        for line in &self.holders {
            let holder = match (&line.type_name, line.holders) {
                (None, _) => "no object alone: several roots, or paths that meet nowhere".to_owned(),
                (Some(_), n) if n > 1 && line.name.is_some() => number::counted(n, "object", "objects"),
                (Some(name), 1) => name.clone(),
                (Some(name), n) => format!("{} × {name}", number::count(n)),
            };
            table.push(vec![
                Cell::Count(line.objects),
                Cell::Size(line.bytes),
                Cell::Share(line.bytes, self.live.bytes),
                Cell::text_or_missing(line.name.as_deref()),
                Cell::Text(holder),
            ]);
        }
        let mut sections = vec![Section::Line(self.of.clone()), Section::Facts(facts), Section::Table(table)];
        let hidden = self.total - self.holders.len() as u64;
        if hidden > 0 {
            sections.push(Section::Line(format!("{} more", number::count(hidden))));
        }
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Name", "name"),
            text("Type", "type"),
            text("Address", "address"),
            number("Holders", "holders"),
            number("Objects", "objects"),
            number("Bytes", "bytes"),
        ]);
        for line in &self.holders {
            table.push(vec![
                Cell::text_or_missing(line.name.as_deref()),
                Cell::text_or_missing(line.type_name.as_deref()),
                line.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                Cell::Count(line.holders),
                Cell::Count(line.objects),
                Cell::Size(line.bytes),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over() {
        let typed = |words: &[&str]| Skip::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(matches!(typed(&[]), Ok(Skip::Framework)));
        assert!(matches!(typed(&["framework"]), Ok(Skip::Framework)));
        assert!(matches!(typed(&["none"]), Ok(Skip::Nothing)));
        assert!(matches!(typed(&["/Entry/", "System"]), Ok(Skip::Named(filters)) if filters.len() == 2));
        assert!(typed(&[""]).is_err());
        assert!(typed(&["/(/"]).is_err());
    }
}
