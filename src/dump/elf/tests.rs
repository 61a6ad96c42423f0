//! Described cores against the reader: what is described is read, what is damaged is said.

use super::*;
use crate::base::{Limits, Warnings};
use crate::dump::DumpError;
use crate::synth::core::{Content, Core, Machine, Mapping, OffsetUnit, Segment, Thread, Writer};

fn sample<'a>(machine: Machine) -> Core<'a> {
    let mut core = Core::new(machine);
    core.threads =
        (1..4).map(|id| Thread { id, registers: (0..34).map(|r| u64::from(id) * 100 + r).collect() }).collect();
    core.mappings = [(0x1000, 0x3000, 0), (0x3000, 0x4000, 0x2000), (0x4000, 0x9000, 0x3000)]
        .map(|(start, end, offset)| Mapping { start, end, offset, path: "/lib/a.so".to_owned() })
        .to_vec();
    core.memory(0x1000, 4, vec![1; 0x2000]);
    core.segments.push(Segment { address: 0x8000, memory_bytes: 0x10_0000, flags: 6, content: Content::Absent });
    core.memory(0x7fff_0000_0000, 6, vec![2; 0x1800]);
    core
}

fn read(bytes: &[u8]) -> (ElfCore, Warnings) {
    let mut warnings = Warnings::new();
    (ElfCore::read(bytes, &Limits::default(), &mut warnings).unwrap(), warnings)
}

fn read_error(bytes: &[u8]) -> String {
    ElfCore::read(bytes, &Limits::default(), &mut Warnings::new()).unwrap_err().to_string()
}

#[test]
fn what_is_described_is_read() {
    for machine in [Machine::X64, Machine::Arm64] {
        for extended_numbering in [false, true] {
            for note_segments in [1, 3] {
                let mut described = sample(machine);
                described.extended_numbering = extended_numbering;
                described.note_segments = note_segments;
                let (bytes, _) = described.bytes().unwrap();
                let (core, warnings) = read(&bytes);
                assert!(warnings.is_empty(), "{warnings:?}");
                assert_eq!(core.arch, if machine == Machine::X64 { Arch::X64 } else { Arch::Arm64 });
                let n_registers = if machine == Machine::X64 { 27 } else { 34 };
                let ids: Vec<u32> = core.threads.iter().map(|thread| thread.id).collect();
                assert_eq!(ids, [1, 2, 3]);
                assert_eq!(core.threads[1].registers, (200..200 + n_registers).collect::<Vec<u64>>());
                assert_eq!((core.process_id, core.name.as_str()), (Some(1234), "program"));
                assert_eq!(core.arguments, "program --argument");
                assert_eq!(core.auxiliary(6), Some(4096));
                let sizes: Vec<_> =
                    core.segments.iter().map(|s| (s.at.0, s.memory_bytes, s.file_bytes, s.writable)).collect();
                assert_eq!(
                    sizes,
                    [
                        (0x1000, 0x2000, 0x2000, false),
                        (0x8000, 0x10_0000, 0, true),
                        (0x7fff_0000_0000, 0x1800, 0x1800, true)
                    ]
                );
                assert_eq!(core.losses, CoreLosses { absent_bytes: 0x10_0000, ..CoreLosses::default() });
            }
        }
    }
}

#[test]
fn offsets_of_mapped_files_come_out_in_bytes_whatever_the_unit() {
    for unit in [OffsetUnit::Pages(4096), OffsetUnit::Bytes, OffsetUnit::BytesSaidToBePages] {
        let mut described = sample(Machine::X64);
        described.unit = unit;
        let (core, _) = read(&described.bytes().unwrap().0);
        let offsets: Vec<u64> = core.mappings.iter().map(|row| row.offset).collect();
        assert_eq!(offsets, [0, 0x2000, 0x3000], "{unit:?}");
    }
}

#[test]
fn the_writer_is_told_by_its_form() {
    let pairs = [
        (Writer::CreateDump, CoreWriter::CreateDump),
        (Writer::Kernel, CoreWriter::Kernel),
        (Writer::Gdb, CoreWriter::Gdb),
        (Writer::Emulator, CoreWriter::Emulator),
    ];
    for (writer, expected) in pairs {
        let mut described = sample(Machine::X64);
        described.writer = writer;
        if writer == Writer::Emulator {
            described.mappings.clear();
        }
        assert_eq!(read(&described.bytes().unwrap().0).0.writer, expected);
        // A kernel with more than 65,000 mappings writes no list of files, and stays the kernel.
        described.mappings.clear();
        assert_eq!(read(&described.bytes().unwrap().0).0.writer, expected);
    }
}

#[test]
fn seventy_thousand_segments_are_read() {
    let mut described = Core::new(Machine::X64);
    for index in 0..70_000_u64 {
        described.memory(index * 0x1000, 6, vec![index as u8]);
    }
    let (core, warnings) = read(&described.bytes().unwrap().0);
    assert!(warnings.is_empty());
    assert_eq!(core.segments.len(), 70_000);
}

