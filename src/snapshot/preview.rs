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
        let element = match row.element {
            Some(id) => self.types.row(id).display_name(),
            None => row.display_name().rsplit_once('[').map(|(element, _)| element.to_owned()).unwrap_or_default(),
        };
        format!("{}[{}]", without_namespaces(&element), lengths.join(","))
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

/// A type's name with every namespace left out: `Dictionary<String, Worker>+Entry`.
#[must_use]
pub fn without_namespaces(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut part = String::new();
    for c in name.chars() {
        match c {
            '.' => part.clear(),
            '<' | '>' | ',' | ' ' | '[' | ']' | '+' | '*' | '&' => {
                out.push_str(&part);
                part.clear();
                out.push(c);
            }
            c => part.push(c),
        }
    }
    out.push_str(&part);
    out
}

/// What a load context is called: `PluginContext "reports"`; `None` for the default context. Reads the dump.
pub(crate) fn load_context_name(snapshot: &HeapSnapshot, context: ObjectId) -> Option<String> {
    let type_name = snapshot.type_of(context).display_name();
    if type_name.starts_with("System.Runtime.Loader.Default") {
        return None;
    }
    let short = without_namespaces(&type_name);
    let name = snapshot.field_object(context, "_name").and_then(|name| snapshot.string(name, 80));
    Some(match name.filter(|name| !name.text.is_empty()) {
        Some(name) => format!("{short} \"{}\"", escaped(&name.text)),
        None => format!("{short} at {}", snapshot.objects.address(context)),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_on_its_line() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a\"b\\c", "a\\\"b\\\\c"),
            ("line\nline\r\tend\0", "line\\nline\\r\\tend\\0"),
            ("\u{1b}[31m", "\\u001b[31m"),
            ("a\u{202e}b\u{2028}", "a\\u202eb\\u2028"),
            ("häß 漢字 😀", "häß 漢字 😀"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn namespaces_are_left_out() {
        for (name, short) in [
            ("System.Int32", "Int32"),
            (
                "System.Collections.Generic.Dictionary<System.String, A.B.Worker[]>+Entry",
                "Dictionary<String, Worker[]>+Entry",
            ),
            ("Plain", "Plain"),
            ("", ""),
        ] {
            assert_eq!(without_namespaces(name), short);
        }
    }

    #[test]
    fn a_preview_tells_objects_apart() {
        use crate::synth::heap::{HeapBuilder, Kind};

        let mut heap = HeapBuilder::new();
        let handler = heap.delegate_type("System.EventHandler");
        let user = heap.class(
            "User",
            &[
                ("_age", Kind::Number(ElementType::I4)),
                ("_other", Kind::Reference),
                ("<Name>k__BackingField", Kind::Reference),
            ],
        );
        let plain = heap.class("Plain", &[("_other", Kind::Reference)]);
        let users = heap.vector("User[]", Kind::Reference);
        let code = heap.method("User", "OnTick", false);
        let name = heap.string("Ada \"L\"");
        heap.string(&"x".repeat(100));
        let ada = heap.object(user);
        heap.set(ada, "<Name>k__BackingField", name);
        heap.object(plain);
        heap.array(users, 17);
        let single = heap.delegate(handler, Some(ada), code);
        heap.multicast(handler, &[single, single, single]);
        let (snapshot, _) = heap.build();
        let mut previews: Vec<(String, String)> = snapshot
            .objects
            .ids()
            .filter(|&id| snapshot.is_object(id))
            .map(|id| (snapshot.type_of(id).display_name(), snapshot.preview(id)))
            .collect();
        previews.sort();
        let of =
            |ty: &str| -> Vec<&str> { previews.iter().filter(|row| row.0 == ty).map(|row| row.1.as_str()).collect() };
        let cut = format!("\"{}…\" (100 characters)", "x".repeat(PREVIEW_CHARS));
        assert_eq!(of("System.String"), ["\"Ada \\\"L\\\"\"", cut.as_str()]);
        assert_eq!(of("User"), ["Name = \"Ada \\\"L\\\"\""]);
        assert_eq!(of("Plain"), [""]);
        assert_eq!(of("User[]"), ["User[17]"]);
        assert_eq!(of("System.EventHandler"), ["→ User.OnTick", "→ User.OnTick and 2 more"]);
    }
}
