//! The verdict: what leaks, in two sentences, with the way to the evidence and the command that repeats it.

use eframe::egui;
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::pressable;
use crate::analysis::findings::Findings;
use crate::analysis::verdict::{Headline, Verdict, event_sentences, suspect_sentences};
use crate::base::number;
use crate::session::LoadProblem;
use crate::ui::app::{Command, Cx, Finding};
use crate::ui::icons;
use crate::ui::model::types::Liveness;
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme::{self, Face};
use crate::ui::views::marked;
use crate::ui::widgets::{self, Button, ButtonKind, marks};

/// Other findings with a line of their own.
const OTHERS: usize = 3;

/// A button of the card.
type Choice = (Option<char>, String, Vec<Command>);

/// Draws the card from `top`; returns its bottom.
pub(super) fn verdict_ui(ui: &mut Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>) -> f32 {
    match cx.findings {
        Some(findings) => found_ui(ui, left, top, width, cx, findings),
        None => match (cx.dump.session.background_problem(), cx.dump.session.is_cancelled()) {
            (Some(problem), _) => stopped_ui(ui, left, top, width, cx, Some(&problem)),
            (None, true) => stopped_ui(ui, left, top, width, cx, None),
            (None, false) => looking_ui(ui, left, top, width, cx),
        },
    }
}

/// While findings are looked for.
fn looking_ui(ui: &Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>) -> f32 {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let height = 88.0;
    pen.fill(Rect::from_min_size(pos2(left, top), vec2(3.0, height)), theme.line2);
    let x = left + 20.0;
    let end = pen.text(x, top + 22.0, "Looking for leaks", theme::VERDICT.with(Face::SemiBold), theme.t1);
    let background = cx.dump.session.background();
    if let Some(progress) = background.as_ref().filter(|progress| progress.elapsed_secs > 1.0) {
        let text = number::duration(progress.elapsed_secs);
        pen.text(end + 12.0, top + 23.0, &text, theme::BODY, theme.t3);
    }
    let text = "Types are complete and can be used now. Who holds what, and what to fix, follows by itself.";
    pen.text_cut(x, left + width, top + 52.0, text, theme::BODY, theme.t2);
    if let Some(progress) = background {
        let words = widgets::bars::progress_words(&progress);
        pen.text_cut(x, left + width, top + 76.0, &words, theme::SMALL, theme.t3);
    }
    top + height
}

/// When the work behind ended before the findings.
fn stopped_ui(ui: &mut Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>, problem: Option<&LoadProblem>) -> f32 {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let (title, text) = match problem {
        Some(problem) => (problem.title.as_str(), problem.why.as_str()),
        None => ("The analysis was stopped", "Types stay usable. Who holds what was not found out."),
    };
    let x = left + 20.0;
    pen.text_cut(x, left + width, top + 14.0, title, theme::VERDICT.with(Face::SemiBold), theme.t1);
    let bottom = pen.paragraph(x, top + 34.0, width - 20.0, 20.0, &[span(text, theme::BODY, theme.t2)]);
    if Button::new(Some(icons::ARROWS_CLOCKWISE), "Run again").left(ui, x, bottom + 24.0).clicked() {
        cx.outbox.send(Command::RunAgain);
    }
    let height = bottom + 42.0 - top;
    pen.fill(Rect::from_min_size(pos2(left, top), vec2(3.0, height)), theme.warn);
    top + height
}

