//! Notes of a Linux core: threads, process, auxiliary vector, mapped files. `elfcore.h` and `fs/binfmt_elf.c`.

use std::collections::HashMap;
use std::sync::Arc;

use super::raw::{self, Note};
use super::{CoreMapping, CoreThread, ElfCore};
use crate::base::{Addr, AddrRange, Arch, ByteReader, FileOffset, Limits, Place, ReadError, Skipped, Warnings};

/// Kinds of notes met, as far as they tell the writers apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NoteKinds {
    pub(super) gdb: bool,
    pub(super) floating_point: bool,
}

/// Reads all notes of one segment into `core`. A bad note is skipped; bad lengths end the segment.
pub(super) fn read(
    core: &mut ElfCore,
    bytes: &[u8],
    at: FileOffset,
    limits: &Limits,
    kinds: &mut NoteKinds,
    warnings: &mut Warnings,
) {
    let mut reader = ByteReader::new(bytes, at);
    // Writers pad the segment with up to a page of zeros: a header of zeros is its end.
    while reader.left() >= 12 {
        let place = Place::File(reader.at());
        let note = match Note::read(&mut reader) {
            Ok(note) => note,
            Err(error) => {
                warnings.skip(Skipped::Container, Some(place), format!("notes end early: {error}"));
                break;
            }
        };
        if note.name.is_empty() && note.n_type == 0 && note.descriptor.is_empty() {
            continue;
        }
        if note.name == b"GDB" {
            kinds.gdb = true;
        }
        if note.name != b"CORE" {
            continue;
        }
        let result = match note.n_type {
            raw::NT_PRSTATUS => thread(core, &note, limits),
            raw::NT_FPREGSET => {
                kinds.floating_point = true;
                Ok(())
            }
            raw::NT_PRPSINFO => process(core, &note),
            raw::NT_AUXV => auxiliary_vector(core, &note),
            raw::NT_FILE => mapped_files(core, &note, limits, warnings),
            _ => Ok(()),
        };
        if let Err(error) = result {
            warnings.skip(Skipped::Container, Some(place), format!("a note was skipped: {error}"));
        }
    }
}

fn reader<'a>(note: &Note<'a>) -> ByteReader<'a> {
    ByteReader::new(note.descriptor, note.descriptor_at)
}

/// `elf_prstatus`: thread id at 32, registers at 112 on both processors; 27 and 34 words follow. A descriptor may be
/// longer than known, never shorter: 336 bytes on x64, 392 on arm64.
fn thread(core: &mut ElfCore, note: &Note<'_>, limits: &Limits) -> Result<(), ReadError> {
    const WHAT: &str = "thread status";
    let n_registers: usize = match core.arch {
        Arch::X64 => 27,
        Arch::Arm64 => 34,
    };
    if core.threads.len() as u64 >= limits.threads {
        let found = (core.threads.len() as u64).saturating_add(1);
        return Err(ReadError::Count { what: "threads", at: note.descriptor_at, found, most: limits.threads });
    }
    let mut reader = reader(note);
    reader.skip(WHAT, 32)?;
    let id = reader.u32(WHAT)?;
    reader.skip(WHAT, 76)?;
    let registers = (0..n_registers).map(|_| reader.u64("registers of a thread")).collect::<Result<_, _>>()?;
    core.threads.push(CoreThread { id, registers });
    Ok(())
}

/// `elf_prpsinfo`: process id at 24, name at 40, arguments at 56.
fn process(core: &mut ElfCore, note: &Note<'_>) -> Result<(), ReadError> {
    const WHAT: &str = "process facts";
    let mut reader = reader(note);
    reader.skip(WHAT, 24)?;
    let id = reader.u32(WHAT)?;
    reader.skip(WHAT, 12)?;
    let name = text(reader.take(WHAT, 16)?);
    let arguments = text(reader.take(WHAT, 80)?);
    core.process_id = Some(id);
    core.name = name;
    arguments.trim_end().clone_into(&mut core.arguments);
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

fn auxiliary_vector(core: &mut ElfCore, note: &Note<'_>) -> Result<(), ReadError> {
    let mut reader = reader(note);
    while reader.left() >= 16 {
        let key = reader.u64("auxiliary vector")?;
        let value = reader.u64("auxiliary vector")?;
        if key == 0 {
            break;
        }
        core.auxv.push((key, value));
    }
    Ok(())
}

/// Count, unit, rows of (start, end, offset in units), then as many zero-ended paths.
fn mapped_files(
    core: &mut ElfCore,
    note: &Note<'_>,
    limits: &Limits,
    warnings: &mut Warnings,
) -> Result<(), ReadError> {
    const WHAT: &str = "mapped files";
    let mut reader = reader(note);
    let claimed = reader.u64(WHAT)?;
    let unit = reader.u64(WHAT)?;
    let count = reader.count(WHAT, claimed, 24, limits.file_mappings)?;
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        rows.push([reader.u64(WHAT)?, reader.u64(WHAT)?, reader.u64(WHAT)?]);
    }
    let paths_at = reader.at();
    let mut paths = reader.take(WHAT, reader.left())?;
    let mut interned: HashMap<&[u8], Arc<str>> = HashMap::new();
    let mut mappings: Vec<CoreMapping> = Vec::with_capacity(count);
    let mut n_bad: u64 = 0;
    for &[start, end, offset] in &rows {
        let Some(len) = paths.iter().position(|&byte| byte == 0) else {
            let why = format!("paths of mapped files end after {} of {count}", mappings.len());
            warnings.skip(Skipped::Container, Some(Place::File(paths_at)), why);
            break;
        };
        let (path, rest) = paths.split_at_checked(len).unwrap_or((paths, &[]));
        paths = rest.get(1..).unwrap_or_default();
        if start >= end || len as u64 > limits.name_chars {
            n_bad = n_bad.saturating_add(1);
            continue;
        }
        let path = interned.entry(path).or_insert_with(|| String::from_utf8_lossy(path).into()).clone();
        mappings.push(CoreMapping { range: AddrRange::new(Addr(start), Addr(end)), offset, path });
    }
    if n_bad > 0 {
        let why = format!("{n_bad} of {count} rows of mapped files have no length or an absurd path");
        warnings.skip(Skipped::Container, Some(Place::File(note.descriptor_at)), why);
    }
    let factor = offset_factor(&mappings, unit);
    for mapping in &mut mappings {
        mapping.offset = mapping.offset.saturating_mul(factor);
    }
    core.mappings.append(&mut mappings);
    Ok(())
}

/// Bytes of one unit of the rows' offsets. The note names the unit, but createdump 2.1 names 4,096 and writes bytes. Two
/// rows of one file that touch in memory tell: their offsets differ by the first one's length, in bytes or in units.
/// With no such pair the note is believed.
fn offset_factor(rows: &[CoreMapping], unit: u64) -> u64 {
    if unit <= 1 {
        return 1;
    }
    let mut for_bytes: u64 = 0;
    let mut for_units: u64 = 0;
    for pair in rows.windows(2) {
        let [first, second] = pair else { continue };
        let touching = first.path == second.path && first.range.end == second.range.start;
        let Some(step) = second.offset.checked_sub(first.offset).filter(|&step| touching && step > 0) else { continue };
        if step == first.range.len() {
            for_bytes = for_bytes.saturating_add(1);
        } else if step.checked_mul(unit) == Some(first.range.len()) {
            for_units = for_units.saturating_add(1);
        }
    }
    if for_bytes > for_units { 1 } else { unit }
}
