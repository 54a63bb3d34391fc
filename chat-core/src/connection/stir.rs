use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::{ArcWake, AtomicWaker, WakerRef, waker_ref};

/// Wakes a connection on behalf of its stream, and remembers that until the stream has been asked.
///
/// A connection is woken far more often because it has something to send than because it has something to
/// read. To ask the stream each time would cost a system call on runtimes that try to read before they wait,
/// and a registration on all others.
///
/// Reading and writing share it, as a stream such as TLS may have to read before it can write.
pub(super) struct Stir {
    stirred: AtomicBool,
    task: AtomicWaker,
}

impl Stir {
    /// Wakes this task from now on.
    pub(super) fn set_task(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// What the stream is to wake.
    pub(super) fn waker(self: &Arc<Self>) -> WakerRef<'_> {
        waker_ref(self)
    }

    /// Whether the stream may have something to read: it has not said that it has not, or has woken since.
    pub(super) fn is_stirred(&self) -> bool {
        self.stirred.load(Ordering::Acquire)
    }

    /// Notes that the stream is about to be asked.
    pub(super) fn settle(&self) {
        self.stirred.store(false, Ordering::Release);
    }

    /// Notes that the stream may have more.
    pub(super) fn stir(&self) {
        self.stirred.store(true, Ordering::Release);
    }
}

impl Default for Stir {
    fn default() -> Self {
        Self {
            stirred: AtomicBool::new(true),
            task: AtomicWaker::new(),
        }
    }
}

impl ArcWake for Stir {
    fn wake_by_ref(stir: &Arc<Self>) {
        stir.stir();
        stir.task.wake();
    }
}
