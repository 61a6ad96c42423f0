//! A list of any length: draws the rows in sight, scrolls by row number, moves by keys, speaks to screen readers.
//!
//! The toolkit lays out in single-precision points, which cannot place row 800,000 exactly. Here the first row in sight is
//! a double, and a row's place follows from it: row 500,000,000 is as exact as row 1.

use eframe::egui;
use egui::{Color32, CursorIcon, Event, EventFilter, Id, Key, Modifiers, Rect, Response, Role, Sense, Ui, WidgetInfo};
use egui::{pos2, vec2};

use crate::ui::icons;
use crate::ui::pen::Pen;

/// Where a list stands. Belongs to the view, not to the toolkit: another dump gets a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListState {
    /// First row in sight, with a fraction.
    pub first_row: f64,
    /// Row that keys move.
    pub cursor: Option<u64>,
    /// Other end of the selection; the cursor alone when `None`.
    pub anchor: Option<u64>,
    /// Column of the last press, for copying a cell.
    pub column_x: f32,
    reveal: bool,
}

impl ListState {
    /// Moves the cursor and brings it into sight at the next drawing.
    pub fn go_to(&mut self, row: Option<u64>) {
        self.cursor = row;
        self.anchor = None;
        self.reveal = row.is_some();
    }

    /// Selected rows, first and last.
    #[must_use]
    pub fn selection(&self) -> Option<(u64, u64)> {
        let cursor = self.cursor?;
        let anchor = self.anchor.unwrap_or(cursor);
        Some((cursor.min(anchor), cursor.max(anchor)))
    }

    fn is_selected(&self, row: u64) -> bool {
        self.selection().is_some_and(|(first, last)| (first..=last).contains(&row))
    }

    fn clamp(&mut self, n_rows: u64, page: f64) {
        self.first_row = self.first_row.clamp(0.0, (n_rows as f64 - page).max(0.0));
        self.cursor = self.cursor.filter(|&row| row < n_rows);
        self.anchor = self.anchor.filter(|&row| row < n_rows);
    }
}

/// What to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The cell under the last press, of every selected row.
    Cell,
    /// Every selected row, tab-separated.
    Rows,
}

/// What was done to a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOutput {
    /// Keys go here.
    pub has_focus: bool,
    /// The cursor moved by a key.
    pub moved: Option<u64>,
    /// Pressed.
    pub clicked: Option<u64>,
    /// Enter or a double press: go there.
    pub activated: Option<u64>,
    /// Middle press or Ctrl+Enter: open behind.
    pub opened_behind: Option<u64>,
    /// Left or right on a row: fold or unfold.
    pub folded: Option<(u64, bool)>,
    /// Under the pointer.
    pub hovered: Option<u64>,
    /// Something is to be copied.
    pub copied: Option<Copied>,
}

/// How a row's ground looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLook {
    /// Neither selected nor under the pointer.
    Plain,
    /// Under the pointer.
    Hovered,
    /// Selected, and keys go to its list.
    Selected,
    /// Selected in a list without focus.
    SelectedAside,
}

/// One row to draw.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub index: u64,
    /// Where.
    pub rect: Rect,
    /// Its ground.
    pub look: RowLook,
    /// What was done to it; for menus and tips.
    pub response: Response,
}

impl Row {
    /// Colour of the ground, for what must be read on it.
    #[must_use]
    pub fn ground(&self, pen: &Pen) -> Color32 {
        match self.look {
            RowLook::Plain => pen.theme.canvas,
            RowLook::Hovered => pen.theme.hover,
            RowLook::Selected => pen.theme.sel,
            RowLook::SelectedAside => pen.theme.sel2,
        }
    }
}

/// The caret of a row that folds, from `x`: a press on it folds the row or unfolds it. True when it was pressed.
pub fn caret(ui: &Ui, row: &Row, x: f32, is_open: bool) -> bool {
    let center = pos2(x + 5.0, row.rect.center().y);
    let (icon, word) = if is_open { (icons::CARET_DOWN, "Fold") } else { (icons::CARET_RIGHT, "Unfold") };
    let pen = Pen::on(ui);
    pen.icon(center, icon, 11.0, pen.theme.t3);
    let place = Rect::from_center_size(center, vec2(22.0, row.rect.height()));
    let response = ui.interact(place, row.response.id.with("caret"), Sense::CLICK);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, word));
    response.clicked()
}

/// What a screen reader is told of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowName {
    /// `Corpus.Seed.Worker, 3,000 objects, 140.6 KiB`.
    pub text: String,
    /// Level in a tree, from 1.
    pub level: Option<usize>,
    /// Open or closed, when it can be.
    pub is_expanded: Option<bool>,
}

