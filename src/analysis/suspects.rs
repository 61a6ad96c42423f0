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
    /// Names of the references from the suspect to the accumulation point.
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

fn row_title(heap: &Heap<'_>, row: &TreeRow) -> String {
    match &row.name {
        RowName::Static(name) => without_namespaces(name.split('+').next_back().unwrap_or(name)).to_owned(),
        _ => without_namespaces(&heap.snapshot.types.row(row.ty).display_name()),
    }
}

fn single(heap: &Heap<'_>, view: &TreeView<'_>, row: &TreeRow, job: &Job) -> Result<Suspect, Cancelled> {
    let object = row.members.first().copied().unwrap_or(ObjectId(0));
    let root = root_of(heap, row, object, job)?;
    let (accumulation_point, way) = descend(heap, view, object, job)?;
    let accumulated = view.tree.retained(heap.snapshot, accumulation_point).unwrap_or_default();
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

/// Down into the biggest child while it keeps nearly everything its parent keeps.
fn descend(
    heap: &Heap<'_>,
    view: &TreeView<'_>,
    from: ObjectId,
    job: &Job,
) -> Result<(ObjectId, Vec<String>), Cancelled> {
    let (mut at, mut way) = (from, Vec::new());
    for _ in 0..MAX_DEPTH {
        job.tick(0)?;
        let Some(&child) = view.children.of(view.tree, Dominator::Object(at)).first() else { break };
        let bytes = |object| view.tree.retained(heap.snapshot, object).unwrap_or_default().bytes;
        if bytes(child) * 100 < bytes(at) * FOLLOW_PERCENT {
            break;
        }
        way.push(heap.snapshot.edge_name(at, child, &heap.graph.extra).unwrap_or_else(|| "?".to_owned()));
        at = child;
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
