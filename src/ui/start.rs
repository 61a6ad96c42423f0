//! Opening the window, and saying in one line why there is none.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;

use super::app::App;
use super::settings::Settings;
use super::theme;
use crate::session::OpenOptions;

/// What the window begins with.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// A dump to open.
    pub dump: Option<PathBuf>,
    /// Folders with assemblies.
    pub module_folders: Vec<PathBuf>,
    /// A place in it, as text.
    pub at: Option<String>,
    /// Where a picture of the screen goes once everything is read; the window closes then. For checks.
    pub picture: Option<PathBuf>,
}

/// Why there is no window: one line that names what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// What is the case, with the packages that help.
    pub message: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StartError {}

/// Packages that a window needs beside the C library (found by adding one at a time to a minimal Debian 12).
const PACKAGES: &str = "libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libgl1";

/// Shows the window until it is closed.
///
/// # Errors
/// [`StartError`] when there is no display, or a library of the window system is missing.
pub fn run(options: WindowOptions) -> Result<(), StartError> {
    if let Some(message) = no_display() {
        return Err(StartError { message });
    }
    // A missing xkbcommon library is a panic of its loader: it must become a line of text like the others. The hook is
    // put back for everything that comes after.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut hook = Some(hook);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let settings = Settings::load();
        let mut viewport = egui::ViewportBuilder::default()
            .with_app_id("heaproot")
            .with_title("Heaproot")
            .with_inner_size(settings.window.unwrap_or([1280.0, 800.0]))
            .with_min_inner_size([800.0, 560.0])
            .with_drag_and_drop(true);
        if let Ok(icon) = eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon-256.png")) {
            viewport = viewport.with_icon(icon);
        }
        let native = eframe::NativeOptions { viewport, renderer: eframe::Renderer::Glow, ..Default::default() };
        eframe::run_native(
            "heaproot",
            native,
            Box::new(|cc| {
                if let Some(hook) = hook.take() {
                    std::panic::set_hook(hook);
                }
                Ok(Box::new(Window::new(&cc.egui_ctx, settings, options)))
            }),
        )
    }));
    if let Some(hook) = hook.take() {
        std::panic::set_hook(hook);
    }
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(err)) => Err(StartError { message: explain(&err.to_string()) }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a library is missing");
            Err(StartError { message: explain(text) })
        }
    }
}

/// Why no window can be had here, when the environment says so.
fn no_display() -> Option<String> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let needs_display = cfg!(all(unix, not(target_os = "macos")));
    (needs_display && !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY"))
        .then(|| "no display (neither DISPLAY nor WAYLAND_DISPLAY is set)".to_owned())
}

/// One line for what the window system said.
fn explain(cause: &str) -> String {
    let cause = cause.lines().next().unwrap_or_default().trim();
    if cfg!(all(unix, not(target_os = "macos"))) {
        format!("the window did not open: {cause} (Debian, Ubuntu: apt-get install {PACKAGES})")
    } else {
        format!("the window did not open: {cause}")
    }
}

/// The program in the toolkit's frame.
struct Window {
    app: App,
    size: Option<egui::Vec2>,
    title: String,
    picture: Option<PathBuf>,
    n_still: u32,
}

impl Window {
    fn new(ctx: &egui::Context, settings: Settings, options: WindowOptions) -> Self {
        theme::install(ctx);
        ctx.set_theme(settings.theme.preference());
        ctx.set_zoom_factor(settings.zoom);
        let waker = ctx.clone();
        let app = App::new(settings, Arc::new(move || waker.request_repaint()));
        let open = OpenOptions { module_folders: options.module_folders };
        let mut app = app.with_dump(options.dump.as_deref(), open);
        app.go_when_ready(options.at);
        Self { app, size: None, title: String::new(), picture: options.picture, n_still: 0 }
    }

    /// Takes the picture that was asked for, some frames after the last change, and ends.
    fn take_picture(&mut self, ctx: &egui::Context) {
        const STILL_FRAMES: u32 = 10;
        if self.picture.is_none() {
            return;
        }
        self.n_still = if self.app.is_busy() { 0 } else { self.n_still + 1 };
        if self.n_still >= STILL_FRAMES
            && let Some(path) = self.picture.take()
        {
            let closer = ctx.clone();
            ctx.request_screenshot(move |image| {
                let picture = super::raster::Picture {
                    width: image.width(),
                    height: image.height(),
                    rgba: image.as_raw().to_vec(),
                };
                if let Err(err) = super::picture::write(&picture, 1.0, &path) {
                    tracing::error!("{}: {err}", path.display());
                }
                closer.send_viewport_cmd(egui::ViewportCommand::Close);
                closer.request_repaint();
            });
        }
        ctx.request_repaint();
    }

    /// Keeps the window's size once it has stopped changing.
    fn remember_size(&mut self, ctx: &egui::Context) {
        let (size, is_normal, is_still) = ctx.input(|input| {
            let info = input.viewport();
            let is_normal =
                info.maximized != Some(true) && info.fullscreen != Some(true) && info.minimized != Some(true);
            (info.inner_rect.map(|rect| rect.size()), is_normal, !input.pointer.any_down())
        });
        let Some(size) = size.filter(|_| is_normal) else { return };
        if self.size == Some(size) && is_still {
            self.app.remember_window([size.x, size.y]);
        }
        self.size = Some(size);
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.app.logic(ctx);
        self.remember_size(ctx);
        self.take_picture(ctx);
        let title = self.app.title();
        if self.title != title {
            self.title.clone_from(&title);
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title));
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.app.ui(ui);
    }

    fn persist_egui_memory(&self) -> bool {
        // Scroll positions of one dump mean nothing in another.
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_names_the_packages_in_one_line() {
        let text = explain("Library libxkbcommon-x11.so could not be loaded.\nmore");
        assert!(!text.contains('\n') && text.contains("libxkbcommon-x11.so could not be loaded"), "{text}");
        if cfg!(target_os = "linux") {
            assert!(text.contains("libxkbcommon-x11-0"), "{text}");
        }
    }
}
