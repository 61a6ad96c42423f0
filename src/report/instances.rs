//! The instances of a type: `heaproot instances`.

use serde::Serialize;

use super::lookup::TypeChoice;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
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
    /// All instances, those behind the limit included.
    pub total: Sum,
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
    /// Lists the instances of `choice`. One pass over the type column; reads the dump for the rows shown.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn new(
        snapshot: &HeapSnapshot,
        choice: &TypeChoice,
        is_reachable: &dyn Fn(ObjectId) -> Option<bool>,
        options: InstancesOptions,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let mut total = Sum::default();
        let mut found: Vec<(ObjectId, u64)> = Vec::new();
        for (index, object) in snapshot.objects.ids().enumerate() {
            if index % (1 << 16) == 0 {
                job.tick(0)?;
            }
            if choice.ids.contains(&snapshot.objects.type_of(object)) {
                let bytes = snapshot.objects.size(object);
                total.add(1, bytes);
                found.push((object, bytes));
            }
        }
        if options.order == InstanceOrder::Bytes {
            found.sort_by_key(|&(object, bytes)| (std::cmp::Reverse(bytes), object));
        }
        found.truncate(options.limit.unwrap_or(usize::MAX));
        let instances = found
            .into_iter()
            .map(|(object, bytes)| InstanceLine {
                address: snapshot.objects.address(object).into(),
                bytes,
                generation: snapshot.objects.generation(object).key(),
                preview: Some(snapshot.preview(object)).filter(|text| !text.is_empty()),
                reachable: is_reachable(object),
            })
            .collect();
        Ok(Self {
            type_name: choice.name.clone(),
            mts: choice.ids.iter().map(|&id| snapshot.types.row(id).method_table.into()).collect(),
            total,
            instances,
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
        if !self.instances.is_empty() {
            sections.push(Section::Table(self.rows()));
        }
        let n_more = self.total.count.saturating_sub(self.instances.len() as u64);
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
