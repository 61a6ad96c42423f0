//! Tables and the plain forms they are written in.

use std::io::{self, Write};

use super::printable;
use crate::base::{Addr, number};

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A column: title of the table, key of the CSV header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// For a person: `Objects`.
    pub title: &'static str,
    /// For a program: `count`.
    pub key: &'static str,
    /// Where its cells stand.
    pub align: Align,
}

/// A text column.
#[must_use]
pub const fn text(title: &'static str, key: &'static str) -> Column {
    Column { title, key, align: Align::Left }
}

/// A number column.
#[must_use]
pub const fn number(title: &'static str, key: &'static str) -> Column {
    Column { title, key, align: Align::Right }
}

/// A cell: one value that each form writes in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Words; made printable when written.
    Text(String),
    /// `3,000`, in CSV `3000`.
    Count(u64),
    /// `140.6 KiB`, in CSV bytes.
    Size(u64),
    /// `97.1 %` of a whole, in CSV with six decimals as a fraction.
    Share(u64, u64),
    /// An address.
    Address(Addr),
    /// A 64-bit number in hexadecimal.
    Hex(u64),
    /// Yes or no.
    Flag(bool),
    /// Not applicable or not known: empty.
    Missing,
}

impl Cell {
    /// `text`, or nothing.
    #[must_use]
    pub fn text_or_missing(text: Option<&str>) -> Self {
        text.map_or(Self::Missing, |text| Self::Text(text.to_owned()))
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => printable(text),
            Self::Count(n) => number::count(*n),
            Self::Size(bytes) => {
                let text = number::size_text(*bytes);
                format!("{} {:<3}", text.digits, text.unit)
            }
            Self::Share(part, whole) => number::share(*part, *whole),
            Self::Address(at) => format!("{at}"),
            Self::Hex(value) => format!("{value:#x}"),
            Self::Flag(true) => "yes".to_owned(),
            Self::Flag(false) => "no".to_owned(),
            Self::Missing => String::new(),
        }
    }

    fn exact(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(n) | Self::Size(n) => n.to_string(),
            Self::Share(part, whole) => format!("{:.6}", if *whole == 0 { 0.0 } else { *part as f64 / *whole as f64 }),
            Self::Flag(value) => value.to_string(),
            Self::Address(_) | Self::Hex(_) | Self::Missing => self.shown(),
        }
    }
}

