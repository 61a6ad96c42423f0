//! The truth files: one JSON document each, as their README describes it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Deserializer};

/// An address or checksum, written as a hexadecimal string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Hex(pub u64);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        u64::from_str_radix(digits, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) runtime: Runtime,
    pub(crate) server_gc: bool,
    pub(crate) heap_count: u32,
    /// Bytes taken from each file; nothing when none were.
    #[serde(default)]
    pub(crate) pages_from_files: serde_json::Value,
    #[serde(default)]
    pub(crate) handles_incomplete: bool,
    pub(crate) segments: Vec<Segment>,
    pub(crate) gaps: Vec<(Hex, Hex, String)>,
    pub(crate) totals: Totals,
    pub(crate) types: Vec<Type>,
    pub(crate) edges: Edges,
    pub(crate) handles: Vec<Handle>,
    pub(crate) dependent: Vec<(Hex, Hex)>,
    pub(crate) finalizer: Finalizer,
    pub(crate) threads: Vec<Thread>,
    pub(crate) thread_objects: Vec<ThreadObject>,
    pub(crate) statics: Vec<Static>,
    pub(crate) thread_statics: Vec<Static>,
    /// Kind, slot or base, object, and sometimes a remark.
    #[serde(default)]
    pub(crate) additional_roots: Vec<Vec<String>>,
    pub(crate) reachable: Option<Reachable>,
    pub(crate) retained_without_stack: Option<Retained>,
    pub(crate) modules: Vec<Module>,
    pub(crate) samples: Option<Samples>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Runtime {
    pub(crate) version: String,
    pub(crate) arch: String,
    pub(crate) single_file: bool,
    pub(crate) base: Hex,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Segment {
    pub(crate) kind: String,
    pub(crate) heap: u32,
    pub(crate) segment: Hex,
    pub(crate) start: Hex,
    pub(crate) end: Hex,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Totals {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) free_objects: u64,
    pub(crate) free_bytes: u64,
    #[serde(default)]
    pub(crate) generations: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Type {
    pub(crate) mt: Hex,
    pub(crate) name: Option<String>,
    pub(crate) module: Option<String>,
    pub(crate) base_size: u32,
    pub(crate) component_size: u32,
    #[serde(default)]
    pub(crate) finalizable: bool,
    #[serde(default)]
    pub(crate) collectible: bool,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) raw_bytes: Option<u64>,
    pub(crate) addr_xor: Hex,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Edges {
    pub(crate) total_count: u64,
    pub(crate) total_xor: Hex,
    pub(crate) dangling: u64,
    pub(crate) loader_allocator_count: u64,
    pub(crate) per_mt: BTreeMap<String, Vec<serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Handle {
    pub(crate) kind: String,
    pub(crate) address: Hex,
    pub(crate) object: Hex,
    pub(crate) dependent: Option<Hex>,
    #[serde(default)]
    pub(crate) strong: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Finalizer {
    pub(crate) registered: Vec<Hex>,
    pub(crate) ready: Vec<Hex>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Thread {
    pub(crate) managed_id: u32,
    pub(crate) os_id: u32,
    pub(crate) address: Hex,
    pub(crate) alive: bool,
    #[serde(default)]
    pub(crate) finalizer: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ThreadObject {
    pub(crate) native: Hex,
    pub(crate) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Static {
    #[serde(rename = "type")]
    pub(crate) type_name: Option<String>,
    pub(crate) field: String,
    pub(crate) mt: Hex,
    pub(crate) address: Hex,
    pub(crate) kind: String,
    pub(crate) value: serde_json::Value,
    pub(crate) thread: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reachable {
    pub(crate) without_stack: ReachableSet,
    pub(crate) with_stack: ReachableSet,
    pub(crate) without_stack_set_xor: Hex,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReachableSet {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) per_mt: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Module {
    pub(crate) name: Option<String>,
    pub(crate) address: Hex,
    pub(crate) mvid: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Samples {
    #[serde(default)]
    pub(crate) objects: Vec<SampledType>,
    #[serde(default)]
    pub(crate) strings: Vec<(Hex, u64, Hex, String)>,
}

/// Fields: name, declaring type or "" for the type itself, offset, element kind, type, token.
#[derive(Debug, Deserialize)]
pub(crate) struct SampledType {
    pub(crate) mt: Hex,
    #[serde(rename = "type")]
    pub(crate) type_name: Option<String>,
    #[serde(default)]
    pub(crate) fields: Vec<FieldSample>,
}

impl Truth {
    /// Names come from files that are not in the dump.
    pub(crate) fn lacks_pages(&self) -> bool {
        self.pages_from_files.as_object().is_some_and(|files| !files.is_empty())
    }
}

/// Reads a truth file, packed or not.
pub(crate) fn read(path: &Path) -> Truth {
    let mut bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "zst") {
        let mut unpacked = Vec::new();
        let mut decoder = zstd::Decoder::new(bytes.as_slice()).unwrap();
        decoder.window_log_max(31).unwrap();
        decoder.read_to_end(&mut unpacked).unwrap();
        bytes = unpacked;
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// The key of a map by address.
pub(crate) fn address_of(key: &str) -> Hex {
    Hex(u64::from_str_radix(key.trim_start_matches("0x"), 16).unwrap())
}

/// Name, declaring type or nothing, offset, element type, type, token.
pub(crate) type FieldSample = (Option<String>, String, u32, String, Option<String>, u32);

#[derive(Debug, Deserialize)]
pub(crate) struct Retained {
    pub(crate) root_total: u64,
    pub(crate) root_objects: u64,
    pub(crate) top: Vec<RetainedObject>,
    pub(crate) sample: Vec<RetainedObject>,
    pub(crate) checksum: Hex,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RetainedObject {
    pub(crate) addr: Hex,
    pub(crate) retained: u64,
    pub(crate) retained_objects: u64,
    pub(crate) idom: Hex,
}
