//! The heap at a glance: what is live, garbage and free; the biggest types; what keeps most alive; four facts.

use eframe::egui;
use egui::{Id, Rect, Role, Ui, pos2, vec2};

use super::{OverviewState, pressable};
use crate::base::number;
use crate::snapshot::{GenerationTotals, TypeId, TypeTotals};
use crate::ui::app::{Command, Cx, Finding};
use crate::ui::icons;
use crate::ui::model::dominators::row_key;
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme::{self, Face};
use crate::ui::type_name::{self, NameStyle};
use crate::ui::views::status;
use crate::ui::widgets::bars::{BarLook, Share, legend, share_bar, stacked_bar};
use crate::ui::widgets::{self, List, RowName, treemap};

/// Live, unreachable and free bytes as one bar, and the generations; returns the bottom.
pub(super) fn bar_ui(ui: &Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>) -> f32 {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let snapshot = cx.snapshot;
    let free: u64 = snapshot.coverage.generations.iter().map(|totals| totals.free_bytes).sum();
    let objects = snapshot.object_bytes();
    let n_segments = snapshot.objects.segments().len() as u64;
    let (one, many) = match snapshot.facts.gc.layout {
        crate::snapshot::GcLayoutKind::Regions => ("region", "regions"),
        _ => ("segment", "segments"),
    };
    let note = format!("{} in {}", number::size(objects + free), number::counted(n_segments, one, many));
    let x = pen.text(left, top, "Heap at a glance", theme::BODY_STRONG, theme.t1);
    pen.text(x + 9.0, top, &note, theme::SMALL, theme.t3);
    let share = |label: &str, bytes, color| Share { label: label.to_owned(), bytes, color };
    let mut shares = Vec::new();
    match cx.reachability {
        Some(reachability) => {
            let (precise, all) = (reachability.total_without_stack().bytes, reachability.total().bytes);
            shares.push(share("live", precise, theme.accent));
            if all > precise {
                shares.push(share("on stacks alone", all - precise, theme.stack_root));
            }
            shares.push(share("unreachable", reachability.unreachable(snapshot).bytes, theme.unreachable()));
        }
        None => shares.push(share("objects", objects, theme.bar)),
    }
    shares.push(share("free", free, theme.line2));
    let bar = Rect::from_min_size(pos2(left, top + 17.0), vec2(width, 14.0));
    stacked_bar(&pen, bar, &shares);
    let y = top + 48.0;
    let end = legend(&pen, left, y, &shares);
    generations_ui(&pen, end + 8.0, left + width, y, &snapshot.coverage.generations);
    y + 12.0
}

/// Bytes of each generation, up to `right`: all of them where there is room, else those that hold most.
fn generations_ui(pen: &Pen, left: f32, right: f32, y: f32, generations: &[GenerationTotals]) {
    const GAP: f32 = 20.0;
    let theme = pen.theme;
    let mut words: Vec<_> = generations
        .iter()
        .map(|totals| {
            let label = totals.generation.label();
            let label = if label.len() == 1 { format!("gen {label}") } else { label.to_owned() };
            let spans = [
                span(label, theme::SMALL, theme.t3),
                span(number::size(totals.object_bytes), theme::SMALL_MEDIUM, theme.t1).after(6.0),
            ];
            (totals.object_bytes, pen.width(&spans), spans)
        })
        .collect();
    while words.iter().map(|(_, width, _)| width + GAP).sum::<f32>() - GAP > right - left {
        let Some(least) = words.iter().map(|(bytes, ..)| *bytes).min() else { return };
        words.retain(|(bytes, ..)| *bytes > least);
    }
    let mut right = right;
    for (_, width, spans) in words.iter().rev() {
        pen.spans(right - width, y, spans);
        right -= width + GAP;
    }
}

