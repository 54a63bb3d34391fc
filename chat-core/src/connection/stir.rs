use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::{ArcWake, AtomicWaker, WakerRef, waker_ref};

/// Wakes a connection on behalf of its stream and its timer, and remembers that until they have been asked.
///
/// A connection is woken far more often because it has something to send than because it has something to
/// read or something is due. To ask the stream each time would cost a system call on runtimes that try to read before they wait,
/// and a registration on all others; to ask the timer, a look at the clock and at memory that nothing else needs.
///
/// Reading, writing and the timer share it: a stream such as TLS may have to read before it can write, and
/// the timer hardly ever goes off. So who is woken by one of them asks all.
pub(super) struct Stir {
    stirred: AtomicBool,
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Stir {
    /// Wakes this task from now on.
    pub(super) fn set_task(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// What the stream and the timer are to wake.
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

    /// Whether the timer may have gone off: it has not said that it has not, or has woken since.
    pub(super) fn may_have_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// The same, and notes that the timer is about to be asked.
    pub(super) fn take_rung(&self) -> bool {
        self.may_have_rung() && self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Default for Stir {
    fn default() -> Self {
        Self {
            stirred: AtomicBool::new(true),
            rung: AtomicBool::new(true),
            task: AtomicWaker::new(),
        }
    }
}

impl ArcWake for Stir {
    fn wake_by_ref(stir: &Arc<Self>) {
        stir.stir();
        stir.rung.store(true, Ordering::Release);
        stir.task.wake();
    }
}
