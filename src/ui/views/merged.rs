//! Why are they alive: the paths of all instances of a type in one tree.

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui};
use rayon::slice::ParallelSliceMut;

use super::holders::{self, HoldersState};
use super::what_if::WhatIfState;
use crate::analysis::Ignore;
use crate::analysis::instances::InstanceFilter;
use crate::analysis::merged_paths::{MergedGrouping, MergedKey, MergedPaths, MergedRow};
use crate::base::number;
use crate::snapshot::TypeId;
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::instances::InstanceList;
use crate::ui::model::merged::{self, Branch, MergedKind, MergedLine};
use crate::ui::model::paths::{node, split_member};
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};
use crate::ui::widgets::bars::{BarLook, share_bar};
use crate::ui::widgets::marks::{self, ChipLook};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::{Button, ButtonKind, List, ListState, Row, RowName, caret};

/// Of which instances, without what.
#[derive(Clone, Debug, PartialEq)]
struct Subject {
    ty: TypeId,
    filter: InstanceFilter,
    ignored: Vec<Ignore>,
}

impl Subject {
    fn is_filtered(&self) -> bool {
        self.filter != InstanceFilter::default()
    }
}

/// What is folded out of which tree.
#[derive(Clone, Debug, PartialEq)]
struct Query {
    subject: Subject,
    grouping: MergedGrouping,
    open: BTreeSet<Branch>,
    more: BTreeSet<Branch>,
}

/// What the pane shows of the instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Their paths in one tree.
    Paths(MergedGrouping),
    /// Who alone holds them.
    Holders,
}

impl Look {
    /// From right to left: which, its word, what it means.
    const ALL: [(Self, &str, &str); 4] = [
        (Self::Holders, "Held by", "Who alone holds them: the nearest objects without which they would go"),
        (Self::Paths(MergedGrouping::ToRootsByType), "To roots", "From the instances up to the roots, one row a type"),
        (
            Self::Paths(MergedGrouping::FromRootsByObject),
            "By object",
            "From the roots down, one row an object, references with names",
        ),
        (Self::Paths(MergedGrouping::FromRootsByType), "By type", "From the roots down, one row a type"),
    ];
}

/// What the view remembers.
#[derive(Debug)]
pub struct MergedState {
    look: Look,
    holders: HoldersState,
    /// `None` until the main way is known.
    open: Option<BTreeSet<Branch>>,
    more: BTreeSet<Branch>,
    subject: Option<Subject>,
    paths: Answer<Subject, Option<MergedPaths>>,
    way: Answer<(Subject, MergedGrouping), BTreeSet<Branch>>,
    lines: Answer<Query, Vec<MergedLine>>,
    rows: ListState,
    /// What the tree on screen is of, and its paths: the latest that are known.
    shown: Option<(Subject, Arc<Option<MergedPaths>>)>,
}

impl Default for MergedState {
    fn default() -> Self {
        Self {
            look: Look::Paths(MergedGrouping::FromRootsByType),
            holders: HoldersState::default(),
            open: None,
            more: BTreeSet::new(),
            subject: None,
            paths: Answer::default(),
            way: Answer::default(),
            lines: Answer::default(),
            rows: ListState::default(),
            shown: None,
        }
    }
}

impl MergedState {
    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.paths.is_pending() || self.way.is_pending() || self.lines.is_pending() || self.holders.is_pending()
    }

    /// Shows who holds the instances.
    pub fn show_holders(&mut self) {
        self.look = Look::Holders;
    }

    /// Shows another look, which begins folded and at its top.
    fn show(&mut self, look: Look) {
        self.look = look;
        (self.open, self.rows) = (None, ListState::default());
        self.more.clear();
    }
}

