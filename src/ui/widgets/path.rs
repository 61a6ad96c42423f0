//! The lines of a path: spine, marks, chips, names. Drawn the same in the window and in a report's picture.

use eframe::egui;
use egui::{Rect, Stroke, pos2, vec2};

use super::marks::{self, ChipLook};
use crate::base::number;
use crate::ui::icons;
use crate::ui::model::paths::{LineKind, Node, PathLine, RootLine, shared_words, split_member};
use crate::ui::pen::{Pen, Span, span};
use crate::ui::theme::{self, Face};
use crate::ui::type_name::{self, NameStyle};

/// Where the parts of a line stand.
#[derive(Clone, Copy, Debug)]
pub struct PathPlace {
    /// The spine of depth 0.
    pub spine: f32,
    /// Right end of the address; names end before it.
    pub address: f32,
    /// Right end of the bytes.
    pub bytes: f32,
    /// Indent of one depth.
    pub indent: f32,
}

impl PathPlace {
    /// In a pane.
    #[must_use]
    pub fn in_pane(rect: Rect) -> Self {
        Self { spine: rect.left() + 23.0, address: rect.right() - 100.0, bytes: rect.right() - 16.0, indent: 24.0 }
    }
}

/// Draws one line in `rect`, 28 high. `shows_size` is off where buttons stand instead. Returns what it says.
pub fn line(pen: &Pen, rect: Rect, line: &PathLine, is_first: bool, place: PathPlace, shows_size: bool) -> String {
    let theme = pen.theme;
    let y = rect.center().y;
    let spine = place.spine + line.depth as f32 * place.indent;
    let x = spine + 17.0;
    let vertical = |at: f32, from: f32, to: f32| {
        let width = pen.hair() * if pen.hair() < 0.9 { 2.0 } else { 1.0 };
        let at = pen.snap(at - width / 2.0);
        pen.fill(Rect::from_min_max(pos2(at, from), pos2(at + width.max(1.5 * pen.hair()), to)), theme.line2);
    };
    for depth in 0..line.depth {
        vertical(place.spine + depth as f32 * place.indent, rect.top(), rect.bottom());
    }
    let is_root_aside = matches!(line.kind, LineKind::Root(_)) && line.goes_on;
    let begins = is_first || matches!(line.kind, LineKind::Further { .. });
    vertical(spine, if begins { y } else { rect.top() }, if line.goes_on { rect.bottom() } else { y });
    let name_end = place.address - 107.0;
    let full = |node: &Node| {
        let note = if node.note.is_empty() { String::new() } else { format!(", {}", node.note) };
        format!("{}{note}, {}, {}", node.type_name, node.address, number::size(node.bytes))
    };
    match &line.kind {
        LineKind::Subject(node) => {
            pen.painter.circle_filled(pos2(spine, y), 4.5, theme.accent);
            node_ui(pen, x, name_end, y, node, false);
            right_ui(pen, y, node, place, shows_size);
            full(node)
        }
        LineKind::Further { node, index, n_holders, n_shared } => {
            pen.hline(spine - 7.0, place.bytes, rect.top(), theme.line);
            pen.painter.circle_filled(pos2(spine, y), 4.5, theme.accent);
            let shared = shared_words(*n_holders, *n_shared);
            let x = pen.text(x, y, &format!("Path {index}"), theme::BODY_MEDIUM, theme.t1);
            pen.text_cut(x + 8.0, name_end, y, &shared, theme::SMALL, theme.t3);
            right_ui(pen, y, node, place, shows_size);
            format!("Path {index}, {shared}: {}", full(node))
        }
        LineKind::Step { via, node, is_blamed, .. } => {
            if *is_blamed {
                pen.painter.circle_filled(pos2(spine, y), 8.0, theme.canvas);
                pen.icon_in(pos2(spine, y), icons::WARNING_DIAMOND, 17.0, theme.err, Face::IconFill);
            } else {
                pen.painter.circle(pos2(spine, y), 4.0, theme.canvas, Stroke::new(1.6, theme.t3));
            }
            let look = if *is_blamed { ChipLook::Blamed } else { ChipLook::Plain };
            let x = chip_of(pen, x, y, via.as_deref(), look, name_end);
            node_ui(pen, x, name_end, y, node, true);
            right_ui(pen, y, node, place, shows_size);
            format!("{} of {}", via.as_deref().unwrap_or("unknown reference"), full(node))
        }
        LineKind::Fork { via, node, n_more, root, is_open, .. } => {
            pen.hline(spine, spine + 14.0, y - pen.hair() / 2.0, theme.line2);
            let caret = if *is_open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
            pen.icon(pos2(spine + 20.0, y), caret, 12.0, theme.t2);
            let x = chip_of(pen, spine + 35.0, y, via.as_deref(), ChipLook::Plain, name_end);
            let words = fork_words(node, *n_more, *is_open);
            let end = place.bytes;
            let x = pen.text_cut(x, end, y, &words, theme::BODY, theme.t2);
            if let Some((kind, name)) = root.as_ref().filter(|_| !is_open) {
                let pill = marks::root_pill_width(pen, *kind);
                if x + 8.0 + pill + 24.0 < end {
                    let x = marks::root_pill(pen, x + 8.0, y, *kind);
                    pen.spans_cut(x + 8.0, end, y, &member(pen, name, true));
                }
            }
            let root = root.as_ref().map_or(String::new(), |(kind, name)| format!(", {} {name}", kind.label()));
            format!("Another holder: {} of {words}{root}", via.as_deref().unwrap_or("?"))
        }
        LineKind::Root(root) => {
            let color = theme.root(root.kind);
            let mut x = x;
            if is_root_aside {
                pen.hline(spine, spine + 18.0, y - pen.hair() / 2.0, theme.line2);
                pen.painter.circle_filled(pos2(spine + 20.0, y), 4.0, color);
                x = spine + 35.0;
            } else {
                pen.painter.circle_filled(pos2(spine, y), 5.5, color);
            }
            let x = marks::root_pill(pen, x, y, root.kind);
            root_ui(pen, x + 9.0, place.bytes, y, root)
        }
        LineKind::Run { n, type_name, via } => {
            pen.painter.circle_filled(pos2(spine, y), 8.0, theme.canvas);
            pen.icon(pos2(spine, y), icons::CARET_DOUBLE_DOWN, 13.0, theme.t2);
            let words = format!("{} more of {} through", number::count(*n), type_name::short(type_name));
            let x = pen.text_cut(x, name_end, y, &words, theme::BODY, theme.t2);
            marks::chip(pen, x + 8.0, y, via.as_deref().unwrap_or("?"), ChipLook::Plain, 160.0);
            format!("{words} {}", via.as_deref().unwrap_or("?"))
        }
        LineKind::Cycle { node, via } => {
            pen.hline(spine, spine + 12.0, y - pen.hair() / 2.0, theme.line2);
            pen.icon(pos2(spine + 20.0, y), icons::ARROWS_CLOCKWISE, 13.0, theme.t2);
            let x = pen.text(spine + 35.0, y, "back to", theme::BODY, theme.t2);
            let name = type_name::short(&node.type_name);
            let x = pen.text_cut(x + 6.0, name_end, y, &name, theme::BODY, theme.accent);
            let words = via.as_ref().map_or("cycle".to_owned(), |via| format!("through {via}, cycle"));
            pen.text_cut(x + 8.0, place.bytes, y, &words, theme::SMALL, theme.t3);
            format!("back to {name}, cycle")
        }
        LineKind::More { n, .. } => {
            pen.hline(spine, spine + 12.0, y - pen.hair() / 2.0, theme.line2);
            pen.icon(pos2(spine + 20.0, y), icons::DOTS_THREE, 14.0, theme.t2);
            let words = number::counted(*n, "more referrer", "more referrers");
            pen.text(spine + 35.0, y, &words, theme::BODY, theme.accent);
            words
        }
    }
}

