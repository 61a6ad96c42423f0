//! Bytes and code names of an open dump, for what the snapshot asks on demand.

use std::sync::Arc;

use crate::base::Addr;
use crate::clr::{Methods, Runtime, Types};
use crate::snapshot::{MethodName, ObjectId, ObjectValues, Objects, TypeShape, TypeTable};
use crate::target::TargetMemory;

/// Delegates that tell how methods are numbered.
const SAMPLE: usize = 256;
/// Objects looked at for them.
const MOST_LOOKED_AT: u32 = 1 << 20;
/// Where a delegate keeps its code and the code of an open one (delegates have had one layout from 2.1 to 10).
const METHOD_POINTERS: [u64; 2] = [0x20, 0x18];

/// Values read from the memory map of the dump.
#[derive(Debug)]
pub struct TargetValues {
    runtime: Arc<Runtime>,
    types: Arc<Types>,
    methods: Methods,
}

impl TargetValues {
    pub(crate) fn new(runtime: Arc<Runtime>, types: Arc<Types>, objects: &Objects, table: &TypeTable) -> Self {
        let sample = sample_code(&runtime, objects, table);
        let methods = Methods::new(Arc::clone(&types), &sample);
        Self { runtime, types, methods }
    }
}

/// Code of some delegates, each address once.
fn sample_code(runtime: &Runtime, objects: &Objects, table: &TypeTable) -> Vec<Addr> {
    let memory = &runtime.target.memory;
    let mut found: Vec<Addr> = Vec::new();
    let ids = 0..MOST_LOOKED_AT.min(objects.len() as u32);
    for id in ids.map(ObjectId).filter(|&id| table.row(objects.type_of(id)).shape == TypeShape::Delegate) {
        let at = objects.address(id);
        let code =
            METHOD_POINTERS.iter().filter_map(|&offset| memory.ptr(at.plus(offset)).ok()).find(|at| !at.is_null());
        if let Some(code) = code.filter(|code| !found.contains(code)) {
            found.push(code);
        }
        if found.len() >= SAMPLE {
            break;
        }
    }
    found
}

impl ObjectValues for TargetValues {
    fn bytes_at(&self, at: Addr) -> Option<&[u8]> {
        self.runtime.target.memory.bytes_at(at)
    }

    fn method_at(&self, code: Addr) -> Option<MethodName> {
        let method = self.methods.method_at(code)?;
        let type_name = match method.declaring {
            Some(declaring) => self.types.name(declaring).into_name().ok()?,
            None => String::new(),
        };
        Some(MethodName { type_name, name: method.name, is_static: method.is_static })
    }
}
