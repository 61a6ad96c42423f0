//! Event handlers: who publishes, who hears, how many, what comes back when they go. Ticked ones are tried out together.

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui;
use egui::{Id, Key, Modifiers, Rect, Role, Ui, pos2, vec2};

use super::freed_types::freed_types_ui;
use crate::analysis::events::{EventGroup, EventVerdict, Events, SubscriberKind};
use crate::analysis::findings::Findings;
use crate::analysis::suspects::TypeShare;
use crate::base::number;
use crate::report::events::verdict_word;
use crate::snapshot::preview::without_namespaces;
use crate::ui::app::{Command, Cx, Dump, Pane, menu_entry, menu_line};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::filter::Filter;
use crate::ui::model::paths::split_member;
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::type_name;
use crate::ui::widgets::bars::{BarLook, Share, legend, share_bar, stacked_bar};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, header};
use crate::ui::widgets::{Button, ButtonKind, Field, List, ListState, Row, RowName, marks, tick_box};

/// Height of a row: two lines.
const ROW: f32 = 46.0;
/// Height of what is tried out.
const WHAT_IF: f32 = 188.0;

/// What the view remembers.
#[derive(Debug, Default)]
pub struct EventsState {
    ticked: BTreeSet<usize>,
    wanted: Option<usize>,
    filter: String,
    rows: ListState,
    what_if: Answer<Vec<usize>, Vec<TypeShare>>,
}

impl EventsState {
    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.what_if.is_pending()
    }

    /// Goes to a group, and tries out what comes back without it.
    pub fn show(&mut self, group: usize, is_ticked: bool) {
        self.wanted = Some(group);
        self.filter.clear();
        if is_ticked {
            self.ticked.insert(group);
        }
    }

    /// Filters the rows.
    pub fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
    }
}

/// Asks what comes back when the ticked handlers go together.
pub fn ask(state: &mut EventsState, dump: &Dump) {
    state.what_if.poll();
    let Some(findings) = dump.session.findings() else { return };
    if state.ticked.is_empty() {
        return;
    }
    let ticked: Vec<usize> = state.ticked.iter().copied().collect();
    let asked = ticked.clone();
    state.what_if.want(&dump.session, ticked, move |analyses, job| {
        match (analyses.heap(), analyses.dominance.as_deref()) {
            (Some(heap), Some(dominance)) => findings.events.freed_by_type(&heap, &dominance.tree, &asked, job),
            _ => Ok(Vec::new()),
        }
    });
}

/// Draws the view.
pub fn events_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut EventsState) -> Pane {
    let id = Id::unique("events-list");
    let filter_id = Id::unique("events-filter");
    let pane = Pane { id, rect, filter: Some(filter_id) };
    let Some(findings) = cx.findings else {
        super::title_line(ui, rect);
        super::pane_title(ui, rect, "Events", "", rect.right());
        not_yet(ui, super::below_title(rect), cx, "Event handlers are looked for after the dominators.");
        return pane;
    };
    let events = &findings.events;
    let limit = filter_ui(ui, rect, state, id, filter_id);
    super::title_line(ui, rect);
    super::pane_title(ui, rect, "Events", &note(events), limit);
    let body = super::below_title(rect);
    if events.groups.is_empty() {
        let text = "No live object has a delegate in one of its fields, and no static field has one.";
        let color = theme::of(ui).ok;
        Notice { icon: icons::CHECK_CIRCLE, color, title: "No event has a handler", text, choices: &[] }.show(ui, body);
        return pane;
    }
    let shown: Vec<usize> = match Filter::parse(&state.filter) {
        Ok(filter) => {
            let matches = |group: &EventGroup| {
                let text = format!(
                    "{}.{} {}.{}",
                    group.publisher.type_name,
                    group.publisher.field,
                    group.subscriber.type_name,
                    group.subscriber.method
                );
                filter.matches(&text, &text.to_lowercase())
            };
            (0..events.groups.len()).filter(|&index| matches(&events.groups[index])).collect()
        }
        Err(_) => (0..events.groups.len()).collect(),
    };
    if shown.is_empty() {
        let title = format!("No event matches “{}”", state.filter.trim());
        let text = format!("{} are hidden.", number::counted(events.groups.len() as u64, "row", "rows"));
        let choices = [(None, "Clear the filter")];
        let notice =
            Notice { icon: icons::FUNNEL, color: theme::of(ui).t2, title: &title, text: &text, choices: &choices };
        if notice.show(ui, body).is_some() {
            state.filter.clear();
        }
        return pane;
    }
    let what_if = WHAT_IF.min(body.height() * 0.5);
    let (upper, lower) = body.split_top_bottom_at_y(body.bottom() - what_if);
    let columns = columns(rect);
    let (head, rows) = upper.split_top_bottom_at_y(upper.top() + theme::NODE + 1.0);
    header::<u8>(ui, head, &columns, None);
    rows_ui(ui, rows, cx, state, events, &shown, &columns, id);
    let pen = Pen::on(ui);
    pen.hline(rect.left(), rect.right(), lower.top(), pen.theme.line);
    what_if_ui(ui, lower, cx, state, findings);
    pane
}