impl From<String> for RowName {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// A list.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// Its id: whoever sets the focus needs it.
    pub id: Id,
    /// Its word for people who do not see it.
    pub name: &'a str,
    /// Table or tree.
    pub role: Role,
    /// Rows.
    pub n_rows: u64,
    /// Height of each, in points.
    pub row_height: f32,
}

impl List<'_> {
    /// Draws the rows in sight in `rect`, and takes keys when it has the focus. `draw` is called once per row in sight.
    pub fn show(
        &self,
        ui: &mut Ui,
        rect: Rect,
        state: &mut ListState,
        mut draw: impl FnMut(&mut Ui, &Row) -> RowName,
    ) -> ListOutput {
        let page = f64::from(rect.height() / self.row_height);
        let area = ui.interact(rect, self.id, Sense::CLICK | Sense::FOCUSABLE);
        area.widget_info(|| WidgetInfo::labeled(self.role, true, self.name));
        if area.clicked() {
            area.request_focus();
        }
        let mut output = ListOutput { has_focus: area.has_focus(), ..ListOutput::default() };
        state.clamp(self.n_rows, page);
        if output.has_focus {
            self.keys(ui, state, page, &mut output);
        }
        if ui.rect_contains_pointer(rect) {
            let wheel = ui.input(|input| input.smooth_scroll_delta().y);
            state.first_row -= f64::from(wheel / self.row_height);
        }
        if std::mem::take(&mut state.reveal)
            && let Some(row) = state.cursor.map(|row| row as f64)
        {
            // A jump to a far row puts it in the upper third, with its neighbours around it.
            if row < state.first_row - page || row > state.first_row + page * 2.0 {
                state.first_row = row - (page / 3.0).floor();
            } else {
                state.first_row = state.first_row.min(row).max(row + 1.0 - page);
            }
        }
        state.clamp(self.n_rows, page);
        let mut rows = super::part(ui, "rows", rect);
        let first = state.first_row.floor();
        let offset = ((first - state.first_row) * f64::from(self.row_height)) as f32;
        let first = first as u64;
        let last = (first + page.ceil() as u64 + 1).min(self.n_rows);
        for index in first..last {
            let pen = Pen::on(&rows);
            let top = pen.snap(rect.top() + offset + (index - first) as f32 * self.row_height);
            let row = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), self.row_height));
            if row.top() >= rect.bottom() {
                break;
            }
            self.row(&mut rows, rect, row, index, state, &mut output, &mut draw);
        }
        // After the rows: the thumb lies above their grounds and takes the pointer before them.
        self.bar(ui, rect, state, page);
        output
    }

    #[expect(clippy::too_many_arguments, reason = "one row of one list: the state is the list's, not the row's")]
    fn row(
        &self,
        ui: &mut Ui,
        visible: Rect,
        rect: Rect,
        index: u64,
        state: &mut ListState,
        output: &mut ListOutput,
        draw: &mut impl FnMut(&mut Ui, &Row) -> RowName,
    ) {
        let response = ui.interact(rect.intersect(visible), self.id.with(index), Sense::CLICK);
        if response.clicked() || response.secondary_clicked() {
            ui.memory_mut(|memory| memory.request_focus(self.id));
            output.has_focus = true;
            let extends = ui.input(|input| input.modifiers.shift) && response.clicked();
            // A right press inside the selection keeps it: the menu is about all of it.
            if response.clicked() || !state.is_selected(index) {
                state.anchor = if extends { state.anchor.or(state.cursor) } else { None };
                state.cursor = Some(index);
            }
            if let Some(at) = response.interact_pointer_pos() {
                state.column_x = at.x;
            }
            if response.clicked() && !extends {
                output.clicked = Some(index);
            }
        }
        if response.double_clicked() {
            output.activated = Some(index);
        }
        if response.middle_clicked() {
            output.opened_behind = Some(index);
        }
        // Also under the buttons that stand on the row while the pointer is there.
        let is_hovered = response.contains_pointer() || response.context_menu_opened();
        if response.contains_pointer() {
            output.hovered = Some(index);
        }
        let look = match (state.is_selected(index), output.has_focus, is_hovered) {
            (true, true, _) => RowLook::Selected,
            (true, false, _) => RowLook::SelectedAside,
            (false, _, true) => RowLook::Hovered,
            _ => RowLook::Plain,
        };
        let row = Row { index, rect, look, response };
        let pen = Pen::on(ui);
        if look != RowLook::Plain {
            pen.fill(rect, row.ground(&pen));
        }
        if look == RowLook::Selected && state.cursor == Some(index) {
            pen.fill(Rect::from_min_size(rect.min, vec2(2.0, rect.height())), pen.theme.accent);
        }
        let name = draw(ui, &row);
        let role = match (self.role, name.level) {
            (Role::Tree, _) | (_, Some(_)) => Role::TreeItem,
            _ => Role::Row,
        };
        let is_selected = state.is_selected(index);
        row.response.widget_info(|| WidgetInfo::labeled(role, true, &name.text));
        super::describe(ui.ctx(), row.response.id, |node| {
            node.set_selected(is_selected);
            node.set_row_index(usize::try_from(index).unwrap_or(usize::MAX));
            if let Some(level) = name.level {
                node.set_level(level);
            }
            if let Some(is_expanded) = name.is_expanded {
                node.set_expanded(is_expanded);
            }
        });
    }

    fn keys(&self, ui: &Ui, state: &mut ListState, page: f64, output: &mut ListOutput) {
        let filter = EventFilter { vertical_arrows: true, horizontal_arrows: true, tab: false, escape: false };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(self.id, filter));
        let Some(last) = self.n_rows.checked_sub(1) else { return };
        let page = (page.floor() as u64).max(2) - 1;
        let before = (state.cursor, state.anchor);
        ui.input_mut(|input| {
            let at = state.cursor;
            let moves: [(Key, u64); 6] = [
                (Key::ArrowDown, at.map_or(0, |row| row.saturating_add(1))),
                (Key::ArrowUp, at.map_or(0, |row| row.saturating_sub(1))),
                (Key::PageDown, at.map_or(page, |row| row.saturating_add(page))),
                (Key::PageUp, at.map_or(0, |row| row.saturating_sub(page))),
                (Key::Home, 0),
                (Key::End, last),
            ];
            for (key, to) in moves {
                // The more special first: a pattern without Shift also matches keys with it.
                let extends = input.consume_key(Modifiers::SHIFT, key);
                let is_plain = !extends && input.consume_key(Modifiers::NONE, key);
                if extends {
                    state.anchor = state.anchor.or(state.cursor);
                }
                if is_plain || extends {
                    state.cursor = Some(to.min(last));
                    state.anchor = if extends { state.anchor } else { None };
                    state.reveal = true;
                }
            }
            if input.consume_key(Modifiers::COMMAND, Key::A) {
                state.anchor = Some(0);
                state.cursor = Some(last);
            }
            if let Some(row) = state.cursor {
                if input.consume_key(Modifiers::COMMAND, Key::Enter) {
                    output.opened_behind = Some(row);
                }
                if input.consume_key(Modifiers::NONE, Key::Enter) {
                    output.activated = Some(row);
                }
                for (key, is_open) in [(Key::ArrowRight, true), (Key::ArrowLeft, false)] {
                    if input.consume_key(Modifiers::NONE, key) {
                        output.folded = Some((row, is_open));
                    }
                }
                if input.consume_key(Modifiers::COMMAND | Modifiers::SHIFT, Key::C) {
                    output.copied = Some(Copied::Rows);
                }
                let is_copy = |event: &Event| matches!(event, Event::Copy);
                if input.events.iter().any(is_copy) {
                    input.events.retain(|event| !is_copy(event));
                    output.copied = Some(if state.anchor.is_some() { Copied::Rows } else { Copied::Cell });
                }
            }
        });
        if (state.cursor, state.anchor) != before && state.anchor.is_none() {
            output.moved = state.cursor;
        }
    }

    /// The scroll bar: the share of the list in sight, to drag or to press beside.
    fn bar(&self, ui: &mut Ui, rect: Rect, state: &mut ListState, page: f64) {
        let n_rows = self.n_rows as f64;
        if n_rows <= page {
            return;
        }
        let track =
            Rect::from_min_max(pos2(rect.right() - 11.0, rect.top() + 6.0), rect.right_bottom() - vec2(1.0, 6.0));
        let length = ((page / n_rows) as f32 * track.height()).max(28.0).min(track.height());
        let room = track.height() - length;
        let range = n_rows - page;
        let response = ui.interact(track, self.id.with("bar"), Sense::CLICK | Sense::DRAG);
        if let Some(at) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
            let top = track.top() + (state.first_row / range) as f32 * room;
            if response.dragged() {
                state.first_row += f64::from(response.drag_delta().y / room.max(1.0)) * range;
            } else if at.y < top || at.y > top + length {
                state.first_row = f64::from((at.y - length / 2.0 - track.top()) / room.max(1.0)) * range;
            }
            state.clamp(self.n_rows, page);
        }
        let pen = Pen::on(ui);
        let is_wide = response.hovered() || response.dragged();
        let top = track.top() + (state.first_row.clamp(0.0, range) / range) as f32 * room;
        let width = if is_wide { 6.0 } else { 3.0 };
        let thumb = Rect::from_min_size(pos2(track.right() - 1.0 - width, top), vec2(width, length));
        let color = if is_wide { pen.theme.t3 } else { pen.theme.line2 };
        pen.clipped(rect).round(thumb, width / 2.0, color);
        response.on_hover_cursor(CursorIcon::Default);
    }
}
