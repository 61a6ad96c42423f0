//! The dominator tree as the window lists and maps it: rows that are folded out, and the same tree as nested nodes.
//!
//! The top of the tree is found once per grouping; what is folded out below it is looked up when it is folded out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::paths;
use crate::analysis::dominator_tree::{Grouping, Rest, RowName, TreeLevel, TreeRow, TreeView};
use crate::analysis::dominators::{DominatorOptions, Retained};
use crate::analysis::plumbing::{is_framework, is_framework_name};
use crate::base::{Cancelled, Job, RootKind, number};
use crate::session::{Analyses, Dominance};
use crate::snapshot::{ObjectId, TypeId, TypeShape};
use crate::ui::type_name;
use crate::ui::widgets::treemap::MapNode;

/// Rows of one level that are listed; the others are one row with their sum.
const LISTED: usize = 200;
/// Rows of a level whose rest was folded out.
const LISTED_MORE: usize = 20_000;
/// Levels of the map.
const MAP_LEVELS: usize = 6;
/// A node of the map is at least this part of the whole; smaller ones are one node together.
const MAP_PART: u64 = 1_500;
/// Delegates of a group whose targets are looked up, for the word behind the arrow.
const TARGETS: usize = 20_000;

/// Key of a row that is no object: the own bytes of one, or the rest of a level.
const OWN: u64 = 1 << 40;
const MORE: u64 = 1 << 41;
/// The rest of the top level.
const MORE_OF_TOP: u64 = MORE | u32::MAX as u64;

/// The words of a row, in their parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowWords {
    /// `static`; `stack` or `finalizer` for what that alone holds; or nothing.
    pub kind: &'static str,
    /// Reference that leads here: `_items`.
    pub edge: String,
    /// `Dispatcher.` of a static, `3,000 × ` of a group.
    pub prefix: String,
    /// A type's whole name, or a name.
    pub name: String,
    /// The name is a type's.
    pub is_type: bool,
    /// ` → Worker` of delegates.
    pub suffix: String,
}

impl RowWords {
    /// All of it on one line, without namespaces.
    #[must_use]
    pub fn short(&self) -> (String, String) {
        let name = if self.is_type { type_name::short(&self.name) } else { self.name.clone() };
        let edge = if self.edge.is_empty() { String::new() } else { format!("{}, ", self.edge) };
        let kind = if self.kind.is_empty() { String::new() } else { format!("{} ", self.kind) };
        (format!("{kind}{}", self.prefix), format!("{edge}{name}{}", self.suffix))
    }
}

/// One row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct DominatorLine {
    /// What it is known by: its first object, or a mark for what is no object.
    pub key: u64,
    /// Level, from 0.
    pub depth: usize,
    /// What it says.
    pub words: RowWords,
    /// Objects of the row itself.
    pub n_members: u64,
    /// The object, when it is one.
    pub object: Option<ObjectId>,
    /// Type of its objects; `None` where they are of several.
    pub ty: Option<TypeId>,
    /// What it keeps alive.
    pub retained: Retained,
    /// Its own bytes.
    pub own_bytes: u64,
    /// Branch under the root, for the colour.
    pub branch: Option<usize>,
    /// Folded out; `None` for a leaf.
    pub is_open: Option<bool>,
}

/// Which tree, and how its siblings are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeQuery {
    /// What one row is.
    pub grouping: Grouping,
    /// Words on stacks hold, too.
    pub stack: bool,
}

impl TreeQuery {
    /// What the tree begins with, and the overview shows.
    pub const FIRST: Self = Self { grouping: Grouping::Type, stack: false };
}

/// The rows under the root, and the map.
#[derive(Debug)]
pub struct DominatorTop {
    /// What was asked.
    pub query: TreeQuery,
    /// The tree itself: that of the session, or one with words on stacks.
    pub dominance: Arc<Dominance>,
    level: Arc<TreeLevel>,
    branches: Vec<Option<usize>>,
    /// The tree as nested nodes, some levels deep.
    pub map: Vec<MapNode>,
    /// What roots hold.
    pub total: Retained,
}

/// What is folded out.
#[derive(Clone, Debug, Default)]
pub struct DominatorList {
    /// Rows.
    pub lines: Vec<DominatorLine>,
}

