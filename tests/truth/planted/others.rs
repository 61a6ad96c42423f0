//! Programs that print nothing of what they planted: what is known of them stands in their sources.

use heaproot::analysis::Retained;
use heaproot::analysis::events::{EventVerdict, PublisherKind, UNNAMED_METHOD};
use heaproot::analysis::inspections::Outcome;
use heaproot::analysis::verdict::Headline;
use heaproot::base::number;

use super::Opened;
use super::leaks::{healthy, whole_delegate};

/// What a dump is of.
#[derive(Clone, Copy)]
enum Program {
    /// Leaky with its argument; whether the metadata of the program is in the file.
    Leaky { n: u64, has_names: bool },
    /// Workers of the article, all of them garbage.
    Article,
    /// Odd names and shapes; whether the metadata of the runtime is in the file.
    Exotic { has_runtime_names: bool },
    /// A tree that grows while a background collection marks.
    Marking,
    /// Nothing of its own is left.
    Small,
}

const DUMPS: [(&str, Program); 18] = [
    ("leaky-c21-withheap", Program::Leaky { n: 10_000, has_names: false }),
    ("leaky-c31-gcore", Program::Leaky { n: 10_000, has_names: false }),
    ("leaky-c31-kernel", Program::Leaky { n: 3_000, has_names: false }),
    ("leaky-c31-withheap", Program::Leaky { n: 10_000, has_names: false }),
    ("leaky-c312-a64-withheap", Program::Leaky { n: 10_000, has_names: false }),
    ("leaky-musl905-withheap-nodac", Program::Leaky { n: 10_000, has_names: false }),
    ("leaky-n10-a64-full", Program::Leaky { n: 10_000, has_names: true }),
    ("leaky-n9-kernel", Program::Leaky { n: 3_000, has_names: false }),
    ("leaky-n9-withheap", Program::Leaky { n: 10_000, has_names: true }),
    ("leaky-net31svr-withheap", Program::Leaky { n: 10_000, has_names: false }),
    ("leaky-net9-clrgc", Program::Leaky { n: 10_000, has_names: true }),
    ("leaky-net9-clrgcsvr", Program::Leaky { n: 10_000, has_names: true }),
    ("leaky-net9svr-withheap", Program::Leaky { n: 30_000, has_names: true }),
    ("pair-c31-withheap", Program::Leaky { n: 2_000, has_names: false }),
    ("pair-n9-withheap", Program::Leaky { n: 2_000, has_names: true }),
    ("articleprogram-n10-withheap", Program::Article),
    ("exotic-c31-withheap", Program::Exotic { has_runtime_names: false }),
    ("exotic-n9-withheap", Program::Exotic { has_runtime_names: true }),
];

/// Without sources: only what must not be said is known.
const WITHOUT_SOURCES: [(&str, Program); 2] =
    [("bgcmark-n9-withheap", Program::Marking), ("coop-n9-withheap", Program::Small)];

/// The dumps that [`check`] knows.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    DUMPS.iter().chain(&WITHOUT_SOURCES).map(|&(name, _)| name)
}

/// Fails when something else is found than was planted. The answer is the fingerprint of the leak where it has names.
pub(super) fn check(opened: &Opened) -> Option<String> {
    let known = DUMPS.iter().chain(&WITHOUT_SOURCES).find(|(name, _)| *name == opened.name);
    let (_, program) = known.unwrap_or_else(|| panic!("{}: nothing says what was planted in it", opened.name));
    match *program {
        Program::Leaky { n, has_names } => return leaky(opened, n, has_names),
        Program::Article => article(opened),
        Program::Exotic { has_runtime_names } => exotic(opened, has_runtime_names),
        Program::Marking => marking(opened),
        Program::Small => healthy(opened),
    }
    None
}

