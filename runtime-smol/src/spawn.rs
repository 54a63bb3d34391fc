use std::future::Future;
use std::pin::Pin;
use std::task::Waker;
use std::time::Duration;

use async_io::Timer;
use chat_core::runtime::Spawn;

use crate::SmolRuntime;

/// The shortest time for which a timer asks the reactor; one that is over at once does not.
const A_MOMENT: Duration = Duration::from_micros(1);

impl Spawn for SmolRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.spawn_on_executor(future);
    }

    fn wake_later(&self, waker: &Waker) {
        if let Some(wakes) = self.late.add(waker) {
            // Timers go off when sockets are looked at.
            self.spawn_on_executor(async move {
                Timer::after(A_MOMENT).await;
                drop(wakes);
            });
        }
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        // A dropped handle would cancel the work that still waits for a thread.
        smol::unblock(work).detach();
    }
}
