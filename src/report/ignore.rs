//! What is ignored, as text: the one grammar that the command line reads and the window shows.
//!
//! | text | what goes |
//! | --- | --- |
//! | `0x7f3a10c00010` | an object, with every reference to it and from it |
//! | `Corpus.Seed.Worker` | all objects of a type |
//! | `Publisher.Tick` | the references in a field, in every object that has it; a static field likewise |
//! | `0x7f3a10c00010->0x7f3a10c0a6c8` | the references from one object to another |
//! | `root:static`, `root:handles`, `root:stack` … | every root of a kind; `handles` are those of every kind |
//! | `root:static Dispatcher.Shutdown`, `root:0x7f…` | a root, by its name or by where it stands |
//! | `delegates` | whatever a delegate refers to |
//!
//! Names may be cut as everywhere: the end of a name, or any part that fits one alone.

use std::collections::BTreeSet;

use super::lookup::{self, LookupError, Rule, choose, list_text, nearest_text};
use crate::analysis::Ignore;
use crate::analysis::roots::{root_name, static_name, static_row};
use crate::base::{Addr, ElementType, RootKind};
use crate::snapshot::slots::display_field_name;
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, RootId, TypeId};

/// Names an error lists at most.
const SHOWN: usize = 10;

/// The grammar, for a help text.
pub const GRAMMAR: &str = "\
EDGE is one of:
  0x7f3a10c00010                  an object, with all references to and from it
  Corpus.Seed.Worker              all objects of a type
  Publisher.Tick                  the references in a field, in every object that has it, or in a static field
  0x7f3a10c00010->0x7f3a10c0a6c8  the references from one object to another
  root:static                     all roots of a kind: static, thread static, handles (of every kind), strong handle,
                                  pinned handle, ref-counted handle, async pinned handle, sized ref handle,
                                  finalizer queue, stack
  root:static Dispatcher.Shutdown a root by its name, as `roots` and `path` print it
  root:0x7f3a10c00010             a root by where it stands: handle, slot, word of a stack
  delegates                       whatever delegates refer to
Names may be cut to their end, or to any part that fits one alone.";

/// Why a text is nothing to ignore, for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// No type or object.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A type, but it has no such field.
    #[error("no field “{field}” that can hold a reference in {types}{}", fields_text(fields))]
    NoField {
        /// The type, or how many fit.
        types: String,
        /// What was asked for.
        field: String,
        /// Fields it has.
        fields: Vec<String>,
    },
    /// No root.
    #[error("no root is called “{text}”{}", nearest_text(nearest))]
    NoRoot {
        /// What was asked for.
        text: String,
        /// Names that look like it.
        nearest: Vec<String>,
    },
    /// Several fit.
    #[error("“{text}” fits {n_fitting} {what}; give more of the name:{}", list_text(shown, *n_fitting))]
    Many {
        /// What was asked for.
        text: String,
        /// Roots or fields.
        what: &'static str,
        /// How many fit.
        n_fitting: usize,
        /// Some of them.
        shown: Vec<String>,
    },
    /// No such reference.
    #[error("{from} does not refer to {to}")]
    NoEdge {
        /// From.
        from: Addr,
        /// To.
        to: Addr,
    },
    /// Nothing was written.
    #[error("nothing is named: write an address, a type, Type.Field, ADDR->ADDR, root:…, or delegates")]
    Nothing,
}

