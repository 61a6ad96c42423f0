//! Event-handler leaks: who subscribed and was never removed, and what comes back when the handlers go.
//!
//! For every delegate that a field of a live publisher holds, each entry names a subscriber and a method. Entries are
//! grouped by publisher type, field, subscriber type and method. What a group keeps alive is found exactly: one pass over
//! the heap without the references to these entries. A handler is a leak only where the publisher outlives the
//! subscriber and nothing else holds it:
//!
//! - static handlers and lambdas without captures hold nothing of a subscriber;
//! - relays that hold their subscriber by a weak reference hold nothing either;
//! - one handler per publisher is the normal life of two objects that belong together;
//! - a publisher that itself lives only through another leak hangs below that one;
//! - subscribers that several events hold, and nothing else, come back when all of them let go: these leak together;
//! - a handful of handlers is probably fine.

mod gather;
#[cfg(test)]
mod tests;
mod together;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::dominators::sets::lost;
use super::dominators::{DominatorOptions, DominatorTree, Retained, root_objects};
use super::fingerprint::fingerprint;
use super::reach::{Taken, reach};
use super::root_path::root_path;
use super::suspects::TypeShare;
use super::{Heap, ObjectSet, TICK};
use crate::base::job::Unit;
use crate::base::{Cancelled, Job};
use crate::snapshot::{ObjectId, TypeId};
use gather::{Group, Handler, gather};

/// Handlers below this are a handful.
pub const MIN_HANDLERS: u64 = 10;

/// What stands for a method whose name is not in the dump.
pub const UNNAMED_METHOD: &str = "a method without a name";

/// Groups whose bytes are found exactly, biggest first: a pass over the heap each.
const MAX_EXACT: usize = 48;

/// Where a publisher keeps its handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublisherKind {
    /// A static field.
    Static,
    /// A field of an object.
    Instance,
    /// A component's list of handlers.
    HandlerList,
}

/// Whose event it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Where the handlers are kept.
    pub kind: PublisherKind,
    /// Type that has the field.
    pub type_name: String,
    /// The field; an event is called like its field.
    pub field: String,
    /// Type of the delegate.
    pub delegate_type: String,
}

impl Publisher {
    /// True for what C# declares with `event`, as far as the delegate's type tells.
    #[must_use]
    pub fn is_event(&self) -> bool {
        let outer = self.delegate_type.split('<').next().unwrap_or_default();
        self.kind == PublisherKind::HandlerList || outer.ends_with("Handler")
    }

    /// `the static event`, `the event`, `the static delegate field`, `the delegate field`.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match (self.kind, self.is_event()) {
            (PublisherKind::Static, true) => "static event",
            (PublisherKind::Static, false) => "static delegate field",
            (_, true) => "event",
            (_, false) => "delegate field",
        }
    }
}

/// How a handler refers to who hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriberKind {
    /// A method of an object.
    Instance,
    /// A lambda that captured something.
    Closure,
    /// A lambda that captured nothing.
    StaticLambda,
    /// A static method.
    StaticMethod,
    /// A relay with a weak reference.
    Weak,
}

impl SubscriberKind {
    /// True when such a handler holds who hears: static methods, lambdas without captures and weak relays do not.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Instance | Self::Closure)
    }
}

/// Who hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// How.
    pub kind: SubscriberKind,
    /// Type of the object, of what a closure captured, or of the class with the static method.
    pub type_name: String,
    /// The method: `OnTick`, `lambda in Watch`.
    pub method: String,
}

/// What a group of handlers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventVerdict {
    /// Subscribers that nothing else holds pile up on a publisher that outlives them.
    Leak,
    /// Few handlers.
    ProbablyFine,
    /// About one handler per publisher: they belong together.
    OneLifetime,
    /// Its publishers live only through another leak.
    BelowAnother,
    /// Every subscriber is held by something else, too.
    HeldElsewhere,
    /// Static handlers and weak relays hold no subscriber.
    HoldsNothing,
}

