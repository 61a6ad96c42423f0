//! What a file is, judged by its first 64 KiB and never by its name (the name only helps to word a refusal).
//!
//! Magic numbers: gABI (ELF), `minidumpapiset.h`, `mach-o/loader.h`, PerfView's FastSerialization, and what files of each
//! kind begin with.

use super::Refusal;
use super::elf::raw;

/// Bytes of the beginning that are looked at.
pub const SAMPLE_BYTES: usize = 64 << 10;

/// A kind of file that has a door into the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// ELF core of a 64-bit Linux process.
    ElfCore,
    /// Windows minidump.
    Minidump,
    /// Mach-O core of a macOS process.
    MachCore,
    /// Heap graph of dotnet-gcdump or PerfView.
    GcDump,
    /// The same as XML.
    GcDumpXml,
    /// Event trace of the runtime; the number is the major version of the form.
    NetTrace(u32),
}

/// Where the content of a kind of file joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It holds memory: it becomes a `target::Target`.
    Target,
    /// It holds a graph of objects without memory: it becomes a heap snapshot at once.
    Snapshot,
}

impl FileKind {
    /// For a person.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ElfCore => "ELF core",
            Self::Minidump => "Windows minidump",
            Self::MachCore => "macOS core (Mach-O)",
            Self::GcDump => ".gcdump heap graph",
            Self::GcDumpXml => ".gcdump heap graph as XML",
            Self::NetTrace(_) => ".nettrace event trace",
        }
    }

    /// Where its content joins.
    #[must_use]
    pub const fn door(self) -> Door {
        match self {
            Self::ElfCore | Self::Minidump | Self::MachCore => Door::Target,
            Self::GcDump | Self::GcDumpXml | Self::NetTrace(_) => Door::Snapshot,
        }
    }

    /// The refusal of a kind that is known and not read yet; `None` for one that is.
    #[must_use]
    pub fn not_yet(self) -> Option<Refusal> {
        const LINUX: &str = "What can be opened now is a core file of a Linux process; on that machine";
        const COLLECT: &str = "dotnet-dump collect --type Full -p PID";
        let (what, why) = match self {
            Self::ElfCore => return None,
            Self::Minidump => ("Windows minidump", "minidumps cannot be read yet"),
            Self::MachCore => ("macOS core file (Mach-O)", "cores of macOS cannot be read yet"),
            Self::GcDump => ("Heap graph of dotnet-gcdump (.gcdump)", "this form cannot be read yet"),
            Self::GcDumpXml => ("Heap graph as XML (.gcdump.xml)", "this form cannot be read yet"),
            Self::NetTrace(_) => ("Event trace of the .NET runtime (.nettrace)", "traces cannot be read yet"),
        };
        Some(match self.door() {
            Door::Target => Refusal::new(what, why, "What can be opened now is a core file of a Linux process"),
            Door::Snapshot => Refusal::new(what, why, LINUX).with_command(COLLECT),
        })
    }
}

/// A stream that can be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz format 1.
    Xz,
}

impl Packing {
    /// For a person.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }
}

/// What the beginning of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// A kind with a door.
    Kind(FileKind),
    /// To be unpacked, then looked at again.
    Packed(Packing),
    /// An archive: its list of members makes the refusal.
    Zip,
    /// Anything else.
    Refused(Refusal),
}

/// The beginning of a file.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Its first [`SAMPLE_BYTES`], or all.
    pub head: &'a [u8],
    /// Its extension in small letters, without the dot.
    pub extension: &'a str,
}

