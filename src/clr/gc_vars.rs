//! `GcDacVars`: the block of the runtime's writable data that names every variable of its collector. Found by shape.
//!
//! ```text
//! +0   u8 major, u8 minor, 6 zero bytes
//! +8   bytes of one `generation`
//! +16  number of generations              (from 5.0 on; absent in 2.1 and 3.1)
//!      up to two words of small values    (some builds of 8.0)
//!      27 addresses of variables, or 0    (gcinterface.dacvars.def; new ones are only appended)
//!      gc_heap_field_offsets, generation_field_offsets, …   (from 7 on)
//! ```
//!
//! Each check that cannot be made because its page is absent counts as unknown; only a wrong value refuses a candidate
//! (heap dumps made without the DAC lack the runtime's file-backed pages). Measured on 2.1, 3.1, 8, 9, 10.

use super::words::{WritableSpans, int32, word, word32, words};
use crate::base::{Addr, AddrRange};
use crate::target::{SplicedMemory, Target};

/// Addresses in the block that every version has.
const N_POINTERS: usize = 27;
/// Heaps a server collector may have; one per processor (GC_MAX_HEAPS is 1024 or 4096 by version).
const MAX_HEAPS: i32 = 4096;

/// Names of the addresses, by position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Var {
    BuiltWithServer = 1,
    GenerationTable = 3,
    MaxGeneration = 4,
    BackgroundState = 6,
    EphemeralSegment = 7,
    AllocAllocated = 12,
    FinalizeQueue = 15,
    NHeaps = 19,
    Heaps = 20,
    StructuresInvalid = 21,
    HandleTableMap = 26,
}

/// The collector's variables.
#[derive(Clone, Debug)]
pub struct GcVars {
    /// Address of the block.
    pub at: Addr,
    /// Index of the module that holds the block (the runtime).
    pub module: usize,
    /// Index of the module that the block points into: another one for a stand-alone collector.
    pub gc_module: usize,
    /// Version of the interface.
    pub major: u8,
    /// Version of the interface.
    pub minor: u8,
    /// Bytes of one `generation`.
    pub generation_bytes: u64,
    /// Number of generations; `None` before 5.0, which has four.
    pub n_generations: Option<u64>,
    /// Variables that hold the block's own address (`g_gcDacGlobals`).
    pub referrers: Vec<Addr>,
    /// Array of field offsets of `gc_heap`; null when this version has none.
    pub heap_field_offsets: Addr,
    /// Array of field offsets of `generation`; null when this version has none.
    pub generation_field_offsets: Addr,
    /// Checks that could not be made because their page is absent.
    pub unknown: Vec<&'static str>,
    pointers: [Addr; N_POINTERS],
}

impl GcVars {
    /// Address of a variable; null when this collector has none.
    pub(crate) fn address(&self, var: Var) -> Addr {
        self.pointers.get(var as usize).copied().unwrap_or(Addr::NULL)
    }

    /// The pointer a variable holds.
    pub(crate) fn value(&self, memory: &SplicedMemory, var: Var) -> Option<Addr> {
        let at = self.address(var);
        if at.is_null() { None } else { word(memory, at, 0) }
    }

    /// The number a variable holds.
    pub(crate) fn number(&self, memory: &SplicedMemory, var: Var) -> Option<i32> {
        let at = self.address(var);
        if at.is_null() { None } else { int32(memory, at, 0) }
    }

    /// Number of generations.
    #[must_use]
    pub fn generations(&self) -> u64 {
        self.n_generations.unwrap_or(4)
    }

