//! Tasks: faults nobody looked at, and chains of async methods that wait on one task.

use std::collections::BTreeMap;

use super::{Description, Inspection, Item, ObjectSet, Reader, Subject, held_only_by, times};
use crate::analysis::readable::state_machine_method;
use crate::base::{Cancelled, Job, number};
use crate::snapshot::{ObjectId, TypeId};

const FAULTED: Description = Description {
    name: "faulted-tasks",
    title: "Unobserved faults",
    definition: "tasks that failed and whose exception nobody has looked at",
    threshold: "10 or more tasks",
    remedy: "await the task or read its Exception; log TaskScheduler.UnobservedTaskException",
};

const STUCK: Description = Description {
    name: "stuck-tasks",
    title: "Tasks and async chains",
    definition: "async methods that wait on one task that has not finished",
    threshold: "100 or more wait on one task",
    remedy: "complete or cancel the task they wait for; give waits a time limit",
};

/// `Task.m_stateFlags` (measured on 3.1 and 9; unchanged from 2.1 to 10).
const FLAG_FAULTED: i32 = 0x0020_0000;
/// Cancelled, faulted or ran to completion.
const FLAGS_DONE: i32 = 0x0160_0000;

/// Faulted tasks that are called a finding.
const MIN_FAULTED: usize = 10;
/// Waiters on one task that are called a finding.
const MIN_WAITERS: u64 = 100;
/// Kinds of waiters on one task that are named.
const NAMED_WAITERS: usize = 3;

/// What tells waiters apart: the type, and the two code pointers of a delegate.
type WaiterKind = (TypeId, Option<u64>, Option<u64>);

/// A task with what waits for it, by kind.
type Awaited = (ObjectId, Vec<(String, u64)>);

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<[Inspection; 2], Cancelled> {
    let tasks = reader.types_where(|name| name == "System.Threading.Tasks.Task");
    let Some(task) = tasks.iter().position(|&is| is).map(|index| TypeId(index as u32)) else {
        return Ok([FAULTED.absent(reader), STUCK.absent(reader)]);
    };
    if !reader.has(task, "m_stateFlags") || !reader.has(task, "m_continuationObject") {
        let why = "the task's fields have no names in this dump";
        return Ok([FAULTED.not_possible(why.to_owned()), STUCK.not_possible(why.to_owned())]);
    }
    let is_task: Vec<bool> = subject.snapshot.types.iter().map(|(id, _)| reader.derives(id, &tasks)).collect();
    let mut faulted: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
    let mut awaited: Vec<Awaited> = Vec::new();
    let mut n_pending = 0u64;
    for (index, object) in subject.snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        if !is_task[subject.snapshot.objects.type_of(object).index()] || !subject.live(object) {
            continue;
        }
        let flags = reader.int(object, "m_stateFlags").unwrap_or(0);
        if flags & FLAG_FAULTED != 0 && is_unobserved(reader, object) {
            faulted.entry(exception_text(subject, reader, object)).or_default().push(object);
        }
        if flags & FLAGS_DONE == 0 {
            n_pending += 1;
            let found = waiters(reader, object, job)?;
            if found.iter().map(|(_, n)| n).sum::<u64>() >= MIN_WAITERS {
                awaited.push((object, found));
            }
        }
    }
    Ok([faulted_answer(subject, faulted), stuck_answer(subject, awaited, n_pending, job)?])
}

fn is_unobserved(reader: &Reader<'_>, task: ObjectId) -> bool {
    reader
        .object(task, "m_contingentProperties")
        .and_then(|properties| reader.object(properties, "m_exceptionsHolder"))
        .and_then(|holder| reader.flag(holder, "m_isHandled"))
        == Some(false)
}

fn exception_text(subject: &Subject<'_>, reader: &Reader<'_>, task: ObjectId) -> String {
    let exceptions = reader
        .object(task, "m_contingentProperties")
        .and_then(|properties| reader.object(properties, "m_exceptionsHolder"))
        .and_then(|holder| reader.object(holder, "m_faultExceptions"))
        .and_then(|list| reader.object(list, "_items"))
        .and_then(|items| reader.element(items, 0));
    // Each entry is an ExceptionDispatchInfo around the exception.
    let exception = exceptions.map(|info| reader.object(info, "_exception|m_Exception").unwrap_or(info));
    let Some(exception) = exception else { return "an exception that cannot be read".to_owned() };
    subject.snapshot.type_of(exception).display_name()
}

