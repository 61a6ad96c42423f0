//! What is alive: a staged walk from the roots, and how far each object is from one.
//!
//! The roots are walked in the order of [`RootKind`], so that an object's stage is the most preferred kind that reaches
//! it: an object of stage *stack* is held by stacks alone. Of one kind the program's own roots come first, the
//! framework's after them: whoever looks for a leak wants to see the own code. Kind and owner together are a class.
//! Inside a class the walk is breadth first, and an object's level is the number of references from the root's object.
//! A shortest path then needs no stored parents: any referrer of the same class, one level up, is on one.

use std::sync::Arc;

use rayon::prelude::*;

use super::plumbing::{framework_types, is_framework_root};
use super::{Cut, ObjectSet, RootIndex, TICK};
use crate::base::{Cancelled, Job, RootKind, job::Unit};
use crate::snapshot::{Entry, HeapGraph, HeapSnapshot, ObjectId, RootId, TypeId, TypeTotals};

/// What counts as alive.
#[derive(Clone, Copy, Debug)]
pub struct ReachabilityOptions<'a> {
    /// Words on stacks and in registers hold objects too.
    pub stack: bool,
    /// What is left out of the graph.
    pub cut: Option<&'a Cut>,
}

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Objects.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    /// Adds one object.
    pub fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

/// Which objects are alive, by which kind of root, at which distance. Two bytes per id.
#[derive(Clone, Debug, Default)]
pub struct Reachability {
    /// Class and level of every object, see [`mark`].
    marks: Vec<u16>,
    /// Levels that do not fit.
    deep: DeepLevels,
    /// What each kind of root reaches that no more preferred kind does.
    amounts: [Amount; RootKind::ALL.len()],
    roots: RootIndex,
    /// Class of every root; [`DEAD`] for one that was not walked from.
    root_classes: Vec<u8>,
    /// Types of the framework.
    framework: Vec<bool>,
    /// Words on stacks were walked from.
    stack: bool,
    /// What was left out.
    cut: Option<Arc<Cut>>,
}

/// Levels of objects that are further from a root than a mark can say.
#[derive(Clone, Debug)]
enum DeepLevels {
    /// Of few objects, in id order.
    Few(Vec<(ObjectId, u32)>),
    /// By id: where most of a heap is one list, a column for all takes less room.
    Many(Vec<u32>),
}

impl Default for DeepLevels {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl DeepLevels {
    fn new(mut levels: Vec<(ObjectId, u32)>, n_ids: usize) -> Self {
        if levels.len() * 2 <= n_ids {
            levels.sort_unstable();
            levels.shrink_to_fit();
            return Self::Few(levels);
        }
        let mut column = vec![DEEP; n_ids];
        levels.into_iter().for_each(|(object, level)| column[object.index()] = level);
        Self::Many(column)
    }

    fn of(&self, object: ObjectId) -> Option<u32> {
        match self {
            Self::Few(levels) => {
                let place = levels.binary_search_by_key(&object, |&(deep, _)| deep).ok()?;
                levels.get(place).map(|&(_, level)| level)
            }
            Self::Many(column) => column.get(object.index()).copied(),
        }
    }

    fn heap_bytes(&self) -> u64 {
        match self {
            Self::Few(levels) => size_of_val(levels.as_slice()) as u64,
            Self::Many(column) => size_of_val(column.as_slice()) as u64,
        }
    }
}

/// Class of an object that nothing holds.
const DEAD: u8 = (u16::MAX >> LEVEL_BITS) as u8;
/// Level whose number is in the overflow table.
const DEEP: u32 = (1 << LEVEL_BITS) - 1;
/// Low bits of a mark, which hold the level. The high ones hold the class.
const LEVEL_BITS: u32 = 11;
/// Mark of an object that nothing holds.
const UNHELD: u16 = u16::MAX;

/// Class and level in one number; both of an object are then one look-up.
const fn mark(class: u8, level: u32) -> u16 {
    (class as u16) << LEVEL_BITS | if level < DEEP { level as u16 } else { DEEP as u16 }
}

/// Kind of root, and whether it is the framework's own, as one number: smaller is preferred.
const fn class_of(kind: RootKind, is_framework: bool) -> u8 {
    kind as u8 * 2 + is_framework as u8
}

impl Reachability {
    /// True when a root reaches `object`.
    #[inline]
    #[must_use]
    pub fn is_alive(&self, object: ObjectId) -> bool {
        self.marks.get(object.index()).is_some_and(|&mark| mark != UNHELD)
    }

    /// The most preferred kind of root that reaches `object`.
    #[must_use]
    pub fn stage(&self, object: ObjectId) -> Option<RootKind> {
        RootKind::ALL.get(usize::from(self.class(object)? / 2)).copied()
    }

