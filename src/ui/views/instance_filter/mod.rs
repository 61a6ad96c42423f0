//! The filter of the instances: a field for text and conditions, and a menu that writes the conditions into it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use eframe::egui;
use egui::{Id, Key, Modifiers, PopupCloseBehavior, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::analysis::instances::InstanceFilter;
use crate::base::{Generation, number};
use crate::snapshot::TypeId;
use crate::ui::app::{Command, Cx};
use crate::ui::icons;
use crate::ui::model::command_line::shell_word;
use crate::ui::model::filter::BadPattern;
use crate::ui::model::instance_filter::{Condition, ROOTS, arguments, holder_words, is_on, parse, toggled, words};
use crate::ui::model::instances::InstanceList;
use crate::ui::pen::Pen;
use crate::ui::theme;
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::{Button, ButtonKind, Field, icon_button};

/// Types whose filters are kept.
const KEPT: usize = 200;
/// Sizes of the menu.
const SIZES: [(&str, u64); 4] = [("1 KiB", 1 << 10), ("64 KiB", 1 << 16), ("1 MiB", 1 << 20), ("16 MiB", 1 << 24)];

/// Conditions and their words.
type Choices<'a> = &'a [(&'static str, Condition)];

/// The filter of the type on screen, and those of types seen before.
#[derive(Debug, Default)]
pub struct FilterState {
    text: String,
    of: Option<TypeId>,
    others: BTreeMap<TypeId, String>,
    /// What `understood` and `bad` were made from.
    read: String,
    understood: InstanceFilter,
    bad: Option<BadPattern>,
    is_waiting: bool,
}

impl FilterState {
    /// Sets the text of the field.
    pub fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
    }

    /// Is there none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The filter that is in force: the last one that was understood.
    #[must_use]
    pub const fn understood(&self) -> &InstanceFilter {
        &self.understood
    }

    /// Why the text cannot be used.
    #[must_use]
    pub const fn bad(&self) -> Option<&BadPattern> {
        self.bad.as_ref()
    }

    /// Does it ask for what is not known yet.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Takes up the filter of `ty`, and reads the text when it has changed.
    pub(super) fn follow(&mut self, ty: TypeId, has_reachability: bool) {
        if let Some(before) = self.of.filter(|&before| before != ty) {
            let text = std::mem::replace(&mut self.text, self.others.remove(&ty).unwrap_or_default());
            if self.others.len() >= KEPT {
                self.others.clear();
            }
            if !text.is_empty() {
                self.others.insert(before, text);
            }
            // Of another type nothing was understood before.
            (self.read, self.understood, self.bad) = (String::new(), InstanceFilter::default(), None);
        }
        self.of = Some(ty);
        if self.read != self.text {
            self.read.clone_from(&self.text);
            match parse(&self.text) {
                Ok(filter) => (self.understood, self.bad) = (filter, None),
                Err(bad) => self.bad = Some(bad),
            }
        }
        self.is_waiting = !has_reachability && self.understood.asks_for_holders();
    }
}

/// The field: whoever sets the focus needs it.
#[must_use]
pub fn field_id() -> Id {
    Id::unique("instances-filter")
}

/// The list on screen as a command. `order` are its words for the order.
pub(super) fn command(cx: &Cx<'_>, ty: TypeId, state: &FilterState, order: &str) -> String {
    let name = shell_word(&cx.snapshot.types.row(ty).display_name());
    format!("heaproot instances {} {name}{}{order}", shell_word(&cx.dump.name), arguments(&state.understood))
}

/// Draws field and menu at the right end of the title line of `rect`; returns where they begin.
pub(super) fn filter_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut FilterState, command: &str, list: Id) -> f32 {
    let y = rect.top() + 20.5;
    let width = (rect.width() * 0.42).clamp(130.0, 280.0);
    let right = rect.right() - 12.0;
    let at = Rect::from_min_max(pos2(right - width, y - 13.0), pos2(right, y + 13.0));
    let field = Field {
        icon: Some(icons::MAGNIFYING_GLASS),
        key: Some("/"),
        is_bad: state.bad.is_some(),
        can_clear: true,
        ..Field::new(field_id(), "Filter instances", "Text, gen:2, held:no")
    };
    let response = field.show(ui, at, &mut state.text);
    if response.has_focus() {
        let (escape, down) = ui.input_mut(|input| {
            (input.consume_key(Modifiers::NONE, Key::Escape), input.consume_key(Modifiers::NONE, Key::ArrowDown))
        });
        if escape {
            state.text.clear();
        }
        if escape || down {
            ui.memory_mut(|memory| memory.request_focus(list));
        }
    } else if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        ui.memory_mut(|memory| memory.request_focus(list));
    }
    response.on_hover_text(match &state.bad {
        Some(bad) => match bad.at {
            Some(at) => format!("Not understood at letter {at}: {}. What was asked for before is shown", bad.message),
            None => format!("Not understood: {}", bad.message),
        },
        None => "Part of the text or preview, several words, \"a phrase\", and conditions: >=64KiB, gen:0,2, held:no, \
                 root:static"
            .to_owned(),
    });
    let button = icon_button(ui, at.left() - 18.0, y, icons::FUNNEL, "Conditions of the filter", true);
    egui::Popup::menu(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| conditions_ui(ui, cx, state, command));
    at.left() - 38.0
}

