//! `Spawn`, bare: futures without handles.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use chat_core::runtime::RuntimeExt;
use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::future::{join_all, ready};
use futures::stream::StreamExt;

use super::foreign::{on_a_foreign_thread, panic_on_purpose};
use crate::{Harness, waiting_for};

pub(super) fn futures_without_a_handle_run_to_their_end<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    let (gate, opened) = oneshot::channel::<()>();
    let (sender, ended) = oneshot::channel();
    harness.block_on(async {
        runtime.spawn_detached(Box::pin(async move {
            opened.await.expect("the gate is opened");
            sender.send(()).expect("somebody listens");
        }));
        gate.send(())
            .expect("the future has not been dropped while it waited");
        waiting_for("a future without a handle to end");
        ended.await.expect("the future ran to its end");
    });
}

pub(super) fn spawning_returns_before_the_future_runs<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().expect("no panic yet");
        let (sender, ended) = oneshot::channel();
        let theirs = Arc::clone(&lock);
        waiting_for(
            "`spawn_detached` to return while the caller holds a lock that the future takes",
        );
        runtime.spawn_detached(Box::pin(async move {
            drop(theirs.lock());
            sender.send(()).expect("somebody listens");
        }));
        drop(held);
        waiting_for("the future to take the lock");
        ended.await.expect("the future ran to its end");
    });
}

pub(super) fn futures_can_be_spawned_from_a_foreign_thread<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        waiting_for("a foreign thread to spawn");
        let task = on_a_foreign_thread(move || runtime.spawn(async { 6 * 7 })).await;
        waiting_for("the task that a foreign thread spawned");
        assert_eq!(task.await.expect("the task ends well"), 42);
    });
}

pub(super) fn futures_can_be_spawned_from_inside_a_task<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let inner = Arc::clone(&runtime);
        let task = runtime.spawn(async move { inner.spawn(async { 6 * 7 }).await });
        waiting_for("the task that a task spawned");
        let output = task.await.expect("the outer task ends well");
        assert_eq!(output.expect("the inner task ends well"), 42);
    });
}

pub(super) fn a_task_can_be_woken_from_a_foreign_thread<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let (mut sender, receiver) = mpsc::channel::<u32>(0);
        let task = runtime.spawn(receiver.fold(0, |sum, n| ready(sum + n)));
        let sent = on_a_foreign_thread(move || {
            for n in 1..=100 {
                let sent = futures::executor::block_on(futures::SinkExt::send(&mut sender, n));
                sent.expect("the task takes all numbers");
            }
        });
        waiting_for("a task that a foreign thread wakes a hundred times");
        sent.await;
        assert_eq!(task.await.expect("the task ends well"), 5050);
    });
}

pub(super) fn a_task_is_woken_later_although_others_are_never_done<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let is_over = Arc::new(AtomicBool::new(false));
        let is_over_too = Arc::clone(&is_over);
        let busy = runtime.spawn(poll_fn(move |cx| {
            if is_over_too.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let waking = Arc::clone(&runtime);
        let mut times = 0;
        let late = runtime.spawn(poll_fn(move |cx| {
            if times == 100 {
                return Poll::Ready(());
            }
            times += 1;
            waking.wake_later(cx.waker());
            Poll::Pending
        }));
        waiting_for("a task that asks a hundred times to be woken later");
        late.await.expect("the late task ends well");
        is_over.store(true, Ordering::SeqCst);
        waiting_for("a task that is never done to notice that it is over");
        busy.await.expect("the busy task ends well");
    });
}

pub(super) fn a_crowd_that_asks_to_be_woken_later_is_woken_all_of_it<H: Harness>(harness: H) {
    const TASKS: usize = 5_000;
    let runtime = harness.runtime();
    harness.block_on(async {
        let crowd: Vec<_> = (0..TASKS)
            .map(|_| {
                let waking = Arc::clone(&runtime);
                let mut times = 0;
                runtime.spawn(poll_fn(move |cx| {
                    if times == 10 {
                        return Poll::Ready(());
                    }
                    times += 1;
                    waking.wake_later(cx.waker());
                    Poll::Pending
                }))
            })
            .collect();
        waiting_for("five thousand tasks that ask ten times to be woken later");
        for task in join_all(crowd).await {
            task.expect("each task ends well");
        }
    });
}

pub(super) fn a_panic_takes_nothing_else_down<H: Harness>(harness: H) {
    // More than a runtime is likely to have threads that it could lose.
    const PANICS: usize = 64;
    let runtime = harness.runtime();
    harness.block_on(async {
        let (gate, opened) = oneshot::channel::<()>();
        let (alive, started) = oneshot::channel();
        let bystander = runtime.spawn(async move {
            alive.send(()).expect("somebody listens");
            opened.await
        });
        waiting_for("a task to start");
        started.await.expect("the bystander starts");
        for _ in 0..PANICS {
            // Not through `Task`, which would catch the panic before the runtime sees it.
            let (ended, wait) = oneshot::channel::<()>();
            runtime.spawn_detached(Box::pin(async move {
                let _ended = ended;
                panic_on_purpose("this panic belongs to the test");
            }));
            waiting_for("a panicking future to be dropped");
            wait.await.expect_err("nothing was sent");
        }
        gate.send(()).expect("the bystander is still there");
        waiting_for("a task that was there before the panics");
        let opened = bystander.await.expect("the bystander ends well");
        opened.expect("the gate was opened");
        waiting_for("a task spawned after the panics");
        runtime
            .spawn(async {})
            .await
            .expect("a later task ends well");
    });
}

pub(super) fn ten_thousand_tasks_run_at_the_same_time<H: Harness>(harness: H) {
    const TASKS: usize = 10_000;
    let runtime = harness.runtime();
    harness.block_on(async {
        let started = Arc::new(AtomicUsize::new(0));
        let (all_started, everybody) = mpsc::unbounded();
        let (gate, opened) = oneshot::channel::<()>();
        let opened = opened.shared();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (started, opened) = (Arc::clone(&started), opened.clone());
                let all_started = all_started.clone();
                runtime.spawn(async move {
                    if started.fetch_add(1, Ordering::SeqCst) + 1 == TASKS {
                        all_started.unbounded_send(()).expect("somebody listens");
                    }
                    opened.await
                })
            })
            .collect();
        // The channel ends should the runtime drop the tasks.
        drop(all_started);
        waiting_for("ten thousand tasks to have started");
        let mut everybody = everybody;
        everybody.next().await.expect("all tasks start");
        gate.send(()).expect("the tasks are waiting");
        waiting_for("ten thousand tasks to end");
        for task in join_all(tasks).await {
            task.expect("every task ends well")
                .expect("the gate was opened");
        }
    });
}
