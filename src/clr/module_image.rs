//! From a Module to its image, its path and its metadata.
//!
//! The way from a Module to the base of its PE image is learned once, from all modules together, and reused:
//!
//! ```text
//! 2.1, 3.1   Module +10 -> PEFile +8 -> PEImage +50..60 -> layout +8 -> base        (one slot per kind of mapping)
//! 8          Module +110 -> PEAssembly +8 -> PEImage +70, +78 -> layout +8 -> base
//! 9, 10      Module +120, +E0 -> base
//! ```
//!
//! None of these numbers is used: every short chain of pointers that ends in a PE image is tried, and the chain wins that
//! gives the most modules an image of their own. Searching module by module would pick neighbours' images.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::words::{word, word32};
use crate::base::{Addr, Limits};
use crate::image::ImageBytes;
use crate::image::pe::{Mapping, PeHeaders};
use crate::target::{FileMapping, SplicedMemory, Target, TargetMemory};

/// Bytes searched of the Module, and of what its pointers lead to, by depth.
const SPANS: [u64; 3] = [0x180, 0x110, 0xc0];
/// Slots of a PEImage that can hold its layouts.
const LAYOUT_SLOTS: std::ops::Range<u64> = 0x40..0xa0;
/// Offset of the base in a layout object (peimagelayout.h: behind the vtable).
const LAYOUT_BASE: u64 = 8;
/// Characters of the longest path (Linux: PATH_MAX; Windows: 32,767, not met).
const MOST_PATH_CHARS: usize = 4096;
/// Modules that vote on the way.
const MOST_VOTERS: usize = 200;

/// An image in the dead process's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedImage<'a> {
    pub(crate) memory: &'a SplicedMemory,
    pub(crate) base: Addr,
}

impl ImageBytes for MappedImage<'_> {
    fn bytes(&self, offset: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        let at = self.base.checked_add(offset)?;
        if let Some(bytes) = self.memory.bytes_at(at).and_then(|bytes| bytes.get(..len)) {
            return Some(Cow::Borrowed(bytes));
        }
        // Ask before allocating: a bent size must not cost memory that the dump cannot fill.
        let end = at.checked_add(len as u64)?;
        let range = crate::base::AddrRange::new(at, end);
        if self.memory.present_bytes(range) != range.len() {
            return None;
        }
        self.memory.vec(at, len).ok().map(Cow::Owned)
    }
}

/// What stands at an address that may be the base of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImageAt {
    /// PE headers with a CLI directory, in the dump.
    Headers(PeHeaders),
    /// Absent from the dump; a file is mapped there from its first byte.
    File(std::sync::Arc<str>),
    /// Absent from the dump; inside the program's own file, at this byte: an assembly in a single file.
    Bundled {
        /// Path of the program.
        path: std::sync::Arc<str>,
        /// First byte of the assembly in it.
        offset: u64,
    },
}

/// The file mapping that holds `at`.
pub(crate) fn mapping_at(target: &Target, at: Addr) -> Option<&FileMapping> {
    let index = target.file_mappings.partition_point(|mapping| mapping.range.start <= at).checked_sub(1)?;
    target.file_mappings.get(index).filter(|mapping| mapping.range.contains(at))
}

fn is_assembly_path(path: &str) -> bool {
    let lower = path.get(path.len().saturating_sub(4)..).unwrap_or_default().to_ascii_lowercase();
    lower == ".dll" || lower == ".exe"
}

/// What stands at `base`; `None` when it is no image.
pub(crate) fn image_at(target: &Target, base: Addr, bundle: Option<&dyn Bundle>) -> Option<ImageAt> {
    if base.0 < 0x1_0000 || !base.is_aligned_to(4) {
        return None;
    }
    if let Ok(magic) = target.memory.u16(base) {
        if magic != 0x5a4d {
            return None;
        }
        let headers = PeHeaders::read(&MappedImage { memory: &target.memory, base }).ok()?;
        return headers.cli.is_some().then_some(ImageAt::Headers(headers));
    }
    let mapping = mapping_at(target, base)?;
    if mapping.range.start == base && mapping.offset == 0 && is_assembly_path(&mapping.path) {
        return Some(ImageAt::File(std::sync::Arc::clone(&mapping.path)));
    }
    let offset = mapping.offset.checked_add(base.offset_from(mapping.range.start)?)?;
    let bundle = bundle.filter(|_| offset > 0)?;
    bundle
        .is_image(&mapping.path, offset)
        .then(|| ImageAt::Bundled { path: std::sync::Arc::clone(&mapping.path), offset })
}

/// The program's own file, asked whether an image begins at a byte of it.
pub(crate) trait Bundle {
    /// True when a PE image with a CLI header begins at `offset` of the file that was mapped from `path`.
    fn is_image(&self, path: &str, offset: u64) -> bool;
}