/// Reads what is to be ignored: usually one thing; several where one name means several, as a class that was loaded
/// twice. Cost: a look at every type or root.
///
/// # Errors
/// [`IgnoreError`].
pub fn parse(snapshot: &HeapSnapshot, graph: &HeapGraph, text: &str) -> Result<Vec<Ignore>, IgnoreError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IgnoreError::Nothing);
    }
    if text.eq_ignore_ascii_case("delegates") {
        return Ok(vec![Ignore::Delegates]);
    }
    if let Some(root) = text.strip_prefix("root:") {
        return parse_root(snapshot, graph, root.trim());
    }
    if let Some((from, to)) = text.split_once("->").or_else(|| text.split_once('→')) {
        return parse_edge(snapshot, graph, from, to);
    }
    if lookup::parse_address(text).is_ok() {
        match lookup::find_object(snapshot, text) {
            Ok((object, _)) => return Ok(vec![Ignore::Object(object)]),
            // The address of a MethodTable, or a name that looks like a number: `Added`, `Face`.
            Err(err) => {
                return lookup::find_types(snapshot, text).map_or(Err(err.into()), |found| Ok(types(found.ids)));
            }
        }
    }
    parse_name(snapshot, graph, text)
}

/// What is ignored, as [`parse`] reads it.
#[must_use]
pub fn text(snapshot: &HeapSnapshot, graph: &HeapGraph, ignored: &Ignore) -> String {
    let address = |object: ObjectId| snapshot.objects.address(object);
    match ignored {
        Ignore::Object(object) => address(*object).to_string(),
        Ignore::Type(ty) => snapshot.types.row(*ty).display_name(),
        Ignore::Root(root) => format!("root:{}", root_text(snapshot, graph, *root)),
        Ignore::RootKind(kind) => format!("root:{}", kind.label()),
        Ignore::Edge { from, to } => format!("{}->{}", address(*from), address(*to)),
        Ignore::Field { declaring, name } => {
            format!("{}.{}", snapshot.types.row(*declaring).display_name(), display_field_name(name))
        }
        Ignore::Delegates => "delegates".to_owned(),
    }
}

/// What is ignored, in words for a person: `every reference in Publisher.Tick`.
#[must_use]
pub fn words(snapshot: &HeapSnapshot, graph: &HeapGraph, ignored: &Ignore) -> String {
    let object = |object: ObjectId| {
        format!("{} at {}", snapshot.type_of(object).display_name(), snapshot.objects.address(object))
    };
    match ignored {
        Ignore::Object(of) => format!("the object {}", object(*of)),
        Ignore::Type(ty) => format!("all objects of {}", snapshot.types.row(*ty).display_name()),
        Ignore::Root(root) => format!("the root {}", root_name(snapshot, graph, *root)),
        Ignore::RootKind(kind) => format!("all roots of the kind {}", kind.label()),
        Ignore::Edge { from, to } => format!("the references from {} to {}", object(*from), object(*to)),
        Ignore::Field { .. } => format!("all references in {}", text(snapshot, graph, ignored)),
        Ignore::Delegates => "all references of delegates".to_owned(),
    }
}

fn types(ids: Vec<TypeId>) -> Vec<Ignore> {
    ids.into_iter().map(Ignore::Type).collect()
}

fn parse_edge(snapshot: &HeapSnapshot, graph: &HeapGraph, from: &str, to: &str) -> Result<Vec<Ignore>, IgnoreError> {
    let (from, to) = (lookup::find_object(snapshot, from)?.0, lookup::find_object(snapshot, to)?.0);
    if !graph.references.of(from).any(|target| target == to) {
        let address = |object: ObjectId| snapshot.objects.address(object);
        return Err(IgnoreError::NoEdge { from: address(from), to: address(to) });
    }
    Ok(vec![Ignore::Edge { from, to }])
}

