//! Bounds and counts of an ELF core.

use super::notes::{self, NoteKinds};
use super::raw::{self, FileHeader, ProgramHeader};
use super::{CoreLosses, CoreSegment, CoreWriter, ElfCore};
use crate::base::{Addr, Arch, ByteReader, FileOffset, Limits, Place, ReadError, Skipped, Warnings};
use crate::dump::DumpError;

impl ElfCore {
    /// Reads headers and notes of `bytes`, the whole file. Memory: the tables only, each count checked before.
    ///
    /// What lies behind the end of the file is counted as lost, a note that cannot be read is skipped with a warning.
    ///
    /// # Errors
    /// [`DumpError::Refused`] for another kind, class or processor; [`DumpError::Read`] when the headers themselves are
    /// absent or a count is absurd.
    pub fn read(bytes: &[u8], limits: &Limits, warnings: &mut Warnings) -> Result<Self, DumpError> {
        if let Some(refusal) = crate::dump::sniff::refuse_elf(bytes) {
            return Err(refusal.into());
        }
        let header = FileHeader::read(&mut ByteReader::new(bytes, FileOffset(0)))?;
        let arch = if header.e_machine == raw::EM_AARCH64 { Arch::Arm64 } else { Arch::X64 };
        let headers = program_headers(bytes, &header, limits)?;
        let mut core = Self {
            arch,
            writer: CoreWriter::Kernel,
            segments: Vec::with_capacity(headers.len()),
            mappings: Vec::new(),
            threads: Vec::new(),
            auxv: Vec::new(),
            process_id: None,
            name: String::new(),
            arguments: String::new(),
            losses: CoreLosses::default(),
        };
        let mut kinds = NoteKinds::default();
        for program in &headers {
            match program.p_type {
                raw::PT_LOAD => core.add_segment(program, bytes.len() as u64),
                raw::PT_NOTE => {
                    let notes = notes_bytes(bytes, program, limits, warnings);
                    notes::read(&mut core, notes, FileOffset(program.p_offset), limits, &mut kinds, warnings);
                }
                _ => {}
            }
        }
        core.segments.shrink_to_fit();
        core.mappings.sort_by_key(|row| (row.range.start, row.range.end, row.offset));
        core.writer = writer(&header, &core, kinds);
        if core.losses.n_cut_segments > 0 {
            let CoreLosses { n_cut_segments, cut_bytes, .. } = core.losses;
            let why = format!(
                "the file ends at {} bytes; {n_cut_segments} of {} memory segments lie wholly or partly behind it, \
                 {cut_bytes} bytes are lost",
                bytes.len(),
                core.segments.len(),
            );
            warnings.skip(Skipped::Container, Some(Place::File(FileOffset(bytes.len() as u64))), why);
        }
        Ok(core)
    }

    fn add_segment(&mut self, program: &ProgramHeader, available: u64) {
        // A segment that wraps around the address space cannot have been mapped: only its part below the end counts.
        let most = u64::MAX.saturating_sub(program.p_vaddr);
        let memory_bytes = program.p_memsz.max(program.p_filesz).min(most);
        let promised = program.p_filesz.min(most);
        let file_bytes = promised.min(available.saturating_sub(program.p_offset));
        if file_bytes < promised {
            self.losses.n_cut_segments = self.losses.n_cut_segments.saturating_add(1);
            self.losses.cut_bytes = self.losses.cut_bytes.saturating_add(promised.saturating_sub(file_bytes));
        }
        // Regions reserve 256 GiB, so these sums go far beyond any file: never a size to allocate by or to show as the
        // dump's.
        let absent = memory_bytes.saturating_sub(promised);
        self.losses.absent_bytes = self.losses.absent_bytes.saturating_add(absent);
        self.segments.push(CoreSegment {
            at: Addr(program.p_vaddr),
            memory_bytes,
            file_offset: program.p_offset,
            file_bytes,
            writable: program.p_flags & raw::PF_W != 0,
        });
    }
}

/// All program headers; the count may stand in section header 0 when there are more than 65,534.
fn program_headers(bytes: &[u8], header: &FileHeader, limits: &Limits) -> Result<Vec<ProgramHeader>, DumpError> {
    let reader_at = |what: &'static str, at: u64| -> Result<ByteReader<'_>, ReadError> {
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).ok_or(ReadError::Short {
            what,
            at: FileOffset(at),
            wanted: raw::PROGRAM_HEADER_BYTES,
            left: 0,
        })?;
        Ok(ByteReader::new(rest, FileOffset(at)))
    };
    let claimed = if header.e_phnum == raw::PN_XNUM && header.e_shoff != 0 {
        u64::from(
            reader_at("section header 0", header.e_shoff.saturating_add(raw::SH_INFO_OFFSET))?
                .u32("section header 0")?,
        )
    } else {
        u64::from(header.e_phnum)
    };
    let entry = u64::from(header.e_phentsize);
    if entry < raw::PROGRAM_HEADER_BYTES {
        return Err(DumpError::Malformed {
            what: "size of a program header",
            at: Place::File(FileOffset(0x36)),
            expected: format!("at least {}", raw::PROGRAM_HEADER_BYTES),
            found: entry.to_string(),
        });
    }
    let mut reader = reader_at("program headers", header.e_phoff)?;
    let count = reader.count("program headers", claimed, entry, limits.memory_segments)?;
    let spare = usize::try_from(entry.saturating_sub(raw::PROGRAM_HEADER_BYTES)).unwrap_or(0);
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        headers.push(ProgramHeader::read(&mut reader)?);
        reader.skip("program header", spare)?;
    }
    Ok(headers)
}

/// The bytes of a notes segment, as far as file and limit hold them.
fn notes_bytes<'a>(bytes: &'a [u8], program: &ProgramHeader, limits: &Limits, warnings: &mut Warnings) -> &'a [u8] {
    let rest = usize::try_from(program.p_offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let len = program.p_filesz.min(limits.note_bytes).min(rest.len() as u64);
    if len < program.p_filesz {
        let why = format!("{} of {} bytes of notes can be read", len, program.p_filesz);
        warnings.skip(Skipped::Container, Some(Place::File(FileOffset(program.p_offset))), why);
    }
    usize::try_from(len).ok().and_then(|len| rest.get(..len)).unwrap_or_default()
}

/// createdump alone sets the ABI byte; gdb alone writes a target description or a section table with contents; an
/// emulator writes neither mapped files nor floating-point registers. A kernel core of 65,000 mappings lacks the mapped
/// files too, but has the registers (all seen in real files).
fn writer(header: &FileHeader, core: &ElfCore, kinds: NoteKinds) -> CoreWriter {
    if header.osabi == raw::ELFOSABI_GNU {
        CoreWriter::CreateDump
    } else if kinds.gdb || (header.e_shoff != 0 && header.e_phnum != raw::PN_XNUM) {
        CoreWriter::Gdb
    } else if core.mappings.is_empty() && !kinds.floating_point && !core.threads.is_empty() {
        CoreWriter::Emulator
    } else {
        CoreWriter::Kernel
    }
}
