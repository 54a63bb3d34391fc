//! The chat suite notices: each of these servers lies in one way, and fails the cases about it.
//!
//! They are good servers whose sockets make something else of what they write, so that nothing in the suite or the
//! library has to know of them. Many more cases fail than those that are named here: nearly all are about what is
//! said, too.

mod lies;
mod net;

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chat_conformance::bundled::SmolExecutor;
use chat_conformance::{Case, Harness, chat};
use chat_core::runtime::Runtime;

use crate::lies::{Counted, Each, Lie, MakeLie, Swapped, is_message};
use crate::net::LyingNet;

/// A good runtime whose servers lie.
struct Lying {
    good: SmolExecutor,
    lie: MakeLie,
}

impl Harness for Lying {
    type Net = LyingNet<<SmolExecutor as Harness>::Net>;

    fn new() -> Self {
        Self::with(truth)
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        self.good.runtime()
    }

    fn net(&self) -> Arc<Self::Net> {
        Arc::new(LyingNet::new(self.good.net(), self.lie))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.good.block_on(future)
    }
}

impl Lying {
    fn with(lie: MakeLie) -> Self {
        let good = SmolExecutor::new();
        Self { good, lie }
    }
}

fn truth() -> Box<dyn Lie> {
    Box::new(Each(|line: String, out: &mut Vec<u8>| {
        out.extend_from_slice(line.as_bytes());
    }))
}

macro_rules! lies {
    ($($test:ident: $lie:expr => [$($case:literal),* $(,)?];)*) => {
        $(
            #[test]
            fn $test() {
                fails(|| Box::new($lie), &[$($case),*]);
            }
        )*

        #[test]
        fn a_server_that_tells_the_truth_fails_none_of_these() {
            let mut cases = vec![$($($case),*),*];
            cases.sort_unstable();
            cases.dedup();
            passes(&cases);
        }
    };
}

