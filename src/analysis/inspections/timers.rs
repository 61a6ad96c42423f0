//! Timers: each keeps its callback's target alive for as long as it is armed.

use std::collections::BTreeMap;

use super::{Description, Inspection, Item, ObjectSet, Reader, Subject, held_only_by, times};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::ObjectId;

const TIMERS: Description = Description {
    name: "timers",
    title: "Timers",
    definition: "armed timers by callback; the timer queue keeps each one's target alive",
    threshold: "active, targets not otherwise held, 1 % or more",
    remedy: "dispose the timer when its owner goes; a PeriodicTimer or System.Timers.Timer as well",
};

/// `Timeout.UnsignedInfinite`: the value of a due time or period that never comes.
const NEVER: i32 = -1;

/// Timers with the same callback and period.
#[derive(Default)]
struct Group {
    timers: Vec<ObjectId>,
}

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let timer_types = reader.types_where(|name| name == "System.Threading.TimerQueueTimer");
    let Some(ty) = timer_types.iter().position(|&is| is) else { return Ok(TIMERS.absent(reader)) };
    let ty = crate::snapshot::TypeId(ty as u32);
    if !reader.has(ty, "_timerCallback|m_timerCallback") {
        return Ok(TIMERS.not_possible("the timer's fields have no names in this dump".to_owned()));
    }
    let mut groups: BTreeMap<(String, i32), Group> = BTreeMap::new();
    let mut armed = ObjectSet::new(subject.snapshot.objects.len());
    let (mut n_armed, mut n_idle) = (0u64, 0u64);
    for object in subject.snapshot.objects.ids() {
        if !timer_types[subject.snapshot.objects.type_of(object).index()] || !subject.live(object) {
            continue;
        }
        // A timer that is not in the queue keeps nothing by itself: due time and period are both "never".
        let due = reader.int(object, "_dueTime|m_dueTime").unwrap_or(NEVER);
        let period = reader.int(object, "_period|m_period").unwrap_or(NEVER);
        let cancelled = reader.flag(object, "_canceled|m_canceled").unwrap_or(false);
        if cancelled || (due == NEVER && period == NEVER) {
            n_idle += 1;
            continue;
        }
        n_armed += 1;
        armed.insert(object);
        groups.entry((callback_text(reader, object), period)).or_default().timers.push(object);
    }
    if n_armed == 0 {
        return Ok(TIMERS.answer(false, format!("0 armed, {} idle", number::count(n_idle)), Vec::new()));
    }
    let (_, bytes, kept) = held_only_by(subject, &armed, job)?;
    let found = subject.is_notable(bytes);
    let items = groups
        .into_iter()
        .map(|((callback, period), group)| {
            let held =
                group.timers.iter().filter_map(|&timer| target(reader, timer)).filter(|&object| !kept.contains(object));
            let bytes = held.map(|object| subject.retained(object)).sum();
            let every = if period == NEVER || period == 0 {
                "once".to_owned()
            } else {
                format!("every {} ms", number::count(u64::from(period.cast_unsigned())))
            };
            Item {
                text: format!("{}, {every}", times(group.timers.len() as u64, &callback)),
                objects: group.timers.len() as u64,
                bytes,
                example: group.timers.first().copied(),
            }
        })
        .collect();
    let result = format!("{} armed, hold {}", number::count(n_armed), number::size(bytes));
    let mut inspection = TIMERS.answer(found, result, items);
    inspection.bytes = bytes;
    Ok(inspection)
}

/// What a timer keeps: its callback's target (for `System.Timers.Timer` the handler's own target), else its state.
fn target(reader: &Reader<'_>, timer: ObjectId) -> Option<ObjectId> {
    let callback = reader.object(timer, "_timerCallback|m_timerCallback")?;
    let (target, _) = reader.delegate(callback);
    target.or_else(|| reader.object(timer, "_state|m_state"))
}

fn callback_text(reader: &Reader<'_>, timer: ObjectId) -> String {
    let Some(callback) = reader.object(timer, "_timerCallback|m_timerCallback") else {
        return "a timer without callback".to_owned();
    };
    // System.Timers.Timer hides the user's handler behind a callback of its own.
    let handler = target(reader, timer).and_then(|owner| reader.object(owner, "_onIntervalElapsed|onIntervalElapsed"));
    match handler {
        Some(handler) => format!("{} (System.Timers.Timer)", reader.delegate_text(handler)),
        None => reader.delegate_text(callback),
    }
}
