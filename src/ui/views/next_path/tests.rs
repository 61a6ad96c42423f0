//! Further paths as a person meets them: one at a press, until there is none; stopped; without what is ignored.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::{Line, NextPathState};
use crate::session::Session;
use crate::snapshot::ObjectId;
use crate::ui::app::tests::{click, copied, harness, has, press, settle};
use crate::ui::app::{App, Command};
use crate::ui::model::paths::{Further, Paths};
use crate::ui::place::Place;
use crate::ui::tests::{app_over, instance, seed_app, three_roots};

fn at(app: App, name: &str, n: usize) -> Harness<'static, App> {
    let mut harness = harness(app);
    let snapshot = harness.state().dump().unwrap().session.snapshot().unwrap();
    harness.state_mut().go(Place::object(&snapshot, instance(&snapshot, name, n)));
    settle(&mut harness);
    harness
}

#[test]
fn each_press_adds_the_next_most_different_path() {
    let mut harness = at(app_over(three_roots()), "App.Item", 0);
    assert!(has(&harness, "Root: static App.Shop.best") && !has(&harness, "Path 2"));
    click(&mut harness, Role::TreeItem, "Next different path");
    assert!(has(&harness, "Path 2, no holder in common with those above"));
    assert!(has(&harness, "Root: static App.Shop.all"));
    assert!(has(&harness, "Why is it alive, 2 paths, 3 roots"));
    assert!(has(&harness, "Next different path, 1 more root holds it"));
    assert!(has(&harness, "It goes only when all 3 roots let go."));
    assert!(has(&harness, " --all"), "the command lists as many");
    // By key, from the path that came last.
    press(&mut harness, Modifiers::NONE, Key::N);
    assert!(has(&harness, "Path 3, 1 of 2 holders are on those above"));
    assert!(has(&harness, "No further path differs, all 3 roots are shown"));
    press(&mut harness, Modifiers::NONE, Key::N);
    assert!(has(&harness, "Why is it alive, 3 paths, 3 roots"));
    harness.get_by_label("Copy the path as text").click();
    let text = copied(&mut harness).unwrap();
    assert!(text.contains("Path 2, no holder in common") && text.contains("static App.Shop.all"), "{text}");
}

#[test]
fn one_root_has_no_further_path() {
    let mut harness = at(seed_app(), "Corpus.Seed.Worker", 3);
    click(&mut harness, Role::TreeItem, "Next different path");
    assert!(has(&harness, "No further path differs, one root holds it"));
    assert!(!has(&harness, "Path 2"));
}

#[test]
fn what_is_ignored_is_on_no_further_path() {
    let mut harness = at(app_over(three_roots()), "App.Item", 0);
    click(&mut harness, Role::TreeItem, "Next different path");
    harness.state().outbox().send(Command::IgnoreText("root:static App.Shop.best".to_owned()));
    settle(&mut harness);
    assert!(has(&harness, "Why is it alive, 2 paths, 2 roots"));
    assert!(!has(&harness, "Root: static App.Shop.best"));
    press(&mut harness, Modifiers::NONE, Key::End);
    assert!(has(&harness, "No further path differs, all 2 roots are shown"));
    harness.state().outbox().send(Command::RestoreAll);
    settle(&mut harness);
    assert!(has(&harness, "Why is it alive, 2 paths, 3 roots"));
}

#[test]
fn steps_inside_collections_unfold_on_every_path() {
    let mut harness = at(seed_app(), "Corpus.Seed.Worker", 2995);
    click(&mut harness, Role::TreeItem, "Next different path");
    assert!(has(&harness, "Path 2, ") && has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"));
    let n_lines = |harness: &Harness<'_, App>| harness.state().tab().path.answer().unwrap().lines.len();
    let n_folded = n_lines(&harness);
    click(&mut harness, Role::Button, "Show the steps inside collections");
    assert!(n_lines(&harness) > n_folded && has(&harness, "Path 2, "));
}

#[test]
fn a_search_that_was_stopped_can_be_asked_for_again() {
    let (snapshot, graph) = three_roots();
    let session = Session::from_parts(Arc::new(snapshot), Some(Arc::new(graph)));
    let mut state = NextPathState::default();
    let paths = Paths { is_held: true, ..Paths::default() };
    assert_eq!(state.line(&paths), Line::Next { note: String::new() });
    state.press(&paths);
    // In place of a search that takes long.
    state.found.want(&session, (ObjectId(0), Vec::new()), |_, job| {
        loop {
            job.tick(1)?;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    assert_eq!(state.line(&paths), Line::Looking);
    state.press(&paths);
    assert_eq!(state.n_wanted, 1, "one at a time");
    state.cancel();
    while state.is_pending() {
        state.found.poll();
    }
    assert!(matches!(state.line(&paths), Line::Next { note } if note.contains("stopped")));
    state.press(&paths);
    assert_eq!(state.line(&paths), Line::Looking);
}

#[test]
fn an_early_end_is_called_one() {
    let line = |further| super::end_or_next(further);
    let further = Further { n_shown: 3, n_left: 252, is_complete: false, is_full: false };
    assert_eq!(line(further), Line::Next { note: "at least 252 more roots hold it".to_owned() });
    assert!(matches!(
        line(Further { n_left: 0, ..further }),
        Line::End { words: "No further path was looked for", .. }
    ));
    assert!(matches!(line(Further { is_full: true, ..further }), Line::End { .. }));
}
