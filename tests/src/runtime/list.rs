use super::{blocking, group, interval, shutdown, sockets, spawn, task, timeout, timer};
use crate::transport::Tcp;
#[cfg(unix)]
use crate::transport::Unix;
use crate::{Case, Harness, Outcome};

/// All cases of the runtime contract.
pub fn cases<H: Harness>() -> Vec<Case<H>> {
    crate::__runtime_cases! { [crate::__runtime_case_list] [H] }
}

/// Runs the case called `name` and panics when it fails.
///
/// # Panics
///
/// When the case fails, or when there is none of that name.
pub fn check<H: Harness>(name: &str) {
    let cases = cases::<H>();
    let case = cases.iter().find(|case| case.name() == name);
    case.expect("a case of that name").check();
}

/// A `#[test]` for every case of the runtime contract, on the given [`Harness`](crate::Harness).
///
/// For several harnesses in one file put each into a module of its own.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bundled")]
/// mod smol {
///     chat_conformance::runtime_suite!(chat_conformance::bundled::SmolGlobal);
/// }
/// ```
#[macro_export]
macro_rules! runtime_suite {
    ($harness:ty) => {
        $crate::__runtime_cases! { [$crate::__runtime_tests] [$harness] }
    };
}

/// Hands the one list of cases to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __runtime_cases {
    ([$($then:tt)*] [$($harness:tt)*]) => {
        $($then)*! {
            [$($harness)*]

            futures_without_a_handle_run_to_their_end => spawn::futures_without_a_handle_run_to_their_end,
            spawning_returns_before_the_future_runs => spawn::spawning_returns_before_the_future_runs,
            futures_can_be_spawned_from_a_foreign_thread => spawn::futures_can_be_spawned_from_a_foreign_thread,
            futures_can_be_spawned_from_inside_a_task => spawn::futures_can_be_spawned_from_inside_a_task,
            a_task_can_be_woken_from_a_foreign_thread => spawn::a_task_can_be_woken_from_a_foreign_thread,
            a_task_is_woken_later_although_others_are_never_done => spawn::a_task_is_woken_later_although_others_are_never_done,
            a_crowd_that_asks_to_be_woken_later_is_woken_all_of_it => spawn::a_crowd_that_asks_to_be_woken_later_is_woken_all_of_it,
            a_panic_takes_nothing_else_down => spawn::a_panic_takes_nothing_else_down,
            ten_thousand_tasks_run_at_the_same_time => spawn::ten_thousand_tasks_run_at_the_same_time,

            a_task_returns_its_output => task::a_task_returns_its_output,
            dropping_a_task_cancels_it => task::dropping_a_task_cancels_it,
            a_detached_task_runs_to_its_end => task::a_detached_task_runs_to_its_end,
            cancelling_returns_only_after_the_destructors_have_run => task::cancelling_returns_only_after_the_destructors_have_run,
            cancelling_a_finished_task_returns_its_output => task::cancelling_a_finished_task_returns_its_output,
            a_panic_in_a_task_is_reported_to_who_waits_for_it => task::a_panic_in_a_task_is_reported_to_who_waits_for_it,

            blocking_work_returns_its_value => blocking::blocking_work_returns_its_value,
            blocking_work_does_not_block_the_runtime => blocking::blocking_work_does_not_block_the_runtime,
            blocking_work_can_be_started_from_a_foreign_thread => blocking::blocking_work_can_be_started_from_a_foreign_thread,
            blocking_work_runs_also_when_its_handle_is_dropped => blocking::blocking_work_runs_also_when_its_handle_is_dropped,
            cancelling_blocking_work_waits_for_it => blocking::cancelling_blocking_work_waits_for_it,
            a_panic_in_blocking_work_is_reported => blocking::a_panic_in_blocking_work_is_reported,

            the_clock_never_goes_back => timer::the_clock_never_goes_back,
            a_sleep_never_ends_early => timer::a_sleep_never_ends_early,
            a_deadline_in_the_past_completes_at_the_first_poll => timer::a_deadline_in_the_past_completes_at_the_first_poll,
            a_short_sleep_ends_before_a_long_one => timer::a_short_sleep_ends_before_a_long_one,
            a_sleep_is_over_when_a_later_one_has_ended => timer::a_sleep_is_over_when_a_later_one_has_ended,
            a_sleep_can_be_moved_to_an_earlier_instant => timer::a_sleep_can_be_moved_to_an_earlier_instant,
            a_sleep_can_be_moved_to_a_later_instant => timer::a_sleep_can_be_moved_to_a_later_instant,
            a_sleep_moved_into_the_past_completes_at_the_next_poll => timer::a_sleep_moved_into_the_past_completes_at_the_next_poll,
            a_sleep_can_be_used_again_after_it_completed => timer::a_sleep_can_be_used_again_after_it_completed,
            a_sleep_can_be_made_and_polled_on_a_foreign_thread => timer::a_sleep_can_be_made_and_polled_on_a_foreign_thread,
            a_sleep_wakes_whoever_polled_it_last => timer::a_sleep_wakes_whoever_polled_it_last,
            a_sleep_wakes_a_task => timer::a_sleep_wakes_a_task,
            dropped_sleeps_leave_the_others_alone => timer::dropped_sleeps_leave_the_others_alone,
            a_sleep_of_thirty_years_waits => timer::a_sleep_of_thirty_years_waits,

            a_timeout_passes_the_output_on => timeout::a_timeout_passes_the_output_on,
            a_timeout_elapses => timeout::a_timeout_elapses,
            a_future_that_is_ready_wins_over_its_timeout => timeout::a_future_that_is_ready_wins_over_its_timeout,

            a_group_is_joined_when_its_last_child_has_ended => group::a_group_is_joined_when_its_last_child_has_ended,
            cancelling_a_group_waits_for_the_destructors_of_its_children => group::cancelling_a_group_waits_for_the_destructors_of_its_children,
            dropping_a_group_cancels_its_children => group::dropping_a_group_cancels_its_children,
            a_group_counts_the_children_that_panicked => group::a_group_counts_the_children_that_panicked,
            a_closed_group_takes_no_more_children => group::a_closed_group_takes_no_more_children,

            an_interval_keeps_to_its_grid => interval::an_interval_keeps_to_its_grid,
            an_interval_skips_the_ticks_it_missed => interval::an_interval_skips_the_ticks_it_missed,

            a_tcp_stream_carries_bytes_both_ways => sockets::a_stream_carries_bytes_both_ways::<H, Tcp>,
            closing_a_tcp_stream_sends_fin => sockets::closing_a_stream_sends_fin::<H, Tcp>,
            a_half_closed_tcp_stream_can_still_read => sockets::a_half_closed_stream_can_still_read::<H, Tcp>,
            closing_a_tcp_stream_twice_is_no_error => sockets::closing_a_stream_twice_is_no_error::<H, Tcp>,
            dropping_a_tcp_stream_closes_it => sockets::dropping_a_stream_closes_it::<H, Tcp>,
            a_vectored_write_to_a_tcp_stream_passes_more_than_the_first_slice => sockets::a_vectored_write_passes_more_than_the_first_slice::<H, Tcp>,
            a_tcp_stream_that_nobody_reads_makes_its_writer_wait => sockets::a_stream_that_nobody_reads_makes_its_writer_wait::<H, Tcp>,
            a_vectored_writer_of_a_tcp_stream_waits_and_goes_on => sockets::a_vectored_writer_waits_and_goes_on::<H, Tcp>,
            large_transfers_on_a_tcp_stream_go_both_ways_at_once => sockets::large_transfers_go_both_ways_at_once::<H, Tcp>,
            a_waiting_reader_of_a_tcp_stream_does_not_hold_up_its_writer => sockets::a_waiting_reader_does_not_hold_up_the_writer::<H, Tcp>,
            a_cancelled_read_of_a_tcp_stream_loses_nothing => sockets::a_cancelled_read_loses_nothing::<H, Tcp>,
            a_tcp_stream_can_be_moved_to_a_task => sockets::a_stream_can_be_moved_to_a_task::<H, Tcp>,
            a_cancelled_accept_on_a_tcp_listener_loses_no_connection => sockets::a_cancelled_accept_loses_no_connection::<H, Tcp>,
            an_accept_on_a_tcp_listener_wakes_whoever_polled_it_last => sockets::an_accept_wakes_whoever_polled_it_last::<H, Tcp>,
            an_accept_on_a_tcp_listener_finds_whoever_came_since_it_was_polled => sockets::an_accept_finds_whoever_came_since_it_was_polled::<H, Tcp>,
            a_burst_of_tcp_connections_waits_to_be_accepted => sockets::a_burst_of_connections_waits_to_be_accepted::<H, Tcp>,
            tcp_sockets_can_be_made_on_a_foreign_thread => sockets::sockets_can_be_made_on_a_foreign_thread::<H, Tcp>,
            a_tcp_port_of_zero_picks_a_free_port => sockets::tcp::a_port_of_zero_picks_a_free_port,
            connecting_to_a_tcp_address_where_nobody_listens_is_refused => sockets::tcp::connecting_where_nobody_listens_is_refused,
            binding_a_tcp_address_that_is_taken_is_an_error => sockets::tcp::binding_an_address_that_is_taken_is_an_error,
            a_tcp_address_can_be_bound_again_right_after_its_server_ended => sockets::tcp::an_address_can_be_bound_again_right_after_its_server_ended,

            #[cfg(unix)]
            a_unix_stream_carries_bytes_both_ways => sockets::a_stream_carries_bytes_both_ways::<H, Unix>,
            #[cfg(unix)]
            closing_a_unix_stream_sends_fin => sockets::closing_a_stream_sends_fin::<H, Unix>,
            #[cfg(unix)]
            a_half_closed_unix_stream_can_still_read => sockets::a_half_closed_stream_can_still_read::<H, Unix>,
            #[cfg(unix)]
            closing_a_unix_stream_twice_is_no_error => sockets::closing_a_stream_twice_is_no_error::<H, Unix>,
            #[cfg(unix)]
            dropping_a_unix_stream_closes_it => sockets::dropping_a_stream_closes_it::<H, Unix>,
            #[cfg(unix)]
            a_vectored_write_to_a_unix_stream_passes_more_than_the_first_slice => sockets::a_vectored_write_passes_more_than_the_first_slice::<H, Unix>,
            #[cfg(unix)]
            a_unix_stream_that_nobody_reads_makes_its_writer_wait => sockets::a_stream_that_nobody_reads_makes_its_writer_wait::<H, Unix>,
            #[cfg(unix)]
            a_vectored_writer_of_a_unix_stream_waits_and_goes_on => sockets::a_vectored_writer_waits_and_goes_on::<H, Unix>,
            #[cfg(unix)]
            large_transfers_on_a_unix_stream_go_both_ways_at_once => sockets::large_transfers_go_both_ways_at_once::<H, Unix>,
            #[cfg(unix)]
            a_waiting_reader_of_a_unix_stream_does_not_hold_up_its_writer => sockets::a_waiting_reader_does_not_hold_up_the_writer::<H, Unix>,
            #[cfg(unix)]
            a_cancelled_read_of_a_unix_stream_loses_nothing => sockets::a_cancelled_read_loses_nothing::<H, Unix>,
            #[cfg(unix)]
            a_unix_stream_can_be_moved_to_a_task => sockets::a_stream_can_be_moved_to_a_task::<H, Unix>,
            #[cfg(unix)]
            a_cancelled_accept_on_a_unix_listener_loses_no_connection => sockets::a_cancelled_accept_loses_no_connection::<H, Unix>,
            #[cfg(unix)]
            an_accept_on_a_unix_listener_wakes_whoever_polled_it_last => sockets::an_accept_wakes_whoever_polled_it_last::<H, Unix>,
            #[cfg(unix)]
            an_accept_on_a_unix_listener_finds_whoever_came_since_it_was_polled => sockets::an_accept_finds_whoever_came_since_it_was_polled::<H, Unix>,
            #[cfg(unix)]
            a_burst_of_unix_connections_waits_to_be_accepted => sockets::a_burst_of_connections_waits_to_be_accepted::<H, Unix>,
            #[cfg(unix)]
            unix_sockets_can_be_made_on_a_foreign_thread => sockets::sockets_can_be_made_on_a_foreign_thread::<H, Unix>,
            #[cfg(unix)]
            a_unix_listener_tells_its_path => sockets::unix::a_listener_tells_its_path,
            #[cfg(unix)]
            connecting_to_a_unix_path_that_is_missing_is_an_error => sockets::unix::connecting_to_a_path_that_is_missing_is_an_error,
            #[cfg(unix)]
            a_unix_listener_neither_takes_over_a_file_nor_removes_its_own => sockets::unix::a_listener_neither_takes_over_a_file_nor_removes_its_own,

            tasks_that_wait_when_the_runtime_ends_are_cancelled => shutdown::tasks_that_wait_when_the_runtime_ends_are_cancelled,
            sleeping_and_reading_tasks_are_dropped_when_the_runtime_ends => shutdown::sleeping_and_reading_tasks_are_dropped_when_the_runtime_ends,
            blocking_work_runs_also_when_the_runtime_ends => shutdown::blocking_work_runs_also_when_the_runtime_ends,
            spawning_on_a_runtime_that_has_ended_does_no_harm => shutdown::spawning_on_a_runtime_that_has_ended_does_no_harm,
        }
    };
}

/// The list as values.
#[doc(hidden)]
#[macro_export]
macro_rules! __runtime_case_list {
    ([$harness:ty] $($(#[$attribute:meta])* $name:ident => $body:expr,)*) => {
        vec![
            $(
                $(#[$attribute])*
                Case::<$harness>::new(stringify!($name), |harness| Outcome::from($body(harness))),
            )*
        ]
    };
}

/// The list as tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __runtime_tests {
    ([$harness:ty] $($(#[$attribute:meta])* $name:ident => $body:expr,)*) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() {
                $crate::runtime::check::<$harness>(stringify!($name));
            }
        )*
    };
}
