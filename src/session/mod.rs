//! One open dump: its worker threads, its finished values, its questions. The one door to the data for command line
//! and window.
//!
//! ```text
//! open ── snapshot ── graph ── reachability ── referrers ── dominators ── findings      one thread per dump, in this order
//!            │          │          │             │
//!            └──────────┴── wake() ┴─────────────┘            each value is published whole, as an Arc
//!
//! ask(question) ── Pending                                    one thread per question, dropped means cancelled
//! ```
//!
//! **Invariants:** nothing here waits for a worker except [`Session::wait`] and [`Pending::wait`]; a value that was
//! published never changes; a worker that panics is a [`Status::Failed`], never a hang.

mod pending;
mod problem;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use pending::{Pending, Stopped};
pub use problem::LoadProblem;

use crate::analysis::dominators::children::Children;
use crate::analysis::dominators::{DominatorOptions, DominatorTree, dominators, root_objects};
use crate::analysis::findings::{Findings, findings};
use crate::analysis::reachability::Amount;
use crate::analysis::{Heap, Reachability, ReachabilityOptions, Referrers, reachability, referrers};
use crate::base::{Cancelled, Job, Limits, Progress};
use crate::load;
use crate::report::Sum;
use crate::report::info::{InfoReport, ReachableInfo};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// Called from a worker thread whenever something new can be shown.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How a dump is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Folders with the assemblies of the process, for names that the dump does not hold.
    pub module_folders: Vec<PathBuf>,
}

/// How far a session is.
#[derive(Clone, Debug)]
pub enum Status {
    /// The first pass is not finished.
    Loading {
        /// Stage, units, rate.
        progress: Progress,
    },
    /// The snapshot is there; references and analyses follow, see [`Session::background`].
    Ready,
    /// The dump cannot be read.
    Failed(LoadProblem),
    /// Someone gave up before the snapshot was there.
    Cancelled,
}

/// What a question may look at. Cheap to clone; every value is finished.
#[derive(Clone, Debug)]
pub struct Analyses {
    /// The heap after the first pass.
    pub snapshot: Arc<HeapSnapshot>,
    /// References and roots, when read.
    pub graph: Option<Arc<HeapGraph>>,
    /// References turned round, when done.
    pub referrers: Option<Arc<Referrers>>,
    /// What is alive, when known.
    pub reachability: Option<Arc<Reachability>>,
    /// What each object keeps alive, when known. Below precise roots: words on stacks hold nothing here.
    pub dominance: Option<Arc<Dominance>>,
    /// Leaks and waste, when looked for.
    pub findings: Option<Arc<Findings>>,
}

/// The dominator tree, upwards and downwards.
#[derive(Debug)]
pub struct Dominance {
    /// Dominators and retained sizes.
    pub tree: DominatorTree,
    /// What each object holds alone.
    pub children: Children,
}

impl Dominance {
    /// Finds it, with words on stacks as roots or without.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(
        snapshot: &HeapSnapshot,
        graph: &HeapGraph,
        options: DominatorOptions,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let tree = dominators(snapshot, graph, &root_objects(graph, options), job)?;
        let children = Children::new(&tree, snapshot, job)?;
        Ok(Self { tree, children })
    }
}

/// One open dump.
pub struct Session {
    path: PathBuf,
    options: OpenOptions,
    shared: Arc<Shared>,
}

/// State that the worker, the watchers and the questions share.
struct Shared {
    job: Job,
    wake: Wake,
    outcome: Mutex<Outcome>,
    changed: Condvar,
    snapshot: OnceLock<Arc<HeapSnapshot>>,
    graph: OnceLock<Arc<HeapGraph>>,
    referrers: OnceLock<Arc<Referrers>>,
    reachability: OnceLock<Arc<Reachability>>,
    dominance: OnceLock<Arc<Dominance>>,
    findings: OnceLock<Arc<Findings>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Working,
    Finished,
    Cancelled,
    Failed(LoadProblem),
}

