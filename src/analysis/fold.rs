//! How a chain of references reads to a person: the inside of a collection is one step, `["GC"]` of a dictionary or
//! `[17]` of a list; the list of a multicast delegate, too; many objects of one type in a row are counted.
//!
//! Nothing is lost: what is folded is told, and [`Folding::Internals`] shows all of it.

use super::Heap;
use super::root_path::RootPath;
use crate::snapshot::{HeapSnapshot, ObjectId, TypeShape, Value};

/// What of a path is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folding {
    /// The insides of collections and delegates, and long runs of one type.
    Plain,
    /// Nothing but runs too long to read.
    Internals,
}

/// Steps of one type in a row that are shown before they are counted instead.
pub const RUN: usize = 6;
/// The same when internals are shown: a page of them.
const LONG_RUN: usize = 1_000;
/// Steps a path shows at most; what is in the middle is counted.
const MOST_SHOWN: usize = 2_000;

/// A step of a path as a person sees it, from the root on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownStep {
    /// An object.
    Object {
        /// Which.
        object: ObjectId,
        /// What leads to it from the step before; `None` for the first, and where it cannot be read.
        via: Option<String>,
        /// Objects between, the inside of a collection or delegate.
        n_hidden: u64,
    },
    /// Objects that are counted only.
    Run {
        /// How many.
        n: u64,
        /// The first of them.
        object: ObjectId,
        /// They are of one type.
        is_one_type: bool,
    },
}

impl RootPath {
    /// The path as a person sees it. Cost: a look at the type of every object on it; names and keys of what is shown are
    /// read from the dump.
    #[must_use]
    pub fn shown(&self, heap: &Heap<'_>, folding: Folding) -> Vec<ShownStep> {
        // Built from the object towards the root, as it folds, and turned round.
        let up: Vec<ObjectId> = self.objects.iter().rev().copied().collect();
        let most_run = if folding == Folding::Plain { RUN } else { LONG_RUN };
        let mut steps = Vec::new();
        let mut index = 0;
        while let Some(&object) = up.get(index) {
            if steps.len() == MOST_SHOWN && up.len() - index > MOST_SHOWN {
                // The end is worth as much as the beginning.
                let n = up.len() - index - MOST_SHOWN;
                index += n;
                let object = up.get(index - 1).copied().unwrap_or(object);
                steps.push(ShownStep::Run { n: n as u64, object, is_one_type: false });
                continue;
            }
            let folded = match folding {
                Folding::Plain => {
                    up.get(index..).and_then(|rest| collection_step(heap, rest).or_else(|| delegate_step(heap, rest)))
                }
                Folding::Internals => None,
            };
            if let Some((via, n)) = folded {
                steps.push(ShownStep::Object { object, via: Some(via), n_hidden: n as u64 - 1 });
                index += n;
                continue;
            }
            let holder = up.get(index + 1);
            let via = holder.and_then(|&holder| heap.edge_name(holder, object));
            steps.push(ShownStep::Object { object, via, n_hidden: 0 });
            index += 1;
            let run = run_length(heap.snapshot, &up, index - 1);
            if run > most_run {
                let n = run - 2;
                let first = up.get(index + n - 1).copied().unwrap_or(object);
                steps.push(ShownStep::Run { n: n as u64, object: first, is_one_type: true });
                index += n;
            }
        }
        steps.reverse();
        steps
    }
}

/// Objects from `first` on that have the same type as it.
#[must_use]
pub fn run_length(snapshot: &HeapSnapshot, objects: &[ObjectId], first: usize) -> usize {
    let Some(rest) = objects.get(first..) else { return 0 };
    let Some(ty) = rest.first().map(|&object| snapshot.objects.type_of(object)) else { return 0 };
    rest.iter().take_while(|&&object| snapshot.objects.type_of(object) == ty).count()
}

/// The list between a delegate and the multicast delegate it is in: `[7]`, and how many objects further that is.
fn delegate_step(heap: &Heap<'_>, objects: &[ObjectId]) -> Option<(String, usize)> {
    let &[delegate, list, whole, ..] = objects else { return None };
    let shape = |object: ObjectId| heap.snapshot.type_of(object).shape;
    let is_list = shape(list) == TypeShape::Vector && shape(whole) == TypeShape::Delegate;
    if shape(delegate) != TypeShape::Delegate || !is_list {
        return None;
    }
    Some((heap.edge_name(list, delegate)?, 2))
}

/// What leads from the element `objects[0]` to the collection that holds it, and how many objects further that is:
/// `[17]` of a list, `["GC"]` of a dictionary. `None` when the next objects are no plumbing of a collection.
#[must_use]
pub fn collection_step(heap: &Heap<'_>, objects: &[ObjectId]) -> Option<(String, usize)> {
    const MOST: usize = 8;
    let snapshot = heap.snapshot;
    let name_of = |object: ObjectId| snapshot.type_of(object).name.known();
    let is_plumbing = |object: ObjectId| {
        let row = snapshot.type_of(object);
        row.is_array() || name_of(object).is_some_and(|name| is_collection(name) && is_nested(name))
    };
    // The element itself may be plumbing when it is the one asked for: then nothing is hidden.
    if is_plumbing(*objects.first()?) {
        return None;
    }
    let inner = objects.iter().skip(1).take(MOST).take_while(|&&object| is_plumbing(object)).count();
    let collection = *objects.get(inner + 1).filter(|_| inner > 0)?;
    let name = name_of(collection).filter(|name| is_collection(name) && !is_nested(name))?;
    let keyed = name.contains("Dictionary") || name.contains("Hashtable") || name.contains("SortedList");
    let mut label = None;
    for pair in objects[..=inner].windows(2) {
        let (element, holder) = (pair[0], pair[1]);
        let via = heap.edge_name(holder, element)?;
        let key = keyed.then(|| key_text(snapshot, holder, &via)).flatten();
        match (key, &label) {
            (Some(key), _) => {
                label = Some(format!("[{key}]"));
                break;
            }
            (None, None) if via.starts_with('[') => label = Some(via),
            _ => {}
        }
    }
    Some((label.unwrap_or_else(|| "[element]".to_owned()), inner + 1))
}

