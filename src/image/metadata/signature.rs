//! Signatures (ECMA-335 II.23.2): the types of fields and of type specifications.

use super::tables::{Coded, TableToken};

/// How deep types may nest: compilers stay below ten.
const MOST_DEPTH: u32 = 64;
/// Most generic arguments, parameters or dimensions.
const MOST_PARTS: u32 = 1024;

/// A type as a signature spells it. Custom modifiers are left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// `void`, a primitive, `string`, `object`, `typedref`, native ints: the ELEMENT_TYPE byte itself.
    Simple(u8),
    /// A class by its row.
    Class(TableToken),
    /// A struct or enum by its row.
    ValueType(TableToken),
    /// Unmanaged pointer.
    Pointer(Box<Self>),
    /// Managed pointer.
    ByRef(Box<Self>),
    /// One-dimensional array from zero.
    Vector(Box<Self>),
    /// Array with a number of dimensions.
    Array(Box<Self>, u32),
    /// Generic parameter of the type, by number.
    TypeParam(u32),
    /// Generic parameter of the method, by number.
    MethodParam(u32),
    /// A generic type with arguments.
    Instance {
        /// Whether it is a struct.
        value_type: bool,
        /// The open type.
        generic: TableToken,
        /// Arguments.
        args: Vec<Self>,
    },
    /// A function pointer: return type first, then parameters.
    Function(Vec<Self>),
}

/// An unsigned number in one, two or four bytes (II.23.2), and the bytes behind it.
#[must_use]
pub fn compressed(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return Some((u32::from(first), rest));
    }
    if first & 0x40 == 0 {
        let (&second, rest) = rest.split_first()?;
        return Some((u32::from(first & 0x3f) << 8 | u32::from(second), rest));
    }
    if first & 0x20 != 0 {
        return None;
    }
    let (three, rest) = rest.split_first_chunk::<3>()?;
    let [b, c, d] = *three;
    Some((u32::from_be_bytes([first & 0x1f, b, c, d]), rest))
}

/// The type of a field signature; `None` when it is not one.
#[must_use]
pub fn field_type(signature: &[u8]) -> Option<SignatureType> {
    let (&kind, rest) = signature.split_first()?;
    // II.23.2.4: FIELD is 6; the low nibble carries the kind.
    if kind & 0x0f != 0x06 {
        return None;
    }
    Decoder { rest, parts: 0 }.type_at(0)
}

/// The type of a type specification's signature.
#[must_use]
pub fn type_spec(signature: &[u8]) -> Option<SignatureType> {
    Decoder { rest: signature, parts: 0 }.type_at(0)
}

/// Return type, then parameters of a method signature (II.23.2.1).
#[must_use]
pub fn method(signature: &[u8]) -> Option<Vec<SignatureType>> {
    Decoder { rest: signature, parts: 0 }.method(0)
}

struct Decoder<'a> {
    rest: &'a [u8],
    /// Types decoded so far, bounded: nesting multiplies.
    parts: u32,
}

