//! The core of a heap: objects that refer to something, numbered in heap order, and the references between them.
//!
//! The other objects are leaves. They lie on no path to anything, and are a third to a half of a heap: without them the
//! search reads plain rows a third as big, and every reference is decoded once. A leaf with one referrer belongs to that
//! referrer; the others wait as pairs until the dominators of the core are known.

use bytemuck::{Pod, Zeroable};

use crate::analysis::pages::Pages;
use crate::analysis::{ObjectSet, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapGraph, ObjectId};

/// A member of the core with the beginning of its row, so that a step of the search waits for one place of memory alone.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Member {
    /// Number in the order of the search; 0 while it is not reached.
    pub(super) number: u32,
    /// The first two targets, or [`NO_TARGET`].
    pub(super) targets: [u32; 2],
    /// Where the others are: one more than the place from that of its block; 0 without others.
    others: u32,
}

/// A row ends before it.
pub(super) const NO_TARGET: u32 = u32::MAX;

/// Members that share one full place, as a power of two.
const BLOCK_SHIFT: u32 = 12;

/// Indexes of members by object: the members before it.
#[derive(Debug)]
pub(super) struct Indexes {
    pub(super) set: ObjectSet,
    /// Members before each word of the set.
    before: Vec<u32>,
}

impl Indexes {
    fn new(set: ObjectSet) -> Self {
        let mut sum = 0;
        let before = set
            .words()
            .iter()
            .map(|word| {
                let before = sum;
                sum += word.count_ones();
                before
            })
            .collect();
        Self { set, before }
    }

    /// Index of `object`, when it is a member.
    #[inline]
    pub(super) fn of(&self, object: ObjectId) -> Option<u32> {
        let word = *self.set.words().get(object.index() / 64)?;
        let bit = object.0 % 64;
        (word >> bit & 1 == 1).then(|| self.before[object.index() / 64] + (word & !(u64::MAX << bit)).count_ones())
    }
}

/// Who refers to a leaf, while the core is read.
pub(super) const NOBODY: u32 = 0;
/// Several do: see [`Core::shared`].
pub(super) const SEVERAL: u32 = u32::MAX;

/// The core of a heap, and to whom its leaves belong.
pub(super) struct CoreGraph {
    pub(super) indexes: Indexes,
    /// By index, with one behind the last: as many as there are numbers.
    pub(super) members: Pages<Member>,
    pub(super) others: Others,
    /// By id, for leaves: [`NOBODY`], one more than the index of the only referrer, or [`SEVERAL`].
    pub(super) owners: Vec<u32>,
    /// Leaves with several referrers, each with the index of one.
    pub(super) shared: Vec<(ObjectId, u32)>,
}

impl CoreGraph {
    /// Reads every reference once.
    pub(super) fn read(graph: &HeapGraph, job: &Job) -> Result<Self, Cancelled> {
        let references = &graph.references;
        let mut set = ObjectSet::new(references.n_rows());
        for (object, targets) in references.rows() {
            if object.0.is_multiple_of(TICK) {
                job.tick(u64::from(TICK))?;
            }
            if !targets.is_empty() {
                set.insert(object);
            }
        }
        let mut core = Self {
            members: Pages::zeroed(set.len() as usize + 1),
            indexes: Indexes::new(set),
            others: Others::new(references.n_references()),
            owners: vec![NOBODY; references.n_rows()],
            shared: Vec::new(),
        };
        core.read_rows(graph, job)?;
        Ok(core)
    }

    fn read_rows(&mut self, graph: &HeapGraph, job: &Job) -> Result<(), Cancelled> {
        let Self { indexes, members, others, owners, shared } = self;
        let (members, owners): (&mut [Member], &mut [u32]) = (members, owners);
        let mut places = others.fill();
        let mut index = 0_u32;
        for (object, targets) in graph.references.rows() {
            if object.0.is_multiple_of(TICK) {
                job.tick(u64::from(TICK))?;
            }
            if targets.is_empty() {
                continue;
            }
            places.begin(index);
            let mut first = [NO_TARGET; 2];
            let mut n = 0;
            for target in targets {
                if let Some(member) = indexes.of(target) {
                    match first.get_mut(n) {
                        Some(place) => *place = member,
                        None => places.push(member),
                    }
                    n += 1;
                    continue;
                }
                let owner = &mut owners[target.index()];
                match *owner {
                    NOBODY => *owner = index + 1,
                    SEVERAL => shared.push((target, index)),
                    same if same == index + 1 => {}
                    other => {
                        shared.extend([(target, other - 1), (target, index)]);
                        *owner = SEVERAL;
                    }
                }
            }
            members[index as usize] = Member { number: 0, targets: first, others: places.end() };
            index += 1;
        }
        Ok(())
    }
}

/// Targets of members behind their first two: how many, and then they.
pub(super) struct Others {
    /// First place of each block of members.
    blocks: Vec<u64>,
    /// Members of a block, as a power of two. The places of a block fit 32 bits: when there are more than that in all,
    /// every member is a block.
    shift: u32,
    column: Vec<u32>,
}

impl Others {
    fn new(n_references: u64) -> Self {
        let shift = if u32::try_from(n_references).is_ok() { BLOCK_SHIFT } else { 0 };
        Self { blocks: Vec::new(), shift, column: Vec::new() }
    }

    fn fill(&mut self) -> Filling<'_> {
        Filling { blocks: &mut self.blocks, shift: self.shift, column: &mut self.column, base: 0, begin: 0 }
    }

    /// The column, looked up.
    pub(super) fn view(&self) -> OtherTargets<'_> {
        OtherTargets { blocks: &self.blocks, shift: self.shift, column: &self.column }
    }
}

/// The column while it is filled, member by member.
struct Filling<'a> {
    blocks: &'a mut Vec<u64>,
    shift: u32,
    column: &'a mut Vec<u32>,
    /// Place of the block.
    base: usize,
    /// Place of the member: the count, once there is one.
    begin: usize,
}

impl Filling<'_> {
    #[inline]
    fn begin(&mut self, index: u32) {
        self.begin = self.column.len();
        if index.trailing_zeros() >= self.shift {
            self.base = self.begin;
            self.blocks.push(self.base as u64);
        }
    }

    #[inline]
    fn push(&mut self, target: u32) {
        if self.column.len() == self.begin {
            self.column.push(0);
        }
        self.column.push(target);
    }

    #[inline]
    fn end(&mut self) -> u32 {
        match self.column.len() - self.begin {
            0 => 0,
            n => {
                self.column[self.begin] = (n - 1) as u32;
                (self.begin - self.base) as u32 + 1
            }
        }
    }
}

/// Targets behind the first two, looked up.
#[derive(Clone, Copy)]
pub(super) struct OtherTargets<'a> {
    blocks: &'a [u64],
    shift: u32,
    column: &'a [u32],
}

impl<'a> OtherTargets<'a> {
    /// Those of `member`, whose index is `index`, in the order of its slots. The same may come twice.
    #[inline]
    pub(super) fn of(self, member: Member, index: u32) -> &'a [u32] {
        if member.others == 0 {
            return &[];
        }
        let place = self.blocks[(index >> self.shift) as usize] as usize + member.others as usize;
        &self.column[place..place + self.column[place - 1] as usize]
    }
}
