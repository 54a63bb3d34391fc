//! Ticks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::runtime::{Interval, RuntimeExt};

use crate::{Harness, waiting_for};

const PERIOD: Duration = Duration::from_millis(10);

pub(super) fn an_interval_keeps_to_its_grid<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let start = runtime.now();
        let mut interval = Interval::new(runtime.clone(), PERIOD);
        waiting_for("the ticks of an interval");
        let first = interval.tick().await;
        assert!(first >= start + PERIOD, "the first tick came early");
        for _ in 0..5 {
            let due = interval.tick().await;
            assert!(runtime.now() >= due, "a tick came early");
            assert_on_the_grid(first, due);
        }
    });
}

pub(super) fn an_interval_skips_the_ticks_it_missed<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let mut interval = Interval::new(Arc::clone(&runtime) as _, PERIOD);
        waiting_for("the first tick of an interval");
        let first = interval.tick().await;
        waiting_for("some ticks to go by");
        runtime.sleep(PERIOD * 7 / 2).await;
        let back = runtime.now();
        waiting_for("the tick that is late");
        let late = interval.tick().await;
        assert!(late <= back, "the late tick comes at once");
        waiting_for("the tick after the missed ones");
        let next = interval.tick().await;
        assert!(next > back, "missed ticks are not made up for");
        assert_on_the_grid(first, late);
        assert_on_the_grid(first, next);
    });
}

fn assert_on_the_grid(first: Instant, tick: Instant) {
    let off = (tick - first).as_nanos() % PERIOD.as_nanos();
    assert_eq!(off, 0, "a tick is {off} ns off the grid");
}
