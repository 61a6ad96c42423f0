//! The path as text.

use super::{LineKind, Paths};
use crate::base::number;

/// The path for the clipboard: the spine, from the object to the root, and those of other roots.
pub(super) fn text(paths: &Paths) -> String {
    let mut text = String::new();
    for line in paths.lines.iter().filter(|line| line.depth == 0) {
        let line = match &line.kind {
            LineKind::Subject(node) => join([node.type_name.as_str(), &node.note, &node.address.to_string()]),
            LineKind::Further { index, n_holders, n_shared, .. } => {
                format!("Path {index}, {}", shared_words(*n_holders, *n_shared))
            }
            LineKind::Step { via, node, .. } => {
                let via = via.as_deref().unwrap_or("?");
                join([&format!("  {via} of {}", node.type_name), &node.note, &node.address.to_string()])
            }
            LineKind::Run { n, type_name, .. } => format!("  {} more of {type_name}", number::count(*n)),
            LineKind::Root(root) => {
                let stale = if root.is_doubtful { " (may be stale)" } else { "" };
                format!("  {} {}{stale}", root.kind.label(), root.name)
            }
            LineKind::Fork { .. } | LineKind::Cycle { .. } | LineKind::More { .. } => continue,
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// How much of a further path is new.
#[must_use]
pub fn shared_words(n_holders: u64, n_shared: u64) -> String {
    match (n_holders, n_shared) {
        (0, _) => "held by the root itself".to_owned(),
        (_, 0) => "no holder in common with those above".to_owned(),
        (n, shared) if n == shared => "from another root into those above".to_owned(),
        (n, shared) => {
            format!("{} of {} are on those above", number::count(shared), number::counted(n, "holder", "holders"))
        }
    }
}

fn join<const N: usize>(parts: [&str; N]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("  ")
}

/// The path as a list for a bug tracker.
#[must_use]
pub fn markdown(paths: &Paths) -> String {
    let mut text = String::new();
    for line in paths.text.lines() {
        let indent = if line.starts_with("  ") { "  - " } else { "- " };
        text.push_str(&format!("{indent}`{}`\n", line.trim().replace('`', "'")));
    }
    text
}
