//! Colours, fonts and measures: the only file of the window that names a colour.
//!
//! Every text pair has a contrast of 4.5 or more after WCAG 2; a colour never speaks alone, it has a word, an icon or a
//! shape beside it.

use std::sync::Arc;

use eframe::egui;
use egui::{Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, Vec2};

use crate::base::RootKind;

/// What the person chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ThemeChoice {
    /// As the desktop says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl ThemeChoice {
    /// All, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Word of the menu.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// The toolkit's form.
    #[must_use]
    pub const fn preference(self) -> egui::ThemePreference {
        match self {
            Self::System => egui::ThemePreference::System,
            Self::Light => egui::ThemePreference::Light,
            Self::Dark => egui::ThemePreference::Dark,
        }
    }
}

/// The colours of one theme.
#[derive(Debug)]
pub struct Theme {
    /// Dark ground.
    pub is_dark: bool,
    /// Content.
    pub canvas: Color32,
    /// Bars, rail, drop target.
    pub chrome: Color32,
    /// Buttons, menus, fields, progress strip.
    pub raised: Color32,
    /// Row under the pointer.
    pub hover: Color32,
    /// Selected row of the focused pane, current view.
    pub sel: Color32,
    /// Selected row of a pane without focus.
    pub sel2: Color32,
    /// Chips, key caps, command lines, pending cells.
    pub track: Color32,
    /// Hairlines.
    pub line: Color32,
    /// Edges, spine, free space.
    pub line2: Color32,
    /// Names, numbers.
    pub t1: Color32,
    /// Secondary text, addresses.
    pub t2: Color32,
    /// Namespaces, units, headers, hints.
    pub t3: Color32,
    /// Links, focus, primary button, live bytes.
    pub accent: Color32,
    /// Text of the primary button.
    pub on_accent: Color32,
    /// Share bars.
    pub bar: Color32,
    /// All read, no leak.
    pub ok: Color32,
    /// Gaps, may be stale, bounds.
    pub warn: Color32,
    /// Leak, refusal, the reference to blame.
    pub err: Color32,
    /// Root kinds.
    pub static_root: Color32,
    /// Root kinds.
    pub handle_root: Color32,
    /// Root kinds.
    pub thread_root: Color32,
    /// Root kinds.
    pub finalizer_root: Color32,
    /// Root kinds; always with "may be stale".
    pub stack_root: Color32,
    /// Treemap and icicle, by branch under the root.
    pub cat: [Color32; 6],
    shadow: Color32,
    /// Lies over the window while a question is open.
    pub veil: Color32,
}

const fn rgb(value: u32) -> Color32 {
    Color32::from_rgb((value >> 16) as u8, (value >> 8) as u8, value as u8)
}

/// The light theme.
pub static LIGHT: Theme = Theme {
    is_dark: false,
    canvas: rgb(0xFF_FFFF),
    chrome: rgb(0xF5_F6F8),
    raised: rgb(0xFF_FFFF),
    hover: rgb(0xF1_F3F6),
    sel: rgb(0xE1_EBFC),
    sel2: rgb(0xE8_EBF0),
    track: rgb(0xEB_EEF3),
    line: rgb(0xE4_E7EC),
    line2: rgb(0xCB_D1D9),
    t1: rgb(0x14_181F),
    t2: rgb(0x43_4B57),
    t3: rgb(0x61_6A78),
    accent: rgb(0x24_59C4),
    on_accent: rgb(0xFF_FFFF),
    bar: rgb(0x6A_93E0),
    ok: rgb(0x17_6B45),
    warn: rgb(0x85_5400),
    err: rgb(0xB3_261E),
    static_root: rgb(0x6A_3DC0),
    handle_root: rgb(0x0A_6870),
    thread_root: rgb(0x4D_6410),
    finalizer_root: rgb(0xA4_2A6C),
    stack_root: rgb(0x52_5C69),
    cat: [rgb(0xCB_D9F5), rgb(0xD9_CEF3), rgb(0xC5_E3E0), rgb(0xF0_DCC0), rgb(0xDD_E5C0), rgb(0xF1_D0DF)],
    shadow: Color32::from_black_alpha(30),
    veil: Color32::from_black_alpha(46),
};

