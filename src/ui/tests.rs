//! What the window's tests share: heaps made by hand, a window over them, pictures of every state.
//!
//! `HEAPROOT_PICTURES=folder cargo test pictures_of_every_state` writes the pictures, to be looked at.

use std::path::Path;
use std::sync::Arc;

use eframe::egui;

use super::app::{App, Command};
use super::picture::{PictureOptions, Studio, encode};
use super::place::{Place, View};
use super::raster::Picture;
use super::screenshot::{Scene, shoot};
use super::settings::RecentFile;
use crate::base::job::Unit;
use crate::base::{HandleKind, Progress};
use crate::session::{LoadProblem, Session, Status};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, TypeId};
use crate::synth::heap::{HeapBuilder, Kind};
use crate::synth::sample;

/// A window over a finished heap.
pub(super) fn app_over(heap: (HeapSnapshot, HeapGraph)) -> App {
    let mut app = App::headless();
    app.show_session(Session::from_parts(Arc::new(heap.0), Some(Arc::new(heap.1))));
    app
}

/// The type called `name`.
pub(super) fn type_named(snapshot: &HeapSnapshot, name: &str) -> TypeId {
    snapshot.types.iter().find(|(_, row)| row.name.known() == Some(name)).map(|(id, _)| id).unwrap()
}

/// The `n`th instance of the type called `name`.
pub(super) fn instance(snapshot: &HeapSnapshot, name: &str, n: usize) -> ObjectId {
    let ty = type_named(snapshot, name);
    snapshot.objects.ids().filter(|&object| snapshot.objects.type_of(object) == ty).nth(n).unwrap()
}

/// A window over the leaking sample.
pub(super) fn seed_app() -> App {
    app_over(sample::seed(3000, 16)).beginning_at(Place::view(View::Types))
}

/// A heap whose one `App.Item` hangs on three roots; two of the ways share a holder.
pub(super) fn three_roots() -> (HeapSnapshot, HeapGraph) {
    let mut heap = HeapBuilder::new();
    let [shop, item] = ["App.Shop", "App.Item"].map(|name| heap.class(name, &[]));
    let holder = heap.class("App.Box", &[("inner", Kind::Reference)]);
    let chain = heap.class("App.Chain", &[("next", Kind::Reference)]);
    let [item, first, second, link] = [item, holder, holder, chain].map(|ty| heap.object(ty));
    heap.set(first, "inner", item);
    heap.set(second, "inner", item);
    heap.set(link, "next", first);
    heap.static_field(shop, "best", Some(first));
    heap.static_field(shop, "all", Some(second));
    heap.handle(HandleKind::Strong, link);
    heap.build()
}

/// A picture of `app`, 1280 by 800 unless told otherwise.
pub(super) fn picture(app: &mut App, size: [f32; 2], scale: f32, is_dark: bool) -> Picture {
    let options = PictureOptions { size: size.into(), scale, is_dark, with_system_fonts: false };
    shoot(app, options, Scene::View(View::Types)).unwrap()
}

/// A window that only shows a state of a session.
pub(super) fn app_in(name: &str, status: Status) -> App {
    let mut app = App::headless();
    app.show_session(Session::from_status(Path::new(name), status));
    app
}

/// A refusal with every part.
pub(super) fn problem() -> LoadProblem {
    LoadProblem {
        title: "This dump cannot be analysed".to_owned(),
        why: "It is of a NativeAOT program. Such a program has no CoreCLR in its process, and Heaproot reads the heap \
              through CoreCLR's own structures."
            .to_owned(),
        file: Some("seed-aot-n10.core, 155.7 MiB, ELF core, 412 segments, written by gdb".to_owned()),
        looked_in: Some("14 mapped modules, and 38 executable ranges without a file name".to_owned()),
        expected: Some(
            "a GC table of CoreCLR: libcoreclr.so, a single-file host, or the contract descriptor".to_owned(),
        ),
        found: Some("symbol RhpNewFast and section __managedcode in /app/Seed, at 0x55d0c1a2e000".to_owned()),
        next: Some("Publish the same program for CoreCLR and collect a dump of that:".to_owned()),
        command: Some("dotnet publish -c Release -p:PublishAot=false".to_owned()),
    }
}

