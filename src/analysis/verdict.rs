//! The answer in two sentences: what leaks, by how much, and what it hangs on; or that nothing does.

use super::Heap;
use super::dominators::{Dominator, DominatorTree, Retained};
use super::events::{EventGroup, Events, Publisher, SubscriberKind, UNNAMED_METHOD};
use super::reachability::Amount;
use super::suspects::{Suspect, SuspectKind, Suspects, short_static};
use crate::base::number;
use crate::snapshot::preview::without_namespaces;
use crate::snapshot::{HeapSnapshot, ObjectId};

/// An event leak smaller than this share of what is alive, in per cent, and than [`FLOOR_BYTES`], does not stand first.
const MIN_PERCENT: u64 = 1;
/// See [`MIN_PERCENT`].
const FLOOR_BYTES: u64 = 256 * 1024;
/// Garbage is worth a sentence when it is more than this share of the heap, in per cent.
const GARBAGE_PERCENT: u64 = 50;

/// Events or methods named in one sentence.
const LISTED: usize = 3;

/// What stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headline {
    /// This group of [`Events`].
    Event(usize),
    /// This one of [`Suspects`].
    Suspect(usize),
    /// Most of the heap is garbage not yet collected.
    Garbage,
    /// No leak found.
    Healthy,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What stands first.
    pub headline: Headline,
    /// The other findings, biggest first.
    pub others: Vec<Headline>,
    /// Two sentences, with the facts in `**`.
    pub sentences: [String; 2],
    /// Why it may be wrong: `the dump was taken during a collection`; `None` when it stands on everything that was
    /// asked for.
    pub uncertain: Option<String>,
    /// What roots hold.
    pub live: Retained,
    /// What nothing holds.
    pub garbage: Retained,
}

/// Weighs the findings. Cost: the dominators of the sources of each event leak.
#[must_use]
pub fn verdict(heap: &Heap<'_>, tree: &DominatorTree, events: &Events, suspects: &Suspects) -> Verdict {
    let live = tree.total();
    let Amount { count, bytes } = heap.reachability.unreachable(heap.snapshot);
    let garbage = Retained { bytes, count };
    let mut findings: Vec<(u64, Headline)> = Vec::new();
    // Events that leak together are told once.
    let is_first = |&(index, group): &(usize, &EventGroup)| group.with.iter().all(|&other| index < other);
    for (index, group) in events.leaks().filter(is_first) {
        findings.push((group.freed.unwrap_or_default().bytes, Headline::Event(index)));
    }
    for (index, suspect) in suspects.suspects.iter().enumerate() {
        // One sentence for one leak: the event says more than the object it hangs on.
        let is_told = events.leaks().any(|(group, _)| explains(heap.snapshot, tree, events, group, suspect));
        if !is_told {
            findings.push((suspect.weight(), Headline::Suspect(index)));
        }
    }
    findings.sort_by_key(|&(bytes, headline)| (std::cmp::Reverse(bytes), rank(headline)));
    let is_notable = |bytes: u64| bytes >= FLOOR_BYTES || bytes * 100 >= live.bytes * MIN_PERCENT;
    let first = findings.first().filter(|(bytes, _)| is_notable(*bytes)).map(|&(_, headline)| headline);
    let is_garbage = garbage.bytes * 100 > heap.snapshot.object_bytes() * GARBAGE_PERCENT;
    let headline = first.unwrap_or(if is_garbage { Headline::Garbage } else { Headline::Healthy });
    let others = findings.into_iter().map(|(_, other)| other).filter(|&other| other != headline).collect();
    let sentences = match headline {
        Headline::Event(index) => {
            events.groups.get(index).map(|group| event_sentences(events, group, live)).unwrap_or_default()
        }
        Headline::Suspect(index) => suspects
            .suspects
            .get(index)
            .map(|suspect| suspect_sentences(heap.snapshot, suspect, live))
            .unwrap_or_default(),
        Headline::Garbage => garbage_sentences(heap, live, garbage),
        Headline::Healthy => [
            "No leak found.".to_owned(),
            "No holder passes the threshold, and no event keeps an object that nothing else uses.".to_owned(),
        ],
    };
    Verdict { headline, others, sentences, uncertain: heap.uncertain(), live, garbage }
}

