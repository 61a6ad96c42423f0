//! Bytes and code names of an open dump, for what the snapshot asks on demand.

use std::sync::Arc;

use crate::base::Addr;
use crate::clr::Runtime;
use crate::snapshot::{MethodName, ObjectValues};
use crate::target::TargetMemory;

/// Values read from the memory map of the dump.
#[derive(Debug)]
pub struct TargetValues {
    runtime: Arc<Runtime>,
}

impl TargetValues {
    pub(crate) fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }
}

impl ObjectValues for TargetValues {
    fn bytes_at(&self, at: Addr) -> Option<&[u8]> {
        self.runtime.target.memory.bytes_at(at)
    }

    fn method_at(&self, _code: Addr) -> Option<MethodName> {
        None
    }
}