    /// Stage and owner of the best roots that reach `object`, as a number: smaller is preferred.
    #[must_use]
    pub(super) fn class(&self, object: ObjectId) -> Option<u8> {
        let mark = *self.marks.get(object.index())?;
        (mark != UNHELD).then_some((mark >> LEVEL_BITS) as u8)
    }

    /// The same of a root; `None` for one that was not walked from.
    #[must_use]
    pub(super) fn class_of_root(&self, root: RootId) -> Option<u8> {
        self.root_classes.get(root.index()).copied().filter(|&class| class != DEAD)
    }

    /// True for a type of the framework. Column look-up.
    #[must_use]
    pub fn is_framework(&self, ty: TypeId) -> bool {
        self.framework.get(ty.index()).copied().unwrap_or(false)
    }

    /// References between `object` and the nearest root of its class: 0 when a root refers to it.
    #[must_use]
    pub fn level(&self, object: ObjectId) -> Option<u32> {
        let mark = *self.marks.get(object.index()).filter(|&&mark| mark != UNHELD)?;
        Some(match u32::from(mark) & DEEP {
            DEEP => self.deep.of(object).unwrap_or(DEEP),
            level => level,
        })
    }

    /// Class and level as one number: smaller is the better holder. [`u64::MAX`] when nothing holds it.
    #[must_use]
    pub fn rank(&self, object: ObjectId) -> u64 {
        match (self.class(object), self.level(object)) {
            (Some(class), Some(level)) => u64::from(class) << 32 | u64::from(level),
            _ => u64::MAX,
        }
    }

    /// True when `object` is of `class` and `level`. One look-up, but for levels in the thousands.
    #[inline]
    #[must_use]
    pub(super) fn is_at(&self, object: ObjectId, class: u8, level: u32) -> bool {
        self.marks[object.index()] == mark(class, level) && (level < DEEP || self.level(object) == Some(level))
    }

    /// Class and level of `object` as one number, the same for all deep levels. Column look-up.
    #[inline]
    #[must_use]
    pub(super) fn mark(&self, object: ObjectId) -> u16 {
        self.marks[object.index()]
    }

    /// What [`Reachability::mark`] is of objects one level nearer to a root of the same class, and their level.
    #[must_use]
    pub(super) fn mark_above(&self, object: ObjectId) -> Option<(u16, u32)> {
        let level = self.level(object)?.checked_sub(1)?;
        Some((mark(self.class(object)?, level), level))
    }

    /// Roots that were walked from and refer to `object`, most preferred first.
    pub fn roots_of(&self, object: ObjectId) -> impl Iterator<Item = RootId> + '_ {
        let is_gone = self.cut.as_ref().is_some_and(|cut| cut.ignores_object(object));
        self.roots.of(object).filter(move |root| !is_gone && self.root_classes[root.index()] != DEAD)
    }

    /// All roots by object, also those not walked from.
    #[must_use]
    pub fn roots(&self) -> &RootIndex {
        &self.roots
    }

    /// True when words on stacks and in registers count as roots.
    #[must_use]
    pub fn with_stack(&self) -> bool {
        self.stack
    }

    /// What was left out of the graph, when something was.
    #[must_use]
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_deref()
    }

    /// True when a reference from `from` to `to`, which refers to it in the whole graph, was not left out. Column
    /// look-up, but for objects that fields are taken from.
    #[must_use]
    pub fn lets(&self, snapshot: &HeapSnapshot, graph: &HeapGraph, from: ObjectId, to: ObjectId) -> bool {
        self.cut.as_ref().is_none_or(|cut| cut.lets(snapshot, graph, from, to))
    }

    /// What `kind` reaches and no more preferred kind does.
    #[must_use]
    pub fn amount(&self, kind: RootKind) -> Amount {
        self.amounts[kind as usize]
    }

    /// Everything alive.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.amounts.iter().fold(Amount::default(), |sum, &amount| sum + amount)
    }

    /// Everything that a more certain kind of root than a stack reaches.
    #[must_use]
    pub fn total_without_stack(&self) -> Amount {
        let certain = RootKind::ALL.iter().filter(|&&kind| kind != RootKind::Stack);
        certain.fold(Amount::default(), |sum, &kind| sum + self.amount(kind))
    }

    /// Everything that nothing reaches, of `snapshot`, whose heap was walked.
    #[must_use]
    pub fn unreachable(&self, snapshot: &HeapSnapshot) -> Amount {
        let alive = self.total();
        Amount {
            count: snapshot.n_objects().saturating_sub(alive.count),
            bytes: snapshot.object_bytes().saturating_sub(alive.bytes),
        }
    }

    /// Count and bytes of what is alive, by type. Cost: one pass over the heap.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn live_totals(&self, snapshot: &HeapSnapshot, job: &Job) -> Result<Vec<TypeTotals>, Cancelled> {
        super::histogram::totals_where(snapshot, |object| self.is_alive(object), job)
    }

    /// Bytes of memory this takes.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        (self.marks.len() * 2) as u64 + self.deep.heap_bytes()
    }
}

