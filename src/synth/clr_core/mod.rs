//! A .NET 10 process without a runtime: a core file that holds what a reader of the heap looks for, and nothing else.
//!
//! Laid out by the published shapes (runtime image with its GC variables, regions, method tables with their reference
//! layouts, objects, a handle table, a finalizer queue), written out here once more and sharing nothing with the reader.
//! Types have no metadata, so they have no names. Workstation GC with regions.
//!
//! ```text
//! 0x5600…  native heap: region records, table of handles, finalizer queue, method table of free objects
//! 0x7d00…  regions: gen 2, gen 1, gen 0 (with an allocation context), frozen, pinned, large
//! 0x7e00…  loader heap: method tables, classes, module
//! 0x7f00…  libcoreclr.so: header page with a build id, code (absent), data
//! 0x7ffd…  one stack
//! ```
//!
//! Memory while writing: four bytes per object, for the addresses references point to.

mod heap;
mod tables;
mod types;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use self::heap::Heap;
use self::tables::{data_pages, header_page, native_heap};
use self::types::loader_heap;
use super::core::{Content, Core, Machine, Mapping, Places, Segment, Thread};

const NATIVE: u64 = 0x5600_0000_0000;
const HEAP: u64 = 0x7d00_0000_0000;
const LOADER: u64 = 0x7e00_0000_0000;
const RUNTIME: u64 = 0x7f00_0000_0000;
const STACK: u64 = 0x7ffd_0000_0000;
/// From the image's base to its data.
const DATA_OFFSET: u64 = 0x10000;
const DATA_BYTES: u64 = 0x4000;
const RUNTIME_PATH: &str = "/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.0/libcoreclr.so";

/// Build id of the synthetic runtime.
pub const BUILD_ID: [u8; 20] = *b"synthetic-runtime-10";

/// Shape of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Strings, byte arrays, arrays of references and small classes, 64 bytes on average; a table of every hundredth.
    Typical,
    /// One list of all objects.
    DeepList,
    /// One array that refers to all objects, each of which refers to the first.
    Hub,
}

/// A process to be written.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Shape of its heap.
    pub profile: Profile,
    /// Objects in generations 0 to 2; some few more stand in the other regions.
    pub n_objects: u64,
    /// Bytes of a region of small objects.
    pub region_bytes: u64,
    /// Seed of sizes and references.
    pub seed: u64,
}

impl Process {
    /// A process with regions of 4 MiB.
    #[must_use]
    pub const fn new(profile: Profile, n_objects: u64) -> Self {
        Self { profile, n_objects, region_bytes: 4 << 20, seed: 1 }
    }
}

/// What was written, for comparison with what is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// By address of the method table: objects and their bytes, rounded up.
    pub types: BTreeMap<u64, (u64, u64)>,
    /// Method table of free objects, which are not among the types.
    pub free_method_table: u64,
    /// Free objects and their bytes.
    pub free: (u64, u64),
    /// References that are not null.
    pub n_references: u64,
    /// Addresses of the objects that strong handles hold.
    pub strong_handles: Vec<u64>,
    /// The allocation context of generation 0: first unused byte and limit.
    pub allocation_context: (u64, u64),
}

impl Truth {
    /// Objects of all types.
    #[must_use]
    pub fn n_objects(&self) -> u64 {
        self.types.values().map(|row| row.0).sum()
    }

    /// Bytes of all types.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.types.values().map(|row| row.1).sum()
    }
}
/// Addresses of what a test may want to damage.
pub mod place {
    use super::tables::{FINALIZE, HANDLE_SEGMENT, HANDLE_TABLE, SEGMENTS_AT};
    use super::types::{NODE, OBJECTS, method_table};
    use super::{DATA_OFFSET, RUNTIME};

