//! The frame around the views: top bar, tabs, rail, status bar.

use eframe::egui;
use egui::{CursorIcon, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{App, Command};
use crate::analysis::findings::Findings;
use crate::session::Status;
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme::{self, ThemeChoice};
use crate::ui::views;
use crate::ui::widgets::marks::{self, Badge};
use crate::ui::widgets::{self, bars, icon_button};

/// One step of the breadcrumb.
struct Crumb {
    text: String,
    is_mono: bool,
    place: Option<Place>,
}

impl App {
    pub(super) fn top_bar_ui(&self, ui: &mut Ui, rect: Rect) {
        let y = rect.center().y;
        let history = &self.tab().history;
        let is_open = self.dump.is_some();
        let pen = Pen::on(ui);
        pen.fill(rect, pen.theme.chrome);
        pen.hline(rect.left(), rect.right(), rect.bottom() - pen.hair(), pen.theme.line);
        for (x, icon, name, is_enabled, command) in [
            (20.0, icons::ARROW_LEFT, "Back", history.can_go_back() || is_open, Command::Back),
            (48.0, icons::ARROW_RIGHT, "Forward", history.can_go_forward(), Command::Forward),
        ] {
            if icon_button(ui, rect.left() + x, y, icon, name, is_enabled).clicked() {
                // The first step back leads out of the dump, to where dumps are opened.
                let leaves = command == Command::Back && !history.can_go_back();
                self.outbox.send(if leaves { Command::Close } else { command });
            }
        }
        self.menu_ui(ui, pos2(rect.right() - 30.0, y));
        let camera = icon_button(ui, rect.right() - 60.0, y, icons::CAMERA, "Save a picture", true);
        if camera.clicked() {
            self.outbox.send(Command::Picture);
        }
        let width = (rect.width() * 0.234).clamp(150.0, 300.0);
        let search = Rect::from_min_size(pos2(rect.right() - 92.0 - width, y - 14.0), vec2(width, 28.0));
        self.search_ui(ui, search);
        self.breadcrumb_ui(ui, rect.left() + 78.0, search.left() - 16.0, y);
    }

    fn search_ui(&self, ui: &mut Ui, rect: Rect) {
        let response = ui.interact(rect, ui.scope_id().with("search"), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, Command::Palette.label()));
        let pen = Pen::on(ui);
        let theme = pen.theme;
        pen.round(rect, theme::RADIUS, theme.raised);
        let edge = if response.has_focus() {
            theme.accent
        } else if response.hovered() {
            theme.t3
        } else {
            theme.line2
        };
        pen.edge(rect, theme::RADIUS, if response.has_focus() { 2.0 } else { 1.0 }, edge);
        pen.icon(pos2(rect.left() + 15.0, rect.center().y), icons::MAGNIFYING_GLASS, 15.0, theme.t3);
        let cap = marks::key_cap_right(&pen, rect.right() - 5.0, rect.center().y, &keys_text(ui, &Command::Palette));
        pen.text_cut(rect.left() + 30.0, cap - 6.0, rect.center().y, "Type, address or command", theme::BODY, theme.t3);
        if response.on_hover_cursor(CursorIcon::Text).clicked() {
            self.outbox.send(Command::Palette);
        }
    }

    fn crumbs(&self) -> Vec<Crumb> {
        let Some(dump) = &self.dump else { return Vec::new() };
        let mut crumbs = Vec::new();
        let crumb = |text: &str, is_mono, place| Crumb { text: text.to_owned(), is_mono, place };
        let Some(snapshot) = dump.session.snapshot() else {
            crumbs.push(crumb("Welcome", false, None));
            crumbs.push(crumb(&dump.name, false, None));
            return crumbs;
        };
        let place = self.tab().history.now();
        crumbs.push(crumb(&dump.name, false, Some(Place::default())));
        crumbs.push(crumb(place.view.label(), false, Some(Place::view(place.view))));
        if let Some(ty) = place.ty {
            let row = snapshot.types.row(ty);
            let name = row.display_name();
            let short = crate::ui::type_name::short(&name);
            crumbs.push(crumb(&short, row.name.known().is_none(), Some(Place { object: None, ..place })));
        }
        if let Some(object) = place.object {
            crumbs.push(crumb(&snapshot.objects.address(object).to_string(), true, Some(place)));
        }
        crumbs
    }

    fn breadcrumb_ui(&self, ui: &mut Ui, left: f32, right: f32, y: f32) {
        let crumbs = self.crumbs();
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let style = |crumb: &Crumb, is_last: bool| match (crumb.is_mono, is_last) {
            (true, true) => theme::MONO_MEDIUM,
            (true, false) => theme::MONO,
            (false, true) => theme::BODY_MEDIUM,
            (false, false) => theme::BODY,
        };
        let n = crumbs.len();
        let widths: Vec<f32> = crumbs
            .iter()
            .enumerate()
            .map(|(index, crumb)| pen.text_width(&crumb.text, style(crumb, index + 1 == n)) + 24.0)
            .collect();
        // The end says where one is: when room is short the beginning goes.
        let mut first = 0;
        while first + 1 < n && left + widths[first..].iter().sum::<f32>() - 24.0 > right {
            first += 1;
        }
        let mut x = left;
        if first > 0 {
            x = pen.text(x, y, "…", theme::BODY, theme.t3) + 6.0;
        }
        for (index, crumb) in crumbs.iter().enumerate().skip(first) {
            let is_last = index + 1 == n;
            let color = if is_last { theme.t1 } else { theme.t2 };
            let text_style = style(crumb, is_last);
            let width = pen.text_width(&crumb.text, text_style).min(right - x);
            let rect = Rect::from_min_size(pos2(x - 4.0, y - 12.0), vec2(width + 8.0, 24.0));
            let can_go = !is_last && (crumb.place.is_some() || crumb.text == "Welcome");
            let sense = if can_go { Sense::click() } else { Sense::hover() };
            let response = ui.interact(rect, ui.scope_id().with(("crumb", index)), sense);
            response.widget_info(|| WidgetInfo::labeled(Role::Link, can_go, &crumb.text));
            if can_go && response.hovered() {
                pen.round(rect, theme::RADIUS_CHIP, theme.sel2);
            }
            if response.has_focus() {
                pen.edge(rect, theme::RADIUS_CHIP, 2.0, theme.accent);
            }
            x = pen.text_cut(x, right, y, &crumb.text, text_style, color);
            if response.on_hover_text(&crumb.text).clicked() {
                self.outbox.send(crumb.place.map_or(Command::Close, Command::Go));
            }
            if !is_last {
                pen.icon(pos2(x + 10.0, y), icons::CARET_RIGHT, 12.0, theme.t3);
                x += 24.0;
            }
        }
    }

    /// The button with three dots.
    pub(super) fn menu_ui(&self, ui: &mut Ui, center: egui::Pos2) {
        let button = icon_button(ui, center.x, center.y, icons::DOTS_THREE, "Menu", true);
        egui::Popup::menu(&button).width(230.0).show(|ui| {
            let is_open = self.dump.is_some();
            let entry = |ui: &mut Ui, command: Command, is_on: bool| {
                let keys = keys_text(ui, &command);
                let is_enabled = is_open || !command.needs_dump();
                if menu_entry(ui, command.icon(), &command.label(), &keys, is_enabled, is_on) {
                    self.outbox.send(command);
                    ui.close();
                }
            };
            entry(ui, Command::Open, false);
            entry(ui, Command::OpenSample, false);
            entry(ui, Command::AddFolder, false);
            entry(ui, Command::Close, false);
            menu_line(ui);
            entry(ui, Command::AskAddress, false);
            entry(ui, Command::CopyPlace, false);
            entry(ui, Command::Picture, false);
            menu_line(ui);
            for theme in ThemeChoice::ALL {
                entry(ui, Command::Theme(theme), self.settings.theme == theme);
            }
            menu_line(ui);
            entry(ui, Command::ZoomIn, false);
            entry(ui, Command::ZoomOut, false);
            entry(ui, Command::ZoomReset, false);
            menu_line(ui);
            entry(ui, Command::Keys, false);
            entry(ui, Command::Quit, false);
        });
    }

    pub(super) fn tab_bar_ui(&self, ui: &mut Ui, rect: Rect) {
        let pen = Pen::on(ui);
        pen.fill(rect, pen.theme.chrome);
        pen.hline(rect.left(), rect.right(), rect.bottom() - pen.hair(), pen.theme.line);
        let width = ((rect.width() - 16.0) / self.tabs.len().max(1) as f32).clamp(48.0, 200.0);
        let snapshot = self.dump.as_ref().and_then(|dump| dump.session.snapshot());
        for (index, tab) in self.tabs.iter().enumerate() {
            let left = rect.left() + 8.0 + index as f32 * width;
            let place = tab.history.now();
            let name = match (&snapshot, place.object, place.ty) {
                (Some(snapshot), Some(object), _) => snapshot.objects.address(object).to_string(),
                (Some(snapshot), None, Some(ty)) => crate::ui::type_name::short(&snapshot.types.row(ty).display_name()),
                _ => place.view.label().to_owned(),
            };
            let at = Rect::from_min_size(pos2(left, rect.top() + 3.0), vec2(width - 4.0, rect.height() - 3.0));
            let is_current = index == self.tab;
            let response = ui.interact(at, ui.scope_id().with(("tab", index)), Sense::click());
            response.widget_info(|| {
                WidgetInfo::selected(Role::Tab, true, is_current, format!("Tab {}, {name}", index + 1))
            });
            if is_current {
                pen.fill(at, pen.theme.canvas);
                pen.fill(Rect::from_min_size(at.min, vec2(at.width(), 2.0)), pen.theme.accent);
            } else if response.hovered() {
                pen.fill(at, pen.theme.sel2);
            }
            let color = if is_current { pen.theme.t1 } else { pen.theme.t2 };
            pen.text_cut(at.left() + 10.0, at.right() - 26.0, at.center().y + 1.0, &name, theme::SMALL, color);
            let cross = Rect::from_center_size(pos2(at.right() - 14.0, at.center().y + 1.0), vec2(20.0, 20.0));
            let close = widgets::button::icon_button_sized(
                ui,
                cross,
                icons::X,
                11.0,
                &format!("Close tab {}", index + 1),
                true,
            );
            if close.clicked() || response.middle_clicked() {
                self.outbox.send(Command::CloseTab(index));
            } else if response.clicked() {
                self.outbox.send(Command::SelectTab(index));
            }
        }
    }

    pub(super) fn rail_ui(&self, ui: &mut Ui, rect: Rect) {
        let is_narrow = rect.width() < 100.0;
        let pen = Pen::on(ui);
        let theme = pen.theme;
        pen.fill(rect, theme.chrome);
        pen.vline(rect.right() - pen.hair(), rect.top(), rect.bottom(), theme.line);
        let list = ui.interact(rect, ui.scope_id().with("rail"), Sense::hover());
        list.widget_info(|| WidgetInfo::labeled(Role::TabList, true, "Views"));
        let current = self.tab().history.now().view;
        let findings = self.dump.as_ref().and_then(|dump| dump.session.findings());
        let mut y = rect.top() + 10.0;
        for group in View::GROUPS {
            for &view in *group {
                let at = Rect::from_min_max(pos2(rect.left() + 8.0, y), pos2(rect.right() - 9.0, y + 28.0));
                y += 29.0;
                let response = ui.interact(at, ui.scope_id().with(("rail", view)), Sense::click());
                let is_current = view == current;
                let n = findings.as_deref().map_or(0, |findings| n_findings(findings, view));
                response.widget_info(|| {
                    let word = match n {
                        0 => view.label().to_owned(),
                        n => format!("{}, {}", view.label(), crate::base::number::counted(n, "finding", "findings")),
                    };
                    WidgetInfo::selected(Role::Tab, true, is_current, word)
                });
                if is_current {
                    pen.round(at, theme::RADIUS, theme.sel);
                } else if response.hovered() {
                    pen.round(at, theme::RADIUS, theme.sel2);
                }
                if response.has_focus() {
                    pen.edge(at, theme::RADIUS, 2.0, theme.accent);
                }
                let (icon, style, color) = if is_current {
                    (theme.accent, theme::BODY_MEDIUM, theme.t1)
                } else {
                    (theme.t3, theme::BODY, theme.t2)
                };
                let icon_x = if is_narrow { at.center().x } else { at.left() + 15.0 };
                pen.icon(pos2(icon_x, at.center().y), view.icon(), 16.0, icon);
                if !is_narrow {
                    pen.text(at.left() + 30.0, at.center().y, view.label(), style, color);
                    if n > 0 {
                        let color = if view == View::Inspections { theme.t3 } else { theme.err };
                        let text = crate::base::number::count(n);
                        pen.text_right(at.right() - 10.0, at.center().y, &text, theme::SMALL, color);
                    }
                }
                let response = response.on_hover_cursor(CursorIcon::PointingHand);
                if response.clicked() {
                    self.outbox.send(Command::Show(view));
                }
                if is_narrow {
                    response.on_hover_text(view.label());
                }
            }
            y += 9.0;
        }
    }

    pub(super) fn status_bar_ui(&self, ui: &mut Ui, rect: Rect) {
        let pen = Pen::on(ui);
        let theme = pen.theme;
        pen.fill(rect, theme.chrome);
        pen.hline(rect.left(), rect.right(), rect.top(), theme.line);
        let Some(dump) = &self.dump else { return };
        let y = rect.center().y + 0.5;
        let snapshot = dump.session.snapshot();
        let status = dump.session.status();
        let state = match (&status, &snapshot) {
            (Status::Failed(_) | Status::Cancelled, None) => Badge::NotOpened,
            (_, Some(snapshot)) => views::status::badge(dump, snapshot),
            _ => Badge::Reading,
        };
        let (response, mut right) = marks::badge(ui, rect.right() - 14.0, y, state);
        if response.on_hover_text("What was read and what was not").clicked() && snapshot.is_some() {
            self.outbox.send(Command::Show(View::Coverage));
        }
        right -= 15.0;
        let room = rect.left() + rect.width() * 0.45;
        if let Some(snapshot) = &snapshot {
            right =
                pen.text_right(right, y, &crate::base::number::size(snapshot.object_bytes()), theme::SMALL, theme.t2);
            if right > room {
                let objects = crate::base::number::counted(snapshot.n_objects(), "object", "objects");
                right = pen.text_right(right - 15.0, y, &objects, theme::SMALL, theme.t2);
            }
            if let Some(progress) = self.current_job().filter(|_| right > room) {
                let (is_cancelled, left) = bars::progress_line(ui, right - 16.0, y, &progress);
                right = left;
                if is_cancelled {
                    self.outbox.send(Command::Cancel);
                }
            } else if dump.session.is_cancelled() && right > room {
                let text = "Stopped. Types stay usable";
                let width = pen.text_width(text, theme::SMALL) + 80.0;
                let x = right - 16.0 - width;
                let end = pen.text(x, y, text, theme::SMALL, theme.t2);
                if widgets::link(ui, end + 10.0, y, "Run again").clicked() {
                    self.outbox.send(Command::RunAgain);
                }
                right = x;
            }
        }
        let limit = right - 20.0;
        let mut x = pen.text_cut(rect.left() + 14.0, limit, y, &dump.name, theme::SMALL_MEDIUM, theme.t1) + 19.0;
        let facts = match &snapshot {
            Some(snapshot) => views::status::facts_line(&snapshot.facts),
            None => std::fs::metadata(dump.session.path())
                .map(|file| vec![crate::base::number::size(file.len())])
                .unwrap_or_default(),
        };
        for fact in facts {
            if x + pen.text_width(&fact, theme::SMALL) > limit {
                break;
            }
            x = pen.spans(x, y, &[span(fact, theme::SMALL, theme.t2)]) + 14.0;
        }
    }

    /// The job that the status bar shows: the window's own question first, else the analysis behind.
    fn current_job(&self) -> Option<crate::base::Progress> {
        let tab = self.tab();
        let own = tab.path.progress().or_else(|| tab.instances.list.progress()).or_else(|| tab.types.list.progress());
        let background = self.dump.as_ref().and_then(|dump| dump.session.background());
        own.filter(|progress| !progress.stage.is_empty()).or(background).filter(|progress| progress.elapsed_secs > 0.1)
    }
}

