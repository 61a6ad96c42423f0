//! Builders of synthetic heaps, graphs and dumps, for tests, benches and fuzzing.

pub mod clr_core;
pub mod core;
pub mod graph;
pub mod heap;
pub mod random;
pub mod sample;
#[cfg(test)]
mod tests;