fn fork_words(node: &Node, n_more: Option<u32>, is_open: bool) -> String {
    let name = type_name::short(&node.type_name);
    match n_more {
        _ if is_open => name,
        Some(0) => format!("{name}, held by"),
        Some(1) => format!("{name}, 1 more step to"),
        Some(n) => format!("{name}, {} more steps to", number::count(n.into())),
        None => format!("{name}, itself garbage"),
    }
}

/// The chip of a reference with the word `of`; returns where the holder's name begins.
fn chip_of(pen: &Pen, x: f32, y: f32, via: Option<&str>, look: ChipLook, end: f32) -> f32 {
    let x = marks::chip(pen, x, y, via.unwrap_or("?"), look, ((end - x) * 0.5).max(40.0));
    pen.text(x + 7.0, y, "of", theme::BODY, pen.theme.t3) + 7.0
}

fn node_ui(pen: &Pen, x: f32, end: f32, y: f32, node: &Node, is_holder: bool) {
    let theme = pen.theme;
    let note = note_span(pen, node);
    let room = (end - x).max(20.0);
    let style = NameStyle { fold_system: is_holder, ..NameStyle::cell(theme) };
    let name = |width: f32| match node.is_named {
        true => type_name::spans(pen, &node.type_name, width, style),
        false => vec![span(node.type_name.as_str(), theme::MONO, theme.t1)],
    };
    let note_room = if node.note.is_empty() {
        0.0
    } else {
        // The note takes what the whole name leaves, and no less than a part.
        let left = room - pen.width(&name(f32::INFINITY)) - 8.0;
        (pen.width(std::slice::from_ref(&note)) + 1.0).min(left.max(room * 0.4)) + 8.0
    };
    let spans = name(room - note_room);
    let x = pen.spans_cut(x, x + room - note_room + 1.0, y, &spans);
    if !node.note.is_empty() {
        pen.spans_cut(x + 8.0, end, y, &[note]);
    }
}

