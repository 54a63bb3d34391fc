//! Being woken later while more tasks wait than a worker's own queue holds.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use chat_core::runtime::{RuntimeExt, Spawn};
use chat_runtime_tokio::TokioRuntime;
use futures::future::join_all;
use tokio::runtime::{Builder, Runtime};

/// How many tasks a worker's own queue holds.
const OWN_QUEUE: usize = 256;

const CROWD: usize = 16 * OWN_QUEUE;

/// What should be there at once takes no longer, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn one_worker() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(1);
    builder.enable_all().build().unwrap()
}

#[test]
fn whoever_is_woken_later_comes_after_the_crowd_that_can_run() {
    let tokio = one_worker();
    let runtime = TokioRuntime::from(tokio.handle().clone());
    let polled = Arc::new(AtomicUsize::new(0));
    let (started, starts) = mpsc::channel();
    let (gate, opened) = mpsc::channel();
    let (waking, polled_before) = (runtime.clone(), Arc::clone(&polled));
    let mut is_asked = false;
    let late = runtime.spawn(poll_fn(move |cx| {
        if is_asked {
            return Poll::Ready(polled_before.load(Ordering::SeqCst));
        }
        is_asked = true;
        started.send(()).unwrap();
        // The only worker: nobody is polled until the whole crowd waits.
        opened.recv_timeout(PATIENCE).unwrap();
        waking.wake_later(cx.waker());
        Poll::Pending
    }));
    starts.recv_timeout(PATIENCE).unwrap();
    for _ in 0..CROWD {
        let polled = Arc::clone(&polled);
        runtime.spawn_detached(Box::pin(async move {
            polled.fetch_add(1, Ordering::SeqCst);
        }));
    }
    gate.send(()).unwrap();
    // Now and then the worker takes one from the shared queue although its own is not empty.
    let late = runtime.timeout(PATIENCE, late);
    let polled_before = runtime.block_on(late).unwrap().unwrap();
    assert!(polled_before > CROWD - OWN_QUEUE, "{polled_before}");
}

#[test]
fn everybody_is_woken_also_while_all_threads_for_blocking_work_are_busy() {
    let tokio = one_worker();
    let runtime = TokioRuntime::from(tokio.handle().clone());
    let (gate, opened) = mpsc::channel::<()>();
    let blocked = runtime.spawn_blocking(move || opened.recv_timeout(PATIENCE).unwrap());
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let waking = runtime.clone();
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
    let ends = runtime.timeout(PATIENCE, join_all(crowd));
    let ended = runtime.block_on(ends).expect("all are woken");
    assert!(ended.into_iter().all(|ended| ended.is_ok()));
    gate.send(()).unwrap();
    runtime.block_on(blocked).unwrap();
}