/// Asks for the tree of the instances that are listed.
pub fn ask(
    state: &mut MergedState,
    dump: &Dump,
    place: Place,
    what_if: &WhatIfState,
    instances: &super::instances::InstancesState,
) {
    state.paths.poll();
    state.way.poll();
    state.lines.poll();
    state.holders.poll();
    let (Some(ty), None, true) = (place.ty, place.object, dump.session.has_paths()) else { return };
    // The list above is of the same instances: they are looked for once.
    let is_listed = |list: &&Arc<InstanceList>| list.ty == ty && !instances.filter.is_waiting();
    let listed = instances.answer().filter(is_listed).cloned();
    let filter = instances.filter.understood();
    let grouping = match state.look {
        Look::Paths(grouping) => grouping,
        Look::Holders => return holders::ask(&mut state.holders, dump, (ty, filter), listed),
    };
    let Some(without) = what_if.without() else { return };
    let subject = Subject { ty, filter: filter.clone(), ignored: what_if.ignored().to_vec() };
    if state.subject.as_ref() != Some(&subject) {
        state.subject = Some(subject.clone());
        (state.open, state.rows) = (None, ListState::default());
        state.more.clear();
    }
    if let Some(listed) = listed {
        let reach = without.clone();
        state.paths.want(&dump.session, subject.clone(), move |analyses, job| {
            let Some(heap) = analyses.heap() else { return Ok(None) };
            let heap = heap.without(reach.as_deref());
            let mut asked = listed.objects.clone();
            asked.par_sort_unstable();
            MergedPaths::new(&heap, &asked, job).map(Some)
        });
    }
    let Some(paths) = state.paths.value_of(&subject).cloned() else { return };
    state.shown = Some((subject.clone(), Arc::clone(&paths)));
    if state.open.is_none() {
        let (paths, reach) = (Arc::clone(&paths), without.clone());
        state.way.want(&dump.session, (subject.clone(), grouping), move |analyses, job| {
            let (Some(heap), Some(paths)) = (analyses.heap(), paths.as_ref()) else { return Ok(BTreeSet::new()) };
            merged::main_way(&heap.without(reach.as_deref()), paths, grouping, job)
        });
        state.open = state.way.value_of(&(subject.clone(), grouping)).map(|way| way.as_ref().clone());
    }
    let Some(open) = state.open.clone() else { return };
    let query = Query { subject, grouping, open, more: state.more.clone() };
    state.lines.want(&dump.session, query.clone(), move |analyses, job| {
        let (Some(heap), Some(paths)) = (analyses.heap(), paths.as_ref()) else { return Ok(Vec::new()) };
        merged::lines(&heap.without(without.as_deref()), paths, grouping, &query.open, &query.more, job)
    });
}

/// Draws the view.
pub fn merged_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut MergedState, what_if: &WhatIfState) -> Pane {
    let id = Id::unique("merged-list");
    let pane = Pane { id, rect, filter: Some(super::instance_filter::field_id()) };
    let limit = looks_ui(ui, rect, state);
    if state.look == Look::Holders {
        super::pane_title(ui, rect, "Why are they alive", &holders::note(&state.holders, cx.place.ty), limit);
        let body = super::what_if::strip_ui(ui, super::below_title(rect), cx, what_if);
        holders::holders_ui(ui, &pane, body, cx, &mut state.holders, !what_if.is_empty());
        return pane;
    }
    let shown = state.shown.clone().filter(|(subject, _)| Some(subject.ty) == cx.place.ty);
    let is_known = shown.as_ref().map(|(subject, _)| subject) == state.subject.as_ref();
    let is_filtered = shown.as_ref().is_some_and(|(subject, _)| subject.is_filtered());
    let paths = shown.as_ref().and_then(|(_, paths)| paths.as_ref().as_ref());
    let note = paths.map_or(String::new(), |paths| {
        let dead = match paths.unheld().count {
            0 => String::new(),
            n => format!(", {} held by nothing", number::count(n)),
        };
        match (is_filtered, paths.held().count) {
            (true, 0) => String::new(),
            (true, n) => format!("{} filtered, on all paths{dead}", number::count(n)),
            (false, n) => format!("{} on all paths{dead}", number::count(n)),
        }
    });
    // The tree before stays until the new one is there, and says so.
    let note = if is_known || note.is_empty() { note } else { "follows the list above".to_owned() };
    super::pane_title(ui, rect, "Why are they alive", &note, limit);
    let body = super::what_if::strip_ui(ui, super::below_title(rect), cx, what_if);
    let theme = theme::of(ui);
    let lines = state.lines.value().cloned();
    match (paths, lines) {
        (Some(paths), _) if paths.held().count + paths.unheld().count == 0 => {
            let text = "The filter of the instances hides all of them.";
            let title = "No path to follow";
            Notice { icon: icons::FUNNEL, color: theme.t3, title, text, choices: &[] }.show(ui, body);
        }
        (Some(paths), _) if paths.held().count == 0 => {
            let n = number::counted(paths.unheld().count, "instance is", "instances are");
            let text = format!("{n} garbage that was not collected yet.");
            let title = "Nothing holds any of them";
            Notice { icon: icons::RECYCLE, color: theme.ok, title, text: &text, choices: &[] }.show(ui, body);
        }
        (Some(paths), Some(lines)) if !lines.is_empty() => {
            let all = paths.held().count;
            lines_ui(ui, body, cx, state, &lines, all, id);
        }
        _ => {
            let text = "Pick an instance above to see its own path; all of them together follow here.";
            let notice = Notice {
                icon: icons::TREE_STRUCTURE,
                color: theme.t3,
                title: "Following references",
                text,
                choices: &[],
            };
            notice.show(ui, body);
        }
    }
    pane
}