/// Handlers of one kind of subscriber on one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventGroup {
    /// Whose event.
    pub publisher: Publisher,
    /// Who hears.
    pub subscriber: Subscriber,
    /// What it is.
    pub verdict: EventVerdict,
    /// Handlers.
    pub n_handlers: u64,
    /// Distinct subscribers.
    pub n_subscribers: u64,
    /// Subscribers that nothing but these handlers holds, and those of `with`.
    pub n_exclusive: u64,
    /// Publishers: 1 for a static field.
    pub n_publishers: u64,
    /// Other groups of the list that hold the same subscribers: each alone frees none of those.
    pub with: Vec<usize>,
    /// What comes back when these handlers go, and those of `with`; `None` where that was not asked: a handful of
    /// handlers among many groups.
    pub freed: Option<Retained>,
    /// What holds the first publisher, when it is an object: `static Corpus.EventLeaks.App.Settings`.
    pub held_by: Option<String>,
    /// A publisher that is an object.
    pub publisher_object: Option<ObjectId>,
    /// A subscriber, one that nothing else holds where there is one.
    pub example: Option<ObjectId>,
    /// Name of the leak, the same in every dump of the program.
    pub fingerprint: String,
}

/// Events with handlers, leaks first, biggest first.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Groups by verdict, then bytes.
    pub groups: Vec<EventGroup>,
    /// What roots hold, without words on stacks: what `freed` is a share of.
    pub live: Retained,
    handlers: Vec<Vec<Handler>>,
}

impl Events {
    /// Groups that are leaks.
    pub fn leaks(&self) -> impl Iterator<Item = (usize, &EventGroup)> {
        self.groups.iter().enumerate().filter(|(_, group)| group.verdict == EventVerdict::Leak)
    }

    /// What comes back when the handlers of several groups go together: exact, one pass.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn freed_together(
        &self,
        heap: &Heap<'_>,
        tree: &DominatorTree,
        groups: &[usize],
        job: &Job,
    ) -> Result<Retained, Cancelled> {
        let shares = self.freed_by_type(heap, tree, groups, job)?;
        Ok(shares
            .iter()
            .fold(Retained::default(), |sum, share| sum + Retained { bytes: share.bytes, count: share.count }))
    }

    /// The same by type, biggest first.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn freed_by_type(
        &self,
        heap: &Heap<'_>,
        tree: &DominatorTree,
        groups: &[usize],
        job: &Job,
    ) -> Result<Vec<TypeShare>, Cancelled> {
        let roots = root_objects(heap.graph, DominatorOptions { stack: false });
        let handlers = groups.iter().filter_map(|&group| self.handlers.get(group)).flatten();
        let rest = without(heap, &roots, handlers, job)?;
        lost_by_type(heap, tree, &rest, job)
    }

    /// The invocation arrays and publishers that hold the handlers of a group.
    #[must_use]
    pub fn sources(&self, group: usize) -> BTreeSet<ObjectId> {
        self.handlers.get(group).into_iter().flatten().map(|handler| handler.source).collect()
    }

    /// Some handlers of a group: delegate and subscriber.
    pub fn handlers(&self, group: usize) -> impl Iterator<Item = (ObjectId, Option<ObjectId>)> + '_ {
        self.handlers.get(group).into_iter().flatten().map(|handler| (handler.delegate, handler.subscriber))
    }
}

