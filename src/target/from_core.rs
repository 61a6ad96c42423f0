//! An ELF core to a target.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{DumpWriter, FileMapping, Losses, Module, OsThread, Process, SplicedMemory, Target, TargetMemory};
use crate::base::{Addr, AddrRange, Arch, Os};
use crate::dump::elf::ElfCore;
use crate::dump::map::FileMap;

/// Opens an unpacked ELF core.
pub fn open_core(path: &Path) -> Option<Target> {
    let map = Arc::new(FileMap::open(path).ok()?);
    let core = ElfCore::parse(map.bytes())?;
    let stretches: Vec<(Addr, u64, u64)> =
        core.segments.iter().map(|segment| (segment.at, segment.file_offset, segment.file_bytes)).collect();
    let memory = SplicedMemory::new(map, &stretches);
    let file_mappings: Vec<FileMapping> = core
        .mappings
        .iter()
        .map(|row| FileMapping { range: row.range, offset: row.offset, path: row.path.clone() })
        .collect();
    let mut by_path: BTreeMap<&str, Vec<&FileMapping>> = BTreeMap::new();
    for mapping in &file_mappings {
        by_path.entry(&mapping.path).or_default().push(mapping);
    }
    let mut modules: Vec<Module> = Vec::new();
    for (path, rows) in by_path {
        let Some(base) = rows
            .iter()
            .filter(|row| row.offset == 0)
            .find(|row| memory.u32(row.range.start).is_ok_and(|magic| magic == 0x464c_457f))
            .or_else(|| rows.iter().find(|row| row.offset == 0))
            .map(|row| row.range.start)
        else {
            continue;
        };
        let end = rows.iter().map(|row| row.range.end).max().unwrap_or(base);
        modules.push(Module {
            base,
            range: AddrRange::new(base, end),
            path: path.to_owned(),
            writable: writable_spans(&memory, base),
            build_id: Vec::new(),
            pe_identity: None,
        });
    }
    modules.sort_by_key(|module| module.base);
    let threads = core
        .threads
        .iter()
        .map(|thread| {
            let (sp, ip) = match core.arch {
                Arch::X64 => (19, 16),
                Arch::Arm64 => (31, 32),
            };
            let register = |index: usize| Addr(thread.registers.get(index).copied().unwrap_or(0));
            let names: &[&'static str] = match core.arch {
                Arch::X64 => &[
                    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
                    "rdi", "orig_rax", "rip", "cs", "eflags", "rsp",
                ],
                Arch::Arm64 => &[
                    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28",
                    "fp", "lr", "sp", "pc",
                ],
            };
            OsThread {
                id: thread.id,
                stack_pointer: register(sp),
                instruction_pointer: register(ip),
                registers: names.iter().copied().zip(thread.registers.iter().copied()).collect(),
                name: None,
            }
        })
        .collect();
    Some(Target {
        arch: core.arch,
        os: Os::Linux,
        page_bytes: core.auxv.iter().find(|(key, _)| *key == 6).map_or(4096, |&(_, value)| value),
        writer: if core.os_abi == 3 { DumpWriter::CreateDump } else { DumpWriter::Kernel },
        process: Process { id: core.process_id, name: core.name, command_line: core.arguments },
        modules,
        file_mappings,
        threads,
        losses: Losses::default(),
        memory,
    })
}

/// Writable spans of the ELF image at `base`, from its program headers.
fn writable_spans(memory: &SplicedMemory, base: Addr) -> Vec<AddrRange> {
    let read = || -> Option<Vec<AddrRange>> {
        let program_headers = base.checked_add(memory.u64(base.checked_add(32)?).ok()?)?;
        let count = memory.u16(base.checked_add(56)?).ok()?;
        let mut spans = Vec::new();
        for index in 0..u64::from(count) {
            let at = program_headers.checked_add(index * 56)?;
            if memory.u32(at).ok()? == 1 && memory.u32(at.checked_add(4)?).ok()? & 2 != 0 {
                let start = base.checked_add(memory.u64(at.checked_add(16)?).ok()?)?;
                spans.push(AddrRange::new(start, start.checked_add(memory.u64(at.checked_add(40)?).ok()?)?));
            }
        }
        Some(spans)
    };
    read().unwrap_or_default()
}