fn faulted_answer(subject: &Subject<'_>, faulted: BTreeMap<String, Vec<ObjectId>>) -> Inspection {
    let n: usize = faulted.values().map(Vec::len).sum();
    let items = faulted
        .into_iter()
        .map(|(text, tasks)| Item {
            text: times(tasks.len() as u64, &text),
            objects: tasks.len() as u64,
            bytes: tasks.iter().map(|&task| subject.retained(task)).sum(),
            example: tasks.first().copied(),
        })
        .collect();
    if n == 0 {
        return FAULTED.nothing();
    }
    FAULTED.answer(n >= MIN_FAULTED, number::counted(n as u64, "task", "tasks"), items)
}

/// Continuations of a task in words, with their numbers, most first: none, one, or a list of them with holes where one
/// was taken back.
fn waiters(reader: &Reader<'_>, task: ObjectId, job: &Job) -> Result<Vec<(String, u64)>, Cancelled> {
    let Some(continuation) = reader.object(task, "m_continuationObject") else { return Ok(Vec::new()) };
    if !reader.type_name(continuation).starts_with("System.Collections.Generic.List<") {
        return Ok(vec![(waiter_text(reader, continuation), 1)]);
    }
    let n = reader.int(continuation, "_size").map_or(0, |size| u64::from(size.max(0).cast_unsigned()));
    let Some(items) = reader.object(continuation, "_items").filter(|_| n >= MIN_WAITERS) else {
        return Ok(Vec::new());
    };
    // Few kinds, whose words are made once each.
    let mut kinds: BTreeMap<WaiterKind, (u64, ObjectId)> = BTreeMap::new();
    for index in 0..n.min(reader.len(items).unwrap_or(0)) {
        if index.is_multiple_of(4_096) {
            job.tick(0)?;
        }
        if let Some(waiter) = reader.element(items, index) {
            let ty = reader.snapshot().objects.type_of(waiter);
            let key = (ty, reader.long(waiter, "_methodPtr"), reader.long(waiter, "_methodPtrAux"));
            kinds.entry(key).or_insert((0, waiter)).0 += 1;
        }
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (n, waiter) in kinds.into_values() {
        *counts.entry(waiter_text(reader, waiter)).or_default() += n;
    }
    let mut waiters: Vec<(String, u64)> = counts.into_iter().collect();
    waiters.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    Ok(waiters)
}

/// The async method behind a continuation: its state machine is an argument of the box's type.
fn waiter_text(reader: &Reader<'_>, continuation: ObjectId) -> String {
    let name = reader.type_name(continuation);
    match state_machine_method(&name) {
        Some(method) => method,
        None if reader.has(reader.snapshot().objects.type_of(continuation), "_methodPtr") => {
            reader.delegate_text(continuation)
        }
        None => name,
    }
}

fn stuck_answer(
    subject: &Subject<'_>,
    awaited: Vec<Awaited>,
    n_pending: u64,
    job: &Job,
) -> Result<Inspection, Cancelled> {
    if awaited.is_empty() {
        return Ok(STUCK.answer(false, number::counted(n_pending, "task pending", "tasks pending"), Vec::new()));
    }
    let mut items = Vec::new();
    let mut waiting = 0;
    for (task, waiters) in &awaited {
        let mut cut = ObjectSet::new(subject.snapshot.objects.len());
        cut.insert(*task);
        let (_, bytes, _) = held_only_by(subject, &cut, job)?;
        let n: u64 = waiters.iter().map(|(_, n)| n).sum();
        waiting += n;
        let mut kinds: Vec<String> = waiters.iter().take(NAMED_WAITERS).map(|(what, n)| times(*n, what)).collect();
        let rest: u64 = waiters.iter().skip(NAMED_WAITERS).map(|(_, n)| n).sum();
        if rest > 0 {
            kinds.push(format!("{} others", number::count(rest)));
        }
        items.push(Item {
            text: format!("{} on one {}", kinds.join(", "), subject.snapshot.type_of(*task).display_name()),
            objects: n,
            bytes,
            example: Some(*task),
        });
    }
    let result = format!(
        "{} on {}",
        number::counted(waiting, "waiter", "waiters"),
        number::counted(awaited.len() as u64, "task", "tasks")
    );
    Ok(STUCK.answer(true, result, items))
}
