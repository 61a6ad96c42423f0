//! The finalizer queue: objects whose finalizer waits to run, and those that have one.

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
struct Finalizers(Arc<HeapGraph>);

const COLUMNS: &[GridColumn] = &[
    GridColumn {
        title: "Queue",
        width: 130.0,
        is_right: false,
        tip: "Ready: its finalizer waits to run, and it is a root",
    },
    GridColumn { title: "Object", width: 112.0, is_right: false, tip: "" },
    GridColumn { title: "Type", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "Bytes", width: 74.0, is_right: true, tip: "Its own bytes" },
    GridColumn { title: "Gen", width: 60.0, is_right: false, tip: "Its generation" },
    GridColumn { title: "Held", width: 60.0, is_right: false, tip: "Reachable from a root" },
];

impl Finalizers {
    fn row(&self, row: usize) -> Option<(ObjectId, bool)> {
        let queues = &self.0.roots.finalizers;
        let n = queues.ready.len();
        if row < n { Some((*queues.ready.get(row)?, true)) } else { Some((*queues.registered.get(row - n)?, false)) }
    }
}

impl Grid for Finalizers {
    fn columns(&self) -> &'static [GridColumn] {
        COLUMNS
    }

    fn n_rows(&self) -> usize {
        self.0.roots.finalizers.ready.len() + self.0.roots.finalizers.registered.len()
    }

    fn cell(&self, analyses: &Analyses, row: usize, column: usize) -> Cell {
        let Some((object, is_ready)) = self.row(row) else { return Cell::Empty };
        let snapshot = &analyses.snapshot;
        match column {
            0 if is_ready => Cell::Text("ready".to_owned()),
            0 => Cell::Weak("registered".to_owned()),
            1 => Cell::Address(snapshot.objects.address(object)),
            2 => Cell::Type(snapshot.type_of(object).display_name()),
            3 => Cell::Size(snapshot.objects.size(object)),
            4 => Cell::Text(snapshot.objects.generation(object).label().to_owned()),
            _ => match analyses.is_reachable(object) {
                None => Cell::Empty,
                Some(true) => Cell::Weak("yes".to_owned()),
                Some(false) => Cell::Text("no".to_owned()),
            },
        }
    }

    fn object(&self, row: usize) -> Option<ObjectId> {
        self.row(row).map(|(object, _)| object)
    }
}

/// Asks for the rows.
pub fn ask(state: &mut GridState, dump: &Dump) {
    state.ask(dump, |analyses| analyses.graph.clone().map(|graph| Arc::new(Finalizers(graph)) as Arc<dyn Grid>));
}

/// Draws the view.
pub fn finalizers_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut GridState) -> Pane {
    let (ready, registered) = cx.graph.map_or((0, 0), |graph| {
        (graph.roots.finalizers.ready.len() as u64, graph.roots.finalizers.registered.len() as u64)
    });
    let words = GridWords {
        title: "Finalizers",
        note: &format!("{} ready, {} registered", number::count(ready), number::count(registered)),
        hint: "Filter objects",
        empty: "0 ready, 0 registered",
        empty_text: "The finalizer queues were read and are empty.",
        icon: icons::HOURGLASS,
    };
    grid_ui(ui, rect, cx, state, &words)
}