/// The dark theme.
pub static DARK: Theme = Theme {
    is_dark: true,
    canvas: rgb(0x15_171B),
    chrome: rgb(0x10_1216),
    raised: rgb(0x1B_1E24),
    hover: rgb(0x1D_2127),
    sel: rgb(0x1E_3152),
    sel2: rgb(0x2A_2F38),
    track: rgb(0x23_272E),
    line: rgb(0x26_2A31),
    line2: rgb(0x3B_424D),
    t1: rgb(0xE7_EAEE),
    t2: rgb(0xB4_BBC6),
    t3: rgb(0x92_9BA8),
    accent: rgb(0x86_AEFF),
    on_accent: rgb(0x0E_1522),
    bar: rgb(0x4D_76C4),
    ok: rgb(0x72_CF9A),
    warn: rgb(0xE8_B968),
    err: rgb(0xFF_9189),
    static_root: rgb(0xBC_A2FF),
    handle_root: rgb(0x59_C7CD),
    thread_root: rgb(0xB0_C866),
    finalizer_root: rgb(0xF2_96C4),
    stack_root: rgb(0xA7_B1BD),
    cat: [rgb(0x27_406F), rgb(0x41_336E), rgb(0x1D_4C4F), rgb(0x5A_4522), rgb(0x41_501F), rgb(0x5C_2C48)],
    shadow: Color32::from_black_alpha(110),
    veil: Color32::from_black_alpha(120),
};

/// The theme that `ui` is drawn in.
#[must_use]
pub fn of(ui: &egui::Ui) -> &'static Theme {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

impl Theme {
    /// The ground of a chip or pill in `color`: canvas with a little of it.
    #[must_use]
    pub fn tint(&self, color: Color32) -> Color32 {
        mix(self.canvas, color, if self.is_dark { 0.17 } else { 0.10 })
    }

    /// Bytes that a collection would free: garbage is no warning.
    #[must_use]
    pub fn unreachable(&self) -> Color32 {
        mix(self.canvas, self.accent, 0.42)
    }

    /// The cell of level `depth` of a branch coloured `color`: every level is a little closer to the canvas.
    #[must_use]
    pub fn level(&self, color: Color32, depth: usize) -> Color32 {
        let share = if self.is_dark { 0.16 } else { 0.22 };
        (0..depth.min(8)).fold(color, |color, _| mix(color, self.canvas, share))
    }

    /// Text of a disabled control.
    #[must_use]
    pub fn disabled(&self, ground: Color32) -> Color32 {
        mix(ground, self.t3, 0.45)
    }

    /// The `index`th colour of a stacked bar: accent, then paler.
    #[must_use]
    pub fn series(&self, index: usize) -> Color32 {
        mix(self.accent, self.canvas, [0.0, 0.25, 0.5, 0.62, 0.72][index.min(4)])
    }

    /// Colour of a root kind; never without the kind's word.
    #[must_use]
    pub const fn root(&self, kind: RootKind) -> Color32 {
        match kind {
            RootKind::Static => self.static_root,
            RootKind::ThreadStatic => self.thread_root,
            RootKind::FinalizerQueue => self.finalizer_root,
            RootKind::Stack => self.stack_root,
            _ => self.handle_root,
        }
    }
}

/// `share` of `with`, the rest of `color`, in gamma space.
#[must_use]
pub fn mix(color: Color32, with: Color32, share: f32) -> Color32 {
    let channel = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
    Color32::from_rgb(channel(color.r(), with.r()), channel(color.g(), with.g()), channel(color.b(), with.b()))
}

/// A face of the window's fonts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Face {
    /// Inter Regular.
    Regular,
    /// Inter Medium.
    Medium,
    /// Inter `SemiBold`.
    SemiBold,
    /// JetBrains Mono Regular.
    Mono,
    /// JetBrains Mono Medium.
    MonoMedium,
    /// Phosphor.
    Icon,
    /// Phosphor Bold.
    IconBold,
    /// Phosphor Fill.
    IconFill,
}

impl Face {
    const ALL: [Self; 8] = [
        Self::Regular,
        Self::Medium,
        Self::SemiBold,
        Self::Mono,
        Self::MonoMedium,
        Self::Icon,
        Self::IconBold,
        Self::IconFill,
    ];

    const fn key(self) -> &'static str {
        match self {
            Self::Regular => "inter",
            Self::Medium => "inter-medium",
            Self::SemiBold => "inter-semibold",
            Self::Mono => "mono",
            Self::MonoMedium => "mono-medium",
            Self::Icon => "icons",
            Self::IconBold => "icons-bold",
            Self::IconFill => "icons-fill",
        }
    }

    const fn file(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../../assets/fonts/Inter-Regular.otf"),
            Self::Medium => include_bytes!("../../assets/fonts/Inter-Medium.otf"),
            Self::SemiBold => include_bytes!("../../assets/fonts/Inter-SemiBold.otf"),
            Self::Mono => include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf"),
            Self::MonoMedium => include_bytes!("../../assets/fonts/JetBrainsMono-Medium.ttf"),
            Self::Icon => include_bytes!("../../assets/fonts/Phosphor.ttf"),
            Self::IconBold => include_bytes!("../../assets/fonts/Phosphor-Bold.ttf"),
            Self::IconFill => include_bytes!("../../assets/fonts/Phosphor-Fill.ttf"),
        }
    }

    /// The toolkit's family. A weight is a family of its own: the toolkit makes no synthetic bold.
    #[must_use]
    pub fn family(self) -> FontFamily {
        match self {
            Self::Regular => FontFamily::Proportional,
            Self::Mono => FontFamily::Monospace,
            _ => FontFamily::Name(self.key().into()),
        }
    }
}