/// The types with the most bytes: as many as `rect` has room for.
pub(super) fn types_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut OverviewState) {
    let most_rows = ((rect.height() - 62.0) / theme::ROW).max(1.0) as usize;
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = rect.top() + 16.0;
    let x = pen.text(rect.left(), y, "Biggest types", theme::BODY_STRONG, theme.t1);
    pen.text(x + 9.0, y, "own bytes", theme::SMALL, theme.t3);
    let Some(catalog) = cx.dump.catalog.value() else { return };
    let mut biggest: Vec<(TypeId, TypeTotals)> = catalog.entries.iter().map(|entry| (entry.id, entry.totals)).collect();
    let key = |row: &(TypeId, TypeTotals)| (std::cmp::Reverse(row.1.bytes), row.0);
    if biggest.len() > most_rows {
        biggest.select_nth_unstable_by_key(most_rows, key);
        biggest.truncate(most_rows);
    }
    biggest.sort_unstable_by_key(key);
    let most = biggest.first().map_or(0, |row| row.1.bytes);
    let body = Rect::from_min_max(pos2(rect.left(), rect.top() + 32.0), pos2(rect.right(), rect.bottom() - 30.0));
    let count_width = crate::ui::views::count_width(&pen, biggest.iter().map(|row| row.1.count).max().unwrap_or(0));
    let n_rows = biggest.len() as u64;
    let list = List {
        id: Id::unique("overview-types"),
        name: "Biggest types",
        role: Role::Table,
        n_rows,
        row_height: theme::ROW,
    };
    let output = list.show(ui, body, &mut state.types, |ui, row| {
        let Some((ty, totals)) = biggest.get(row.index as usize) else { return RowName::default() };
        let pen = Pen::on(ui);
        let y = row.rect.center().y;
        let name = cx.snapshot.types.row(*ty).display_name();
        let right = row.rect.right() - 2.0;
        let count = right - 166.0;
        let room = count - count_width.max(52.0) - row.rect.left();
        let spans = type_name::spans(&pen, &name, room, NameStyle::cell(theme));
        pen.spans_cut(row.rect.left(), row.rect.left() + room + 1.0, y, &spans);
        pen.text_right(count, y, &number::count(totals.count), theme::BODY, theme.t1);
        share_bar(&pen, count + 16.0, y, 78.0, totals.bytes, most, BarLook::Exact);
        pen.size(right, y, totals.bytes, theme.t1);
        if row.response.hovered() {
            let tip = format!("{name}\n{}", number::exact_bytes(totals.bytes));
            row.response.clone().on_hover_text_at_pointer(tip);
        }
        let says = number::counted(totals.count, "object", "objects");
        format!("{name}, {says}, {}", number::size(totals.bytes)).into()
    });
    let place = |row: u64| biggest.get(row as usize).map(|&(ty, _)| Place { ty: Some(ty), ..Place::view(View::Types) });
    if let Some(place) = output.clicked.or(output.activated).and_then(place) {
        cx.outbox.send(Command::Go(place));
    }
    if let Some(place) = output.opened_behind.and_then(place) {
        cx.outbox.send(Command::GoBehind(place));
    }
    let all = format!("All {} types", number::count(catalog.entries.len() as u64));
    let y = body.top() + n_rows as f32 * theme::ROW + 14.0;
    if widgets::link(ui, rect.left(), y, &all).clicked() {
        cx.outbox.send(Command::Show(View::Types));
    }
}

/// The top of the dominator tree as a treemap.
pub(super) fn map_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut OverviewState) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = rect.top() + 16.0;
    let x = pen.text(rect.left(), y, "Biggest dominators", theme::BODY_STRONG, theme.t1);
    pen.text(x + 9.0, y, "what each keeps alive", theme::SMALL, theme.t3);
    let body = Rect::from_min_max(pos2(rect.left(), rect.top() + 33.0), rect.max);
    let top = cx.dump.holders.value().and_then(|top| top.as_ref().as_ref());
    let Some(top) = top.filter(|top| !top.map.is_empty()) else {
        pen.fill(body, theme.track);
        let is_over = cx.dump.holders.value().is_some();
        let word = if is_over { "No precise root holds an object" } else { "Follows after the references" };
        pen.centered(body.center(), word, theme::BODY, theme.t3);
        return;
    };
    let cells = state.cells.get(top, body.size(), treemap::layout);
    let id = Id::unique("overview-map");
    let output = treemap::map_ui(ui, body, id, "Biggest dominators", &cells, top.total.bytes, state.selected);
    if let Some(key) = output.selected {
        state.selected = Some(key);
    }
    if let Some(key) = output.clicked.or(output.activated) {
        open(cx, key);
    }
}