/// The key beside the value that `via` leads to, in a few words.
fn key_text(snapshot: &HeapSnapshot, holder: ObjectId, via: &str) -> Option<String> {
    const KEYS: [&str; 2] = ["key", "_key"];
    let key = match via.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((index, part)) if part.ends_with("value") => {
            let element = snapshot.types.row(snapshot.type_of(holder).element?);
            let field =
                element.fields.iter().find(|field| field.name.as_deref().is_some_and(|name| KEYS.contains(&name)))?;
            match snapshot.array_element(holder, index.parse().ok()?)? {
                Value::Struct(at) => snapshot.value_at(at.plus(field.offset.into()), field.element)?,
                _ => return None,
            }
        }
        Some(_) => return None,
        None if via.trim_start_matches('_') == "value" => {
            KEYS.iter().find_map(|name| snapshot.field_named(holder, name))?
        }
        None => return None,
    };
    let text = snapshot.value_text(&key);
    Some(if text.chars().count() > 40 { format!("{}…", text.chars().take(39).collect::<String>()) } else { text })
}

fn is_collection(name: &str) -> bool {
    name.starts_with("System.Collections.")
}

/// A class inside a collection, or an array: not the collection that a person wrote.
fn is_nested(name: &str) -> bool {
    // A `+` inside the arguments belongs to an argument.
    let mut depth = 0_i32;
    name.chars().any(|letter| {
        depth += i32::from(letter == '<') - i32::from(letter == '>');
        letter == '+' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::root_path;
    use crate::analysis::tests::with_heap;
    use crate::base::Job;
    use crate::snapshot::HeapGraph;
    use crate::synth::heap::{HeapBuilder, Kind};
    use crate::synth::sample::sample;

    /// The folded path to the object that `pick` finds, one word a step.
    fn shown(
        heap: &(HeapSnapshot, HeapGraph),
        folding: Folding,
        pick: impl Fn(&HeapSnapshot, ObjectId) -> bool,
    ) -> Vec<String> {
        let word = |step: ShownStep| match step {
            ShownStep::Object { via, n_hidden, .. } => format!("{}+{n_hidden}", via.unwrap_or_default()),
            ShownStep::Run { n, is_one_type, .. } => format!("{n} more {is_one_type}"),
        };
        with_heap(heap, |heap| {
            let object = heap.snapshot.objects.ids().find(|&id| pick(heap.snapshot, id)).unwrap();
            let path = root_path(heap, object, &Job::new()).unwrap().unwrap();
            path.shown(heap, folding).into_iter().map(word).collect()
        })
    }

    #[test]
    fn collections_and_handlers_are_one_step() {
        let text = |wanted: &'static str| {
            move |snapshot: &HeapSnapshot, id: ObjectId| snapshot.string(id, 40).is_some_and(|text| text.text == wanted)
        };
        assert_eq!(shown(&sample(), Folding::Plain, text("concurrent")), ["+0", "[\"GC\"]+1"]);
        assert_eq!(shown(&sample(), Folding::Internals, text("concurrent")), ["+0", "_entries+0", "[1].value+0"]);
        let worker = |snapshot: &HeapSnapshot, id| snapshot.type_of(id).name.known() == Some("Corpus.Seed.Worker");
        assert_eq!(shown(&sample(), Folding::Plain, worker), ["+0", "[0]+1", "_target+0"]);
        assert!(is_nested("System.Collections.Generic.Dictionary<A, B>+Entry[]") && !is_nested("A.List<B+C>"));
    }

    #[test]
    fn a_million_links_are_counted() {
        let mut heap = HeapBuilder::new();
        let node = heap.class("App.Node", &[("next", Kind::Reference)]);
        let other = heap.class("App.Other", &[("next", Kind::Reference)]);
        let n = 1_000_000;
        let nodes: Vec<ObjectId> = (0..n).map(|_| heap.object(node)).collect();
        for pair in nodes.windows(2) {
            heap.set(pair[0], "next", pair[1]);
        }
        let mixed: Vec<ObjectId> = (0..10_000).map(|at| heap.object(if at % 2 == 0 { node } else { other })).collect();
        heap.set(*nodes.last().unwrap(), "next", mixed[0]);
        for pair in mixed.windows(2) {
            heap.set(pair[0], "next", pair[1]);
        }
        heap.static_field(node, "head", Some(nodes[0]));
        let last = *mixed.last().unwrap();
        let address = |snapshot: &HeapSnapshot, id: ObjectId| snapshot.type_of(id).name.known() == Some("App.Other");
        let built = heap.build();
        let first_other = shown(&built, Folding::Plain, address);
        assert_eq!(first_other, ["+0", "999999 more true", "next+0", "next+0"]);
        let end = |snapshot: &HeapSnapshot, id: ObjectId| snapshot.objects.ids().next_back() == Some(id) || id == last;
        let whole = shown(&built, Folding::Plain, end);
        assert!(whole.len() <= 2 * MOST_SHOWN + 4, "{}", whole.len());
        assert!(whole.iter().any(|step| step.ends_with("more false")), "the middle is told");
    }
}
