//! What else was looked for: each with its threshold and result, and below the evidence of the one that is chosen.

use eframe::egui;
use egui::{Id, Rect, Role, Ui, pos2};

use super::events::not_yet;
use crate::analysis::inspections::{Inspection, Outcome};
use crate::base::number;
use crate::ui::app::{Command, Cx, Pane};
use crate::ui::pen::{Pen, span};
use crate::ui::place::Place;
use crate::ui::theme;
use crate::ui::widgets::marks::{self, Check};
use crate::ui::widgets::table::{Column, header};
use crate::ui::widgets::{Copied, List, ListState, RowName};

/// What the view remembers.
#[derive(Debug, Default)]
pub struct InspectionsState {
    rows: ListState,
    items: ListState,
    items_of: Option<u64>,
    wanted: Option<usize>,
}

impl InspectionsState {
    /// Goes to an inspection.
    pub fn show(&mut self, index: usize) {
        self.wanted = Some(index);
    }
}

/// Draws the view.
pub fn inspections_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut InspectionsState) -> Pane {
    let id = Id::unique("inspections-list");
    let pane = Pane { id, rect, filter: None };
    let body = super::below_title(rect);
    super::title_line(ui, rect);
    let Some(findings) = cx.findings else {
        super::pane_title(ui, rect, "Inspections", "", rect.right());
        not_yet(ui, body, cx, "Waste is looked for last, after the dominators.");
        return pane;
    };
    let inspections = &findings.inspections;
    let n_impossible = findings.n_impossible();
    let mut note = format!(
        "{}, {} found nothing",
        number::counted(findings.n_found() as u64, "finding", "findings"),
        inspections.len() - findings.n_found() - n_impossible
    );
    if n_impossible > 0 {
        note.push_str(&format!(", {n_impossible} could not be made"));
    }
    super::pane_title(ui, rect, "Inspections", &note, rect.right() - theme::PAD);
    if let Some(index) = state.wanted.take() {
        state.rows.go_to(Some(index as u64));
    } else if state.rows.cursor.is_none() {
        let first = inspections.iter().position(|one| one.outcome == Outcome::Found).unwrap_or(0);
        state.rows.go_to(Some(first as u64));
    }
    let wanted = theme::NODE + 1.0 + inspections.len() as f32 * theme::ROW;
    let (upper, lower) = body.split_top_bottom_at_y(body.top() + wanted.min(body.height() * 0.56));
    rows_ui(ui, upper, cx, state, inspections, id);
    let pen = Pen::on(ui);
    pen.hline(rect.left(), rect.right(), lower.top(), pen.theme.line);
    if let Some(inspection) = state.rows.cursor.and_then(|row| inspections.get(row as usize)) {
        evidence_ui(ui, lower, cx, state, inspection);
    }
    pane
}

/// What an inspection came to.
pub(super) const fn check_of(outcome: &Outcome) -> Check {
    match outcome {
        Outcome::Found => Check::Found,
        Outcome::Nothing => Check::Nothing,
        Outcome::NotPossible(_) => Check::Impossible,
    }
}

fn columns(rect: Rect) -> [Column<u8>; 4] {
    let (left, right) = (rect.left() + theme::PAD + 22.0, rect.right() - 18.0);
    let width = right - left - 90.0;
    let column =
        |key, title, left, right, is_right| Column { key, title, left, right, is_right, can_sort: false, tip: "" };
    [
        column(0, "Looked for", left, left + width * 0.23 - 12.0, false),
        column(1, "Called a finding when", left + width * 0.23, left + width * 0.6 - 16.0, false),
        column(2, "Result", left + width * 0.6, left + width, false),
        column(3, "Bytes", right - 80.0, right, true),
    ]
}

