//! A question under way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use super::Wake;
use crate::base::{Cancelled, Job, Progress};

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was cancelled.
    Cancelled,
    /// It ended without an answer: a defect of this program, or no thread could be started.
    Failed,
}

/// The answer to a question, once it is there. Dropping it cancels the question.
#[derive(Debug)]
pub struct Pending<T> {
    job: Job,
    answer: Receiver<Result<T, Cancelled>>,
}

impl<T: Send + 'static> Pending<T> {
    pub(super) fn start(wake: Wake, question: impl FnOnce(&Job) -> Result<T, Cancelled> + Send + 'static) -> Self {
        let job = Job::new();
        let (sender, answer) = sync_channel(1);
        let worker = job.clone();
        // When no thread can be started the sender is dropped with the closure, and the answer reads as failed.
        let _ = std::thread::Builder::new().name("heaproot-question".to_owned()).spawn(move || {
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| question(&worker))) {
                // Nobody waits any more when this fails.
                let _ = sender.send(result);
            }
            drop(sender);
            wake();
        });
        Self { job, answer }
    }
}

impl<T> Pending<T> {
    /// The answer, once: `None` while the question runs. Cheap: asked in every frame.
    pub fn poll(&mut self) -> Option<Result<T, Stopped>> {
        match self.answer.try_recv() {
            Ok(Ok(value)) => Some(Ok(value)),
            Ok(Err(Cancelled)) => Some(Err(Stopped::Cancelled)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(self.stopped())),
        }
    }

    /// Blocks until the answer is there. The window never calls it.
    ///
    /// # Errors
    /// [`Stopped`] when the question was cancelled or failed.
    pub fn wait(self) -> Result<T, Stopped> {
        match self.answer.recv() {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Cancelled)) => Err(Stopped::Cancelled),
            Err(_) => Err(self.stopped()),
        }
    }

    /// What the question is doing.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.job.progress()
    }

    /// Asks the question to stop.
    pub fn cancel(&self) {
        self.job.cancel();
    }

    fn stopped(&self) -> Stopped {
        if self.job.is_cancelled() { Stopped::Cancelled } else { Stopped::Failed }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.job.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn wake() -> Wake {
        Arc::new(|| {})
    }

    #[test]
    fn an_answer_comes_once() {
        let mut pending = Pending::start(wake(), |_| Ok(7));
        let answer = loop {
            if let Some(answer) = pending.poll() {
                break answer;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(answer, Ok(7));
        assert_eq!(Pending::start(wake(), |_| Ok(8)).wait(), Ok(8));
    }

    #[test]
    fn dropping_the_answer_cancels_the_question() {
        let (ended, wait) = mpsc::channel();
        let pending = Pending::<()>::start(wake(), move |job| {
            loop {
                if let Err(cancelled) = job.tick(1) {
                    ended.send(()).unwrap();
                    return Err(cancelled);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        drop(pending);
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_question_that_panics_has_failed() {
        let pending = Pending::<()>::start(wake(), |_| std::panic::panic_any("a defect"));
        assert_eq!(pending.wait(), Err(Stopped::Failed));
    }
}