/// A level that is being listed.
struct Level {
    level: Arc<TreeLevel>,
    /// The next of its rows.
    at: usize,
    depth: usize,
    /// Key of its rest.
    more: u64,
    branch: Option<usize>,
}

/// The tree with its names; `None` while dominators are not known.
pub(super) fn view(analyses: &Analyses) -> Option<TreeView<'_>> {
    view_of(analyses, analyses.dominance.as_deref()?)
}

fn view_of<'a>(analyses: &'a Analyses, dominance: &'a Dominance) -> Option<TreeView<'a>> {
    let Dominance { tree, children } = dominance;
    Some(TreeView { snapshot: &analyses.snapshot, graph: analyses.graph.as_deref()?, tree, children })
}

/// The rows under the root. One pass over them, and over what the map shows; with words on stacks the dominators are
/// found again, unless the tree that is `known` is such a one.
///
/// # Errors
/// [`Cancelled`].
pub fn top(
    analyses: &Analyses,
    query: TreeQuery,
    known: Option<Arc<Dominance>>,
    job: &Job,
) -> Result<Option<Arc<DominatorTop>>, Cancelled> {
    let TreeQuery { grouping, stack } = query;
    let dominance = match (&analyses.graph, &analyses.dominance, known) {
        (Some(_), Some(without), _) if !stack => Arc::clone(without),
        (Some(_), Some(_), Some(known)) => known,
        (Some(graph), Some(_), None) => {
            Arc::new(Dominance::new(&analyses.snapshot, graph, DominatorOptions { stack }, job)?)
        }
        _ => return Ok(None),
    };
    let Some(view) = view_of(analyses, &dominance) else { return Ok(None) };
    let Some(reachability) = analyses.reachability.as_deref() else { return Ok(None) };
    let level = view.top(reachability, grouping, LISTED_MORE, job)?;
    let mut n_branches = 0;
    let branches: Vec<Option<usize>> = level
        .rows
        .iter()
        .map(|row| {
            if is_framework_row(&view, row) {
                return None;
            }
            n_branches += 1;
            Some((n_branches - 1).min(5))
        })
        .collect();
    let total = view.tree.total();
    let map = map_level(&view, grouping, &level, &branches, MORE_OF_TOP, (total.bytes / MAP_PART).max(1), 1, job)?;
    let level = Arc::new(level);
    Ok(Some(Arc::new(DominatorTop { query, dominance: Arc::clone(&dominance), level, branches, map, total })))
}

/// What `open` folds out of `top`.
///
/// # Errors
/// [`Cancelled`].
pub fn list(
    analyses: &Analyses,
    top: &DominatorTop,
    open: &BTreeSet<u64>,
    job: &Job,
) -> Result<DominatorList, Cancelled> {
    let mut list = DominatorList::default();
    let Some(view) = view_of(analyses, &top.dominance) else { return Ok(list) };
    // Depth first with a stack of its own: a chain of a million holders may be folded out step by step.
    let mut stack = vec![Level { level: Arc::clone(&top.level), at: 0, depth: 0, more: MORE_OF_TOP, branch: None }];
    while let Some(Level { level, at, depth, more, branch }) = stack.pop() {
        job.tick(0)?;
        let most = if open.contains(&more) { LISTED_MORE } else { LISTED };
        let Some(row) = level.rows.get(at).filter(|_| at < most) else {
            let rest: Rest = level.rows[at..].iter().map(TreeRow::unlisted).chain([level.rest]).sum();
            if rest.n_rows > 0 {
                list.lines.push(unlisted(rest, depth, more, most < LISTED_MORE));
            }
            continue;
        };
        let branch_here = if depth == 0 { top.branches.get(at).copied().flatten() } else { branch };
        let key = key_of(row);
        let can_open = !view.is_storage(row) && view.has_below(&row.members);
        let is_open = can_open.then(|| open.contains(&key));
        let mut words = words(&view, row);
        if let Some(kind) = row.only {
            words.kind = if kind == RootKind::Stack { "stack" } else { "finalizer" };
        }
        list.lines.push(DominatorLine {
            key,
            depth,
            words,
            n_members: row.members.len() as u64,
            object: (row.members.len() == 1).then(|| row.members[0]),
            ty: (!matches!(row.name, RowName::Name(_))).then_some(row.ty),
            retained: row.retained,
            own_bytes: row.own_bytes,
            branch: branch_here,
            is_open,
        });
        let members = (is_open == Some(true)).then(|| row.members.clone());
        stack.push(Level { level, at: at + 1, depth, more, branch });
        if let Some(members) = members {
            let below = Arc::new(view.below(&members, top.query.grouping, LISTED_MORE));
            stack.push(Level { level: below, at: 0, depth: depth + 1, more: MORE | key, branch: branch_here });
        }
    }
    Ok(list)
}

