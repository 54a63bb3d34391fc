use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::{Runtime, Sleep};

/// A timer for a deadline that moves all the time.
///
/// The runtime's timer is not moved along when the deadline becomes a later one: it goes off too early,
/// and is set again.
pub(crate) struct Alarm {
    sleep: Pin<Box<dyn Sleep>>,
    set_to: Instant,
    has_rung: bool,
    /// Whether the timer has been given a waker.
    is_set: bool,
}

impl Alarm {
    pub(crate) fn new(runtime: &dyn Runtime, deadline: Instant) -> Self {
        Self {
            sleep: runtime.sleep_until(deadline),
            set_to: deadline,
            has_rung: false,
            is_set: false,
        }
    }

    /// Ready at `deadline`, which may be another one every time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        self.poll_woken(cx, deadline, true)
    }

    /// The same for a caller that has a waker of its own for this, and knows whether that has been woken since the
    /// last time. If not, the timer is not asked.
    pub(crate) fn poll_woken(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Instant,
        is_woken: bool,
    ) -> Poll<()> {
        if self.is_set && !is_woken && !self.has_rung && deadline >= self.set_to {
            return Poll::Pending;
        }
        self.is_set = true;
        loop {
            if self.has_rung || deadline < self.set_to {
                self.sleep.as_mut().reset(deadline);
                self.set_to = deadline;
                self.has_rung = false;
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.has_rung = true;
            if deadline <= self.set_to {
                return Poll::Ready(());
            }
        }
    }
}
