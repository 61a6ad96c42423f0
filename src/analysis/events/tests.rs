//! What is a leak of handlers and what only looks like one, on heaps made by hand.

use super::*;
use crate::analysis::tests::{findings_of, with_heap, with_tree};
use crate::base::HandleKind;
use crate::synth::heap::{HeapBuilder, Kind};
use crate::synth::sample::seed;

/// Bytes of a subscriber of [`Scene`], of one handler, and of a delegate that many share, its list apart.
const VIEW: u64 = 24;
const HANDLER: u64 = 64;

/// A program with views that hear `App.Clock.Tick`.
struct Scene {
    heap: HeapBuilder,
    handler: TypeId,
    view: TypeId,
    clock: TypeId,
}

impl Scene {
    fn new() -> Self {
        let mut heap = HeapBuilder::new();
        heap.module("App.dll");
        let handler = heap.delegate_type("System.EventHandler");
        let view = heap.class("App.View", &[]);
        let clock = heap.class("App.Clock", &[]);
        Self { heap, handler, view, clock }
    }

    fn objects(&mut self, ty: TypeId, n: usize) -> Vec<ObjectId> {
        (0..n).map(|_| self.heap.object(ty)).collect()
    }

    /// A handler `method` on each of `targets`.
    fn handlers(&mut self, targets: &[ObjectId], type_name: &str, method: &str) -> Vec<ObjectId> {
        let code = self.heap.method(type_name, method, false);
        targets.iter().map(|&target| self.heap.delegate(self.handler, Some(target), code)).collect()
    }

    /// A delegate over `handlers`; the handler itself when there is one.
    fn joined(&mut self, handlers: &[ObjectId]) -> ObjectId {
        match handlers {
            [one] => *one,
            many => self.heap.multicast(self.handler, many),
        }
    }

    fn static_event(&mut self, handlers: &[ObjectId]) {
        let joined = self.joined(handlers);
        self.heap.static_field(self.clock, "Tick", Some(joined));
    }

    /// A static array of `objects`.
    fn keep(&mut self, name: &str, objects: &[ObjectId]) {
        let array = self.heap.array(self.heap.type_named("System.Object[]"), objects.len() as u32);
        for (index, &object) in (0..).zip(objects) {
            self.heap.set_element(array, index, object);
        }
        self.heap.static_field(self.clock, name, Some(array));
    }

    /// `n` views on the static event, `n_kept` of them in a list as well.
    fn views(n: usize, n_kept: usize) -> Self {
        let mut scene = Self::new();
        let views = scene.objects(scene.view, n);
        let handlers = scene.handlers(&views, "App.View", "OnTick");
        scene.static_event(&handlers);
        scene.keep("Kept", &views[..n_kept]);
        scene
    }

    fn found(self) -> Events {
        found(&self.heap.build())
    }

    /// The only group.
    fn only(self) -> EventGroup {
        let events = self.found();
        assert_eq!(events.groups.len(), 1, "{:?}", events.groups);
        events.groups.into_iter().next().unwrap()
    }
}

fn found(heap: &(crate::snapshot::HeapSnapshot, crate::snapshot::HeapGraph)) -> Events {
    with_heap(heap, |asked| with_tree(heap, |view| events(asked, view.tree, &Job::new()).unwrap()))
}

/// The group of this subscriber type.
fn of<'a>(events: &'a Events, subscriber: &str) -> &'a EventGroup {
    events.groups.iter().find(|group| group.subscriber.type_name == subscriber).unwrap()
}

#[test]
fn ten_handlers_whose_objects_nothing_else_holds_are_a_leak() {
    let check = |n, n_kept, expected, n_exclusive| {
        let group = Scene::views(n, n_kept).only();
        assert_eq!((group.verdict, group.n_exclusive), (expected, n_exclusive), "{n} views, {n_kept} kept");
        assert_eq!((group.n_handlers, group.n_subscribers, group.n_publishers), (n as u64, n as u64, 1));
    };
    check(9, 0, EventVerdict::ProbablyFine, 9);
    check(10, 0, EventVerdict::Leak, 10);
    check(1, 0, EventVerdict::ProbablyFine, 1);
    check(30, 20, EventVerdict::Leak, 10);
    check(30, 21, EventVerdict::ProbablyFine, 9);
    check(30, 30, EventVerdict::HeldElsewhere, 0);
}

