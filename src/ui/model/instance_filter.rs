//! The filter of the instances as it is typed: words, phrases in quotes, and conditions.
//!
//! ```text
//! worker "in use" >=64KiB gen:0,1 held:no root:static,handle
//! ```
//!
//! As in the filter of the types all words are wanted, in any case. There are no regular expressions: a slash is as a rule
//! part of the text that is looked for. What looks like a condition and is meant as text stands in quotes.

use super::command_line::shell_word;
use super::filter::BadPattern;
use crate::analysis::instances::InstanceFilter;
use crate::base::{Generation, RootKind};

/// One condition that can be switched on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Of so many bytes or more.
    Size(u64),
    /// In this generation.
    Generation(Generation),
    /// Held by roots, or by nothing.
    Held(bool),
    /// Held by these kinds of roots, and by none preferred to them.
    Root(&'static [RootKind]),
}

/// Words of the kinds of roots, most preferred first.
pub const ROOTS: [(&str, &[RootKind]); 5] = [
    ("static", &[RootKind::Static]),
    ("handle", &RootKind::HANDLES),
    ("thread-static", &[RootKind::ThreadStatic]),
    ("finalizer", &[RootKind::FinalizerQueue]),
    ("stack", &[RootKind::Stack]),
];

/// Units of a size, biggest first.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// The filter that `text` stands for, of no type.
///
/// # Errors
/// [`BadPattern`] for a condition that says nothing.
pub fn parse(text: &str) -> Result<InstanceFilter, BadPattern> {
    let (filter, bad) = read(text);
    bad.map_or(Ok(filter), Err)
}

/// The text that stands for `filter`: its texts, then its conditions.
#[must_use]
pub fn words(filter: &InstanceFilter) -> String {
    let mut words: Vec<String> = filter.texts.iter().map(|text| text_word(text)).collect();
    if filter.min_bytes > 0 {
        words.push(format!(">={}", size_word(filter.min_bytes)));
    }
    let mut list = |key: &str, values: Vec<&str>| {
        if !values.is_empty() {
            words.push(format!("{key}:{}", values.join(",")));
        }
    };
    let generations = Generation::ALL.into_iter().filter(|generation| filter.generations.contains(generation));
    list("gen", generations.map(Generation::label).collect());
    list("held", filter.held.map(held_word).into_iter().collect());
    list("root", root_words(filter).collect());
    words.join(" ")
}

/// `text` with `condition` switched on, or off where it was on. What was not understood is left out.
#[must_use]
pub fn toggled(text: &str, condition: Condition) -> String {
    let (mut filter, _) = read(text);
    let is_on = is_on(&filter, condition);
    match condition {
        Condition::Size(bytes) => filter.min_bytes = if is_on { 0 } else { bytes },
        Condition::Held(held) => filter.held = (!is_on).then_some(held),
        Condition::Generation(generation) if is_on => filter.generations.retain(|&other| other != generation),
        Condition::Generation(generation) => filter.generations.push(generation),
        Condition::Root(kinds) if is_on => filter.roots.retain(|kind| !kinds.contains(kind)),
        Condition::Root(kinds) => filter.roots.extend(kinds),
    }
    words(&filter)
}

/// Is `condition` among those of `filter`.
#[must_use]
pub fn is_on(filter: &InstanceFilter, condition: Condition) -> bool {
    match condition {
        Condition::Size(bytes) => filter.min_bytes == bytes,
        Condition::Generation(generation) => filter.generations.contains(&generation),
        Condition::Held(held) => filter.held == Some(held),
        Condition::Root(kinds) => kinds.iter().any(|kind| filter.roots.contains(kind)),
    }
}

/// The conditions that need to know what holds an object, as they are written: `held:no`.
#[must_use]
pub fn holder_words(filter: &InstanceFilter) -> String {
    words(&InstanceFilter { held: filter.held, roots: filter.roots.clone(), ..InstanceFilter::default() })
}

