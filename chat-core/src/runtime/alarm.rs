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
}

impl Alarm {
    pub(crate) fn new(runtime: &dyn Runtime, deadline: Instant) -> Self {
        Self {
            sleep: runtime.sleep_until(deadline),
            set_to: deadline,
            has_rung: false,
        }
    }

    /// Ready at `deadline`, which may be another one every time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
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
