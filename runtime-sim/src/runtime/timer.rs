use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use chat_core::runtime::{Sleep, Timer};

use super::sim::SimRuntime;
use super::state::{Due, Shared};
use crate::strikes::Strike;

impl Timer for SimRuntime {
    fn now(&self) -> Instant {
        self.shared.base + Duration::from_nanos(self.shared.clock.now())
    }

    fn wall_clock(&self) -> SystemTime {
        self.shared.clock.wall_clock()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(SimSleep {
            deadline: self.shared.nanos(deadline),
            registered: None,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl Shared {
    /// An instant as nanoseconds since the start.
    fn nanos(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.base);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

struct SimSleep {
    deadline: u64,
    registered: Option<(u64, u64)>,
    shared: Arc<Shared>,
}

impl SimSleep {
    fn unregister(&mut self) {
        if let Some(key) = self.registered.take() {
            let due = self.shared.core().unschedule(key);
            drop(due);
        }
    }
}

impl Future for SimSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let skew = this.shared.network().timer_skew();
        let mut core = this.shared.core();
        if core.now() >= this.deadline {
            drop(core);
            this.unregister();
            return Poll::Ready(());
        }
        if let Some(key) = this.registered {
            if core.wakes(key, cx.waker()) {
                return Poll::Pending;
            }
            let due = core.unschedule(key);
            drop(core);
            drop(due);
            core = this.shared.core();
        }
        if skew > 0 {
            core.struck(Strike::TimerSkew);
        }
        let at = this.deadline.saturating_add(skew);
        let key = core.schedule(at, Due::Wake(cx.waker().clone()));
        drop(core);
        self.registered = Some(key);
        Poll::Pending
    }
}

impl Sleep for SimSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.unregister();
        self.deadline = self.shared.nanos(deadline);
    }
}

impl Drop for SimSleep {
    fn drop(&mut self) {
        self.unregister();
    }
}
