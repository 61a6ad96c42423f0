//! The window: draws finished values, sends commands.
//!
//! | Part | Duty |
//! | --- | --- |
//! | [`app`] | the window as one value: logic between frames, layout of a frame, commands |
//! | [`views`] | one file per view |
//! | [`widgets`] | the parts that views are made of |
//! | [`model`] | what views draw, computed by questions outside the window's thread |
//! | [`theme`], [`pen`], [`type_name`] | colours, fonts, exact placing, names in their parts |
//! | [`raster`], [`picture`], [`report`], [`screenshot()`] | pictures without a display |
//! | [`run`] | the real window |
//!
//! **Invariants:** a frame only draws; nothing here reads a dump; colours stand in [`theme`] alone; no part of the window
//! system is known outside [`run`], so that the same code draws pictures and runs in tests.

pub mod app;
pub mod icons;
pub mod model;
pub mod pen;
pub mod picture;
pub mod place;
pub mod raster;
pub mod report;
mod screenshot;
pub mod settings;
mod start;
#[cfg(test)]
mod tests;
pub mod theme;
pub mod type_name;
pub mod views;
pub mod widgets;

pub use screenshot::{Scene, ScreenshotError, ScreenshotOptions, screenshot, shoot};
pub use start::{StartError, WindowOptions, run};