    /// True for a server collector: no table of generations of its own, but heaps.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.address(Var::GenerationTable).is_null()
    }

    /// Every block of `module` that passes all checks, those that something refers to first, then by address.
    pub(crate) fn find(target: &Target, spans: &WritableSpans, module: usize) -> Vec<Self> {
        let memory = &target.memory;
        let writable = target.modules.get(module).map(|found| found.writable.as_slice()).unwrap_or_default();
        let mut found: Vec<Self> = writable
            .iter()
            .flat_map(|&span| words(memory, span))
            .filter(|&(_, head)| looks_like_head(head))
            .filter_map(|(at, head)| Self::parse(memory, spans, module, at, head))
            .collect();
        for vars in &mut found {
            vars.referrers = referrers(memory, writable, vars.at);
        }
        found.sort_by_key(|vars| (vars.referrers.is_empty(), vars.at));
        found
    }

    fn parse(memory: &SplicedMemory, spans: &WritableSpans, module: usize, at: Addr, head: u64) -> Option<Self> {
        let [major, minor, ..] = head.to_le_bytes();
        let generation_bytes = word(memory, at, 8)?.0;
        if !(0x40..=0x2000).contains(&generation_bytes) || !generation_bytes.is_multiple_of(8) {
            return None;
        }
        let count = word(memory, at, 16)?.0;
        let n_generations = (3..=16).contains(&count).then_some(count);
        let first = at.plus(if n_generations.is_some() { 24 } else { 16 });
        // Some builds of 8.0 put one or two words of small values before the addresses.
        let (start, pointers, gc_module) = (0..3u64)
            .map(|skipped| first.plus(skipped.wrapping_mul(8)))
            .find_map(|start| pointers_at(memory, spans, start).map(|(pointers, owner)| (start, pointers, owner)))?;
        let mut vars = Self {
            at,
            module,
            gc_module,
            major,
            minor,
            generation_bytes,
            n_generations,
            referrers: Vec::new(),
            heap_field_offsets: Addr::NULL,
            generation_field_offsets: Addr::NULL,
            unknown: Vec::new(),
            pointers,
        };
        vars.check_values(memory)?;
        if n_generations.is_some() {
            vars.read_field_offsets(memory, spans, start);
        }
        Some(vars)
    }

    /// The variables whose values are known beforehand. `None` when one is wrong.
    fn check_values(&mut self, memory: &SplicedMemory) -> Option<()> {
        match self.number(memory, Var::MaxGeneration) {
            Some(2) => {}
            Some(_) => return None,
            None => self.unknown.push("max_gen"),
        }
        let built_with_server = self.address(Var::BuiltWithServer);
        match word32(memory, built_with_server, 0).map(|value| value & 0xff) {
            Some(0 | 1) => {}
            Some(_) => return None,
            None => self.unknown.push("built_with_svr"),
        }
        if !self.address(Var::GenerationTable).is_null() {
            return Some(());
        }
        if self.address(Var::Heaps).is_null() {
            return None;
        }
        match self.number(memory, Var::NHeaps) {
            Some(1..=MAX_HEAPS) => Some(()),
            _ => None,
        }
    }

    /// The two arrays behind the fixed addresses, where they are what they should be. 5.0 and 6 have other things there.
    fn read_field_offsets(&mut self, memory: &SplicedMemory, spans: &WritableSpans, start: Addr) {
        let pair = start.plus((N_POINTERS as u64).wrapping_mul(8));
        let (Some(heap), Some(generation)) = (word(memory, pair, 0), word(memory, pair, 8)) else { return };
        // The arrays of 10 are constants that stand beside the variables: any place in the module will do.
        if spans.owner(heap) != Some(self.gc_module) || spans.owner(generation) != Some(self.gc_module) {
            return;
        }
        let plausible = match (int32(memory, generation, 0), int32(memory, generation, 4)) {
            (Some(context), Some(segment)) => context == 0 && (0x20..=0x200).contains(&segment),
            _ => {
                self.unknown.push("generation_field_offsets");
                true
            }
        };
        if plausible {
            self.heap_field_offsets = heap;
            self.generation_field_offsets = generation;
        }
    }
}

/// Small version numbers and nothing else.
const fn looks_like_head(head: u64) -> bool {
    let major = head & 0xff;
    head >> 16 == 0 && major >= 1 && major <= 16 && (head >> 8) & 0xff <= 64
}

/// The addresses at `start`: each null or in the writable data of one and the same module.
fn pointers_at(memory: &SplicedMemory, spans: &WritableSpans, start: Addr) -> Option<([Addr; N_POINTERS], usize)> {
    let mut pointers = [Addr::NULL; N_POINTERS];
    let mut owner = None;
    let mut n_set = 0u32;
    for (pointer, index) in pointers.iter_mut().zip(0u64..) {
        *pointer = word(memory, start, index.wrapping_mul(8))?;
        if pointer.is_null() {
            continue;
        }
        let module = spans.owner(*pointer)?;
        if *owner.get_or_insert(module) != module {
            return None;
        }
        n_set = n_set.saturating_add(1);
    }
    // A server collector leaves seven.
    (n_set >= 6).then_some(())?;
    Some((pointers, owner?))
}

/// Variables of `writable` that hold `at`.
fn referrers(memory: &SplicedMemory, writable: &[AddrRange], at: Addr) -> Vec<Addr> {
    writable
        .iter()
        .flat_map(|&span| words(memory, span))
        .filter(|&(_, value)| value == at.0)
        .map(|(place, _)| place)
        .collect()
}
