//! Roots by kind: how many, what they refer to, and what is reachable through one kind only.

use std::sync::Arc;

use eframe::egui::{Rect, Ui};

use super::grid::{GridState, GridWords, grid_ui};
use crate::analysis::roots::root_name;
use crate::base::{RootKind, number};
use crate::session::Analyses;
use crate::snapshot::{HeapGraph, ObjectId, RootId};
use crate::ui::app::{Cx, Dump, Pane};
use crate::ui::icons;
use crate::ui::model::grid::{Cell, Grid, GridColumn};

#[derive(Debug)]
struct Roots(Arc<HeapGraph>);

const COLUMNS: &[GridColumn] = &[
    GridColumn { title: "Kind", width: 190.0, is_right: false, tip: "" },
    GridColumn { title: "Root", width: 0.0, is_right: false, tip: "Field, handle, thread" },
    GridColumn { title: "Object", width: 112.0, is_right: false, tip: "What it refers to" },
    GridColumn { title: "Type", width: 0.0, is_right: false, tip: "" },
    GridColumn { title: "Bytes", width: 74.0, is_right: true, tip: "The object's own bytes" },
];

impl Grid for Roots {
    fn columns(&self) -> &'static [GridColumn] {
        COLUMNS
    }

    fn n_rows(&self) -> usize {
        self.0.roots.roots.len()
    }

    fn cell(&self, analyses: &Analyses, row: usize, column: usize) -> Cell {
        let Some(root) = self.0.roots.roots.get(row) else { return Cell::Empty };
        let snapshot = &analyses.snapshot;
        match column {
            0 => Cell::Root(root.kind),
            1 => {
                let name = root_name(snapshot, &self.0, RootId(u32::try_from(row).unwrap_or(u32::MAX)));
                match root.kind {
                    RootKind::Static => Cell::Member(name.trim_start_matches("static ").to_owned()),
                    RootKind::ThreadStatic => Cell::Member(name.trim_start_matches("thread static ").to_owned()),
                    RootKind::Stack => Cell::Weak(name),
                    _ => Cell::Text(name),
                }
            }
            2 => Cell::Address(snapshot.objects.address(root.object)),
            3 => Cell::Type(snapshot.type_of(root.object).display_name()),
            _ => Cell::Size(snapshot.objects.size(root.object)),
        }
    }

    fn object(&self, row: usize) -> Option<ObjectId> {
        self.0.roots.roots.get(row).map(|root| root.object)
    }
}

/// Asks for the rows.
pub fn ask(state: &mut GridState, dump: &Dump) {
    state.ask(dump, |analyses| analyses.graph.clone().map(|graph| Arc::new(Roots(graph)) as Arc<dyn Grid>));
}

/// Draws the view: a line per kind with what only it holds, then every root.
pub fn roots_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut GridState) -> Pane {
    let note = cx.reachability.map_or(String::new(), |alive| {
        let live = alive.total();
        format!("reach {}, {}", number::counted(live.count, "object", "objects"), number::size(live.bytes))
    });
    let words = GridWords {
        title: "Roots",
        note: &note,
        hint: "Filter roots",
        empty: "No root",
        empty_text: "Neither handles nor statics, threads or finalizers were found. Coverage says what is missing.",
        icon: icons::PUSH_PIN,
    };
    let n_kinds = cx.graph.map_or(0, |graph| {
        RootKind::ALL.iter().filter(|kind| graph.roots.roots.iter().any(|root| root.kind == **kind)).count()
    });
    let height = if cx.reachability.is_some() && n_kinds > 0 { 62.0 + n_kinds as f32 * 24.0 } else { 0.0 };
    let (kinds, table) = rect.split_top_bottom_at_y(rect.bottom() - height);
    let pane = grid_ui(&mut crate::ui::widgets::part(ui, "all", kinds), kinds, cx, state, &words);
    if height > 0.0 {
        kinds_ui(&mut crate::ui::widgets::part(ui, "kinds", table), table, cx);
    }
    pane
}

/// What each kind reaches that no more certain kind does.
fn kinds_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>) {
    use crate::ui::pen::Pen;
    use crate::ui::theme;
    use crate::ui::widgets::bars::{BarLook, share_bar};
    use crate::ui::widgets::marks;
    use eframe::egui::{Role, Sense, WidgetInfo, pos2, vec2};
    let (Some(graph), Some(alive)) = (cx.graph, cx.reachability) else { return };
    let pen = Pen::on(ui);
    pen.hline(rect.left(), rect.right(), rect.top(), pen.theme.line);
    super::pane_title(
        ui,
        rect,
        "By kind",
        "what only this kind holds, and no kind above it",
        rect.right() - theme::PAD,
    );
    let most = RootKind::ALL.iter().map(|&kind| alive.amount(kind).bytes).max().unwrap_or(0);
    let mut y = rect.top() + 56.0;
    for kind in RootKind::ALL {
        let n = graph.roots.roots.iter().filter(|root| root.kind == kind).count() as u64;
        if n == 0 {
            continue;
        }
        let amount = alive.amount(kind);
        let left = rect.left() + theme::PAD;
        let end = marks::root_pill(&pen, left, y, kind);
        if kind.label() != marks::root_word(kind) {
            pen.text(end + 8.0, y, kind.label(), theme::BODY, pen.theme.t2);
        }
        pen.text_right(left + 290.0, y, &number::counted(n, "root", "roots"), theme::BODY, pen.theme.t2);
        pen.text_right(left + 420.0, y, &number::counted(amount.count, "object", "objects"), theme::BODY, pen.theme.t1);
        share_bar(&pen, left + 440.0, y, 114.0, amount.bytes, most, BarLook::Exact);
        pen.size(left + 640.0, y, amount.bytes, pen.theme.t1);
        if kind == RootKind::Stack {
            pen.text(left + 660.0, y, "may be stale", theme::SMALL, pen.theme.warn);
        }
        let at = Rect::from_min_size(pos2(left, y - 12.0), vec2(660.0, 24.0));
        let text = format!(
            "{}: {}, alone hold {}, {}",
            kind.label(),
            number::counted(n, "root", "roots"),
            number::counted(amount.count, "object", "objects"),
            number::size(amount.bytes)
        );
        ui.interact(at, ui.scope_id().with(kind.label()), Sense::hover())
            .widget_info(|| WidgetInfo::labeled(Role::Row, true, &text));
        y += 24.0;
    }
}
