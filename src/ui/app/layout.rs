//! One frame: which parts there are and where they stand.

use eframe::egui;
use egui::{CursorIcon, Id, Rect, Role, Sense, Ui, WidgetInfo, pos2};

use super::{App, Cx, Pane};
use crate::session::Status;
use crate::ui::pen::Pen;
use crate::ui::place::View;
use crate::ui::settings::{SPLIT_X, SPLIT_Y};
use crate::ui::theme;
use crate::ui::views;
use crate::ui::widgets;

/// Below this width the path stands under the table.
const NARROW: f32 = 1100.0;
/// Below this width the rail shows icons only.
const VERY_NARROW: f32 = 900.0;

impl App {
    /// Draws the window into all of `ui`.
    pub fn ui(&mut self, ui: &mut Ui) {
        let rect = ui.max_rect();
        let pen = Pen::on(ui);
        pen.fill(rect, pen.theme.canvas);
        self.panes.clear();
        let snapshot = self.dump.as_ref().and_then(|dump| dump.session.snapshot());
        let (top, rest) = rect.split_top_bottom_at_y(rect.top() + theme::TOP_BAR);
        let (body, status) = rest.split_top_bottom_at_y(rest.bottom() - theme::STATUS_BAR);
        if self.dump.is_none() {
            let mut part = widgets::part(ui, "welcome", rect);
            views::welcome::welcome_ui(&mut part, rect, &self.settings, &mut self.welcome_path, &self.outbox);
            let mut corner = widgets::part(ui, "corner", top);
            self.corner_ui(&mut corner, top);
        } else {
            self.top_bar_ui(&mut widgets::part(ui, "top", top), top);
            match snapshot {
                Some(_) => self.dump_ui(ui, body),
                None => self.no_heap_ui(&mut widgets::part(ui, "state", body), body),
            }
            self.status_bar_ui(&mut widgets::part(ui, "status", status), status);
        }
        self.lead_keys(ui);
        self.sheet_ui(ui);
        self.toast_ui(ui, rect);
        self.drop_ui(ui, rect);
    }

    /// Keys that lead nowhere lead to the list that the place is about, so that arrows work as soon as a view is there.
    fn lead_keys(&self, ui: &Ui) {
        let is_led = ui.memory(|memory| memory.focused().is_some());
        if is_led || self.sheet.is_some() || egui::Popup::is_any_open(ui.ctx()) {
            return;
        }
        let place = self.tab().history.now();
        // Of types, instances and path the one that is deepest; elsewhere the only one, or the tree beside its map.
        let at = match (place.view, place.ty, place.object) {
            (View::Types, _, Some(_)) => 2,
            (View::Types, Some(_), None) => 1,
            _ => 0,
        };
        let is_drawn = |pane: &&Pane| ui.ctx().read_response(pane.id).is_some();
        if let Some(pane) = self.panes.get(at).filter(is_drawn) {
            ui.memory_mut(|memory| memory.request_focus(pane.id));
        }
    }

    /// The buttons of the first screen's corner.
    fn corner_ui(&self, ui: &mut Ui, rect: Rect) {
        let y = rect.center().y;
        self.menu_ui(ui, pos2(rect.right() - 30.0, y));
        let (icon, name, next) = if theme::of(ui).is_dark {
            (crate::ui::icons::MOON, "Light theme", crate::ui::theme::ThemeChoice::Light)
        } else {
            (crate::ui::icons::SUN, "Dark theme", crate::ui::theme::ThemeChoice::Dark)
        };
        if widgets::icon_button(ui, rect.right() - 58.0, y, icon, name, true).clicked() {
            self.outbox.send(super::Command::Theme(next));
        }
    }

    /// What stands in the body while there is no heap to show.
    fn no_heap_ui(&self, ui: &mut Ui, rect: Rect) {
        let Some(dump) = &self.dump else { return };
        match dump.session.status() {
            Status::Loading { progress } => views::loading::loading_ui(ui, rect, dump, &progress, &self.outbox),
            Status::Failed(problem) => views::refused::refused_ui(ui, rect, &problem, &self.outbox),
            Status::Cancelled | Status::Ready => views::loading::cancelled_ui(ui, rect, &self.outbox),
        }
    }

