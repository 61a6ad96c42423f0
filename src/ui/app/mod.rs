//! The window as one value: what is open, where each tab stands, what was asked for and not yet done.
//!
//! Each frame runs [`App::logic`] (takes answers in, applies commands, asks questions) and then [`App::ui`] (draws and
//! queues commands). Neither knows the window system: the same two calls make pictures without a display.

mod chrome;
pub mod command;
mod dialog;
mod layout;
mod logic;
mod sheets;
#[cfg(test)]
pub(super) mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use eframe::egui;

pub use chrome::{keys_text, menu_entry, menu_line};
pub use command::{Command, Finding, Outbox, Subject};

use super::model::dominators::DominatorTop;
use super::model::instances::Previews;
use super::model::retained::TypeRetained;
use super::model::{Answer, TypeCatalog};
use super::place::{History, Place, View};
use super::settings::Settings;
use super::views;
use crate::analysis::Reachability;
use crate::analysis::findings::Findings;
use crate::session::{Dominance, OpenOptions, Session, Wake};
use crate::snapshot::{HeapGraph, HeapSnapshot};

/// One place and what its panes show.
#[derive(Debug, Default)]
pub struct Tab {
    /// Where, and the way back.
    pub history: History,
    /// The type table.
    pub types: views::types::TypesState,
    /// The instance table.
    pub instances: views::instances::InstancesState,
    /// Why it is alive.
    pub path: views::path::PathState,
    /// What was read.
    pub coverage: views::coverage::CoverageState,
    /// Why all instances of a type are alive.
    pub merged: views::merged::MergedState,
    /// What is ignored, and what comes back then.
    pub what_if: views::what_if::WhatIfState,
    /// The answer.
    pub overview: views::overview::OverviewState,
    /// What each object keeps alive.
    pub dominators: views::dominators::DominatorsState,
    /// Suspects.
    pub suspects: views::suspects::SuspectsState,
    /// Event handlers.
    pub events: views::events::EventsState,
    /// What else was looked for.
    pub inspections: views::inspections::InspectionsState,
    /// Roots.
    pub roots: views::grid::GridState,
    /// Handles.
    pub handles: views::grid::GridState,
    /// Static fields.
    pub statics: views::grid::GridState,
    /// Threads.
    pub threads: views::grid::GridState,
    /// Finalizer queues.
    pub finalizers: views::grid::GridState,
}

impl Tab {
    fn is_pending(&self) -> bool {
        let grids = [&self.roots, &self.handles, &self.statics, &self.threads, &self.finalizers];
        self.types.list.is_pending()
            || self.instances.list.is_pending()
            || self.path.is_pending()
            || self.dominators.is_pending()
            || self.events.is_pending()
            || self.what_if.is_pending()
            || self.merged.is_pending()
            || grids.into_iter().any(views::grid::GridState::is_pending)
    }
}

/// An open dump and what was computed for the window from it.
#[derive(Debug)]
pub struct Dump {
    /// The door to the data.
    pub session: Session,
    /// The file's name.
    pub name: String,
    /// Types as the window lists them.
    pub catalog: Answer<(), TypeCatalog>,
    /// Previews of instances.
    pub previews: Previews,
    /// The top of the dominator tree by type, and its map.
    pub holders: Answer<(), Option<Arc<DominatorTop>>>,
    /// What the instances of each type keep alive.
    pub retained: TypeRetained,
    /// Put among the recent files.
    is_remembered: bool,
}

/// A pane that keys can go to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pane {
    /// What takes the keys.
    pub id: egui::Id,
    /// Where it is.
    pub rect: egui::Rect,
    /// Its filter.
    pub filter: Option<egui::Id>,
}

/// What lies over the window.
#[derive(Debug)]
enum Sheet {
    Palette { text: String, cursor: usize },
    Address { text: String, problem: Option<String> },
    Picture { subject: Subject, path: String },
    Keys,
}

/// A short message that goes away by itself, unless it is a failure.
#[derive(Clone, Debug)]
struct Toast {
    text: String,
    is_failure: bool,
    since: Instant,
}

/// What a view may look at, and where it puts what it wants done.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The open dump.
    pub dump: &'a Dump,
    /// The heap after the first pass.
    pub snapshot: &'a HeapSnapshot,
    /// References and roots, when read.
    pub graph: Option<&'a HeapGraph>,
    /// What is alive, when known.
    pub reachability: Option<&'a Reachability>,
    /// What each object keeps alive, when known.
    pub dominance: Option<&'a Dominance>,
    /// Leaks and waste, when looked for.
    pub findings: Option<&'a Findings>,
    /// Where the tab is.
    pub place: Place,
    /// Where commands go.
    pub outbox: &'a Outbox,
}

/// The window.
pub struct App {
    settings: Settings,
    dump: Option<Dump>,
    tabs: Vec<Tab>,
    tab: usize,
    outbox: Outbox,
    sheet: Option<Sheet>,
    toast: Option<Toast>,
    dialog: Option<dialog::Dialog>,
    jobs: Vec<std::sync::mpsc::Receiver<logic::JobDone>>,
    wake: Wake,
    panes: Vec<Pane>,
    welcome_path: String,
    go_to: Option<String>,
    remembered: Option<([f32; 2], f32, f32)>,
    is_headless: bool,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("dump", &self.dump).field("tab", &self.tab).finish_non_exhaustive()
    }
}

