//! Reference slots of single objects, and the names a person knows them by: `_items`, `[17]`, `[3].value`, `Field.Inner`.

use super::read::FIELDS_AT;
use super::types::ReferenceLayout;
use super::{ExtraEdge, HeapSnapshot, ObjectId, TypeId, TypeRow, TypeShape};
use crate::base::{Addr, ElementType};

/// Structs inside structs that a name goes into.
const MOST_NESTED: usize = 12;

/// A slot of an object that refers to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Bytes from the object's address.
    pub offset: u64,
    /// What it refers to.
    pub target: ObjectId,
}

impl ReferenceLayout {
    /// Stretches of slots of an object of `size` bytes: (first byte, bytes), in order. Nothing beyond the object.
    pub fn stretches(&self, size: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let clip = move |from: u64, len: u64| {
            let len = len.min(size.saturating_sub(from)) & !7;
            (len > 0).then_some((from, len))
        };
        let runs = match self {
            Self::Runs(runs) => runs.as_ref(),
            _ => &[],
        };
        let in_runs = runs.iter().filter_map(move |run| {
            let len = i64::try_from(size).ok()?.saturating_add(run.size_minus_object);
            clip(u64::from(run.offset), u64::try_from(len).ok()?)
        });
        let (start, items): (u64, &[(u32, u32)]) = match self {
            Self::Repeat { start, items } => (u64::from(*start), items.as_ref()),
            _ => (0, &[]),
        };
        let step: u64 = items.iter().map(|&(n, skip)| u64::from(n) * 8 + u64::from(skip)).sum();
        // The items repeat up to the last word of the object (gcdesc.h).
        let n_repeats = if step == 0 { 0 } else { size.saturating_sub(8).saturating_sub(start).div_ceil(step) };
        let repeated = (0..n_repeats).flat_map(move |repeat| {
            let mut at = start + repeat * step;
            items.iter().filter_map(move |&(n, skip)| {
                let from = at;
                at += u64::from(n) * 8 + u64::from(skip);
                clip(from, u64::from(n) * 8)
            })
        });
        in_runs.chain(repeated)
    }
}

