//! Caches, waste, timers and tasks, pinning and finalizers, load contexts.

use heaproot::analysis::inspections::Outcome;
use heaproot::analysis::verdict::Headline;
use heaproot::base::number as numbers;
use serde_json::Value;

use super::{Opened, number};

pub(super) fn caches(opened: &Opened, expected: &Value) {
    let (name, found) = (&opened.name, &opened.found);
    let field = expected["leak"]["field"].as_str().unwrap();
    let first = found.suspects.suspects.first().unwrap();
    assert_eq!(first.root, format!("static {field}"), "{name}");
    assert!(matches!(found.verdict.headline, Headline::Suspect(0)), "{name}");
    assert_eq!(found.events.leaks().count(), 0, "{name}");
    growth(opened, expected);
    duplicates(opened, expected);
    room(opened, expected);
}

/// Collections on static fields with a thousand entries and more.
fn growth(opened: &Opened, expected: &Value) {
    let texts = &expected["duplicateStrings"];
    let boxes = number(&expected["boxes"]["System.Int32 = 42"]) + number(&expected["boxes"]["System.Boolean = true"]);
    let planted = [
        ("Responses", number(&expected["leak"]["entries"])),
        ("Thumbnails", number(&expected["memoryCache"]["entries"])),
        ("Duplicates", number(&texts["texts"]) * number(&texts["copiesEach"])),
        ("Boxes", boxes),
        ("Tags", number(&expected["hashSet"]["count"])),
        ("Empty", number(&expected["emptyLists"])),
        ("EmptyMaps", number(&expected["emptyDictionaries"])),
        ("Backlog", number(&expected["queue"]["count"])),
    ];
    let (many, few): (Vec<_>, Vec<_>) = planted.into_iter().partition(|&(_, n)| n >= 1_000);
    for (field, n) in many {
        let text = format!("static Corpus.Caches.Stores.{field}:");
        assert_eq!(opened.evidence("growing-collections", &text), n, "{}: {field}", opened.name);
    }
    let items = &opened.inspection("growing-collections").items;
    for (field, _) in few {
        let text = format!("static Corpus.Caches.Stores.{field}:");
        assert!(!items.iter().any(|item| item.text.contains(&text)), "{}: {field}", opened.name);
    }
}

fn duplicates(opened: &Opened, expected: &Value) {
    let (name, texts) = (&opened.name, &expected["duplicateStrings"]);
    let copies = number(&texts["copiesEach"]);
    let mut wasted = 0;
    for text in texts["values"].as_array().unwrap() {
        let item = opened.item("duplicate-strings", &format!("{:?}", text.as_str().unwrap()));
        assert_eq!(item.objects, copies, "{name}");
        wasted += item.bytes;
    }
    // All copies but one.
    assert_eq!(wasted, number(&texts["bytesOfAllCopies"]) / copies * (copies - 1), "{name}");
    // The program boxes 42 a few more times than it says.
    let boxes = opened.evidence("boxed-duplicates", "System.Int32 = 42");
    let planted = number(&expected["boxes"]["System.Int32 = 42"]);
    assert!((planted..planted + 10).contains(&boxes), "{name}: {boxes}");
    let truths = number(&expected["boxes"]["System.Boolean = true"]);
    assert_eq!(opened.evidence("boxed-duplicates", "System.Boolean = true"), truths, "{name}");
}

