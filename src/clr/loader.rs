//! Modules of the managed program: all that its application domain lists, whether a type of theirs has an instance or not.
//!
//! ```text
//! Module -> Assembly -> (back) Module            the two distances are learned from modules that types name
//! AppDomain: list { u32 count, u32, block { next, u32 size = 5, u32, 5 entries } }   found from the runtime's data
//! entry -> Module, or -> Assembly -> Module
//! ```
//!
//! No distance is written down here: Module, Assembly and AppDomain change with every version, processor and C library.
//! Each is found by what it must lead back to, and used only when every module that is known already is in the list.

use std::collections::{BTreeMap, BTreeSet};

use super::Runtime;
use super::runtime_type_system::MethodTable;
use super::words::{word, word32, words};
use crate::base::{Addr, Limits};
use crate::target::{SplicedMemory, Target};

/// Bytes of a Module that are searched for the pointer to its Assembly (0x128, 0x138, 0xF8, 0x30 were seen).
const MODULE_SPAN: u64 = 0x200;
/// Bytes of an Assembly or a list's entry that are searched for pointers to Module and Assembly (0x0 to 0x20 were seen).
const ASSEMBLY_SPAN: u64 = 0x80;
/// Bytes of an AppDomain that are searched for the list of assemblies (0x240 to 0xB28 were seen).
const DOMAIN_SPAN: u64 = 0x2000;

/// How a Module and its Assembly point at each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AssemblyLink {
    /// Offset of the Assembly's address in the Module.
    pub(crate) forth: u64,
    /// Offset of the Module's address in the Assembly.
    pub(crate) back: u64,
}

impl AssemblyLink {
    /// The Assembly of `module`, when it points back.
    pub(crate) fn assembly_of(self, memory: &SplicedMemory, module: Addr) -> Option<Addr> {
        let assembly = word(memory, module, self.forth).filter(|at| !at.is_null())?;
        (word(memory, assembly, self.back)? == module).then_some(assembly)
    }

    /// The Module of `assembly`, when it points back.
    fn module_of(self, memory: &SplicedMemory, assembly: Addr) -> Option<Addr> {
        let module = word(memory, assembly, self.back).filter(|at| !at.is_null() && at.is_aligned_to(8))?;
        (word(memory, module, self.forth)? == assembly).then_some(module)
    }
}

/// Addresses of modules and how they were found.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleList {
    /// Module addresses, sorted.
    pub(crate) modules: Vec<Addr>,
    /// The link that the list was read with; `None` when no list was found and only types named their modules.
    pub(crate) link: Option<AssemblyLink>,
    /// Address of the application domain.
    pub(crate) domain: Option<Addr>,
}

/// Finds all modules. `known` are modules that types name.
pub(crate) fn find(runtime: &Runtime, known: &BTreeSet<Addr>, limits: &Limits) -> ModuleList {
    let memory = &runtime.target.memory;
    let mut best = ModuleList { modules: known.iter().copied().collect(), link: None, domain: None };
    // The list with the most known modules; of those the longest: every entry has proved itself by pointing back.
    let mut best_hits = (0_usize, 0_usize);
    let lists: Vec<ArrayList> = domain_candidates(&runtime.target, runtime.info.module)
        .into_iter()
        .flat_map(|domain| lists_in(memory, domain, limits))
        .collect();
    for link in assembly_links(memory, known) {
        for list in &lists {
            let Some(listed) = read_list(memory, list, link) else { continue };
            let hits = (known.intersection(&listed).count(), listed.len());
            if hits.0 > 0 && hits > best_hits {
                best_hits = hits;
                // A type that was not one may have named something else: a module has an assembly that points back.
                let proved = known.iter().filter(|&&module| link.assembly_of(memory, module).is_some());
                best.modules = listed.iter().chain(proved).copied().collect::<BTreeSet<_>>().into_iter().collect();
                best.link = Some(link);
                best.domain = Some(list.domain);
            }
        }
    }
    best
}