impl HeapSnapshot {
    /// Every slot of `object` that refers to an object, in order; read as it is asked for. Absent slots are left out.
    pub fn slots(&self, object: ObjectId) -> impl Iterator<Item = Slot> + '_ {
        self.slot_words(object).filter_map(|(offset, word)| {
            let target = self.objects.at(word).filter(|_| word.0 != 0)?;
            self.is_object(target).then_some(Slot { offset, target })
        })
    }

    /// Every slot of `object` that is there, with the address in it.
    fn slot_words(&self, object: ObjectId) -> impl Iterator<Item = (u64, Addr)> + '_ {
        let at = self.objects.address(object);
        let size = self.objects.size(object);
        self.type_of(object).references.stretches(size).flat_map(move |(from, len)| {
            // One look-up per stretch where memory holds it whole; per slot where it does not.
            let whole = self.values.bytes_at(at.plus(from)).and_then(|bytes| bytes.get(..usize::try_from(len).ok()?));
            (0..len / 8).filter_map(move |index| {
                let offset = from + index * 8;
                let word = match whole {
                    Some(bytes) => bytes.get((index * 8) as usize..)?.first_chunk().copied().map(u64::from_le_bytes)?,
                    None => self.word(at.plus(offset))?,
                };
                Some((offset, Addr(word)))
            })
        })
    }

    /// Name of the first slot of `from` that refers to `to`; of the edge that no field holds, when there is one in
    /// `extra` (sorted); else `None`. Reads `from` from the dump.
    #[must_use]
    pub fn edge_name(&self, from: ObjectId, to: ObjectId, extra: &[ExtraEdge]) -> Option<String> {
        if let Some(offset) = self.slot_to(from, to) {
            return Some(self.slot_name(from, offset));
        }
        extra_edge_name(from, to, extra)
    }

    /// [`HeapSnapshot::edge_name`] of each of `targets`, which are different objects, in one pass through `from`: a table
    /// of a million is not searched through for each of a thousand.
    #[must_use]
    pub fn edge_names_to(&self, from: ObjectId, targets: &[ObjectId], extra: &[ExtraEdge]) -> Vec<Option<String>> {
        let mut wanted: Vec<(Addr, usize)> =
            targets.iter().enumerate().map(|(place, &target)| (self.objects.address(target), place)).collect();
        wanted.sort_unstable();
        let mut names = vec![None; targets.len()];
        let mut n_left = targets.len();
        for (offset, word) in self.slot_words(from) {
            if n_left == 0 {
                break;
            }
            let Ok(found) = wanted.binary_search_by_key(&word, |&(address, _)| address) else { continue };
            let name = &mut names[wanted[found].1];
            if name.is_none() {
                *name = Some(self.slot_name(from, offset));
                n_left -= 1;
            }
        }
        let without = names.iter_mut().zip(targets).filter(|(name, _)| name.is_none());
        without.for_each(|(name, &to)| *name = extra_edge_name(from, to, extra));
        names
    }

    /// The first slot of `from` that refers to `to`, in bytes from its address. A plain search through its words, fast
    /// enough for arrays of millions.
    #[must_use]
    pub fn slot_to(&self, from: ObjectId, to: ObjectId) -> Option<u64> {
        let wanted = self.objects.address(to).0.to_le_bytes();
        let at = self.objects.address(from);
        self.type_of(from).references.stretches(self.objects.size(from)).find_map(|(start, len)| {
            let whole = self.values.bytes_at(at.plus(start)).and_then(|bytes| bytes.get(..usize::try_from(len).ok()?));
            let index = match whole {
                Some(bytes) => bytes.as_chunks::<8>().0.iter().position(|word| *word == wanted)? as u64,
                None => (0..len / 8).find(|index| self.read(at.plus(start + index * 8)) == Some(wanted))?,
            };
            Some(start + index * 8)
        })
    }

    /// Names of all slots of `from` that refer to `to`, at most `most`.
    #[must_use]
    pub fn edge_names(&self, from: ObjectId, to: ObjectId, most: usize) -> Vec<String> {
        let slots = self.slots(from).filter(|slot| slot.target == to);
        slots.take(most).map(|slot| self.slot_name(from, slot.offset)).collect()
    }

    /// What a person calls the slot `offset` bytes from the address of `object`; the offset itself where no name is
    /// known.
    #[must_use]
    pub fn slot_name(&self, object: ObjectId, offset: u64) -> String {
        let row = self.type_of(object);
        match row.shape {
            TypeShape::Vector => {
                let Some((index, rest)) = element_at(row, offset) else { return offset_name(offset) };
                format!("[{index}]{}", self.inside_element(row, rest))
            }
            TypeShape::Array { .. } => {
                let Some((index, rest)) = element_at(row, offset) else { return offset_name(offset) };
                let Some(dimensions) = self.array_dimensions(object) else { return offset_name(offset) };
                format!("[{}]{}", indices(index, &dimensions), self.inside_element(row, rest))
            }
            _ => {
                let inside = offset.checked_sub(FIELDS_AT).and_then(|inside| u32::try_from(inside).ok());
                let name = inside.and_then(|inside| self.field_path(row, inside));
                name.unwrap_or_else(|| offset_name(offset))
            }
        }
    }

    /// `.value` for a slot `offset` bytes inside an element that is a struct; nothing for a reference.
    fn inside_element(&self, row: &TypeRow, offset: u64) -> String {
        if row.element_kind == Some(ElementType::Class) {
            return String::new();
        }
        let inner = row.element.map(|id| self.types.row(id));
        let path = inner.and_then(|inner| self.field_path(inner, u32::try_from(offset).ok()?));
        path.map_or_else(|| format!(".{}", offset_name(offset)), |path| format!(".{path}"))
    }

    /// `Field.Inner` for the reference `offset` bytes inside an object's or struct's fields.
    fn field_path(&self, row: &TypeRow, offset: u32) -> Option<String> {
        let mut row = row;
        let mut offset = offset;
        let mut path = String::new();
        for _ in 0..MOST_NESTED {
            let field = row.field_at(offset)?;
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(display_field_name(field.name.as_deref()?));
            let rest = offset - field.offset;
            match (field.element, field.ty) {
                (ElementType::ValueType, Some(ty)) => {
                    row = self.types.row(ty);
                    offset = rest;
                    if row.fields.is_empty() {
                        return Some(format!("{path}.{}", offset_name(rest.into())));
                    }
                }
                _ if rest == 0 => return Some(path),
                _ => return Some(format!("{path}.{}", offset_name(rest.into()))),
            }
        }
        Some(path)
    }

    /// Type of the struct field path's end, or of the slot itself: the declared type of what stands at `offset`.
    #[must_use]
    pub fn slot_type(&self, object: ObjectId, offset: u64) -> Option<TypeId> {
        let row = self.type_of(object);
        if row.is_array() {
            return row.element;
        }
        row.field_at(u32::try_from(offset.checked_sub(FIELDS_AT)?).ok()?)?.ty
    }
}

