//! Event handlers that keep their subscribers alive: `heaproot events`.

use serde::Serialize;

use super::table::{Cell, Section, Table, number, text};
use super::{Report, Sum};
use crate::analysis::events::{EventGroup, EventVerdict, Events, SubscriberKind};
use crate::base::number;
use crate::snapshot::preview::without_namespaces;

/// Events with handlers, leaks first.
#[derive(Clone, Debug, Serialize)]
pub struct EventsReport {
    /// What precise roots hold.
    pub live: Sum,
    /// What comes back when the handlers of all leaks go together.
    pub leaks_together: Sum,
    /// One line a publisher, event, subscriber and method.
    pub events: Vec<EventLine>,
    /// Leaks among all lines, also those that are left out.
    #[serde(skip)]
    pub n_leaks: u64,
    /// Lines that are left out.
    #[serde(skip)]
    pub n_more: u64,
}

/// Handlers of one kind of subscriber on one event.
#[derive(Clone, Debug, Serialize)]
pub struct EventLine {
    /// `leak`, `probably fine`, `one lifetime`, `below another`, `held elsewhere`, `holds nothing`.
    pub verdict: &'static str,
    /// Type that has the field.
    pub publisher: String,
    /// `static event`, `event`, `static delegate field`, `delegate field`.
    pub publisher_kind: &'static str,
    /// The field; an event is called like its field.
    pub field: String,
    /// Type of who hears.
    pub subscriber: String,
    /// `instance`, `closure`, `static lambda`, `static method`, `weak`.
    pub subscriber_kind: &'static str,
    /// The method.
    pub method: String,
    /// Handlers.
    pub handlers: u64,
    /// Distinct subscribers.
    pub subscribers: u64,
    /// Subscribers that nothing else holds.
    pub exclusive: u64,
    /// Publishers; 1 for a static field.
    pub publishers: u64,
    /// What holds the first publisher, when it is an object.
    pub held_by: Option<String>,
    /// Fingerprints of the other lines that hold the same subscribers: each alone frees none of those.
    pub with: Vec<String>,
    /// Bytes that come back when these handlers go, and those of `with`; `null` when that was not asked.
    pub freed_bytes: Option<u64>,
    /// Objects that come back.
    pub freed_count: Option<u64>,
    /// Name of the leak, the same in every dump of the program.
    pub fingerprint: String,
}

/// The word for a verdict.
#[must_use]
pub const fn verdict_word(verdict: EventVerdict) -> &'static str {
    match verdict {
        EventVerdict::Leak => "leak",
        EventVerdict::ProbablyFine => "probably fine",
        EventVerdict::OneLifetime => "one lifetime",
        EventVerdict::BelowAnother => "below another",
        EventVerdict::HeldElsewhere => "held elsewhere",
        EventVerdict::HoldsNothing => "holds nothing",
    }
}

const fn subscriber_word(kind: SubscriberKind) -> &'static str {
    match kind {
        SubscriberKind::Instance => "instance",
        SubscriberKind::Closure => "closure",
        SubscriberKind::StaticLambda => "static lambda",
        SubscriberKind::StaticMethod => "static method",
        SubscriberKind::Weak => "weak",
    }
}

impl EventLine {
    /// From one of the groups of `events`.
    #[must_use]
    pub fn new(events: &Events, group: &EventGroup) -> Self {
        let with = group.with.iter().filter_map(|&other| events.groups.get(other));
        Self {
            verdict: verdict_word(group.verdict),
            publisher: group.publisher.type_name.clone(),
            publisher_kind: group.publisher.words(),
            field: group.publisher.field.clone(),
            subscriber: group.subscriber.type_name.clone(),
            subscriber_kind: subscriber_word(group.subscriber.kind),
            method: group.subscriber.method.clone(),
            handlers: group.n_handlers,
            subscribers: group.n_subscribers,
            exclusive: group.n_exclusive,
            publishers: group.n_publishers,
            held_by: group.held_by.clone(),
            with: with.map(|other| other.fingerprint.clone()).collect(),
            freed_bytes: group.freed.map(|freed| freed.bytes),
            freed_count: group.freed.map(|freed| freed.count),
            fingerprint: group.fingerprint.clone(),
        }
    }
}

