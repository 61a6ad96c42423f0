//! Words of a command as a person can paste them into a shell.

/// `text` as one word: as it is where nothing in it means something to a shell, else in double quotes.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:+,=@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut word = String::from("\"");
    for letter in text.chars() {
        if matches!(letter, '"' | '\\' | '$' | '`') {
            word.push('\\');
        }
        word.push(letter);
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_is_quoted() {
        for (text, expected) in [
            ("Corpus.Seed.Worker", "Corpus.Seed.Worker"),
            ("List<String>", "\"List<String>\""),
            ("two words", "\"two words\""),
            ("say \"$HOME\"", "\"say \\\"\\$HOME\\\"\""),
            ("", "\"\""),
        ] {
            assert_eq!(shell_word(text), expected);
        }
    }
}
