use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// When a simulation starts, by its wall clock, in nanoseconds since the Unix epoch.
const EPOCH: u64 = 1_700_000_000_000_000_000;

/// What time it is, to be read without a lock. Whoever sets it has locked the core.
#[derive(Default)]
pub(crate) struct Clock {
    now: AtomicU64,
    /// How far the wall clock was set back.
    wall_clock_back: AtomicU64,
}

impl Clock {
    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    pub(crate) fn wall_clock(&self) -> SystemTime {
        let back = self.wall_clock_back.load(Ordering::Relaxed);
        let since = (EPOCH + self.now()).saturating_sub(back);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(since)
    }

    pub(crate) fn set_wall_clock_back(&self, by: u64) {
        let back = self.wall_clock_back.load(Ordering::Relaxed);
        self.wall_clock_back
            .store(back.saturating_add(by), Ordering::Relaxed);
    }
}
