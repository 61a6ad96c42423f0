//! GC handles of all kinds: those that keep their object alive, and those that only watch it.

use std::sync::Arc;

use eframe::egui::{Rect, Ui};

use super::grid::{GridState, GridWords, grid_ui};
use crate::base::number;
use crate::session::Analyses;
use crate::snapshot::{HeapGraph, ObjectId};
use crate::ui::app::{Cx, Dump, Pane};
use crate::ui::icons;
use crate::ui::model::grid::{Cell, Grid, GridColumn};

#[derive(Debug)]
struct Handles(Arc<HeapGraph>);

const COLUMNS: &[GridColumn] = &[
    GridColumn { title: "Kind", width: 120.0, is_right: false, tip: "" },
    GridColumn { title: "Holds", width: 52.0, is_right: false, tip: "Keeps its object alive" },
    GridColumn { title: "Handle", width: 112.0, is_right: false, tip: "Where the handle stands" },
    GridColumn { title: "Object", width: 112.0, is_right: false, tip: "What it refers to" },
    GridColumn { title: "Type", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "Bytes", width: 74.0, is_right: true, tip: "The object's own bytes" },
    GridColumn { title: "Note", width: 0.0, is_right: false, tip: "What the runtime uses it for" },
];

impl Grid for Handles {
    fn columns(&self) -> &'static [GridColumn] {
        COLUMNS
    }

    fn n_rows(&self) -> usize {
        self.0.roots.handles.len()
    }

    fn cell(&self, analyses: &Analyses, row: usize, column: usize) -> Cell {
        let Some(handle) = self.0.roots.handles.get(row) else { return Cell::Empty };
        let snapshot = &analyses.snapshot;
        match column {
            0 => Cell::Text(handle.kind.label().to_owned()),
            1 if handle.is_strong => Cell::Text("yes".to_owned()),
            1 => Cell::Weak("no".to_owned()),
            2 => Cell::Address(handle.address),
            3 if handle.target.is_null() => Cell::Weak("null".to_owned()),
            3 => Cell::Address(handle.target),
            4 => match handle.object {
                Some(object) => Cell::Type(snapshot.type_of(object).display_name()),
                None if handle.target.is_null() => Cell::Empty,
                None => Cell::Doubt("no object there".to_owned()),
            },
            5 => handle.object.map_or(Cell::Empty, |object| Cell::Size(snapshot.objects.size(object))),
            _ => match (&handle.note, handle.dependent, handle.ref_count) {
                (Some(note), ..) => Cell::Text(note.clone()),
                (None, Some(dependent), _) => {
                    let object = snapshot.objects.at(dependent);
                    let name = object.map(|object| snapshot.type_of(object).display_name()).unwrap_or_default();
                    Cell::Text(format!("keeps {name} {dependent}"))
                }
                (None, None, Some(count)) => Cell::Text(number::counted(count.into(), "reference", "references")),
                _ => Cell::Empty,
            },
        }
    }

    fn object(&self, row: usize) -> Option<ObjectId> {
        self.0.roots.handles.get(row)?.object
    }
}

/// Asks for the rows.
pub fn ask(state: &mut GridState, dump: &Dump) {
    state.ask(dump, |analyses| analyses.graph.clone().map(|graph| Arc::new(Handles(graph)) as Arc<dyn Grid>));
}

/// Draws the view.
pub fn handles_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut GridState) -> Pane {
    let strong = cx.graph.map_or(0, |graph| graph.roots.handles.iter().filter(|handle| handle.is_strong).count());
    let words = GridWords {
        title: "Handles",
        note: &format!("{} keep their object alive", number::count(strong as u64)),
        hint: "Filter handles",
        empty: "No GC handle",
        empty_text: "The handle tables were read and are empty.",
        icon: icons::ANCHOR,
    };
    grid_ui(ui, rect, cx, state, &words)
}