#[test]
fn what_comes_back_is_exact() {
    let group = Scene::views(100, 40).only();
    // Handlers of all, the delegate with its list of 128 places, and the views that are in no other list.
    let bytes = 60 * VIEW + 100 * HANDLER + HANDLER + 24 + 128 * 8;
    assert_eq!(group.freed, Some(Retained { bytes, count: 60 + 100 + 2 }));
    assert_eq!((group.publisher.kind, group.publisher.words()), (PublisherKind::Static, "static event"));
    let names = (group.publisher.type_name.as_str(), group.publisher.field.as_str(), group.subscriber.method.as_str());
    assert_eq!(names, ("App.Clock", "Tick", "OnTick"));
    assert_eq!(group.held_by, None);
}

#[test]
fn one_object_twice_is_one_subscriber() {
    let mut scene = Scene::new();
    let views = scene.objects(scene.view, 10);
    let handlers = scene.handlers(&[views.clone(), views].concat(), "App.View", "OnTick");
    scene.static_event(&handlers);
    let group = scene.only();
    assert_eq!((group.n_handlers, group.n_subscribers, group.n_exclusive), (20, 10, 10));
}

#[test]
fn methods_of_one_event_are_told_apart() {
    let mut scene = Scene::new();
    let views = scene.objects(scene.view, 24);
    let mut handlers = scene.handlers(&views[..12], "App.View", "OnTick");
    handlers.extend(scene.handlers(&views[12..], "App.View", "OnTock"));
    scene.static_event(&handlers);
    let events = scene.found();
    let mut methods: Vec<_> =
        events.leaks().map(|(_, group)| (group.subscriber.method.as_str(), group.n_handlers)).collect();
    methods.sort_unstable();
    assert_eq!(methods, [("OnTick", 12), ("OnTock", 12)]);
}

/// `n` publishers in a static list with `each` handlers of objects that nothing else holds.
fn publishers(n: usize, each: usize) -> Scene {
    let mut scene = Scene::new();
    let document = scene.heap.class("App.Document", &[("Changed", Kind::Reference)]);
    let documents = scene.objects(document, n);
    for &document in &documents {
        let views = scene.objects(scene.view, each);
        let handlers = scene.handlers(&views, "App.View", "OnChanged");
        let joined = scene.joined(&handlers);
        scene.heap.set(document, "Changed", joined);
    }
    scene.keep("Documents", &documents);
    scene
}

#[test]
fn one_handler_for_each_publisher_is_one_lifetime_and_more_pile_up() {
    let one = publishers(50, 1).only();
    assert_eq!((one.verdict, one.n_handlers, one.n_publishers), (EventVerdict::OneLifetime, 50, 50));
    let two = publishers(50, 2).only();
    assert_eq!((two.verdict, two.n_handlers, two.n_publishers), (EventVerdict::Leak, 100, 50));
    assert_eq!(two.publisher.kind, PublisherKind::Instance);
    assert_eq!(two.held_by.as_deref(), Some("static App.Clock.Documents"));
}

#[test]
fn a_dialog_that_hears_its_own_button_is_held_by_who_opened_it() {
    let mut scene = Scene::new();
    let dialog = scene.heap.class("App.Dialog", &[("Ok", Kind::Reference)]);
    let button = scene.heap.class("App.Button", &[("Click", Kind::Reference)]);
    let dialogs = scene.objects(dialog, 100);
    for &dialog in &dialogs {
        let ok = scene.heap.object(button);
        let handler = scene.handlers(&[dialog], "App.Dialog", "OnOk")[0];
        scene.heap.set(dialog, "Ok", ok);
        scene.heap.set(ok, "Click", handler);
    }
    // The last forty are closed: a cycle each, and garbage.
    scene.keep("Open", &dialogs[..60]);
    let group = scene.only();
    assert_eq!((group.verdict, group.n_handlers, group.n_exclusive), (EventVerdict::HeldElsewhere, 60, 0));
}

