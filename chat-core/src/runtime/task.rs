use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::channel::oneshot;
use futures::task::AtomicWaker;
use thiserror::Error;

use super::runner::{Holder, Outcome, Runner};

/// A future that runs in the background, and the way to its result.
///
/// Made by [`RuntimeExt::spawn`](super::RuntimeExt::spawn). As a future it completes with the output
/// of what was spawned, or tells why there is none.
///
/// - **Dropping** it cancels the task, without waiting for it.
/// - [`detach`](Task::detach) lets the task go on alone.
/// - [`cancel`](Task::cancel) stops the task and waits until its destructors have run.
///
/// # Cancel safety
///
/// Polling a `&mut Task` and giving up loses nothing; giving up an owned `Task` cancels it.
#[must_use = "dropping a Task cancels it; detach it or await it"]
pub struct Task<T> {
    outcome: oneshot::Receiver<Outcome<T>>,
    cancellation: Arc<Cancellation>,
    cancel_on_drop: bool,
}

/// The order to stop.
#[derive(Default)]
struct Cancellation {
    ordered: AtomicBool,
    runner: AtomicWaker,
}

impl Cancellation {
    fn order(&self) {
        self.ordered.store(true, Ordering::SeqCst);
        self.runner.wake();
    }
}

/// The end of a [`Task`] that is with its runner.
pub(super) struct Link<T> {
    outcome: oneshot::Sender<Outcome<T>>,
    cancellation: Arc<Cancellation>,
}

/// What the runtime runs for a [`Task`].
type TaskRunner<F> = Runner<F, Link<<F as Future>::Output>>;

/// A runner for `future`, to be handed to the runtime, and the handle to it.
pub(super) fn new<F: Future>(future: F) -> (TaskRunner<F>, Task<F::Output>) {
    let (link, task) = linked();
    (Runner::new(future, link), task)
}

/// The same for work that blocks, and so cannot be cancelled.
pub(super) fn blocking<F, T>(work: F) -> (impl FnOnce() + Send, Task<T>)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let (link, task) = linked();
    let work = move || {
        link.report(match catch_unwind(AssertUnwindSafe(work)) {
            Ok(output) => Outcome::Finished(output),
            Err(panic) => Outcome::Panicked(panic),
        });
    };
    (work, task)
}

fn linked<T>() -> (Link<T>, Task<T>) {
    let (sender, outcome) = oneshot::channel();
    let cancellation = Arc::<Cancellation>::default();
    let link = Link {
        outcome: sender,
        cancellation: Arc::clone(&cancellation),
    };
    let task = Task {
        outcome,
        cancellation,
        cancel_on_drop: true,
    };
    (link, task)
}

impl<T> Holder<T> for Link<T> {
    fn set_task(&self, waker: &Waker) {
        self.cancellation.runner.register(waker);
    }

    fn is_cancelled(&self) -> bool {
        self.cancellation.ordered.load(Ordering::SeqCst)
    }

    fn report(self, outcome: Outcome<T>) {
        // Nobody may be left who wants to know.
        let _ = self.outcome.send(outcome);
    }
}

impl<T> Task<T> {
    /// Lets the task run to its end with nobody waiting for it.
    pub fn detach(mut self) {
        self.cancel_on_drop = false;
    }

    /// Stops the task and waits until its future has been dropped, destructors and all.
    ///
    /// Returns the output when the task had already finished. Work from
    /// [`spawn_blocking`](super::RuntimeExt::spawn_blocking) is waited for, as it cannot be stopped.
    ///
    /// # Cancel safety
    ///
    /// The order to stop is given at the first poll; dropping this future after it stops waiting,
    /// not stopping.
    pub async fn cancel(self) -> Result<T, JoinError> {
        self.cancellation.order();
        self.await
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome)
            .poll(cx)
            .map(|outcome| match outcome {
                Ok(Outcome::Finished(output)) => Ok(output),
                Ok(Outcome::Panicked(panic)) => Err(JoinError::Panicked(Panic::new(panic))),
                Ok(Outcome::Cancelled) | Err(oneshot::Canceled) => Err(JoinError::Cancelled),
            })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.cancel_on_drop {
            self.cancellation.order();
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

/// Why a [`Task`] has no output.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It was cancelled, or its runtime ended first.
    #[error("the task was cancelled")]
    Cancelled,
    /// It panicked.
    #[error("the task panicked: {0}")]
    Panicked(Panic),
}

/// What a task panicked with.
///
/// Displays as the panic's message.
pub struct Panic {
    message: Option<String>,
    /// Behind a lock that nobody takes: errors have to be `Sync`, payloads are not.
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    pub(super) fn new(payload: Box<dyn Any + Send>) -> Self {
        let text = payload
            .downcast_ref::<&'static str>()
            .map(|&text| text.to_owned());
        Self {
            message: text.or_else(|| payload.downcast_ref::<String>().cloned()),
            payload: Mutex::new(payload),
        }
    }

    /// The payload, for [`std::panic::resume_unwind`].
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The panic's message, where it has one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or("(no message)"))
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_error_can_be_any_error() {
        let panic = Panic::new(Box::new("boom"));
        let error = std::io::Error::other(JoinError::Panicked(panic));
        assert_eq!(error.to_string(), "the task panicked: boom");
    }

    #[test]
    fn a_panic_keeps_its_payload() {
        let panic = Panic::new(Box::new(7_u8));
        assert_eq!(panic.message(), None);
        assert_eq!(*panic.into_payload().downcast::<u8>().unwrap(), 7);
    }
}
