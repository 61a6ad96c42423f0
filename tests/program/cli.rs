//! The command line as a person and a script meet it.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::fixture;

const SAMPLE: &str = "seed-grow-b-n10";

fn heaproot(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heaproot"))
        .args(arguments)
        // Without a display the program answers in the terminal; a test must not open windows.
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap()
}

fn on_sample(arguments: &[&str]) -> Output {
    let (command, rest) = arguments.split_first().unwrap();
    let dump = fixture(SAMPLE);
    let mut all = vec![*command, dump.to_str().unwrap()];
    all.extend(rest);
    heaproot(&all)
}

fn json(arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    let output = on_sample(&all);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(errors(&output), "", "progress belongs on a terminal only");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A file of this test's own, gone when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("heaproot-test-{}-{name}", std::process::id()));
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn types_list_the_whole_heap() {
    let types = json(&["types"]);
    assert_eq!(types["schema"], "heaproot.types/1");
    let rows = types["types"].as_array().unwrap();
    let sum = |key: &str| rows.iter().map(|row| row[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(types["total"]["count"].as_u64(), Some(sum("count")));
    assert_eq!(types["total"]["bytes"].as_u64(), Some(sum("bytes")));
    let workers: Vec<&Value> = rows.iter().filter(|row| row["name"] == "Corpus.Seed.Worker").collect();
    assert_eq!(workers.len(), 1);
    assert_eq!(workers[0]["count"], 3000);
    assert_eq!(workers[0]["bytes"], 3000 * 48);
    assert_eq!(workers[0]["module"], "Seed.dll");
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row["bytes"].as_u64())));
    assert_eq!(types["coverage"]["complete"], true);
}

