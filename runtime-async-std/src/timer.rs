use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use chat_core::runtime::{Sleep, Timer};

use crate::AsyncStdRuntime;

impl Timer for AsyncStdRuntime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(AsyncStdSleep {
            deadline,
            wait: None,
        })
    }
}

/// A sleep that can be moved, on async-std's, which cannot.
struct AsyncStdSleep {
    deadline: Instant,
    /// Made at the first poll and again after a reset, as async-std's sleep counts from its first
    /// poll.
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Future for AsyncStdSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                self.wait = None;
                return Poll::Ready(());
            }
            let wait = self
                .wait
                .get_or_insert_with(|| Box::pin(async_std::task::sleep(left)));
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
    }
}

impl Sleep for AsyncStdSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        self.wait = None;
    }
}