/// Links that hold for at least nine of ten known modules, the best first.
fn assembly_links(memory: &SplicedMemory, known: &BTreeSet<Addr>) -> Vec<AssemblyLink> {
    let mut votes: BTreeMap<AssemblyLink, usize> = BTreeMap::new();
    let sample: Vec<Addr> = known.iter().copied().take(64).collect();
    for &module in &sample {
        for forth in (0..MODULE_SPAN).step_by(8) {
            let Some(assembly) = word(memory, module, forth).filter(|at| at.is_aligned_to(8) && at.0 > 0xffff) else {
                continue;
            };
            for back in (0..ASSEMBLY_SPAN).step_by(8) {
                if word(memory, assembly, back) == Some(module) {
                    let count = votes.entry(AssemblyLink { forth, back }).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    let enough = sample.len().saturating_mul(9).div_ceil(10).max(1);
    let mut links: Vec<(usize, AssemblyLink)> =
        votes.into_iter().filter(|&(_, n)| n >= enough).map(|(link, n)| (n, link)).collect();
    links.sort_by_key(|&(n, link)| (std::cmp::Reverse(n), link));
    links.into_iter().map(|(_, link)| link).take(16).collect()
}

/// Addresses that the runtime's writable data holds and that can be an AppDomain: outside the runtime itself.
fn domain_candidates(target: &Target, module: usize) -> Vec<Addr> {
    let Some(module) = target.modules.get(module) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for &span in &module.writable {
        for (_, value) in words(&target.memory, span) {
            let at = Addr(value);
            if at.is_aligned_to(8) && value > 0xffff && !module.range.contains(at) && target.memory.contains(at) {
                found.insert(at);
            }
        }
    }
    found.into_iter().collect()
}

/// Something with the shape of an array list.
#[derive(Clone, Copy, Debug)]
struct ArrayList {
    domain: Addr,
    at: Addr,
    count: u32,
}

/// Everything in `domain` that has the shape of an array list with entries.
fn lists_in(memory: &SplicedMemory, domain: Addr, limits: &Limits) -> Vec<ArrayList> {
    let mut lists = Vec::new();
    for offset in (0..DOMAIN_SPAN).step_by(8) {
        let Some(at) = domain.checked_add(offset) else { break };
        // Absent memory ends an object: what follows is another one.
        let Some(count) = word32(memory, at, 0) else { break };
        if count > 0 && u64::from(count) <= limits.managed_modules && word32(memory, at, 16) == Some(5) {
            lists.push(ArrayList { domain, at, count });
        }
    }
    lists
}

/// The modules of an array list (arraylist.h): the first block of five entries is inside, others follow by `next`. `None`
/// when it is no list of assemblies: nine of ten entries must lead to a module.
fn read_list(memory: &SplicedMemory, list: &ArrayList, link: AssemblyLink) -> Option<BTreeSet<Addr>> {
    let mut modules = BTreeSet::new();
    let (mut n_entries, mut n_modules) = (0_usize, 0_usize);
    let mut left = list.count;
    let mut block = list.at.checked_add(8)?;
    while left > 0 {
        let size = word32(memory, block, 8).filter(|&size| (1..=1 << 20).contains(&size))?;
        for index in 0..size.min(left) {
            let entry = word(memory, block, u64::from(index).saturating_mul(8).saturating_add(16))?;
            // A context that was unloaded leaves its place empty.
            if entry.is_null() {
                continue;
            }
            n_entries = n_entries.saturating_add(1);
            if let Some(module) = module_of_entry(memory, entry, link) {
                n_modules = n_modules.saturating_add(1);
                modules.insert(module);
            }
            if n_modules < n_entries.saturating_sub(1).saturating_mul(9).div_ceil(10) {
                return None;
            }
        }
        left = left.saturating_sub(size);
        block = word(memory, block, 0)?;
        if block.is_null() {
            break;
        }
    }
    (left == 0 && n_modules > 0).then_some(modules)
}

fn module_of_entry(memory: &SplicedMemory, entry: Addr, link: AssemblyLink) -> Option<Addr> {
    if entry.is_null() || !entry.is_aligned_to(8) {
        return None;
    }
    // The entry is an Assembly itself, or a DomainAssembly that points at Assembly or Module.
    link.module_of(memory, entry).or_else(|| {
        (0..ASSEMBLY_SPAN).step_by(8).find_map(|offset| {
            let at = word(memory, entry, offset).filter(|at| at.is_aligned_to(8) && at.0 > 0xffff)?;
            if link.assembly_of(memory, at).is_some() { Some(at) } else { link.module_of(memory, at) }
        })
    })
}

/// Modules that `tables` name at +18: the loader's or the defining one, both are modules.
pub(crate) fn modules_of(tables: &[MethodTable]) -> BTreeSet<Addr> {
    tables.iter().map(|table| table.module).filter(|at| !at.is_null() && at.is_aligned_to(8)).collect()
}
