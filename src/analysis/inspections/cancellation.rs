//! Registrations that pile up on a long-lived cancellation token.

use super::{Description, Inspection, Item, ObjectSet, Reader, Subject, held_only_by, times};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::ObjectId;

const REGISTRATIONS: Description = Description {
    name: "cancellation-registrations",
    title: "Cancellation registrations",
    definition: "callbacks registered on a token whose source still lives",
    threshold: "100 or more on one token",
    remedy: "dispose the CancellationTokenRegistration, and linked sources, when the work is done",
};

/// Registrations on one source that are called a finding.
const MIN_REGISTRATIONS: usize = 100;

/// Longest chain of registrations followed.
const MAX_CHAIN: usize = 50_000_000;

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let nodes = reader.types_where(|name| name == "System.Threading.CancellationTokenSource+CallbackNode");
    let node_type = nodes.iter().position(|&is| is).map(|index| crate::snapshot::TypeId(index as u32));
    let Some(node_type) = node_type else { return Ok(REGISTRATIONS.absent(reader)) };
    if !reader.has(node_type, "Next") || !reader.has(node_type, "Callback") {
        return Ok(REGISTRATIONS.not_possible("the registration's fields have no names in this dump".to_owned()));
    }
    let sources = reader.types_where(|name| name == "System.Threading.CancellationTokenSource");
    let mut items = Vec::new();
    let mut most = 0;
    for source in subject.snapshot.objects.ids() {
        let ty = subject.snapshot.objects.type_of(source);
        if !subject.live(source) || !reader.derives(ty, &sources) {
            continue;
        }
        job.tick(0)?;
        let chain = registrations(subject, reader, source, job)?;
        most = most.max(chain.len());
        if chain.len() < MIN_REGISTRATIONS {
            continue;
        }
        let mut cut = ObjectSet::new(subject.snapshot.objects.len());
        for &node in &chain {
            cut.insert(node);
        }
        let (_, bytes, _) = held_only_by(subject, &cut, job)?;
        let own: u64 = chain.iter().map(|&node| subject.snapshot.objects.size(node)).sum();
        let callback = chain.first().map(|&node| callback_text(reader, node)).unwrap_or_default();
        items.push(Item {
            text: times(chain.len() as u64, &callback),
            objects: chain.len() as u64,
            bytes: bytes + own,
            example: Some(source),
        });
    }
    let found = !items.is_empty();
    let result = if found {
        let total = items.iter().map(|item| item.objects).sum::<u64>();
        format!("{} on {}", number::count(total), number::counted(items.len() as u64, "token", "tokens"))
    } else {
        format!("at most {} on one token", number::count(most as u64))
    };
    Ok(REGISTRATIONS.answer(found, result, items))
}

/// The nodes registered on one source: the list of `Registrations` (5 and later), or one list per partition before.
fn registrations(
    subject: &Subject<'_>,
    reader: &Reader<'_>,
    source: ObjectId,
    job: &Job,
) -> Result<Vec<ObjectId>, Cancelled> {
    let mut heads = Vec::new();
    if let Some(list) = reader.object(source, "_registrations") {
        heads.extend(reader.object(list, "Callbacks"));
    }
    if let Some(partitions) = reader.object(source, "_callbackPartitions") {
        let targets: Vec<ObjectId> = subject.graph.references.of(partitions).collect();
        heads.extend(targets.into_iter().filter_map(|partition| reader.object(partition, "Callbacks")));
    }
    let mut chain = Vec::new();
    for head in heads {
        let mut next = Some(head);
        while let Some(node) = next.filter(|_| chain.len() < MAX_CHAIN) {
            chain.push(node);
            if chain.len().is_multiple_of(65_536) {
                job.tick(0)?;
            }
            next = reader.object(node, "Next").filter(|&next| next != head);
        }
    }
    Ok(chain)
}

/// `Token.Register(Action)` wraps the user's delegate: it then stands in the state.
fn callback_text(reader: &Reader<'_>, node: ObjectId) -> String {
    let state = reader.object(node, "CallbackState");
    if let Some(delegate) = state.filter(|&state| reader.has(reader.snapshot().objects.type_of(state), "_methodPtr")) {
        return reader.delegate_text(delegate);
    }
    match (reader.object(node, "Callback"), state) {
        (Some(callback), Some(state)) => {
            format!("{} with {}", reader.delegate_text(callback), reader.type_name(state))
        }
        (Some(callback), None) => reader.delegate_text(callback),
        (None, _) => "a registration without callback".to_owned(),
    }
}