/// Finds them. Cost: the live delegates and their referrers, and a pass over the heap for each of the biggest groups.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn events(heap: &Heap<'_>, tree: &DominatorTree, job: &Job) -> Result<Events, Cancelled> {
    job.stage("Looking for event handlers", Unit::Objects, Some(heap.snapshot.objects.len() as u64));
    let mut gathered = gather(heap, tree, job)?;
    gathered.sort_by_key(|group| Reverse(group.handlers.len()));
    let roots = root_objects(heap.graph, DominatorOptions { stack: false });
    let mut alone = ObjectSet::new(heap.snapshot.objects.len());
    let mut weighed: Vec<Weighed> = Vec::new();
    for (index, group) in gathered.into_iter().enumerate() {
        let rest = if group.subscriber.kind.holds() && index < MAX_EXACT {
            Some(without(heap, &roots, &group.handlers, job)?)
        } else {
            None
        };
        weighed.push(weigh(heap, tree, group, rest, &mut alone, job)?);
    }
    together::join(heap, tree, &roots, &mut weighed, &alone, job)?;
    weighed.sort_by_key(|one| Reverse(one.group.freed.unwrap_or_default()));
    hang_below(&mut weighed);
    weighed.sort_by(|Weighed { group: a, .. }, Weighed { group: b, .. }| {
        let key = |group: &EventGroup| (group.verdict, Reverse((group.freed, group.n_handlers)));
        let name = |group: &EventGroup| {
            (
                group.publisher.type_name.clone(),
                group.publisher.field.clone(),
                group.subscriber.type_name.clone(),
                group.subscriber.method.clone(),
            )
        };
        key(a).cmp(&key(b)).then_with(|| name(a).cmp(&name(b)))
    });
    let mut clusters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, one) in weighed.iter().enumerate() {
        if let Some(cluster) = one.cluster {
            clusters.entry(cluster).or_default().push(index);
        }
    }
    let mut events = Events { live: tree.total(), ..Events::default() };
    for (index, Weighed { mut group, handlers, cluster, .. }) in weighed.into_iter().enumerate() {
        let joined = cluster.and_then(|cluster| clusters.get(&cluster)).into_iter().flatten();
        group.with = joined.copied().filter(|&other| other != index).collect();
        events.groups.push(group);
        events.handlers.push(handlers);
    }
    Ok(events)
}

/// A group while it is weighed.
struct Weighed {
    group: EventGroup,
    handlers: Vec<Handler>,
    /// Subscribers that these handlers alone do not free.
    shared: Vec<ObjectId>,
    /// What roots reach without the handlers; of leaks only.
    rest: Option<Rc<ObjectSet>>,
    /// Groups that hold the same subscribers have the same.
    cluster: Option<usize>,
}

/// What roots reach when `handlers` are not subscribed. A delegate all of whose entries go is gone itself.
fn without<'a>(
    heap: &Heap<'_>,
    roots: &[ObjectId],
    handlers: impl IntoIterator<Item = &'a Handler>,
    job: &Job,
) -> Result<ObjectSet, Cancelled> {
    let n = heap.snapshot.objects.len();
    let (mut from, mut to) = (ObjectSet::new(n), ObjectSet::new(n));
    let mut wholes: Vec<(ObjectId, u32, ObjectId)> = Vec::new();
    for handler in handlers {
        from.insert(handler.source);
        to.insert(handler.delegate);
        wholes.push((handler.whole.0, handler.whole.1, handler.publisher));
    }
    wholes.sort_unstable();
    let mut gone = Vec::new();
    for entries in wholes.chunk_by(|a, b| (a.0, a.2) == (b.0, b.2)) {
        let (whole, n_entries, publisher) = entries[0];
        if entries.len() >= n_entries as usize {
            from.insert(publisher);
            to.insert(whole);
            gone.push(whole);
        }
    }
    gone.sort_unstable();
    // A static field outside the heap is a root of its own.
    let roots: Vec<ObjectId> = roots.iter().copied().filter(|root| gone.binary_search(root).is_err()).collect();
    reach(heap.snapshot, heap.graph, &roots, Taken { edges: Some((&from, &to)), ..Taken::default() }, job)
}

/// What is alive and not in `rest`, by type, biggest first.
fn lost_by_type(
    heap: &Heap<'_>,
    tree: &DominatorTree,
    rest: &ObjectSet,
    job: &Job,
) -> Result<Vec<TypeShare>, Cancelled> {
    let types = 0..heap.snapshot.types.len() as u32;
    let mut shares: Vec<TypeShare> = types.map(|ty| TypeShare { ty: TypeId(ty), count: 0, bytes: 0 }).collect();
    for entry in heap.snapshot.objects.all_entries() {
        if entry.id.0.is_multiple_of(TICK) {
            job.tick(0)?;
        }
        if tree.is_reached(entry.id) && !rest.contains(entry.id) {
            let share = &mut shares[heap.snapshot.objects.type_of(entry.id).index()];
            share.count += 1;
            share.bytes += entry.size;
        }
    }
    shares.retain(|share| share.count > 0);
    shares.sort_by_key(|share| (std::cmp::Reverse(share.bytes), share.ty));
    Ok(shares)
}

