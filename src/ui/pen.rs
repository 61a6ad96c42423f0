//! Drawing text, lines and marks at exact places: the window lays itself out on a grid instead of leaving it to a flow.
//!
//! Text is placed by its baseline, so that faces of different heights share one line; hairlines cover whole pixels at
//! every scale; both are measured, see the notes at the functions.

use std::sync::Arc;

use eframe::egui;
use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, CornerRadius, Galley, Painter, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

use super::theme::{self, Face, TextStyle, Theme};
use crate::base::number;

/// A stretch of text in one style and colour.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Face and size.
    pub style: TextStyle,
    /// Colour.
    pub color: Color32,
    /// Space before it, in points.
    pub gap: f32,
    /// Struck through: ignored, gone.
    pub is_struck: bool,
}

/// A stretch of text.
pub fn span(text: impl Into<String>, style: TextStyle, color: Color32) -> Span {
    Span { text: text.into(), style, color, gap: 0.0, is_struck: false }
}

impl Span {
    /// The same with space before it.
    #[must_use]
    pub fn after(mut self, gap: f32) -> Self {
        self.gap = gap;
        self
    }

    /// The same, struck through.
    #[must_use]
    pub fn struck(mut self) -> Self {
        self.is_struck = true;
        self
    }
}

/// Draws on one layer inside one clip rectangle, in the colours of one theme.
#[derive(Clone)]
pub struct Pen {
    /// Where to.
    pub painter: Painter,
    /// Colours.
    pub theme: &'static Theme,
}

impl Pen {
    /// A pen on `ui`.
    #[must_use]
    pub fn on(ui: &egui::Ui) -> Self {
        Self { painter: ui.painter().clone(), theme: theme::of(ui) }
    }

    /// The same, drawing inside `rect` only.
    #[must_use]
    pub fn clipped(&self, rect: Rect) -> Self {
        let clip = self.painter.clip_rect().intersect(rect);
        Self { painter: self.painter.with_clip_rect(clip), theme: self.theme }
    }

    /// One device pixel, in points: the width of a hairline, at least one whole pixel at every scale.
    #[must_use]
    pub fn hair(&self) -> f32 {
        let scale = self.painter.pixels_per_point();
        scale.floor().max(1.0) / scale
    }

    /// `value` moved to the nearest pixel edge.
    #[must_use]
    pub fn snap(&self, value: f32) -> f32 {
        let scale = self.painter.pixels_per_point();
        (value * scale).round() / scale
    }

    fn job(&self, spans: &[Span], max_width: f32, line_height: Option<f32>) -> LayoutJob {
        let mut job = LayoutJob { break_on_newline: line_height.is_some(), ..LayoutJob::default() };
        job.wrap = TextWrapping { max_width, ..TextWrapping::default() };
        if line_height.is_none() {
            job.wrap.max_rows = 1;
            job.wrap.break_anywhere = true;
        }
        for span in spans {
            let mut format = TextFormat::simple(span.style.font(), span.color);
            format.line_height = line_height;
            if span.is_struck {
                format.strikethrough = Stroke::new(1.0, span.color);
            }
            job.append(&span.text, span.gap, format);
        }
        job
    }

    /// One line of `spans`, cut with `…` when wider than `max_width`.
    #[must_use]
    pub fn line(&self, spans: &[Span], max_width: f32) -> Arc<Galley> {
        self.painter.layout_job(self.job(spans, max_width.max(0.0), None))
    }

    /// Width of one line of `spans`.
    #[must_use]
    pub fn width(&self, spans: &[Span]) -> f32 {
        let groups = spans.chunk_by(|a, b| a.style.has_metrics_of(b.style));
        groups.map(|group| self.line(group, f32::INFINITY).size().x).sum()
    }

    /// Width of `text` in `style`.
    #[must_use]
    pub fn text_width(&self, text: &str, style: TextStyle) -> f32 {
        self.width(&[span(text, style, self.theme.t1)])
    }