/// Collections and arrays that are nearly empty.
fn room(opened: &Opened, expected: &Value) {
    let name = &opened.name;
    let (lists, map) = (&expected["listsWithRoom"], &expected["dictionaryWithRoom"]);
    let (n, capacity) = (number(&lists["lists"]), number(&map["capacity"]));
    let used = n * number(&lists["countEach"]);
    let of = used + number(&lists["unusedSlots"]);
    let text = format!("{} of {} places used", numbers::count(used), numbers::count(of));
    let item = opened.item("sparse-collections", "List<System.Object>");
    assert!(item.objects == n && item.text.contains(&text), "{name}: {}", item.text);
    // An entry of a Dictionary<int, string> has 24 bytes.
    let text = format!("{} of {} places used", number(&map["count"]), numbers::count(capacity));
    // The runtime has a few of its own; none of the planted ones has a store.
    let lists = opened.item("empty-collections", "List<System.String> ");
    let planted = number(&expected["emptyLists"]);
    assert!((planted..planted + 5).contains(&lists.objects) && lists.bytes < (planted + 10) * 32, "{name}: {lists:?}");
    let maps = opened.evidence("empty-collections", "Dictionary<System.String, System.String> ");
    let planted = number(&expected["emptyDictionaries"]);
    assert!((planted..planted + 5).contains(&maps), "{name}: {maps}");
    let item = opened.item("sparse-collections", "Dictionary<System.Int32, System.String>");
    assert!(item.objects == 1 && item.text.contains(&text), "{name}: {}", item.text);
    let large = opened.item("large-objects", "Dictionary<System.Int32, System.String>+Entry[]").bytes;
    assert!((capacity * 24 * 99 / 100..=capacity * 24 + 24).contains(&large), "{name}: {large}");
    // The runtime has a few such arrays of its own.
    let zero = opened.item("sparse-arrays", "System.Byte[], all zero");
    let buffers = &expected["zeroBuffers"];
    let planted = number(&buffers["arrays"]);
    assert!((planted..planted + 5).contains(&zero.objects), "{name}: {}", zero.objects);
    assert!(zero.bytes >= planted * number(&buffers["lengthEach"]), "{name}: {}", zero.bytes);
    let nulls = opened.item("sparse-arrays", "System.Object[], nine tenths null").bytes;
    let planted = &expected["sparseReferences"];
    assert!(nulls >= (number(&planted["length"]) - number(&planted["notNull"])) * 8, "{name}: {nulls}");
    let zeros = opened.item("sparse-arrays", "System.Int32[], nine tenths zero").bytes;
    let planted = &expected["sparseNumbers"];
    assert!(zeros >= (number(&planted["length"]) - number(&planted["notZero"])) * 4, "{name}: {zeros}");
}

pub(super) fn timers(opened: &Opened, expected: &Value) {
    let (name, found) = (&opened.name, &opened.found);
    assert_eq!(found.events.leaks().count(), 0, "{name}");
    let leak = &expected["leak"];
    let first = found.suspects.suspects.first().unwrap();
    assert_eq!(first.root, format!("static {}", leak["field"].as_str().unwrap()), "{name}");
    let callback = leak["callback"].as_str().unwrap();
    assert_eq!(opened.evidence("cancellation-registrations", callback), number(&leak["registrations"]), "{name}");
    let planted = &expected["timers"];
    let mut armed = 0;
    for (text, key) in [
        ("Poller.Poll,", "System.Threading.Timer armed and held by Keep.Timers"),
        ("System.Timers.Timer", "System.Timers.Timer running, held by the timer queue alone"),
        ("DelayPromise", "Task.Delay awaited"),
        ("PeriodicTimer", "PeriodicTimer awaited"),
    ] {
        assert_eq!(opened.evidence("timers", text), number(&planted[key]), "{name}: {key}");
        armed += number(&planted[key]);
    }
    // Those that were stopped, and those that nobody held, are not among them.
    assert_eq!(opened.inspection("timers").objects, armed, "{name}");
    let faulted = number(&expected["tasks"]["faulted and never observed"]);
    assert_eq!(opened.evidence("faulted-tasks", "InvalidOperationException"), faulted, "{name}");
    assert_eq!(opened.inspection("faulted-tasks").objects, faulted, "{name}");
    let (sagas, scopes) =
        (number(&expected["asyncChains"]["sagas"]), number(&expected["asyncLocal"]["execution contexts with a scope"]));
    let text = format!(
        "{sagas} × Corpus.TimersAndTasks.Saga.Inner, {scopes} × Corpus.TimersAndTasks.Program.WaitHere on one "
    );
    assert_eq!(opened.evidence("stuck-tasks", &text), sagas + scopes, "{name}");
    assert_eq!(opened.inspection("stuck-tasks").items.len(), 1, "{name}");
    let threads = &expected["threads"];
    assert_eq!(opened.evidence("thread-and-async-locals", "AsyncLocal values"), scopes, "{name}");
    let locals = number(&threads["ThreadLocal values"]);
    assert_eq!(opened.evidence("thread-and-async-locals", "ThreadLocal value"), locals, "{name}");
    let roots = &opened.analyses.graph.as_ref().unwrap().roots;
    let own =
        roots.thread_statics.iter().filter(|row| row.name.as_deref() == Some("ThreadOwn") && row.object.is_some());
    assert_eq!(own.count() as u64, number(&threads["thread statics"]), "{name}");
}

pub(super) fn pinned(opened: &Opened, expected: &Value) {
    let (name, found) = (&opened.name, &opened.found);
    assert_eq!(found.events.leaks().count(), 0, "{name}");
    finalizers(opened, &expected["finalization"]);
    // The runtime pins one or two objects itself.
    let planted = number(&expected["handles"]["pinned by the program"]);
    let pinned = opened.inspection("fragmentation").objects;
    assert!((planted..planted + 4).contains(&pinned), "{name}: {pinned}");
    // The list of the dumps says: "1,454 free blocks in gen1 and 385 in gen2 (pinned-n10 has 1,717 in gen0)".
    let holes: &[(&str, u64)] = match name.as_str() {
        "pinned-gen0-n9" => &[("generation 1:", 1_454), ("generation 2:", 385)],
        "pinned-n10" => &[("generation 0:", 1_717)],
        _ => &[],
    };
    for &(generation, blocks) in holes {
        assert_eq!(opened.evidence("fragmentation", generation), blocks, "{name}");
    }
    large(opened, expected);
}

