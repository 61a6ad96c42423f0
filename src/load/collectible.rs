//! The LoaderAllocator that instances of an unloadable type keep alive, by type.
//!
//! No field holds this edge: the collector follows it from the MethodTable. On the managed side a LoaderAllocator has a
//! scout that knows the native one; on the native side the type's loader module knows it, directly or through its
//! assembly. The two are brought together by that address, so no offset of a version is needed.

use std::collections::BTreeMap;

use crate::base::Addr;
use crate::clr::{Runtime, Types};
use crate::snapshot::{HeapSnapshot, ObjectId, Value};
use crate::target::TargetMemory;

/// Bytes of a Module, and of what it leads to, that are searched (0xB0, 0xF8 in a Module, 0x40 in an Assembly were seen).
const SPAN: u64 = 0x200;

/// Per type of `snapshot` the LoaderAllocator of its instances; empty when no type can be unloaded.
pub(crate) fn loader_allocators(runtime: &Runtime, clr: &Types, snapshot: &HeapSnapshot) -> Vec<Option<ObjectId>> {
    if !snapshot.types.iter().any(|(_, row)| row.collectible) {
        return Vec::new();
    }
    let natives = native_allocators(snapshot);
    snapshot
        .types
        .iter()
        .map(|(_, row)| {
            if !row.collectible || natives.is_empty() {
                return None;
            }
            allocator_of(runtime, clr, row.method_table, &natives)
        })
        .collect()
}

/// Native allocator to managed one. One pass over the objects, only when there are such types.
fn native_allocators(snapshot: &HeapSnapshot) -> BTreeMap<u64, ObjectId> {
    let wanted = snapshot.types.iter().find(|(_, row)| row.name.known() == Some("System.Reflection.LoaderAllocator"));
    let Some((wanted, _)) = wanted else { return BTreeMap::new() };
    snapshot
        .objects
        .ids()
        .filter(|&id| snapshot.objects.type_of(id) == wanted)
        .filter_map(|id| {
            let scout = snapshot.field_object(id, "m_scout")?;
            match snapshot.field_named(scout, "m_nativeLoaderAllocator")? {
                Value::Signed(native) if native != 0 => Some((native as u64, id)),
                Value::Pointer(native) if native != 0 => Some((native, id)),
                _ => None,
            }
        })
        .collect()
}

fn allocator_of(
    runtime: &Runtime,
    clr: &Types,
    method_table: Addr,
    natives: &BTreeMap<u64, ObjectId>,
) -> Option<ObjectId> {
    let memory = &runtime.target.memory;
    let table = clr.table(method_table)?;
    // The loader module: behind the auxiliary data from 9 on, in the MethodTable before.
    let behind = memory.ptr(table.auxiliary.plus(8)).ok().filter(|&module| clr.modules.at(module).is_some());
    let words = |at: Addr| (0..SPAN).step_by(8).filter_map(move |offset| memory.u64(at.plus(offset)).ok());
    for module in behind.into_iter().chain([table.module]) {
        if let Some(found) = words(module).find_map(|word| natives.get(&word)) {
            return Some(*found);
        }
        // One step further, through what points back at the module: its assembly.
        let assemblies = words(module).map(Addr).filter(|&at| words(at).any(|word| word == module.0));
        for assembly in assemblies {
            if let Some(found) = words(assembly).find_map(|word| natives.get(&word)) {
                return Some(*found);
            }
        }
    }
    None
}
