use std::future::Future;
use std::pin::Pin;
use std::task::Waker;
use std::thread;

use chat_core::runtime::Spawn;

use crate::TokioRuntime;

impl Spawn for TokioRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(self.handle.spawn(future));
    }

    fn wake_later(&self, waker: &Waker) {
        self.late.wake(waker);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        let work = Work(Some(work));
        drop(self.handle.spawn_blocking(move || work.run()));
    }
}

/// Work that is run, if not by the runtime then by a thread of its own.
///
/// A tokio runtime that ends may drop the blocking work that still waits for a thread, and drops
/// what it is given after its end; the contract wants it run.
struct Work(Option<Box<dyn FnOnce() + Send>>);

impl Work {
    fn run(mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            thread::spawn(work);
        }
    }
}
