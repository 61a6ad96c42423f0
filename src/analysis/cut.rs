//! The graph with something taken away: objects, types, fields, single references, roots, all delegates.
//!
//! A [`Cut`] is made once from what the user ignores, and then asked for the targets of an object as the walk meets it.
//! Objects that nothing is taken from cost one look into a column.

use std::collections::BTreeMap;

use super::{ObjectSet, TICK};
use crate::base::{Cancelled, ElementType, Job, RootKind};
use crate::snapshot::read::FIELDS_AT;
use crate::snapshot::slots::display_field_name;
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, RootId, TypeId, TypeShape};

/// Something to leave out of the graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignore {
    /// An object with everything that only it holds.
    Object(ObjectId),
    /// All objects of a type.
    Type(TypeId),
    /// A root; a static field with the slot it stands in.
    Root(RootId),
    /// Every root of a kind.
    RootKind(RootKind),
    /// Every reference from one object to another.
    Edge {
        /// From.
        from: ObjectId,
        /// To.
        to: ObjectId,
    },
    /// Every reference through a field, in instances of any type that has it.
    Field {
        /// Class that declares it.
        declaring: TypeId,
        /// Its name as in the metadata, or as shown.
        name: Box<str>,
    },
    /// What every delegate refers to.
    Delegates,
}

/// What is taken from the objects of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypeRule {
    /// Every reference.
    All,
    /// References in some slots.
    Slots(SlotRule),
}

/// Slots of a type, by byte offset from the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SlotRule {
    /// Slots at these offsets, sorted.
    fixed: Vec<u32>,
    /// Slots at these offsets inside each element of an array, sorted.
    inside: Vec<u32>,
    /// Offset of the first element, and bytes of one.
    elements: (u64, u64),
}

impl SlotRule {
    fn takes(&self, offset: u64) -> bool {
        let has = |offsets: &[u32], at: u64| u32::try_from(at).is_ok_and(|at| offsets.binary_search(&at).is_ok());
        let (start, step) = self.elements;
        has(&self.fixed, offset)
            || offset.checked_sub(start).and_then(|at| at.checked_rem(step)).is_some_and(|at| has(&self.inside, at))
    }
}

/// What is taken from one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ObjectRule {
    /// References to these objects, sorted.
    targets: Vec<ObjectId>,
    /// References in the slots at these offsets, sorted.
    slots: Vec<u32>,
}

/// Everything that is ignored, ready to be asked. See [`Ignore`].
#[derive(Clone, Debug)]
pub struct Cut {
    objects: Option<ObjectSet>,
    by_type: Vec<Option<TypeRule>>,
    /// Some type has a rule.
    has_type_rules: bool,
    by_object: BTreeMap<ObjectId, ObjectRule>,
    /// Objects of `by_object`; most objects are not, and one bit says so.
    with_rule: ObjectSet,
    roots: Vec<bool>,
}

/// Structs inside structs that a field is looked for in, and slots of one type that one field can be.
const MOST_NESTED: usize = 12;
/// See [`MOST_NESTED`].
const MOST_SLOTS: usize = 4096;

