//! Event leaks, holders, and programs without a leak.

use heaproot::analysis::Retained;
use heaproot::analysis::events::{EventGroup, EventVerdict, PublisherKind, SubscriberKind};
use heaproot::analysis::inspections::Outcome;
use heaproot::analysis::verdict::Headline;
use serde_json::Value;

use super::{Opened, number};

pub(super) fn seed(opened: &Opened, expected: &Value) -> Option<String> {
    let (name, found) = (&opened.name, &opened.found);
    if expected["healthy"] == true {
        healthy(opened);
        let loud: Vec<_> = found.inspections.iter().filter(|one| one.outcome == Outcome::Found).collect();
        assert!(loud.is_empty(), "{name}: {loud:?}");
        return None;
    }
    let Headline::Event(first) = found.verdict.headline else { panic!("{name}: {:?}", found.verdict) };
    let leak = &found.events.groups[first];
    let (planted, leaked) = (&expected["leak"], number(&expected["leaked"]));
    let n = number(&planted["invocationCount"]);
    assert_eq!((leak.n_handlers, leak.n_subscribers, leak.n_exclusive), (n, n, leaked), "{name}");
    assert_eq!(leak.freed, Some(seed_comes_back(n, leaked)), "{name}");
    assert_eq!(found.events.leaks().count(), 1, "{name}");
    // Without metadata in the file the names are missing, the counts are not.
    if leak.publisher.type_name.starts_with("0x") {
        return None;
    }
    check_names(name, leak, planted, "event");
    assert!(found.verdict.sentences[0].contains("Dispatcher.Shutdown"), "{name}: {:?}", found.verdict.sentences);
    assert!(found.verdict.sentences[1].contains("Worker.OnShutdown"), "{name}: {:?}", found.verdict.sentences);
    // Worker.Finished: publisher and subscriber share one lifetime.
    let fine = opened.group("Finished", "Corpus.Seed.Job");
    assert!(fine.verdict != EventVerdict::Leak && fine.n_handlers == n, "{name}: {fine:?}");
    Some(leak.fingerprint.clone())
}

/// "Worker 48 + Name + Buffer 280 + EventHandler 64 (Shutdown) + EventHandler 64 (Finished) + Job 32 + Result 536" of each
/// worker that leaked, the handlers of the others, and the delegate with its list, which grows by doubling.
fn seed_comes_back(handlers: u64, leaked: u64) -> Retained {
    let texts: u64 = (0..leaked).map(|id| (22 + 2 * format!("worker-{id}").len() as u64).next_multiple_of(8)).sum();
    let bytes = leaked * (48 + 280 + 64 + 32 + 536) + texts + whole_delegate(handlers);
    Retained { bytes, count: leaked * 6 + handlers + 2 }
}

/// A delegate of `n` entries of 64 bytes each, with its array.
pub(super) fn whole_delegate(n: u64) -> u64 {
    n * 64 + 64 + 24 + 8 * n.next_power_of_two()
}

fn check_names(name: &str, leak: &EventGroup, expected: &Value, member: &str) {
    assert_eq!(leak.publisher.type_name, expected["publisher"].as_str().unwrap(), "{name}");
    assert_eq!(leak.publisher.field, expected[member].as_str().unwrap(), "{name}");
    assert_eq!(leak.subscriber.type_name, expected["subscriber"].as_str().unwrap(), "{name}");
    let method = expected["method"].as_str().unwrap();
    assert!(method.starts_with(&leak.subscriber.method), "{name}: {method} and {}", leak.subscriber.method);
}

pub(super) fn event_leaks(opened: &Opened, expected: &Value) {
    let (name, found) = (&opened.name, &opened.found);
    let planted = expected["leaks"].as_array().unwrap();
    assert_eq!(found.events.leaks().count(), planted.len(), "{name}: {:?}", found.events.groups);
    for leak in planted {
        let group = opened.group(leak["member"].as_str().unwrap(), leak["subscriber"].as_str().unwrap());
        check_names(name, group, leak, "member");
        assert_eq!(group.verdict, EventVerdict::Leak, "{name}: {leak}");
        let (entries, subscribers) = (number(&leak["entries"]), number(&leak["subscribers"]));
        assert_eq!((group.n_handlers, group.n_subscribers), (entries, subscribers), "{name}: {leak}");
        assert_eq!(group.n_exclusive, subscribers, "{name}: {leak}");
        check_publisher(name, group, leak["publisherKind"].as_str().unwrap());
        let is_closure = leak["method"].as_str().unwrap().contains("closure");
        let kind = if is_closure { SubscriberKind::Closure } else { SubscriberKind::Instance };
        assert_eq!(group.subscriber.kind, kind, "{name}: {leak}");
    }
    let Headline::Event(first) = found.verdict.headline else { panic!("{name}: {:?}", found.verdict) };
    let most = found.events.leaks().filter_map(|(_, group)| group.freed).max();
    assert_eq!(found.events.groups[first].freed, most, "{name}");
    harmless(opened, expected);
}

