//! Static and thread-static fields with what they hold.

use std::sync::Arc;

use eframe::egui::{Rect, Ui};

use super::grid::{GridState, GridWords, grid_ui};
use crate::analysis::roots::static_name;
use crate::base::number;
use crate::session::Analyses;
use crate::snapshot::{HeapGraph, ObjectId, StaticRow};
use crate::ui::app::{Cx, Dump, Pane};
use crate::ui::icons;
use crate::ui::model::grid::{Cell, Grid, GridColumn};

#[derive(Debug)]
struct Statics(Arc<HeapGraph>);

const COLUMNS: &[GridColumn] = &[
    GridColumn { title: "Field", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "Thread", width: 56.0, is_right: true, tip: "Managed id of the thread, for a thread static" },
    GridColumn { title: "Object", width: 112.0, is_right: false, tip: "What it refers to" },
    GridColumn { title: "Type", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "Bytes", width: 74.0, is_right: true, tip: "The object's own bytes" },
    GridColumn { title: "Slot", width: 112.0, is_right: false, tip: "Where the field stands" },
];

impl Statics {
    fn row(&self, row: usize) -> Option<&StaticRow> {
        let tables = &self.0.roots;
        let n = tables.statics.len();
        if row < n { tables.statics.get(row) } else { tables.thread_statics.get(row - n) }
    }
}

impl Grid for Statics {
    fn columns(&self) -> &'static [GridColumn] {
        COLUMNS
    }

    fn n_rows(&self) -> usize {
        self.0.roots.statics.len() + self.0.roots.thread_statics.len()
    }

    fn cell(&self, analyses: &Analyses, row: usize, column: usize) -> Cell {
        let Some(field) = self.row(row) else { return Cell::Empty };
        let snapshot = &analyses.snapshot;
        match column {
            0 => Cell::Member(static_name(snapshot, field)),
            1 => field.thread.map_or(Cell::Empty, |thread| Cell::Id(thread.into())),
            2 => match field.object {
                Some(object) => Cell::Address(snapshot.objects.address(object)),
                None if field.value == 0 => Cell::Weak("null".to_owned()),
                None => Cell::Text(format!("{:#x}", field.value)),
            },
            3 => field.object.map_or(Cell::Empty, |object| Cell::Type(snapshot.type_of(object).display_name())),
            4 => field.object.map_or(Cell::Empty, |object| Cell::Size(snapshot.objects.size(object))),
            _ => Cell::Address(field.slot),
        }
    }

    fn object(&self, row: usize) -> Option<ObjectId> {
        self.row(row)?.object
    }
}

/// Asks for the rows.
pub fn ask(state: &mut GridState, dump: &Dump) {
    state.ask(dump, |analyses| analyses.graph.clone().map(|graph| Arc::new(Statics(graph)) as Arc<dyn Grid>));
}

/// Draws the view.
pub fn statics_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut GridState) -> Pane {
    let threads = cx.graph.map_or(0, |graph| graph.roots.thread_statics.len() as u64);
    let words = GridWords {
        title: "Statics",
        note: &number::counted(threads, "of them is a thread static", "of them are thread statics"),
        hint: "Filter fields",
        empty: "No static field",
        empty_text: "No class with initialised static fields was found. Coverage says what is missing.",
        icon: icons::PUSH_PIN,
    };
    grid_ui(ui, rect, cx, state, &words)
}
