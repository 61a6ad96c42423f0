//! Container files to typed records: what the file is, and what its format says. No address space is known here.

pub mod elf;
pub mod map;
