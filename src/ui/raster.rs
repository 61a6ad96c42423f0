//! A rasteriser on the processor: draws the toolkit's triangles into an image, without a display or a graphics library.
//!
//! The same triangles give the same bytes on every machine: coverage is decided in fixed point with the top-left rule,
//! colours in single precision without contraction, and bands of rows are independent, so threads cannot change a result.
//!
//! Left out: depth, multisampling (smooth edges are in the triangles), paint callbacks (none are used).

use std::collections::HashMap;

use eframe::egui;
use egui::epaint::{ClippedPrimitive, ImageData, Primitive, Vertex, WHITE_UV};
use egui::{Color32, TextureId, TexturesDelta};
use rayon::prelude::*;

/// An opaque picture, 8 bits per channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green, blue, alpha of each pixel, by rows.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// The part of the picture inside `x..x + width`, `y..y + height`, cut to what there is.
    #[must_use]
    pub fn cropped(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let (x, y) = (x.min(self.width), y.min(self.height));
        let (width, height) = (width.min(self.width - x), height.min(self.height - y));
        let rows = self.rgba.chunks_exact(self.width.max(1) * 4).skip(y).take(height);
        let rgba = rows.flat_map(|row| row[x * 4..(x + width) * 4].iter().copied()).collect();
        Self { width, height, rgba }
    }
}

#[derive(Debug)]
struct Texture {
    width: usize,
    height: usize,
    pixels: Vec<Color32>,
    is_smooth: bool,
}

/// Textures between frames.
#[derive(Debug, Default)]
pub struct Rasteriser {
    textures: HashMap<TextureId, Texture>,
}

impl Rasteriser {
    /// Takes over new and changed textures. Every frame's delta must come here, also of frames that are not drawn.
    pub fn update(&mut self, delta: &mut TexturesDelta) {
        let mut changes: Vec<_> = delta.set.drain().collect();
        changes.sort_by_key(|(id, _)| *id);
        for (id, patches) in changes {
            for patch in patches {
                let ImageData::Color(image) = &patch.image;
                let [width, height] = image.size;
                let is_smooth = patch.options.magnification == egui::TextureFilter::Linear;
                match (patch.pos, self.textures.get_mut(&id)) {
                    (Some([x, y]), Some(texture)) => {
                        for row in 0..height.min(texture.height.saturating_sub(y)) {
                            let n = width.min(texture.width.saturating_sub(x));
                            let to = (y + row) * texture.width + x;
                            texture.pixels[to..to + n].copy_from_slice(&image.pixels[row * width..row * width + n]);
                        }
                    }
                    _ => {
                        self.textures.insert(id, Texture { width, height, pixels: image.pixels.clone(), is_smooth });
                    }
                }
            }
        }
        let freed = std::mem::take(&mut delta.free);
        self.textures.retain(|id, _| !freed.contains(id));
    }

    /// Draws `primitives` on `ground` into `width` × `height` pixels, `scale` pixels to a point.
    #[must_use]
    pub fn draw(
        &self,
        primitives: &[ClippedPrimitive],
        width: usize,
        height: usize,
        scale: f32,
        ground: Color32,
    ) -> Picture {
        const BAND: usize = 16;
        let mut triangles = Vec::new();
        for primitive in primitives {
            let Primitive::Mesh(mesh) = &primitive.primitive else { continue };
            let Some(texture) = self.textures.get(&mesh.texture_id) else { continue };
            let clip = primitive.clip_rect;
            let bound = |value: f32, limit: usize| (value * scale).round().clamp(0.0, limit as f32) as i32;
            let clip = Clip {
                left: bound(clip.left(), width),
                right: bound(clip.right(), width),
                top: bound(clip.top(), height),
                bottom: bound(clip.bottom(), height),
            };
            for corners in mesh.indices.chunks_exact(3) {
                let corners = [corners[0], corners[1], corners[2]].map(|index| mesh.vertices[index as usize]);
                triangles.extend(Triangle::new(corners, scale, clip, texture));
            }
        }
        let n_bands = height.div_ceil(BAND);
        let mut bins: Vec<Vec<u32>> = vec![Vec::new(); n_bands];
        for (index, triangle) in triangles.iter().enumerate() {
            for bin in &mut bins[triangle.top as usize / BAND..(triangle.bottom as usize).div_ceil(BAND)] {
                bin.push(index as u32);
            }
        }
        let mut rgba = vec![0; width * height * 4];
        rgba.par_chunks_mut((width * BAND * 4).max(1)).zip(bins).enumerate().for_each(|(band, (pixels, bin))| {
            for pixel in pixels.chunks_exact_mut(4) {
                pixel.copy_from_slice(&[ground.r(), ground.g(), ground.b(), 255]);
            }
            let first_row = (band * BAND) as i32;
            for index in bin {
                triangles[index as usize].fill(pixels, width, first_row, first_row + BAND as i32);
            }
        });
        Picture { width, height, rgba }
    }
}

