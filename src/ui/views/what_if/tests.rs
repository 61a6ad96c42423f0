//! What if, as a person tries it: ignored by a key or a menu, listed, restored; paths and bytes follow.

use eframe::egui::{Key, Modifiers, Role};

use crate::analysis::Ignore;
use crate::base::RootKind;
use crate::ui::app::Command;
use crate::ui::app::tests::{click, harness, has, press, settle};
use crate::ui::place::Place;
use crate::ui::tests::{instance, seed_app};

#[test]
fn an_ignored_reference_is_listed_and_restored_and_paths_follow() {
    let mut harness = harness(seed_app());
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    // One of the 16 active workers: the list holds it, the event too.
    harness.state_mut().go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 2995)));
    settle(&mut harness);
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Active"));
    click(&mut harness, Role::TreeItem, "Root: static Corpus.Seed.Dispatcher.Active");
    press(&mut harness, Modifiers::NONE, Key::I);
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"), "the next way to a root");
    assert!(has(&harness, "Restore the root static Corpus.Seed.Dispatcher.Active"));
    assert!(has(&harness, "--ignore \"root:static Corpus.Seed.Dispatcher.Active\""), "the command says the same");
    // Without the event, too, nothing is left that holds it.
    harness.state().outbox().send(Command::IgnoreText("root:static Corpus.Seed.Dispatcher.Shutdown".to_owned()));
    settle(&mut harness);
    assert!(has(&harness, "It comes back"));
    assert!(has(&harness, "MiB come back in "));
    click(&mut harness, Role::Button, "Restore the root static Corpus.Seed.Dispatcher.Active");
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Active"));
    click(&mut harness, Role::Button, "Ignore nothing any more");
    assert!(!has(&harness, "come back in "));
}

#[test]
fn what_comes_back_is_shown_by_type() {
    let mut harness = harness(seed_app());
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    harness.state_mut().go(Place::object(&snapshot, instance(&snapshot, "Corpus.Seed.Worker", 3)));
    settle(&mut harness);
    harness.state().outbox().send(Command::Ignore(vec![Ignore::RootKind(RootKind::Static)]));
    settle(&mut harness);
    click(&mut harness, Role::Button, "By type");
    assert!(has(&harness, "Corpus.Seed.Worker, "));
}

#[test]
fn what_cannot_be_ignored_is_said() {
    let mut harness = harness(seed_app());
    harness.state().outbox().send(Command::IgnoreText("Wroker.Field".to_owned()));
    settle(&mut harness);
    assert!(has(&harness, "Wroker"), "a message names what was not found");
    assert!(harness.state().tab().what_if.is_empty());
}
