//! Leak suspects: holders that keep much alive, each with its evidence.

use eframe::egui;
use egui::{Id, Rect, Role, Ui, pos2};

use super::events::not_yet;
use super::marked;
use crate::analysis::Retained;
use crate::analysis::findings::Findings;
use crate::analysis::suspects::{FLOOR_BYTES, PILE, Suspect, SuspectKind, THRESHOLD_PERCENT};
use crate::analysis::verdict::suspect_sentences;
use crate::base::number;
use crate::ui::app::{Command, Cx, Finding, Pane};
use crate::ui::icons;
use crate::ui::pen::{Pen, span};
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};
use crate::ui::widgets::bars::{BarLook, share_bar};
use crate::ui::widgets::marks::{self, ChipLook};
use crate::ui::widgets::notice::Notice;
use crate::ui::widgets::table::{Column, header};
use crate::ui::widgets::{Button, ButtonKind, List, ListState, RowName};

/// Height of a row: two lines.
const ROW: f32 = 46.0;

/// What the view remembers.
#[derive(Debug, Default)]
pub struct SuspectsState {
    rows: ListState,
    wanted: Option<usize>,
}

impl SuspectsState {
    /// Goes to a suspect.
    pub fn show(&mut self, index: usize) {
        self.wanted = Some(index);
    }
}

/// Draws the view.
pub fn suspects_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, state: &mut SuspectsState) -> Pane {
    let id = Id::unique("suspects-list");
    let pane = Pane { id, rect, filter: None };
    let note = cx.findings.map_or(String::new(), |findings| {
        let found = &findings.suspects;
        format!(
            "{}; a suspect holds at least {THRESHOLD_PERCENT} % of the live heap and {}: here {} or more",
            number::count(found.suspects.len() as u64),
            number::size(FLOOR_BYTES),
            number::size(found.threshold_bytes)
        )
    });
    super::title_line(ui, rect);
    super::pane_title(ui, rect, "Suspects", &note, rect.right() - theme::PAD);
    let body = super::below_title(rect);
    let Some(findings) = cx.findings else {
        not_yet(ui, body, cx, "Suspects are looked for after the dominators.");
        return pane;
    };
    let suspects = &findings.suspects.suspects;
    if suspects.is_empty() {
        nothing_ui(ui, body, cx, findings);
        return pane;
    }
    if let Some(index) = state.wanted.take().or(state.rows.cursor.is_none().then_some(0)) {
        state.rows.go_to(Some(index as u64));
    }
    let list_height = (theme::NODE + 1.0 + suspects.len() as f32 * ROW).min(body.height() * 0.45);
    let (upper, lower) = body.split_top_bottom_at_y(body.top() + list_height);
    rows_ui(ui, upper, cx, state, suspects, findings.suspects.live, id);
    let pen = Pen::on(ui);
    pen.hline(rect.left(), rect.right(), lower.top(), pen.theme.line);
    let cursor = state.rows.cursor.and_then(|row| suspects.get(row as usize));
    if let Some(suspect) = cursor {
        evidence_ui(ui, lower, cx, suspect, findings);
    }
    pane
}

fn nothing_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, findings: &Findings) {
    let largest = match &findings.suspects.largest_below {
        Some((name, retained)) => format!(" The largest is {name} with {}.", number::size(retained.bytes)),
        None => String::new(),
    };
    let text = format!(
        "No holder keeps {} or more alive, {THRESHOLD_PERCENT} % of the live heap and at least {}.{largest}",
        number::size(findings.suspects.threshold_bytes),
        number::size(FLOOR_BYTES)
    );
    let notice = Notice {
        icon: icons::CHECK_CIRCLE,
        color: theme::of(ui).ok,
        title: "No suspect",
        text: &text,
        choices: &[(Some(icons::SQUARES_FOUR), "Show the dominators")],
    };
    if notice.show(ui, rect).is_some() {
        cx.outbox.send(Command::Show(View::Dominators));
    }
}