lies! {
    a_message_is_lost: Counted::new(|_, _: &mut Vec<u8>| {}) => [
        "messages_of_one_connection_keep_their_order_over_tcp",
        "all_programs_hear_a_room_in_the_same_order_over_tcp",
        "nothing_is_lost_or_doubled_however_often_one_comes_back_over_tcp",
        "whoever_wants_backpressure_misses_nothing_of_what_fits_over_tcp",
        "connections_are_cut_anywhere_and_every_message_is_accounted_for",
    ];
    a_message_is_repeated: Counted::new(|line: String, out: &mut Vec<u8>| {
        out.extend_from_slice(line.repeat(2).as_bytes());
    }) => [
        "messages_of_one_connection_keep_their_order_over_tcp",
        "all_programs_hear_a_room_in_the_same_order_over_tcp",
        "nothing_is_lost_or_doubled_however_often_one_comes_back_over_tcp",
        "a_slow_program_is_told_exactly_what_it_missed",
        "connections_are_cut_anywhere_and_every_message_is_accounted_for",
    ];
    two_messages_are_swapped: Swapped::default() => [
        "messages_of_one_connection_keep_their_order_over_tcp",
        "requests_that_come_at_once_are_answered_in_order_over_tcp",
        "what_memory_no_longer_holds_is_missed_exactly_over_tcp",
        "connections_are_cut_anywhere_and_every_message_is_accounted_for",
    ];
    a_gap_is_not_told: Each(|line: String, out: &mut Vec<u8>| {
        if !line.starts_with("* you missed") && !line.starts_with("{\"event\":\"missed\"") {
            out.extend_from_slice(line.as_bytes());
        }
    }) => [
        "a_slow_member_is_told_exactly_what_it_missed_over_tcp",
        "a_slow_program_is_told_exactly_what_it_missed",
        "what_memory_no_longer_holds_is_missed_exactly_over_tcp",
    ];
    a_gap_is_told_too_small: Each(|line: String, out: &mut Vec<u8>| {
        let smaller = line.replace("\"last\":25,\"presence\"", "\"last\":24,\"presence\"");
        out.extend_from_slice(smaller.as_bytes());
    }) => [
        "what_memory_no_longer_holds_is_missed_exactly_over_tcp",
    ];
    an_answer_comes_twice: Each(|line: String, out: &mut Vec<u8>| {
        let times = if line.starts_with("{\"id\":") { 2 } else { 1 };
        out.extend_from_slice(line.repeat(times).as_bytes());
    }) => [
        "an_answer_has_the_id_of_its_request_over_tcp",
        "requests_that_come_at_once_are_answered_in_order_over_tcp",
    ];
    an_answer_comes_before_the_event: Swapped::default() => [
        "say_is_numbered_and_heard_by_everybody_over_tcp",
    ];
    everybody_gets_the_same_token: Each(|line: String, out: &mut Vec<u8>| {
        let line = match line.split_once("\"token\":\"") {
            Some((head, tail)) => format!("{head}\"token\":\"{}{}", "0".repeat(32), &tail[32..]),
            None => line,
        };
        out.extend_from_slice(line.as_bytes());
    }) => [
        "tokens_have_nothing_in_common_over_tcp",
        "whoever_comes_back_in_time_was_never_gone_over_tcp",
        "a_token_in_use_takes_the_session_from_its_connection_over_tcp",
    ];
    a_duplicate_passes_for_new: Each(|line: String, out: &mut Vec<u8>| {
        let line = line.replace("\"duplicate\":true", "\"duplicate\":false");
        out.extend_from_slice(line.as_bytes());
    }) => [
        "an_id_that_is_used_again_says_nothing_again_over_tcp",
        "copies_that_come_at_once_are_said_once_over_tcp",
        "an_id_is_remembered_when_one_comes_back_over_tcp",
    ];
    numbers_are_off_by_one: Each(|line: String, out: &mut Vec<u8>| {
        let line = match is_message(&line) {
            true => line.replacen("\"number\":", "\"number\":1", 1),
            false => line,
        };
        out.extend_from_slice(line.as_bytes());
    }) => [
        "say_is_numbered_and_heard_by_everybody_over_tcp",
        "whoever_comes_back_in_time_was_never_gone_over_tcp",
    ];
    nobody_is_told_why_it_ends: Each(|line: String, out: &mut Vec<u8>| {
        if !line.starts_with("{\"event\":\"closing\"") {
            out.extend_from_slice(line.as_bytes());
        }
    }) => [
        "a_token_in_use_takes_the_session_from_its_connection_over_tcp",
        "private_messages_that_waited_are_carried_over_over_tcp",
        "a_server_that_stops_says_so_to_programs_over_tcp",
        "quit_is_heard_once_and_frees_the_nick_over_tcp",
    ];
    others_hear_of_a_lost_connection: Each(|line: String, out: &mut Vec<u8>| {
        // As if each who comes back had left and joined.
        if line.contains("\"resumed\":true") {
            out.extend_from_slice(b"{\"event\":\"joined\",\"room\":\"rust\",\"nick\":\"alice\"}\n");
        }
        out.extend_from_slice(line.as_bytes());
    }) => [
        "whoever_comes_back_in_time_was_never_gone_over_tcp",
    ];
    refusals_have_another_code: Each(|line: String, out: &mut Vec<u8>| {
        let line = line.replace("\"code\":\"not_", "\"code\":\"no_");
        out.extend_from_slice(line.as_bytes());
    }) => [
        "not_in_is_for_rooms_that_one_is_not_in_over_tcp",
        "a_token_that_is_nobodys_opens_nothing_over_tcp",
        "whoever_does_not_come_back_in_time_has_left_over_tcp",
    ];
}

fn fails(lie: MakeLie, names: &[&str]) {
    let outcomes = run(lie, names, Duration::from_secs(5));
    let passed: Vec<_> = names
        .iter()
        .zip(outcomes)
        .filter(|(_, failed)| !failed)
        .collect();
    assert!(passed.is_empty(), "passed but should not: {passed:#?}");
}

fn passes(names: &[&str]) {
    let outcomes = run(truth, names, 3 * Lying::PATIENCE);
    let failed: Vec<_> = names
        .iter()
        .zip(outcomes)
        .filter(|(_, failed)| *failed)
        .collect();
    assert!(failed.is_empty(), "failed but should not: {failed:#?}");
}

/// Which of the cases fail. Those that hang are given up after `patience`.
fn run(lie: MakeLie, names: &[&str], patience: Duration) -> Vec<bool> {
    let cases = chat::cases::<Lying>();
    let find = |name: &&str| {
        let case = cases.iter().find(|case| case.name() == *name);
        case.unwrap_or_else(|| panic!("no case {name}"))
    };
    let chosen: Vec<&Case<Lying>> = names.iter().map(find).collect();
    thread::scope(|scope| {
        let running: Vec<_> = chosen
            .into_iter()
            .map(|case| scope.spawn(move || case.run_on(move || Lying::with(lie), patience)))
            .collect();
        let outcomes = running
            .into_iter()
            .map(|case| case.join().expect("the runner is sound"));
        outcomes
            .map(|outcome| {
                println!("{outcome}");
                outcome.is_failed()
            })
            .collect()
    })
}
