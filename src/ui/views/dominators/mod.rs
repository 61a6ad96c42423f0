//! What each object keeps alive: the dominator tree as a list, as a treemap and as an icicle. One selection for all three.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui;
use egui::{Id, Rect, Role, Ui, pos2, vec2};

use crate::analysis::dominator_tree::Grouping;
use crate::base::{RootKind, number};
use crate::snapshot::ObjectId;
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::dominators::{
    self, DominatorLine, DominatorList, DominatorTop, RowWords, TreeQuery, row_key, way_to,
};
use crate::ui::model::types::Liveness;
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};
use crate::ui::widgets::bars::{BarLook, share_bar};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, header};
use crate::ui::widgets::treemap::{self, MapCell, MapOutput};
use crate::ui::widgets::{self, Button, ButtonKind, Copied, List, ListState, Row, RowName, caret};

/// Height of the icicle's pane.
const ICICLE: f32 = 146.0;
/// Below this width the maps stand under the tree.
const NARROW: f32 = 900.0;
/// Below this width of the tree retained sizes have no bars.
const TIGHT: f32 = 540.0;
/// Height of the line below the tree.
const FOOT: f32 = 28.0;
/// Width of the bars.
const BAR: f32 = 66.0;

/// What the view remembers.
#[derive(Debug)]
pub struct DominatorsState {
    query: TreeQuery,
    open: BTreeSet<u64>,
    selected: Option<u64>,
    /// An object to be shown as soon as its row is known.
    wanted: Option<ObjectId>,
    rows: ListState,
    synced: Option<(Option<u64>, usize)>,
    top: Answer<TreeQuery, Option<Arc<DominatorTop>>>,
    list: Answer<(TreeQuery, BTreeSet<u64>), DominatorList>,
    treemap: Cells,
    icicle: Cells,
}

impl Default for DominatorsState {
    fn default() -> Self {
        Self {
            query: TreeQuery::FIRST,
            open: BTreeSet::new(),
            selected: None,
            wanted: None,
            rows: ListState::default(),
            synced: None,
            top: Answer::default(),
            list: Answer::default(),
            treemap: Cells::default(),
            icicle: Cells::default(),
        }
    }
}

impl DominatorsState {
    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.top.is_pending() || self.list.is_pending()
    }

    /// Folds the tree out down to `object`.
    pub fn show(&mut self, object: ObjectId) {
        self.query = TreeQuery::FIRST;
        self.wanted = Some(object);
    }

    /// The rows under the root: the first are the dump's.
    fn top<'a>(&'a self, dump: &'a Dump) -> Option<&'a Arc<DominatorTop>> {
        self.answer(dump)?.as_ref().as_ref()
    }

    fn answer<'a>(&'a self, dump: &'a Dump) -> Option<&'a Arc<Option<Arc<DominatorTop>>>> {
        if self.query == TreeQuery::FIRST { dump.holders.value() } else { self.top.value_of(&self.query) }
    }

    /// Another tree, or other rows of it.
    fn change(&mut self, query: TreeQuery) {
        if query.grouping != self.query.grouping {
            self.open.clear();
        }
        if !query.stack {
            // The tree with stacks is let go.
            self.top = Answer::default();
        }
        self.query = query;
        self.selected = None;
        self.rows = ListState::default();
    }
}

/// Laid out cells of a map, made again when the tree or the size changes.
#[derive(Debug, Default)]
pub struct Cells {
    of: Option<(Arc<DominatorTop>, egui::Vec2)>,
    cells: Arc<Vec<MapCell>>,
}

impl Cells {
    /// The cells of `top` in `size`.
    pub fn get(
        &mut self,
        top: &Arc<DominatorTop>,
        size: egui::Vec2,
        layout: impl FnOnce(&[treemap::MapNode], egui::Vec2) -> Vec<MapCell>,
    ) -> Arc<Vec<MapCell>> {
        if !self.of.as_ref().is_some_and(|(of, at)| Arc::ptr_eq(of, top) && *at == size) {
            self.of = Some((Arc::clone(top), size));
            self.cells = Arc::new(layout(&top.map, size));
        }
        Arc::clone(&self.cells)
    }
}

