//! The path as a picture for a report: as long as it is, without controls, the same in every run.

use eframe::egui;
use egui::{Rect, Ui, pos2, vec2};

use super::app::Dump;
use super::model::paths::{LineKind, Paths};
use super::pen::{Pen, span};
use super::picture::{Exposure, PictureOptions, Studio};
use super::theme;
use super::type_name;
use super::views::status;
use super::widgets::path::{PathPlace, line};
use crate::base::number;
use crate::snapshot::HeapSnapshot;

/// Width of the picture in points.
const WIDTH: f32 = 760.0;
/// Space around.
const INSET: f32 = 28.0;

/// What there is to draw of `paths`.
#[must_use]
pub fn path_exposure(
    dump: &Dump,
    snapshot: &HeapSnapshot,
    paths: &Paths,
    scale: f32,
    with_system_fonts: bool,
) -> Exposure {
    let mut height = 400.0;
    let options = PictureOptions { size: vec2(WIDTH, height), scale, is_dark: false, with_system_fonts };
    let mut studio = Studio::new(options);
    for _ in 0..2 {
        studio.rehearse(|ui| height = report_ui(ui, dump, snapshot, paths));
    }
    studio.set_height(height.ceil());
    studio.expose(|ui| {
        report_ui(ui, dump, snapshot, paths);
    })
}

/// Draws the report and answers how high it is.
fn report_ui(ui: &Ui, dump: &Dump, snapshot: &HeapSnapshot, paths: &Paths) -> f32 {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let (left, right) = (INSET, WIDTH - INSET);
    let Some(LineKind::Subject(subject)) = paths.lines.first().map(|line| &line.kind) else { return 80.0 };
    let totals = snapshot.totals.get(snapshot.objects.type_of(subject.object).index()).copied().unwrap_or_default();
    let mut y = 34.0;
    let instances = format!("1 of {}", number::counted(totals.count, "instance", "instances"));
    let note = pen.text_right(right, y + 0.5, &instances, theme::BODY, theme.t2);
    let title = format!("Why is {} alive", subject.type_name);
    let title_style = theme::SUB_TITLE;
    let full = pen.text_width(&title, title_style);
    let title = if full > note - 16.0 - left {
        format!("Why is {} alive", type_name::short(&subject.type_name))
    } else {
        title
    };
    pen.text_cut(left, note - 16.0, y, &title, title_style, theme.t1);
    y += 16.0;
    let verdict: Vec<_> = paths
        .verdict
        .iter()
        .map(|(text, is_strong)| match is_strong {
            true => span(text.as_str(), theme::BODY_MEDIUM, theme.t1),
            false => span(text.as_str(), theme::BODY, theme.t2),
        })
        .collect();
    y = pen.paragraph(left, y, right - left, 20.0, &verdict) + 11.0;
    pen.hline(left, right, y, theme.line);
    y += 10.0;
    let place = PathPlace { spine: left + 7.0, address: right - 84.0, bytes: right, indent: 24.0 };
    for (index, path_line) in paths.lines.iter().enumerate() {
        let rect = Rect::from_min_max(pos2(left, y), pos2(right, y + theme::NODE));
        line(&pen, rect, path_line, index == 0, place, true);
        y += theme::NODE;
    }
    y += 10.0;
    pen.hline(left, right, y, theme.line);
    let first = paths.lines.iter().take_while(|line| !matches!(line.kind, LineKind::Further { .. }));
    let n_steps = first.filter(|line| matches!(line.kind, LineKind::Step { .. })).count() as u64;
    let facts = [
        ("Type", format!("{}, {}", number::counted(totals.count, "object", "objects"), number::size(totals.bytes))),
        ("Paths", paths.counts()),
        ("References to the root", number::count(n_steps)),
        ("Object", subject.address.to_string()),
    ];
    let column = (right - left) / 4.0;
    for (index, (label, text)) in facts.iter().enumerate() {
        let x = left + index as f32 * column;
        pen.text(x, y + 24.5, label, theme::SMALL, theme.t3);
        let style = if *label == "Object" { theme::MONO_MEDIUM } else { theme::BODY_MEDIUM };
        pen.text_cut(x, x + column - 12.0, y + 43.0, text, style, theme.t1);
    }
    y += 70.0;
    let command = Rect::from_min_max(pos2(left, y), pos2(right, y + 30.0));
    pen.round(command, theme::RADIUS, theme.track);
    let text = format!("heaproot path {} {}{}", dump.name, subject.address, paths.arguments());
    pen.text_cut(left + 10.0, right - 10.0, command.center().y, &text, theme::MONO, theme.t1);
    y += 51.0;
    let program = pen.text_right(right, y, concat!("Heaproot ", env!("CARGO_PKG_VERSION")), theme::SMALL, theme.t3);
    let mut x = left;
    let facts = status::facts_line(&snapshot.facts).into_iter().take(2).collect::<Vec<_>>().join(", ");
    let coverage = if status::n_gaps(dump, snapshot) == 0 { "all read" } else { "not all read" };
    for text in [dump.name.as_str(), facts.as_str(), coverage] {
        x = pen.text_cut(x, program - 16.0, y, text, theme::SMALL, theme.t3) + 11.0;
    }
    y + 24.0
}
