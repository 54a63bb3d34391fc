//! What people are called.

use super::site::Site;
use super::venue::meet;

pub(super) fn a_new_nick_is_announced(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/nick eve").await;
        alice.says("hello").await;
        for person in [&mut alice, &mut bob] {
            person.hears("* alice is now eve").await;
            person.hears("[#general] eve: hello").await;
            person.hears_nothing_more().await;
        }
    });
}

pub(super) fn a_nick_has_1_to_32_of_the_characters_allowed(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        let longest = "x".repeat(32);
        let mut old = "alice";
        for good in ["a", "_1", "[]{}\\|^`", "a-b-c", "Z9", &longest] {
            alice.says(&format!("/nick {good}")).await;
            alice.hears(&format!("* {old} is now {good}")).await;
            bob.hears(&format!("* {old} is now {good}")).await;
            old = good;
        }
        let too_long = "x".repeat(33);
        for bad in [
            "1st", "-dash", "a b", "a,b", "a.b", "#a", "größe", "a\u{7f}", "a:b", &too_long,
        ] {
            alice.says(&format!("/nick {bad}")).await;
            alice.is_refused().await;
        }
        bob.hears_nothing_more().await;
    });
}

pub(super) fn a_nick_that_is_taken_is_refused_whatever_its_case(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        // Taken also for those who are in another room.
        bob.says("/join rust").await;
        bob.hears("* bob joined #rust").await;
        for taken in ["alice", "Alice", "ALICE"] {
            bob.says(&format!("/nick {taken}")).await;
            bob.is_refused().await;
        }
        bob.says("hello").await;
        bob.hears("[#rust] bob: hello").await;
        alice.hears("* bob left #general").await;
        alice.hears_nothing_more().await;
    });
}

pub(super) fn one_may_spell_ones_own_nick_differently(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/nick ALICE").await;
        alice.hears("* alice is now ALICE").await;
        bob.hears("* alice is now ALICE").await;
        bob.says("/nick alice").await;
        bob.is_refused().await;
    });
}

pub(super) fn a_nick_is_free_again_when_its_owner_has_left(site: &dyn Site) {
    meet(site, async |venue| {
        let [alice, mut bob] = venue.people(["alice", "bob"]).await;
        drop(alice);
        bob.hears("* alice left #general").await;
        bob.says("/nick Alice").await;
        bob.hears("* bob is now Alice").await;
        // Bob's is free as well now.
        let (mut carol, guest) = venue.guest("carol").await;
        carol.says("/nick bob").await;
        carol.hears(&format!("* {guest} is now bob")).await;
    });
}

pub(super) fn guests_get_nicks_that_nobody_has(site: &dyn Site) {
    meet(site, async |venue| {
        let (mut first, nick) = venue.guest("the first").await;
        assert_eq!(nick, "guest-1");
        first.says("/nick Guest-2").await;
        first.hears("* guest-1 is now Guest-2").await;
        let (_second, nick) = venue.guest("the second").await;
        assert_ne!(nick, "guest-2");
    });
}
