//! Values kept by a thread or an execution context: thread statics, `ThreadLocal`, `AsyncLocal`.

use super::{Description, Inspection, Item, ObjectSet, Reader, Subject, held_only_by, times};
use crate::base::{Cancelled, Job, RootKind, number};
use crate::snapshot::ObjectId;

const LOCALS: Description = Description {
    name: "thread-and-async-locals",
    title: "Thread and async locals",
    definition: "objects that live only because a thread static, a ThreadLocal or an AsyncLocal holds them",
    threshold: "1 % or more held in one of these ways",
    remedy: "dispose ThreadLocal, clear thread statics of pool threads, set AsyncLocal values back to null",
};

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let mut items = Vec::new();
    let slots =
        reader.types_where(|name| name.starts_with("System.Threading.ThreadLocal<") && name.ends_with("+LinkedSlot"));
    items.extend(by_holder(subject, &slots, |slot| is_in_use(reader, slot), "ThreadLocal value", job)?);
    let contexts = reader.types_where(|name| name == "System.Threading.ExecutionContext");
    let what = "ExecutionContext with AsyncLocal values";
    items.extend(by_holder(subject, &contexts, |context| has_values(reader, context), what, job)?);
    items.extend(thread_statics(subject, job)?);
    let found = items.iter().any(|item| subject.is_notable(item.bytes));
    if !found && !reader.has_runtime_names() {
        return Ok(LOCALS.absent(reader));
    }
    let held: u64 = items.iter().map(|item| item.bytes).sum();
    let result = if held == 0 { "nothing found".to_owned() } else { format!("hold {}", number::size(held)) };
    Ok(LOCALS.answer(found, result, items))
}

/// The head of a ThreadLocal's list of slots stands before all others and holds no value (ThreadLocal.cs).
fn is_in_use(reader: &Reader<'_>, slot: ObjectId) -> bool {
    const PREVIOUS: &str = "_previous|Previous";
    !reader.has(reader.snapshot().objects.type_of(slot), PREVIOUS) || reader.object(slot, PREVIOUS).is_some()
}

/// The default contexts of the runtime have no map of values, or an empty one (ExecutionContext.cs).
fn has_values(reader: &Reader<'_>, context: ObjectId) -> bool {
    const VALUES: &str = "m_localValues";
    if !reader.has(reader.snapshot().objects.type_of(context), VALUES) {
        return true;
    }
    let map = reader.object(context, VALUES);
    map.is_some_and(|map| !reader.type_name(map).ends_with("+EmptyAsyncLocalValueMap"))
}

/// What the objects of `types` that hold something keep alive alone.
fn by_holder(
    subject: &Subject<'_>,
    types: &[bool],
    holds: impl Fn(ObjectId) -> bool,
    what: &str,
    job: &Job,
) -> Result<Option<Item>, Cancelled> {
    let mut cut = ObjectSet::new(subject.snapshot.objects.len());
    let (mut n, mut example) = (0u64, None);
    for object in subject.snapshot.objects.ids() {
        if types[subject.snapshot.objects.type_of(object).index()] && subject.live(object) && holds(object) {
            n += 1;
            example = example.or(Some(object));
            cut.insert(object);
        }
    }
    if n == 0 {
        return Ok(None);
    }
    let (_, bytes, _) = held_only_by(subject, &cut, job)?;
    Ok(Some(Item { text: times(n, what), objects: n, bytes, example }))
}

/// What thread statics keep alive alone: cut the storage that hangs on each thread.
fn thread_statics(subject: &Subject<'_>, job: &Job) -> Result<Option<Item>, Cancelled> {
    let mut cut = ObjectSet::new(subject.snapshot.objects.len());
    let storage: Vec<ObjectId> = subject
        .graph
        .roots
        .roots
        .iter()
        .filter(|root| root.kind == RootKind::ThreadStatic && subject.live(root.object))
        .map(|root| root.object)
        .collect();
    for &object in &storage {
        cut.insert(object);
    }
    if storage.is_empty() {
        return Ok(None);
    }
    let (_, bytes, _) = held_only_by(subject, &cut, job)?;
    let statics = &subject.graph.roots.thread_statics;
    let n = statics.iter().filter(|row| row.object.is_some()).count() as u64;
    Ok(Some(Item {
        text: times(n, "thread static with a value"),
        objects: n,
        bytes,
        example: storage.first().copied(),
    }))
}
