use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::runtime::{Runtime, Sleep};

/// The one timer of a connection, for a deadline that moves with every sign of life.
///
/// The runtime's timer is not moved along: it goes off at a deadline of the past, finds that there is a
/// later one, and is set again.
pub(super) struct Alarm {
    sleep: Pin<Box<dyn Sleep>>,
    set_to: Instant,
    rung: bool,
}

impl Alarm {
    pub(super) fn new(runtime: &dyn Runtime, deadline: Instant) -> Self {
        Self {
            sleep: runtime.sleep_until(deadline),
            set_to: deadline,
            rung: false,
        }
    }

    /// Ready at `deadline`, which may be another one every time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            if self.rung || deadline < self.set_to {
                self.sleep.as_mut().reset(deadline);
                self.set_to = deadline;
                self.rung = false;
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.rung = true;
            if deadline <= self.set_to {
                return Poll::Ready(());
            }
        }
    }
}
