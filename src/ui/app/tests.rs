//! The window as a person meets it: found by role and word, pressed, typed into; what it then shows and sends.

use eframe::egui;
use egui::{Key, Modifiers, Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{App, Command};
use crate::session::{Session, Status};
use crate::snapshot::TypeName;
use crate::synth::heap::{HeapBuilder, Kind};
use crate::ui::place::{Place, View};
use crate::ui::tests::{app_in, instance, loading, problem, seed_app, type_named};
use crate::ui::theme;

/// A window on a desk that never shows it.
pub(in crate::ui) fn harness(app: App) -> Harness<'static, App> {
    sized(app, [1280.0, 800.0])
}

fn sized(app: App, size: [f32; 2]) -> Harness<'static, App> {
    let mut harness = Harness::builder()
        .with_size(vec2(size[0], size[1]))
        .with_theme(egui::Theme::Light)
        .with_context_setup(theme::install)
        .with_step_dt(0.1)
        .build_ui_state(
            |ui, app: &mut App| {
                let ctx = ui.ctx().clone();
                app.logic(&ctx);
                app.ui(ui);
            },
            app,
        );
    settle(&mut harness);
    harness
}

/// Runs frames until nothing is under way.
pub(in crate::ui) fn settle(harness: &mut Harness<'_, App>) {
    let mut n_idle = 0;
    for _ in 0..600 {
        harness.step();
        // What a press changes is asked for in the next frame and drawn in the one after; rows then ask for previews.
        n_idle = if harness.state().is_busy() || !harness.state().outbox().is_empty() { 0 } else { n_idle + 1 };
        if n_idle > 3 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    harness.run_steps(2);
    harness.check_accessibility();
}

pub(in crate::ui) fn click(harness: &mut Harness<'_, App>, role: Role, word: &str) {
    harness.get_by(|node| node.role() == role && node.label().is_some_and(|label| label.contains(word))).click();
    settle(harness);
}

pub(in crate::ui) fn has(harness: &Harness<'_, App>, word: &str) -> bool {
    let says = |text: Option<String>| text.is_some_and(|text| text.contains(word));
    harness.query_all_by(|node| says(node.label()) || says(node.value())).next().is_some()
}

pub(in crate::ui) fn press(harness: &mut Harness<'_, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    settle(harness);
}

/// What the next frames put on the clipboard.
pub(in crate::ui) fn copied(harness: &mut Harness<'_, App>) -> Option<String> {
    (0..8).find_map(|_| {
        harness.step();
        copied_now(harness)
    })
}

fn copied_now(harness: &Harness<'_, App>) -> Option<String> {
    harness.output().platform_output.commands.iter().find_map(|command| match command {
        egui::OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    })
}

#[test]
fn three_clicks_lead_from_the_types_to_the_root() {
    let mut harness = harness(seed_app());
    click(&mut harness, Role::Row, "Corpus.Seed.Worker, 3,000 objects");
    assert!(has(&harness, "Why are they alive"));
    click(&mut harness, Role::Row, "worker-3");
    assert!(has(&harness, "_target of System.EventHandler, → OnShutdown"));
    assert!(has(&harness, "[3] of System.Object[4096]"));
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"));
    assert!(has(&harness, "The static event Dispatcher.Shutdown keeps the handler"));
    // And back again, step by step, out to the first screen.
    click(&mut harness, Role::Button, "Back");
    assert!(has(&harness, "Why are they alive"));
    click(&mut harness, Role::Button, "Back");
    click(&mut harness, Role::Button, "Back");
    assert!(has(&harness, "Open dump…"));
}

#[test]
fn a_type_shows_the_paths_of_all_its_instances() {
    let mut harness = harness(seed_app());
    click(&mut harness, Role::Row, "Corpus.Seed.Worker, 3,000 objects");
    assert!(has(&harness, "3,000 on all paths"));
    // The way that nearly all share is open, down to the instances.
    assert!(has(&harness, "static Corpus.Seed.Dispatcher.Shutdown, 2,98"));
    assert!(has(&harness, "System.Object[], 2,98"));
    click(&mut harness, Role::Button, "By object");
    assert!(has(&harness, "System.Object[4096], 2,98"));
    click(&mut harness, Role::Button, "To roots");
    assert!(has(&harness, "Corpus.Seed.Worker, 3,000 through here"));
    // Without the static, the 16 active ones are left.
    harness.state().outbox().send(Command::IgnoreText("root:static Corpus.Seed.Dispatcher.Shutdown".to_owned()));
    settle(&mut harness);
    assert!(has(&harness, "16 on all paths, 2,984 held by nothing"));
}

#[test]
fn a_fork_unfolds_and_folds() {
    let app = seed_app();
    let mut harness = harness(app);
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    harness.state_mut().go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 2995)));
    settle(&mut harness);
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Active"));
    assert!(!has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"));
    click(&mut harness, Role::TreeItem, "Another holder: _target");
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"));
    press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
    assert!(!has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"));
}

#[test]
fn the_filter_narrows_offers_the_nearest_and_names_a_bad_pattern() {
    let mut harness = harness(seed_app());
    harness.get_by_label("Filter types").focus();
    harness.step();
    harness.get_by_label("Filter types").type_text("Wroker");
    settle(&mut harness);
    assert!(has(&harness, "No type matches “Wroker”"));
    click(&mut harness, Role::Button, "Filter by Worker");
    assert_eq!(harness.state().tab().types.query.filter, "Worker");
    assert!(has(&harness, "Corpus.Seed.Worker, 3,000 objects") && !has(&harness, "System.String, "));
    click(&mut harness, Role::Button, "Clear Filter types");
    assert!(has(&harness, "System.String, "));
    harness.get_by_label("Filter types").type_text("/Work(");
    settle(&mut harness);
    let list = harness.state().tab().types.list.value().unwrap();
    assert_eq!(list.bad_pattern.as_ref().unwrap().message, "group not closed");
    assert!(has(&harness, "System.String, "), "a bad pattern hides nothing");
}

#[test]
fn a_header_sorts_and_turns_round() {
    let mut harness = harness(seed_app());
    let first = |harness: &Harness<'_, App>| {
        let row = harness
            .get_by(|node| node.role() == Role::Row && node.label().is_some_and(|label| label.contains("row 1 of")));
        let label = row.accesskit_node().label();
        label.unwrap_or_default()
    };
    assert!(first(&harness).starts_with("System.Byte[]"), "{}", first(&harness));
    click(&mut harness, Role::ColumnHeader, "Type");
    assert!(first(&harness).starts_with("Corpus.Seed.Job"), "{}", first(&harness));
    click(&mut harness, Role::ColumnHeader, "Type");
    assert!(first(&harness).starts_with("System.String"), "{}", first(&harness));
}