#[derive(Clone, Copy)]
struct Clip {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

/// Fixed point: 1/256 of a pixel.
const ONE: i64 = 256;

/// `a·x + b·y + c`, not negative inside; the top-left rule is in `c`.
#[derive(Clone, Copy)]
struct Edge {
    a: i64,
    b: i64,
    c: i64,
}

impl Edge {
    fn new(from: [i64; 2], to: [i64; 2]) -> Self {
        let (a, b) = (from[1] - to[1], to[0] - from[0]);
        let c = -(a * from[0] + b * from[1]);
        // A pixel centre exactly on an edge belongs to the triangle whose left or top edge it is, and to no other.
        let is_top_left = a > 0 || (a == 0 && b > 0);
        Self { a, b, c: if is_top_left { c } else { c - 1 } }
    }

    /// The pixel columns of row `y` inside, as a half-open range cut to `range`.
    fn narrow(self, y: i64, range: &mut (i64, i64)) {
        let rest = self.b * (y * ONE + ONE / 2) + self.c + self.a * (ONE / 2);
        let step = self.a * ONE;
        match step.signum() {
            1 => range.0 = range.0.max((-rest).div_euclid(step) + i64::from((-rest).rem_euclid(step) != 0)),
            -1 => range.1 = range.1.min(rest.div_euclid(-step) + 1),
            _ if rest < 0 => range.1 = range.0,
            _ => {}
        }
    }
}

/// A value per corner as a plane over the picture: value at pixel (0, 0), change per column, change per row.
#[derive(Clone, Copy)]
struct Plane {
    origin: f32,
    dx: f32,
    dy: f32,
}

impl Plane {
    fn at(self, x: i64, y: i64) -> f32 {
        self.origin + self.dx * x as f32 + self.dy * y as f32
    }
}

struct Triangle<'a> {
    edges: [Edge; 3],
    left: i64,
    right: i64,
    top: i32,
    bottom: i32,
    color: Paint,
    /// `None` for the white texel: plain colour.
    sample: Option<(&'a Texture, Plane, Plane)>,
}

enum Paint {
    Flat([f32; 4]),
    Planes([Plane; 4]),
}

impl<'a> Triangle<'a> {
    fn new(mut corners: [Vertex; 3], scale: f32, clip: Clip, texture: &'a Texture) -> Option<Self> {
        let fixed = |vertex: &Vertex| {
            [vertex.pos.x, vertex.pos.y].map(|value| (f64::from(value * scale) * ONE as f64).round() as i64)
        };
        let mut points = [fixed(&corners[0]), fixed(&corners[1]), fixed(&corners[2])];
        // A million pixels out no product below can overflow; farther out is nothing that a person drew.
        if points.as_flattened().iter().any(|value| value.unsigned_abs() > 1 << 28) {
            return None;
        }
        let area =
            |p: &[[i64; 2]; 3]| (p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) - (p[1][1] - p[0][1]) * (p[2][0] - p[0][0]);
        if area(&points) < 0 {
            points.swap(1, 2);
            corners.swap(1, 2);
        }
        let area = area(&points);
        if area == 0 {
            return None;
        }
        let edges = [Edge::new(points[1], points[2]), Edge::new(points[2], points[0]), Edge::new(points[0], points[1])];
        let bounds = |axis: usize| {
            let values = points.map(|point| point[axis]);
            let (low, high) = (values[0].min(values[1]).min(values[2]), values[0].max(values[1]).max(values[2]));
            (low.div_euclid(ONE), high.div_euclid(ONE) + 1)
        };
        let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
        let (left, right) = (left.max(clip.left.into()), right.min(clip.right.into()));
        let (top, bottom) = (top.max(clip.top.into()) as i32, bottom.min(clip.bottom.into()) as i32);
        if left >= right || top >= bottom {
            return None;
        }
        // Corner weights as planes: edge values without the rule's bias, at pixel centres.
        let weights = edges.map(|edge| {
            let scale = 1.0 / area as f64;
            let c = edge.c + i64::from(!(edge.a > 0 || (edge.a == 0 && edge.b > 0)));
            let at_origin = (c + (edge.a + edge.b) * (ONE / 2)) as f64 * scale;
            [at_origin, (edge.a * ONE) as f64 * scale, (edge.b * ONE) as f64 * scale]
        });
        let plane = |values: [f32; 3]| {
            let sum = |part: usize| (0..3).map(|i| weights[i][part] * f64::from(values[i])).sum::<f64>() as f32;
            Plane { origin: sum(0), dx: sum(1), dy: sum(2) }
        };
        let color = if corners[0].color == corners[1].color && corners[1].color == corners[2].color {
            Paint::Flat(corners[0].color.to_array().map(f32::from))
        } else {
            Paint::Planes(std::array::from_fn(|i| plane(corners.map(|corner| f32::from(corner.color.to_array()[i])))))
        };
        let sample = corners.iter().any(|corner| corner.uv != WHITE_UV).then(|| {
            let u = plane(corners.map(|corner| corner.uv.x * texture.width as f32));
            let v = plane(corners.map(|corner| corner.uv.y * texture.height as f32));
            (texture, u, v)
        });
        Some(Self { edges, left, right, top, bottom, color, sample })
    }