/// The same filter as arguments of `heaproot instances`, each with a space before it.
#[must_use]
pub fn arguments(filter: &InstanceFilter) -> String {
    let mut words: Vec<String> = filter.texts.iter().map(|text| format!(" --text {}", shell_word(text))).collect();
    if filter.min_bytes > 0 {
        words.push(format!(" --min-bytes {}", filter.min_bytes));
    }
    let generations = Generation::ALL.into_iter().filter(|generation| filter.generations.contains(generation));
    words.extend(generations.map(|generation| format!(" --generation {}", generation.key())));
    words.extend(filter.held.map(|held| if held { " --live" } else { " --dead" }.to_owned()));
    words.extend(root_words(filter).map(|word| format!(" --root {word}")));
    words.concat()
}

fn root_words(filter: &InstanceFilter) -> impl Iterator<Item = &'static str> + '_ {
    ROOTS.iter().filter(|(_, kinds)| is_on(filter, Condition::Root(kinds))).map(|(word, _)| *word)
}

const fn held_word(held: bool) -> &'static str {
    if held { "yes" } else { "no" }
}

/// `64KiB`, exact: the biggest unit that leaves nothing over.
fn size_word(bytes: u64) -> String {
    match UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}

/// `text` as it has to be typed to be looked for.
fn text_word(text: &str) -> String {
    let (filter, bad) = read(text);
    if bad.is_none() && filter.texts == [text] { text.to_owned() } else { format!("\"{text}\"") }
}

/// A word of the filter, and its first letter, from 1.
struct Word {
    text: String,
    at: usize,
    is_quoted: bool,
}

fn split(text: &str) -> Vec<Word> {
    let mut split: Vec<Word> = Vec::new();
    let mut open: Option<Word> = None;
    for (at, letter) in text.chars().enumerate().map(|(index, letter)| (index + 1, letter)) {
        match &mut open {
            None if letter.is_whitespace() => {}
            None if letter == '"' => open = Some(Word { text: String::new(), at, is_quoted: true }),
            None => open = Some(Word { text: letter.to_string(), at, is_quoted: false }),
            Some(word) => {
                let is_end = if word.is_quoted { letter == '"' } else { letter.is_whitespace() };
                if is_end { split.extend(open.take()) } else { word.text.push(letter) }
            }
        }
    }
    split.extend(open);
    split
}

/// What is understood of `text`, and the first word that is not.
fn read(text: &str) -> (InstanceFilter, Option<BadPattern>) {
    let mut filter = InstanceFilter::default();
    let mut bad = None;
    let mut words = split(text).into_iter().peekable();
    while let Some(word) = words.next() {
        let condition = if word.is_quoted { None } else { key_of(&word.text) };
        let Some((key, value)) = condition else {
            if !word.text.is_empty() {
                filter.texts.push(word.text);
            }
            continue;
        };
        let mut value = value.to_owned();
        if key == Key::Size {
            // `>= 64 KiB` is one condition, too.
            while let Some(next) = words.next_if(|next| is_more_of(&value, next)) {
                value.push_str(&next.text);
            }
        }
        if let Err(message) = key.apply(&value, &mut filter) {
            bad = bad.or(Some(BadPattern { message, at: Some(word.at) }));
        }
    }
    (filter, bad)
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Size,
    /// More than, not of so many or more.
    Above,
    /// An upper bound, which nothing can be asked for by.
    Below,
    Generation,
    Held,
    Root,
}