/// The switch between the looks; returns where it begins.
fn looks_ui(ui: &mut Ui, rect: Rect, state: &mut MergedState) -> f32 {
    let pen = Pen::on(ui);
    let mut right = rect.right() - 12.0;
    for (look, word, tip) in Look::ALL {
        let button = Button::new(None, word).kind(ButtonKind::Quiet).on(look == state.look);
        if button.right(ui, right, rect.top() + 20.5).on_hover_text(tip).clicked() && look != state.look {
            state.show(look);
        }
        right -= button.width(&pen) + 2.0;
    }
    right - 8.0
}

fn lines_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut MergedState,
    lines: &Arc<Vec<MergedLine>>,
    all: u64,
    id: Id,
) {
    let n_rows = lines.len() as u64;
    let list = List { id, name: "Merged paths", role: Role::Tree, n_rows, row_height: theme::ROW };
    let mut rows = state.rows;
    let mut toggled = None;
    let output = list.show(ui, rect, &mut rows, |ui, row| {
        let Some(line) = lines.get(row.index as usize) else { return RowName::default() };
        let says = line_ui(&Pen::on(ui), row, cx, line, all);
        let is_expanded = match &line.kind {
            MergedKind::Row { row: found, is_open, .. } => {
                row_menu(cx, row, found);
                *is_open
            }
            MergedKind::More { .. } => None,
        };
        let x = rect.left() + theme::PAD + indent(line);
        if let Some(is_open) = is_expanded {
            if caret(ui, row, x, is_open) {
                toggled = Some((row.index, !is_open));
            }
        } else if row.response.clicked() && matches!(line.kind, MergedKind::More { .. }) {
            toggled = Some((row.index, true));
        }
        RowName { text: says, level: Some(line.depth + 1), is_expanded }
    });
    state.rows = rows;
    let line = |row: u64| lines.get(row as usize).map(|line| &line.kind);
    if let Some((row, wants_open)) = toggled.or(output.folded) {
        match line(row) {
            Some(MergedKind::Row { branch, is_open: Some(_), .. }) => {
                let open = state.open.get_or_insert_with(BTreeSet::new);
                if wants_open {
                    open.insert(branch.clone());
                } else {
                    open.retain(|open| !open.starts_with(branch));
                }
            }
            Some(MergedKind::More { branch, .. }) => {
                state.more.insert(branch.clone());
            }
            _ => {}
        }
    }
    let place = |row: u64| match line(row)? {
        MergedKind::Row { row, .. } => place_of(cx, row),
        MergedKind::More { .. } => None,
    };
    if let Some(place) = output.activated.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(_), Some((first, last))) = (output.copied, state.rows.selection()) {
        let text = lines.iter().take(last as usize + 1).skip(first as usize).map(|line| copy_line(cx, line));
        cx.outbox.send(Command::Copy(text.collect::<Vec<_>>().join("\n")));
    }
}

fn indent(line: &MergedLine) -> f32 {
    // Deep chains stop indenting: the name must stay legible.
    line.depth.min(14) as f32 * 14.0
}

fn place_of(cx: &Cx<'_>, row: &MergedRow) -> Option<Place> {
    match row.key {
        MergedKey::Object(object) => Some(Place::object(cx.snapshot, object)),
        MergedKey::Type(ty) => Some(Place { ty: Some(ty), ..Place::view(View::Types) }),
        MergedKey::Root(_) => None,
    }
}

/// `700 × Corpus.EventLeaks.ReportView`, `static App.Settings`.
fn words(cx: &Cx<'_>, row: &MergedRow) -> String {
    match &row.key {
        MergedKey::Root(name) => name.clone(),
        MergedKey::Object(object) => node(cx.snapshot, *object).type_name,
        MergedKey::Type(ty) => cx.snapshot.types.row(*ty).display_name(),
    }
}

fn copy_line(cx: &Cx<'_>, line: &MergedLine) -> String {
    match &line.kind {
        MergedKind::Row { row, .. } => {
            let via = row.via.as_ref().map_or(String::new(), |via| format!("{via} "));
            format!("{}{via}{}\t{}\t{}", "  ".repeat(line.depth), words(cx, row), row.through.count, row.through.bytes)
        }
        MergedKind::More { n, .. } => format!("{}{} more", "  ".repeat(line.depth), number::count(*n)),
    }
}