/// What stands here before findings are known, or when they never will be.
pub(super) fn not_yet(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, text: &str) {
    let is_coming = cx.dump.session.background().is_some();
    let (title, text) = if is_coming {
        ("Not looked for yet", text)
    } else {
        (
            "Not looked for",
            "The analysis ended before this. Coverage says why; it can be run again from the status bar.",
        )
    };
    let color = theme::of(ui).t3;
    Notice { icon: icons::HOURGLASS, color, title, text, choices: &[] }.show(ui, rect);
}

fn filter_ui(ui: &mut Ui, rect: Rect, state: &mut EventsState, id: Id, filter_id: Id) -> f32 {
    let y = rect.top() + 20.5;
    let width = (rect.width() * 0.3).clamp(120.0, 220.0);
    let at = Rect::from_min_max(
        pos2(rect.right() - theme::PAD - width, y - 13.0),
        pos2(rect.right() - theme::PAD, y + 13.0),
    );
    let field = Field {
        icon: Some(icons::FUNNEL_SIMPLE),
        key: Some("/"),
        is_bad: Filter::parse(&state.filter).is_err(),
        can_clear: true,
        ..Field::new(filter_id, "Publisher or subscriber", "Filter events")
    };
    let response = field.show(ui, at, &mut state.filter);
    if response.has_focus() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
        state.filter.clear();
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    at.left() - 12.0
}

/// `8 leak, 1 is probably fine, 4 hold nothing`.
fn note(events: &Events) -> String {
    let mut parts = Vec::new();
    for (verdict, one, many) in [
        (EventVerdict::Leak, "leaks", "leak"),
        (EventVerdict::ProbablyFine, "is probably fine", "are probably fine"),
        (EventVerdict::OneLifetime, "belongs to its publisher", "belong to their publishers"),
        (EventVerdict::BelowAnother, "hangs below another", "hang below others"),
        (EventVerdict::HeldElsewhere, "is held elsewhere too", "are held elsewhere too"),
        (EventVerdict::HoldsNothing, "holds nothing", "hold nothing"),
    ] {
        match events.groups.iter().filter(|group| group.verdict == verdict).count() {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            n => parts.push(format!("{} {many}", number::count(n as u64))),
        }
    }
    parts.join(", ")
}

fn columns(rect: Rect) -> [Column<u8>; 4] {
    let left = rect.left() + 48.0;
    let right = rect.right() - 18.0;
    let handlers = right - 216.0;
    let middle = (left + (handlers - left) * 0.53).round();
    let column =
        |key, title, left, right, is_right, tip| Column { key, title, left, right, is_right, can_sort: false, tip };
    [
        column(0, "Publisher", left, middle - 16.0, false, "Who has the event, and what keeps that alive"),
        column(1, "Subscriber", middle, handlers - 80.0, false, "Who hears, by which method"),
        column(2, "Handlers", handlers - 70.0, handlers, true, "Subscriptions"),
        column(3, "Comes back", right - 100.0, right, true, "What is freed when these handlers go: exact"),
    ]
}

