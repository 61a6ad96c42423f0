//! Pictures without a window: the same drawing code in a context of its own, drawn by [`super::raster`], as PNG.

use std::io;

use eframe::egui;
use egui::{RawInput, Rect, Vec2, ViewportId};

use super::raster::{Picture, Rasteriser};
use super::theme;

/// Size, scale and theme of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureOptions {
    /// Points.
    pub size: Vec2,
    /// Pixels per point.
    pub scale: f32,
    /// Dark theme.
    pub is_dark: bool,
    /// Ask the system for glyphs that the window's fonts lack. Off where pictures must not depend on the machine.
    pub with_system_fonts: bool,
}

/// A context that draws into pictures.
#[derive(Debug)]
pub struct Studio {
    ctx: egui::Context,
    rasteriser: Rasteriser,
    options: PictureOptions,
    n_passes: u32,
}

impl Studio {
    /// A context with the window's fonts and styles.
    #[must_use]
    pub fn new(options: PictureOptions) -> Self {
        let ctx = egui::Context::default();
        theme::install(&ctx);
        if options.with_system_fonts {
            ctx.add_font_provider(std::sync::Arc::new(egui_system_font_provider::SystemFontProvider::new()));
        }
        ctx.set_theme(if options.is_dark { egui::Theme::Dark } else { egui::Theme::Light });
        Self { ctx, rasteriser: Rasteriser::default(), options, n_passes: 0 }
    }

    /// The context.
    #[must_use]
    pub fn ctx(&self) -> &egui::Context {
        &self.ctx
    }

    /// Changes the height: for reports as long as their content.
    pub fn set_height(&mut self, height: f32) {
        self.options.size.y = height;
    }

    fn pass(&mut self, ui: &mut dyn FnMut(&mut egui::Ui)) -> egui::FullOutput {
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, self.options.size)),
            max_texture_side: Some(8192),
            // Time must rise, or fades stand still; it is counted, not measured, so that two runs are alike.
            time: Some(f64::from(self.n_passes)),
            focused: true,
            ..RawInput::default()
        };
        self.n_passes += 1;
        if let Some(viewport) = input.viewports.get_mut(&ViewportId::ROOT) {
            viewport.native_pixels_per_point = Some(self.options.scale);
        }
        let mut output = self.ctx.run_ui(input, ui);
        self.rasteriser.update(&mut output.textures_delta);
        output
    }

    /// Lays out once and draws nothing: to find out sizes.
    pub fn rehearse(&mut self, mut ui: impl FnMut(&mut egui::Ui)) {
        let _ = self.pass(&mut ui);
    }

    /// Runs `ui` several times until sizes and fonts have settled, and keeps what there is to draw.
    #[must_use]
    pub fn expose(mut self, mut ui: impl FnMut(&mut egui::Ui)) -> Exposure {
        for _ in 0..3 {
            let _ = self.pass(&mut ui);
        }
        let output = self.pass(&mut ui);
        let scale = output.pixels_per_point;
        Exposure {
            primitives: self.ctx.tessellate(output.shapes, scale),
            rasteriser: self.rasteriser,
            size: self.options.size,
            scale,
            ground: if self.options.is_dark { theme::DARK.canvas } else { theme::LIGHT.canvas },
        }
    }

    /// Draws `ui` here and now.
    #[must_use]
    pub fn shoot(self, ui: impl FnMut(&mut egui::Ui)) -> Picture {
        self.expose(ui).develop()
    }
}

/// What there is to draw: made on the window's thread in a frame's time, drawn on another.
#[derive(Debug)]
pub struct Exposure {
    primitives: Vec<egui::ClippedPrimitive>,
    rasteriser: Rasteriser,
    size: Vec2,
    scale: f32,
    ground: egui::Color32,
}

impl Exposure {
    /// Longest side of a picture in pixels: a million-node path is cut there, not drawn into all memory.
    const MAX_SIDE: usize = 32_000;

    /// Draws it.
    #[must_use]
    pub fn develop(&self) -> Picture {
        let pixels = |points: f32| ((points * self.scale).round() as usize).clamp(1, Self::MAX_SIDE);
        let (width, height) = (pixels(self.size.x), pixels(self.size.y));
        self.rasteriser.draw(&self.primitives, width, height, self.scale, self.ground)
    }

    /// Pixels per point.
    #[must_use]
    pub const fn scale(&self) -> f32 {
        self.scale
    }
}

/// `picture` as a PNG file's bytes. Takes about 0.1 s for four megapixels: not for the window's thread.
///
/// # Errors
/// When the encoder refuses; not with a picture of [`Studio::shoot`].
pub fn encode(picture: &Picture, scale: f32) -> io::Result<Vec<u8>> {
    let side = |pixels: usize| u32::try_from(pixels).map_err(io::Error::other);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(picture.width)?, side(picture.height)?);
    // The alpha channel is always full: leaving it out makes the file a quarter smaller.
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Flat grounds with crisp edges: rows as they are pack better than differences, and the text repeats.
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    // 72 points to an inch, so that programs place a picture of scale 2 in its true size.
    let per_metre = (scale * 72.0 / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let rgb: Vec<u8> = picture.rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&rgb).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(bytes)
}

/// Writes `picture` to `path` as PNG. An existing file is replaced whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(picture: &Picture, scale: f32, path: &std::path::Path) -> io::Result<()> {
    let bytes = encode(picture, scale)?;
    let part = path.with_extension("png.part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(&part, path).inspect_err(|_| {
        // The half-made file is ours: nobody misses it.
        let _ = std::fs::remove_file(&part);
    })
}