impl Decoder<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = compressed(self.rest)?;
        self.rest = rest;
        Some(number)
    }

    fn token(&mut self) -> Option<TableToken> {
        Coded::TypeDefOrRef.decode(self.number()?)
    }

    fn boxed(&mut self, depth: u32) -> Option<Box<SignatureType>> {
        self.type_at(depth.checked_add(1)?).map(Box::new)
    }

    fn method(&mut self, depth: u32) -> Option<Vec<SignatureType>> {
        let convention = self.byte()?;
        if convention & 0x10 != 0 {
            self.number()?;
        }
        let n_params = self.number().filter(|&n| n <= MOST_PARTS)?;
        let mut types = Vec::new();
        for _ in 0..=n_params {
            types.push(self.type_at(depth.checked_add(1)?)?);
        }
        Some(types)
    }

    fn type_at(&mut self, depth: u32) -> Option<SignatureType> {
        self.parts = self.parts.checked_add(1).filter(|&parts| parts <= MOST_PARTS.saturating_mul(4))?;
        if depth > MOST_DEPTH {
            return None;
        }
        loop {
            let element = self.byte()?;
            return Some(match element {
                0x01..=0x0e | 0x16 | 0x18 | 0x19 | 0x1c => SignatureType::Simple(element),
                0x0f => SignatureType::Pointer(self.boxed(depth)?),
                0x10 => SignatureType::ByRef(self.boxed(depth)?),
                0x11 => SignatureType::ValueType(self.token()?),
                0x12 => SignatureType::Class(self.token()?),
                0x13 => SignatureType::TypeParam(self.number()?),
                0x14 => {
                    let element = self.boxed(depth)?;
                    let rank = self.number().filter(|&rank| (1..=32).contains(&rank))?;
                    // Sizes, then lower bounds; neither is part of a type's identity for us.
                    for _ in 0..2 {
                        for _ in 0..self.number().filter(|&n| n <= rank)? {
                            self.number()?;
                        }
                    }
                    SignatureType::Array(element, rank)
                }
                0x15 => {
                    let value_type = match self.byte()? {
                        0x11 => true,
                        0x12 => false,
                        _ => return None,
                    };
                    let generic = self.token()?;
                    let n_args = self.number().filter(|&n| n <= MOST_PARTS)?;
                    let mut args = Vec::new();
                    for _ in 0..n_args {
                        args.push(self.type_at(depth.checked_add(1)?)?);
                    }
                    SignatureType::Instance { value_type, generic, args }
                }
                0x1b => SignatureType::Function(self.method(depth)?),
                0x1d => SignatureType::Vector(self.boxed(depth)?),
                0x1e => SignatureType::MethodParam(self.number()?),
                // Custom modifiers, then the type they decorate; pinned and sentinel decorate too.
                0x1f | 0x20 => {
                    self.number()?;
                    continue;
                }
                0x41 | 0x45 => continue,
                _ => return None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::*;

    fn row(table: Table, row: u32) -> TableToken {
        TableToken { table, row }
    }

    #[test]
    fn compressed_numbers() {
        for (bytes, expected) in [
            (&[0x03_u8][..], Some(3)),
            (&[0x7f], Some(0x7f)),
            (&[0x80, 0x80], Some(0x80)),
            (&[0xbf, 0xff], Some(0x3fff)),
            (&[0xc0, 0, 0x40, 0], Some(0x4000)),
            (&[0xdf, 0xff, 0xff, 0xff], Some(0x1fff_ffff)),
            (&[0xff], None),
            (&[0x80], None),
            (&[], None),
        ] {
            assert_eq!(compressed(bytes).map(|(number, _)| number), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn field_types() {
        fn check(bytes: &[u8], expected: Option<SignatureType>) {
            assert_eq!(field_type(bytes), expected, "{bytes:x?}");
        }
        check(&[6, 0x08], Some(SignatureType::Simple(8)));
        check(&[6, 0x1d, 0x0e], Some(SignatureType::Vector(Box::new(SignatureType::Simple(0x0e)))));
        check(&[6, 0x14, 0x08, 2, 0, 2, 0, 0], Some(SignatureType::Array(Box::new(SignatureType::Simple(8)), 2)));
        check(&[6, 0x1f, 0x05, 0x11, 0x0c], Some(SignatureType::ValueType(row(Table::TypeDef, 3))));
        check(
            &[6, 0x15, 0x11, 0x09, 2, 0x13, 0, 0x12, 0x05],
            Some(SignatureType::Instance {
                value_type: true,
                generic: row(Table::TypeRef, 2),
                args: vec![SignatureType::TypeParam(0), SignatureType::Class(row(Table::TypeRef, 1))],
            }),
        );
        check(&[7, 0x08], None);
        check(&[6], None);
        check(&[6, 0x15, 0x11, 0x09, 0xdf, 0xff, 0xff, 0xff], None);
    }

    #[test]
    fn endless_nesting_is_refused() {
        let mut bytes = vec![6];
        bytes.extend(std::iter::repeat_n(0x1d, 100_000));
        bytes.push(8);
        assert_eq!(field_type(&bytes), None);
    }
}