#[test]
fn keys_move_go_and_copy() {
    let mut harness = harness(seed_app());
    click(&mut harness, Role::Row, "System.Byte[], ");
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    let ty = harness.state().tab().history.now().ty.unwrap();
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    assert_eq!(snapshot.types.row(ty).display_name(), "System.EventHandler");
    press(&mut harness, Modifiers::NONE, Key::End);
    press(&mut harness, Modifiers::NONE, Key::Home);
    // Down only: a step that also takes the release runs two frames and shows the second one's output.
    harness.key_down_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    let text = copied(&mut harness).unwrap();
    assert!(text.starts_with("System.Byte[]\t6003\t"), "{text}");
    harness.key_up_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    settle(&mut harness);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    assert!(harness.state().tab().history.now().object.is_some());
    press(&mut harness, Modifiers::ALT, Key::ArrowLeft);
    assert!(harness.state().tab().history.now().object.is_none());
}

#[test]
fn keys_work_as_soon_as_a_view_is_there() {
    let mut harness = harness(seed_app());
    // No list was pressed or tabbed to: the one that the view is about takes the keys.
    press(&mut harness, Modifiers::COMMAND, Key::Num5);
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    press(&mut harness, Modifiers::NONE, Key::Space);
    assert!(has(&harness, "Untick all"));
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(harness.state().tab().history.now().object.is_some());
    // The path of the object, not the types beside it.
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    press(&mut harness, Modifiers::NONE, Key::I);
    assert!(!harness.state().tab().what_if.is_empty(), "a reference of the path is ignored");
}

