//! The instances of a type: `heaproot instances`.

use serde::Serialize;

use super::lookup::TypeChoice;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::analysis::Reachability;
use crate::analysis::instances::{InstanceFilter, instances};
use crate::base::{Addr, Cancelled, Job, number};
use crate::snapshot::{HeapSnapshot, ObjectId};

/// What the report lists.
#[derive(Clone, Copy, Debug)]
pub struct InstancesOptions {
    /// Order of the rows.
    pub order: InstanceOrder,
    /// At most so many rows.
    pub limit: Option<usize>,
}

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceOrder {
    /// By address.
    Address,
    /// Biggest first, then by address.
    Bytes,
}

/// Instances of a type.
#[derive(Clone, Debug, Serialize)]
pub struct InstancesReport {
    /// Name of the type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its MethodTables: more than one when the class was loaded more than once.
    pub mts: Vec<Hex>,
    /// All instances.
    pub total: Sum,
    /// Those that were asked for, those behind the limit included.
    pub matching: Sum,
    /// The rows.
    pub instances: Vec<InstanceLine>,
}

/// One instance.
#[derive(Clone, Debug, Serialize)]
pub struct InstanceLine {
    /// Where it begins.
    pub address: Hex,
    /// Bytes it occupies.
    pub bytes: u64,
    /// `gen0`, `gen1`, `gen2`, `loh`, `poh`, `frozen`.
    pub generation: &'static str,
    /// One line of its content; `null` when it has none or it is not in the dump.
    pub preview: Option<String>,
    /// Held by a root; `null` when references were not read.
    pub reachable: Option<bool>,
}

impl InstancesReport {
    /// Lists those instances of `choice` that `filter` means. One pass over the type column; reads the dump for the rows
    /// shown, and with a text for every instance.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn new(
        snapshot: &HeapSnapshot,
        choice: &TypeChoice,
        reachability: Option<&Reachability>,
        filter: &InstanceFilter,
        options: InstancesOptions,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let filter = InstanceFilter { types: choice.ids.clone(), ..filter.clone() };
        let all = choice.ids.iter().filter_map(|ty| snapshot.totals.get(ty.index()));
        let total = all.fold(Sum::default(), |mut sum, totals| {
            sum.add(totals.count, totals.bytes);
            sum
        });
        let mut matching = Sum::default();
        let mut found: Vec<(ObjectId, u64)> = Vec::new();
        for object in instances(snapshot, reachability, &filter, job)? {
            let bytes = snapshot.objects.size(object);
            matching.add(1, bytes);
            found.push((object, bytes));
        }
        if options.order == InstanceOrder::Bytes {
            found.sort_by_key(|&(object, bytes)| (std::cmp::Reverse(bytes), object));
        }
        found.truncate(options.limit.unwrap_or(usize::MAX));
        let rows = found
            .into_iter()
            .map(|(object, bytes)| InstanceLine {
                address: snapshot.objects.address(object).into(),
                bytes,
                generation: snapshot.objects.generation(object).key(),
                preview: Some(snapshot.preview(object)).filter(|text| !text.is_empty()),
                reachable: reachability.map(|reach| reach.is_alive(object)),
            })
            .collect();
        Ok(Self {
            type_name: choice.name.clone(),
            mts: choice.ids.iter().map(|&id| snapshot.types.row(id).method_table.into()).collect(),
            total,
            matching,
            instances: rows,
        })
    }
}

impl Report for InstancesReport {
    const SCHEMA: &'static str = "heaproot.instances/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Line(format!(
            "{} of {}, {}",
            number::counted(self.total.count, "instance", "instances"),
            self.type_name,
            number::size(self.total.bytes),
        ))];
        if self.matching != self.total {
            sections.push(Section::Line(format!(
                "{} as asked for, {}",
                number::counted(self.matching.count, "instance is", "instances are"),
                number::size(self.matching.bytes),
            )));
        }
        if !self.instances.is_empty() {
            sections.push(Section::Table(self.rows()));
        }
        let n_more = self.matching.count.saturating_sub(self.instances.len() as u64);
        if n_more > 0 {
            sections.push(Section::Line(format!("{} more not shown (--limit).", number::count(n_more))));
        }
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Address", "address"),
            number("Bytes", "bytes"),
            text("Gen", "generation"),
            text("Held", "reachable"),
            text("Preview", "preview"),
        ]);
        for line in &self.instances {
            table.push(vec![
                Cell::Address(Addr(line.address.0)),
                Cell::Size(line.bytes),
                Cell::Text(line.generation.to_owned()),
                line.reachable.map_or(Cell::Missing, Cell::Flag),
                Cell::text_or_missing(line.preview.as_deref()),
            ]);
        }
        table
    }
}
