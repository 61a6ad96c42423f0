//! Roots by id: handles, finalizer queues, threads with their stacks, thread-static storage.

use std::collections::BTreeMap;

use super::error::Error;
use crate::base::{Addr, ElementType, HandleKind, Job, RootKind, Warnings};
use crate::clr::statics::StaticField;
use crate::clr::{Handles, Runtime, Thread, Threads, Types};
use crate::snapshot::{Finalizers, HandleRow, HeapSnapshot, ObjectId, Root, RootTables, StaticRow, ThreadRow};

/// Words of stacks looked at between two looks at the job.
const WORDS_PER_TICK: u64 = 1 << 14;
/// Characters of a thread's name.
const NAME_CHARS: usize = 256;

/// The tables of roots, and what references need of them.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) tables: RootTables,
    /// Dependent handles, (primary, secondary), sorted.
    pub(crate) dependents: Vec<(ObjectId, ObjectId)>,
}

/// Reads every table of roots.
pub(crate) fn read(
    runtime: &Runtime,
    clr: &Types,
    snapshot: &HeapSnapshot,
    job: &Job,
    warnings: &mut Warnings,
) -> Result<Read, Error> {
    let handles = runtime.handles(warnings);
    job.tick(0)?;
    let threads = runtime.threads(&handles);
    job.tick(0)?;
    let finalizers = runtime.finalizers(warnings);
    job.tick(0)?;
    let find = |at: Addr| object_at(snapshot, at);

    let notes = handle_notes(&threads);
    let mut tables = RootTables { handles: handle_rows(&handles, snapshot, &notes), ..RootTables::default() };
    for (row, handle) in (0_u32..).zip(&tables.handles) {
        let Some(object) = handle.object.filter(|_| handle.is_strong) else { continue };
        tables.roots.push(Root {
            kind: root_kind(handle.kind),
            object,
            address: handle.address,
            row: Some(row),
            is_interior: false,
            register: None,
        });
    }
    let mut registered: Vec<ObjectId> = finalizers.registered.iter().filter_map(|&at| find(at)).collect();
    registered.sort_unstable();
    registered.dedup();
    let mut ready: Vec<ObjectId> = Vec::new();
    for &(slot, at) in &finalizers.ready {
        let Some(object) = find(at) else { continue };
        ready.push(object);
        tables.roots.push(Root {
            kind: RootKind::FinalizerQueue,
            object,
            address: slot,
            row: None,
            is_interior: false,
            register: None,
        });
    }
    ready.sort_unstable();
    ready.dedup();
    tables.finalizers = Finalizers { registered, ready };

    read_statics(clr, snapshot, &handles, &mut tables, job)?;
    let mut sorted: Vec<&Thread> = threads.list.iter().collect();
    sorted.sort_by_key(|thread| (thread.managed_id, thread.address));
    for (row, thread) in (0_u32..).zip(sorted) {
        let n_stack_words = stack_roots(runtime, snapshot, thread, row, &mut tables.roots, job)?;
        tables.roots.extend(runtime.thread_static_roots(&threads, thread).into_iter().filter_map(|(slot, at)| {
            let object = find(at)?;
            Some(Root {
                kind: RootKind::ThreadStatic,
                object,
                address: slot,
                row: None,
                is_interior: false,
                register: None,
            })
        }));
        read_thread_statics(clr, snapshot, (&threads, thread), &handles, &mut tables, job)?;
        tables.threads.push(thread_row(runtime, snapshot, thread, n_stack_words));
    }
    note_storage(snapshot, &mut tables);
    let mut dependents: Vec<(ObjectId, ObjectId)> = handles
        .list()
        .iter()
        .filter(|handle| handle.kind == HandleKind::Dependent)
        .filter_map(|handle| Some((find(handle.target)?, find(handle.dependent?)?)))
        .collect();
    dependents.sort_unstable();
    dependents.dedup();
    sort(&mut tables.roots);
    Ok(Read { tables, dependents })
}

