//! What the programs planted against what is found: leaks with their counts, waste with its counts, and silence where
//! nothing leaks.

use std::path::Path;
use std::sync::Arc;

use heaproot::analysis::events::{EventGroup, EventVerdict};
use heaproot::analysis::findings::Findings;
use heaproot::analysis::inspections::Outcome;
use heaproot::analysis::verdict::Headline;
use heaproot::session::{Analyses, OpenOptions, Session, Status};
use serde_json::Value;

#[test]
fn what_was_planted_is_found() {
    let Some(folder) = crate::dumps_folder() else { return };
    let mut n_checked = 0;
    let mut fingerprints: Vec<String> = Vec::new();
    let mut names: Vec<_> =
        std::fs::read_dir(folder.join("expected")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let dump = folder.join(format!("{name}.core.zst"));
        if !dump.is_file() || name.contains("-aot") {
            continue;
        }
        let expected: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let Some(analyses) = open(&dump) else { panic!("{name} cannot be opened") };
        let found = analyses.findings.clone().unwrap();
        match expected["program"].as_str().unwrap() {
            "Seed" => fingerprints.extend(seed(&name, &expected, &found)),
            "EventLeaks" => event_leaks(&name, &expected, &found),
            "Caches" => caches(&name, &expected, &analyses, &found),
            "TimersAndTasks" => timers(&name, &expected, &found),
            "Pinned" => pinned(&name, &expected, &found),
            "LoadContexts" => load_contexts(&name, &found),
            // Programs that plant no leak: nothing may be called an event leak.
            _ => assert_eq!(found.events.leaks().count(), 0, "{name}"),
        }
        n_checked += 1;
    }
    println!("{n_checked} dumps compared with what their programs planted");
    assert!(n_checked > 20, "{n_checked}");
    // The same leak has the same name under every runtime, collector and processor.
    fingerprints.sort();
    let n_named = fingerprints.len();
    fingerprints.dedup();
    assert!(n_named >= 9 && fingerprints.len() == 1, "{n_named}: {fingerprints:?}");
}

