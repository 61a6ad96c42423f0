//! Why is it alive: the chain from an object to its root.

use eframe::egui;
use egui::{Id, Rect, Ui};

use crate::base::Progress;
use crate::ui::app::{Cx, Dump, Pane};
use crate::ui::icons;
use crate::ui::place::Place;
use crate::ui::theme;
use crate::ui::widgets::notice::Notice;

/// What the view remembers.
#[derive(Debug, Default)]
pub struct PathState {}

/// The paths of an object.
#[derive(Debug, Default)]
pub struct Paths {}

impl PathState {
    /// Is there a path to show.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        false
    }

    /// The path to show.
    #[must_use]
    pub fn answer(&self) -> Option<&Paths> {
        None
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        false
    }

    /// What it is doing.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        None
    }

    /// Stops it.
    pub fn cancel(&mut self) {}
}

/// Asks for the path of the place's object.
pub fn ask(_state: &mut PathState, _dump: &Dump, _place: Place) {}

/// Draws the view.
pub fn path_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, _state: &mut PathState) -> Pane {
    let pane = Pane { id: Id::unique("path-list"), rect, filter: None };
    super::pane_title(ui, rect, "Why is it alive", "", rect.right() - theme::PAD);
    let (title, text) = match cx.place.object {
        None => ("Pick an instance", "Its path from the root appears here."),
        Some(_) => ("Following references", ""),
    };
    let notice = Notice { icon: icons::TREE_STRUCTURE, color: theme::of(ui).t3, title, text, choices: &[] };
    notice.show(ui, super::below_title(rect));
    pane
}
