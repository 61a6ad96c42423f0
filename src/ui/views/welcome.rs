//! The first screen: open a dump, or learn how to collect one.

use eframe::egui;
use egui::{CursorIcon, Id, Key, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::base::number;
use crate::ui::app::{Command, Outbox};
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::settings::{RecentFile, Settings};
use crate::ui::theme;
use crate::ui::widgets::{Button, ButtonKind, Field, marks};

/// How to collect a dump: where, what is needed, the command.
pub const RECIPES: [(&str, &str, &str); 4] = [
    ("On the machine", "with the .NET tools", "dotnet-dump collect -p PID --type Heap"),
    ("In a container", "no tools needed, part of the runtime", "createdump --withheap -f /tmp/app.core PID"),
    ("In Kubernetes", "copy it out of the pod", "kubectl cp NAMESPACE/POD:/tmp/app.core app.core"),
    ("At the next crash", "environment of the service", "DOTNET_DbgEnableMiniDump=1 DOTNET_DbgMiniDumpType=2"),
];

/// Draws the view.
pub fn welcome_ui(ui: &mut Ui, rect: Rect, settings: &Settings, path: &mut String, outbox: &Outbox) {
    let is_narrow = rect.width() < 1000.0;
    let width = (rect.width() - 2.0 * 40.0).min(1060.0);
    let left = (rect.center().x - width / 2.0).round() + if is_narrow { 0.0 } else { 10.0 };
    let right = left + width;
    let column = if is_narrow { width } else { 500.0 };
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let mut y = rect.top() + (rect.height() * 0.13).clamp(40.0, 103.0);
    logo(&pen, pos2(left, y), 34.0);
    pen.text(left + 48.0, y + 16.0, "Heaproot", theme::STATE_TITLE.with(theme::Face::SemiBold), theme.t1);
    y += 59.0;
    let lead = "Finds what keeps a .NET heap alive. Offline, without a runtime, nothing in the dump is executed.";
    pen.text_cut(left, right, y, lead, theme::PANE_TITLE.with(theme::Face::Regular), theme.t2);
    y += 38.0;
    let target = Rect::from_min_size(pos2(left, y), vec2(column, 148.0));
    target_ui(ui, target, path, outbox);
    let bottom = rect.bottom() - 56.0;
    if is_narrow {
        recent_ui(ui, left, target.bottom() + 36.0, column, bottom, settings, outbox);
    } else {
        recent_ui(ui, left, target.bottom() + 36.0, column, bottom, settings, outbox);
        recipes_ui(ui, left + column + 72.0, y, right - left - column - 72.0, outbox);
    }
    let y = rect.bottom() - 34.0;
    let mut x = left;
    for (command, word) in [(Command::Open, "open"), (Command::Palette, "command"), (Command::Keys, "all keys")] {
        x = marks::key_cap(&pen, x, y, &crate::ui::app::keys_text(ui, &command)) + 8.0;
        x = pen.text(x, y, word, theme::SMALL, theme.t3) + 20.0;
    }
    let version = concat!("Heaproot ", env!("CARGO_PKG_VERSION"));
    pen.text_right(right, y, version, theme::SMALL, theme.t3);
}

/// The program's mark: a root with two branches.
pub fn logo(pen: &Pen, at: egui::Pos2, size: f32) {
    let theme = pen.theme;
    let rect = Rect::from_min_size(at, vec2(size, size));
    let unit = size / 34.0;
    pen.round(rect, 8.0 * unit, if theme.is_dark { theme::LIGHT.accent } else { theme.accent });
    let point = |x: f32, y: f32| at + vec2(x, y) * unit;
    let white = theme::LIGHT.canvas;
    let stroke = egui::Stroke::new(2.4 * unit, white);
    let (top, middle, a, b) = (point(17.0, 9.0), point(17.0, 17.5), point(10.0, 25.0), point(24.0, 25.0));
    for (from, to) in [(top, middle), (middle, a), (middle, b)] {
        pen.painter.line_segment([from, to], stroke);
    }
    for (center, radius) in [(top, 3.2), (middle, 1.2), (a, 3.0), (b, 3.0)] {
        pen.painter.circle_filled(center, radius * unit, white);
    }
}

fn target_ui(ui: &mut Ui, rect: Rect, path: &mut String, outbox: &Outbox) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    pen.dashed(rect, 8.0, theme.chrome, theme::mix(theme.line2, theme.t3, 0.15));
    let left = rect.left() + 24.0;
    pen.icon(pos2(left + 11.0, rect.top() + 42.0), icons::TRAY_ARROW_DOWN, 24.0, theme.t2);
    let text = rect.left() + 66.0;
    pen.text(text, rect.top() + 34.0, "Drop a dump here", theme::PANE_TITLE.with(theme::Face::Medium), theme.t1);
    let kinds = "ELF core, plain or as .gz, .xz, .zst";
    pen.text_cut(text, rect.right() - 16.0, rect.top() + 55.0, kinds, theme::SMALL, theme.t3);
    let y = rect.top() + 110.0;
    let open = Button::new(Some(icons::FOLDER_OPEN), "Open dump…").kind(ButtonKind::Primary);
    if open.left(ui, left, y).clicked() {
        outbox.send(Command::Open);
    }
    let mut x = left + open.width(&pen) + 8.0;
    let sample = Button::new(Some(icons::FLASK), "Open the sample");
    if sample.left(ui, x, y).clicked() {
        outbox.send(Command::OpenSample);
    }
    x += sample.width(&pen) + 8.0;
    let at = Rect::from_min_max(pos2(x, y - 14.0), pos2(rect.right() - 24.0, y + 14.0));
    let field = Field::new(Id::unique("welcome-path"), "Path of a dump", "or type a path");
    let response = field.show(ui, at, path);
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && !path.trim().is_empty() {
        outbox.send(Command::OpenPath(path.trim().trim_matches('"').into()));
    }
}

