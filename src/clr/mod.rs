//! The .NET runtime inside a dead process: its heap, types, handles, threads, roots, read from bytes alone.
//!
//! One file per contract of the runtime, under its published name where there is one (docs/design/datacontracts of
//! dotnet/runtime). Nothing is keyed on a version: a structure is found, checked, and believed when the check holds. An
//! unreadable check is unknown; only a wrong one refuses.
//!
//! **Invariant:** addresses in, addresses out. No dense id is known here; `load` makes them.

// Tests may index and add: a panic there is a failed test.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod error;
pub mod fields;
pub mod finalizer;
pub mod gc;
pub mod gc_desc;
pub mod gc_handle;
mod gc_segment;
pub mod gc_vars;
pub mod instance_fields;
mod loader;
pub mod methods;
mod module_files;
mod module_image;
pub mod modules;
pub mod names;
pub mod object;
mod open;
pub mod runtime_info;
pub mod runtime_type_system;
pub mod stack_scan;
pub mod statics;
pub mod thread;
pub mod thread_local;
mod thread_store;
pub mod type_defs;
mod type_handle;
pub mod types;
mod words;

use std::sync::Arc;

pub use error::{ClrError, Refusal};
pub use finalizer::FinalizerQueues;
pub use gc::{GcHeap, Segment, SubHeap};
pub use gc_handle::{Handle, Handles};
pub use gc_vars::GcVars;
pub use methods::Methods;
pub use runtime_info::RuntimeInfo;
pub use runtime_type_system::{InstanceShape, MethodTable, PointerStyle, TypeSystem};
pub use stack_scan::StackWord;
pub use thread::{Thread, Threads};
pub use thread_local::ThreadLocals;
pub use types::Types;

use crate::base::Limits;
use crate::base::found::AbsentFact;
use crate::base::found::Evidence;
use crate::target::Target;

/// A runtime found in a dead process, with its heap and types.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// The process.
    pub target: Arc<Target>,
    /// The runtime's module and version.
    pub info: RuntimeInfo,
    /// The collector's variables; `None` when the heap was found without them.
    pub vars: Option<GcVars>,
    /// Heaps, segments, allocation contexts.
    pub gc: GcHeap,
    /// Types.
    pub type_system: TypeSystem,
    /// What was found and how, in order.
    pub evidence: Vec<Evidence>,
    /// What was looked for and is not in the dump.
    pub absent: Vec<AbsentFact>,
    limits: Limits,
    thread_list: Option<thread_store::ThreadList>,
    /// Where threads keep their allocation context.
    alloc_context_place: Option<(Option<u64>, u64)>,
}
