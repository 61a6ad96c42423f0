//! A tree as nested rectangles, and the same tree as rows of bars: area and width are bytes.
//!
//! The layout is made once per tree and size. Depth is decided by area: a rectangle too small for its label is not
//! divided further, and a budget bounds the cells however large the tree is.

use eframe::egui;
use egui::{CursorIcon, Id, Key, Modifiers, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::base::number;
use crate::ui::pen::{Pen, Span, span};
use crate::ui::theme::{self, Theme};

/// One node of the tree that is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapNode {
    /// What is before the own name: `static App.`.
    pub prefix: String,
    /// The own name.
    pub name: String,
    /// Everything it keeps, itself included.
    pub bytes: u64,
    /// What it keeps; may be less than all of it.
    pub children: Vec<Self>,
    /// Branch under the root, for the colour; `None` for the framework's.
    pub branch: Option<usize>,
    /// What the view knows it by.
    pub key: u64,
}

/// A rectangle of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct MapCell {
    /// Where, relative to the map.
    pub rect: Rect,
    /// What the view knows it by.
    pub key: u64,
    /// Level, from 0.
    pub depth: usize,
    /// Levels of its branch.
    pub n_levels: usize,
    /// Before the own name.
    pub prefix: String,
    /// The own name.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Colour.
    pub branch: Option<usize>,
    /// Nothing is drawn inside.
    pub is_leaf: bool,
}

/// Cells at most.
const BUDGET: usize = 700;
/// A cell below this width has no label, unless its whole own name fits.
const LABEL_WIDTH: f32 = 84.0;
/// Height of the line with the label.
const LABEL: f32 = 20.0;
/// Space between a cell and what is inside.
const INSET: f32 = 3.0;

/// Lays out `nodes` in `size`. Cells come parents first.
#[must_use]
pub fn layout(nodes: &[MapNode], size: egui::Vec2) -> Vec<MapCell> {
    let mut cells: Vec<MapCell> = Vec::new();
    // Breadth first, so that the budget cuts the deepest levels and not the last branches.
    let mut queue = std::collections::VecDeque::new();
    queue.push_back((nodes, Rect::from_min_size(pos2(0.0, 0.0), size), 0_usize));
    while let Some((nodes, rect, depth)) = queue.pop_front() {
        for (node, at) in squarify(nodes, rect) {
            if cells.len() >= BUDGET {
                return cells;
            }
            // Round edges after the layout, never sizes: neighbours then share an edge.
            let at = Rect::from_min_max(
                pos2(at.left().round(), at.top().round()),
                pos2(
                    (at.right().round() - 1.0).max(at.left().round()),
                    (at.bottom().round() - 1.0).max(at.top().round()),
                ),
            );
            if at.width() < 1.0 || at.height() < 1.0 {
                continue;
            }
            let inside = Rect::from_min_max(at.min + vec2(INSET, LABEL), at.max - vec2(INSET, INSET));
            let divides = !node.children.is_empty() && inside.width() > 24.0 && inside.height() > 14.0;
            cells.push(MapCell {
                rect: at,
                key: node.key,
                depth,
                n_levels: levels(node) + depth,
                prefix: node.prefix.clone(),
                name: node.name.clone(),
                bytes: node.bytes,
                branch: node.branch,
                is_leaf: !divides,
            });
            if divides {
                queue.push_back((&node.children, inside, depth + 1));
            }
        }
    }
    cells
}

fn levels(node: &MapNode) -> usize {
    // Trees that are shown are a few levels deep: the one who builds them sees to that.
    1 + node.children.iter().map(levels).max().unwrap_or(0)
}

