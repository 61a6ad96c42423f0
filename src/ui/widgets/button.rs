//! Buttons: primary, plain and quiet ones, icon buttons, links.

use eframe::egui;
use egui::{CursorIcon, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::ui::pen::{Pen, span};
use crate::ui::theme::{self, Face};

/// How much a button asks for attention. One primary on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    /// What most people want next.
    Primary,
    /// With an edge.
    Plain,
    /// Text and icon only.
    Quiet,
}

/// A button with a word.
#[derive(Clone, Copy, Debug)]
pub struct Button<'a> {
    icon: Option<char>,
    text: &'a str,
    kind: ButtonKind,
    is_enabled: bool,
    is_on: bool,
}

impl<'a> Button<'a> {
    /// A plain button.
    #[must_use]
    pub const fn new(icon: Option<char>, text: &'a str) -> Self {
        Self { icon, text, kind: ButtonKind::Plain, is_enabled: true, is_on: false }
    }

    /// Of another kind.
    #[must_use]
    pub const fn kind(mut self, kind: ButtonKind) -> Self {
        self.kind = kind;
        self
    }

    /// Can it be pressed.
    #[must_use]
    pub const fn enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// Shows that what it stands for is switched on.
    #[must_use]
    pub const fn on(mut self, is_on: bool) -> Self {
        self.is_on = is_on;
        self
    }

    /// Its width.
    #[must_use]
    pub fn width(&self, pen: &Pen) -> f32 {
        let pad = if self.kind == ButtonKind::Quiet { 6.0 } else { 11.0 };
        let icon = if self.icon.is_some() { 22.0 } else { 0.0 };
        (pen.text_width(self.text, theme::BODY_MEDIUM) + icon + pad * 2.0).ceil()
    }

    /// Draws it with its left edge at `x`, centred on `y`.
    pub fn left(&self, ui: &mut Ui, x: f32, y: f32) -> Response {
        let width = self.width(&Pen::on(ui));
        self.at(ui, Rect::from_min_size(pos2(x, y - 14.0), vec2(width, 28.0)))
    }

    /// Draws it with its right edge at `x`, centred on `y`.
    pub fn right(&self, ui: &mut Ui, x: f32, y: f32) -> Response {
        let width = self.width(&Pen::on(ui));
        self.at(ui, Rect::from_min_size(pos2(x - width, y - 14.0), vec2(width, 28.0)))
    }

    /// Draws it in `rect`.
    pub fn at(&self, ui: &mut Ui, rect: Rect) -> Response {
        let sense = if self.is_enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, ui.scope_id().with(("button", self.text, self.icon)), sense);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, self.is_enabled, self.text));
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let is_hovered = response.hovered() && self.is_enabled;
        let (mut text, mut icon) = (theme.t1, theme.t2);
        match self.kind {
            ButtonKind::Primary => {
                let ground = if is_hovered { theme::mix(theme.accent, theme.t1, 0.12) } else { theme.accent };
                pen.round(rect, theme::RADIUS, ground);
                (text, icon) = (theme.on_accent, theme.on_accent);
            }
            ButtonKind::Plain => {
                let ground = if self.is_on { theme.sel } else { theme.raised };
                pen.round(rect, theme::RADIUS, ground);
                let edge = match (self.is_enabled, is_hovered) {
                    (false, _) => theme.line,
                    (_, true) => theme.t3,
                    _ => theme.line2,
                };
                pen.edge(rect, theme::RADIUS, 1.0, edge);
            }
            ButtonKind::Quiet => {
                if is_hovered || self.is_on {
                    let ground = if self.is_on { theme.sel } else { theme.hover };
                    pen.round(rect, theme::RADIUS, ground);
                }
                text = if self.is_on { theme.t1 } else { theme.t2 };
            }
        }
        if !self.is_enabled {
            (text, icon) = (theme.disabled(theme.canvas), theme.disabled(theme.canvas));
        }
        if response.has_focus() {
            pen.painter.rect_stroke(
                rect.expand(2.0),
                theme::RADIUS + 2.0,
                egui::Stroke::new(2.0, theme.accent),
                egui::StrokeKind::Middle,
            );
        }
        let mut x = rect.left() + if self.kind == ButtonKind::Quiet { 6.0 } else { 11.0 };
        let y = rect.center().y;
        if let Some(glyph) = self.icon {
            pen.icon(pos2(x + 7.5, y), glyph, 15.0, icon);
            x += 22.0;
        }
        let face = if self.kind == ButtonKind::Quiet { Face::Regular } else { Face::Medium };
        pen.spans(x, y, &[span(self.text, theme::BODY.with(face), text)]);
        if self.is_enabled { response.on_hover_cursor(CursorIcon::PointingHand) } else { response }
    }
}

/// A button of one icon, 28 wide, centred on (`x`, `y`). `name` is its word for people who do not see it, and its tip.
pub fn icon_button(ui: &mut Ui, x: f32, y: f32, icon: char, name: &str, is_enabled: bool) -> Response {
    icon_button_sized(ui, Rect::from_center_size(pos2(x, y), vec2(28.0, 28.0)), icon, 16.0, name, is_enabled)
}

/// The same in `rect` with an icon of `size`.
pub fn icon_button_sized(ui: &mut Ui, rect: Rect, icon: char, size: f32, name: &str, is_enabled: bool) -> Response {
    let sense = if is_enabled { Sense::click() } else { Sense::hover() };
    let response = ui.interact(rect, ui.scope_id().with(("icon", name)), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, name));
    let pen = Pen::on(ui);
    if response.hovered() && is_enabled {
        pen.round(rect, theme::RADIUS, pen.theme.sel2);
    }
    if response.has_focus() {
        pen.edge(rect, theme::RADIUS, 2.0, pen.theme.accent);
    }
    let color = if is_enabled { pen.theme.t2 } else { pen.theme.line2 };
    pen.icon(rect.center(), icon, size, color);
    response.on_hover_text(name)
}

/// A word that leads somewhere, in the accent colour, from `x`.
pub fn link(ui: &mut Ui, x: f32, y: f32, text: &str) -> Response {
    let pen = Pen::on(ui);
    let width = pen.text_width(text, theme::BODY_MEDIUM);
    let rect = Rect::from_min_size(pos2(x, y - 12.0), vec2(width, 24.0));
    let response = ui.interact(rect, ui.scope_id().with(("link", text)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, text));
    pen.text(x, y, text, theme::BODY_MEDIUM, pen.theme.accent);
    if response.hovered() || response.has_focus() {
        pen.hline(x, x + width, y + 8.0, pen.theme.accent);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}
