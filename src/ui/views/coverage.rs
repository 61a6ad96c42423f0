//! What was read and what was not, as a page.

use eframe::egui;
use egui::{Id, Rect, Role, Sense, Ui, pos2};

use crate::base::{Warnings, number};
use crate::snapshot::{Facts, GapReason, HeapSnapshot};
use crate::ui::app::{Command, Cx, Pane};
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::theme::{self, Face};
use crate::ui::widgets::{Button, List, ListState, RowName};

/// What the view remembers.
#[derive(Debug, Default)]
pub struct CoverageState {
    rows: ListState,
    cached: Option<(bool, Vec<Line>)>,
}

/// One line of the page.
#[derive(Clone, Debug)]
enum Line {
    Title(String, String),
    Fact { label: String, text: String, tone: Tone },
    Generation { name: String, numbers: Option<[u64; 4]> },
    Space,
}

/// What a fact means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Gap,
}

/// Draws the view.
pub fn coverage_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut CoverageState) -> Pane {
    let id = Id::unique("coverage-list");
    let pane = Pane { id, rect, filter: None };
    let n_gaps = super::status::n_gaps(cx.dump, cx.snapshot);
    let note = match n_gaps {
        0 if cx.graph.is_none() => "the heap is read, references follow",
        0 => "everything that matters was read",
        _ => "what is missing comes first",
    };
    let add = Button::new(Some(icons::FOLDER_PLUS), "Add module folder…");
    let limit = rect.right() - theme::PAD - add.width(&Pen::on(ui)) - 12.0;
    if add.right(ui, rect.right() - theme::PAD, rect.top() + 20.5).clicked() {
        cx.outbox.send(Command::AddFolder);
    }
    super::title_line(ui, rect);
    super::pane_title(ui, rect, "Coverage", note, limit);
    let body = super::below_title(rect);
    let is_done = cx.graph.is_some();
    if state.cached.as_ref().is_none_or(|(was_done, _)| *was_done != is_done) {
        state.cached = Some((is_done, lines(cx)));
    }
    let Some((_, lines)) = &state.cached else { return pane };
    let list = List { id, name: "Coverage", role: Role::Table, n_rows: lines.len() as u64, row_height: theme::ROW };
    let output = list.show(ui, body, &mut state.rows, |ui, row| match lines.get(row.index as usize) {
        Some(line) => line_ui(ui, row.rect, line).into(),
        None => RowName::default(),
    });
    if let (Some(_), Some((first, last))) = (output.copied, state.rows.selection()) {
        let text: Vec<_> = lines[first as usize..=(last as usize).min(lines.len() - 1)].iter().map(line_text).collect();
        cx.outbox.send(Command::Copy(text.join("\n")));
    }
    pane
}

fn line_text(line: &Line) -> String {
    match line {
        Line::Title(title, note) => format!("{title}\t{note}"),
        Line::Fact { label, text, .. } => format!("{label}\t{text}"),
        Line::Generation { name, numbers: Some([count, bytes, n_free, free]) } => {
            format!("{name}\t{count}\t{bytes}\t{n_free}\t{free}")
        }
        Line::Generation { name, numbers: None } => format!("{name}\tobjects\tbytes\tfree blocks\tfree bytes"),
        Line::Space => String::new(),
    }
}

fn line_ui(ui: &mut Ui, rect: Rect, line: &Line) -> String {
    const LABEL: f32 = 190.0;
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let y = rect.center().y;
    let left = rect.left() + theme::PAD;
    let right = rect.right() - theme::PAD;
    match line {
        Line::Title(title, note) => {
            let spans = [
                span(title.as_str(), theme::BODY_STRONG, theme.t1),
                span(note.as_str(), theme::SMALL, theme.t3).after(8.0),
            ];
            pen.spans_cut(left, right, y, &spans);
            pen.hline(left, right, rect.bottom() - pen.hair(), theme.line);
        }
        Line::Fact { label, text, tone } => {
            pen.text_cut(left, left + LABEL - 30.0, y, label, theme::BODY, theme.t3);
            let x = left + LABEL;
            let (icon, color) = match tone {
                Tone::Plain => (None, theme.t1),
                Tone::Good => (Some((icons::CHECK, Face::IconBold)), theme.ok),
                Tone::Gap => (Some((icons::WARNING, Face::IconFill)), theme.warn),
            };
            if let Some((icon, face)) = icon {
                pen.icon_in(pos2(x - 14.0, y), icon, 13.0, color, face);
            }
            pen.text_cut(x, right, y, text, theme::BODY, if *tone == Tone::Gap { theme.warn } else { theme.t1 });
            if text.len() > 80 {
                let at = Rect::from_min_max(pos2(x, rect.top()), pos2(right, rect.bottom()));
                ui.interact(at, ui.scope_id().with(("tip", label, text)), Sense::hover()).on_hover_text(text);
            }
        }
        Line::Generation { name, numbers } => {
            let columns = [left + LABEL + 60.0, left + LABEL + 170.0, left + LABEL + 280.0, left + LABEL + 380.0];
            match numbers {
                None => {
                    for (x, title) in columns.into_iter().zip(["Objects", "Bytes", "Free blocks", "Free"]) {
                        pen.text_right(x, y, title, theme::SMALL, theme.t3);
                    }
                    pen.text(left, y, name, theme::SMALL, theme.t3);
                }
                Some([count, bytes, n_free, free]) => {
                    pen.text(left, y, name, theme::BODY, theme.t1);
                    pen.text_right(columns[0], y, &number::count(*count), theme::BODY, theme.t1);
                    pen.size(columns[1], y, *bytes, theme.t1);
                    pen.text_right(columns[2], y, &number::count(*n_free), theme::BODY, theme.t2);
                    pen.size(columns[3], y, *free, theme.t2);
                }
            }
        }
        Line::Space => {}
    }
    line_text(line).replace('\t', ", ")
}