/// Rectangles as square as they get, largest first (Bruls, Huizing, van Wijk: Squarified Treemaps).
fn squarify(nodes: &[MapNode], rect: Rect) -> Vec<(&MapNode, Rect)> {
    let mut nodes: Vec<&MapNode> = nodes.iter().filter(|node| node.bytes > 0).collect();
    nodes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.key.cmp(&b.key)));
    let total: f64 = nodes.iter().map(|node| node.bytes as f64).sum();
    let mut out = Vec::with_capacity(nodes.len());
    if total <= 0.0 || rect.width() <= 0.0 || rect.height() <= 0.0 {
        return out;
    }
    let scale = f64::from(rect.width()) * f64::from(rect.height()) / total;
    let (mut x, mut y) = (f64::from(rect.left()), f64::from(rect.top()));
    let (mut w, mut h) = (f64::from(rect.width()), f64::from(rect.height()));
    let mut from = 0;
    while from < nodes.len() {
        let side = w.min(h).max(1e-6);
        let (mut to, mut sum, mut best) = (from, 0.0, f64::INFINITY);
        while let Some(node) = nodes.get(to) {
            let area = node.bytes as f64 * scale;
            let next = sum + area;
            let largest = nodes[from].bytes as f64 * scale;
            let worst = (side * side * largest / (next * next)).max(next * next / (side * side * area));
            if worst > best {
                break;
            }
            (best, sum, to) = (worst, next, to + 1);
        }
        let thickness = sum / side;
        let mut along = 0.0;
        for node in &nodes[from..to] {
            let length = node.bytes as f64 * scale / thickness.max(1e-9);
            let at = if w >= h {
                Rect::from_min_size(pos2(x as f32, (y + along) as f32), vec2(thickness as f32, length as f32))
            } else {
                Rect::from_min_size(pos2((x + along) as f32, y as f32), vec2(length as f32, thickness as f32))
            };
            out.push((*node, at));
            along += length;
        }
        if w >= h {
            x += thickness;
            w -= thickness;
        } else {
            y += thickness;
            h -= thickness;
        }
        from = to;
    }
    out
}

/// Rows of bars: a level is a row, 22 high, a node as wide as its bytes.
#[must_use]
pub fn icicle(nodes: &[MapNode], size: egui::Vec2) -> Vec<MapCell> {
    const ROW: f32 = 22.0;
    let total: u64 = nodes.iter().map(|node| node.bytes).sum();
    let mut cells = Vec::new();
    if total == 0 {
        return cells;
    }
    let scale = f64::from(size.x) / total as f64;
    let mut queue = std::collections::VecDeque::from([(nodes, 0.0_f64, 0_usize)]);
    while let Some((nodes, left, depth)) = queue.pop_front() {
        let mut nodes: Vec<&MapNode> = nodes.iter().collect();
        nodes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.key.cmp(&b.key)));
        let mut x = left;
        for node in nodes {
            let width = node.bytes as f64 * scale;
            let top = depth as f32 * ROW;
            if width < 1.0 || top + ROW > size.y || cells.len() >= BUDGET {
                x += width;
                continue;
            }
            let (from, to) = ((x as f32).round(), ((x + width) as f32).round());
            cells.push(MapCell {
                rect: Rect::from_min_max(pos2(from, top), pos2((to - 1.0).max(from + 1.0), top + ROW - 1.0)),
                key: node.key,
                depth,
                n_levels: levels(node) + depth,
                prefix: node.prefix.clone(),
                name: node.name.clone(),
                bytes: node.bytes,
                branch: node.branch,
                is_leaf: true,
            });
            queue.push_back((&node.children, x, depth + 1));
            x += width;
        }
    }
    cells
}

/// What was done to a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapOutput {
    /// Cell that was pressed, or that keys moved to.
    pub selected: Option<u64>,
    /// Cell that was pressed.
    pub clicked: Option<u64>,
    /// Cell that was pressed twice, or Enter.
    pub activated: Option<u64>,
}

