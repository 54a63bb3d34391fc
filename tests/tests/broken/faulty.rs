//! A good runtime with a fault.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Instant, SystemTime};

use chat_conformance::{Ending, Harness};
use chat_core::runtime::{Runtime, Sleep, Spawn, Timer};

use crate::faults::NoFault;
use crate::net::{FaultyNet, NetFault};

/// One thing that is wrong with a runtime; everything else is left to a good one.
pub(crate) trait Fault: Send + Sync + 'static {
    fn net(&self) -> NetFault {
        NetFault::None
    }

    fn spawn(&self, good: &dyn Runtime, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        good.spawn_detached(future);
    }

    fn wake_later(&self, good: &dyn Runtime, waker: &Waker) {
        good.wake_later(waker);
    }

    fn spawn_blocking(&self, good: &dyn Runtime, work: Box<dyn FnOnce() + Send>) {
        good.spawn_blocking_detached(work);
    }

    fn now(&self, good: &dyn Runtime) -> Instant {
        good.now()
    }

    fn sleep_until(&self, good: &dyn Runtime, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        good.sleep_until(deadline)
    }

    /// What is said to have happened at a shutdown that is not done.
    fn pretended_ending(&self) -> Option<Ending> {
        None
    }
}

/// A good runtime with a fault, as the suite sees it.
///
/// The fault is a value and not a type, or else the whole suite would be compiled once for each.
pub(crate) struct Faulty<H> {
    good: H,
    fault: Arc<dyn Fault>,
}

impl<H: Harness> Faulty<H> {
    pub(crate) fn with(fault: Arc<dyn Fault>) -> Self {
        let good = H::new();
        Self { good, fault }
    }
}

impl<H: Harness> Harness for Faulty<H> {
    type Net = FaultyNet<H::Net>;

    fn new() -> Self {
        Self::with(Arc::new(NoFault))
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(FaultyRuntime {
            good: self.good.runtime(),
            fault: Arc::clone(&self.fault),
        })
    }

    fn net(&self) -> Arc<Self::Net> {
        Arc::new(FaultyNet::new(self.good.net(), self.fault.net()))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.good.block_on(future)
    }

    fn shut_down(self) -> Ending {
        match self.fault.pretended_ending() {
            None => self.good.shut_down(),
            Some(pretended) => {
                std::mem::forget(self.good);
                pretended
            }
        }
    }
}

struct FaultyRuntime {
    good: Arc<dyn Runtime>,
    fault: Arc<dyn Fault>,
}

impl Spawn for FaultyRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.fault.spawn(&*self.good, future);
    }

    fn wake_later(&self, waker: &Waker) {
        self.fault.wake_later(&*self.good, waker);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        self.fault.spawn_blocking(&*self.good, work);
    }
}

impl Timer for FaultyRuntime {
    fn now(&self) -> Instant {
        self.fault.now(&*self.good)
    }

    fn wall_clock(&self) -> SystemTime {
        self.good.wall_clock()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.fault.sleep_until(&*self.good, deadline)
    }
}