fn open(dump: &Path) -> Option<Analyses> {
    let session = Session::open(dump, OpenOptions::default(), Arc::new(|| {}));
    session.wait(|_| {});
    matches!(session.status(), Status::Ready).then(|| session.analyses()).flatten()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn seed(name: &str, expected: &Value, found: &Findings) -> Option<String> {
    if expected["healthy"] == true {
        assert_eq!(found.verdict.headline, Headline::Healthy, "{name}");
        assert_eq!((found.events.leaks().count(), found.suspects.suspects.len()), (0, 0), "{name}");
        let loud: Vec<_> = found.inspections.iter().filter(|one| one.outcome == Outcome::Found).collect();
        assert!(loud.is_empty(), "{name}: {loud:?}");
        return None;
    }
    let Headline::Event(first) = found.verdict.headline else { panic!("{name}: {:?}", found.verdict) };
    let leak = &found.events.groups[first];
    let leaked = &expected["leak"];
    assert_eq!(leak.n_handlers, number(&leaked["invocationCount"]), "{name}");
    assert_eq!(leak.n_exclusive, number(&expected["leaked"]), "{name}");
    // Without metadata in the file the names are missing, the counts are not.
    if leak.publisher.type_name.starts_with("0x") {
        return None;
    }
    check_names(name, leak, leaked, "event");
    assert!(found.verdict.sentences[0].contains("Dispatcher.Shutdown"), "{name}: {:?}", found.verdict.sentences);
    assert!(found.verdict.sentences[1].contains("Worker.OnShutdown"), "{name}: {:?}", found.verdict.sentences);
    Some(leak.fingerprint.clone())
}

fn check_names(name: &str, leak: &EventGroup, expected: &Value, member: &str) {
    assert_eq!(leak.publisher.type_name, expected["publisher"].as_str().unwrap(), "{name}");
    assert_eq!(leak.publisher.field, expected[member].as_str().unwrap(), "{name}");
    assert_eq!(leak.subscriber.type_name, expected["subscriber"].as_str().unwrap(), "{name}");
    let method = expected["method"].as_str().unwrap();
    assert!(method.starts_with(&leak.subscriber.method), "{name}: {method} and {}", leak.subscriber.method);
}

fn event_leaks(name: &str, expected: &Value, found: &Findings) {
    let planted = expected["leaks"].as_array().unwrap();
    assert_eq!(found.events.leaks().count(), planted.len(), "{name}: {:?}", found.events.groups);
    for leak in planted {
        let is_it = |group: &&EventGroup| {
            group.publisher.field == leak["member"].as_str().unwrap()
                && group.subscriber.type_name == leak["subscriber"].as_str().unwrap()
        };
        let group = found.events.groups.iter().find(is_it).unwrap_or_else(|| panic!("{name}: {leak} is not found"));
        check_names(name, group, leak, "member");
        assert_eq!(group.verdict, EventVerdict::Leak, "{name}: {leak}");
        assert_eq!(group.n_handlers, number(&leak["entries"]), "{name}: {leak}");
        assert_eq!(group.n_subscribers, number(&leak["subscribers"]), "{name}: {leak}");
    }
    let fine = found.events.groups.iter().find(|group| group.subscriber.type_name.ends_with(".AlertBox")).unwrap();
    assert_eq!((fine.verdict, fine.n_handlers), (EventVerdict::ProbablyFine, 3), "{name}");
}

/// Objects of the first piece of evidence that mentions `text`.
fn evidence(name: &str, found: &Findings, inspection: &str, text: &str) -> u64 {
    let one = found.inspections.iter().find(|one| one.name == inspection).unwrap();
    assert_eq!(one.outcome, Outcome::Found, "{name}: {inspection}");
    let item = one.items.iter().find(|item| item.text.contains(text));
    item.unwrap_or_else(|| panic!("{name}: {inspection} does not mention {text}: {:?}", one.items)).objects
}

fn caches(name: &str, expected: &Value, analyses: &Analyses, found: &Findings) {
    let field = expected["leak"]["field"].as_str().unwrap();
    let first = found.suspects.suspects.first().unwrap();
    assert_eq!(first.root, format!("static {field}"), "{name}");
    assert!(matches!(found.verdict.headline, Headline::Suspect(0)), "{name}");
    assert_eq!(evidence(name, found, "growing-collections", field), number(&expected["leak"]["entries"]), "{name}");
    let texts = &expected["duplicateStrings"];
    for text in texts["values"].as_array().unwrap() {
        let quoted = format!("{:?}", text.as_str().unwrap());
        assert_eq!(evidence(name, found, "duplicate-strings", &quoted), number(&texts["copiesEach"]), "{name}");
    }
    // The program boxes 42 a few more times than it says.
    let boxes = evidence(name, found, "boxed-duplicates", "System.Int32 = 42");
    assert!((3_000..3_010).contains(&boxes), "{name}: {boxes}");
    let room = expected["listsWithRoom"]["lists"].as_u64().unwrap();
    assert_eq!(evidence(name, found, "sparse-collections", "List<System.Object>"), room, "{name}");
    let cache = analyses
        .snapshot
        .types
        .iter()
        .find(|(_, row)| row.name.known().is_some_and(|name| name.ends_with(".MemoryCache")));
    assert!(cache.is_some(), "{name}");
}

fn timers(name: &str, expected: &Value, found: &Findings) {
    let leak = &expected["leak"];
    let first = found.suspects.suspects.first().unwrap();
    assert_eq!(first.root, format!("static {}", leak["field"].as_str().unwrap()), "{name}");
    let callback = leak["callback"].as_str().unwrap();
    assert_eq!(evidence(name, found, "cancellation-registrations", callback), number(&leak["registrations"]), "{name}");
    assert_eq!(evidence(name, found, "timers", "Poller.Poll"), 400, "{name}");
    assert_eq!(evidence(name, found, "timers", "System.Timers.Timer"), 80, "{name}");
    let faulted = number(&expected["tasks"]["faulted and never observed"]);
    assert_eq!(evidence(name, found, "faulted-tasks", "InvalidOperationException"), faulted, "{name}");
    assert!(evidence(name, found, "stuck-tasks", "Saga.Inner") >= number(&expected["asyncChains"]["sagas"]), "{name}");
}

fn pinned(name: &str, expected: &Value, found: &Findings) {
    let ready = number(&expected["finalization"]["ready and waiting: Corpus.Pinned.Backlogged"]);
    assert_eq!(evidence(name, found, "finalizer-backlog", "Corpus.Pinned.Backlogged"), ready, "{name}");
    assert_eq!(found.events.leaks().count(), 0, "{name}");
}

fn load_contexts(name: &str, found: &Findings) {
    for context in ["leaked-by-event", "leaked-by-handle", "leaked-by-thread"] {
        assert_eq!(evidence(name, found, "load-contexts", context), 1, "{name}");
    }
    let one = found.inspections.iter().find(|one| one.name == "load-contexts").unwrap();
    assert_eq!(one.items.len(), 3, "{name}");
}