/// Why the worker stopped early.
enum Stop {
    Cancelled,
    Problem(Box<LoadProblem>),
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl Analyses {
    /// The facts for `info`.
    #[must_use]
    pub fn info(&self) -> InfoReport {
        let reachable = self.reachability.as_ref().map(|reachability| {
            let sum = |amount: Amount| Sum { count: amount.count, bytes: amount.bytes };
            ReachableInfo {
                without_stack: sum(reachability.total_without_stack()),
                with_stack: sum(reachability.total()),
            }
        });
        InfoReport::new(&self.snapshot, self.graph.as_deref(), reachable)
    }

    /// True when a root holds `object`; `None` before that is known. Column look-up.
    #[must_use]
    pub fn is_reachable(&self, object: ObjectId) -> Option<bool> {
        self.reachability.as_ref().map(|reachability| reachability.is_alive(object))
    }

    /// Everything that questions about single objects need, once it is there.
    #[must_use]
    pub fn heap(&self) -> Option<Heap<'_>> {
        Some(Heap {
            snapshot: &self.snapshot,
            graph: self.graph.as_deref()?,
            referrers: self.referrers.as_deref()?,
            reachability: self.reachability.as_deref()?,
        })
    }
}

impl Session {
    /// Opens `path` on a thread of its own and returns at once.
    #[must_use]
    pub fn open(path: &Path, options: OpenOptions, wake: Wake) -> Self {
        let file = path.to_owned();
        let folders = options.module_folders.clone();
        Self::start(path, options, wake, move |shared| read(&file, &folders, shared))
    }

    /// A session over finished parts: for tests, pictures and benches. Analyses run before this returns.
    #[must_use]
    pub fn from_parts(snapshot: Arc<HeapSnapshot>, graph: Option<Arc<HeapGraph>>) -> Self {
        let path = PathBuf::from(&snapshot.facts.file_name);
        let shared = Shared::new(Arc::new(|| {}));
        let stopped = analyse(&shared, snapshot, graph).err();
        shared.finish(stopped);
        Self { path, options: OpenOptions::default(), shared }
    }

    /// A session that is in `status` and stays there: for tests and pictures of the states. A session cannot be
    /// [`Status::Ready`] this way: see [`Session::from_parts`].
    #[must_use]
    pub fn from_status(path: &Path, status: Status) -> Self {
        let shared = Shared::new(Arc::new(|| {}));
        match status {
            Status::Loading { progress } => {
                shared.job.stage(progress.stage, progress.unit, progress.total);
                let _ = shared.job.tick(progress.done);
            }
            Status::Ready | Status::Cancelled => shared.finish(Some(Stop::Cancelled)),
            Status::Failed(problem) => shared.finish(Some(Stop::Problem(Box::new(problem)))),
        }
        Self { path: path.to_owned(), options: OpenOptions::default(), shared }
    }

    /// A session that reads references and stays there: for tests of what waits for them.
    #[cfg(test)]
    #[must_use]
    pub fn reading_references(snapshot: Arc<HeapSnapshot>) -> Self {
        let path = PathBuf::from(&snapshot.facts.file_name);
        let shared = Shared::new(Arc::new(|| {}));
        let _ = shared.snapshot.set(snapshot);
        Self { path, options: OpenOptions::default(), shared }
    }

    /// The same file again, with more folders to look for assemblies in.
    #[must_use]
    pub fn with_folders(&self, folders: &[PathBuf]) -> Self {
        let mut options = self.options.clone();
        for folder in folders {
            if !options.module_folders.contains(folder) {
                options.module_folders.push(folder.clone());
            }
        }
        Self::open(&self.path, options, Arc::clone(&self.shared.wake))
    }

