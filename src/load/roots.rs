//! Roots by id: handles, finalizer queues, threads with their stacks, thread-static storage.

use std::collections::BTreeMap;

use super::error::Error;
use crate::base::{Addr, HandleKind, Job, RootKind, Warnings};
use crate::clr::{Handles, Runtime, Thread, Threads};
use crate::snapshot::{Finalizers, HandleRow, HeapSnapshot, ObjectId, Root, RootTables, ThreadRow};

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
    pub(crate) handles: Handles,
    pub(crate) threads: Threads,
}

/// Reads every table of roots but the static fields.
pub(crate) fn read(
    runtime: &Runtime,
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
        tables.threads.push(thread_row(runtime, snapshot, thread, n_stack_words));
    }
    let mut dependents: Vec<(ObjectId, ObjectId)> = handles
        .list()
        .iter()
        .filter(|handle| handle.kind == HandleKind::Dependent)
        .filter_map(|handle| Some((find(handle.target)?, find(handle.dependent?)?)))
        .collect();
    dependents.sort_unstable();
    dependents.dedup();
    Ok(Read { tables, dependents, handles, threads })
}

/// The real object that begins at `at`.
pub(crate) fn object_at(snapshot: &HeapSnapshot, at: Addr) -> Option<ObjectId> {
    snapshot.objects.at(at).filter(|&object| snapshot.is_object(object))
}

/// Sorts roots by kind, address, register and object.
pub(crate) fn sort(roots: &mut [Root]) {
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
