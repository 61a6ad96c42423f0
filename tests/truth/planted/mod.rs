//! What the programs planted against what is found: leaks with their counts, waste with its counts, and silence where
//! nothing leaks.
//!
//! Every dump of the folder that holds a managed heap is opened. What it must say is in `expected/NAME.json`, printed by
//! the process itself; for the dumps without one it stands in [`others`], from the programs' sources and the list of the
//! dumps. No number here was read out of the product.

mod leaks;
mod others;
mod waste;

use std::path::Path;
use std::sync::Arc;

use heaproot::analysis::events::EventGroup;
use heaproot::analysis::findings::Findings;
use heaproot::analysis::inspections::{Inspection, Item, Outcome};
use heaproot::session::{Analyses, OpenOptions, Session, Status};
use serde_json::Value;

/// Dumps without a managed heap of ours: they are refused, which other tests look at.
const REFUSED: [&str; 4] = ["-normal", "-truncated", "triage-", "-aot"];

/// A dump with everything that was found in it.
struct Opened {
    name: String,
    analyses: Analyses,
    found: Arc<Findings>,
}

#[test]
fn what_was_planted_is_found() {
    let Some(folder) = crate::dumps_folder() else { return };
    let mut fingerprints: [Vec<String>; 2] = Default::default();
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> =
        files.filter_map(|file| file.to_str()?.strip_suffix(".core.zst").map(str::to_owned)).collect();
    names.retain(|name| !REFUSED.iter().any(|part| name.contains(part)));
    names.sort();
    for name in &names {
        let opened = open(name, &folder.join(format!("{name}.core.zst")));
        let Ok(expected) = std::fs::read(folder.join(format!("expected/{name}.json"))) else {
            fingerprints[1].extend(others::check(&opened));
            continue;
        };
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        match expected["program"].as_str().unwrap() {
            "Seed" => fingerprints[0].extend(leaks::seed(&opened, &expected)),
            "EventLeaks" => leaks::event_leaks(&opened, &expected),
            "Caches" => waste::caches(&opened, &expected),
            "TimersAndTasks" => waste::timers(&opened, &expected),
            "Pinned" => waste::pinned(&opened, &expected),
            "LoadContexts" => waste::load_contexts(&opened, &expected),
            "Crash" => leaks::crash(&opened, &expected),
            "Values" => leaks::values(&opened),
            "Stacks" => leaks::healthy(&opened),
            other => panic!("{name}: nothing is known of the program {other}"),
        }
    }
    println!("{} dumps compared with what their programs planted", names.len());
    let absent: Vec<_> = others::names().filter(|name| !names.iter().any(|found| found == name)).collect();
    assert!(absent.is_empty() && names.len() > 40, "{} dumps, absent: {absent:?}", names.len());
    // The same leak has the same name under every runtime, collector and processor.
    for (mut names, least) in fingerprints.into_iter().zip([9, 6]) {
        names.sort();
        let n_named = names.len();
        names.dedup();
        assert!(n_named >= least && names.len() == 1, "{n_named}: {names:?}");
    }
}

fn open(name: &str, dump: &Path) -> Opened {
    let session = Session::open(dump, OpenOptions::default(), Arc::new(|| {}));
    session.wait(|_| {});
    assert!(matches!(session.status(), Status::Ready), "{name}: {:?}", session.status());
    let analyses = session.analyses().unwrap();
    let found = analyses.findings.clone().unwrap();
    Opened { name: name.to_owned(), analyses, found }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

impl Opened {
    fn inspection(&self, inspection: &str) -> &Inspection {
        self.found.inspections.iter().find(|one| one.name == inspection).unwrap()
    }

    /// The first piece of evidence of an inspection that mentions `text`.
    fn item(&self, inspection: &str, text: &str) -> &Item {
        let one = self.inspection(inspection);
        assert_eq!(one.outcome, Outcome::Found, "{}: {inspection}", self.name);
        let item = one.items.iter().find(|item| item.text.contains(text));
        item.unwrap_or_else(|| panic!("{}: {inspection} does not mention {text}: {:#?}", self.name, one.items))
    }

    /// Objects of it.
    fn evidence(&self, inspection: &str, text: &str) -> u64 {
        self.item(inspection, text).objects
    }

    /// Objects of the type of this name that lie in the heap, and those of them that roots hold, words on stacks apart.
    fn instances(&self, type_name: &str) -> (u64, u64) {
        let (snapshot, tree) = (&self.analyses.snapshot, &self.analyses.dominance.as_ref().unwrap().tree);
        let of_type = |id: &_| snapshot.type_of(*id).name.known() == Some(type_name);
        let (mut all, mut held) = (0, 0);
        for object in snapshot.objects.ids().filter(of_type) {
            all += 1;
            held += u64::from(tree.is_reached(object));
        }
        (all, held)
    }

    /// Objects of types that can be unloaded.
    fn collectible(&self) -> u64 {
        let snapshot = &self.analyses.snapshot;
        let types = snapshot.types.iter().filter(|(_, row)| row.collectible);
        types.filter_map(|(id, _)| snapshot.totals.get(id.index())).map(|totals| totals.count).sum()
    }

    /// The group of handlers of a subscriber type on a field.
    fn group(&self, field: &str, subscriber: &str) -> &EventGroup {
        let is_it = |group: &&EventGroup| group.publisher.field == field && group.subscriber.type_name == subscriber;
        let group = self.found.events.groups.iter().find(is_it);
        group.unwrap_or_else(|| panic!("{}: {subscriber} on {field} is not found", self.name))
    }

    /// Neither events nor holders are called a leak.
    fn assert_no_leak(&self) {
        let Findings { events, suspects, .. } = &*self.found;
        let found = (events.leaks().count(), suspects.suspects.len());
        assert_eq!(found, (0, 0), "{}: {:?}", self.name, self.found.verdict);
    }
}
