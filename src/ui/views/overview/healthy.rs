//! No leak: everything that was looked for, when it would have been called a finding, and what was found instead.

use eframe::egui;
use egui::{Rect, Ui, pos2, vec2};

use super::{glance, line, pressable};
use crate::analysis::findings::Findings;
use crate::analysis::suspects;
use crate::analysis::{dominators::Retained, events};
use crate::base::number;
use crate::report::events::verdict_word;
use crate::snapshot::preview::without_namespaces;
use crate::ui::app::{Command, Cx, Finding};
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::place::View;
use crate::ui::theme::{self, Face};
use crate::ui::views::inspections::check_of;
use crate::ui::widgets::marks::{self, Check};

/// Height of a line of the table.
const LINE: f32 = 26.0;

/// One line of the table.
struct Line {
    title: String,
    threshold: String,
    result: String,
    bytes: Option<u64>,
    mark: Check,
    command: Command,
}

/// Draws the page from `top`; returns its bottom.
pub(super) fn healthy_ui(ui: &mut Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>) -> f32 {
    let Some(findings) = cx.findings else { return top };
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let verdict = &findings.verdict;
    let is_certain = verdict.uncertain.is_none();
    let (icon, color) = if is_certain { (icons::CHECK_CIRCLE, theme.ok) } else { (icons::WARNING, theme.warn) };
    pen.icon_in(pos2(left + 10.5, top), icon, 26.0, color, Face::IconFill);
    let title = if is_certain { "No leak found" } else { "No leak found, probably" };
    pen.text(left + 40.0, top, title, theme::STATE_TITLE, theme.t1);
    let why = match &verdict.uncertain {
        Some(why) => format!("Not certain: {why}. "),
        None => String::new(),
    };
    let spans = [
        span(
            format!(
                "{why}No holder passes the thresholds below, and no event keeps an object that nothing else uses. "
            ),
            theme::LEAD,
            theme.t2,
        ),
        span("Here is what was looked for.", theme::LEAD, theme.t1),
    ];
    let mut y = pen.paragraph(left + 40.0, top + 26.0, width - 40.0, 22.0, &spans) + 14.0;
    line(ui, left, width, y);
    let columns = [left + 24.0, left + width * 0.2 + 4.0, left + width * 0.61];
    for (x, word) in columns.into_iter().zip(["Looked for", "Called a finding when", "Result"]) {
        pen.text(x, y + 15.0, word, theme::SMALL, theme.t3);
    }
    pen.text_right(left + width - 4.0, y + 15.0, "Bytes", theme::SMALL, theme.t3);
    y += 29.0;
    line(ui, left, width, y);
    y += 1.0;
    for check in checks(findings) {
        let rect = Rect::from_min_size(pos2(left, y), vec2(width, LINE));
        let name = format!("{}, {}", check.title, check.result);
        if pressable(ui, rect, &name, |pen, _| check_ui(pen, rect, columns, &check)) {
            cx.outbox.send(check.command);
        }
        y += LINE;
    }
    line(ui, left, width, y);
    y = glance::bar_ui(ui, left, y + 26.0, width, cx);
    let command = format!("heaproot leaks {}", cx.dump.name);
    let at = Rect::from_min_size(pos2(left, y + 6.0), vec2(420.0_f32.min(width * 0.5), 28.0));
    if marks::command_line(ui, at, &command) {
        cx.outbox.send(Command::Copy(command));
    }
    let hint = "Memory grows all the same? A dump taken later shows what piles up.";
    if pen.text_width(hint, theme::BODY) < left + width - at.right() - 16.0 {
        pen.text_right(left + width, at.center().y, hint, theme::BODY, theme.t3);
    }
    at.bottom() + 24.0
}

fn check_ui(pen: &Pen, rect: Rect, columns: [f32; 3], check: &Line) {
    let theme = pen.theme;
    let y = rect.center().y;
    marks::check_mark(pen, rect.left(), y, check.mark);
    let [title, threshold, result] = columns;
    pen.text_cut(title, threshold - 12.0, y, &check.title, theme::BODY_MEDIUM, theme.t1);
    pen.text_cut(threshold, result - 16.0, y, &check.threshold, theme::BODY, theme.t2);
    let is_nothing = check.result == "nothing found";
    let color = if is_nothing { theme.t3 } else { theme.t1 };
    let end = match check.bytes {
        Some(bytes) => pen.size(rect.right() - 2.0, y, bytes, theme.t1),
        None => rect.right(),
    };
    pen.text_cut(result, end - 12.0, y, &check.result, theme::BODY, color);
}

fn checks(findings: &Findings) -> Vec<Line> {
    let mut checks = vec![suspects_check(findings), events_check(findings)];
    checks.extend(findings.inspections.iter().enumerate().map(|(index, inspection)| Line {
        title: inspection.title.to_owned(),
        threshold: inspection.threshold.to_owned(),
        result: inspection.result.clone(),
        bytes: Some(inspection.bytes).filter(|&bytes| bytes > 0),
        mark: check_of(&inspection.outcome),
        command: Command::ShowFinding(Finding::Inspection(index)),
    }));
    checks
}

fn suspects_check(findings: &Findings) -> Line {
    let found = &findings.suspects;
    let largest = found.largest_below.as_ref();
    Line {
        title: "Leak suspects".to_owned(),
        threshold: format!(
            "one holder retains {} % and {} or more",
            suspects::THRESHOLD_PERCENT,
            number::size(suspects::FLOOR_BYTES)
        ),
        result: match (found.suspects.len(), largest) {
            (0, Some((name, _))) => format!("largest: {name}"),
            (0, None) => "nothing found".to_owned(),
            (n, _) => number::counted(n as u64, "suspect", "suspects"),
        },
        bytes: largest.map(|(_, Retained { bytes, .. })| *bytes),
        mark: if found.suspects.is_empty() { Check::Nothing } else { Check::Found },
        command: Command::Show(View::Suspects),
    }
}

fn events_check(findings: &Findings) -> Line {
    let n_leaks = findings.events.leaks().count();
    let biggest = findings.events.groups.first();
    Line {
        title: "Event handlers".to_owned(),
        threshold: format!("{} or more subscribers that nothing else holds", events::MIN_HANDLERS),
        result: match biggest {
            None => "no handler".to_owned(),
            Some(group) => format!(
                "{} on {}.{}, {}",
                number::count(group.n_handlers),
                without_namespaces(&group.publisher.type_name),
                group.publisher.field,
                verdict_word(group.verdict)
            ),
        },
        bytes: biggest.and_then(|group| group.freed).map(|freed| freed.bytes).filter(|&bytes| bytes > 0),
        mark: if n_leaks == 0 { Check::Nothing } else { Check::Found },
        command: Command::Show(View::Events),
    }
}
