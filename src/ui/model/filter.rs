//! The filter of a list of names: text, humps of CamelCase, `/regular expression/`.

use regex::{Regex, RegexBuilder};

/// Why a pattern cannot be used: words for a person, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// `group not closed`.
    pub message: String,
    /// Letter in the field, from 1, when the fault has one place.
    pub at: Option<usize>,
}

/// A filter that can be applied.
#[derive(Clone, Debug)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    /// Somewhere in the name, upper and lower case alike.
    Text(String),
    /// Text, or the humps of the own name: `CDE` finds `ConcurrentDictionary+Entry`.
    Humps(String, Vec<String>),
    Pattern(Regex),
}

impl Filter {
    /// Bytes that a regular expression may take when compiled.
    const PATTERN_BYTES: usize = 1 << 20;

    /// The filter that `text` stands for. Words are all wanted; `/…/` is a regular expression.
    ///
    /// # Errors
    /// [`BadPattern`] for a regular expression that is none, or that would take too much memory.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.trim();
        if let Some(pattern) = text.strip_prefix('/') {
            let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
            let regex = RegexBuilder::new(pattern)
                .case_insensitive(!pattern.chars().any(char::is_uppercase))
                .size_limit(Self::PATTERN_BYTES)
                .build()
                .map_err(|err| bad_pattern(pattern, &err))?;
            return Ok(Self { terms: vec![Term::Pattern(regex)] });
        }
        let terms = text
            .split_whitespace()
            .map(|word| {
                let lower = word.to_lowercase();
                let is_hump = word.chars().next().is_some_and(char::is_uppercase)
                    && word.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
                if is_hump { Term::Humps(lower, humps(word)) } else { Term::Text(lower) }
            })
            .collect();
        Ok(Self { terms })
    }

    /// Does it let everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Does it let `name` through; `lower` is the same in lower case.
    #[must_use]
    pub fn matches(&self, name: &str, lower: &str) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Text(text) => lower.contains(text.as_str()),
            Term::Humps(text, wanted) => lower.contains(text.as_str()) || matches_humps(name, wanted),
            Term::Pattern(regex) => regex.is_match(name),
        })
    }
}

fn bad_pattern(pattern: &str, err: &regex::Error) -> BadPattern {
    match regex_syntax_place(pattern) {
        Some((message, at)) => BadPattern { message, at: Some(at) },
        None => {
            let message = match err {
                regex::Error::CompiledTooBig(_) => "too large a pattern".to_owned(),
                err => err.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
            };
            BadPattern { message, at: None }
        }
    }
}

/// Finds the common faults and their place: the library's own message is a picture of several lines.
fn regex_syntax_place(pattern: &str) -> Option<(String, usize)> {
    let (mut groups, mut class, mut is_escaped) = (Vec::new(), None, false);
    // One for the slash, one because people count from one.
    for (index, letter) in pattern.chars().enumerate().map(|(index, letter)| (index + 2, letter)) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ']' if class.is_some() => class = None,
            _ if class.is_some() => {}
            '[' => class = Some(index),
            '(' => groups.push(index),
            ')' if groups.pop().is_none() => return Some(("group not opened".to_owned(), index)),
            _ => {}
        }
    }
    if is_escaped {
        return Some(("nothing after the backslash".to_owned(), pattern.chars().count() + 1));
    }
    if let Some(at) = class {
        return Some(("class not closed".to_owned(), at));
    }
    if let Some(at) = groups.pop() {
        return Some(("group not closed".to_owned(), at));
    }
    let first = pattern.chars().next()?;
    matches!(first, '*' | '+' | '?').then(|| ("nothing to repeat".to_owned(), 2))
}

/// The humps of a CamelCase word, in lower case: `ConcDict` is `conc`, `dict`.
fn humps(word: &str) -> Vec<String> {
    let mut humps: Vec<String> = Vec::new();
    for letter in word.chars() {
        match humps.last_mut() {
            Some(hump) if !letter.is_uppercase() => hump.extend(letter.to_lowercase()),
            _ => humps.push(letter.to_lowercase().collect()),
        }
    }
    humps
}

/// Do the humps begin consecutive or later humps of `name`, in order.
fn matches_humps(name: &str, wanted: &[String]) -> bool {
    if wanted.len() < 2 {
        return false;
    }
    let mut wanted = wanted.iter();
    let mut next = wanted.next();
    let starts = name.char_indices().filter(|(_, letter)| letter.is_uppercase());
    for (index, _) in starts {
        let Some(hump) = next else { return true };
        let mut rest = name[index..].chars().flat_map(char::to_lowercase);
        if hump.chars().all(|letter| rest.next() == Some(letter)) {
            next = wanted.next();
        }
    }
    next.is_none()
}

/// The name of `names` nearest to `text`, when one is near enough to be meant: at most a third of the letters differ.
#[must_use]
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = (&'a str, &'a str)>) -> Option<&'a str> {
    let wanted: Vec<char> = text.trim().to_lowercase().chars().take(64).collect();
    if wanted.len() < 2 {
        return None;
    }
    let limit = (wanted.len() / 3).max(1);
    names
        .filter_map(|(name, own)| {
            let own: Vec<char> = own.to_lowercase().chars().take(64).collect();
            let distance = distance(&wanted, &own, limit)?;
            Some((distance, own.len(), name))
        })
        .min()
        .map(|(_, _, name)| name)
}

/// Letters to add, drop, change or swap; `None` above `limit`.
fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|&found| found <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_humps_and_patterns() {
        let check = |filter: &str, name: &str, expected: bool| {
            let filter = Filter::parse(filter).unwrap();
            assert_eq!(filter.matches(name, &name.to_lowercase()), expected, "{filter:?} on {name}");
        };
        check("", "Anything", true);
        check("worker", "Corpus.Seed.Worker", true);
        check("seed worker", "Corpus.Seed.Worker", true);
        check("seed job", "Corpus.Seed.Worker", false);
        check("CDE", "System.ConcurrentDictionary<A>+Entry", true);
        check("ConDic", "System.ConcurrentDictionary", true);
        check("DC", "System.ConcurrentDictionary", false);
        check("cde", "System.ConcurrentDictionary<A>+Entry", false);
        check("/^Corpus\\..*\\[\\]$/", "Corpus.Seed.Worker[]", true);
        check("/worker$/", "Corpus.Seed.Worker", true);
        check("/Worker$/", "corpus.worker", false);
        check("straße", "Shop.Straße", true);
    }

    #[test]
    fn a_bad_pattern_says_where() {
        let check = |text: &str, message: &str, at: Option<usize>| {
            assert_eq!(Filter::parse(text).unwrap_err(), BadPattern { message: message.to_owned(), at });
        };
        check("/Work(er/", "group not closed", Some(6));
        check("/a)/", "group not opened", Some(3));
        check("/[a/", "class not closed", Some(2));
        check("/*/", "nothing to repeat", Some(2));
        assert_eq!(Filter::parse("/(a{1000}){1000}/").unwrap_err().message, "too large a pattern");
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let names = [("Corpus.Seed.Worker", "Worker"), ("Corpus.Seed.Job", "Job"), ("System.String", "String")];
        assert_eq!(nearest("Wroker", names.into_iter()), Some("Corpus.Seed.Worker"));
        assert_eq!(nearest("strin", names.into_iter()), Some("System.String"));
        assert_eq!(nearest("Elephant", names.into_iter()), None);
        assert_eq!(nearest("x", names.into_iter()), None);
    }
}
