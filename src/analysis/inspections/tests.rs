//! What is counted and what is not, on heaps made by hand.

use super::*;
use crate::analysis::tests::with_tree;
use crate::base::{ElementType, HandleKind, SegmentKind};
use crate::snapshot::TypeId;
use crate::synth::heap::{HeapBuilder, Kind};

type Built = (HeapSnapshot, HeapGraph);

/// Every inspection of a heap.
fn inspected(heap: &Built) -> Vec<Inspection> {
    with_tree(heap, |view| {
        let subject = Subject { snapshot: view.snapshot, graph: view.graph, tree: view.tree };
        inspect_all(&subject, &Job::new()).unwrap()
    })
}

/// The texts of one inspection.
fn texts(heap: HeapBuilder, name: &str) -> Vec<String> {
    let all = inspected(&heap.build());
    let one = all.iter().find(|one| one.name == name).unwrap();
    one.items.iter().map(|item| item.text.clone()).collect()
}

/// A static field for each of `objects`.
fn keep(heap: &mut HeapBuilder, objects: &[ObjectId]) {
    let owner = heap.class("App.Keep", &[]);
    for (index, &object) in objects.iter().enumerate() {
        heap.static_field(owner, &format!("F{index}"), Some(object));
    }
}

#[test]
fn all_answer_in_the_order_of_their_names() {
    let names: Vec<&str> = inspected(&HeapBuilder::new().build()).iter().map(|one| one.name).collect();
    assert_eq!(names, NAMES);
}

#[test]
fn heads_of_slot_lists_hold_no_thread_local_value() {
    let mut heap = HeapBuilder::new();
    let fields = [("_next", Kind::Reference), ("_previous", Kind::Reference), ("_value", Kind::Reference)];
    let slot = heap.class("System.Threading.ThreadLocal<App.Holder>+LinkedSlot", &fields);
    let slots: Vec<ObjectId> = (0..4).map(|_| heap.object(slot)).collect();
    for pair in slots.windows(2) {
        heap.set(pair[0], "_next", pair[1]);
        heap.set(pair[1], "_previous", pair[0]);
        let value = heap.bytes(100);
        heap.set(pair[1], "_value", value);
    }
    keep(&mut heap, &slots[..1]);
    assert_eq!(texts(heap, "thread-and-async-locals"), ["3 × ThreadLocal value"]);
}

#[test]
fn contexts_without_values_are_not_counted() {
    let mut heap = HeapBuilder::new();
    let context = heap.class("System.Threading.ExecutionContext", &[("m_localValues", Kind::Reference)]);
    let empty = heap.class("System.Threading.AsyncLocalValueMap+EmptyAsyncLocalValueMap", &[]);
    let one = heap.class("System.Threading.AsyncLocalValueMap+OneElementAsyncLocalValueMap", &[]);
    let contexts: Vec<ObjectId> = (0..7).map(|_| heap.object(context)).collect();
    for (index, &context) in contexts.iter().enumerate().skip(1) {
        let map = heap.object(if index == 1 { empty } else { one });
        heap.set(context, "m_localValues", map);
    }
    keep(&mut heap, &contexts);
    assert_eq!(texts(heap, "thread-and-async-locals"), ["5 × ExecutionContext with AsyncLocal values"]);
}

/// A task with a list of continuations: `waiters` of each state machine, and holes where one was taken back.
fn awaited(waiters: &[(&str, usize)], n_holes: usize) -> HeapBuilder {
    let mut heap = HeapBuilder::new();
    let int = Kind::Number(ElementType::I4);
    let task: TypeId =
        heap.class("System.Threading.Tasks.Task", &[("m_stateFlags", int), ("m_continuationObject", Kind::Reference)]);
    let list =
        heap.class("System.Collections.Generic.List<System.Object>", &[("_items", Kind::Reference), ("_size", int)]);
    let n = waiters.iter().map(|(_, n)| n).sum::<usize>() + n_holes;
    let items = heap.array(heap.type_named("System.Object[]"), n as u32 + 28);
    let mut at = n_holes as u32;
    for &(machine, n) in waiters {
        let name = format!(
            "System.Runtime.CompilerServices.AsyncTaskMethodBuilder<System.Int32>+AsyncStateMachineBox<{machine}>"
        );
        let ty = heap.class(&name, &[]);
        for _ in 0..n {
            let waiter = heap.object(ty);
            heap.set_element(items, at, waiter);
            at += 1;
        }
    }
    let (task, list) = (heap.object(task), heap.object(list));
    heap.set(list, "_items", items);
    heap.set_number(list, "_size", n as i64);
    heap.set(task, "m_continuationObject", list);
    keep(&mut heap, &[task]);
    heap
}

#[test]
fn what_waits_on_one_task_is_counted_by_kind() {
    let check = |waiters: &[(&str, usize)], n_holes, expected: &[&str]| {
        assert_eq!(texts(awaited(waiters, n_holes), "stuck-tasks"), expected);
    };
    let (run, wait) = ("App.Saga+<Run>d__1", "App.Program+<Wait>d__2");
    let end = "on one System.Threading.Tasks.Task";
    check(&[(wait, 30), (run, 70)], 0, &[&format!("70 × App.Saga.Run, 30 × App.Program.Wait {end}")]);
    // Holes are nobody.
    check(&[(run, 99)], 50, &[]);
    check(&[(run, 100)], 50, &[&format!("100 × App.Saga.Run {end}")]);
    let five = [(run, 50), (wait, 40), ("App.A+<X>d__1", 30), ("App.B+<Y>d__1", 20), ("App.C+<Z>d__1", 10)];
    let text = format!("50 × App.Saga.Run, 40 × App.Program.Wait, 30 × App.A.X, 30 others {end}");
    check(&five, 0, &[&text]);
}

