//! Going from room to room.

use super::site::Site;
use super::venue::meet;

pub(super) fn joining_a_room_is_announced_in_both_rooms(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob, mut carol] = venue.people(["alice", "bob", "carol"]).await;
        carol.says("/join rust").await;
        carol.hears("* carol joined #rust").await;
        alice.hears("* carol left #general").await;
        bob.hears("* carol left #general").await;
        alice.says("/join rust").await;
        alice.hears("* alice joined #rust").await;
        carol.hears("* alice joined #rust").await;
        bob.hears("* alice left #general").await;
        for person in [&mut alice, &mut bob, &mut carol] {
            person.hears_nothing_more().await;
        }
    });
}

pub(super) fn the_hash_of_a_room_is_optional(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/join #rust").await;
        alice.hears("* alice joined #rust").await;
        bob.hears("* alice left #general").await;
        bob.says("/join rust").await;
        bob.hears("* bob joined #rust").await;
        alice.hears("* bob joined #rust").await;
    });
}

pub(super) fn room_names_are_compared_without_regard_to_case(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/join Rust").await;
        alice.hears("* alice joined #Rust").await;
        bob.hears("* alice left #general").await;
        // Whoever opens a room spells it.
        bob.says("/join rUST").await;
        bob.hears("* bob joined #Rust").await;
        alice.hears("* bob joined #Rust").await;
        bob.says("hello").await;
        alice.hears("[#Rust] bob: hello").await;
        bob.hears("[#Rust] bob: hello").await;
        bob.says("/join RUST").await;
        bob.is_refused().await;
    });
}

pub(super) fn rooms_hear_nothing_of_each_other(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        bob.says("/join rust").await;
        bob.hears("* bob joined #rust").await;
        alice.hears("* bob left #general").await;
        alice.says("for general").await;
        alice.says("/me acts for general").await;
        alice.says("/nick eve").await;
        alice.hears("[#general] alice: for general").await;
        alice.hears("[#general] * alice acts for general").await;
        alice.hears("* alice is now eve").await;
        bob.says("for rust").await;
        bob.hears("[#rust] bob: for rust").await;
        bob.hears_nothing_more().await;
        alice.hears_nothing_more().await;
    });
}

pub(super) fn the_room_one_is_in_cannot_be_joined(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/join #general").await;
        alice.is_refused().await;
        alice.says("still here").await;
        alice.hears("[#general] alice: still here").await;
        bob.hears("[#general] alice: still here").await;
    });
}

pub(super) fn rooms_are_listed_with_their_members(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob, mut carol] = venue.people(["alice", "bob", "carol"]).await;
        alice.says("/rooms").await;
        alice.hears("* #general (3 members)").await;
        for (person, room) in [(&mut bob, "Zoo"), (&mut carol, "aquarium")] {
            person.says(&format!("/join {room}")).await;
            person.catches_up().await;
        }
        alice.catches_up().await;
        // By name, without regard to case.
        let three = [
            "* #aquarium (1 member)",
            "* #general (1 member)",
            "* #Zoo (1 member)",
        ];
        alice.says("/rooms").await;
        alice.hears_all(three).await;
        carol.says("/join zoo").await;
        carol.hears("* carol joined #Zoo").await;
        alice.says("/rooms").await;
        alice.hears("* #general (1 member)").await;
        alice.hears("* #Zoo (2 members)").await;
        alice.hears_nothing_more().await;
    });
}

pub(super) fn who_lists_the_members_of_the_room(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut zoe, mut bob, mut alice] = venue.people(["zoe", "Bob", "alice"]).await;
        for person in [&mut zoe, &mut bob, &mut alice] {
            person.says("/who").await;
            person.hears("* in #general (3): alice, Bob, zoe").await;
        }
        bob.says("/join rust").await;
        bob.hears("* Bob joined #rust").await;
        bob.says("/who").await;
        bob.hears("* in #rust (1): Bob").await;
        zoe.hears("* Bob left #general").await;
        zoe.says("/nick yvonne").await;
        zoe.hears("* zoe is now yvonne").await;
        zoe.says("/who").await;
        zoe.hears("* in #general (2): alice, yvonne").await;
    });
}

pub(super) fn a_room_has_1_to_64_visible_characters(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice] = venue.people(["alice"]).await;
        let longest = "ü".repeat(64);
        for good in ["a", "c++", "größe", "部屋", "🦀", &longest] {
            alice.says(&format!("/join {good}")).await;
            alice.hears(&format!("* alice joined #{good}")).await;
        }
        let too_long = "ü".repeat(65);
        for bad in [
            "#",
            "a,b",
            "a b",
            "a\tb",
            "a\u{7f}",
            "a\u{200b}",
            "a\u{a0}b",
            &too_long,
        ] {
            alice.says(&format!("/join {bad}")).await;
            alice.is_refused().await;
        }
        // None of which has moved her.
        alice.says("hello").await;
        alice.hears(&format!("[#{longest}] alice: hello")).await;
    });
}
