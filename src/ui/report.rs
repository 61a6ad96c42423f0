//! The path as a picture for a report: as long as it is, without controls.

use super::app::Dump;
use super::picture::{Exposure, PictureOptions, Studio};
use super::views::path::Paths;
use crate::snapshot::HeapSnapshot;

/// Width of the picture in points.
const WIDTH: f32 = 760.0;

/// What there is to draw of `paths`.
#[must_use]
pub fn path_exposure(
    _dump: &Dump,
    _snapshot: &HeapSnapshot,
    _paths: &Paths,
    scale: f32,
    with_system_fonts: bool,
) -> Exposure {
    let size = eframe::egui::vec2(WIDTH, 400.0);
    Studio::new(PictureOptions { size, scale, is_dark: false, with_system_fonts }).expose(|_| {})
}
