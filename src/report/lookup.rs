//! From what a person writes to a type or an object: names, parts of names, addresses in every spelling.

use crate::base::Addr;
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId, TypeShape};

/// Candidates that an error names.
const SHOWN: usize = 10;

/// The types that a text means: usually one, several when the same class was loaded more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeChoice {
    /// Their full name, or the address of the MethodTable.
    pub name: String,
    /// The types.
    pub ids: Vec<TypeId>,
}

/// Why a text means nothing, for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No type fits.
    #[error("no type is called “{text}”{}", nearest_text(nearest))]
    NoType {
        /// What was asked for.
        text: String,
        /// Names that look like it.
        nearest: Vec<String>,
    },
    /// Several fit.
    #[error("“{text}” fits {n_fitting} types; give more of the name:{}", list_text(shown, *n_fitting))]
    ManyTypes {
        /// What was asked for.
        text: String,
        /// How many fit.
        n_fitting: usize,
        /// The biggest of them.
        shown: Vec<String>,
    },
    /// Not an address.
    #[error("“{text}” is no address; write it like 0x7f3a10c0 or 00007f3a`10c00010")]
    NoAddress {
        /// What was asked for.
        text: String,
    },
    /// No object there.
    #[error("no object contains {at}; the heap reaches from {from} to {to}")]
    NoObject {
        /// The address.
        at: Addr,
        /// First heap address.
        from: Addr,
        /// End of the heap.
        to: Addr,
    },
}

/// Reads an address: hexadecimal, with or without `0x`, with the backquotes and underscores of debuggers.
///
/// # Errors
/// [`LookupError::NoAddress`].
pub fn parse_address(text: &str) -> Result<Addr, LookupError> {
    let bare: String = text.trim().chars().filter(|char| !matches!(char, '`' | '_')).collect();
    let digits = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")).unwrap_or(&bare);
    let is_hex = !digits.is_empty() && digits.chars().all(|char| char.is_ascii_hexdigit());
    match u64::from_str_radix(digits, 16) {
        Ok(value) if is_hex => Ok(Addr(value)),
        _ => Err(LookupError::NoAddress { text: text.to_owned() }),
    }
}

/// The object that contains the address `text`, and the bytes from its start.
///
/// # Errors
/// [`LookupError::NoAddress`], [`LookupError::NoObject`].
pub fn find_object(snapshot: &HeapSnapshot, text: &str) -> Result<(ObjectId, u64), LookupError> {
    let at = parse_address(text)?;
    let found = snapshot.objects.containing(at).filter(|&(object, _)| snapshot.is_object(object));
    found.ok_or_else(|| {
        let segments = snapshot.objects.segments();
        LookupError::NoObject {
            at,
            from: segments.iter().map(|segment| segment.objects.start).min().unwrap_or_default(),
            to: segments.iter().map(|segment| segment.objects.end).max().unwrap_or_default(),
        }
    })
}

/// The types that `text` means: the address of a MethodTable, a whole name, the end of a name behind a `.` or `+`, or
/// any part of a name. The first of these that fits exactly one name wins.
///
/// # Errors
/// [`LookupError::NoType`], [`LookupError::ManyTypes`].
pub fn find_types(snapshot: &HeapSnapshot, text: &str) -> Result<TypeChoice, LookupError> {
    choose(snapshot, text, |_| true)
}

