//! What happens between frames: answers come in, commands are carried out, questions go out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use eframe::egui;

use super::dialog::{Dialog, Ended, Purpose};
use super::{App, Command, Finding, Sheet, Subject, Tab};
use crate::base::number;
use crate::session::{OpenOptions, Session, Status};
use crate::ui::picture::{self, PictureOptions, Studio};
use crate::ui::place::{Place, View};
use crate::ui::raster::Picture;
use crate::ui::settings::RecentFile;
use crate::ui::{model, report, views};

/// What a worker of the window has finished.
#[derive(Debug)]
pub(super) enum JobDone {
    /// A file was written.
    Written(PathBuf),
    /// A picture for the clipboard.
    ForClipboard(Picture),
    /// It did not work.
    Failed(String),
}

impl App {
    /// One step between frames. `ctx` is for the clipboard, the theme, the focus and the window.
    pub fn logic(&mut self, ctx: &egui::Context) {
        self.take_dialog();
        self.take_jobs(ctx);
        self.take_input(ctx);
        for command in self.outbox.take() {
            self.apply(ctx, command);
        }
        self.ask();
        self.remember();
        if self.is_busy() && !self.is_headless {
            ctx.request_repaint_after(Duration::from_millis(50));
        }
        if let Some(toast) = &self.toast
            && !toast.is_failure
        {
            let left = Duration::from_secs(5).saturating_sub(toast.since.elapsed());
            if left.is_zero() {
                self.toast = None;
            } else {
                ctx.request_repaint_after(left);
            }
        }
    }

    fn take_dialog(&mut self) {
        let Some((purpose, ended)) = self.dialog.as_ref().and_then(|dialog| Some((dialog.purpose, dialog.poll()?)))
        else {
            return;
        };
        self.dialog = None;
        match (ended, purpose) {
            (Ended::Chosen(path), Purpose::Dump) => self.outbox.send(Command::OpenPath(path)),
            (Ended::Chosen(path), Purpose::Folder) => self.outbox.send(Command::AddFolders(vec![path])),
            (Ended::Chosen(path), Purpose::Picture(subject, scale)) => {
                self.outbox.send(Command::TakePicture(subject, scale, Some(path)));
            }
            (Ended::Left, _) => {}
            (Ended::Missing, Purpose::Picture(..)) => {
                self.fail("This desktop offers no file dialog: type the path into the field");
            }
            (Ended::Missing, _) => self.fail(
                "This desktop offers no file dialog (xdg-desktop-portal or zenity): type the path, or drop the file",
            ),
        }
    }

