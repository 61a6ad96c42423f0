//! Findings as values that can be written down: tables for people, CSV for spreadsheets, JSON for programs, Markdown
//! for a bug tracker.
//!
//! The JSON forms are documented in `src/cli/JSON.md`; their names carry a version (`heaproot.types/1`), and fields are
//! only ever added. Text that comes from a dump is made printable first: a class name may hold an escape sequence.
//!
//! **Invariant:** same input, same bytes: no clock, no path of this machine, no order of a hash table.

pub mod coverage;
pub mod events;
pub mod filter;
pub mod holders;
pub mod ignore;
pub mod info;
pub mod instances;
pub mod leaks;
pub mod lookup;
pub mod merged;
pub mod path;
pub mod refs;
pub mod retained;
pub mod roots;
pub mod table;
pub mod types;
pub mod verify;
pub mod what_if;

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::analysis::Retained;
use crate::base::number;

pub use table::{Align, Cell, Column, Section, Table};

use crate::base::Addr;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Aligned columns, for a person.
    Table,
    /// Comma-separated, exact numbers, one header line (RFC 4180).
    Csv,
    /// One JSON object.
    Json,
    /// GitHub's tables.
    Markdown,
}

/// Something that can be written in every [`Form`]. Its `Serialize` gives the JSON form without the schema.
pub trait Report: Serialize {
    /// Name and version of the JSON form: `heaproot.types/1`.
    const SCHEMA: &'static str;

    /// What a person reads, in order.
    fn sections(&self) -> Vec<Section>;

    /// The rows of the CSV form.
    fn rows(&self) -> Table;
}

/// Writes `report` in `form`, with a line feed at the end.
///
/// # Errors
/// What `out` answers, a closed pipe included.
pub fn write<R: Report>(report: &R, form: Form, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Form::Table => table::write_sections(&report.sections(), out),
        Form::Markdown => table::write_markdown(&report.sections(), out),
        Form::Csv => report.rows().write_csv(out),
        Form::Json => {
            #[derive(Serialize)]
            struct Document<'a, R> {
                schema: &'static str,
                #[serde(flatten)]
                report: &'a R,
            }
            serde_json::to_writer_pretty(&mut *out, &Document { schema: R::SCHEMA, report })
                .map_err(io::Error::from)?;
            writeln!(out)
        }
    }
}

/// A 64-bit number that is written as `"0x…"`: an address, a checksum. JSON numbers lose bits above 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hex(pub u64);

impl From<Addr> for Hex {
    fn from(at: Addr) -> Self {
        Self(at.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// A number of objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Objects.
    pub count: u64,
    /// Bytes they occupy, rounded up to the alignment.
    pub bytes: u64,
}

impl Sum {
    /// Adds `count` objects of `bytes` together.
    pub fn add(&mut self, count: u64, bytes: u64) {
        self.count += count;
        self.bytes += bytes;
    }

    /// `3,000 objects, 140.6 KiB`.
    #[must_use]
    pub fn words(self) -> String {
        format!("{}, {}", number::counted(self.count, "object", "objects"), number::size(self.bytes))
    }
}

impl From<Retained> for Sum {
    fn from(retained: Retained) -> Self {
        Self { count: retained.count, bytes: retained.bytes }
    }
}

/// `text` with control characters, direction overrides and lone line separators written as `\u{…}`: what a dump says
/// must not steer a terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        let steers = char.is_control()
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match char {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if steers => shown.push_str(&format!("\\u{{{:x}}}", u32::from(char))),
            _ => shown.push(char),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_dump_cannot_steer_a_terminal() {
        for (text, expected) in [
            ("Leaky.Worker", "Leaky.Worker"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
            ("two\nlines", "two\\nlines"),
            ("Задача<任务>", "Задача<任务>"),
            ("evil\u{202e}cod.exe", "evil\\u{202e}cod.exe"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn addresses_are_strings() {
        assert_eq!(serde_json::to_string(&Hex(0x7f00_0000_0008)).unwrap(), "\"0x7f0000000008\"");
        assert_eq!(serde_json::to_string(&Hex(0)).unwrap(), "\"0x0\"");
    }
}
