use std::future::Future;
use std::pin::Pin;

use chat_core::runtime::Spawn;

use crate::SmolRuntime;

impl Spawn for SmolRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.spawn_on_executor(future);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        // A dropped handle would cancel the work that still waits for a thread.
        smol::unblock(work).detach();
    }
}