    fn start(
        path: &Path,
        options: OpenOptions,
        wake: Wake,
        work: impl FnOnce(&Shared) -> Result<(), Stop> + Send + 'static,
    ) -> Self {
        let shared = Shared::new(wake);
        let worker = Arc::clone(&shared);
        let spawned = std::thread::Builder::new().name("heaproot-load".to_owned()).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&worker)));
            worker.finish(match result {
                Ok(result) => result.err(),
                Err(_) => Some(Stop::Problem(Box::new(LoadProblem::panicked()))),
            });
        });
        if let Err(err) = spawned {
            shared.finish(Some(Stop::Problem(Box::new(LoadProblem::no_thread(&err)))));
        }
        Self { path: path.to_owned(), options, shared }
    }

    /// The file, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it was opened.
    #[must_use]
    pub fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// How far loading is. Cheap: asked in every frame.
    #[must_use]
    pub fn status(&self) -> Status {
        let outcome = self.shared.lock().clone();
        match outcome {
            // What was read before the end stays usable: a person who cancels the second pass keeps the table.
            _ if self.shared.snapshot.get().is_some() => Status::Ready,
            Outcome::Working => Status::Loading { progress: self.shared.job.progress() },
            Outcome::Failed(problem) => Status::Failed(problem),
            Outcome::Cancelled | Outcome::Finished => Status::Cancelled,
        }
    }

    /// The analysis that runs behind a usable snapshot; `None` when nothing runs.
    #[must_use]
    pub fn background(&self) -> Option<Progress> {
        let is_working = *self.shared.lock() == Outcome::Working;
        (is_working && self.shared.snapshot.get().is_some()).then(|| self.shared.job.progress())
    }

    /// What ended the work behind a usable snapshot before its time: a failed second pass. `None` while it runs, after
    /// a clean end, and after [`Session::cancel`].
    #[must_use]
    pub fn background_problem(&self) -> Option<LoadProblem> {
        self.shared.snapshot.get()?;
        match &*self.shared.lock() {
            Outcome::Failed(problem) => Some(problem.clone()),
            _ => None,
        }
    }

    /// True when the work was stopped by [`Session::cancel`], before or after the snapshot was there.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.shared.lock() == Outcome::Cancelled
    }

    /// The heap after the first pass.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<HeapSnapshot>> {
        self.shared.snapshot.get().cloned()
    }

    /// References and roots.
    #[must_use]
    pub fn graph(&self) -> Option<Arc<HeapGraph>> {
        self.shared.graph.get().cloned()
    }

    /// What is alive.
    #[must_use]
    pub fn reachability(&self) -> Option<Arc<Reachability>> {
        self.shared.reachability.get().cloned()
    }

    /// What each object keeps alive.
    #[must_use]
    pub fn dominance(&self) -> Option<Arc<Dominance>> {
        self.shared.dominance.get().cloned()
    }

    /// Leaks and waste.
    #[must_use]
    pub fn findings(&self) -> Option<Arc<Findings>> {
        self.shared.findings.get().cloned()
    }

    /// True once questions about single objects can be answered: see [`Analyses::heap`]. Cheap: asked in every frame.
    #[must_use]
    pub fn has_paths(&self) -> bool {
        self.shared.referrers.get().is_some() && self.shared.reachability.get().is_some()
    }

    /// Everything finished so far, once there is a snapshot.
    #[must_use]
    pub fn analyses(&self) -> Option<Analyses> {
        self.shared.analyses()
    }

    /// Asks something that takes longer than a frame: `question` runs on a thread of its own and sees everything
    /// finished when it starts. `None` before there is a snapshot.
    ///
    /// Dropping the answer cancels the question.
    #[must_use]
    pub fn ask<T, F>(&self, question: F) -> Option<Pending<T>>
    where
        T: Send + 'static,
        F: FnOnce(&Analyses, &Job) -> Result<T, Cancelled> + Send + 'static,
    {
        let analyses = self.analyses()?;
        Some(Pending::start(Arc::clone(&self.shared.wake), move |job| question(&analyses, job)))
    }

    /// Stops loading and analysing. The status changes at once; the worker stops at its next tick. What is finished
    /// stays usable.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Blocks until loading and analyses have ended or `is_enough`, calling `watch` with the progress about ten times a
    /// second. For the command line; the window never calls it.
    pub fn wait_until(&self, is_enough: impl Fn(&Self) -> bool, mut watch: impl FnMut(&Progress)) {
        let mut outcome = self.shared.lock();
        while *outcome == Outcome::Working {
            drop(outcome);
            if is_enough(self) {
                return;
            }
            watch(&self.shared.job.progress());
            outcome = self.shared.lock();
            if *outcome == Outcome::Working {
                let step = Duration::from_millis(100);
                outcome = self.shared.changed.wait_timeout(outcome, step).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Blocks until loading and analyses have ended, calling `watch` as [`Session::wait_until`] does.
    pub fn wait(&self, watch: impl FnMut(&Progress)) {
        self.wait_until(|_| false, watch);
    }
}

impl Drop for Session {
    /// Cancels the work and lets the worker go: waiting for it here would freeze the window.
    fn drop(&mut self) {
        self.shared.cancel();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("path", &self.path).field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Shared {
    fn new(wake: Wake) -> Arc<Self> {
        Arc::new(Self {
            job: Job::new(),
            wake,
            outcome: Mutex::new(Outcome::Working),
            changed: Condvar::new(),
            snapshot: OnceLock::new(),
            graph: OnceLock::new(),
            referrers: OnceLock::new(),
            reachability: OnceLock::new(),
            dominance: OnceLock::new(),
            findings: OnceLock::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes one finished value. Taking the lock orders the value before the signal.
    fn publish<T>(&self, slot: &OnceLock<Arc<T>>, value: Arc<T>) {
        {
            let _guard = self.lock();
            // A second value for the same slot would change what was shown: the first one stays.
            let _ = slot.set(value);
            self.changed.notify_all();
        }
        (self.wake)();
    }

    fn finish(&self, stopped: Option<Stop>) {
        {
            let mut outcome = self.lock();
            if *outcome == Outcome::Working {
                *outcome = match stopped {
                    None => Outcome::Finished,
                    Some(Stop::Cancelled) => Outcome::Cancelled,
                    Some(Stop::Problem(problem)) => Outcome::Failed(*problem),
                };
            }
            self.changed.notify_all();
        }
        (self.wake)();
    }

    fn cancel(&self) {
        self.job.cancel();
        let mut outcome = self.lock();
        if *outcome == Outcome::Working {
            *outcome = Outcome::Cancelled;
            self.changed.notify_all();
        }
    }

    fn analyses(&self) -> Option<Analyses> {
        Some(Analyses {
            snapshot: self.snapshot.get().cloned()?,
            graph: self.graph.get().cloned(),
            referrers: self.referrers.get().cloned(),
            reachability: self.reachability.get().cloned(),
            dominance: self.dominance.get().cloned(),
            findings: self.findings.get().cloned(),
        })
    }
}

/// Reads the file: snapshot, then references, then what follows from them.
fn read(path: &Path, folders: &[PathBuf], shared: &Shared) -> Result<(), Stop> {
    let begin = Instant::now();
    let failed = |err: load::Error| match LoadProblem::of(&err, path) {
        Some(problem) => Stop::Problem(Box::new(problem)),
        None => Stop::Cancelled,
    };
    tracing::info!(file = %path.display(), "opening");
    let options = load::OpenOptions { module_folders: folders.to_vec(), limits: Limits::default() };
    let (snapshot, remaining) = load::open(path, &options, &shared.job).map_err(failed)?;
    let snapshot = Arc::new(snapshot);
    tracing::info!(objects = snapshot.n_objects(), secs = begin.elapsed().as_secs_f64(), "types and objects are read");
    for warning in snapshot.warnings.list() {
        tracing::warn!("{warning}");
    }
    shared.publish(&shared.snapshot, Arc::clone(&snapshot));
    let graph = remaining.read_graph(&snapshot, &shared.job).map_err(failed)?;
    tracing::info!(
        references = graph.references.n_references(),
        roots = graph.roots.roots.len(),
        secs = begin.elapsed().as_secs_f64(),
        "references and roots are read"
    );
    for warning in graph.warnings.list() {
        tracing::warn!("{warning}");
    }
    analyse(shared, snapshot, Some(Arc::new(graph)))?;
    tracing::info!(secs = begin.elapsed().as_secs_f64(), "analyses are finished");
    Ok(())
}

/// Publishes the parts and computes what follows from them, in the order a person asks.
fn analyse(shared: &Shared, snapshot: Arc<HeapSnapshot>, graph: Option<Arc<HeapGraph>>) -> Result<(), Stop> {
    if shared.snapshot.get().is_none() {
        shared.publish(&shared.snapshot, Arc::clone(&snapshot));
    }
    let Some(graph) = graph else { return Ok(()) };
    shared.publish(&shared.graph, Arc::clone(&graph));
    let alive = reachability(&snapshot, &graph, ReachabilityOptions { stack: true, cut: None }, &shared.job)?;
    shared.publish(&shared.reachability, Arc::new(alive));
    let turned = referrers(&graph, &shared.job)?;
    shared.publish(&shared.referrers, Arc::new(turned));
    let dominance = Dominance::new(&snapshot, &graph, DominatorOptions { stack: false }, &shared.job)?;
    shared.publish(&shared.dominance, Arc::new(dominance));
    let analyses = shared.analyses();
    if let Some((heap, dominance)) = analyses.as_ref().and_then(|all| Some((all.heap()?, all.dominance.as_deref()?))) {
        let found = findings(&heap, &dominance.tree, &dominance.children, &shared.job)?;
        shared.publish(&shared.findings, Arc::new(found));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::base::job::Unit;

    fn start(work: impl FnOnce(&Shared) -> Result<(), Stop> + Send + 'static) -> Session {
        Session::start(Path::new("test.core"), OpenOptions::default(), Arc::new(|| {}), work)
    }

    #[test]
    fn cancelling_shows_at_once_and_stops_the_worker() {
        let (ended, wait) = mpsc::channel();
        let session = start(move |shared| {
            shared.job.stage("Reading the heap", Unit::Bytes, Some(100));
            loop {
                if shared.job.tick(0).is_err() {
                    ended.send(()).unwrap();
                    return Err(Stop::Cancelled);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        assert!(matches!(session.status(), Status::Loading { .. }));
        let from = Instant::now();
        session.cancel();
        assert!(matches!(session.status(), Status::Cancelled));
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(from.elapsed() < Duration::from_millis(200), "{:?}", from.elapsed());
        assert!(session.ask(|_, _| Ok(())).is_none());
    }

    #[test]
    fn dropping_a_session_stops_its_worker() {
        let (ended, wait) = mpsc::channel();
        let session = start(move |shared| {
            while !shared.job.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended.send(()).unwrap();
            Err(Stop::Cancelled)
        });
        drop(session);
        wait.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_panic_of_the_worker_is_a_problem_with_words() {
        let woken = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&woken);
        let wake: Wake = Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let session =
            Session::start(Path::new("test.core"), OpenOptions::default(), wake, |_| std::panic::panic_any("a defect"));
        session.wait(|_| {});
        let Status::Failed(problem) = session.status() else { panic!("{:?}", session.status()) };
        assert_eq!(problem, LoadProblem::panicked());
        // The wake comes after the outcome is visible.
        let end = Instant::now() + Duration::from_secs(10);
        while woken.load(Ordering::Relaxed) == 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
    }
}