/// [`find_types`] among the types that `fits` lets through.
///
/// # Errors
/// [`LookupError::NoType`], [`LookupError::ManyTypes`].
pub(super) fn choose(
    snapshot: &HeapSnapshot,
    text: &str,
    fits: impl Fn(TypeId) -> bool,
) -> Result<TypeChoice, LookupError> {
    let text = text.trim();
    if let Some(id) = parse_address(text).ok().and_then(|at| snapshot.types.by_method_table(at)).filter(|&id| fits(id))
    {
        return Ok(TypeChoice { name: snapshot.types.row(id).display_name(), ids: vec![id] });
    }
    let named = || {
        snapshot.types.iter().filter_map(|(id, row)| {
            let is_object = !matches!(row.shape, TypeShape::Free | TypeShape::Gap);
            Some((id, row.name.known().filter(|_| is_object && fits(id))?))
        })
    };
    for rule in Rule::ALL {
        let mut fitting: Vec<(TypeId, &str)> = named().filter(|(_, name)| rule.fits(text, name)).collect();
        // A type without instances steps back when one with instances fits too.
        let has_instances = |id: TypeId| snapshot.totals.get(id.index()).is_some_and(|totals| totals.count > 0);
        if fitting.iter().any(|&(id, _)| has_instances(id)) {
            fitting.retain(|&(id, _)| has_instances(id));
        }
        let Some(&(_, first)) = fitting.first() else { continue };
        if fitting.iter().all(|&(_, name)| name == first) {
            return Ok(TypeChoice { name: first.to_owned(), ids: fitting.into_iter().map(|(id, _)| id).collect() });
        }
        return Err(LookupError::ManyTypes {
            text: text.to_owned(),
            n_fitting: fitting.len(),
            shown: biggest(snapshot, fitting),
        });
    }
    let nearest = nearest(named().map(|(_, name)| name), text);
    Err(LookupError::NoType { text: text.to_owned(), nearest })
}

/// How a text may fit a name, the surest way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The whole name.
    Whole,
    /// The end of it, behind a `.` or `+`.
    Tail,
    /// Any part.
    Part,
    /// Any part, in any case.
    PartInAnyCase,
}

impl Rule {
    pub(super) const ALL: [Self; 4] = [Self::Whole, Self::Tail, Self::Part, Self::PartInAnyCase];

    pub(super) fn fits(self, text: &str, name: &str) -> bool {
        match self {
            Self::Whole => name == text,
            Self::Tail => name.strip_suffix(text).is_some_and(|head| head.is_empty() || head.ends_with(['.', '+'])),
            Self::Part => name.contains(text),
            Self::PartInAnyCase => name.to_lowercase().contains(&text.to_lowercase()),
        }
    }
}

fn biggest(snapshot: &HeapSnapshot, mut fitting: Vec<(TypeId, &str)>) -> Vec<String> {
    let bytes = |id: TypeId| snapshot.totals.get(id.index()).map_or(0, |totals| totals.bytes);
    fitting.sort_by_key(|&(id, _)| (std::cmp::Reverse(bytes(id)), id));
    fitting.into_iter().take(SHOWN).map(|(_, name)| name.to_owned()).collect()
}

/// Up to three names whose own name is at most a third of its length away from `text`, nearest first.
#[must_use]
pub fn nearest<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Vec<String> {
    let wanted = text.to_lowercase();
    let limit = (wanted.chars().count() / 3).clamp(1, 6);
    let mut close: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let own = name.rsplit(['.', '+']).next().unwrap_or(name).to_lowercase();
            // A name of another length is as far away as the lengths differ.
            let is_near = own.chars().count().abs_diff(wanted.chars().count()) <= limit;
            let far = if is_near { distance(&own, &wanted) } else { usize::MAX };
            (far <= limit).then_some((far, name))
        })
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Letters to insert, delete or change, a swapped pair counted once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let change = above[j] + usize::from(from != to);
            let mut best = change.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

pub(super) fn nearest_text(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(" or ")) }
}

pub(super) fn list_text(shown: &[String], n_fitting: usize) -> String {
    let mut text: String = shown.iter().map(|name| format!("\n  {}", super::printable(name))).collect();
    if n_fitting > shown.len() {
        text.push_str(&format!("\n  and {} more", n_fitting - shown.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_spelling() {
        for text in ["7f3a10c00010", "0x7f3a10c00010", "0X7F3A10C00010", "00007f3a`10c00010", " 0x7f3a_10c0_0010 "] {
            assert_eq!(parse_address(text), Ok(Addr(0x7f3a_10c0_0010)), "{text}");
        }
        for text in ["", "0x", "Worker", "-1", "+5", "0x1_0000_0000_0000_0000"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["Corpus.Seed.Worker", "Corpus.Seed.Job", "System.String", "System.Threading.Walker"];
        assert_eq!(nearest(names.into_iter(), "Wroker"), ["Corpus.Seed.Worker", "System.Threading.Walker"]);
        assert_eq!(nearest(names.into_iter(), "Zzzzzz"), Vec::<String>::new());
        assert_eq!(distance("worker", "wroker"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
