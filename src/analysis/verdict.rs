//! The answer in two sentences: what leaks, by how much, and what it hangs on; or that nothing does.

use super::Heap;
use super::dominators::{Dominator, DominatorTree, Retained};
use super::events::{EventGroup, Events, Publisher, SubscriberKind, UNNAMED_METHOD};
use super::suspects::{Suspect, SuspectKind, Suspects};
use crate::base::number;
use crate::snapshot::preview::without_namespaces;
use crate::snapshot::{HeapSnapshot, ObjectId};

/// An event leak smaller than this share of what is alive, in per cent, and than [`FLOOR_BYTES`], does not stand first.
const MIN_PERCENT: u64 = 1;
/// See [`MIN_PERCENT`].
const FLOOR_BYTES: u64 = 256 * 1024;
/// Garbage is worth a sentence when it is more than this share of the heap, in per cent.
const GARBAGE_PERCENT: u64 = 50;

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
    let garbage = Retained {
        bytes: heap.snapshot.object_bytes().saturating_sub(heap.reachability.total().bytes),
        count: heap.snapshot.n_objects().saturating_sub(heap.reachability.total().count),
    };
    let mut findings: Vec<(u64, Headline)> = Vec::new();
    for (index, group) in events.leaks() {
        findings.push((group.freed.unwrap_or_default().bytes, Headline::Event(index)));
    }
    for (index, suspect) in suspects.suspects.iter().enumerate() {
        // One sentence for one leak: the event says more than the object it hangs on.
        let is_told = events.leaks().any(|(group, leak)| explains(tree, events, group, leak, suspect));
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
            events.groups.get(index).map(|group| event_sentences(group, live)).unwrap_or_default()
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
fn explains(tree: &DominatorTree, events: &Events, group: usize, leak: &EventGroup, suspect: &Suspect) -> bool {
    let freed = leak.freed.unwrap_or_default().bytes;
    if freed * 2 < suspect.retained.bytes {
        return false;
    }
    if suspect.kind == SuspectKind::Group {
        return leak.subscriber.type_name == leak.publisher.type_name;
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

/// The two sentences of an event leak.
#[must_use]
pub fn event_sentences(group: &EventGroup, live: Retained) -> [String; 2] {
    let who = short(&group.subscriber.type_name);
    let objects = if group.n_subscribers == 1 { "object subscribes" } else { "objects subscribe" };
    let through = if group.subscriber.kind == SubscriberKind::Closure { " through closures" } else { "" };
    let freed = group.freed.unwrap_or_default().bytes;
    let alone = if group.n_exclusive == group.n_subscribers {
        "nothing else holds them".to_owned()
    } else {
        format!("nothing else holds {} of them", number::count(group.n_exclusive))
    };
    let method = if group.subscriber.method == UNNAMED_METHOD {
        format!("of **{who}**")
    } else if group.subscriber.method.starts_with("lambda") {
        format!("**{}** of **{who}**", group.subscriber.method)
    } else {
        format!("**{who}.{}**", group.subscriber.method)
    };
    [
        format!(
            "**{} {who}** {objects}{through} to the {}; {alone}.",
            number::count(group.n_subscribers),
            event_text(&group.publisher)
        ),
        format!(
            "Removing the handlers {method} brings back **{}**, {} of the live heap.",
            number::size(freed),
            number::share(freed, live.bytes)
        ),
    ]
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
        Some(field) => match field.rsplit_once('.') {
            Some((owner, field)) => format!(" at static **{}.{field}**", without_namespaces(owner)),
            None => format!(" at static **{field}**"),
        },
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
