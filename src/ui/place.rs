//! Where the window is: one value from which everything on screen follows, with its history.

use crate::base::Addr;
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId};

use super::icons;

/// A view, in the order of the rail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// The answer, and the heap at a glance.
    #[default]
    Overview,
    /// Types, instances, paths.
    Types,
    /// What each object keeps alive.
    Dominators,
    /// Holders that keep much alive.
    Suspects,
    /// Event handlers that were never removed.
    Events,
    /// What else was looked for.
    Inspections,
    /// Every root by kind.
    Roots,
    /// GC handles.
    Handles,
    /// Static fields.
    Statics,
    /// Managed threads.
    Threads,
    /// The finalizer queue.
    Finalizers,
    /// What was read and what was not.
    Coverage,
}

impl View {
    /// All, in the order of the rail; views of one group stand together.
    pub const GROUPS: &'static [&'static [Self]] = &[
        &[Self::Overview],
        &[Self::Types, Self::Dominators],
        &[Self::Suspects, Self::Events, Self::Inspections],
        &[Self::Roots, Self::Handles, Self::Statics, Self::Threads, Self::Finalizers],
        &[Self::Coverage],
    ];

    /// All, in the order of the rail.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::GROUPS.iter().flat_map(|group| group.iter().copied())
    }

    /// Word of the rail.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Types => "Types",
            Self::Dominators => "Dominators",
            Self::Suspects => "Suspects",
            Self::Events => "Events",
            Self::Inspections => "Inspections",
            Self::Roots => "Roots",
            Self::Handles => "Handles",
            Self::Statics => "Statics",
            Self::Threads => "Threads",
            Self::Finalizers => "Finalizers",
            Self::Coverage => "Coverage",
        }
    }

    /// Icon of the rail.
    #[must_use]
    pub const fn icon(self) -> char {
        match self {
            Self::Overview => icons::GAUGE,
            Self::Types => icons::TABLE,
            Self::Dominators => icons::SQUARES_FOUR,
            Self::Suspects => icons::BINOCULARS,
            Self::Events => icons::LIGHTNING,
            Self::Inspections => icons::LIST_MAGNIFYING_GLASS,
            Self::Roots => icons::PUSH_PIN,
            Self::Handles => icons::ANCHOR,
            Self::Statics => icons::BRACKETS_CURLY,
            Self::Threads => icons::WAVEFORM,
            Self::Finalizers => icons::HOURGLASS,
            Self::Coverage => icons::SHIELD_CHECK,
        }
    }

    /// Word of a place as text, and of the command line.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Types => "types",
            Self::Dominators => "dominators",
            Self::Suspects => "suspects",
            Self::Events => "events",
            Self::Inspections => "inspections",
            Self::Roots => "roots",
            Self::Handles => "handles",
            Self::Statics => "statics",
            Self::Threads => "threads",
            Self::Finalizers => "finalizers",
            Self::Coverage => "coverage",
        }
    }
}

/// A place in one dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which view.
    pub view: View,
    /// The type that is the subject.
    pub ty: Option<TypeId>,
    /// The object that is the subject.
    pub object: Option<ObjectId>,
}

impl Place {
    /// A view without a subject.
    #[must_use]
    pub const fn view(view: View) -> Self {
        Self { view, ty: None, object: None }
    }

    /// An object with its type, in the types view.
    #[must_use]
    pub fn object(snapshot: &HeapSnapshot, object: ObjectId) -> Self {
        Self { view: View::Types, ty: Some(snapshot.objects.type_of(object)), object: Some(object) }
    }

    /// The place as text, for `heaproot DUMP --at …`: `types/0x7f…` with a MethodTable, or an object's address behind it.
    #[must_use]
    pub fn to_text(self, snapshot: &HeapSnapshot) -> String {
        let mut text = self.view.key().to_owned();
        if let Some(ty) = self.ty {
            text.push_str(&format!("/{}", snapshot.types.row(ty).method_table));
        }
        if let Some(object) = self.object {
            text.push_str(&format!("/{}", snapshot.objects.address(object)));
        }
        text
    }

