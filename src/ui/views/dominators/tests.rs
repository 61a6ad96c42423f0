//! The dominator tree, as a person meets it: with stacks and without, and what stands in no row.

use eframe::egui::Role;
use egui_kittest::Harness;

use crate::synth::sample;
use crate::ui::app::App;
use crate::ui::app::tests::{click, harness, has};
use crate::ui::place::{Place, View};
use crate::ui::tests::app_over;

fn dominators() -> Harness<'static, App> {
    harness(app_over(sample::seed(3000, 16)).beginning_at(Place::view(View::Dominators)))
}

#[test]
fn what_hangs_on_stacks_alone_stands_in_the_tree_at_a_tick() {
    let mut harness = dominators();
    assert!(has(&harness, "static Dispatcher.Shutdown"));
    assert!(!has(&harness, "stack Byte["));
    click(&mut harness, Role::CheckBox, "stacks hold, too");
    assert!(has(&harness, "stack Byte["));
    assert!(has(&harness, "static Dispatcher.Shutdown"));
    // The same tree in another grouping.
    click(&mut harness, Role::Button, "Object");
    assert!(has(&harness, "stack Byte["));
    click(&mut harness, Role::CheckBox, "stacks hold, too");
    assert!(!has(&harness, "stack Byte["));
    assert!(has(&harness, "static Dispatcher.Shutdown"));
}

#[test]
fn what_nothing_holds_is_a_click_away() {
    let mut harness = dominators();
    click(&mut harness, Role::Link, "unreachable");
    assert_eq!(harness.state().tab().history.now().view, View::Types);
    // The bin that nobody refers to, and what it holds.
    assert_eq!(harness.state().tab().types.list.value().unwrap().totals.count, 3);
}
