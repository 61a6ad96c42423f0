//! Modules of a Linux process: from the list of mapped files, else from the dynamic linker's own list.
//!
//! The base of an image is the mapping with file offset 0 that begins with a header. Not the lowest address: a
//! single-file program maps its assemblies out of itself, some of them below its own image, and the double-mapped memory
//! of 9 and 10 (`/memfd:doublemapper`) has offset 0 without a header.

use std::collections::{BTreeMap, BTreeSet};

use super::elf_image::{self, ElfImage, PT_DYNAMIC, PT_PHDR, Segment};
use super::memory::{SplicedMemory, TargetMemory};
use super::{FileMapping, Module};
use crate::base::{Addr, AddrRange, Limits, Place, Skipped, Warnings};
use crate::dump::elf::ElfCore;

/// Keys of the auxiliary vector (`linux/auxvec.h`).
pub(super) mod auxiliary {
    pub(in crate::target) const PROGRAM_HEADERS: u64 = 3;
    pub(in crate::target) const PROGRAM_HEADER_COUNT: u64 = 5;
    pub(in crate::target) const PAGE_BYTES: u64 = 6;
    pub(in crate::target) const PROGRAM_PATH: u64 = 31;
    pub(in crate::target) const VDSO: u64 = 33;
}

const DT_NULL: u64 = 0;
const DT_DEBUG: u64 = 21;
/// Entries believed of one dynamic section; real ones have about thirty.
const MOST_DYNAMIC_ENTRIES: u64 = 4096;
/// Longest path read from the process (`PATH_MAX`).
const MOST_PATH_BYTES: usize = 4096;

/// What stands at the base of a mapping.
enum Header {
    Elf(ElfImage),
    /// Time stamp and size of image.
    Pe((u32, u32)),
    /// Bytes that are no header.
    Other,
    /// The page is not in the dump.
    Absent,
}

fn header_at(memory: &SplicedMemory, at: Addr) -> Header {
    match memory.u16(at) {
        Err(_) => Header::Absent,
        Ok(0x5a4d) => pe_identity(memory, at).map_or(Header::Other, Header::Pe),
        Ok(_) if elf_image::is_elf(memory, at) => ElfImage::read(memory, at).map_or(Header::Absent, Header::Elf),
        Ok(_) => Header::Other,
    }
}

/// Time stamp and size of image of a PE file (Microsoft PE format, COFF header and optional header): the pair by which
/// symbol stores and this program recognise the same build.
pub(super) fn pe_identity(memory: &SplicedMemory, base: Addr) -> Option<(u32, u32)> {
    let header = base.checked_add(u64::from(memory.u32(base.checked_add(0x3c)?).ok()?))?;
    if memory.u32(header).ok()? != 0x0000_4550 {
        return None;
    }
    Some((memory.u32(header.checked_add(8)?).ok()?, memory.u32(header.checked_add(24 + 56)?).ok()?))
}

/// Modules by the list of mapped files.
pub(super) fn from_mappings(memory: &SplicedMemory, mappings: &[FileMapping]) -> Vec<Module> {
    let mut by_path: BTreeMap<&str, Vec<&FileMapping>> = BTreeMap::new();
    for mapping in mappings {
        by_path.entry(&mapping.path).or_default().push(mapping);
    }
    let mut modules: Vec<Module> =
        by_path.into_iter().filter_map(|(path, rows)| from_rows(memory, path, &rows)).collect();
    modules.sort_by(|a, b| (a.base, &a.path).cmp(&(b.base, &b.path)));
    modules
}

/// The module of one file, `rows` being all its mappings by address; `None` for files that are no images.
fn from_rows(memory: &SplicedMemory, path: &str, rows: &[&FileMapping]) -> Option<Module> {
    let mut absent = None;
    let mut best: Option<(usize, Module)> = None;
    for row in rows.iter().filter(|row| row.offset == 0) {
        let base = row.range.start;
        let module = match header_at(memory, base) {
            Header::Elf(image) => from_image(memory, path, &image),
            Header::Pe(identity) => {
                let range = AddrRange::new(base, base.checked_add(identity.1.into()).unwrap_or(row.range.end));
                Module { pe_identity: Some(identity), ..bare(path, base, range) }
            }
            Header::Other => continue,
            Header::Absent => {
                absent = absent.or(Some(base));
                continue;
            }
        };
        // A file may be mapped as a whole besides, to read its symbols: the image is the one with most rows inside.
        let n_rows = rows.iter().filter(|row| module.range.contains(row.range.start)).count();
        if best.as_ref().is_none_or(|&(most, _)| most < n_rows) {
            best = Some((n_rows, module));
        }
    }
    if let Some((_, module)) = best {
        return Some(module);
    }
    // Nothing says that this is an image, and nothing that it is not: keep it when its rows look like one.
    let base =
        absent.filter(|_| path.starts_with('/') && !path.starts_with("/memfd:") && !path.starts_with("/dev/"))?;
    let end = rows.iter().map(|row| row.range.end).max()?;
    Some(bare(path, base, AddrRange::new(base, end)))
}

fn bare(path: &str, base: Addr, range: AddrRange) -> Module {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path).to_owned();
    Module { base, range, path, writable: Vec::new(), build_id: Vec::new(), pe_identity: None }
}

fn from_image(memory: &SplicedMemory, path: &str, image: &ElfImage) -> Module {
    Module { writable: image.writable(), build_id: image.build_id(memory), ..bare(path, image.base, image.range()) }
}

