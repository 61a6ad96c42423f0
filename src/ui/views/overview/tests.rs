//! The views of findings as a person meets them: from the verdict to the evidence, and what is tried out on the way.

use egui_kittest::kittest::{NodeT, Queryable};

use crate::session::Session;
use crate::synth::heap::{HeapBuilder, Kind};
use crate::synth::sample::seed;
use crate::ui::app::tests::{click, copied, harness, has, press, settle};
use crate::ui::app::{App, Command};
use crate::ui::place::{Place, View};
use crate::ui::tests::app_over;
use eframe::egui::{Key, Modifiers, Role};

/// A window that has just opened the leaking sample.
fn opened() -> App {
    app_over(seed(3000, 16))
}

#[test]
fn the_first_minute_leads_from_the_verdict_to_the_root() {
    let mut harness = harness(opened());
    assert!(has(
        &harness,
        "Event-handler leak. 3,000 Worker objects subscribe to the static event Dispatcher.Shutdown"
    ));
    assert!(has(&harness, "Removing the handlers Worker.OnShutdown brings back 3.1 MiB"));
    click(&mut harness, Role::Button, "Show why one is alive");
    assert_eq!(harness.state().tab().history.now().view, View::Types);
    assert!(has(&harness, "Root: static Corpus.Seed.Dispatcher.Shutdown"));
    click(&mut harness, Role::Button, "Back");
    assert!(has(&harness, "Event-handler leak"));
}

#[test]
fn the_overview_names_what_is_live_and_leads_to_types_and_dominators() {
    let mut harness = harness(opened());
    assert!(has(&harness, "static Dispatcher.Shutdown, 3.1 MiB"), "the map names the holder");
    click(&mut harness, Role::Row, "System.Byte[], 6,003 objects");
    let place = harness.state().tab().history.now();
    assert!(place.view == View::Types && place.ty.is_some());
    click(&mut harness, Role::Button, "Back");
    click(&mut harness, Role::ListItem, "static Dispatcher.Shutdown, 3.1 MiB");
    assert_eq!(harness.state().tab().history.now().view, View::Dominators);
}

#[test]
fn ticked_events_are_tried_out_together() {
    let mut harness = harness(opened());
    click(&mut harness, Role::Button, "What if they go");
    assert!(has(&harness, "Dispatcher.Shutdown, Corpus.Seed.Worker OnShutdown, 3,000 handlers"));
    assert!(has(&harness, "Types that come back"), "the one ticked event was tried out");
    click(&mut harness, Role::Button, "Types that come back");
    assert!(has(&harness, "Corpus.Seed.Worker, 2,984"), "the 16 active workers stay");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    click(&mut harness, Role::Button, "Untick all");
    assert!(!has(&harness, "Types that come back"));
    click(&mut harness, Role::CheckBox, "Try without Dispatcher.Shutdown");
    assert!(has(&harness, "Types that come back"));
}

#[test]
fn the_dominator_tree_unfolds_by_keys_and_follows_the_map() {
    let mut harness = harness(opened());
    harness.state_mut().go(Place::view(View::Dominators));
    settle(&mut harness);
    click(&mut harness, Role::TreeItem, "static Dispatcher.Shutdown");
    let rows = |harness: &egui_kittest::Harness<'_, App>| {
        let items = harness.query_all_by(|node| node.role() == Role::TreeItem);
        items.filter_map(|node| node.accesskit_node().label()).collect::<Vec<_>>()
    };
    assert!(!rows(&harness)[1].starts_with("_invocationList"), "{:?}", rows(&harness));
    press(&mut harness, Modifiers::NONE, Key::ArrowRight);
    assert!(rows(&harness)[1].starts_with("_invocationList, Object[4096], "), "{:?}", rows(&harness));
    press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
    let n_folded = rows(&harness).len();
    // A cell deep in the map folds the list out down to it. It is there twice, in the treemap and in the icicle.
    let is_worker = |label: String| label.starts_with("2,984 × Worker, 2.9 MiB");
    let cells = harness.query_all_by(|node| node.role() == Role::ListItem && node.label().is_some_and(is_worker));
    let cells: Vec<_> = cells.collect();
    assert_eq!(cells.len(), 2);
    cells[0].click();
    drop(cells);
    settle(&mut harness);
    assert!(rows(&harness).len() > n_folded + 2, "{:?}", rows(&harness));
    assert!(rows(&harness).iter().any(|row| row.starts_with("2,984 × Worker, ")), "{:?}", rows(&harness));
}