#[expect(clippy::too_many_arguments, reason = "the parts of one list")]
fn rows_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut EventsState,
    events: &Events,
    shown: &[usize],
    columns: &[Column<u8>; 4],
    id: Id,
) {
    if let Some(row) = state.wanted.take().and_then(|wanted| shown.iter().position(|&index| index == wanted)) {
        state.rows.go_to(Some(row as u64));
    }
    let bytes = |group: &EventGroup| group.freed.unwrap_or_default().bytes;
    let most = shown.iter().map(|&index| bytes(&events.groups[index])).max().unwrap_or(0);
    let n_rows = shown.len() as u64;
    let list = List { id, name: "Events", role: Role::Table, n_rows, row_height: ROW };
    let mut rows = state.rows;
    let mut ticks = Vec::new();
    let mut pressed = None;
    let output = list.show(ui, rect, &mut rows, |ui, row| {
        let Some(&index) = shown.get(row.index as usize) else { return RowName::default() };
        let group = &events.groups[index];
        let is_ticked = state.ticked.contains(&index);
        let place = Rect::from_center_size(pos2(row.rect.left() + 26.0, row.rect.center().y), vec2(26.0, 26.0));
        let name = format!("Try without {} of {}", event_name(group), group.subscriber.type_name);
        if can_tick(group) && tick_box(ui, place, id.with(("tick", index)), &name, is_ticked).clicked() {
            ticks.push(index);
            pressed = Some(row.index);
        }
        if row_menu(cx, row, group, is_ticked) {
            ticks.push(index);
        }
        if row.response.hovered() {
            row.response.clone().on_hover_text_at_pointer(tip(events, group));
        }
        row_ui(&Pen::on(ui), row.rect, events, group, columns, most).into()
    });
    let cursor = rows.cursor.and_then(|row| shown.get(row as usize)).copied();
    if pressed.is_some() {
        // Keys go on from the row that was ticked with the pointer.
        rows.go_to(pressed);
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    state.rows = rows;
    if output.has_focus && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Space)) {
        ticks.extend(cursor.filter(|&index| can_tick(&events.groups[index])));
    }
    for index in ticks {
        if !state.ticked.remove(&index) {
            state.ticked.insert(index);
        }
    }
    let place = |row: u64| {
        let object = events.groups.get(*shown.get(row as usize)?)?.example?;
        Some(Place::object(cx.snapshot, object))
    };
    if let Some(place) = output.activated.and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    if let (Some(_), Some((first, last))) = (output.copied, state.rows.selection()) {
        let lines = (first..=last).filter_map(|row| Some(tsv(events.groups.get(*shown.get(row as usize)?)?)));
        cx.outbox.send(Command::Copy(lines.collect::<Vec<_>>().join("\n")));
    }
}

/// Handlers that hold nothing give nothing back.
fn can_tick(group: &EventGroup) -> bool {
    !matches!(group.verdict, EventVerdict::HoldsNothing)
}

fn event_name(group: &EventGroup) -> String {
    format!("{}.{}", without_namespaces(&group.publisher.type_name), group.publisher.field)
}

/// `OnTick`, `lambda in Watch, through a closure class`.
fn method_words(group: &EventGroup) -> String {
    let method = &group.subscriber.method;
    match group.subscriber.kind {
        SubscriberKind::Closure => format!("{method}, through a closure class"),
        SubscriberKind::Instance if group.n_handlers >= 2 * group.n_subscribers.max(1) => {
            let times = group.n_handlers / group.n_subscribers.max(1);
            let times = if times == 2 { "twice".to_owned() } else { format!("{times} times") };
            format!("{method}, each added {times}")
        }
        SubscriberKind::Instance => method.clone(),
        SubscriberKind::StaticLambda => format!("{method}, captures nothing"),
        SubscriberKind::StaticMethod => format!("{method}, static"),
        SubscriberKind::Weak => format!("{method}, through a weak reference"),
    }
}

