//! Which types are the framework's own: plumbing, beside what a program's author wrote.

use crate::base::RootKind;
use crate::snapshot::{HeapGraph, HeapSnapshot, Root, TypeId, TypeRow};

/// Is a type the framework's own. An array is what its elements are. By the module that defines it; by namespace when
/// the module is unknown; never for a type of which neither is known.
#[must_use]
pub fn is_framework(snapshot: &HeapSnapshot, row: &TypeRow) -> bool {
    let mut row = row;
    // Arrays of arrays end; a bent table that loops does not.
    for _ in 0..16 {
        match row.element {
            Some(element) if element.index() < snapshot.types.len() => row = snapshot.types.row(element),
            _ => break,
        }
    }
    match row.module.and_then(|module| snapshot.modules.get(module.index())) {
        Some(module) => is_framework_name(module.name.trim_end_matches(".dll").trim_end_matches(".exe")),
        None => row.name.known().is_some_and(is_framework_name),
    }
}

/// True for the name of a module, namespace or type of the framework.
#[must_use]
pub fn is_framework_name(name: &str) -> bool {
    const ROOTS: [&str; 9] = [
        "System",
        "Microsoft",
        "Internal",
        "Interop",
        "mscorlib",
        "netstandard",
        "WindowsBase",
        "PresentationCore",
        "PresentationFramework",
    ];
    ROOTS.iter().any(|root| name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// [`is_framework`] of every type, by id.
#[must_use]
pub fn framework_types(snapshot: &HeapSnapshot) -> Vec<bool> {
    snapshot.types.iter().map(|(_, row)| is_framework(snapshot, row)).collect()
}

/// True for a root of the framework's own: a static of its types; a handle or stack word to an object of its types.
#[must_use]
pub fn is_framework_root(snapshot: &HeapSnapshot, graph: &HeapGraph, root: &Root, framework: &[bool]) -> bool {
    let rows = match root.kind {
        RootKind::Static => Some(&graph.roots.statics),
        RootKind::ThreadStatic => Some(&graph.roots.thread_statics),
        _ => None,
    };
    let row = rows.and_then(|rows| rows.get(root.row? as usize));
    let ty: TypeId = row.map_or_else(|| snapshot.objects.type_of(root.object), |row| row.declaring);
    framework.get(ty.index()).copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framework_names_begin_with_a_whole_word() {
        for (name, expected) in [
            ("System", true),
            ("System.Private.CoreLib", true),
            ("System.Collections.Generic.List<Leaky.Worker>", true),
            ("SystemOfMine", false),
            ("Microsoft.Extensions.Caching", true),
            ("Leaky.Worker", false),
            ("", false),
        ] {
            assert_eq!(is_framework_name(name), expected, "{name}");
        }
    }
}
