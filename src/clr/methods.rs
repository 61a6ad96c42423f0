//! Methods: from an address of code to the method that it is.
//!
//! ```text
//! code ─ a stub that names its MethodDesc (precode), a jump to follow, or jitted code: word at -8 -> header, +18 MethodDesc
//! MethodDesc  +0 u16 low bits of the token (and flags)   +2 u8 index in its chunk, of 8 bytes   +6 u16 low 3 bits: kind
//! chunk       MethodDesc - 8 × index - 18:  +0 MethodTable   +12 u16 high bits of the token
//! ```
//!
//! Stubs by their bytes, x64 and arm64 (precode.h, method.hpp; measured on 2.1 to 10). How many low bits of the token
//! the MethodDesc holds, 14 up to 8 and 12 from 9 on, is decided once per dump by which one lands in the class's methods.

use std::sync::Arc;

use super::type_handle;
use super::types::Types;
use super::words::word;
use crate::base::{Addr, Arch};
use crate::image::metadata::Table;
use crate::target::{SplicedMemory, TargetMemory};

/// Jumps followed from one address.
const MOST_JUMPS: usize = 8;
/// Kind of a MethodDesc made at run time without a class (`DynamicMethod`).
const KIND_DYNAMIC: u16 = 7;
/// Low bits of a token in a MethodDesc: of 9 and later, and of 2.1 to 8.
const TOKEN_BITS: [u32; 2] = [12, 14];
/// Characters of a dynamic method's name.
const NAME_CHARS: usize = 512;

/// A method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// MethodTable of its class; `None` for a dynamic method.
    pub declaring: Option<Addr>,
    /// Its own name.
    pub name: String,
    /// A static method.
    pub is_static: bool,
}

/// Finds methods by their code.
#[derive(Clone, Debug)]
pub struct Methods {
    types: Arc<Types>,
    token_bits: u32,
}

impl Methods {
    /// A finder that learns the width of tokens from `sample`: some addresses of code, those in delegates for one.
    #[must_use]
    pub fn new(types: Arc<Types>, sample: &[Addr]) -> Self {
        let mut methods = Self { types, token_bits: 12 };
        let [later, earlier] = TOKEN_BITS;
        let mut votes = |bits: u32| {
            methods.token_bits = bits;
            let hits = sample.iter().filter(|&&code| methods.method_at(code).is_some_and(|m| m.declaring.is_some()));
            hits.count()
        };
        methods.token_bits = if votes(earlier) > votes(later) { earlier } else { later };
        methods
    }

    /// The method whose code, or whose stub, begins at `code`. Reads the dump.
    #[must_use]
    pub fn method_at(&self, code: Addr) -> Option<Method> {
        let descs = self.candidates(code);
        descs.into_iter().find_map(|desc| self.method(desc))
    }

    /// The method that the MethodDesc at `desc` describes; `None` when it is none, or its class has no metadata.
    #[must_use]
    pub fn method(&self, desc: Addr) -> Option<Method> {
        if !desc.is_aligned_to(8) || desc.0 <= 0xffff {
            return None;
        }
        let system = &self.types.runtime().type_system;
        let memory = system.memory();
        let index = memory.u8(desc.checked_add(2)?).ok()?;
        let chunk = desc.checked_sub(u64::from(index).checked_mul(8)?)?.checked_sub(0x18)?;
        let declaring = system.pointer_style.read(memory, chunk)?;
        let table = type_handle::table(system, declaring)?;
        if memory.u16(desc.checked_add(6)?).ok()? & 7 == KIND_DYNAMIC {
            return dynamic_name(memory, desc).map(|name| Method { declaring: None, name, is_static: true });
        }
        let low = u32::from(memory.u16(desc).ok()?) & mask(self.token_bits);
        // 24 bits of row in all; what the low part leaves stands in the chunk.
        let high = u32::from(memory.u16(chunk.checked_add(0x12)?).ok()?) & mask(24_u32.checked_sub(self.token_bits)?);
        let row = high.checked_shl(self.token_bits)? | low;
        let module = self.types.module_of(&table)?;
        let metadata = module.metadata.as_ref().ok()?;
        let class = self.types.type_defs.scheme.row(&table)?;
        metadata.methods_of(class).find(|&own| own == row)?;
        let flags = metadata.cell(Table::MethodDef, row, 2)?;
        Some(Method {
            declaring: Some(declaring),
            name: metadata.method_name(row)?.to_owned(),
            // MethodAttributes.Static (II.23.1.10).
            is_static: flags & 0x10 != 0,
        })
    }

