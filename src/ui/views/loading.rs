//! While a dump is read: a page before there is anything to show, a strip above the table once there is.

use eframe::egui;
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::base::job::Unit;
use crate::base::{Progress, number};
use crate::ui::app::{Command, Cx, Dump, Outbox};
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::theme::{self, Face};
use crate::ui::widgets::bars::{progress_bar, units};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::{Button, ButtonKind};

/// A number with the words around it: `2.7 of 6.3 GiB` `read`.
type Fact = (String, &'static str);

fn facts(progress: &Progress) -> Vec<Fact> {
    let mut facts = Vec::new();
    let (done, word) = (
        units(progress.unit, progress.done as f64),
        match progress.unit {
            Unit::Bytes => "read",
            Unit::Objects => "objects",
            Unit::Steps => "done",
        },
    );
    match progress.total {
        Some(total) if total > 0 => facts.push((format!("{done} of {}", units(progress.unit, total as f64)), word)),
        _ if progress.done > 0 => facts.push((done, word)),
        _ => {}
    }
    if let Some(rate) = progress.rate().filter(|_| progress.done > 0 && progress.unit != Unit::Steps) {
        facts.push((format!("{}/s", units(progress.unit, rate)), ""));
    }
    if let Some(left) = progress.remaining_secs() {
        facts.push((format!("about {}", number::duration(left.max(1.0))), "left"));
    }
    facts
}

fn facts_ui(pen: &Pen, x: f32, y: f32, right: f32, facts: &[Fact]) {
    let mut x = x;
    for (strong, word) in facts {
        let spans = [
            span(strong.as_str(), theme::SMALL_MEDIUM, pen.theme.t1),
            span(*word, theme::SMALL, pen.theme.t3).after(5.0),
        ];
        if x + pen.width(&spans) > right {
            break;
        }
        x = pen.spans(x, y, &spans) + 24.0;
    }
}

fn bar_ui(ui: &Ui, rect: Rect, progress: &Progress) {
    let pen = Pen::on(ui);
    match progress.fraction() {
        Some(fraction) => progress_bar(&pen, rect, fraction),
        // Unknown total: the rate says that it moves, a bar would only pretend to know.
        None => pen.round(rect, 2.0, pen.theme.track),
    }
    let response = ui.interact(rect.expand2(vec2(0.0, 4.0)), ui.scope_id().with("bar"), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, progress.stage);
        info.value = progress.fraction().map(|fraction| f64::from(fraction) * 100.0);
        info
    });
}

/// Before the first pass is done.
pub fn loading_ui(ui: &mut Ui, rect: Rect, dump: &Dump, progress: &Progress, outbox: &Outbox) {
    let width = (rect.width() - 80.0).min(640.0);
    let left = (rect.center().x - width / 2.0).round();
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let mut y = rect.top() + (rect.height() * 0.3).max(40.0);
    let stage = if progress.stage.is_empty() { "Opening" } else { progress.stage };
    pen.text_cut(left, left + width - 110.0, y, stage, theme::STATE_TITLE, theme.t1);
    if Button::new(Some(icons::X), "Cancel").right(ui, left + width, y).clicked() {
        outbox.send(Command::Cancel);
    }
    y += 34.0;
    pen.text_cut(left, left + width, y, &dump.name, theme::BODY, theme.t2);
    y += 30.0;
    bar_ui(ui, Rect::from_min_size(pos2(left, y), vec2(width, 4.0)), progress);
    y += 24.0;
    facts_ui(&pen, left, y, left + width, &facts(progress));
    y += 34.0;
    let text = "The type table comes first and can be used at once. Paths and sizes follow behind it.";
    pen.paragraph(left, y, width, 20.0, &[span(text, theme::BODY, theme.t3)]);
}

/// After someone gave up.
pub fn cancelled_ui(ui: &mut Ui, rect: Rect, outbox: &Outbox) {
    let notice = Notice {
        icon: icons::PROHIBIT,
        color: theme::of(ui).t3,
        title: "Opening was cancelled",
        text: "Nothing was kept: the file is unchanged, and temporary files are gone.",
        choices: &[(Some(icons::ARROWS_CLOCKWISE), "Open it again"), (Some(icons::FOLDER_OPEN), "Open another dump…")],
    };
    match notice.show(ui, rect) {
        Some(0) => outbox.send(Command::RunAgain),
        Some(_) => outbox.send(Command::Open),
        None => {}
    }
}

/// Height of the strip above the table while references are read; `None` when nothing runs or it has just begun.
#[must_use]
pub fn strip_height(cx: &Cx<'_>) -> Option<f32> {
    let progress = cx.dump.session.background()?;
    // What takes a blink needs no strip: it would only make the table jump.
    (cx.graph.is_none() && progress.elapsed_secs > 0.4).then_some(117.0)
}

/// The strip.
pub fn strip_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>) {
    let Some(progress) = cx.dump.session.background() else { return };
    let pen = Pen::on(ui);
    let theme = pen.theme;
    pen.fill(rect, theme.raised);
    pen.hline(rect.left(), rect.right(), rect.bottom() - pen.hair(), theme.line);
    let (left, right) = (rect.left() + theme::PAD, rect.right() - theme::PAD);
    let cancel = Button::new(Some(icons::X), "Cancel").kind(ButtonKind::Plain);
    let y = rect.top() + 25.5;
    if cancel.right(ui, right, y).clicked() {
        cx.outbox.send(Command::Cancel);
    }
    let limit = right - cancel.width(&pen) - 16.0;
    let x = pen.text_cut(left, limit, y, progress.stage, theme::PANE_TITLE, theme.t1);
    let text = "Types are complete and usable below. Paths and retained sizes follow.";
    pen.text_cut(x + 13.0, limit, y, text, theme::BODY, theme.t2);
    bar_ui(ui, Rect::from_min_max(pos2(left, rect.top() + 52.0), pos2(right, rect.top() + 56.0)), &progress);
    facts_ui(&pen, left, rect.top() + 75.0, right, &facts(&progress));
    let mut x = left;
    let y = rect.top() + 99.0;
    let stages = ["Find the runtime", "Walk the heap", "References", "Referrers", "Reachability", "Dominators"];
    for (index, stage) in stages.into_iter().enumerate() {
        let (icon, face, icon_color, style, color) = match index {
            0 | 1 => (icons::CHECK, Face::IconBold, theme.ok, theme::BODY, theme.t2),
            2 => (icons::CIRCLE, Face::IconFill, theme.accent, theme::BODY_MEDIUM, theme.t1),
            _ => (icons::CIRCLE, Face::IconBold, theme.t3, theme::BODY, theme.t3),
        };
        if x + 20.0 + pen.text_width(stage, style) > right {
            break;
        }
        pen.icon_in(pos2(x + 5.5, y), icon, 11.0, icon_color, face);
        x = pen.text(x + 16.0, y, stage, style, color) + 19.0;
    }
}
