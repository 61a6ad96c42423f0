//! How a grid is drawn: title, filter, header, rows, menus. The views of roots, handles, threads, statics and finalizers
//! are grids; each has its own file with what its cells say.

use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui, pos2};

use crate::base::number;
use crate::session::Analyses;
use crate::snapshot::ObjectId;
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::grid::{Cell, Grid, GridColumn, GridQuery, GridRows, grid_rows};
use crate::ui::model::paths::split_member;
use crate::ui::pen::{Pen, span};
use crate::ui::place::Place;
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, Sort, header};
use crate::ui::widgets::{Copied, Field, List, ListState, Row, RowName, marks};

/// What a grid remembers.
#[derive(Debug, Default)]
pub struct GridState {
    filter: String,
    sort: Option<Sort<usize>>,
    rows: ListState,
    grid: Option<Arc<dyn Grid>>,
    generation: u32,
    answer: Answer<GridQuery, GridRows>,
}

impl GridState {
    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.answer.is_pending()
    }

    /// Filters the rows.
    pub fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
    }

    /// Sets the rows once; asks for their order.
    pub fn ask(&mut self, dump: &Dump, build: impl FnOnce(&Analyses) -> Option<Arc<dyn Grid>>) {
        self.answer.poll();
        if self.grid.is_none() {
            self.grid = dump.session.analyses().and_then(|analyses| build(&analyses));
            self.generation += 1;
        }
        let Some(grid) = self.grid.clone() else { return };
        let query = GridQuery { filter: self.filter.clone(), sort: self.sort, generation: self.generation };
        self.answer.want(&dump.session, query.clone(), move |analyses, job| grid_rows(&*grid, analyses, &query, job));
    }

    /// Forgets the rows: what they were made from has changed.
    pub fn forget(&mut self) {
        self.grid = None;
    }
}

/// Words of a grid.
#[derive(Clone, Copy, Debug)]
pub struct GridWords<'a> {
    /// Title of the pane.
    pub title: &'a str,
    /// What stands beside it.
    pub note: &'a str,
    /// Hint of the filter.
    pub hint: &'a str,
    /// What is said when there is no row at all.
    pub empty: &'a str,
    /// What that means.
    pub empty_text: &'a str,
    /// Icon of that state.
    pub icon: char,
}

/// Draws the view.
pub fn grid_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut GridState, words: &GridWords<'_>) -> Pane {
    let id = Id::unique(("grid", words.title));
    let filter_id = Id::unique(("grid-filter", words.title));
    let pane = Pane { id, rect, filter: Some(filter_id) };
    let answer = state.answer.value().cloned();
    let y = rect.top() + 20.5;
    let width = (rect.width() * 0.3).clamp(120.0, 240.0);
    let at = Rect::from_min_max(
        pos2(rect.right() - theme::PAD - width, y - 13.0),
        pos2(rect.right() - theme::PAD, y + 13.0),
    );
    let bad = answer.as_ref().and_then(|answer| answer.bad_pattern.clone());
    let field = Field {
        icon: Some(icons::FUNNEL_SIMPLE),
        key: Some("/"),
        is_bad: bad.is_some(),
        can_clear: true,
        ..Field::new(filter_id, words.hint, words.hint)
    };
    let response = field.show(ui, at, &mut state.filter);
    if response.has_focus() && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
        state.filter.clear();
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let counts = match &answer {
        Some(answer) if answer.rows.len() == answer.n_all => number::count(answer.n_all as u64),
        Some(answer) => {
            format!("{} of {}", number::count(answer.rows.len() as u64), number::count(answer.n_all as u64))
        }
        None => String::new(),
    };
    let note = match &bad {
        Some(bad) => bad.message.clone(),
        None if words.note.is_empty() => counts,
        None => format!("{counts}  {}", words.note),
    };
    super::title_line(ui, rect);
    super::pane_title(ui, rect, words.title, &note, at.left() - 12.0);
    let body = super::below_title(rect);
    let theme = theme::of(ui);
    let (Some(answer), Some(grid), Some(analyses)) = (answer, state.grid.clone(), cx.dump.session.analyses()) else {
        if !state.is_pending() {
            let text = "They are read after the type table, with the references.";
            let notice = Notice { icon: icons::HOURGLASS, color: theme.t3, title: "Not read yet", text, choices: &[] };
            notice.show(ui, body);
        }
        return pane;
    };
    if answer.n_all == 0 {
        let notice =
            Notice { icon: words.icon, color: theme.t3, title: words.empty, text: words.empty_text, choices: &[] };
        notice.show(ui, body);
        return pane;
    }
    if answer.rows.is_empty() {
        let title = format!("Nothing matches “{}”", state.filter.trim());
        let text = format!("{} are hidden by the filter.", number::counted(answer.n_all as u64, "row", "rows"));
        let choices = [(None, "Clear the filter")];
        let notice = Notice { icon: icons::FUNNEL, color: theme.t2, title: &title, text: &text, choices: &choices };
        if notice.show(ui, body).is_some() {
            state.filter.clear();
        }
        return pane;
    }
    let columns = place_columns(rect, grid.columns());
    let (head, rows) = body.split_top_bottom_at_y(body.top() + theme::NODE + 1.0);
    if let Some(column) = header(ui, head, &columns, state.sort) {
        let is_right = grid.columns()[column].is_right;
        state.sort = match state.sort {
            Some(sort) if sort.column == column => Some(Sort { column, is_descending: !sort.is_descending }),
            _ => Some(Sort { column, is_descending: is_right }),
        };
    }
    rows_ui(
        ui,
        rows,
        cx,
        state,
        &GridView { grid: &*grid, answer: &answer, analyses: &analyses, columns: &columns },
        words,
        id,
    );
    pane
}

