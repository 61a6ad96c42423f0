//! What an object refers to, and what refers to it: `heaproot refs`.

use serde::Serialize;

use super::table::{Cell, Section, Table, number as number_column, text};
use super::{Hex, Report};
use crate::analysis::Heap;
use crate::analysis::referrer_groups::{ReferrerGroup, referrer_groups};
use crate::base::{Addr, Cancelled, Job, number};
use crate::snapshot::ObjectId;

/// Which way references are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Objects that refer to it.
    In,
    /// Objects it refers to.
    Out,
}

/// References of one object.
#[derive(Clone, Debug, Serialize)]
pub struct RefsReport {
    /// Where the object begins.
    pub object: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// `in` or `out`.
    pub direction: &'static str,
    /// All references, those behind the limit included.
    pub total: u64,
    /// Outgoing ones by slot, incoming ones by address.
    pub references: Vec<RefLine>,
    /// Incoming ones by type and field, when asked for; `references` is empty then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<RefGroupLine>,
}

/// Referrers of one type through one field.
#[derive(Clone, Debug, Serialize)]
pub struct RefGroupLine {
    /// Their type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The field: `[].value` for any element of an array; `null` where it cannot be read.
    pub via: Option<String>,
    /// Referrers.
    pub count: u64,
    /// Those among them that a root holds.
    pub reachable: u64,
    /// One of them.
    pub example: Hex,
}

/// One reference.
#[derive(Clone, Debug, Serialize)]
pub struct RefLine {
    /// The other object.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the reference.
    pub via: Option<String>,
    /// Held by a root.
    pub reachable: bool,
}

impl RefsReport {
    /// Lists the references of `object`. Cost: its slots, or its referrers and their slots.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(
        heap: &Heap<'_>,
        object: ObjectId,
        direction: Direction,
        limit: Option<usize>,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let snapshot = heap.snapshot;
        let limit = limit.unwrap_or(usize::MAX);
        let mut total = 0;
        let mut references = Vec::new();
        let mut add = |other: ObjectId, via: &dyn Fn() -> Option<String>| {
            total += 1;
            if references.len() < limit {
                references.push(RefLine {
                    address: snapshot.objects.address(other).into(),
                    type_name: snapshot.type_of(other).display_name(),
                    via: via(),
                    reachable: heap.reachability.is_alive(other),
                });
            }
        };
        match direction {
            Direction::Out => {
                for slot in snapshot.slots(object) {
                    add(slot.target, &|| Some(snapshot.slot_name(object, slot.offset)));
                }
                for edge in heap.graph.extra.iter().filter(|edge| edge.from == object) {
                    add(edge.to, &|| Some(edge.kind.label().to_owned()));
                }
            }
            Direction::In => {
                let mut before = None;
                for (index, from) in heap.referrers.of(object).enumerate() {
                    if index % (1 << 12) == 0 {
                        job.tick(0)?;
                    }
                    // One that refers twice comes twice, one after the other.
                    if before.replace(from) != Some(from) {
                        add(from, &|| snapshot.edge_name(from, object, &heap.graph.extra));
                    }
                }
            }
        }
        Ok(Self {
            object: snapshot.objects.address(object).into(),
            type_name: snapshot.type_of(object).display_name(),
            direction: match direction {
                Direction::In => "in",
                Direction::Out => "out",
            },
            total,
            references,
            groups: Vec::new(),
        })
    }

    /// Gathers what refers to `object` by type and field. Cost: reads every referrer.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn grouped(heap: &Heap<'_>, object: ObjectId, limit: Option<usize>, job: &Job) -> Result<Self, Cancelled> {
        let snapshot = heap.snapshot;
        let groups = referrer_groups(heap, object, job)?;
        let line = |group: &ReferrerGroup| RefGroupLine {
            type_name: snapshot.types.row(group.ty).display_name(),
            via: group.field.clone(),
            count: group.count,
            reachable: group.n_alive,
            example: snapshot.objects.address(group.example).into(),
        };
        Ok(Self {
            object: snapshot.objects.address(object).into(),
            type_name: snapshot.type_of(object).display_name(),
            direction: "in",
            total: groups.iter().map(|group| group.count).sum(),
            references: Vec::new(),
            groups: groups.iter().take(limit.unwrap_or(usize::MAX)).map(line).collect(),
        })
    }

    fn group_table(&self) -> Table {
        let mut table = Table::new(vec![
            number_column("Objects", "count"),
            number_column("Held", "reachable"),
            text("Example", "example"),
            text("Reference", "via"),
            text("Type", "type"),
        ]);
        for line in &self.groups {
            table.push(vec![
                Cell::Count(line.count),
                Cell::Count(line.reachable),
                Cell::Address(Addr(line.example.0)),
                Cell::text_or_missing(line.via.as_deref()),
                Cell::Text(line.type_name.clone()),
            ]);
        }
        table
    }
}

impl Report for RefsReport {
    const SCHEMA: &'static str = "heaproot.refs/1";

    fn sections(&self) -> Vec<Section> {
        let what = if self.direction == "in" {
            number::counted(self.total, "object refers to", "objects refer to")
        } else {
            format!("{} of", number::counted(self.total, "reference", "references"))
        };
        let mut sections = vec![Section::Line(format!("{what} {} at {}", self.type_name, Addr(self.object.0)))];
        if !self.references.is_empty() || !self.groups.is_empty() {
            sections.push(Section::Table(self.rows()));
        }
        let listed = self.references.len() as u64 + self.groups.iter().map(|group| group.count).sum::<u64>();
        let n_more = self.total.saturating_sub(listed);
        if n_more > 0 {
            sections.push(Section::Line(format!("{} more not shown (--limit).", number::count(n_more))));
        }
        sections
    }

    fn rows(&self) -> Table {
        if !self.groups.is_empty() {
            return self.group_table();
        }
        let mut table = Table::new(vec![
            text("Address", "address"),
            text("Held", "reachable"),
            text("Reference", "via"),
            text("Type", "type"),
        ]);
        for line in &self.references {
            table.push(vec![
                Cell::Address(Addr(line.address.0)),
                Cell::Flag(line.reachable),
                Cell::text_or_missing(line.via.as_deref()),
                Cell::Text(line.type_name.clone()),
            ]);
        }
        table
    }
}