fn note_span(pen: &Pen, node: &Node) -> Span {
    let is_count = node.note.chars().next().is_some_and(|first| first.is_ascii_digit());
    if is_count {
        span(node.note.as_str(), theme::SMALL, pen.theme.t3)
    } else {
        span(node.note.as_str(), theme::BODY, pen.theme.t2)
    }
}

fn right_ui(pen: &Pen, y: f32, node: &Node, place: PathPlace, shows_size: bool) {
    pen.text_right(place.address, y, &node.address.to_string(), theme::MONO, pen.theme.t2);
    if shows_size {
        pen.size(place.bytes, y, node.bytes, pen.theme.t2);
    }
}

/// A static's type and member: namespace and type in grey, the member as the own name.
fn member(pen: &Pen, name: &str, is_short: bool) -> Vec<Span> {
    let theme = pen.theme;
    let Some((ty, own)) = split_member(name) else {
        return vec![span(name, theme::BODY_MEDIUM, theme.t1)];
    };
    let ty = if is_short { type_name::short(ty) } else { ty.to_owned() };
    let style = if is_short { theme::BODY } else { theme::BODY_MEDIUM };
    vec![span(format!("{ty}."), theme::BODY, if is_short { theme.t2 } else { theme.t3 }), span(own, style, theme.t1)]
}

fn root_ui(pen: &Pen, x: f32, end: f32, y: f32, root: &RootLine) -> String {
    use crate::base::RootKind;
    let theme = pen.theme;
    let spans = match root.kind {
        RootKind::Static | RootKind::ThreadStatic => {
            let full = member(pen, &root.name, false);
            if pen.width(&full) <= end - x - 50.0 { full } else { member(pen, &root.name, true) }
        }
        _ => vec![span(root.name.as_str(), theme::BODY_MEDIUM, theme.t1)],
    };
    let mut x = pen.spans_cut(x, end, y, &spans);
    if root.is_doubtful {
        x = pen.text_cut(x + 10.0, end, y, "may be stale", theme::SMALL, theme.warn);
    }
    if !root.note.is_empty() {
        pen.text_cut(x + 10.0, end, y, root.note, theme::SMALL, theme.t3);
    }
    let stale = if root.is_doubtful { ", may be stale" } else { "" };
    format!("Root: {} {}{stale}", root.kind.label(), root.name)
}

/// Rectangles of three buttons at the right end of a line, in place of the size.
#[must_use]
pub fn button_rects(rect: Rect, place: PathPlace) -> [Rect; 3] {
    [61.0, 35.0, 9.0].map(|from| Rect::from_center_size(pos2(place.bytes - from, rect.center().y), vec2(24.0, 24.0)))
}