impl Cut {
    /// What `ignored` takes from the heap. Cost: the roots, and a pass over the heap when types are ignored.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(snapshot: &HeapSnapshot, graph: &HeapGraph, ignored: &[Ignore], job: &Job) -> Result<Self, Cancelled> {
        let n = snapshot.objects.len();
        let mut cut = Self {
            objects: None,
            by_type: vec![None; snapshot.types.len()],
            has_type_rules: false,
            by_object: BTreeMap::new(),
            with_rule: ObjectSet::new(n),
            roots: vec![false; graph.roots.roots.len()],
        };
        let mut types = vec![false; snapshot.types.len()];
        for what in ignored {
            match what {
                Ignore::Object(object) => {
                    cut.objects.get_or_insert_with(|| ObjectSet::new(n)).insert(*object);
                }
                Ignore::Type(ty) => types[ty.index()] = true,
                Ignore::Root(root) => cut.ignore_root(graph, *root),
                Ignore::RootKind(kind) => {
                    for (id, root) in (0..).map(RootId).zip(&graph.roots.roots) {
                        if root.kind == *kind {
                            cut.ignore_root(graph, id);
                        }
                    }
                }
                Ignore::Edge { from, to } => cut.rule(*from).targets.push(*to),
                Ignore::Field { declaring, name } => cut.ignore_field(snapshot, *declaring, name),
                Ignore::Delegates => {
                    for (ty, row) in snapshot.types.iter() {
                        if row.shape == TypeShape::Delegate {
                            cut.by_type[ty.index()] = Some(TypeRule::All);
                        }
                    }
                }
            }
        }
        if types.contains(&true) {
            let objects = cut.objects.get_or_insert_with(|| ObjectSet::new(n));
            for object in snapshot.objects.ids() {
                if object.0 % TICK == 0 {
                    job.tick(0)?;
                }
                if types[snapshot.objects.type_of(object).index()] {
                    objects.insert(object);
                }
            }
        }
        cut.has_type_rules = cut.by_type.iter().any(Option::is_some);
        for rule in cut.by_object.values_mut() {
            rule.targets.sort_unstable();
            rule.slots.sort_unstable();
        }
        Ok(cut)
    }

    fn rule(&mut self, object: ObjectId) -> &mut ObjectRule {
        self.with_rule.insert(object);
        self.by_object.entry(object).or_default()
    }

    fn ignore_root(&mut self, graph: &HeapGraph, id: RootId) {
        let Some(root) = graph.roots.roots.get(id.index()) else { return };
        self.roots[id.index()] = true;
        let rows = match root.kind {
            RootKind::Static => &graph.roots.statics,
            RootKind::ThreadStatic => &graph.roots.thread_statics,
            _ => return,
        };
        // The runtime's array refers to the same object, and is held by a handle of its own.
        if let Some((array, offset)) = root.row.and_then(|row| rows.get(row as usize)).and_then(|row| row.storage) {
            self.rule(array).slots.push(offset);
        }
    }

    fn ignore_field(&mut self, snapshot: &HeapSnapshot, declaring: TypeId, name: &str) {
        let mut places = Places { snapshot, declaring, name, inside: vec![None; snapshot.types.len()] };
        for (ty, row) in snapshot.types.iter() {
            let mut found = SlotRule::default();
            if row.is_array() {
                if let (Some(ElementType::ValueType), Some(element)) = (row.element_kind, row.element) {
                    found.inside = places.inside(element, 0);
                    found.elements = (row.elements_at(), u64::from(row.component_bytes));
                }
            } else {
                found.fixed = places.inside(ty, 0);
                found.fixed.iter_mut().for_each(|offset| *offset = offset.saturating_add(FIELDS_AT as u32));
            }
            if found.fixed.is_empty() && found.inside.is_empty() {
                continue;
            }
            match &mut self.by_type[ty.index()] {
                Some(TypeRule::All) => {}
                Some(TypeRule::Slots(rule)) => {
                    for (offsets, more) in [(&mut rule.fixed, found.fixed), (&mut rule.inside, found.inside)] {
                        offsets.extend(more);
                        offsets.sort_unstable();
                        offsets.dedup();
                    }
                    rule.elements = found.elements;
                }
                rule @ None => *rule = Some(TypeRule::Slots(found)),
            }
        }
    }

    /// True when `root` is ignored.
    #[must_use]
    pub fn ignores_root(&self, root: RootId) -> bool {
        self.roots.get(root.index()).copied().unwrap_or(false)
    }

    /// True when `object` is ignored itself.
    #[inline]
    #[must_use]
    pub fn ignores_object(&self, object: ObjectId) -> bool {
        self.objects.as_ref().is_some_and(|objects| objects.contains(object))
    }

    /// True when nothing is taken from what `object` refers to but objects that are ignored themselves. Column
    /// look-up.
    #[inline]
    #[must_use]
    pub fn spares(&self, snapshot: &HeapSnapshot, object: ObjectId) -> bool {
        let has_rule = self.has_type_rules && self.by_type[snapshot.objects.type_of(object).index()].is_some();
        !has_rule && !self.with_rule.contains(object)
    }

    /// True when any reference is left from `from` to `to`, of which there is one in the whole graph. Reads the dump
    /// only for an object with ignored fields.
    #[must_use]
    pub fn lets(&self, snapshot: &HeapSnapshot, graph: &HeapGraph, from: ObjectId, to: ObjectId) -> bool {
        if self.ignores_object(from) || self.ignores_object(to) {
            return false;
        }
        if self.spares(snapshot, from) {
            return true;
        }
        let mut targets = Vec::new();
        self.targets(snapshot, graph, from, &mut targets);
        targets.contains(&to)
    }

    /// True when the reference in the slot `offset` bytes from `object` is taken by a field or a root.
    #[must_use]
    pub fn takes_slot(&self, snapshot: &HeapSnapshot, object: ObjectId, offset: u64) -> bool {
        let by_type = match &self.by_type[snapshot.objects.type_of(object).index()] {
            Some(TypeRule::All) => true,
            Some(TypeRule::Slots(rule)) => rule.takes(offset),
            None => false,
        };
        let of_object = if self.with_rule.contains(object) { self.by_object.get(&object) } else { None };
        let is_listed =
            |rule: &ObjectRule| u32::try_from(offset).is_ok_and(|offset| rule.slots.binary_search(&offset).is_ok());
        by_type || of_object.is_some_and(is_listed)
    }

    /// Puts into `into` what `object` refers to when the ignored is gone. Reads the dump only for an object with ignored
    /// fields.
    pub fn targets(&self, snapshot: &HeapSnapshot, graph: &HeapGraph, object: ObjectId, into: &mut Vec<ObjectId>) {
        into.clear();
        if self.ignores_object(object) {
            return;
        }
        let of_type =
            if self.has_type_rules { self.by_type[snapshot.objects.type_of(object).index()].as_ref() } else { None };
        let of_object = if self.with_rule.contains(object) { self.by_object.get(&object) } else { None };
        let slots = match of_type {
            Some(TypeRule::All) => return,
            Some(TypeRule::Slots(rule)) => Some(rule),
            None => None,
        };
        let mut row = graph.references.of(object);
        if slots.is_some() || of_object.is_some_and(|rule| !rule.slots.is_empty()) {
            let takes = |offset: u64| {
                slots.is_some_and(|rule| rule.takes(offset))
                    || of_object.is_some_and(|rule| {
                        u32::try_from(offset).is_ok_and(|offset| rule.slots.binary_search(&offset).is_ok())
                    })
            };
            // One slot, one reference of the row, in the same order: another slot may refer to the same object.
            for slot in snapshot.slots(object).filter(|slot| takes(slot.offset)) {
                for target in row.by_ref() {
                    if target == slot.target {
                        break;
                    }
                    into.push(target);
                }
            }
        }
        into.extend(row);
        if let Some(rule) = of_object.filter(|rule| !rule.targets.is_empty()) {
            into.retain(|target| rule.targets.binary_search(target).is_err());
        }
        if let Some(objects) = &self.objects {
            into.retain(|&target| !objects.contains(target));
        }
    }
}