#[test]
fn types_are_filtered_sorted_and_gathered() {
    let found = json(&["types", "--filter", "corpus.seed.w", "--sort", "count"]);
    let names: Vec<&str> = found["types"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    assert!(names.contains(&"Corpus.Seed.Worker"), "{names:?}");
    assert!(names.iter().all(|name| name.to_lowercase().contains("corpus.seed.w")), "{names:?}");

    let groups = json(&["types", "--by", "namespace"]);
    let seed = groups["groups"].as_array().unwrap().iter().find(|group| group["name"] == "Corpus.Seed").unwrap();
    assert!(seed["count"].as_u64() >= Some(6000), "{seed}");
    let csv = text(&on_sample(&["types", "--format", "csv", "--limit", "3"]));
    assert_eq!(csv.lines().next(), Some("mt,count,bytes,raw_bytes,biggest,module,name"));
    assert_eq!(csv.lines().count(), 4);
}

#[test]
fn a_type_is_found_by_name_by_part_and_by_method_table() {
    let whole = json(&["instances", "Corpus.Seed.Worker"]);
    assert_eq!(whole["schema"], "heaproot.instances/1");
    let rows = whole["instances"].as_array().unwrap();
    assert_eq!(rows.len(), 3000);
    assert_eq!(rows[0]["bytes"], 48);
    assert_eq!(rows[0]["reachable"], true);
    assert!(rows.is_sorted_by_key(|row| row["address"].as_str().unwrap().to_owned()));
    assert_eq!(json(&["instances", "Worker"]), whole);
    assert_eq!(json(&["instances", whole["mts"][0].as_str().unwrap()]), whole);

    let many = on_sample(&["instances", "e"]);
    assert_eq!(many.status.code(), Some(2));
    assert!(errors(&many).contains("give more of the name"), "{}", errors(&many));
    let none = on_sample(&["instances", "Wroker"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(errors(&none).contains("did you mean Corpus.Seed.Worker"), "{}", errors(&none));
}

#[test]
fn a_path_leads_from_the_event_to_the_worker() {
    let workers = json(&["instances", "Corpus.Seed.Worker"]);
    // The newest worker has left the list of the active ones? The list keeps the last sixteen: take the first.
    let address = workers["instances"][0]["address"].as_str().unwrap().to_owned();
    let path = json(&["path", &address]);
    assert_eq!(path["schema"], "heaproot.path/1");
    assert_eq!(path["object"], address.as_str());
    assert_eq!(path["reachable"], true);
    let first = &path["paths"][0];
    assert_eq!(first["root"]["kind"], "static");
    assert_eq!(first["root"]["name"], "Corpus.Seed.Dispatcher.Shutdown");
    let steps = first["steps"].as_array().unwrap();
    let via: Vec<&str> = steps.iter().map(|step| step["via"].as_str().unwrap_or("")).collect();
    assert_eq!(via[0], "");
    assert_eq!(via[1], "_invocationList");
    assert!(via[2].starts_with('[') && via[2].ends_with(']'), "{via:?}");
    assert_eq!(via[3], "_target");
    assert_eq!(steps[3]["type"], "Corpus.Seed.Worker");
    assert_eq!(steps[3]["address"], address.as_str());
    assert_eq!(steps.len(), 4);

    // The same object by an address inside it, in a debugger's spelling.
    let inside = u64::from_str_radix(address.trim_start_matches("0x"), 16).unwrap() + 16;
    let spelled = format!("{:08x}`{:08x}", inside >> 32, inside & 0xffff_ffff);
    assert_eq!(json(&["path", &spelled])["paths"], path["paths"]);
    let markdown = on_sample(&["path", &address, "--format", "md"]);
    assert!(text(&markdown).contains("Corpus.Seed.Dispatcher.Shutdown"), "{}", text(&markdown));
}

#[test]
fn info_and_verify_say_what_was_read() {
    let info = json(&["info"]);
    assert_eq!(info["schema"], "heaproot.info/1");
    assert!(info["runtime"]["version"].as_str().unwrap().starts_with("10.0"), "{}", info["runtime"]);
    assert_eq!((&info["os"], &info["arch"]), (&Value::from("Linux"), &Value::from("x64")));
    assert_eq!(info["gc"]["mode"], "workstation");
    assert_eq!(info["gc"]["layout"], "regions");
    assert_eq!(info["gc"]["heaps"], 1);
    assert!(!info["segments"].as_array().unwrap().is_empty());
    let held = &info["reachable"];
    assert!(held["without_stack"]["count"].as_u64() > Some(20_000), "{held}");
    assert!(held["with_stack"]["count"].as_u64() >= held["without_stack"]["count"].as_u64(), "{held}");

    let verify = json(&["verify"]);
    assert_eq!(verify["schema"], "heaproot.verify/1");
    assert_eq!(verify["findings"], Value::Array(Vec::new()));
    let rows = verify["references"].as_array().unwrap();
    let worker = rows.iter().find(|row| row["name"] == "Corpus.Seed.Worker").unwrap();
    assert!(worker["count"].as_u64() >= Some(3000) && worker["xor"].as_str().unwrap().starts_with("0x"), "{worker}");
}

#[test]
fn without_a_display_the_answer_stands_in_the_terminal() {
    let output = heaproot(&[fixture(SAMPLE).to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = text(&output);
    for part in [".NET 10", "Corpus.Seed.Worker", "Everything was read", "static "] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    if cfg!(feature = "ui") {
        assert_eq!(errors(&output).lines().count(), 1, "{}", errors(&output));
    }
}

#[test]
fn exit_codes_tell_what_happened() {
    for (arguments, expected) in [
        (vec!["--version"], 0),
        (vec!["--help"], 0),
        (vec![], 2),
        (vec!["frobnicate", "x", "y"], 2),
        (vec!["types"], 2),
    ] {
        assert_eq!(heaproot(&arguments).status.code(), Some(expected), "{arguments:?}");
    }
    for (arguments, expected) in [
        (vec!["types", "--filter", "/[/"], 2),
        (vec!["path", "Worker"], 2),
        (vec!["path", "0x10"], 2),
        (vec!["types", "--modules", "no-such-folder"], 2),
        (vec!["info", "--strict"], 0),
    ] {
        let output = on_sample(&arguments);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {}", errors(&output));
    }
    let unnamed = fixture("leaky-c31-kernel");
    let strict = heaproot(&["types", unnamed.to_str().unwrap(), "--strict"]);
    assert_eq!(strict.status.code(), Some(3), "{}", errors(&strict));
    assert!(errors(&strict).contains("without a name"), "{}", errors(&strict));
}

#[test]
fn a_refusal_says_what_where_and_what_to_do() {
    let junk = Scratch::new("junk", b"this is no dump, whatever its name says");
    for (file, part) in [
        (junk.path().to_owned(), junk.path()),
        (fixture("seed-aot-createdump-n10").to_str().unwrap().to_owned(), "NativeAOT"),
        ("no-such-file.core".to_owned(), "Check the path"),
    ] {
        let output = heaproot(&["types", &file]);
        assert_eq!(output.status.code(), Some(1), "{file}: {}", errors(&output));
        assert_eq!(text(&output), "", "{file}");
        let errors = errors(&output);
        assert!(errors.starts_with("heaproot: ") && errors.contains(part), "{errors}");
        assert!(errors.contains("What to do next"), "{errors}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_heaproot"))
        .args(["instances", fixture(SAMPLE).to_str().unwrap(), "System.String", "--format", "csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut first).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(&first, b"address,");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(errors(&output), "");
}

#[test]
fn a_limit_leaves_rows_out_and_changes_no_sentence() {
    let dump = fixture("eventleaks-n9");
    let output = heaproot(&["events", dump.to_str().unwrap(), "--limit", "2"]);
    let text = text(&output);
    assert!(text.starts_with("8 events keep what nothing else uses; all together 4.0 MiB come back."), "{text}");
    assert!(text.contains("Document.Changed") && !text.contains("Clock.Tick"), "{text}");
    assert!(text.contains("15 more not shown (--limit)."), "{text}");
}

#[test]
fn two_runs_print_the_same_bytes() {
    for arguments in [vec!["info", "--format", "json"], vec!["types", "--format", "csv"], vec!["verify"]] {
        assert_eq!(on_sample(&arguments).stdout, on_sample(&arguments).stdout, "{arguments:?}");
    }
}
