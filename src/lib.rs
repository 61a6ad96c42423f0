//! Heaproot reads the managed heap of a .NET process out of its dump.

pub mod base;
pub mod dump;
pub mod image;
pub mod target;
pub mod clr;
pub mod snapshot;
pub mod load;
pub mod analysis;
pub mod report;
pub mod session;
pub mod cli;
#[cfg(feature = "ui")]
pub mod ui;
#[cfg(any(test, feature = "synth"))]
pub mod synth;