/// Draws `cells` in `rect`. `whole` is what shares are of.
pub fn map_ui(
    ui: &mut Ui,
    rect: Rect,
    id: Id,
    name: &str,
    cells: &[MapCell],
    whole: u64,
    selected: Option<u64>,
) -> MapOutput {
    let mut output = MapOutput::default();
    let area = ui.interact(rect, id, Sense::CLICK | Sense::FOCUSABLE);
    area.widget_info(|| WidgetInfo::labeled(Role::List, true, name));
    let has_focus = area.has_focus();
    if has_focus {
        keys(ui, id, cells, selected, &mut output);
    }
    let pen = Pen::on(ui).clipped(rect);
    let hovered = ui.ctx().pointer_hover_pos().filter(|at| ui.rect_contains_pointer(rect) && rect.contains(*at));
    let mut on_top = None;
    for cell in cells {
        let at = cell.rect.translate(rect.min.to_vec2());
        let is_hovered = hovered.is_some_and(|point| at.contains(point));
        if is_hovered {
            // Parents come first: the last one under the pointer is the innermost.
            on_top = Some((at, cell));
        }
        cell_ui(&pen, at, cell);
    }
    for (index, cell) in cells.iter().enumerate() {
        let at = cell.rect.translate(rect.min.to_vec2());
        let response = ui.interact(at, id.with(index), Sense::CLICK);
        let label = format!(
            "{}{}, {}, {}, level {} of {}",
            cell.prefix,
            cell.name,
            number::size(cell.bytes),
            number::share(cell.bytes, whole),
            cell.depth + 1,
            cell.n_levels
        );
        response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, selected == Some(cell.key), &label));
        if response.clicked() {
            ui.memory_mut(|memory| memory.request_focus(id));
            output.selected = Some(cell.key);
            output.clicked = Some(cell.key);
        }
        if response.double_clicked() {
            output.activated = Some(cell.key);
        }
        if on_top.is_some_and(|(_, top)| std::ptr::eq(top, cell)) {
            response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text_at_pointer(format!(
                "{}{}\n{}, {}",
                cell.prefix,
                cell.name,
                number::exact_bytes(cell.bytes),
                number::share(cell.bytes, whole)
            ));
        }
    }
    if let Some((at, _)) = on_top {
        pen.edge(at, 0.0, 1.0, pen.theme.t1);
    }
    for cell in cells.iter().filter(|cell| Some(cell.key) == selected) {
        let at = cell.rect.translate(rect.min.to_vec2());
        pen.edge(at, 0.0, if has_focus { 2.0 } else { 1.5 }, pen.theme.accent);
    }
    output
}

fn keys(ui: &Ui, id: Id, cells: &[MapCell], selected: Option<u64>, output: &mut MapOutput) {
    let filter = egui::EventFilter { vertical_arrows: true, horizontal_arrows: true, tab: false, escape: false };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    let at = cells.iter().position(|cell| Some(cell.key) == selected);
    let Some(current) = at.and_then(|at| cells.get(at)).or(cells.first()) else { return };
    let center = current.rect.center();
    ui.input_mut(|input| {
        for (key, direction) in [
            (Key::ArrowLeft, vec2(-1.0, 0.0)),
            (Key::ArrowRight, vec2(1.0, 0.0)),
            (Key::ArrowUp, vec2(0.0, -1.0)),
            (Key::ArrowDown, vec2(0.0, 1.0)),
        ] {
            if input.consume_key(Modifiers::NONE, key) {
                // The nearest cell of the same level in that direction.
                let next = cells.iter().filter(|cell| cell.depth == current.depth && cell.key != current.key);
                let ahead = next.filter(|cell| (cell.rect.center() - center).dot(direction) > 0.5);
                let nearest = ahead.min_by(|a, b| {
                    let away = |cell: &MapCell| (cell.rect.center() - center).length_sq();
                    away(a).total_cmp(&away(b)).then(a.key.cmp(&b.key))
                });
                output.selected = Some(nearest.map_or(current.key, |cell| cell.key));
            }
        }
        // Deeper and back: the cell inside that is biggest, the cell around.
        if input.consume_key(Modifiers::NONE, Key::PageDown) {
            let inside =
                cells.iter().find(|cell| cell.depth == current.depth + 1 && current.rect.contains(cell.rect.center()));
            output.selected = inside.map(|cell| cell.key).or(output.selected);
        }
        if input.consume_key(Modifiers::NONE, Key::PageUp) {
            let around = cells.iter().find(|cell| cell.depth + 1 == current.depth && cell.rect.contains(center));
            output.selected = around.map(|cell| cell.key).or(output.selected);
        }
        if input.consume_key(Modifiers::NONE, Key::Enter) {
            output.activated = Some(current.key);
        }
    });
}

