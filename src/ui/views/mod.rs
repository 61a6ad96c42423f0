//! One file per view. A view draws a finished value or says what is missing, and sends commands.

pub mod coverage;
pub mod details;
pub mod dominators;
pub mod events;
pub mod finalizers;
mod freed_types;
pub mod grid;
pub mod handles;
pub mod holders;
pub mod inspections;
pub mod instance_filter;
pub mod instances;
pub mod loading;
pub mod merged;
pub mod next_path;
pub mod overview;
pub mod path;
pub mod refused;
pub mod roots;
pub mod statics;
pub mod status;
pub mod suspects;
pub mod threads;
pub mod types;
pub mod welcome;
pub mod what_if;

use eframe::egui;
use egui::{Rect, Ui, pos2};

use super::pen::{Pen, Span, span};
use super::theme::{self, Face, TextStyle, Theme};
use crate::base::number;

/// Room that counts up to `most` take in a column, with a gap before them.
pub(super) fn count_width(pen: &Pen, most: u64) -> f32 {
    pen.text_width(&number::count(most), theme::BODY_MEDIUM).ceil() + 10.0
}

/// The title of a pane with a note beside it; returns the right edge of the note.
pub(super) fn pane_title(ui: &Ui, rect: Rect, title: &str, note: &str, right: f32) -> f32 {
    let pen = Pen::on(ui);
    let y = rect.top() + 20.5;
    let x = pen.text_cut(rect.left() + theme::PAD, right, y, title, theme::PANE_TITLE, pen.theme.t1);
    let end = if note.is_empty() { x } else { pen.text_cut(x + 10.0, right, y, note, theme::BODY, pen.theme.t3) };
    let at = Rect::from_min_max(pos2(rect.left() + theme::PAD, y - 12.0), pos2(end.max(x), y + 12.0));
    let response = ui.interact(at, ui.scope_id().with(("title", title)), egui::Sense::hover());
    let says = if note.is_empty() { title.to_owned() } else { format!("{title}, {note}") };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Heading, true, says.as_str()));
    end
}

/// The hairline below the title of a pane with a table.
pub(super) fn title_line(ui: &Ui, rect: Rect) {
    let pen = Pen::on(ui);
    pen.hline(rect.left(), rect.right(), rect.top() + theme::PANE, pen.theme.line);
}

/// The part of a pane below its title.
pub(super) fn below_title(rect: Rect) -> Rect {
    Rect::from_min_max(pos2(rect.left(), rect.top() + theme::PANE + 1.0), rect.max)
}

/// A sentence whose facts stand between `**`: those in `SemiBold`.
pub(super) fn marked(text: &str, style: TextStyle, theme: &Theme) -> Vec<Span> {
    let parts = text.split("**").enumerate().filter(|(_, part)| !part.is_empty());
    parts
        .map(|(index, part)| {
            let face = if index % 2 == 1 { Face::SemiBold } else { style.face };
            span(part, style.with(face), theme.t1)
        })
        .collect()
}
