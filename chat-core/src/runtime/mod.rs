//! What the library asks of an async runtime, and what it builds on top.
//!
//! The **contract** is small. [`Spawn`] and [`Timer`] are dyn-safe, and together they are a
//! [`Runtime`]; the rest of this crate holds an `Arc<dyn Runtime>` and never learns more. [`Net`]
//! brings sockets, at the edge of a program only: whoever hands the library a stream of its own
//! does not need it.
//!
//! The **comfortable layer** is built once, on the contract, so that it means the same on every
//! runtime: [`RuntimeExt`] with [`Task`], [`Timeout`] and [`Interval`], and [`TaskGroup`].
//!
//! An adapter is a few short files. `docs/PORTING.md` walks through one, and the conformance suite
//! says whether it keeps the contract.

mod alarm;
mod group;
mod interval;
mod late;
mod net;
mod runner;
mod spawn;
mod task;
mod timeout;
mod timer;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

pub(crate) use alarm::Alarm;
pub use group::{Closed, TaskGroup, TaskSpawner};
pub use interval::Interval;
pub use late::{LateWakes, WakesOnDrop};
pub use net::{Address, BACKLOG, Duplex, Listener, Net};
pub use spawn::{Origin, Spawn};
pub use task::{JoinError, Panic, Task};
pub use timeout::{Elapsed, Timeout};
pub use timer::{Sleep, Timer};

/// A runtime, as far as the library cares: it spawns and it tells the time.
///
/// # Contract
///
/// - Whatever is [`Spawn`] and [`Timer`] is a `Runtime`; there is nothing else to implement.
/// - Both halves belong together: a sleep made by the timer completes inside a future that was
///   spawned by the other half.
/// - It can be used from any thread, also from one that the runtime does not know.
///
/// # Examples
///
/// The smallest runtime there is, made of threads:
///
/// ```
/// use std::future::{Future, poll_fn};
/// use std::pin::Pin;
/// use std::sync::{Arc, Mutex, MutexGuard};
/// use std::task::{Context, Poll, Waker};
/// use std::time::{Duration, Instant, SystemTime};
///
/// use chat_core::runtime::{Runtime, RuntimeExt, Sleep, Spawn, Timer};
///
/// struct Threads;
///
/// impl Spawn for Threads {
///     fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
///         std::thread::spawn(|| futures::executor::block_on(future));
///     }
///
///     fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
///         std::thread::spawn(work);
///     }
/// }
///
/// impl Timer for Threads {
///     fn now(&self) -> Instant {
///         Instant::now()
///     }
///
///     fn wall_clock(&self) -> SystemTime {
///         SystemTime::now()
///     }
///
///     fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
///         Box::pin(ThreadSleep { deadline, armed: None, waker: Arc::default() })
///     }
/// }
///
/// /// Every deadline gets a thread that wakes whoever waits by then.
/// struct ThreadSleep {
///     deadline: Instant,
///     armed: Option<Instant>,
///     waker: Arc<Mutex<Option<Waker>>>,
/// }
///
/// impl Future for ThreadSleep {
///     type Output = ();
///
///     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
///         let left = self.deadline.saturating_duration_since(Instant::now());
///         if left.is_zero() {
///             return Poll::Ready(());
///         }
///         *self.waker.lock().unwrap() = Some(cx.waker().clone());
///         if self.armed != Some(self.deadline) {
///             self.armed = Some(self.deadline);
///             let waker = Arc::clone(&self.waker);
///             std::thread::spawn(move || {
///                 std::thread::sleep(left);
///                 let waker = waker.lock().unwrap().take();
///                 waker.inspect(Waker::wake_by_ref);
///             });
///         }
///         Poll::Pending
///     }
/// }
///
/// impl Sleep for ThreadSleep {
///     fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
///         self.deadline = deadline;
///     }
/// }
///
/// let runtime: Arc<dyn Runtime> = Arc::new(Threads);
/// let task = runtime.spawn(async { 6 * 7 });
/// assert_eq!(futures::executor::block_on(task).unwrap(), 42);
/// futures::executor::block_on(runtime.sleep(Duration::from_millis(5)));
/// ```
pub trait Runtime: Spawn + Timer {}

impl<R: Spawn + Timer + ?Sized> Runtime for R {}

/// Tasks, sleeps, time-outs and intervals on any [`Runtime`].
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # async fn example(runtime: Arc<dyn chat_core::runtime::Runtime>) {
/// use chat_core::runtime::RuntimeExt;
///
/// let answer = runtime.spawn(async { 6 * 7 });
/// match runtime.timeout(Duration::from_secs(1), answer).await {
///     Ok(Ok(answer)) => println!("{answer}"),
///     Ok(Err(error)) => println!("the task did not finish: {error}"),
///     Err(_elapsed) => println!("no answer within a second; the task was cancelled"),
/// }
/// # }
/// ```
pub trait RuntimeExt: Runtime {
    /// Runs `future` in the background.
    ///
    /// The task is cancelled when the returned [`Task`] is dropped; see there for detaching it.
    #[track_caller]
    fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (runner, task) = task::new(future);
        self.spawn_detached_from(Origin::of::<F>(), Box::pin(runner));
        task
    }

    /// Runs `work` where it may block.
    ///
    /// The work always runs to its end: dropping or cancelling the [`Task`] only gives up the
    /// result.
    fn spawn_blocking<F, T>(&self, work: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (work, task) = task::blocking(work);
        self.spawn_blocking_detached(Box::new(work));
        task
    }

    /// Completes once `duration` has passed.
    ///
    /// A duration that reaches past what an [`Instant`] can hold sleeps for thirty years.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(after(self.now(), duration))
    }

    /// Completes with the output of `future`, or with [`Elapsed`] when that takes longer than
    /// `duration`.
    ///
    /// A `future` that is ready in the same poll as the deadline wins.
    fn timeout<F: Future>(&self, duration: Duration, future: F) -> Timeout<F> {
        Timeout::new(self.sleep(duration), future)
    }
}

impl<R: Runtime + ?Sized> RuntimeExt for R {}

/// Lets other tasks run.
pub(crate) async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The instant `duration` after `start`, or thirty years after it where that cannot be told.
pub(crate) fn after(start: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(duration.min(FAR)).unwrap_or(start)
}
