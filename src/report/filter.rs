//! Which names a person means: part of the name, CamelHumps, or a regular expression.

use regex::{Regex, RegexBuilder};

/// A filter of names, as it is typed.
///
/// | typed | matches |
/// | --- | --- |
/// | `worker` | names that contain it, in any case |
/// | `CoDi` | also names with words that begin so, in this order: **Co**ncurrent**Di**ctionary |
/// | `/Entry\[\]$/` | names that the regular expression finds, in any case |
#[derive(Clone, Debug)]
pub enum NameFilter {
    /// Everything.
    All,
    /// Part of the name, lower case, and the humps, when there are two or more.
    Part(String, Vec<String>),
    /// A regular expression.
    Pattern(Regex),
}

impl NameFilter {
    /// Reads what was typed.
    ///
    /// # Errors
    /// What is wrong with a regular expression, in the words of its parser.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Ok(Self::All);
        }
        if let Some(rest) = typed.strip_prefix('/') {
            let pattern = rest.strip_suffix('/').unwrap_or(rest);
            let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build();
            return built.map(Self::Pattern).map_err(|err| last_line(&err.to_string()));
        }
        let humps = humps(typed).map(str::to_owned).collect::<Vec<_>>();
        let is_camel = humps.len() > 1
            && typed.chars().all(char::is_alphanumeric)
            && typed.chars().next().is_some_and(char::is_uppercase);
        Ok(Self::Part(typed.to_lowercase(), if is_camel { humps } else { Vec::new() }))
    }

    /// True when `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Pattern(pattern) => pattern.is_match(name),
            Self::Part(part, wanted) => name.to_lowercase().contains(part) || has_humps(name, wanted),
        }
    }
}

/// The words of an identifier: a capital letter or digit begins one, anything that is no letter ends one.
fn humps(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|char: char| !char.is_alphanumeric());
        let mut chars = rest.char_indices();
        chars.next()?;
        let end = chars
            .find(|&(_, char)| char.is_uppercase() || !char.is_alphanumeric())
            .map_or(rest.len(), |(index, _)| index);
        let (hump, after) = rest.split_at(end);
        rest = after;
        Some(hump)
    })
}

/// True when the words of `name` begin with `wanted`, in this order, with no word between them.
fn has_humps(name: &str, wanted: &[String]) -> bool {
    if wanted.is_empty() {
        return false;
    }
    let words: Vec<&str> = humps(name).collect();
    words
        .windows(wanted.len())
        .any(|window| window.iter().zip(wanted).all(|(word, start)| word.starts_with(start.as_str())))
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, name: &str, expected: bool) {
        assert_eq!(NameFilter::parse(typed).unwrap().matches(name), expected, "{typed:?} on {name:?}");
    }

    #[test]
    fn parts_humps_and_patterns() {
        check("", "Anything", true);
        check("worker", "Corpus.Seed.Worker", true);
        check("WORKER", "Corpus.Seed.Worker", true);
        check("wroker", "Corpus.Seed.Worker", false);
        check("CoDi", "System.Collections.Concurrent.ConcurrentDictionary<A, B>", true);
        check("CoDi", "System.Collections.Generic.Dictionary<A, B>", false);
        check("CD", "ConcurrentDictionary", true);
        check("Dict", "System.Collections.Generic.Dictionary<A, B>", true);
        check("/^system\\..*\\[\\]$/", "System.Byte[]", true);
        check("/^system\\..*\\[\\]$/", "System.String", false);
        check("Задача", "Exotic.Задача", true);
    }

    #[test]
    fn a_bad_pattern_says_why() {
        let problem = NameFilter::parse("/[/").unwrap_err();
        assert_eq!(problem, "unclosed character class");
    }
}
