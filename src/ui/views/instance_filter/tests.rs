//! The filter of the instances as a person meets it: typed, switched on, hiding everything, not understood, waiting.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use crate::session::Session;
use crate::synth::sample;
use crate::ui::app::tests::{click, copied, harness, has, press, settle};
use crate::ui::app::{App, Command};
use crate::ui::place::{Place, View};
use crate::ui::tests::{seed_app, type_named};

/// The workers of the leaking sample.
fn workers() -> Harness<'static, App> {
    let mut harness = harness(seed_app());
    click(&mut harness, Role::Row, "Corpus.Seed.Worker, 3,000 objects");
    harness
}

fn type_in(harness: &mut Harness<'_, App>, text: &str) {
    harness.get_by_label("Filter instances").focus();
    harness.step();
    harness.get_by_label("Filter instances").type_text(text);
    settle(harness);
}

fn switch(harness: &mut Harness<'_, App>, word: &str) {
    click(harness, Role::Button, "Conditions of the filter");
    click(harness, Role::CheckBox, word);
    press(harness, Modifiers::NONE, Key::Escape);
}

fn text(harness: &Harness<'_, App>) -> String {
    harness.get_by_label("Filter instances").accesskit_node().value().unwrap_or_default()
}

fn n_listed(harness: &Harness<'_, App>) -> usize {
    harness.state().tab().instances.list.value().unwrap().objects.len()
}

#[test]
fn the_filter_narrows_list_paths_and_command() {
    let mut harness = workers();
    type_in(&mut harness, "WORKER-17");
    assert_eq!(n_listed(&harness), 111);
    assert!(has(&harness, "Instances, 111 of 3,000 shown"));
    assert!(has(&harness, "\"worker-17\"") && !has(&harness, "\"worker-18\""));
    assert!(has(&harness, "Why are they alive, 111 filtered, on all paths"));
    click(&mut harness, Role::Button, "Conditions of the filter");
    harness.get_by_label("Copy the command").click();
    let command = copied(&mut harness).unwrap();
    assert!(command.ends_with(" Corpus.Seed.Worker --text WORKER-17"), "{command}");
    settle(&mut harness);
    // The order is part of it, too, and the menu of a row offers the same.
    harness.get_all_by_role_and_label(Role::ColumnHeader, "Bytes").last().unwrap().click();
    settle(&mut harness);
    harness.get_all_by(|node| node.role() == Role::Row && is_worker(node.label())).next().unwrap().click_secondary();
    settle(&mut harness);
    harness.get_by_label("Copy the list's command").click();
    let command = copied(&mut harness).unwrap();
    assert!(command.ends_with(" Corpus.Seed.Worker --text WORKER-17 --sort bytes"), "{command}");
}

#[test]
fn conditions_are_switched_by_mouse_and_written_into_the_field() {
    let mut harness = workers();
    for (word, expected) in [
        ("Held yes", "held:yes"),
        ("Root static", "held:yes root:static"),
        ("Bytes 1 KiB", ">=1KiB held:yes root:static"),
        ("Bytes 1 KiB", "held:yes root:static"),
        ("Generation frozen", "gen:frozen held:yes root:static"),
        ("Generation frozen", "held:yes root:static"),
    ] {
        switch(&mut harness, word);
        assert_eq!(text(&harness), expected);
    }
    assert!(has(&harness, "Instances, 3,000 of 3,000 shown"));
}

#[test]
fn what_hides_everything_is_named_and_cleared() {
    let mut harness = workers();
    type_in(&mut harness, "held:no");
    assert!(has(&harness, "No instance matches “held:no”. All 3,000 instances are hidden by the filter."));
    assert!(has(&harness, "No path to follow"));
    click(&mut harness, Role::Button, "Clear the filter");
    assert_eq!((text(&harness), n_listed(&harness)), (String::new(), 3000));
    assert!(has(&harness, "3,000 on all paths"));
}

#[test]
fn what_is_not_understood_says_so_and_loses_nothing() {
    let mut harness = workers();
    type_in(&mut harness, "worker-17");
    type_in(&mut harness, " gen:7");
    assert!(has(&harness, "Instances, gen: 0 1 2 large pinned frozen"));
    assert_eq!(n_listed(&harness), 111);
    assert!(has(&harness, "\"worker-17\"") && has(&harness, "111 filtered, on all paths"));
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!((text(&harness), n_listed(&harness)), (String::new(), 3000));
}

#[test]
fn the_slash_leads_to_the_filter_of_the_pane_and_each_type_keeps_its_own() {
    let mut harness = workers();
    press(&mut harness, Modifiers::NONE, Key::F6);
    press(&mut harness, Modifiers::NONE, Key::F6);
    press(&mut harness, Modifiers::NONE, Key::Slash);
    assert!(harness.get_by_label("Filter instances").accesskit_node().is_focused());
    harness.get_by_label("Filter instances").type_text("worker-5");
    settle(&mut harness);
    assert_eq!(n_listed(&harness), 1 + 10 + 100);
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    let job = Place { ty: Some(type_named(&snapshot, "Corpus.Seed.Job")), ..Place::view(View::Types) };
    harness.state_mut().go(job);
    settle(&mut harness);
    assert_eq!((text(&harness), n_listed(&harness)), (String::new(), 3000));
    harness.state().outbox().send(Command::Back);
    settle(&mut harness);
    assert_eq!((text(&harness), n_listed(&harness)), ("worker-5".to_owned(), 111));
}

#[test]
fn conditions_on_holders_wait_for_them() {
    let (snapshot, _) = sample::seed(300, 4);
    let place = Place { ty: Some(type_named(&snapshot, "Corpus.Seed.Worker")), ..Place::view(View::Types) };
    let snapshot = Arc::new(snapshot);
    let over = |session: Session| {
        let mut app = App::headless();
        app.show_session(session);
        app.beginning_at(place)
    };
    // The sample is settled once frames no longer wait for it: this session never ends.
    let mut waiting = harness(over(Session::reading_references(Arc::clone(&snapshot))));
    type_in(&mut waiting, "worker-1 held:no");
    assert!(has(&waiting, "“held:no” waits"));
    assert!(has(&waiting, "Instances, waiting for what is held"));
    assert!(waiting.query_all_by(|node| node.role() == Role::Row && is_worker(node.label())).next().is_none());
    click(&mut waiting, Role::Button, "Clear the filter");
    assert_eq!(n_listed(&waiting), 300);

    let mut never = harness(over(Session::from_parts(snapshot, None)));
    type_in(&mut never, "root:static");
    assert!(has(&never, "“root:static” cannot be answered. The dump holds no references."));
}

fn is_worker(label: Option<String>) -> bool {
    label.is_some_and(|label| label.contains("worker-"))
}
