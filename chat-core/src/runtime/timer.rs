use std::future::Future;
use std::pin::Pin;
use std::time::{Instant, SystemTime};

/// Tells the time and waits for it.
///
/// # Contract
///
/// - [`now`](Timer::now) never goes backwards, and a sleep that has completed did so at or after
///   its deadline by this clock.
/// - [`sleep_until`](Timer::sleep_until) works from any thread, also from one that the runtime does
///   not know, and never panics. A deadline in the past completes at the first poll.
/// - The sleep may be polled by any task on any thread, and wakes the one that polled it last.
/// - [`wall_clock`](Timer::wall_clock) is the time of day that people see on their messages. It
///   may jump; nothing is timed by it.
///
/// # Examples
///
/// A timer whose time only moves when it is told to, as a test wants it:
///
/// ```
/// use std::future::Future;
/// use std::pin::Pin;
/// use std::sync::{Arc, Mutex};
/// use std::task::{Context, Poll, Waker};
/// use std::time::{Duration, Instant, SystemTime};
///
/// use chat_core::runtime::{Sleep, Timer};
///
/// #[derive(Clone)]
/// struct ManualTimer(Arc<Mutex<Clock>>);
///
/// struct Clock {
///     now: Instant,
///     waiting: Vec<Waker>,
/// }
///
/// impl ManualTimer {
///     fn advance(&self, by: Duration) {
///         let mut clock = self.0.lock().unwrap();
///         clock.now += by;
///         clock.waiting.drain(..).for_each(Waker::wake);
///     }
/// }
///
/// impl Timer for ManualTimer {
///     fn now(&self) -> Instant {
///         self.0.lock().unwrap().now
///     }
///
///     fn wall_clock(&self) -> SystemTime {
///         SystemTime::UNIX_EPOCH
///     }
///
///     fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
///         Box::pin(ManualSleep { deadline, clock: self.0.clone() })
///     }
/// }
///
/// struct ManualSleep {
///     deadline: Instant,
///     clock: Arc<Mutex<Clock>>,
/// }
///
/// impl Future for ManualSleep {
///     type Output = ();
///
///     fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
///         let mut clock = self.clock.lock().unwrap();
///         if clock.now >= self.deadline {
///             return Poll::Ready(());
///         }
///         clock.waiting.push(cx.waker().clone());
///         Poll::Pending
///     }
/// }
///
/// impl Sleep for ManualSleep {
///     fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
///         self.deadline = deadline;
///     }
/// }
///
/// let start = Instant::now();
/// let timer = ManualTimer(Arc::new(Mutex::new(Clock { now: start, waiting: Vec::new() })));
/// let mut sleep = timer.sleep_until(start + Duration::from_secs(60));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(sleep.as_mut().poll(&mut cx).is_pending());
/// timer.advance(Duration::from_secs(60));
/// assert!(sleep.as_mut().poll(&mut cx).is_ready());
/// ```
pub trait Timer: Send + Sync + 'static {
    /// The current instant of a clock that never goes backwards.
    fn now(&self) -> Instant;

    /// The current time of day.
    fn wall_clock(&self) -> SystemTime;

    /// A future that completes at `deadline`.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>>;
}

/// A wait for an instant that can be moved.
///
/// # Contract
///
/// - It completes at or after its deadline, never before.
/// - [`reset`](Sleep::reset) moves the deadline to an earlier or a later instant, whether the sleep
///   is still waiting or has completed before. A sleep that was reset must be **polled again** to
///   be woken at the new deadline; until then the old registration may still wake the task.
/// - Once completed it is not polled again before it is reset; what it would do then is left open.
/// - Dropping it frees its timer.
///
/// # Examples
///
/// A sleep that is checked only when something else polls it, which is enough under a runtime that
/// polls all the time:
///
/// ```
/// use std::future::Future;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use std::time::{Duration, Instant};
///
/// use chat_core::runtime::Sleep;
///
/// struct SpinSleep(Instant);
///
/// impl Future for SpinSleep {
///     type Output = ();
///
///     fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
///         if Instant::now() >= self.0 {
///             return Poll::Ready(());
///         }
///         cx.waker().wake_by_ref();
///         Poll::Pending
///     }
/// }
///
/// impl Sleep for SpinSleep {
///     fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
///         self.0 = deadline;
///     }
/// }
///
/// let mut sleep = Box::pin(SpinSleep(Instant::now() + Duration::from_secs(3600)));
/// sleep.as_mut().reset(Instant::now() + Duration::from_millis(5));
/// futures::executor::block_on(sleep);
/// ```
pub trait Sleep: Future<Output = ()> + Send {
    /// Moves the deadline.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}
