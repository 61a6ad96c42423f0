//! The window's parts: each draws one thing at a given place and says what was done to it.
//!
//! **Invariant:** nothing here knows a dump or a session; finished values come in, responses go out.

pub mod bars;
pub mod button;
pub mod check;
pub mod field;
pub mod list;
pub mod marks;
pub mod notice;
pub mod path;
pub mod table;
pub mod treemap;

use eframe::egui;
use egui::accesskit;

pub use button::{Button, ButtonKind, icon_button, link};
pub use check::{switch, tick_box};
pub use field::Field;
pub use list::{Copied, List, ListOutput, ListState, Row, RowLook, RowName, caret};

/// Sets what the toolkit's own widget facts lack: level, fold state, sort direction.
pub(super) fn describe(ctx: &egui::Context, id: egui::Id, write: impl FnOnce(&mut accesskit::Node)) {
    // `None` when no screen reader listens: nothing to describe then.
    let _ = ctx.accesskit_node_builder(id, write);
}

/// A part of the window as a `Ui` of its own, clipped to `rect`.
#[must_use]
pub fn part(ui: &mut egui::Ui, name: &str, rect: egui::Rect) -> egui::Ui {
    let builder = egui::UiBuilder::new().id_salt(name).max_rect(rect).layout(egui::Layout::top_down(egui::Align::Min));
    let mut part = ui.new_child(builder);
    part.set_clip_rect(ui.clip_rect().intersect(rect));
    part
}
