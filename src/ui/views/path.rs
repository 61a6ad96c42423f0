//! Why is it alive: the chain from an object to its root.

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::next_path::{self, NextPathState};
use super::what_if::WhatIfState;
use crate::analysis::Ignore;
use crate::base::{Progress, number};
use crate::session::Stopped;
use crate::snapshot::ObjectId;
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::details::{self, Details, Side};
use crate::ui::model::paths::{LineKind, Node, PathQuery, Paths, markdown, paths};
use crate::ui::pen::{Pen, span};
use crate::ui::place::Place;
use crate::ui::theme;
use crate::ui::type_name;
use crate::ui::widgets::button::icon_button_sized;
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::path::{PathPlace, button_rects, line};
use crate::ui::widgets::{Button, ButtonKind, List, ListState, Row, RowName, icon_button, marks};

/// What the view remembers.
#[derive(Debug, Default)]
pub struct PathState {
    open: BTreeSet<Vec<ObjectId>>,
    more: BTreeSet<(ObjectId, usize)>,
    object: Option<ObjectId>,
    answer: Answer<PathQuery, Paths>,
    rows: ListState,
    side: Side,
    internals: bool,
    next: NextPathState,
    details: Answer<(ObjectId, Side), Details>,
    detail_rows: ListState,
}

impl PathState {
    /// Is there a path to show.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.answer().is_some_and(|paths| paths.is_held)
    }

    /// The path to show.
    #[must_use]
    pub fn answer(&self) -> Option<&Arc<Paths>> {
        self.answer.value().filter(|_| self.object.is_some())
    }

    /// Asks for one path more.
    #[cfg(test)]
    pub fn next_path(&mut self) {
        if let Some(paths) = self.answer.value().cloned() {
            self.next.press(&paths);
        }
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.answer.is_pending() || self.next.is_pending() || self.details.is_pending()
    }

    /// What it is doing.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.answer.progress().or_else(|| self.next.progress())
    }

    /// Stops it.
    pub fn cancel(&mut self) {
        self.answer.cancel();
        self.next.cancel();
    }
}

/// Asks for the path of the place's object.
pub fn ask(state: &mut PathState, dump: &Dump, place: Place, what_if: &WhatIfState) {
    state.answer.poll();
    if state.object != place.object {
        let (side, internals) = (state.side, state.internals);
        *state = PathState { object: place.object, side, internals, ..PathState::default() };
    }
    state.details.poll();
    if let Some(object) = place.object {
        match state.side {
            Side::Path => {}
            Side::Fields => state.details.want(&dump.session, (object, Side::Fields), move |analyses, job| {
                details::fields(&analyses.snapshot, object, job)
            }),
            Side::Referrers if dump.session.has_paths() => {
                state.details.want(&dump.session, (object, Side::Referrers), move |analyses, job| {
                    match analyses.heap() {
                        Some(heap) => details::referrers(&heap, object, job),
                        None => Ok(Details::default()),
                    }
                });
            }
            Side::Referrers => {}
        }
    }
    let (Some(object), true) = (place.object, dump.session.has_paths()) else { return };
    // With something ignored, the walk without it comes first: its answer takes the place of what is alive.
    let Some(without) = what_if.without() else { return };
    // The first path does not wait for the others.
    let further = state.next.ask(&dump.session, object, what_if.ignored(), without.as_ref());
    let (different, n_further) = further.map_or((None, 0), |(found, n)| (Some(found), n));
    let query = PathQuery {
        object,
        open: state.open.clone(),
        more: state.more.clone(),
        internals: state.internals,
        ignored: what_if.ignored().to_vec(),
        n_further,
    };
    state.answer.want(&dump.session, query.clone(), move |analyses, job| {
        let Some(heap) = analyses.heap() else { return Ok(Paths::default()) };
        paths(&heap.without(without.as_deref()), &query, different.as_deref(), job)
    });
}

