//! The instances of a type: millions of them, the page in sight read from the dump.

use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui};

use super::instance_filter::{self, FilterState};
use crate::base::{Generation, number};
use crate::session::Stopped;
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId};
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::instances::{InstanceColumn, InstanceList, InstanceQuery, instance_list};
use crate::ui::pen::Pen;
use crate::ui::place::Place;
use crate::ui::theme;
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, Sort, header};
use crate::ui::widgets::{Copied, List, ListState, Row, RowName};

/// What the view remembers.
#[derive(Debug)]
pub struct InstancesState {
    /// Order.
    pub sort: Sort<InstanceColumn>,
    /// Which of them.
    pub filter: FilterState,
    /// The table.
    pub list: Answer<InstanceQuery, InstanceList>,
    /// Where the list stands.
    pub rows: ListState,
    query: Option<InstanceQuery>,
    synced: Option<Place>,
    in_sight: Vec<ObjectId>,
}

impl Default for InstancesState {
    fn default() -> Self {
        Self {
            sort: Sort { column: InstanceColumn::Address, is_descending: false },
            filter: FilterState::default(),
            list: Answer::default(),
            rows: ListState::default(),
            query: None,
            synced: None,
            in_sight: Vec::new(),
        }
    }
}

impl InstancesState {
    /// The answer to what is asked now; `None` while it is looked for.
    #[must_use]
    pub fn answer(&self) -> Option<&Arc<InstanceList>> {
        self.list.value_of(self.query.as_ref()?)
    }
}

/// Asks for the table of the place's type and for previews of the rows in sight.
pub fn ask(state: &mut InstancesState, dump: &mut Dump, place: Place) {
    let is_new = state.list.poll();
    let Some(ty) = place.ty else { return };
    let has_reachability = dump.session.reachability().is_some();
    state.filter.follow(ty, has_reachability);
    if state.filter.is_waiting() {
        state.query = None;
        return;
    }
    let query = InstanceQuery {
        ty,
        filter: state.filter.understood().clone(),
        sort: state.sort,
        has_reachability,
        has_retained: state.sort.column == InstanceColumn::Retained && dump.session.dominance().is_some(),
    };
    state.query = Some(query.clone());
    let asked = query.clone();
    state.list.want(&dump.session, query.clone(), move |analyses, job| {
        let snapshot = &analyses.snapshot;
        let reachability = analyses.reachability.as_deref().filter(|_| asked.has_reachability);
        let dominance = analyses.dominance.as_deref().filter(|_| asked.has_retained);
        let size =
            |object| dominance.and_then(|found| found.tree.retained(snapshot, object)).map_or(0, |size| size.bytes);
        let retained: Option<&(dyn Fn(ObjectId) -> u64 + Sync)> = if dominance.is_some() { Some(&size) } else { None };
        instance_list(snapshot, reachability, retained, &asked, job)
    });
    // While held or not and what goes with it are being found out, the list without them stays on screen.
    let older = InstanceQuery { has_retained: false, ..query.clone() };
    let oldest = InstanceQuery { has_reachability: false, ..older.clone() };
    let known = [&query, &older, &oldest].into_iter().find_map(|query| state.list.value_of(query));
    let Some(list) = known else { return };
    let now = place;
    if is_new || state.synced != Some(now) {
        let is_other_type = state.synced.is_none_or(|before| before.ty != place.ty);
        state.synced = Some(now);
        let row = place.object.and_then(|object| list.row_of(object));
        if is_other_type {
            state.rows = ListState::default();
        }
        if row != state.rows.cursor {
            state.rows.go_to(row);
        }
        if is_new && row.is_none() {
            state.rows.first_row = 0.0;
        }
    }
    let wanted = std::mem::take(&mut state.in_sight);
    dump.previews.want(&dump.session, &wanted, HeapSnapshot::preview);
}

struct Columns {
    address: f32,
    preview: f32,
    preview_end: f32,
    bytes: f32,
    retained: Option<f32>,
    generation: f32,
    held: f32,
}

