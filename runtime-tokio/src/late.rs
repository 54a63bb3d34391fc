//! Waking a task later: after the others that can run, and after a look at the sockets.
//!
//! On tokio's multi-thread scheduler a task comes last only by way of the right one of two queues. A worker's own has 256 places,
//! and goes first; what does not fit waits in the queue that all workers share. Where a crowd waits there, a task
//! that is woken into the own queue comes long before it. And a worker puts what it wakes into its own, so it has to be another
//! thread that wakes.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Wake, Waker};
use std::thread;

use chat_core::runtime::{LateWakes, WakesOnDrop};
use tokio::runtime::{Handle, RuntimeFlavor, RuntimeMetrics};

/// How many tasks in the shared queue are a crowd: what overflows from a worker's own queue now and then is none.
const CROWD: usize = 512;

/// The thread that wakes in a crowd: one for all runtimes, for as long as the process lives, as it has hardly anything to do.
/// `None` where the system has no thread to give.
static WAKING_THREAD: LazyLock<Option<Sender<WakesOnDrop>>> = LazyLock::new(|| {
    let (sender, batches) = mpsc::channel();
    let thread = thread::Builder::new().name("chat-late-wakes".to_owned());
    let spawned = thread.spawn(|| batches.into_iter().for_each(drop));
    spawned.is_ok().then_some(sender)
});

thread_local! {
    /// Those in a crowd who have asked on this thread and were not woken yet, mostly since its scheduler last looked at the sockets. Not of
    /// all workers together: one whose task takes long would keep everybody waiting.
    static WAITING: LateWakes = LateWakes::default();
}

/// Tells whether there is a crowd in a runtime. Clones are the same.
#[derive(Clone)]
pub(crate) struct Late {
    /// `None` where a task is woken into the only queue.
    shared_queue: Option<RuntimeMetrics>,
}

impl Late {
    pub(crate) fn new(handle: &Handle) -> Self {
        let is_shared = handle.runtime_flavor() != RuntimeFlavor::CurrentThread;
        Self {
            shared_queue: is_shared.then(|| handle.metrics()),
        }
    }

    pub(crate) fn wake(&self, waker: &Waker) {
        if !self.is_crowded() {
            after_a_look_at_the_sockets(waker);
        } else if let Some(wakes) = WAITING.with(|waiting| waiting.add(waker)) {
            after_a_look_at_the_sockets(&Arc::new(Handover(Some(wakes))).into());
        }
    }

    fn is_crowded(&self) -> bool {
        let queue = self.shared_queue.as_ref();
        queue.is_some_and(|queue| queue.global_queue_depth() > CROWD)
    }
}

/// Leaves the waker with the scheduler of this thread, which wakes it then. Without one it is woken at once.
fn after_a_look_at_the_sockets(waker: &Waker) {
    let first = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(waker));
    debug_assert!(first.is_pending());
}

/// Has all who wait woken by the thread, when it is woken itself or when nobody is left to do that.
struct Handover(Option<WakesOnDrop>);

impl Wake for Handover {
    /// Whoever wakes it drops it.
    fn wake(self: Arc<Self>) {}
}

impl Drop for Handover {
    fn drop(&mut self) {
        let (Some(wakes), Some(thread)) = (self.0.take(), &*WAKING_THREAD) else {
            return;
        };
        // What could not be sent is dropped, and so wakes here.
        let _ = thread.send(wakes);
    }
}