#[test]
fn a_tick_leads_the_keys_to_its_row_and_the_menu_unticks() {
    let mut harness = harness(seed_app());
    press(&mut harness, Modifiers::COMMAND, Key::Num5);
    click(&mut harness, Role::CheckBox, "Try without Dispatcher.Shutdown");
    assert!(has(&harness, "Untick all"));
    press(&mut harness, Modifiers::NONE, Key::Space);
    assert!(!has(&harness, "Untick all"), "the space bar is for the row of the tick");
    for word in ["What if it goes", "Untick it"] {
        let row = harness.get_by(|node| {
            node.role() == Role::Row && node.label().is_some_and(|label| label.starts_with("Dispatcher.Shutdown"))
        });
        row.click_secondary();
        settle(&mut harness);
        click(&mut harness, Role::MenuItem, word);
    }
    assert!(!has(&harness, "Untick all"));
}

#[test]
fn the_palette_finds_types_addresses_and_commands() {
    let mut harness = harness(seed_app());
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    press(&mut harness, Modifiers::COMMAND, Key::K);
    harness.get_by_label("Command").type_text("Seed.Worker");
    settle(&mut harness);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().tab().history.now().ty, Some(type_named(&snapshot, "Corpus.Seed.Worker")));
    let object = instance(&snapshot, "Corpus.Seed.Worker", 5);
    let inside = snapshot.objects.address(object).plus(8).to_string();
    press(&mut harness, Modifiers::COMMAND, Key::K);
    harness.get_by_label("Command").type_text(inside.trim_start_matches("0x"));
    settle(&mut harness);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().tab().history.now().object, Some(object));
    press(&mut harness, Modifiers::COMMAND, Key::K);
    harness.get_by_label("Command").type_text("coverage");
    settle(&mut harness);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().tab().history.now().view, View::Coverage);
}

#[test]
fn an_address_outside_the_heap_is_named_as_such() {
    let mut harness = harness(seed_app());
    press(&mut harness, Modifiers::COMMAND, Key::G);
    harness.get_by_label("Address").type_text("12345678");
    settle(&mut harness);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let sheet = harness.state();
    assert!(sheet.tab().history.now().object.is_none());
    assert!(harness.query_by_label("Address").is_some(), "the question stays open");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Address").is_none());
}

#[test]
fn a_place_of_another_dump_leads_as_far_as_it_can_and_says_so() {
    let check = |place: &str, unknown: Option<&str>| {
        let mut app = seed_app();
        app.go_when_ready(Some(place.to_owned()));
        let harness = harness(app);
        assert_eq!(has(&harness, "is not in this dump"), unknown.is_some(), "{place}");
        assert!(unknown.is_none_or(|part| has(&harness, &format!("“{part}” of the place"))), "{place}");
        harness.state().tab().history.now().view
    };
    assert_eq!(check("statics", None), View::Statics);
    assert_eq!(check("types/0x1", Some("0x1")), View::Types);
    assert_eq!(check("tpyes/0x1", Some("tpyes")), View::Overview);
}

#[test]
fn states_without_a_heap_say_what_is_the_case() {
    let mut first = harness(App::headless());
    assert!(has(&first, "Open the sample") && has(&first, "dotnet-dump collect"));
    press(&mut first, Modifiers::NONE, Key::F1);
    assert!(has(&first, "Close"));

    let mut refused = harness(app_in("seed-aot-n10.core", Status::Failed(problem())));
    assert!(has(&refused, "This dump cannot be analysed. It is of a NativeAOT program."));
    assert!(has(&refused, "Found: symbol RhpNewFast"));
    refused.get_by_label("Copy this report").click();
    assert!(copied(&mut refused).unwrap().starts_with("This dump cannot be analysed\n"));

    let mut working = sized(app_in("orders.core", loading()), [900.0, 600.0]);
    assert!(has(&working, "Walking the heap"));
    click(&mut working, Role::Button, "Cancel");
    assert!(has(&working, "Opening was cancelled"));
}

