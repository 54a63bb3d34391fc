//! `Task`: what becomes of a future whose handle is kept, dropped or cancelled.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_core::runtime::{JoinError, RuntimeExt};
use futures::channel::oneshot;

use super::foreign::panic_on_purpose;
use crate::{Harness, waiting_for};

pub(super) fn a_task_returns_its_output<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let task = runtime.spawn(async { 6 * 7 });
        waiting_for("the output of a task");
        assert_eq!(task.await.expect("the task ends well"), 42);
    });
}

pub(super) fn dropping_a_task_cancels_it<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let (started, start) = oneshot::channel();
        let (held, dropped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let _held = held;
            started.send(()).expect("somebody listens");
            pending::<()>().await;
        });
        waiting_for("the task to start");
        start.await.expect("the task starts");
        drop(task);
        waiting_for("the destructors of a task whose handle was dropped");
        dropped.await.expect_err("nothing was sent");
    });
}

pub(super) fn a_detached_task_runs_to_its_end<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let (gate, opened) = oneshot::channel::<()>();
        let (sender, ended) = oneshot::channel();
        let task = runtime.spawn(async move {
            opened.await.expect("the gate is opened");
            sender.send(()).expect("somebody listens");
        });
        task.detach();
        gate.send(()).expect("the task is waiting");
        waiting_for("a detached task to end");
        ended.await.expect("the task ran to its end");
    });
}

pub(super) fn cancelling_returns_only_after_the_destructors_have_run<H: Harness>(harness: H) {
    struct Destructor(Arc<AtomicBool>);
    impl Drop for Destructor {
        fn drop(&mut self) {
            // Gives a runtime that does not wait the time to be caught.
            for _ in 0..100 {
                std::thread::yield_now();
            }
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let runtime = harness.runtime();
    harness.block_on(async {
        let has_run = Arc::new(AtomicBool::new(false));
        let destructor = Destructor(Arc::clone(&has_run));
        let (started, start) = oneshot::channel();
        let task = runtime.spawn(async move {
            let _destructor = destructor;
            started.send(()).expect("somebody listens");
            pending::<()>().await;
        });
        waiting_for("the task to start");
        start.await.expect("the task starts");
        waiting_for("a task to be cancelled");
        let error = task.cancel().await.expect_err("the task never ends");
        assert!(matches!(error, JoinError::Cancelled), "{error}");
        assert!(has_run.load(Ordering::SeqCst), "the destructors have run");
    });
}

pub(super) fn cancelling_a_finished_task_returns_its_output<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let (held, finished) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            drop(held);
            6 * 7
        });
        waiting_for("the task to come to its last line");
        finished.await.expect_err("nothing was sent");
        // The task has no more places to stop at.
        waiting_for("the output of a finished task");
        assert_eq!(task.cancel().await.expect("the task ended well"), 42);
    });
}

pub(super) fn a_panic_in_a_task_is_reported_to_who_waits_for_it<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let task = runtime.spawn(async { panic_on_purpose("this panic belongs to the test") });
        waiting_for("a task that panics");
        match task.await {
            Err(JoinError::Panicked(panic)) => {
                assert_eq!(panic.message(), Some("this panic belongs to the test"));
            }
            other => panic!("the panic is reported, not {other:?}"),
        }
    });
}