/// Rows under columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// A part of a report for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// A title over what follows.
    Heading(String),
    /// Sentences.
    Line(String),
    /// Label and value, one a line.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, one cell a column.
    pub fn push(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Aligned columns. The last one is not padded, so that names may be as long and as wide as they are.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let shown: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(Cell::shown).collect()).collect();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let cells = shown.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
                cells.max().unwrap_or(0).max(column.title.chars().count())
            })
            .collect();
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        for row in std::iter::once(&titles).chain(&shown) {
            let mut line = String::new();
            for (index, ((cell, column), width)) in row.iter().zip(&self.columns).zip(&widths).enumerate() {
                let is_last = index + 1 == self.columns.len();
                let space = " ".repeat(width.saturating_sub(cell.chars().count()));
                match column.align {
                    Align::Right => line.extend([space.as_str(), cell.as_str()]),
                    Align::Left if is_last => line.push_str(cell),
                    Align::Left => line.extend([cell.as_str(), space.as_str()]),
                }
                if !is_last {
                    line.push_str("  ");
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Comma-separated values, RFC 4180 with line feeds.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let header: Vec<&str> = self.columns.iter().map(|column| column.key).collect();
        writeln!(out, "{}", header.join(","))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| quoted(&cell.exact())).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    /// A table of GitHub's Markdown.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title).collect();
        writeln!(out, "| {} |", titles.join(" | "))?;
        let rules: Vec<&str> = self
            .columns
            .iter()
            .map(|column| match column.align {
                Align::Left => "---",
                Align::Right => "---:",
            })
            .collect();
        writeln!(out, "| {} |", rules.join(" | "))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| markdown(cell.shown().trim())).collect();
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// Writes sections for a terminal, an empty line between them.
///
/// # Errors
/// What `out` answers.
pub fn write_sections(sections: &[Section], out: &mut dyn Write) -> io::Result<()> {
    for (index, section) in sections.iter().enumerate() {
        let follows_heading = index.checked_sub(1).and_then(|before| sections.get(before));
        let is_close = matches!(
            (follows_heading, section),
            (Some(Section::Heading(_)), _) | (Some(Section::Line(_)), Section::Line(_))
        );
        if index > 0 && !is_close {
            writeln!(out)?;
        }
        match section {
            Section::Heading(title) => writeln!(out, "{}", printable(title))?,
            Section::Line(line) => writeln!(out, "{}", printable(line))?,
            Section::Facts(facts) => {
                let width = facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
                for (label, value) in facts {
                    writeln!(out, "{}", format!("  {label:<width$}  {}", printable(value)).trim_end())?;
                }
            }
            Section::Table(table) => table.write_text(out)?,
        }
    }
    Ok(())
}

/// Writes sections as Markdown.
///
/// # Errors
/// What `out` answers.
pub fn write_markdown(sections: &[Section], out: &mut dyn Write) -> io::Result<()> {
    for (index, section) in sections.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        match section {
            Section::Heading(title) => writeln!(out, "### {}", markdown(&printable(title)))?,
            Section::Line(line) => writeln!(out, "{}", markdown(&printable(line)))?,
            Section::Facts(facts) => {
                for (label, value) in facts {
                    writeln!(out, "- {label}: {}", markdown(&printable(value)))?;
                }
            }
            Section::Table(table) => table.write_markdown(out)?,
        }
    }
    Ok(())
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// Keeps Markdown from reading type names as its own: `<T>` as a tag, `|` as a cell, `_` and `*` as emphasis.
pub(super) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '\\' | '|' | '<' | '>' | '*' | '_' | '`' | '[' | ']' | '#') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(vec![number("Objects", "count"), number("Bytes", "bytes"), text("Type", "name")]);
        table.push(vec![Cell::Count(3000), Cell::Size(144_000), Cell::Text("Corpus.Seed.Worker".to_owned())]);
        table.push(vec![Cell::Count(1), Cell::Size(24), Cell::Text("List<A, B|C>".to_owned())]);
        table
    }

    fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn digits_stand_under_digits_and_units_under_units() {
        assert_eq!(
            written(|out| sample().write_text(out)),
            "Objects      Bytes  Type\n  3,000  140.6 KiB  Corpus.Seed.Worker\n      1     24 B    List<A, B|C>\n"
        );
    }

    #[test]
    fn csv_has_exact_numbers_and_quotes() {
        assert_eq!(
            written(|out| sample().write_csv(out)),
            "count,bytes,name\n3000,144000,Corpus.Seed.Worker\n1,24,\"List<A, B|C>\"\n"
        );
    }

    #[test]
    fn markdown_escapes_what_it_would_read() {
        assert_eq!(
            written(|out| sample().write_markdown(out)),
            "| Objects | Bytes | Type |\n| ---: | ---: | --- |\n| 3,000 | 140.6 KiB | Corpus.Seed.Worker |\n\
             | 1 | 24 B | List\\<A, B\\|C\\> |\n"
        );
    }

    #[test]
    fn sections_stand_apart() {
        let sections = [
            Section::Heading("Heap".to_owned()),
            Section::Facts(vec![("Objects".to_owned(), "3".to_owned()), ("Gaps".to_owned(), String::new())]),
            Section::Line("That is all.".to_owned()),
        ];
        assert_eq!(written(|out| write_sections(&sections, out)), "Heap\n  Objects  3\n  Gaps\n\nThat is all.\n");
    }
}