/// MethodTables of the snapshot whose static fields can have values.
fn static_types(snapshot: &HeapSnapshot) -> Vec<Addr> {
    snapshot.types.iter().map(|(_, row)| row.method_table).filter(|at| !at.is_null()).collect()
}

fn read_statics(
    clr: &Types,
    snapshot: &HeapSnapshot,
    handles: &Handles,
    tables: &mut RootTables,
    job: &Job,
) -> Result<(), Error> {
    for field in clr.statics(&static_types(snapshot), handles, job)? {
        let Some(row) = static_row(snapshot, field, None) else { continue };
        // The fields of a type that can be unloaded hang on its LoaderAllocator: they are no roots.
        let is_root = !snapshot.types.row(row.declaring).collectible;
        if let Some(object) = row.object.filter(|_| is_root) {
            tables.roots.push(Root {
                kind: RootKind::Static,
                object,
                address: row.slot,
                row: u32::try_from(tables.statics.len()).ok(),
                is_interior: false,
                register: None,
            });
        }
        tables.statics.push(row);
    }
    Ok(())
}

fn read_thread_statics(
    clr: &Types,
    snapshot: &HeapSnapshot,
    (threads, thread): (&Threads, &Thread),
    handles: &Handles,
    tables: &mut RootTables,
    job: &Job,
) -> Result<(), Error> {
    let locals = clr.runtime().thread_locals(threads, thread, handles);
    for field in clr.thread_statics(&static_types(snapshot), &locals, handles, job)? {
        let Some(row) = static_row(snapshot, field, Some(thread.managed_id)) else { continue };
        if let Some(object) = row.object {
            tables.roots.push(Root {
                kind: RootKind::ThreadStatic,
                object,
                address: row.slot,
                row: u32::try_from(tables.thread_statics.len()).ok(),
                is_interior: false,
                register: None,
            });
        }
        tables.thread_statics.push(row);
    }
    // The array of arrays that the fields lie in is the runtime's own, too.
    if let Some(storage) = locals.storage.and_then(|at| object_at(snapshot, at)) {
        tables.static_storage.push(storage);
    }
    Ok(())
}

fn static_row(snapshot: &HeapSnapshot, field: StaticField, thread: Option<u32>) -> Option<StaticRow> {
    let is_reference = matches!(field.element, ElementType::Class | ElementType::ValueType);
    let storage = snapshot.objects.containing(field.slot).filter(|&(object, _)| snapshot.type_of(object).is_array());
    Some(StaticRow {
        declaring: snapshot.types.by_method_table(field.declaring)?,
        name: field.name.map(Into::into),
        slot: field.slot,
        element: field.element,
        value: field.value,
        object: if is_reference { object_at(snapshot, Addr(field.value)) } else { None },
        storage: storage.and_then(|(object, offset)| Some((object, u32::try_from(offset).ok()?))),
        thread,
    })
}

/// Lists the runtime's own arrays, those that static fields lie in, and says so at their handles.
fn note_storage(snapshot: &HeapSnapshot, tables: &mut RootTables) {
    let rows = tables.statics.iter().chain(&tables.thread_statics);
    tables.static_storage.extend(rows.filter_map(|row| Some(row.storage?.0)));
    tables.static_storage.sort_unstable();
    tables.static_storage.dedup();
    // Only arrays of references are the runtime's storage; a struct's box is an object of its own.
    tables.static_storage.retain(|&object| snapshot.type_of(object).is_array());
    let storage = &tables.static_storage;
    for handle in &mut tables.handles {
        let is_storage = handle.object.is_some_and(|object| storage.binary_search(&object).is_ok());
        if is_storage && handle.note.is_none() {
            handle.note = Some("storage of static fields".to_owned());
        }
    }
}

/// The real object that begins at `at`.
pub(crate) fn object_at(snapshot: &HeapSnapshot, at: Addr) -> Option<ObjectId> {
    snapshot.objects.at(at).filter(|&object| snapshot.is_object(object))
}

