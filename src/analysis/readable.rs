//! Compiled names as their author wrote them: lambdas by the method they stand in, state machines by their method,
//! delegates by what they call.

use super::Heap;
use super::root_path::RootPath;
use crate::base::number;
use crate::snapshot::preview::without_namespaces;
use crate::snapshot::values::MethodName;
use crate::snapshot::{HeapSnapshot, ObjectId, TypeShape};

/// `OnTick`, or `lambda in Watch` of `<Watch>b__0`, or `Local in Run` of `<Run>g__Local|3_0`.
#[must_use]
pub fn method_text(name: &str) -> String {
    let compiled = |mark: &str| name.strip_prefix('<').and_then(|rest| rest.split_once(mark));
    match (compiled(">b__"), compiled(">g__")) {
        (Some((method, _)), _) => format!("lambda in {method}"),
        (None, Some((method, rest))) => format!("{} in {method}", rest.split('|').next().unwrap_or(rest)),
        (None, None) => name.to_owned(),
    }
}

/// `Worker.OnShutdown`; `lambda in Program.Watch`; the class that a lambda was written in, not the one it was compiled
/// to.
#[must_use]
pub fn method_words(method: &MethodName) -> String {
    let owner = written_in(&without_namespaces(&method.type_name)).to_owned();
    let text = method_text(&method.name);
    match (owner.is_empty(), text.split_once(" in ")) {
        (true, _) => text,
        (false, Some((what, inside))) => format!("{what} in {owner}.{inside}"),
        (false, None) => format!("{owner}.{text}"),
    }
}

/// The type without the compiler's own types inside it: `Program` of `Program+<>c__DisplayClass17_0`.
fn written_in(type_name: &str) -> &str {
    type_name.find("+<").and_then(|at| type_name.get(..at)).unwrap_or(type_name)
}

/// `Shop.Saga.Inner` out of `…AsyncStateMachineBox<Shop.Saga+<Inner>d__4>`, or of the state machine's own name.
#[must_use]
pub fn state_machine_method(name: &str) -> Option<String> {
    let machine = name.rfind(">d__")?;
    let open = name.get(..machine)?.rfind('<')?;
    let method = name.get(open + 1..machine)?;
    let owner = name.get(..open)?.trim_end_matches('+');
    let owner = owner.rsplit([',', '<', ' ']).next().unwrap_or(owner);
    Some(format!("{owner}.{method}"))
}

/// What the delegate `object` calls: `Worker.OnShutdown`; for a multicast one `3,000 handlers`. `None` where that is
/// not in the dump.
#[must_use]
pub fn delegate_words(snapshot: &HeapSnapshot, object: ObjectId) -> Option<String> {
    let parts = snapshot.delegate(object)?;
    if !snapshot.invocation_list(&parts, 1).is_empty() {
        return Some(number::counted(parts.invocation_count, "handler", "handlers"));
    }
    snapshot.values.method_at(parts.code()).map(|method| method_words(&method))
}

/// What a compiled or delegate object is in its author's words: `→ Worker.OnShutdown`, `lambda in Program.Watch`,
/// `async Shop.Saga.Inner`. `None` for every other object. Reads the dump; for a closure some of its referrers.
#[must_use]
pub fn note(heap: &Heap<'_>, object: ObjectId) -> Option<String> {
    let row = heap.snapshot.type_of(object);
    if row.shape == TypeShape::Delegate {
        let words = delegate_words(heap.snapshot, object)?;
        return Some(if words.ends_with("handlers") || words.ends_with("handler") {
            words
        } else {
            format!("→ {words}")
        });
    }
    let name = row.name.known()?;
    if name.contains("+<>c__DisplayClass") {
        return Some(closure_words(heap, object, name));
    }
    let method = state_machine_method(name)?;
    // Only an async state machine has a builder; an iterator has none.
    let is_async = name.contains("AsyncStateMachineBox<")
        || row.fields.iter().any(|field| field.name.as_deref() == Some("<>t__builder"));
    Some(format!("{} {method}", if is_async { "async" } else { "iterator" }))
}

