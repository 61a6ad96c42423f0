//! What comes back, by type: the contents of a popup.

use eframe::egui;
use egui::{Role, Sense, Ui, WidgetInfo, vec2};

use crate::base::number;
use crate::snapshot::TypeId;
use crate::ui::app::{Command, Cx};
use crate::ui::pen::Pen;
use crate::ui::place::{Place, View};
use crate::ui::theme;
use crate::ui::type_name::{self, NameStyle};

/// Width of the rows.
pub(super) const WIDTH: f32 = 430.0;
/// Types that are listed; the others are one row with their sum.
const LISTED: usize = 14;

/// Lists `rows`, biggest first; `of` says type, objects and bytes of one. A press shows the type.
pub(super) fn freed_types_ui<T>(ui: &mut Ui, cx: &Cx<'_>, rows: &[T], of: impl Fn(&T) -> (TypeId, u64, u64)) {
    ui.set_min_width(WIDTH);
    for (ty, count, bytes) in rows.iter().take(LISTED).map(&of) {
        let (rect, response) = ui.allocate_exact_size(vec2(WIDTH, theme::ROW), Sense::click());
        let name = cx.snapshot.types.row(ty).display_name();
        let says = format!("{name}, {}, {}", number::count(count), number::size(bytes));
        response.widget_info(|| WidgetInfo::labeled(Role::Link, true, says.as_str()));
        let pen = Pen::on(ui);
        if response.hovered() || response.has_focus() {
            pen.round(rect, theme::RADIUS_CHIP, pen.theme.sel);
        }
        let y = rect.center().y;
        let spans = type_name::spans(&pen, &name, 250.0, NameStyle::cell(pen.theme));
        pen.spans_cut(rect.left() + 8.0, rect.left() + 262.0, y, &spans);
        pen.text_right(rect.left() + 320.0, y, &number::count(count), theme::BODY, pen.theme.t1);
        pen.size(rect.right() - 8.0, y, bytes, pen.theme.t1);
        if response.clicked() {
            cx.outbox.send(Command::Go(Place { ty: Some(ty), ..Place::view(View::Types) }));
            ui.close();
        }
    }
    if let Some(rest) = rows.get(LISTED..).filter(|rest| !rest.is_empty()) {
        let (rect, _) = ui.allocate_exact_size(vec2(WIDTH, theme::ROW), Sense::hover());
        let pen = Pen::on(ui);
        let y = rect.center().y;
        let words = number::counted(rest.len() as u64, "more type", "more types");
        pen.text(rect.left() + 8.0, y, &words, theme::BODY, pen.theme.t3);
        pen.size(rect.right() - 8.0, y, rest.iter().map(|row| of(row).2).sum(), pen.theme.t2);
    }
}
