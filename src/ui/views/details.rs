//! Fields and referrers of an object, as a list with links.

use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui};

use crate::base::number;
use crate::ui::app::{Command, Cx, menu_entry};
use crate::ui::icons;
use crate::ui::model::details::{Detail, Details, Side};
use crate::ui::pen::Pen;
use crate::ui::place::Place;
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};
use crate::ui::widgets::marks::{ChipLook, chip};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::{List, ListState, Row, RowName};

/// What stands beside the title.
#[must_use]
pub fn note(details: &Details, side: Side) -> String {
    let (one, many) = match side {
        Side::Referrers => ("referrer", "referrers"),
        Side::Fields | Side::Path => ("value", "values"),
    };
    let cut = if details.is_cut { ", the first are shown" } else { "" };
    format!("{}{cut}", number::counted(details.n_all, one, many))
}

/// Draws the list.
pub fn details_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut ListState, details: &Arc<Details>, side: Side) {
    let id = Id::unique("path-list");
    if details.lines.is_empty() {
        let (title, text) = match side {
            Side::Referrers => ("Nothing refers to it", "Neither an object nor a root."),
            Side::Fields | Side::Path => ("It holds nothing", "An object without fields."),
        };
        let notice = Notice { icon: icons::LIST_DASHES, color: theme::of(ui).t3, title, text, choices: &[] };
        notice.show(ui, rect);
        return;
    }
    let n_rows = details.lines.len() as u64;
    let list = List { id, name: side.label(), role: Role::Table, n_rows, row_height: theme::ROW };
    let mut rows = *state;
    let output = list.show(ui, rect, &mut rows, |ui, row| match details.lines.get(row.index as usize) {
        Some(detail) => {
            row_menu(cx, row, detail);
            row_ui(ui, row, cx, detail).into()
        }
        None => RowName::default(),
    });
    *state = rows;
    let place = |row: u64| {
        let object = details.lines.get(row as usize)?.object?;
        Some(Place::object(cx.snapshot, object))
    };
    if let Some(place) = output.activated.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(_), Some((first, last))) = (output.copied, state.selection()) {
        let lines = details.lines.iter().take(last as usize + 1).skip(first as usize).map(text);
        cx.outbox.send(Command::Copy(lines.collect::<Vec<_>>().join("\n")));
    }
}

fn text(detail: &Detail) -> String {
    let note = if detail.note.is_empty() { String::new() } else { format!("\t{}", detail.note) };
    format!("{}\t{}{note}", detail.name, detail.value)
}

fn row_ui(ui: &Ui, row: &Row, cx: &Cx<'_>, detail: &Detail) -> String {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = row.rect.center().y;
    let left = row.rect.left() + theme::PAD;
    let right = row.rect.right() - theme::PAD;
    let middle = left + ((right - left) * 0.3).clamp(90.0, 220.0);
    chip(&pen, left, y, &detail.name, ChipLook::Plain, middle - left - 10.0);
    let address_end = right - 84.0;
    let mut end = right;
    if let Some(bytes) = detail.bytes {
        pen.size(right, y, bytes, theme.t2);
        end = right - 72.0;
    }
    if detail.count > 1 {
        end = pen.text_right(address_end, y, &format!("{} ×", number::count(detail.count)), theme::BODY, theme.t1);
    } else if let Some(object) = detail.object {
        let address = cx.snapshot.objects.address(object).to_string();
        end = pen.text_right(address_end, y, &address, theme::MONO, theme.t2);
    }
    let end = end - 12.0;
    if detail.is_type {
        let style = NameStyle { fold_system: true, ..NameStyle::cell(theme) };
        let note = if detail.note.is_empty() { 0.0 } else { (end - middle) * 0.4 };
        let spans = type_name::spans(&pen, &detail.value, end - middle - note, style);
        let x = pen.spans_cut(middle, end - note, y, &spans);
        if !detail.note.is_empty() {
            pen.text_cut(x + 8.0, end, y, &detail.note, theme::BODY, theme.t2);
        }
    } else {
        let color = if detail.value == "null" { theme.t3 } else { theme.t1 };
        let x = pen.text_cut(middle, end, y, &detail.value, theme::BODY, color);
        pen.text_cut(x + 8.0, end, y, &detail.note, theme::SMALL, theme.warn);
    }
    text(detail).replace('\t', ", ")
}

fn row_menu(cx: &Cx<'_>, row: &Row, detail: &Detail) {
    row.response.context_menu(|ui| {
        ui.set_max_width(250.0);
        ui.set_min_width(230.0);
        let mut entries = Vec::new();
        if let Some(object) = detail.object {
            let place = Place::object(cx.snapshot, object);
            let address = cx.snapshot.objects.address(object).to_string();
            entries.push((Some(icons::ARROW_RIGHT), "Go to the object", "Enter", Command::Go(place)));
            entries.push((None, "Open behind", "Ctrl Enter", Command::GoBehind(place)));
            entries.push((Some(icons::COPY), "Copy the address", "", Command::Copy(address)));
        }
        entries.push((None, "Copy the row", "Ctrl Shift C", Command::Copy(text(detail))));
        for (icon, words, keys, command) in entries {
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}
