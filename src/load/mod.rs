//! File to snapshot.

mod edges;
mod walk;