/// Asks for the rows.
pub fn ask(state: &mut DominatorsState, dump: &Dump) {
    state.top.poll();
    state.list.poll();
    if dump.session.dominance().is_none() {
        return;
    }
    let query = state.query;
    if query != TreeQuery::FIRST {
        let last = state.top.value().and_then(|last| last.as_ref().as_ref());
        let known = last.filter(|last| last.query.stack == query.stack).map(|last| Arc::clone(&last.dominance));
        state.top.want(&dump.session, query, move |analyses, job| dominators::top(analyses, query, known, job));
    }
    let Some(answer) = state.answer(dump).cloned() else { return };
    if let (Some(object), Some(top)) = (state.wanted.take(), answer.as_ref().as_ref()) {
        let key = u64::from(object.0);
        state.open.extend(way_to(&top.map, key));
        state.selected = Some(key);
    }
    let open = state.open.clone();
    state.list.want(&dump.session, (query, open.clone()), move |analyses, job| match answer.as_ref() {
        Some(top) => dominators::list(analyses, top, &open, job),
        None => Ok(DominatorList::default()),
    });
}

/// Draws the view.
pub fn dominators_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut DominatorsState) -> Vec<Pane> {
    let pen = Pen::on(ui);
    let (upper, icicle) = rect.split_top_bottom_at_y(rect.bottom() - ICICLE.min(rect.height() * 0.3));
    let (tree, map) = if rect.width() < NARROW {
        upper.split_top_bottom_at_y(upper.top() + upper.height() * 0.58)
    } else {
        upper.split_left_right_at_x((upper.left() + upper.width() * 0.533).round())
    };
    let mut panes = vec![tree_ui(&mut widgets::part(ui, "dominators", tree), tree, cx, state)];
    let has_rows = state.top(cx.dump).is_some_and(|top| !top.map.is_empty());
    if has_rows {
        panes.push(map_pane(&mut widgets::part(ui, "treemap", map), map, cx, state, Look::Treemap));
        panes.push(map_pane(&mut widgets::part(ui, "icicle", icicle), icicle, cx, state, Look::Icicle));
        pen.vline(tree.right(), upper.top(), upper.bottom(), pen.theme.line);
        pen.hline(rect.left(), rect.right(), icicle.top(), pen.theme.line);
    }
    panes
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Treemap,
    Icicle,
}

fn map_pane(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut DominatorsState, look: Look) -> Pane {
    let (title, note, name) = match look {
        Look::Treemap => ("Treemap", "area is retained bytes, an inner cell is what its holder keeps alive", "treemap"),
        Look::Icicle => ("Icicle", "the same tree, root above, width is retained bytes", "icicle"),
    };
    let id = Id::unique(("dominator-map", name));
    let pane = Pane { id, rect, filter: None };
    super::pane_title(ui, rect, title, note, rect.right() - theme::PAD);
    let body = match look {
        Look::Treemap => {
            super::title_line(ui, rect);
            super::below_title(rect)
        }
        Look::Icicle => Rect::from_min_max(
            pos2(rect.left() + theme::PAD, rect.top() + theme::PANE),
            pos2(rect.right() - theme::PAD, rect.bottom() - 8.0),
        ),
    };
    let mut cells = std::mem::take(if look == Look::Treemap { &mut state.treemap } else { &mut state.icicle });
    let output = match state.top(cx.dump) {
        Some(top) => {
            let layout = if look == Look::Treemap { treemap::layout } else { treemap::icicle };
            let laid_out = cells.get(top, body.size(), layout);
            treemap::map_ui(ui, body, id, title, &laid_out, top.total.bytes, state.selected)
        }
        None => MapOutput::default(),
    };
    match look {
        Look::Treemap => state.treemap = cells,
        Look::Icicle => state.icicle = cells,
    }
    if let Some(key) = output.selected.or(output.activated) {
        select(cx, state, key);
    }
    if let Some(key) = output.activated {
        activate(cx, state, key);
    }
    pane
}

/// Selects a node of a map, and folds the list out down to it.
fn select(cx: &Cx<'_>, state: &mut DominatorsState, key: u64) {
    if let Some(way) = state.top(cx.dump).map(|top| way_to(&top.map, key)) {
        state.open.extend(way);
    }
    state.selected = Some(key);
}

fn activate(cx: &Cx<'_>, state: &DominatorsState, key: u64) {
    let line = state.list.value().and_then(|list| list.lines.iter().find(|line| line.key == row_key(key)));
    if let Some(place) = line.and_then(|line| place_of(cx, line)) {
        cx.outbox.send(Command::Go(place));
    }
}

/// Where a row leads: its object, or its type.
fn place_of(cx: &Cx<'_>, line: &DominatorLine) -> Option<Place> {
    match (line.object, line.ty) {
        (Some(object), _) => Some(Place::object(cx.snapshot, object)),
        (None, Some(ty)) => Some(Place { ty: Some(ty), ..Place::view(View::Types) }),
        (None, None) => None,
    }
}

