use std::sync::atomic::{AtomicBool, Ordering};

/// Remembers that a connection's stream or its timer has woken it, until they have been asked.
///
/// A connection is woken far more often because it has something to send than because it has something to
/// read or something is due. To ask the stream each time would cost a system call on runtimes that try to read before they wait,
/// and a registration on all others; to ask the timer, a look at the clock and at memory that nothing else needs.
///
/// Reading, writing and the timer share it: a stream such as TLS may have to read before it can write, and
/// the timer hardly ever goes off. So who is woken by one of them asks all.
//
// The outbox has it, because each poll looks at that anyway, and a member of a large room is in no cache.
#[derive(Debug)]
pub(crate) struct Stir {
    stirred: AtomicBool,
    rung: AtomicBool,
    /// Whether one of them has woken the connection since its last poll began.
    called: AtomicBool,
}

impl Stir {
    /// Notes that the connection was woken, if it was, and is about to look after everything.
    pub(crate) fn answer(&self) {
        if self.is_called() {
            // What was noted before this is seen from here on.
            self.called.swap(false, Ordering::AcqRel);
        }
    }

    /// Whether the stream may have something to read: it has not said that it has not, or has woken since.
    pub(crate) fn is_stirred(&self) -> bool {
        self.stirred.load(Ordering::Acquire)
    }

    /// Notes that the stream is about to be asked.
    pub(crate) fn settle(&self) {
        self.stirred.store(false, Ordering::Release);
    }

    /// Notes that the stream may have more.
    pub(crate) fn stir(&self) {
        self.stirred.store(true, Ordering::Release);
    }

    /// Whether the timer may have gone off: it has not said that it has not, or has woken since.
    pub(crate) fn may_have_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// The same, and notes that the timer is about to be asked.
    pub(crate) fn take_rung(&self) -> bool {
        self.may_have_rung() && self.rung.swap(false, Ordering::AcqRel)
    }

    /// Whether it was woken since it [answered](Self::answer), and must not sleep.
    pub(super) fn is_called(&self) -> bool {
        self.called.load(Ordering::Acquire)
    }

    /// Notes that it is woken by one of them.
    pub(super) fn call(&self) {
        self.stir();
        self.rung.store(true, Ordering::Release);
        self.called.store(true, Ordering::Release);
    }
}

impl Default for Stir {
    fn default() -> Self {
        Self {
            stirred: AtomicBool::new(true),
            rung: AtomicBool::new(true),
            called: AtomicBool::new(false),
        }
    }
}
