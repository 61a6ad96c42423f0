//! Type names in their parts, so that the own name stays legible when room is short.
//!
//! ```text
//! System.Collections.Generic. Dictionary <System.String, Leaky.Worker> +Entry[]
//! namespace                   own name   arguments                     own name
//! ```
//!
//! Too long: first the namespace becomes `…`, then the arguments `<…>`, at last the end is cut.

use eframe::egui::Color32;

use super::pen::{Pen, Span, span};
use super::theme::{self, TextStyle, Theme};

/// What a part of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Namespace,
    Own,
    Arguments,
}

/// Splits `name` into namespace, own names and arguments. Never fails: what it does not understand is own name.
fn parts(name: &str) -> Vec<(Part, &str)> {
    let head = name.find(['<', '+', '[', '*', '&', '(']).unwrap_or(name.len());
    // `<Module>` and `<>c` begin with a bracket: there the whole is the own name.
    let own = name[..head].rfind('.').map_or(0, |dot| dot + 1);
    let mut parts = Vec::new();
    if own > 0 {
        parts.push((Part::Namespace, &name[..own]));
    }
    let (mut from, mut depth) = (own, 0_usize);
    for (index, letter) in name.char_indices().skip_while(|(index, _)| *index < own) {
        match letter {
            // A compiler's name like `<LoadAsync>d__14` or `<>c` begins with a bracket: it is no argument list.
            '<' if depth > 0 || (index > own && is_name_end(name, index)) => {
                if depth == 0 {
                    parts.push((Part::Own, &name[from..index]));
                    from = index;
                }
                depth += 1;
            }
            '>' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    parts.push((Part::Arguments, &name[from..=index]));
                    from = index + 1;
                }
            }
            _ => {}
        }
    }
    if from < name.len() {
        parts.push((if depth > 0 { Part::Arguments } else { Part::Own }, &name[from..]));
    }
    parts
}

fn is_name_end(name: &str, index: usize) -> bool {
    name[..index].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_')
}

/// The name without any namespace: `Dictionary<String, Worker>+Entry[]`.
#[must_use]
pub fn short(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (part, piece) in parts(name) {
        match part {
            Part::Namespace => {}
            Part::Own => text.push_str(piece),
            Part::Arguments => text.push_str(&without_namespaces(piece)),
        }
    }
    text
}

/// The name's own part without arguments and namespace: `Dictionary+Entry[]`.
#[must_use]
pub fn own(name: &str) -> String {
    parts(name).into_iter().filter(|(part, _)| *part == Part::Own).map(|(_, piece)| piece).collect()
}

/// The namespace without its last dot; empty without one.
#[must_use]
pub fn namespace(name: &str) -> &str {
    match parts(name).first() {
        Some((Part::Namespace, piece)) => piece.trim_end_matches('.'),
        _ => "",
    }
}

/// Drops every `Namespace.` inside an argument list.
fn without_namespaces(arguments: &str) -> String {
    let mut text = String::with_capacity(arguments.len());
    let mut word = String::new();
    for letter in arguments.chars() {
        if letter == '.' {
            word.clear();
        } else if letter.is_alphanumeric() || letter == '_' || letter == '`' {
            word.push(letter);
        } else {
            text.push_str(&word);
            word.clear();
            text.push(letter);
        }
    }
    text.push_str(&word);
    text
}

/// How a name is drawn.
#[derive(Clone, Copy, Debug)]
pub struct NameStyle {
    /// Style of the own name; the rest takes its regular face.
    pub own: TextStyle,
    /// Colour of the own name.
    pub own_color: Color32,
    /// Leave out a leading `System.`.
    pub fold_system: bool,
}

impl NameStyle {
    /// For table cells.
    #[must_use]
    pub fn cell(theme: &Theme) -> Self {
        Self { own: theme::BODY_MEDIUM, own_color: theme.t1, fold_system: false }
    }
}

/// `name` in at most `width` points.
#[must_use]
pub fn spans(pen: &Pen, name: &str, width: f32, style: NameStyle) -> Vec<Span> {
    let full = build(pen.theme, name, style, Cut::Nothing);
    if width.is_infinite() || pen.width(&full) <= width {
        return full;
    }
    let no_namespace = build(pen.theme, name, style, Cut::Namespace);
    if pen.width(&no_namespace) <= width {
        return no_namespace;
    }
    build(pen.theme, name, style, Cut::Arguments)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nothing,
    Namespace,
    Arguments,
}

fn build(theme: &Theme, name: &str, style: NameStyle, cut: Cut) -> Vec<Span> {
    let regular = style.own.with(theme::Face::Regular);
    parts(name)
        .into_iter()
        .filter_map(|(part, piece)| {
            let (text, text_style, color) = match part {
                Part::Namespace if style.fold_system && piece == "System." => return None,
                Part::Namespace if cut != Cut::Nothing => ("…".to_owned(), regular, theme.t3),
                Part::Namespace => (piece.to_owned(), regular, theme.t3),
                Part::Own => (piece.to_owned(), style.own, style.own_color),
                Part::Arguments if cut == Cut::Arguments => ("<…>".to_owned(), regular, theme.t2),
                Part::Arguments => (without_namespaces(piece), regular, theme.t2),
            };
            Some(span(text, text_style, color))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_their_parts() {
        let check = |name: &str, expected_namespace: &str, expected_own: &str, expected_short: &str| {
            assert_eq!(parts(name).iter().map(|(_, piece)| *piece).collect::<String>(), name);
            assert_eq!(namespace(name), expected_namespace, "{name}");
            assert_eq!(own(name), expected_own, "{name}");
            assert_eq!(short(name), expected_short, "{name}");
        };
        check("System.Byte[]", "System", "Byte[]", "Byte[]");
        check("Worker", "", "Worker", "Worker");
        check(
            "System.Collections.Generic.Dictionary<System.String, Leaky.Worker>+Entry[]",
            "System.Collections.Generic",
            "Dictionary+Entry[]",
            "Dictionary<String, Worker>+Entry[]",
        );
        check("Shop.Order+Line", "Shop", "Order+Line", "Order+Line");
        check("A.B+<LoadAsync>d__14", "A", "B+<LoadAsync>d__14", "B+<LoadAsync>d__14");
        check("A.B+<>c", "A", "B+<>c", "B+<>c");
        check("A.List<B.C<D.E>[]>", "A", "List", "List<C<E>[]>");
        check("<Module>", "", "<Module>", "<Module>");
        check("", "", "", "");
        check("A.Box<<LoadAsync>d__1>", "A", "Box", "Box<<LoadAsync>d__1>");
    }
}
