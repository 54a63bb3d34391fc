//! The suite notices: each of these runtimes has one fault, and fails exactly the cases about it.

mod faults;
mod faulty;
mod net;
mod sleep;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chat_conformance::bundled::{SmolExecutor, TokioMultiThread};
use chat_conformance::{Case, Harness, runtime};

use crate::faulty::{Fault, Faulty};

macro_rules! faults {
    ($($test:ident: $fault:ident => [$($case:ident),* $(,)?];)*) => {
        $(
            #[test]
            fn $test() {
                fails_exactly(|| Arc::new(faults::$fault::default()), &[$(stringify!($case)),*]);
            }
        )*
    };
}

faults! {
    a_good_runtime_fails_nothing: NoFault => [];
    a_dropped_handle_cancels: DroppedHandleCancels => [
        futures_without_a_handle_run_to_their_end,
        spawning_returns_before_the_future_runs,
        futures_can_be_spawned_from_a_foreign_thread,
        futures_can_be_spawned_from_inside_a_task,
        a_task_can_be_woken_from_a_foreign_thread,
        a_task_is_woken_later_although_others_are_never_done,
        a_crowd_that_asks_to_be_woken_later_is_woken_all_of_it,
        a_panic_takes_nothing_else_down,
        ten_thousand_tasks_run_at_the_same_time,
        a_task_returns_its_output,
        dropping_a_task_cancels_it,
        a_detached_task_runs_to_its_end,
        cancelling_returns_only_after_the_destructors_have_run,
        cancelling_a_finished_task_returns_its_output,
        a_panic_in_a_task_is_reported_to_who_waits_for_it,
        blocking_work_does_not_block_the_runtime,
        a_sleep_wakes_a_task,
        a_group_is_joined_when_its_last_child_has_ended,
        cancelling_a_group_waits_for_the_destructors_of_its_children,
        dropping_a_group_cancels_its_children,
        a_group_counts_the_children_that_panicked,
        a_tcp_stream_can_be_moved_to_a_task,
        a_unix_stream_can_be_moved_to_a_task,
        an_accept_on_a_tcp_listener_wakes_whoever_polled_it_last,
        an_accept_on_a_unix_listener_wakes_whoever_polled_it_last,
        tasks_that_wait_when_the_runtime_ends_are_cancelled,
        sleeping_and_reading_tasks_are_dropped_when_the_runtime_ends,
    ];
    a_future_is_polled_by_its_spawner: PolledBySpawner => [
        spawning_returns_before_the_future_runs,
        a_panic_takes_nothing_else_down,
    ];
    whoever_asks_to_be_woken_later_is_forgotten: LateWakesAreForgotten => [
        a_task_is_woken_later_although_others_are_never_done,
        a_crowd_that_asks_to_be_woken_later_is_woken_all_of_it,
    ];
    a_panic_stops_everything: PanicStopsEverything => [
        a_panic_takes_nothing_else_down,
    ];
    blocking_work_is_lost: BlockingWorkIsLost => [
        blocking_work_does_not_block_the_runtime,
        blocking_work_runs_also_when_its_handle_is_dropped,
        blocking_work_runs_also_when_the_runtime_ends,
    ];
    blocking_work_blocks: BlockingWorkBlocks => [
        blocking_work_does_not_block_the_runtime,
    ];
    the_clock_goes_back: ClockGoesBack => [
        the_clock_never_goes_back,
    ];
    the_timer_never_fires: TimerNeverFires => [
        a_sleep_never_ends_early,
        a_deadline_in_the_past_completes_at_the_first_poll,
        a_short_sleep_ends_before_a_long_one,
        a_sleep_is_over_when_a_later_one_has_ended,
        a_sleep_can_be_moved_to_an_earlier_instant,
        a_sleep_can_be_moved_to_a_later_instant,
        a_sleep_moved_into_the_past_completes_at_the_next_poll,
        a_sleep_can_be_used_again_after_it_completed,
        a_sleep_can_be_made_and_polled_on_a_foreign_thread,
        a_sleep_wakes_whoever_polled_it_last,
        a_sleep_wakes_a_task,
        dropped_sleeps_leave_the_others_alone,
        a_sleep_of_thirty_years_waits,
        a_timeout_elapses,
        an_interval_keeps_to_its_grid,
        an_interval_skips_the_ticks_it_missed,
    ];
    the_timer_fires_at_once: TimerFiresAtOnce => [
        a_sleep_never_ends_early,
        a_short_sleep_ends_before_a_long_one,
        a_sleep_can_be_moved_to_an_earlier_instant,
        a_sleep_can_be_moved_to_a_later_instant,
        a_sleep_moved_into_the_past_completes_at_the_next_poll,
        a_sleep_can_be_used_again_after_it_completed,
        a_sleep_can_be_made_and_polled_on_a_foreign_thread,
        a_sleep_of_thirty_years_waits,
        a_timeout_elapses,
        an_interval_keeps_to_its_grid,
        an_interval_skips_the_ticks_it_missed,
    ];
    the_timer_cannot_be_moved: TimerCannotBeMoved => [
        a_sleep_can_be_moved_to_an_earlier_instant,
        a_sleep_can_be_moved_to_a_later_instant,
        a_sleep_moved_into_the_past_completes_at_the_next_poll,
        a_sleep_can_be_used_again_after_it_completed,
        a_sleep_can_be_made_and_polled_on_a_foreign_thread,
        a_sleep_of_thirty_years_waits,
        an_interval_keeps_to_its_grid,
        an_interval_skips_the_ticks_it_missed,
    ];
    tasks_survive_the_runtime: TasksSurvive => [
        tasks_that_wait_when_the_runtime_ends_are_cancelled,
        sleeping_and_reading_tasks_are_dropped_when_the_runtime_ends,
        spawning_on_a_runtime_that_has_ended_does_no_harm,
    ];
    closing_sends_no_fin: CloseSendsNoFin => [
        closing_a_tcp_stream_sends_fin,
        a_half_closed_tcp_stream_can_still_read,
        closing_a_unix_stream_sends_fin,
        a_half_closed_unix_stream_can_still_read,
    ];
    closing_twice_fails: SecondCloseFails => [
        closing_a_tcp_stream_twice_is_no_error,
        closing_a_unix_stream_twice_is_no_error,
    ];
    dropping_leaves_a_stream_open: DropLeaves => [
        dropping_a_tcp_stream_closes_it,
        dropping_a_unix_stream_closes_it,
    ];
    vectored_writes_take_only_the_first_slice: OnlyTheFirstSlice => [
        a_vectored_write_to_a_tcp_stream_passes_more_than_the_first_slice,
        a_vectored_write_to_a_unix_stream_passes_more_than_the_first_slice,
    ];
    a_cancelled_accept_forgets_a_connection: AcceptForgets => [
        a_cancelled_accept_on_a_tcp_listener_loses_no_connection,
        a_cancelled_accept_on_a_unix_listener_loses_no_connection,
    ];
    an_accept_keeps_its_first_waker: AcceptKeepsItsFirstWaker => [
        an_accept_on_a_tcp_listener_wakes_whoever_polled_it_last,
        an_accept_on_a_unix_listener_wakes_whoever_polled_it_last,
    ];
    an_accept_counts_on_its_waker: AcceptCountsOnItsWaker => [
        an_accept_on_a_tcp_listener_finds_whoever_came_since_it_was_polled,
        an_accept_on_a_unix_listener_finds_whoever_came_since_it_was_polled,
    ];
}

