//! One line that tells instances of a type apart: text, length, number, method.
//!
//! Layouts: string is length (i32 at +8) and UTF-16 from +12; a vector's length is a u32 at +8; an array of more
//! dimensions has its lengths as i32 from +16 (object.h, the same from 2.1 to 10); a boxed value stands at +8.

use crate::base::{Addr, ElementType, number};
use crate::snapshot::{HeapSnapshot, ObjectId, TypeRow, TypeShape};

/// Characters of a string that a preview shows.
pub const TEXT_CHARS: usize = 80;

/// The preview of `object`; `None` when its type has none or its bytes are not in the dump. Reads the dump.
#[must_use]
pub fn preview(snapshot: &HeapSnapshot, object: ObjectId) -> Option<String> {
    let row = snapshot.type_of(object);
    let bytes = snapshot.values.bytes_at(snapshot.objects.address(object))?;
    let size = usize::try_from(snapshot.objects.size(object)).ok()?;
    // Bytes behind the object are another object's.
    let bytes = bytes.get(..size.min(bytes.len()))?;
    match row.shape {
        TypeShape::String => string_text(bytes),
        TypeShape::Vector => Some(format!("[{}]", number::count(u64::from(u32_at(bytes, 8)?)))),
        TypeShape::Array { rank } => {
            let lengths: Option<Vec<String>> =
                (0..usize::from(rank)).map(|at| Some(u32_at(bytes, 16 + at * 4)?.to_string())).collect();
            Some(format!("[{}]", lengths?.join(", ")))
        }
        TypeShape::Primitive(element) | TypeShape::Enum(element) => primitive_text(bytes, 8, element),
        TypeShape::Delegate => delegate_text(snapshot, row, bytes),
        TypeShape::Class | TypeShape::Struct | TypeShape::Interface | TypeShape::Free | TypeShape::Gap => None,
    }
}

/// The text of the string that begins `bytes`, in quotes, cut at [`TEXT_CHARS`].
fn string_text(bytes: &[u8]) -> Option<String> {
    let length = usize::try_from(u32_at(bytes, 8)?).ok()?;
    let room = length.min(TEXT_CHARS);
    let text = bytes.get(12..12 + room * 2)?;
    let units = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let mut shown = String::from('"');
    shown.extend(char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)));
    shown.push('"');
    if length > room {
        shown.push_str(&format!("… {} characters", number::count(length as u64)));
    }
    Some(shown)
}

/// The primitive at `at`, as C# writes it.
#[must_use]
pub fn primitive_text(bytes: &[u8], at: usize, element: ElementType) -> Option<String> {
    fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..)?.first_chunk::<N>().copied()
    }
    Some(match element {
        ElementType::Boolean => if read::<1>(bytes, at)? == [0] { "false" } else { "true" }.to_owned(),
        ElementType::Char => {
            let unit = u16::from_le_bytes(read(bytes, at)?);
            char::from_u32(u32::from(unit)).map_or_else(|| format!("'\\u{unit:04x}'"), |char| format!("'{char}'"))
        }
        ElementType::I1 => i8::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::U1 => u8::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::I2 => i16::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::U2 => u16::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::I4 => i32::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::U4 => u32::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::I8 | ElementType::I => i64::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::U8 | ElementType::U => u64::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::R4 => f32::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::R8 => f64::from_le_bytes(read(bytes, at)?).to_string(),
        ElementType::Pointer | ElementType::ByRef => format!("{:#x}", u64::from_le_bytes(read(bytes, at)?)),
        ElementType::Class | ElementType::ValueType => return None,
    })
}

/// `→ Corpus.Seed.Worker.OnShutdown`, or the number of handlers of a combined delegate.
fn delegate_text(snapshot: &HeapSnapshot, row: &TypeRow, bytes: &[u8]) -> Option<String> {
    let field = |name: &str| {
        let field = row.fields.iter().find(|field| field.name.as_deref() == Some(name))?;
        let at = usize::try_from(field.offset).ok()?.checked_add(8)?;
        bytes.get(at..)?.first_chunk::<8>().map(|word| u64::from_le_bytes(*word))
    };
    let invocations = field("_invocationList").unwrap_or(0);
    let n_invocations = field("_invocationCount").unwrap_or(0);
    let is_combined = snapshot.objects.at(Addr(invocations)).is_some_and(|list| {
        // A delegate to an unmanaged or open method keeps other things in these fields.
        snapshot.type_of(list).shape == TypeShape::Vector
    });
    if is_combined && n_invocations > 0 {
        return Some(number::counted(n_invocations, "handler", "handlers"));
    }
    // A delegate to a static method points to a stub first and keeps the method's code in the second field.
    let auxiliary = field("_methodPtrAux").unwrap_or(0);
    let code = if auxiliary == 0 { field("_methodPtr")? } else { auxiliary };
    let method = snapshot.values.method_at(Addr(code))?;
    Some(if method.type_name.is_empty() {
        format!("→ {}", method.name)
    } else {
        format!("→ {}.{}", method.type_name, method.name)
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str, claimed: u32) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        bytes.extend(claimed.to_le_bytes());
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn strings_are_quoted_and_cut() {
        assert_eq!(string_text(&string("order 7", 7)).unwrap(), "\"order 7\"");
        assert_eq!(string_text(&string("", 0)).unwrap(), "\"\"");
        let long = "x".repeat(200);
        assert_eq!(
            string_text(&string(&long, 200)).unwrap(),
            format!("\"{}\"… 200 characters", "x".repeat(TEXT_CHARS))
        );
        // A length that the bytes do not hold is damage, not text.
        assert_eq!(string_text(&string("short", 5000)), None);
    }

    #[test]
    fn primitives_read_as_in_csharp() {
        for (bytes, element, expected) in [
            (vec![1], ElementType::Boolean, Some("true")),
            (vec![0x41, 0], ElementType::Char, Some("'A'")),
            (vec![0, 0xd8], ElementType::Char, Some("'\\ud800'")),
            (vec![0xff], ElementType::I1, Some("-1")),
            (vec![0xff, 0xff, 0xff, 0xff], ElementType::I4, Some("-1")),
            (1.5f64.to_le_bytes().to_vec(), ElementType::R8, Some("1.5")),
            (vec![1, 2], ElementType::I4, None),
            (vec![0; 8], ElementType::Class, None),
        ] {
            assert_eq!(primitive_text(&bytes, 0, element).as_deref(), expected, "{element:?}");
        }
    }
}