    /// The list of the GC's variables.
    pub const GC_VARIABLES: u64 = RUNTIME + DATA_OFFSET + 0x100;
    /// The table of generations; a generation takes 0x100 bytes, its first region stands at +0x38.
    pub const GENERATIONS: u64 = RUNTIME + DATA_OFFSET + 0x2000;
    /// First region record: allocated, committed, reserved, used, first object, flags, next.
    pub const REGION_RECORD: u64 = SEGMENTS_AT;
    /// Table of handles; its list of segments stands at +0x138.
    pub const HANDLES: u64 = HANDLE_TABLE;
    /// The segment of handles; the next one stands at +0x7ce.
    pub const HANDLES_SEGMENT: u64 = HANDLE_SEGMENT;
    /// Finalizer queue: seven fill pointers, then start and end of its array.
    pub const FINALIZER_QUEUE: u64 = FINALIZE;
    /// Method table of the arrays of references.
    #[must_use]
    pub fn array_type() -> u64 {
        method_table(OBJECTS)
    }
    /// Method table of the small class with two references.
    #[must_use]
    pub fn node_type() -> u64 {
        method_table(NODE)
    }
}

impl Process {
    /// Writes the core of the process to `path`, streamed: ten million objects take some seconds and 640 MB of disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: &Path) -> io::Result<Truth> {
        let heap = Heap::lay_out(self.at_least());
        let truth = heap.truth()?;
        describe(&heap).write(&mut File::create(path)?)?;
        Ok(truth)
    }

    /// The core of a small process in memory, where its parts stand, and what it holds.
    ///
    /// # Errors
    /// None that memory gives.
    pub fn bytes(&self) -> io::Result<(Vec<u8>, Places, Truth)> {
        let heap = Heap::lay_out(self.at_least());
        let truth = heap.truth()?;
        let (bytes, places) = describe(&heap).bytes()?;
        Ok((bytes, places, truth))
    }

    /// Every generation needs its objects.
    fn at_least(self) -> Self {
        Self { n_objects: self.n_objects.max(100), ..self }
    }
}

/// The process as a core file.
fn describe(heap: &Heap) -> Core<'_> {
    let mut core = Core::new(Machine::X64);
    core.process = (4242, "synthetic".to_owned(), "/app/synthetic".to_owned());
    let mut registers = vec![0; 27];
    if let Some(place) = registers.get_mut(19) {
        *place = STACK + 0x1000;
    }
    core.threads.push(Thread { id: 4242, registers });
    let rows = [(0, 0x1000, 0), (0x1000, 0x9000, 0x1000), (DATA_OFFSET, DATA_OFFSET + 0x1000, DATA_OFFSET)];
    core.mappings.extend(rows.map(|(start, end, offset)| Mapping {
        start: RUNTIME + start,
        end: RUNTIME + end,
        offset,
        path: RUNTIME_PATH.to_owned(),
    }));
    core.memory(NATIVE, 6, native_heap(heap));
    for (index, region) in heap.regions.iter().enumerate() {
        let len = region.end - region.start;
        let end = heap.end_of(index);
        let stream = move |out: &mut dyn Write| heap.write_region(region, end, out, None);
        let content = Content::Streamed(len, Box::new(stream));
        core.segments.push(Segment { address: region.start, memory_bytes: len, flags: 6, content });
    }
    for (which, region) in heap.special.iter().enumerate() {
        let len = region.end - region.start;
        let content = Content::Streamed(len, Box::new(move |out: &mut dyn Write| heap.write_special(which, out)));
        core.segments.push(Segment { address: region.start, memory_bytes: len, flags: 6, content });
    }
    core.memory(LOADER, 6, loader_heap(&heap.types));
    core.memory(RUNTIME, 4, header_page());
    core.segments.push(Segment { address: RUNTIME + 0x1000, memory_bytes: 0x8000, flags: 5, content: Content::Absent });
    core.memory(RUNTIME + DATA_OFFSET, 6, data_pages(heap));
    core.memory(STACK, 6, vec![0; 0x4000]);
    core
}
