//! The type table.

use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui, pos2};

use crate::analysis::histogram::totals_where;
use crate::base::{Cancelled, Job, number};
use crate::session::Analyses;
use crate::snapshot::{TypeId, TypeTotals};
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::catalog::{TypeCatalog, TypeEntry};
use crate::ui::model::retained::TypeSize;
use crate::ui::model::types::{Grouping, Liveness, TypeColumn, TypeLine, TypeList, TypeQuery, average, type_list};
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};
use crate::ui::widgets::bars::{BarLook, share_bar};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, Sort, header};
use crate::ui::widgets::{Button, ButtonKind, Copied, Field, List, ListState, Row, RowName};

/// What the view remembers.
#[derive(Debug, Default)]
pub struct TypesState {
    /// What is asked for.
    pub query: TypeQuery,
    /// The table.
    pub list: Answer<TypeQuery, TypeList>,
    /// Where the list stands.
    pub rows: ListState,
    counted: Answer<Liveness, Vec<TypeTotals>>,
    in_sight: Vec<TypeId>,
    synced: Option<(Place, usize)>,
}

/// Asks for the table, and keeps the cursor on the type that the place names, else on the type it stands on.
pub fn ask(state: &mut TypesState, dump: &mut Dump, place: Place) {
    let under_cursor = type_at(state.list.value().map(Arc::as_ref), state.rows.cursor);
    let is_new = state.list.poll();
    let Some(catalog) = dump.catalog.value().cloned() else { return };
    let mut query = state.query.clone();
    state.counted.poll();
    let counted = match query.liveness {
        Liveness::All => None,
        _ if dump.session.reachability().is_none() => {
            // Not known yet: all objects until then, and the title says so.
            query.liveness = Liveness::All;
            None
        }
        liveness => {
            state.counted.want(&dump.session, liveness, move |analyses, job| counted(analyses, liveness, job));
            match state.counted.value_of(&liveness).cloned() {
                Some(counted) => Some(counted),
                None => return,
            }
        }
    };
    dump.retained.want(&dump.session, &state.in_sight);
    let retained = dump.retained.bounds();
    query.has_retained = retained.is_some();
    state.list.want(&dump.session, query.clone(), move |_, job| {
        let counted = counted.as_ref().map(|totals| totals.as_slice());
        type_list(&catalog, counted, retained.as_ref().map(|sizes| sizes.as_slice()), &query, job)
    });
    let Some(list) = state.list.value() else { return };
    let now = (place, list.lines.len());
    if !is_new && state.synced == Some(now) {
        return;
    }
    let is_first = state.synced.is_none();
    state.synced = Some(now);
    let at = |ty| list.lines.iter().position(|line| matches!(line, TypeLine::Type { id, .. } if *id == ty));
    let row = place.ty.or(under_cursor).and_then(at).map(|row| row as u64);
    if row != state.rows.cursor && (row.is_some() || is_new) {
        state.rows.go_to(row);
    }
    if is_new && row.is_none() && !is_first {
        state.rows.first_row = 0.0;
    }
}

fn type_at(list: Option<&TypeList>, row: Option<u64>) -> Option<TypeId> {
    match list?.lines.get(row? as usize)? {
        TypeLine::Type { id, .. } => Some(*id),
        _ => None,
    }
}

/// Sums of the live or the dead objects, by type. One pass over the heap.
fn counted(analyses: &Analyses, liveness: Liveness, job: &Job) -> Result<Vec<TypeTotals>, Cancelled> {
    let snapshot = &analyses.snapshot;
    let is_counted = |object| analyses.is_reachable(object) == Some(liveness == Liveness::Live);
    totals_where(snapshot, is_counted, job)
}

struct Columns {
    name: f32,
    name_end: f32,
    objects: f32,
    bar: f32,
    bar_width: f32,
    bytes: f32,
    retained: Option<f32>,
    average: Option<f32>,
    biggest: Option<f32>,
}

