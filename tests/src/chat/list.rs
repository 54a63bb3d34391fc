use super::site::On;
use super::{
    crowd, general, greedy, history, input, leaving, limits, lines, nicks, patience, private,
    rooms, sessions, shutdown, slow,
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
/// many times in a case, and some of the cases move megabytes.
pub fn run<H: Harness>(case: &Case<H>) -> Outcome {
    case.run_on(H::new, 3 * H::PATIENCE)
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