/// Draws the view.
pub fn path_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut PathState, what_if: &WhatIfState) -> Pane {
    let id = Id::unique("path-list");
    let pane = Pane { id, rect, filter: None };
    let right = rect.right() - theme::PAD;
    let y = rect.top() + 20.5;
    let answer = state.answer().cloned();
    let mut limit = right;
    if let Some(paths) = answer.as_ref().filter(|paths| paths.is_held) {
        if icon_button(ui, right - 10.0, y, icons::CAMERA, "Picture of the path", true).clicked() {
            cx.outbox.send(Command::Picture);
        }
        if icon_button(ui, right - 38.0, y, icons::COPY, "Copy the path as text", true).clicked() {
            cx.outbox.send(Command::Copy(paths.text.clone()));
        }
        limit = right - 60.0;
        if (paths.has_internals || state.internals) && state.side == Side::Path {
            let (icon, name) = match state.internals {
                true => (icons::EYE_SLASH, "Fold the steps inside collections"),
                false => (icons::EYE, "Show the steps inside collections"),
            };
            if icon_button(ui, right - 66.0, y, icon, name, true).clicked() {
                state.internals = !state.internals;
            }
            limit -= 28.0;
        }
    }
    if cx.place.object.is_some() {
        for side in Side::ALL.into_iter().rev() {
            let button = Button::new(None, side.label()).kind(ButtonKind::Quiet).on(side == state.side);
            if button.right(ui, limit, y).clicked() {
                state.side = side;
                state.detail_rows = ListState::default();
            }
            limit -= button.width(&Pen::on(ui)) + 2.0;
        }
        limit -= 8.0;
    }
    let details = cx.place.object.and_then(|object| state.details.value_of(&(object, state.side))).cloned();
    let title = if state.side == Side::Path { "Why is it alive" } else { state.side.label() };
    let note = match &answer {
        _ if state.side != Side::Path => {
            details.as_ref().map_or(String::new(), |details| super::details::note(details, state.side))
        }
        Some(paths) if paths.is_held => paths.counts(),
        _ => String::new(),
    };
    super::pane_title(ui, rect, title, &note, limit);
    let body = super::below_title(rect);
    if state.side != Side::Path {
        match details {
            Some(details) => super::details::details_ui(ui, body, cx, &mut state.detail_rows, &details, state.side),
            None => waiting(ui, body, "Reading the object", ""),
        }
        return pane;
    }
    let Some(object) = cx.place.object else {
        let text = "Its path appears here: who refers to it, through which field, up to the root.";
        waiting(ui, body, "Pick an instance to see what keeps it alive", text);
        return pane;
    };
    let body = super::what_if::strip_ui(ui, body, cx, what_if);
    let address = cx.snapshot.objects.address(object);
    let all = answer.as_ref().map_or("", |paths| paths.arguments());
    let command = format!("heaproot path {} {address}{all}{}", cx.dump.name, super::what_if::arguments(cx, what_if));
    let foot =
        Rect::from_min_max(pos2(rect.left() + theme::PAD, rect.bottom() - 44.0), pos2(right, rect.bottom() - 14.0));
    let body = Rect::from_min_max(body.min, pos2(rect.right(), foot.top() - 8.0));
    match (&answer, state.answer.failed()) {
        (Some(paths), _) if paths.is_held => held_ui(ui, body, cx, state, paths, id),
        (Some(_), _) if !what_if.is_empty() => let_go_ui(ui, body, cx, what_if),
        (Some(paths), _) => not_held_ui(ui, body, cx, paths),
        (None, Some(Stopped::Cancelled)) => waiting(ui, body, "The question was cancelled", ""),
        (None, Some(Stopped::Failed)) => {
            waiting(ui, body, "This path could not be found", "A defect of this program stopped the question.")
        }
        (None, None) if cx.dump.session.is_cancelled() => {
            waiting(ui, body, "References were not read", "Reading was stopped before them. Run again to get paths.");
        }
        (None, None) => match cx.dump.session.background_problem() {
            Some(problem) => waiting(ui, body, &problem.title, &problem.why),
            None => waiting(ui, body, "Following references", "Paths come once all references are read."),
        },
    }
    if rect.height() > 150.0 && marks::command_line(ui, foot, &command) {
        cx.outbox.send(Command::Copy(command));
    }
    pane
}

