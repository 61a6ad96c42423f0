//! Held by: who alone holds the instances that are listed.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui};

use crate::analysis::instances::InstanceFilter;
use crate::base::number;
use crate::session::Stopped;
use crate::snapshot::TypeId;
use crate::ui::app::{Command, Cx, Dump, Finding, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::command_line::shell_word;
use crate::ui::model::holders::{HolderLine, HolderList, HoldersQuery, holders};
use crate::ui::model::instances::InstanceList;
use crate::ui::pen::Pen;
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::widgets::bars::{BarLook, share_bar};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, header};
use crate::ui::widgets::{self, List, ListState, Row, RowName};

/// Below this width shares have no bars.
const NARROW: f32 = 530.0;

/// What the view remembers.
#[derive(Debug)]
pub struct HoldersState {
    past_framework: bool,
    query: Option<HoldersQuery>,
    list: Answer<HoldersQuery, Option<HolderList>>,
    rows: ListState,
}

impl Default for HoldersState {
    fn default() -> Self {
        Self { past_framework: true, query: None, list: Answer::default(), rows: ListState::default() }
    }
}

impl HoldersState {
    /// Takes the answer when it has come, whatever is on screen.
    pub fn poll(&mut self) {
        self.list.poll();
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.list.is_pending()
    }

    /// The list of `ty`, perhaps of other instances of it than are asked for now.
    fn shown(&self, ty: Option<TypeId>) -> Option<Arc<Option<HolderList>>> {
        let list = self.list.value()?;
        list.as_ref().as_ref().filter(|list| Some(list.query.ty) == ty)?;
        Some(Arc::clone(list))
    }

    fn is_known(&self, list: &HolderList) -> bool {
        self.query.as_ref() == Some(&list.query)
    }
}

/// Asks who holds the instances of `ty` that `filter` means; `listed` are these, once they are found.
pub fn ask(
    state: &mut HoldersState,
    dump: &Dump,
    (ty, filter): (TypeId, &InstanceFilter),
    listed: Option<Arc<InstanceList>>,
) {
    let query = HoldersQuery { ty, filter: filter.clone(), past_framework: state.past_framework };
    if state.query.as_ref() != Some(&query) {
        state.query = Some(query.clone());
        state.rows = ListState::default();
    }
    if let (Some(listed), Some(_)) = (listed, dump.session.dominance()) {
        let asked = query.clone();
        state.list.want(&dump.session, query, move |analyses, job| holders(analyses, asked, &listed.objects, job));
    }
}

/// What stands beside the title.
#[must_use]
pub fn note(state: &HoldersState, ty: Option<TypeId>) -> String {
    let shown = state.shown(ty);
    match shown.as_deref().and_then(Option::as_ref) {
        None => String::new(),
        Some(list) if !state.is_known(list) => "follows the list above".to_owned(),
        Some(list) if list.objects + list.n_dead == 0 => String::new(),
        Some(list) => {
            let dead = if list.n_dead == 0 { String::new() } else { format!(", {} not", number::count(list.n_dead)) };
            let filtered = if list.query.filter == InstanceFilter::default() { "" } else { ", filtered" };
            format!("{} held{dead}{filtered}", number::count(list.objects))
        }
    }
}