    fn fill(&self, band: &mut [u8], width: usize, first_row: i32, end_row: i32) {
        for y in self.top.max(first_row)..self.bottom.min(end_row) {
            let mut range = (self.left, self.right);
            for edge in self.edges {
                edge.narrow(y.into(), &mut range);
            }
            if range.0 >= range.1 {
                continue;
            }
            let row = (y - first_row) as usize * width;
            let pixels = &mut band[(row + range.0 as usize) * 4..(row + range.1 as usize) * 4];
            if let (Paint::Flat(color), None) = (&self.color, &self.sample) {
                if color[3] >= 255.0 {
                    let color = color.map(|channel| channel as u8);
                    pixels.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&color));
                } else {
                    pixels.chunks_exact_mut(4).for_each(|pixel| blend(pixel, *color));
                }
                continue;
            }
            for (pixel, x) in pixels.chunks_exact_mut(4).zip(range.0..) {
                let mut color = match &self.color {
                    Paint::Flat(color) => *color,
                    Paint::Planes(planes) => planes.map(|plane| plane.at(x, y.into()).clamp(0.0, 255.0)),
                };
                if let Some((texture, u, v)) = &self.sample {
                    let texel = texture.sample(u.at(x, y.into()), v.at(x, y.into()));
                    color = std::array::from_fn(|i| color[i] * texel[i] / 255.0);
                }
                blend(pixel, color);
            }
        }
    }
}

/// Premultiplied colour over an opaque pixel, in gamma space as the toolkit's other back ends do.
fn blend(pixel: &mut [u8], color: [f32; 4]) {
    if color[3] <= 0.0 && color[0] <= 0.0 && color[1] <= 0.0 && color[2] <= 0.0 {
        return;
    }
    let rest = 1.0 - color[3] / 255.0;
    for (below, above) in pixel.iter_mut().zip(&color[..3]) {
        *below = (f32::from(*below) * rest + above + 0.5).clamp(0.0, 255.0) as u8;
    }
}