/// Key and value of a condition; `None` for a word that is text.
fn key_of(word: &str) -> Option<(Key, &str)> {
    let signs = [(">=", Key::Size), ("≥", Key::Size), (">", Key::Above), ("<", Key::Below), ("≤", Key::Below)];
    let sized = ["size:", "bytes:", "size", "bytes", ""];
    for (index, prefix) in sized.into_iter().enumerate() {
        let Some(rest) = strip(word, prefix) else { continue };
        if let Some((key, rest)) = signs.iter().find_map(|(text, key)| Some((*key, strip(rest, text)?))) {
            // `<html>` is text.
            let is_size = matches!(key, Key::Size) || rest.is_empty() || rest.starts_with('=') || is_number(rest);
            return is_size.then_some((key, rest));
        }
        if index < 2 {
            return Some((Key::Size, rest));
        }
    }
    let keys = [
        ("gen:", Key::Generation),
        ("generation:", Key::Generation),
        ("held:", Key::Held),
        ("root:", Key::Root),
        ("roots:", Key::Root),
    ];
    keys.iter().find_map(|(text, key)| Some((*key, strip(word, text)?)))
}

/// What follows `prefix`, in any case.
fn strip<'a>(word: &'a str, prefix: &str) -> Option<&'a str> {
    let head = word.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &word[prefix.len()..])
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// Does `next` belong to a size of which `value` was read.
fn is_more_of(value: &str, next: &Word) -> bool {
    let is_begun = is_number(value) && value.ends_with(|last: char| last.is_ascii_digit());
    let begins = value.is_empty() && is_number(&next.text);
    !next.is_quoted && (begins || is_begun && unit_of(&next.text).is_some())
}

impl Key {
    fn apply(self, value: &str, filter: &mut InstanceFilter) -> Result<(), String> {
        let size = || size_of_word(value).ok_or_else(|| "a size: 85000 64KiB 1.5MiB".to_owned());
        match self {
            Self::Size => filter.min_bytes = filter.min_bytes.max(size()?),
            Self::Above => filter.min_bytes = filter.min_bytes.max(size()?.saturating_add(1)),
            Self::Below => return Err("only a least size: >=64KiB".to_owned()),
            Self::Generation => {
                for word in value.split(',') {
                    let is = |generation: &Generation| {
                        [generation.label(), generation.key()].iter().any(|known| known.eq_ignore_ascii_case(word))
                    };
                    let found = Generation::ALL.into_iter().find(is);
                    filter.generations.push(found.ok_or("gen: 0 1 2 large pinned frozen")?);
                }
            }
            Self::Held => {
                let held = [true, false].into_iter().find(|&held| held_word(held).eq_ignore_ascii_case(value));
                let held = held.ok_or("held: yes or no")?;
                if filter.held.is_some_and(|other| other != held) {
                    return Err("held: yes or no, not both".to_owned());
                }
                filter.held = Some(held);
            }
            Self::Root => {
                for word in value.split(',') {
                    // The pill of a thread static says `thread`.
                    let word = if word.eq_ignore_ascii_case("thread") { "thread-static" } else { word };
                    let found = ROOTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
                    let (_, kinds) = found.ok_or("root: static handle thread finalizer stack")?;
                    filter.roots.extend(*kinds);
                }
            }
        }
        Ok(())
    }
}

/// Bytes of a unit as people write it: `KiB`, `kb`, `K`; 1,024 all of them.
fn unit_of(word: &str) -> Option<u64> {
    if word.eq_ignore_ascii_case("b") || word.eq_ignore_ascii_case("bytes") {
        return Some(1);
    }
    let is = |unit: &str| {
        let letter = &unit[..1];
        [unit, letter].iter().any(|form| form.eq_ignore_ascii_case(word))
            || word.len() == 2 && strip(word, letter).is_some_and(|rest| rest.eq_ignore_ascii_case("b"))
    };
    UNITS.iter().find(|(unit, _)| is(unit)).map(|(_, size)| *size)
}

