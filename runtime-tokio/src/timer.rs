use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use chat_core::runtime::{Sleep, Timer};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::TokioRuntime;

impl Timer for TokioRuntime {
    fn now(&self) -> std::time::Instant {
        // Not the standard library's, so that a clock stopped by `tokio::time::pause` is followed.
        Instant::now().into_std()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        let _inside = self.handle.enter();
        Box::pin(TokioSleep {
            sleep: tokio::time::sleep_until(deadline.into()),
        })
    }
}

pin_project! {
    struct TokioSleep {
        #[pin]
        sleep: tokio::time::Sleep,
    }
}

impl Future for TokioSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.project().sleep;
        // Tokio counts in whole milliseconds, rounded up, and so would let a deadline that has
        // just passed wait for a moment.
        if Instant::now() >= sleep.deadline() {
            return Poll::Ready(());
        }
        sleep.poll(cx)
    }
}

impl Sleep for TokioSleep {
    fn reset(self: Pin<&mut Self>, deadline: std::time::Instant) {
        self.project().sleep.reset(deadline.into());
    }
}
