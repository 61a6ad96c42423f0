//! The line below a path that asks for the next one: of another root, as unlike those above as can be.
//!
//! Roots are looked for once, when a path is asked for first; each press then adds one path.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use eframe::egui;
use egui::{Rect, Ui, pos2, vec2};

use crate::analysis::Ignore;
use crate::analysis::different_paths::{DifferentPaths, different_paths};
use crate::analysis::what_if::WhatIf;
use crate::base::{Progress, number};
use crate::session::{Session, Stopped};
use crate::snapshot::ObjectId;
use crate::ui::icons;
use crate::ui::model::Answer;
use crate::ui::model::paths::{Further, LineKind, PathLine, Paths};
use crate::ui::pen::Pen;
use crate::ui::theme;
use crate::ui::widgets::Row;
use crate::ui::widgets::button::icon_button_sized;
use crate::ui::widgets::path::PathPlace;

/// Paths that one press adds.
const AT_A_TIME: usize = 1;

/// How many paths of other roots are wanted, and which there are.
#[derive(Debug, Default)]
pub struct NextPathState {
    n_wanted: usize,
    found: Answer<(ObjectId, Vec<Ignore>), DifferentPaths>,
    is_asked: bool,
}

/// What the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A press adds one.
    Next { note: String },
    /// It is being looked for.
    Looking,
    /// There is none.
    End { words: &'static str, note: String },
}

impl NextPathState {
    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.found.is_pending()
    }

    /// What it is doing.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.found.progress()
    }

    /// Stops it.
    pub fn cancel(&mut self) {
        self.found.cancel();
    }

    /// Asks for roots when paths are wanted; those found, and how many of their paths are wanted.
    pub(super) fn ask(
        &mut self,
        session: &Session,
        object: ObjectId,
        ignored: &[Ignore],
        without: Option<&Arc<WhatIf>>,
    ) -> Option<(Arc<DifferentPaths>, usize)> {
        self.found.poll();
        if self.n_wanted == 0 {
            return None;
        }
        let question = (object, ignored.to_vec());
        let without = without.cloned();
        self.found.want(session, question.clone(), move |analyses, job| {
            let Some(heap) = analyses.heap() else { return Ok(DifferentPaths::default()) };
            different_paths(&heap.without(without.as_deref()), object, job)
        });
        Some((Arc::clone(self.found.value_of(&question)?), self.n_wanted))
    }

    /// Wants one path more, unless one is on its way or there is none.
    pub(super) fn press(&mut self, paths: &Paths) {
        if !matches!(self.line(paths), Line::Next { .. }) {
            return;
        }
        if self.found.failed().is_some() {
            self.found.reset();
        }
        self.n_wanted = paths.further.map_or(0, |further| further.n_shown) + AT_A_TIME;
        self.is_asked = true;
    }

    /// The row where a path that was asked for begins, once it is there.
    pub(super) fn arrived(&mut self, paths: &Paths) -> Option<u64> {
        let further = paths.further.filter(|&further| self.is_asked && self.has_all(further))?;
        self.is_asked = false;
        let is_begin =
            |line: &PathLine| matches!(line.kind, LineKind::Further { index, .. } if index == further.n_shown + 1);
        paths.lines.iter().rposition(is_begin).filter(|_| further.n_shown >= self.n_wanted).map(|row| row as u64)
    }

    /// Are all paths shown that were asked for.
    fn has_all(&self, further: Further) -> bool {
        further.n_shown >= self.n_wanted || further.n_left == 0 || further.is_full
    }

    fn line(&self, paths: &Paths) -> Line {
        let next = |note: &str| Line::Next { note: note.to_owned() };
        match (self.found.failed(), paths.further) {
            _ if self.n_wanted == 0 => next(""),
            (Some(Stopped::Cancelled), _) => next("stopped before roots were found"),
            (Some(Stopped::Failed), _) => {
                let note = "a defect of this program stopped the question".to_owned();
                Line::End { words: "The next path could not be found", note }
            }
            (None, Some(further)) if self.has_all(further) && !self.is_pending() => end_or_next(further),
            (None, _) => Line::Looking,
        }
    }
}

fn end_or_next(further: Further) -> Line {
    let n = number::counted(further.n_left as u64, "more root holds it", "more roots hold it");
    match further {
        Further { is_full: true, .. } => Line::End { words: "Further paths are not listed here", note: n },
        Further { n_left: 0, is_complete: true, n_shown: 0, .. } => {
            Line::End { words: "No further path differs", note: "one root holds it".to_owned() }
        }
        Further { n_left: 0, is_complete: true, n_shown, .. } => {
            let note = format!("all {} roots are shown", number::count(n_shown as u64 + 1));
            Line::End { words: "No further path differs", note }
        }
        Further { n_left: 0, .. } => Line::End {
            words: "No further path was looked for",
            note: "there are too many ways to search all".to_owned(),
        },
        Further { is_complete: true, .. } => Line::Next { note: n },
        Further { .. } => Line::Next { note: format!("at least {n}") },
    }
}

/// Draws the line in the row below the last of `paths`; returns what it says.
pub(super) fn next_path_ui(
    ui: &mut Ui,
    row: &Row,
    place: PathPlace,
    state: &mut NextPathState,
    paths: &Paths,
) -> String {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = row.rect.center().y;
    let x = place.spine + 17.0;
    let (icon, words, style, color, note) = match state.line(paths) {
        Line::Next { note } => (icons::ARROW_BEND_DOWN_RIGHT, "Next different path", theme::BODY, theme.accent, note),
        Line::Looking => {
            (icons::HOURGLASS, "Looking for the next different path", theme::BODY, theme.t2, String::new())
        }
        Line::End { words, note } => (icons::CHECK, words, theme::BODY, theme.t2, note),
    };
    let is_looking = icon == icons::HOURGLASS;
    pen.icon(pos2(place.spine, y), icon, 14.0, if icon == icons::CHECK { theme.t3 } else { color });
    let end = pen.text_cut(x, place.bytes, y, words, style, color);
    pen.text_cut(end + 10.0, place.bytes, y, &note, theme::SMALL, theme.t3);
    if is_looking {
        let cross = Rect::from_center_size(pos2(end + 18.0, y), vec2(24.0, 24.0));
        if icon_button_sized(ui, cross, icons::X, 12.0, "Stop looking for paths", true).clicked() {
            state.cancel();
        }
    }
    if note.is_empty() { words.to_owned() } else { format!("{words}, {note}") }
}
