//! Bars: the share of a row, progress, a whole in its parts.

use eframe::egui;
use egui::{Color32, Rect, Role, Ui, WidgetInfo, pos2, vec2};

use super::button::icon_button_sized;
use crate::base::Progress;
use crate::base::job::Unit;
use crate::base::number;
use crate::ui::icons;
use crate::ui::pen::Pen;
use crate::ui::theme;

/// How a share bar is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarLook {
    /// The value is exact.
    Exact,
    /// At least this much: an outline.
    Bound,
}

/// The share of `part` in `whole`, 4 high, from `x`, at most `width` wide. Nothing below a thousandth.
pub fn share_bar(pen: &Pen, x: f32, y: f32, width: f32, part: u64, whole: u64, look: BarLook) {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    if share < 0.001 {
        return;
    }
    let length = pen.snap((share.min(1.0) * f64::from(width)) as f32).max(1.0);
    let rect = Rect::from_min_size(pos2(pen.snap(x), pen.snap(y - 2.0)), vec2(length, 4.0));
    match look {
        BarLook::Exact if length < 3.0 => pen.fill(rect, pen.theme.bar),
        BarLook::Exact => pen.round(rect, 1.0, pen.theme.bar),
        BarLook::Bound => pen.edge(rect, 1.0, 1.0, pen.theme.bar),
    }
}

/// `References 43 %`, or with an unknown total `Searching strings, 18.0 million so far, 2.1 million a second`.
#[must_use]
pub fn progress_words(progress: &Progress) -> String {
    match progress.fraction() {
        Some(fraction) => format!("{} {:.0} %", progress.stage, fraction * 100.0),
        None if progress.done == 0 => progress.stage.to_owned(),
        None => {
            let done = units(progress.unit, progress.done as f64);
            match progress.rate() {
                Some(rate) => {
                    format!("{}, {done} so far, {} a second", progress.stage, units(progress.unit, rate))
                }
                None => format!("{}, {done} so far", progress.stage),
            }
        }
    }
}

/// `1.1 GiB`, `18.0 million`, `4,096`.
#[must_use]
pub fn units(unit: Unit, amount: f64) -> String {
    let amount = amount.max(0.0);
    match unit {
        Unit::Bytes => number::size(amount as u64),
        _ if amount >= 1e6 => format!("{:.1} million", amount / 1e6),
        _ => number::count(amount as u64),
    }
}

/// A bar of `rect` filled to `fraction`.
pub fn progress_bar(pen: &Pen, rect: Rect, fraction: f32) {
    pen.round(rect, rect.height() / 2.0, pen.theme.line2);
    let filled = Rect::from_min_size(rect.min, vec2(rect.width() * fraction.clamp(0.0, 1.0), rect.height()));
    pen.round(filled, rect.height() / 2.0, pen.theme.accent);
}

/// A job on one line that ends at `right`: words, bar, cross. True when the cross was pressed; and its left edge.
pub fn progress_line(ui: &mut Ui, right: f32, y: f32, progress: &Progress) -> (bool, f32) {
    let cross = Rect::from_center_size(pos2(right - 8.0, y), vec2(22.0, 22.0));
    let cancelled = icon_button_sized(ui, cross, icons::X, 12.0, "Cancel the job", true).clicked();
    let pen = Pen::on(ui);
    let mut x = right - 24.0;
    if let Some(fraction) = progress.fraction() {
        let bar = Rect::from_min_size(pos2(x - 90.0, y - 1.5), vec2(90.0, 3.0));
        progress_bar(&pen, bar, fraction);
        x -= 100.0;
    }
    let words = progress_words(progress);
    let left = pen.text_right(x, y, &words, theme::SMALL, pen.theme.t2);
    let rect = Rect::from_min_max(pos2(left, y - 10.0), pos2(x, y + 10.0));
    let response = ui.interact(rect, ui.scope_id().with("progress"), egui::Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, &words);
        info.value = progress.fraction().map(|fraction| f64::from(fraction) * 100.0);
        info
    });
    (cancelled, left)
}

/// One part of a whole.
#[derive(Clone, Debug)]
pub struct Share {
    /// `live`.
    pub label: String,
    /// How much.
    pub bytes: u64,
    /// Its colour.
    pub color: Color32,
}

/// A whole in its parts, with hair gaps between them. Parts below a pixel get one, when they are not nothing.
pub fn stacked_bar(pen: &Pen, rect: Rect, shares: &[Share]) {
    let whole: u64 = shares.iter().map(|share| share.bytes).sum();
    if whole == 0 {
        pen.fill(rect, pen.theme.track);
        return;
    }
    let present: Vec<_> = shares.iter().filter(|share| share.bytes > 0).collect();
    let mut x = rect.left();
    for (index, share) in present.iter().enumerate() {
        let is_last = index + 1 == present.len();
        let width = (share.bytes as f64 / whole as f64 * f64::from(rect.width())) as f32;
        let room = (rect.right() - x - 2.0 * (present.len() - 1 - index) as f32).max(1.0);
        let right = if is_last { rect.right() } else { pen.snap(x + width.clamp(1.0, room)) };
        pen.fill(Rect::from_min_max(pos2(x, rect.top()), pos2(right, rect.bottom())), share.color);
        x = right + pen.hair();
    }
}

/// The legend of a stacked bar from `x`; returns its right edge.
pub fn legend(pen: &Pen, mut x: f32, y: f32, shares: &[Share]) -> f32 {
    for share in shares {
        pen.round(Rect::from_min_size(pos2(pen.snap(x), y - 4.0), vec2(8.0, 8.0)), 2.0, share.color);
        x = pen.text(x + 14.0, y, &share.label, theme::SMALL, pen.theme.t2) + 6.0;
        x = pen.text(x, y, &number::size(share.bytes), theme::SMALL_MEDIUM, pen.theme.t1) + 20.0;
    }
    x
}