impl Columns {
    fn new(rect: Rect) -> Self {
        let right = rect.right() - theme::PAD;
        let held = right - 28.0;
        let generation = held - 48.0;
        let retained = (rect.width() > 470.0).then_some(generation - 22.0);
        let bytes = retained.map_or(generation - 22.0, |retained| retained - 82.0);
        let preview = rect.left() + theme::PAD + 126.0;
        let address = rect.left() + theme::PAD;
        Self { address, preview, preview_end: bytes - 76.0, bytes, retained, generation, held }
    }

    fn header(&self) -> Vec<Column<InstanceColumn>> {
        let column = |key, title, left, right, is_right, can_sort| Column {
            key,
            title,
            left,
            right,
            is_right,
            can_sort,
            tip: "",
        };
        let mut columns = vec![
            column(InstanceColumn::Address, "Address", self.address, self.preview - 12.0, false, true),
            column(InstanceColumn::Preview, "Preview", self.preview, self.preview_end, false, false),
            column(InstanceColumn::Bytes, "Bytes", self.bytes - 60.0, self.bytes, true, true),
            column(InstanceColumn::Generation, "Gen", self.generation, self.generation + 44.0, false, true),
            column(InstanceColumn::Held, "Held", self.held, self.held + 28.0, false, true),
        ];
        if let Some(right) = self.retained {
            let tip = "What goes with it; empty for what no precise root holds";
            let retained = column(InstanceColumn::Retained, "Retained", right - 70.0, right, true, true);
            columns.insert(3, Column { tip, ..retained });
        }
        columns
    }
}

/// Draws the view.
pub fn instances_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut InstancesState) -> Pane {
    let id = Id::unique("instances-list");
    let pane = Pane { id, rect, filter: Some(instance_filter::field_id()) };
    let Some(ty) = cx.place.ty else { return pane };
    let list = state.list.value().cloned().filter(|list| list.ty == ty);
    let order =
        if state.sort.column == InstanceColumn::Bytes && state.sort.is_descending { " --sort bytes" } else { "" };
    let command = instance_filter::command(cx, ty, &state.filter, order);
    let limit = instance_filter::filter_ui(ui, rect, cx, &mut state.filter, &command, id);
    let note = note(cx, state, ty, list.as_deref());
    super::title_line(ui, rect);
    super::pane_title(ui, rect, "Instances", &note, limit);
    let body = super::below_title(rect);
    if state.filter.is_waiting() {
        instance_filter::waiting_ui(ui, body, cx, &mut state.filter);
        return pane;
    }
    let Some(list) = list else { return pane };
    if list.objects.is_empty() {
        if list.is_filtered {
            instance_filter::nothing_ui(ui, body, &mut state.filter, &list);
            return pane;
        }
        let notice = Notice {
            icon: icons::CUBE,
            color: theme::of(ui).t3,
            title: "No instance on the heap",
            text: "The type is loaded, and nothing of it is alive.",
            choices: &[],
        };
        notice.show(ui, body);
        return pane;
    }
    let columns = Columns::new(rect);
    let (head, rows) = body.split_top_bottom_at_y(body.top() + theme::NODE + 1.0);
    if let Some(column) = header(ui, head, &columns.header(), Some(state.sort)) {
        let is_same = state.sort.column == column;
        state.sort = Sort {
            column,
            is_descending: if is_same {
                !state.sort.is_descending
            } else {
                matches!(column, InstanceColumn::Bytes | InstanceColumn::Retained)
            },
        };
    }
    let n_rows = list.objects.len() as u64;
    let view = List { id, name: "Instances", role: Role::Table, n_rows, row_height: theme::ROW };
    let mut in_sight = Vec::new();
    let output = view.show(ui, rows, &mut state.rows, |ui, row| {
        let Some(&object) = list.objects.get(row.index as usize) else { return RowName::default() };
        in_sight.push(object);
        let name = row_ui(ui, row, cx, object, &columns);
        row_menu(cx, row, object, &command);
        format!("{name}, row {} of {}", row.index + 1, number::count(n_rows)).into()
    });
    state.in_sight = in_sight;
    let place = |row: u64| list.objects.get(row as usize).map(|&object| Place::object(cx.snapshot, object));
    if let Some(place) = output.clicked.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.moved.and_then(place) {
        cx.outbox.send(if cx.place.object.is_some() { Command::Follow(place) } else { Command::Go(place) });
    }
    if let Some(place) = output.activated.and_then(place) {
        cx.outbox.send(Command::Go(place));
        ui.memory_mut(|memory| memory.request_focus(Id::unique("path-list")));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(copied), Some((first, last))) = (output.copied, state.rows.selection()) {
        let is_cell = copied == Copied::Cell;
        let header = columns.header();
        let cell = header.iter().find(|column| state.rows.column_x < column.right + 8.0).map(|column| column.key);
        cx.outbox.send(Command::Copy(copy_text(cx, &list, first, last, is_cell.then_some(cell).flatten())));
    }
    pane
}

