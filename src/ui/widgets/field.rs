//! Text fields with an icon, a hint, a key cap, and the states focused, bad and full.

use eframe::egui;
use egui::{Id, Rect, Response, Ui, pos2, vec2};

use super::button::icon_button_sized;
use super::marks;
use crate::ui::icons;
use crate::ui::pen::Pen;
use crate::ui::theme;

/// A text field of one line.
#[derive(Debug)]
pub struct Field<'a> {
    /// Its id: whoever sets the focus needs it.
    pub id: Id,
    /// Its word for people who do not see it.
    pub name: &'a str,
    /// Shown while it is empty.
    pub hint: &'a str,
    /// Icon at its left end.
    pub icon: Option<char>,
    /// Key that leads here, shown while it is empty and without focus.
    pub key: Option<&'a str>,
    /// What it holds cannot be used.
    pub is_bad: bool,
    /// Offers a cross that empties it.
    pub can_clear: bool,
}

impl<'a> Field<'a> {
    /// A field without icon and key.
    #[must_use]
    pub const fn new(id: Id, name: &'a str, hint: &'a str) -> Self {
        Self { id, name, hint, icon: None, key: None, is_bad: false, can_clear: false }
    }

    /// Draws it in `rect`. The response is the text edit's; `changed` also after the cross.
    pub fn show(&self, ui: &mut Ui, rect: Rect, text: &mut String) -> Response {
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let has_focus = ui.memory(|memory| memory.has_focus(self.id));
        pen.round(rect, theme::RADIUS, theme.raised);
        let (width, color) = match (self.is_bad, has_focus) {
            (true, _) => (1.5, theme.err),
            (_, true) => (1.5, theme.accent),
            _ => (1.0, theme.line2),
        };
        let mut left = rect.left() + 10.0;
        if let Some(icon) = self.icon {
            pen.icon(pos2(rect.left() + 14.0, rect.center().y), icon, 15.0, theme.t3);
            left = rect.left() + 26.0;
        }
        let mut right = rect.right() - 8.0;
        if self.can_clear && !text.is_empty() {
            right -= 20.0;
        } else if let (Some(key), true, false) = (self.key, text.is_empty(), has_focus) {
            right = marks::key_cap_right(&pen, rect.right() - 4.0, rect.center().y, key) - 6.0;
        }
        let inner = Rect::from_min_max(pos2(left, rect.top() + 1.0), pos2(right, rect.bottom() - 1.0));
        let edit = egui::TextEdit::singleline(text)
            .id(self.id)
            .font(theme::BODY.font())
            .text_color(theme.t1)
            .frame(egui::Frame::NONE)
            .margin(egui::Margin::ZERO)
            .align(egui::Align2::LEFT_CENTER)
            .desired_width(inner.width());
        let mut response = ui.put(inner, edit).accessible_name(self.name);
        if text.is_empty() {
            pen.text_cut(left, right, rect.center().y, self.hint, theme::BODY, theme.t3);
        }
        if self.can_clear && !text.is_empty() {
            let cross = Rect::from_center_size(pos2(rect.right() - 15.0, rect.center().y), vec2(24.0, 24.0));
            let mut part = super::part(ui, self.name, rect);
            if icon_button_sized(&mut part, cross, icons::X, 13.0, &format!("Clear {}", self.name), true).clicked() {
                text.clear();
                response.mark_changed();
                response.request_focus();
            }
        }
        pen.edge(rect, theme::RADIUS, width, color);
        response
    }
}