    /// Addresses that may be the MethodDesc of `code`, the surest first.
    fn candidates(&self, code: Addr) -> Vec<Addr> {
        let runtime = self.types.runtime();
        let memory = &runtime.target.memory;
        let mut at = code;
        for _ in 0..MOST_JUMPS {
            let step = match runtime.target.arch {
                Arch::X64 => x64(memory, at),
                Arch::Arm64 => arm64(memory, at),
            };
            match step {
                Step::Desc(desc) => return vec![desc],
                // A fixup stub of 3.1 begins with a jump to code until its method is compiled.
                Step::DescOrJump(desc, to) => {
                    let is_desc = self.method(desc).is_some();
                    if is_desc {
                        return vec![desc];
                    }
                    at = to;
                }
                Step::Jump(to) => at = to,
                Step::Code => {
                    let header = at.checked_sub(8).and_then(|back| word(memory, back, 0));
                    return header.and_then(|header| word(memory, header, 0x18)).into_iter().collect();
                }
                // Code pages are left out of heap dumps of single-file programs; the data of a stub, 16 KiB behind it,
                // is not (7 and later).
                Step::Absent => return word(memory, at, 0x4008).into_iter().collect(),
            }
        }
        Vec::new()
    }
}

/// What the bytes at an address of code say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Desc(Addr),
    DescOrJump(Addr, Addr),
    Jump(Addr),
    /// No stub: compiled code.
    Code,
    Absent,
}

fn mask(bits: u32) -> u32 {
    1_u32.checked_shl(bits).map_or(u32::MAX, |bit| bit.wrapping_sub(1))
}

/// Target of a distance of 32 bits that stands at `at`, counted from behind it.
fn relative(memory: &SplicedMemory, at: Addr) -> Option<Addr> {
    let distance = i64::from(memory.u32(at).ok()?.cast_signed());
    Some(Addr(at.plus(4).0.wrapping_add_signed(distance)))
}

fn x64(memory: &SplicedMemory, at: Addr) -> Step {
    let Ok(head) = memory.array::<8>(at) else { return Step::Absent };
    let behind = |offset: u64| relative(memory, at.plus(offset)).and_then(|place| word(memory, place, 0));
    let found = match head {
        // jmp [rip + d]; mov r10, [rip + d]: fixup precode, 7 and later.
        [0xff, 0x25, ..] if memory.array::<3>(at.plus(6)) == Ok([0x4c, 0x8b, 0x15]) => behind(9).map(Step::Desc),
        // mov r10, [rip + d]; jmp [rip + d]: stub precode, 7 and later.
        [0x4c, 0x8b, 0x15, ..] if memory.array::<2>(at.plus(7)) == Ok([0xff, 0x25]) => behind(3).map(Step::Desc),
        // mov r10, imm64: stub precode, up to 6.
        [0x49, 0xba, ..] => word(memory, at, 2).map(Step::Desc),
        // call or jmp, then a byte that says which, two indices: fixup precode, up to 6.
        [0xe8 | 0xe9, _, _, _, _, 0x5e | 0x5f, chunk, precode] => {
            let base = word(memory, at, u64::from(precode).wrapping_add(1).wrapping_mul(8));
            let desc = base.map(|base| base.plus(u64::from(chunk).wrapping_mul(8)));
            desc.zip(relative(memory, at.plus(1))).map(|(desc, to)| Step::DescOrJump(desc, to))
        }
        [0xe9, ..] => relative(memory, at.plus(1)).map(Step::Jump),
        _ => Some(Step::Code),
    };
    found.unwrap_or(Step::Absent)
}

