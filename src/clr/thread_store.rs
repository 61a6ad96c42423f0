//! The runtime's list of threads, found without symbols.
//!
//! ```text
//! variable that holds the address of GcVars (g_gcDacGlobals)
//!   └ its entry in the DAC table: 64-bit addresses (8 and later) or 32-bit offsets from the module (2.1, 3.1)
//!       ├ 3 entries before it: the finalizer thread
//!       └ 4 to 24 before it: the ThreadStore ─ head of the list ─ link ─ link ─ …    (a link lies inside its Thread)
//! ```
//!
//! The distances are checked, not believed: the list must hold the finalizer thread. Without the table every pointer in
//! the runtime's data is tried as the ThreadStore, and ids of the operating system's threads decide.

use std::collections::HashSet;

use super::Runtime;
use super::words::{int32, word, word32, words};
use crate::base::{Addr, AddrRange};
use crate::target::{SplicedMemory, Target};

/// Where a Thread's link can be, from the Thread's start (0x70 to 0x138 in the versions seen).
const THREAD_BYTES: u64 = 0x400;
/// Bytes of a ThreadStore that are searched for the list's head.
const STORE_BYTES: u64 = 0x140;
/// The number of threads stands this far behind the head (2.1 to 10).
const COUNT_BEHIND_HEAD: u64 = 0x18;
/// The id of a thread that has not started, beside 0.
pub(crate) const NO_ID: u32 = 0xbaad_f00d;

/// The list of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ThreadList {
    /// Threads in the order of the list.
    pub(crate) threads: Vec<Addr>,
    /// Offset of the link in a Thread.
    pub(crate) link: u64,
    /// The finalizer thread, when known.
    pub(crate) finalizer: Option<Addr>,
    /// How it was found, for the evidence.
    pub(crate) how: String,
}

#[derive(Clone, Debug)]
struct Candidate {
    links: Vec<Addr>,
    /// The count behind the head is the length.
    is_counted: bool,
    /// Offset of the link, from the finalizer thread.
    link: Option<u64>,
    store: Addr,
}

/// Entries of the DAC table near the one that leads to the collector's variables.
#[derive(Clone, Debug, Default)]
struct DacEntries {
    finalizers: Vec<Addr>,
    stores: Vec<Addr>,
}

/// Parts of memory that hold the module's image: its file mappings and writable spans. Never the gaps between, which may
/// hold anything.
pub(crate) fn image_ranges(target: &Target, module: usize) -> Vec<AddrRange> {
    let Some(module) = target.modules.get(module) else { return Vec::new() };
    let mut ranges: Vec<AddrRange> = target
        .file_mappings
        .iter()
        .filter(|row| *row.path == *module.path)
        .map(|row| row.range)
        .chain(module.writable.iter().copied())
        .collect();
    if ranges.len() == module.writable.len() && module.range.len() <= 256 << 20 {
        ranges.push(module.range);
    }
    ranges
}

impl Runtime {
    /// Finds the list of threads.
    pub(crate) fn find_threads(&self) -> Option<ThreadList> {
        let memory = &self.target.memory;
        let most = usize::try_from(self.limits.threads).unwrap_or(usize::MAX);
        let entries = self.dac_entries();
        let mut best: Option<Candidate> = None;
        for &store in &entries.stores {
            for &finalizer in &entries.finalizers {
                if store != finalizer {
                    consider(memory, store, Some(finalizer), most, &mut best);
                }
            }
        }
        if let Some((candidate, link)) = best.as_ref().and_then(|best| Some((best, best.link?))) {
            let finalizer = entries
                .finalizers
                .iter()
                .copied()
                .find(|&finalizer| candidate.links.iter().any(|at| at.offset_from(finalizer) == Some(link)));
            return Some(ThreadList {
                threads: candidate.links.iter().map(|at| at.minus(link)).collect(),
                link,
                finalizer,
                how: format!(
                    "ThreadStore {} from the DAC table, list at Thread+{link:#x}; it holds the finalizer thread{}",
                    candidate.store,
                    if candidate.is_counted { " and is as long as the store says" } else { "" }
                ),
            });
        }
        self.threads_by_ids(&entries, most)
    }