    fn take_jobs(&mut self, ctx: &egui::Context) {
        let mut done = Vec::new();
        self.jobs.retain(|job| match job.try_recv() {
            Ok(result) => {
                done.push(result);
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => {
                done.push(JobDone::Failed("The picture was not made".to_owned()));
                false
            }
        });
        for result in done {
            match result {
                JobDone::Written(path) => self.say(format!("Picture saved as {}", path.display())),
                JobDone::ForClipboard(picture) => {
                    let size = [picture.width, picture.height];
                    ctx.copy_image(egui::ColorImage::from_rgba_unmultiplied(size, &picture.rgba));
                    self.say("Picture copied");
                }
                JobDone::Failed(text) => self.fail(text),
            }
        }
    }

    fn take_input(&mut self, ctx: &egui::Context) {
        let dropped = ctx.input(|input| input.raw.dropped_files.clone());
        let mut paths = dropped.iter().map(|file| file.path().to_owned());
        if let Some(path) = paths.next() {
            let folders: Vec<PathBuf> =
                std::iter::once(path.clone()).chain(paths).filter(|path| path.is_dir()).collect();
            match (path.is_dir(), self.dump.is_some()) {
                (true, true) => self.outbox.send(Command::AddFolders(folders)),
                (true, false) => {
                    self.fail("A folder was dropped: drop a dump first, then the folder with its assemblies")
                }
                (false, _) => self.outbox.send(Command::OpenPath(path)),
            }
        }
        if self.sheet.is_some() || egui::Popup::is_any_open(ctx) {
            return;
        }
        let is_typing = ctx.text_edit_focused();
        for command in Command::all() {
            let Some(shortcut) = command.shortcut() else { continue };
            let is_letter = shortcut.modifiers.is_none() && shortcut.logical_key == egui::Key::Slash;
            if (is_letter && is_typing) || (command.needs_dump() && self.dump.is_none()) {
                continue;
            }
            if ctx.input_mut(|input| input.consume_shortcut(&shortcut)) {
                if is_letter {
                    // The slash must not end up in the field that it leads to.
                    ctx.input_mut(|input| {
                        input.events.retain(|event| !matches!(event, egui::Event::Text(text) if text == "/"))
                    });
                }
                self.outbox.send(command);
            }
        }
        if ctx.input(|input| input.pointer.button_clicked(egui::PointerButton::Extra1)) {
            self.outbox.send(Command::Back);
        }
        if ctx.input(|input| input.pointer.button_clicked(egui::PointerButton::Extra2)) {
            self.outbox.send(Command::Forward);
        }
        if !is_typing
            && ctx.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape))
            && self.toast.take().is_none()
        {
            let focused = ctx.memory(|memory| memory.focused());
            let pane = self.panes.iter().find(|pane| Some(pane.id) == focused);
            let is_instances = pane.is_some_and(|pane| pane.filter == Some(views::instance_filter::field_id()));
            let tab = self.tab_mut();
            match is_instances || tab.types.query.filter.is_empty() {
                true => tab.instances.filter.set(""),
                false => tab.types.query.filter.clear(),
            }
        }
    }

    fn apply(&mut self, ctx: &egui::Context, command: Command) {
        match command {
            Command::Open => self.show_dialog(Purpose::Dump, ""),
            Command::OpenPath(path) => self.open(&path, OpenOptions::default()),
            Command::OpenSample => match super::sample_path() {
                Some(path) => self.open(&path, OpenOptions::default()),
                None => self.fail("The sample is not here: it lies in the folder fixtures of the program's source"),
            },
            Command::Close => {
                self.dump = None;
                self.tabs = vec![Tab::default()];
                self.tab = 0;
            }
            Command::ForgetRecent(path) => self.settings.forget(&path),
            Command::AddFolder => self.show_dialog(Purpose::Folder, ""),
            Command::AddFolders(folders) => {
                if let Some(dump) = &self.dump {
                    let session = dump.session.with_folders(&folders);
                    self.show_session(session);
                }
            }
            Command::Cancel => {
                if let Some(dump) = &self.dump {
                    dump.session.cancel();
                }
                let tab = self.tab_mut();
                tab.types.list.cancel();
                tab.instances.list.cancel();
                tab.path.cancel();
            }
            Command::RunAgain => {
                if let Some(dump) = &self.dump {
                    let session = dump.session.with_folders(&[]);
                    self.show_session(session);
                }
            }
            Command::Go(place) => self.tab_mut().history.go(place),
            Command::Follow(place) => self.tab_mut().history.replace(place),
            Command::GoBehind(place) => {
                let mut tab = Tab { history: super::History::new(place), ..Tab::default() };
                tab.types.query = self.tab().types.query.clone();
                self.tabs.push(tab);
                self.say("Opened behind");
            }
            Command::Show(view) => {
                let now = self.tab().history.now();
                if now.view != view {
                    let place = if view == View::Types { Place { view, ..now } } else { Place::view(view) };
                    self.tab_mut().history.go(place);
                }
            }
            Command::ShowFinding(finding) => {
                let tab = self.tab_mut();
                let view = match finding {
                    Finding::Event { group, is_ticked } => {
                        tab.events.show(group, is_ticked);
                        View::Events
                    }
                    Finding::Suspect(index) => {
                        tab.suspects.show(index);
                        View::Suspects
                    }
                    Finding::Inspection(index) => {
                        tab.inspections.show(index);
                        View::Inspections
                    }
                    Finding::Holder(object) => {
                        tab.dominators.show(object);
                        View::Dominators
                    }
                };
                tab.history.go(Place::view(view));
            }
            Command::Ignore(ignored) => self.tab_mut().what_if.ignore(ignored),
            Command::IgnoreText(text) => {
                let session = self.dump.as_ref().map(|dump| &dump.session);
                let known = session.and_then(|session| Some((session.snapshot()?, session.graph()?)));
                if let Some((snapshot, graph)) = known {
                    match crate::report::ignore::parse(&snapshot, &graph, &text) {
                        Ok(ignored) => self.tab_mut().what_if.ignore(ignored),
                        Err(err) => self.fail(err.to_string()),
                    }
                }
            }
            Command::Restore(index) => self.tab_mut().what_if.restore(index),
            Command::RestoreAll => self.tab_mut().what_if.restore_all(),
            Command::Back => {
                self.tab_mut().history.back();
            }
            Command::Forward => {
                self.tab_mut().history.forward();
            }
            Command::SelectTab(tab) => self.tab = tab.min(self.tabs.len() - 1),
            Command::CloseTab(tab) => {
                if self.tabs.len() > 1 && tab < self.tabs.len() {
                    self.tabs.remove(tab);
                    self.tab = if self.tab > tab { self.tab - 1 } else { self.tab.min(self.tabs.len() - 1) };
                }
            }
            Command::Copy(text) => {
                let what = text.lines().count();
                ctx.copy_text(text);
                self.say(if what > 1 { format!("{what} lines copied") } else { "Copied".to_owned() });
            }
            Command::CopyPlace => {
                if let Some(snapshot) = self.dump.as_ref().and_then(|dump| dump.session.snapshot()) {
                    let place = self.tab().history.now().to_text(&snapshot);
                    let name = self.dump.as_ref().map_or("DUMP", |dump| dump.name.as_str());
                    self.outbox.send(Command::Copy(format!("heaproot {name} --at {place}")));
                }
            }
            Command::FocusFilter => {
                let focused = ctx.memory(|memory| memory.focused());
                let pane = self.panes.iter().find(|pane| Some(pane.id) == focused && pane.filter.is_some());
                let filter = pane.or_else(|| self.panes.iter().find(|pane| pane.filter.is_some()));
                if let Some(filter) = filter.and_then(|pane| pane.filter) {
                    ctx.memory_mut(|memory| memory.request_focus(filter));
                }
            }
            Command::FilterTypes(text) => {
                self.tab_mut().types.query.filter = text;
                self.outbox.send(Command::Show(View::Types));
            }
            Command::Group(grouping) => self.tab_mut().types.query.grouping = grouping,
            Command::Count(liveness) => self.tab_mut().types.query.liveness = liveness,
            Command::JustMyCode(is_on) => {
                self.tab_mut().types.query.just_my_code = is_on;
                self.settings.just_my_code = is_on;
                self.settings.save();
            }
            Command::NextPane => {
                let focused = ctx.memory(|memory| memory.focused());
                let at = self.panes.iter().position(|pane| Some(pane.id) == focused);
                let next = at.map_or(0, |at| (at + 1) % self.panes.len().max(1));
                if let Some(pane) = self.panes.get(next) {
                    ctx.memory_mut(|memory| memory.request_focus(pane.id));
                }
            }
            Command::Picture => {
                let has_path = self.tab().path.has_answer();
                let subject = if has_path { Subject::Path } else { Subject::Window };
                self.sheet = Some(Sheet::Picture { subject, path: String::new() });
            }
            Command::TakePicture(subject, scale, path) => self.take_picture(ctx, subject, scale, path),
            Command::PictureFile(subject, scale) => {
                let name = self.picture_name(subject);
                self.show_dialog(Purpose::Picture(subject, scale), &name);
            }
            Command::Palette => self.sheet = Some(Sheet::Palette { text: String::new(), cursor: 0 }),
            Command::AskAddress => self.sheet = Some(Sheet::Address { text: String::new(), problem: None }),
            Command::Keys => self.sheet = Some(Sheet::Keys),
            Command::ZoomIn => self.zoom(ctx, self.settings.zoom + 0.1),
            Command::ZoomOut => self.zoom(ctx, self.settings.zoom - 0.1),
            Command::ZoomReset => self.zoom(ctx, 1.0),
            Command::Theme(theme) => {
                self.settings.theme = theme;
                ctx.set_theme(theme.preference());
                self.settings.save();
            }
            Command::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    fn zoom(&mut self, ctx: &egui::Context, factor: f32) {
        self.settings.zoom = ((factor * 20.0).round() / 20.0).clamp(0.75, 2.0);
        ctx.set_zoom_factor(self.settings.zoom);
        self.settings.save();
    }

    fn show_dialog(&mut self, purpose: Purpose, name: &str) {
        if self.dialog.is_none() {
            self.dialog = Some(Dialog::show(purpose, name, Arc::clone(&self.wake)));
        }
    }

    fn ask(&mut self) {
        let Some(dump) = &mut self.dump else { return };
        dump.catalog.poll();
        dump.previews.poll();
        dump.holders.poll();
        dump.retained.poll();
        let Some(snapshot) = dump.session.snapshot() else { return };
        if let Some(text) = self.go_to.take()
            && let Some(tab) = self.tabs.first_mut()
        {
            let (place, unknown) = Place::from_text(&text, &snapshot);
            tab.history.go(place);
            if let Some(part) = unknown {
                let text = format!("“{part}” of the place “{text}” is not in this dump");
                self.toast = Some(super::Toast { text, is_failure: true, since: std::time::Instant::now() });
            }
        }
        dump.catalog.want(&dump.session, (), |analyses, job| model::TypeCatalog::build(&analyses.snapshot, job));
        if dump.session.dominance().is_some() {
            dump.holders.want(&dump.session, (), |analyses, job| {
                model::dominators::top(analyses, model::dominators::TreeQuery::FIRST, None, job)
            });
        }
        let index = self.tab.min(self.tabs.len() - 1);
        let Some(tab) = self.tabs.get_mut(index) else { return };
        let place = tab.history.now();
        views::types::ask(&mut tab.types, dump, place);
        views::instances::ask(&mut tab.instances, dump, place);
        views::what_if::ask(&mut tab.what_if, dump);
        views::path::ask(&mut tab.path, dump, place, &tab.what_if);
        views::merged::ask(&mut tab.merged, dump, place, &tab.what_if, &tab.instances);
        match place.view {
            View::Overview | View::Types | View::Suspects | View::Inspections | View::Coverage => {}
            View::Dominators => views::dominators::ask(&mut tab.dominators, dump),
            View::Events => views::events::ask(&mut tab.events, dump),
            View::Roots => views::roots::ask(&mut tab.roots, dump),
            View::Handles => views::handles::ask(&mut tab.handles, dump),
            View::Statics => views::statics::ask(&mut tab.statics, dump),
            View::Threads => views::threads::ask(&mut tab.threads, dump),
            View::Finalizers => views::finalizers::ask(&mut tab.finalizers, dump),
        }
    }

    /// Puts a dump among the recent files once it has been read.
    fn remember(&mut self) {
        if self.is_headless {
            return;
        }
        let Some(dump) = self.dump.as_mut().filter(|dump| !dump.is_remembered) else { return };
        let (Status::Ready, Some(snapshot)) = (dump.session.status(), dump.session.snapshot()) else { return };
        dump.is_remembered = true;
        let facts = &snapshot.facts;
        let what = views::status::facts_line(facts).join(", ");
        let recent = RecentFile {
            path: std::path::absolute(dump.session.path()).unwrap_or_else(|_| dump.session.path().to_owned()),
            what,
            bytes: facts.file_bytes,
            result: number::counted(snapshot.n_objects(), "object", "objects"),
        };
        self.settings.remember(recent);
    }

    fn picture_name(&self, subject: Subject) -> String {
        let stem = self.dump.as_ref().map_or("heaproot", |dump| dump.name.split('.').next().unwrap_or("heaproot"));
        let what = match subject {
            Subject::Window => self.tab().history.now().view.key(),
            Subject::Pane => "pane",
            Subject::Path => "path",
        };
        format!("{stem}-{what}.png")
    }

    fn take_picture(&mut self, ctx: &egui::Context, subject: Subject, scale: f32, path: Option<PathBuf>) {
        self.sheet = None;
        self.settings.picture_scale = scale;
        let is_dark = ctx.theme() == egui::Theme::Dark;
        let size = ctx.content_rect().size();
        let options = PictureOptions { size, scale, is_dark, with_system_fonts: true };
        let (exposure, crop) = match subject {
            Subject::Path => match self.path_exposure(scale) {
                Some(exposure) => (exposure, None),
                None => return self.fail("There is no path on screen: choose an object first"),
            },
            Subject::Window | Subject::Pane => {
                let focused = ctx.memory(|memory| memory.focused());
                let pane = self.panes.iter().find(|pane| Some(pane.id) == focused).or(self.panes.first());
                let crop = pane.map(|pane| pane.rect).filter(|_| subject == Subject::Pane);
                let studio = Studio::new(options);
                if let Some(focused) = focused {
                    studio.ctx().memory_mut(|memory| memory.request_focus(focused));
                }
                let toast = self.toast.take();
                let exposure = studio.expose(|ui| self.ui(ui));
                self.toast = toast;
                // What the drawing queued belongs to no person's action.
                let _ = self.outbox.take();
                (exposure, crop)
            }
        };
        let (sender, receiver) = channel();
        let wake = Arc::clone(&self.wake);
        let work = move || {
            let mut picture = exposure.develop();
            if let Some(rect) = crop {
                let pixels = |points: f32| (points.max(0.0) * scale).round() as usize;
                picture = picture.cropped(
                    pixels(rect.left()),
                    pixels(rect.top()),
                    pixels(rect.width()),
                    pixels(rect.height()),
                );
            }
            let done = match path {
                None => JobDone::ForClipboard(picture),
                Some(path) => {
                    let path = if path.extension().is_none() { path.with_extension("png") } else { path };
                    match picture::write(&picture, scale, &path) {
                        Ok(()) => JobDone::Written(path),
                        Err(err) => JobDone::Failed(format!("{} was not written: {err}", path.display())),
                    }
                }
            };
            // Nobody waits any more when this fails.
            let _ = sender.send(done);
            wake();
        };
        match std::thread::Builder::new().name("heaproot-picture".to_owned()).spawn(work) {
            Ok(_) => self.jobs.push(receiver),
            Err(err) => self.fail(format!("The picture was not made: {err}")),
        }
    }

    /// The report picture of the path on screen.
    fn path_exposure(&self, scale: f32) -> Option<picture::Exposure> {
        let dump = self.dump.as_ref()?;
        let snapshot = dump.session.snapshot()?;
        let paths = self.tab().path.answer()?;
        Some(report::path_exposure(dump, &snapshot, paths, scale, true))
    }

    /// Runs logic and questions until nothing is under way: for pictures and tests, never in a window.
    pub fn settle(&mut self, ctx: &egui::Context, limit: Duration) {
        let end = std::time::Instant::now() + limit;
        loop {
            self.logic(ctx);
            if !self.is_busy() && self.outbox.is_empty() || std::time::Instant::now() > end {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Opens `path` as the command line asks for it.
    #[must_use]
    pub fn with_dump(mut self, path: Option<&Path>, options: OpenOptions) -> Self {
        if let Some(path) = path {
            self.show_session(Session::open(path, options, Arc::clone(&self.wake)));
        }
        self
    }
}