fn tree_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut DominatorsState) -> Pane {
    let id = Id::unique("dominator-list");
    let pane = Pane { id, rect, filter: None };
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = rect.top() + 20.5;
    let mut right = rect.right() - 12.0;
    for (grouping, word, tip) in [
        (Grouping::Module, "Module", "Siblings whose types are of one module are one row"),
        (Grouping::Namespace, "Namespace", "Siblings whose types share a namespace are one row"),
        (Grouping::Object, "Object", "Every object is a row"),
        (Grouping::Type, "Type", "Siblings of one type are one row"),
    ] {
        let button = Button::new(None, word).kind(ButtonKind::Quiet).on(state.query.grouping == grouping);
        if button.right(ui, right, y).on_hover_text(tip).clicked() && state.query.grouping != grouping {
            state.change(TreeQuery { grouping, ..state.query });
        }
        right -= button.width(&pen) + 4.0;
    }
    let note = state.top(cx.dump).map_or(String::new(), |top| {
        let total = top.total;
        format!("{} live objects, {}", number::count(total.count), number::size(total.bytes))
    });
    super::title_line(ui, rect);
    super::pane_title(ui, rect, "Dominators", &note, right - 8.0);
    let (body, foot) = {
        let body = super::below_title(rect);
        body.split_top_bottom_at_y(body.bottom() - FOOT)
    };
    foot_ui(ui, foot, cx, state);
    let Some(list) = state.list.value().cloned() else {
        not_yet(ui, body, cx);
        return pane;
    };
    if list.lines.is_empty() {
        let text = if state.query.stack {
            "No root holds an object, not even a word on a stack: everything on the heap is garbage."
        } else {
            "No precise root holds an object: everything on the heap is garbage, or hangs on stacks alone."
        };
        let notice =
            Notice { icon: icons::RECYCLE, color: theme.t3, title: "Nothing is kept alive", text, choices: &[] };
        notice.show(ui, body);
        return pane;
    }
    let columns = columns(rect);
    let (head, rows) = body.split_top_bottom_at_y(body.top() + theme::NODE + 1.0);
    header::<u8>(ui, head, &columns, None);
    rows_ui(ui, rows, cx, state, &list, &columns, id);
    pane
}

/// Whether stacks hold, and what stands in no row.
fn foot_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut DominatorsState) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let Some(reachability) = cx.reachability.filter(|_| cx.dominance.is_some()) else { return };
    pen.hline(rect.left(), rect.right(), rect.top(), theme.line);
    let y = rect.center().y + 0.5;
    let (stack, dead) = (reachability.amount(RootKind::Stack), reachability.unreachable(cx.snapshot).bytes);
    let mut right = rect.right() - 18.0;
    if dead > 0 {
        let words = format!("{} unreachable", number::size(dead));
        right -= pen.text_width(&words, theme::BODY_MEDIUM);
        let link = widgets::link(ui, right, y, &words);
        if link.on_hover_text("What nothing holds, by type: a collection would free it").clicked() {
            cx.outbox.send(Command::Count(Liveness::Dead));
            cx.outbox.send(Command::Show(View::Types));
        }
        right -= 16.0;
    }
    let left = rect.left() + theme::PAD;
    let words = format!("stacks hold, too: {} on them alone", number::size(stack.bytes));
    let switch = widgets::switch(ui, left, right, y, &words, state.query.stack);
    let tip = "Words on stacks and in registers may be stale. Off: they hold nothing, and what hangs on them alone\n\
               stands in no row. On: such rows are marked.";
    if switch.on_hover_text(tip).clicked() {
        state.change(TreeQuery { stack: !state.query.stack, ..state.query });
    }
}

/// What stands here before dominators are known, or when they never will be.
pub(super) fn not_yet(ui: &mut Ui, rect: Rect, cx: &Cx<'_>) {
    let is_ended = cx.dump.session.background().is_none() && cx.dominance.is_none();
    let (title, text) = if is_ended {
        ("Not computed", "The analysis ended before it. Coverage says why; it can be run again from the status bar.")
    } else {
        ("Finding out who keeps what alive", "It follows after the references, and takes seconds on big heaps.")
    };
    Notice { icon: icons::HOURGLASS, color: theme::of(ui).t3, title, text, choices: &[] }.show(ui, rect);
}