fn open(cx: &Cx<'_>, key: u64) {
    match u32::try_from(row_key(key)) {
        Ok(object) => cx.outbox.send(Command::ShowFinding(Finding::Holder(crate::snapshot::ObjectId(object)))),
        Err(_) => cx.outbox.send(Command::Show(View::Dominators)),
    }
}

/// Checks, coverage, runtime and dump, a column each.
pub(super) fn facts_ui(ui: &mut Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>) {
    let facts = &cx.snapshot.facts;
    let theme = theme::of(ui);
    let coverage = &cx.snapshot.coverage;
    let (checks, found) = match cx.findings {
        Some(findings) => {
            let n_found = findings.n_found();
            let n = findings.inspections.len() + 2;
            let is_leak = usize::from(!findings.suspects.suspects.is_empty())
                + usize::from(findings.events.leaks().next().is_some());
            let n_impossible = findings.n_impossible();
            let nothing = n - n_found - is_leak - n_impossible;
            // What could not be looked for is worth more of the room than what was not there.
            let rest = match n_impossible {
                0 => format!("{nothing} nothing"),
                _ => format!("{n_impossible} not possible"),
            };
            (format!("{n} checks"), format!("{} found something, {rest}", n_found + is_leak))
        }
        None => ("Checks".to_owned(), "follow after the dominators".to_owned()),
    };
    let n_gaps = status::n_gaps(cx.dump, cx.snapshot);
    let (icon, color, read, note) = if n_gaps == 0 {
        let rest = coverage.unwalked_bytes[0];
        let note = format!("{} allocation context not walked", number::size(rest));
        (icons::SHIELD_CHECK, theme.ok, "All read".to_owned(), note)
    } else {
        let note = "press to see what is missing and why".to_owned();
        (icons::SHIELD_WARNING, theme.warn, number::counted(n_gaps as u64, "gap", "gaps"), note)
    };
    let process = facts.process_id.map_or_else(|| facts.process_name.clone(), |id| format!("process {id}"));
    let facts = [
        (icons::LIST_MAGNIFYING_GLASS, theme.t3, checks, found, View::Inspections),
        (icon, color, read, note, View::Coverage),
        (
            icons::CPU,
            theme.t3,
            facts.runtime.name.clone(),
            "from the runtime's own structures".to_owned(),
            View::Coverage,
        ),
        (
            icons::HARD_DRIVES,
            theme.t3,
            format!("{} dump", number::size(facts.file_bytes)),
            format!("{}, {process}", facts.writer),
            View::Coverage,
        ),
    ];
    let step = width / facts.len() as f32;
    for (index, (icon, color, title, note, view)) in facts.into_iter().enumerate() {
        let rect = Rect::from_min_size(pos2(left + step * index as f32, top), vec2(step - 8.0, 44.0));
        let is_pressed = pressable(ui, rect, &format!("{title}, {note}"), |pen, _| {
            pen.icon_in(pos2(rect.left() + 9.0, rect.center().y), icon, 18.0, color, Face::Icon);
            let (x, right) = (rect.left() + 29.0, rect.right() - 4.0);
            pen.text_cut(x, right, rect.top() + 14.0, &title, theme::BODY_MEDIUM, pen.theme.t1);
            pen.text_cut(x, right, rect.top() + 31.0, &note, theme::SMALL, pen.theme.t3);
        });
        if is_pressed {
            cx.outbox.send(Command::Show(view));
        }
    }
}
