//! Every live delegate that a publisher's field holds, taken apart into handlers, and the handlers put into groups.

use std::collections::{BTreeMap, HashMap};

use super::super::{Heap, TICK};
use super::{Publisher, PublisherKind, Subscriber, SubscriberKind, UNNAMED_METHOD};
use crate::analysis::dominators::DominatorTree;
use crate::analysis::readable::method_text;
use crate::base::{Addr, Cancelled, Job};
use crate::snapshot::preview::without_namespaces;
use crate::snapshot::slots::display_field_name;
use crate::snapshot::{MethodName, ObjectId, TypeId, TypeShape};

/// One entry of one delegate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    /// Who refers to the entry: the invocation array, or the publisher itself for a single delegate.
    pub(super) source: ObjectId,
    /// The entry.
    pub(super) delegate: ObjectId,
    /// The object that hears: the receiver, or what a closure captured; `None` for static methods.
    pub(super) subscriber: Option<ObjectId>,
    /// The publisher; the runtime's array for a static field.
    pub(super) publisher: ObjectId,
    /// The whole delegate and the number of its entries.
    pub(super) whole: (ObjectId, u32),
}

/// Handlers with the same publisher type, field, subscriber type and method.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) publisher: Publisher,
    pub(super) subscriber: Subscriber,
    pub(super) handlers: Vec<Handler>,
}

/// What tells groups apart.
type Key = (PublisherKind, String, String, String, String);

/// Where a delegate hangs.
struct Place {
    object: ObjectId,
    publisher: Publisher,
}

/// Puts every handler that lives into its group. Cost: the live delegates and their referrers.
pub(super) fn gather(heap: &Heap<'_>, tree: &DominatorTree, job: &Job) -> Result<Vec<Group>, Cancelled> {
    let snapshot = heap.snapshot;
    let is_delegate: Vec<bool> = snapshot.types.iter().map(|(_, row)| row.shape == TypeShape::Delegate).collect();
    let mut statics: BTreeMap<ObjectId, Vec<usize>> = BTreeMap::new();
    for (index, row) in heap.graph.roots.statics.iter().enumerate() {
        if let Some(object) = row.object.filter(|&object| is_delegate[snapshot.objects.type_of(object).index()]) {
            statics.entry(object).or_default().push(index);
        }
    }
    let mut gathering = Gathering { heap, methods: HashMap::new(), groups: BTreeMap::new() };
    for object in snapshot.objects.ids() {
        if object.0.is_multiple_of(TICK) {
            job.tick(u64::from(TICK))?;
        }
        if !is_delegate[snapshot.objects.type_of(object).index()] || !tree.is_reached(object) {
            continue;
        }
        for place in gathering.places(object, statics.get(&object).map_or(&[][..], Vec::as_slice), tree) {
            gathering.take(object, &place, job)?;
        }
    }
    Ok(gathering.groups.into_values().collect())
}

struct Gathering<'a> {
    heap: &'a Heap<'a>,
    /// Methods by code address; delegates share few of them. Only looked up, never walked.
    methods: HashMap<Addr, Option<MethodName>>,
    groups: BTreeMap<Key, Group>,
}

