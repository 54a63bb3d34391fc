use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Waker;

use async_task::Runnable;
use chat_core::runtime::{Origin, Spawn};

use super::sim::{SimRuntime, World};
use super::state::{Due, Ready, Shared, TaskId};
use crate::strikes::Strike;

/// How many nanoseconds later a task may be woken that asks for that.
const LATEST_WAKE: u64 = 5_000_000;

impl SimRuntime {
    /// As [`Spawn::spawn_detached`], with a name for reports.
    #[track_caller]
    pub fn spawn_named(&self, name: &str, future: impl Future<Output = ()> + Send + 'static) {
        self.start(Some(name), Some(Location::caller()), future);
    }

    fn start(
        &self,
        name: Option<&str>,
        location: Option<&'static Location<'static>>,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = {
            let mut core = self.shared.core();
            if core.ended {
                drop(core);
                drop(future);
                return;
            }
            core.add_task(name, location)
        };
        let record = Record {
            task,
            shared: Arc::downgrade(&self.shared),
        };
        let future = async move {
            let _record = record;
            future.await;
        };
        let shared = Arc::downgrade(&self.shared);
        let schedule = move |runnable: Runnable<TaskId>| {
            if let Some(shared) = shared.upgrade() {
                shared.make_ready(Ready::Task(runnable));
            }
        };
        let (runnable, handle) = async_task::Builder::new()
            .metadata(task)
            .spawn(|_| future, schedule);
        handle.detach();
        self.shared.core().set_waker(task, runnable.waker());
        runnable.schedule();
    }
}

impl Spawn for SimRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.start(None, None, future);
    }

    fn spawn_detached_from(
        &self,
        origin: Origin,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) {
        self.start(Some(origin.name), Some(origin.location), future);
    }

    /// Wakes at once, as all that can run is run in any order, or after a while.
    fn wake_later(&self, waker: &Waker) {
        let rate = self.shared.network().rates().late_wake;
        let mut core = self.shared.core();
        if core.random.per_mille(rate) {
            core.struck(Strike::LateWake);
            let at = core.now() + core.random.between(1, LATEST_WAKE);
            core.schedule(at, Due::Wake(waker.clone()));
            return;
        }
        drop(core);
        waker.wake_by_ref();
    }

    #[expect(clippy::disallowed_methods, reason = "an open world has threads")]
    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        match self.shared.world {
            World::Open => drop(std::thread::spawn(work)),
            World::Closed => self.start(Some("blocking work"), None, async move { work() }),
        }
    }
}

/// The record of a task, removed when the task's future has ended or was dropped.
struct Record {
    task: TaskId,
    shared: Weak<Shared>,
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let waker = shared.core().remove_task(self.task);
            drop(waker);
        }
    }
}