fn lines(cx: &Cx<'_>) -> Vec<Line> {
    let mut lines = vec![Line::Space];
    gaps(cx, &mut lines);
    lines.push(Line::Space);
    generations(cx.snapshot, &mut lines);
    lines.push(Line::Space);
    dump_facts(&cx.snapshot.facts, &mut lines);
    lines.push(Line::Space);
    modules(cx.snapshot, &mut lines);
    let mut warnings = Warnings::new();
    warnings.merge(cx.snapshot.warnings.clone());
    if let Some(graph) = cx.graph {
        warnings.merge(graph.warnings.clone());
    }
    if !warnings.is_empty() {
        let n = warnings.list().len() as u64 + warnings.n_more();
        lines.push(Line::Space);
        lines.push(Line::Title("Skipped".to_owned(), number::counted(n, "thing", "things")));
        lines.extend(warnings.list().iter().map(|warning| {
            let place = warning.place.map_or(String::new(), |place| format!(" ({place})"));
            fact(warning.what.label(), format!("{}{place}", warning.why), Tone::Plain)
        }));
    }
    lines
}

fn fact(label: impl Into<String>, text: impl Into<String>, tone: Tone) -> Line {
    Line::Fact { label: label.into(), text: text.into(), tone }
}

fn gaps(cx: &Cx<'_>, lines: &mut Vec<Line>) {
    let coverage = &cx.snapshot.coverage;
    let mut gaps = Vec::new();
    let mut good = Vec::new();
    let share = number::share(coverage.walked_bytes, coverage.segment_bytes);
    let walked =
        format!("{} of {}, {share}", number::size(coverage.walked_bytes), number::size(coverage.segment_bytes));
    let tone = if coverage.lost_bytes() == 0 { Tone::Good } else { Tone::Plain };
    good.push(fact("Heap walked", walked, tone));
    for (index, reason) in [GapReason::AllocationContext, GapReason::Absent, GapReason::Damaged].into_iter().enumerate()
    {
        let (bytes, n) = (coverage.unwalked_bytes[index], coverage.n_unwalked[index]);
        let text = format!("{} in {}", number::exact_bytes(bytes), number::counted(n, "place", "places"));
        match reason {
            GapReason::AllocationContext => {
                good.push(fact("Not walked", format!("{text}: unused parts of allocation contexts"), Tone::Plain));
            }
            _ if bytes > 0 => gaps.push(fact("Not walked", format!("{text}: {}", reason.label()), Tone::Gap)),
            _ => {}
        }
    }
    for unnamed in &coverage.unnamed {
        let text = format!(
            "{}, {}, {}: {}",
            number::counted(unnamed.n_types, "type", "types"),
            number::counted(unnamed.n_objects, "object", "objects"),
            number::size(unnamed.bytes),
            unnamed.reason
        );
        gaps.push(fact("Without a name", text, Tone::Gap));
    }
    if coverage.unnamed.is_empty() {
        good.push(fact("Type names", "every type with an instance has its name", Tone::Good));
    }
    if coverage.n_marked > 0 || cx.snapshot.facts.gc.in_progress {
        let text = format!(
            "the dump was taken during one; {} mark bits: who refers to whom is uncertain",
            number::counted(coverage.n_marked, "object carries", "objects carry")
        );
        gaps.push(fact("Collection", text, Tone::Gap));
    }
    if coverage.n_cut_segments > 0 {
        let text = format!(
            "{} of the file cut off, {} lost",
            number::counted(coverage.n_cut_segments, "segment", "segments"),
            number::size(coverage.cut_bytes)
        );
        gaps.push(fact("File", text, Tone::Gap));
    }
    if let Some(problem) = cx.dump.session.background_problem() {
        gaps.push(fact("References", format!("{}: {}", problem.title, problem.why), Tone::Gap));
    }
    if let Some(graph) = cx.graph {
        let lost = cx.snapshot.lost_holders(graph);
        gaps.extend(lost.iter().map(|lost| fact("Who holds what", format!("{lost}: paths are uncertain"), Tone::Gap)));
        let n = graph.references.n_references();
        let tone = if lost.is_empty() { Tone::Good } else { Tone::Plain };
        good.push(fact("References", format!("{} read", number::count(n)), tone));
        let problems: Vec<_> = graph.roots.threads.iter().filter(|thread| thread.stack_problem.is_some()).collect();
        if let Some(first) = problems.first() {
            let text = format!(
                "{}: {}",
                number::counted(problems.len() as u64, "stack was not scanned", "stacks were not scanned"),
                first.stack_problem.as_deref().unwrap_or_default()
            );
            gaps.push(fact("Threads", text, Tone::Gap));
        }
    }
    for absent in &coverage.absent {
        let at = absent.at.map_or(String::new(), |at| format!(" at {at}"));
        gaps.push(fact("Not in the dump", format!("{}{at}: {}", absent.what, absent.consequence), Tone::Gap));
    }
    let note = if gaps.is_empty() { "all read".to_owned() } else { number::counted(gaps.len() as u64, "gap", "gaps") };
    lines.push(Line::Title("What was read".to_owned(), note));
    lines.extend(gaps);
    lines.extend(good);
}

