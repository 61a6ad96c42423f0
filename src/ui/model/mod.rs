//! What the views draw: finished values, computed from the heap by questions that run outside the window's thread.
//!
//! **Invariant:** no drawing here, and nothing that depends on a frame.

pub mod answer;
pub mod catalog;
pub mod command_line;
pub mod details;
pub mod dominators;
pub mod filter;
pub mod grid;
pub mod holders;
pub mod instance_filter;
pub mod instances;
pub mod merged;
pub mod paths;
pub mod retained;
pub mod types;

pub use answer::Answer;
pub use catalog::TypeCatalog;