fn finalizers(opened: &Opened, planted: &Value) {
    let name = &opened.name;
    let ready = number(&planted["ready and waiting: Corpus.Pinned.Backlogged"]);
    assert_eq!(opened.evidence("finalizer-backlog", "Corpus.Pinned.Backlogged"), ready, "{name}");
    // The one that runs and blocks is no longer in the queue.
    assert_eq!(opened.inspection("finalizer-backlog").objects, ready, "{name}");
    let (snapshot, graph) = (&opened.analyses.snapshot, opened.analyses.graph.as_ref().unwrap());
    let is_registered = |id: &&_| snapshot.type_of(**id).name.known() == Some("Corpus.Pinned.Registered");
    let registered = graph.roots.finalizers.registered.iter().filter(is_registered).count() as u64;
    assert_eq!(registered, number(&planted["registered and alive: Corpus.Pinned.Registered"]), "{name}");
}

/// Arrays of the large and the pinned object heap, which hold nothing but their first byte, and the holes between.
fn large(opened: &Opened, expected: &Value) {
    let (name, planted) = (&opened.name, &expected["largeObjectHeap"]);
    let kept = number(&planted["byte[120000] kept"]);
    let is_kept = |text: &str| text.starts_with("System.Byte[] of ");
    let arrays: Vec<_> = opened
        .inspection("large-objects")
        .items
        .iter()
        .filter(|item| is_kept(&item.text))
        .map(|item| item.bytes)
        .collect();
    assert_eq!(arrays.len() as u64, kept, "{name}");
    assert!(arrays.iter().all(|bytes| (119_900..=120_032).contains(bytes)), "{name}: {arrays:?}");
    let free = opened.evidence("large-objects", "free space in ");
    assert_eq!(free, number(&planted["free blocks between and behind them"]), "{name}");
    assert_eq!(opened.evidence("sparse-arrays", "System.Byte[], nine tenths zero"), kept, "{name}");
    let zero = opened.item("sparse-arrays", "System.Byte[], all zero");
    let (many, one) = (number(&expected["pinnedObjectHeap"]["byte[5000]"]), 50_000);
    assert!((many + 1..many + 4).contains(&zero.objects), "{name}: {}", zero.objects);
    assert!(zero.bytes >= many * 5_000 + one, "{name}: {}", zero.bytes);
}

pub(super) fn load_contexts(opened: &Opened, expected: &Value) {
    let name = &opened.name;
    assert_eq!(opened.found.events.leaks().count(), 0, "{name}");
    let contexts = &expected["contexts"];
    let held = contexts["Unload called, still alive"].as_object().unwrap();
    for context in held.keys() {
        let text = format!("\"{context}\": Unload was called");
        let item = opened.item("load-contexts", &text);
        let is_on_stack = held[context].as_str().unwrap().starts_with("thread ");
        assert_eq!((item.objects, item.text.contains("a stack alone")), (1, is_on_stack), "{name}: {}", item.text);
    }
    let one = opened.inspection("load-contexts");
    assert_eq!((&one.outcome, one.items.len()), (&Outcome::Found, held.len()), "{name}");
    let n = held.len() + contexts["never unloaded"].as_array().unwrap().len();
    assert!(one.result.starts_with(&format!("{} of {n} collectible", held.len())), "{name}: {}", one.result);
    // Of each context the greetings are types of their own; one more stands on a stack.
    let n = number(&expected["Corpus.Plugin.Greeting"]);
    let (greetings, by_roots) = opened.instances("Corpus.Plugin.Greeting");
    assert_eq!(greetings, n, "{name}");
    // Beside the greetings every context has a list, a dictionary and their insides: as many in each.
    let each = number(&expected["greetingsPerLiveContext"]);
    let insides = opened.collectible() - greetings - 1;
    let contexts = n / each;
    assert_eq!(insides % contexts, 0, "{name}: {insides}");
    // The one assembly that was made at run time and can be collected has one instance, which is held.
    let by_roots = by_roots + insides / contexts * (by_roots / each) + 1;
    let text = format!(
        ", 1 by a stack alone; roots hold {by_roots} objects of such types, stacks {} more",
        opened.collectible() - by_roots
    );
    assert!(one.result.ends_with(&text), "{name}: {} {text}", one.result);
}