/// `300 instances in static App.Customers`, `instance under static App.Current (Name = orders)`, `static event`.
fn check_publisher(name: &str, group: &EventGroup, planted: &str) {
    let (kind, words) = (group.publisher.kind, group.publisher.words());
    let Some((before, holder)) = planted.split_once("static App.") else {
        assert_eq!((kind, words), (PublisherKind::Static, planted), "{name}");
        assert_eq!((group.n_publishers, &group.held_by), (1, &None), "{name}");
        return;
    };
    let is_list = planted.contains("EventHandlerList");
    assert_eq!(kind, if is_list { PublisherKind::HandlerList } else { PublisherKind::Instance }, "{name}: {planted}");
    let field = holder.split([' ', ',']).next().unwrap();
    assert_eq!(group.held_by.as_deref(), Some(&*format!("static Corpus.EventLeaks.App.{field}")), "{name}");
    let n: u64 = before.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(1);
    assert_eq!(group.n_publishers, n, "{name}: {planted}");
}

/// Shapes that only look like a leak.
fn harmless(opened: &Opened, expected: &Value) {
    let (name, found, planted) = (&opened.name, &opened.found, &expected["harmless"]);
    let few = opened.group("Message", "Corpus.EventLeaks.AlertBox");
    assert_eq!((few.verdict, few.n_handlers), (EventVerdict::ProbablyFine, 3), "{name}");
    let on_saved = opened.group("Saved", "Corpus.EventLeaks.AuditLog");
    let lambda = opened.group("Saved", "Corpus.EventLeaks.Program");
    assert_eq!(on_saved.subscriber.kind, SubscriberKind::StaticMethod, "{name}");
    assert_eq!(lambda.subscriber.kind, SubscriberKind::StaticLambda, "{name}");
    let holds_nothing = on_saved.verdict == EventVerdict::HoldsNothing && lambda.verdict == EventVerdict::HoldsNothing;
    assert!(holds_nothing, "{name}: {on_saved:?} {lambda:?}");
    assert_eq!(on_saved.n_handlers + lambda.n_handlers, number(&planted["static handlers on SettingsService.Saved"]));
    // The dialogs that live have their buttons to themselves; the dead ones lie in the heap, and nothing counts them.
    let alive = number(&planted["Dialog alive, cycle with its own DialogButton"]);
    let own = opened.group("Click", "Corpus.EventLeaks.Dialog");
    assert!(own.verdict != EventVerdict::Leak && own.n_handlers == alive, "{name}: {own:?}");
    for class in ["Dialog", "DialogButton"] {
        let class = format!("Corpus.EventLeaks.{class}");
        assert_eq!(opened.instances(&class), (number(&expected["instances"][&class]), alive), "{name}: {class}");
    }
    // Weak references and those who took their handler back.
    assert_eq!(opened.instances("Corpus.EventLeaks.WeakView").1, number(&planted["weak views alive"]), "{name}");
    let is_gone =
        |group: &&EventGroup| ["WeakView", "PoliteView"].iter().any(|end| group.subscriber.type_name.ends_with(end));
    assert_eq!(found.events.groups.iter().find(is_gone), None, "{name}");
}

/// Ends with an exception: the pages in a static list are what lives, and no event has part in it.
pub(super) fn crash(opened: &Opened, expected: &Value) {
    let (name, found) = (&opened.name, &opened.found);
    assert_eq!(found.events.leaks().count(), 0, "{name}");
    let Headline::Suspect(first) = found.verdict.headline else { panic!("{name}: {:?}", found.verdict) };
    let (first, n_all) = (&found.suspects.suspects[first], found.suspects.suspects.len());
    assert_eq!((first.root.as_str(), n_all), ("static Corpus.Crash.Program.book", 1), "{name}");
    // The exception in flight holds one page as well.
    let shared = u64::from(expected["how"] == "throw");
    let snapshot = &opened.analyses.snapshot;
    let is_page = |ty| snapshot.types.row(ty).name.known() == Some("Corpus.Crash.Page");
    let pages = first.types.iter().find(|share| is_page(share.ty)).map(|share| share.count);
    assert_eq!(pages, Some(number(&expected["Corpus.Crash.Page"]) - shared), "{name}");
}

/// One static dictionary holds every value there is; nothing else may be suspected.
pub(super) fn values(opened: &Opened) {
    assert_eq!(opened.found.events.leaks().count(), 0, "{}", opened.name);
    let roots: Vec<&str> = opened.found.suspects.suspects.iter().map(|suspect| suspect.root.as_str()).collect();
    assert_eq!(roots, ["static Corpus.Values.Program.zoo"], "{}", opened.name);
}

/// Nothing leaks.
pub(super) fn healthy(opened: &Opened) {
    opened.assert_no_leak();
    assert_eq!(opened.found.verdict.headline, Headline::Healthy, "{}", opened.name);
}