fn waiting(ui: &mut Ui, rect: Rect, title: &str, text: &str) {
    let color = theme::of(ui).t3;
    Notice { icon: icons::TREE_STRUCTURE, color, title, text, choices: &[] }.show(ui, rect);
}

fn held_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut PathState, paths: &Arc<Paths>, id: Id) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let width = rect.width() - 2.0 * theme::PAD;
    let mut verdict: Vec<_> = paths
        .verdict
        .iter()
        .map(|(text, is_strong)| {
            let face = if *is_strong { theme::Face::Medium } else { theme::Face::Regular };
            span(text.as_str(), theme::BODY.with(face), theme.t1)
        })
        .collect();
    let uncertain = paths.uncertain.as_ref().map(|why| format!(" Uncertain: {why}."));
    if let Some(text) = &uncertain {
        verdict.push(span(text.as_str(), theme::BODY, theme.warn));
    }
    let words = pen.paragraph_height(width, 19.0, &verdict) + 26.0;
    let words = if rect.height() - words > 3.0 * theme::NODE { words } else { 0.0 };
    let wanted = (paths.lines.len() + 1) as f32 * theme::NODE + 6.0;
    let height = wanted.min(rect.height() - words);
    let list = Rect::from_min_size(pos2(rect.left(), rect.top() + 2.0), vec2(rect.width(), height));
    lines_ui(ui, list, cx, state, paths, id);
    if words > 0.0 {
        let top = list.bottom() + 6.0;
        pen.hline(rect.left() + theme::PAD, rect.right() - theme::PAD, top, theme.line);
        pen.paragraph(rect.left() + theme::PAD, top + 11.0, width, 19.0, &verdict);
        let text: String = paths.verdict.iter().map(|(text, _)| text.as_str()).collect();
        let at = Rect::from_min_size(pos2(rect.left() + theme::PAD, top + 8.0), vec2(width, words - 14.0));
        let response = ui.interact(at, ui.scope_id().with("verdict"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &text));
    }
}

fn lines_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut PathState, paths: &Arc<Paths>, id: Id) {
    let last = paths.lines.len() as u64;
    let n_rows = last + 1;
    let list = List { id, name: "Path", role: Role::Tree, n_rows, row_height: theme::NODE };
    let place = PathPlace::in_pane(rect);
    if let Some(begin) = state.next.arrived(paths) {
        // As much of the new path as there is room for, and no more of what is above than was in sight.
        let page = f64::from(rect.height() / theme::NODE);
        state.rows.first_row = state.rows.first_row.max(n_rows as f64 - page).min(begin as f64);
        state.rows.go_to(Some(begin));
    }
    let mut rows = state.rows;
    let mut toggled = None;
    let next = &mut state.next;
    let output = list.show(ui, rect, &mut rows, |ui, row| {
        let Some(at) = paths.lines.get(row.index as usize) else {
            if row.response.clicked() {
                toggled = Some(row.index);
            }
            let text = next_path::next_path_ui(ui, row, place, next, paths);
            return RowName { text, level: Some(1), is_expanded: None };
        };
        let node = subject(&at.kind);
        let is_over = row.response.contains_pointer() && node.is_some();
        let text = line(&Pen::on(ui), row.rect, at, row.index == 0, place, !is_over);
        if let Some(node) = node {
            if is_over {
                buttons_ui(ui, cx, row, &at.kind, node, paths, place);
            }
            row_menu(cx, row, &at.kind, node, paths);
            row.response.clone().on_hover_text_at_pointer(tip(node));
        }
        if let LineKind::Root(_) = &at.kind {
            root_menu(cx, row, &at.kind);
        }
        if row.response.clicked() {
            toggled = Some(row.index);
        }
        let is_expanded = match &at.kind {
            LineKind::Fork { is_open, .. } => Some(*is_open),
            _ => None,
        };
        RowName { text, level: Some(at.depth + 1), is_expanded }
    });
    state.rows = rows;
    let kind = |row: u64| paths.lines.get(row as usize).map(|line| &line.kind);
    let wants_next = output.has_focus && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::N));
    if wants_next || toggled.or(output.activated) == Some(last) {
        state.next.press(paths);
    }
    if let Some(row) = toggled.or(output.activated) {
        match kind(row) {
            Some(LineKind::Fork { key, is_open, .. }) => {
                if *is_open {
                    state.open.retain(|open| !open.starts_with(key));
                } else {
                    state.open.insert(key.clone());
                }
            }
            Some(LineKind::More { key, .. }) => {
                state.more.insert(*key);
            }
            _ => {}
        }
    }
    if let Some((row, wants_open)) = output.folded
        && let Some(LineKind::Fork { key, .. }) = kind(row)
    {
        if wants_open {
            state.open.insert(key.clone());
        } else {
            state.open.retain(|open| !open.starts_with(key));
        }
    }
    let goes = output.activated.and_then(kind).and_then(subject);
    if let Some(node) = goes.filter(|node| Some(node.object) != cx.place.object) {
        cx.outbox.send(Command::Go(Place::object(cx.snapshot, node.object)));
    }
    if let Some(node) = output.opened_behind.and_then(kind).and_then(subject) {
        cx.outbox.send(Command::GoBehind(Place::object(cx.snapshot, node.object)));
    }
    if output.has_focus
        && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::I))
        && let Some((_, command)) =
            state.rows.cursor.and_then(kind).and_then(|kind| ignorable(cx, kind).into_iter().next())
    {
        cx.outbox.send(command);
    }
    if output.copied.is_some() {
        let text: Vec<&str> = paths.text.lines().collect();
        cx.outbox.send(Command::Copy(text.join("\n")));
    }
}