fn row_ui(pen: &Pen, rect: Rect, events: &Events, group: &EventGroup, columns: &[Column<u8>; 4], most: u64) -> String {
    let theme = pen.theme;
    let (first, second) = (rect.top() + 15.0, rect.top() + 33.0);
    let [publisher, subscriber, handlers, back] = columns;
    let is_leak = group.verdict == EventVerdict::Leak;
    let name = type_name::short(&group.publisher.type_name);
    let spans = [
        span(format!("{name}."), theme::BODY, theme.t3),
        span(group.publisher.field.as_str(), theme::BODY_MEDIUM, theme.t1),
    ];
    pen.spans_cut(publisher.left, publisher.right, first, &spans);
    let held = held_words(pen, group);
    pen.spans_cut(publisher.left, publisher.right, second, &held);
    let remark = if is_leak { with_words(events, group) } else { verdict_word(group.verdict).to_owned() };
    let remark_width = if remark.is_empty() { 0.0 } else { pen.text_width(&remark, theme::SMALL) + 16.0 };
    let end = subscriber.right - remark_width;
    pen.text_cut(
        subscriber.left,
        end,
        first,
        &type_name::short(&group.subscriber.type_name),
        theme::BODY_MEDIUM,
        theme.t1,
    );
    pen.text_cut(subscriber.left, end, second, &method_words(group), theme::SMALL, theme.t2);
    if !remark.is_empty() {
        pen.text_right(subscriber.right, first, &remark, theme::SMALL, theme.t3);
    }
    pen.text_right(handlers.right, first, &number::count(group.n_handlers), theme::BODY, theme.t1);
    if let Some(freed) = group.freed {
        share_bar(pen, handlers.right + 22.0, first, 90.0, freed.bytes, most, BarLook::Exact);
        pen.size(back.right, first, freed.bytes, theme.t1);
        if freed.bytes > 0 {
            pen.text_right(back.right, second, &number::share(freed.bytes, events.live.bytes), theme::SMALL, theme.t3);
        }
    }
    let freed = group.freed.map_or("not asked".to_owned(), |freed| number::size(freed.bytes));
    let with = Some(with_words(events, group)).filter(|with| !with.is_empty()).map(|with| format!(" {with}"));
    format!(
        "{}, {} {}, {}, {freed} come back, {}{}",
        event_name(group),
        group.subscriber.type_name,
        group.subscriber.method,
        number::counted(group.n_handlers, "handler", "handlers"),
        verdict_word(group.verdict),
        with.unwrap_or_default()
    )
}

/// `with Clock.Tock`, `with 2 others`: events that hold the same subscribers, so that each alone frees none of them.
fn with_words(events: &Events, group: &EventGroup) -> String {
    match group.with.as_slice() {
        [] => String::new(),
        &[one] => events.groups.get(one).map_or_else(String::new, |other| format!("with {}", event_name(other))),
        others => format!("with {} others", number::count(others.len() as u64)),
    }
}

/// `static event`, `one publisher, held by static App.Settings`.
fn held_words(pen: &Pen, group: &EventGroup) -> Vec<crate::ui::pen::Span> {
    let theme = pen.theme;
    if group.publisher_object.is_none() {
        return vec![span(group.publisher.words(), theme::SMALL, theme.t2)];
    }
    let n = match group.n_publishers {
        1 => "one publisher".to_owned(),
        n => format!("{} publishers", number::count(n)),
    };
    let list = if group.publisher.kind == crate::analysis::events::PublisherKind::HandlerList {
        "in an EventHandlerList, "
    } else {
        ""
    };
    let mut spans = vec![span(format!("{list}{n}"), theme::SMALL, theme.t2)];
    if let Some(held_by) = &group.held_by {
        spans[0].text.push_str(", held by");
        match held_by.strip_prefix("static ") {
            Some(name) => {
                spans.push(span("static", theme::SMALL, theme.static_root).after(6.0));
                let short = match split_member(name) {
                    Some((ty, member)) => format!("{}.{member}", type_name::short(ty)),
                    None => name.to_owned(),
                };
                spans.push(span(short, theme::SMALL, theme.t1).after(5.0));
            }
            None => spans.push(span(held_by.as_str(), theme::SMALL, theme.t1).after(5.0)),
        }
    }
    spans
}