/// Walks from the roots. Cost: about 10 ns per live object in address order, more where the heap is shuffled.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn reachability(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    options: ReachabilityOptions<'_>,
    job: &Job,
) -> Result<Reachability, Cancelled> {
    let n = snapshot.objects.len();
    job.stage("Finding what is alive", Unit::Objects, Some(n as u64));
    let framework = framework_types(snapshot);
    let mut walk = Walk {
        snapshot,
        graph,
        cut: options.cut,
        job,
        marks: vec![UNHELD; n],
        deep: Vec::new(),
        seen: ObjectSet::new(n),
        next: Vec::new(),
        wide: ObjectSet::new(n),
        row: Vec::new(),
        n_since_tick: 0,
    };
    let mut root_classes = vec![DEAD; graph.roots.roots.len()];
    for kind in RootKind::ALL {
        if kind == RootKind::Stack && !options.stack {
            continue;
        }
        for is_framework in [false, true] {
            let class = class_of(kind, is_framework);
            for (index, root) in graph.roots.roots.iter().enumerate() {
                if root.kind == kind
                    && is_framework_root(snapshot, graph, root, &framework) == is_framework
                    && options.cut.is_none_or(|cut| !cut.ignores_root(RootId(index as u32)))
                {
                    root_classes[index] = class;
                    walk.seed(root.object);
                }
            }
            if is_framework && kind == RootKind::StrongHandle {
                storage_of_roots(graph, RootKind::Static).for_each(|array| walk.seed(array));
            } else if is_framework && kind == RootKind::ThreadStatic {
                storage_of_roots(graph, kind).for_each(|array| walk.seed(array));
            }
            walk.run(class)?;
        }
    }
    let Walk { marks, deep, .. } = walk;
    let deep = DeepLevels::new(deep, n);
    let amounts = amounts(snapshot, &marks, job)?;
    let (roots, cut) = (RootIndex::new(graph), options.cut.cloned().map(Arc::new));
    Ok(Reachability { marks, deep, amounts, roots, root_classes, framework, stack: options.stack, cut })
}

/// Arrays of the runtime that hold the fields behind roots of `kind`. A handle holds them as a rule; where that handle
/// could not be read they are still the runtime's.
pub(crate) fn storage_of_roots(graph: &HeapGraph, kind: RootKind) -> impl Iterator<Item = ObjectId> + '_ {
    let rows = if kind == RootKind::Static { &graph.roots.statics } else { &graph.roots.thread_statics };
    let of_kind = graph.roots.roots.iter().filter(move |root| root.kind == kind);
    of_kind.filter_map(|root| rows.get(root.row? as usize)?.storage.map(|(array, _)| array))
}

struct Walk<'a> {
    snapshot: &'a HeapSnapshot,
    graph: &'a HeapGraph,
    cut: Option<&'a Cut>,
    job: &'a Job,
    marks: Vec<u16>,
    deep: Vec<(ObjectId, u32)>,
    /// Objects that were met. Random look-ups go here alone: one bit an object stays in the cache, columns do not.
    seen: ObjectSet,
    /// Objects of the next level, in the order they were met.
    next: Vec<ObjectId>,
    /// The level that is walked, when it is a wide one.
    wide: ObjectSet,
    row: Vec<ObjectId>,
    n_since_tick: u32,
}

impl Walk<'_> {
    fn seed(&mut self, object: ObjectId) {
        if self.cut.is_none_or(|cut| !cut.ignores_object(object)) && self.seen.insert(object) {
            self.next.push(object);
        }
    }

    fn run(&mut self, class: u8) -> Result<(), Cancelled> {
        // In the order of their ids the rows of a wide level come one after the other out of memory.
        let n_wide = (self.marks.len() / 1024).max(1 << 10);
        let mut level = 0_u32;
        let mut current = Vec::new();
        while !self.next.is_empty() {
            std::mem::swap(&mut current, &mut self.next);
            if current.len() < n_wide {
                for object in current.drain(..) {
                    self.visit(object, class, level)?;
                }
            } else {
                let mut wide = std::mem::take(&mut self.wide);
                for object in current.drain(..) {
                    wide.insert(object);
                }
                for object in wide.iter() {
                    self.visit(object, class, level)?;
                }
                wide.clear();
                self.wide = wide;
            }
            level += 1;
        }
        Ok(())
    }

    #[inline]
    fn visit(&mut self, object: ObjectId, class: u8, level: u32) -> Result<(), Cancelled> {
        self.n_since_tick += 1;
        if self.n_since_tick == TICK {
            self.n_since_tick = 0;
            self.job.tick(u64::from(TICK))?;
        }
        self.marks[object.index()] = mark(class, level);
        if level >= DEEP {
            self.deep.push((object, level));
        }
        match self.cut {
            None => {
                let new = self.graph.references.of(object).filter(|&target| self.seen.insert(target));
                self.next.extend(new);
            }
            Some(cut) if cut.spares(self.snapshot, object) => {
                let left = self.graph.references.of(object).filter(|&target| !cut.ignores_object(target));
                self.next.extend(left.filter(|&target| self.seen.insert(target)));
            }
            Some(cut) => {
                cut.targets(self.snapshot, self.graph, object, &mut self.row);
                self.next.extend(self.row.iter().copied().filter(|&target| self.seen.insert(target)));
            }
        }
        Ok(())
    }
}