/// The object of a line.
fn subject(kind: &LineKind) -> Option<&Node> {
    match kind {
        LineKind::Subject(node) | LineKind::Step { node, .. } | LineKind::Cycle { node, .. } => Some(node),
        LineKind::Fork { node, .. } | LineKind::Further { node, .. } => Some(node),
        LineKind::Root(_) | LineKind::Run { .. } | LineKind::More { .. } => None,
    }
}

/// What can be ignored of a line: the one reference or root, the same everywhere, the object, its type.
fn ignorable(cx: &Cx<'_>, kind: &LineKind) -> Vec<(String, Command)> {
    let edge = |from: ObjectId, to: ObjectId| Command::Ignore(vec![Ignore::Edge { from, to }]);
    let mut choices = Vec::new();
    let (node, via) = match kind {
        LineKind::Step { via, node, to, .. } => {
            choices.push(("Ignore this reference".to_owned(), edge(node.object, *to)));
            (node, via.as_deref())
        }
        LineKind::Fork { via, node, key, .. } => {
            if let Some(&to) = key.len().checked_sub(2).and_then(|at| key.get(at)) {
                choices.push(("Ignore this reference".to_owned(), edge(node.object, to)));
            }
            (node, via.as_deref())
        }
        LineKind::Root(root) => {
            if let Some(ignore) = &root.ignore {
                choices.push(("Ignore this root".to_owned(), Command::Ignore(vec![ignore.clone()])));
            }
            let all = format!("Ignore all roots: {}", root.kind.label());
            choices.push((all, Command::Ignore(vec![Ignore::RootKind(root.kind)])));
            return choices;
        }
        LineKind::Subject(node) | LineKind::Further { node, .. } | LineKind::Cycle { node, .. } => (node, None),
        LineKind::Run { .. } | LineKind::More { .. } => return choices,
    };
    let ty = cx.snapshot.objects.type_of(node.object);
    let name = cx.snapshot.types.row(ty).display_name();
    if let Some(via) = via.filter(|via| !via.starts_with(['[', '+', '→', '←'])) {
        let field = via.split_once('[').map_or(via, |(field, _)| field);
        let everywhere = format!("Ignore {}.{field} everywhere", type_name::short(&name));
        choices.push((everywhere, Command::IgnoreText(format!("{name}.{field}"))));
    }
    choices.push(("Ignore this object".to_owned(), Command::Ignore(vec![Ignore::Object(node.object)])));
    choices.push((format!("Ignore all {}", type_name::short(&name)), Command::Ignore(vec![Ignore::Type(ty)])));
    if cx.snapshot.types.row(ty).shape == crate::snapshot::TypeShape::Delegate {
        choices.push(("Ignore all delegates".to_owned(), Command::Ignore(vec![Ignore::Delegates])));
    }
    choices
}

