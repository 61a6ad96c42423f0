//! Leak suspects: few holders that keep much alive.
//!
//! The rules of Eclipse MAT's leak hunter, fit for .NET: objects under the root of the dominator tree that retain more
//! than a threshold are suspects, the others by type where a type's objects together do. From a suspect the tree is
//! followed down into the biggest child while it keeps nearly everything; where it no longer does, things pile up: the
//! accumulation point. A threshold in per cent alone would call a 29 KB string of the framework a leak on a heap of
//! 95 KB, so there is a floor in bytes beside it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::dominator_tree::{RowName, Top, TreeRow, TreeView};
use super::dominators::children::sort_biggest_first;
use super::dominators::{Dominator, Retained};
use super::fingerprint::fingerprint;
use super::fold::RUN;
use super::root_path::root_path;
use super::{Heap, TICK};
use crate::base::job::Unit;
use crate::base::{Cancelled, Job};
use crate::snapshot::preview::without_namespaces;
use crate::snapshot::{ObjectId, TypeId};

/// A suspect retains at least this share of what is alive, in per cent.
pub const THRESHOLD_PERCENT: u64 = 10;
/// And at least this many bytes.
pub const FLOOR_BYTES: u64 = 1 << 20;
/// While the biggest child keeps at least so much of its parent, in per cent, the accumulation point lies deeper.
const FOLLOW_PERCENT: u64 = 70;
/// Steps down at most.
const MAX_DEPTH: usize = 1_000;
/// A holder of fewer objects than this is big, but nothing piles up in it.
pub const PILE: u64 = 100;
/// Types named of what is kept.
const TOP_TYPES: usize = 3;

/// What kind of suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuspectKind {
    /// One object.
    Single,
    /// Objects of one type that no single holder explains.
    Group,
}

/// Objects of a type among what a suspect keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeShare {
    /// Which.
    pub ty: TypeId,
    /// Objects.
    pub count: u64,
    /// Their own bytes.
    pub bytes: u64,
}

/// Something that keeps much alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// One object or a group.
    pub kind: SuspectKind,
    /// Type of the object, or of the group's.
    pub ty: TypeId,
    /// The object, or the group's biggest.
    pub object: ObjectId,
    /// Objects: 1, or the group's.
    pub n_objects: u64,
    /// What they keep alive.
    pub retained: Retained,
    /// Where things pile up: the last object on the way down that keeps nearly everything.
    pub accumulation_point: ObjectId,
    /// What that keeps.
    pub accumulated: Retained,
    /// Names of the references from the suspect to the accumulation point; a long run of one type counts once.
    pub way: Vec<String>,
    /// The root it hangs on: `static Corpus.Caches.Stores.Responses`.
    pub root: String,
    /// The biggest types among what is kept.
    pub types: Vec<TypeShare>,
    /// What to search a bug tracker for.
    pub keywords: Vec<String>,
    /// Name of the suspect, the same in every dump of the program.
    pub fingerprint: String,
}

impl Suspect {
    /// Bytes, weighed by how much this looks like a leak: a group has no one holder to blame (half), and a single buffer
    /// or a handful of objects is big, but does not grow by being forgotten (a quarter).
    #[must_use]
    pub const fn weight(&self) -> u64 {
        let bytes = match self.kind {
            SuspectKind::Single => self.retained.bytes,
            SuspectKind::Group => self.retained.bytes / 2,
        };
        if self.retained.count < PILE { bytes / 4 } else { bytes }
    }
}

/// Suspects, the most likely first, and the biggest holder that is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// Above the threshold.
    pub suspects: Vec<Suspect>,
    /// Name and size of the biggest holder below it.
    pub largest_below: Option<(String, Retained)>,
    /// Bytes that are called much on this heap.
    pub threshold_bytes: u64,
    /// What roots hold.
    pub live: Retained,
}

