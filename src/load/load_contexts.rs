//! The load context of every module, where it is not the default one.
//!
//! On the managed side a context knows the native binder that loads for it (`_nativeAssemblyLoadContext`, under this or a
//! longer name from 2.1 to 10); on the native side what a Module points to knows its binder. Where in those structures
//! differs between versions, so the two are brought together by address: the one pair of offsets is taken through which
//! every module leads to the binder of some context. One that leads all of them to the same binder says nothing, and
//! neither do two that contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Addr;
use crate::snapshot::preview::load_context_name;
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId, Value};
use crate::target::{SplicedMemory, TargetMemory};

/// Bytes of a Module, and of what it points to, that are searched (offsets up to 0xb8 were seen).
const SPAN: u64 = 0x200;
/// Of so many modules, all but one in so many must lead to a binder: those made at run time may have none of their own.
const STRAY_ONE_IN: usize = 4;

/// Names the load contexts in `snapshot.modules`.
pub(crate) fn name_load_contexts(memory: &SplicedMemory, snapshot: &mut HeapSnapshot) {
    let binders = binders(snapshot);
    if binders.len() < 2 {
        return;
    }
    let modules: Vec<Addr> = snapshot.modules.iter().map(|module| module.address).collect();
    let Some(of_module) = context_of_each(memory, &modules, &binders) else { return };
    let names: Vec<Option<String>> =
        of_module.into_iter().map(|context| context.and_then(|context| load_context_name(snapshot, context))).collect();
    for (module, name) in snapshot.modules.iter_mut().zip(names) {
        module.load_context = name;
    }
}

/// Native binder to managed context. One pass over the objects, only where a program has contexts of its own.
fn binders(snapshot: &HeapSnapshot) -> BTreeMap<u64, ObjectId> {
    let base =
        snapshot.types.iter().find(|(_, row)| row.name.known() == Some("System.Runtime.Loader.AssemblyLoadContext"));
    let Some((base, _)) = base else { return BTreeMap::new() };
    let is_context = |(ty, row): (TypeId, &crate::snapshot::TypeRow)| {
        (ty == base || row.derives_from(base, |id| snapshot.types.row(id))).then_some(ty)
    };
    let types: BTreeSet<TypeId> = snapshot.types.iter().filter_map(is_context).collect();
    let n: u64 = types.iter().filter_map(|ty| snapshot.totals.get(ty.index())).map(|totals| totals.count).sum();
    if n < 2 {
        return BTreeMap::new();
    }
    let contexts = snapshot.objects.ids().filter(|&id| types.contains(&snapshot.objects.type_of(id)));
    contexts
        .filter_map(|context| {
            let is_native = |name: &str| name.to_lowercase().ends_with("nativeassemblyloadcontext");
            let field =
                snapshot.type_of(context).fields.iter().find(|field| field.name.as_deref().is_some_and(is_native))?;
            match snapshot.field(context, field)? {
                Value::Signed(native) if native != 0 => Some((native as u64, context)),
                Value::Unsigned(native) | Value::Pointer(native) if native != 0 => Some((native, context)),
                _ => None,
            }
        })
        .collect()
}

/// The context of each module, by the offsets through which all of them have one.
fn context_of_each(
    memory: &SplicedMemory,
    modules: &[Addr],
    binders: &BTreeMap<u64, ObjectId>,
) -> Option<Vec<Option<ObjectId>>> {
    let words =
        |at: Addr| (0..SPAN).step_by(8).filter_map(move |offset| Some((offset, memory.u64(at.plus(offset)).ok()?)));
    // By pair of offsets: the context that each module leads to.
    let mut ways: BTreeMap<(u64, u64), Vec<Option<ObjectId>>> = BTreeMap::new();
    for (index, &module) in modules.iter().enumerate() {
        for (first, inner) in words(module).filter(|&(_, inner)| inner != 0 && inner % 8 == 0) {
            for (second, word) in words(Addr(inner)) {
                if let Some(&context) = binders.get(&word) {
                    let way = ways.entry((first, second)).or_insert_with(|| vec![None; modules.len()]);
                    if let Some(place) = way.get_mut(index) {
                        *place = Some(context);
                    }
                }
            }
        }
    }
    let n_found = |way: &[Option<ObjectId>]| way.iter().flatten().count();
    let n_different = |way: &[Option<ObjectId>]| way.iter().flatten().collect::<BTreeSet<_>>().len();
    let most = ways.values().filter(|way| n_different(way) >= 2).map(|way| n_found(way)).max()?;
    if most * STRAY_ONE_IN < modules.len() * (STRAY_ONE_IN - 1) {
        return None;
    }
    let mut best = ways.into_values().filter(|way| n_different(way) >= 2 && n_found(way) == most);
    let first = best.next()?;
    best.all(|way| way == first).then_some(first)
}