fn tip(node: &Node) -> String {
    let note = if node.note.is_empty() { String::new() } else { format!("\n{}", node.note) };
    format!("{}{note}\n{}, {}", node.type_name, node.address, number::exact_bytes(node.bytes))
}

fn buttons_ui(ui: &mut Ui, cx: &Cx<'_>, row: &Row, kind: &LineKind, node: &Node, paths: &Paths, place: PathPlace) {
    let [copy, go, last] = button_rects(row.rect, place);
    if icon_button_sized(ui, copy, icons::COPY, 14.0, &format!("Copy {}", node.address), true).clicked() {
        cx.outbox.send(Command::Copy(node.address.to_string()));
    }
    let is_elsewhere = Some(node.object) != cx.place.object;
    let name = format!("Go to {}", node.address);
    if icon_button_sized(ui, go, icons::ARROW_SQUARE_OUT, 14.0, &name, is_elsewhere).clicked() {
        cx.outbox.send(Command::Go(Place::object(cx.snapshot, node.object)));
    }
    match (kind, ignorable(cx, kind).into_iter().next()) {
        (LineKind::Step { .. } | LineKind::Fork { .. }, Some((words, command))) => {
            if icon_button_sized(ui, last, icons::PROHIBIT, 14.0, &words, true).clicked() {
                cx.outbox.send(command);
            }
        }
        _ => {
            if icon_button_sized(ui, last, icons::CAMERA, 14.0, "Picture of this path", paths.is_held).clicked() {
                cx.outbox.send(Command::Picture);
            }
        }
    }
}

/// What can be done to a root.
fn root_menu(cx: &Cx<'_>, row: &Row, kind: &LineKind) {
    row.response.context_menu(|ui| {
        ui.set_max_width(300.0);
        ui.set_min_width(230.0);
        ignore_entries(ui, cx, kind);
    });
}

fn ignore_entries(ui: &mut Ui, cx: &Cx<'_>, kind: &LineKind) {
    for (index, (words, command)) in ignorable(cx, kind).into_iter().enumerate() {
        let (icon, keys) = if index == 0 { (Some(icons::PROHIBIT), "I") } else { (None, "") };
        if menu_entry(ui, icon, &words, keys, true, false) {
            cx.outbox.send(command);
            ui.close();
        }
    }
}