/// The conditions, each a switch.
fn conditions_ui(ui: &mut Ui, cx: &Cx<'_>, state: &mut FilterState, command: &str) {
    const WIDTH: f32 = 396.0;
    ui.set_min_width(WIDTH);
    let sizes = SIZES.map(|(word, bytes)| (word, Condition::Size(bytes)));
    let generations = Generation::ALL.map(|generation| (generation.label(), Condition::Generation(generation)));
    let held = [("yes", Condition::Held(true)), ("no", Condition::Held(false))];
    let roots = ROOTS.map(|(word, kinds)| (word, Condition::Root(kinds)));
    let rows: [(&str, &str, Choices<'_>); 4] = [
        ("Bytes", "Of so many bytes or more", &sizes),
        ("Generation", "In one of these", &generations),
        ("Held", "By a root, or by nothing", &held),
        ("Root", "Held by this kind of root, and by none named before it", &roots),
    ];
    for (label, tip, conditions) in rows {
        let (rect, _) = ui.allocate_exact_size(vec2(WIDTH, 32.0), Sense::hover());
        let y = rect.center().y;
        let pen = Pen::on(ui);
        pen.text(rect.left() + 8.0, y, label, theme::BODY, pen.theme.t3);
        let mut x = rect.left() + 86.0;
        if label == "Bytes" {
            x = pen.text(x, y, "≥", theme::BODY, pen.theme.t3) + 4.0;
        }
        for (word, condition) in conditions {
            let is_on = is_on(&state.understood, *condition);
            let button = Button::new(None, word).kind(ButtonKind::Quiet).on(is_on);
            let response = button.left(ui, x, y);
            x += button.width(&pen) + 2.0;
            response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_on, format!("{label} {word}")));
            if response.on_hover_text(tip).clicked() {
                state.text = toggled(&state.text, *condition);
            }
        }
    }
    let (rect, _) = ui.allocate_exact_size(vec2(WIDTH, 9.0), Sense::hover());
    let pen = Pen::on(ui);
    pen.hline(rect.left() + 4.0, rect.right() - 4.0, rect.center().y, pen.theme.line);
    let (rect, _) = ui.allocate_exact_size(vec2(WIDTH, 32.0), Sense::hover());
    let copy = Button::new(Some(icons::TERMINAL), "Copy the command").kind(ButtonKind::Quiet);
    if copy.left(ui, rect.left() + 2.0, rect.center().y).on_hover_text(command).clicked() {
        cx.outbox.send(Command::Copy(command.to_owned()));
        ui.close();
    }
    let clear = Button::new(None, "Clear the filter").kind(ButtonKind::Quiet).enabled(!state.is_empty());
    if clear.right(ui, rect.right() - 2.0, rect.center().y).clicked() {
        state.text.clear();
        ui.close();
    }
}

/// Nothing is let through.
pub(super) fn nothing_ui(ui: &mut Ui, rect: Rect, state: &mut FilterState, list: &InstanceList) {
    // While what is typed is not understood, the filter before it is what hides them.
    let shown = if state.bad.is_some() { words(&state.understood) } else { state.text.trim().to_owned() };
    let title = format!("No instance matches “{shown}”");
    let text = match list.n_all {
        1 => "The only instance is hidden by the filter.".to_owned(),
        n => format!("All {} instances are hidden by the filter.", number::count(n)),
    };
    let choices = [(None, "Clear the filter")];
    let color = theme::of(ui).t2;
    if (Notice { icon: icons::FUNNEL, color, title: &title, text: &text, choices: &choices }).show(ui, rect).is_some() {
        state.text.clear();
    }
}

/// The filter asks for what is not known yet, or never will be.
pub(super) fn waiting_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut FilterState) {
    let words = holder_words(&state.understood);
    let session = &cx.dump.session;
    let is_stopped = session.is_cancelled();
    let (title, text) = match session.background_problem() {
        Some(problem) => (format!("“{words}” cannot be answered"), format!("{}. {}", problem.title, problem.why)),
        None if is_stopped => {
            let text = "Reading was stopped before it was known what is held. Run again to get there.";
            (format!("“{words}” cannot be answered"), text.to_owned())
        }
        None if session.background().is_some() => {
            let text = "What is held is known once all references were followed. The answer then comes by itself.";
            (format!("“{words}” waits"), text.to_owned())
        }
        None => (format!("“{words}” cannot be answered"), "The dump holds no references.".to_owned()),
    };
    let mut choices = vec![(None, "Clear the filter")];
    if is_stopped {
        choices.insert(0, (Some(icons::ARROWS_CLOCKWISE), "Run again"));
    }
    let color = theme::of(ui).t2;
    let notice = Notice { icon: icons::HOURGLASS, color, title: &title, text: &text, choices: &choices };
    match notice.show(ui, rect).and_then(|index| choices.get(index)) {
        Some((_, "Run again")) => cx.outbox.send(Command::RunAgain),
        Some(_) => state.text.clear(),
        None => {}
    }
}