    fn dac_entries(&self) -> DacEntries {
        let mut entries = DacEntries::default();
        let memory = &self.target.memory;
        let Some(vars) = &self.vars else { return entries };
        let Some(module) = self.target.modules.get(vars.module) else { return entries };
        let ranges = image_ranges(&self.target, vars.module);
        let is_inside = |at: Addr| ranges.iter().any(|range| range.contains(at));
        for &variable in &vars.referrers {
            for range in &ranges {
                for (at, _) in words(memory, *range).filter(|&(_, value)| value == variable.0) {
                    let entry = |back: u64| at.checked_sub(back.wrapping_mul(8)).and_then(|at| word(memory, at, 0));
                    // The neighbours of an entry are addresses in the module too.
                    if (1..=12).filter(|&back| entry(back).is_some_and(is_inside)).count() >= 10 {
                        entries.add(memory, entry);
                    }
                }
            }
            // Both widths are looked for: a table of imported addresses looks like 64-bit entries.
            let Some(offset) = variable.offset_from(module.base).and_then(|offset| u32::try_from(offset).ok()) else {
                continue;
            };
            for range in &ranges {
                for at in halves_equal(memory, *range, offset) {
                    let entry = |back: u64| {
                        let offset =
                            word32(memory, at.checked_sub(back.wrapping_mul(4))?, 0).filter(|&offset| offset > 0)?;
                        module.base.checked_add(u64::from(offset))
                    };
                    if (1..=24).filter(|&back| entry(back).is_some_and(is_inside)).count() >= 20 {
                        entries.add(memory, entry);
                    }
                }
            }
        }
        entries
    }

    /// The list without the DAC table: by ids of the operating system's threads, and the managed thread that points back.
    fn threads_by_ids(&self, entries: &DacEntries, most: usize) -> Option<ThreadList> {
        let memory = &self.target.memory;
        let ids: HashSet<u32> = self.target.threads.iter().map(|thread| thread.id).collect();
        let vars = self.vars.as_ref()?;
        let writable = self.target.modules.get(vars.module).map(|found| found.writable.as_slice()).unwrap_or_default();
        let mut stores: Vec<Addr> = entries.stores.clone();
        stores.extend(writable.iter().flat_map(|&span| words(memory, span)).map(|(_, value)| Addr(value)));
        stores.retain(|at| at.is_aligned_to(8) && at.0 > 0xffff);
        let mut tried = HashSet::new();
        let mut best: Option<(usize, bool, Candidate, u64)> = None;
        for store in stores.into_iter().filter(|at| tried.insert(*at)) {
            let mut found: Option<Candidate> = None;
            consider(memory, store, None, most, &mut found);
            let Some(candidate) = found.filter(|candidate| candidate.is_counted && candidate.links.len() >= 2) else {
                continue;
            };
            let Some((offset, n_known)) = id_offset(memory, &candidate.links, &ids) else { continue };
            let better = best.as_ref().is_none_or(|(n, counted, ..)| (n_known, candidate.is_counted) > (*n, *counted));
            if n_known >= 2 && better {
                best = Some((n_known, candidate.is_counted, candidate, offset));
            }
        }
        let (n_known, _, candidate, _) = best?;
        let link = self.link_from_managed_threads(&candidate.links)?;
        Some(ThreadList {
            threads: candidate.links.iter().map(|at| at.minus(link)).collect(),
            link,
            finalizer: None,
            how: format!(
                "ThreadStore {} by ids: {n_known} of {} threads are the operating system's",
                candidate.store,
                candidate.links.len()
            ),
        })
    }

