//! What an object holds and who refers to it, one level: fields with values, elements, referrers gathered by type and
//! field.

use std::collections::BTreeMap;

use crate::analysis::Heap;
use crate::analysis::path_tree::{Page, holders};
use crate::base::{Cancelled, ElementType, Job};
use crate::snapshot::read::Value;
use crate::snapshot::slots::display_field_name;
use crate::snapshot::{FieldRow, HeapSnapshot, ObjectId, TypeShape};

/// What the lower pane shows of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// Why it is alive.
    #[default]
    Path,
    /// What it holds.
    Fields,
    /// Who refers to it.
    Referrers,
}

impl Side {
    /// All, in the order of the buttons.
    pub const ALL: [Self; 3] = [Self::Path, Self::Fields, Self::Referrers];

    /// Word of the button.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Path => "Path",
            Self::Fields => "Fields",
            Self::Referrers => "Referrers",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// Field, element, or field of the referrer.
    pub name: String,
    /// Value in a few words; a type's name for an object.
    pub value: String,
    /// The value is the name of a type.
    pub is_type: bool,
    /// Text beside a type's name: contents of a string, method of a delegate.
    pub note: String,
    /// The object that the line leads to.
    pub object: Option<ObjectId>,
    /// Objects that the line stands for.
    pub count: u64,
    /// Their bytes.
    pub bytes: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Lines.
    pub lines: Vec<Detail>,
    /// How many there are in all: fields, elements, referrers.
    pub n_all: u64,
    /// Not all of them were looked at.
    pub is_cut: bool,
}

/// Elements of an array that are listed.
const ELEMENTS: u32 = 2_000;
/// Referrers whose fields are looked up.
const REFERRERS: usize = 50_000;
/// Referrers up to which each has a line of its own.
const SINGLE: usize = 200;

/// Fields of an object, or elements of an array. Reads the dump.
///
/// # Errors
/// [`Cancelled`].
pub fn fields(snapshot: &HeapSnapshot, object: ObjectId, job: &Job) -> Result<Details, Cancelled> {
    let row = snapshot.type_of(object);
    let mut details = Details::default();
    match row.shape {
        TypeShape::Vector | TypeShape::Array { .. } => {
            let length = snapshot.array_length(object).unwrap_or(0);
            details.n_all = length.into();
            details.is_cut = length > ELEMENTS;
            for index in 0..length.min(ELEMENTS) {
                job.tick(1)?;
                let value = snapshot.array_element(object, index);
                match (value, row.element) {
                    (Some(Value::Struct(at)), Some(element)) => {
                        for field in snapshot.types.row(element).fields.iter() {
                            let value = snapshot.value_at(at.plus(field.offset.into()), field.element);
                            let name = format!("[{index}].{}", field_name(field));
                            details.lines.push(line(snapshot, name, value));
                        }
                    }
                    (value, _) => details.lines.push(line(snapshot, format!("[{index}]"), value)),
                }
            }
        }
        TypeShape::String => {
            details.n_all = 1;
            let text = snapshot.string(object, 2_000).map(|text| text.text).unwrap_or_default();
            details.lines.push(Detail {
                name: "text".to_owned(),
                value: crate::snapshot::preview::escaped(&text),
                is_type: false,
                note: String::new(),
                object: None,
                count: 1,
                bytes: None,
            });
        }
        TypeShape::Primitive(_) | TypeShape::Enum(_) => {
            details.n_all = 1;
            details.lines.push(line(snapshot, "value".to_owned(), snapshot.boxed_value(object)));
        }
        _ => {
            details.n_all = row.fields.len() as u64;
            for field in row.fields.iter() {
                job.tick(1)?;
                let value = snapshot.field(object, field);
                match (value, field.ty) {
                    (Some(Value::Struct(at)), Some(ty)) if field.element == ElementType::ValueType => {
                        let inner = snapshot.types.row(ty);
                        if inner.fields.is_empty() {
                            details.lines.push(line(snapshot, field_name(field), value));
                        }
                        for part in inner.fields.iter() {
                            let value = snapshot.value_at(at.plus(part.offset.into()), part.element);
                            let name = format!("{}.{}", field_name(field), field_name(part));
                            details.lines.push(line(snapshot, name, value));
                        }
                    }
                    (value, _) => details.lines.push(line(snapshot, field_name(field), value)),
                }
            }
        }
    }
    Ok(details)
}