fn columns(rect: Rect) -> [Column<u8>; 4] {
    let right = rect.right() - 18.0;
    let retained = right - if rect.width() < TIGHT { 140.0 } else { 158.0 + BAR };
    let objects = retained - 20.0;
    let column =
        |key, title, left, right, is_right, tip| Column { key, title, left, right, is_right, can_sort: false, tip };
    [
        column(0, "Kept alive by", rect.left() + theme::PAD, objects - 76.0, false, ""),
        column(1, "Objects", objects - 76.0, objects, true, "Objects that go with it, itself included"),
        column(2, "Retained", retained, right - 80.0, true, "Bytes that go with it: exact"),
        column(3, "Own", right - 64.0, right, true, "Bytes of the object itself"),
    ]
}

fn rows_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut DominatorsState,
    list: &DominatorList,
    columns: &[Column<u8>; 4],
    id: Id,
) {
    let n_rows = list.lines.len() as u64;
    let selected = state.selected.map(row_key);
    if state.synced != Some((selected, list.lines.len())) {
        state.synced = Some((selected, list.lines.len()));
        let row = selected.and_then(|key| list.lines.iter().position(|line| line.key == key));
        if let Some(row) = row.filter(|&row| state.rows.cursor != Some(row as u64)) {
            state.rows.go_to(Some(row as u64));
        }
    }
    let most = list.lines.iter().map(|line| line.retained.bytes).max().unwrap_or(0);
    let view = List { id, name: "Dominators", role: Role::Tree, n_rows, row_height: theme::ROW };
    let mut rows = state.rows;
    let mut toggled = None;
    let output = view.show(ui, rect, &mut rows, |ui, row| {
        let Some(line) = list.lines.get(row.index as usize) else { return RowName::default() };
        let says = row_ui(&Pen::on(ui), row, line, columns, most);
        if line.is_open.is_some_and(|is_open| caret(ui, row, columns[0].left + indent(line), is_open)) {
            toggled = Some(row.index);
        }
        row_menu(cx, row, line);
        if row.response.hovered() {
            row.response.clone().on_hover_text_at_pointer(tip(line));
        }
        RowName { text: says, level: Some(line.depth + 1), is_expanded: line.is_open }
    });
    state.rows = rows;
    let line = |row: u64| list.lines.get(row as usize);
    if let Some(line) = output.clicked.or(output.moved).or(toggled).and_then(line) {
        state.selected = Some(line.key);
        state.synced = Some((state.selected.map(row_key), list.lines.len()));
    }
    if let Some(line) = toggled.and_then(line) {
        toggle(state, line.key, line.is_open != Some(true));
    }
    if let Some((row, wants_open)) = output.folded
        && let Some(line) = line(row).filter(|line| line.is_open.is_some())
    {
        toggle(state, line.key, wants_open);
    }
    if let Some(line) = output.activated.and_then(line) {
        match place_of(cx, line) {
            Some(place) => cx.outbox.send(Command::Go(place)),
            None => toggle(state, line.key, line.is_open != Some(true)),
        }
    }
    if let Some(place) = output.opened_behind.and_then(line).and_then(|line| place_of(cx, line)) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(copied), Some((first, last))) = (output.copied, state.rows.selection()) {
        let lines = (first..=last).filter_map(line).map(|line| match copied {
            Copied::Cell => tip(line),
            Copied::Rows => tsv(line),
        });
        cx.outbox.send(Command::Copy(lines.collect::<Vec<_>>().join("\n")));
    }
}

fn toggle(state: &mut DominatorsState, key: u64, is_open: bool) {
    if is_open {
        state.open.insert(key);
    } else {
        state.open.remove(&key);
    }
}

fn indent(line: &DominatorLine) -> f32 {
    // Deep chains stop indenting: the name must stay legible.
    line.depth.min(12) as f32 * 16.0
}

fn row_ui(pen: &Pen, row: &Row, line: &DominatorLine, columns: &[Column<u8>; 4], most: u64) -> String {
    let theme = pen.theme;
    let y = row.rect.center().y;
    let [name, objects, retained, own] = columns;
    let mut x = name.left + indent(line) + 18.0;
    if line.depth == 0 {
        let ground = treemap::ground(theme, line.branch, 0);
        let mark = theme::mix(ground, theme.t2, 0.25);
        pen.round(Rect::from_min_size(pos2(pen.snap(x), pen.snap(y - 5.0)), vec2(10.0, 10.0)), 2.0, mark);
        x += 17.0;
    }
    words_ui(pen, x, name.right - 8.0, y, &line.words);
    pen.text_right(objects.right, y, &number::count(line.retained.count), theme::BODY, theme.t1);
    if retained.right - retained.left > 2.0 * BAR {
        share_bar(pen, retained.left, y, BAR, line.retained.bytes, most, BarLook::Exact);
    }
    pen.size(retained.right, y, line.retained.bytes, theme.t1);
    pen.size(own.right, y, line.own_bytes, theme.t2);
    let (prefix, own_name) = line.words.short();
    format!(
        "{prefix}{own_name}, {}, retains {}",
        number::counted(line.retained.count, "object", "objects"),
        number::size(line.retained.bytes)
    )
}