    /// Offset of the link in a Thread: a handle in the Thread leads to the managed thread, which holds the Thread's address.
    fn link_from_managed_threads(&self, links: &[Addr]) -> Option<u64> {
        let memory = &self.target.memory;
        let mut votes = std::collections::BTreeMap::<u64, usize>::new();
        for &link in links {
            let handles = (8..THREAD_BYTES).step_by(8).filter_map(|offset| word(memory, link, offset));
            for object in
                handles.filter_map(|handle| word(memory, handle, 0)).filter(|&at| self.gc.segment_of(at).is_some())
            {
                let back = (8..0x60u64).step_by(8).filter_map(|offset| word(memory, object, offset));
                for distance in back.filter_map(|at| link.offset_from(at)).filter(|d| (0x40..THREAD_BYTES).contains(d))
                {
                    let count = votes.entry(distance).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        votes.into_iter().max_by_key(|&(distance, n)| (n, std::cmp::Reverse(distance))).map(|(distance, _)| distance)
    }
}

impl DacEntries {
    fn add(&mut self, memory: &SplicedMemory, entry: impl Fn(u64) -> Option<Addr>) {
        let value = |back: u64| entry(back).and_then(|variable| word(memory, variable, 0)).filter(|at| at.0 > 0xffff);
        self.finalizers.extend(value(3));
        self.stores.extend((4..=24).filter_map(value));
    }
}

/// Places of `range` on a 4-byte boundary that hold `value`.
fn halves_equal(memory: &SplicedMemory, range: AddrRange, value: u32) -> Vec<Addr> {
    words(memory, range)
        .flat_map(|(at, both)| {
            let halves = both.to_le_bytes();
            let (chunks, _) = halves.as_chunks::<4>();
            let found: Vec<Addr> = [at, at.plus(4)]
                .into_iter()
                .zip(chunks)
                .filter(|(_, half)| u32::from_le_bytes(**half) == value)
                .map(|(at, _)| at)
                .collect();
            found
        })
        .collect()
}

/// Tries every word of `store` as the head of the list, and keeps the best in `best`: as long as the store says, with the
/// finalizer thread in it, long.
fn consider(memory: &SplicedMemory, store: Addr, finalizer: Option<Addr>, most: usize, best: &mut Option<Candidate>) {
    for offset in (0..STORE_BYTES).step_by(8) {
        let Some(head) = word(memory, store, offset) else { return };
        let Some(links) = follow(memory, head, most) else { continue };
        let count = int32(memory, store, offset.wrapping_add(COUNT_BEHIND_HEAD));
        let candidate = Candidate {
            is_counted: count.and_then(|count| usize::try_from(count).ok()) == Some(links.len()),
            link: finalizer.and_then(|finalizer| {
                links.iter().find_map(|at| at.offset_from(finalizer).filter(|link| (8..THREAD_BYTES).contains(link)))
            }),
            links,
            store,
        };
        let rank = |candidate: &Candidate| (candidate.link.is_some(), candidate.is_counted, candidate.links.len());
        if best.as_ref().is_none_or(|best| rank(&candidate) > rank(best)) {
            *best = Some(candidate);
        }
    }
}

/// The links from `head` to the null that ends the list; `None` when it does not end so.
fn follow(memory: &SplicedMemory, head: Addr, most: usize) -> Option<Vec<Addr>> {
    let mut links = Vec::new();
    let mut seen = HashSet::new();
    let mut at = head;
    while !at.is_null() {
        if !at.is_aligned_to(8) || at.0 <= 0xffff || links.len() >= most || !seen.insert(at) {
            return None;
        }
        let next = word(memory, at, 0)?;
        links.push(at);
        at = next;
    }
    (!links.is_empty()).then_some(links)
}

/// The offset from each of `bases` at which most hold one of `ids` and the rest no id, and how many do.
pub(crate) fn id_offset(memory: &SplicedMemory, bases: &[Addr], ids: &HashSet<u32>) -> Option<(u64, usize)> {
    let mut best: Option<(u64, usize)> = None;
    for offset in (8..THREAD_BYTES).step_by(4) {
        let (mut n_known, mut n_wrong, mut seen) = (0usize, 0usize, HashSet::new());
        for &base in bases {
            match word32(memory, base, offset) {
                Some(id) if ids.contains(&id) && seen.insert(id) => n_known = n_known.saturating_add(1),
                Some(0 | NO_ID) => {}
                _ => n_wrong = n_wrong.saturating_add(1),
            }
        }
        // A thread may have ended between two looks of the dump's writer.
        if n_known > 0 && n_wrong.saturating_mul(4) <= n_known && best.is_none_or(|(_, n)| n_known > n) {
            best = Some((offset, n_known));
        }
    }
    best
}