fn field_name(field: &FieldRow) -> String {
    field.name.as_deref().map_or_else(|| format!("+{:#x}", field.offset), |name| display_field_name(name).to_owned())
}

fn line(snapshot: &HeapSnapshot, name: String, value: Option<Value>) -> Detail {
    let object = match value {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    let (text, note) = match (object, &value) {
        (Some(object), _) => (snapshot.type_of(object).display_name(), snapshot.preview(object)),
        (None, Some(value)) => (snapshot.value_text(value), String::new()),
        (None, None) => ("not in the dump".to_owned(), String::new()),
    };
    Detail {
        name,
        value: text,
        is_type: object.is_some(),
        note,
        object,
        count: 1,
        bytes: object.map(|object| snapshot.objects.size(object)),
    }
}

/// Referrers of an object: each on its own line while they are few, else gathered by type and field, most first.
///
/// # Errors
/// [`Cancelled`].
pub fn referrers(heap: &Heap<'_>, object: ObjectId, job: &Job) -> Result<Details, Cancelled> {
    let level = holders(heap, object, &[], Page { skip: 0, take: REFERRERS }, job)?;
    let snapshot = heap.snapshot;
    let mut details = Details { n_all: level.n_rows, is_cut: level.n_rows > REFERRERS as u64, ..Details::default() };
    for root in &level.roots {
        details.lines.push(Detail {
            name: root.kind.label().to_owned(),
            value: root.name.clone(),
            is_type: false,
            note: if root.is_doubtful { "may be stale".to_owned() } else { String::new() },
            object: None,
            count: 1,
            bytes: None,
        });
    }
    if level.rows.len() <= SINGLE {
        for row in &level.rows {
            let garbage = if row.distance.is_none() { "itself garbage" } else { "" };
            details.lines.push(Detail {
                name: row.via.clone().unwrap_or_else(|| "?".to_owned()),
                value: snapshot.type_of(row.object).display_name(),
                is_type: true,
                note: garbage.to_owned(),
                object: Some(row.object),
                count: u64::from(row.n_references),
                bytes: Some(snapshot.objects.size(row.object)),
            });
        }
        return Ok(details);
    }
    let mut groups: BTreeMap<(String, String), (u64, u64, ObjectId)> = BTreeMap::new();
    for row in &level.rows {
        job.tick(1)?;
        let via = any_index(row.via.as_deref().unwrap_or("?"));
        let name = snapshot.type_of(row.object).display_name();
        let group = groups.entry((name, via)).or_insert((0, 0, row.object));
        group.0 += 1;
        group.1 += snapshot.objects.size(row.object);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    details.lines.extend(groups.into_iter().map(|((name, via), (count, bytes, first))| Detail {
        name: via,
        value: name,
        is_type: true,
        note: String::new(),
        object: Some(first),
        count,
        bytes: Some(bytes),
    }));
    Ok(details)
}

/// `[17].value` as `[i].value`: elements of one array are one line.
fn any_index(via: &str) -> String {
    let mut text = String::with_capacity(via.len());
    let mut is_inside = false;
    for letter in via.chars() {
        match letter {
            '[' => {
                is_inside = true;
                text.push_str("[i");
            }
            ']' => {
                is_inside = false;
                text.push(']');
            }
            _ if is_inside => {}
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::sample::seed;
    use crate::ui::tests::{app_over, instance};

    #[test]
    fn fields_and_referrers_of_the_sample() {
        let app = app_over(seed(300, 4));
        let session = &app.dump().unwrap().session;
        let analyses = session.analyses().unwrap();
        let (snapshot, heap) = (&analyses.snapshot, analyses.heap().unwrap());
        let worker = instance(snapshot, "Corpus.Seed.Worker", 7);
        let details = fields(snapshot, worker, &Job::new()).unwrap();
        let names: Vec<_> = details.lines.iter().map(|line| (line.name.as_str(), line.value.as_str())).collect();
        assert_eq!(names[0], ("Name", "System.String"));
        assert_eq!(details.lines[0].note, "\"worker-7\"");
        assert!(names.contains(&("Id", "7")), "{names:?}");
        let details = referrers(&heap, worker, &Job::new()).unwrap();
        assert_eq!((details.n_all, details.lines[0].name.as_str()), (1, "_target"));
    }

    #[test]
    fn indices_are_one_field() {
        assert_eq!(any_index("[17].value"), "[i].value");
        assert_eq!(any_index("_items"), "_items");
        assert_eq!(any_index("[1,2]"), "[i]");
    }
}
