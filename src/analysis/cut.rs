//! The graph with something taken away: objects, types, fields, single references, roots, all delegates.
//!
//! A [`Cut`] is made once from what the user ignores, and then asked for the targets of an object as the walk meets it.
//! Objects that nothing is taken from cost one look into a column.

use std::collections::BTreeMap;

use super::{ObjectSet, TICK};
use crate::base::{Addr, Cancelled, Job, RootKind};
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
    /// References in the slots at these offsets.
    Slots(Vec<u32>),
}

/// What is taken from one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ObjectRule {
    targets: Vec<ObjectId>,
    slots: Vec<u32>,
}

/// Everything that is ignored, ready to be asked. See [`Ignore`].
#[derive(Clone, Debug)]
pub struct Cut {
    objects: Option<ObjectSet>,
    by_type: Vec<Option<TypeRule>>,
    by_object: BTreeMap<ObjectId, ObjectRule>,
    /// Objects of `by_object`; most objects are not, and one bit says so.
    with_rule: ObjectSet,
    roots: Vec<bool>,
}

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
        for (ty, row) in snapshot.types.iter() {
            let fields = row.fields.iter().filter(|field| {
                let is_named = |own: &str| own == name || display_field_name(own) == name;
                field.declaring == declaring && field.name.as_deref().is_some_and(is_named)
            });
            let offsets: Vec<u32> = fields.map(|field| field.offset + FIELDS_AT as u32).collect();
            if offsets.is_empty() {
                continue;
            }
            match &mut self.by_type[ty.index()] {
                Some(TypeRule::All) => {}
                Some(TypeRule::Slots(slots)) => slots.extend(offsets),
                rule @ None => *rule = Some(TypeRule::Slots(offsets)),
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

    /// Puts into `into` what `object` refers to when the ignored is gone. Reads the dump only for an object with ignored
    /// fields.
    pub fn targets(&self, snapshot: &HeapSnapshot, graph: &HeapGraph, object: ObjectId, into: &mut Vec<ObjectId>) {
        into.clear();
        if self.ignores_object(object) {
            return;
        }
        let rule = &self.by_type[snapshot.objects.type_of(object).index()];
        if *rule == Some(TypeRule::All) {
            return;
        }
        into.extend(graph.references.of(object));
        let mut take_slot = |offset: u32| {
            let word = snapshot.word(snapshot.objects.address(object).plus(u64::from(offset)));
            let target = word.and_then(|word| snapshot.objects.at(Addr(word)));
            // One slot, one reference: another field may refer to the same object.
            if let Some(place) = target.and_then(|target| into.iter().position(|&other| other == target)) {
                into.remove(place);
            }
        };
        if let Some(TypeRule::Slots(slots)) = rule {
            slots.iter().copied().for_each(&mut take_slot);
        }
        if self.with_rule.contains(object)
            && let Some(rule) = self.by_object.get(&object)
        {
            rule.slots.iter().copied().for_each(&mut take_slot);
            into.retain(|target| !rule.targets.contains(target));
        }
        if let Some(objects) = &self.objects {
            into.retain(|&target| !objects.contains(target));
        }
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