/// The way from a Module to the base of its image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageWay {
    /// Offsets of the pointers to follow; the last one holds the base.
    pub(crate) hops: Vec<u64>,
}

impl ImageWay {
    /// Bases that the way gives for `module`: the learned slot first, then its neighbours in the same PEImage (another
    /// kind of mapping has another slot).
    pub(crate) fn bases(&self, memory: &SplicedMemory, module: Addr) -> Vec<Addr> {
        let follow =
            |hops: &[u64]| hops.iter().try_fold(module, |at, &hop| word(memory, at, hop).filter(|at| !at.is_null()));
        let mut bases: Vec<Addr> = follow(&self.hops).into_iter().collect();
        // Module, ..., PEImage, slot, base: only such a way has neighbours.
        if let [before @ .., slot, LAYOUT_BASE] = self.hops.as_slice()
            && LAYOUT_SLOTS.contains(slot)
            && !before.is_empty()
            && let Some(image) = follow(before)
        {
            for slot in LAYOUT_SLOTS.step_by(8) {
                bases.extend(word(memory, image, slot).and_then(|layout| word(memory, layout, LAYOUT_BASE)));
            }
        }
        let mut seen = HashSet::new();
        bases.retain(|&at| !at.is_null() && seen.insert(at));
        bases
    }

    /// First base with an image.
    pub(crate) fn image(&self, target: &Target, module: Addr, bundle: Option<&dyn Bundle>) -> Option<(Addr, ImageAt)> {
        self.bases(&target.memory, module).into_iter().find_map(|base| Some((base, image_at(target, base, bundle)?)))
    }
}

/// Learns the way from the core library's Module and lets the others vote. `None` when no chain leads to an image.
pub(crate) fn learn_way(
    target: &Target,
    core: Addr,
    modules: &[Addr],
    bundle: Option<&dyn Bundle>,
) -> Option<ImageWay> {
    let ways = ways_from(target, core, bundle);
    let mut best: Option<(usize, ImageWay)> = None;
    for way in ways {
        let mut bases = BTreeSet::new();
        for &module in modules.iter().take(MOST_VOTERS) {
            if let Some((base, _)) = way.image(target, module, bundle) {
                bases.insert(base);
            }
        }
        let n = bases.len();
        let better = match &best {
            None => true,
            Some((most, chosen)) => {
                (n, std::cmp::Reverse(way.hops.len()), std::cmp::Reverse(&way))
                    > (*most, std::cmp::Reverse(chosen.hops.len()), std::cmp::Reverse(chosen))
            }
        };
        if better {
            best = Some((n, way));
        }
    }
    best.map(|(_, way)| way)
}

/// Every chain of up to four pointers from `module` to an image, shortest first.
fn ways_from(target: &Target, module: Addr, bundle: Option<&dyn Bundle>) -> Vec<ImageWay> {
    let memory = &target.memory;
    let mut ways = Vec::new();
    let mut level: Vec<(Addr, Vec<u64>)> = vec![(module, Vec::new())];
    let mut judged: BTreeMap<Addr, bool> = BTreeMap::new();
    let mut is_image = |at: Addr| *judged.entry(at).or_insert_with(|| image_at(target, at, bundle).is_some());
    for span in SPANS {
        let mut next = Vec::new();
        for (at, hops) in &level {
            for offset in (0..span).step_by(8) {
                let Some(pointer) = word(memory, *at, offset) else { break };
                if pointer.0 < 0x1_0000 {
                    continue;
                }
                let mut longer = hops.clone();
                longer.push(offset);
                if (hops.is_empty() || offset == LAYOUT_BASE) && is_image(pointer) {
                    ways.push(ImageWay { hops: longer.clone() });
                }
                if pointer.is_aligned_to(8) && memory.contains(pointer) {
                    next.push((pointer, longer));
                }
            }
        }
        level = next;
    }
    for (at, hops) in level {
        if let Some(base) = word(memory, at, LAYOUT_BASE).filter(|&base| is_image(base)) {
            let mut longer = hops;
            longer.push(LAYOUT_BASE);
            let _ = base;
            ways.push(ImageWay { hops: longer });
        }
    }
    ways
}

/// The chain of pointers from a Module to the UTF-16 text of its path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathWay {
    hops: Vec<u64>,
}

impl PathWay {
    /// The text for `module`, when it looks like a path.
    pub(crate) fn path(&self, memory: &SplicedMemory, module: Addr, limits: &Limits) -> Option<String> {
        let at = self.hops.iter().try_fold(module, |at, &hop| word(memory, at, hop).filter(|at| !at.is_null()))?;
        path_text(memory, at, limits)
    }
}