impl Gathering<'_> {
    /// The fields that hold `delegate`.
    fn places(&self, delegate: ObjectId, statics: &[usize], tree: &DominatorTree) -> Vec<Place> {
        let (snapshot, tables) = (self.heap.snapshot, &self.heap.graph.roots);
        let mut places: Vec<Place> = statics
            .iter()
            .filter_map(|&index| {
                let row = tables.statics.get(index)?;
                let declaring = snapshot.types.row(row.declaring).display_name();
                // The compiler keeps its lambdas in fields of its own.
                if is_compiled(&declaring) || row.name.as_deref().is_some_and(|name| name.starts_with("<>")) {
                    return None;
                }
                let field = match &row.name {
                    Some(name) => display_field_name(name).to_owned(),
                    None => format!("field at {}", row.slot),
                };
                Some(Place {
                    object: row.storage.map_or(delegate, |(array, _)| array),
                    publisher: Publisher {
                        kind: PublisherKind::Static,
                        type_name: declaring,
                        field,
                        delegate_type: snapshot.type_of(delegate).display_name(),
                    },
                })
            })
            .collect();
        let mut last = None;
        for referrer in self.heap.referrers.of(delegate) {
            if last.replace(referrer) == Some(referrer) || referrer == delegate || !tree.is_reached(referrer) {
                continue;
            }
            places.extend(self.instance_fields(delegate, referrer));
        }
        places
    }

    /// The fields of `referrer` that hold `delegate`, when it is a publisher.
    fn instance_fields(&self, delegate: ObjectId, referrer: ObjectId) -> Vec<Place> {
        let snapshot = self.heap.snapshot;
        let row = snapshot.type_of(referrer);
        // Arrays are invocation lists or storage, delegates refer to their targets, closures capture.
        if row.shape != TypeShape::Class {
            return Vec::new();
        }
        let type_name = row.display_name();
        if is_plumbing(&type_name) {
            return Vec::new();
        }
        let delegate_type = snapshot.type_of(delegate).display_name();
        if type_name.ends_with("EventHandlerList+ListEntry") {
            return self.list_entry(referrer, &delegate_type).into_iter().collect();
        }
        let fields = snapshot.edge_names(referrer, delegate, 4);
        fields
            .into_iter()
            .filter(|field| !field.contains('['))
            .map(|field| Place {
                object: referrer,
                publisher: Publisher {
                    kind: PublisherKind::Instance,
                    type_name: type_name.clone(),
                    field: display_field_name(&field).to_owned(),
                    delegate_type: delegate_type.clone(),
                },
            })
            .collect()
    }

    /// A component keeps its handlers in a list: key, handler, next. The owner is who holds the list; the event is called
    /// like the static field that holds the key.
    fn list_entry(&self, entry: ObjectId, delegate_type: &str) -> Option<Place> {
        let snapshot = self.heap.snapshot;
        let key = snapshot.field_object(entry, "_key").or_else(|| snapshot.field_object(entry, "key"))?;
        let mut at = entry;
        // Entries are chained; the list is a few steps up.
        for _ in 0..4096 {
            let above = self.heap.referrers.of(at).find(|&above| {
                let name = snapshot.type_of(above).display_name();
                name.ends_with("EventHandlerList") || name.ends_with("EventHandlerList+ListEntry")
            })?;
            at = above;
            if snapshot.type_of(at).display_name().ends_with("EventHandlerList") {
                break;
            }
        }
        let owner = self.heap.referrers.of(at).find(|&owner| snapshot.type_of(owner).shape == TypeShape::Class)?;
        let tables = &self.heap.graph.roots;
        let named = tables.statics.iter().find(|row| row.object == Some(key)).and_then(|row| row.name.as_deref());
        Some(Place {
            object: entry,
            publisher: Publisher {
                kind: PublisherKind::HandlerList,
                type_name: snapshot.type_of(owner).display_name(),
                field: named.map_or_else(|| "an event".to_owned(), |name| event_of_key(name).to_owned()),
                delegate_type: delegate_type.to_owned(),
            },
        })
    }

    /// Takes the delegate at `place` apart.
    fn take(&mut self, whole: ObjectId, place: &Place, job: &Job) -> Result<(), Cancelled> {
        let snapshot = self.heap.snapshot;
        let Some(parts) = snapshot.delegate(whole) else { return Ok(()) };
        let entries = snapshot.invocation_list(&parts, usize::MAX);
        let list = snapshot.objects.at(parts.invocation_list);
        let n = entries.len() as u32;
        if entries.is_empty() || list.is_none() {
            self.add(
                place,
                Handler {
                    source: place.object,
                    delegate: whole,
                    subscriber: None,
                    publisher: place.object,
                    whole: (whole, 1),
                },
            );
            return Ok(());
        }
        for (index, delegate) in (0u32..).zip(entries) {
            if index.is_multiple_of(TICK) {
                job.tick(0)?;
            }
            let source = list.unwrap_or(place.object);
            self.add(place, Handler { source, delegate, subscriber: None, publisher: place.object, whole: (whole, n) });
        }
        Ok(())
    }

    fn add(&mut self, place: &Place, mut handler: Handler) {
        let snapshot = self.heap.snapshot;
        let Some(parts) = snapshot.delegate(handler.delegate) else { return };
        let receiver = snapshot.objects.at(parts.target).filter(|&target| target != handler.delegate);
        let method = self
            .methods
            .entry(parts.code())
            .or_insert_with(|| (!parts.code().is_null()).then(|| snapshot.values.method_at(parts.code())).flatten())
            .clone();
        let (subscriber, object) = subscriber(self.heap, receiver, method.as_ref());
        handler.subscriber = object;
        let publisher = &place.publisher;
        let key = (
            publisher.kind,
            publisher.type_name.clone(),
            publisher.field.clone(),
            subscriber.type_name.clone(),
            subscriber.method.clone(),
        );
        let group = self.groups.entry(key).or_insert_with(|| Group {
            publisher: publisher.clone(),
            subscriber,
            handlers: Vec::new(),
        });
        group.handlers.push(handler);
    }
}