#[test]
fn without_names_of_the_runtime_what_is_found_by_them_is_not_possible() {
    let by_name = [
        "timers",
        "cancellation-registrations",
        "faulted-tasks",
        "stuck-tasks",
        "sparse-collections",
        "empty-collections",
        "thread-and-async-locals",
        "load-contexts",
    ];
    let impossible = |heap: &Built| {
        let all = inspected(heap);
        let names = all.iter().filter(|one| matches!(one.outcome, Outcome::NotPossible(_))).map(|one| one.name);
        names.filter(|name| by_name.contains(name)).count()
    };
    let mut heap = HeapBuilder::new().build();
    assert_eq!(impossible(&heap), 0);
    heap.0.modules[0].metadata = Err("not in the dump".to_owned());
    assert_eq!(impossible(&heap), by_name.len());
    // What is there by its name is looked at all the same.
    let mut heap = awaited(&[("App.Saga+<Run>d__1", 100)], 0).build();
    heap.0.modules[0].metadata = Err("not in the dump".to_owned());
    let all = inspected(&heap);
    assert_eq!(all.iter().find(|one| one.name == "stuck-tasks").unwrap().outcome, Outcome::Found);
}

#[test]
fn empty_collections_are_counted_with_what_they_keep() {
    let mut heap = HeapBuilder::new();
    let fields = [("_items", Kind::Reference), ("_size", Kind::Number(ElementType::I4))];
    let list = heap.class("System.Collections.Generic.List<App.Row>", &fields);
    let rows = heap.vector("App.Row[]", Kind::Reference);
    let shared = heap.array(rows, 0);
    let mut kept = Vec::new();
    for index in 0..1_003 {
        let one = heap.object(list);
        let store = if index < 1_000 { shared } else { heap.array(rows, 4) };
        heap.set(one, "_items", store);
        // One has an item.
        heap.set_number(one, "_size", i64::from(index == 1_002));
        kept.push(one);
    }
    // Two arrays of length 0 that could be the shared one; an object without an element is none.
    kept.extend([heap.array(rows, 0), heap.array(rows, 0), heap.array(rows, 1)]);
    keep(&mut heap, &kept);
    let all = inspected(&heap.build());
    let one = all.iter().find(|one| one.name == "empty-collections").unwrap();
    let items: Vec<_> = one.items.iter().map(|item| (item.text.as_str(), item.objects, item.bytes)).collect();
    let list_bytes = 1_002 * 32 + 2 * (24 + 4 * 8);
    let lists = "1,002 × System.Collections.Generic.List<App.Row> without an item";
    assert_eq!(items, [(lists, 1_002, list_bytes), ("2 × App.Row[] without an item", 2, 48)]);
    assert_eq!(one.outcome, Outcome::Found);
}

#[test]
fn a_few_empty_collections_are_no_finding() {
    let check = |n: u32, expected: Outcome| {
        let mut heap = HeapBuilder::new();
        let queue = heap.class("System.Collections.Queue", &[("_size", Kind::Number(ElementType::I4))]);
        let kept: Vec<ObjectId> = (0..n).map(|_| heap.object(queue)).collect();
        keep(&mut heap, &kept);
        // Much more that lives.
        let big = heap.bytes(8 << 20);
        heap.handle(HandleKind::Strong, big);
        let all = inspected(&heap.build());
        assert_eq!(all.iter().find(|one| one.name == "empty-collections").unwrap().outcome, expected, "{n}");
    };
    check(999, Outcome::Nothing);
    check(1_000, Outcome::Found);
}

#[test]
fn holes_are_told_where_they_are_too_many() {
    let mut heap = HeapBuilder::new();
    let hole = |heap: &mut HeapBuilder, bytes: u64| {
        let object = heap.bytes(16_000);
        heap.free(bytes);
        object
    };
    // A third of generation 2 is free, and its last block ends the segment; less of the large object heap is.
    let mut kept = vec![hole(&mut heap, 20_000), hole(&mut heap, 5_000)];
    heap.segment(SegmentKind::Large);
    kept.extend([heap.bytes(200_000), hole(&mut heap, 60_000), heap.bytes(100)]);
    heap.segment(SegmentKind::Pinned);
    kept.extend([hole(&mut heap, 30_000), heap.bytes(100)]);
    keep(&mut heap, &kept);
    heap.handle(HandleKind::Pinned, kept[1]);
    assert_eq!(
        texts(heap, "fragmentation"),
        [
            "free block of 29.3 KiB: System.Byte[] follows",
            "pinned object heap: 64.9 % free in 1 block, between objects that never move",
            "generation 2: 43.8 % free in 2 blocks, 1 object pinned",
            "free block of 19.5 KiB: pinned System.Byte[] follows",
            "free block of 4.9 KiB: the end of its segment follows",
        ]
    );
}