impl Columns {
    /// Columns in `rect`, with so much room for counts at least.
    fn new(rect: Rect, count_width: f32) -> Self {
        let width = rect.width();
        let mut right = rect.right() - theme::PAD;
        let mut column = |wanted: bool, column: f32| {
            let at = right;
            wanted.then(|| {
                right -= column;
                at
            })
        };
        let biggest = column(width > 420.0, 70.0);
        let average = column(width > 700.0, 69.0);
        let retained = column(width > 500.0, 76.0);
        let bytes = column(true, 71.0).unwrap_or(right);
        let bar_width = if width > 900.0 {
            114.0
        } else if width > 480.0 {
            36.0
        } else {
            0.0
        };
        let bar = right - bar_width;
        let objects = bar - if bar_width > 0.0 { 20.0 } else { 4.0 };
        Self {
            name: rect.left() + theme::PAD,
            name_end: objects - count_width.max(if width > 900.0 { 96.0 } else { 60.0 }),
            objects,
            bar,
            bar_width,
            bytes,
            retained,
            average,
            biggest,
        }
    }

    fn header(&self) -> Vec<Column<TypeColumn>> {
        let column =
            |key, title, left, right, is_right, tip| Column { key, title, left, right, is_right, can_sort: true, tip };
        let mut columns = vec![
            column(TypeColumn::Name, "Type", self.name, self.name_end, false, ""),
            column(TypeColumn::Objects, "Objects", self.name_end + 4.0, self.objects, true, "Instances on the heap"),
            column(
                TypeColumn::Bytes,
                "Bytes",
                self.bar,
                self.bytes,
                true,
                "What the instances occupy, without what they refer to",
            ),
        ];
        if let Some(right) = self.retained {
            columns.push(column(
                TypeColumn::Retained,
                "Retained",
                right - 70.0,
                right,
                true,
                "What goes when all instances go; ≥ until it was found exactly",
            ));
        }
        if let Some(right) = self.average {
            columns.push(column(TypeColumn::Average, "Average", right - 64.0, right, true, "Bytes per instance"));
        }
        if let Some(right) = self.biggest {
            columns.push(column(
                TypeColumn::Biggest,
                "Biggest",
                right - 64.0,
                right,
                true,
                "Bytes of the biggest instance",
            ));
        }
        columns
    }
}

/// Draws the view.
pub fn types_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut TypesState) -> Pane {
    let list_id = Id::unique("types-list");
    let filter_id = Id::unique("types-filter");
    let pane = Pane { id: list_id, rect, filter: Some(filter_id) };
    let list = state.list.value().cloned();
    title_ui(ui, rect, cx, state, list.as_deref(), filter_id);
    let (Some(list), Some(catalog)) = (list, cx.dump.catalog.value().cloned()) else {
        return pane;
    };
    let body = super::below_title(rect);
    if list.lines.is_empty() {
        nothing_ui(ui, body, cx, state, &list);
        return pane;
    }
    let columns = Columns::new(rect, super::count_width(&Pen::on(ui), list.totals.count));
    let (head, rest) = body.split_top_bottom_at_y(body.top() + theme::NODE + 1.0);
    let (rows, total) = rest.split_top_bottom_at_y(rest.bottom() - 28.0);
    if let Some(column) = header(ui, head, &columns.header(), Some(state.query.sort)) {
        let is_same = state.query.sort.column == column;
        let is_descending = if is_same { !state.query.sort.is_descending } else { column != TypeColumn::Name };
        state.query.sort = Sort { column, is_descending };
    }
    rows_ui(ui, rows, cx, state, &list, &catalog, &columns, list_id);
    total_ui(ui, total, &list, &catalog, &columns);
    pane
}

