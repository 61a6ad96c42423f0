//! Who alone holds the instances that are listed: the nearest dominators, past types of the framework or not.

use super::dominators::{RowWords, view, words};
use crate::analysis::ObjectSet;
use crate::analysis::dominator_tree::{Grouping, HolderRow, RowName, TreeView};
use crate::analysis::instances::InstanceFilter;
use crate::analysis::plumbing::framework_types;
use crate::base::{Cancelled, Job};
use crate::session::Analyses;
use crate::snapshot::{ObjectId, TypeId};

/// Whose holders.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldersQuery {
    /// Of which type.
    pub ty: TypeId,
    /// Which of its instances.
    pub filter: InstanceFilter,
    /// Holders of the framework's own types are passed over.
    pub past_framework: bool,
}

/// One holder, or several of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct HolderLine {
    /// What it says.
    pub words: RowWords,
    /// The same with all namespaces, for tips and copies.
    pub name: String,
    /// The holder, when it is one.
    pub object: Option<ObjectId>,
    /// Type of the holders; `None` for what no object alone holds.
    pub ty: Option<TypeId>,
    /// Instances that they hold.
    pub objects: u64,
    /// Own bytes of these instances.
    pub bytes: u64,
}

/// Who holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct HolderList {
    /// What was asked.
    pub query: HoldersQuery,
    /// Most bytes first; what no object alone holds is the last.
    pub lines: Vec<HolderLine>,
    /// Instances that precise roots hold: each is below one line.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// Instances below no line: garbage, or on stacks alone.
    pub n_dead: u64,
}

/// Looks for the holders of `instances`, which are those that `query` means. `None` while dominators are not known. Climbs
/// the dominator tree from each instance: cost is the depth of what is passed over.
///
/// # Errors
/// [`Cancelled`].
pub fn holders(
    analyses: &Analyses,
    query: HoldersQuery,
    instances: &[ObjectId],
    job: &Job,
) -> Result<Option<HolderList>, Cancelled> {
    let Some(view) = view(analyses) else { return Ok(None) };
    let mut set = ObjectSet::new(view.snapshot.objects.len());
    for &object in instances {
        set.insert(object);
    }
    let is_framework = if query.past_framework { framework_types(view.snapshot) } else { Vec::new() };
    let is_skipped = |ty: TypeId| is_framework.get(ty.index()).copied().unwrap_or_default();
    let rows = view.holders(&set, is_skipped, Grouping::Type, usize::MAX, job)?.rows;
    let (objects, bytes) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.objects, sum.1 + row.bytes));
    Ok(Some(HolderList {
        query,
        lines: rows.iter().map(|row| line(&view, row)).collect(),
        objects,
        bytes,
        n_dead: (instances.len() as u64).saturating_sub(objects),
    }))
}

fn line(view: &TreeView<'_>, row: &HolderRow) -> HolderLine {
    let HolderRow { holder, objects, bytes } = row;
    let words = match holder {
        Some(holder) => words(view, holder),
        None => RowWords {
            name: "no object alone".to_owned(),
            suffix: ": several roots, or paths that meet nowhere".to_owned(),
            ..RowWords::default()
        },
    };
    let name = match holder.as_ref().map(|holder| &holder.name) {
        // The words of a static field leave out the namespace.
        Some(RowName::Static(field)) => format!("static {field}"),
        _ => format!("{}{}{}", words.prefix, words.name, words.suffix),
    };
    let members = holder.as_ref().map_or(&[][..], |holder| &holder.members);
    HolderLine {
        words,
        name,
        object: if let [one] = members { Some(*one) } else { None },
        ty: holder.as_ref().map(|holder| holder.ty),
        objects: *objects,
        bytes: *bytes,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analysis::instances::instances;
    use crate::session::Session;
    use crate::snapshot::{HeapGraph, HeapSnapshot};
    use crate::synth::sample::seed;
    use crate::ui::tests::{three_roots, type_named};

    fn list(heap: (HeapSnapshot, HeapGraph), name: &str, past_framework: bool) -> HolderList {
        let session = Session::from_parts(Arc::new(heap.0), Some(Arc::new(heap.1)));
        let analyses = session.analyses().unwrap();
        let (job, ty) = (Job::new(), type_named(&analyses.snapshot, name));
        let filter = InstanceFilter { types: vec![ty], ..InstanceFilter::default() };
        let asked = instances(&analyses.snapshot, None, &filter, &job).unwrap();
        let query = HoldersQuery { ty, filter: InstanceFilter::default(), past_framework };
        holders(&analyses, query, &asked, &job).unwrap().unwrap()
    }

    #[test]
    fn holders_stand_behind_the_framework_or_at_once() {
        let far = list(seed(3000, 16), "Corpus.Seed.Worker", true);
        let first = &far.lines[0];
        assert_eq!(first.name, "static Corpus.Seed.Dispatcher.Shutdown");
        assert_eq!((first.words.kind, first.words.short().1.as_str()), ("static", "Shutdown"));
        assert!(first.object.is_some());
        let near = list(seed(3000, 16), "Corpus.Seed.Worker", false);
        let first = &near.lines[0];
        assert_eq!((first.object, first.words.suffix.as_str()), (None, " → Worker"));
        assert!(first.name.ends_with(" × System.EventHandler → Worker"), "{}", first.name);
        for list in [far, near] {
            assert_eq!((list.objects, list.n_dead), (3000, 0));
            assert_eq!(list.lines.iter().map(|line| line.bytes).sum::<u64>(), list.bytes);
        }
    }

    #[test]
    fn what_no_object_alone_holds_is_the_last_line() {
        let list = list(three_roots(), "App.Item", true);
        let [line] = &list.lines[..] else { panic!("{:?}", list.lines) };
        assert_eq!(line.name, "no object alone: several roots, or paths that meet nowhere");
        assert_eq!((line.object, line.ty, line.objects), (None, None, 1));
    }
}