/// Modules by the dynamic linker's list, for cores without a list of mapped files: auxiliary vector, program headers of
/// the program, its dynamic section, `r_debug`, `link_map` (`link.h`).
pub(super) fn from_link_map(
    memory: &SplicedMemory,
    core: &ElfCore,
    limits: &Limits,
    warnings: &mut Warnings,
) -> Vec<Module> {
    let Some(program) = Program::find(memory, core) else {
        let why = "neither a list of mapped files nor the program's own headers are in the dump: modules are unknown";
        warnings.skip(Skipped::Module, None, why);
        return Vec::new();
    };
    let mut modules: Vec<Module> = program.image.iter().map(|image| from_image(memory, &program.path, image)).collect();
    let Some(first) = program.first_link(memory) else {
        let why = "the dynamic linker's list of modules is not in the dump: only the program itself is known";
        warnings.skip(Skipped::Module, None, why);
        return modules;
    };
    let vdso = core.auxiliary(auxiliary::VDSO);
    let mut seen = BTreeSet::new();
    let mut link = first;
    while !link.is_null() {
        if seen.len() as u64 >= limits.link_map_entries || !seen.insert(link) {
            let why = format!("the dynamic linker's list does not end: {} entries kept", seen.len());
            warnings.skip(Skipped::Module, Some(Place::Target(link)), why);
            break;
        }
        let Some(entry) = Link::read(memory, link) else {
            warnings.skip(
                Skipped::Module,
                Some(Place::Target(link)),
                "an entry of the dynamic linker's list is absent",
            );
            break;
        };
        link = entry.next;
        let known = |base: Addr| modules.iter().any(|module| module.base == base);
        // The first entry is the program: glibc leaves its name empty, musl writes the first argument there.
        if entry.bias == program.bias {
            continue;
        }
        let base = Addr(entry.bias);
        if known(base) {
            continue;
        }
        let path = match entry.name {
            name if name.is_empty() && Some(base.0) == vdso => "[vdso]".to_owned(),
            name if name.is_empty() => format!("[{base}]"),
            name => name,
        };
        match ElfImage::read(memory, base) {
            Some(image) => modules.push(from_image(memory, &path, &image)),
            None => modules.push(bare(&path, base, AddrRange::new(base, base))),
        }
    }
    modules.sort_by(|a, b| (a.base, &a.path).cmp(&(b.base, &b.path)));
    modules
}

/// An entry of the dynamic linker's list.
struct Link {
    bias: u64,
    name: String,
    next: Addr,
}

impl Link {
    fn read(memory: &SplicedMemory, at: Addr) -> Option<Self> {
        let bias = memory.u64(at).ok()?;
        let name = memory.ptr(at.checked_add(8)?).ok()?;
        let next = memory.ptr(at.checked_add(24)?).ok()?;
        Some(Self { bias, name: memory.c_str(name, MOST_PATH_BYTES).unwrap_or_default(), next })
    }
}

/// The program the kernel started.
struct Program {
    path: String,
    bias: u64,
    image: Option<ElfImage>,
    segments: Vec<Segment>,
}

impl Program {
    fn find(memory: &SplicedMemory, core: &ElfCore) -> Option<Self> {
        let headers_at = Addr(core.auxiliary(auxiliary::PROGRAM_HEADERS)?);
        let count = u16::try_from(core.auxiliary(auxiliary::PROGRAM_HEADER_COUNT)?.min(256)).ok()?;
        let segments = elf_image::segments(memory, headers_at, count)?;
        // The program headers' own header says where the file wants them. 0 is a valid bias: programs that are not
        // position-independent, like the 3.1 host for arm64.
        let wanted = segments.iter().find(|segment| segment.kind == PT_PHDR).map(|segment| segment.address);
        let header_at = segments.iter().find(|segment| segment.kind == PT_PHDR).map_or(64, |segment| segment.offset);
        let base = headers_at.checked_sub(header_at)?;
        let bias = headers_at.0.wrapping_sub(wanted.unwrap_or(header_at));
        let path = core
            .auxiliary(auxiliary::PROGRAM_PATH)
            .and_then(|at| memory.c_str(Addr(at), MOST_PATH_BYTES))
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| core.name.clone());
        Some(Self { path, bias, image: ElfImage::read(memory, base), segments })
    }

    /// First entry of the dynamic linker's list.
    fn first_link(&self, memory: &SplicedMemory) -> Option<Addr> {
        let dynamic = self.segments.iter().find(|segment| segment.kind == PT_DYNAMIC)?;
        let start = Addr(self.bias).plus(dynamic.address);
        for index in 0..MOST_DYNAMIC_ENTRIES {
            let at = start.checked_add(index.checked_mul(16)?)?;
            match memory.u64(at).ok()? {
                DT_NULL => return None,
                // The one entry the dynamic linker writes itself: an address of the process with glibc and musl alike.
                DT_DEBUG => {
                    let debug = memory.ptr(at.checked_add(8)?).ok().filter(|debug| !debug.is_null())?;
                    return memory.ptr(debug.checked_add(8)?).ok().filter(|link| !link.is_null());
                }
                _ => {}
            }
        }
        None
    }
}

/// True when the process runs on musl: its C library is its dynamic linker, and has its name.
pub(super) fn is_musl(memory: &SplicedMemory, modules: &[Module], core: &ElfCore) -> bool {
    let named = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("ld-musl-"));
    modules.iter().any(|module| named(&module.path))
        || Program::find(memory, core)
            .and_then(|program| program.image)
            .and_then(|image| image.interpreter(memory))
            .is_some_and(|path| named(&path))
}