fn title_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut TypesState, list: Option<&TypeList>, filter_id: Id) {
    let y = rect.top() + 20.5;
    let pen = Pen::on(ui);
    let field_width = if rect.width() > 900.0 { 240.0 } else { (rect.width() * 0.335).clamp(120.0, 190.0) };
    let right = if rect.width() > 900.0 { rect.right() - theme::PAD } else { rect.right() - 12.0 };
    let at = Rect::from_min_max(pos2(right - field_width, y - 13.0), pos2(right, y + 13.0));
    let bad = list.and_then(|list| list.bad_pattern.as_ref());
    let field = Field {
        icon: Some(icons::FUNNEL_SIMPLE),
        key: Some("/"),
        is_bad: bad.is_some(),
        can_clear: true,
        ..Field::new(filter_id, "Filter types", "Filter types")
    };
    let response = field.show(ui, at, &mut state.query.filter);
    if response.has_focus() {
        let (escape, enter) = ui.input_mut(|input| {
            (
                input.consume_key(egui::Modifiers::NONE, egui::Key::Escape),
                input.consume_key(egui::Modifiers::NONE, egui::Key::ArrowDown),
            )
        });
        if escape {
            state.query.filter.clear();
        }
        if escape || enter {
            ui.memory_mut(|memory| memory.request_focus(Id::unique("types-list")));
        }
    } else if response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
        ui.memory_mut(|memory| memory.request_focus(Id::unique("types-list")));
    }
    let bad_text = bad.map(|bad| match bad.at {
        Some(at) => format!("{}, at {at}", bad.message),
        None => bad.message.clone(),
    });
    response.on_hover_text(bad_text.clone().unwrap_or_else(|| {
        "Part of the name, its humps (CDE for ConcurrentDictionary+Entry), several words, or /regex/".to_owned()
    }));
    let (icon, words) = match state.query.grouping {
        Grouping::None => (icons::ROWS, Grouping::None.label()),
        grouping => (icons::TREE_STRUCTURE, grouping.label()),
    };
    let button = Button::new(Some(icon), words).kind(ButtonKind::Quiet);
    let mut limit = at.left() - 6.0;
    let has_room = rect.width() > 470.0;
    if has_room {
        let group = button.right(ui, limit, y);
        limit -= button.width(&pen) + 4.0;
        egui::Popup::menu(&group).width(190.0).show(|ui| grouping_menu(ui, cx, state));
        if state.query.liveness != Liveness::All {
            let words = if state.query.liveness == Liveness::Live { "Live" } else { "Garbage" };
            let shown = Button::new(Some(icons::RECYCLE), words).kind(ButtonKind::Quiet).on(true);
            if shown.right(ui, limit, y).on_hover_text("Press to count all objects").clicked() {
                cx.outbox.send(Command::Count(Liveness::All));
            }
            limit -= shown.width(&pen) + 4.0;
        }
        if state.query.just_my_code && rect.width() > 620.0 {
            let mine = Button::new(Some(icons::USER), "Just my code").kind(ButtonKind::Quiet).on(true);
            if mine.right(ui, limit, y).clicked() {
                cx.outbox.send(Command::JustMyCode(false));
            }
            limit -= mine.width(&pen) + 4.0;
        }
    }
    let note = match (list, bad_text) {
        (_, Some(text)) => text,
        (Some(list), None) if list.n_types == list.n_all => number::count(list.n_all as u64),
        (Some(list), None) => format!("{} of {}", number::count(list.n_types as u64), number::count(list.n_all as u64)),
        (None, None) => String::new(),
    };
    super::title_line(ui, rect);
    super::pane_title(ui, rect, "Types", &note, limit);
}

fn grouping_menu(ui: &mut Ui, cx: &Cx<'_>, state: &TypesState) {
    for grouping in Grouping::ALL {
        if menu_entry(ui, None, grouping.label(), "", true, state.query.grouping == grouping) {
            cx.outbox.send(Command::Group(grouping));
            ui.close();
        }
    }
    menu_line(ui);
    if menu_entry(ui, Some(icons::USER), "Just my code", "", true, state.query.just_my_code) {
        cx.outbox.send(Command::JustMyCode(!state.query.just_my_code));
        ui.close();
    }
    menu_line(ui);
    for liveness in Liveness::ALL {
        let is_known = liveness == Liveness::All || cx.reachability.is_some();
        if menu_entry(ui, None, liveness.label(), "", is_known, state.query.liveness == liveness) {
            cx.outbox.send(Command::Count(liveness));
            ui.close();
        }
    }
}

