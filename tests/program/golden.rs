//! What the program says of the bundled dumps, word for word.
//!
//! Every file `fixtures/golden/NAME.VIEW.txt` is a case: its lines that begin with `# ` are kept (they say what other
//! tools say), the rest is what VIEW prints for the dump NAME. With `HEAPROOT_BLESS=1` the files are rewritten, and
//! the change is reviewed like code.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::{fixture, project};

/// Arguments of each view. `{}` is what the first line of the golden file says behind `# argument: `.
const VIEWS: [(&str, &[&str]); 17] = [
    ("info", &["info"]),
    ("types", &["types", "--limit", "40"]),
    ("namespaces", &["types", "--by", "namespace"]),
    ("instances", &["instances", "{}", "--limit", "10"]),
    ("handles", &["handles"]),
    ("merged", &["path", "--merged", "--type", "{}"]),
    ("path", &["path", "{}"]),
    ("paths", &["path", "{}", "--all", "--internals"]),
    ("type-paths", &["path", "--type", "{}"]),
    ("verify", &["verify"]),
    ("leaks", &["leaks"]),
    ("events", &["events"]),
    ("inspect", &["inspect", "{}"]),
    ("dominators", &["dominators", "--limit", "20"]),
    ("holders", &["dominators", "--of", "{}", "--limit", "10"]),
    ("retained", &["retained", "--no-stack", "--limit", "10", "--type", "{}"]),
    ("what-if", &["what-if", "--ignore", "{}"]),
];

#[test]
fn reports_read_as_before() {
    let bless = std::env::var_os("HEAPROOT_BLESS").is_some();
    let views: BTreeMap<&str, &[&str]> = VIEWS.into();
    let mut n_cases = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(project("fixtures/golden")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let (dump, view) = file.strip_suffix(".txt").and_then(|stem| stem.rsplit_once('.')).unwrap_or_else(|| {
            panic!("{file} is not called DUMP.VIEW.txt");
        });
        let arguments = views.get(view).unwrap_or_else(|| panic!("{file}: no view is called {view}"));
        let text = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        let head: String = text.lines().filter(|line| line.starts_with("# ")).map(|line| format!("{line}\n")).collect();
        let body: String =
            text.lines().filter(|line| !line.starts_with("# ")).map(|line| format!("{line}\n")).collect();
        let printed = print(dump, view, arguments, &head);
        n_cases += 1;
        if bless {
            std::fs::write(&path, format!("{head}{printed}")).unwrap();
        } else if body != printed {
            wrong.push(file);
            println!("{}", difference(&body, &printed));
        }
    }
    assert!(n_cases > 0, "no golden files");
    assert_eq!(wrong, Vec::<String>::new(), "see above; HEAPROOT_BLESS=1 rewrites them");
}

fn print(dump: &str, view: &str, arguments: &[&str], head: &str) -> String {
    let argument = head.lines().find_map(|line| line.strip_prefix("# argument: ")).unwrap_or("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_heaproot"));
    let (name, rest) = arguments.split_first().unwrap();
    command.arg(name).arg(fixture(dump));
    for part in rest {
        command.arg(if *part == "{}" { argument } else { part });
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{dump}.{view}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first lines that differ, in both forms.
fn difference(expected: &str, found: &str) -> String {
    let mut text = String::new();
    let (mut before, mut after) = (expected.lines(), found.lines());
    let mut n = 0;
    loop {
        match (before.next(), after.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                n += 1;
                if n <= 10 {
                    text.push_str(&format!("- {}\n+ {}\n", a.unwrap_or(""), b.unwrap_or("")));
                }
            }
        }
    }
    text
}