/// Finds them. One walk of the top of the tree, and of what each suspect keeps.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn suspects(heap: &Heap<'_>, view: &TreeView<'_>, job: &Job) -> Result<Suspects, Cancelled> {
    job.stage("Looking for leak suspects", Unit::Steps, None);
    let live = view.tree.total();
    let threshold_bytes = FLOOR_BYTES.max(live.bytes / 100 * THRESHOLD_PERCENT + live.bytes % 100 / 10);
    let Top { mut named, plain } = view.top_parts(job)?;
    named.retain(|row| !view.is_storage(row));
    let is_much = |row: &TreeRow| row.members.len() == 1 && row.retained.bytes > threshold_bytes;
    let (mut much, rows): (Vec<TreeRow>, Vec<TreeRow>) = named.into_iter().partition(is_much);
    let (many, objects): (Vec<ObjectId>, Vec<ObjectId>) =
        plain.into_iter().partition(|&object| view.retained(object).bytes > threshold_bytes);
    much.extend(many.into_iter().map(|object| view.row(RowName::Type, vec![object])));
    let mut found = Vec::new();
    for row in &much {
        found.push(single(heap, view, row, job)?);
    }
    let rest = Rest { rows, objects };
    for ty in rest.types_above(view, threshold_bytes) {
        found.push(group(heap, view, ty, rest.of_type(view, ty), job)?);
    }
    let largest_below = rest.largest(view).map(|row| (row_title(heap, &row), row.retained));
    found.sort_by_key(|suspect| (Reverse(suspect.weight()), suspect.kind, suspect.object));
    Ok(Suspects { suspects: found, largest_below, threshold_bytes, live })
}

/// What hangs under the root and is not much by itself.
struct Rest {
    /// What has a name.
    rows: Vec<TreeRow>,
    /// Everything else.
    objects: Vec<ObjectId>,
}

impl Rest {
    /// Types of which several rows keep more than `threshold_bytes` together.
    fn types_above(&self, view: &TreeView<'_>, threshold_bytes: u64) -> Vec<TypeId> {
        let rows = self.rows.iter().map(|row| (row.ty, row.retained.bytes));
        let objects =
            self.objects.iter().map(|&object| (view.snapshot.objects.type_of(object), view.retained(object).bytes));
        let mut sums = vec![(0_u64, 0_u64); view.snapshot.types.len()];
        for (ty, bytes) in rows.chain(objects) {
            let (n, sum) = &mut sums[ty.index()];
            *n += 1;
            *sum += bytes;
        }
        let is_above = |&(_, (n, bytes)): &(TypeId, (u64, u64))| n > 1 && bytes > threshold_bytes;
        (0..).map(TypeId).zip(sums).filter(is_above).map(|(ty, _)| ty).collect()
    }

    /// All objects of a type, biggest first.
    fn of_type(&self, view: &TreeView<'_>, ty: TypeId) -> Vec<ObjectId> {
        let rows = self.rows.iter().filter(|row| row.ty == ty).flat_map(|row| &row.members);
        let objects = self.objects.iter().filter(|&&object| view.snapshot.objects.type_of(object) == ty);
        let mut members: Vec<ObjectId> = rows.chain(objects).copied().collect();
        sort_biggest_first(&mut members, |object| view.retained(object).bytes, &mut Vec::new());
        members
    }

    /// The biggest of all.
    fn largest(&self, view: &TreeView<'_>) -> Option<TreeRow> {
        let object = self.objects.iter().copied().max_by_key(|&object| (view.retained(object), Reverse(object)));
        let rows = self.rows.iter().cloned().chain(object.map(|object| view.row(RowName::Type, vec![object])));
        rows.max_by_key(|row| (row.retained, Reverse(row.members.first().copied())))
    }
}

/// A static field with its owner, without namespaces: `Dispatcher.Shutdown`.
pub(super) fn short_static(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((owner, field)) => format!("{}.{field}", without_namespaces(owner)),
        None => name.to_owned(),
    }
}

fn row_title(heap: &Heap<'_>, row: &TreeRow) -> String {
    match &row.name {
        RowName::Static(name) => short_static(name),
        _ => without_namespaces(&heap.snapshot.types.row(row.ty).display_name()),
    }
}

fn single(heap: &Heap<'_>, view: &TreeView<'_>, row: &TreeRow, job: &Job) -> Result<Suspect, Cancelled> {
    let object = row.members.first().copied().unwrap_or(ObjectId(0));
    let root = root_of(heap, row, object, job)?;
    let (accumulation_point, way) = descend(heap, view, object, job)?;
    let accumulated = view.retained(accumulation_point);
    let types = types_below(view, &[object], job)?;
    Ok(finish(
        heap,
        SuspectKind::Single,
        row.ty,
        vec![object],
        row.retained,
        (accumulation_point, accumulated, way),
        root,
        types,
    ))
}