impl App {
    /// A window over nothing. `wake` asks for a frame, from any thread.
    #[must_use]
    pub fn new(settings: Settings, wake: Wake) -> Self {
        Self {
            settings,
            dump: None,
            tabs: vec![Tab::default()],
            tab: 0,
            outbox: Outbox::default(),
            sheet: None,
            toast: None,
            dialog: None,
            jobs: Vec::new(),
            wake,
            panes: Vec::new(),
            welcome_path: String::new(),
            go_to: None,
            remembered: None,
            is_headless: false,
        }
    }

    /// A window for pictures: nothing is remembered, nothing depends on the time of day.
    #[must_use]
    pub fn headless() -> Self {
        Self { is_headless: true, ..Self::new(Settings::default(), Arc::new(|| {})) }
    }

    /// Opens a dump. One that still loads is cancelled.
    pub fn open(&mut self, path: &Path, options: OpenOptions) {
        self.show_session(Session::open(path, options, Arc::clone(&self.wake)));
    }

    /// Shows a session that someone else opened.
    pub fn show_session(&mut self, session: Session) {
        let name = session.path().file_name().unwrap_or(session.path().as_os_str()).to_string_lossy().into_owned();
        self.dump = Some(Dump {
            session,
            name,
            catalog: Answer::default(),
            previews: Previews::default(),
            holders: Answer::default(),
            retained: TypeRetained::default(),
            is_remembered: false,
        });
        self.tabs = vec![Tab::default()];
        self.tab = 0;
        self.sheet = None;
        if let Some(tab) = self.tabs.first_mut() {
            tab.types.query.just_my_code = self.settings.just_my_code && !self.is_headless;
        }
    }

    /// Goes to a place of the open dump.
    pub fn go(&mut self, place: Place) {
        self.tab_mut().history.go(place);
    }

    /// A window that begins at a place: for tests that are about one view.
    #[cfg(test)]
    #[must_use]
    pub fn beginning_at(mut self, place: Place) -> Self {
        self.tab_mut().history = History::new(place);
        self
    }

    /// Goes to a place, given as text, once the heap is there.
    pub fn go_when_ready(&mut self, place: Option<String>) {
        self.go_to = place;
    }

    /// Filters the table of the view on screen.
    pub fn filter(&mut self, text: &str) {
        let tab = self.tab_mut();
        match tab.history.now().view {
            View::Events => tab.events.set_filter(text),
            View::Overview | View::Types | View::Dominators | View::Suspects | View::Inspections | View::Coverage => {
                text.clone_into(&mut tab.types.query.filter)
            }
            View::Roots => tab.roots.set_filter(text),
            View::Handles => tab.handles.set_filter(text),
            View::Statics => tab.statics.set_filter(text),
            View::Threads => tab.threads.set_filter(text),
            View::Finalizers => tab.finalizers.set_filter(text),
        }
    }

    /// Filters the instances on screen.
    pub fn filter_instances(&mut self, text: &str) {
        self.tab_mut().instances.filter.set(text);
    }

    /// Shows who holds the instances on screen.
    pub fn show_holders(&mut self) {
        self.tab_mut().merged.show_holders();
    }

    /// Asks for one more path of the object on screen.
    #[cfg(test)]
    pub fn next_path(&mut self) {
        self.tab_mut().path.next_path();
    }

    /// Puts a file among the recent ones.
    pub fn remember_recent(&mut self, recent: super::settings::RecentFile) {
        self.settings.remember(recent);
    }

    /// Keeps the size of the window and the places of its dividers. Called when nothing is being dragged.
    pub fn remember_window(&mut self, size: [f32; 2]) {
        let now = (size, self.settings.split_x, self.settings.split_y);
        if self.remembered != Some(now) {
            self.remembered = Some(now);
            self.settings.window = Some(size);
            self.settings.save();
        }
    }

    /// The window's title.
    #[must_use]
    pub fn title(&self) -> String {
        self.dump.as_ref().map_or_else(|| "Heaproot".to_owned(), |dump| format!("{} – Heaproot", dump.name))
    }

    /// What is open.
    #[must_use]
    pub fn dump(&self) -> Option<&Dump> {
        self.dump.as_ref()
    }

    /// The tab on screen.
    #[must_use]
    pub fn tab(&self) -> &Tab {
        &self.tabs[self.tab.min(self.tabs.len() - 1)]
    }

    fn tab_mut(&mut self) -> &mut Tab {
        let index = self.tab.min(self.tabs.len() - 1);
        &mut self.tabs[index]
    }

    /// What the window remembers.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where commands go: for keys, menus and tests.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Is anything under way that will change the picture.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let is_dump_busy = self.dump.as_ref().is_some_and(|dump| {
            let is_loading = matches!(dump.session.status(), crate::session::Status::Loading { .. });
            is_loading
                || dump.session.background().is_some()
                || dump.catalog.is_pending()
                || dump.holders.is_pending()
                || dump.retained.is_pending()
                || dump.previews.is_pending()
        });
        is_dump_busy || !self.jobs.is_empty() || self.tab().is_pending()
    }

    fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), is_failure: false, since: Instant::now() });
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), is_failure: true, since: Instant::now() });
    }
}

/// The bundled sample: a program that leaks event handlers.
const SAMPLE: &str = "seed-grow-b-n10.core.zst";

/// Where the bundled sample is: beside the program, in its source folder, or in the working folder.
fn sample_path() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    let places = [beside, Some(PathBuf::from(env!("CARGO_MANIFEST_DIR"))), std::env::current_dir().ok()];
    places
        .into_iter()
        .flatten()
        .map(|place| place.join("fixtures").join("dumps").join(SAMPLE))
        .find(|path| path.is_file())
}
