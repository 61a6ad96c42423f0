//! Collectible load contexts that were unloaded and are still held.

use super::{Description, Inspection, Item, Reader, Subject};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::{ExtraEdgeKind, ObjectId};

const CONTEXTS: Description = Description {
    name: "load-contexts",
    title: "Load contexts",
    definition: "assembly load contexts whose unloading has begun and cannot finish",
    threshold: "unloaded but still held",
    remedy: "follow the path of one of its objects: the first reference from outside is the one to drop",
};

/// `AssemblyLoadContext.InternalState.Unloading`.
const UNLOADING: i32 = 1;

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let contexts = reader.types_where(|name| name == "System.Runtime.Loader.AssemblyLoadContext");
    let mut allocators: Vec<ObjectId> = Vec::new();
    let mut holders: Vec<(ObjectId, ObjectId)> = Vec::new();
    for edge in &subject.graph.extra {
        if edge.kind == ExtraEdgeKind::LoaderAllocator && subject.live(edge.from) {
            allocators.push(edge.to);
            holders.push((edge.to, edge.from));
        }
    }
    allocators.sort_unstable();
    allocators.dedup();
    let mut items = Vec::new();
    let mut n_collectible = 0u64;
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
            items.push(Item {
                text: format!("{name:?}: Unload was called, {} still lives", reader.type_name(context)),
                objects: 1,
                bytes: subject.retained(context),
                example: Some(context),
            });
        }
    }
    if n_collectible == 0 && !reader.has_runtime_names() {
        return Ok(CONTEXTS.absent(reader));
    }
    let found = !items.is_empty();
    let instances = holders.len() as u64;
    let result = if n_collectible == 0 && allocators.is_empty() {
        "none collectible".to_owned()
    } else {
        format!(
            "{} of {} unloaded but held; {} of collectible types alive",
            number::count(items.len() as u64),
            number::counted(n_collectible, "collectible context", "collectible contexts"),
            number::counted(instances, "object", "objects")
        )
    };
    Ok(CONTEXTS.answer(found, result, items))
}
