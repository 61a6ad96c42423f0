//! The system's file dialogs: made on the window's thread, awaited on another.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use super::Subject;
use crate::session::Wake as WakeWindow;

/// What a chosen file is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    Dump,
    Folder,
    Picture(Subject, f32),
}

/// A dialog on screen.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) purpose: Purpose,
    answer: Receiver<Option<PathBuf>>,
    since: Instant,
}

/// How a dialog ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    /// With a file or folder.
    Chosen(PathBuf),
    /// Without.
    Left,
    /// So soon that no person can have answered: there is no dialog on this desktop.
    Missing,
}

impl Dialog {
    /// Shows a dialog. `name` is proposed for a file to be written.
    pub(super) fn show(purpose: Purpose, name: &str, wake: WakeWindow) -> Self {
        let (sender, answer) = channel();
        let dialog = rfd::AsyncFileDialog::new();
        // Built here: macOS wants its dialogs made on the main thread.
        let chosen: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> = match purpose {
            Purpose::Dump => Box::pin(
                dialog
                    .set_title("Open dump")
                    .add_filter("Dumps", &["core", "dmp", "zst", "gz", "xz", "gcdump", "nettrace"])
                    .add_filter("All files", &["*"])
                    .pick_file(),
            ),
            Purpose::Folder => Box::pin(dialog.set_title("Folder with the program's assemblies").pick_folder()),
            Purpose::Picture(..) => {
                Box::pin(dialog.set_title("Save picture").set_file_name(name).add_filter("PNG", &["png"]).save_file())
            }
        };
        let spawned = std::thread::Builder::new().name("heaproot-dialog".to_owned()).spawn(move || {
            let file = block_on(chosen).map(|handle| handle.path().to_owned());
            // Nobody waits any more when this fails.
            let _ = sender.send(file);
            wake();
        });
        if let Err(err) = spawned {
            tracing::error!("no thread for the dialog: {err}");
        }
        Self { purpose, answer, since: Instant::now() }
    }

    /// How it ended; `None` while it is open.
    pub(super) fn poll(&self) -> Option<Ended> {
        match self.answer.try_recv() {
            Ok(Some(path)) => Some(Ended::Chosen(path)),
            Ok(None) if self.since.elapsed().as_millis() < 400 => Some(Ended::Missing),
            Ok(None) => Some(Ended::Left),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Ended::Missing),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