#[test]
fn a_publisher_that_is_garbage_leaks_nothing() {
    let mut scene = Scene::new();
    let document = scene.heap.class("App.Document", &[("Changed", Kind::Reference)]);
    let document = scene.heap.object(document);
    let views = scene.objects(scene.view, 100);
    let handlers = scene.handlers(&views, "App.View", "OnChanged");
    let joined = scene.joined(&handlers);
    scene.heap.set(document, "Changed", joined);
    scene.heap.handle(HandleKind::WeakShort, document);
    assert_eq!(scene.found().groups, []);
}

#[test]
fn publishers_that_a_leak_holds_are_part_of_it() {
    for each in [1, 3] {
        let mut scene = Scene::new();
        let page = scene.heap.class("App.Page", &[("Changed", Kind::Reference)]);
        let pages = scene.objects(page, 40);
        for &page in &pages {
            let views = scene.objects(scene.view, each);
            let handlers = scene.handlers(&views, "App.View", "OnChanged");
            let joined = scene.joined(&handlers);
            scene.heap.set(page, "Changed", joined);
        }
        let handlers = scene.handlers(&pages, "App.Page", "OnTick");
        scene.static_event(&handlers);
        let events = scene.found();
        assert_eq!(of(&events, "App.Page").verdict, EventVerdict::Leak);
        assert_eq!(of(&events, "App.View").verdict, EventVerdict::BelowAnother, "{each} of each");
        assert_eq!(events.leaks().count(), 1);
    }
}

/// Ten closures of a class on the static event; `capture` fills each.
fn closures(fields: &[(&str, Kind)], capture: impl Fn(&mut Scene, ObjectId)) -> EventGroup {
    let mut scene = Scene::new();
    let closure = scene.heap.class("App.Program+<>c__DisplayClass3_0", fields);
    let closures = scene.objects(closure, 10);
    closures.iter().for_each(|&closure| capture(&mut scene, closure));
    let handlers = scene.handlers(&closures, "App.Program+<>c__DisplayClass3_0", "<Watch>b__0");
    scene.static_event(&handlers);
    scene.only()
}

#[test]
fn a_closure_speaks_for_what_it_captured() {
    let check = |group: EventGroup, subscriber: &str| {
        assert_eq!((group.subscriber.kind, group.verdict), (SubscriberKind::Closure, EventVerdict::Leak));
        let names = (group.subscriber.type_name.as_str(), group.subscriber.method.as_str());
        assert_eq!(names, (subscriber, "lambda in Watch"));
        assert_eq!((group.n_handlers, group.n_subscribers), (10, 10));
    };
    let fields = [("view", Kind::Reference), ("title", Kind::Reference)];
    let view_of = |scene: &mut Scene| scene.heap.object(scene.view);
    let one = closures(&fields, |scene, closure| {
        let (view, title) = (view_of(scene), scene.heap.string("title"));
        scene.heap.set(closure, "view", view);
        scene.heap.set(closure, "title", title);
    });
    check(one, "App.View");
    // Of two objects of the program's own neither is the one that hears.
    let two = closures(&fields, |scene, closure| {
        let (a, b) = (view_of(scene), view_of(scene));
        scene.heap.set(closure, "view", a);
        scene.heap.set(closure, "title", b);
    });
    check(two, "App.Program+<>c__DisplayClass3_0");
    let this = [("<>4__this", Kind::Reference), ("other", Kind::Reference)];
    let own = closures(&this, |scene, closure| {
        let (view, other) = (view_of(scene), view_of(scene));
        scene.heap.set(closure, "<>4__this", view);
        scene.heap.set(closure, "other", other);
    });
    check(own, "App.View");
}