/// Name of the edge between two objects that no field holds, when `extra` (sorted) has one.
fn extra_edge_name(from: ObjectId, to: ObjectId, extra: &[ExtraEdge]) -> Option<String> {
    let first = extra.partition_point(|edge| (edge.from, edge.to) < (from, to));
    let edge = extra.get(first).filter(|edge| (edge.from, edge.to) == (from, to))?;
    Some(edge.kind.label().to_owned())
}

/// A field as its author wrote it: the property of a backing field, the local or parameter of a closure or state
/// machine. Others as they are.
#[must_use]
pub fn display_field_name(name: &str) -> &str {
    let Some((inner, rest)) = name.strip_prefix('<').and_then(|rest| rest.split_once('>')) else { return name };
    // `<Name>k__BackingField` (property), `<Name>i__Field` (anonymous type), `<local>5__2` (hoisted local). A name such
    // as `<>4__this` has nothing inside and stays.
    let is_known = rest == "k__BackingField" || rest == "i__Field" || rest.starts_with("5__");
    if inner.is_empty() || !is_known { name } else { inner }
}

fn offset_name(offset: u64) -> String {
    format!("+0x{offset:x}")
}

/// Index of the element at `offset` of an array, and the bytes from its start.
fn element_at(row: &TypeRow, offset: u64) -> Option<(u64, u64)> {
    let inside = offset.checked_sub(row.elements_at())?;
    let component = u64::from(row.component_bytes);
    Some((inside.checked_div(component)?, inside.checked_rem(component)?))
}

