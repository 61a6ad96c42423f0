//! What is alive: a staged walk from the roots, and how far each object is from one.
//!
//! The roots are walked in the order of [`RootKind`], so that an object's stage is the most preferred kind that reaches
//! it: an object of stage *stack* is held by stacks alone. Inside a stage the walk is breadth first, and an object's
//! level is the number of references from the root's object. A shortest path then needs no stored parents: any referrer
//! of the same stage, one level up, is on one.

use super::{Cut, RootIndex, TICK};
use crate::base::{Cancelled, Job, RootKind, job::Unit};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, RootId, TypeTotals};

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

/// Which objects are alive, by which kind of root, at which distance. Three bytes per id.
#[derive(Clone, Debug, Default)]
pub struct Reachability {
    stages: Vec<u8>,
    levels: Vec<u16>,
    /// Levels that do not fit, by object.
    deep: Vec<(ObjectId, u32)>,
    /// What each kind of root reaches that no more preferred kind does.
    amounts: [Amount; RootKind::ALL.len()],
    roots: RootIndex,
    /// Roots that were walked from.
    is_active: Vec<bool>,
}

/// Stage of an object that nothing holds.
const DEAD: u8 = u8::MAX;
/// Level whose number is in the overflow table.
const DEEP: u16 = u16::MAX;

impl Reachability {
    /// True when a root reaches `object`.
    #[inline]
    #[must_use]
    pub fn is_alive(&self, object: ObjectId) -> bool {
        self.stages.get(object.index()).is_some_and(|&stage| stage != DEAD)
    }

    /// The most preferred kind of root that reaches `object`.
    #[must_use]
    pub fn stage(&self, object: ObjectId) -> Option<RootKind> {
        RootKind::ALL.get(usize::from(*self.stages.get(object.index())?)).copied()
    }

    /// References between `object` and the nearest root of its stage: 0 when a root refers to it.
    #[must_use]
    pub fn level(&self, object: ObjectId) -> Option<u32> {
        self.is_alive(object).then(|| match self.levels[object.index()] {
            DEEP => {
                let place = self.deep.binary_search_by_key(&object, |&(deep, _)| deep);
                place.ok().and_then(|place| self.deep.get(place)).map_or(u32::from(DEEP), |&(_, level)| level)
            }
            level => u32::from(level),
        })
    }

    /// Stage and level as one number: smaller is the better holder. [`u64::MAX`] when nothing holds it.
    #[must_use]
    pub fn rank(&self, object: ObjectId) -> u64 {
        match self.level(object) {
            Some(level) => u64::from(self.stages[object.index()]) << 32 | u64::from(level),
            None => u64::MAX,
        }
    }

    /// Roots that were walked from and refer to `object`, most preferred first.
    pub fn roots_of(&self, object: ObjectId) -> impl Iterator<Item = RootId> + '_ {
        self.roots.of(object).filter(|root| self.is_active[root.index()])
    }

    /// All roots by object, also those not walked from.
    #[must_use]
    pub fn roots(&self) -> &RootIndex {
        &self.roots
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
        (self.stages.len() + self.levels.len() * 2 + self.deep.len() * 8) as u64
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
    let roots = RootIndex::new(graph);
    let mut walk = Walk {
        snapshot,
        graph,
        cut: options.cut,
        job,
        stages: vec![DEAD; n],
        levels: vec![0; n],
        deep: Vec::new(),
        next: Vec::new(),
        row: Vec::new(),
        n_since_tick: 0,
    };
    let mut is_active = vec![false; graph.roots.roots.len()];
    for kind in RootKind::ALL {
        if kind == RootKind::Stack && !options.stack {
            continue;
        }
        for (index, root) in graph.roots.roots.iter().enumerate() {
            if root.kind == kind && options.cut.is_none_or(|cut| !cut.ignores_root(RootId(index as u32))) {
                is_active[index] = true;
                walk.seed(kind, root.object);
            }
        }
        if kind == RootKind::StrongHandle {
            storage_of_roots(graph, RootKind::Static).for_each(|array| walk.seed(kind, array));
        } else if kind == RootKind::ThreadStatic {
            storage_of_roots(graph, kind).for_each(|array| walk.seed(kind, array));
        }
        walk.run(kind)?;
    }
    let Walk { stages, levels, mut deep, .. } = walk;
    deep.sort_unstable();
    let amounts = amounts(snapshot, &stages, job)?;
    Ok(Reachability { stages, levels, deep, amounts, roots, is_active })
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
    stages: Vec<u8>,
    levels: Vec<u16>,
    deep: Vec<(ObjectId, u32)>,
    next: Vec<ObjectId>,
    row: Vec<ObjectId>,
    n_since_tick: u32,
}