struct GridView<'a> {
    grid: &'a dyn Grid,
    answer: &'a GridRows,
    analyses: &'a Analyses,
    columns: &'a [Column<usize>],
}

impl GridView<'_> {
    fn row(&self, index: u64) -> Option<usize> {
        self.answer.rows.get(index as usize).map(|&row| row as usize)
    }

    fn object(&self, index: u64) -> Option<ObjectId> {
        self.grid.object(self.row(index)?)
    }

    /// A row for the clipboard.
    fn tsv(&self, row: usize) -> String {
        let cells = (0..self.columns.len()).map(|column| self.grid.cell(self.analyses, row, column).text());
        cells.map(|text| text.replace(['\t', '\n', '\r'], " ")).collect::<Vec<_>>().join("\t")
    }
}

/// Where columns stand: fixed widths, the rest shared by those of width 0.
fn place_columns(rect: Rect, columns: &[GridColumn]) -> Vec<Column<usize>> {
    const GAP: f32 = 16.0;
    let room = rect.width() - 2.0 * theme::PAD - GAP * (columns.len().saturating_sub(1)) as f32;
    let fixed: f32 = columns.iter().map(|column| column.width).sum();
    let n_shared = columns.iter().filter(|column| column.width == 0.0).count().max(1);
    let shared = ((room - fixed) / n_shared as f32).max(80.0);
    let mut left = rect.left() + theme::PAD;
    let mut placed = Vec::with_capacity(columns.len());
    for (key, column) in columns.iter().enumerate() {
        let width = if column.width == 0.0 { shared } else { column.width };
        let right = (left + width).min(rect.right() - theme::PAD);
        placed.push(Column {
            key,
            title: column.title,
            left,
            right: right.max(left),
            is_right: column.is_right,
            can_sort: true,
            tip: column.tip,
        });
        left = right + GAP;
    }
    placed
}

