use super::client::cuts::Cuts;
use super::client::{
    cuts as client_cuts, reconnecting as client_reconnecting, requests as client_requests,
};
use super::json::{
    closing as json_closing, detection as json_detection, duplicates as json_duplicates,
    errors as json_errors, events as json_events, frames as json_frames, requests as json_requests,
    resuming as json_resuming, tokens as json_tokens,
};
use super::policy::{accounts, hooks};
use super::site::On;
use super::{
    abuse, control, crowd, general, greedy, history, input, leaving, limits, lines, metrics, nicks,
    patience, private, rooms, sessions, shutdown, slow,
};
use crate::transport::Tcp;
#[cfg(unix)]
use crate::transport::Unix;
use crate::{Case, Harness, Outcome};

/// All cases of the chat suite.
pub fn cases<H: Harness>() -> Vec<Case<H>> {
    crate::__chat_cases! { [crate::__chat_case_list] [H] }
}

/// Tries a case of this suite, for three times as long as [`Harness::PATIENCE`]: people wait for each other
/// many times in a case, and some of the cases move megabytes. More [`Cuts`] than usual have more time.
pub fn run<H: Harness>(case: &Case<H>) -> Outcome {
    case.run_on(H::new, 3 * H::PATIENCE + Cuts::patience())
}

/// Runs the case called `name` and panics when it fails.
///
/// # Panics
///
/// When the case fails, or when there is none of that name.
pub fn check<H: Harness>(name: &str) {
    let cases = cases::<H>();
    let case = cases.iter().find(|case| case.name() == name);
    match run(case.expect("a case of that name")) {
        Outcome::Passed => {}
        Outcome::Failed(why) => panic!("{name}: {why}"),
        Outcome::NotApplicable(why) => println!("{name}: not applicable: {why}"),
    }
}

/// A `#[test]` for every case of the chat suite, on the given [`Harness`](crate::Harness).
///
/// For several harnesses in one file put each into a module of its own.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "bundled")]
/// mod smol {
///     chat_conformance::chat_suite!(chat_conformance::bundled::SmolGlobal);
/// }
/// ```
#[macro_export]
macro_rules! chat_suite {
    ($harness:ty) => {
        $crate::__chat_cases! { [$crate::__chat_tests] [$harness] }
    };
}