/// A face in a size, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextStyle {
    /// The face.
    pub face: Face,
    /// Points.
    pub size: f32,
}

impl TextStyle {
    /// The toolkit's form.
    #[must_use]
    pub fn font(self) -> FontId {
        FontId::new(self.size, self.face.family())
    }

    /// Do both stand on one baseline when laid out together: same size, and faces of one design.
    #[must_use]
    pub fn has_metrics_of(self, other: Self) -> bool {
        let design = |face: Face| match face {
            Face::Regular | Face::Medium | Face::SemiBold => 0,
            Face::Mono | Face::MonoMedium => 1,
            Face::Icon | Face::IconBold | Face::IconFill => 2,
        };
        self.size == other.size && design(self.face) == design(other.face)
    }

    /// The same size in another face.
    #[must_use]
    pub const fn with(self, face: Face) -> Self {
        Self { face, size: self.size }
    }
}

const fn style(face: Face, size: f32) -> TextStyle {
    TextStyle { face, size }
}

/// Overview's sentences.
pub const VERDICT: TextStyle = style(Face::Regular, 19.0);
/// Title of a whole state: refused, healthy.
pub const STATE_TITLE: TextStyle = style(Face::SemiBold, 22.0);
/// Title of a part of a page.
pub const SUB_TITLE: TextStyle = style(Face::SemiBold, 16.0);
/// Title of a pane.
pub const PANE_TITLE: TextStyle = style(Face::SemiBold, 14.0);
/// Sentences of pages without a table.
pub const LEAD: TextStyle = style(Face::Regular, 15.0);
/// Text and cells.
pub const BODY: TextStyle = style(Face::Regular, 13.0);
/// Names in text and cells.
pub const BODY_MEDIUM: TextStyle = style(Face::Medium, 13.0);
/// Labels above groups.
pub const BODY_STRONG: TextStyle = style(Face::SemiBold, 13.0);
/// Headers, legends, status, units.
pub const SMALL: TextStyle = style(Face::Regular, 12.0);
/// The sorted header, facts of legends.
pub const SMALL_MEDIUM: TextStyle = style(Face::Medium, 12.0);
/// Pills and key caps.
pub const TINY: TextStyle = style(Face::Medium, 11.0);
/// Addresses, edges, commands.
pub const MONO: TextStyle = style(Face::Mono, 12.0);
/// Addresses that are the subject.
pub const MONO_MEDIUM: TextStyle = style(Face::MonoMedium, 12.0);

/// Height of a table row.
pub const ROW: f32 = 24.0;
/// Height of path nodes, rail entries, buttons, headers.
pub const NODE: f32 = 28.0;
/// Height of a pane's title.
pub const PANE: f32 = 40.0;
/// Height of the top bar.
pub const TOP_BAR: f32 = 44.0;
/// Height of the status bar.
pub const STATUS_BAR: f32 = 26.0;
/// Space left and right inside a pane.
pub const PAD: f32 = 16.0;
/// Width of the rail with words.
pub const RAIL: f32 = 140.0;
/// Width of the rail with icons only.
pub const RAIL_NARROW: f32 = 44.0;
/// Width of the unit column after a size's digits.
pub const UNIT: f32 = 26.0;
/// Radius of chips.
pub const RADIUS_CHIP: f32 = 4.0;
/// Radius of fields and buttons.
pub const RADIUS: f32 = 6.0;

/// The window's fonts. Every text family falls back on the others for a glyph it lacks, and then on the system.
#[must_use]
pub fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    for face in Face::ALL {
        fonts.font_data.insert(face.key().to_owned(), Arc::new(FontData::from_static(face.file())));
        let fallback = match face {
            Face::Regular | Face::Medium | Face::SemiBold => vec![Face::Mono.key(), Face::Icon.key()],
            Face::Mono | Face::MonoMedium => vec![Face::Regular.key(), Face::Icon.key()],
            Face::Icon | Face::IconBold | Face::IconFill => vec![Face::Regular.key()],
        };
        let names = std::iter::once(face.key()).chain(fallback).map(str::to_owned).collect();
        fonts.families.insert(face.family(), names);
    }
    fonts
}

