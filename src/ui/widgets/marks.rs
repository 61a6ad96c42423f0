//! Small marks: chips, pills, key caps, root kinds, the command line to copy.

use eframe::egui;
use egui::{Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::button::icon_button_sized;
use crate::base::RootKind;
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::theme::{self, Face};

/// How a chip looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChipLook {
    /// On the grey of tracks.
    Plain,
    /// The reference to blame.
    Blamed,
    /// Struck through.
    Ignored,
}

/// A chip with the name of an edge, in mono, from `x`; returns its right edge. Cut at `max_width`.
pub fn chip(pen: &Pen, x: f32, y: f32, text: &str, look: ChipLook, max_width: f32) -> f32 {
    let theme = pen.theme;
    let (ground, color) = match look {
        ChipLook::Plain => (theme.track, theme.t1),
        ChipLook::Blamed => (theme.tint(theme.err), theme.err),
        ChipLook::Ignored => (theme.track, theme.t3),
    };
    let mut label = span(text, theme::MONO, color);
    label.is_struck = look == ChipLook::Ignored;
    let line = pen.line(&[label], max_width - 10.0);
    let width = line.size().x + 10.0;
    pen.round(Rect::from_min_size(pos2(pen.snap(x), y - 9.0), vec2(width, 18.0)), theme::RADIUS_CHIP, ground);
    pen.galley(x + 5.0, y, line);
    pen.snap(x) + width
}

/// The word of a root kind on its pill.
#[must_use]
pub const fn root_word(kind: RootKind) -> &'static str {
    match kind {
        RootKind::Static => "static",
        RootKind::ThreadStatic => "thread",
        RootKind::FinalizerQueue => "finalizer",
        RootKind::Stack => "stack",
        _ => "handle",
    }
}

/// The icon of a root kind.
#[must_use]
pub const fn root_icon(kind: RootKind) -> char {
    match kind {
        RootKind::Static => icons::PUSH_PIN,
        RootKind::ThreadStatic => icons::WAVEFORM,
        RootKind::FinalizerQueue => icons::HOURGLASS,
        RootKind::Stack => icons::STACK,
        _ => icons::ANCHOR,
    }
}

/// The pill of a root kind from `x`; returns its right edge.
pub fn root_pill(pen: &Pen, x: f32, y: f32, kind: RootKind) -> f32 {
    let color = pen.theme.root(kind);
    let word = root_word(kind);
    let x = pen.snap(x);
    let width = root_pill_width(pen, kind);
    pen.round(Rect::from_min_size(pos2(x, y - 9.0), vec2(width, 18.0)), 9.0, pen.theme.tint(color));
    pen.icon(pos2(x + 11.5, y), root_icon(kind), 11.0, color);
    pen.text(x + 21.0, y, word, theme::TINY, color);
    x + width
}

/// Width of the pill of a root kind.
#[must_use]
pub fn root_pill_width(pen: &Pen, kind: RootKind) -> f32 {
    (pen.text_width(root_word(kind), theme::TINY) + 29.0).ceil()
}

/// What something that was looked for came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing of it.
    Nothing,
    /// There is some.
    Found,
    /// It could not be looked for.
    Impossible,
}

/// The mark of a check in its colour, from `x`, 14 wide.
pub fn check_mark(pen: &Pen, x: f32, y: f32, check: Check) {
    let theme = pen.theme;
    let (icon, color, face) = match check {
        Check::Nothing => (icons::CHECK, theme.ok, Face::IconBold),
        Check::Found => (icons::WARNING, theme.warn, Face::IconFill),
        Check::Impossible => (icons::QUESTION, theme.warn, Face::IconBold),
    };
    pen.icon_in(pos2(x + 7.0, y), icon, 13.0, color, face);
}

/// A key cap from `x`; returns its right edge.
pub fn key_cap(pen: &Pen, x: f32, y: f32, key: &str) -> f32 {
    let width = (pen.text_width(key, theme::TINY) + 10.0).ceil();
    let rect = Rect::from_min_size(pos2(pen.snap(x), y - 9.0), vec2(width, 18.0));
    pen.round(rect, theme::RADIUS_CHIP, pen.theme.track);
    pen.text(rect.left() + 5.0, y, key, theme::TINY, pen.theme.t2);
    rect.right()
}

/// A key cap that ends at `right`; returns its left edge.
pub fn key_cap_right(pen: &Pen, right: f32, y: f32, key: &str) -> f32 {
    let width = (pen.text_width(key, theme::TINY) + 10.0).ceil();
    key_cap(pen, right - width, y, key);
    right - width
}

/// A command to copy, in `rect`. True when it was asked for.
pub fn command_line(ui: &mut Ui, rect: Rect, command: &str) -> bool {
    let response = ui.interact(rect, ui.scope_id().with(("command", command)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Code, true, command));
    let pen = Pen::on(ui);
    pen.round(rect, theme::RADIUS, pen.theme.track);
    pen.text_cut(rect.left() + 10.0, rect.right() - 36.0, rect.center().y, command, theme::MONO, pen.theme.t1);
    response.on_hover_text(command);
    let at = Rect::from_center_size(pos2(rect.right() - 18.0, rect.center().y), vec2(26.0, 24.0));
    icon_button_sized(ui, at, icons::COPY, 14.0, &format!("Copy {command}"), true).clicked()
}

/// What the status badge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// Everything that matters was read.
    AllRead,
    /// This many kinds of gaps.
    Gaps(usize),
    /// Still reading.
    Reading,
    /// No dump.
    NotOpened,
}

impl Badge {
    /// Its word.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::AllRead => "all read".to_owned(),
            Self::Gaps(1) => "1 gap".to_owned(),
            Self::Gaps(n) => format!("{n} gaps"),
            Self::Reading => "reading".to_owned(),
            Self::NotOpened => "not opened".to_owned(),
        }
    }
}

/// The status badge that ends at `right`; a press opens the coverage. Returns the response and its left edge.
pub fn badge(ui: &mut Ui, right: f32, y: f32, badge: Badge) -> (Response, f32) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let word = badge.word();
    let width = (pen.text_width(&word, theme::SMALL_MEDIUM) + 19.0).ceil();
    let rect = Rect::from_min_size(pos2(right - width, y - 11.0), vec2(width, 22.0));
    let response = ui.interact(rect.expand2(vec2(4.0, 1.0)), ui.scope_id().with("badge"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Coverage, {word}")));
    if response.hovered() {
        pen.round(rect.expand2(vec2(4.0, 0.0)), theme::RADIUS_CHIP, theme.sel2);
    }
    if response.has_focus() {
        pen.edge(rect.expand2(vec2(4.0, 0.0)), theme::RADIUS_CHIP, 2.0, theme.accent);
    }
    let (icon, color, face) = match badge {
        Badge::AllRead => (icons::CHECK_CIRCLE, theme.ok, Face::IconFill),
        Badge::Gaps(_) => (icons::WARNING, theme.warn, Face::IconFill),
        Badge::Reading => (icons::HOURGLASS, theme.t2, Face::IconFill),
        Badge::NotOpened => (icons::X, theme.err, Face::IconBold),
    };
    pen.icon_in(pos2(rect.left() + 6.5, y), icon, 13.0, color, face);
    pen.text(rect.left() + 17.0, y, &word, theme::SMALL_MEDIUM, color);
    (response, rect.left())
}
