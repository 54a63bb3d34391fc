use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use futures::task::AtomicWaker;
use pin_project_lite::pin_project;

/// How a future that was run in the background ended.
pub(super) enum Outcome<T> {
    Finished(T),
    Cancelled,
    Panicked(Box<dyn Any + Send>),
}

/// Takes the outcome of a [`Runner`].
///
/// A runtime that ends may drop the runner without an outcome; then this is dropped untold.
pub(super) trait Report<T> {
    fn report(self, outcome: Outcome<T>);
}

/// The order to stop, from the holder of a handle to the [`Runner`].
#[derive(Default)]
pub(super) struct Cancellation {
    ordered: AtomicBool,
    runner: AtomicWaker,
}

impl Cancellation {
    pub(super) fn order(&self) {
        self.ordered.store(true, Ordering::SeqCst);
        self.runner.wake();
    }
}

pin_project! {
    /// Runs a future until it ends, panics or is cancelled, and reports which, always after the
    /// future's destructors have run.
    pub(super) struct Runner<F, R> {
        // Declared before `report`: a runtime that drops the runner drops the future first.
        #[pin]
        future: Option<F>,
        report: Option<R>,
        cancellation: Arc<Cancellation>,
        // What the cancellation wakes, to see whether it has changed.
        waker: Option<Waker>,
    }
}

impl<F, R> Runner<F, R> {
    pub(super) fn new(future: F, report: R, cancellation: Arc<Cancellation>) -> Self {
        Self {
            future: Some(future),
            report: Some(report),
            cancellation,
            waker: None,
        }
    }
}

impl<F: Future, R: Report<F::Output>> Future for Runner<F, R> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !matches!(this.waker, Some(waker) if waker.will_wake(cx.waker())) {
            this.cancellation.runner.register(cx.waker());
            *this.waker = Some(cx.waker().clone());
        }
        let outcome = if this.cancellation.ordered.load(Ordering::SeqCst) {
            Outcome::Cancelled
        } else if let Some(future) = this.future.as_mut().as_pin_mut() {
            match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                Ok(polled) => Outcome::Finished(ready!(polled)),
                Err(panic) => Outcome::Panicked(panic),
            }
        } else {
            return Poll::Ready(());
        };
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        if let Some(report) = this.report.take() {
            report.report(match dropped {
                Ok(()) => outcome,
                Err(panic) => Outcome::Panicked(panic),
            });
        }
        Poll::Ready(())
    }
}
