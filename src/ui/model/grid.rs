//! A table over rows that are already in memory: what a cell says is asked for when it is drawn; sorting and filtering ask
//! for all cells once, outside the window's thread.

use std::cmp::Ordering;

use super::filter::{BadPattern, Filter};
use crate::base::{Addr, Cancelled, Job, RootKind};
use crate::session::Analyses;
use crate::snapshot::ObjectId;
use crate::ui::widgets::table::Sort;

/// What a cell says.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing: not applicable.
    Empty,
    /// Words.
    Text(String),
    /// Words that matter less.
    Weak(String),
    /// Words that say something is missing or doubtful.
    Doubt(String),
    /// A type's name.
    Type(String),
    /// A member: type and own name.
    Member(String),
    /// An address.
    Address(Addr),
    /// A number of things.
    Count(u64),
    /// A number that counts nothing.
    Id(u64),
    /// Bytes.
    Size(u64),
    /// A kind of root.
    Root(RootKind),
}

impl Cell {
    /// The cell as text, for filters and the clipboard: numbers exact.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Weak(text) | Self::Doubt(text) | Self::Type(text) | Self::Member(text) => {
                text.clone()
            }
            Self::Address(address) => address.to_string(),
            Self::Count(number) | Self::Size(number) | Self::Id(number) => number.to_string(),
            Self::Root(kind) => kind.label().to_owned(),
        }
    }

    /// Order of a column: numbers by size, words by letters; nothing comes last.
    fn order(&self, other: &Self) -> Ordering {
        let number = |cell: &Self| match cell {
            Self::Count(number) | Self::Size(number) | Self::Id(number) => Some(*number),
            Self::Address(address) => Some(address.0),
            Self::Root(kind) => Some(*kind as u64),
            _ => None,
        };
        match (number(self), number(other)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => a.is_none().cmp(&b.is_none()).then_with(|| self.text().cmp(&other.text())),
        }
    }
}

/// A column of a grid.
#[derive(Clone, Copy, Debug)]
pub struct GridColumn {
    /// Its word.
    pub title: &'static str,
    /// Width in points; 0 shares what is left.
    pub width: f32,
    /// Numbers stand right.
    pub is_right: bool,
    /// What it means.
    pub tip: &'static str,
}

/// Rows of one kind.
pub trait Grid: Send + Sync + std::fmt::Debug {
    /// Columns, left to right.
    fn columns(&self) -> &'static [GridColumn];
    /// Rows before filtering.
    fn n_rows(&self) -> usize;
    /// What stands in `row` and `column`. Reads no dump.
    fn cell(&self, analyses: &Analyses, row: usize, column: usize) -> Cell;
    /// The object that the row is about.
    fn object(&self, row: usize) -> Option<ObjectId>;
}

/// What is asked of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GridQuery {
    /// Text of the filter.
    pub filter: String,
    /// Order, by column; as the grid has it when `None`.
    pub sort: Option<Sort<usize>>,
    /// Which build of the grid.
    pub generation: u32,
}

/// Rows in the order asked for.
#[derive(Clone, Debug, Default)]
pub struct GridRows {
    /// Rows.
    pub rows: Vec<u32>,
    /// Rows there are.
    pub n_all: usize,
    /// Why the filter cannot be used.
    pub bad_pattern: Option<BadPattern>,
}

/// Filters and sorts. One pass over the cells of all rows.
///
/// # Errors
/// [`Cancelled`].
pub fn grid_rows(grid: &dyn Grid, analyses: &Analyses, query: &GridQuery, job: &Job) -> Result<GridRows, Cancelled> {
    let mut answer = GridRows { n_all: grid.n_rows(), ..GridRows::default() };
    let filter = match Filter::parse(&query.filter) {
        Ok(filter) => Some(filter).filter(|filter| !filter.is_empty()),
        Err(bad) => {
            answer.bad_pattern = Some(bad);
            None
        }
    };
    let n_columns = grid.columns().len();
    for row in 0..grid.n_rows() {
        if row % 1024 == 0 {
            job.tick(1024)?;
        }
        let matches = filter.as_ref().is_none_or(|filter| {
            let text: Vec<String> = (0..n_columns).map(|column| grid.cell(analyses, row, column).text()).collect();
            let text = text.join(" ");
            filter.matches(&text, &text.to_lowercase())
        });
        if matches {
            answer.rows.push(row as u32);
        }
    }
    if let Some(sort) = query.sort {
        let mut keyed: Vec<(Cell, u32)> =
            answer.rows.iter().map(|&row| (grid.cell(analyses, row as usize, sort.column), row)).collect();
        job.tick(0)?;
        keyed.sort_by(|a, b| {
            let order = a.0.order(&b.0);
            let order = if sort.is_descending { order.reverse() } else { order };
            order.then(a.1.cmp(&b.1))
        });
        answer.rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    Ok(answer)
}
