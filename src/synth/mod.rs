//! Builders of synthetic heaps, graphs and dumps, for tests, benches and fuzzing.

pub mod core;
pub mod graph;
pub mod heap;
pub mod sample;