fn group(
    heap: &Heap<'_>,
    view: &TreeView<'_>,
    ty: TypeId,
    members: Vec<ObjectId>,
    job: &Job,
) -> Result<Suspect, Cancelled> {
    let retained = members.iter().fold(Retained::default(), |sum, &member| sum + view.retained(member));
    // The root that most of a sample hang on, and where their ways part.
    let mut roots: BTreeMap<String, (u64, ObjectId)> = BTreeMap::new();
    for &member in members.iter().take(1_000) {
        if let Some(path) = root_path(heap, member, job)? {
            let holder = path.objects.iter().rev().nth(1).copied().unwrap_or(member);
            roots.entry(path.start.shape(heap)).or_insert((0, holder)).0 += 1;
        }
    }
    let first = members.first().copied().unwrap_or(ObjectId(0));
    let (root, holder) = roots
        .into_iter()
        .max_by_key(|(name, (n, _))| (*n, Reverse(name.clone())))
        .map_or((String::new(), first), |(name, (_, holder))| (name, holder));
    let types = types_below(view, &members, job)?;
    Ok(finish(heap, SuspectKind::Group, ty, members, retained, (holder, retained, Vec::new()), root, types))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one value, put together in one place for both kinds")]
fn finish(
    heap: &Heap<'_>,
    kind: SuspectKind,
    ty: TypeId,
    members: Vec<ObjectId>,
    retained: Retained,
    (accumulation_point, accumulated, way): (ObjectId, Retained, Vec<String>),
    root: String,
    types: Vec<TypeShare>,
) -> Suspect {
    let name = |ty: TypeId| heap.snapshot.types.row(ty).display_name();
    let mut keywords = vec![name(ty)];
    keywords.extend(types.iter().map(|share| name(share.ty)));
    keywords.push(root.split_once(' ').map_or(root.clone(), |(_, name)| name.to_owned()));
    // An address is nothing to search for.
    keywords.retain(|word| !word.contains("0x"));
    keywords.dedup();
    let own = name(ty);
    // Places in a collection differ between dumps, fields do not.
    let steps: Vec<String> =
        way.iter().map(|step| if step.starts_with('[') { "[x]".to_owned() } else { step.clone() }).collect();
    let most = types.first().map(|share| name(share.ty)).unwrap_or_default();
    let parts = ["suspect", root.as_str(), own.as_str(), most.as_str()];
    Suspect {
        kind,
        ty,
        object: members.first().copied().unwrap_or(ObjectId(0)),
        n_objects: members.len() as u64,
        retained,
        accumulation_point,
        accumulated,
        fingerprint: fingerprint(parts.into_iter().chain(steps.iter().map(String::as_str))),
        way,
        root,
        types,
        keywords,
    }
}

fn root_of(heap: &Heap<'_>, row: &TreeRow, object: ObjectId, job: &Job) -> Result<String, Cancelled> {
    if let RowName::Static(name) = &row.name {
        return Ok(format!("static {name}"));
    }
    Ok(root_path(heap, object, job)?.map_or_else(String::new, |path| path.start.name(heap)))
}

/// Down into the biggest child while it keeps nearly everything its parent keeps. A long run of one type, a linked list,
/// is one step, and where it is the end, its head: any node further down would be as good, and another in the next dump.
fn descend(
    heap: &Heap<'_>,
    view: &TreeView<'_>,
    from: ObjectId,
    job: &Job,
) -> Result<(ObjectId, Vec<String>), Cancelled> {
    let (mut at, mut way) = (from, Vec::new());
    // The first object of the run of one type that `at` is in, and the length of the way there.
    let (mut head, mut way_to_head) = (from, 0);
    for _ in 0..MAX_DEPTH {
        job.tick(0)?;
        let Some(&child) = view.children.of(view.tree, Dominator::Object(at)).first() else { break };
        let bytes = |object| view.retained(object).bytes;
        if bytes(child) * 100 < bytes(at) * FOLLOW_PERCENT {
            break;
        }
        let is_run = heap.snapshot.objects.type_of(child) == heap.snapshot.objects.type_of(at);
        if !is_run && way.len() - way_to_head >= RUN {
            way.truncate(way_to_head + 1);
        }
        way.push(heap.snapshot.edge_name(at, child, &heap.graph.extra).unwrap_or_else(|| "?".to_owned()));
        at = child;
        if !is_run {
            (head, way_to_head) = (at, way.len());
        }
    }
    if way.len() - way_to_head >= RUN {
        way.truncate(way_to_head);
        at = head;
    }
    Ok((at, way))
}

/// The biggest types below `from`, themselves included.
fn types_below(view: &TreeView<'_>, from: &[ObjectId], job: &Job) -> Result<Vec<TypeShare>, Cancelled> {
    let snapshot = view.snapshot;
    let mut shares: Vec<TypeShare> =
        (0..snapshot.types.len() as u32).map(|ty| TypeShare { ty: TypeId(ty), count: 0, bytes: 0 }).collect();
    let mut stack = from.to_vec();
    let mut since_tick = 0;
    while let Some(object) = stack.pop() {
        since_tick += 1;
        if since_tick == TICK {
            since_tick = 0;
            job.tick(0)?;
        }
        let share = &mut shares[snapshot.objects.type_of(object).index()];
        share.count += 1;
        share.bytes += snapshot.objects.size(object);
        stack.extend_from_slice(view.children.of(view.tree, Dominator::Object(object)));
    }
    shares.retain(|share| share.count > 0);
    shares.sort_by_key(|share| (Reverse(share.bytes), share.ty));
    shares.truncate(TOP_TYPES);
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::{with_heap, with_tree};
    use crate::base::HandleKind;
    use crate::snapshot::{HeapGraph, HeapSnapshot};
    use crate::synth::heap::{HeapBuilder, Kind};

    fn found(heap: &(HeapSnapshot, HeapGraph)) -> Suspects {
        with_heap(heap, |asked| with_tree(heap, |view| suspects(asked, view, &Job::new()).unwrap()))
    }

    /// A `byte[]` that takes `bytes`.
    fn buffer(heap: &mut HeapBuilder, bytes: u64) -> ObjectId {
        heap.bytes(bytes as u32 - 24)
    }

    /// An object of type `name` that keeps `bytes` with itself.
    fn holder(heap: &mut HeapBuilder, name: &str, bytes: u64) -> ObjectId {
        let ty = heap.class(name, &[("buffer", Kind::Reference)]);
        let (object, buffer) = (heap.object(ty), buffer(heap, bytes - 24));
        heap.set(object, "buffer", buffer);
        object
    }

    /// Static fields that keep so many bytes each, through objects of a type each.
    fn holders(bytes: &[u64]) -> Suspects {
        let mut heap = HeapBuilder::new();
        let owner = heap.class("App.Stores", &[]);
        for (index, &bytes) in bytes.iter().enumerate() {
            let object = holder(&mut heap, &format!("App.Holder{index}"), bytes);
            heap.static_field(owner, &format!("F{index}"), Some(object));
        }
        found(&heap.build())
    }

    fn roots(found: &Suspects) -> Vec<&str> {
        found.suspects.iter().map(|suspect| suspect.root.as_str()).collect()
    }

    #[test]
    fn a_suspect_keeps_more_than_the_floor() {
        let at = holders(&[FLOOR_BYTES]);
        assert_eq!((at.threshold_bytes, at.suspects.len()), (FLOOR_BYTES, 0));
        assert_eq!(at.largest_below, Some(("Stores.F0".to_owned(), Retained { bytes: FLOOR_BYTES, count: 2 })));
        let above = holders(&[FLOOR_BYTES + 8]);
        assert_eq!(roots(&above), ["static App.Stores.F0"]);
        assert_eq!(above.suspects[0].retained, Retained { bytes: FLOOR_BYTES + 8, count: 2 });
        assert_eq!(above.largest_below, None);
    }

    #[test]
    fn and_more_than_a_tenth_of_what_lives() {
        // The array behind two static fields takes 24 bytes and 16.
        let tenth = 2 * FLOOR_BYTES;
        let big = 9 * tenth - 40;
        let at = holders(&[big, tenth]);
        assert_eq!((at.live.bytes, at.threshold_bytes), (10 * tenth, tenth));
        assert_eq!(roots(&at), ["static App.Stores.F0"]);
        let above = holders(&[big - 80, tenth]);
        assert_eq!(above.threshold_bytes, tenth - 8);
        assert_eq!(roots(&above), ["static App.Stores.F0", "static App.Stores.F1"]);
    }

    /// Objects of the types `names` with 64 KiB each, on handles of their own.
    fn many(names: &[&str]) -> Suspects {
        let mut heap = HeapBuilder::new();
        let mut types = BTreeMap::new();
        for &name in names {
            let ty = *types.entry(name).or_insert_with(|| heap.class(name, &[("buffer", Kind::Reference)]));
            let (object, buffer) = (heap.object(ty), buffer(&mut heap, (64 << 10) - 24));
            heap.set(object, "buffer", buffer);
            heap.handle(HandleKind::Strong, object);
        }
        found(&heap.build())
    }

    #[test]
    fn many_of_one_type_are_a_group_where_none_is_big_alone() {
        // Sixteen times 64 KiB is the floor, no more.
        assert_eq!(many(&["App.Row"; 16]).suspects, []);
        let group = many(&["App.Row"; 17]);
        let [only] = group.suspects.as_slice() else { panic!("{group:?}") };
        assert_eq!((only.kind, only.n_objects), (SuspectKind::Group, 17));
        assert_eq!(only.retained, Retained { bytes: 17 << 16, count: 34 });
        assert_eq!((only.way.len(), only.root.as_str()), (0, "strong handle"));
        // Of two types each is small.
        let mixed: Vec<&str> = ["App.Row", "App.Column"].into_iter().cycle().take(20).collect();
        assert_eq!(many(&mixed).suspects, []);
    }

    #[test]
    fn what_is_big_alone_is_no_part_of_a_group() {
        let mut heap = HeapBuilder::new();
        let ty = heap.class("App.Row", &[("buffer", Kind::Reference)]);
        for bytes in [3 << 20, 700 << 10, 700 << 10] {
            let (object, buffer) = (heap.object(ty), buffer(&mut heap, bytes));
            heap.set(object, "buffer", buffer);
            heap.handle(HandleKind::Strong, object);
        }
        let found = found(&heap.build());
        let kinds: Vec<_> = found.suspects.iter().map(|suspect| (suspect.kind, suspect.n_objects)).collect();
        assert_eq!(kinds, [(SuspectKind::Single, 1), (SuspectKind::Group, 2)]);
    }

    #[test]
    fn few_objects_weigh_a_quarter_and_groups_half() {
        let weight = |kind, count| {
            let mut one = holders(&[FLOOR_BYTES + 8]).suspects.remove(0);
            (one.kind, one.retained) = (kind, Retained { bytes: 8_000, count });
            one.weight()
        };
        assert_eq!((weight(SuspectKind::Single, PILE), weight(SuspectKind::Single, PILE - 1)), (8_000, 2_000));
        assert_eq!((weight(SuspectKind::Group, PILE), weight(SuspectKind::Group, PILE - 1)), (4_000, 1_000));
        // A pile of small objects stands before one buffer of three times its size.
        let mut heap = HeapBuilder::new();
        let owner = heap.class("App.Stores", &[]);
        let one = holder(&mut heap, "App.Frame", 6 << 20);
        let rows = heap.array(heap.type_named("System.Object[]"), 200);
        for index in 0..200 {
            let row = buffer(&mut heap, 10 << 10);
            heap.set_element(rows, index, row);
        }
        heap.static_field(owner, "Frame", Some(one));
        heap.static_field(owner, "Rows", Some(rows));
        assert_eq!(roots(&found(&heap.build())), ["static App.Stores.Rows", "static App.Stores.Frame"]);
    }

    /// A static cache of 2,000,000 bytes whose inner object keeps so many of them.
    fn nested(inner_bytes: u64) -> Suspects {
        let mut heap = HeapBuilder::new();
        let owner = heap.class("App.Stores", &[]);
        let cache = heap.class("App.Cache", &[("rest", Kind::Reference), ("inner", Kind::Reference)]);
        let cache = heap.object(cache);
        let (inner, rest) = (buffer(&mut heap, inner_bytes), buffer(&mut heap, 2_000_000 - 32 - inner_bytes));
        heap.set(cache, "inner", inner);
        heap.set(cache, "rest", rest);
        heap.static_field(owner, "Cache", Some(cache));
        found(&heap.build())
    }

    #[test]
    fn the_way_down_ends_where_no_child_keeps_nearly_all() {
        let followed = &nested(1_400_000).suspects[0];
        assert_eq!(followed.retained.bytes, 2_000_000);
        assert_eq!((followed.way.as_slice(), followed.accumulated.bytes), (["inner".to_owned()].as_slice(), 1_400_000));
        let stays = &nested(1_399_992).suspects[0];
        assert_eq!((stays.way.len(), stays.accumulation_point), (0, stays.object));
        assert_eq!(stays.accumulated, stays.retained);
    }

    /// A static list of `n` rows; the list hangs in element `at` of an array below `field` of `owner`.
    fn pile(owner: &str, field: &str, at: u32, n: u32) -> Suspect {
        let mut heap = HeapBuilder::new();
        buffer(&mut heap, 24 + u64::from(at) * 8);
        let stores = heap.class(owner, &[]);
        let cache = heap.class("App.Cache", &[(field, Kind::Reference)]);
        let list = heap.class("App.List", &[("items", Kind::Reference)]);
        let row = heap.class("App.Row", &[("buffer", Kind::Reference)]);
        let objects = heap.type_named("System.Object[]");
        let (cache, parts, list, items) =
            (heap.object(cache), heap.array(objects, at + 1), heap.object(list), heap.array(objects, n));
        heap.set(cache, field, parts);
        heap.set_element(parts, at, list);
        heap.set(list, "items", items);
        for index in 0..n {
            let (row, buffer) = (heap.object(row), buffer(&mut heap, 8_000));
            heap.set(row, "buffer", buffer);
            heap.set_element(items, index, row);
        }
        heap.static_field(stores, "Cache", Some(cache));
        found(&heap.build()).suspects.remove(0)
    }

    #[test]
    fn things_pile_up_in_the_array_and_are_named() {
        let suspect = pile("App.Stores", "parts", 3, 200);
        assert_eq!(suspect.way, ["parts", "[3]", "items"]);
        assert_eq!((suspect.root.as_str(), suspect.n_objects), ("static App.Stores.Cache", 1));
        assert_eq!(suspect.accumulated.count, 401);
        let counts: Vec<u64> = suspect.types.iter().map(|share| share.count).collect();
        assert_eq!(counts, [200, 200, 2], "buffers, rows, arrays");
        let expected = ["App.Cache", "System.Byte[]", "App.Row", "System.Object[]", "App.Stores.Cache"];
        assert_eq!(suspect.keywords, expected);
    }

    /// A static queue of `n` linked nodes with a buffer each; the last one keeps `last_bytes` more.
    fn linked(n: u32, last_bytes: u64) -> Suspect {
        let mut heap = HeapBuilder::new();
        let owner = heap.class("App.Stores", &[]);
        let queue = heap.class("App.Queue", &[("first", Kind::Reference)]);
        let fields = [("next", Kind::Reference), ("buffer", Kind::Reference), ("more", Kind::Reference)];
        let node = heap.class("App.Node", &fields);
        let (queue, nodes) = (heap.object(queue), (0..n).map(|_| heap.object(node)).collect::<Vec<_>>());
        heap.set(queue, "first", nodes[0]);
        for pair in nodes.windows(2) {
            heap.set(pair[0], "next", pair[1]);
        }
        for &node in &nodes {
            let buffer = buffer(&mut heap, 1_000);
            heap.set(node, "buffer", buffer);
        }
        let more = buffer(&mut heap, last_bytes);
        heap.set(nodes[nodes.len() - 1], "more", more);
        heap.static_field(owner, "Queue", Some(queue));
        found(&heap.build()).suspects.remove(0)
    }

    #[test]
    fn a_linked_list_piles_up_in_its_head() {
        let (short, long) = (linked(2_000, 24), linked(3_000, 24));
        for (suspect, n) in [(&short, 2_000), (&long, 3_000)] {
            assert_eq!(suspect.way, ["first"]);
            assert_eq!(suspect.accumulated.count, 2 * n + 1);
        }
        assert_eq!(short.fingerprint, long.fingerprint, "the length of the list is no name");
        // What hangs on the end of a list is found there.
        let suspect = linked(20, 4 << 20);
        assert_eq!(
            (suspect.way, suspect.accumulated.bytes),
            (vec!["first".into(), "next".into(), "more".into()], 4 << 20)
        );
    }

    #[test]
    fn a_fingerprint_changes_with_names_and_with_nothing_else() {
        let plain = pile("App.Stores", "parts", 3, 200).fingerprint;
        assert_eq!(pile("App.Stores", "parts", 3, 400).fingerprint, plain, "other counts");
        assert_eq!(pile("App.Stores", "parts", 41, 200).fingerprint, plain, "another place, other addresses");
        assert_ne!(pile("App.Stores", "pages", 3, 200).fingerprint, plain, "another field on the way");
        assert_ne!(pile("App.Others", "parts", 3, 200).fingerprint, plain, "another static field");
    }

    #[test]
    fn the_storage_of_static_fields_and_literals_is_no_suspect() {
        let mut heap = HeapBuilder::new();
        let literal = heap.string("literal");
        (0..140_000).for_each(|_| heap.literal(literal));
        let found = found(&heap.build());
        assert!(found.live.bytes > FLOOR_BYTES && found.suspects.is_empty(), "{found:?}");
    }
}