/// Hands the one list of cases to another macro: by subject, those that run on each kind of socket, and
/// those that run once.
#[doc(hidden)]
#[macro_export]
macro_rules! __chat_cases {
    ([$($then:tt)*] [$($harness:tt)*]) => {
        $($then)*! {
            [$($harness)*]

            general {
                each {
                    newcomers_are_welcomed_to_the_general_room,
                    a_message_reaches_everyone_in_the_room_and_its_sender,
                    messages_of_one_connection_keep_their_order,
                    all_members_hear_a_room_in_the_same_order,
                    an_action_is_shown_as_one,
                    two_slashes_say_one,
                    help_names_every_command,
                    names_of_commands_are_read_without_regard_to_case,
                }
                once {}
            }
            rooms {
                each {
                    joining_a_room_is_announced_in_both_rooms,
                    the_hash_of_a_room_is_optional,
                    room_names_are_compared_without_regard_to_case,
                    rooms_hear_nothing_of_each_other,
                    the_room_one_is_in_cannot_be_joined,
                    rooms_are_listed_with_their_members,
                    who_lists_the_members_of_the_room,
                    a_room_has_1_to_64_visible_characters,
                }
                once {}
            }
            nicks {
                each {
                    a_new_nick_is_announced,
                    a_nick_has_1_to_32_of_the_characters_allowed,
                    a_nick_that_is_taken_is_refused_whatever_its_case,
                    one_may_spell_ones_own_nick_differently,
                    a_nick_is_free_again_when_its_owner_has_left,
                    guests_get_nicks_that_nobody_has,
                }
                once {}
            }
            private {
                each {
                    a_private_message_reaches_its_recipient_only,
                    a_private_message_finds_its_recipient_in_any_room_and_case,
                    one_may_write_to_oneself,
                    a_private_message_to_nobody_is_refused,
                    private_messages_are_not_remembered,
                }
                once {}
            }
            history {
                each {
                    history_shows_the_last_messages_of_the_room,
                    history_of_a_room_where_nothing_was_said_is_a_notice,
                    a_room_remembers_a_hundred_messages,
                    a_room_remembers_as_much_as_it_is_configured_to,
                    a_room_keeps_its_history_while_it_is_empty,
                    history_of_anything_but_a_number_is_refused,
                }
                once {}
            }
            input {
                each {
                    what_is_no_command_is_refused,
                    a_command_without_its_arguments_is_refused,
                    text_that_is_not_utf8_is_refused,
                    control_characters_are_refused,
                    an_empty_line_is_ignored,
                    a_refusal_ends_nothing,
                }
                once {}
            }
            lines {
                each {
                    lines_end_in_lf_or_crlf,
                    several_lines_may_come_at_once,
                    a_conversation_may_come_byte_by_byte,
                    a_line_may_have_4096_bytes,
                    a_line_that_is_too_long_is_refused_once_and_skipped,
                    a_line_that_is_too_long_may_come_in_pieces,
                    the_last_line_needs_no_newline,
                }
                once {}
            }
            leaving {
                each {
                    quitting_is_announced_with_its_reason,
                    whoever_hangs_up_is_seen_to_leave,
                    whoever_closes_one_half_still_gets_the_answers,
                    a_connection_that_is_dropped_has_left,
                }
                once {
                    a_connection_reset_in_mid_line_leaves_no_trace_of_the_line,
                }
            }
            slow {
                each {
                    a_slow_member_is_told_exactly_what_it_missed,
                    a_slow_member_may_fall_behind_again_and_again,
                    a_slow_member_may_be_disconnected_instead,
                    a_message_larger_than_an_outbox_is_told_of,
                    what_was_missed_is_told_for_each_room,
                    what_was_said_while_one_was_away_is_not_missed,
                }
                once {}
            }
            greedy {
                each {
                    whoever_asks_and_never_reads_is_heard_no_further,
                    whoever_asks_for_much_and_reads_late_gets_every_answer,
                    an_outbox_of_one_message_still_carries_every_answer,
                }
                once {}
            }
            patience {
                each {
                    whoever_is_silent_for_too_long_is_sent_away,
                    whoever_says_something_now_and_then_may_stay,
                    whoever_does_not_introduce_themselves_is_sent_away,
                    talking_is_no_introduction,
                    whoever_does_not_take_the_last_words_is_cut_off,
                }
                once {}
            }
            limits {
                each {
                    a_full_server_refuses_with_a_reason,
                    those_refused_are_not_read_from_for_long,
                    errors_of_the_listener_are_waited_out,
                    an_address_has_only_so_many_connections,
                }
                once {}
            }
            abuse {
                each {
                    whoever_is_too_fast_is_heard_later_and_nobody_else,
                    whoever_never_stops_flooding_is_sent_away,
                    an_address_may_connect_only_so_fast,
                    whoever_takes_nothing_for_too_long_is_sent_away,
                    slow_readers_keep_to_the_memory_there_is,
                }
                once {}
            }
            crowd {
                each {
                    five_hundred_people_in_fifty_rooms_hear_everything_once,
                }
                once {}
            }
            sessions {
                each {
                    a_session_can_be_closed_from_elsewhere,
                }
                once {
                    a_session_may_be_in_several_rooms,
                    a_quit_is_heard_once_however_many_rooms_are_shared,
                    a_new_nick_is_heard_once_however_many_rooms_are_shared,
                    rooms_number_their_messages_apart_and_without_holes,
                    numbers_go_on_when_a_room_was_empty,
                    a_topic_is_told_to_all_and_kept,
                    whoever_opens_a_room_is_its_operator,
                    a_session_needs_a_nick_and_a_room_to_talk,
                    protocols_share_one_hub,
                }
            }
            json_frames {
                each {
                    an_answer_has_the_id_of_its_request,
                    requests_that_come_at_once_are_answered_in_order,
                    half_a_request_is_none_until_the_other_half_comes,
                    a_program_may_send_its_requests_byte_by_byte,
                    a_request_may_have_32768_bytes,
                    a_request_that_is_too_long_is_refused_once_and_skipped,
                    an_empty_line_is_no_request,
                    what_is_no_json_object_is_refused_and_ends_nothing,
                    what_is_not_known_in_a_request_is_ignored,
                    the_last_request_needs_no_newline,
                    half_a_request_that_is_left_behind_does_nothing,
                }
                once {}
            }
            json_requests {
                each {
                    hello_gives_a_nick_and_a_token,
                    hello_may_be_tried_again_after_a_refusal,
                    a_program_may_be_in_several_rooms,
                    join_tells_what_the_room_is_like,
                    leave_is_heard_by_both_sides,
                    say_is_numbered_and_heard_by_everybody,
                    message_reaches_one_person_wherever_they_are,
                    topic_is_set_told_asked_for_and_taken_away,
                    rooms_are_those_with_somebody_in_them,
                    only_so_many_empty_rooms_are_remembered,
                    who_lists_members_with_their_roles,
                    history_is_read_by_number,
                    nick_is_heard_once_however_many_rooms_are_shared,
                    ping_is_answered_also_before_hello,
                    quit_is_heard_once_and_frees_the_nick,
                }
                once {}
            }
            json_events {
                each {
                    a_program_hears_only_of_the_rooms_that_it_is_in,
                    all_programs_hear_a_room_in_the_same_order,
                    a_silent_program_is_pinged_and_then_sent_away,
                }
                once {
                    a_slow_program_is_told_exactly_what_it_missed,
                    changes_that_are_missed_are_counted,
                }
            }
            json_errors {
                each {
                    missing_field_names_what_is_missing,
                    bad_field_is_a_value_that_cannot_be,
                    unknown_op_is_no_request,
                    hello_first_is_for_all_that_needs_a_nick,
                    bad_names_and_texts_are_refused,
                    names_that_are_taken_or_nobodys_are_refused,
                    not_in_is_for_rooms_that_one_is_not_in,
                    too_many_rooms_are_those_of_one_and_of_all,
                    room_full_leaves_everything_as_it_was,
                    away_is_whoever_may_come_back,
                    recipient_full_is_whoever_does_not_read,
                    no_memory_is_told_where_something_would_be_kept,
                }
                once {
                    too_many_ids_is_told_before_the_room_has_the_message,
                }
            }
            json_closing {
                each {
                    a_server_that_stops_says_so_to_programs,
                    a_program_without_a_nick_is_sent_away_whatever_it_sends,
                    a_program_that_sends_too_fast_is_heard_later,
                    a_program_that_floods_for_too_long_is_sent_away,
                    a_slow_program_may_be_disconnected_and_come_back,
                    a_program_that_takes_nothing_is_sent_away_and_may_come_back,
                    a_full_server_says_so_in_json_where_only_that_is_spoken,
                    an_address_may_be_full_or_too_fast,
                }
                once {}
            }
            json_detection {
                each {
                    the_first_byte_tells_the_protocol,
                    whoever_is_silent_at_first_is_greeted_as_a_person,
                    a_program_that_was_greeted_as_a_person_may_say_hello_after_all,
                    people_and_programs_hear_each_other,
                    a_program_that_lost_its_connection_is_away_for_people_too,
                }
                once {}
            }
            json_resuming {
                each {
                    whoever_comes_back_in_time_was_never_gone,
                    whoever_does_not_come_back_in_time_has_left,
                    the_grace_time_begins_anew_with_each_loss,
                    what_memory_no_longer_holds_is_missed_exactly,
                    rooms_that_are_not_asked_for_tell_only_what_is_new,
                    what_too_much_was_missed_for_is_told_as_missed,
                    however_a_connection_is_lost_its_session_is_kept,
                    nothing_is_lost_or_doubled_however_often_one_comes_back,
                    private_messages_that_waited_are_carried_over,
                    only_so_many_lost_sessions_are_kept,
                }
                once {}
            }
            json_tokens {
                each {
                    a_token_that_is_nobodys_opens_nothing,
                    guessing_disturbs_nobody,
                    tokens_have_nothing_in_common,
                    nobody_else_ever_sees_a_token,
                    a_token_in_use_takes_the_session_from_its_connection,
                    of_many_who_claim_a_session_at_once_one_has_it,
                    a_token_dies_with_quit,
                }
                once {}
            }
            json_duplicates {
                each {
                    an_id_that_is_used_again_says_nothing_again,
                    copies_that_come_at_once_are_said_once,
                    an_id_is_remembered_when_one_comes_back,
                    an_id_belongs_to_its_session_and_room,
                    what_was_refused_can_be_said_under_its_id,
                    ids_that_are_settled_make_room_for_others,
                }
                once {
                    an_id_is_remembered_for_its_time_when_others_come,
                }
            }
            hooks {
                each {
                    what_is_allowed_happens,
                    what_is_refused_has_no_effect_and_is_answered_with_the_reason,
                    messages_may_be_rewritten,
                    a_hook_that_panics_refuses_that_one_action,
                    a_hook_that_never_decides_refuses_in_time,
                    a_slow_hook_delays_only_its_own_session,
                    what_waits_for_a_decision_is_dropped_with_its_connection,
                    whoever_connects_may_be_turned_away,
                    whoever_waits_to_be_let_in_is_heard_afterwards,
                    a_person_may_be_kept_out_of_the_first_room,
                    each_action_is_decided_once_and_by_what_is_known_of_its_author,
                    nobody_is_kept_from_leaving,
                    guests_may_have_to_choose_a_nick,
                    what_happens_is_observed_once,
                    an_observer_that_panics_changes_nothing,
                }
                once {}
            }
            accounts {
                each {
                    a_person_logs_in_with_a_password,
                    a_program_logs_in_with_a_password_or_a_token,
                    whoever_comes_back_has_the_account_of_the_session,
                    where_there_are_no_accounts_nobody_logs_in,
                }
                once {}
            }
            control {
                each {
                    the_server_may_say_something_in_a_room,
                    somebody_may_be_kicked_out_of_a_room,
                    a_room_may_be_closed,
                    a_session_may_be_ended_for_good,
                    a_subscription_hears_a_room_without_being_in_it,
                }
                once {}
            }
            client_requests {
                each {
                    a_client_may_ask_for_everything_there_is,
                    a_client_hears_what_happens,
                    a_client_is_told_why_it_is_refused,
                    a_client_of_one_connection_ends_with_it,
                    a_request_may_be_dropped_at_any_time,
                    closing_waits_for_every_answer,
                    a_client_that_is_dropped_takes_leave,
                    whoever_takes_no_events_is_told_what_was_dropped,
                    whoever_wants_backpressure_misses_nothing_of_what_fits,
                }
                once {}
            }
            client_reconnecting {
                each {
                    a_client_comes_back_and_nobody_notices,
                    a_client_is_told_what_it_missed_while_it_was_away,
                    a_client_whose_session_is_over_begins_a_new_one_and_says_so,
                    a_client_gives_up_after_as_many_attempts_as_it_may_make,
                    closing_goes_on_over_the_next_connection,
                }
                once {}
            }
            client_cuts {
                each {}
                once {
                    connections_are_cut_anywhere_and_every_message_is_accounted_for,
                }
            }
            metrics {
                each {
                    messages_deliveries_and_bytes_are_counted_exactly,
                    what_is_counted_as_dropped_is_what_the_slow_are_told,
                    refusals_and_ends_are_counted_by_their_reasons,
                    sessions_that_wait_and_come_back_are_counted,
                    metrics_are_scraped_over_http,
                }
                once {}
            }
            shutdown {
                each {
                    shutting_down_is_announced,
                    shutting_down_is_not_told_as_everybody_leaving,
                    shutting_down_loses_nothing_that_was_accepted,
                    shutting_down_loses_nothing_for_those_who_read_slowly_and_go_on_talking,
                    shutting_down_does_not_wait_for_the_stuck,
                    a_server_that_is_dropped_closes_its_connections,
                }
                once {}
            }
        }
    };
}