    /// Draws a finished line with its left edge at `x`, its baseline where text of its size centred on `y` has it.
    ///
    /// Centring galleys themselves puts JetBrains Mono one pixel above Inter, because their ascents differ (measured).
    pub fn galley(&self, x: f32, y: f32, galley: Arc<Galley>) -> Rect {
        let Some(row) = galley.rows.first() else { return Rect::from_min_size(pos2(x, y), egui::Vec2::ZERO) };
        let baseline = row.pos.y + row.row.glyphs.first().map_or(0.0, |glyph| glyph.pos.y);
        let size = galley.job.sections.iter().map(|section| section.format.font_id.size).fold(0.0, f32::max);
        let drop = if size < 11.5 {
            4.0
        } else if size < 14.5 {
            4.7
        } else {
            size * 0.355
        };
        let top = self.snap(y + drop) - baseline;
        let rect = Rect::from_min_size(pos2(self.snap(x), self.snap(top)), galley.size());
        let color = self.theme.t1;
        self.painter.galley(rect.min, galley, color);
        rect
    }

    /// One line from `x`; returns its right edge.
    pub fn spans(&self, x: f32, y: f32, spans: &[Span]) -> f32 {
        self.spans_cut(x, f32::INFINITY, y, spans)
    }

    /// One line from `x`, cut at `right`; returns its right edge.
    ///
    /// Stretches of one size and face are laid out together; others separately, because the toolkit lines faces of one
    /// layout up at their bottoms and not at their baselines.
    pub fn spans_cut(&self, x: f32, right: f32, y: f32, spans: &[Span]) -> f32 {
        let mut x = x;
        for group in spans.chunk_by(|a, b| a.style.has_metrics_of(b.style)) {
            if x >= right {
                break;
            }
            x = self.galley(x, y, self.line(group, right - x)).right();
        }
        x
    }

    /// A member from `x`, cut at `right`; returns its right edge. Where both do not fit, the member is worth more than
    /// its `owner`: that one is cut first.
    pub fn member_cut(&self, x: f32, right: f32, y: f32, owner: Span, own: Span) -> f32 {
        let end = (right - self.width(std::slice::from_ref(&own)).ceil()).max(x + (right - x) * 0.3);
        let x = self.spans_cut(x, end, y, &[owner]);
        self.spans_cut(x, right, y, &[own])
    }

    /// Plain text from `x`; returns its right edge.
    pub fn text(&self, x: f32, y: f32, text: &str, style: TextStyle, color: Color32) -> f32 {
        self.spans(x, y, &[span(text, style, color)])
    }

    /// Plain text from `x`, cut at `right`; returns its right edge.
    pub fn text_cut(&self, x: f32, right: f32, y: f32, text: &str, style: TextStyle, color: Color32) -> f32 {
        self.spans_cut(x, right, y, &[span(text, style, color)])
    }

    /// Text that ends at `right`; returns its left edge.
    pub fn text_right(&self, right: f32, y: f32, text: &str, style: TextStyle, color: Color32) -> f32 {
        let galley = self.line(&[span(text, style, color)], f32::INFINITY);
        self.galley(right - galley.size().x, y, galley).left()
    }

    /// A paragraph of `line_height`, wrapped at `width`, its first line's box beginning at `top`; returns its bottom.
    pub fn paragraph(&self, x: f32, top: f32, width: f32, line_height: f32, spans: &[Span]) -> f32 {
        let galley = self.painter.layout_job(self.job(spans, width, Some(line_height)));
        let height = galley.size().y;
        self.painter.galley(pos2(self.snap(x), self.snap(top)), galley, self.theme.t1);
        top + height
    }

    /// Height of a paragraph.
    #[must_use]
    pub fn paragraph_height(&self, width: f32, line_height: f32, spans: &[Span]) -> f32 {
        self.painter.layout_job(self.job(spans, width, Some(line_height))).size().y
    }

    /// An icon centred on `center`.
    pub fn icon(&self, center: Pos2, icon: char, size: f32, color: Color32) {
        self.icon_in(center, icon, size, color, Face::Icon);
    }

    /// An icon of another weight.
    pub fn icon_in(&self, center: Pos2, icon: char, size: f32, color: Color32, face: Face) {
        let galley = self.painter.layout_no_wrap(icon.to_string(), TextStyle { face, size }.font(), color);
        let min = center - galley.size() / 2.0;
        self.painter.galley(pos2(self.snap(min.x), self.snap(min.y)), galley, color);
    }