fn rows_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &Cx<'_>,
    state: &mut SuspectsState,
    suspects: &[Suspect],
    live: Retained,
    id: Id,
) {
    let right = rect.right() - 18.0;
    let left = rect.left() + theme::PAD;
    let root = (left + (right - 320.0 - left) * 0.5).round();
    let column =
        |key, title, left, right, is_right| Column { key, title, left, right, is_right, can_sort: false, tip: "" };
    let columns = [
        column(0, "Suspect", left, root - 16.0, false),
        column(1, "Hangs on", root, right - 320.0, false),
        column(2, "Objects", right - 310.0, right - 220.0, true),
        column(3, "Retained", right - 100.0, right, true),
    ];
    let (head, rows) = rect.split_top_bottom_at_y(rect.top() + theme::NODE + 1.0);
    header::<u8>(ui, head, &columns, None);
    let most = suspects.iter().map(|suspect| suspect.retained.bytes).max().unwrap_or(0);
    let n_rows = suspects.len() as u64;
    let list = List { id, name: "Suspects", role: Role::Table, n_rows, row_height: ROW };
    let output = list.show(ui, rows, &mut state.rows, |ui, row| {
        let Some(suspect) = suspects.get(row.index as usize) else { return RowName::default() };
        let pen = Pen::on(ui);
        let theme = pen.theme;
        let [name, root, objects, retained] = &columns;
        let (first, second) = (row.rect.top() + 15.0, row.rect.top() + 33.0);
        let type_name = cx.snapshot.types.row(suspect.ty).display_name();
        let mut x = name.left;
        if suspect.n_objects > 1 {
            let n = format!("{} × ", number::count(suspect.n_objects));
            x = pen.text(x, first, &n, theme::BODY_MEDIUM, theme.t1);
        }
        let spans = type_name::spans(&pen, &type_name, name.right - x, NameStyle::cell(theme));
        pen.spans_cut(x, name.right, first, &spans);
        let point = cx.snapshot.type_of(suspect.accumulation_point).display_name();
        let second_line = match (suspect.kind, suspect.accumulation_point == suspect.object) {
            (SuspectKind::Group, _) => "a group: no single holder".to_owned(),
            _ if suspect.retained.count < PILE => "few objects: big, but nothing piles up".to_owned(),
            (SuspectKind::Single, true) => "one object".to_owned(),
            (SuspectKind::Single, false) => format!("piles up in {}", type_name::short(&point)),
        };
        pen.text_cut(name.left, name.right, second, &second_line, theme::SMALL, theme.t2);
        pen.text_cut(root.left, root.right, first, &suspect.root, theme::BODY, theme.t1);
        let way = suspect.way.join(" → ");
        pen.text_cut(root.left, root.right, second, &way, theme::MONO, theme.t2);
        pen.text_right(objects.right, first, &number::count(suspect.retained.count), theme::BODY, theme.t1);
        share_bar(&pen, objects.right + 22.0, first, 90.0, suspect.retained.bytes, most, BarLook::Exact);
        pen.size(retained.right, first, suspect.retained.bytes, theme.t1);
        let share = number::share(suspect.retained.bytes, live.bytes);
        pen.text_right(retained.right, second, &share, theme::SMALL, theme.t3);
        format!("{type_name}, {}, retains {}", suspect.root, number::size(suspect.retained.bytes)).into()
    });
    let suspect = |row: u64| suspects.get(row as usize);
    if let Some(suspect) = output.activated.and_then(suspect) {
        cx.outbox.send(Command::Go(Place::object(cx.snapshot, suspect.accumulation_point)));
    }
    if let Some(suspect) = output.opened_behind.and_then(suspect) {
        cx.outbox.send(Command::GoBehind(Place::object(cx.snapshot, suspect.accumulation_point)));
    }
    if output.copied.is_some()
        && let Some(suspect) = state.rows.cursor.and_then(suspect)
    {
        cx.outbox.send(Command::Copy(ticket(cx, suspect, live)));
    }
}

/// The evidence as text, to paste into a ticket.
fn ticket(cx: &Cx<'_>, suspect: &Suspect, live: Retained) -> String {
    let sentences = suspect_sentences(cx.snapshot, suspect, live).join(" ").replace("**", "");
    format!(
        "{sentences}\nroot: {}\nfingerprint: {}\nkeywords: {}",
        suspect.root,
        suspect.fingerprint,
        suspect.keywords.join(", ")
    )
}

