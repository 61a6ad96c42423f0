//! Stitching: the true walk from chunk to chunk, and the withdrawal of wrong guesses.

use super::chunks::{Chunk, Cut, Lane, Sums};
use super::heap::Heap;
use super::tables::Table;
use super::{RangeSums, ShapeSource, TypeIndex, WORD_BYTES};

/// Puts the chunks of one range together.
pub(super) struct Stitcher<'h, 'm, S> {
    pub(super) heap: &'h Heap<'m, S>,
    /// What the true walk added.
    pub(super) sums: Sums,
    /// False once something was withdrawn: then sums have to be made anew.
    pub(super) is_exact: bool,
}

impl<'h, 'm, S: ShapeSource> Stitcher<'h, 'm, S> {
    pub(super) fn new(heap: &'h Heap<'m, S>) -> Self {
        Self { heap, sums: Sums::new(), is_exact: true }
    }

    pub(super) fn stitch<T: TypeIndex>(&mut self, chunks: &mut [Chunk<'_, T>]) {
        let mut table = Table::new();
        let mut at = 0;
        for chunk in chunks {
            if at < chunk.cut.to && chunk.entry == Some(at) {
                at = chunk.exit;
            } else {
                at = self.enter(chunk, at, &mut table);
            }
        }
    }

    /// The true walk enters `chunk` at `from` (or passes over it); returns where it leaves it.
    pub(super) fn enter<T: TypeIndex>(&mut self, chunk: &mut Chunk<'_, T>, from: u64, table: &mut Table) -> u64 {
        let cut = chunk.cut;
        if from >= cut.to && chunk.n == 0 {
            return from;
        }
        // Walk on a copy's worth of columns of our own until the guess is met.
        let mut own = OwnWalk::new(cut);
        let mut scratch = own.lend();
        let mut lane = Lane::new(&mut scratch, from, self.heap);
        while lane.at < cut.to && !has_start(chunk.bits, lane.at - cut.from) {
            lane.slow_step(self.heap, table, &mut self.sums);
        }
        let at = lane.at;
        let meets = at < cut.to;
        let skip = if meets { clear_below(chunk.bits, at - cut.from) } else { clear_below(chunk.bits, u64::MAX) };
        self.is_exact &= skip == 0;
        if skip > 0 {
            chunk.gaps.retain(|gap| meets && gap.range.start >= cut.objects.start.plus(at));
        }
        let Chunk { bits, types, n, gaps, sums, .. } = scratch;
        chunk.prefix = types.iter().take(n).map(|ty| ty.to_u32()).collect();
        for (word, own) in chunk.bits.iter_mut().zip(bits.iter()) {
            *word |= own;
        }
        chunk.gaps.splice(0..0, gaps);
        chunk.sums.add(&sums, 0);
        chunk.skip = skip;
        if meets { chunk.exit } else { at }
    }
}

/// Columns for the stretch that the true walk covers inside one chunk.
pub(super) struct OwnWalk {
    pub(super) cut: Cut,
    pub(super) bits: Vec<u64>,
    pub(super) types: Vec<u32>,
}

impl OwnWalk {
    pub(super) fn new(cut: Cut) -> Self {
        Self { cut, bits: vec![0; cut.n_words()], types: vec![0; cut.n_slots] }
    }

    pub(super) fn lend(&mut self) -> Chunk<'_, u32> {
        Chunk {
            cut: self.cut,
            bits: &mut self.bits,
            types: &mut self.types,
            n: 0,
            entry: None,
            exit: 0,
            prefix: Vec::new(),
            skip: 0,
            sums: RangeSums::default(),
            gaps: Vec::new(),
        }
    }
}

pub(super) fn has_start(bits: &[u64], offset: u64) -> bool {
    let slot = offset / 8;
    bits.get((slot / 64) as usize).is_some_and(|word| word >> (slot % 64) & 1 == 1)
}

/// Clears the bits of starts below `offset` bytes, and counts them.
pub(super) fn clear_below(bits: &mut [u64], offset: u64) -> usize {
    let mut n = 0;
    for (index, word) in (0_u64..).zip(bits) {
        let first = index * WORD_BYTES;
        if first >= offset {
            break;
        }
        let slots = (offset - first) / 8;
        let keep = if slots >= 64 { 0 } else { u64::MAX << slots };
        n += (*word & !keep).count_ones() as usize;
        *word &= keep;
    }
    n
}