/// A first pass under way.
pub(super) fn loading() -> Status {
    Status::Loading {
        progress: Progress {
            stage: "Walking the heap",
            unit: Unit::Bytes,
            done: 2_900_000_000,
            total: Some(6_764_573_491),
            elapsed_secs: 2.4,
        },
    }
}

/// Writes a picture where the environment says, or nowhere.
fn keep(name: &str, picture: &Picture) {
    let Some(folder) = std::env::var_os("HEAPROOT_PICTURES") else { return };
    let bytes = encode(picture, 1.0).unwrap();
    std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
}

#[test]
fn pictures_of_every_state() {
    const SIZE: [f32; 2] = [1280.0, 800.0];
    let is_dark_too = std::env::var_os("HEAPROOT_PICTURES").is_some();
    let both = |name: &str, app: &mut App| {
        keep(&format!("{name}-light"), &picture(app, SIZE, 1.0, false));
        if is_dark_too {
            keep(&format!("{name}-dark"), &picture(app, SIZE, 1.0, true));
        }
    };
    let mut app = App::headless();
    both("welcome-empty", &mut app);
    for (name, what, result) in [
        ("seed-grow-b-n10.core", ".NET 10.0.12, Linux x64", "21,729 objects"),
        ("eventleaks-n9.core.zst", ".NET 9.0.18, Linux x64", "28,545 objects"),
        (
            "a-rather-long-name-of-a-dump-that-somebody-copied-out-of-a-pod-7d9f.core.zst",
            ".NET 8.0.30, Linux arm64",
            "41,806,512 objects",
        ),
    ] {
        app.remember_recent(RecentFile {
            path: name.into(),
            what: what.to_owned(),
            bytes: 75_393_000,
            result: result.to_owned(),
        });
    }
    both("welcome", &mut app);
    // A first pass that never ends: drawn without waiting for it.
    let mut app = app_in("orders-api-7d9f.core.zst", loading());
    for is_dark in [false, true] {
        let options = PictureOptions { size: SIZE.into(), scale: 1.0, is_dark, with_system_fonts: false };
        let picture = Studio::new(options).shoot(|ui| app.ui(ui));
        keep(if is_dark { "loading-dark" } else { "loading-light" }, &picture);
    }
    both("refused", &mut app_in("seed-aot-n10.core", Status::Failed(problem())));
    both("cancelled", &mut app_in("orders-api-7d9f.core.zst", Status::Cancelled));
    let mut app = seed_app();
    both("types-only", &mut app);
    app.filter("Wroker");
    both("filtered", &mut app);
    app.filter("/Work(er/");
    both("bad-pattern", &mut app);
    app.filter("");
    let snapshot = app.dump().unwrap().session.snapshot().unwrap();
    app.go(Place { view: View::Types, ty: Some(type_named(&snapshot, "Corpus.Seed.Worker")), object: None });
    both("instances", &mut app);
    for (name, filter) in [
        ("instances-filtered", "worker-17 gen:2 root:static"),
        ("instances-bad", "worker-17 gen:7"),
        ("instances-nothing", "worker-17 held:no"),
    ] {
        app.filter_instances(filter);
        both(name, &mut app);
    }
    app.filter_instances("");
    app.show_holders();
    both("held-by", &mut app);
    app.outbox().send(Command::IgnoreText("root:static Corpus.Seed.Dispatcher.Active".to_owned()));
    both("held-by-ignored", &mut app);
    app.outbox().send(Command::RestoreAll);
    app.go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 1132)));
    both("types", &mut app);
    keep("types-light-2x", &picture(&mut app, SIZE, 2.0, false));
    keep("types-light-15x", &picture(&mut app, SIZE, 1.5, false));
    keep("types-light-narrow", &picture(&mut app, [890.0, 700.0], 1.0, false));
    keep("types-light-1000", &picture(&mut app, [1000.0, 720.0], 1.0, false));
    app.go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 2990)));
    both("fork", &mut app);
    app.next_path();
    both("next-path", &mut app);
    let stale = snapshot.objects.ids().rfind(|&object| snapshot.is_object(object)).unwrap();
    let reachability = app.dump().unwrap().session.reachability().unwrap();
    let dead = snapshot.objects.ids().find(|&object| snapshot.is_object(object) && !reachability.is_alive(object));
    app.go(Place::object(&snapshot, dead.unwrap_or(stale)));
    both("garbage", &mut app);
    for view in View::all().filter(|view| *view != View::Types) {
        app.go(Place::view(view));
        both(view.key(), &mut app);
    }
    app.outbox().send(Command::Keys);
    both("keys", &mut app);
}

