use std::future::Future;
use std::pin::Pin;

use chat_core::runtime::Spawn;

use crate::AsyncStdRuntime;

impl Spawn for AsyncStdRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(async_std::task::spawn(future));
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        drop(async_std::task::spawn_blocking(work));
    }
}
