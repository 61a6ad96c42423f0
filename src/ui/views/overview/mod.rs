//! The first thing a person sees: the answer in two sentences, and the heap at a glance.
//!
//! ```text
//! verdict   what leaks, the way to the evidence, the command that repeats it
//! healthy   no leak: everything that was looked for, with its threshold
//! glance    live, unreachable, free; generations; biggest types and dominators; four facts
//! ```

mod glance;
mod healthy;
#[cfg(test)]
mod tests;
mod verdict;

use eframe::egui;
use egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::dominators::Cells;
use crate::analysis::verdict::Headline;
use crate::ui::app::{Cx, Pane};
use crate::ui::pen::Pen;
use crate::ui::theme;
use crate::ui::widgets::ListState;

/// Space left and right of the page.
const INSET: f32 = 32.0;
/// Below this width the treemap stands under the biggest types.
const NARROW: f32 = 780.0;

/// What the view remembers.
#[derive(Debug, Default)]
pub struct OverviewState {
    types: ListState,
    cells: Cells,
    selected: Option<u64>,
}

/// Draws the view. The page is as high as its contents and scrolls when the window is not.
pub fn overview_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut OverviewState) -> Pane {
    let pane = Pane { id: Id::unique("overview-types"), rect, filter: None };
    let is_healthy = cx.findings.is_some_and(|findings| findings.verdict.headline == Headline::Healthy);
    let mut content = ui.new_child(egui::UiBuilder::new().max_rect(rect));
    egui::ScrollArea::vertical().id_salt("overview").auto_shrink(false).show(&mut content, |ui| {
        let left = rect.left() + INSET;
        let top = ui.cursor().top();
        let width = rect.width() - 2.0 * INSET;
        let bottom = if is_healthy {
            healthy::healthy_ui(ui, left, top + 38.0, width, cx)
        } else {
            page_ui(ui, pos2(left, top), width, rect.height(), cx, state)
        };
        let height = (bottom - top).max(1.0);
        ui.allocate_exact_size(vec2(rect.width() - 1.0, height), Sense::hover());
    });
    pane
}

/// Verdict, bar, biggest types and dominators, facts; returns the bottom.
fn page_ui(ui: &mut Ui, at: egui::Pos2, width: f32, height: f32, cx: &Cx<'_>, state: &mut OverviewState) -> f32 {
    let left = at.x;
    let y = verdict::verdict_ui(ui, left, at.y + 30.0, width, cx) + 28.0;
    line(ui, left, width, y);
    let y = glance::bar_ui(ui, left, y + 26.0, width, cx) + 12.0;
    line(ui, left, width, y);
    let y = y + 10.0;
    let facts = 62.0;
    let is_narrow = width < NARROW;
    // Names have a share of what a wide window has more.
    let types_width = if is_narrow { width } else { (width * 0.36).clamp(370.0, 520.0).round() };
    // Map and types take what is left of the window, and never less than can be read.
    let left_over = at.y + height - facts - 12.0 - y;
    let n_types = ((left_over - 62.0) / theme::ROW).floor().clamp(6.0, 10.0);
    let types_height = 32.0 + n_types * theme::ROW + 30.0;
    let body = if is_narrow { types_height } else { left_over.max(types_height) };
    glance::types_ui(ui, Rect::from_min_size(pos2(left, y), vec2(types_width, types_height)), cx, state);
    let map = if is_narrow {
        Rect::from_min_size(pos2(left, y + types_height + 12.0), vec2(width, 300.0))
    } else {
        Rect::from_min_max(pos2(left + types_width + 54.0, y), pos2(left + width, y + body))
    };
    glance::map_ui(ui, map, cx, state);
    let y = map.bottom().max(y + body) + 12.0;
    line(ui, left, width, y);
    glance::facts_ui(ui, left, y + 6.0, width, cx);
    y + facts
}

fn line(ui: &Ui, left: f32, width: f32, y: f32) {
    let pen = Pen::on(ui);
    pen.hline(left, left + width, y, pen.theme.line);
}

/// A part of the page that can be pressed; drawn by `draw` on its ground.
fn pressable(ui: &mut Ui, rect: Rect, name: &str, draw: impl FnOnce(&Pen, bool)) -> bool {
    let response = ui.interact(rect, ui.scope_id().with(("press", name)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, name));
    let pen = Pen::on(ui);
    if response.hovered() {
        pen.round(rect, theme::RADIUS, pen.theme.hover);
    }
    if response.has_focus() {
        pen.edge(rect, theme::RADIUS, 2.0, pen.theme.accent);
    }
    draw(&pen, response.hovered());
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}