fn rows_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut InspectionsState, inspections: &[Inspection], id: Id) {
    let columns = columns(rect);
    let (head, rows) = rect.split_top_bottom_at_y(rect.top() + theme::NODE + 1.0);
    header::<u8>(ui, head, &columns, None);
    let n_rows = inspections.len() as u64;
    let list = List { id, name: "Inspections", role: Role::Table, n_rows, row_height: theme::ROW };
    let output = list.show(ui, rows, &mut state.rows, |ui, row| {
        let Some(inspection) = inspections.get(row.index as usize) else { return RowName::default() };
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let y = row.rect.center().y;
        marks::check_mark(&pen, row.rect.left() + theme::PAD, y, check_of(&inspection.outcome));
        let [title, threshold, result, bytes] = &columns;
        pen.text_cut(title.left, title.right, y, inspection.title, theme::BODY_MEDIUM, theme.t1);
        pen.text_cut(threshold.left, threshold.right, y, inspection.threshold, theme::BODY, theme.t2);
        let is_found = inspection.outcome == Outcome::Found;
        let color = if is_found || inspection.result != "nothing found" { theme.t1 } else { theme.t3 };
        pen.text_cut(result.left, result.right, y, &inspection.result, theme::BODY, color);
        if inspection.bytes > 0 {
            pen.size(bytes.right, y, inspection.bytes, theme.t1);
        }
        if row.response.hovered() {
            let tip = format!("{}\n{}", inspection.definition, inspection.result);
            row.response.clone().on_hover_text_at_pointer(tip);
        }
        let outcome = match &inspection.outcome {
            Outcome::Found => "found",
            Outcome::Nothing => "nothing found",
            Outcome::NotPossible(_) => "not possible",
        };
        format!("{}, {outcome}, {}", inspection.title, inspection.result).into()
    });
    if output.activated.is_some() {
        ui.memory_mut(|memory| memory.request_focus(Id::unique("inspection-items")));
    }
    if let (Some(_), Some((first, last))) = (output.copied, state.rows.selection()) {
        let lines = (first..=last)
            .filter_map(|row| inspections.get(row as usize))
            .map(|one| format!("{}\t{}\t{}\t{}\t{}", one.title, one.threshold, one.result, one.objects, one.bytes));
        cx.outbox.send(Command::Copy(lines.collect::<Vec<_>>().join("\n")));
    }
}

fn evidence_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut InspectionsState, inspection: &Inspection) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let (left, right) = (rect.left() + theme::PAD, rect.right() - theme::PAD);
    let end = super::pane_title(ui, rect, inspection.title, "", right);
    let command = format!("heaproot inspect {} {}", cx.dump.name, inspection.name);
    let width = (pen.text_width(&command, theme::MONO) + 52.0).min((right - end - 24.0).max(0.0));
    if width > 160.0 {
        let at = Rect::from_min_max(pos2(right - width, rect.top() + 8.0), pos2(right, rect.top() + 34.0));
        if marks::command_line(ui, at, &command) {
            cx.outbox.send(Command::Copy(command));
        }
    }
    let mut y = rect.top() + 54.0;
    for (word, text) in [("Looked for", inspection.definition), ("What to do", inspection.remedy)] {
        pen.text(left, y, word, theme::BODY, theme.t3);
        let top = y - 10.0;
        let x = left + 108.0;
        y = pen.paragraph(x, top, right - x, 20.0, &[span(text, theme::BODY, theme.t1)]) + 14.0;
    }
    let body = Rect::from_min_max(pos2(rect.left(), y - 6.0), rect.max);
    if inspection.items.is_empty() {
        let text = match &inspection.outcome {
            Outcome::NotPossible(why) => format!("Not possible: {why}."),
            _ => "It was looked for, and nothing of it is on this heap.".to_owned(),
        };
        pen.text_cut(left, right, y + 8.0, &text, theme::BODY, theme.t2);
        return;
    }
    if state.items_of != state.rows.cursor {
        state.items_of = state.rows.cursor;
        state.items = ListState::default();
    }
    let n_rows = inspection.items.len() as u64;
    let id = Id::unique("inspection-items");
    let list = List { id, name: "Evidence", role: Role::Table, n_rows, row_height: theme::ROW };
    let output = list.show(ui, body, &mut state.items, |ui, row| {
        let Some(item) = inspection.items.get(row.index as usize) else { return RowName::default() };
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let y = row.rect.center().y;
        let right = row.rect.right() - 18.0;
        pen.size(right, y, item.bytes, theme.t1);
        pen.text_right(right - 100.0, y, &number::count(item.objects), theme::BODY, theme.t2);
        let line: String = item.text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let color = if item.example.is_some() { theme.accent } else { theme.t1 };
        pen.text_cut(row.rect.left() + theme::PAD, right - 190.0, y, &line, theme::BODY, color);
        if row.response.hovered() {
            row.response.clone().on_hover_text_at_pointer(&item.text);
        }
        let objects = number::counted(item.objects, "object", "objects");
        format!("{}, {objects}, {}", item.text, number::size(item.bytes)).into()
    });
    let place = |row: u64| {
        let object = inspection.items.get(row as usize)?.example?;
        Some(Place::object(cx.snapshot, object))
    };
    if let Some(place) = output.clicked.or(output.activated).and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(copied), Some((first, last))) = (output.copied, state.items.selection()) {
        let items = (first..=last).filter_map(|row| inspection.items.get(row as usize));
        let lines = items.map(|item| match copied {
            Copied::Cell => item.text.clone(),
            Copied::Rows => format!("{}\t{}\t{}", item.text, item.objects, item.bytes),
        });
        cx.outbox.send(Command::Copy(lines.collect::<Vec<_>>().join("\n")));
    }
}