/// A type, or a field of one: a whole type's name first, then fields, then parts of types' names.
fn parse_name(snapshot: &HeapSnapshot, graph: &HeapGraph, text: &str) -> Result<Vec<Ignore>, IgnoreError> {
    let chosen = lookup::find_types(snapshot, text);
    let is_end = |text: &str, name: &str| Rule::Whole.fits(text, name) || Rule::Tail.fits(text, name);
    if let Ok(choice) = &chosen
        && is_end(text, &choice.name)
    {
        return Ok(types(choice.ids.clone()));
    }
    let Some((type_text, field)) = split_member(text) else { return Ok(types(chosen?.ids)) };
    if let Some(found) = instance_field(snapshot, type_text, field)? {
        return Ok(found);
    }
    let statics = |kind| static_roots(snapshot, graph, kind, text);
    let roots = [statics(RootKind::Static), statics(RootKind::ThreadStatic)].concat();
    if !roots.is_empty() {
        return one_name(snapshot, graph, text, roots);
    }
    let unloadable = unloadable_statics(snapshot, graph, text);
    if !unloadable.is_empty() {
        return Ok(unloadable);
    }
    match (chosen, lookup::find_types(snapshot, type_text)) {
        (Ok(choice), _) => Ok(types(choice.ids)),
        (Err(_), Ok(owner)) if is_end(type_text, &owner.name) => {
            Err(no_field(snapshot, graph, owner.name, &|id| owner.ids.contains(&id), field))
        }
        (Err(_), Err(LookupError::ManyTypes { n_fitting, shown, .. }))
            if shown.iter().all(|name| is_end(type_text, name)) =>
        {
            let types = format!("any of the {n_fitting} types that “{type_text}” fits");
            let fits = |id| snapshot.types.row(id).name.known().is_some_and(|name| is_end(type_text, name));
            Err(no_field(snapshot, graph, types, &fits, field))
        }
        (Err(err), _) => Err(err.into()),
    }
}

fn no_field(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    types: String,
    fits: &dyn Fn(TypeId) -> bool,
    field: &str,
) -> IgnoreError {
    let statics = graph.roots.statics.iter().chain(&graph.roots.thread_statics).filter(|row| fits(row.declaring));
    let statics = statics.filter(|row| row.object.is_some()).filter_map(|row| row.name.as_deref());
    let rows = snapshot.types.iter().filter(|&(id, _)| fits(id)).flat_map(|(_, row)| row.fields.iter());
    let names: BTreeSet<String> = rows
        .filter(|field| field.element == ElementType::Class)
        .filter_map(|field| field.name.as_deref())
        .chain(statics)
        .map(|name| display_field_name(name).to_owned())
        .collect();
    let near = lookup::nearest(names.iter().map(String::as_str), field);
    let fields = if near.is_empty() { names.into_iter().take(SHOWN).collect() } else { near };
    IgnoreError::NoField { types, field: field.to_owned(), fields }
}

/// Type and member of `Namespace.Type<A.B>.member`.
fn split_member(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_i32;
    let mut last = None;
    for (at, letter) in text.char_indices() {
        match letter {
            '<' | '[' => depth += 1,
            '>' | ']' => depth -= 1,
            '.' if depth <= 0 => last = Some(at),
            _ => {}
        }
    }
    let (owner, member) = (text.get(..last?)?, text.get(last? + 1..)?);
    (!owner.is_empty() && !member.is_empty()).then_some((owner, member))
}

/// The instance field `field` of the type that `type_text` means among those that have it.
fn instance_field(snapshot: &HeapSnapshot, type_text: &str, field: &str) -> Result<Option<Vec<Ignore>>, IgnoreError> {
    let declaring = |id: TypeId| {
        let is_it = |name: &str| name == field || display_field_name(name) == field;
        let row = snapshot.types.row(id);
        let found = row
            .fields
            .iter()
            .rev()
            .find(|row| row.element == ElementType::Class && row.name.as_deref().is_some_and(is_it));
        found.and_then(|found| Some((found.declaring, found.name.clone()?)))
    };
    let choice = match choose(snapshot, type_text, |id| declaring(id).is_some()) {
        Ok(choice) => choice,
        Err(LookupError::ManyTypes { text, n_fitting, shown }) => {
            let shown = shown.iter().map(|name| format!("{name}.{field}")).collect();
            return Err(IgnoreError::Many { text: format!("{text}.{field}"), what: "fields", n_fitting, shown });
        }
        Err(_) => return Ok(None),
    };
    let found: BTreeSet<Ignore> = choice
        .ids
        .into_iter()
        .filter_map(declaring)
        .map(|(declaring, name)| Ignore::Field { declaring, name })
        .collect();
    Ok(Some(found.into_iter().collect()))
}