fn nothing_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut TypesState, list: &TypeList) {
    let theme = theme::of(ui);
    if list.n_all == 0 {
        let walked = number::size(cx.snapshot.coverage.walked_bytes);
        let text = if cx.snapshot.coverage.lost_bytes() > 0 {
            format!(
                "{} of the heap could not be read, {walked} were walked. Coverage says what is missing and why.",
                number::size(cx.snapshot.coverage.lost_bytes())
            )
        } else {
            format!("The heap was walked completely ({walked}) and holds no object.")
        };
        let notice = Notice {
            icon: icons::CUBE,
            color: theme.t3,
            title: "No object on the heap",
            text: &text,
            choices: &[(Some(icons::SHIELD_CHECK), "Show the coverage")],
        };
        if notice.show(ui, rect).is_some() {
            cx.outbox.send(Command::Show(View::Coverage));
        }
        return;
    }
    let filter = state.query.filter.trim().to_owned();
    let title = if filter.is_empty() {
        "No type of your own code".to_owned()
    } else {
        format!("No type matches “{filter}”")
    };
    let mut text = match list.n_framework {
        0 => format!("{} types are hidden by the filter.", number::count(list.n_all as u64)),
        n => format!("{} of the framework are hidden by “Just my code”.", number::counted(n as u64, "type", "types")),
    };
    let mut choices = Vec::new();
    let nearest = list.nearest.as_ref();
    let by = nearest.map(|(_, own)| format!("Filter by {own}"));
    if let (Some((name, _)), Some(by)) = (nearest, &by) {
        text.push_str(&format!(" The nearest name is {name}."));
        choices.push((None, by.as_str()));
    }
    if list.n_framework > 0 {
        choices.push((None, "Show all code"));
    }
    if !filter.is_empty() {
        choices.push((None, "Clear the filter"));
    }
    let notice = Notice { icon: icons::FUNNEL, color: theme.t2, title: &title, text: &text, choices: &choices };
    match notice.show(ui, rect).and_then(|index| choices.get(index)) {
        Some((_, "Clear the filter")) => state.query.filter.clear(),
        Some((_, "Show all code")) => cx.outbox.send(Command::JustMyCode(false)),
        Some(_) => state.query.filter = nearest.map_or(String::new(), |(_, own)| own.clone()),
        None => {}
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one table, taken apart by the caller")]
fn rows_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut TypesState,
    list: &Arc<TypeList>,
    catalog: &TypeCatalog,
    columns: &Columns,
    id: Id,
) {
    let role = if state.query.grouping == Grouping::None { Role::Table } else { Role::Tree };
    let rows = List { id, name: "Types", role, n_rows: list.lines.len() as u64, row_height: theme::ROW };
    let mut fold = None;
    let n_rows = list.lines.len();
    let mut in_sight = Vec::new();
    let has_retained = state.query.liveness != Liveness::Dead;
    let output = rows.show(ui, rect, &mut state.rows, |ui, row| {
        let Some(line) = list.lines.get(row.index as usize) else { return RowName::default() };
        match line {
            TypeLine::Type { id, totals, is_grouped } => match catalog.entry(*id) {
                Some(entry) => {
                    in_sight.push(*id);
                    if has_retained {
                        retained_ui(&Pen::on(ui), row, cx.dump.retained.of(*id), columns);
                    }
                    let name = type_row_ui(ui, row, entry, totals, *is_grouped, list.most_bytes, columns);
                    row_menu(cx, row, entry, totals);
                    RowName {
                        text: format!("{name}, row {} of {n_rows}", row.index + 1),
                        level: (role == Role::Tree).then_some(2),
                        is_expanded: None,
                    }
                }
                None => RowName::default(),
            },
            TypeLine::Group { name, n_types, totals, is_open } => {
                if row.response.clicked() {
                    fold = Some((name.clone(), !*is_open));
                }
                let text = group_row_ui(ui, row, name, *n_types, totals, *is_open, list.most_bytes, columns);
                RowName { text, level: Some(1), is_expanded: Some(*is_open) }
            }
        }
    });
    state.in_sight = in_sight;
    let line = |row: u64| list.lines.get(row as usize);
    let place = |row: u64| match line(row) {
        Some(TypeLine::Type { id, .. }) => Some(Place { view: View::Types, ty: Some(*id), object: None }),
        _ => None,
    };
    if let Some(place) = output.clicked.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.moved.and_then(place).filter(|_| cx.place.ty.is_some()) {
        cx.outbox.send(Command::Follow(place));
    }
    if let Some(row) = output.activated {
        match line(row) {
            Some(TypeLine::Group { name, is_open, .. }) => fold = Some((name.clone(), !*is_open)),
            _ => {
                if let Some(place) = place(row) {
                    cx.outbox.send(Command::Go(place));
                    ui.memory_mut(|memory| memory.request_focus(Id::unique("instances-list")));
                }
            }
        }
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let Some((row, is_open)) = output.folded
        && let Some(TypeLine::Group { name, .. }) = line(row)
    {
        fold = Some((name.clone(), is_open));
    }
    if let Some((name, is_open)) = fold {
        if is_open {
            state.query.open.insert(name);
        } else {
            state.query.open.remove(&name);
        }
    }
    if let (Some(copied), Some((first, last))) = (output.copied, state.rows.selection()) {
        let cell = cell_at(columns, state.rows.column_x);
        cx.outbox.send(Command::Copy(copy_text(cx, list, catalog, first, last, copied, cell)));
    }
}

/// The column under `x`.
fn cell_at(columns: &Columns, x: f32) -> TypeColumn {
    let header = columns.header();
    header.iter().find(|column| x < column.right + 6.0).map_or(TypeColumn::Name, |column| column.key)
}

/// Rows `first..=last` for the clipboard: exact numbers, no units.
fn copy_text(
    cx: &Cx<'_>,
    list: &TypeList,
    catalog: &TypeCatalog,
    first: u64,
    last: u64,
    copied: Copied,
    cell: TypeColumn,
) -> String {
    let mut text = String::new();
    if copied == Copied::Rows && last > first {
        text.push_str("type\tobjects\tbytes\tretained\taverage\tbiggest\tmodule\n");
    }
    for line in list.lines.iter().take(last as usize + 1).skip(first as usize) {
        let (name, totals, module, retained) = match line {
            TypeLine::Type { id, totals, .. } => match catalog.entry(*id) {
                Some(entry) => (&*entry.name, *totals, &*entry.module, retained_text(cx.dump.retained.of(*id))),
                None => continue,
            },
            TypeLine::Group { name, totals, .. } => (name.as_str(), *totals, "", String::new()),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        match (copied, cell) {
            (Copied::Rows, _) => text.push_str(&format!(
                "{name}\t{}\t{}\t{retained}\t{}\t{}\t{module}",
                totals.count,
                totals.bytes,
                average(&totals),
                totals.biggest
            )),
            (Copied::Cell, TypeColumn::Name) => text.push_str(name),
            (Copied::Cell, TypeColumn::Objects) => text.push_str(&totals.count.to_string()),
            (Copied::Cell, TypeColumn::Bytes) => text.push_str(&totals.bytes.to_string()),
            (Copied::Cell, TypeColumn::Retained) => text.push_str(&retained),
            (Copied::Cell, TypeColumn::Average) => text.push_str(&average(&totals).to_string()),
            (Copied::Cell, TypeColumn::Biggest) => text.push_str(&totals.biggest.to_string()),
        }
    }
    text
}

/// The retained size as text: exact, or marked as a bound.
fn retained_text(size: TypeSize) -> String {
    match size {
        TypeSize::Unknown => String::new(),
        TypeSize::AtLeast(bytes) => format!(">={bytes}"),
        TypeSize::Exact(bytes) => bytes.to_string(),
    }
}

fn retained_ui(pen: &Pen, row: &Row, size: TypeSize, columns: &Columns) {
    let Some(right) = columns.retained else { return };
    let y = row.rect.center().y;
    match size {
        TypeSize::Unknown => pen.pending(right, y),
        TypeSize::AtLeast(bytes) => {
            pen.size_marked(right, y, bytes, "≥", pen.theme.t2);
        }
        TypeSize::Exact(bytes) => {
            pen.size(right, y, bytes, pen.theme.t1);
        }
    }
}

fn numbers_ui(pen: &Pen, y: f32, totals: &TypeTotals, most: u64, columns: &Columns) {
    let theme = pen.theme;
    pen.text_right(columns.objects, y, &number::count(totals.count), theme::BODY, theme.t1);
    if columns.bar_width > 0.0 {
        share_bar(pen, columns.bar, y, columns.bar_width, totals.bytes, most, BarLook::Exact);
    }
    pen.size(columns.bytes, y, totals.bytes, theme.t1);
    if let Some(right) = columns.average {
        pen.size(right, y, average(totals), theme.t2);
    }
    if let Some(right) = columns.biggest {
        pen.size(right, y, totals.biggest, theme.t2);
    }
}

fn type_row_ui(
    ui: &mut Ui,
    row: &Row,
    entry: &TypeEntry,
    totals: &TypeTotals,
    is_grouped: bool,
    most: u64,
    columns: &Columns,
) -> String {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = row.rect.center().y;
    let left = columns.name + if is_grouped { 20.0 } else { 0.0 };
    let mut tip = entry.name.to_string();
    match &entry.unnamed {
        None => {
            let width = columns.name_end - left;
            let spans = type_name::spans(&pen, &entry.name, width, NameStyle::cell(theme));
            pen.spans_cut(left, columns.name_end, y, &spans);
        }
        Some(reason) => {
            let spans = [span(&*entry.name, theme::MONO, theme.t1), span(&**reason, theme::SMALL, theme.t3).after(8.0)];
            pen.spans_cut(left, columns.name_end, y, &spans);
            tip = format!("MethodTable {}\nNo name: {reason}", entry.name);
        }
    }
    numbers_ui(&pen, y, totals, most, columns);
    if row.response.hovered() {
        let module = if entry.module.is_empty() { String::new() } else { format!("\n{}", entry.module) };
        tip.push_str(&format!(
            "{module}\n{}, {}, biggest {}",
            number::counted(totals.count, "object", "objects"),
            number::exact_bytes(totals.bytes),
            number::exact_bytes(totals.biggest)
        ));
        row.response.clone().on_hover_text_at_pointer(tip);
    }
    let unnamed = entry.unnamed.as_ref().map_or(String::new(), |reason| format!(", no name: {reason}"));
    format!(
        "{}{unnamed}, {}, {}",
        entry.name,
        number::counted(totals.count, "object", "objects"),
        number::size(totals.bytes)
    )
}

#[expect(clippy::too_many_arguments, reason = "the parts of one row")]
fn group_row_ui(
    ui: &mut Ui,
    row: &Row,
    name: &str,
    n_types: usize,
    totals: &TypeTotals,
    is_open: bool,
    most: u64,
    columns: &Columns,
) -> String {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = row.rect.center().y;
    let caret = if is_open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
    pen.icon(pos2(columns.name + 5.5, y), caret, 12.0, theme.t2);
    let shown = if name.is_empty() { "(none)" } else { name };
    let types = number::counted(n_types as u64, "type", "types");
    let note = pen.text_width(&types, theme::SMALL) + 8.0;
    let left = columns.name + 20.0;
    let x = pen.text_cut(left, columns.name_end - note, y, shown, theme::BODY_MEDIUM, theme.t1);
    pen.text_cut(x + 8.0, columns.name_end, y, &types, theme::SMALL, theme.t3);
    numbers_ui(&pen, y, totals, most, columns);
    let text = format!(
        "{shown}, {types}, {}, {}",
        number::counted(totals.count, "object", "objects"),
        number::size(totals.bytes)
    );
    if row.response.hovered() {
        row.response
            .clone()
            .on_hover_text_at_pointer(format!("{shown}\n{types}, {}", number::exact_bytes(totals.bytes)));
    }
    text
}

fn row_menu(cx: &Cx<'_>, row: &Row, entry: &TypeEntry, totals: &TypeTotals) {
    row.response.context_menu(|ui| {
        ui.set_max_width(250.0);
        ui.set_min_width(230.0);
        let place = Place { view: View::Types, ty: Some(entry.id), object: None };
        let method_table = cx.snapshot.types.row(entry.id).method_table;
        let tsv = format!("{}\t{}\t{}", entry.name, totals.count, totals.bytes);
        let own = type_name::own(&entry.name);
        let namespace = type_name::namespace(&entry.name).to_owned();
        let command = format!("heaproot instances {} \"{}\"", cx.dump.name, entry.name);
        let entries = [
            (Some(icons::ARROW_RIGHT), "Show the instances", "Enter", Command::Go(place)),
            (None, "Open behind", "Ctrl Enter", Command::GoBehind(place)),
            (Some(icons::COPY), "Copy the name", "", Command::Copy(entry.name.to_string())),
            (None, "Copy the row", "Ctrl Shift C", Command::Copy(tsv)),
            (None, "Copy the MethodTable", "", Command::Copy(method_table.to_string())),
            (Some(icons::TERMINAL), "Copy the command", "", Command::Copy(command)),
            (Some(icons::FUNNEL_SIMPLE), "Filter by this name", "", Command::FilterTypes(own)),
            (None, "Filter by this namespace", "", Command::FilterTypes(namespace)),
        ];
        for (index, (icon, words, keys, command)) in entries.into_iter().enumerate() {
            if index == 2 || index == 6 {
                menu_line(ui);
            }
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}

fn total_ui(ui: &Ui, rect: Rect, list: &TypeList, catalog: &TypeCatalog, columns: &Columns) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    pen.hline(rect.left(), rect.right(), rect.top(), theme.line);
    let y = rect.center().y + 0.5;
    let text = if list.n_framework > 0 {
        format!("{} of the framework hidden", number::counted(list.n_framework as u64, "type", "types"))
    } else if list.n_types < list.n_all {
        format!("{} of {} types", number::count(list.n_types as u64), number::count(list.n_all as u64))
    } else {
        format!("Free space, {}, not counted", number::size(catalog.free.bytes))
    };
    pen.text_cut(columns.name, columns.name_end, y, &text, theme::SMALL, theme.t3);
    pen.text_right(columns.objects, y, &number::count(list.totals.count), theme::BODY_MEDIUM, theme.t1);
    let size = number::size_text(list.totals.bytes);
    pen.text(columns.bytes - theme::UNIT + 5.0, y, size.unit, theme::SMALL, theme.t3);
    pen.text_right(columns.bytes - theme::UNIT, y, &size.digits, theme::BODY_MEDIUM, theme.t1);
    let response = ui.interact(rect, ui.scope_id().with("total"), egui::Sense::hover());
    response.widget_info(|| {
        let objects = number::counted(list.totals.count, "object", "objects");
        egui::WidgetInfo::labeled(Role::Row, true, format!("Total, {objects}, {}", number::size(list.totals.bytes)))
    });
    response.on_hover_text(format!(
        "{}, {}\nFree blocks: {}, {}",
        number::counted(list.totals.count, "object", "objects"),
        number::exact_bytes(list.totals.bytes),
        number::count(catalog.free.count),
        number::exact_bytes(catalog.free.bytes)
    ));
}
