//! `docs/PROTOCOL.md` taken at its word: its examples are played against the code, and its lists are
//! compared with the source.
//!
//! A block of the page with arrows in it is a conversation. `→` is a line that alice sends, `←` one that she
//! gets; `bob →` and `bob ←` are somebody else's. Lines that start with a space go on with the line before,
//! and brackets say what happens meanwhile. Whoever gets a line in a block has to get all of them, and no
//! others. What is to be so before a block begins stands in a comment in front of it that starts with
//! `example:`.

mod coverage;
mod house;
mod script;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use coverage::Coverage;
use stage::Stage;

const PAGE: &str = include_str!("../../../../docs/PROTOCOL.md");

fn play_all() -> Coverage {
    let mut coverage = Coverage::default();
    let mut failed = 0;
    for example in script::examples(PAGE) {
        let played = AssertUnwindSafe(|| Stage::play(&example, &mut coverage));
        failed += usize::from(catch_unwind(played).is_err());
    }
    assert_eq!(failed, 0, "examples that are not what happens");
    coverage
}

#[test]
fn every_example_is_what_happens() {
    let coverage = play_all();
    assert!(coverage.examples >= 40, "{} examples", coverage.examples);
}

#[test]
fn every_request_event_and_code_has_an_example() {
    let played = play_all();
    for (what, in_source, played) in [
        ("request", coverage::requests(), &played.requests),
        ("event", coverage::events(), &played.events),
        ("error code", coverage::errors(), &played.errors),
        ("closing code", coverage::closings(), &played.closings),
    ] {
        assert_eq!(&in_source, played, "each {what}, and those with an example");
    }
}

#[test]
fn the_lists_are_complete() {
    for (heading, in_source) in [
        ("## Requests", coverage::requests()),
        ("## Events", coverage::events()),
        ("## Error codes", coverage::errors()),
        ("## Closing codes", coverage::closings()),
    ] {
        assert_eq!(script::listed(PAGE, heading), in_source, "{heading}");
    }
}