fn amounts(snapshot: &HeapSnapshot, marks: &[u16], job: &Job) -> Result<[Amount; RootKind::ALL.len()], Cancelled> {
    type Amounts = [Amount; RootKind::ALL.len()];
    sum_entries(
        snapshot,
        job,
        Amounts::default,
        |amounts, entry| {
            if let Some(amount) = amounts.get_mut(usize::from(marks[entry.id.index()] >> LEVEL_BITS) / 2) {
                amount.add(entry.size);
            }
        },
        |a, b| std::array::from_fn(|kind| a[kind] + b[kind]),
    )
}

/// Sums over every id of the heap, in parallel. `merge` must not care for order.
pub(super) fn sum_entries<T: Send>(
    snapshot: &HeapSnapshot,
    job: &Job,
    empty: impl Fn() -> T + Sync,
    add: impl Fn(&mut T, &Entry) + Sync,
    merge: impl Fn(T, T) -> T + Sync,
) -> Result<T, Cancelled> {
    const CHUNK_IDS: u32 = 1 << 17;
    let n = snapshot.objects.len() as u32;
    (0..n.div_ceil(CHUNK_IDS))
        .into_par_iter()
        .map(|chunk| {
            job.tick(0)?;
            let mut sums = empty();
            let from = chunk * CHUNK_IDS;
            for entry in snapshot.objects.entries(from..from.saturating_add(CHUNK_IDS)) {
                add(&mut sums, &entry);
            }
            Ok(sums)
        })
        .try_reduce(&empty, |a, b| Ok(merge(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::graph::GraphSpec;
    use crate::synth::sample::sample;

    #[test]
    fn stages_levels_and_sums() {
        let (snapshot, graph) = sample();
        let with =
            reachability(&snapshot, &graph, ReachabilityOptions { stack: true, cut: None }, &Job::new()).unwrap();
        let without =
            reachability(&snapshot, &graph, ReachabilityOptions { stack: false, cut: None }, &Job::new()).unwrap();
        assert_eq!(with.amount(RootKind::Stack).count, 1);
        assert_eq!(with.total_without_stack(), without.total());
        assert_eq!(without.amount(RootKind::PinnedHandle).count, 1);
        let worker = snapshot.objects.ids().find(|&id| snapshot.type_of(id).name.known() == Some("Corpus.Seed.Worker"));
        let worker = worker.unwrap();
        assert_eq!((with.stage(worker), with.level(worker)), (Some(RootKind::Static), Some(3)));
        // The stale delegate is weakly held only.
        let stale = graph.roots.handles.iter().find(|row| !row.is_strong).and_then(|row| row.object).unwrap();
        assert!(!with.is_alive(stale));
        let live = with.live_totals(&snapshot, &Job::new()).unwrap();
        assert_eq!(live.iter().map(|totals| totals.count).sum::<u64>(), with.total().count);
    }

    #[test]
    fn a_list_longer_than_the_bits_of_a_level() {
        let n = 200_000_u32;
        // Alone, and as the smaller part of a heap of which nothing holds the rest.
        for n_others in [0, 250_000] {
            let next = |id: u32| if id + 1 < n { vec![id + 1] } else { vec![] };
            let lists: Vec<Vec<u32>> = (0..n + n_others).map(next).collect();
            let (snapshot, graph) = GraphSpec::from_lists(&lists).with_handles(&[0]).build();
            let options = ReachabilityOptions { stack: true, cut: None };
            let reach = reachability(&snapshot, &graph, options, &Job::new()).unwrap();
            assert_eq!(matches!(reach.deep, DeepLevels::Many(_)), n_others == 0);
            for id in [0, 1, 2046, 2047, 2048, 65_536, n - 1] {
                assert_eq!(reach.level(ObjectId(id)), Some(id));
            }
            assert_eq!((reach.level(ObjectId(n)), reach.total().count), (None, u64::from(n)));
        }
    }
}
