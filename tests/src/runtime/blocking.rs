//! Work that blocks, on whatever threads the runtime has for it.

use std::pin::pin;
use std::sync::mpsc as blocking_mpsc;

use chat_core::runtime::{JoinError, RuntimeExt};
use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::future::join_all;
use futures::stream::StreamExt;

use super::foreign::{on_a_foreign_thread, panic_on_purpose};
use crate::{Harness, waiting_for};

pub(super) fn blocking_work_returns_its_value<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let work = runtime.spawn_blocking(|| 6 * 7);
        waiting_for("the value of blocking work");
        assert_eq!(work.await.expect("the work ends well"), 42);
    });
}

pub(super) fn blocking_work_does_not_block_the_runtime<H: Harness>(harness: H) {
    // More than a runtime is likely to have threads that poll futures.
    const JOBS: usize = 32;
    let runtime = harness.runtime();
    harness.block_on(async {
        let (started, mut starts) = mpsc::unbounded();
        let mut gates = Vec::new();
        let jobs: Vec<_> = (0..JOBS)
            .map(|_| {
                let (gate, opened) = blocking_mpsc::channel::<()>();
                gates.push(gate);
                let started = started.clone();
                runtime.spawn_blocking(move || {
                    // Only the first is listened to: there may be fewer threads than work.
                    let _ = started.unbounded_send(());
                    opened.recv().expect("the gate is opened");
                })
            })
            .collect();
        drop(started);
        waiting_for("blocking work to start");
        starts.next().await.expect("blocking work starts");
        let (ping, pinged) = oneshot::channel();
        let (pong, ponged) = oneshot::channel();
        runtime.spawn_detached(Box::pin(async move {
            pinged.await.expect("a ping comes");
            pong.send(()).expect("somebody listens");
        }));
        ping.send(()).expect("the task is there");
        waiting_for("a task while blocking work is running");
        ponged.await.expect("the task answers");
        for gate in gates {
            gate.send(()).expect("the work is waiting");
        }
        waiting_for("all blocking work to end");
        for job in join_all(jobs).await {
            job.expect("all work ends well");
        }
    });
}

pub(super) fn blocking_work_can_be_started_from_a_foreign_thread<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        waiting_for("a foreign thread to start blocking work");
        let work = on_a_foreign_thread(move || runtime.spawn_blocking(|| 6 * 7)).await;
        waiting_for("blocking work that a foreign thread started");
        assert_eq!(work.await.expect("the work ends well"), 42);
    });
}

pub(super) fn blocking_work_runs_also_when_its_handle_is_dropped<H: Harness>(harness: H) {
    const JOBS: usize = 50;
    let runtime = harness.runtime();
    harness.block_on(async {
        let (ran, runs) = mpsc::unbounded();
        for _ in 0..JOBS {
            let ran = ran.clone();
            drop(runtime.spawn_blocking(move || ran.unbounded_send(()).is_ok()));
        }
        drop(ran);
        waiting_for("blocking work whose handles were dropped");
        assert_eq!(runs.count().await, JOBS, "all work runs");
    });
}

pub(super) fn cancelling_blocking_work_waits_for_it<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let (gate, opened) = blocking_mpsc::channel::<()>();
        let work = runtime.spawn_blocking(move || {
            opened.recv().expect("the gate is opened");
            6 * 7
        });
        let mut cancelled = pin!(work.cancel());
        assert!(
            cancelled.as_mut().now_or_never().is_none(),
            "the work cannot have ended"
        );
        gate.send(()).expect("the work is waiting");
        waiting_for("cancelled blocking work to come to its own end");
        assert_eq!(cancelled.await.expect("the work ends well"), 42);
    });
}

pub(super) fn a_panic_in_blocking_work_is_reported<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let work = runtime.spawn_blocking(|| panic_on_purpose("this panic belongs to the test"));
        waiting_for("blocking work that panics");
        match work.await {
            Err(JoinError::Panicked(panic)) => {
                assert_eq!(panic.message(), Some("this panic belongs to the test"));
            }
            other => panic!("the panic is reported, not {other:?}"),
        }
    });
}
