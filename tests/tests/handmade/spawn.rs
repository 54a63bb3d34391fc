use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::thread;

use chat_core::runtime::Spawn;
use futures::FutureExt;

use crate::runtime::Handmade;

impl Spawn for Handmade {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        // A panic would end the pool's thread, and everything that waits for its turn on it.
        let caught = AssertUnwindSafe(future).catch_unwind();
        self.pool.spawn_ok(caught.map(drop));
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        thread::spawn(work);
    }
}