#[test]
fn an_empty_heap_says_that_it_was_walked() {
    let (snapshot, graph) = HeapBuilder::new().build();
    let mut app = App::headless();
    app.show_session(Session::from_parts(snapshot.into(), Some(graph.into())));
    let app = app.beginning_at(Place::view(View::Types));
    let harness = harness(app);
    assert!(has(&harness, "No object on the heap"));
}

#[test]
fn garbage_is_called_garbage() {
    let mut harness = harness(seed_app());
    let session = &harness.state().dump().unwrap().session;
    let (snapshot, alive) = (session.snapshot().unwrap(), session.reachability().unwrap());
    let dead = snapshot.objects.ids().find(|&object| snapshot.is_object(object) && !alive.is_alive(object)).unwrap();
    harness.state_mut().go(Place::object(&snapshot, dead));
    settle(&mut harness);
    assert!(has(&harness, "Referred to by: "));
    assert!(has(&harness, "Garbage in all: "));
}

#[test]
fn unnamed_types_and_very_long_names_stay_in_their_cells() {
    let long = format!("Deep.{}.Thing<{}>+Entry[]", "Namespace.".repeat(30), vec!["System.String"; 60].join(", "));
    let mut heap = HeapBuilder::new();
    let ty = heap.class(&long, &[("next", Kind::Reference)]);
    let other = heap.class("Gone", &[]);
    heap.row_mut(other).name = TypeName::Missing("module not in the dump".into());
    let objects = [heap.object(ty), heap.object(ty)];
    heap.object(other);
    heap.set(objects[0], "next", objects[1]);
    heap.static_field(ty, "first", Some(objects[0]));
    let (snapshot, graph) = heap.build();
    let place = Place::object(&snapshot, objects[1]);
    for size in [[1280.0, 800.0], [900.0, 640.0], [800.0, 560.0]] {
        let mut app = App::headless();
        let (snapshot, graph) = (snapshot_again(&long), graph.clone());
        let _ = &snapshot;
        app.show_session(Session::from_parts(snapshot.into(), Some(graph.into())));
        let app = app.beginning_at(Place::view(View::Types));
        let mut harness = sized(app, size);
        assert!(has(&harness, "no name: module not in the dump"));
        harness.state_mut().go(place);
        settle(&mut harness);
        assert!(has(&harness, "Root: static"), "{size:?}");
        // Nothing may stick out of the window.
        for node in harness.query_all_by(|node| node.role() == Role::Row) {
            assert!(node.rect().right() <= size[0] + 0.5, "{:?}", node.rect());
        }
    }
}

/// The heap of the test above: a snapshot is not cloned.
fn snapshot_again(long: &str) -> crate::snapshot::HeapSnapshot {
    let mut heap = HeapBuilder::new();
    let ty = heap.class(long, &[("next", Kind::Reference)]);
    let other = heap.class("Gone", &[]);
    heap.row_mut(other).name = TypeName::Missing("module not in the dump".into());
    let objects = [heap.object(ty), heap.object(ty)];
    heap.object(other);
    heap.set(objects[0], "next", objects[1]);
    heap.static_field(ty, "first", Some(objects[0]));
    heap.build().0
}

#[test]
fn fields_and_referrers_lead_on() {
    let mut harness = harness(seed_app());
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    let worker = instance(&snapshot, "Corpus.Seed.Worker", 12);
    harness.state_mut().go(Place::object(&snapshot, worker));
    settle(&mut harness);
    click(&mut harness, Role::Button, "Fields");
    assert!(has(&harness, "Name, System.String, \"worker-12\""));
    click(&mut harness, Role::Button, "Referrers");
    assert!(has(&harness, "_target, System.EventHandler"));
    click(&mut harness, Role::Row, "_target, System.EventHandler");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_ne!(harness.state().tab().history.now().object, Some(worker));
}

