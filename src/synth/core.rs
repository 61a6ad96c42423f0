//! ELF core files from a description: segments, threads, process, auxiliary vector, mapped files, and damage.
//!
//! It shares no layout with the reader: numbers are written out here once more, from the gABI and Linux' `elfcore.h`.
//! Always 64-bit and little-endian. Contents may be streamed, so a file can be larger than memory.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};

/// Processor of the described process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// AMD64: 27 registers.
    X64,
    /// AArch64: 34 registers.
    Arm64,
}

/// Who is to seem the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Operating system ABI 3; junk letters in the padding of note names.
    CreateDump,
    /// Floating-point registers beside every thread.
    Kernel,
    /// A target description.
    Gdb,
    /// Neither floating-point registers nor (by the caller's choice) mapped files.
    Emulator,
}

/// How offsets of mapped files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetUnit {
    /// In pages of this many bytes, as the note says.
    Pages(u64),
    /// In bytes, with a unit of 1, as gdb does.
    Bytes,
    /// In bytes although the note says 4,096, as createdump 2.1 does.
    BytesSaidToBePages,
}

/// Writes the bytes of a streamed content; called once for each writing of the file.
pub type Stream<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// Bytes of a memory segment in the file.
pub enum Content<'a> {
    /// These.
    Bytes(Vec<u8>),
    /// So many, written by a function.
    Streamed(u64, Stream<'a>),
    /// None: the segment is listed and not stored.
    Absent,
    /// What stands at this file offset, so many bytes: true or not.
    Claimed(u64, u64),
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Content<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Streamed(len, _) | Self::Claimed(_, len) => *len,
            Self::Absent => 0,
        }
    }
}

/// A memory segment.
#[derive(Debug)]
pub struct Segment<'a> {
    /// Where it was mapped.
    pub address: u64,
    /// Bytes in memory; at least those of the content.
    pub memory_bytes: u64,
    /// `p_flags`: 4 readable, 2 writable, 1 executable.
    pub flags: u32,
    /// Bytes in the file.
    pub content: Content<'a>,
}

/// A row of the mapped files.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// First address behind.
    pub end: u64,
    /// Byte of the file.
    pub offset: u64,
    /// Path.
    pub path: String,
}

/// A thread.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// Id.
    pub id: u32,
    /// Registers in the kernel's order; those left out are 0.
    pub registers: Vec<u64>,
}

/// A core file to be written.
#[derive(Debug)]
pub struct Core<'a> {
    /// Processor.
    pub machine: Machine,
    /// Who seems to have written it.
    pub writer: Writer,
    /// Process id, name, arguments.
    pub process: (u32, String, String),
    /// Threads.
    pub threads: Vec<Thread>,
    /// Auxiliary vector without its ending.
    pub auxv: Vec<(u64, u64)>,
    /// Mapped files; no note when empty.
    pub mappings: Vec<Mapping>,
    /// Their unit.
    pub unit: OffsetUnit,
    /// Memory.
    pub segments: Vec<Segment<'a>>,
    /// Writes the count of program headers into section header 0 even when it is small.
    pub extended_numbering: bool,
    /// Notes are split into so many segments, at least 1.
    pub note_segments: usize,
}

/// Where things stand in a written file, for tests that damage it.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Offset and length of named fields: `e_phnum`, `sh_info`, `NT_FILE count`, `NT_FILE unit`, `namesz 0` …,
    /// `p_offset 0` …, `p_filesz 0` …, `p_memsz 0` …, `p_vaddr 0` ….
    pub fields: BTreeMap<String, (u64, usize)>,
    /// Offsets at which a header, a note or a segment begins, ascending.
    pub boundaries: Vec<u64>,
    /// Length of the whole file.
    pub len: u64,
}

impl Places {
    /// Overwrites a named field of `bytes` with `value`, cut to its width.
    ///
    /// # Panics
    /// When no such field exists: the test is wrong.
    #[expect(clippy::indexing_slicing, reason = "a test that names no field of its file is wrong and has to stop")]
    pub fn set(&self, bytes: &mut [u8], field: &str, value: u64) {
        let (at, len) = self.fields[field];
        let at = at as usize;
        bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    }
}