#[test]
fn static_handlers_hold_nothing() {
    let mut scene = Scene::new();
    // All lambdas without captures share one object.
    let holder = scene.heap.class("App.Program+<>c", &[]);
    let holder = scene.heap.object(holder);
    let mut handlers = scene.handlers(&[holder; 20], "App.Program+<>c", "<Main>b__0_0");
    let code = scene.heap.method("App.Log", "OnTick", true);
    handlers.extend((0..30).map(|_| scene.heap.delegate(scene.handler, None, code)));
    scene.static_event(&handlers);
    let events = scene.found();
    let facts = |name| {
        let group = of(&events, name);
        (group.subscriber.kind, group.verdict, group.n_handlers, group.subscriber.method.as_str())
    };
    let nothing = EventVerdict::HoldsNothing;
    assert_eq!(facts("App.Program"), (SubscriberKind::StaticLambda, nothing, 20, "lambda in Main"));
    assert_eq!(facts("App.Log"), (SubscriberKind::StaticMethod, nothing, 30, "OnTick"));
}

/// Twenty relays of a class called `name`, which keep their subscriber by a weak reference or by a plain one.
fn relays(name: &str, is_weak: bool) -> EventGroup {
    let mut scene = Scene::new();
    let weak = scene.heap.class("System.WeakReference<App.View>", &[]);
    let relay = scene.heap.class(name, &[("target", Kind::Reference)]);
    let held = if is_weak { weak } else { scene.view };
    scene.heap.row_mut(relay).fields[0].ty = Some(held);
    let relays = scene.objects(relay, 20);
    for &relay in &relays {
        let held = scene.heap.object(held);
        scene.heap.set(relay, "target", held);
    }
    let handlers = scene.handlers(&relays, name, "Deliver");
    scene.static_event(&handlers);
    scene.only()
}

#[test]
fn weak_events_are_no_leak() {
    let check = |name, is_weak, kind, verdict| {
        let group = relays(name, is_weak);
        assert_eq!((group.subscriber.kind, group.verdict), (kind, verdict), "{name}");
    };
    check("App.WeakRelay", true, SubscriberKind::Weak, EventVerdict::HoldsNothing);
    check("App.WeakRelay", false, SubscriberKind::Instance, EventVerdict::Leak);
    // A view may have a weak reference to something else.
    check("App.Window", true, SubscriberKind::Instance, EventVerdict::Leak);
}

#[test]
fn a_component_is_the_publisher_of_its_handler_list() {
    let mut scene = Scene::new();
    let entry = scene.heap.class(
        "System.ComponentModel.EventHandlerList+ListEntry",
        &[("_next", Kind::Reference), ("_key", Kind::Reference), ("_handler", Kind::Reference)],
    );
    let list = scene.heap.class("System.ComponentModel.EventHandlerList", &[("_head", Kind::Reference)]);
    let toolbar = scene.heap.class("App.Toolbar", &[("events", Kind::Reference)]);
    let (click, load) = (scene.heap.object(scene.clock), scene.heap.object(scene.clock));
    let (first, second) = (scene.heap.object(entry), scene.heap.object(entry));
    let (list, bar) = (scene.heap.object(list), scene.heap.object(toolbar));
    for (entry, key) in [(first, load), (second, click)] {
        scene.heap.set(entry, "_key", key);
    }
    let views = scene.objects(scene.view, 25);
    let handlers = scene.handlers(&views, "App.View", "OnClick");
    let joined = scene.joined(&handlers);
    scene.heap.set(second, "_handler", joined);
    scene.heap.set(first, "_next", second);
    scene.heap.set(list, "_head", first);
    scene.heap.set(bar, "events", list);
    scene.heap.static_field(toolbar, "s_clickKey", Some(click));
    scene.heap.static_field(toolbar, "s_loadKey", Some(load));
    scene.heap.static_field(toolbar, "Main", Some(bar));
    let group = scene.only();
    assert_eq!((group.publisher.kind, group.publisher.is_event()), (PublisherKind::HandlerList, true));
    assert_eq!((group.publisher.type_name.as_str(), group.publisher.field.as_str()), ("App.Toolbar", "click"));
    assert_eq!((group.verdict, group.n_handlers), (EventVerdict::Leak, 25));
}

