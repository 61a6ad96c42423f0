//! ELF records as the System V ABI (gABI, chapters 4 and 5) and Linux' core notes spell them. Field names are theirs.
//!
//! Only 64-bit little-endian records are here: other classes are refused by name before.

use crate::base::{ByteReader, ReadError};

/// `EI_CLASS` of a 64-bit file.
pub const ELFCLASS64: u8 = 2;
/// `EI_DATA` of a little-endian file.
pub const ELFDATA2LSB: u8 = 1;
/// `e_type` of a core file.
pub const ET_CORE: u16 = 4;
/// `e_machine` of AMD64.
pub const EM_X86_64: u16 = 62;
/// `e_machine` of AArch64.
pub const EM_AARCH64: u16 = 183;
/// `e_phnum` when the count stands in section header 0.
pub const PN_XNUM: u16 = 0xffff;
/// Memory segment.
pub const PT_LOAD: u32 = 1;
/// Notes.
pub const PT_NOTE: u32 = 4;
/// `p_flags`: writable.
pub const PF_W: u32 = 2;
/// `EI_OSABI` that createdump writes (`ELFOSABI_GNU`); kernel and gdb write 0.
pub const ELFOSABI_GNU: u8 = 3;

/// A thread's status and registers.
pub const NT_PRSTATUS: u32 = 1;
/// Floating-point registers.
pub const NT_FPREGSET: u32 = 2;
/// Program name and arguments.
pub const NT_PRPSINFO: u32 = 3;
/// Auxiliary vector.
pub const NT_AUXV: u32 = 6;
/// Mapped files (`FILE` in letters).
pub const NT_FILE: u32 = 0x4649_4c45;
/// Target description of gdb, under the name `GDB`.
pub const NT_GDB_TDESC: u32 = 0xff00_0000;

/// Bytes of [`FileHeader`].
pub const FILE_HEADER_BYTES: u64 = 64;
/// Bytes of [`ProgramHeader`].
pub const PROGRAM_HEADER_BYTES: u64 = 56;
/// Offset of `sh_info` in a section header.
pub const SH_INFO_OFFSET: u64 = 44;

/// `Elf64_Ehdr`, as far as a core file uses it.
#[derive(Clone, Copy, Debug)]
pub struct FileHeader {
    /// Operating system ABI (`e_ident[EI_OSABI]`).
    pub osabi: u8,
    /// Kind of file.
    pub e_type: u16,
    /// Processor.
    pub e_machine: u16,
    /// Where the program headers begin.
    pub e_phoff: u64,
    /// Where the section headers begin.
    pub e_shoff: u64,
    /// Bytes of one program header.
    pub e_phentsize: u16,
    /// Program headers, or [`PN_XNUM`].
    pub e_phnum: u16,
}

impl FileHeader {
    /// Reads the record.
    pub fn read(reader: &mut ByteReader<'_>) -> Result<Self, ReadError> {
        const WHAT: &str = "ELF header";
        reader.skip(WHAT, 7)?;
        let osabi = reader.u8(WHAT)?;
        reader.skip(WHAT, 8)?;
        let e_type = reader.u16(WHAT)?;
        let e_machine = reader.u16(WHAT)?;
        reader.skip(WHAT, 4 + 8)?;
        let e_phoff = reader.u64(WHAT)?;
        let e_shoff = reader.u64(WHAT)?;
        reader.skip(WHAT, 4 + 2)?;
        let e_phentsize = reader.u16(WHAT)?;
        let e_phnum = reader.u16(WHAT)?;
        Ok(Self { osabi, e_type, e_machine, e_phoff, e_shoff, e_phentsize, e_phnum })
    }
}

/// `Elf64_Phdr`.
#[derive(Clone, Copy, Debug)]
pub struct ProgramHeader {
    /// Kind of segment.
    pub p_type: u32,
    /// Permissions.
    pub p_flags: u32,
    /// Where its bytes begin in the file.
    pub p_offset: u64,
    /// Where it was mapped.
    pub p_vaddr: u64,
    /// Bytes in the file.
    pub p_filesz: u64,
    /// Bytes in memory.
    pub p_memsz: u64,
}

impl ProgramHeader {
    /// Reads the record.
    pub fn read(reader: &mut ByteReader<'_>) -> Result<Self, ReadError> {
        const WHAT: &str = "program header";
        let p_type = reader.u32(WHAT)?;
        let p_flags = reader.u32(WHAT)?;
        let p_offset = reader.u64(WHAT)?;
        let p_vaddr = reader.u64(WHAT)?;
        reader.skip(WHAT, 8)?;
        let p_filesz = reader.u64(WHAT)?;
        let p_memsz = reader.u64(WHAT)?;
        reader.skip(WHAT, 8)?;
        Ok(Self { p_type, p_flags, p_offset, p_vaddr, p_filesz, p_memsz })
    }
}

/// One note: `Elf64_Nhdr`, its name and its descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// Name without its ending zero. createdump fills the padding behind it with letters, so only these bytes count.
    pub name: &'a [u8],
    /// Kind, in the name's own numbering.
    pub n_type: u32,
    /// Descriptor.
    pub descriptor: &'a [u8],
    /// Where the descriptor begins in the file.
    pub descriptor_at: crate::base::FileOffset,
}

impl<'a> Note<'a> {
    /// Reads the note at the reader's position and moves behind it.
    pub fn read(reader: &mut ByteReader<'a>) -> Result<Self, ReadError> {
        const WHAT: &str = "note";
        let namesz = reader.u32(WHAT)?;
        let descsz = reader.u32(WHAT)?;
        let n_type = reader.u32(WHAT)?;
        let name = padded(reader, namesz)?;
        let descriptor_at = reader.at();
        let descriptor = padded(reader, descsz)?;
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(Self { name, n_type, descriptor, descriptor_at })
    }
}

/// `len` bytes and the padding to 4 behind them. The last padding of a notes segment may be missing.
fn padded<'a>(reader: &mut ByteReader<'a>, len: u32) -> Result<&'a [u8], ReadError> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let bytes = reader.take("note", len)?;
    let padding = len.checked_next_multiple_of(4).and_then(|end| end.checked_sub(len)).unwrap_or(0);
    reader.skip("note padding", padding.min(reader.left()))?;
    Ok(bytes)
}