/// Roots of `kind` whose static field `text` names, by the surest rule that fits any.
fn static_roots(snapshot: &HeapSnapshot, graph: &HeapGraph, kind: RootKind, text: &str) -> Vec<RootId> {
    let named: Vec<(RootId, String)> = (0..)
        .map(RootId)
        .zip(&graph.roots.roots)
        .filter(|(_, root)| root.kind == kind)
        .filter_map(|(id, _)| Some((id, static_name(snapshot, static_row(graph, id)?))))
        .collect();
    for rule in Rule::ALL {
        let fitting: Vec<RootId> = named.iter().filter(|(_, name)| rule.fits(text, name)).map(|&(id, _)| id).collect();
        if !fitting.is_empty() {
            return fitting;
        }
    }
    Vec::new()
}

/// Static fields of types that can be unloaded: no roots, but references in an array of their LoaderAllocator.
fn unloadable_statics(snapshot: &HeapSnapshot, graph: &HeapGraph, text: &str) -> Vec<Ignore> {
    let rows = graph.roots.statics.iter().filter(|row| snapshot.types.row(row.declaring).collectible);
    let named: Vec<(Ignore, String)> = rows
        .filter_map(|row| {
            let (from, to) = (row.storage?.0, row.object?);
            Some((Ignore::Edge { from, to }, static_name(snapshot, row)))
        })
        .collect();
    let fitting = Rule::ALL.iter().take(2).map(|rule| named.iter().filter(|(_, name)| rule.fits(text, name)));
    fitting
        .map(|found| found.map(|(edge, _)| edge.clone()).collect())
        .find(|found: &Vec<_>| !found.is_empty())
        .unwrap_or_default()
}

/// `roots`, when all have one name: a class may be loaded more than once, a field exists once a thread.
fn one_name(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    text: &str,
    roots: Vec<RootId>,
) -> Result<Vec<Ignore>, IgnoreError> {
    let name = |&root: &RootId| match static_row(graph, root) {
        Some(row) => static_name(snapshot, row),
        None => root_name(snapshot, graph, root),
    };
    let names: BTreeSet<String> = roots.iter().map(name).collect();
    if names.len() > 1 {
        let n_fitting = names.len();
        let shown = names.into_iter().take(SHOWN).collect();
        return Err(IgnoreError::Many { text: text.to_owned(), what: "roots", n_fitting, shown });
    }
    Ok(roots.into_iter().map(Ignore::Root).collect())
}

/// Words for kinds of roots.
fn kinds(text: &str) -> Vec<RootKind> {
    // `thread-static`, as options are written.
    let lower = text.to_lowercase().replace('-', " ");
    let bare = lower.strip_suffix('s').unwrap_or(&lower);
    if bare == "handle" {
        return RootKind::HANDLES.to_vec();
    }
    let is_kind = |kind: &&RootKind| {
        let label = kind.label().replace('-', " ");
        label == bare || label.strip_suffix(" handle") == Some(bare) || label.strip_suffix(" queue") == Some(bare)
    };
    RootKind::ALL.iter().filter(is_kind).copied().collect()
}

