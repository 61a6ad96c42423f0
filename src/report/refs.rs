//! What an object refers to, and what refers to it: `heaproot refs`.

use serde::Serialize;

use super::table::{Cell, Section, Table, text};
use super::{Hex, Report};
use crate::analysis::Heap;
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
        })
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
        if !self.references.is_empty() {
            sections.push(Section::Table(self.rows()));
        }
        let n_more = self.total.saturating_sub(self.references.len() as u64);
        if n_more > 0 {
            sections.push(Section::Line(format!("{} more not shown (--limit).", number::count(n_more))));
        }
        sections
    }

    fn rows(&self) -> Table {
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