#[test]
fn the_table_counts_live_objects_or_garbage() {
    let mut harness = harness(seed_app());
    harness.state().outbox().send(super::Command::Count(crate::ui::model::types::Liveness::Dead));
    settle(&mut harness);
    let list = harness.state().tab().types.list.value().cloned().unwrap();
    assert_eq!(list.totals.count, 3);
    assert!(has(&harness, "System.Object[], 1 object"));
    click(&mut harness, Role::Button, "Garbage");
    assert!(has(&harness, "System.Object[], 3 objects"));
}

#[test]
fn the_cursor_of_the_table_stays_on_its_type_when_the_rows_change() {
    let mut harness = harness(seed_app());
    (0..4).for_each(|_| press(&mut harness, Modifiers::NONE, Key::ArrowDown));
    let under_cursor = |harness: &Harness<'_, App>| {
        let types = &harness.state().tab().types;
        types.list.value()?.lines.get(types.rows.cursor? as usize).cloned()
    };
    let id = |line| match line {
        Some(crate::ui::model::types::TypeLine::Type { id, .. }) => id,
        other => panic!("{other:?}"),
    };
    let before = id(under_cursor(&harness));
    assert_eq!(harness.state().tab().history.now().ty, None);
    harness.state().outbox().send(super::Command::Count(crate::ui::model::types::Liveness::Live));
    settle(&mut harness);
    assert_eq!(id(under_cursor(&harness)), before);
}

#[test]
fn every_view_draws_at_every_size() {
    for size in [[1280.0, 800.0], [899.0, 600.0], [800.0, 560.0]] {
        let mut harness = sized(seed_app(), size);
        for view in View::all() {
            harness.state_mut().go(Place::view(view));
            settle(&mut harness);
            assert!(has(&harness, view.label()), "{view:?}");
        }
    }
}

#[test]
fn tabs_open_behind_and_close() {
    let mut harness = harness(seed_app());
    click(&mut harness, Role::Row, "Corpus.Seed.Job, 3,000 objects");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(has(&harness, "Tab 2, Job"));
    harness.get_by(|node| node.role() == Role::Tab && node.label().is_some_and(|label| label == "Tab 2, Job")).click();
    settle(&mut harness);
    click(&mut harness, Role::Button, "Close tab 2");
    assert!(!has(&harness, "Tab 2"));
}

#[test]
fn the_last_of_five_hundred_million_rows_stands_in_its_place() {
    use crate::ui::widgets::{List, ListState, RowName};
    let id = egui::Id::unique("big");
    let mut harness =
        Harness::builder().with_size(vec2(300.0, 240.0)).with_context_setup(theme::install).build_ui_state(
            move |ui, state: &mut ListState| {
                let list = List { id, name: "Big", role: Role::Table, n_rows: 500_000_000, row_height: 24.0 };
                let rect = ui.max_rect();
                list.show(ui, rect, state, |_, row| RowName::from(format!("row {}", row.index)));
            },
            ListState::default(),
        );
    harness.get_by_label("row 0").click();
    harness.run_steps(2);
    harness.key_press(Key::End);
    harness.run_steps(3);
    assert_eq!(harness.state().cursor, Some(499_999_999));
    let [before, last] = ["row 499999998", "row 499999999"].map(|row| harness.get_by_label(row).rect());
    // The harness leaves 8 points around.
    assert_eq!(last.bottom(), 232.0);
    assert_eq!(last.top() - before.top(), 24.0);
}

#[test]
fn a_right_press_shows_what_can_be_done_and_escape_closes_it() {
    let mut harness = harness(seed_app());
    let row = harness.get_by(|node| {
        node.role() == Role::Row && node.label().is_some_and(|label| label.contains("Corpus.Seed.Job, "))
    });
    row.click_secondary();
    settle(&mut harness);
    assert!(has(&harness, "Copy the MethodTable"));
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!has(&harness, "Copy the MethodTable"));
}
