//! Pictures from the command line, without a display.

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui;

use super::app::App;
use super::picture::{self, PictureOptions, Studio};
use super::place::{Place, View};
use super::report;
use crate::report::lookup;
use crate::session::{OpenOptions, Session, Status};
use crate::snapshot::HeapSnapshot;

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A view of the window.
    View(View),
    /// The window with the instances of a type.
    Instances,
    /// The same, and who holds them.
    Holders,
    /// The paths of an object in full length.
    Path,
}

impl Scene {
    /// Words of the command line.
    pub const KEYS: &'static [(&'static str, Self)] = &[
        ("overview", Self::View(View::Overview)),
        ("types", Self::View(View::Types)),
        ("instances", Self::Instances),
        ("holders", Self::Holders),
        ("path", Self::Path),
        ("dominators", Self::View(View::Dominators)),
        ("suspects", Self::View(View::Suspects)),
        ("events", Self::View(View::Events)),
        ("inspections", Self::View(View::Inspections)),
        ("roots", Self::View(View::Roots)),
        ("handles", Self::View(View::Handles)),
        ("statics", Self::View(View::Statics)),
        ("threads", Self::View(View::Threads)),
        ("finalizers", Self::View(View::Finalizers)),
        ("coverage", Self::View(View::Coverage)),
    ];

    /// The scene of a word.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::KEYS.iter().find(|(word, _)| *word == key).map(|(_, scene)| *scene)
    }
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct ScreenshotOptions {
    /// The dump.
    pub dump: PathBuf,
    /// Folders with assemblies.
    pub module_folders: Vec<PathBuf>,
    /// What the picture shows.
    pub scene: Scene,
    /// A type, by name or MethodTable.
    pub ty: Option<String>,
    /// An object, by address.
    pub object: Option<String>,
    /// Text of the filter.
    pub filter: Option<String>,
    /// Points.
    pub size: [f32; 2],
    /// Pixels per point.
    pub scale: f32,
    /// Dark theme.
    pub is_dark: bool,
    /// Where the picture goes.
    pub output: PathBuf,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    /// The dump was not read.
    #[error("{0}")]
    Dump(Box<crate::session::LoadProblem>),
    /// The subject was not found.
    #[error("{0}")]
    Subject(String),
    /// The file was not written.
    #[error("{path}: {source}")]
    Write {
        /// The system's reason.
        #[source]
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
}

/// Draws and writes a picture. Opens the dump, waits for everything the view shows.
///
/// # Errors
/// [`ScreenshotError`].
pub fn screenshot(options: &ScreenshotOptions) -> Result<(), ScreenshotError> {
    let open = OpenOptions { module_folders: options.module_folders.clone() };
    let session = Session::open(&options.dump, open, std::sync::Arc::new(|| {}));
    session.wait(|_| {});
    if let Status::Failed(problem) = session.status() {
        return Err(ScreenshotError::Dump(Box::new(problem)));
    }
    let Some(snapshot) = session.snapshot() else {
        return Err(ScreenshotError::Subject("reading was cancelled".to_owned()));
    };
    let place = place(&snapshot, options)?;
    let mut app = App::headless();
    app.show_session(session);
    app.go(place);
    if options.scene == Scene::Holders {
        app.show_holders();
    }
    if let Some(filter) = &options.filter {
        match options.scene {
            Scene::Instances | Scene::Holders => app.filter_instances(filter),
            Scene::View(_) | Scene::Path => app.filter(filter),
        }
    }
    let picture_options = PictureOptions {
        size: egui::vec2(options.size[0], options.size[1]),
        scale: options.scale,
        is_dark: options.is_dark,
        // Latin, Greek and Cyrillic never come from the system; what only the system has is better drawn than a box.
        with_system_fonts: true,
    };
    let picture = shoot(&mut app, picture_options, options.scene)?;
    picture::write(&picture, options.scale, &options.output)
        .map_err(|source| ScreenshotError::Write { source, path: options.output.clone() })
}

/// The picture of `app` as it stands, once everything it waits for is there.
///
/// # Errors
/// When a path is wanted and there is none.
pub fn shoot(app: &mut App, options: PictureOptions, scene: Scene) -> Result<super::raster::Picture, ScreenshotError> {
    const LIMIT: Duration = Duration::from_secs(600);
    let mut studio = Studio::new(options);
    // Rows in sight are known only once drawn, and only then are their previews asked for.
    for _ in 0..3 {
        let ctx = studio.ctx().clone();
        app.settle(&ctx, LIMIT);
        studio.rehearse(|ui| app.ui(ui));
    }
    let ctx = studio.ctx().clone();
    app.settle(&ctx, LIMIT);
    if scene == Scene::Path {
        let dump = app.dump();
        let snapshot = dump.and_then(|dump| dump.session.snapshot());
        return match (dump, snapshot, app.tab().path.answer()) {
            (Some(dump), Some(snapshot), Some(paths)) => {
                let with_system_fonts = options.with_system_fonts;
                Ok(report::path_exposure(dump, &snapshot, paths, options.scale, with_system_fonts).develop())
            }
            _ => Err(ScreenshotError::Subject("there is no path: name an object with --object".to_owned())),
        };
    }
    Ok(studio.shoot(|ui| app.ui(ui)))
}

fn place(snapshot: &HeapSnapshot, options: &ScreenshotOptions) -> Result<Place, ScreenshotError> {
    let subject = |err: &dyn std::fmt::Display| ScreenshotError::Subject(err.to_string());
    if let Some(text) = &options.object {
        let (object, _) = lookup::find_object(snapshot, text).map_err(|err| subject(&err))?;
        return Ok(Place::object(snapshot, object));
    }
    let view = match options.scene {
        Scene::View(view) => view,
        Scene::Instances | Scene::Holders | Scene::Path => View::Types,
    };
    let mut place = Place::view(view);
    if let Some(text) = &options.ty {
        let choice = lookup::find_types(snapshot, text).map_err(|err| subject(&err))?;
        place.ty = choice.ids.first().copied();
    }
    // A path without an object is that of the type's first instance, and without a type that of the biggest type.
    if matches!(options.scene, Scene::Instances | Scene::Holders | Scene::Path) && place.ty.is_none() {
        let biggest =
            snapshot.types.iter().filter(|(id, _)| snapshot.objects.ids().next().is_some() && id.0 < u32::MAX);
        place.ty = biggest
            .filter(|(_, row)| !matches!(row.shape, crate::snapshot::TypeShape::Free | crate::snapshot::TypeShape::Gap))
            .max_by_key(|(id, _)| {
                (snapshot.totals.get(id.index()).map_or(0, |totals| totals.bytes), std::cmp::Reverse(*id))
            })
            .map(|(id, _)| id);
    }
    if options.scene == Scene::Path {
        place.object =
            place.ty.and_then(|ty| snapshot.objects.ids().find(|&object| snapshot.objects.type_of(object) == ty));
    }
    Ok(place)
}