impl Texture {
    fn texel(&self, x: i64, y: i64) -> [f32; 4] {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height as i64 - 1) as usize;
        self.pixels[y * self.width + x].to_array().map(f32::from)
    }

    /// The colour at (`u`, `v`), in texels; outside counts as the edge.
    fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        if !self.is_smooth {
            return self.texel(u.floor() as i64, v.floor() as i64);
        }
        // A quad laid texel on pixel meets texel centres; noise below 1/64 must not smear it over four.
        let snap = |value: f32| (value * 64.0).round() / 64.0;
        let (u, v) = (snap(u - 0.5), snap(v - 0.5));
        let (x, y) = (u.floor(), v.floor());
        let (right, down) = (u - x, v - y);
        let (x, y) = (x as i64, y as i64);
        if right == 0.0 && down == 0.0 {
            return self.texel(x, y);
        }
        let [a, b] = [self.texel(x, y), self.texel(x + 1, y)];
        let [c, d] = [self.texel(x, y + 1), self.texel(x + 1, y + 1)];
        std::array::from_fn(|i| {
            let (top, bottom) = (a[i] + (b[i] - a[i]) * right, c[i] + (d[i] - c[i]) * right);
            top + (bottom - top) * down
        })
    }
}

#[cfg(test)]
mod tests {
    use egui::epaint::{Mesh, Rect, pos2};

    use super::*;

    fn with_white_texture() -> Rasteriser {
        let mut rasteriser = Rasteriser::default();
        let white = Texture { width: 1, height: 1, pixels: vec![Color32::WHITE], is_smooth: true };
        rasteriser.textures.insert(TextureId::default(), white);
        rasteriser
    }

    fn draw(mesh: Mesh, clip: Rect) -> Picture {
        let primitive = ClippedPrimitive { clip_rect: clip, primitive: Primitive::Mesh(mesh) };
        with_white_texture().draw(&[primitive], 16, 40, 1.0, Color32::BLACK)
    }

    #[test]
    fn a_rectangle_of_two_triangles_covers_each_pixel_once() {
        // Half-transparent: a pixel covered twice would be brighter, one left out black.
        let mut mesh = Mesh::default();
        let grey = Color32::from_rgba_premultiplied(100, 100, 100, 100);
        mesh.add_colored_rect(Rect::from_min_max(pos2(2.0, 3.0), pos2(13.0, 37.0)), grey);
        let picture = draw(mesh, Rect::EVERYTHING);
        for (index, pixel) in picture.rgba.chunks_exact(4).enumerate() {
            let (x, y) = (index % 16, index / 16);
            let expected = if (2..13).contains(&x) && (3..37).contains(&y) { 100 } else { 0 };
            assert_eq!(pixel[0], expected, "at {x}, {y}");
        }
    }

    #[test]
    fn the_clip_cuts_and_wild_coordinates_draw_nothing() {
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(Rect::from_min_max(pos2(0.0, 0.0), pos2(16.0, 40.0)), Color32::WHITE);
        let picture = draw(mesh, Rect::from_min_max(pos2(4.0, 4.0), pos2(6.0, 6.0)));
        assert_eq!(picture.rgba.chunks_exact(4).filter(|pixel| pixel[0] == 255).count(), 4);
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(Rect::from_min_max(pos2(f32::NAN, -1e30), pos2(1e30, 1e30)), Color32::WHITE);
        assert_eq!(draw(mesh, Rect::EVERYTHING).rgba.len(), 16 * 40 * 4);
    }

    #[test]
    fn cropping_stays_inside() {
        let picture = Picture { width: 3, height: 2, rgba: (0..24).collect() };
        assert_eq!(picture.cropped(1, 1, 9, 9).rgba, [16, 17, 18, 19, 20, 21, 22, 23]);
        assert_eq!(picture.cropped(7, 7, 1, 1).rgba.len(), 0);
    }
}
