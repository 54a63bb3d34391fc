//! What can be wrong with a runtime.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chat_conformance::Ending;
use chat_core::runtime::{Runtime, Sleep};
use futures::FutureExt;

use crate::faulty::Fault;
use crate::net::NetFault;
use crate::sleep::{AtOnce, Forever, Immovable};

type Detached = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub(crate) struct NoFault;

impl Fault for NoFault {}

/// The handle of a spawned future is dropped, on a runtime where that cancels the future.
#[derive(Default)]
pub(crate) struct DroppedHandleCancels;

impl Fault for DroppedHandleCancels {
    fn spawn(&self, _: &dyn Runtime, future: Detached) {
        drop(future);
    }
}

/// A future is polled by who spawns it.
#[derive(Default)]
pub(crate) struct PolledBySpawner;

impl Fault for PolledBySpawner {
    fn spawn(&self, good: &dyn Runtime, mut future: Detached) {
        let mut cx = Context::from_waker(Waker::noop());
        if future.as_mut().poll(&mut cx).is_pending() {
            good.spawn_detached(future);
        }
    }
}

/// Whoever asks to be woken later is not woken.
#[derive(Default)]
pub(crate) struct LateWakesAreForgotten;

impl Fault for LateWakesAreForgotten {
    fn wake_later(&self, _: &dyn Runtime, _: &Waker) {}
}

/// The first panic takes the threads down that poll futures.
#[derive(Default)]
pub(crate) struct PanicStopsEverything(Arc<AtomicBool>);

impl Fault for PanicStopsEverything {
    fn spawn(&self, good: &dyn Runtime, mut future: Detached) {
        let stopped = Arc::clone(&self.0);
        good.spawn_detached(Box::pin(poll_fn(move |cx| {
            if stopped.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))).unwrap_or_else(|panic| {
                stopped.store(true, Ordering::SeqCst);
                resume_unwind(panic)
            })
        })));
    }
}

/// Every second piece of blocking work is forgotten.
#[derive(Default)]
pub(crate) struct BlockingWorkIsLost(AtomicUsize);

impl Fault for BlockingWorkIsLost {
    fn spawn_blocking(&self, good: &dyn Runtime, work: Box<dyn FnOnce() + Send>) {
        if self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            good.spawn_blocking_detached(work);
        }
    }
}

/// Blocking work runs on the threads that poll futures.
#[derive(Default)]
pub(crate) struct BlockingWorkBlocks;

impl Fault for BlockingWorkBlocks {
    fn spawn_blocking(&self, good: &dyn Runtime, work: Box<dyn FnOnce() + Send>) {
        good.spawn_detached(Box::pin(async { work() }));
    }

    fn pretended_ending(&self) -> Option<Ending> {
        // Whether it would end, with its threads blocked, is another question.
        Some(Ending::Never)
    }
}

/// Every hundredth reading of the clock is a second behind.
#[derive(Default)]
pub(crate) struct ClockGoesBack(AtomicUsize);

impl Fault for ClockGoesBack {
    fn now(&self, good: &dyn Runtime) -> Instant {
        match self.0.fetch_add(1, Ordering::SeqCst) % 100 {
            99 => good.now() - Duration::from_secs(1),
            _ => good.now(),
        }
    }
}

#[derive(Default)]
pub(crate) struct TimerNeverFires;

impl Fault for TimerNeverFires {
    fn sleep_until(&self, _: &dyn Runtime, _: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Forever)
    }
}

#[derive(Default)]
pub(crate) struct TimerFiresAtOnce;

impl Fault for TimerFiresAtOnce {
    fn sleep_until(&self, _: &dyn Runtime, _: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(AtOnce)
    }
}

#[derive(Default)]
pub(crate) struct TimerCannotBeMoved;

impl Fault for TimerCannotBeMoved {
    fn sleep_until(&self, good: &dyn Runtime, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Immovable(good.sleep_until(deadline).fuse()))
    }
}

/// The runtime says that it has ended, and goes on.
#[derive(Default)]
pub(crate) struct TasksSurvive;

impl Fault for TasksSurvive {
    fn pretended_ending(&self) -> Option<Ending> {
        Some(Ending::TasksDropped)
    }
}

macro_rules! net_faults {
    ($($name:ident,)*) => {
        $(
            #[derive(Default)]
            pub(crate) struct $name;

            impl Fault for $name {
                fn net(&self) -> NetFault {
                    NetFault::$name
                }
            }
        )*
    };
}

net_faults! {
    CloseSendsNoFin,
    SecondCloseFails,
    DropLeaves,
    OnlyTheFirstSlice,
    AcceptForgets,
    AcceptKeepsItsFirstWaker,
    AcceptCountsOnItsWaker,
}