fn title(pen: &Pen, x: f32, y: f32, width: f32, text: &str) {
    pen.text(x, y, text, theme::BODY_STRONG, pen.theme.t1);
    pen.hline(x, x + width, y + 15.0, pen.theme.line);
}

fn recent_ui(ui: &mut Ui, x: f32, y: f32, width: f32, bottom: f32, settings: &Settings, outbox: &Outbox) {
    if settings.recent.is_empty() || y + 60.0 > bottom {
        return;
    }
    title(&Pen::on(ui), x, y, width, "Recent");
    let mut top = y + 20.0;
    for recent in &settings.recent {
        if top + 44.0 > bottom {
            break;
        }
        recent_row_ui(ui, Rect::from_min_size(pos2(x - 10.0, top), vec2(width + 20.0, 43.0)), recent, outbox);
        top += 44.0;
    }
}

fn recent_row_ui(ui: &mut Ui, rect: Rect, recent: &RecentFile, outbox: &Outbox) {
    let response = ui.interact(rect, ui.scope_id().with(&recent.path), Sense::click());
    let name = recent.path.file_name().unwrap_or(recent.path.as_os_str()).to_string_lossy();
    response
        .widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{name}, {}, {}", recent.what, recent.result)));
    let pen = Pen::on(ui);
    let theme = pen.theme;
    if response.hovered() || response.context_menu_opened() {
        pen.round(rect, theme::RADIUS, theme.hover);
    }
    if response.has_focus() {
        pen.edge(rect, theme::RADIUS, 2.0, theme.accent);
    }
    let (upper, lower) = (rect.top() + 13.5, rect.top() + 31.0);
    pen.icon(pos2(rect.left() + 16.0, rect.center().y), icons::FILE, 17.0, theme.t3);
    let right = rect.right() - 10.0;
    let result = pen.text_right(right, upper, &recent.result, theme::BODY, theme.t2);
    pen.text_cut(rect.left() + 40.0, result - 12.0, upper, &name, theme::BODY_MEDIUM, theme.t1);
    let size = pen.text_right(right, lower, &number::size(recent.bytes), theme::SMALL, theme.t3);
    pen.text_cut(rect.left() + 40.0, size - 12.0, lower, &recent.what, theme::SMALL, theme.t3);
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    if response.clicked() {
        outbox.send(Command::OpenPath(recent.path.clone()));
    }
    response.context_menu(|ui| {
        for command in [
            Command::OpenPath(recent.path.clone()),
            Command::Copy(recent.path.display().to_string()),
            Command::ForgetRecent(recent.path.clone()),
        ] {
            let words = match &command {
                Command::OpenPath(_) => "Open".to_owned(),
                Command::Copy(_) => "Copy the path".to_owned(),
                command => command.label(),
            };
            if crate::ui::app::menu_entry(ui, command.icon(), &words, "", true, false) {
                outbox.send(command);
                ui.close();
            }
        }
    });
    response.on_hover_text(recent.path.display().to_string());
}

fn recipes_ui(ui: &mut Ui, x: f32, top: f32, width: f32, outbox: &Outbox) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    title(&pen, x, top + 8.5, width, "How to collect a dump");
    let mut y = top + 46.0;
    for (place, needs, command) in RECIPES {
        let end = pen.text(x, y, place, theme::BODY_MEDIUM, theme.t1);
        pen.text_cut(end + 8.0, x + width, y, needs, theme::SMALL, theme.t3);
        let at = Rect::from_min_size(pos2(x, y + 16.0), vec2(width, 30.0));
        if marks::command_line(ui, at, command) {
            outbox.send(Command::Copy(command.to_owned()));
        }
        y += 70.0;
    }
    let text = "A heap dump holds the contents of objects. It may contain passwords and personal data. Heaproot never \
                sends anything anywhere.";
    pen.paragraph(x, y - 7.0, width, 19.0, &[span(text, theme::SMALL, theme.t3)]);
}
