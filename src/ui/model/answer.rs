//! A question and its latest answer: the old answer stays on screen until the new one is there.

use std::sync::Arc;
use std::time::Instant;

use crate::base::{Cancelled, Job, Progress};
use crate::session::{Analyses, Pending, Session, Stopped};

/// A question `Q` and its latest answer `T`.
#[derive(Debug)]
pub struct Answer<Q, T> {
    asked: Option<Q>,
    pending: Option<Pending<T>>,
    since: Option<Instant>,
    value: Option<(Q, Arc<T>)>,
    failed: Option<Stopped>,
}

impl<Q, T> Default for Answer<Q, T> {
    fn default() -> Self {
        Self { asked: None, pending: None, since: None, value: None, failed: None }
    }
}

impl<Q: Clone + PartialEq, T: Send + 'static> Answer<Q, T> {
    /// Asks unless this very question was asked last. An older question that still runs is cancelled.
    pub fn want(
        &mut self,
        session: &Session,
        question: Q,
        ask: impl FnOnce(&Analyses, &Job) -> Result<T, Cancelled> + Send + 'static,
    ) {
        if self.asked.as_ref() == Some(&question) {
            return;
        }
        if let Some(pending) = session.ask(ask) {
            self.pending = Some(pending);
            self.since = Some(Instant::now());
            self.asked = Some(question);
            self.failed = None;
        }
    }

    /// Takes the answer when it has come. True when something new can be shown.
    pub fn poll(&mut self) -> bool {
        let Some(result) = self.pending.as_mut().and_then(Pending::poll) else { return false };
        self.pending = None;
        match (result, self.asked.clone()) {
            (Ok(value), Some(question)) => self.value = Some((question, Arc::new(value))),
            (Err(stopped), _) => self.failed = Some(stopped),
            (Ok(_), None) => {}
        }
        true
    }

    /// The latest answer, perhaps of an older question.
    #[must_use]
    pub fn value(&self) -> Option<&Arc<T>> {
        self.value.as_ref().map(|(_, value)| value)
    }

    /// The answer to exactly `question`.
    #[must_use]
    pub fn value_of(&self, question: &Q) -> Option<&Arc<T>> {
        self.value.as_ref().filter(|(asked, _)| asked == question).map(|(_, value)| value)
    }

    /// Is a question under way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// What the question under way is doing, once it has taken a tenth of a second.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        let pending = self.pending.as_ref()?;
        self.since.filter(|since| since.elapsed().as_millis() >= 100)?;
        Some(pending.progress())
    }

    /// Why the last question has no answer.
    #[must_use]
    pub fn failed(&self) -> Option<Stopped> {
        self.failed
    }

    /// Stops the question under way.
    pub fn cancel(&mut self) {
        if let Some(pending) = &self.pending {
            pending.cancel();
        }
    }

    /// Forgets everything, so that the next `want` asks again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