/// Every handler on the path, by who raises it and what is called: `Dispatcher.Shutdown → Worker.OnShutdown`. Reads the
/// delegates on the path from the dump.
#[must_use]
pub fn handlers_on(heap: &Heap<'_>, path: &RootPath) -> Vec<String> {
    let snapshot = heap.snapshot;
    let is_delegate = |object: ObjectId| snapshot.type_of(object).shape == TypeShape::Delegate;
    let mut found = Vec::new();
    for (at, pair) in path.objects.windows(2).enumerate() {
        let &[delegate, target] = pair else { continue };
        let Some(parts) = snapshot.delegate(delegate) else { continue };
        if snapshot.objects.at(parts.target) != Some(target) || !snapshot.invocation_list(&parts, 1).is_empty() {
            continue;
        }
        let Some(method) = snapshot.values.method_at(parts.code()) else { continue };
        // In the list of a multicast delegate it is the whole that someone holds.
        let whole = match at.checked_sub(2).and_then(|whole| path.objects.get(whole)) {
            Some(&whole) if is_delegate(whole) => at - 2,
            _ => at,
        };
        let publisher = match whole.checked_sub(1).and_then(|holder| path.objects.get(holder)) {
            None => path.start.short_name(heap),
            Some(&holder) => {
                let field = path.objects.get(whole).and_then(|&held| heap.edge_name(holder, held));
                let owner = without_namespaces(&snapshot.type_of(holder).display_name());
                format!("{owner}.{}", field.unwrap_or_else(|| "?".to_owned()))
            }
        };
        found.push(format!("{publisher} → {}", method_words(&method)));
    }
    found
}

/// Referrers of a closure that are looked at for a delegate that names its method.
const MOST_REFERRERS: usize = 16;

/// `lambda in Program.Watch` by a delegate on the closure; else `closure in Program`.
fn closure_words(heap: &Heap<'_>, closure: ObjectId, name: &str) -> String {
    let delegates = heap.referrers.of(closure).take(MOST_REFERRERS).filter_map(|from| heap.snapshot.delegate(from));
    let method = delegates
        .filter(|parts| heap.snapshot.objects.at(parts.target) == Some(closure))
        .find_map(|parts| heap.snapshot.values.method_at(parts.code()));
    match method {
        Some(method) => method_words(&method),
        None => format!("closure in {}", written_in(&without_namespaces(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_methods_read_as_written() {
        for (method, expected) in [
            ("OnTick", "OnTick"),
            ("<Watch>b__0", "lambda in Watch"),
            ("<Main>b__0_1", "lambda in Main"),
            ("<Run>g__Local|3_0", "Local in Run"),
        ] {
            assert_eq!(method_text(method), expected);
        }
        let words = |type_name: &str, name: &str| {
            let (type_name, name) = (type_name.to_owned(), name.to_owned());
            method_words(&MethodName { type_name, name, is_static: false })
        };
        assert_eq!(words("Corpus.Seed.Worker", "OnShutdown"), "Worker.OnShutdown");
        assert_eq!(words("App.Program+<>c__DisplayClass17_0", "<Watch>b__0"), "lambda in Program.Watch");
        assert_eq!(words("", "Dynamic"), "Dynamic");
    }

    #[test]
    fn a_state_machine_reads_as_its_method() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(state_machine_method(name).as_deref(), expected);
        check(
            "System.Runtime.CompilerServices.AsyncTaskMethodBuilder<System.Int32>+AsyncStateMachineBox<Shop.Saga+<Inner>d__4>",
            Some("Shop.Saga.Inner"),
        );
        check("Shop.Saga+<Outer>d__1", Some("Shop.Saga.Outer"));
        check("System.Action", None);
    }
}