fn row_menu(cx: &Cx<'_>, row: &Row, kind: &LineKind, node: &Node, paths: &Arc<Paths>) {
    row.response.context_menu(|ui| {
        ui.set_max_width(250.0);
        ui.set_min_width(230.0);
        let place = Place::object(cx.snapshot, node.object);
        let type_place = Place { object: None, ..place };
        let command = format!("heaproot path {} {}", cx.dump.name, node.address);
        let entries = [
            (Some(icons::ARROW_SQUARE_OUT), "Go to this object", "Enter", Command::Go(place)),
            (None, "Open behind", "Ctrl Enter", Command::GoBehind(place)),
            (Some(icons::TABLE), "All instances of its type", "", Command::Go(type_place)),
            (Some(icons::COPY), "Copy the address", "", Command::Copy(node.address.to_string())),
            (None, "Copy the type", "", Command::Copy(node.type_name.clone())),
            (None, "Copy the path as text", "Ctrl C", Command::Copy(paths.text.clone())),
            (None, "Copy the path as Markdown", "", Command::Copy(markdown(paths))),
            (Some(icons::TERMINAL), "Copy the command", "", Command::Copy(command)),
            (Some(icons::CAMERA), "Picture of the path…", "", Command::Picture),
        ];
        for (index, (icon, words, keys, command)) in entries.into_iter().enumerate() {
            if index == 3 {
                menu_line(ui);
                ignore_entries(ui, cx, kind);
            }
            if index == 3 || index == 8 {
                menu_line(ui);
            }
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}

/// Only what is ignored holds it.
fn let_go_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, what_if: &WhatIfState) {
    let is_freed = cx.place.object.is_some_and(|object| cx.reachability.is_some_and(|alive| alive.is_alive(object)));
    let (title, text) = if is_freed {
        ("It comes back", "Only what is ignored holds it: without that, the next collection frees it.")
    } else {
        ("Nothing holds it", "Nothing held it before, either: it is garbage that was not collected yet.")
    };
    let choices = [(Some(icons::ARROW_COUNTER_CLOCKWISE), "Ignore nothing any more")];
    let color = theme::of(ui).ok;
    let notice = Notice { icon: icons::RECYCLE, color, title, text, choices: &choices };
    if !what_if.is_empty() && notice.show(ui, rect).is_some() {
        cx.outbox.send(Command::RestoreAll);
    }
}

/// Garbage, and what that means.
fn not_held_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, paths: &Paths) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let (left, right) = (rect.left() + theme::PAD, rect.right() - theme::PAD);
    let y = rect.top() + 22.0;
    pen.icon(pos2(left + 9.0, y), icons::RECYCLE, 20.0, theme.ok);
    pen.text(left + 28.0, y, "Nothing holds it", theme::SUB_TITLE, theme.t1);
    let generation = cx.place.object.map(|object| cx.snapshot.objects.generation(object));
    let when = generation.map_or(String::new(), |generation| match generation.label() {
        label if label.len() == 1 => format!(" The next collection of generation {label} frees it."),
        _ => " The next full collection frees it.".to_owned(),
    });
    let text = format!("It is garbage that was not collected yet, not a leak.{when}");
    let mut y = pen.paragraph(left, y + 20.0, right - left, 20.0, &[span(&text, theme::BODY, theme.t2)]) + 12.0;
    let referred = match paths.dead_referrers.first() {
        None => "nothing at all".to_owned(),
        Some((node, via)) => {
            let name = type_name::short(&node.type_name);
            let others = match paths.n_dead_referrers {
                0 | 1 => String::new(),
                n => format!(", and {}", number::counted(n - 1, "other", "others")),
            };
            format!("{name} through {}, itself garbage{others}", via.as_deref().unwrap_or("an unknown field"))
        }
    };
    let comes_back = format!(
        "{} in {}, at the next collection",
        number::size(paths.garbage.0),
        number::counted(paths.garbage.1, "object", "objects")
    );
    let rows = [
        ("Roots checked", "handles, statics, thread statics, stacks, finalizers".to_owned()),
        ("Referred to by", referred),
        ("Garbage in all", comes_back),
    ];
    for (label, text) in rows {
        if y + 32.0 > rect.bottom() {
            return;
        }
        pen.hline(left, right, y, theme.line);
        pen.text(left, y + 16.5, label, theme::BODY, theme.t3);
        pen.text_cut(left + 108.0, right, y + 16.5, &text, theme::BODY, theme.t1);
        let at = Rect::from_min_max(pos2(left, y), pos2(right, y + 32.0));
        let response = ui.interact(at, ui.scope_id().with(label), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Row, true, format!("{label}: {text}")));
        y += 32.0;
    }
    pen.hline(left, right, y, theme.line);
    if let Some(why) = paths.uncertain.as_ref().filter(|_| y + 24.0 < rect.bottom()) {
        y += 14.0;
        pen.text_cut(left, right, y, &format!("Uncertain: {why}"), theme::SMALL, theme.warn);
    }
    if let Some((node, _)) = paths.dead_referrers.first() {
        y += 28.0;
        if y + 14.0 < rect.bottom() {
            let button = Button::new(Some(icons::ARROW_ELBOW_DOWN_RIGHT), "Go to what refers to it");
            if button.left(ui, left, y).clicked() {
                cx.outbox.send(Command::Go(Place::object(cx.snapshot, node.object)));
            }
        }
    }
}