/// Bytes of `85,000`, `64KiB`, `1.5mb`; part of a byte counts as a whole one.
fn size_of_word(text: &str) -> Option<u64> {
    let digits = |text: &str| text.replace([',', '_'], "");
    let end = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = if unit.is_empty() { 1 } else { unit_of(unit)? };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, part) = (digits(whole), digits(part));
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = u128::from(part.parse::<u64>().ok()?) * u128::from(unit);
    let part = u64::try_from(part.div_ceil(u128::from(scale))).ok()?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_and_conditions() {
        let check = |text: &str, expected: &str| {
            let filter = parse(text).unwrap();
            assert_eq!(words(&filter), expected, "{text}");
            assert_eq!(words(&parse(expected).unwrap()), expected, "what is written is read as the same");
        };
        check("", "");
        check("  worker   17 ", "worker 17");
        check("\"in use\" a\"b http://host/api", "\"in use\" a\"b http://host/api");
        check("\"gen:2\" \"held", "\"gen:2\" held");
        check("gen:2 GEN:loh,gen0", "gen:0,2,large");
        check("held:NO worker root:handle root:Static,thread", "worker held:no root:static,handle,thread-static");
        for size in [">=64KiB", "≥64kb", ">= 64 KiB", "size:65536", "size:>=65,536 bytes", "Size ≥64K x", "bytes>=64k"]
        {
            let text = words(&parse(size).unwrap());
            assert!(text.ends_with(">=64KiB"), "{size}: {text}");
        }
        check(">=1.5MiB", ">=1536KiB");
        check(">85000", ">=85001");
        check(">=1KiB >=2KiB", ">=2KiB");
        check(">=0.3b", ">=1");
        check("size matters <html> >b", "size matters <html> >b");
    }

    #[test]
    fn what_says_nothing_is_named_with_its_place() {
        let check = |text: &str, message: &str, at: usize| {
            assert_eq!(parse(text).unwrap_err(), BadPattern { message: message.to_owned(), at: Some(at) }, "{text}");
        };
        check("worker gen:7", "gen: 0 1 2 large pinned frozen", 8);
        check("gen:", "gen: 0 1 2 large pinned frozen", 1);
        check("held:maybe", "held: yes or no", 1);
        check("held:yes held:no", "held: yes or no, not both", 10);
        check("root:gc", "root: static handle thread finalizer stack", 1);
        check(">=big", "a size: 85000 64KiB 1.5MiB", 1);
        check("size:", "a size: 85000 64KiB 1.5MiB", 1);
        check(">=99999999999TiB", "a size: 85000 64KiB 1.5MiB", 1);
        check("<1KiB", "only a least size: >=64KiB", 1);
        check("é gen:x gen:y", "gen: 0 1 2 large pinned frozen", 3);
    }

    #[test]
    fn conditions_switch_on_and_off() {
        let mut text = "worker".to_owned();
        let mut check = |condition: Condition, expected: &str| {
            text = toggled(&text, condition);
            assert_eq!(text, expected);
        };
        check(Condition::Generation(Generation::Gen2), "worker gen:2");
        check(Condition::Generation(Generation::Gen0), "worker gen:0,2");
        check(Condition::Held(false), "worker gen:0,2 held:no");
        check(Condition::Held(true), "worker gen:0,2 held:yes");
        check(Condition::Size(1 << 16), "worker >=64KiB gen:0,2 held:yes");
        check(Condition::Size(1 << 20), "worker >=1MiB gen:0,2 held:yes");
        check(Condition::Root(&RootKind::HANDLES), "worker >=1MiB gen:0,2 held:yes root:handle");
        check(Condition::Root(&RootKind::HANDLES), "worker >=1MiB gen:0,2 held:yes");
        check(Condition::Held(true), "worker >=1MiB gen:0,2");
        check(Condition::Size(1 << 20), "worker gen:0,2");
        assert_eq!(toggled("a gen:7", Condition::Held(true)), "a held:yes");
    }

    #[test]
    fn the_command_line_says_the_same() {
        let filter = parse("a \"b c\" >=64KiB gen:2,large held:no root:thread,stack").unwrap();
        assert_eq!(
            arguments(&filter),
            " --text a --text \"b c\" --min-bytes 65536 --generation gen2 --generation loh --dead --root thread-static \
             --root stack"
        );
        assert_eq!(arguments(&InstanceFilter::default()), "");
        assert_eq!(holder_words(&filter), "held:no root:thread-static,stack");
    }
}