fn tip(events: &Events, group: &EventGroup) -> String {
    let meaning = match group.verdict {
        EventVerdict::Leak if !group.with.is_empty() => {
            "Several events hold these subscribers and nothing else does: they come back when all of them let go"
        }
        EventVerdict::Leak => "Subscribers that nothing else holds pile up on a publisher that outlives them",
        EventVerdict::ProbablyFine => "Few handlers",
        EventVerdict::OneLifetime => "About one handler for each publisher: they belong together",
        EventVerdict::BelowAnother => "Its publishers live only through another leak of this list",
        EventVerdict::HeldElsewhere => "Every subscriber is held by something else, too",
        EventVerdict::HoldsNothing => "Such a handler holds nothing of its subscriber",
    };
    let others = group.with.iter().filter_map(|&other| events.groups.get(other));
    let others: String = others.map(|other| format!("\nwith {}", event_name(other))).collect();
    format!(
        "{}.{} → {}.{}\n{}, {}, {} held by nothing else\n{meaning}{others}\nfingerprint {}",
        group.publisher.type_name,
        group.publisher.field,
        group.subscriber.type_name,
        group.subscriber.method,
        number::counted(group.n_handlers, "handler", "handlers"),
        number::counted(group.n_subscribers, "subscriber", "subscribers"),
        number::count(group.n_exclusive),
        group.fingerprint
    )
}

fn tsv(group: &EventGroup) -> String {
    let freed = group.freed.map_or(String::new(), |freed| format!("{}\t{}", freed.count, freed.bytes));
    format!(
        "{}.{}\t{}.{}\t{}\t{freed}\t{}\t{}",
        group.publisher.type_name,
        group.publisher.field,
        group.subscriber.type_name,
        group.subscriber.method,
        group.n_handlers,
        verdict_word(group.verdict),
        group.fingerprint
    )
}

/// The menu of a row. True when it was ticked or unticked there.
fn row_menu(cx: &Cx<'_>, row: &Row, group: &EventGroup, is_ticked: bool) -> bool {
    let mut is_toggled = false;
    row.response.context_menu(|ui| {
        ui.set_max_width(260.0);
        ui.set_min_width(240.0);
        if can_tick(group) {
            let (icon, words) = if is_ticked { (icons::X, "Untick it") } else { (icons::PROHIBIT, "What if it goes") };
            if menu_entry(ui, Some(icon), words, "Space", true, false) {
                is_toggled = true;
                ui.close();
            }
        }
        let mut entries = Vec::new();
        if let Some(example) = group.example {
            let place = Place::object(cx.snapshot, example);
            entries.push((Some(icons::TREE_STRUCTURE), "Show why one is alive", "Enter", Command::Go(place)));
            let ty = Some(cx.snapshot.objects.type_of(example));
            let all = Place { ty, ..Place::view(View::Types) };
            entries.push((Some(icons::TABLE), "All subscribers of the type", "", Command::Go(all)));
        }
        if let Some(publisher) = group.publisher_object {
            let place = Place::object(cx.snapshot, publisher);
            entries.push((Some(icons::ARROW_RIGHT), "Go to the publisher", "", Command::Go(place)));
        }
        let n_ways = entries.len();
        entries.push((Some(icons::COPY), "Copy the row", "Ctrl Shift C", Command::Copy(tsv(group))));
        entries.push((Some(icons::FINGERPRINT), "Copy the fingerprint", "", Command::Copy(group.fingerprint.clone())));
        for (index, (icon, words, keys, command)) in entries.into_iter().enumerate() {
            if index == n_ways && n_ways > 0 {
                menu_line(ui);
            }
            if menu_entry(ui, icon, words, keys, true, false) {
                cx.outbox.send(command);
                ui.close();
            }
        }
    });
    is_toggled
}