#[test]
fn a_healthy_heap_says_what_was_looked_for() {
    let mut harness = harness(app_over(seed(16, 16)));
    assert!(has(&harness, "Leak suspects, "), "{:?}", harness.state().dump());
    assert!(has(&harness, "Duplicate strings, "));
    assert!(!has(&harness, "Event-handler leak"));
    click(&mut harness, Role::Link, "Duplicate strings");
    assert_eq!(harness.state().tab().history.now().view, View::Inspections);
    assert!(has(&harness, "heaproot inspect handmade.synthetic duplicate-strings"));
}

#[test]
fn a_suspect_comes_with_its_evidence_to_copy() {
    let mut heap = HeapBuilder::new();
    let cache = heap.class("App.Cache", &[("entries", Kind::Reference)]);
    let list = heap.vector("System.Object[]", Kind::Reference);
    let entry = heap.class("App.Entry", &[("next", Kind::Reference)]);
    let holder = heap.object(cache);
    let array = heap.array(list, 60_000);
    for index in 0..60_000 {
        let entry = heap.object(entry);
        heap.set_element(array, index, entry);
    }
    heap.set(holder, "entries", array);
    heap.static_field(cache, "Instance", Some(holder));
    let (snapshot, graph) = heap.build();
    let mut app = App::headless();
    app.show_session(Session::from_parts(snapshot.into(), Some(graph.into())));
    let mut harness = harness(app);
    assert!(has(&harness, "Leak suspect. Cache at static Cache.Instance keeps"));
    click(&mut harness, Role::Button, "The evidence");
    assert!(has(&harness, "App.Cache, static App.Cache.Instance, retains"));
    harness
        .get_by(|node| node.role() == Role::Button && node.label().is_some_and(|l| l == "Copy for a ticket"))
        .click();
    let text = copied(&mut harness).unwrap();
    assert!(text.contains("fingerprint: ") && text.contains("App.Entry"), "{text}");
    click(&mut harness, Role::Button, "What it keeps alive");
    assert_eq!(harness.state().tab().history.now().view, View::Dominators);
    assert!(has(&harness, "static Cache.Instance"));
}

#[test]
fn what_could_not_be_looked_for_is_not_called_nothing() {
    let (mut snapshot, graph) = seed(3000, 16);
    let mut harness = harness(app_over((snapshot, graph)));
    assert!(has(&harness, "18 checks, 2 found something, 16 nothing"));
    (snapshot, _) = seed(3000, 16);
    snapshot.modules[0].metadata = Err("not in the dump".to_owned());
    harness = self::harness(app_over((snapshot, seed(3000, 16).1)));
    assert!(has(&harness, " not possible"));
    assert!(!has(&harness, "16 nothing"));
}

#[test]
fn views_of_findings_before_there_are_any_say_so() {
    let (snapshot, _) = seed(100, 4);
    let mut app = App::headless();
    app.show_session(Session::from_parts(snapshot.into(), None));
    let mut harness = harness(app);
    assert!(has(&harness, "Heap at a glance") || has(&harness, "Biggest types"));
    for view in [View::Dominators, View::Suspects, View::Events, View::Inspections] {
        harness.state().outbox().send(Command::Show(view));
        settle(&mut harness);
        assert!(has(&harness, "Not looked for") || has(&harness, "Not computed"), "{view:?}");
    }
}