fn arm64(memory: &SplicedMemory, at: Addr) -> Step {
    let Ok(bytes) = memory.array::<24>(at) else { return Step::Absent };
    let mut words = [0_u32; 6];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    // ldr x<register>, literal: the word it loads, `index` instructions in.
    let literal = |index: u64, instruction: u32, register: u32| {
        if instruction & 0xff00_001f != 0x5800_0000 | register {
            return None;
        }
        let words = i64::from((instruction << 8).cast_signed() >> 13);
        let place = at.plus(index.wrapping_mul(4)).0.wrapping_add_signed(words.wrapping_mul(4));
        word(memory, Addr(place), 0)
    };
    const BR_X11: u32 = 0xd61f_0160;
    const BR_X10: u32 = 0xd61f_0140;
    const BARRIER: u32 = 0xd503_39bf;
    let found = match words {
        [_, BR_X11, BARRIER, load, ..] => literal(3, load, 12).map(Step::Desc),
        [_, BR_X11, load, ..] if load & 0xff00_001f == 0x5800_000c => literal(2, load, 12).map(Step::Desc),
        [_, load, BR_X10, ..] => literal(1, load, 12).map(Step::Desc),
        // adr x12, #0; ldr x11, literal; br x11; two indices: fixup precode, up to 6.
        [0x1000_000c, _, BR_X11, indices, ..] => {
            let [_, _, chunk, precode] = indices.to_le_bytes();
            let base = word(memory, at, u64::from(precode).wrapping_add(1).wrapping_mul(24));
            base.map(|base| Step::Desc(base.plus(u64::from(chunk).wrapping_mul(8))))
        }
        [0x1000_0089, ..] => word(memory, at, 24).map(Step::Desc),
        // b imm26.
        [jump, ..] if jump & 0xfc00_0000 == 0x1400_0000 => {
            let words = i64::from((jump << 6).cast_signed() >> 6);
            Some(Step::Jump(Addr(at.0.wrapping_add_signed(words.wrapping_mul(4)))))
        }
        _ => Some(Step::Code),
    };
    found.unwrap_or(Step::Absent)
}

/// Name of a dynamic method, a C string whose pointer moved between versions (+18 in 3.1, +20 in 9 and 10).
fn dynamic_name(memory: &SplicedMemory, desc: Addr) -> Option<String> {
    [0x20_u64, 0x18].into_iter().find_map(|offset| {
        let text = memory.c_str(word(memory, desc, offset)?, NAME_CHARS)?;
        let is_name = !text.is_empty() && text.chars().all(|c| !c.is_control());
        is_name.then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: u64 = 0x7f00_0000_1000;

    fn check(step: fn(&SplicedMemory, Addr) -> Step, bytes: &[u8], expected: Step) {
        let mut page = vec![0; 0x2000];
        page[..bytes.len()].copy_from_slice(bytes);
        page[0x1000..0x1008].copy_from_slice(&0x7e00_0000_0040_u64.to_le_bytes());
        let len = page.len() as u64;
        let memory = SplicedMemory::new(Arc::new(page), &[(Addr(CODE), 0, len)]);
        assert_eq!(step(&memory, Addr(CODE)), expected);
    }

    #[test]
    fn stubs_of_x64_name_their_method() {
        let desc = Step::Desc(Addr(0x7e00_0000_0040));
        // The distance is counted from behind itself.
        let far = |behind: i32| (0x1000 - behind).to_le_bytes();
        check(x64, &[&[0xff, 0x25, 0, 0, 0, 0, 0x4c, 0x8b, 0x15][..], &far(13)].concat(), desc);
        check(x64, &[&[0x4c, 0x8b, 0x15][..], &far(7), &[0xff, 0x25]].concat(), desc);
        check(x64, &[&[0x49, 0xba][..], &0x7e00_0000_0040_u64.to_le_bytes()].concat(), desc);
        check(x64, &[0xe9, 0x10, 0, 0, 0, 0x90, 0, 0], Step::Jump(Addr(CODE + 0x15)));
        check(x64, &[0x55, 0x48, 0x89, 0xe5], Step::Code);
        let fixup = [&[0xe8, 0x10, 0, 0, 0, 0x5e, 2, 0][..], &0x7e00_0000_0030_u64.to_le_bytes()].concat();
        check(x64, &fixup, Step::DescOrJump(Addr(0x7e00_0000_0040), Addr(CODE + 0x15)));
    }

    #[test]
    fn stubs_of_arm64_name_their_method() {
        let desc = Step::Desc(Addr(0x7e00_0000_0040));
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let load = |register: u32, index: u32| 0x5800_0000 | register | (0x400 - index) << 5;
        check(arm64, &words(&[load(11, 0), 0xd61f_0160, load(12, 2), 0, 0, 0]), desc);
        check(arm64, &words(&[load(11, 0), 0xd61f_0160, 0xd503_39bf, load(12, 3), 0, 0]), desc);
        check(arm64, &words(&[load(10, 0), load(12, 1), 0xd61f_0140, 0, 0, 0]), desc);
        check(arm64, &words(&[0x1400_0004, 0, 0, 0, 0, 0]), Step::Jump(Addr(CODE + 16)));
        check(arm64, &words(&[0xa9bf_7bfd, 0, 0, 0, 0, 0]), Step::Code);
    }

    #[test]
    fn absent_code_is_no_method() {
        let memory = SplicedMemory::new(Arc::new(vec![0; 16]), &[(Addr(CODE), 0, 16)]);
        assert_eq!(x64(&memory, Addr(0x10)), Step::Absent);
    }
}