fn evidence_ui(ui: &mut Ui, rect: Rect, cx: &Cx<'_>, suspect: &Suspect, findings: &Findings) {
    let pen = Pen::on(ui);
    let theme = pen.theme;
    let live = findings.suspects.live;
    let (left, right) = (rect.left() + theme::PAD, rect.right() - theme::PAD);
    let sentences = suspect_sentences(cx.snapshot, suspect, live).join(" ");
    let mut y =
        pen.paragraph(left, rect.top() + 14.0, right - left, 24.0, &marked(&sentences, theme::LEAD, theme)) + 18.0;
    const LABEL: f32 = 132.0;
    let label = |y: f32, word: &str| {
        pen.text(left, y, word, theme::BODY, theme.t3);
    };
    let x = left + LABEL;
    label(y, "Way down");
    let mut at = pen.text_cut(x, right, y, &suspect.root, theme::BODY, theme.t1) + 8.0;
    for step in &suspect.way {
        if at > right - 60.0 {
            pen.text_cut(at, right, y, "…", theme::BODY, theme.t3);
            break;
        }
        at = marks::chip(&pen, at, y, step, ChipLook::Plain, right - at) + 6.0;
    }
    y += 26.0;
    label(y, "Piles up in");
    let point = cx.snapshot.type_of(suspect.accumulation_point).display_name();
    let address = cx.snapshot.objects.address(suspect.accumulation_point);
    let end =
        pen.spans_cut(x, right - 260.0, y, &type_name::spans(&pen, &point, right - 260.0 - x, NameStyle::cell(theme)));
    let end = pen.text(end + 10.0, y, &address.to_string(), theme::MONO, theme.t2);
    let keeps = format!(
        "keeps {} in {}",
        number::size(suspect.accumulated.bytes),
        number::counted(suspect.accumulated.count, "object", "objects")
    );
    pen.text_cut(end + 10.0, right, y, &keeps, theme::BODY, theme.t2);
    y += 26.0;
    label(y, "Most of it");
    for share in &suspect.types {
        let name = cx.snapshot.types.row(share.ty).display_name();
        pen.text_right(x + 70.0, y, &number::count(share.count), theme::BODY, theme.t1);
        let spans = type_name::spans(&pen, &name, 320.0, NameStyle::cell(theme));
        pen.spans_cut(x + 84.0, x + 404.0, y, &spans);
        pen.size(x + 490.0, y, share.bytes, theme.t1);
        y += 24.0;
    }
    y += 2.0;
    label(y, "Keywords");
    let keywords = [span(suspect.keywords.join(", "), theme::BODY, theme.t1)];
    y = pen.paragraph(x, y - 10.0, right - x, 20.0, &keywords) + 16.0;
    label(y, "Fingerprint");
    pen.text(x, y, &suspect.fingerprint, theme::MONO, theme.t1);
    y += 36.0;
    buttons_ui(ui, pos2(left, y), right, cx, suspect, live);
}

fn buttons_ui(ui: &mut Ui, at: egui::Pos2, right: f32, cx: &Cx<'_>, suspect: &Suspect, live: Retained) {
    let pen = Pen::on(ui);
    let mut x = at.x;
    let go = Command::Go(Place::object(cx.snapshot, suspect.accumulation_point));
    for (icon, word, kind, command) in [
        (icons::TREE_STRUCTURE, "Show why it is alive", ButtonKind::Primary, go),
        (
            icons::SQUARES_FOUR,
            "What it keeps alive",
            ButtonKind::Plain,
            Command::ShowFinding(Finding::Holder(suspect.object)),
        ),
        (icons::CLIPBOARD_TEXT, "Copy for a ticket", ButtonKind::Plain, Command::Copy(ticket(cx, suspect, live))),
    ] {
        let button = Button::new(Some(icon), word).kind(kind);
        if button.left(ui, x, at.y).clicked() {
            cx.outbox.send(command);
        }
        x += button.width(&pen) + 8.0;
    }
    let command = format!("heaproot leaks {}", cx.dump.name);
    let rect = Rect::from_min_max(pos2(x + 8.0, at.y - 14.0), pos2(right, at.y + 14.0));
    if rect.width() > 180.0 && marks::command_line(ui, rect, &command) {
        cx.outbox.send(Command::Copy(command));
    }
}
