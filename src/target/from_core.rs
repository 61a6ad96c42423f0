//! An ELF core to a target.

use std::path::Path;

use super::{
    Diagnostics, DumpWriter, FileMapping, Losses, OsThread, Process, SplicedMemory, Target, TargetError, TargetMemory,
    modules,
};
use crate::base::{Addr, Arch, Job, Limits, Os, Skipped, Warnings};
use crate::dump::elf::{CoreThread, CoreWriter, ElfCore};
use crate::dump::{self, FileKind, Opened};

/// Names of the general registers in the order of the kernel's `user_regs_struct`.
const X64_REGISTERS: [&str; 27] = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
    "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
];
/// The same of arm64's `user_pt_regs`.
const ARM64_REGISTERS: [&str; 34] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
    "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "fp", "lr", "sp", "pc", "pstate",
];

/// Where createdump puts its page of diagnostics on 64-bit Linux (8 and later).
const DIAGNOSTICS_AT: Addr = Addr(0x7fff_fff1_0000);

/// The target in an opened ELF core. Costs the tables of the core; memory stays in the file.
///
/// # Errors
/// [`TargetError::Dump`] when the core cannot be read; [`TargetError::NoMemory`] when it holds none.
pub fn from_core(opened: &Opened, limits: &Limits, job: &Job, warnings: &mut Warnings) -> Result<Target, TargetError> {
    job.stage("Reading the dump's tables", crate::base::job::Unit::Bytes, None);
    let core = ElfCore::read(opened.map.bytes(), limits, warnings)?;
    let stretches: Vec<(Addr, u64, u64)> =
        core.segments.iter().map(|segment| (segment.at, segment.file_offset, segment.file_bytes)).collect();
    let memory = SplicedMemory::new(opened.map.clone(), &stretches);
    job.tick(0).map_err(dump::DumpError::from)?;
    if memory.is_empty() {
        let n_segments = core.segments.len() as u64;
        return Err(TargetError::NoMemory { n_segments, file_bytes: opened.map.bytes().len() as u64 });
    }
    let file_mappings: Vec<FileMapping> = core
        .mappings
        .iter()
        .map(|row| FileMapping { range: row.range, offset: row.offset, path: row.path.clone() })
        .collect();
    let modules = if file_mappings.is_empty() {
        modules::from_link_map(&memory, &core, limits, warnings)
    } else {
        modules::from_mappings(&memory, &file_mappings)
    };
    let is_musl = modules::is_musl(&memory, &modules, &core);
    if core.threads.is_empty() {
        warnings.skip(Skipped::Thread, None, "the dump lists no threads: stacks cannot be searched for roots");
    }
    Ok(Target {
        arch: core.arch,
        os: if is_musl { Os::LinuxMusl } else { Os::Linux },
        page_bytes: page_bytes(&core, warnings),
        writer: match core.writer {
            CoreWriter::CreateDump => DumpWriter::CreateDump,
            CoreWriter::Gdb => DumpWriter::Gdb,
            CoreWriter::Emulator => DumpWriter::Emulator,
            CoreWriter::Kernel => DumpWriter::Kernel,
        },
        process: Process { id: core.process_id, name: core.name.clone(), command_line: core.arguments.clone() },
        diagnostics: diagnostics(&memory),
        modules,
        file_mappings,
        threads: core.threads.iter().map(|thread| thread_of(core.arch, thread)).collect(),
        losses: Losses {
            n_segments: core.segments.len() as u64,
            n_cut_segments: core.losses.n_cut_segments,
            cut_bytes: core.losses.cut_bytes,
            absent_bytes: core.losses.absent_bytes,
        },
        memory,
    })
}

/// Opens an unpacked ELF core, with no word about what is wrong. For tests and early callers.
#[must_use]
pub fn open_core(path: &Path) -> Option<Target> {
    let (limits, job) = (Limits::default(), Job::new());
    let opened = dump::open(path, &limits, &job).ok().filter(|opened| opened.kind == FileKind::ElfCore)?;
    from_core(&opened, &limits, &job, &mut Warnings::new()).ok()
}

/// The page size is the machine's, not the processor's: 4 and 16 KiB were seen on arm64, 64 KiB exists.
fn page_bytes(core: &ElfCore, warnings: &mut Warnings) -> u64 {
    match core.auxiliary(modules::auxiliary::PAGE_BYTES) {
        Some(bytes) if bytes.is_power_of_two() && (4096..=1 << 20).contains(&bytes) => bytes,
        Some(bytes) => {
            warnings.skip(Skipped::Container, None, format!("a page size of {bytes} bytes cannot be: 4096 is used"));
            4096
        }
        None => 4096,
    }
}

fn thread_of(arch: Arch, thread: &CoreThread) -> OsThread {
    let (names, sp, ip): (&[&'static str], usize, usize) = match arch {
        Arch::X64 => (&X64_REGISTERS, 19, 16),
        Arch::Arm64 => (&ARM64_REGISTERS, 31, 32),
    };
    let register = |index: usize| Addr(thread.registers.get(index).copied().unwrap_or(0));
    OsThread {
        id: thread.id,
        stack_pointer: register(sp),
        instruction_pointer: register(ip),
        registers: names.iter().copied().zip(thread.registers.iter().copied()).collect(),
        name: None,
    }
}

/// createdump's page: a name padded to 16, a version, junk, an exception record, and from version 2 the runtime's base.
fn diagnostics(memory: &SplicedMemory) -> Option<Diagnostics> {
    if memory.array::<16>(DIAGNOSTICS_AT).ok()? != *b"DIAGINFOHEADER\0\0" {
        return None;
    }
    let version = memory.u32(DIAGNOSTICS_AT.plus(16)).ok()?;
    let present = |at: Addr| Some(at).filter(|at| !at.is_null());
    Some(Diagnostics {
        version,
        exception_record: present(memory.ptr(DIAGNOSTICS_AT.plus(24)).ok()?),
        runtime_base: if version >= 2 { present(memory.ptr(DIAGNOSTICS_AT.plus(32)).ok()?) } else { None },
    })
}