/// Draws the list, or what is the case instead. `has_ignored`: something is ignored, which changes nothing here.
pub fn holders_ui(ui: &mut Ui, pane: &Pane, body: Rect, cx: &Cx<'_>, state: &mut HoldersState, has_ignored: bool) {
    let mut body = body;
    if has_ignored {
        let (line, rest) = body.split_top_bottom_at_y(body.top() + theme::ROW + 2.0);
        ignored_ui(ui, line);
        body = rest;
    }
    let shown = state.shown(cx.place.ty);
    let Some(list) = shown.as_deref().and_then(Option::as_ref) else {
        return waiting_ui(ui, body, cx, state);
    };
    let theme = theme::of(ui);
    if list.objects + list.n_dead == 0 {
        let text = "The filter of the instances hides all of them.";
        let title = "Nothing to look for holders of";
        Notice { icon: icons::FUNNEL, color: theme.t3, title, text, choices: &[] }.show(ui, body);
        return;
    }
    if list.lines.is_empty() {
        let n = number::counted(list.n_dead, "instance is", "instances are");
        let text = format!("{n} garbage that was not collected yet, or on stacks alone.");
        let title = "Nothing holds any of them";
        Notice { icon: icons::RECYCLE, color: theme.ok, title, text: &text, choices: &[] }.show(ui, body);
        return;
    }
    super::title_line(ui, pane.rect);
    let columns = Columns::new(body, super::count_width(&Pen::on(ui), list.objects));
    let (head, rows) = body.split_top_bottom_at_y(body.top() + theme::NODE + 1.0);
    header::<u8>(ui, head, &columns.header(), None);
    let right = columns.name_end - 8.0;
    let switch =
        widgets::switch(ui, columns.name, right, head.center().y, "past framework types", state.past_framework);
    let tip = "On: the nearest object of your own types, or the static field, that alone holds them.\n\
               Off: the nearest object of any type.";
    if switch.on_hover_text(tip).clicked() {
        state.past_framework = !state.past_framework;
    }
    lines_ui(ui, pane.id, rows, cx, state, list, &columns);
}

/// What is ignored does not count here.
fn ignored_ui(ui: &Ui, rect: Rect) {
    let pen = Pen::on(ui);
    let y = rect.center().y;
    let text = "What is ignored still counts here: dominators are those of the whole heap.";
    let x = pen.icon_left(rect.left() + theme::PAD, y, icons::INFO, 14.0, pen.theme.t3) + 7.0;
    pen.text_cut(x, rect.right() - theme::PAD, y, text, theme::SMALL, pen.theme.t2);
    let response = ui.interact(rect, ui.scope_id().with("ignored-here"), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(Role::Label, true, text));
}

/// There is no list yet, or none came.
fn waiting_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &HoldersState) {
    if cx.dominance.is_none() {
        return super::dominators::not_yet(ui, rect, cx);
    }
    let (title, text) = match state.list.failed() {
        None => ("Finding out who holds them", "From each instance up to the nearest object that holds it alone."),
        Some(Stopped::Cancelled) => ("Not found out", "The question was cancelled."),
        Some(Stopped::Failed) => ("Not found out", "The question was stopped by a defect of this program."),
    };
    Notice { icon: icons::HOURGLASS, color: theme::of(ui).t3, title, text, choices: &[] }.show(ui, rect);
}

/// Where cells stand.
struct Columns {
    name: f32,
    name_end: f32,
    objects: f32,
    /// Left edge of the bars, where there is room for them.
    bar: Option<f32>,
    share: f32,
    bytes: f32,
}

impl Columns {
    const BAR: f32 = 56.0;

    /// Columns in `rect`, with so much room for counts at least.
    fn new(rect: Rect, count_width: f32) -> Self {
        let bytes = rect.right() - 18.0;
        let share = bytes - 86.0;
        let percent = share - 50.0;
        let bar = (rect.width() >= NARROW).then_some(percent - Self::BAR - 6.0);
        let objects = bar.unwrap_or(percent) - 18.0;
        Self { name: rect.left() + theme::PAD, name_end: objects - count_width.max(58.0), objects, bar, share, bytes }
    }

    fn header(&self) -> [Column<u8>; 3] {
        let column =
            |key, title, left, right, tip| Column { key, title, left, right, is_right: true, can_sort: false, tip };
        [
            column(0, "Objects", self.objects - 54.0, self.objects, "Instances that it alone holds"),
            column(1, "Share", self.share - 50.0, self.share, "Of the bytes of all instances that are held"),
            column(2, "Bytes", self.bytes - 70.0, self.bytes, "Own bytes of the instances that it alone holds"),
        ]
    }
}