#[test]
fn callbacks_of_the_runtime_and_cached_lambdas_are_no_events() {
    for (owner, field) in [
        ("System.Threading.TimerQueueTimer", "_timerCallback"),
        ("System.Runtime.CompilerServices.AsyncTaskMethodBuilder", "_moveNextAction"),
        ("App.Program+<>c__DisplayClass1_0", "action"),
    ] {
        let mut scene = Scene::new();
        let ty = scene.heap.class(owner, &[(field, Kind::Reference)]);
        let owners = scene.objects(ty, 20);
        for &owner in &owners {
            let views = scene.objects(scene.view, 3);
            let handlers = scene.handlers(&views, "App.View", "OnTick");
            let joined = scene.joined(&handlers);
            scene.heap.set(owner, field, joined);
        }
        scene.keep("Owners", &owners);
        assert_eq!(scene.found().groups, [], "{owner}");
    }
    for (owner, field) in
        [("App.Program+<>c", "<>9__0_0"), ("App.Program+<>O", "<0>__Handler"), ("App.Program", "<>f__am$cache0")]
    {
        let mut scene = Scene::new();
        let ty = scene.heap.class(owner, &[]);
        let views = scene.objects(scene.view, 20);
        let handlers = scene.handlers(&views, "App.View", "OnTick");
        let joined = scene.joined(&handlers);
        scene.heap.static_field(ty, field, Some(joined));
        assert_eq!(scene.found().groups, [], "{owner}.{field}");
    }
}

#[test]
fn a_plain_delegate_is_no_event_and_leaks_all_the_same() {
    let mut scene = Scene::new();
    scene.handler = scene.heap.delegate_type("System.Action<System.Int32>");
    let views = scene.objects(scene.view, 20);
    let handlers = scene.handlers(&views, "App.View", "Run");
    scene.static_event(&handlers);
    let group = scene.only();
    assert_eq!((group.verdict, group.publisher.words()), (EventVerdict::Leak, "static delegate field"));
}

#[test]
fn two_events_that_hold_the_same_objects_free_them_together() {
    let mut scene = Scene::new();
    let views = scene.objects(scene.view, 20);
    for (field, method) in [("Tick", "OnTick"), ("Tock", "OnTock")] {
        let handlers = scene.handlers(&views, "App.View", method);
        let joined = scene.joined(&handlers);
        scene.heap.static_field(scene.clock, field, Some(joined));
    }
    let heap = scene.heap.build();
    let events = found(&heap);
    // Each alone frees no view: the other one holds it. Both together leak.
    let own = Retained { bytes: 20 * HANDLER + HANDLER + 24 + 32 * 8, count: 20 + 2 };
    let both = Retained { bytes: 2 * own.bytes + 20 * VIEW, count: 2 * own.count + 20 };
    for (index, group) in events.groups.iter().enumerate() {
        assert_eq!((group.verdict, group.n_exclusive, group.freed), (EventVerdict::Leak, 20, Some(both)));
        assert_eq!(group.with, [1 - index]);
    }
    let freed = with_heap(&heap, |asked| {
        with_tree(&heap, |view| events.freed_together(asked, view.tree, &[0, 1], &Job::new()).unwrap())
    });
    assert_eq!(freed, both);
    let found = findings_of(&heap);
    let [first, second] = &found.verdict.sentences;
    assert!(first.contains("static event **Clock.Tick** and to the static event **Clock.Tock**"), "{first}");
    assert!(second.starts_with("Removing the handlers **View.OnTick** and **View.OnTock** brings back"), "{second}");
    assert_eq!(found.verdict.others, [], "one leak is told once");
}

