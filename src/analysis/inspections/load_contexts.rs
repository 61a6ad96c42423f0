//! Collectible load contexts that were unloaded and are still held.

use std::collections::BTreeMap;

use super::{Description, Inspection, Item, Reader, Subject};
use crate::analysis::dominators::{DominatorOptions, root_objects};
use crate::analysis::reach::{Taken, reach};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::ExtraEdgeKind;
use crate::snapshot::preview::load_context_name;

const CONTEXTS: Description = Description {
    name: "load-contexts",
    title: "Load contexts",
    definition: "assembly load contexts whose unloading has begun and cannot finish",
    threshold: "unloaded but still held",
    remedy: "follow the path of one of its objects: the first reference from outside is the one to drop",
};

/// `AssemblyLoadContext.InternalState.Unloading`.
const UNLOADING: i32 = 1;

/// Objects of types that can be unloaded, by what holds them.
#[derive(Clone, Copy, Debug, Default)]
struct Instances {
    /// Held by roots other than words on stacks.
    held: u64,
    /// Held by words on stacks and nothing else.
    on_stacks: u64,
}

impl Instances {
    fn add(&mut self, other: Self) {
        self.held += other.held;
        self.on_stacks += other.on_stacks;
    }
}

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let contexts = reader.types_where(|name| name == "System.Runtime.Loader.AssemblyLoadContext");
    let by_context = instances(subject, job)?;
    let mut all = Instances::default();
    by_context.values().for_each(|&instances| all.add(instances));
    let mut items = Vec::new();
    let (mut n_collectible, mut n_on_stacks) = (0u64, 0u64);
    for context in subject.snapshot.objects.ids() {
        let ty = subject.snapshot.objects.type_of(context);
        if !subject.live(context) || !reader.derives(ty, &contexts) {
            continue;
        }
        job.tick(0)?;
        if reader.flag(context, "_isCollectible") != Some(true) {
            continue;
        }
        n_collectible += 1;
        if reader.int(context, "_state") == Some(UNLOADING) {
            let name = reader.object(context, "_name").and_then(|name| reader.text(name, 80)).unwrap_or_default();
            let own = by_context.get(&load_context_name(subject.snapshot, context)).copied().unwrap_or_default();
            let mut text = format!("{name:?}: Unload was called, {} still lives", reader.type_name(context));
            if own.held == 0 && own.on_stacks > 0 {
                n_on_stacks += 1;
                text.push_str("; a stack alone holds its objects");
            }
            items.push(Item { text, objects: 1, bytes: subject.retained(context), example: Some(context) });
        }
    }
    if n_collectible == 0 && !reader.has_runtime_names() {
        return Ok(CONTEXTS.absent(reader));
    }
    let found = !items.is_empty();
    let result = if n_collectible == 0 && by_context.is_empty() {
        "none collectible".to_owned()
    } else {
        let alone =
            if n_on_stacks > 0 { format!(", {} by a stack alone", number::count(n_on_stacks)) } else { String::new() };
        let more =
            if all.on_stacks > 0 { format!(", stacks {} more", number::count(all.on_stacks)) } else { String::new() };
        format!(
            "{} of {} unloaded but held{alone}; roots hold {} of such types{more}",
            number::count(items.len() as u64),
            number::counted(n_collectible, "collectible context", "collectible contexts"),
            number::counted(all.held, "object", "objects")
        )
    };
    Ok(CONTEXTS.answer(found, result, items))
}

/// Objects of types that can be unloaded, by the name of their load context: a type made from one of a context's types
/// belongs to it, too, wherever it is defined, so it is the LoaderAllocator that tells. One pass over the heap where
/// some of them are not held by other roots than stacks.
fn instances(subject: &Subject<'_>, job: &Job) -> Result<BTreeMap<Option<String>, Instances>, Cancelled> {
    let snapshot = subject.snapshot;
    let edges = || subject.graph.extra.iter().filter(|edge| edge.kind == ExtraEdgeKind::LoaderAllocator);
    let with_stacks = if edges().all(|edge| subject.live(edge.from)) {
        None
    } else {
        let roots = root_objects(subject.graph, DominatorOptions { stack: true });
        Some(reach(snapshot, subject.graph, &roots, Taken::default(), job)?)
    };
    // By allocator: the context, and the objects.
    let mut by_allocator: BTreeMap<_, (Option<String>, Instances)> = BTreeMap::new();
    for edge in edges() {
        let (context, instances) = by_allocator.entry(edge.to).or_default();
        if context.is_none() {
            let module = snapshot.type_of(edge.from).module.and_then(|module| snapshot.modules.get(module.index()));
            *context = module.and_then(|module| module.load_context.clone());
        }
        if subject.live(edge.from) {
            instances.held += 1;
        } else if with_stacks.as_ref().is_some_and(|alive| alive.contains(edge.from)) {
            instances.on_stacks += 1;
        }
    }
    let mut by_context: BTreeMap<Option<String>, Instances> = BTreeMap::new();
    for (context, instances) in by_allocator.into_values() {
        by_context.entry(context).or_default().add(instances);
    }
    Ok(by_context)
}