/// Makes the fault afresh for every case.
type MakeFault = fn() -> Arc<dyn Fault>;

/// Runs all cases on two good runtimes with a fault added.
fn fails_exactly(fault: MakeFault, expected: &[&str]) {
    let expected: BTreeSet<_> = expected
        .iter()
        .copied()
        .filter(|case| cfg!(unix) || !case.contains("_unix_"))
        .collect();
    thread::scope(|scope| {
        scope.spawn(|| assert_fails_exactly::<TokioMultiThread>(fault, &expected));
        scope.spawn(|| assert_fails_exactly::<SmolExecutor>(fault, &expected));
    });
}

fn assert_fails_exactly<H: Harness>(fault: MakeFault, expected: &BTreeSet<&str>) {
    let cases = runtime::cases::<Faulty<H>>();
    let known: BTreeSet<_> = cases.iter().map(Case::name).collect();
    let unknown: Vec<_> = expected.difference(&known).collect();
    assert!(unknown.is_empty(), "no such cases: {unknown:#?}");

    let failed: BTreeSet<_> = thread::scope(|scope| {
        let fails =
            |case| scope.spawn(move || fails(case, fault, expected.contains(Case::name(case))));
        let running: Vec<_> = cases
            .iter()
            .map(|case| (case.name(), fails(case)))
            .collect();
        let failed = running
            .into_iter()
            .filter_map(|(name, case)| case.join().expect("the runner is sound").then_some(name));
        failed.collect()
    });
    let missed: Vec<_> = expected.difference(&failed).collect();
    let surprising: Vec<_> = failed.difference(expected).collect();
    assert!(
        missed.is_empty() && surprising.is_empty(),
        "{}: passed but should not: {missed:#?}, failed but should not: {surprising:#?}",
        std::any::type_name::<H>(),
    );
}

/// Whether the case fails.
///
/// Where that is expected there is no point in a long wait, as most faults show by waiting for
/// ever; and the fault gets another try or two, since on a busy machine something that happens too
/// early may still happen late enough.
fn fails<H: Harness>(case: &Case<Faulty<H>>, fault: MakeFault, expected: bool) -> bool {
    let run = |patience| case.run_on(move || Faulty::with(fault()), patience);
    if expected {
        return (0..3).any(|_| run(Duration::from_secs(2)).is_failed());
    }
    let outcome = run(H::PATIENCE);
    if outcome.is_failed() {
        println!("{}: {outcome}", case.name());
    }
    outcome.is_failed()
}
