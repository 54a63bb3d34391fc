//! `Timer` and `Sleep`.
//!
//! Nothing here says how long a sleep takes at most: that is the machine's business, and the
//! watchdog's.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chat_core::runtime::{RuntimeExt, Sleep};
use futures::future::{Either, select};

use super::foreign::on_a_foreign_thread;
use crate::{Harness, waiting_for};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn the_clock_never_goes_back<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let mut last = runtime.now();
        for _ in 0..1_000 {
            let now = runtime.now();
            assert!(last <= now, "the clock went back by {:?}", last - now);
            last = now;
        }
        waiting_for("a foreign thread to tell the time");
        let now = on_a_foreign_thread(move || runtime.now()).await;
        assert!(
            last <= now,
            "it is {:?} earlier on another thread",
            last - now
        );
    });
}

pub(super) fn a_sleep_never_ends_early<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let durations = [0, 1, 100, 999, 1_000, 1_001, 1_999, 5_500, 25_000];
        for duration in durations.map(Duration::from_micros) {
            let start = runtime.now();
            waiting_for("a short sleep");
            runtime.sleep(duration).await;
            let slept = runtime.now().saturating_duration_since(start);
            assert!(slept >= duration, "slept {slept:?} instead of {duration:?}");
        }
    });
}

pub(super) fn a_deadline_in_the_past_completes_at_the_first_poll<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        for ago in [0, 1, 300, 1_000_000].map(Duration::from_micros) {
            let deadline = earlier(runtime.now(), ago);
            let mut sleep = runtime.sleep_until(deadline);
            assert!(
                poll_once(&mut sleep).is_ready(),
                "a deadline {ago:?} ago is waited for"
            );
        }
    });
}

pub(super) fn a_short_sleep_ends_before_a_long_one<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let long = runtime.sleep(HOUR);
        let short = runtime.sleep(Duration::from_millis(10));
        waiting_for("a short sleep beside a long one");
        let first = select(long, short).await;
        assert!(matches!(first, Either::Right(_)), "an hour went by");
    });
}

pub(super) fn a_sleep_is_over_when_a_later_one_has_ended<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let start = runtime.now();
        // All deadlines are different, and their order is not that of their making.
        let after = |n: u64| start + Duration::from_micros(1_000 + n * 37 % 50 * 500);
        let mut sleeps: Vec<_> = (0..50).map(|n| runtime.sleep_until(after(n))).collect();
        let latest = runtime.sleep_until(start + Duration::from_millis(27));
        // Those that are over at once are over, and must not be polled again.
        sleeps.retain_mut(|sleep| poll_once(sleep).is_pending());
        waiting_for("the latest of many sleeps");
        latest.await;
        for mut sleep in sleeps {
            assert!(
                poll_once(&mut sleep).is_ready(),
                "an earlier one still waits"
            );
        }
    });
}

pub(super) fn a_sleep_can_be_moved_to_an_earlier_instant<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        for polled_before in [false, true] {
            let mut sleep = runtime.sleep(HOUR);
            if polled_before {
                assert!(poll_once(&mut sleep).is_pending(), "an hour went by");
            }
            let deadline = runtime.now() + Duration::from_millis(10);
            sleep.as_mut().reset(deadline);
            waiting_for("a sleep that was moved to an earlier instant");
            sleep.await;
            assert!(runtime.now() >= deadline, "the sleep ended early");
        }
    });
}

pub(super) fn a_sleep_can_be_moved_to_a_later_instant<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        for polled_before in [false, true] {
            let mut sleep = runtime.sleep(Duration::from_millis(5));
            if polled_before {
                // Ready already on a machine that is slow enough; moved all the same.
                let _ = poll_once(&mut sleep);
            }
            let deadline = runtime.now() + Duration::from_millis(30);
            sleep.as_mut().reset(deadline);
            waiting_for("a sleep that was moved to a later instant");
            sleep.await;
            assert!(runtime.now() >= deadline, "the sleep ended early");
        }
    });
}

pub(super) fn a_sleep_moved_into_the_past_completes_at_the_next_poll<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let mut sleep = runtime.sleep(HOUR);
        assert!(poll_once(&mut sleep).is_pending(), "an hour went by");
        sleep
            .as_mut()
            .reset(earlier(runtime.now(), Duration::from_micros(300)));
        assert!(
            poll_once(&mut sleep).is_ready(),
            "a deadline in the past is waited for"
        );
    });
}

pub(super) fn a_sleep_can_be_used_again_after_it_completed<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let mut sleep = runtime.sleep_until(runtime.now());
        for duration in [0, 5, 0, 5].map(Duration::from_millis) {
            waiting_for("a sleep that completed before");
            sleep.as_mut().await;
            let deadline = runtime.now() + duration;
            sleep.as_mut().reset(deadline);
            sleep.as_mut().await;
            assert!(runtime.now() >= deadline, "the sleep ended early");
            sleep.as_mut().reset(runtime.now() + HOUR);
            assert!(poll_once(&mut sleep).is_pending(), "an hour went by");
            sleep.as_mut().reset(runtime.now());
        }
    });
}

pub(super) fn a_sleep_can_be_made_and_polled_on_a_foreign_thread<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        waiting_for("a foreign thread to make a sleep");
        let mut sleep = on_a_foreign_thread(move || {
            let mut sleep = runtime.sleep(HOUR);
            assert!(poll_once(&mut sleep).is_pending(), "an hour went by");
            sleep
                .as_mut()
                .reset(runtime.now() + Duration::from_millis(10));
            sleep
        })
        .await;
        waiting_for("a sleep that a foreign thread made");
        sleep.as_mut().await;
    });
}

pub(super) fn a_sleep_wakes_whoever_polled_it_last<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let mut sleep = runtime.sleep(Duration::from_millis(20));
        // Leaves a waker behind that wakes nobody, unless the machine is so slow that the sleep is
        // over already.
        if poll_once(&mut sleep).is_pending() {
            waiting_for("a sleep that somebody else polled first");
            sleep.await;
        }
    });
}

pub(super) fn a_sleep_wakes_a_task<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let task = runtime.spawn(runtime.sleep(Duration::from_millis(10)));
        waiting_for("a task that sleeps");
        task.await.expect("the task ends well");
    });
}

pub(super) fn dropped_sleeps_leave_the_others_alone<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let deadline = runtime.now() + Duration::from_millis(50);
        let mut sleeps: Vec<_> = (0..1_000).map(|_| runtime.sleep_until(deadline)).collect();
        sleeps.retain_mut(|sleep| poll_once(sleep).is_pending());
        let last = sleeps.pop();
        drop(sleeps);
        // On a slow machine they may all be over already.
        if let Some(last) = last {
            waiting_for("the last of many sleeps, when the others were dropped");
            last.await;
        }
    });
}

pub(super) fn a_sleep_of_thirty_years_waits<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let mut sleep = runtime.sleep(Duration::MAX);
        assert!(poll_once(&mut sleep).is_pending(), "thirty years went by");
        sleep
            .as_mut()
            .reset(runtime.now() + Duration::from_millis(5));
        waiting_for("a sleep that was moved here from thirty years off");
        sleep.await;
    });
}

/// One poll whose waker wakes nobody.
fn poll_once(sleep: &mut Pin<Box<dyn Sleep>>) -> Poll<()> {
    sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// The instant `by` before `now`, as far back as this machine's clock goes.
fn earlier(now: Instant, by: Duration) -> Instant {
    now.checked_sub(by).unwrap_or(now)
}
