//! Held by, as a person meets it: chosen, switched, followed, filtered, garbage, waiting.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::analysis::Ignore;
use crate::base::RootKind;
use crate::session::Session;
use crate::synth::heap::{HeapBuilder, Kind};
use crate::synth::sample;
use crate::ui::app::tests::{click, copied, harness, has, press, settle};
use crate::ui::app::{App, Command};
use crate::ui::place::{Place, View};
use crate::ui::tests::{app_over, instance, seed_app, three_roots, type_named};

/// Who holds the instances of the type called `name`.
fn held_by(mut app: App, name: &str) -> Harness<'static, App> {
    let snapshot = app.dump().unwrap().session.snapshot().unwrap();
    app.go(Place { ty: Some(type_named(&snapshot, name)), ..Place::view(View::Types) });
    let mut harness = harness(app);
    click(&mut harness, Role::Button, "Held by");
    harness
}

#[test]
fn holders_are_listed_past_the_framework_or_at_once() {
    let mut harness = held_by(seed_app(), "Corpus.Seed.Worker");
    assert!(has(&harness, "Why are they alive, 3,000 held"));
    assert!(has(&harness, "static Corpus.Seed.Dispatcher.Shutdown, holds 2,984 objects, 99.5 %"));
    assert!(has(&harness, "no object alone: several roots, or paths that meet nowhere, holds 16 objects"));
    click(&mut harness, Role::CheckBox, "past framework types");
    assert!(has(&harness, "2,984 × System.EventHandler → Worker, holds 2,984 objects"));
    assert!(!has(&harness, "static Corpus.Seed.Dispatcher.Shutdown, holds"));
    click(&mut harness, Role::Button, "By type");
    assert!(has(&harness, "3,000 on all paths"));
}

#[test]
fn rows_lead_to_the_holder_or_to_those_of_its_type() {
    let mut harness = held_by(seed_app(), "Corpus.Seed.Worker");
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    let workers = harness.state().tab().history.now();
    click(&mut harness, Role::Row, "static Corpus.Seed.Dispatcher.Shutdown, holds");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let handler = type_named(&snapshot, "System.EventHandler");
    let now = harness.state().tab().history.now();
    assert_eq!((now.ty, now.object.is_some()), (Some(handler), true));
    // The way back leads to the same look of the pane.
    harness.state().outbox().send(Command::Back);
    settle(&mut harness);
    assert!(has(&harness, "static Corpus.Seed.Dispatcher.Shutdown, holds"));
    click(&mut harness, Role::CheckBox, "past framework types");
    click(&mut harness, Role::Row, "2,984 × System.EventHandler");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(has(&harness, "Tab 2, EventHandler"));
    assert_eq!(harness.state().tab().history.now(), workers);
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let now = harness.state().tab().history.now();
    assert_eq!((now.ty, now.object), (Some(handler), None));
    harness.state().outbox().send(Command::Back);
    settle(&mut harness);
    // What no object alone holds leads nowhere.
    click(&mut harness, Role::Row, "no object alone");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().tab().history.now(), workers);
}

#[test]
fn an_answer_that_comes_too_late_keeps_nobody_waiting() {
    let mut harness = held_by(seed_app(), "Corpus.Seed.Worker");
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    harness.get_by(|node| node.role() == Role::CheckBox).click();
    harness.run_steps(2);
    // The pane shows something else before the answer is there.
    harness.state_mut().go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 3)));
    settle(&mut harness);
    assert!(!harness.state().is_busy());
}

#[test]
fn rows_and_the_command_are_copied() {
    let mut harness = held_by(seed_app(), "Corpus.Seed.Worker");
    click(&mut harness, Role::Row, "static Corpus.Seed.Dispatcher.Shutdown, holds");
    harness.key_down_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    let row = copied(&mut harness).unwrap();
    harness.key_up_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    assert!(row.starts_with("static Corpus.Seed.Dispatcher.Shutdown\t2984\t"), "{row}");
    settle(&mut harness);
    click(&mut harness, Role::CheckBox, "past framework types");
    harness
        .get_by(|node| node.role() == Role::Row && node.label().is_some_and(|label| label.contains("2,984 × System")))
        .click_secondary();
    settle(&mut harness);
    harness.get_by_label("Copy the command").click();
    let command = copied(&mut harness).unwrap();
    assert!(command.ends_with(" --of Corpus.Seed.Worker --skip none"), "{command}");
}

#[test]
fn the_filter_of_the_instances_is_followed() {
    let mut harness = held_by(seed_app(), "Corpus.Seed.Worker");
    harness.state_mut().filter_instances("worker-17");
    settle(&mut harness);
    assert!(has(&harness, "Why are they alive, 111 held, filtered"));
    assert!(has(&harness, "static Corpus.Seed.Dispatcher.Shutdown, holds 111 objects, 100.0 %"));
    harness.state_mut().filter_instances("held:no");
    settle(&mut harness);
    assert!(has(&harness, "Nothing to look for holders of. The filter of the instances hides all of them."));
}

#[test]
fn what_no_object_alone_holds_says_so() {
    let harness = held_by(app_over(three_roots()), "App.Item");
    assert!(has(&harness, "no object alone: several roots, or paths that meet nowhere, holds 1 object, 100.0 %"));
}

#[test]
fn garbage_has_no_holder() {
    let mut heap = HeapBuilder::new();
    let [item, shop] = ["App.Item", "App.Shop"].map(|name| heap.class(name, &[("next", Kind::Reference)]));
    let [held, holder, ..] = [item, shop, shop].map(|ty| heap.object(ty));
    heap.object(item);
    heap.set(holder, "next", held);
    heap.static_field(shop, "first", Some(holder));
    let app = app_over(heap.build());
    let harness = held_by(app, "App.Item");
    assert!(has(&harness, "Why are they alive, 1 held, 1 not"));
    assert!(has(&harness, "static App.Shop.first, holds 1 object, 100.0 %"));

    let mut heap = HeapBuilder::new();
    let item = heap.class("App.Item", &[]);
    heap.object(item);
    let harness = held_by(app_over(heap.build()), "App.Item");
    assert!(has(&harness, "Nothing holds any of them. 1 instance is garbage"));
}

#[test]
fn dominators_that_are_not_there_are_named() {
    let (snapshot, _) = sample::seed(300, 4);
    let snapshot = Arc::new(snapshot);
    let over = |session: Session| {
        let mut app = App::headless();
        app.show_session(session);
        held_by(app, "Corpus.Seed.Worker")
    };
    let waiting = over(Session::reading_references(Arc::clone(&snapshot)));
    assert!(has(&waiting, "Finding out who keeps what alive"));
    let never = over(Session::from_parts(snapshot, None));
    assert!(has(&never, "Not computed"));
}

#[test]
fn what_is_ignored_counts_here_and_that_is_said() {
    let mut harness = held_by(seed_app(), "Corpus.Seed.Worker");
    let says = "What is ignored still counts here";
    assert!(!has(&harness, says));
    harness.state().outbox().send(Command::Ignore(vec![Ignore::RootKind(RootKind::Static)]));
    settle(&mut harness);
    assert!(has(&harness, says) && has(&harness, "come back in "));
    assert!(has(&harness, "static Corpus.Seed.Dispatcher.Shutdown, holds 2,984 objects"));
    click(&mut harness, Role::Button, "Ignore nothing any more");
    assert!(!has(&harness, says));
}