fn generations(snapshot: &HeapSnapshot, lines: &mut Vec<Line>) {
    let n = snapshot.objects.segments().len() as u64;
    let kind = snapshot.facts.gc.layout.label();
    lines.push(Line::Title(
        "Generations".to_owned(),
        format!("{} in {} {kind}", number::size(snapshot.coverage.segment_bytes), number::count(n)),
    ));
    lines.push(Line::Generation { name: String::new(), numbers: None });
    for totals in &snapshot.coverage.generations {
        let label = totals.generation.label();
        let name = if label.len() == 1 {
            format!("Generation {label}")
        } else {
            format!("{}{}", label[..1].to_uppercase(), &label[1..])
        };
        lines.push(Line::Generation {
            name,
            numbers: Some([totals.n_objects, totals.object_bytes, totals.n_free, totals.free_bytes]),
        });
    }
}

fn dump_facts(facts: &Facts, lines: &mut Vec<Line>) {
    lines.push(Line::Title("Dump, process, runtime".to_owned(), String::new()));
    let mut push = |label: &str, text: String| {
        if !text.is_empty() {
            lines.push(fact(label, text, Tone::Plain));
        }
    };
    push(
        "File",
        format!(
            "{}, {}, {}, written by {}",
            facts.file_name,
            number::size(facts.file_bytes),
            facts.format,
            facts.writer
        ),
    );
    let id = facts.process_id.map_or(String::new(), |id| format!(", process {id}"));
    push("Process", format!("{}{id}", facts.process_name));
    push("Command line", facts.command_line.clone());
    let runtime = &facts.runtime;
    push("Runtime", format!("{}, known from: {}", runtime.name, runtime.version_source));
    if !runtime.module.is_empty() {
        let kind = if runtime.single_file { ", part of the program" } else { "" };
        push("Its module", format!("{} at {}{kind}", runtime.module, runtime.module_base));
    }
    let standalone = facts.gc.standalone.as_ref().map_or(String::new(), |name| format!(", {name}"));
    push("Collector", format!("{}, {}{standalone}", super::status::gc_words(facts), facts.gc.layout.label()));
    for evidence in &facts.evidence {
        push(evidence.what, evidence.how.clone());
    }
}

fn modules(snapshot: &HeapSnapshot, lines: &mut Vec<Line>) {
    let n = snapshot.modules.len() as u64;
    let n_missing = snapshot.modules.iter().filter(|module| module.metadata.is_err()).count() as u64;
    let note = match n_missing {
        0 => format!("{}, all with metadata", number::counted(n, "module", "modules")),
        _ => format!("{}, {} without metadata", number::counted(n, "module", "modules"), number::count(n_missing)),
    };
    lines.push(Line::Title("Modules".to_owned(), note));
    let mut modules: Vec<_> = snapshot.modules.iter().collect();
    modules.sort_by(|a, b| (a.metadata.is_ok(), &a.name).cmp(&(b.metadata.is_ok(), &b.name)));
    for module in modules {
        let context = module.load_context.as_ref().map_or(String::new(), |context| format!(", {context}"));
        lines.push(match &module.metadata {
            Ok(source) => fact(&module.name, format!("metadata from {source}{context}"), Tone::Plain),
            Err(reason) => fact(&module.name, format!("no metadata: {reason}{context}"), Tone::Gap),
        });
    }
}