/// Ground of a cell.
#[must_use]
pub fn ground(theme: &Theme, branch: Option<usize>, depth: usize) -> egui::Color32 {
    match branch {
        Some(branch) => theme.level(theme.cat[branch % theme.cat.len()], depth),
        None => theme.level(theme.track, depth),
    }
}

fn cell_ui(pen: &Pen, at: Rect, cell: &MapCell) {
    let theme = pen.theme;
    let fill = ground(theme, cell.branch, cell.depth);
    pen.fill(at, fill);
    if cell.depth > 0 {
        // Deep levels come close to the canvas, where a gap alone no longer parts neighbours.
        pen.edge(at, 0.0, pen.hair(), theme::mix(fill, theme.t3, 0.22));
    }
    if at.height() < 16.0 || at.width() < 20.0 {
        return;
    }
    let y = at.top() + if at.height() < LABEL { at.height() / 2.0 } else { LABEL / 2.0 + 0.5 };
    let (left, right) = (at.left() + 6.0, at.right() - 6.0);
    let label = |prefix: &str| -> Vec<Span> {
        vec![span(prefix, theme::SMALL, theme.t2), span(cell.name.as_str(), theme::SMALL_MEDIUM, theme.t1)]
    };
    let full = label(&cell.prefix);
    let own = label("");
    let (full_width, own_width) = (pen.width(&full), pen.width(&own));
    if at.width() < LABEL_WIDTH && own_width > right - left {
        return;
    }
    let size = number::size(cell.bytes);
    let size_width = pen.text_width(&size, theme::TINY.with(theme::Face::Regular));
    let spans = if full_width <= right - left { full } else { own };
    let width = pen.width(&spans);
    let small = theme::TINY.with(theme::Face::Regular);
    if width + 14.0 + size_width <= right - left && !at.height().is_nan() {
        pen.spans(left, y, &spans);
        pen.text_right(right, y, &size, small, theme.t2);
    } else {
        pen.spans_cut(left, right, y, &spans);
        if cell.is_leaf && at.height() > 38.0 && size_width <= right - left {
            pen.text(left, y + 15.0, &size, small, theme.t2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(key: u64, bytes: u64, children: Vec<MapNode>) -> MapNode {
        MapNode { name: format!("n{key}"), bytes, children, key, branch: Some(0), ..MapNode::default() }
    }

    #[test]
    fn areas_follow_bytes_and_children_stay_inside() {
        let nodes = [
            node(1, 600, vec![node(11, 400, vec![]), node(12, 150, vec![])]),
            node(2, 300, vec![]),
            node(3, 100, vec![]),
        ];
        let cells = layout(&nodes, vec2(400.0, 250.0));
        let area = |key: u64| {
            let cell = cells.iter().find(|cell| cell.key == key).unwrap();
            (cell.rect.width() + 1.0) * (cell.rect.height() + 1.0)
        };
        assert!((area(1) / area(2) - 2.0).abs() < 0.1, "{} {}", area(1), area(2));
        let parent = cells.iter().find(|cell| cell.key == 1).unwrap().rect;
        for key in [11, 12] {
            assert!(parent.contains_rect(cells.iter().find(|cell| cell.key == key).unwrap().rect));
        }
        let tops: Vec<_> = cells.iter().filter(|cell| cell.depth == 0).collect();
        for (index, a) in tops.iter().enumerate() {
            for b in &tops[index + 1..] {
                assert!(!a.rect.shrink(0.5).intersects(b.rect.shrink(0.5)), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn the_budget_holds_and_nothing_is_drawn_of_nothing() {
        let nodes: Vec<_> = (0..100_000).map(|key| node(key, 1 + key % 7, vec![])).collect();
        assert!(layout(&nodes, vec2(2000.0, 2000.0)).len() <= BUDGET);
        assert!(icicle(&nodes, vec2(2000.0, 200.0)).len() <= BUDGET);
        assert!(layout(&[node(1, 0, vec![])], vec2(100.0, 100.0)).is_empty());
        assert!(icicle(&[], vec2(100.0, 100.0)).is_empty());
        assert!(layout(&nodes, vec2(0.0, 0.0)).is_empty());
    }
}