/// Findings that a view shows: only those carry a number in the rail.
fn n_findings(findings: &Findings, view: View) -> u64 {
    let n = match view {
        View::Suspects => findings.suspects.suspects.len(),
        View::Events => findings.events.leaks().count(),
        View::Inspections => findings.n_found(),
        _ => 0,
    };
    n as u64
}

/// The keys of `command` as this system writes them.
pub fn keys_text(ui: &Ui, command: &Command) -> String {
    let Some(keys) = command.shortcut() else { return String::new() };
    let words = ui.ctx().format_shortcut(&keys);
    words.split('+').map(key_sign).collect::<Vec<_>>().join(" ")
}

/// The sign of a key that the toolkit spells out.
fn key_sign(word: &str) -> &str {
    match word {
        "Slash" => "/",
        "Plus" => "+",
        "Minus" => "−",
        word => word,
    }
}

/// An entry of a menu. True when it was chosen.
pub fn menu_entry(ui: &mut Ui, icon: Option<char>, text: &str, keys: &str, is_enabled: bool, is_on: bool) -> bool {
    let sense = if is_enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width().clamp(200.0, 250.0), 26.0), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, is_enabled, text));
    let pen = Pen::on(ui);
    let theme = pen.theme;
    if is_enabled && (response.hovered() || response.has_focus()) {
        pen.round(rect, theme::RADIUS_CHIP, theme.sel);
    }
    let color = if is_enabled { theme.t1 } else { theme.disabled(theme.raised) };
    if let Some(icon) = icon {
        pen.icon(pos2(rect.left() + 14.0, rect.center().y), icon, 15.0, if is_enabled { theme.t2 } else { color });
    }
    pen.text(rect.left() + 30.0, rect.center().y, text, theme::BODY, color);
    if is_on {
        pen.icon(pos2(rect.right() - 14.0, rect.center().y), icons::CHECK, 14.0, theme.accent);
    } else if !keys.is_empty() {
        pen.text_right(rect.right() - 8.0, rect.center().y, keys, theme::SMALL, theme.t3);
    }
    response.clicked()
}

/// A line between the groups of a menu.
pub fn menu_line(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width().clamp(200.0, 250.0), 9.0), Sense::hover());
    let pen = Pen::on(ui);
    pen.hline(rect.left() + 4.0, rect.right() - 4.0, rect.center().y, pen.theme.line);
}