fn line_ui(pen: &Pen, row: &Row, cx: &Cx<'_>, line: &MergedLine, all: u64) -> String {
    let theme = pen.theme;
    let y = row.rect.center().y;
    let right = row.rect.right() - 18.0;
    let mut x = row.rect.left() + theme::PAD + indent(line);
    let found = match &line.kind {
        MergedKind::Row { row, .. } => row,
        MergedKind::More { n, .. } => {
            let words = format!("{} more", number::count(*n));
            pen.text(x + 18.0, y, &words, theme::BODY, theme.accent);
            return words;
        }
    };
    x += 18.0;
    pen.size(right, y, found.through.bytes, theme.t2);
    let count = right - 92.0;
    pen.text_right(count, y, &number::count(found.through.count), theme::BODY, theme.t1);
    let bar = count - super::count_width(pen, all).max(62.0) - 66.0;
    share_bar(pen, bar, y, 66.0, found.through.count, all, BarLook::Exact);
    let end = bar - 14.0;
    if let Some(via) = &found.via {
        x = marks::chip(pen, x, y, via, ChipLook::Plain, ((end - x) * 0.5).max(40.0)) + 7.0;
    }
    let name = words(cx, found);
    match &found.key {
        MergedKey::Root(_) => root_ui(pen, x, end, y, &name),
        _ => {
            if found.n_objects > 1 {
                let n = format!("{} × ", number::count(found.n_objects));
                x = pen.text_cut(x, end, y, &n, theme::BODY_MEDIUM, theme.t1);
            }
            let style = NameStyle { fold_system: true, ..NameStyle::cell(theme) };
            x = pen.spans_cut(x, end, y, &type_name::spans(pen, &name, end - x, style));
            if found.here > 0 && found.here < found.through.count {
                let here = format!("{} of them here", number::count(found.here));
                pen.text_cut(x + 8.0, end, y, &here, theme::SMALL, theme.t3);
            }
        }
    }
    if row.response.hovered() {
        let run = match found.longest_run {
            0 | 1 => String::new(),
            n => format!("\nup to {} in a row hold one another", number::count(n)),
        };
        row.response.clone().on_hover_text_at_pointer(format!(
            "{name}\n{} of the instances have their path through here, {}{run}",
            number::count(found.through.count),
            number::exact_bytes(found.through.bytes)
        ));
    }
    format!("{name}, {} through here, {}", number::count(found.through.count), number::size(found.through.bytes))
}

/// A root's kind in its colour, and its name.
fn root_ui(pen: &Pen, x: f32, end: f32, y: f32, name: &str) {
    let theme = pen.theme;
    let Some(field) = name.strip_prefix("static ") else {
        pen.text_cut(x, end, y, name, theme::BODY_MEDIUM, theme.t1);
        return;
    };
    let x = pen.text(x, y, "static", theme::SMALL, theme.static_root) + 7.0;
    let spans = match split_member(field) {
        Some((ty, member)) => vec![
            span(format!("{}.", type_name::short(ty)), theme::BODY, theme.t3),
            span(member, theme::BODY_MEDIUM, theme.t1),
        ],
        None => vec![span(field, theme::BODY_MEDIUM, theme.t1)],
    };
    pen.spans_cut(x, end, y, &spans);
}

fn row_menu(cx: &Cx<'_>, row: &Row, found: &MergedRow) {
    row.response.context_menu(|ui| {
        ui.set_max_width(280.0);
        ui.set_min_width(230.0);
        let mut entries = Vec::new();
        if let Some(place) = place_of(cx, found) {
            entries.push((Some(icons::ARROW_RIGHT), "Go there", "Enter", Command::Go(place)));
            entries.push((None, "Open behind", "Ctrl Enter", Command::GoBehind(place)));
        }
        let ignore = match &found.key {
            MergedKey::Root(name) => ("Ignore this root", Command::IgnoreText(format!("root:{name}"))),
            MergedKey::Object(object) => ("Ignore this object", Command::Ignore(vec![Ignore::Object(*object)])),
            MergedKey::Type(ty) => ("Ignore all of this type", Command::Ignore(vec![Ignore::Type(*ty)])),
        };
        entries.push((Some(icons::PROHIBIT), ignore.0, "", ignore.1));
        entries.push((Some(icons::COPY), "Copy the name", "", Command::Copy(words(cx, found))));
        for (icon, words, keys, command) in entries {
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}
