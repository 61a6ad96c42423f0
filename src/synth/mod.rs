//! Builders of synthetic heaps, graphs and dumps, for tests, benches and fuzzing.

pub mod heap;
pub mod sample;
