//! Futures with a deadline.

use std::future::{pending, ready};
use std::time::Duration;

use chat_core::runtime::{Elapsed, RuntimeExt};

use crate::{Harness, waiting_for};

pub(super) fn a_timeout_passes_the_output_on<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let hour = Duration::from_secs(3600);
        waiting_for("a future within its deadline");
        assert_eq!(runtime.timeout(hour, async { 6 * 7 }).await, Ok(42));
    });
}

pub(super) fn a_timeout_elapses<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        let duration = Duration::from_millis(10);
        let start = runtime.now();
        waiting_for("a deadline to pass");
        assert_eq!(
            runtime.timeout(duration, pending::<()>()).await,
            Err(Elapsed)
        );
        let waited = runtime.now().saturating_duration_since(start);
        assert!(waited >= duration, "only {waited:?} have passed");
    });
}

pub(super) fn a_future_that_is_ready_wins_over_its_timeout<H: Harness>(harness: H) {
    let runtime = harness.runtime();
    harness.block_on(async {
        waiting_for("a future that is ready at its deadline");
        let output = runtime.timeout(Duration::ZERO, ready(42)).await;
        assert_eq!(output, Ok(42));
    });
}