impl EventsReport {
    /// From what was found, and what all leaks free together.
    #[must_use]
    pub fn new(events: &Events, together: Sum, limit: Option<usize>) -> Self {
        let shown = limit.unwrap_or(usize::MAX).min(events.groups.len());
        let groups = events.groups.iter().take(shown);
        Self {
            live: events.live.into(),
            leaks_together: together,
            events: groups.map(|group| EventLine::new(events, group)).collect(),
            n_leaks: events.leaks().count() as u64,
            n_more: (events.groups.len() - shown) as u64,
        }
    }

    fn sentence(&self) -> String {
        match self.n_leaks {
            0 => "No event keeps an object that nothing else uses.".to_owned(),
            n => format!(
                "{} {} keep what nothing else uses; all together {} come back.",
                number::count(n),
                if n == 1 { "event" } else { "events" },
                number::size(self.leaks_together.bytes)
            ),
        }
    }
}

/// `leak with 2 others` where each alone frees nothing.
fn verdict_text(line: &EventLine) -> String {
    match line.with.len() as u64 {
        0 => line.verdict.to_owned(),
        n => format!("{} with {}", line.verdict, number::counted(n, "other", "others")),
    }
}

impl Report for EventsReport {
    const SCHEMA: &'static str = "heaproot.events/1";

    fn sections(&self) -> Vec<Section> {
        let mut table = Table::new(vec![
            text("Verdict", "verdict"),
            text("Publisher", "publisher"),
            text("Subscriber", "subscriber"),
            number("Handlers", "handlers"),
            number("Alone", "exclusive"),
            number("Comes back", "freed_bytes"),
            number("Share", "share"),
            text("Fingerprint", "fingerprint"),
        ]);
        for line in &self.events {
            table.push(vec![
                Cell::Text(verdict_text(line)),
                Cell::Text(format!("{}.{}", without_namespaces(&line.publisher), line.field)),
                Cell::Text(format!("{}.{}", without_namespaces(&line.subscriber), line.method)),
                Cell::Count(line.handlers),
                Cell::Count(line.exclusive),
                line.freed_bytes.map_or(Cell::Missing, Cell::Size),
                line.freed_bytes.map_or(Cell::Missing, |bytes| Cell::Share(bytes, self.live.bytes)),
                Cell::Text(line.fingerprint.clone()),
            ]);
        }
        let mut sections = vec![Section::Line(self.sentence()), Section::Table(table)];
        if self.n_more > 0 {
            sections.push(Section::Line(format!("{} more not shown (--limit).", number::count(self.n_more))));
        }
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Verdict", "verdict"),
            text("Publisher", "publisher"),
            text("Kind", "publisher_kind"),
            text("Field", "field"),
            text("Subscriber", "subscriber"),
            text("Subscriber kind", "subscriber_kind"),
            text("Method", "method"),
            number("Handlers", "handlers"),
            number("Subscribers", "subscribers"),
            number("Alone", "exclusive"),
            number("Publishers", "publishers"),
            text("Held by", "held_by"),
            text("With", "with"),
            number("Bytes", "freed_bytes"),
            number("Objects", "freed_count"),
            text("Fingerprint", "fingerprint"),
        ]);
        for line in &self.events {
            table.push(vec![
                Cell::Text(line.verdict.to_owned()),
                Cell::Text(line.publisher.clone()),
                Cell::Text(line.publisher_kind.to_owned()),
                Cell::Text(line.field.clone()),
                Cell::Text(line.subscriber.clone()),
                Cell::Text(line.subscriber_kind.to_owned()),
                Cell::Text(line.method.clone()),
                Cell::Count(line.handlers),
                Cell::Count(line.subscribers),
                Cell::Count(line.exclusive),
                Cell::Count(line.publishers),
                Cell::text_or_missing(line.held_by.as_deref()),
                Cell::text_or_missing(Some(line.with.join(" ")).filter(|with| !with.is_empty()).as_deref()),
                line.freed_bytes.map_or(Cell::Missing, Cell::Size),
                line.freed_count.map_or(Cell::Missing, Cell::Count),
                Cell::Text(line.fingerprint.clone()),
            ]);
        }
        table
    }
}