/// Says what a group is, from what roots reach without its handlers; `alone` gathers the subscribers that come back.
fn weigh(
    heap: &Heap<'_>,
    tree: &DominatorTree,
    group: Group,
    rest: Option<ObjectSet>,
    alone: &mut ObjectSet,
    job: &Job,
) -> Result<Weighed, Cancelled> {
    let Group { publisher, subscriber, handlers } = group;
    let freed = match &rest {
        Some(rest) => Some(lost(heap.snapshot, tree, rest, job)?),
        None => None,
    };
    let subscribers: BTreeSet<ObjectId> = handlers.iter().filter_map(|handler| handler.subscriber).collect();
    let publishers: BTreeSet<ObjectId> = handlers.iter().map(|handler| handler.publisher).collect();
    let is_exclusive = |object: &ObjectId| rest.as_ref().is_some_and(|rest| !rest.contains(*object));
    let (exclusive, shared): (Vec<ObjectId>, Vec<ObjectId>) =
        subscribers.iter().partition(|&object| is_exclusive(object));
    exclusive.iter().for_each(|&object| _ = alone.insert(object));
    let (n_exclusive, n_handlers, n_publishers) =
        (exclusive.len() as u64, handlers.len() as u64, publishers.len() as u64);
    let verdict = match subscriber.kind {
        kind if !kind.holds() => EventVerdict::HoldsNothing,
        _ if rest.is_some() && n_exclusive == 0 => EventVerdict::HeldElsewhere,
        _ if n_handlers < MIN_HANDLERS || rest.is_none() => EventVerdict::ProbablyFine,
        _ if n_handlers < 2 * n_publishers => EventVerdict::OneLifetime,
        // A few of many that happen to have no other holder are not the pattern.
        _ if n_exclusive < MIN_HANDLERS => EventVerdict::ProbablyFine,
        _ => EventVerdict::Leak,
    };
    let publisher_object = publishers.first().copied().filter(|_| publisher.kind != PublisherKind::Static);
    let held_by = match publisher_object {
        Some(object) => root_path(heap, object, job)?.map(|path| path.start.name(heap)),
        None => None,
    };
    let parts = ["event", &publisher.type_name, &publisher.field, &subscriber.type_name, &subscriber.method];
    let group = EventGroup {
        fingerprint: fingerprint(parts),
        verdict,
        n_handlers,
        n_subscribers: subscribers.len() as u64,
        n_exclusive,
        n_publishers,
        with: Vec::new(),
        freed,
        held_by,
        publisher_object,
        example: exclusive.first().or(shared.first()).copied(),
        publisher,
        subscriber,
    };
    let rest = rest.filter(|_| verdict == EventVerdict::Leak).map(Rc::new);
    Ok(Weighed { group, handlers, shared, rest, cluster: None })
}

/// A group whose publishers all go with a bigger leak is part of that one.
fn hang_below(weighed: &mut [Weighed]) {
    for index in 1..weighed.len() {
        let (bigger, others) = weighed.split_at_mut(index);
        let Some(Weighed { group, handlers, cluster, .. }) = others.first_mut() else { return };
        let is_below = bigger.iter().any(|above| {
            let is_joined = cluster.is_some() && above.cluster == *cluster;
            let goes = |rest: &Rc<ObjectSet>| handlers.iter().all(|handler| !rest.contains(handler.publisher));
            above.group.verdict == EventVerdict::Leak && !is_joined && above.rest.as_ref().is_some_and(goes)
        });
        if is_below && matches!(group.verdict, EventVerdict::Leak | EventVerdict::OneLifetime) {
            group.verdict = EventVerdict::BelowAnother;
        }
    }
}