#[test]
fn the_report_picture_is_as_long_as_the_path() {
    let mut app = seed_app();
    let snapshot = app.dump().unwrap().session.snapshot().unwrap();
    app.go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 1132)));
    let options = PictureOptions { size: [900.0, 600.0].into(), scale: 2.0, is_dark: false, with_system_fonts: false };
    let picture = shoot(&mut app, options, Scene::Path).unwrap();
    keep("report-path", &picture);
    assert_eq!(picture.width, 1520);
    assert!((600..1000).contains(&picture.height), "{}", picture.height);
}

#[test]
fn the_icon_is_the_logo() {
    let side = 256.0;
    let options = PictureOptions { size: egui::vec2(side, side), scale: 1.0, is_dark: false, with_system_fonts: false };
    let picture = Studio::new(options).shoot(|ui| {
        let pen = super::pen::Pen::on(ui);
        super::views::welcome::logo(&pen, ui.max_rect().min, side);
    });
    keep("icon-256", &picture);
    assert!(picture.rgba.chunks_exact(4).any(|pixel| pixel[2] > 150 && pixel[0] < 80), "the blue ground");
}

#[test]
fn a_picture_is_the_same_byte_for_byte() {
    let shoot = || {
        let mut app = seed_app();
        let snapshot = app.dump().unwrap().session.snapshot().unwrap();
        app.go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 7)));
        encode(&picture(&mut app, [1000.0, 640.0], 1.0, true), 1.0).unwrap()
    };
    assert!(shoot() == shoot());
}

/// Pictures of a real dump: `HEAPROOT_DUMP=file HEAPROOT_PICTURES=folder`.
#[test]
fn pictures_of_a_real_dump() {
    use super::screenshot::{ScreenshotOptions, screenshot};
    let (Some(dump), Some(folder)) = (std::env::var_os("HEAPROOT_DUMP"), std::env::var_os("HEAPROOT_PICTURES")) else {
        return;
    };
    let options = |scene: Scene, ty: Option<&str>, name: &str, is_dark: bool| ScreenshotOptions {
        dump: (&dump).into(),
        module_folders: Vec::new(),
        scene,
        ty: ty.map(str::to_owned),
        object: None,
        filter: None,
        size: [1280.0, 800.0],
        scale: 1.0,
        is_dark,
        output: Path::new(&folder).join(name),
    };
    let ty = std::env::var("HEAPROOT_TYPE").ok();
    screenshot(&options(Scene::View(View::Types), None, "real-types.png", false)).unwrap();
    screenshot(&options(Scene::Instances, ty.as_deref(), "real-instances.png", true)).unwrap();
    screenshot(&options(Scene::View(View::Coverage), None, "real-coverage.png", false)).unwrap();
    screenshot(&options(Scene::Path, ty.as_deref(), "real-path.png", false)).unwrap();
}
