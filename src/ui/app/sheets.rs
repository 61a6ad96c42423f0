//! What lies over the window: palette, address, picture, keys.

use eframe::egui;
use egui::{Id, Key, Modifiers, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::chrome::keys_text;
use super::{App, Command, Sheet, Subject};
use crate::ui::icons;
use crate::ui::model::filter::Filter;
use crate::ui::pen::Pen;
use crate::ui::place::{Place, View, parse_address};
use crate::ui::theme;
use crate::ui::widgets::{Button, ButtonKind, Field};

/// A line of the palette.
struct Hit {
    icon: Option<char>,
    text: String,
    note: String,
    command: Command,
}

impl App {
    pub(super) fn sheet_ui(&mut self, ui: &mut Ui) {
        let Some(mut sheet) = self.sheet.take() else { return };
        let size = match &sheet {
            Sheet::Palette { .. } => vec2(560.0, 420.0),
            Sheet::Address { .. } => vec2(420.0, 112.0),
            Sheet::Picture { .. } => vec2(480.0, 232.0),
            Sheet::Keys => vec2(560.0, 648.0),
        };
        let size = size.min(ui.max_rect().size() - vec2(24.0, 24.0));
        let theme = theme::of(ui);
        let frame = egui::Frame::NONE
            .fill(theme.raised)
            .stroke(egui::Stroke::new(1.0, theme.line2))
            .corner_radius(10)
            .shadow(ui.visuals().window_shadow);
        let modal = egui::Modal::new(Id::unique("sheet")).frame(frame).backdrop_color(theme.veil);
        let modal = modal.show(ui.ctx(), |ui| {
            let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
            match &mut sheet {
                Sheet::Palette { text, cursor } => self.palette_ui(ui, rect, text, cursor),
                Sheet::Address { text, problem } => self.address_ui(ui, rect, text, problem),
                Sheet::Picture { subject, path } => self.picture_ui(ui, rect, subject, path),
                Sheet::Keys => keys_ui(ui, rect),
            }
        });
        if !modal.inner && !modal.should_close() {
            self.sheet = Some(sheet);
        }
    }

    /// True when the sheet is done.
    fn palette_ui(&self, ui: &mut Ui, rect: Rect, text: &mut String, cursor: &mut usize) -> bool {
        let id = Id::unique("palette");
        ui.memory_mut(|memory| memory.request_focus(id));
        let field =
            Field { icon: Some(icons::MAGNIFYING_GLASS), ..Field::new(id, "Command", "Type, address or command") };
        let (down, up, enter) = ui.input_mut(|input| {
            (
                input.consume_key(Modifiers::NONE, Key::ArrowDown),
                input.consume_key(Modifiers::NONE, Key::ArrowUp),
                input.consume_key(Modifiers::NONE, Key::Enter),
            )
        });
        let at = Rect::from_min_size(rect.min + vec2(12.0, 12.0), vec2(rect.width() - 24.0, 32.0));
        if field.show(ui, at, text).changed() {
            *cursor = 0;
        }
        let hits = self.hits(ui, text);
        let room = ((rect.bottom() - at.bottom() - 16.0) / 30.0).floor().max(1.0) as usize;
        *cursor = (*cursor + usize::from(down)).saturating_sub(usize::from(up)).min(hits.len().saturating_sub(1));
        let first = cursor.saturating_sub(room - 1);
        let mut chosen = enter.then_some(*cursor);
        let pen = Pen::on(ui);
        let theme = pen.theme;
        for (row, (index, hit)) in hits.iter().enumerate().skip(first).take(room).enumerate() {
            let at = Rect::from_min_size(
                pos2(rect.left() + 8.0, at.bottom() + 8.0 + row as f32 * 30.0),
                vec2(rect.width() - 16.0, 30.0),
            );
            let response = ui.interact(at, id.with(index), Sense::CLICK);
            response.widget_info(|| {
                WidgetInfo::selected(Role::ListBoxOption, true, index == *cursor, format!("{} {}", hit.text, hit.note))
            });
            if index == *cursor {
                pen.round(at, theme::RADIUS, theme.sel);
            } else if response.hovered() {
                pen.round(at, theme::RADIUS, theme.hover);
            }
            if let Some(icon) = hit.icon {
                pen.icon(pos2(at.left() + 16.0, at.center().y), icon, 15.0, theme.t3);
            }
            let note = pen.text_right(at.right() - 10.0, at.center().y, &hit.note, theme::SMALL, theme.t3);
            let style = crate::ui::type_name::NameStyle::cell(theme);
            let left = at.left() + 34.0;
            match hit.command {
                Command::Go(_) => {
                    let spans = crate::ui::type_name::spans(&pen, &hit.text, note - 12.0 - left, style);
                    pen.spans_cut(left, note - 12.0, at.center().y, &spans);
                }
                _ => {
                    pen.text_cut(left, note - 12.0, at.center().y, &hit.text, theme::BODY, theme.t1);
                }
            }
            if response.clicked() {
                chosen = Some(index);
            }
        }
        if hits.is_empty() {
            let text = "No type, object or command matches";
            pen.centered(pos2(rect.center().x, at.bottom() + 40.0), text, theme::BODY, theme.t3);
        }
        match chosen.and_then(|index| hits.into_iter().nth(index)) {
            Some(hit) => {
                self.outbox.send(hit.command);
                true
            }
            None => false,
        }
    }

    fn hits(&self, ui: &Ui, text: &str) -> Vec<Hit> {
        const TYPES: usize = 30;
        let mut hits = Vec::new();
        let snapshot = self.dump.as_ref().and_then(|dump| dump.session.snapshot());
        if let (Some(snapshot), Some(at)) = (&snapshot, parse_address(text).filter(|at| at.0 > 0xFFFF))
            && let Some((object, offset)) = snapshot.objects.containing(at)
            && snapshot.is_object(object)
        {
            let address = snapshot.objects.address(object);
            hits.push(Hit {
                icon: Some(icons::CROSSHAIR),
                text: snapshot.type_of(object).display_name(),
                note: if offset == 0 { format!("object {address}") } else { format!("{offset} bytes into {address}") },
                command: Command::Go(Place::object(snapshot, object)),
            });
        }
        let Ok(filter) = Filter::parse(text) else { return hits };
        hits.extend(
            Command::all()
                .into_iter()
                .filter(|command| *command != Command::Palette && (self.dump.is_some() || !command.needs_dump()))
                .filter(|command| filter.matches(&command.label(), &command.label().to_lowercase()))
                .map(|command| Hit {
                    icon: command.icon(),
                    text: command.label(),
                    note: keys_text(ui, &command),
                    command,
                }),
        );
        if let Some(catalog) = self.dump.as_ref().and_then(|dump| dump.catalog.value()).filter(|_| !filter.is_empty()) {
            let mut types: Vec<_> =
                catalog.entries.iter().filter(|entry| filter.matches(&entry.name, &entry.lower)).collect();
            types.sort_by_key(|entry| (std::cmp::Reverse(entry.totals.bytes), entry.id));
            let types = types.into_iter().take(TYPES).map(|entry| Hit {
                icon: Some(icons::TABLE),
                text: entry.name.to_string(),
                note: crate::base::number::counted(entry.totals.count, "object", "objects"),
                command: Command::Go(Place { view: View::Types, ty: Some(entry.id), object: None }),
            });
            // Types first once a person types a name: there are more of them than of commands.
            let types: Vec<_> = types.collect();
            let at = hits.iter().take_while(|hit| matches!(hit.command, Command::Go(_))).count();
            let n_commands = hits.len() - at;
            let at = if n_commands <= 3 { hits.len() } else { at };
            hits.splice(at..at, types);
        }
        hits
    }

    fn address_ui(&self, ui: &mut Ui, rect: Rect, text: &mut String, problem: &mut Option<String>) -> bool {
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let id = Id::unique("address");
        ui.memory_mut(|memory| memory.request_focus(id));
        pen.text(rect.left() + 16.0, rect.top() + 22.0, "Go to address", theme::PANE_TITLE, theme.t1);
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let at = Rect::from_min_size(rect.min + vec2(16.0, 42.0), vec2(rect.width() - 32.0, 30.0));
        let field = Field {
            is_bad: problem.is_some(),
            ..Field::new(id, "Address", "0x7f74… or an address inside an object")
        };
        if field.show(ui, at, text).changed() {
            *problem = None;
        }
        let (words, color) = match problem {
            Some(problem) => (problem.as_str(), theme.err),
            None => ("With or without 0x; an address inside an object finds its object", theme.t3),
        };
        pen.text_cut(rect.left() + 16.0, rect.right() - 16.0, rect.bottom() - 20.0, words, theme::SMALL, color);
        if !enter {
            return false;
        }
        let Some(snapshot) = self.dump.as_ref().and_then(|dump| dump.session.snapshot()) else { return true };
        let Some(address) = parse_address(text) else {
            *problem = Some("This is no address: up to 16 hexadecimal digits".to_owned());
            return false;
        };
        match snapshot.objects.containing(address) {
            Some((object, _)) if snapshot.is_object(object) => {
                self.outbox.send(Command::Go(Place::object(&snapshot, object)));
                true
            }
            Some(_) => {
                *problem = Some(format!("{address} lies in free space of the heap"));
                false
            }
            None => {
                *problem = Some(format!("{address} lies outside the managed heap"));
                false
            }
        }
    }

    fn picture_ui(&self, ui: &mut Ui, rect: Rect, subject: &mut Subject, path: &mut String) -> bool {
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let (left, right) = (rect.left() + 16.0, rect.right() - 16.0);
        pen.text(left, rect.top() + 24.0, "Save a picture", theme::PANE_TITLE, theme.t1);
        let mut x = left;
        let y = rect.top() + 62.0;
        for choice in Subject::ALL {
            let is_enabled = match choice {
                Subject::Path => self.tab().path.has_answer(),
                Subject::Pane => !self.panes.is_empty(),
                Subject::Window => true,
            };
            let button = Button::new(None, choice.label()).on(*subject == choice).enabled(is_enabled);
            if button.left(ui, x, y).clicked() {
                *subject = choice;
            }
            x += button.width(&pen) + 8.0;
        }
        let y = y + 38.0;
        let id = ui.scope_id().with("scale");
        let mut scale = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(self.settings.picture_scale);
        let mut x = pen.text(left, y, "Pixels", theme::BODY, theme.t2) + 12.0;
        for (label, value) in [("1×", 1.0), ("2×", 2.0)] {
            let button = Button::new(None, label).on((scale - value).abs() < 0.1);
            if button.left(ui, x, y).clicked() {
                scale = value;
                ui.data_mut(|data| data.insert_temp(id, scale));
            }
            x += button.width(&pen) + 8.0;
        }
        let field = Field::new(Id::unique("picture-path"), "Path of the picture", "Path, or choose a file below");
        let at = Rect::from_min_max(pos2(left, y + 26.0), pos2(right, y + 56.0));
        field.show(ui, at, path);
        let y = rect.bottom() - 30.0;
        let file = Button::new(Some(icons::IMAGE), if path.trim().is_empty() { "Save to file…" } else { "Save" });
        let file = file.kind(ButtonKind::Primary);
        let mut is_done = false;
        if file.left(ui, left, y).clicked() {
            self.outbox.send(if path.trim().is_empty() {
                Command::PictureFile(*subject, scale)
            } else {
                Command::TakePicture(*subject, scale, Some(path.trim().into()))
            });
            is_done = true;
        }
        let copy = Button::new(Some(icons::CLIPBOARD_TEXT), "To the clipboard");
        if copy.left(ui, left + file.width(&pen) + 8.0, y).clicked() {
            self.outbox.send(Command::TakePicture(*subject, scale, None));
            is_done = true;
        }
        if Button::new(None, "Cancel").kind(ButtonKind::Quiet).right(ui, right, y).clicked() {
            is_done = true;
        }
        is_done
    }
}

/// All keys in two columns.
fn keys_ui(ui: &mut Ui, rect: Rect) -> bool {
    const MORE: [(&str, &str); 16] = [
        ("Up Down PgUp PgDn Home End", "move in a list"),
        ("Enter", "go"),
        ("Ctrl Enter, middle button", "open behind"),
        ("Left Right", "fold, unfold"),
        ("Space", "tick an event: what comes back without it"),
        ("Shift Up Down", "select several"),
        ("I", "ignore this reference of a path"),
        ("N", "next different path"),
        ("Ctrl A", "select all"),
        ("Ctrl C", "copy the cell"),
        ("Ctrl Shift C", "copy the rows"),
        ("Esc", "clear the filter, close"),
        ("Tab, Shift Tab", "next, previous control"),
        ("Mouse 4, 5", "back, forward"),
        ("Double press on a divider", "its first place"),
        ("Right button", "everything that can be done"),
    ];
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let close = Rect::from_center_size(pos2(rect.right() - 22.0, rect.top() + 24.0), vec2(26.0, 26.0));
    pen.text(rect.left() + 16.0, rect.top() + 24.0, "All keys", theme::PANE_TITLE, theme.t1);
    let commands = Command::all().into_iter().filter(|command| command.shortcut().is_some());
    // Closer together in a low window: none may stand outside the sheet.
    let step = |n: usize, most: f32| ((rect.height() - 72.0) / n as f32).min(most);
    let down = step(commands.clone().count(), 24.0);
    let mut y = rect.top() + 56.0;
    for command in commands {
        let keys = keys_text(ui, &command);
        crate::ui::widgets::marks::key_cap(&pen, rect.left() + 16.0, y, &keys);
        pen.text_cut(rect.left() + 112.0, rect.center().x - 8.0, y, &command.label(), theme::SMALL, theme.t2);
        y += down;
    }
    let down = step(MORE.len(), 34.0);
    let mut y = rect.top() + 56.0;
    for (keys, what) in MORE {
        pen.text(rect.center().x + 8.0, y, keys, theme::SMALL_MEDIUM, theme.t1);
        pen.text(rect.center().x + 8.0, y + 14.0, what, theme::SMALL, theme.t3);
        y += down;
    }
    crate::ui::widgets::button::icon_button_sized(ui, close, icons::X, 14.0, "Close", true).clicked()
}