impl Walk<'_> {
    fn seed(&mut self, kind: RootKind, object: ObjectId) {
        if self.cut.is_some_and(|cut| cut.ignores_object(object)) {
            return;
        }
        if let Some(stage) = self.stages.get_mut(object.index()).filter(|stage| **stage == DEAD) {
            *stage = kind as u8;
            self.next.push(object);
        }
    }

    fn run(&mut self, kind: RootKind) -> Result<(), Cancelled> {
        let mut level = 0_u32;
        let mut current = Vec::new();
        while !self.next.is_empty() {
            level += 1;
            std::mem::swap(&mut current, &mut self.next);
            for object in current.drain(..) {
                self.n_since_tick += 1;
                if self.n_since_tick == TICK {
                    self.n_since_tick = 0;
                    self.job.tick(u64::from(TICK))?;
                }
                match self.cut {
                    None => {
                        for target in self.graph.references.of(object) {
                            reach(
                                &mut self.stages,
                                &mut self.levels,
                                &mut self.deep,
                                &mut self.next,
                                kind,
                                target,
                                level,
                            );
                        }
                    }
                    Some(cut) => {
                        cut.targets(self.snapshot, self.graph, object, &mut self.row);
                        for &target in &self.row {
                            reach(
                                &mut self.stages,
                                &mut self.levels,
                                &mut self.deep,
                                &mut self.next,
                                kind,
                                target,
                                level,
                            );
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[inline]
fn reach(
    stages: &mut [u8],
    levels: &mut [u16],
    deep: &mut Vec<(ObjectId, u32)>,
    next: &mut Vec<ObjectId>,
    kind: RootKind,
    target: ObjectId,
    level: u32,
) {
    let stage = &mut stages[target.index()];
    if *stage != DEAD {
        return;
    }
    *stage = kind as u8;
    levels[target.index()] = match u16::try_from(level) {
        Ok(level) if level != DEEP => level,
        _ => {
            deep.push((target, level));
            DEEP
        }
    };
    next.push(target);
}

fn amounts(snapshot: &HeapSnapshot, stages: &[u8], job: &Job) -> Result<[Amount; RootKind::ALL.len()], Cancelled> {
    let mut amounts = [Amount::default(); RootKind::ALL.len()];
    for entry in snapshot.objects.all_entries() {
        if entry.id.0 % TICK == 0 {
            job.tick(0)?;
        }
        if let Some(amount) = amounts.get_mut(usize::from(stages[entry.id.index()])) {
            amount.add(entry.size);
        }
    }
    Ok(amounts)
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
    fn a_list_longer_than_sixteen_bits_of_levels() {
        let n = 200_000_u32;
        let lists: Vec<Vec<u32>> = (0..n).map(|id| if id + 1 < n { vec![id + 1] } else { vec![] }).collect();
        let (snapshot, graph) = GraphSpec::from_lists(&lists).with_handles(&[0]).build();
        let reach =
            reachability(&snapshot, &graph, ReachabilityOptions { stack: true, cut: None }, &Job::new()).unwrap();
        for id in [0, 1, 65_534, 65_535, 65_536, n - 1] {
            assert_eq!(reach.level(ObjectId(id)), Some(id));
        }
        assert_eq!(reach.total().count, u64::from(n));
    }
}
