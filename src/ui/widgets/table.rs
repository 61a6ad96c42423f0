//! Table headers: columns with places, sorted by a press.

use eframe::egui;
use egui::accesskit::SortDirection;
use egui::{CursorIcon, Rect, Role, Sense, Ui, WidgetInfo, pos2};

use crate::ui::icons;
use crate::ui::pen::Pen;
use crate::ui::theme::{self, Face};

/// How rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<C> {
    /// By which column.
    pub column: C,
    /// Largest first.
    pub is_descending: bool,
}

/// One column of a header.
#[derive(Clone, Copy, Debug)]
pub struct Column<C> {
    /// Which.
    pub key: C,
    /// Its word.
    pub title: &'static str,
    /// Left edge.
    pub left: f32,
    /// Right edge.
    pub right: f32,
    /// The word stands at the right edge.
    pub is_right: bool,
    /// A press sorts.
    pub can_sort: bool,
    /// What it means, for the pointer.
    pub tip: &'static str,
}

/// Draws the header in `rect`, 28 high and a hairline under it; the column that was pressed.
pub fn header<C: Copy + PartialEq + std::fmt::Debug>(
    ui: &mut Ui,
    rect: Rect,
    columns: &[Column<C>],
    sort: Option<Sort<C>>,
) -> Option<C> {
    let mut pressed = None;
    let y = rect.center().y;
    for column in columns {
        let place = Rect::from_min_max(pos2(column.left, rect.top()), pos2(column.right, rect.bottom()));
        if place.width() < 4.0 {
            continue;
        }
        let sense = if column.can_sort { Sense::click() } else { Sense::hover() };
        let response = ui.interact(place, ui.scope_id().with(("header", column.title)), sense);
        response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, column.title));
        let sorted = sort.filter(|sort| sort.column == column.key);
        if let Some(sort) = sorted {
            super::describe(ui.ctx(), response.id, |node| {
                node.set_sort_direction(if sort.is_descending {
                    SortDirection::Descending
                } else {
                    SortDirection::Ascending
                });
            });
        }
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let is_hovered = response.hovered() && column.can_sort;
        let (style, color) = match sorted {
            Some(_) => (theme::SMALL_MEDIUM, theme.t1),
            None if is_hovered => (theme::SMALL, theme.t1),
            None => (theme::SMALL, theme.t3),
        };
        let caret = sorted.map(|sort| if sort.is_descending { icons::CARET_DOWN } else { icons::CARET_UP });
        let caret_at = if column.is_right {
            pen.text_right(column.right, y, column.title, style, color) - 11.0
        } else {
            pen.text(column.left, y, column.title, style, color) + 11.0
        };
        if let Some(caret) = caret {
            pen.icon_in(pos2(caret_at, y), caret, 11.0, theme.t1, Face::IconBold);
        }
        if response.has_focus() {
            pen.edge(place.expand2(egui::vec2(3.0, -3.0)), theme::RADIUS_CHIP, 2.0, theme.accent);
        }
        let response = if column.can_sort { response.on_hover_cursor(CursorIcon::PointingHand) } else { response };
        if response.clicked() {
            pressed = Some(column.key);
        }
        if !column.tip.is_empty() {
            response.on_hover_text(column.tip);
        }
    }
    let pen = Pen::on(ui);
    pen.hline(rect.left(), rect.right(), rect.bottom() - pen.hair(), pen.theme.line);
    pressed
}