impl<'a> Core<'a> {
    /// A core without memory, threads and mapped files, as createdump writes it.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            writer: Writer::CreateDump,
            process: (1234, "program".to_owned(), "program --argument".to_owned()),
            threads: Vec::new(),
            auxv: vec![(6, 4096)],
            mappings: Vec::new(),
            unit: OffsetUnit::Pages(4096),
            segments: Vec::new(),
            extended_numbering: false,
            note_segments: 1,
        }
    }

    /// Adds memory that is stored whole.
    pub fn memory(&mut self, address: u64, flags: u32, bytes: Vec<u8>) {
        self.segments.push(Segment {
            address,
            memory_bytes: bytes.len() as u64,
            flags,
            content: Content::Bytes(bytes),
        });
    }

    /// The file in memory, and where its parts stand.
    ///
    /// # Errors
    /// What a streamed content says.
    pub fn bytes(&self) -> io::Result<(Vec<u8>, Places)> {
        let mut file = Cursor::new(Vec::new());
        let places = self.write(&mut file)?;
        Ok((file.into_inner(), places))
    }

    /// Writes the file. Contents follow each other from a page boundary, as createdump lays them out.
    ///
    /// # Errors
    /// What the file or a streamed content says.
    pub fn write(&self, file: &mut (impl Write + Seek)) -> io::Result<Places> {
        let mut places = Places::default();
        let parts = self.note_parts(&mut places);
        let n_headers = parts.len() + self.segments.len();
        let extended = self.extended_numbering || n_headers >= 0xffff;
        let headers_at: u64 = if extended { 0x80 } else { 0x40 };
        let notes_at = headers_at + 56 * n_headers as u64;
        let notes_bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let memory_at = (notes_at + notes_bytes).next_multiple_of(4096);

        let mut head = self.file_header(extended, headers_at, n_headers, &mut places);
        let mut note_at = notes_at;
        for (index, part) in parts.iter().enumerate() {
            self.program_header(&mut head, &mut places, index, 4, 0, note_at, 0, part.len() as u64, 0);
            note_at += part.len() as u64;
        }
        let mut at = memory_at;
        let mut starts = Vec::with_capacity(self.segments.len());
        for (index, segment) in self.segments.iter().enumerate() {
            let len = segment.content.len();
            let offset = match segment.content {
                Content::Claimed(offset, _) => offset,
                _ => at,
            };
            let (index, memory) = (index + parts.len(), segment.memory_bytes.max(len));
            let address = segment.address;
            self.program_header(&mut head, &mut places, index, 1, segment.flags, offset, address, len, memory);
            starts.push(at);
            if !matches!(segment.content, Content::Claimed(..)) {
                at += len;
            }
        }
        // Places of notes were counted from the first note.
        for field in places.fields.iter_mut().filter(|(name, _)| is_in_notes(name)) {
            field.1.0 += notes_at;
        }
        let mut boundaries: Vec<u64> = places.boundaries.iter().map(|at| at + notes_at).collect();
        boundaries.extend((0..=n_headers as u64).map(|index| headers_at + 56 * index));
        boundaries.extend(&starts);
        boundaries.extend([16, 0x40, notes_at, memory_at, at]);
        boundaries.sort_unstable();
        boundaries.dedup();

        file.write_all(&head)?;
        for part in &parts {
            file.write_all(part)?;
        }
        for (segment, &start) in self.segments.iter().zip(&starts) {
            match &segment.content {
                Content::Bytes(bytes) => {
                    file.seek(SeekFrom::Start(start))?;
                    file.write_all(bytes)?;
                }
                Content::Streamed(_, stream) => {
                    file.seek(SeekFrom::Start(start))?;
                    stream(file)?;
                }
                Content::Absent | Content::Claimed(..) => {}
            }
        }
        places.boundaries = boundaries;
        places.len = at.max(memory_at);
        // A file whose last content is absent or short still has its full length.
        let written = file.seek(SeekFrom::End(0))?;
        if written < places.len {
            file.seek(SeekFrom::Start(places.len - 1))?;
            file.write_all(&[0])?;
        }
        Ok(places)
    }

    fn file_header(&self, extended: bool, headers_at: u64, n_headers: usize, places: &mut Places) -> Vec<u8> {
        let abi = if self.writer == Writer::CreateDump { 3 } else { 0 };
        let machine: u16 = match self.machine {
            Machine::X64 => 62,
            Machine::Arm64 => 183,
        };
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, abi, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend(4_u16.to_le_bytes());
        head.extend(machine.to_le_bytes());
        head.extend(1_u32.to_le_bytes());
        head.extend(0_u64.to_le_bytes());
        head.extend(headers_at.to_le_bytes());
        head.extend(if extended { 0x40_u64 } else { 0 }.to_le_bytes());
        head.extend(0_u32.to_le_bytes());
        head.extend(64_u16.to_le_bytes());
        head.extend(56_u16.to_le_bytes());
        head.extend(if extended { 0xffff } else { n_headers as u16 }.to_le_bytes());
        head.extend(if extended { 64_u16 } else { 0 }.to_le_bytes());
        head.extend(u16::from(extended).to_le_bytes());
        head.extend(0_u16.to_le_bytes());
        for (name, at, len) in
            [("e_phoff", 0x20, 8), ("e_shoff", 0x28, 8), ("e_phentsize", 0x36, 2), ("e_phnum", 0x38, 2)]
        {
            places.fields.insert(name.to_owned(), (at, len));
        }
        if extended {
            let mut section = vec![0; 64];
            section.splice(44..48, (n_headers as u32).to_le_bytes());
            head.extend(section);
            places.fields.insert("sh_info".to_owned(), (0x40 + 44, 4));
        }
        head
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the record in its order")]
    fn program_header(
        &self,
        head: &mut Vec<u8>,
        places: &mut Places,
        index: usize,
        kind: u32,
        flags: u32,
        offset: u64,
        address: u64,
        file_bytes: u64,
        memory_bytes: u64,
    ) {
        let at = head.len() as u64;
        // A table of 70,000 headers needs no name for each of its fields.
        if index < 64 {
            for (name, offset) in [("p_offset", 8), ("p_vaddr", 16), ("p_filesz", 32), ("p_memsz", 40)] {
                places.fields.insert(format!("{name} {index}"), (at + offset, 8));
            }
        }
        head.extend(kind.to_le_bytes());
        head.extend(flags.to_le_bytes());
        for word in [offset, address, 0, file_bytes, memory_bytes, 4096] {
            head.extend(word.to_le_bytes());
        }
    }

    /// The notes in as many parts as asked for. Places are counted from the first byte of the first part.
    fn note_parts(&self, places: &mut Places) -> Vec<Vec<u8>> {
        let mut notes: Vec<(&str, u32, Vec<u8>)> =
            vec![("CORE", 3, self.process_facts()), ("CORE", 6, self.auxiliary())];
        if !self.mappings.is_empty() {
            notes.push(("CORE", 0x4649_4c45, self.mapped_files()));
        }
        for thread in &self.threads {
            notes.push(("CORE", 1, self.thread_status(thread)));
            if self.writer != Writer::Emulator {
                notes.push(("CORE", 2, vec![0; 512]));
            }
        }
        if self.writer == Writer::Gdb {
            notes.push(("GDB", 0xff00_0000, b"l<target/>".to_vec()));
        }
        let per_part = notes.len().div_ceil(self.note_segments.max(1));
        let mut at = 0;
        let mut parts = Vec::new();
        for (index, note) in notes.iter().enumerate() {
            if index % per_part == 0 {
                parts.push(Vec::new());
            }
            let Some(part) = parts.last_mut() else { continue };
            places.boundaries.push(at);
            places.fields.insert(format!("namesz {index}"), (at, 4));
            places.fields.insert(format!("descsz {index}"), (at + 4, 4));
            if note.1 == 0x4649_4c45 {
                places.fields.insert("NT_FILE count".to_owned(), (at + 20, 8));
                places.fields.insert("NT_FILE unit".to_owned(), (at + 28, 8));
            }
            at += self.note(part, note.0, note.1, &note.2);
        }
        parts
    }

    /// Appends one note; its length.
    fn note(&self, part: &mut Vec<u8>, name: &str, kind: u32, descriptor: &[u8]) -> u64 {
        let before = part.len();
        part.extend((name.len() as u32 + 1).to_le_bytes());
        part.extend((descriptor.len() as u32).to_le_bytes());
        part.extend(kind.to_le_bytes());
        part.extend(name.as_bytes());
        part.push(0);
        let junk = if self.writer == Writer::CreateDump { b'j' } else { 0 };
        while !part.len().is_multiple_of(4) {
            part.push(junk);
        }
        part.extend(descriptor);
        while !part.len().is_multiple_of(4) {
            part.push(0);
        }
        (part.len() - before) as u64
    }

    fn process_facts(&self) -> Vec<u8> {
        let (id, name, arguments) = &self.process;
        let mut bytes = vec![0; 24];
        bytes.extend(id.to_le_bytes());
        bytes.extend([0; 12]);
        for (text, len) in [(name, 16), (arguments, 80)] {
            let mut field = text.as_bytes().to_vec();
            field.resize(len - 1, 0);
            field.push(0);
            bytes.extend(field);
        }
        bytes
    }

    fn auxiliary(&self) -> Vec<u8> {
        let ending = [(0, 0)];
        self.auxv
            .iter()
            .chain(&ending)
            .flat_map(|(key, value)| [key.to_le_bytes(), value.to_le_bytes()])
            .flatten()
            .collect()
    }

    fn mapped_files(&self) -> Vec<u8> {
        let (said, divisor) = match self.unit {
            OffsetUnit::Pages(bytes) => (bytes, bytes),
            OffsetUnit::Bytes => (1, 1),
            OffsetUnit::BytesSaidToBePages => (4096, 1),
        };
        let mut bytes = Vec::new();
        bytes.extend((self.mappings.len() as u64).to_le_bytes());
        bytes.extend(said.to_le_bytes());
        for row in &self.mappings {
            for word in [row.start, row.end, row.offset / divisor] {
                bytes.extend(word.to_le_bytes());
            }
        }
        for row in &self.mappings {
            bytes.extend(row.path.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    fn thread_status(&self, thread: &Thread) -> Vec<u8> {
        let (n_registers, len) = match self.machine {
            Machine::X64 => (27, 336),
            Machine::Arm64 => (34, 392),
        };
        let mut bytes = vec![0; 32];
        bytes.extend(thread.id.to_le_bytes());
        bytes.resize(112, 0);
        for index in 0..n_registers {
            bytes.extend(thread.registers.get(index).copied().unwrap_or(0).to_le_bytes());
        }
        bytes.resize(len, 0);
        bytes
    }
}

fn is_in_notes(field: &str) -> bool {
    field.starts_with("NT_FILE") || field.starts_with("namesz") || field.starts_with("descsz")
}