/// What stands beside the title: how many there are, or how many of them the filter shows.
fn note(cx: &Cx<'_>, state: &InstancesState, ty: TypeId, list: Option<&InstanceList>) -> String {
    if let Some(bad) = state.filter.bad() {
        return bad.message.clone();
    }
    // What stands below may still be the list before.
    match state.list.failed() {
        _ if state.filter.is_waiting() || state.answer().is_some() => {}
        None if state.list.progress().is_none() => {}
        None => return "looking for them, below is the list before".to_owned(),
        Some(Stopped::Cancelled) => return "stopped, below is the list before".to_owned(),
        Some(Stopped::Failed) => return "stopped by a defect of this program".to_owned(),
    }
    let held = |n: u64| match list.and_then(|list| list.n_held) {
        Some(0) if n > 0 => ", none held".to_owned(),
        Some(held) if held < n => format!(", {} held", number::count(held)),
        _ => String::new(),
    };
    match list {
        _ if state.filter.is_waiting() => "waiting for what is held".to_owned(),
        Some(list) if list.is_filtered => {
            let n = list.objects.len() as u64;
            let held = if state.filter.understood().asks_for_holders() { String::new() } else { held(n) };
            format!("{} of {} shown{held}", number::count(n), number::count(list.n_all))
        }
        _ => {
            let name = cx.snapshot.types.row(ty).display_name();
            let short = crate::ui::type_name::short(&name);
            let short = if short.chars().count() > 34 { crate::ui::type_name::own(&name) } else { short };
            let n = cx.snapshot.totals.get(ty.index()).map_or(0, |totals| totals.count);
            format!("{} of {short}{}", number::count(n), held(n))
        }
    }
}

/// Rows for the clipboard; one cell of each when `cell` is given. A million at most.
fn copy_text(cx: &Cx<'_>, list: &InstanceList, first: u64, last: u64, cell: Option<InstanceColumn>) -> String {
    const MOST: usize = 1_000_000;
    let mut text = String::new();
    for &object in list.objects.iter().take(last as usize + 1).skip(first as usize).take(MOST) {
        if !text.is_empty() {
            text.push('\n');
        }
        let address = cx.snapshot.objects.address(object);
        let bytes = cx.snapshot.objects.size(object);
        let preview = cx.dump.previews.get(object).map_or("", |preview| &**preview).replace(['\t', '\n', '\r'], " ");
        let generation = generation_word(cx.snapshot.objects.generation(object));
        let retained = retained(cx, object).map_or(String::new(), |bytes| bytes.to_string());
        match cell {
            Some(InstanceColumn::Preview) => text.push_str(&preview),
            Some(InstanceColumn::Bytes) => text.push_str(&bytes.to_string()),
            Some(InstanceColumn::Retained) => text.push_str(&retained),
            Some(InstanceColumn::Generation) => text.push_str(generation),
            Some(_) => text.push_str(&address.to_string()),
            None => text.push_str(&format!("{address}\t{preview}\t{bytes}\t{retained}\t{generation}")),
        }
    }
    text
}

/// What goes with an object; `None` when it is not known yet, or no precise root holds it.
fn retained(cx: &Cx<'_>, object: ObjectId) -> Option<u64> {
    Some(cx.dominance?.tree.retained(cx.snapshot, object)?.bytes)
}

