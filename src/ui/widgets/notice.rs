//! What a pane says when it has no rows: empty, filtered to nothing, failed, waiting.

use eframe::egui;
use egui::{Rect, Role, Ui, WidgetInfo, pos2};

use super::button::{Button, ButtonKind};
use crate::ui::pen::{Pen, span};
use crate::ui::theme;

/// A button of a notice: icon, words.
pub type Choice<'a> = (Option<char>, &'a str);

/// A state in the middle of a pane.
#[derive(Debug)]
pub struct Notice<'a> {
    /// Its icon.
    pub icon: char,
    /// Colour of the icon.
    pub color: egui::Color32,
    /// What is the case.
    pub title: &'a str,
    /// What it means, in one sentence.
    pub text: &'a str,
    /// What can be done; the first is the primary one.
    pub choices: &'a [Choice<'a>],
}

impl Notice<'_> {
    /// Draws it in the middle of `rect`; the index of the pressed choice.
    pub fn show(&self, ui: &mut Ui, rect: Rect) -> Option<usize> {
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let response = ui.interact(rect, ui.scope_id().with(("notice", self.title)), egui::Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Group, true, format!("{}. {}", self.title, self.text)));
        let width = (rect.width() - 48.0).clamp(120.0, 520.0);
        let text = [span(self.text, theme::BODY, theme.t2)];
        let text_height = if self.text.is_empty() { 0.0 } else { pen.paragraph_height(width, 20.0, &text) };
        let buttons = if self.choices.is_empty() { 0.0 } else { 44.0 };
        let height = 66.0 + text_height + buttons;
        let center = rect.center().x;
        let mut y = (rect.top() + (rect.height() - height) * 0.42).max(rect.top() + 16.0);
        pen.icon(pos2(center, y + 14.0), self.icon, 26.0, self.color);
        pen.centered(pos2(center, y + 50.0), self.title, theme::LEAD.with(theme::Face::SemiBold), theme.t1);
        y += 66.0;
        if !self.text.is_empty() {
            let used = pen.width(&text).min(width);
            pen.paragraph(center - used / 2.0 - 0.5, y, width, 20.0, &text);
            y += text_height;
        }
        if self.choices.is_empty() {
            return None;
        }
        y += 28.0;
        let widths: Vec<f32> = self
            .choices
            .iter()
            .enumerate()
            .map(|(index, (icon, text))| {
                let kind = if index == 0 { ButtonKind::Primary } else { ButtonKind::Plain };
                Button::new(*icon, text).kind(kind).width(&pen)
            })
            .collect();
        let mut x = center - (widths.iter().sum::<f32>() + 8.0 * (widths.len() - 1) as f32) / 2.0;
        let mut pressed = None;
        for (index, (icon, text)) in self.choices.iter().enumerate() {
            let kind = if index == 0 { ButtonKind::Primary } else { ButtonKind::Plain };
            if Button::new(*icon, text).kind(kind).left(ui, x, y).clicked() {
                pressed = Some(index);
            }
            x += widths[index] + 8.0;
        }
        pressed
    }
}
