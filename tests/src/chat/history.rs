//! What a room remembers.

use super::person::Person;
use super::site::Site;
use super::venue::{Setup, meet, meet_with};

pub(super) fn history_shows_the_last_messages_of_the_room(site: &dyn Site) {
    meet(site, async |venue| {
        let mut alice = talker(venue.person("alice").await, 5).await;
        alice.says("/me waves").await;
        alice.hears("[#general] * alice waves").await;
        let (mut bob, _) = venue.guest("bob").await;
        bob.says("/history 2").await;
        bob.hears("[#general] alice: number 5").await;
        bob.hears("[#general] * alice waves").await;
        bob.hears_nothing_more().await;
        // More than there are, and all by default.
        for command in ["/history 99", "/history 6", "/history"] {
            bob.says(command).await;
            bob.hears_all((1..=5).map(number)).await;
            bob.hears("[#general] * alice waves").await;
            bob.hears_nothing_more().await;
        }
    });
}

pub(super) fn history_of_a_room_where_nothing_was_said_is_a_notice(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice] = venue.people(["alice"]).await;
        alice.says("hello").await;
        alice.hears("[#general] alice: hello").await;
        alice.says("/join empty").await;
        alice.hears("* alice joined #empty").await;
        alice.says("/history").await;
        let notice = alice.line().await;
        assert!(notice.starts_with("* "), "{notice:?} is no notice");
        alice.hears_nothing_more().await;
    });
}

pub(super) fn a_room_remembers_a_hundred_messages(site: &dyn Site) {
    meet(site, async |venue| {
        let mut alice = talker(venue.person("alice").await, 120).await;
        for command in ["/history", "/history 100", "/history 5000"] {
            alice.says(command).await;
            alice.hears_all((21..=120).map(number)).await;
            alice.hears_nothing_more().await;
        }
    });
}

pub(super) fn a_room_remembers_as_much_as_it_is_configured_to(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.room_memory.messages = 250);
    meet_with(site, setup, async |venue| {
        let mut alice = talker(venue.person("alice").await, 260).await;
        alice.says("/history 300").await;
        alice.hears_all((11..=260).map(number)).await;
        // A hundred unless told.
        alice.says("/history").await;
        alice.hears_all((161..=260).map(number)).await;
        alice.hears_nothing_more().await;
    });
}

pub(super) fn a_room_keeps_its_history_while_it_is_empty(site: &dyn Site) {
    meet(site, async |venue| {
        let mut alice = venue.person("alice").await;
        alice.says("/join rust").await;
        alice.hears("* alice joined #rust").await;
        alice.says("remember me").await;
        alice.hears("[#rust] alice: remember me").await;
        alice.says("/join general").await;
        alice.hears("* alice joined #general").await;
        alice.says("/join rust").await;
        alice.hears("* alice joined #rust").await;
        alice.says("/history").await;
        alice.hears("[#rust] alice: remember me").await;
        alice.hears_nothing_more().await;
    });
}

pub(super) fn history_of_anything_but_a_number_is_refused(site: &dyn Site) {
    meet(site, async |venue| {
        let mut alice = talker(venue.person("alice").await, 1).await;
        for bad in ["0", "-1", "many", "1.5", "99999999999999999999999"] {
            alice.says(&format!("/history {bad}")).await;
            alice.is_refused().await;
        }
    });
}

fn number(n: usize) -> String {
    format!("[#general] alice: number {n}")
}

/// Lets somebody count to `n` in the room.
async fn talker(mut person: Person, n: usize) -> Person {
    for n in 1..=n {
        person.says(&format!("number {n}")).await;
        person.hears(&number(n)).await;
    }
    person
}
