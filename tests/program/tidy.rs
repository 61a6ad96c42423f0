//! What the sources keep to and no compiler checks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::project;

/// Which modules a module may name. An edge that is not here is a mistake of layering, not a missing row.
const IMPORTS: [(&str, &[&str]); 13] = [
    ("base", &[]),
    ("dump", &["base"]),
    ("image", &["base"]),
    ("target", &["base", "dump", "image"]),
    ("clr", &["base", "image", "target"]),
    ("snapshot", &["base"]),
    ("load", &["base", "dump", "image", "target", "clr", "snapshot"]),
    ("analysis", &["base", "snapshot"]),
    ("report", &["base", "snapshot", "analysis"]),
    ("session", &["base", "snapshot", "load", "analysis", "report"]),
    ("cli", &["base", "snapshot", "load", "analysis", "report", "session"]),
    ("ui", &["base", "snapshot", "analysis", "report", "session"]),
    ("synth", &["base", "snapshot"]),
];

/// Lines of one source file.
const MOST_LINES: usize = 800;

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The module at the top of its path: `clr` of `src/clr/gc.rs`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let (module, _) = inside.split_once('/')?;
        Some(module)
    }

    /// The lines before its tests, with their numbers.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("\n#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        let tests = if self.path.ends_with("/tests.rs") { 0 } else { tests };
        self.text[..tests].lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

#[test]
fn modules_import_only_what_stands_below_them() {
    let table: BTreeMap<&str, &[&str]> = IMPORTS.into();
    let mut wrong = Vec::new();
    let mut n_imports = 0;
    for source in rust_files(&["src"]) {
        let Some(module) = source.module() else { continue };
        let allowed = table.get(module).unwrap_or_else(|| panic!("src/{module} has no row in IMPORTS"));
        for (number, line) in source.shipped() {
            for name in named_modules(line) {
                n_imports += 1;
                if name != module && table.contains_key(name) && !allowed.contains(&name) {
                    wrong.push(format!("{}:{number}: {module} names {name}", source.path));
                }
            }
        }
    }
    assert!(n_imports > 100, "the search finds nothing: {n_imports}");
    assert_eq!(wrong, Vec::<String>::new());
}

/// The `x` of every `crate::x` in a line of code.
fn named_modules(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or(line);
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list = rest.strip_prefix('{').map_or(rest, |list| list.split('}').next().unwrap_or(list));
        let is_list = list.len() != rest.len();
        for part in list.split(',').take(if is_list { usize::MAX } else { 1 }) {
            let name = part.trim().split(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or("");
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}

#[test]
fn every_file_opens_with_its_duty() {
    let wrong: Vec<String> = rust_files(&["src", "tests", "benches"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_stay_readable() {
    let wrong: Vec<String> = rust_files(&["src", "tests", "benches"])
        .into_iter()
        .filter(|source| source.text.lines().count() > MOST_LINES)
        .map(|source| source.path)
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn unsafe_lives_in_one_file() {
    let mut places = Vec::new();
    for source in rust_files(&["src"]) {
        let is_unsafe = |line: &str| {
            let code = line.split("//").next().unwrap_or(line);
            code.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == "unsafe")
        };
        if source.text.lines().any(is_unsafe) {
            places.push(source.path);
        }
    }
    assert_eq!(places, ["src/dump/map.rs"]);
}

#[test]
fn colours_come_from_the_theme() {
    let mut wrong = Vec::new();
    for source in rust_files(&["src/ui"]) {
        if source.path == "src/ui/theme.rs" {
            continue;
        }
        for (number, line) in source.shipped() {
            let code = line.split("//").next().unwrap_or(line);
            let makes_colour = ["Color32::from_rgb(", "Color32::from_gray(", "Color32::from_hex(", "hex_color!"]
                .iter()
                .any(|maker| code.contains(maker));
            let names_colour = ["RED", "GREEN", "BLUE", "YELLOW", "GRAY", "WHITE", "BLACK", "ORANGE", "GOLD"]
                .iter()
                .any(|name| code.contains(&format!("Color32::{name}")));
            if makes_colour || names_colour {
                wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_dump_has_a_row_that_fits_it() {
    let table = std::fs::read_to_string(project("fixtures/README.md")).unwrap();
    let mut n_dumps = 0;
    for entry in std::fs::read_dir(project("fixtures/dumps")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let row = table
            .lines()
            .find(|line| line.starts_with(&format!("| {name} |")))
            .unwrap_or_else(|| panic!("{name} has no row in fixtures/README.md"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let bytes = cells.iter().rev().nth(2).unwrap();
        assert_eq!(*bytes, entry.metadata().unwrap().len().to_string(), "bytes of {name}");
        let digest = cells.iter().rev().nth(1).unwrap();
        assert!(digest.len() == 64 && digest.chars().all(|char| char.is_ascii_hexdigit()), "digest of {name}");
        n_dumps += 1;
    }
    let n_rows = table.lines().filter(|line| line.contains(".zst |")).count();
    assert_eq!(n_rows, n_dumps, "rows without a dump");
}

#[test]
fn nothing_names_the_machine_it_was_made_on() {
    // Put together here, so that this file does not name them either.
    let traces = [["/wo", "rk/"], ["/ro", "ot/"], ["/tmp/", "dumps"], ["/ho", "me/"]].map(|parts| parts.concat());
    let mut wrong = Vec::new();
    let mut n_files = 0;
    for path in all_files(&project("")) {
        // In a linked work tree `.git` is a file with the place of the real one.
        if path.ends_with(".git") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        n_files += 1;
        for (index, line) in text.lines().enumerate() {
            if traces.iter().any(|trace| line.contains(trace.as_str())) {
                wrong.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(n_files > 50, "the search finds nothing: {n_files}");
    assert_eq!(wrong, Vec::<String>::new());
}

fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in folders {
        for path in all_files(&project(folder)) {
            if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(project("")).unwrap();
                let inside = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>();
                let text = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
                sources.push(Source { path: inside.join("/"), text });
            }
        }
    }
    sources
}

/// Every file below `folder`, build results and hidden folders but `.ci` left out, in a fixed order.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && (!name.starts_with('.') || name == ".ci") {
                    folders.push(path);
                }
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn imports_are_found_in_every_spelling() {
    assert_eq!(named_modules("use crate::base::{Addr, Job};"), ["base"]);
    assert_eq!(named_modules("use crate::{base, snapshot::HeapSnapshot};"), ["base", "snapshot"]);
    assert_eq!(named_modules("fn f(job: &crate::base::Job, x: crate::clr::Y) {}"), ["base", "clr"]);
    assert_eq!(named_modules("// crate::ui is not named here"), Vec::<&str>::new());
}
