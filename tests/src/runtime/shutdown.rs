//! The end of a runtime. Where it cannot be brought about, these do not apply.

use std::future::pending;
use std::sync::mpsc as blocking_mpsc;
use std::time::Duration;

use chat_core::runtime::{JoinError, RuntimeExt};
use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;
use futures::io::AsyncReadExt;
use futures::stream::StreamExt;

use crate::transport::{Tcp, pair};
use crate::{Ending, Harness, Outcome, waiting_for};

pub(super) fn tasks_that_wait_when_the_runtime_ends_are_cancelled<H: Harness>(
    harness: H,
) -> Outcome {
    const TASKS: usize = 20;
    let runtime = harness.runtime();
    let (started, starts) = mpsc::unbounded();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let started = started.clone();
            runtime.spawn(async move {
                started.unbounded_send(()).expect("somebody listens");
                drop(started);
                pending::<()>().await;
            })
        })
        .collect();
    drop(started);
    waiting_for("the tasks to start");
    let started = harness.block_on(starts.count());
    assert_eq!(started, TASKS, "all start");
    if harness.shut_down() == Ending::Never {
        return does_not_apply();
    }
    waiting_for("tasks whose runtime has ended");
    for task in tasks {
        let error = block_on(task).expect_err("the task never ends");
        assert!(matches!(error, JoinError::Cancelled), "{error}");
    }
    Outcome::Passed
}

pub(super) fn sleeping_and_reading_tasks_are_dropped_when_the_runtime_ends<H: Harness>(
    harness: H,
) -> Outcome {
    let runtime = harness.runtime();
    let (held, dropped) = oneshot::channel::<()>();
    let (reads, read_dropped) = oneshot::channel::<()>();
    let _client = harness.block_on(async {
        let (started, starts) = mpsc::unbounded();
        let (sleep, sleeper_started) = (runtime.sleep(Duration::from_secs(3600)), started.clone());
        runtime.spawn_detached(Box::pin(async move {
            let _held = held;
            sleeper_started
                .unbounded_send(())
                .expect("somebody listens");
            drop(sleeper_started);
            sleep.await;
        }));
        waiting_for("a pair of sockets");
        let pair = pair::<H, Tcp>(&harness).await;
        let mut server = pair.server;
        runtime.spawn_detached(Box::pin(async move {
            let _held = reads;
            started.unbounded_send(()).expect("somebody listens");
            drop(started);
            let _ = server.read(&mut [0]).await;
        }));
        waiting_for("the tasks to start");
        assert_eq!(starts.count().await, 2, "both start");
        pair.client
    });
    if harness.shut_down() == Ending::Never {
        return does_not_apply();
    }
    waiting_for("the destructors of a sleeping task");
    block_on(dropped).expect_err("nothing was sent");
    waiting_for("the destructors of a reading task");
    block_on(read_dropped).expect_err("nothing was sent");
    Outcome::Passed
}

pub(super) fn blocking_work_runs_also_when_the_runtime_ends<H: Harness>(harness: H) -> Outcome {
    const JOBS: usize = 50;
    let runtime = harness.runtime();
    let (ran, runs) = mpsc::unbounded();
    let mut gates = Vec::new();
    for _ in 0..JOBS {
        let (gate, opened) = blocking_mpsc::channel::<()>();
        gates.push(gate);
        let ran = ran.clone();
        drop(runtime.spawn_blocking(move || {
            opened.recv().expect("the gate is opened");
            ran.unbounded_send(()).expect("somebody listens");
        }));
    }
    let ending = harness.shut_down();
    drop(runtime.spawn_blocking(move || {
        ran.unbounded_send(()).expect("somebody listens");
    }));
    for gate in gates {
        // Fails for work that is lost already, which the count will tell.
        let _ = gate.send(());
    }
    waiting_for("blocking work whose runtime has ended");
    assert_eq!(block_on(runs.count()), JOBS + 1, "all work runs");
    match ending {
        Ending::TasksDropped => Outcome::Passed,
        Ending::Never => does_not_apply(),
    }
}

pub(super) fn spawning_on_a_runtime_that_has_ended_does_no_harm<H: Harness>(harness: H) -> Outcome {
    let runtime = harness.runtime();
    if harness.shut_down() == Ending::Never {
        return does_not_apply();
    }
    let (held, dropped) = oneshot::channel::<()>();
    runtime.spawn_detached(Box::pin(async move {
        let _held = held;
        pending::<()>().await;
    }));
    waiting_for("the destructors of a future that was spawned too late");
    block_on(dropped).expect_err("nothing was sent");
    Outcome::Passed
}

fn does_not_apply() -> Outcome {
    Outcome::NotApplicable("this runtime does not end".into())
}