/// The keys of the nodes that lead to `key` in `map`, which are to be folded out to see it. Nothing when it is not there.
#[must_use]
pub fn way_to(map: &[MapNode], key: u64) -> Vec<u64> {
    for node in map {
        if node.key == key {
            return Vec::new();
        }
        if contains(node, key) {
            let mut way = vec![node.key];
            way.extend(way_to(&node.children, key));
            return way;
        }
    }
    Vec::new()
}

fn contains(node: &MapNode, key: u64) -> bool {
    // Maps are `MAP_LEVELS` deep.
    node.key == key || node.children.iter().any(|child| contains(child, key))
}

/// The row of the list that a node of the map stands for: own bytes belong to their object.
#[must_use]
pub const fn row_key(key: u64) -> u64 {
    key & !OWN
}

fn key_of(row: &TreeRow) -> u64 {
    row.members.first().map_or(0, |first| u64::from(first.0))
}

/// The line of the rows that are not listed.
fn unlisted(rest: Rest, depth: usize, key: u64, can_open: bool) -> DominatorLine {
    DominatorLine {
        key,
        depth,
        words: RowWords { name: format!("{} more", number::count(rest.n_rows)), ..RowWords::default() },
        n_members: rest.n_objects,
        object: None,
        ty: None,
        retained: rest.retained,
        own_bytes: rest.own_bytes,
        branch: None,
        is_open: can_open.then_some(false),
    }
}

fn is_framework_row(view: &TreeView<'_>, row: &TreeRow) -> bool {
    match &row.name {
        RowName::Static(name) => is_framework_name(type_name::namespace(name)),
        RowName::Storage(_) => true,
        RowName::Name(name) => is_framework_name(name.trim_end_matches(".dll")) || name.is_empty(),
        _ => is_framework(view.snapshot, view.snapshot.types.row(row.ty)),
    }
}

/// What a row says.
pub(super) fn words(view: &TreeView<'_>, row: &TreeRow) -> RowWords {
    let snapshot = view.snapshot;
    let n = row.members.len();
    let mut words = RowWords::default();
    match &row.name {
        RowName::Static(name) => {
            words.kind = "static";
            match paths::split_member(name) {
                Some((ty, field)) => {
                    words.prefix = format!("{}.", type_name::short(ty));
                    field.clone_into(&mut words.name);
                }
                None => words.name.clone_from(name),
            }
            return words;
        }
        RowName::Name(name) => {
            words.name = if name.is_empty() { "no namespace".to_owned() } else { name.clone() };
            return words;
        }
        RowName::Storage(label) if view.is_storage(row) => {
            words.name = (*label).to_owned();
            return words;
        }
        RowName::Storage(label) => words.suffix = format!(", {label}"),
        RowName::Edge(edge) => words.edge.clone_from(edge),
        RowName::Type => {}
    }
    words.is_type = true;
    match row.members.as_slice() {
        [one] => words.name = paths::node(snapshot, *one).type_name,
        _ => {
            words.prefix = format!("{} × ", number::count(n as u64));
            words.name = snapshot.types.row(row.ty).display_name();
        }
    }
    if snapshot.types.row(row.ty).shape == TypeShape::Delegate
        && let Some(target) = common_target(view, &row.members)
    {
        words.suffix = format!(" → {}", type_name::short(&target));
    }
    words
}

/// The type that all of these delegates call, when it is one.
fn common_target(view: &TreeView<'_>, delegates: &[ObjectId]) -> Option<String> {
    if delegates.len() > TARGETS {
        return None;
    }
    let mut common = None;
    for &delegate in delegates {
        let parts = view.snapshot.delegate(delegate)?;
        let target = view.snapshot.objects.at(parts.target).filter(|&target| target != delegate)?;
        let ty = view.snapshot.objects.type_of(target);
        if common.is_some_and(|common| common != ty) {
            return None;
        }
        common = Some(ty);
    }
    Some(view.snapshot.types.row(common?).display_name())
}