    /// Reads what [`Place::to_text`] wrote: how far it leads in this heap, and the part that leads nowhere.
    #[must_use]
    pub fn from_text<'a>(text: &'a str, snapshot: &HeapSnapshot) -> (Self, Option<&'a str>) {
        let mut parts = text.split('/');
        let key = parts.next().unwrap_or_default();
        let Some(view) = View::all().find(|view| view.key() == key) else { return (Self::default(), Some(key)) };
        let mut place = Self::view(view);
        for part in parts.filter(|part| !part.is_empty()) {
            let address = parse_address(part);
            if let Some(ty) = address.and_then(|address| snapshot.types.by_method_table(address)) {
                place.ty = Some(ty);
            } else if let Some((object, _)) = address.and_then(|address| snapshot.objects.containing(address)) {
                place.ty = Some(snapshot.objects.type_of(object));
                place.object = Some(object);
            } else {
                return (place, Some(part));
            }
        }
        (place, None)
    }
}

/// An address as people write it: with or without `0x`, with the backquote of Windows debuggers or underscores.
#[must_use]
pub fn parse_address(text: &str) -> Option<Addr> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits: String = digits.chars().filter(|letter| !matches!(letter, '`' | '_')).collect();
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    u64::from_str_radix(&digits, 16).ok().map(Addr)
}

/// Places with a way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    past: Vec<Place>,
    now: Place,
    future: Vec<Place>,
}

impl History {
    /// Places kept.
    const KEPT: usize = 200;

    /// A history that begins at `place`.
    #[must_use]
    pub const fn new(place: Place) -> Self {
        Self { past: Vec::new(), now: place, future: Vec::new() }
    }

    /// The place on screen.
    #[must_use]
    pub const fn now(&self) -> Place {
        self.now
    }

    /// Goes to `place`; the way back leads here.
    pub fn go(&mut self, place: Place) {
        if place == self.now {
            return;
        }
        self.past.push(self.now);
        if self.past.len() > Self::KEPT {
            self.past.remove(0);
        }
        self.now = place;
        self.future.clear();
    }

    /// Goes to `place` without a step of its own: for every move of a cursor.
    pub fn replace(&mut self, place: Place) {
        self.now = place;
    }

    /// One step back. False when there is none.
    pub fn back(&mut self) -> bool {
        let Some(place) = self.past.pop() else { return false };
        self.future.push(std::mem::replace(&mut self.now, place));
        true
    }

    /// One step forward. False when there is none.
    pub fn forward(&mut self) -> bool {
        let Some(place) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.now, place));
        true
    }

    /// Is there a way back.
    #[must_use]
    pub fn can_go_back(&self) -> bool {
        !self.past.is_empty()
    }

    /// Is there a way forward.
    #[must_use]
    pub fn can_go_forward(&self) -> bool {
        !self.future.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forward_are_inverse() {
        let place = |n| Place { view: View::Types, ty: Some(TypeId(n)), object: None };
        let mut history = History::new(place(0));
        history.go(place(1));
        history.go(place(1));
        history.go(place(2));
        assert!(history.back() && history.now() == place(1));
        assert!(history.back() && history.now() == place(0) && !history.back());
        assert!(history.forward() && history.now() == place(1));
        history.go(place(7));
        assert!(!history.can_go_forward());
    }

    #[test]
    fn addresses_as_people_write_them() {
        for (text, expected) in [
            ("0x7f7403c31620", Some(0x7f74_03c3_1620)),
            ("7f7403c31620", Some(0x7f74_03c3_1620)),
            ("00007f74`03c31620", Some(0x7f74_03c3_1620)),
            (" 0X10 ", Some(0x10)),
            ("worker", None),
            ("", None),
            ("0x11112222333344445", None),
        ] {
            assert_eq!(parse_address(text), expected.map(Addr), "{text}");
        }
    }
}