/// Sets fonts and both styles on `ctx`. Once per context.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.set_style_of(egui::Theme::Light, style_of(&LIGHT));
    ctx.set_style_of(egui::Theme::Dark, style_of(&DARK));
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
}

fn style_of(theme: &Theme) -> egui::Style {
    let mut style = egui::Style { visuals: visuals(theme), animation_time: 0.0, ..egui::Style::default() };
    style.text_styles = [
        (egui::TextStyle::Small, SMALL.font()),
        (egui::TextStyle::Body, BODY.font()),
        (egui::TextStyle::Button, BODY.font()),
        (egui::TextStyle::Heading, PANE_TITLE.font()),
        (egui::TextStyle::Monospace, MONO.font()),
    ]
    .into();
    style.spacing.item_spacing = Vec2::new(8.0, 2.0);
    style.spacing.button_padding = Vec2::new(10.0, 5.0);
    style.spacing.menu_margin = egui::Margin::same(5);
    style.spacing.interact_size = Vec2::new(28.0, 24.0);
    style.spacing.menu_spacing = 4.0;
    style.spacing.tooltip_width = 560.0;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.scroll_animation = egui::style::ScrollAnimation::none();
    style
}

fn visuals(theme: &Theme) -> egui::Visuals {
    // `dark()` also sets how glyph coverage becomes opacity: without it text on dark ground has the wrong weight.
    let mut visuals = if theme.is_dark { egui::Visuals::dark() } else { egui::Visuals::light() };
    let radius = CornerRadius::same(RADIUS as u8);
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(theme.t3);
    visuals.hyperlink_color = theme.accent;
    visuals.faint_bg_color = theme.hover;
    visuals.extreme_bg_color = theme.raised;
    visuals.text_edit_bg_color = Some(theme.raised);
    visuals.code_bg_color = theme.track;
    visuals.warn_fg_color = theme.warn;
    visuals.error_fg_color = theme.err;
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.window_fill = theme.raised;
    visuals.window_stroke = Stroke::new(1.0, theme.line2);
    visuals.panel_fill = theme.canvas;
    let shadow = egui::Shadow { offset: [0, 4], blur: 14, spread: 0, color: theme.shadow };
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals.selection.bg_fill = mix(theme.canvas, theme.accent, 0.28);
    visuals.selection.stroke = Stroke::new(1.0, theme.t1);
    visuals.text_cursor.stroke = Stroke::new(1.5, theme.accent);
    visuals.text_cursor.blink = false;
    for (widget, ground, edge, text) in [
        (&mut visuals.widgets.noninteractive, theme.raised, theme.line, theme.t1),
        (&mut visuals.widgets.inactive, theme.raised, theme.line2, theme.t1),
        (&mut visuals.widgets.hovered, theme.hover, theme.t3, theme.t1),
        (&mut visuals.widgets.active, theme.sel, theme.accent, theme.t1),
        (&mut visuals.widgets.open, theme.sel2, theme.line2, theme.t1),
    ] {
        widget.bg_fill = ground;
        widget.weak_bg_fill = ground;
        widget.bg_stroke = Stroke::new(1.0, edge);
        widget.fg_stroke = Stroke::new(1.0, text);
        widget.corner_radius = radius;
        widget.expansion = 0.0;
    }
    visuals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_pair_is_legible() {
        for theme in [&LIGHT, &DARK] {
            let mut pairs = vec![(theme.on_accent, theme.accent, "primary button")];
            for ground in [theme.canvas, theme.chrome, theme.raised, theme.hover, theme.sel, theme.sel2, theme.track] {
                pairs.extend([(theme.t1, ground, "t1"), (theme.t2, ground, "t2"), (theme.t3, ground, "t3")]);
            }
            for color in [theme.ok, theme.warn, theme.err, theme.accent] {
                pairs.extend([(color, theme.canvas, "word"), (color, theme.tint(color), "word on its tint")]);
            }
            for kind in RootKind::ALL {
                let color = theme.root(kind);
                pairs.extend([(color, theme.tint(color), kind.label()), (color, theme.sel, kind.label())]);
            }
            for cat in theme.cat {
                for depth in 0..4 {
                    let ground = theme.level(cat, depth);
                    pairs.extend([(theme.t1, ground, "cell"), (theme.t2, ground, "cell")]);
                }
            }
            for (text, ground, what) in pairs {
                let found = contrast(text, ground);
                assert!(found >= 4.45, "{what}: {text:?} on {ground:?} is {found:.2} (dark: {})", theme.is_dark);
            }
        }
    }
}
