//! One long operation: what it is doing, how far it is, and whether anyone still waits for it.
//!
//! A [`Job`] is shared between the thread that works and the one that watches. Loops call [`Job::tick`] once per batch
//! (a region, some thousand objects), never per object: the counter is shared memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The watcher gave up; the work stops and leaves nothing half built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cancelled")
    }
}

impl std::error::Error for Cancelled {}

/// Handle to one long operation. Clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct Job(Arc<State>);

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
    done: AtomicU64,
    stage: Mutex<Stage>,
}

#[derive(Debug, Clone, Default)]
struct Stage {
    label: &'static str,
    unit: Unit,
    total: Option<u64>,
    started: Option<Instant>,
}

/// What the counter of a stage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unit {
    /// Bytes of a file or of heap.
    #[default]
    Bytes,
    /// Objects of the heap.
    Objects,
    /// Anything else.
    Steps,
}

/// What a watcher sees of a job at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done, for a person: `Reading the heap`.
    pub stage: &'static str,
    /// What `done` and `total` count.
    pub unit: Unit,
    /// Units finished in this stage.
    pub done: u64,
    /// Units in this stage, when known.
    pub total: Option<u64>,
    /// Seconds since the stage began.
    pub elapsed_secs: f64,
}

impl Progress {
    /// Finished share from 0 to 1, when the total is known.
    #[must_use]
    pub fn fraction(&self) -> Option<f32> {
        let total = self.total.filter(|&total| total > 0)?;
        Some((self.done.min(total) as f64 / total as f64) as f32)
    }

    /// Units per second so far; `None` in the first tenth of a second.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.elapsed_secs > 0.1).then(|| self.done as f64 / self.elapsed_secs)
    }

    /// Seconds left at the present rate, when total and rate are known.
    #[must_use]
    pub fn remaining_secs(&self) -> Option<f64> {
        let rate = self.rate().filter(|&rate| rate > 0.0)?;
        Some(self.total?.saturating_sub(self.done) as f64 / rate)
    }
}

impl Job {
    /// A job nobody has cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a stage: its label for a person, what is counted, and how much there is, when known.
    pub fn stage(&self, label: &'static str, unit: Unit, total: Option<u64>) {
        let mut stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.done.store(0, Ordering::Relaxed);
        *stage = Stage { label, unit, total, started: Some(Instant::now()) };
    }

    /// Counts `units` as finished, and stops the caller when the job was cancelled. Call it per batch.
    ///
    /// # Errors
    /// [`Cancelled`] once [`Job::cancel`] was called.
    pub fn tick(&self, units: u64) -> Result<(), Cancelled> {
        self.0.done.fetch_add(units, Ordering::Relaxed);
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Asks the worker to stop at its next tick.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// True once [`Job::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// What the job is doing now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let stage = self.0.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Progress {
            stage: stage.label,
            unit: stage.unit,
            done: self.0.done.load(Ordering::Relaxed),
            total: stage.total,
            elapsed_secs: stage.started.map_or(0.0, |started| started.elapsed().as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_job_stops_at_the_next_tick() {
        let job = Job::new();
        job.stage("Reading", Unit::Bytes, Some(10));
        assert_eq!(job.tick(4), Ok(()));
        assert_eq!(job.progress().fraction(), Some(0.4));
        job.clone().cancel();
        assert_eq!(job.tick(1), Err(Cancelled));
    }
}