/// Where a field stands inside instances of other types: in the object itself, or in a struct that is a field of it.
struct Places<'a> {
    snapshot: &'a HeapSnapshot,
    declaring: TypeId,
    name: &'a str,
    /// Offsets from the start of the fields, by type, once they are known; empty while they are looked for, so that a
    /// bent struct that holds itself ends.
    inside: Vec<Option<Vec<u32>>>,
}

impl Places<'_> {
    fn inside(&mut self, ty: TypeId, depth: usize) -> Vec<u32> {
        if let Some(known) = &self.inside[ty.index()] {
            return known.clone();
        }
        if depth == MOST_NESTED {
            return Vec::new();
        }
        self.inside[ty.index()] = Some(Vec::new());
        let snapshot = self.snapshot;
        let mut offsets = Vec::new();
        for field in &snapshot.types.row(ty).fields {
            let is_named = |own: &str| own == self.name || display_field_name(own) == self.name;
            if field.declaring == self.declaring
                && field.element == ElementType::Class
                && field.name.as_deref().is_some_and(is_named)
            {
                offsets.push(field.offset);
            }
            if let (ElementType::ValueType, Some(inner)) = (field.element, field.ty) {
                let inner = self.inside(inner, depth + 1);
                offsets.extend(inner.iter().map(|offset| offset.saturating_add(field.offset)));
            }
            offsets.truncate(MOST_SLOTS);
        }
        offsets.sort_unstable();
        offsets.dedup();
        self.inside[ty.index()] = Some(offsets.clone());
        offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{ReachabilityOptions, reachability};
    use crate::synth::sample::sample;

    /// Objects alive when `ignored` is gone.
    fn check(ignored: impl Fn(&HeapSnapshot, &HeapGraph) -> Ignore, expected_gone: u64) {
        let (snapshot, graph) = sample();
        let job = Job::new();
        let options = ReachabilityOptions { stack: true, cut: None };
        let all = reachability(&snapshot, &graph, options, &job).unwrap();
        let cut = Cut::new(&snapshot, &graph, &[ignored(&snapshot, &graph)], &job).unwrap();
        let options = ReachabilityOptions { cut: Some(&cut), ..options };
        let left = reachability(&snapshot, &graph, options, &job).unwrap();
        assert_eq!(all.total().count - left.total().count, expected_gone);
    }

    fn type_named(snapshot: &HeapSnapshot, name: &str) -> TypeId {
        snapshot.types.iter().find(|(_, row)| row.name.known() == Some(name)).unwrap().0
    }

    #[test]
    fn what_comes_back_without_it() {
        // Worker, name, buffer, delegate, job, result: six objects of each of the 2,984 that only the event holds; the
        // handlers of all 3,000; the multicast delegate and its list.
        let event = 2984 * 6 + 3000 + 2;
        let shutdown = |graph: &HeapGraph| {
            let is = |root: &crate::snapshot::Root| root.kind == RootKind::Static && root.row == Some(0);
            RootId(graph.roots.roots.iter().position(is).unwrap() as u32)
        };
        check(|_, graph| Ignore::Root(shutdown(graph)), event);
        check(|_, _| Ignore::Delegates, 2984 * 6 + 3000 + 1 + 16 * 2);
        check(
            |_, graph| {
                let multicast = graph.roots.roots[shutdown(graph).index()].object;
                Ignore::Edge { from: multicast, to: graph.references.of(multicast).last().unwrap() }
            },
            event - 1,
        );
        check(
            |snapshot, _| Ignore::Field {
                declaring: type_named(snapshot, "Corpus.Seed.Worker"),
                name: "Buffer".into(),
            },
            3000,
        );
        check(|snapshot, _| Ignore::Type(type_named(snapshot, "Corpus.Seed.Job")), 3000 * 2);
        check(|_, _| Ignore::RootKind(RootKind::Stack), 1);
    }
}
