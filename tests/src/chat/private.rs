//! What is meant for one person.

use super::site::Site;
use super::venue::meet;

pub(super) fn a_private_message_reaches_its_recipient_only(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob, mut carol] = venue.people(["alice", "bob", "carol"]).await;
        alice.says("/msg bob only for you").await;
        bob.hears("[private] alice: only for you").await;
        for person in [&mut alice, &mut bob, &mut carol] {
            person.hears_nothing_more().await;
        }
    });
}

pub(super) fn a_private_message_finds_its_recipient_in_any_room_and_case(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        bob.says("/join rust").await;
        bob.hears("* bob joined #rust").await;
        alice.hears("* bob left #general").await;
        alice.says("/msg BOB are you there?").await;
        bob.hears("[private] alice: are you there?").await;
        bob.says("/msg Alice yes").await;
        alice.hears("[private] bob: yes").await;
        alice.hears_nothing_more().await;
    });
}

pub(super) fn one_may_write_to_oneself(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/msg alice a note").await;
        alice.hears("[private] alice: a note").await;
        bob.hears_nothing_more().await;
    });
}

pub(super) fn a_private_message_to_nobody_is_refused(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for bad in [
            "/msg zoe hello",
            "/msg",
            "/msg bob",
            "/msg bob ",
            "/msg b.b hello",
        ] {
            alice.says(bad).await;
            alice.is_refused().await;
        }
        bob.says("/nick robert").await;
        bob.hears("* bob is now robert").await;
        alice.hears("* bob is now robert").await;
        alice.says("/msg bob hello").await;
        alice.is_refused().await;
        bob.hears_nothing_more().await;
    });
}

pub(super) fn private_messages_are_not_remembered(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("public").await;
        alice.says("/msg bob secret").await;
        bob.hears("[#general] alice: public").await;
        bob.hears("[private] alice: secret").await;
        bob.says("/history").await;
        bob.hears("[#general] alice: public").await;
        bob.hears_nothing_more().await;
    });
}