#[expect(clippy::too_many_arguments, reason = "one level of one recursion, bounded by MAP_LEVELS")]
fn map_level(
    view: &TreeView<'_>,
    grouping: Grouping,
    of: &TreeLevel,
    branches: &[Option<usize>],
    more: u64,
    least: u64,
    level: usize,
    job: &Job,
) -> Result<Vec<MapNode>, Cancelled> {
    job.tick(0)?;
    // Rows come biggest first, and all that are big enough are among those asked for.
    let rows = &of.rows;
    let n_shown = rows.iter().take_while(|row| row.retained.bytes >= least).count();
    let mut nodes = Vec::with_capacity(n_shown + 1);
    for (index, row) in rows[..n_shown].iter().enumerate() {
        let branch = branches.get(index).or(branches.last()).copied().flatten();
        let (prefix, name) = words(view, row).short();
        let key = key_of(row);
        let mut children = Vec::new();
        if level < MAP_LEVELS && !view.is_storage(row) && view.has_below(&row.members) {
            let below = view.below(&row.members, grouping, LISTED_MORE);
            children = map_level(view, grouping, &below, &[branch], MORE | key, least, level + 1, job)?;
            if row.own_bytes > 0 && !children.is_empty() {
                let own = format!("{} itself", type_name::short(&view.snapshot.types.row(row.ty).display_name()));
                let name = if row.members.len() > 1 { own.replace(" itself", " themselves") } else { own };
                children.push(MapNode { name, bytes: row.own_bytes, branch, key: OWN | key, ..MapNode::default() });
            }
        }
        nodes.push(MapNode { prefix, name, bytes: row.retained.bytes, children, branch, key });
    }
    let left: Rest = rows[n_shown..].iter().map(TreeRow::unlisted).chain([of.rest]).sum();
    if left.retained.bytes > 0 {
        let (name, bytes) = (format!("{} smaller", number::count(left.n_rows)), left.retained.bytes);
        let branch = if level == 1 { None } else { branches.last().copied().flatten() };
        nodes.push(MapNode { name, bytes, branch, key: more, ..MapNode::default() });
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::synth::sample::seed;

    fn analyses() -> Analyses {
        let (snapshot, graph) = seed(3000, 16);
        Session::from_parts(Arc::new(snapshot), Some(Arc::new(graph))).analyses().unwrap()
    }

    #[test]
    fn the_tree_unfolds_step_by_step_and_sums_stay() {
        let analyses = analyses();
        let job = Job::new();
        let top = top(&analyses, TreeQuery::FIRST, None, &job).unwrap().unwrap();
        let closed = list(&analyses, &top, &BTreeSet::new(), &job).unwrap();
        assert_eq!(closed.lines.iter().map(|line| line.retained.bytes).sum::<u64>(), top.total.bytes);
        let first = &closed.lines[0];
        assert_eq!((first.words.kind, first.words.short().1.as_str()), ("static", "Shutdown"));
        assert_eq!((first.depth, first.is_open), (0, Some(false)));
        let mut open = BTreeSet::from([first.key]);
        let list_one = list(&analyses, &top, &open, &job).unwrap();
        assert_eq!((list_one.lines[0].is_open, list_one.lines[1].depth), (Some(true), 1));
        open.insert(list_one.lines[1].key);
        let list_two = list(&analyses, &top, &open, &job).unwrap();
        let handlers = &list_two.lines[2];
        assert_eq!(handlers.depth, 2);
        assert!(handlers.words.prefix.ends_with(" × "), "{:?}", handlers.words);
        assert_eq!(handlers.words.suffix, " → Worker");
    }

    #[test]
    fn the_map_has_the_same_sums_and_every_key_a_way() {
        let analyses = analyses();
        let top = top(&analyses, TreeQuery::FIRST, None, &Job::new()).unwrap().unwrap();
        assert_eq!(top.map.iter().map(|node| node.bytes).sum::<u64>(), top.total.bytes);
        fn check(node: &MapNode, map: &[MapNode], depth: usize) {
            assert!(node.children.iter().map(|child| child.bytes).sum::<u64>() <= node.bytes, "{}", node.name);
            assert_eq!(way_to(map, node.key).len(), depth, "{}", node.name);
            for child in &node.children {
                check(child, map, depth + 1);
            }
        }
        for node in &top.map {
            check(node, &top.map, 0);
        }
    }
}