fn rows_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut GridState,
    view: &GridView<'_>,
    words: &GridWords<'_>,
    id: Id,
) {
    let n_rows = view.answer.rows.len() as u64;
    let list = List { id, name: words.title, role: Role::Table, n_rows, row_height: theme::ROW };
    let mut rows = state.rows;
    let output = list.show(ui, rect, &mut rows, |ui, row| {
        let Some(index) = view.row(row.index) else { return RowName::default() };
        let mut says = Vec::new();
        for column in view.columns {
            let cell = view.grid.cell(view.analyses, index, column.key);
            cell_ui(ui, row, column, &cell);
            if cell != Cell::Empty {
                says.push(cell.text());
            }
        }
        row_menu(cx, row, view, index);
        if row.response.hovered() {
            row.response.clone().on_hover_text_at_pointer(says.join("\n"));
        }
        format!("{}, row {} of {}", says.join(", "), row.index + 1, number::count(n_rows)).into()
    });
    state.rows = rows;
    let place = |index: u64| view.object(index).map(|object| Place::object(cx.snapshot, object));
    if let Some(place) = output.activated.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(copied), Some((first, last))) = (output.copied, state.rows.selection()) {
        let cell =
            view.columns.iter().find(|column| state.rows.column_x < column.right + 8.0).map_or(0, |column| column.key);
        let lines: Vec<String> = (first..=last)
            .filter_map(|index| view.row(index))
            .map(|row| match copied {
                Copied::Cell => view.grid.cell(view.analyses, row, cell).text(),
                Copied::Rows => view.tsv(row),
            })
            .collect();
        cx.outbox.send(Command::Copy(lines.join("\n")));
    }
}

fn row_menu(cx: &Cx<'_>, row: &Row, view: &GridView<'_>, index: usize) {
    row.response.context_menu(|ui| {
        ui.set_max_width(250.0);
        ui.set_min_width(230.0);
        let object = view.grid.object(index);
        if let Some(object) = object {
            let place = Place::object(cx.snapshot, object);
            let address = cx.snapshot.objects.address(object).to_string();
            let entries = [
                (Some(icons::ARROW_RIGHT), "Go to the object", "Enter", Command::Go(place)),
                (None, "Open behind", "Ctrl Enter", Command::GoBehind(place)),
                (Some(icons::COPY), "Copy the object's address", "", Command::Copy(address)),
            ];
            for (icon, words, keys, command) in entries {
                if menu_entry(ui, icon, words, keys, true, false) {
                    cx.outbox.send(command);
                    ui.close();
                }
            }
            menu_line(ui);
        }
        if menu_entry(ui, object.is_none().then_some(icons::COPY), "Copy the row", "Ctrl Shift C", true, false) {
            cx.outbox.send(Command::Copy(view.tsv(index)));
            ui.close();
        }
    });
}

fn cell_ui(ui: &Ui, row: &Row, column: &Column<usize>, cell: &Cell) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = row.rect.center().y;
    let (left, right) = (column.left, column.right);
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => drop(pen.text_cut(left, right, y, text, theme::BODY, theme.t1)),
        Cell::Weak(text) => drop(pen.text_cut(left, right, y, text, theme::BODY, theme.t3)),
        Cell::Doubt(text) => drop(pen.text_cut(left, right, y, text, theme::BODY, theme.warn)),
        Cell::Type(name) => {
            let spans = type_name::spans(&pen, name, right - left, NameStyle::cell(theme));
            pen.spans_cut(left, right, y, &spans);
        }
        Cell::Member(name) => match split_member(name) {
            Some((ty, own)) => {
                let full = [span(format!("{ty}."), theme::BODY, theme.t3), span(own, theme::BODY_MEDIUM, theme.t1)];
                let short = span(format!("{}.", type_name::short(ty)), theme::BODY, theme.t3);
                let does_fit = pen.width(&full) <= right - left;
                let [full, own] = full;
                pen.member_cut(left, right, y, if does_fit { full } else { short }, own);
            }
            None => drop(pen.text_cut(left, right, y, name, theme::BODY_MEDIUM, theme.t1)),
        },
        Cell::Address(address) => {
            pen.text_cut(left, right, y, &address.to_string(), theme::MONO, theme.t2);
        }
        Cell::Count(n) => drop(pen.text_right(right, y, &number::count(*n), theme::BODY, theme.t1)),
        Cell::Id(n) => drop(pen.text_right(right, y, &n.to_string(), theme::BODY, theme.t1)),
        Cell::Size(bytes) => drop(pen.size(right, y, *bytes, theme.t1)),
        Cell::Root(kind) => {
            let end = marks::root_pill(&pen, left, y, *kind);
            let word = kind.label();
            if word != marks::root_word(*kind) {
                pen.text_cut(end + 8.0, right, y, word, theme::BODY, theme.t2);
            }
        }
    }
}