const fn rank(headline: Headline) -> (u8, usize) {
    match headline {
        Headline::Event(index) => (0, index),
        Headline::Suspect(index) => (1, index),
        Headline::Garbage => (2, 0),
        Headline::Healthy => (3, 0),
    }
}

/// True when most of what a suspect keeps comes back with an event whose handlers stand below it.
fn explains(snapshot: &HeapSnapshot, tree: &DominatorTree, events: &Events, group: usize, suspect: &Suspect) -> bool {
    let leak = &events.groups[group];
    let freed = leak.freed.unwrap_or_default().bytes;
    if freed * 2 < suspect.retained.bytes {
        return false;
    }
    if suspect.kind == SuspectKind::Group {
        // What several events hold hangs on no object alone.
        let is_subscriber = || snapshot.types.row(suspect.ty).display_name() == leak.subscriber.type_name;
        return leak.subscriber.type_name == leak.publisher.type_name || !leak.with.is_empty() && is_subscriber();
    }
    let is_below = |source: ObjectId| {
        let mut at = source;
        for _ in 0..10_000 {
            if at == suspect.object {
                return true;
            }
            match tree.dominator(at) {
                Some(Dominator::Object(above)) => at = above,
                _ => return false,
            }
        }
        false
    };
    events.sources(group).into_iter().take(64).any(is_below)
        || events.handlers(group).take(64).any(|(delegate, _)| is_below(delegate))
}

/// `static event **Dispatcher.Shutdown**`; a field without a name by its place: `delegate field **+0x8 of type 0x7f…**`.
fn event_text(publisher: &Publisher) -> String {
    let (words, owner) = (publisher.words(), short(&publisher.type_name));
    let place = publisher.field.strip_prefix("field ").unwrap_or(&publisher.field);
    if !place.starts_with("+0x") && !place.starts_with("at 0x") {
        return format!("{words} **{owner}.{}**", publisher.field);
    }
    let noun = if words.ends_with("field") { "" } else { " field" };
    format!("{words}{noun} **{place} of {owner}**")
}

/// A type's own name; one without a name by its MethodTable, said to be one.
fn short(type_name: &str) -> String {
    if type_name.starts_with("0x") { format!("type {type_name}") } else { without_namespaces(type_name) }
}

/// The two sentences of an event leak, which is one of the groups of `events`.
#[must_use]
pub fn event_sentences(events: &Events, group: &EventGroup, live: Retained) -> [String; 2] {
    let who = short(&group.subscriber.type_name);
    let objects = if group.n_subscribers == 1 { "object subscribes" } else { "objects subscribe" };
    let through = if group.subscriber.kind == SubscriberKind::Closure { " through closures" } else { "" };
    let freed = group.freed.unwrap_or_default().bytes;
    let alone = if group.n_exclusive == group.n_subscribers {
        "nothing else holds them".to_owned()
    } else {
        format!("nothing else holds {} of them", number::count(group.n_exclusive))
    };
    let with = || group.with.iter().filter_map(|&other| events.groups.get(other));
    let also = listed(with().map(|other| format!("the {}", event_text(&other.publisher))), "other events");
    let and = if also.is_empty() { "" } else { " and to " };
    let methods = listed([group].into_iter().chain(with()).map(method_text), "others");
    [
        format!(
            "**{} {who}** {objects}{through} to the {}{and}{also}; {alone}.",
            number::count(group.n_subscribers),
            event_text(&group.publisher)
        ),
        format!(
            "Removing the handlers {methods} brings back **{}**, {} of the live heap.",
            number::size(freed),
            number::share(freed, live.bytes)
        ),
    ]
}