fn found_ui(ui: &mut Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>, findings: &Findings) -> f32 {
    let verdict = &findings.verdict;
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let x = left + 20.0;
    let (icon, kind, color) = kind_of(verdict, theme);
    let y = top + 11.0;
    pen.icon_in(pos2(x + 6.5, y), icon, 16.0, color, Face::IconFill);
    let fingerprint = fingerprint(findings, verdict.headline);
    let mut limit = left + width;
    if let Some(fingerprint) = fingerprint {
        let text = format!("fingerprint {fingerprint}");
        limit = fingerprint_ui(ui, left + width, y, &text, fingerprint, cx) - 20.0;
    }
    pen.text_cut(x + 22.0, limit, y, &kind, theme::BODY_MEDIUM, color);
    let text = verdict.sentences.iter().filter(|sentence| !sentence.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let spans = marked(&text, theme::VERDICT, theme);
    let bottom = pen.paragraph(x, top + 28.0, width - 20.0, 29.0, &spans);
    let plain = text.replace("**", "");
    let area = Rect::from_min_max(pos2(x, top + 28.0), pos2(left + width, bottom));
    let response = ui.interact(area, ui.scope_id().with("verdict"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{kind}. {plain}")));
    response.context_menu(|ui| {
        if crate::ui::app::menu_entry(ui, Some(icons::COPY), "Copy the verdict", "", true, false) {
            cx.outbox.send(Command::Copy(plain.clone()));
            ui.close();
        }
    });
    let (choices, command) = choices(cx, findings);
    let y = bottom + 23.0;
    let mut x = x;
    for (index, (icon, word, commands)) in choices.iter().enumerate() {
        let kind = if index == 0 { ButtonKind::Primary } else { ButtonKind::Plain };
        let button = Button::new(*icon, word).kind(kind);
        if x + button.width(&pen) > left + width {
            break;
        }
        if button.left(ui, x, y).clicked() {
            for command in commands {
                cx.outbox.send(command.clone());
            }
        }
        x += button.width(&pen) + 8.0;
    }
    let at = Rect::from_min_max(pos2(x + 8.0, y - 14.0), pos2(left + width, y + 14.0));
    if at.width() > 180.0 && marks::command_line(ui, at, &command) {
        cx.outbox.send(Command::Copy(command));
    }
    let bottom = y + 14.0;
    pen.fill(Rect::from_min_max(pos2(left, top), pos2(left + 3.0, bottom)), color);
    others_ui(ui, left, bottom, width, cx, findings)
}

/// The fingerprint at the right end, to copy; returns its left edge.
fn fingerprint_ui(ui: &mut Ui, right: f32, y: f32, text: &str, fingerprint: &str, cx: &Cx<'_>) -> f32 {
    let pen = Pen::on(ui);
    let width = pen.text_width(text, theme::MONO);
    let rect = Rect::from_min_max(pos2(right - width, y - 12.0), pos2(right, y + 12.0));
    let response = ui.interact(rect, ui.scope_id().with("fingerprint"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Copy the {text}")));
    let color = if response.hovered() || response.has_focus() { pen.theme.t1 } else { pen.theme.t2 };
    pen.text(rect.left(), y, text, theme::MONO, color);
    let tip = "The same in every dump with this leak: press to copy it, and search tickets for it";
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tip).clicked() {
        cx.outbox.send(Command::Copy(fingerprint.to_owned()));
    }
    rect.left()
}

fn kind_of(verdict: &Verdict, theme: &theme::Theme) -> (char, String, egui::Color32) {
    let (icon, kind, color) = match verdict.headline {
        Headline::Event(_) => (icons::LIGHTNING, "Event-handler leak", theme.err),
        Headline::Suspect(_) => (icons::BINOCULARS, "Leak suspect", theme.err),
        Headline::Garbage => (icons::RECYCLE, "Garbage, no leak", theme.ok),
        Headline::Healthy => (icons::CHECK_CIRCLE, "No leak found", theme.ok),
    };
    match &verdict.uncertain {
        Some(why) => (icons::WARNING, format!("{kind}, probably: {why}"), theme.warn),
        None => (icon, kind.to_owned(), color),
    }
}

fn fingerprint(findings: &Findings, headline: Headline) -> Option<&str> {
    match headline {
        Headline::Event(index) => Some(findings.events.groups.get(index)?.fingerprint.as_str()),
        Headline::Suspect(index) => Some(findings.suspects.suspects.get(index)?.fingerprint.as_str()),
        Headline::Garbage | Headline::Healthy => None,
    }
}

fn choices(cx: &Cx<'_>, findings: &Findings) -> (Vec<Choice>, String) {
    let name = &cx.dump.name;
    let types = |liveness| vec![Command::Count(liveness), Command::Show(View::Types)];
    match findings.verdict.headline {
        Headline::Event(index) => {
            let Some(group) = findings.events.groups.get(index) else { return (Vec::new(), String::new()) };
            let mut choices: Vec<Choice> = Vec::new();
            if let Some(example) = group.example {
                let go = Command::Go(Place::object(cx.snapshot, example));
                choices.push((Some(icons::TREE_STRUCTURE), "Show why one is alive".to_owned(), vec![go]));
            }
            let show = |is_ticked| vec![Command::ShowFinding(Finding::Event { group: index, is_ticked })];
            choices.push((
                Some(icons::LIGHTNING),
                format!("All {} handlers", number::count(group.n_handlers)),
                show(false),
            ));
            choices.push((Some(icons::PROHIBIT), "What if they go".to_owned(), show(true)));
            (choices, format!("heaproot events {name}"))
        }
        Headline::Suspect(index) => {
            let Some(suspect) = findings.suspects.suspects.get(index) else { return (Vec::new(), String::new()) };
            let go = Command::Go(Place::object(cx.snapshot, suspect.accumulation_point));
            let keeps = Command::ShowFinding(Finding::Holder(suspect.object));
            let evidence = Command::ShowFinding(Finding::Suspect(index));
            let choices = vec![
                (Some(icons::TREE_STRUCTURE), "Show why it is alive".to_owned(), vec![go]),
                (Some(icons::SQUARES_FOUR), "What it keeps alive".to_owned(), vec![keeps]),
                (Some(icons::BINOCULARS), "The evidence".to_owned(), vec![evidence]),
            ];
            (choices, format!("heaproot leaks {name}"))
        }
        Headline::Garbage | Headline::Healthy => {
            let choices = vec![
                (Some(icons::RECYCLE), "Show the garbage by type".to_owned(), types(Liveness::Dead)),
                (Some(icons::TABLE), "Show what is alive".to_owned(), types(Liveness::Live)),
            ];
            (choices, format!("heaproot types {name} --dead"))
        }
    }
}

/// The next findings, a line each; returns the bottom.
fn others_ui(ui: &mut Ui, left: f32, top: f32, width: f32, cx: &Cx<'_>, findings: &Findings) -> f32 {
    let verdict = &findings.verdict;
    if verdict.others.is_empty() {
        return top;
    }
    let mut y = top + 26.0;
    for &other in verdict.others.iter().take(OTHERS) {
        let (sentence, bytes, finding, icon) = match other {
            Headline::Event(index) => {
                let Some(group) = findings.events.groups.get(index) else { continue };
                let [first, _] = event_sentences(&findings.events, group, verdict.live);
                let freed = group.freed.map_or(0, |freed| freed.bytes);
                (first, freed, Finding::Event { group: index, is_ticked: false }, icons::LIGHTNING)
            }
            Headline::Suspect(index) => {
                let Some(suspect) = findings.suspects.suspects.get(index) else { continue };
                let [first, _] = suspect_sentences(cx.snapshot, suspect, verdict.live);
                (first, suspect.retained.bytes, Finding::Suspect(index), icons::BINOCULARS)
            }
            Headline::Garbage | Headline::Healthy => continue,
        };
        let rect = Rect::from_min_max(pos2(left + 14.0, y - 13.0), pos2(left + width, y + 13.0));
        let name = format!("{}, {}", sentence.replace("**", ""), number::size(bytes));
        let is_pressed = pressable(ui, rect, &name, |pen, _| {
            pen.icon(pos2(rect.left() + 13.0, y), icon, 15.0, pen.theme.err);
            let end = pen.size(rect.right() - 6.0, y, bytes, pen.theme.t1);
            pen.spans_cut(rect.left() + 28.0, end - 16.0, y, &marked(&sentence, theme::BODY, pen.theme));
        });
        if is_pressed {
            cx.outbox.send(Command::ShowFinding(finding));
        }
        y += 26.0;
    }
    let n_more = verdict.others.len().saturating_sub(OTHERS);
    if n_more > 0 {
        let words = format!("{n_more} more {}", if n_more == 1 { "finding" } else { "findings" });
        let has_events = verdict.others.iter().any(|other| matches!(other, Headline::Event(_)));
        let view = if has_events { View::Events } else { View::Suspects };
        if widgets::link(ui, left + 42.0, y, &words).clicked() {
            cx.outbox.send(Command::Show(view));
        }
        y += 26.0;
    }
    y - 13.0
}