    fn dump_ui(&mut self, ui: &mut Ui, rect: Rect) {
        let rail = if rect.width() < VERY_NARROW { theme::RAIL_NARROW } else { theme::RAIL };
        let (rail, mut body) = rect.split_left_right_at_x(rect.left() + rail);
        self.rail_ui(&mut widgets::part(ui, "rail", rail), rail);
        if self.tabs.len() > 1 {
            let (tabs, rest) = body.split_top_bottom_at_y(body.top() + 32.0);
            self.tab_bar_ui(&mut widgets::part(ui, "tabs", tabs), tabs);
            body = rest;
        }
        let Some(dump) = self.dump.take() else { return };
        if let Some(snapshot) = dump.session.snapshot() {
            let graph = dump.session.graph();
            let reachability = dump.session.reachability();
            let (dominance, findings) = (dump.session.dominance(), dump.session.findings());
            let tab = self.tab.min(self.tabs.len() - 1);
            let mut state = std::mem::take(&mut self.tabs[tab]);
            let cx = Cx {
                dump: &dump,
                snapshot: &snapshot,
                graph: graph.as_deref(),
                reachability: reachability.as_deref(),
                dominance: dominance.as_deref(),
                findings: findings.as_deref(),
                place: state.history.now(),
                outbox: &self.outbox,
            };
            let mut splits = [self.settings.split_x, self.settings.split_y];
            let panes = self.view_ui(ui, body, &cx, &mut state, &mut splits, rect.width() < NARROW);
            self.tabs[tab] = state;
            self.panes = panes;
            [self.settings.split_x, self.settings.split_y] = splits;
        }
        self.dump = Some(dump);
    }

    fn view_ui(
        &self,
        ui: &mut Ui,
        rect: Rect,
        cx: &Cx<'_>,
        tab: &mut super::Tab,
        splits: &mut [f32; 2],
        is_narrow: bool,
    ) -> Vec<Pane> {
        let mut rect = rect;
        if let Some(height) = views::loading::strip_height(cx) {
            let (strip, rest) = rect.split_top_bottom_at_y(rect.top() + height);
            views::loading::strip_ui(&mut widgets::part(ui, "strip", strip), strip, cx);
            rect = rest;
        }
        match cx.place.view {
            View::Types => self.types_ui(ui, rect, cx, tab, splits, is_narrow),
            View::Dominators => views::dominators::dominators_ui(ui, rect, cx, &mut tab.dominators),
            view => {
                let mut part = widgets::part(ui, view.key(), rect);
                vec![match view {
                    View::Overview => views::overview::overview_ui(&mut part, rect, cx, &mut tab.overview),
                    View::Suspects => views::suspects::suspects_ui(&mut part, rect, cx, &mut tab.suspects),
                    View::Events => views::events::events_ui(&mut part, rect, cx, &mut tab.events),
                    View::Inspections => views::inspections::inspections_ui(&mut part, rect, cx, &mut tab.inspections),
                    View::Roots => views::roots::roots_ui(&mut part, rect, cx, &mut tab.roots),
                    View::Handles => views::handles::handles_ui(&mut part, rect, cx, &mut tab.handles),
                    View::Statics => views::statics::statics_ui(&mut part, rect, cx, &mut tab.statics),
                    View::Threads => views::threads::threads_ui(&mut part, rect, cx, &mut tab.threads),
                    View::Finalizers => views::finalizers::finalizers_ui(&mut part, rect, cx, &mut tab.finalizers),
                    View::Types | View::Dominators | View::Coverage => {
                        views::coverage::coverage_ui(&mut part, rect, cx, &mut tab.coverage)
                    }
                }]
            }
        }
    }

    /// Types, instances and the path on one screen.
    fn types_ui(
        &self,
        ui: &mut Ui,
        rect: Rect,
        cx: &Cx<'_>,
        tab: &mut super::Tab,
        splits: &mut [f32; 2],
        is_narrow: bool,
    ) -> Vec<Pane> {
        let mut panes = Vec::new();
        if cx.place.ty.is_none() {
            panes.push(views::types::types_ui(&mut widgets::part(ui, "types", rect), rect, cx, &mut tab.types));
            return panes;
        }
        let (types, right, path);
        if is_narrow {
            // Side by side above, the path below: other shares than in a wide window.
            let x = splitter(ui, rect, Axis::X, &mut splits[0], SPLIT_X);
            let mut below = (splits[1] + 0.13).min(0.8);
            let y = splitter(ui, rect, Axis::Y, &mut below, SPLIT_Y + 0.13);
            splits[1] = below - 0.13;
            let (upper, lower) = rect.split_top_bottom_at_y(y);
            (types, right) = upper.split_left_right_at_x(x);
            path = lower;
        } else {
            let x = splitter(ui, rect, Axis::X, &mut splits[0], SPLIT_X);
            let side;
            (types, side) = rect.split_left_right_at_x(x);
            let y = splitter(ui, side, Axis::Y, &mut splits[1], SPLIT_Y);
            (right, path) = side.split_top_bottom_at_y(y);
        }
        panes.push(views::types::types_ui(&mut widgets::part(ui, "types", types), types, cx, &mut tab.types));
        let mut part = widgets::part(ui, "instances", right);
        panes.push(views::instances::instances_ui(&mut part, right, cx, &mut tab.instances));
        let mut part = widgets::part(ui, "path", path);
        panes.push(match cx.place.object {
            Some(_) => views::path::path_ui(&mut part, path, cx, &mut tab.path, &tab.what_if),
            None => views::merged::merged_ui(&mut part, path, cx, &mut tab.merged, &tab.what_if),
        });
        let pen = Pen::on(ui);
        pen.vline(types.right(), types.top(), if is_narrow { types.bottom() } else { rect.bottom() }, pen.theme.line);
        let left = if is_narrow { rect.left() } else { right.left() };
        pen.hline(left, rect.right(), path.top(), pen.theme.line);
        panes
    }