/// `**View.OnTick**`; a method without a name by who hears.
fn method_text(group: &EventGroup) -> String {
    let who = short(&group.subscriber.type_name);
    if group.subscriber.method == UNNAMED_METHOD {
        format!("of **{who}**")
    } else if group.subscriber.method.starts_with("lambda") {
        format!("**{}** of **{who}**", group.subscriber.method)
    } else {
        format!("**{who}.{}**", group.subscriber.method)
    }
}

/// `a`, `a and b`, `a, b and 3 others`: each once.
fn listed(texts: impl Iterator<Item = String>, others: &str) -> String {
    let mut list: Vec<String> = Vec::new();
    for text in texts {
        if !list.contains(&text) {
            list.push(text);
        }
    }
    if list.len() > LISTED {
        let n = list.len() - LISTED + 1;
        list.truncate(LISTED - 1);
        list.push(format!("{n} {others}"));
    }
    match list.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => list.concat(),
    }
}

/// The two sentences of a suspect.
#[must_use]
pub fn suspect_sentences(snapshot: &HeapSnapshot, suspect: &Suspect, live: Retained) -> [String; 2] {
    let name = |ty| short(&snapshot.types.row(ty).display_name());
    let what = if suspect.n_objects == 1 {
        format!("**{}**", name(suspect.ty))
    } else {
        format!("**{} {}** objects", number::count(suspect.n_objects), name(suspect.ty))
    };
    let (verb, at) = (if suspect.n_objects == 1 { "keeps" } else { "keep" }, root_text(&suspect.root));
    let share = number::share(suspect.retained.bytes, live.bytes);
    // Where the way down ends at one object that is big by itself, that is what there is to say.
    let is_one = suspect.accumulated.count == 1 && suspect.accumulated.bytes * 2 > suspect.retained.bytes;
    let most = match suspect.types.first() {
        Some(_) if is_one => {
            let (of, size) = (name(snapshot.objects.type_of(suspect.accumulation_point)), suspect.accumulated.bytes);
            format!("Most of it is one **{of}** of {}.", number::size(size))
        }
        Some(share) => {
            let (of, size) = (name(share.ty), number::size(share.bytes));
            let what = if share.count == 1 {
                format!("one **{of}** of {size}")
            } else {
                format!("**{} {of}**, {size}", number::count(share.count))
            };
            format!("Most of it is {what}{}.", below(snapshot, suspect))
        }
        None => String::new(),
    };
    [format!("{what}{at} {verb} **{}** alive, {share} of the live heap.", number::size(suspect.retained.bytes)), most]
}

/// ` at **Stores.Responses**`.
fn root_text(root: &str) -> String {
    match root.strip_prefix("static ") {
        Some(field) => format!(" at static **{}**", short_static(field)),
        None if root.is_empty() => String::new(),
        None => format!(" on {root}"),
    }
}

/// `, piled up in Dictionary<String, Order>` when that is not the suspect itself.
fn below(snapshot: &HeapSnapshot, suspect: &Suspect) -> String {
    if suspect.accumulation_point == suspect.object {
        return String::new();
    }
    let name = without_namespaces(&snapshot.type_of(suspect.accumulation_point).display_name());
    format!(", piled up in {name}")
}

