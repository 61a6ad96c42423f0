//! The truth files: one JSON document each, as their README describes it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Deserializer};

/// An address or checksum, written as a hexadecimal string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hex(pub u64);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        u64::from_str_radix(digits, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Deserialize)]
pub struct Truth {
    pub runtime: Runtime,
    pub server_gc: bool,
    pub heap_count: u32,
    /// Bytes taken from each file; nothing when none were.
    #[serde(default)]
    pub pages_from_files: serde_json::Value,
    #[serde(default)]
    pub handles_incomplete: bool,
    pub segments: Vec<Segment>,
    pub gaps: Vec<(Hex, Hex, String)>,
    pub totals: Totals,
    pub types: Vec<Type>,
    pub edges: Edges,
    pub handles: Vec<Handle>,
    pub dependent: Vec<(Hex, Hex)>,
    pub finalizer: Finalizer,
    pub threads: Vec<Thread>,
    pub thread_objects: Vec<ThreadObject>,
    pub statics: Vec<Static>,
    pub thread_statics: Vec<Static>,
    pub reachable: Option<Reachable>,
    pub retained_without_stack: Option<Retained>,
    pub modules: Vec<Module>,
    pub samples: Option<Samples>,
}

#[derive(Debug, Deserialize)]
pub struct Runtime {
    pub version: String,
    pub arch: String,
    pub single_file: bool,
    pub base: Hex,
}

#[derive(Debug, Deserialize)]
pub struct Segment {
    pub kind: String,
    pub heap: u32,
    pub segment: Hex,
    pub start: Hex,
    pub end: Hex,
}

#[derive(Debug, Deserialize)]
pub struct Totals {
    pub objects: u64,
    pub bytes: u64,
    pub raw_bytes: u64,
    pub free_objects: u64,
    pub free_bytes: u64,
    #[serde(default)]
    pub generations: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Deserialize)]
pub struct Type {
    pub mt: Hex,
    pub name: Option<String>,
    pub module: Option<String>,
    pub base_size: u32,
    pub component_size: u32,
    #[serde(default)]
    pub finalizable: bool,
    #[serde(default)]
    pub collectible: bool,
    pub count: u64,
    pub bytes: u64,
    pub raw_bytes: Option<u64>,
    pub addr_xor: Hex,
}

#[derive(Debug, Deserialize)]
pub struct Edges {
    pub total_count: u64,
    pub total_xor: Hex,
    pub dangling: u64,
    pub loader_allocator_count: u64,
    pub per_mt: BTreeMap<String, Vec<serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
pub struct Handle {
    pub kind: String,
    pub address: Hex,
    pub object: Hex,
    pub dependent: Option<Hex>,
    #[serde(default)]
    pub strong: bool,
}

#[derive(Debug, Deserialize)]
pub struct Finalizer {
    pub registered: Vec<Hex>,
    pub ready: Vec<Hex>,
}

#[derive(Debug, Deserialize)]
pub struct Thread {
    pub managed_id: u32,
    pub os_id: u32,
    pub address: Hex,
    pub alive: bool,
    #[serde(default)]
    pub finalizer: bool,
}

#[derive(Debug, Deserialize)]
pub struct ThreadObject {
    pub native: Hex,
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Static {
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    pub field: String,
    pub mt: Hex,
    pub address: Hex,
    pub kind: String,
    pub value: serde_json::Value,
    pub thread: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub struct Reachable {
    pub without_stack: ReachableSet,
    pub with_stack: ReachableSet,
    pub without_stack_set_xor: Hex,
}

#[derive(Debug, Deserialize)]
pub struct ReachableSet {
    pub objects: u64,
    pub bytes: u64,
    pub per_mt: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Deserialize)]
pub struct Retained {
    pub root_total: u64,
    pub root_objects: u64,
    pub top: Vec<RetainedObject>,
    pub sample: Vec<RetainedObject>,
    pub checksum: Hex,
}

#[derive(Debug, Deserialize)]
pub struct RetainedObject {
    pub addr: Hex,
    pub retained: u64,
    pub retained_objects: u64,
    pub idom: Hex,
}

#[derive(Debug, Deserialize)]
pub struct Module {
    pub name: Option<String>,
    pub address: Hex,
    pub mvid: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Samples {
    #[serde(default)]
    pub objects: Vec<SampledType>,
    #[serde(default)]
    pub strings: Vec<(Hex, u64, Hex, String)>,
}

/// Fields: name, declaring type or "" for the type itself, offset, element kind, type, token.
#[derive(Debug, Deserialize)]
pub struct SampledType {
    pub mt: Hex,
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    #[serde(default)]
    pub fields: Vec<(Option<String>, String, u32, String, Option<String>, u32)>,
}

impl Truth {
    /// Names come from files that are not in the dump.
    pub fn lacks_pages(&self) -> bool {
        self.pages_from_files.as_object().is_some_and(|files| !files.is_empty())
    }
}

/// Reads a truth file, packed or not.
pub fn read(path: &Path) -> Truth {
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
pub fn address_of(key: &str) -> Hex {
    Hex(u64::from_str_radix(key.trim_start_matches("0x"), 16).unwrap())
}