/// `3,-1` for the element `index` (in memory order) of an array with these lengths and lower bounds.
fn indices(index: u64, dimensions: &[(u32, i32)]) -> String {
    let mut rest = index;
    let mut parts = Vec::with_capacity(dimensions.len());
    for &(length, bound) in dimensions.iter().rev() {
        let length = u64::from(length.max(1));
        parts.push((i64::from(bound) + (rest % length) as i64).to_string());
        rest /= length;
    }
    parts.reverse();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::super::types::ReferenceRun;
    use super::*;

    #[test]
    fn names_are_those_the_author_wrote() {
        for (name, shown) in [
            ("_items", "_items"),
            ("<Prop>k__BackingField", "Prop"),
            ("<Name>i__Field", "Name"),
            ("<local>5__2", "local"),
            ("<>4__this", "<>4__this"),
            ("<>t__builder", "<>t__builder"),
            ("<odd", "<odd"),
        ] {
            assert_eq!(display_field_name(name), shown);
        }
    }

    #[test]
    fn indices_count_from_their_bounds() {
        for (index, dimensions, shown) in [
            (0, vec![(2, 0), (3, 0)], "0,0"),
            (5, vec![(2, 0), (3, 0)], "1,2"),
            (4, vec![(2, -1), (3, 10)], "0,11"),
            // Lengths of zero come from damage alone, and divide nothing.
            (7, vec![(0, 0), (0, 5)], "0,5"),
        ] {
            assert_eq!(indices(index, &dimensions), shown);
        }
    }

    #[test]
    fn stretches_stay_inside_the_object() {
        let check = |layout: &ReferenceLayout, size: u64, expected: &[(u64, u64)]| {
            assert_eq!(layout.stretches(size).collect::<Vec<_>>(), expected);
        };
        let run = |offset, size_minus_object| ReferenceRun { offset, size_minus_object };
        check(&ReferenceLayout::None, 64, &[]);
        check(&ReferenceLayout::Runs(Box::new([run(8, 16 - 64), run(40, 8 - 64)])), 64, &[(8, 16), (40, 8)]);
        check(&ReferenceLayout::Runs(Box::new([run(16, -24)])), 24 + 80, &[(16, 80)]);
        check(&ReferenceLayout::Runs(Box::new([run(16, -24), run(64, 0), run(8, 1 << 40)])), 32, &[(16, 8), (8, 24)]);
        // Two structs {reference, number, reference, reference}.
        let items = Box::new([(1, 8), (2, 0)]);
        let repeat = ReferenceLayout::Repeat { start: 16, items };
        check(&repeat, 24 + 64, &[(16, 8), (32, 16), (48, 8), (64, 16)]);
        check(&repeat, 24, &[]);
        check(&ReferenceLayout::Repeat { start: 16, items: Box::new([(0, 0)]) }, 1000, &[]);
    }

    #[test]
    fn edges_have_the_names_of_fields_elements_and_structs() {
        use crate::synth::heap::{HeapBuilder, Kind};

        let mut heap = HeapBuilder::new();
        let inner = heap.structure(
            "Inner",
            &[("number", Kind::Number(ElementType::I8)), ("<Value>k__BackingField", Kind::Reference)],
        );
        let outer = heap.class("Outer", &[("first", Kind::Reference), ("pair", Kind::Struct(inner))]);
        let inners = heap.vector("Inner[]", Kind::Struct(inner));
        let objects = heap.vector("Outer[]", Kind::Reference);
        let (a, b, list, structs) =
            (heap.object(outer), heap.object(outer), heap.array(objects, 20), heap.array(inners, 4));
        heap.set(a, "first", b);
        heap.set_element(list, 17, a);
        heap.set_element(list, 18, a);
        heap.set_in_element(structs, 3, "<Value>k__BackingField", b);
        heap.dependent(b, a);
        let (snapshot, graph) = heap.build();
        // What the slots say is what the rows say.
        for object in snapshot.objects.ids() {
            let from_slots: Vec<_> = snapshot.slots(object).map(|slot| slot.target).collect();
            let row: Vec<_> = graph.references.of(object).take(from_slots.len()).collect();
            assert_eq!(from_slots, row, "slots of {object:?}");
        }
        let all = |ty: &str| -> Vec<ObjectId> {
            let of_type = |&id: &ObjectId| snapshot.type_of(id).name.known() == Some(ty);
            snapshot.objects.ids().filter(of_type).collect()
        };
        let outers = all("Outer");
        let (list, structs) = (all("Outer[]")[0], all("Inner[]")[0]);
        let holder = *outers.iter().find(|&&id| snapshot.slots(id).next().is_some()).unwrap();
        let held = *outers.iter().find(|&&id| id != holder).unwrap();
        let name = |from, to| snapshot.edge_name(from, to, &graph.extra);
        assert_eq!(name(holder, held).as_deref(), Some("first"));
        assert_eq!(name(list, holder).as_deref(), Some("[17]"));
        assert_eq!(snapshot.edge_names(list, holder, 9), ["[17]", "[18]"]);
        assert_eq!(name(structs, held).as_deref(), Some("[3].Value"));
        assert_eq!(name(held, holder).as_deref(), Some("ConditionalWeakTable"));
        assert_eq!(name(held, list), None);
        for from in [holder, held, list, structs] {
            let targets = [held, list, holder, structs];
            let one_by_one: Vec<_> = targets.iter().map(|&to| name(from, to)).collect();
            assert_eq!(snapshot.edge_names_to(from, &targets, &graph.extra), one_by_one);
        }
        assert_eq!(snapshot.slot_name(holder, 24), "pair.Value");
        assert_eq!(snapshot.slot_name(holder, 9), "first.+0x1");
        assert_eq!(snapshot.slot_name(list, 4), "+0x4");
    }
}
