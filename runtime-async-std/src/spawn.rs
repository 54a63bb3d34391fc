use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::Waker;
use std::time::Duration;

use chat_core::runtime::{LateWakes, Spawn};

use crate::AsyncStdRuntime;

/// One for the one runtime there is.
static LATE: LazyLock<LateWakes> = LazyLock::new(LateWakes::default);

/// The shortest time for which a timer asks the reactor; one that is over at once does not.
const A_MOMENT: Duration = Duration::from_micros(1);

impl Spawn for AsyncStdRuntime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(async_std::task::spawn(future));
    }

    fn wake_later(&self, waker: &Waker) {
        if let Some(wakes) = LATE.add(waker) {
            // Timers go off when sockets are looked at.
            self.spawn_detached(Box::pin(async move {
                async_std::task::sleep(A_MOMENT).await;
                drop(wakes);
            }));
        }
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        drop(async_std::task::spawn_blocking(work));
    }
}
