//! One line that tells one object from another.

use super::read::Value;
use super::slots::display_field_name;
use super::types::FieldRow;
use super::{HeapSnapshot, ObjectId, TypeRow, TypeShape};
use crate::base::ElementType;
use crate::base::number;

/// Characters of a string that a preview shows.
pub const PREVIEW_CHARS: usize = 80;

/// Fields that tell a person which one this is, best first; compared without case, underscores and property frills.
const TELLING: [&str; 16] = [
    "name",
    "fullname",
    "id",
    "key",
    "path",
    "fullpath",
    "url",
    "uri",
    "title",
    "text",
    "message",
    "description",
    "code",
    "value",
    "label",
    "number",
];

impl HeapSnapshot {
    /// One line about `object`: a string's text in quotes, an array's length, a boxed value, the method of a delegate,
    /// else its most telling field. Empty when there is nothing to say. Reads a few hundred bytes of the dump.
    #[must_use]
    pub fn preview(&self, object: ObjectId) -> String {
        let row = self.type_of(object);
        match row.shape {
            TypeShape::String => self.string_preview(object),
            TypeShape::Vector | TypeShape::Array { .. } => self.array_preview(object, row),
            TypeShape::Primitive(_) | TypeShape::Enum(_) => {
                self.boxed_value(object).map_or_else(absent, |value| self.value_text(&value))
            }
            TypeShape::Delegate => self.delegate_preview(object),
            TypeShape::Class | TypeShape::Struct => self.fields_preview(object, row),
            TypeShape::Free | TypeShape::Gap | TypeShape::Interface => String::new(),
        }
    }

    /// What `value` is, in a few words: a number, a string's text, a type's name.
    #[must_use]
    pub fn value_text(&self, value: &Value) -> String {
        match *value {
            Value::Boolean(value) => value.to_string(),
            Value::Char(unit) => match char::from_u32(u32::from(unit)) {
                Some(c) => format!("'{}'", escaped(c.encode_utf8(&mut [0; 4]))),
                None => format!("'\\u{unit:04x}'"),
            },
            Value::Signed(value) => value.to_string(),
            Value::Unsigned(value) => value.to_string(),
            Value::Single(value) => value.to_string(),
            Value::Double(value) => value.to_string(),
            Value::Pointer(value) => format!("0x{value:x}"),
            Value::Null => "null".to_owned(),
            Value::Object(object) if self.type_of(object).shape == TypeShape::String => self.string_preview(object),
            Value::Object(object) => self.type_of(object).display_name(),
            Value::Dangling(at) => format!("{at} (no object)"),
            Value::Struct(at) => format!("struct at {at}"),
        }
    }

    fn string_preview(&self, object: ObjectId) -> String {
        let Some(text) = self.string(object, PREVIEW_CHARS) else { return absent() };
        let shown = escaped(&text.text);
        if text.is_cut {
            format!("\"{shown}…\" ({} characters)", number::count(text.length.into()))
        } else {
            format!("\"{shown}\"")
        }
    }

    fn array_preview(&self, object: ObjectId, row: &TypeRow) -> String {
        let Some(dimensions) = self.array_dimensions(object) else { return absent() };
        let lengths: Vec<String> = dimensions.iter().map(|&(length, _)| length.to_string()).collect();
        let element = row.element.map(|id| self.types.row(id).display_name());
        format!("{}[{}]", element.unwrap_or_default(), lengths.join(","))
    }

    fn delegate_preview(&self, object: ObjectId) -> String {
        let Some(parts) = self.delegate(object) else { return absent() };
        let list = self.invocation_list(&parts, 1);
        let n = parts.invocation_count;
        let single = list.first().and_then(|&first| self.delegate(first)).unwrap_or(parts);
        let method = self.values.method_at(single.code()).map(|method| match method.type_name.as_str() {
            "" => method.name,
            type_name => format!("{type_name}.{}", method.name),
        });
        let method = method.unwrap_or_else(|| format!("code at {}", single.code()));
        match list.is_empty() {
            false if n > 1 => format!("→ {method} and {} more", number::count(n - 1)),
            _ => format!("→ {method}"),
        }
    }

    fn fields_preview(&self, object: ObjectId, row: &TypeRow) -> String {
        let told = telling_fields(row).into_iter().find_map(|field| {
            let value = self.field(object, field)?;
            // A reference says something only when it is a string.
            let says = match value {
                Value::Object(target) => self.type_of(target).shape == TypeShape::String,
                Value::Null | Value::Dangling(_) | Value::Struct(_) | Value::Pointer(_) => false,
                _ => true,
            };
            says.then(|| {
                format!("{} = {}", display_field_name(field.name.as_deref().unwrap_or("?")), self.value_text(&value))
            })
        });
        told.unwrap_or_default()
    }
}

/// Fields worth a look, best first: those with a telling name, then references (one of them may be a string).
fn telling_fields(row: &TypeRow) -> Vec<&FieldRow> {
    let mut ranked: Vec<(usize, &FieldRow)> = row
        .fields
        .iter()
        .filter_map(|field| {
            let plain =
                display_field_name(field.name.as_deref()?).trim_start_matches("m_").replace('_', "").to_lowercase();
            let rank = TELLING.iter().position(|name| *name == plain);
            match (rank, field.element) {
                (Some(rank), _) => Some((rank, field)),
                (None, ElementType::Class) => Some((TELLING.len(), field)),
                (None, _) => None,
            }
        })
        .collect();
    ranked.sort_by_key(|&(rank, field)| (rank, field.offset));
    ranked.into_iter().take(24).map(|(_, field)| field).collect()
}

fn absent() -> String {
    "not in the dump".to_owned()
}

/// Text on one line: control characters, quotes and backslashes as C# writes them.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            // Line and paragraph separators, and marks that turn the direction of what follows, would break the row.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}