    /// A horizontal hairline whose top is at `y`.
    pub fn hline(&self, left: f32, right: f32, y: f32, color: Color32) {
        let y = self.snap(y);
        self.fill(Rect::from_min_max(pos2(left, y), pos2(right, y + self.hair())), color);
    }

    /// A vertical hairline whose left is at `x`.
    pub fn vline(&self, x: f32, top: f32, bottom: f32, color: Color32) {
        let x = self.snap(x);
        self.fill(Rect::from_min_max(pos2(x, top), pos2(x + self.hair(), bottom)), color);
    }

    /// A filled rectangle on whole pixels.
    pub fn fill(&self, rect: Rect, color: Color32) {
        let rect = Rect::from_min_max(
            pos2(self.snap(rect.left()), self.snap(rect.top())),
            pos2(self.snap(rect.right()), self.snap(rect.bottom())),
        );
        self.painter.rect_filled(rect, CornerRadius::ZERO, color);
    }

    /// A filled rectangle with round corners.
    pub fn round(&self, rect: Rect, radius: f32, color: Color32) {
        self.painter.rect_filled(rect, radius, color);
    }

    /// The inner edge of a rectangle with round corners.
    pub fn edge(&self, rect: Rect, radius: f32, width: f32, color: Color32) {
        self.painter.rect_stroke(rect, radius, Stroke::new(width, color), StrokeKind::Inside);
    }

    /// A dashed frame: the toolkit has none with round corners, so four dashed lines stand on a rounded fill.
    pub fn dashed(&self, rect: Rect, radius: f32, fill: Color32, color: Color32) {
        self.round(rect, radius, fill);
        let stroke = Stroke::new(1.0, color);
        let inset = rect.shrink(0.5);
        let (w, h) = (radius, radius);
        for (from, to) in [
            (inset.left_top() + vec2(w, 0.0), inset.right_top() - vec2(w, 0.0)),
            (inset.left_bottom() + vec2(w, 0.0), inset.right_bottom() - vec2(w, 0.0)),
            (inset.left_top() + vec2(0.0, h), inset.left_bottom() - vec2(0.0, h)),
            (inset.right_top() + vec2(0.0, h), inset.right_bottom() - vec2(0.0, h)),
        ] {
            self.painter.extend(egui::Shape::dashed_line(&[from, to], stroke, 5.0, 4.0));
        }
    }

    /// Text centred on `center`, both ways.
    pub fn centered(&self, center: Pos2, text: &str, style: TextStyle, color: Color32) -> Rect {
        let galley = self.line(&[span(text, style, color)], f32::INFINITY);
        self.galley(center.x - galley.size().x / 2.0, center.y, galley)
    }

    /// A size whose unit column ends at `right`: digits end 26 before it, so that digits stand under digits.
    pub fn size(&self, right: f32, y: f32, bytes: u64, color: Color32) -> f32 {
        self.size_marked(right, y, bytes, "", color)
    }

    /// A size with a mark before its digits: `≥` for a lower bound.
    pub fn size_marked(&self, right: f32, y: f32, bytes: u64, mark: &str, color: Color32) -> f32 {
        let text = number::size_text(bytes);
        let unit = right - theme::UNIT;
        self.text(unit + 5.0, y, text.unit, theme::SMALL, self.theme.t3);
        let digits = if mark.is_empty() { text.digits } else { format!("{mark} {}", text.digits) };
        self.text_right(unit, y, &digits, theme::BODY, color)
    }

    /// A value that is not known yet.
    pub fn pending(&self, right: f32, y: f32) {
        let rect = Rect::from_min_size(pos2(right - 30.0, y - 3.0), vec2(30.0, 6.0));
        self.round(rect, 3.0, self.theme.track);
    }

    /// A check mark, cross or the like from the icon font, anchored left.
    pub fn icon_left(&self, x: f32, y: f32, icon: char, size: f32, color: Color32) -> f32 {
        self.icon(pos2(x + size / 2.0, y), icon, size, color);
        x + size
    }

    /// Text for debugging and for the rare free placement.
    pub fn free(&self, pos: Pos2, anchor: Align2, text: &str, style: TextStyle, color: Color32) -> Rect {
        self.painter.text(pos, anchor, text, style.font(), color)
    }
}

impl std::fmt::Debug for Pen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pen").field("clip", &self.painter.clip_rect()).finish_non_exhaustive()
    }
}