/// The text at `at` when it is the path of an assembly.
fn path_text(memory: &SplicedMemory, at: Addr, limits: &Limits) -> Option<String> {
    // A path has two characters at least, neither of them a control character: most pointers fail here.
    let first = memory.u32(at).ok()?;
    if !(0x20..0xd800).contains(&(first & 0xffff)) || !(0x20..0xd800).contains(&(first >> 16)) {
        return None;
    }
    let text = memory.utf16(at, usize::try_from(limits.name_chars).unwrap_or(usize::MAX).min(MOST_PATH_CHARS))?;
    (is_assembly_path(&text) && text.chars().count() > 4 && !text.chars().any(char::is_control)).then_some(text)
}

/// Learns the way to the path: the chain that gives the most modules a path of their own, full paths before file names.
pub(crate) fn learn_path_way(memory: &SplicedMemory, modules: &[Addr], limits: &Limits) -> Option<PathWay> {
    const SPANS: [u64; 3] = [0x180, 0x40, 0x80];
    let mut ways: BTreeSet<PathWay> = BTreeSet::new();
    for &module in modules.iter().take(4) {
        let mut level: Vec<(Addr, Vec<u64>)> = vec![(module, Vec::new())];
        for span in SPANS {
            let mut next = Vec::new();
            for (at, hops) in &level {
                for offset in (0..span).step_by(8) {
                    let Some(pointer) = word(memory, *at, offset) else { break };
                    if pointer.0 < 0x1_0000 || !memory.contains(pointer) {
                        continue;
                    }
                    let mut longer = hops.clone();
                    longer.push(offset);
                    if path_text(memory, pointer, limits).is_some() {
                        ways.insert(PathWay { hops: longer.clone() });
                    }
                    if pointer.is_aligned_to(8) {
                        next.push((pointer, longer));
                    }
                }
            }
            level = next;
        }
    }
    let score = |way: &PathWay| {
        let paths: BTreeSet<String> =
            modules.iter().take(MOST_VOTERS).filter_map(|&module| way.path(memory, module, limits)).collect();
        let full = paths.iter().filter(|path| path.contains(['/', '\\'])).count();
        (full, paths.len())
    };
    ways.into_iter()
        .map(|way| (score(&way), way))
        .max_by_key(|(score, way)| (*score, std::cmp::Reverse(way.hops.len()), std::cmp::Reverse(way.clone())))
        .map(|(_, way)| way)
}

/// A copy of the metadata of the image at `base`, in whichever mapping holds all of it.
///
/// # Errors
/// The reason in words: absent, or not what the standard asks for.
pub(crate) fn metadata_in_dump(
    memory: &SplicedMemory,
    base: Addr,
    headers: &PeHeaders,
    limits: &Limits,
) -> Result<(Vec<u8>, Mapping), String> {
    let image = MappedImage { memory, base };
    let loaded = headers.metadata(&image, Mapping::Loaded, limits);
    match loaded {
        Ok(bytes) => Ok((bytes, Mapping::Loaded)),
        Err(first) => match headers.metadata(&image, Mapping::Flat, limits) {
            Ok(bytes) => Ok((bytes, Mapping::Flat)),
            // The error of the mapping that came further: the one whose CLI header stood there.
            Err(second) => {
                Err(if headers.metadata_place(&image, Mapping::Flat).is_ok() { second } else { first }.to_string())
            }
        },
    }
}

/// The runtime's own copy of the metadata of a module made at run time (4.5 of the notes on the runtime's structures:
/// 9.0 at Module+460, 10.0 at +348, 3.1 at +678 behind a buffer object).
///
/// A pointer in the Module leads to `{ u32 size, bytes }` or `{ u32 size, ..., pointer to the bytes at 8 or 16 }`.
pub(crate) fn dynamic_metadata(memory: &SplicedMemory, module: Addr, limits: &Limits) -> Option<Vec<u8>> {
    const SIGNATURE: u32 = 0x424a_5342;
    for offset in (0x100..0x800).step_by(8) {
        let Some(holder) = word(memory, module, offset) else { break };
        if holder.0 < 0x1_0000 || !holder.is_aligned_to(4) {
            continue;
        }
        let Some(size) =
            word32(memory, holder, 0).filter(|&size| size >= 64 && u64::from(size) <= limits.metadata_bytes)
        else {
            continue;
        };
        let places = [holder.checked_add(4), word(memory, holder, 8), word(memory, holder, 16)];
        for at in places.into_iter().flatten() {
            let range = crate::base::AddrRange::new(at, at.plus(u64::from(size)));
            if memory.u32(at) == Ok(SIGNATURE) && memory.present_bytes(range) == u64::from(size) {
                return memory.vec(at, usize::try_from(size).ok()?).ok();
            }
        }
    }
    None
}