/// The words of a row, cut at `right`.
pub(super) fn words_ui(pen: &Pen, x: f32, right: f32, y: f32, words: &RowWords) {
    let theme = pen.theme;
    let mut x = x;
    if !words.kind.is_empty() {
        let color = if words.kind == "static" { theme.static_root } else { theme.warn };
        x = pen.text(x, y, words.kind, theme::SMALL, color) + 7.0;
    }
    if !words.edge.is_empty() {
        x = pen.text_cut(x, right, y, &words.edge, theme::MONO, theme.t2) + 8.0;
    }
    if !words.prefix.is_empty() {
        let (style, color) =
            if words.kind == "static" { (theme::BODY, theme.t3) } else { (theme::BODY_MEDIUM, theme.t1) };
        let prefix = span(words.prefix.as_str(), style, color);
        x = match words.is_type {
            true => pen.spans_cut(x, right, y, &[prefix]),
            false => pen.member_cut(x, right, y, prefix, span(words.name.as_str(), theme::BODY_MEDIUM, theme.t1)),
        };
    }
    let suffix = pen.text_width(&words.suffix, theme::BODY);
    if words.is_type {
        let room = (right - x - suffix).max(30.0);
        let style = NameStyle { fold_system: true, ..NameStyle::cell(theme) };
        x = pen.spans_cut(x, x + room + 1.0, y, &type_name::spans(pen, &words.name, room, style));
    } else if words.prefix.is_empty() {
        x = pen.text_cut(x, right, y, &words.name, theme::BODY_MEDIUM, theme.t1);
    }
    if !words.suffix.is_empty() {
        pen.spans_cut(x, right, y, &[span(words.suffix.as_str(), theme::BODY, theme.t2)]);
    }
}

fn tip(line: &DominatorLine) -> String {
    let words = &line.words;
    let edge = if words.edge.is_empty() { String::new() } else { format!("{} of the row above: ", words.edge) };
    let kind = if words.kind.is_empty() { String::new() } else { format!("{} ", words.kind) };
    let doubt = match words.kind {
        "stack" => "\nheld by words on stacks alone, which may be stale",
        "finalizer" => "\nheld by the finalizer queue alone, until its finalizers have run",
        _ => "",
    };
    format!(
        "{edge}{kind}{}{}{}\nkeeps {} in {} alive, {} of it itself{doubt}",
        words.prefix,
        words.name,
        words.suffix,
        number::exact_bytes(line.retained.bytes),
        number::counted(line.retained.count, "object", "objects"),
        number::exact_bytes(line.own_bytes)
    )
}

fn tsv(line: &DominatorLine) -> String {
    let words = &line.words;
    let name = format!("{}{}{}", words.prefix, words.name, words.suffix);
    format!("{name}\t{}\t{}\t{}", line.retained.count, line.retained.bytes, line.own_bytes)
}

fn row_menu(cx: &Cx<'_>, row: &Row, line: &DominatorLine) {
    row.response.context_menu(|ui| {
        ui.set_max_width(250.0);
        ui.set_min_width(230.0);
        if let Some(place) = place_of(cx, line) {
            let word = if line.object.is_some() { "Why is it alive" } else { "Instances of the type" };
            for (icon, word, keys, command) in [
                (Some(icons::ARROW_RIGHT), word, "Enter", Command::Go(place)),
                (None, "Open behind", "Ctrl Enter", Command::GoBehind(place)),
            ] {
                if menu_entry(ui, icon, word, keys, true, false) {
                    cx.outbox.send(command);
                    ui.close();
                }
            }
            menu_line(ui);
        }
        let mut entries = vec![(Some(icons::COPY), "Copy the row", "Ctrl Shift C", Command::Copy(tsv(line)))];
        if let Some(object) = line.object {
            let address = cx.snapshot.objects.address(object);
            entries.push((None, "Copy the address", "", Command::Copy(address.to_string())));
            let command = format!("heaproot retained {} --object {address}", cx.dump.name);
            entries.push((Some(icons::TERMINAL), "Copy the command", "", Command::Copy(command)));
        }
        for (icon, word, keys, command) in entries {
            if menu_entry(ui, icon, word, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
}