#[test]
fn losses_of_a_cut_file_are_counted_and_said() {
    let (bytes, places) = sample(Machine::X64).bytes().unwrap();
    let cut = &bytes[..places.len as usize - 0x1000];
    let (core, warnings) = read(cut);
    assert_eq!(core.losses, CoreLosses { n_cut_segments: 1, cut_bytes: 0x1000, absent_bytes: 0x10_0000 });
    assert_eq!(core.segments[2].file_bytes, 0x800);
    let said = warnings.list()[0].why.clone();
    assert_eq!(
        said,
        format!(
            "the file ends at {} bytes; 1 of 3 memory segments lie wholly or partly behind it, 4096 bytes are lost",
            cut.len()
        )
    );
}

#[test]
fn absurd_fields_are_refused_or_skipped_by_name() {
    let check = |field: &str, value: u64, expected: &str| {
        let mut described = sample(Machine::X64);
        described.extended_numbering = field == "sh_info";
        let (mut bytes, places) = described.bytes().unwrap();
        places.set(&mut bytes, field, value);
        let mut warnings = Warnings::new();
        let said = match ElfCore::read(&bytes, &Limits::default(), &mut warnings) {
            Ok(_) => warnings.list().iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{field} = {value:#x}: {expected:?} expected, {said:?} found");
    };
    check("e_phnum", 0xfffe, "program headers at file offset 0x40: the file claims 65534, at most");
    check("sh_info", 0xffff_ffff, "program headers at file offset 0x80: the file claims 4294967295, at most");
    check("e_phentsize", 32, "size of a program header at file offset 0x36: expected at least 56, found 32");
    check("e_phoff", u64::MAX - 7, "program headers at file offset 0xfffffffffffffff8: 56 bytes wanted, 0 left");
    check("NT_FILE count", u64::MAX, "a note was skipped: mapped files at");
    check("NT_FILE count", 4, "paths of mapped files end after 1 of 4");
    check("namesz 1", u64::from(u32::MAX), "notes end early: note at");
    check("descsz 3", 100, "a note was skipped: thread status at");
    check("p_offset 0", u64::MAX, "0 of");
    check("p_filesz 0", u64::MAX, "bytes of notes can be read");
    check("p_offset 1", u64::MAX, "1 of 3 memory segments lie wholly or partly behind it, 8192 bytes are lost");
    check("p_filesz 3", u64::MAX, "1 of 3 memory segments lie wholly or partly behind it");
}

#[test]
fn limits_come_in_pairs() {
    let (bytes, _) = sample(Machine::X64).bytes().unwrap();
    let with = |limits: Limits| {
        let mut warnings = Warnings::new();
        let result = ElfCore::read(&bytes, &limits, &mut warnings);
        (result, warnings)
    };
    let full = Limits::default();
    assert!(matches!(with(Limits { memory_segments: 3, ..full }).0, Err(DumpError::Read(_))));
    assert!(with(Limits { memory_segments: 4, ..full }).0.is_ok());
    assert_eq!(with(Limits { threads: 2, ..full }).0.unwrap().threads.len(), 2);
    assert!(!with(Limits { threads: 2, ..full }).1.is_empty());
    assert!(with(Limits { threads: 3, ..full }).1.is_empty());
    assert!(with(Limits { file_mappings: 2, ..full }).0.unwrap().mappings.is_empty());
    assert_eq!(with(Limits { file_mappings: 3, ..full }).0.unwrap().mappings.len(), 3);
    assert!(!with(Limits { note_bytes: 100, ..full }).1.is_empty());
    assert!(with(Limits { note_bytes: 1 << 16, ..full }).1.is_empty());
    assert!(with(Limits { name_chars: 8, ..full }).0.unwrap().mappings.is_empty());
    assert_eq!(with(Limits { name_chars: 9, ..full }).0.unwrap().mappings.len(), 3);
}

#[test]
fn a_cut_at_any_header_is_an_error_or_a_warning_and_never_a_silence() {
    let (bytes, places) = sample(Machine::X64).bytes().unwrap();
    for &boundary in &places.boundaries {
        for at in [boundary.saturating_sub(1), boundary, boundary + 1] {
            let Some(cut) = bytes.get(..at as usize).filter(|cut| cut.len() < bytes.len()) else { continue };
            let mut warnings = Warnings::new();
            match ElfCore::read(cut, &Limits::default(), &mut warnings) {
                Ok(core) => assert!(!warnings.is_empty() && core.losses.n_cut_segments > 0, "cut at {at}"),
                Err(error) => assert!(error.to_string().len() > 20, "cut at {at}: {error}"),
            }
        }
    }
    assert_eq!(
        read_error(&bytes[..20]),
        "the file is damaged or cut short: ELF header at file offset 0x14: 12 bytes wanted, 0 left"
    );
}
