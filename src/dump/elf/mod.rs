//! ELF core files: program headers and notes as typed records.

use object::Endianness;
use object::elf::{FileHeader64, PF_W, PT_LOAD, PT_NOTE};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

use crate::base::{Addr, AddrRange, Arch};

/// A memory segment of the core: `filesz` bytes of `memsz` are in the file.
#[derive(Clone, Copy, Debug)]
pub struct CoreSegment {
    pub at: Addr,
    pub memory_bytes: u64,
    pub file_offset: u64,
    pub file_bytes: u64,
    pub writable: bool,
}

/// A row of NT_FILE.
#[derive(Clone, Debug)]
pub struct CoreMapping {
    pub range: AddrRange,
    pub offset: u64,
    pub path: std::sync::Arc<str>,
}

/// A thread's NT_PRSTATUS.
#[derive(Clone, Debug)]
pub struct CoreThread {
    pub id: u32,
    pub registers: Vec<u64>,
}

/// An ELF core file.
#[derive(Clone, Debug)]
pub struct ElfCore {
    pub arch: Arch,
    pub os_abi: u8,
    pub segments: Vec<CoreSegment>,
    pub mappings: Vec<CoreMapping>,
    pub threads: Vec<CoreThread>,
    pub auxv: Vec<(u64, u64)>,
    pub process_id: Option<u32>,
    pub name: String,
    pub arguments: String,
}

impl ElfCore {
    /// Reads headers and notes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        let arch = match header.e_machine(endian) {
            object::elf::EM_X86_64 => Arch::X64,
            object::elf::EM_AARCH64 => Arch::Arm64,
            _ => return None,
        };
        let mut core = Self {
            arch,
            os_abi: header.e_ident.os_abi.0,
            segments: Vec::new(),
            mappings: Vec::new(),
            threads: Vec::new(),
            auxv: Vec::new(),
            process_id: None,
            name: String::new(),
            arguments: String::new(),
        };
        for program in header.program_headers(endian, bytes).ok()? {
            match program.p_type(endian) {
                PT_LOAD => core.segments.push(CoreSegment {
                    at: Addr(program.p_vaddr(endian)),
                    memory_bytes: program.p_memsz(endian),
                    file_offset: program.p_offset(endian),
                    file_bytes: program.p_filesz(endian),
                    writable: program.p_flags(endian).contains(PF_W),
                }),
                PT_NOTE => {
                    let offset = usize::try_from(program.p_offset(endian)).ok()?;
                    let len = usize::try_from(program.p_filesz(endian)).ok()?;
                    core.notes(bytes.get(offset..offset.checked_add(len)?)?);
                }
                _ => {}
            }
        }
        Some(core)
    }

    fn notes(&mut self, mut notes: &[u8]) {
        let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
        let long = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?));
        while let (Some(name_len), Some(desc_len), Some(kind)) = (word(notes, 0), word(notes, 4), word(notes, 8)) {
            let name_end = 12 + (name_len as usize).next_multiple_of(4);
            let desc_end = name_end + (desc_len as usize).next_multiple_of(4);
            let Some(desc) = notes.get(name_end..name_end + desc_len as usize) else { break };
            match kind {
                1 => {
                    let id = word(desc, 32).unwrap_or(0);
                    let registers = (0..).map_while(|i| long(desc, 112 + 8 * i)).take(34).collect();
                    self.threads.push(CoreThread { id, registers });
                }
                3 => {
                    let text = |range: std::ops::Range<usize>| {
                        let bytes = desc.get(range).unwrap_or_default();
                        String::from_utf8_lossy(bytes.split(|&b| b == 0).next().unwrap_or_default()).into_owned()
                    };
                    self.process_id = word(desc, 24);
                    self.name = text(40..56);
                    self.arguments = text(56..136);
                }
                6 => {
                    self.auxv = (0..).map_while(|i| Some((long(desc, 16 * i)?, long(desc, 16 * i + 8)?))).collect();
                }
                0x4649_4c45 => {
                    let (count, page) = (long(desc, 0).unwrap_or(0), long(desc, 8).unwrap_or(1));
                    let mut paths = desc.get(16 + 24 * count as usize..).unwrap_or_default().split(|&b| b == 0);
                    for row in 0..count as usize {
                        let (Some(start), Some(end), Some(offset), Some(path)) = (
                            long(desc, 16 + 24 * row),
                            long(desc, 24 + 24 * row),
                            long(desc, 32 + 24 * row),
                            paths.next(),
                        ) else {
                            break;
                        };
                        self.mappings.push(CoreMapping {
                            range: AddrRange::new(Addr(start), Addr(end)),
                            offset: offset.wrapping_mul(page),
                            path: String::from_utf8_lossy(path).into(),
                        });
                    }
                }
                _ => {}
            }
            notes = notes.get(desc_end..).unwrap_or_default();
        }
    }
}