fn what_if_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut EventsState, findings: &Findings) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let (left, right) = (rect.left() + theme::PAD, rect.right() - theme::PAD);
    let ticked: Vec<usize> = state.ticked.iter().copied().collect();
    let note = match ticked.len() {
        0 => String::new(),
        1 => "the ticked event lets go".to_owned(),
        n => format!("the {n} ticked events let go"),
    };
    super::pane_title(ui, rect, "What if", &note, right);
    if ticked.is_empty() {
        let text = "Tick events above, or press Space on a row: the heap is walked without their handlers, and what would \
                    come back is shown here, exact.";
        pen.paragraph(left, rect.top() + 44.0, right - left, 20.0, &[span(text, theme::BODY, theme.t2)]);
        return;
    }
    let Some(shares) = state.what_if.value_of(&ticked).cloned() else {
        pen.text(left, rect.top() + 62.0, "Walking the heap without them", theme::BODY, theme.t2);
        return;
    };
    let (bytes, count) = sum(&shares);
    let live = findings.events.live.bytes;
    let y = rect.top() + 62.0;
    let x = pen.text(
        left,
        y,
        &format!("{} come back", number::size(bytes)),
        theme::LEAD.with(theme::Face::SemiBold),
        theme.t1,
    );
    let text = format!(
        "in {}, {} of the live heap. Exact: the heap was walked without these handlers.",
        number::counted(count, "object", "objects"),
        number::share(bytes, live)
    );
    pen.text_cut(x + 12.0, right, y, &text, theme::BODY, theme.t2);
    let parts = parts(findings, &ticked, bytes, live, theme);
    stacked_bar(&pen, Rect::from_min_max(pos2(left, y + 24.0), pos2(right, y + 34.0)), &parts);
    legend(&pen.clipped(rect), left, y + 51.0, &parts);
    let y = y + 90.0;
    let types = Button::new(Some(icons::TABLE), "Types that come back").kind(ButtonKind::Primary);
    let types_button = types.left(ui, left, y);
    egui::Popup::from_toggle_button_response(&types_button)
        .gap(6.0)
        .align(egui::RectAlign::TOP_START)
        .show(|ui| freed_types_ui(ui, cx, &shares, |share| (share.ty, share.count, share.bytes)));
    let mut x = left + types.width(&pen) + 8.0;
    let clear = Button::new(Some(icons::X), "Untick all");
    if clear.left(ui, x, y).clicked() {
        state.ticked.clear();
    }
    x += clear.width(&pen) + 8.0;
    let command = format!("heaproot events {}", cx.dump.name);
    let at = Rect::from_min_max(pos2(x + 8.0, y - 14.0), pos2(right, y + 14.0));
    if at.width() > 180.0 && marks::command_line(ui, at, &command) {
        cx.outbox.send(Command::Copy(command));
    }
}

fn sum(shares: &Arc<Vec<TypeShare>>) -> (u64, u64) {
    shares.iter().fold((0, 0), |(bytes, count), share| (bytes + share.bytes, count + share.count))
}

/// What each event gives back alone, what only all together do, and what stays. One part where they overlap.
fn parts(findings: &Findings, ticked: &[usize], bytes: u64, live: u64, theme: &theme::Theme) -> Vec<Share> {
    let groups = ticked.iter().filter_map(|&index| findings.events.groups.get(index));
    let mut parts: Vec<Share> = groups
        .enumerate()
        .map(|(index, group)| Share {
            label: event_name(group),
            bytes: group.freed.unwrap_or_default().bytes,
            color: theme.series(index),
        })
        .collect();
    let alone: u64 = parts.iter().map(|part| part.bytes).sum();
    if alone > bytes || parts.len() > 5 {
        parts = vec![Share { label: "all together".to_owned(), bytes, color: theme.accent }];
    } else if bytes > alone {
        parts.push(Share { label: "only together".to_owned(), bytes: bytes - alone, color: theme.series(4) });
    }
    parts.push(Share { label: "stays".to_owned(), bytes: live.saturating_sub(bytes), color: theme.track });
    parts
}
