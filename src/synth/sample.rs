//! Ready-made heaps that look like programs people know.

use super::heap::{HeapBuilder, Kind};
use crate::base::{ElementType, HandleKind, SegmentKind};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// The classic event leak: 3,000 workers on a static event, the last 16 of them also in a list.
#[must_use]
pub fn sample() -> (HeapSnapshot, HeapGraph) {
    seed(3000, 16)
}

/// The same program with `n_workers` workers that nobody took off the event, of which `n_active` still run.
#[must_use]
pub fn seed(n_workers: u32, n_active: u32) -> (HeapSnapshot, HeapGraph) {
    let mut heap = HeapBuilder::new();
    let event_handler = heap.delegate_type("System.EventHandler");
    let list = heap.class(
        "System.Collections.Generic.List<Corpus.Seed.Worker>",
        &[
            ("_items", Kind::Reference),
            ("_size", Kind::Number(ElementType::I4)),
            ("_version", Kind::Number(ElementType::I4)),
        ],
    );
    let dictionary = heap.class(
        "System.Collections.Generic.Dictionary<System.String, System.Object>",
        &[
            ("_buckets", Kind::Reference),
            ("_entries", Kind::Reference),
            ("_count", Kind::Number(ElementType::I4)),
            ("_freeCount", Kind::Number(ElementType::I4)),
        ],
    );
    let entry = heap.structure(
        "System.Collections.Generic.Dictionary<System.String, System.Object>+Entry",
        &[
            ("hashCode", Kind::Number(ElementType::U4)),
            ("next", Kind::Number(ElementType::I4)),
            ("key", Kind::Reference),
            ("value", Kind::Reference),
        ],
    );
    let entries =
        heap.vector("System.Collections.Generic.Dictionary<System.String, System.Object>+Entry[]", Kind::Struct(entry));
    let app_context = heap.class("System.AppContext", &[]);
    heap.module("Seed.dll");
    let worker = heap.class(
        "Corpus.Seed.Worker",
        &[
            ("Name", Kind::Reference),
            ("Buffer", Kind::Reference),
            ("Finished", Kind::Reference),
            ("Id", Kind::Number(ElementType::I4)),
        ],
    );
    let job =
        heap.class("Corpus.Seed.Job", &[("Result", Kind::Reference), ("Completed", Kind::Number(ElementType::I4))]);
    let workers = heap.vector("Corpus.Seed.Worker[]", Kind::Reference);
    let dispatcher = heap.class("Corpus.Seed.Dispatcher", &[]);
    let on_shutdown = heap.method("Corpus.Seed.Worker", "OnShutdown", false);
    let on_finished = heap.method("Corpus.Seed.Job", "OnFinished", false);

    let mut made: Vec<(ObjectId, ObjectId)> = Vec::new();
    for id in 0..n_workers {
        let object = heap.object(worker);
        heap.set_number(object, "Id", i64::from(id));
        let name = heap.string(&format!("worker-{id}"));
        heap.set(object, "Name", name);
        let buffer = heap.bytes(256);
        heap.set(object, "Buffer", buffer);
        let job = heap.object(job);
        let result = heap.bytes(512);
        heap.set(job, "Result", result);
        let finished = heap.delegate(event_handler, Some(job), on_finished);
        heap.set(object, "Finished", finished);
        let handler = heap.delegate(event_handler, Some(object), on_shutdown);
        made.push((object, handler));
        if id % 7 == 3 {
            heap.free(48);
        }
    }
    let handlers: Vec<ObjectId> = made.iter().map(|&(_, handler)| handler).collect();
    let shutdown = heap.multicast(event_handler, &handlers);

    let active = heap.object(list);
    let items = heap.array(workers, n_active.next_power_of_two());
    let running = made.iter().rev().take(n_active as usize).rev();
    for (index, &(worker, _)) in (0..).zip(running) {
        heap.set_element(items, index, worker);
    }
    heap.set(active, "_items", items);
    heap.set_number(active, "_size", i64::from(n_active));

    let settings = heap.object(dictionary);
    let table = heap.array(entries, 4);
    for (index, (key, value)) in (0..).zip([("TRUSTED_PLATFORM_ASSEMBLIES", "/app/Seed.dll"), ("GC", "concurrent")]) {
        let key = heap.string(key);
        let value = heap.string(value);
        heap.set_in_element(table, index, "key", key);
        heap.set_in_element(table, index, "value", value);
    }
    heap.set(settings, "_entries", table);
    heap.set_number(settings, "_count", 2);

    // Not collected yet: an earlier, smaller invocation list with its delegate, and a buffer on its own.
    let stale = heap.multicast(event_handler, &handlers[..handlers.len() / 2]);
    debug_assert!(stale > shutdown);
    heap.segment(SegmentKind::Gen0);
    heap.bytes(4000);
    let greeting = heap.string("worker-");
    let local = heap.bytes(2000);
    let pinned = heap.bytes(1000);

    heap.static_field(dispatcher, "Shutdown", Some(shutdown));
    heap.static_field(dispatcher, "Active", Some(active));
    heap.static_field(app_context, "s_dataStore", Some(settings));
    heap.static_field(app_context, "s_switches", None);
    heap.literal(greeting);
    heap.handle(HandleKind::Pinned, pinned);
    heap.handle(HandleKind::WeakShort, stale);
    let main = heap.thread("main");
    heap.stack(main, local);
    heap.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_what_it_says() {
        let (snapshot, graph) = sample();
        let count = |name: &str| {
            let (id, _) = snapshot.types.iter().find(|(_, row)| row.name.known() == Some(name)).unwrap();
            snapshot.totals[id.index()].count
        };
        assert_eq!(count("Corpus.Seed.Worker"), 3000);
        assert_eq!(count("System.EventHandler"), 6002);
        assert_eq!(graph.roots.statics.len(), 4);
        assert_eq!(snapshot.objects.len() as u64, snapshot.n_objects() + count("Free"));
    }
}