fn leaky(opened: &Opened, n: u64, has_names: bool) -> Option<String> {
    let (name, found) = (&opened.name, &opened.found);
    let Headline::Event(first) = found.verdict.headline else { panic!("{name}: {:?}", found.verdict) };
    assert_eq!(found.events.leaks().count(), 1, "{name}");
    let leak = &found.events.groups[first];
    assert_eq!((leak.n_handlers, leak.n_subscribers, leak.n_exclusive), (n, n, n), "{name}");
    assert_eq!((leak.publisher.kind, leak.n_publishers), (PublisherKind::Instance, 1), "{name}");
    // A subscriber of 32 bytes with a payload of 512 + 24, and its handler, each; the delegate with its list.
    let comes_back = Retained { bytes: n * (32 + 536) + whole_delegate(n), count: 3 * n + 2 };
    assert_eq!(leak.freed, Some(comes_back), "{name}");
    // Texts need no metadata: a hundred of them, n / 100 times each.
    let copies = opened.evidence("duplicate-strings", "\"cached string number 10\"");
    assert_eq!(copies, n / 100, "{name}");
    let text = found.verdict.sentences.join(" ");
    if !has_names {
        let unnamed = format!("**{} type 0x", number::count(n));
        assert!(text.starts_with(&unnamed) && text.contains("**+0x8 of type 0x"), "{name}: {text}");
        assert_eq!(leak.subscriber.method, UNNAMED_METHOD, "{name}");
        assert_eq!(has_runtime_names(opened), opened.name == "leaky-c21-withheap", "{name}");
        assert!(!["Publisher", "Subscriber", "Tick"].iter().any(|word| text.contains(word)), "{name}: {text}");
        return None;
    }
    let subscribe = format!("**{} Subscriber** objects subscribe to the event **Publisher.Tick**", number::count(n));
    assert!(text.starts_with(&subscribe) && text.contains("**Subscriber.OnTick**"), "{name}: {text}");
    assert_eq!(leak.publisher.type_name, "Leaky.Publisher", "{name}");
    assert_eq!(leak.subscriber.type_name, "Leaky.Subscriber", "{name}");
    assert_eq!(leak.held_by.as_deref(), Some("static Leaky.Program.StaticPublisher"), "{name}");
    // The thread static has one more.
    assert_eq!(opened.instances("Leaky.Subscriber"), (n + 1, n + 1), "{name}");
    // A static method hears the workers, of which a dictionary holds every tenth.
    let finished = opened.group("Finished", "Leaky.Program");
    assert_eq!((finished.verdict, finished.n_handlers), (EventVerdict::HoldsNothing, n / 10), "{name}");
    assert_eq!(opened.evidence("growing-collections", "static Leaky.Program.Cache"), n, "{name}");
    if n >= 10_000 {
        assert_eq!(opened.evidence("growing-collections", "static Leaky.Program.Map"), n / 10, "{name}");
    }
    let tables = opened.inspection("weak-table-cycles");
    assert!(tables.outcome == Outcome::Nothing && tables.result.starts_with("1 entry, 0 "), "{name}: {tables:?}");
    Some(leak.fingerprint.clone())
}

/// False when all that is found by the names of the runtime's types is said to be impossible, and nothing of it not found.
fn has_runtime_names(opened: &Opened) -> bool {
    let by_name = ["timers", "cancellation-registrations", "faulted-tasks", "stuck-tasks", "load-contexts"];
    let is_impossible = |name: &&str| matches!(opened.inspection(name).outcome, Outcome::NotPossible(_));
    let n_impossible = by_name.into_iter().filter(is_impossible).count();
    assert!(n_impossible == 0 || n_impossible == by_name.len(), "{}: {n_impossible}", opened.name);
    n_impossible == 0
}

/// "10,000 Worker, 10,000 EventHandler, 10,000 WaitCallback, ALL unreachable: 265 of 40,711 objects are reachable".
fn article(opened: &Opened) {
    let (name, verdict) = (&opened.name, &opened.found.verdict);
    opened.assert_no_leak();
    assert_eq!(verdict.headline, Headline::Garbage, "{name}");
    assert!(verdict.sentences[0].contains("is garbage that was not collected yet"), "{name}: {verdict:?}");
    assert!(verdict.sentences[1].contains("It is no leak") && verdict.sentences[1].contains("The 10,000 **Worker**"));
    for class in ["Worker", "System.Threading.WaitCallback"] {
        assert_eq!(opened.instances(class), (10_000, 0), "{name}: {class}");
    }
    // What a conservative look at stacks and storage adds is little.
    assert!((265..300).contains(&verdict.live.count), "{name}: {verdict:?}");
    assert!((40_100..40_711).contains(&verdict.garbage.count), "{name}: {verdict:?}");
}

/// "A 150,000-link list … 12 timers holding 85,000-byte arrays … a 300-fold delegate".
fn exotic(opened: &Opened, has_runtime_names: bool) {
    let (name, found) = (&opened.name, &opened.found);
    let Headline::Suspect(0) = found.verdict.headline else { panic!("{name}: {:?}", found.verdict) };
    let first = &found.suspects.suspects[0];
    assert_eq!(first.root, "static Пример.日本.Prog.head", "{name}");
    let most = first.types.first().unwrap();
    let most = (opened.analyses.snapshot.types.row(most.ty).display_name(), most.count);
    assert_eq!(most, ("Пример.日本.Link".to_owned(), 150_000), "{name}");
    let leaks: Vec<_> =
        found.events.leaks().map(|(_, group)| (group.publisher.field.as_str(), group.n_handlers)).collect();
    assert_eq!(leaks, [("huge", 300)], "{name}");
    if has_runtime_names {
        assert_eq!(opened.evidence("timers", "Lapsed.Tick"), 12, "{name}");
        assert!(opened.item("timers", "Lapsed.Tick").bytes >= 12 * 85_000, "{name}");
    } else {
        assert!(!self::has_runtime_names(opened), "{name}");
    }
}

fn marking(opened: &Opened) {
    let (name, found) = (&opened.name, &opened.found);
    assert_eq!(found.events.leaks().count(), 0, "{name}");
    assert_eq!(found.suspects.suspects.first().unwrap().root, "static P.keep", "{name}");
    let uncertain = found.verdict.uncertain.as_deref().unwrap();
    assert!(uncertain.contains("background collection"), "{name}: {uncertain}");
}
