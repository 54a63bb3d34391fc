use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::Stream;

use super::{Sleep, Timer, after};

/// A stream of the instants at which it ticked.
///
/// Ticks keep to the grid of the first one. Whoever is late gets one tick at once and the next one
/// on the grid: missed ticks are skipped, not made up for in a burst.
pub struct Interval {
    timer: Arc<dyn Timer>,
    sleep: Pin<Box<dyn Sleep>>,
    next: Instant,
    period: Duration,
}

impl Interval {
    /// Ticks every `period`, for the first time one period from now.
    ///
    /// # Panics
    ///
    /// When `period` is zero.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use std::time::Duration;
    /// # async fn example(runtime: Arc<dyn chat_core::runtime::Runtime>) {
    /// use chat_core::runtime::Interval;
    ///
    /// let mut interval = Interval::new(runtime.clone(), Duration::from_secs(1));
    /// loop {
    ///     let due = interval.tick().await;
    ///     println!("{:?} late", runtime.now() - due);
    /// }
    /// # }
    /// ```
    pub fn new(timer: Arc<dyn Timer>, period: Duration) -> Self {
        assert!(!period.is_zero(), "an interval's period must not be zero");
        let next = after(timer.now(), period);
        Self {
            sleep: timer.sleep_until(next),
            timer,
            next,
            period,
        }
    }

    /// Waits for the next tick and returns the instant it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// As [`tick`](Interval::tick), for a hand-written future.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.sleep.as_mut().poll(cx));
        let due = self.next;
        let late = self.timer.now().saturating_duration_since(due).as_nanos();
        let steps =
            u32::try_from(late / self.period.as_nanos()).map_or(u32::MAX, |n| n.saturating_add(1));
        self.next = after(due, self.period.saturating_mul(steps));
        self.sleep.as_mut().reset(self.next);
        Poll::Ready(due)
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("next", &self.next)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}