    fn toast_ui(&mut self, ui: &mut Ui, rect: Rect) {
        let Some(toast) = self.toast.clone() else { return };
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let width = (pen.text_width(&toast.text, theme::BODY) + 72.0).min(rect.width() - 40.0);
        let at = Rect::from_center_size(
            pos2(rect.center().x, rect.bottom() - theme::STATUS_BAR - 30.0),
            egui::vec2(width, 36.0),
        );
        let area = egui::Area::new(Id::unique("toast")).order(egui::Order::Tooltip).fixed_pos(at.min);
        let is_closed = area.show(ui.ctx(), |ui| {
            let (at, response) = ui.allocate_exact_size(at.size(), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &toast.text));
            let pen = Pen::on(ui);
            pen.round(at, 8.0, theme.raised);
            pen.edge(at, 8.0, 1.0, if toast.is_failure { theme.err } else { theme.line2 });
            let (icon, color) = if toast.is_failure {
                (crate::ui::icons::WARNING_CIRCLE, theme.err)
            } else {
                (crate::ui::icons::CHECK, theme.ok)
            };
            pen.icon(pos2(at.left() + 20.0, at.center().y), icon, 16.0, color);
            pen.text_cut(at.left() + 36.0, at.right() - 36.0, at.center().y, &toast.text, theme::BODY, theme.t1);
            let cross = Rect::from_center_size(pos2(at.right() - 18.0, at.center().y), egui::vec2(24.0, 24.0));
            widgets::button::icon_button_sized(ui, cross, crate::ui::icons::X, 12.0, "Close the message", true)
                .clicked()
        });
        if is_closed.inner {
            self.toast = None;
        }
    }

    /// While a file is held over the window.
    fn drop_ui(&self, ui: &Ui, rect: Rect) {
        if ui.input(|input| input.raw.hovered_files.is_empty()) {
            return;
        }
        let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, Id::unique("drop")));
        let pen = Pen { painter, theme: theme::of(ui) };
        let at = rect.shrink(16.0);
        pen.dashed(at, 8.0, theme::mix(pen.theme.canvas, pen.theme.accent, 0.08), pen.theme.accent);
        pen.centered(at.center(), "Drop to open", theme::STATE_TITLE, pen.theme.accent);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Axis {
    X,
    Y,
}

/// A line to drag between two panes: the share that was dragged to, and the place of the line. A double press puts it
/// back to `start`.
fn splitter(ui: &Ui, rect: Rect, axis: Axis, share: &mut f32, start: f32) -> f32 {
    let id = Id::unique(("splitter", axis));
    let (from, length, low, high): (f32, f32, f32, f32) = match axis {
        Axis::X => (rect.left(), rect.width(), 320.0, 360.0),
        Axis::Y => (rect.top(), rect.height(), 160.0, 200.0),
    };
    let place = |share: f32| {
        let high = (length - high).max(length * 0.4);
        (from + (share * length).clamp(low.min(high), high)).round()
    };
    let at = place(*share);
    let bar = match axis {
        Axis::X => Rect::from_min_max(pos2(at - 4.0, rect.top()), pos2(at + 4.0, rect.bottom())),
        Axis::Y => Rect::from_min_max(pos2(rect.left(), at - 4.0), pos2(rect.right(), at + 4.0)),
    };
    let response = ui.interact(bar, id, Sense::CLICK | Sense::DRAG);
    if let Some(pointer) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        let value = if axis == Axis::X { pointer.x } else { pointer.y };
        *share = ((value - from) / length.max(1.0)).clamp(0.1, 0.9);
    }
    if response.double_clicked() {
        *share = start;
    }
    response.on_hover_cursor(if axis == Axis::X { CursorIcon::ResizeHorizontal } else { CursorIcon::ResizeVertical });
    place(*share)
}
