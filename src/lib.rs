//! Heaproot reads the managed heap of a .NET process out of its dump.

pub mod analysis;
pub mod base;
pub mod cli;
pub mod clr;
pub mod dump;
pub mod image;
pub mod load;
pub mod report;
pub mod session;
pub mod snapshot;
#[cfg(any(test, feature = "synth"))]
pub mod synth;
pub mod target;
#[cfg(feature = "ui")]
pub mod ui;