fn parse_root(snapshot: &HeapSnapshot, graph: &HeapGraph, text: &str) -> Result<Vec<Ignore>, IgnoreError> {
    let mut kinds = kinds(text);
    let exists = |kind: RootKind| graph.roots.roots.iter().any(|root| root.kind == kind);
    if kinds.iter().any(|&kind| exists(kind)) {
        kinds.retain(|&kind| exists(kind));
    }
    if !kinds.is_empty() {
        return Ok(kinds.into_iter().map(Ignore::RootKind).collect());
    }
    let all = || (0..).map(RootId).zip(&graph.roots.roots);
    if let Ok(at) = lookup::parse_address(text.rsplit(" at ").next().unwrap_or(text)) {
        let found: Vec<Ignore> =
            all().filter(|(_, root)| root.address == at && !at.is_null()).map(|(id, _)| Ignore::Root(id)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    for (kind, prefix) in [(RootKind::ThreadStatic, "thread static "), (RootKind::Static, "static ")] {
        if let Some(name) = text.strip_prefix(prefix) {
            // `… of thread 4 "worker"` names one of them.
            let whole: Vec<RootId> =
                all().map(|(id, _)| id).filter(|&id| root_name(snapshot, graph, id) == text).collect();
            let roots = if whole.is_empty() { static_roots(snapshot, graph, kind, name.trim()) } else { whole };
            let unloadable = unloadable_statics(snapshot, graph, name.trim());
            return match roots.is_empty() {
                true if kind == RootKind::Static && !unloadable.is_empty() => Ok(unloadable),
                true => Err(no_root(snapshot, graph, text, name)),
                false => one_name(snapshot, graph, text, roots),
            };
        }
    }
    let names: Vec<(RootId, String)> = all().map(|(id, _)| (id, root_name(snapshot, graph, id))).collect();
    for rule in Rule::ALL {
        let fitting: Vec<RootId> = names.iter().filter(|(_, name)| rule.fits(text, name)).map(|&(id, _)| id).collect();
        if !fitting.is_empty() {
            return one_name(snapshot, graph, text, fitting);
        }
    }
    Err(no_root(snapshot, graph, text, text))
}

fn no_root(snapshot: &HeapSnapshot, graph: &HeapGraph, text: &str, name: &str) -> IgnoreError {
    let rows = graph.roots.statics.iter().chain(&graph.roots.thread_statics);
    let names: Vec<String> = rows.map(|row| static_name(snapshot, row)).collect();
    let member = name.rsplit('.').next().unwrap_or(name);
    IgnoreError::NoRoot { text: text.to_owned(), nearest: lookup::nearest(names.iter().map(String::as_str), member) }
}

/// The shortest text that [`parse_root`] reads as this root alone, or as its namesakes.
fn root_text(snapshot: &HeapSnapshot, graph: &HeapGraph, id: RootId) -> String {
    let Some(root) = graph.roots.roots.get(id.index()) else { return String::new() };
    match static_row(graph, id) {
        Some(row) if row.name.is_some() => root_name(snapshot, graph, id),
        _ if !root.address.is_null() => root.address.to_string(),
        _ => root_name(snapshot, graph, id),
    }
}

fn fields_text(fields: &[String]) -> String {
    if fields.is_empty() { String::new() } else { format!("; it has {}", fields.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::HandleKind;
    use crate::synth::heap::{HeapBuilder, Kind};

    fn heap() -> (HeapSnapshot, HeapGraph) {
        let mut heap = HeapBuilder::new();
        heap.module("App.dll");
        let handler = heap.delegate_type("System.EventHandler");
        let publisher =
            heap.class("App.Publisher", &[("Tick", Kind::Reference), ("<Name>k__BackingField", Kind::Reference)]);
        let other = heap.class("App.Inner.Publisher", &[("Tock", Kind::Reference)]);
        let added = heap.class("App.Added", &[("count", Kind::Number(ElementType::I4))]);
        let entry = heap.structure("App.Map<A.B, C>+Entry", &[("value", Kind::Reference)]);
        let entries = heap.vector("App.Map<A.B, C>+Entry[]", Kind::Struct(entry));
        let code = heap.method("App.Added", "OnTick", false);
        let (p, o, a) = (heap.object(publisher), heap.object(other), heap.object(added));
        let delegate = heap.delegate(handler, Some(a), code);
        let array = heap.array(entries, 2);
        heap.set(p, "Tick", delegate);
        heap.set(o, "Tock", delegate);
        heap.set_in_element(array, 1, "value", a);
        heap.static_field(publisher, "Current", Some(p));
        heap.static_field(other, "Current", Some(o));
        heap.handle(HandleKind::Strong, array);
        heap.handle(HandleKind::Pinned, a);
        let thread = heap.thread("worker");
        heap.thread_static(thread, other, "mine", o);
        heap.stack(thread, o);
        heap.build()
    }

    /// What `text` means, as text again.
    fn read(text: &str) -> Result<Vec<String>, String> {
        let (snapshot, graph) = heap();
        let found = parse(&snapshot, &graph, text).map_err(|err| err.to_string())?;
        for one in &found {
            let text = super::text(&snapshot, &graph, one);
            assert_eq!(parse(&snapshot, &graph, &text), Ok(vec![one.clone()]), "{text} reads as another");
        }
        Ok(found.iter().map(|one| super::text(&snapshot, &graph, one)).collect())
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(read(text), Ok(expected.iter().map(|&text| text.to_owned()).collect()), "{text}");
    }

    fn fails(text: &str, expected: &str) {
        let problem = read(text).unwrap_err();
        assert!(problem.contains(expected), "{text}: {problem}");
    }

    #[test]
    fn everything_reads_back_as_it_is_written() {
        check("delegates", &["delegates"]);
        check("App.Publisher", &["App.Publisher"]);
        check("Added", &["App.Added"]);
        check("Publisher.Tick", &["App.Publisher.Tick"]);
        check("Publisher.Name", &["App.Publisher.Name"]);
        check("Publisher.Tock", &["App.Inner.Publisher.Tock"]);
        check("Map<A.B, C>+Entry.value", &["App.Map<A.B, C>+Entry.value"]);
        check("App.Publisher.Current", &["root:static App.Publisher.Current"]);
        check("root:static Inner.Publisher.Current", &["root:static App.Inner.Publisher.Current"]);
        check("root:thread static mine", &["root:thread static App.Inner.Publisher.mine of thread 1 \"worker\""]);
        check("root:static", &["root:static"]);
        check("root:statics", &["root:static"]);
        check("root:pinned", &["root:pinned handle"]);
        check("root:finalizer", &["root:finalizer queue"]);
        check("root:thread-static", &["root:thread static"]);
        assert_eq!(read("root:handles").unwrap().len(), 2);
    }

    #[test]
    fn addresses_mean_objects_edges_and_roots() {
        let (snapshot, graph) = heap();
        let root = |kind| graph.roots.roots.iter().find(|root| root.kind == kind).unwrap();
        for kind in [RootKind::PinnedHandle, RootKind::Stack] {
            let at = root(kind).address.to_string();
            check(&format!("root:{at}"), &[&format!("root:{at}")]);
        }
        let object = graph.roots.roots[0].object;
        let target = graph.references.of(object).next().unwrap();
        let address = |object| snapshot.objects.address(object).to_string();
        check(&address(object), &[&address(object)]);
        check(address(object).trim_start_matches("0x"), &[&address(object)]);
        let edge = format!("{}->{}", address(object), address(target));
        check(&edge, &[&edge]);
        check(&edge.replace("->", " → "), &[&edge]);
        fails(&format!("{}->{}", address(target), address(object)), "does not refer to");
        fails("0x12", "no object contains 0x12");
    }

    #[test]
    fn what_means_nothing_says_what_is_near() {
        fails("", "nothing is named");
        fails(
            "Publisher.Tikc",
            "no field “Tikc” that can hold a reference in any of the 2 types that “Publisher” fits; it has Tick",
        );
        fails("Added.count", "no field “count” that can hold a reference in App.Added");
        fails("App.Wublisher", "did you mean App.Inner.Publisher or App.Publisher?");
        fails("Publisher.Current", "fits 2 roots");
        fails("root:static Curent", "did you mean App.Inner.Publisher.Current or App.Publisher.Current?");
        fails("root:nothing", "no root is called “nothing”");
        fails("0x7f0000000028->", "is no address");
    }
}