/// Sorts roots by kind, address, register and object.
fn sort(roots: &mut [Root]) {
    roots.sort_by(|a, b| {
        let key = |root: &Root| (root.kind, root.address, root.register, root.object, root.row);
        key(a).cmp(&key(b))
    });
}

fn root_kind(kind: HandleKind) -> RootKind {
    match kind {
        HandleKind::Pinned => RootKind::PinnedHandle,
        HandleKind::RefCounted => RootKind::RefCountedHandle,
        HandleKind::AsyncPinned => RootKind::AsyncPinnedHandle,
        HandleKind::SizedRef => RootKind::SizedRefHandle,
        _ => RootKind::StrongHandle,
    }
}

/// What the runtime uses its own handles for, by handle.
fn handle_notes(threads: &Threads) -> BTreeMap<Addr, String> {
    let mut notes = BTreeMap::new();
    for thread in &threads.list {
        let id = thread.managed_id;
        for (handle, use_) in [
            (thread.strong_handle, "thread object"),
            (thread.exposed_handle, "thread object"),
            (thread.exception_handle, "last exception"),
        ] {
            if !handle.is_null() {
                notes.entry(handle).or_insert_with(|| format!("{use_} of thread {id}"));
            }
        }
    }
    notes
}

fn handle_rows(handles: &Handles, snapshot: &HeapSnapshot, notes: &BTreeMap<Addr, String>) -> Vec<HandleRow> {
    handles
        .list()
        .iter()
        .map(|handle| HandleRow {
            kind: handle.kind,
            address: handle.address,
            target: handle.target,
            object: object_at(snapshot, handle.target),
            dependent: handle.dependent,
            ref_count: None,
            is_strong: handle.is_strong,
            note: notes.get(&handle.address).cloned(),
        })
        .collect()
}

/// Adds a root for every word of the thread's stack and registers that leads into an object; returns the words read.
fn stack_roots(
    runtime: &Runtime,
    snapshot: &HeapSnapshot,
    thread: &Thread,
    row: u32,
    roots: &mut Vec<Root>,
    job: &Job,
) -> Result<u64, Error> {
    let mut n_words = 0;
    for word in runtime.stack_words(thread) {
        n_words += 1;
        if n_words % WORDS_PER_TICK == 0 {
            job.tick(0)?;
        }
        let Some((object, offset)) = snapshot.objects.containing(word.value) else { continue };
        if snapshot.is_object(object) {
            roots.push(Root {
                kind: RootKind::Stack,
                object,
                address: word.slot,
                row: Some(row),
                is_interior: offset != 0,
                register: word.register,
            });
        }
    }
    Ok(n_words)
}

fn thread_row(runtime: &Runtime, snapshot: &HeapSnapshot, thread: &Thread, n_stack_words: u64) -> ThreadRow {
    let object = thread.object.and_then(|at| object_at(snapshot, at));
    // `_name` in every version from 3.0 on, `m_Name` before.
    let name = object.and_then(|object| {
        let text = ["_name", "m_Name"].iter().find_map(|name| snapshot.field_object(object, name))?;
        Some(snapshot.string(text, NAME_CHARS)?.text)
    });
    let os_name = || runtime.target.threads.get(thread.os_thread?)?.name.clone();
    let stack = thread.stack.unwrap_or_default();
    ThreadRow {
        address: thread.address,
        managed_id: thread.managed_id,
        os_id: thread.os_id,
        name: name.or_else(os_name),
        is_alive: thread.is_alive(),
        is_finalizer: thread.is_finalizer,
        state: thread.state.unwrap_or(0),
        state_text: thread.state_text(),
        is_cooperative: thread.is_cooperative,
        stack_base: stack.end,
        stack_limit: stack.start,
        stack_pointer: thread.stack_pointer,
        object,
        exception: thread.exception.and_then(|at| object_at(snapshot, at)),
        stack_problem: runtime.stack_parts(thread).problem,
        n_stack_words,
    }
}
