use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

/// How a future that was run in the background ended.
pub(super) enum Outcome<T> {
    Finished(T),
    Cancelled,
    Panicked(Box<dyn Any + Send>),
}

/// Whoever a [`Runner`] belongs to: may want it to stop, and is told how it ended.
///
/// A runtime that ends may drop the runner without an outcome; then this is dropped untold.
pub(super) trait Holder<T> {
    /// Wakes this task from now on when it is to stop.
    fn set_task(&self, waker: &Waker);

    /// Whether it is to stop. Asked in each poll, after the task is set: an order in between is seen here, and a later one wakes
    /// the task.
    fn is_cancelled(&self) -> bool;

    fn report(self, outcome: Outcome<T>);
}

pin_project! {
    /// Runs a future until it ends, panics or is cancelled, and reports which, always after the
    /// future's destructors have run.
    //
    // In this order, so that what each poll looks at is beside the beginning of the future.
    #[repr(C)]
    pub(super) struct Runner<F, H> {
        holder: Option<H>,
        // The task that the holder wakes, to see whether it has changed.
        waker: Option<Waker>,
        #[pin]
        future: Option<F>,
    }

    impl<F, H> PinnedDrop for Runner<F, H> {
        fn drop(this: Pin<&mut Self>) {
            // Before the holder, which takes it that the future is gone when it is dropped.
            this.project().future.set(None);
        }
    }
}

impl<F, H> Runner<F, H> {
    pub(super) fn new(future: F, holder: H) -> Self {
        Self {
            holder: Some(holder),
            waker: None,
            future: Some(future),
        }
    }
}

impl<F: Future, H: Holder<F::Output>> Future for Runner<F, H> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(holder) = this.holder else {
            return Poll::Ready(());
        };
        if !matches!(this.waker, Some(waker) if waker.will_wake(cx.waker())) {
            holder.set_task(cx.waker());
            *this.waker = Some(cx.waker().clone());
        }
        let outcome = if holder.is_cancelled() {
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
        if let Some(holder) = this.holder.take() {
            holder.report(match dropped {
                Ok(()) => outcome,
                Err(panic) => Outcome::Panicked(panic),
            });
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::testing::Flag;

    #[derive(Default)]
    struct Log {
        lines: Mutex<Vec<&'static str>>,
        cancelled: AtomicBool,
        task: Mutex<Option<Waker>>,
        /// Whether the order comes while the task is set.
        hurries: AtomicBool,
    }

    impl Log {
        fn add(&self, line: &'static str) {
            self.lines.lock().unwrap().push(line);
        }
    }

    /// Tells when it is dropped.
    struct Mark(Arc<Log>, &'static str);

    impl Drop for Mark {
        fn drop(&mut self) {
            self.0.add(self.1);
        }
    }

    struct Owner(Mark);

    impl Holder<()> for Owner {
        fn set_task(&self, waker: &Waker) {
            let log = &self.0.0;
            *log.task.lock().unwrap() = Some(waker.clone());
            let hurries = log.hurries.load(Ordering::SeqCst);
            log.cancelled.fetch_or(hurries, Ordering::SeqCst);
        }

        fn is_cancelled(&self) -> bool {
            self.0.0.cancelled.load(Ordering::SeqCst)
        }

        fn report(self, outcome: Outcome<()>) {
            self.0.0.add(match outcome {
                Outcome::Finished(()) => "finished",
                Outcome::Cancelled => "cancelled",
                Outcome::Panicked(_) => "panicked",
            });
        }
    }

    /// One that waits for ever.
    fn waiting(log: &Arc<Log>) -> Pin<Box<dyn Future<Output = ()>>> {
        let mark = Mark(Arc::clone(log), "future dropped");
        let waits = async move {
            let _mark = mark;
            future::pending::<()>().await;
        };
        let holder = Owner(Mark(Arc::clone(log), "holder dropped"));
        Box::pin(Runner::new(waits, holder))
    }

    /// The same, polled on behalf of each of two tasks.
    fn polled_twice(log: &Arc<Log>) -> Pin<Box<dyn Future<Output = ()>>> {
        let mut runner = waiting(log);
        for task in [Flag::set(), Flag::set()] {
            let waker = task.into();
            let polled = runner.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            assert!(log.task.lock().unwrap().as_ref().unwrap().will_wake(&waker));
        }
        runner
    }

    #[test]
    fn it_is_told_to_stop_as_the_task_that_polled_it_last_and_reports_when_the_future_is_gone() {
        let log = Arc::default();
        let mut runner = polled_twice(&log);
        log.cancelled.store(true, Ordering::SeqCst);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(runner.as_mut().poll(&mut cx).is_ready());
        let lines = ["future dropped", "cancelled", "holder dropped"];
        assert_eq!(*log.lines.lock().unwrap(), lines);
        assert!(
            runner.as_mut().poll(&mut cx).is_ready(),
            "once more is fine"
        );
    }

    #[test]
    fn an_order_that_comes_while_the_task_is_set_is_seen_in_the_same_poll() {
        let log = Arc::<Log>::default();
        log.hurries.store(true, Ordering::SeqCst);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting(&log).as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn a_runtime_that_drops_it_drops_the_future_before_the_holder() {
        let log = Arc::default();
        drop(polled_twice(&log));
        let lines = ["future dropped", "holder dropped"];
        assert_eq!(*log.lines.lock().unwrap(), lines);
    }
}
