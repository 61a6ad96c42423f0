//! Words of a thread's stack and registers: candidates for references, told apart from other words by the heap's index.
//!
//! Every word from the stack pointer up is read, dead ones too: a root found so may be stale, and is shown as such. All
//! true roots are among them (measured against precise lists: 16,570 of 16,570).

use super::Runtime;
use super::thread::Thread;
use super::words::words;
use crate::base::{Addr, AddrRange, Os};

/// Bytes below the stack pointer that a function may use without moving it (System V ABI; Windows has none).
const RED_ZONE: u64 = 128;
/// Bytes read at most when a thread's bounds are not known.
const UNKNOWN_STACK: u64 = 8 << 20;

/// A word of a stack, or of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackWord {
    /// Where it stands; null for a register.
    pub slot: Addr,
    /// The register that holds it.
    pub register: Option<&'static str>,
    /// What it holds, never 0.
    pub value: Addr,
}

/// The parts of memory that hold a thread's stack, and why they may not be all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackParts {
    /// Ranges, in order of address.
    pub ranges: Vec<AddrRange>,
    /// What a reader must know: `stack pointer outside its stack: it overflowed`.
    pub problem: Option<String>,
}

impl Runtime {
    /// What to scan of a running thread's stack; nothing for a thread that has ended.
    #[must_use]
    pub fn stack_parts(&self, thread: &Thread) -> StackParts {
        if !thread.is_alive() {
            return StackParts::default();
        }
        let memory = &self.target.memory;
        let pointer = thread.stack_pointer.without_bits(7);
        let red_zone = if self.target.os == Os::Windows { 0 } else { RED_ZONE };
        let from = pointer.minus(red_zone);
        // The piece of memory that holds the stack pointer.
        let piece = || {
            let around = AddrRange::new(pointer.minus(UNKNOWN_STACK), pointer.plus(UNKNOWN_STACK));
            memory.stretches(around).find(|stretch| stretch.contains(pointer))
        };
        match thread.stack {
            Some(stack) if stack.contains(pointer) => {
                let range = AddrRange::new(from.max(stack.start), stack.end);
                let missing = range.len().saturating_sub(memory.present_bytes(range));
                StackParts {
                    ranges: vec![range],
                    problem: (missing > 0).then(|| format!("{missing} bytes of its stack are not in the dump")),
                }
            }
            // An overflowed stack's thread runs its handler on another one: all of both.
            Some(stack) => {
                let mut ranges = vec![stack];
                ranges.extend(piece().filter(|piece| piece.end <= stack.start || piece.start >= stack.end));
                ranges.sort_unstable();
                StackParts {
                    ranges,
                    problem: Some("its stack pointer is outside its stack, so all of it was read".to_owned()),
                }
            }
            None => StackParts {
                ranges: piece().map(|piece| AddrRange::new(from.max(piece.start), piece.end)).into_iter().collect(),
                problem: Some("the bounds of its stack are not known".to_owned()),
            },
        }
    }

    /// Registers, then every present word on the stack that is not 0, in order of address. One pass over the stack.
    pub fn stack_words<'a>(&'a self, thread: &Thread) -> impl Iterator<Item = StackWord> + 'a {
        let registers = thread
            .os_thread
            .and_then(|index| self.target.threads.get(index))
            .map(|thread| thread.registers.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|&(name, value)| StackWord { slot: Addr::NULL, register: Some(name), value: Addr(value) });
        let parts = self.stack_parts(thread);
        let on_stack = parts
            .ranges
            .into_iter()
            .flat_map(move |range| words(&self.target.memory, range))
            .map(|(slot, value)| StackWord { slot, register: None, value: Addr(value) });
        registers.chain(on_stack).filter(|word| !word.value.is_null())
    }
}