#[test]
fn events_leak_together_only_where_nothing_else_holds_enough() {
    // `n` views hear three events; a list keeps the first `n_kept`, and the third event has fewer handlers than a leak.
    let check = |n: usize, n_kept: usize, expected: &[(&str, EventVerdict, u64)]| {
        let mut scene = Scene::new();
        let views = scene.objects(scene.view, n);
        scene.keep("Kept", &views[..n_kept]);
        for (field, heard) in [("Tick", &views[..]), ("Tock", &views[..]), ("Few", &views[..4])] {
            let handlers = scene.handlers(heard, "App.View", "On");
            let joined = scene.joined(&handlers);
            scene.heap.static_field(scene.clock, field, Some(joined));
        }
        let mut groups = scene.found().groups;
        groups.sort_by_key(|group| std::cmp::Reverse(group.publisher.field.clone()));
        let found: Vec<(&str, EventVerdict, u64)> =
            groups.iter().map(|group| (group.publisher.field.as_str(), group.verdict, group.n_exclusive)).collect();
        assert_eq!(found, expected, "{n} views, {n_kept} kept");
        for group in &groups {
            assert_eq!(group.with.len(), usize::from(group.verdict == EventVerdict::Leak));
        }
    };
    let (leak, held) = (EventVerdict::Leak, EventVerdict::HeldElsewhere);
    // Four of them are held by the third event too, which has too few handlers to be asked.
    check(30, 0, &[("Tock", leak, 26), ("Tick", leak, 26), ("Few", held, 0)]);
    check(30, 20, &[("Tock", leak, 10), ("Tick", leak, 10), ("Few", held, 0)]);
    check(30, 21, &[("Tock", held, 0), ("Tick", held, 0), ("Few", held, 0)]);
    check(13, 0, &[("Tock", held, 0), ("Tick", held, 0), ("Few", held, 0)]);
}

#[test]
fn leaks_stand_first_and_the_biggest_before_the_others() {
    let mut scene = Scene::new();
    let other = scene.heap.class("App.Other", &[("buffer", Kind::Reference)]);
    let (few, many) = (scene.objects(other, 12), scene.objects(scene.view, 40));
    for &one in &few {
        let buffer = scene.heap.bytes(1 << 10);
        scene.heap.set(one, "buffer", buffer);
    }
    let held = scene.objects(scene.view, 400);
    scene.keep("Held", &held);
    for (field, targets, name) in [("Tick", many, "App.View"), ("Tock", few, "App.Other"), ("Fine", held, "App.View")] {
        let handlers = scene.handlers(&targets, name, "On");
        let joined = scene.joined(&handlers);
        scene.heap.static_field(scene.clock, field, Some(joined));
    }
    let events = scene.found();
    let fields: Vec<&str> = events.groups.iter().map(|group| group.publisher.field.as_str()).collect();
    assert_eq!(fields, ["Tock", "Tick", "Fine"]);
}

/// Fingerprint of a leak of `n` views, with `n_before` other objects in front of everything.
fn named(n: usize, n_before: u32, [publisher, field, subscriber, method]: [&str; 4]) -> String {
    let mut scene = Scene::new();
    scene.heap.bytes(n_before * 8);
    let (owner, view) = (scene.heap.class(publisher, &[]), scene.heap.class(subscriber, &[]));
    let mut views = scene.objects(view, n);
    if n_before % 2 == 1 {
        views.reverse();
    }
    let handlers = scene.handlers(&views, subscriber, method);
    let joined = scene.joined(&handlers);
    scene.heap.static_field(owner, field, Some(joined));
    scene.only().fingerprint
}

#[test]
fn a_fingerprint_is_made_of_the_four_names_alone() {
    let names = ["App.Hub", "Tick", "App.Row", "OnTick"];
    let plain = named(20, 0, names);
    assert_eq!(named(3_000, 0, names), plain, "other counts");
    assert_eq!(named(20, 1_001, names), plain, "other addresses, other order");
    for at in 0..4 {
        let mut other = names;
        other[at] = "Other";
        assert_ne!(named(20, 0, other), plain, "{other:?}");
    }
    let of_seed =
        |n, active| found(&seed(n, active)).leaks().map(|(_, group)| group.fingerprint.clone()).collect::<Vec<_>>();
    assert_eq!(of_seed(3_000, 16), of_seed(50, 4));
}