fn garbage_sentences(heap: &Heap<'_>, live: Retained, garbage: Retained) -> [String; 2] {
    let snapshot = heap.snapshot;
    let biggest = snapshot
        .types
        .iter()
        .filter(|(ty, _)| snapshot.totals.get(ty.index()).is_some_and(|totals| totals.count > 0))
        .max_by_key(|(ty, row)| {
            let is_own = row.name.known().is_some_and(|name| !name.starts_with("System."));
            (is_own, snapshot.totals[ty.index()].bytes)
        });
    let own = biggest.map_or_else(String::new, |(ty, row)| {
        let n = snapshot.totals[ty.index()].count;
        format!(" The {} **{}** are among it.", number::count(n), without_namespaces(&row.display_name()))
    });
    [
        format!(
            "**{}** of the heap in {} objects is garbage that was not collected yet; nothing holds it.",
            number::size(garbage.bytes),
            number::count(garbage.count)
        ),
        format!("It is no leak: only **{}** is alive.{own}", number::size(live.bytes)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::events::PublisherKind;
    use crate::analysis::findings::Findings;
    use crate::analysis::tests::{findings_of, with_heap};
    use crate::base::{HandleKind, Skipped};
    use crate::snapshot::HeapGraph;
    use crate::synth::heap::{HeapBuilder, Kind};
    use crate::synth::sample::{sample, seed};

    type Built = (HeapSnapshot, HeapGraph);

    /// `n` views of 1,024 bytes on the static event `App.Clock.Tick`, beside `bytes` in static fields that are each too
    /// small to be suspected.
    fn views(n: usize, bytes: &[u32]) -> HeapBuilder {
        let mut heap = HeapBuilder::new();
        let handler = heap.delegate_type("System.EventHandler");
        let view = heap.class("App.View", &[("buffer", Kind::Reference)]);
        let clock = heap.class("App.Clock", &[]);
        let code = heap.method("App.View", "OnTick", false);
        let mut handlers = Vec::new();
        for _ in 0..n {
            let (view, buffer) = (heap.object(view), heap.bytes(1_024 - 24 - 24 - 64));
            heap.set(view, "buffer", buffer);
            handlers.push(heap.delegate(handler, Some(view), code));
        }
        if n > 0 {
            let tick = heap.multicast(handler, &handlers);
            heap.static_field(clock, "Tick", Some(tick));
        }
        for (index, &bytes) in bytes.iter().enumerate() {
            let ty = heap.vector(&format!("App.Part{index}[]"), Kind::Number(crate::base::ElementType::U1));
            let part = heap.array(ty, bytes - 24);
            heap.static_field(clock, &format!("Part{index}"), Some(part));
        }
        heap
    }

    /// What comes back with [`views`]: 1,024 bytes a view, the delegate, and its list.
    fn freed(n: u64) -> u64 {
        n * 1_024 + 64 + 24 + 8 * n.next_power_of_two()
    }

    fn headline(heap: HeapBuilder) -> Headline {
        findings_of(&heap.build()).verdict.headline
    }

    #[test]
    fn a_heap_without_leaks_is_said_to_be_healthy() {
        let Findings { verdict, events, suspects, .. } = findings_of(&seed(16, 16));
        assert_eq!((verdict.headline, verdict.others.len()), (Headline::Healthy, 0));
        assert_eq!((events.leaks().count(), suspects.suspects.len()), (0, 0));
        assert_eq!(verdict.sentences[0], "No leak found.");
        assert_eq!(verdict.uncertain, None);
    }

    #[test]
    fn garbage_is_named_when_it_is_more_than_half_and_nothing_leaks() {
        let with_garbage = |garbage: u32| {
            let mut heap = HeapBuilder::new();
            let worker = heap.class("App.Worker", &[]);
            (0..300).for_each(|_| _ = heap.object(worker));
            heap.bytes(garbage - 24);
            let live = heap.bytes(100_000 - 24);
            heap.handle(HandleKind::Strong, live);
            findings_of(&heap.build()).verdict
        };
        // Workers take 7,200 bytes of the 100,000 that are half.
        assert_eq!(with_garbage(92_800).headline, Headline::Healthy);
        let verdict = with_garbage(92_808);
        assert_eq!((verdict.headline, verdict.garbage.count), (Headline::Garbage, 301));
        assert_eq!(verdict.garbage.bytes, 100_008);
        assert!(verdict.sentences[0].contains("garbage that was not collected yet"), "{:?}", verdict.sentences);
        assert!(verdict.sentences[1].contains("It is no leak"), "{:?}", verdict.sentences);
        assert!(verdict.sentences[1].contains("300 **Worker** are among it"), "{:?}", verdict.sentences);
        // A leak is worse than any garbage.
        let mut heap = views(300, &[]);
        heap.bytes(2 << 20);
        assert_eq!(headline(heap), Headline::Event(0));
    }

    #[test]
    fn a_small_event_leak_stands_first_by_its_share_or_its_bytes() {
        // 256 KiB of 15 static fields of 2 MiB: 0.8 %.
        let parts = [2 << 20; 15];
        let n = (1..).find(|&n| freed(n) >= FLOOR_BYTES).unwrap();
        assert_eq!(headline(views(n as usize, &parts)), Headline::Event(0));
        let small = findings_of(&views(n as usize - 1, &parts).build());
        assert_eq!(small.events.leaks().count(), 1);
        assert_eq!(
            (small.verdict.headline, small.verdict.others.as_slice()),
            (Headline::Healthy, [Headline::Event(0)].as_slice())
        );
        // 20 KiB in 2 MiB are one per cent, in 2.2 MiB they are less.
        let share = |part: u32| headline(views(20, &[part; 3]));
        let live = freed(20) * 100;
        let part = ((live - freed(20) - 24 - 4 * 8) / 3) as u32 / 8 * 8;
        assert_eq!((share(part), share(part + 8)), (Headline::Event(0), Headline::Healthy));
    }

    #[test]
    fn one_leak_is_told_once() {
        // The event is a holder above the threshold as well.
        let found = findings_of(&sample());
        assert_eq!(found.suspects.suspects.len(), 1);
        assert_eq!((found.verdict.headline, found.verdict.others.len()), (Headline::Event(0), 0));
        assert!(
            found.verdict.sentences[0]
                .starts_with("**3,000 Worker** objects subscribe to the static event **Dispatcher.Shutdown**")
        );
        assert!(found.verdict.sentences[0].contains("nothing else holds 2,984 of them"), "{:?}", found.verdict);
        assert!(found.verdict.sentences[1].starts_with("Removing the handlers **Worker.OnShutdown** brings back"));
        // What hangs elsewhere is told beside it.
        let both = findings_of(&views(3_000, &[3 << 20]).build());
        assert_eq!(both.verdict.headline, Headline::Event(0));
        let [Headline::Suspect(other)] = both.verdict.others.as_slice() else { panic!("{:?}", both.verdict) };
        assert_eq!(both.suspects.suspects[*other].root, "static App.Clock.Part0");
    }

    #[test]
    fn a_suspect_that_keeps_much_more_than_the_event_is_told_too() {
        // A publisher with handlers below it, and a buffer beside them.
        let with_buffer = |bytes: u32| {
            let mut heap = views(0, &[]);
            let publisher = heap.class("App.Publisher", &[("Tick", Kind::Reference), ("buffer", Kind::Reference)]);
            let (handler, view) = (heap.type_named("System.EventHandler"), heap.type_named("App.View"));
            let code = heap.method("App.View", "OnTick", false);
            let handlers: Vec<ObjectId> = (0..20_000)
                .map(|_| {
                    let view = heap.object(view);
                    heap.delegate(handler, Some(view), code)
                })
                .collect();
            let (tick, publisher, buffer) =
                (heap.multicast(handler, &handlers), heap.object(publisher), heap.bytes(bytes));
            heap.set(publisher, "Tick", tick);
            heap.set(publisher, "buffer", buffer);
            heap.static_field(heap.type_named("App.Clock"), "Main", Some(publisher));
            findings_of(&heap.build()).verdict
        };
        assert_eq!(with_buffer(1 << 20).others, []);
        assert_eq!(with_buffer(3 << 20).others, [Headline::Event(0)]);
    }

    #[test]
    fn losses_make_the_answer_uncertain() {
        let check = |change: fn(&mut Built), expected: Option<&str>| {
            let mut heap = seed(16, 16);
            change(&mut heap);
            assert_eq!(findings_of(&heap).verdict.uncertain.as_deref(), expected);
        };
        let collecting = Some("the dump was taken during a collection");
        check(|_| {}, None);
        // References that lead nowhere name no cause: damage leaves them as well as a collection.
        let dangling = |(_, graph): &mut Built| graph.n_dangling = 1_150;
        check(dangling, Some("1,150 references lead to no object"));
        check(|(snapshot, _)| snapshot.facts.gc.in_progress = true, collecting);
        check(|(snapshot, _)| snapshot.coverage.n_marked = 1, collecting);
        let background = "a background collection was under way: what it has freed may still be listed";
        check(|(snapshot, _)| snapshot.facts.gc.background = true, Some(background));
        // Allocation contexts are no loss; absent and damaged stretches are.
        check(|(snapshot, _)| snapshot.coverage.unwalked_bytes = [4_096, 0, 0], None);
        check(
            |(snapshot, _)| snapshot.coverage.unwalked_bytes = [0, 1_024, 512],
            Some("1.5 KiB of the heap could not be read"),
        );
        check(
            |(snapshot, _)| (snapshot.facts.gc.in_progress, snapshot.coverage.unwalked_bytes) = (true, [0, 0, 512]),
            Some("the dump was taken during a collection; 512 B of the heap could not be read"),
        );
        // So are references that lead nowhere, and roots that were not read; names are none.
        check(|(_, graph)| graph.n_dangling = 1, Some("1 reference leads to no object"));
        check(
            |(snapshot, graph)| {
                graph.n_dangling = 95;
                graph.warnings.skip(Skipped::Handle, None, "no handle table could be read");
                snapshot.warnings.skip(Skipped::Reference, None, "the layout does not fit the type");
            },
            Some("95 references lead to no object; some handles, references could not be read"),
        );
        check(|(snapshot, _)| snapshot.warnings.skip(Skipped::Module, None, "no image"), None);
    }

    #[test]
    fn fields_without_a_name_are_told_by_their_place() {
        let check = |kind, delegate: &str, owner: &str, field: &str, expected: &str| {
            let publisher = Publisher {
                kind,
                type_name: owner.to_owned(),
                field: field.to_owned(),
                delegate_type: delegate.to_owned(),
            };
            assert_eq!(event_text(&publisher), expected);
        };
        let (own, fixed) = (PublisherKind::Instance, PublisherKind::Static);
        check(fixed, "System.EventHandler", "App.Clock", "Tick", "static event **Clock.Tick**");
        check(
            fixed,
            "System.EventHandler",
            "App.Clock",
            "field at 0x7f10",
            "static event field **at 0x7f10 of Clock**",
        );
        check(own, "System.EventHandler", "0x7f20", "+0x8", "event field **+0x8 of type 0x7f20**");
        check(own, "0x7f30", "0x7f20", "+0x8", "delegate field **+0x8 of type 0x7f20**");
        check(fixed, "0x7f30", "0x7f20", "field at 0x7f10", "static delegate field **at 0x7f10 of type 0x7f20**");
        check(own, "System.Action", "App.Row", "fieldName", "delegate field **Row.fieldName**");
    }

    #[test]
    fn the_second_sentence_of_a_suspect_names_what_there_is_most_of() {
        let second = |n_small: u32, big: u32| {
            let mut heap = HeapBuilder::new();
            let stores = heap.class("App.Stores", &[]);
            let bag = heap.array(heap.type_named("System.Object[]"), n_small + 1);
            for index in 0..n_small {
                let small = heap.string(&"x".repeat(4_000));
                heap.set_element(bag, index, small);
            }
            let big = heap.string(&"y".repeat(big as usize));
            heap.set_element(bag, n_small, big);
            heap.static_field(stores, "Texts", Some(bag));
            let built = heap.build();
            let found = findings_of(&built);
            with_heap(&built, |heap| suspect_sentences(heap.snapshot, &found.suspects.suspects[0], found.verdict.live))
        };
        assert_eq!(second(20, 2 << 20)[1], "Most of it is one **String** of 4.0 MiB.");
        assert_eq!(second(600, 10)[1], "Most of it is **601 String**, 4.6 MiB.");
    }
}