/// `2`, `large`.
#[must_use]
pub const fn generation_word(generation: Generation) -> &'static str {
    generation.label()
}

fn row_ui(ui: &mut Ui, row: &Row, cx: &Cx<'_>, object: ObjectId, columns: &Columns) -> String {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = row.rect.center().y;
    let address = cx.snapshot.objects.address(object).to_string();
    let is_subject = cx.place.object == Some(object);
    let style = if is_subject { theme::MONO_MEDIUM } else { theme::MONO };
    pen.text(columns.address, y, &address, style, if is_subject { theme.t1 } else { theme.t2 });
    let preview = cx.dump.previews.get(object);
    match preview {
        Some(preview) => {
            let line: String = preview.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
            pen.text_cut(columns.preview, columns.preview_end, y, &line, theme::BODY, theme.t1);
        }
        None => pen.pending(columns.preview + 30.0, y),
    }
    let bytes = cx.snapshot.objects.size(object);
    pen.size(columns.bytes, y, bytes, theme.t2);
    let kept = retained(cx, object);
    if let Some(right) = columns.retained {
        match (kept, cx.dominance) {
            (Some(kept), _) => {
                pen.size(right, y, kept, theme.t1);
            }
            (None, None) => pen.pending(right, y),
            (None, Some(_)) => {}
        }
    }
    let generation = generation_word(cx.snapshot.objects.generation(object));
    pen.text(columns.generation, y, generation, theme::BODY, theme.t2);
    let is_held = cx.reachability.map(|reachability| reachability.is_alive(object));
    match is_held {
        None => pen.pending(columns.held + 28.0, y),
        Some(true) => drop(pen.text(columns.held, y, "yes", theme::BODY, theme.t2)),
        Some(false) => drop(pen.text(columns.held, y, "no", theme::BODY_MEDIUM, theme.t1)),
    }
    if row.response.hovered() {
        let mut tip = format!("{address}\n{}", number::exact_bytes(bytes));
        if let Some(kept) = kept {
            tip.push_str(&format!(", {} go with it", number::exact_bytes(kept)));
        }
        if let Some(preview) = preview.filter(|preview| !preview.is_empty()) {
            tip.push_str(&format!("\n{preview}"));
        }
        row.response.clone().on_hover_text_at_pointer(tip);
    }
    let preview = preview.filter(|preview| !preview.is_empty()).map_or(String::new(), |preview| format!(", {preview}"));
    let held = match is_held {
        None => "",
        Some(true) => ", held",
        Some(false) => ", not held",
    };
    format!("{address}{preview}, {}, generation {generation}{held}", number::size(bytes))
}

fn row_menu(cx: &Cx<'_>, row: &Row, object: ObjectId, list_command: &str) {
    row.response.context_menu(|ui| {
        ui.set_max_width(250.0);
        ui.set_min_width(230.0);
        let place = Place::object(cx.snapshot, object);
        let address = cx.snapshot.objects.address(object);
        let preview = cx.dump.previews.get(object).map_or(String::new(), |preview| preview.to_string());
        let tsv = format!("{address}\t{preview}\t{}", cx.snapshot.objects.size(object));
        let command = format!("heaproot path {} {address}", cx.dump.name);
        let entries = [
            (Some(icons::ARROW_RIGHT), "Why is it alive", "Enter", Command::Go(place)),
            (None, "Open behind", "Ctrl Enter", Command::GoBehind(place)),
            (Some(icons::COPY), "Copy the address", "", Command::Copy(address.to_string())),
            (None, "Copy the row", "Ctrl Shift C", Command::Copy(tsv)),
            (None, "Copy the preview", "", Command::Copy(preview)),
            (Some(icons::TERMINAL), "Copy the command", "", Command::Copy(command)),
            (None, "Copy the list's command", "", Command::Copy(list_command.to_owned())),
        ];
        for (index, (icon, words, keys, command)) in entries.into_iter().enumerate() {
            if index == 2 || index == 5 {
                menu_line(ui);
            }
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}
