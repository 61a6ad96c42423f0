//! Boxes to tick: alone, or with a word beside them.

use eframe::egui;
use egui::{CursorIcon, Id, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::ui::icons;
use crate::ui::pen::Pen;
use crate::ui::theme;

/// A box in the middle of `rect`, all of which can be pressed. `name` is its word for people who do not see it, and its
/// tip.
pub fn tick_box(ui: &Ui, rect: Rect, id: Id, name: &str, is_ticked: bool) -> Response {
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_ticked, name));
    let at = Rect::from_center_size(rect.center(), vec2(16.0, 16.0));
    draw(&Pen::on(ui), at, &response, is_ticked);
    response.on_hover_text(name)
}

/// A box with its word, between `x` and `right`, centred on `y`.
pub fn switch(ui: &Ui, x: f32, right: f32, y: f32, word: &str, is_on: bool) -> Response {
    const BOX: f32 = 14.0;
    const GAP: f32 = 7.0;
    let pen = Pen::on(ui);
    let end = (x + BOX + GAP + pen.text_width(word, theme::SMALL)).min(right);
    let rect = Rect::from_min_max(pos2(x, y - 12.0), pos2(end, y + 12.0));
    let response = ui.interact(rect, ui.scope_id().with(("switch", word)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_on, word));
    let left = pen.snap(x);
    draw(&pen, Rect::from_min_size(pos2(left, pen.snap(y - BOX / 2.0)), vec2(BOX, BOX)), &response, is_on);
    let color = if response.hovered() { pen.theme.t1 } else { pen.theme.t2 };
    pen.text_cut(left + BOX + GAP, end + 1.0, y, word, theme::SMALL, color);
    response.on_hover_cursor(CursorIcon::PointingHand)
}

fn draw(pen: &Pen, at: Rect, response: &Response, is_ticked: bool) {
    let theme = pen.theme;
    if is_ticked {
        pen.round(at, theme::RADIUS_CHIP, theme.accent);
        pen.icon_in(at.center(), icons::CHECK, 11.0, theme.on_accent, theme::Face::IconBold);
    } else {
        pen.round(at, theme::RADIUS_CHIP, theme.raised);
        let edge = if response.hovered() { theme.t1 } else { theme.t3 };
        pen.edge(at, theme::RADIUS_CHIP, 1.0, edge);
    }
    if response.has_focus() {
        pen.edge(at.expand(3.0), theme::RADIUS, 2.0, theme.accent);
    }
}
