//! Words that every layer shares: addresses, places, the byte reader, limits, warnings, progress and cancel, and how
//! numbers are written.
//!
//! **Invariant:** nothing here knows a file format, a runtime or a window; only `std` is imported.

pub mod addr;
pub mod found;
pub mod job;
pub mod limits;
pub mod number;
pub mod reader;
pub mod warnings;
pub mod words;

pub use addr::{Addr, AddrRange, FileOffset, Place, PointerSize};
pub use job::{Cancelled, Job, Progress};
pub use limits::Limits;
pub use reader::{ByteReader, ReadError};
pub use warnings::{Skipped, Warning, Warnings};
pub use words::{Arch, ElementType, Generation, HandleKind, Os, RootKind, SegmentKind};