fn lines_ui(
    ui: &mut Ui,
    id: Id,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut HoldersState,
    shown: &HolderList,
    columns: &Columns,
) {
    let list =
        List { id, name: "Holders", role: Role::Table, n_rows: shown.lines.len() as u64, row_height: theme::ROW };
    let mut rows = state.rows;
    let output = list.show(ui, rect, &mut rows, |ui, row| {
        let Some(line) = shown.lines.get(row.index as usize) else { return RowName::default() };
        row_menu(cx, row, shown, line);
        if row.response.hovered() {
            row.response.clone().on_hover_text_at_pointer(tip(line));
        }
        line_ui(&Pen::on(ui), row, line, shown.bytes, columns).into()
    });
    state.rows = rows;
    let place = |row: u64| shown.lines.get(row as usize).and_then(|line| place_of(cx, line));
    if let Some(place) = output.activated.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(_), Some((first, last))) = (output.copied, state.rows.selection()) {
        let lines = shown.lines.iter().take(last as usize + 1).skip(first as usize);
        cx.outbox.send(Command::Copy(lines.map(tsv).collect::<Vec<_>>().join("\n")));
    }
}

/// Where a row leads: the holder, or those of its type.
fn place_of(cx: &Cx<'_>, line: &HolderLine) -> Option<Place> {
    match (line.object, line.ty) {
        (Some(object), _) => Some(Place::object(cx.snapshot, object)),
        (None, Some(ty)) => Some(Place { ty: Some(ty), ..Place::view(View::Types) }),
        (None, None) => None,
    }
}

fn line_ui(pen: &Pen, row: &Row, line: &HolderLine, all: u64, columns: &Columns) -> String {
    let theme = pen.theme;
    let y = row.rect.center().y;
    let share = number::share(line.bytes, all);
    super::dominators::words_ui(pen, columns.name, columns.name_end - 8.0, y, &line.words);
    pen.text_right(columns.objects, y, &number::count(line.objects), theme::BODY, theme.t1);
    if let Some(bar) = columns.bar {
        share_bar(pen, bar, y, Columns::BAR, line.bytes, all, BarLook::Exact);
    }
    pen.text_right(columns.share, y, &share, theme::BODY, theme.t2);
    pen.size(columns.bytes, y, line.bytes, theme.t2);
    format!(
        "{}, holds {}, {share}, {}",
        line.name,
        number::counted(line.objects, "object", "objects"),
        number::size(line.bytes)
    )
}

fn tip(line: &HolderLine) -> String {
    let n = number::counted(line.objects, "instance", "instances");
    let words = if line.ty.is_some() { format!("holds {n} alone") } else { n };
    format!("{}\n{words}, {}", line.name, number::exact_bytes(line.bytes))
}

fn tsv(line: &HolderLine) -> String {
    format!("{}\t{}\t{}", line.name, line.objects, line.bytes)
}

/// The same list on the command line, which knows no filter of instances.
fn command(cx: &Cx<'_>, query: &HoldersQuery) -> Option<String> {
    let skip = if query.past_framework { "" } else { " --skip none" };
    let name = shell_word(&cx.snapshot.types.row(query.ty).display_name());
    let command = format!("heaproot dominators {} --of {name}{skip}", shell_word(&cx.dump.name));
    (query.filter == InstanceFilter::default()).then_some(command)
}

fn row_menu(cx: &Cx<'_>, row: &Row, list: &HolderList, line: &HolderLine) {
    row.response.context_menu(|ui| {
        ui.set_max_width(280.0);
        ui.set_min_width(230.0);
        let mut entries = Vec::new();
        if let Some(place) = place_of(cx, line) {
            let word = if line.object.is_some() { "Why is it alive" } else { "Instances of the type" };
            entries.push((Some(icons::ARROW_RIGHT), word, "Enter", Command::Go(place)));
            entries.push((None, "Open behind", "Ctrl Enter", Command::GoBehind(place)));
        }
        if let Some(object) = line.object {
            let command = Command::ShowFinding(Finding::Holder(object));
            entries.push((Some(icons::SQUARES_FOUR), "Show among the dominators", "", command));
        }
        let n_ways = entries.len();
        entries.push((Some(icons::COPY), "Copy the row", "Ctrl Shift C", Command::Copy(tsv(line))));
        if let Some(command) = command(cx, &list.query) {
            entries.push((Some(icons::TERMINAL), "Copy the command", "", Command::Copy(command)));
        }
        for (index, (icon, words, keys, command)) in entries.into_iter().enumerate() {
            if index == n_ways && index > 0 {
                menu_line(ui);
            }
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}
