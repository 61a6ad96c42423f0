//! What if: references, roots, objects that are ignored, each to be restored, and what would come back without them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use eframe::egui;
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::freed_types::{self, freed_types_ui};
use crate::analysis::Ignore;
use crate::analysis::what_if::{WhatIf, what_if};
use crate::base::{Cancelled, number};
use crate::report::ignore;
use crate::session::{Analyses, Stopped};
use crate::ui::app::{Command, Cx, Dump};
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::command_line::shell_word;
use crate::ui::pen::{Pen, span};
use crate::ui::theme;
use crate::ui::widgets::button::icon_button_sized;
use crate::ui::widgets::{Button, ButtonKind};

/// Ignored things that are listed.
const LISTED: usize = 4;

/// What is ignored, and the heap without it.
#[derive(Debug, Default)]
pub struct WhatIfState {
    ignored: Vec<Ignore>,
    answer: Answer<Vec<Ignore>, Option<Arc<WhatIf>>>,
}

impl WhatIfState {
    /// Ignores these, too.
    pub fn ignore(&mut self, more: Vec<Ignore>) {
        for ignored in more {
            if !self.ignored.contains(&ignored) {
                self.ignored.push(ignored);
            }
        }
    }

    /// No longer ignores the `index`th.
    pub fn restore(&mut self, index: usize) {
        if index < self.ignored.len() {
            self.ignored.remove(index);
        }
    }

    /// Ignores nothing.
    pub fn restore_all(&mut self) {
        self.ignored.clear();
    }

    /// True when nothing is ignored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ignored.is_empty()
    }

    /// What is ignored.
    #[must_use]
    pub fn ignored(&self) -> &[Ignore] {
        &self.ignored
    }

    /// The heap without it, once it was walked.
    #[must_use]
    pub fn answer(&self) -> Option<&Arc<WhatIf>> {
        self.answer.value_of(&self.ignored)?.as_ref().as_ref()
    }

    /// What answers about paths are to be found without: nothing, or what is ignored. `None` while the heap is walked
    /// without it: there is no answer before.
    #[must_use]
    pub fn without(&self) -> Option<Option<Arc<WhatIf>>> {
        if self.is_empty() { Some(None) } else { self.answer().map(|answer| Some(Arc::clone(answer))) }
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.answer.is_pending()
    }
}

/// Walks the heap without what is ignored.
pub fn ask(state: &mut WhatIfState, dump: &Dump) {
    state.answer.poll();
    if state.ignored.is_empty() || !dump.session.has_paths() {
        return;
    }
    let ignored = state.ignored.clone();
    state.answer.want(&dump.session, ignored.clone(), move |analyses: &Analyses, job| {
        let Some(heap) = analyses.heap() else { return Ok::<_, Cancelled>(None) };
        what_if(&heap, &ignored, job).map(|found| Some(Arc::new(found)))
    });
}

/// Height of the strip, in a pane of `room`.
fn height(state: &WhatIfState, room: f32) -> f32 {
    let n = state.ignored.len().min(LISTED) + usize::from(state.ignored.len() > LISTED);
    (44.0 + n as f32 * theme::ROW).min(room * 0.6)
}

/// The same as arguments of the command line.
#[must_use]
pub fn arguments(cx: &Cx<'_>, state: &WhatIfState) -> String {
    let Some(graph) = cx.graph else { return String::new() };
    let words = |one| shell_word(&ignore::text(cx.snapshot, graph, one));
    state.ignored.iter().map(|one| format!(" --ignore {}", words(one))).collect()
}

/// Draws the strip at the top of `body`: what is ignored, and what comes back; returns the rest of it. Without anything
/// ignored that is all of it.
pub fn strip_ui(ui: &mut Ui, body: Rect, cx: &Cx<'_>, state: &WhatIfState) -> Rect {
    if state.is_empty() {
        return body;
    }
    let (strip, rest) = body.split_top_bottom_at_y(body.top() + height(state, body.height()));
    what_if_ui(ui, strip, cx, state);
    rest
}

