//! A dump that cannot be analysed: what it means, why, where, and what to do next.

use eframe::egui;
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::session::LoadProblem;
use crate::ui::app::{Command, Outbox};
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::theme::{self, Face};
use crate::ui::widgets::{Button, ButtonKind, marks};

/// Draws the view.
pub fn refused_ui(ui: &mut Ui, rect: Rect, problem: &LoadProblem, outbox: &Outbox) {
    let width = (rect.width() - 80.0).min(840.0);
    let left = (rect.center().x - width / 2.0).round();
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let whole = ui.interact(rect, ui.scope_id().with("refused"), Sense::hover());
    whole.widget_info(|| WidgetInfo::labeled(Role::Alert, true, format!("{}. {}", problem.title, problem.why)));
    let mut y = rect.top() + (rect.height() * 0.14).clamp(28.0, 104.0);
    pen.icon_in(pos2(left + 11.0, y), icons::WARNING_DIAMOND, 26.0, theme.err, Face::IconFill);
    pen.text_cut(left + 40.0, left + width, y, &problem.title, theme::STATE_TITLE, theme.t1);
    y += 34.0;
    y = pen.paragraph(left, y, width, 24.0, &[span(problem.why.as_str(), theme::LEAD, theme.t2)]) + 26.0;
    pen.hline(left, left + width, y, theme.line);
    let kept = "the file was opened for reading only and is unchanged";
    let rows = [
        ("File", problem.file.as_deref()),
        ("Looked in", problem.looked_in.as_deref()),
        ("Expected", problem.expected.as_deref()),
        ("Found", problem.found.as_deref()),
        ("Nothing lost", Some(kept)),
    ];
    for (label, text) in rows {
        let Some(text) = text else { continue };
        let face = if label == "Found" { Face::Medium } else { Face::Regular };
        let spans = [span(text, theme::BODY.with(face), theme.t1)];
        let height = pen.paragraph_height(width - 120.0, 20.0, &spans);
        let row = Rect::from_min_size(pos2(left, y), vec2(width, height + 18.0));
        let response = ui.interact(row, ui.scope_id().with(label), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Row, true, format!("{label}: {text}")));
        pen.text(left, y + 19.0, label, theme::BODY, theme.t3);
        pen.paragraph(left + 120.0, y + 9.0, width - 120.0, 20.0, &spans);
        y += height + 18.0;
        pen.hline(left, left + width, y, theme.line);
    }
    y += 34.0;
    if problem.next.is_some() || problem.command.is_some() {
        pen.text(left, y, "What to do next", theme::BODY_STRONG, theme.t1);
        y += 16.0;
    }
    if let Some(next) = &problem.next {
        y = pen.paragraph(left, y, width, 20.0, &[span(next.as_str(), theme::BODY, theme.t1)]) + 8.0;
    }
    if let Some(command) = &problem.command {
        let at = Rect::from_min_size(pos2(left, y), vec2(width.min(560.0), 30.0));
        if marks::command_line(ui, at, command) {
            outbox.send(Command::Copy(command.clone()));
        }
        y += 42.0;
    }
    y += 22.0;
    let open = Button::new(Some(icons::FOLDER_OPEN), "Open another dump…").kind(ButtonKind::Primary);
    if open.left(ui, left, y).clicked() {
        outbox.send(Command::Open);
    }
    let x = left + open.width(&pen) + 8.0;
    let copy = Button::new(Some(icons::COPY), "Copy this report");
    if copy.left(ui, x, y).clicked() {
        outbox.send(Command::Copy(problem.to_string()));
    }
}
