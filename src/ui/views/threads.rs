//! Managed threads: name, state, stack, and what is held by their stacks.

use std::sync::Arc;

use eframe::egui::{Rect, Ui};

use super::grid::{GridState, GridWords, grid_ui};
use crate::base::{RootKind, number};
use crate::session::Analyses;
use crate::snapshot::{HeapGraph, ObjectId};
use crate::ui::app::{Cx, Dump, Pane};
use crate::ui::icons;
use crate::ui::model::grid::{Cell, Grid, GridColumn};

#[derive(Debug)]
struct Threads {
    graph: Arc<HeapGraph>,
    /// Stack roots by thread row.
    n_roots: Vec<u64>,
}

const COLUMNS: &[GridColumn] = &[
    GridColumn { title: "Id", width: 36.0, is_right: true, tip: "Managed id" },
    GridColumn { title: "OS id", width: 64.0, is_right: true, tip: "Id of the operating system" },
    GridColumn { title: "Name", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "State", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "Stack", width: 74.0, is_right: true, tip: "Bytes in use" },
    GridColumn {
        title: "Stack roots",
        width: 80.0,
        is_right: true,
        tip: "Words on its stack that refer to objects; may be stale",
    },
    GridColumn { title: "Exception", width: 0.0, is_right: false, tip: "What it handles or threw last" },
    GridColumn { title: "Remark", width: 0.0, is_right: false, tip: "" },
];

impl Grid for Threads {
    fn columns(&self) -> &'static [GridColumn] {
        COLUMNS
    }

    fn n_rows(&self) -> usize {
        self.graph.roots.threads.len()
    }

    fn cell(&self, analyses: &Analyses, row: usize, column: usize) -> Cell {
        let Some(thread) = self.graph.roots.threads.get(row) else { return Cell::Empty };
        match column {
            0 => Cell::Id(thread.managed_id.into()),
            1 if thread.os_id == 0 => Cell::Empty,
            1 => Cell::Id(thread.os_id.into()),
            2 => match &thread.name {
                Some(name) if !name.is_empty() => Cell::Text(name.clone()),
                _ if thread.is_finalizer => Cell::Weak("finalizer thread".to_owned()),
                _ => Cell::Weak("without a name".to_owned()),
            },
            3 if thread.is_alive => Cell::Text(thread.state_text.clone()),
            3 => Cell::Weak("ended".to_owned()),
            4 => thread
                .stack_base
                .offset_from(thread.stack_pointer)
                .filter(|_| !thread.stack_pointer.is_null())
                .map_or(Cell::Empty, Cell::Size),
            5 if thread.stack_problem.is_some() => Cell::Empty,
            5 => Cell::Count(self.n_roots.get(row).copied().unwrap_or(0)),
            6 => thread
                .exception
                .map_or(Cell::Empty, |object| Cell::Type(analyses.snapshot.type_of(object).display_name())),
            _ => match &thread.stack_problem {
                Some(problem) => Cell::Doubt(problem.clone()),
                None if thread.is_cooperative == Some(true) => Cell::Text("was running managed code".to_owned()),
                None => Cell::Empty,
            },
        }
    }

    fn object(&self, row: usize) -> Option<ObjectId> {
        let thread = self.graph.roots.threads.get(row)?;
        thread.exception.or(thread.object)
    }
}

/// Asks for the rows.
pub fn ask(state: &mut GridState, dump: &Dump) {
    state.ask(dump, |analyses| {
        let graph = analyses.graph.clone()?;
        let mut n_roots = vec![0; graph.roots.threads.len()];
        for root in graph.roots.roots.iter().filter(|root| root.kind == RootKind::Stack) {
            if let Some(n) = root.row.and_then(|row| n_roots.get_mut(row as usize)) {
                *n += 1;
            }
        }
        Some(Arc::new(Threads { graph, n_roots }))
    });
}

/// Draws the view.
pub fn threads_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut GridState) -> Pane {
    let threads = cx.graph.map_or(&[][..], |graph| &graph.roots.threads);
    let n_alive = threads.iter().filter(|thread| thread.is_alive).count();
    let note = match n_alive == threads.len() {
        true => "all alive".to_owned(),
        false => format!("{} alive", number::count(n_alive as u64)),
    };
    let words = GridWords {
        title: "Threads",
        note: &note,
        hint: "Filter threads",
        empty: "No managed thread",
        empty_text: "The runtime's list of threads was not found, or is empty. Coverage says which.",
        icon: icons::WAVEFORM,
    };
    grid_ui(ui, rect, cx, state, &words)
}