/// Decides what a file is.
#[must_use]
pub fn sniff(sample: &Sample<'_>) -> Sniffed {
    let head = sample.head;
    if head.is_empty() {
        return Sniffed::Refused(Refusal::new(
            "Empty file",
            "it holds no bytes: whoever wrote it stopped before the first one, most often because the disk was full",
            "Make room and collect the dump again",
        ));
    }
    if head.starts_with(b"\x7fELF") {
        return refuse_elf(head).map_or(Sniffed::Kind(FileKind::ElfCore), Sniffed::Refused);
    }
    if head.starts_with(b"MDMP") {
        return Sniffed::Kind(FileKind::Minidump);
    }
    mach(head)
        .or_else(|| serialized(head))
        .or_else(|| packed(head))
        .or_else(|| foreign(head).map(Sniffed::Refused))
        .or_else(|| text(sample))
        .unwrap_or_else(|| Sniffed::Refused(unknown(sample)))
}

fn u16_at(head: &[u8], at: usize) -> Option<u16> {
    head.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(head: &[u8], at: usize) -> Option<u32> {
    head.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Why an ELF file cannot be read; `None` for a 64-bit core of a processor that can.
#[must_use]
pub fn refuse_elf(head: &[u8]) -> Option<Refusal> {
    if !head.starts_with(b"\x7fELF") {
        return Some(Refusal::new("Not an ELF file", "it does not begin with the ELF signature", ""));
    }
    let (Some(&class), Some(&order), Some(&abi), Some(kind), Some(machine)) =
        (head.get(4), head.get(5), head.get(7), u16_at(head, 16), u16_at(head, 18))
    else {
        return Some(Refusal::new(
            "ELF file",
            format!("it ends inside its header, after {} bytes", head.len()),
            "Copy the file again from where it was written",
        ));
    };
    let big = order != raw::ELFDATA2LSB;
    let (kind, machine) = if big { (kind.swap_bytes(), machine.swap_bytes()) } else { (kind, machine) };
    let cpu = match machine {
        3 => "x86",
        22 => "s390x",
        40 => "32-bit arm",
        raw::EM_X86_64 => "x64",
        raw::EM_AARCH64 => "arm64",
        21 => "ppc64",
        243 => "riscv64",
        258 => "loongarch64",
        _ => "",
    };
    let cpu = if cpu.is_empty() { format!("processor {machine}") } else { cpu.to_owned() };
    if kind != raw::ET_CORE {
        let (what, why) = match kind {
            1 => ("ELF object file", "it is compiled code, not a dump of a process"),
            2 | 3 => ("ELF program or library", "it is a file that a process runs, not a dump of a process"),
            _ => ("ELF file", "it is not a core file"),
        };
        let advice = "Collect a dump of the running process";
        return Some(Refusal::new(what, why, advice).with_command("dotnet-dump collect --type Full -p PID"));
    }
    let core = format!("ELF core of a {cpu} process");
    let only = "Run the program as x64 or arm64 and collect the dump there";
    if abi == 9 {
        return Some(Refusal::new(format!("FreeBSD core ({cpu})"), "only cores of Linux are read", ""));
    }
    if class != raw::ELFCLASS64 {
        return Some(Refusal::new(core, "32-bit processes cannot be read", only));
    }
    if big || !matches!(machine, raw::EM_X86_64 | raw::EM_AARCH64) {
        return Some(Refusal::new(core, "only x64 and arm64 can be read", only));
    }
    None
}

/// Mach-O: `mach-o/loader.h`, `mach-o/fat.h`.
fn mach(head: &[u8]) -> Option<Sniffed> {
    let refused = |what: &'static str, why: &'static str| Some(Sniffed::Refused(Refusal::new(what, why, "")));
    match u32_at(head, 0)? {
        0xfeed_facf if u32_at(head, 12)? == 4 => Some(Sniffed::Kind(FileKind::MachCore)),
        0xfeed_facf => refused("macOS program or library (Mach-O)", "it is a file that a process runs, not a dump"),
        0xfeed_face => refused("32-bit Mach-O file", "32-bit processes cannot be read"),
        // Java classes begin with the same four bytes; they have a version where this form has a small count.
        0xbeba_feca if head.get(4..8).is_some_and(|n| n.starts_with(&[0, 0, 0]) && n.last() < Some(&32)) => {
            refused("macOS universal program (fat Mach-O)", "it is a file that a process runs, not a dump")
        }
        _ => None,
    }
}

/// .gcdump, .nettrace, .netperf and .etlx begin alike: the name of the root type decides.
fn serialized(head: &[u8]) -> Option<Sniffed> {
    const MAGIC: &[u8] = b"\x14\0\0\0!FastSerialization.1";
    if let Some(rest) = head.strip_prefix(b"Nettrace") {
        if rest.starts_with(MAGIC) {
            return Some(Sniffed::Kind(FileKind::NetTrace(4)));
        }
        if u32_at(rest, 0)? == 0 {
            return Some(match u32_at(rest, 4)? {
                6 => Sniffed::Kind(FileKind::NetTrace(6)),
                major => Sniffed::Refused(Refusal::new(
                    "Event trace of the .NET runtime (.nettrace)",
                    format!("its form has version {major}, and none above 6 is known"),
                    "",
                )),
            });
        }
        return None;
    }
    let rest = head.strip_prefix(MAGIC)?;
    // Begin tags of the object and of its type, a null tag, two versions, then the name.
    let len = usize::try_from(u32_at(rest, 11)?).ok()?;
    let name = rest.get(15..)?.get(..len.min(256)).unwrap_or_default();
    Some(match name {
        b"GCHeapDump" => Sniffed::Kind(FileKind::GcDump),
        b"Trace" => Sniffed::Refused(
            Refusal::new(
                ".netperf event trace of .NET Core 2.x",
                "this early form is not read",
                "Collect a dump of the process",
            )
            .with_command("dotnet-dump collect --type Full -p PID"),
        ),
        name if name.ends_with(b"TraceLog") => Sniffed::Refused(
            Refusal::new(
                ".etlx file, PerfView's cache of a trace",
                "it holds events, not a heap",
                "Take a heap snapshot of the process",
            )
            .with_command("dotnet-dump collect --type Full -p PID"),
        ),
        name => Sniffed::Refused(Refusal::new(
            format!("PerfView file with a `{}` inside", String::from_utf8_lossy(name)),
            "only heap graphs (GCHeapDump) of this form hold a heap",
            "",
        )),
    })
}

fn packed(head: &[u8]) -> Option<Sniffed> {
    let with = |what: &'static str, command: &'static str| {
        let refusal = Refusal::new(what, "this packing is not undone here", "Unpack it first").with_command(command);
        Some(Sniffed::Refused(refusal))
    };
    match head {
        [0x1f, 0x8b, ..] => Some(Sniffed::Packed(Packing::Gzip)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Sniffed::Packed(Packing::Zstd)),
        // A skippable frame may stand before the first frame (RFC 8878, 3.1.2).
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Sniffed::Packed(Packing::Zstd)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Sniffed::Packed(Packing::Xz)),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Sniffed::Zip),
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => with("lz4 file", "lz4 -d FILE"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => with("bzip2 file", "bunzip2 -k FILE"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => with("7-Zip archive", "7z x FILE"),
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => with("RAR archive", "unrar x FILE"),
        [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => with("Windows cabinet (.cab)", "expand -F:* FILE FOLDER"),
        [0x1f, 0x9d, ..] => with("compress file (.Z)", "uncompress FILE"),
        _ if head.get(257..262) == Some(b"ustar") => with("tar archive", "tar xf FILE"),
        _ => None,
    }
}

/// Binary files of others, each by its first bytes.
fn foreign(head: &[u8]) -> Option<Refusal> {
    let kernel = || {
        Refusal::new(
            "Windows kernel dump",
            "it is the memory of the system, not of one process",
            "Dump the process instead",
        )
        .with_command("procdump -ma PID")
    };
    let old = || {
        Refusal::new("User dump of old Windows", "this form ended with Windows 2000", "Collect a minidump instead")
            .with_command("procdump -ma PID")
    };
    let starts = |magic: &[u8]| head.starts_with(magic);
    if starts(b"PAGEDU64") || starts(b"PAGEDUMP") {
        Some(kernel())
    } else if starts(b"USERDU64") || starts(b"USERDUMP") {
        Some(old())
    } else if starts(b"JAVA PROFILE ") {
        Some(Refusal::new(
            "Java heap dump (HPROF)",
            "its heap is a Java virtual machine's, not .NET's",
            "Open it in Eclipse Memory Analyzer",
        ))
    } else if starts(&[0xca, 0xfe, 0xba, 0xbe]) {
        Some(Refusal::new("Java class file", "it is compiled code, not a dump", ""))
    } else if starts(&[0xcd, 0xcd, 0xab, 0xae]) || starts(&[0xae, 0xab, 0xcd, 0xcd]) {
        Some(Refusal::new(
            "Unity memory snapshot (.snap)",
            "its heap is IL2CPP's or Mono's",
            "Open it in Unity's Memory Profiler",
        ))
    } else if starts(&[0x4d, 0x50, 0x5a, 0x01]) || starts(&[0x01, 0x5a, 0x50, 0x4d]) {
        Some(Refusal::new("Mono profiler log (.mlpd)", "it is a log of the Mono runtime, not a dump", ""))
    } else if starts(b"MZ") {
        Some(
            Refusal::new(
                "Windows program or library (PE)",
                "it is a file that a process runs, not a dump of a process",
                "Collect a dump of the running process",
            )
            .with_command("dotnet-dump collect --type Full -p PID"),
        )
    } else if starts(b"SQLite format 3\0") {
        Some(Refusal::new("SQLite database", "it is not a dump", ""))
    } else if starts(b"%PDF-") {
        Some(Refusal::new("PDF document", "it is not a dump", ""))
    } else if starts(b"\x89PNG\r\n") {
        Some(Refusal::new("PNG picture", "it is not a dump", ""))
    } else if starts(b"Microsoft C/C++ MSF 7.00") {
        Some(Refusal::new(
            "Debug symbols (.pdb)",
            "symbols describe code and hold no heap",
            "Open the dump; symbols are not needed",
        ))
    } else if starts(b"BSJB") {
        Some(Refusal::new(
            "Portable debug symbols (.pdb)",
            "symbols describe code and hold no heap",
            "Open the dump; symbols are not needed",
        ))
    } else {
        None
    }
}

/// Files of letters: JSON of V8 and of createdump, XML of PerfView, web pages, pointers of git.
fn text(sample: &Sample<'_>) -> Option<Sniffed> {
    let head = sample.head;
    let body = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let sampled = body.get(..body.len().min(4096)).unwrap_or_default();
    let is_text = sampled.iter().all(|&byte| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b));
    if !is_text {
        return None;
    }
    let first = body.trim_ascii_start();
    let has = |needle: &[u8]| first.windows(needle.len()).take(4096).any(|window| window == needle);
    let refused = |what: &'static str, why: &'static str, advice: &'static str| {
        Some(Sniffed::Refused(Refusal::new(what, why, advice)))
    };
    if first.starts_with(b"{") {
        if has(b"\"snapshot\"") && has(b"\"meta\"") {
            return refused(
                "JavaScript heap snapshot (V8)",
                "its heap is JavaScript's, not .NET's",
                "Open it in Chrome's memory panel",
            );
        }
        if has(b"\"payload\"") {
            return refused(
                "Crash report of createdump (crashreport.json)",
                "it lists stacks and modules and holds no heap",
                "Open the dump that was written beside it",
            );
        }
        return refused("JSON text", "it is not a dump", "");
    }
    if first.starts_with(b"<") {
        if has(b"<GCHeapDump") || first.starts_with(b"<graph") || has(b"?>\n<graph") {
            return Some(Sniffed::Kind(FileKind::GcDumpXml));
        }
        let page = first.get(..first.len().min(512)).unwrap_or_default().to_ascii_lowercase();
        if page.windows(5).any(|window| window == b"<html") || page.starts_with(b"<!doctype html") {
            return refused(
                "Web page (HTML)",
                "the download gave a page, perhaps a sign-in form, not the file",
                "Download the dump again",
            );
        }
        return refused("XML text", "it is not a dump", "");
    }
    if first.starts_with(b"version https://git-lfs.github.com/") {
        let refusal = Refusal::new("Pointer of git LFS", "the dump itself was not downloaded", "Fetch it")
            .with_command("git lfs pull");
        return Some(Sniffed::Refused(refusal));
    }
    if first.is_empty() {
        return refused("Text of nothing but blanks", "it is not a dump", "");
    }
    refused("Text file", "it is not a dump", "")
}

/// Nothing known. Files without a magic number are named by extension, with the caution that this deserves.
fn unknown(sample: &Sample<'_>) -> Refusal {
    let head = sample.head;
    let named = |what: &'static str, why: &'static str, advice: &'static str| Refusal::new(what, why, advice);
    match sample.extension {
        "etl" => named(
            "Windows event trace, by its name (.etl)",
            "events of Windows hold no heap that can be read here",
            "Collect a dump of the process",
        )
        .with_command("procdump -ma PID"),
        "dmw" => named(
            "dotMemory workspace, by its name (.dmw)",
            "its form is closed and an export is not possible",
            "Collect a dump of the process",
        )
        .with_command("dotnet-dump collect --type Full -p PID"),
        "mlpd" => named("Mono profiler log, by its name (.mlpd)", "it is a log of the Mono runtime, not a dump", ""),
        "snap" => named("Memory snapshot, by its name (.snap)", "its form is not known", ""),
        _ if head.iter().all(|&byte| byte == 0) => Refusal::new(
            "File of zeros",
            format!("its first {} bytes are all zero: the copy was not finished or the disk is damaged", head.len()),
            "Copy the file again from where it was written",
        ),
        _ => {
            let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Refusal::new(
                "Unknown kind of file",
                format!("it begins with {} and is no dump of a process", bytes.join(" ")),
                "Collect a dump of the running process",
            )
            .with_command("dotnet-dump collect --type Full -p PID")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expected: &str) {
        let found = match sniff(&Sample { head, extension: "dmp" }) {
            Sniffed::Kind(kind) => kind.label().to_owned(),
            Sniffed::Packed(packing) => packing.label().to_owned(),
            Sniffed::Zip => "zip".to_owned(),
            Sniffed::Refused(refusal) => refusal.to_string(),
        };
        assert!(found.starts_with(expected), "{expected:?} expected, {found:?} found");
    }

    fn elf(class: u8, order: u8, abi: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', class, order, 1, abi, 0, 0, 0, 0, 0, 0, 0, 0];
        let words = if order == 2 {
            [kind.to_be_bytes(), machine.to_be_bytes()]
        } else {
            [kind.to_le_bytes(), machine.to_le_bytes()]
        };
        head.extend(words.concat());
        head.resize(64, 0);
        head
    }

    fn serialized_head(prefix: &[u8], name: &[u8]) -> Vec<u8> {
        let mut head = prefix.to_vec();
        head.extend(b"\x14\0\0\0!FastSerialization.1\x05\x05\x01\x0a\0\0\0\x08\0\0\0");
        head.extend((name.len() as u32).to_le_bytes());
        head.extend(name);
        head
    }

    #[test]
    fn elf_files_are_told_apart() {
        check(&elf(2, 1, 0, 4, 62), "ELF core");
        check(&elf(2, 1, 3, 4, 183), "ELF core");
        check(
            &elf(1, 1, 0, 4, 40),
            "ELF core of a 32-bit arm process: 32-bit processes cannot be read. Run the program as",
        );
        check(&elf(1, 1, 0, 4, 3), "ELF core of a x86 process: 32-bit");
        check(&elf(2, 1, 0, 4, 243), "ELF core of a riscv64 process: only x64 and arm64 can be read");
        check(&elf(2, 2, 0, 4, 22), "ELF core of a s390x process: only x64 and arm64");
        check(&elf(2, 1, 0, 3, 62), "ELF program or library: it is a file that a process runs");
        check(&elf(2, 1, 0, 1, 62), "ELF object file");
        check(&elf(2, 1, 9, 4, 62), "FreeBSD core (x64)");
        check(b"\x7fELF\x02", "ELF file: it ends inside its header, after 5 bytes");
    }

    #[test]
    fn the_shared_magic_is_told_apart_by_the_root_type() {
        check(&serialized_head(b"", b"GCHeapDump"), ".gcdump heap graph");
        check(&serialized_head(b"", b"Trace"), ".netperf");
        check(&serialized_head(b"", b"Microsoft.Diagnostics.Tracing.Etlx.TraceLog"), ".etlx");
        check(&serialized_head(b"", b"Other"), "PerfView file with a `Other` inside");
        check(&serialized_head(b"Nettrace", b"Trace"), ".nettrace");
        check(b"Nettrace\0\0\0\0\x06\0\0\0\x01\0\0\0", ".nettrace");
        check(
            b"Nettrace\0\0\0\0\x07\0\0\0\0\0\0\0",
            "Event trace of the .NET runtime (.nettrace): its form has version 7",
        );
    }

    #[test]
    fn every_foreign_kind_is_named() {
        check(b"", "Empty file");
        check(b"MDMP\x93\xa7\0\0", "Windows minidump");
        check(&[0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 4, 0, 0, 0], "macOS core");
        check(&[0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 2, 0, 0, 0], "macOS program");
        check(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2], "macOS universal program");
        check(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0x34], "Java class");
        check(&[0x1f, 0x8b, 8], "gzip");
        check(&[0x28, 0xb5, 0x2f, 0xfd], "zstd");
        check(b"\xfd7zXZ\0", "xz");
        check(b"PK\x03\x04", "zip");
        check(b"\x04\x22\x4d\x18", "lz4 file: this packing is not undone here. Unpack it first: lz4 -d FILE");
        check(b"BZh9", "bzip2");
        check(b"7z\xbc\xaf\x27\x1c", "7-Zip");
        check(b"PAGEDU64", "Windows kernel dump");
        check(b"USERDUMP", "User dump of old Windows");
        check(b"JAVA PROFILE 1.0.2\0", "Java heap dump");
        check(&[0xcd, 0xcd, 0xab, 0xae, 1], "Unity");
        check(b"MZ\x90\0", "Windows program or library");
        check(b"{\"snapshot\":{\"meta\":{", "JavaScript heap snapshot");
        check(b"{ \"payload\": { \"protocol_version\"", "Crash report of createdump");
        check(b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<GCHeapDump>", ".gcdump heap graph as XML");
        check(b"<!DOCTYPE html><html>", "Web page");
        check(b"version https://git-lfs.github.com/spec/v1\n", "Pointer of git LFS");
        check(b"hello\n", "Text file");
        check(&[0; 4096], "File of zeros");
        check(&[9, 1, 2, 3, 250], "Unknown kind of file: it begins with 09 01 02 03 fa");
    }

    #[test]
    fn every_kind_that_is_not_read_yet_says_so_without_a_promise() {
        let kinds =
            [FileKind::Minidump, FileKind::MachCore, FileKind::GcDump, FileKind::GcDumpXml, FileKind::NetTrace(4)];
        for kind in kinds {
            assert!(kind.not_yet().unwrap().to_string().contains("cannot be read yet"));
        }
        assert_eq!(FileKind::ElfCore.not_yet(), None);
    }
}