/// The list as values.
#[doc(hidden)]
#[macro_export]
macro_rules! __chat_case_list {
    ([$harness:ty] $($subject:ident {
        each { $($each:ident,)* }
        once { $($(#[$attribute:meta])* $once:ident,)* }
    })*) => {
        vec![$(
            $(
                Case::<$harness>::new(
                    concat!(stringify!($each), "_over_tcp"),
                    |harness| Outcome::from($subject::$each(&On::<_, Tcp>::new(harness))),
                ),
                #[cfg(unix)]
                Case::<$harness>::new(
                    concat!(stringify!($each), "_over_unix"),
                    |harness| Outcome::from($subject::$each(&On::<_, Unix>::new(harness))),
                ),
            )*
            $(
                $(#[$attribute])*
                Case::<$harness>::new(
                    stringify!($once),
                    |harness| Outcome::from($subject::$once(&On::<_, Tcp>::new(harness))),
                ),
            )*
        )*]
    };
}

/// The list as tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __chat_tests {
    ([$harness:ty] $($subject:ident {
        each { $($each:ident,)* }
        once { $($(#[$attribute:meta])* $once:ident,)* }
    })*) => {
        type ChatHarness = $harness;

        mod over_tcp {
            $($(
                #[test]
                fn $each() {
                    let name = concat!(stringify!($each), "_over_tcp");
                    $crate::chat::check::<super::ChatHarness>(name);
                }
            )*)*
        }

        #[cfg(unix)]
        mod over_unix {
            $($(
                #[test]
                fn $each() {
                    let name = concat!(stringify!($each), "_over_unix");
                    $crate::chat::check::<super::ChatHarness>(name);
                }
            )*)*
        }

        $($(
            $(#[$attribute])*
            #[test]
            fn $once() {
                $crate::chat::check::<ChatHarness>(stringify!($once));
            }
        )*)*
    };
}