fn what_if_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &WhatIfState) {
    let pen = Pen::on(ui).clipped(rect);
    let theme = pen.theme;
    let (left, right) = (rect.left() + theme::PAD, rect.right() - theme::PAD);
    pen.fill(Rect::from_min_max(pos2(left, rect.top() + 4.0), pos2(left + 3.0, rect.bottom() - 6.0)), theme.accent);
    let x = left + 14.0;
    let mut y = rect.top() + 18.0;
    let all = Button::new(None, "Ignore nothing any more").kind(ButtonKind::Quiet);
    let mut limit = right - all.width(&pen) - 8.0;
    if all.right(ui, right, y).clicked() {
        cx.outbox.send(Command::RestoreAll);
    }
    match state.answer() {
        Some(answer) => {
            let types = Button::new(Some(icons::TABLE), "By type").kind(ButtonKind::Quiet);
            let button = types.right(ui, limit, y);
            limit -= types.width(&pen) + 8.0;
            egui::Popup::menu(&button).width(freed_types::WIDTH + 10.0).show(|ui| {
                freed_types_ui(ui, cx, &answer.by_type, |row| (row.ty, row.freed.count, row.freed.bytes));
            });
            let spans = [
                span(format!("{} come back", number::size(answer.freed.bytes)), theme::BODY_STRONG, theme.t1),
                span(
                    format!(
                        "in {}, {} of what is held",
                        number::counted(answer.freed.count, "object", "objects"),
                        number::share(answer.freed.bytes, answer.before.bytes)
                    ),
                    theme::BODY,
                    theme.t2,
                )
                .after(8.0),
            ];
            pen.spans_cut(x, limit, y, &spans);
            let says: String = spans.iter().map(|span| format!("{} ", span.text)).collect();
            let at = Rect::from_min_max(pos2(x, y - 12.0), pos2(limit, y + 12.0));
            let response = ui.interact(at, ui.scope_id().with("freed"), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, says.trim_end()));
            response.on_hover_text("Exact: the heap was walked without what is ignored");
        }
        None => {
            let words = match state.answer.failed() {
                Some(Stopped::Cancelled) => "The question was cancelled",
                Some(Stopped::Failed) => "This could not be found out: a defect of this program",
                None => "Walking the heap without what is ignored",
            };
            pen.text_cut(x, limit, y, words, theme::BODY, theme.t2);
        }
    }
    y += 25.0;
    let Some(graph) = cx.graph else { return };
    for (index, ignored) in state.ignored.iter().enumerate().take(LISTED) {
        let words = ignore::words(cx.snapshot, graph, ignored);
        pen.icon(pos2(x + 6.0, y), icons::PROHIBIT, 13.0, theme.t3);
        let line = [span(words.as_str(), theme::BODY, theme.t2).struck()];
        let end = pen.spans_cut(x + 20.0, right - 34.0, y, &line);
        let at = Rect::from_min_size(pos2(x + 20.0, y - 11.0), vec2(end - x - 20.0, 22.0));
        ui.interact(at, ui.scope_id().with(("ignored", index)), Sense::hover()).on_hover_text(&words);
        let cross = Rect::from_center_size(pos2((end + 16.0).min(right - 12.0), y), vec2(22.0, 22.0));
        if icon_button_sized(ui, cross, icons::X, 11.0, &format!("Restore {words}"), true).clicked() {
            cx.outbox.send(Command::Restore(index));
        }
        y += theme::ROW;
    }
    let n_more = state.ignored.len().saturating_sub(LISTED);
    if n_more > 0 {
        pen.text(x + 20.0, y, &format!("{n_more} more"), theme::BODY, theme.t3);
    }
    pen.hline(left, right, rect.bottom() - pen.hair(), theme.line);
}