/// Timers, tasks, registrations and the like hold one callback each: they have inspections of their own.
fn is_plumbing(type_name: &str) -> bool {
    is_compiled(type_name)
        || type_name.starts_with("System.Threading.")
        || type_name.starts_with("System.Runtime.CompilerServices.")
}

/// Closures, lambda holders, state machines: `Outer+<>c__DisplayClass1_0`, `Outer+<>O`.
fn is_compiled(type_name: &str) -> bool {
    let own = without_namespaces(type_name);
    own.contains("+<") || own.starts_with('<')
}

/// `Click` of `ClickKey`, `s_clickEvent`, `EventClick`, `EVENT_CLICK`.
fn event_of_key(field: &str) -> &str {
    let bare = field.trim_start_matches("s_").trim_start_matches('_');
    let bare = bare
        .strip_prefix("EVENT_")
        .or_else(|| bare.strip_prefix("Event"))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(bare);
    ["Key", "Event", "key"]
        .iter()
        .find_map(|end| bare.strip_suffix(end))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(bare)
}

/// Who hears, and through which method.
fn subscriber(
    heap: &Heap<'_>,
    receiver: Option<ObjectId>,
    method: Option<&MethodName>,
) -> (Subscriber, Option<ObjectId>) {
    let snapshot = heap.snapshot;
    let own_method = method.map_or_else(|| UNNAMED_METHOD.to_owned(), |method| method_text(&method.name));
    let Some(receiver) = receiver else {
        let type_name = method.map_or_else(|| "static method".to_owned(), |method| method.type_name.clone());
        return (Subscriber { kind: SubscriberKind::StaticMethod, type_name, method: own_method }, None);
    };
    let name = snapshot.type_of(receiver).display_name();
    let own = without_namespaces(&name);
    if own.ends_with("+<>c") || own.contains("+<>c<") {
        let type_name = name.split("+<>c").next().unwrap_or(&name).to_owned();
        return (Subscriber { kind: SubscriberKind::StaticLambda, type_name, method: own_method }, None);
    }
    if own.contains("+<>c__DisplayClass") {
        let captured = captured(heap, receiver);
        let type_name = captured.map_or_else(|| name.clone(), |object| snapshot.type_of(object).display_name());
        let subscriber = Subscriber { kind: SubscriberKind::Closure, type_name, method: own_method };
        return (subscriber, Some(captured.unwrap_or(receiver)));
    }
    let kind = if is_weak(&own, snapshot.objects.type_of(receiver), heap) {
        SubscriberKind::Weak
    } else {
        SubscriberKind::Instance
    };
    (Subscriber { kind, type_name: name, method: own_method }, Some(receiver))
}

/// What a closure captured: `this`, else the one object of a class of the program's own.
fn captured(heap: &Heap<'_>, closure: ObjectId) -> Option<ObjectId> {
    let snapshot = heap.snapshot;
    if let Some(this) = snapshot.field_object(closure, "<>4__this") {
        let name = snapshot.type_of(this).display_name();
        return if name.contains("+<>c__DisplayClass") && this != closure {
            captured_once(heap, this)
        } else {
            Some(this)
        };
    }
    captured_once(heap, closure)
}

fn captured_once(heap: &Heap<'_>, closure: ObjectId) -> Option<ObjectId> {
    let snapshot = heap.snapshot;
    let mut objects: Vec<ObjectId> = snapshot
        .slots(closure)
        .map(|slot| slot.target)
        .filter(|&target| snapshot.type_of(target).shape == TypeShape::Class)
        .filter(|&target| !snapshot.type_of(target).display_name().starts_with("System."))
        .collect();
    objects.sort_unstable();
    objects.dedup();
    match objects.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// A relay that keeps its subscriber by a weak reference alone.
fn is_weak(own_name: &str, ty: TypeId, heap: &Heap<'_>) -> bool {
    own_name.contains("Weak")
        && heap.snapshot.types.row(ty).fields.iter().any(|field| {
            field.ty.is_some_and(|ty| heap.snapshot.types.row(ty).display_name().starts_with("System.WeakReference"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_as_their_events() {
        for (key, expected) in [
            ("ClickKey", "Click"),
            ("s_clickEvent", "click"),
            ("EventClick", "Click"),
            ("EVENT_LOAD", "LOAD"),
            ("Key", "Key"),
        ] {
            assert_eq!(event_of_key(key), expected);
        }
    }
}
