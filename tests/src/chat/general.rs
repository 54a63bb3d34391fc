//! Being there, and talking.

use super::site::Site;
use super::venue::meet;

pub(super) fn newcomers_are_welcomed_to_the_general_room(site: &dyn Site) {
    meet(site, async |venue| {
        let (mut first, nick) = venue.guest("the first").await;
        assert_eq!(nick, "guest-1");
        let (mut second, nick) = venue.guest("the second").await;
        assert_eq!(nick, "guest-2");
        first.hears("* guest-2 joined #general").await;
        second.hears_nothing_more().await;
        first.hears_nothing_more().await;
    });
}

pub(super) fn a_message_reaches_everyone_in_the_room_and_its_sender(site: &dyn Site) {
    meet(site, async |venue| {
        let mut people = venue.people(["alice", "bob", "carol"]).await;
        people[0].says("hello, wörld 🦀").await;
        for person in &mut people {
            person.hears("[#general] alice: hello, wörld 🦀").await;
            person.hears_nothing_more().await;
        }
    });
}

pub(super) fn messages_of_one_connection_keep_their_order(site: &dyn Site) {
    const MESSAGES: usize = 300;
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        let said: Vec<_> = (0..MESSAGES).map(|n| format!("number {n}\n")).collect();
        alice.sends(said.concat().as_bytes()).await;
        for n in 0..MESSAGES {
            let message = format!("[#general] alice: number {n}");
            alice.hears(&message).await;
            bob.hears(&message).await;
        }
    });
}

pub(super) fn all_members_hear_a_room_in_the_same_order(site: &dyn Site) {
    const EACH: usize = 100;
    meet(site, async |venue| {
        let mut people = venue.people(["alice", "bob", "carol"]).await;
        // At the same time, in small pieces.
        let talking = people.iter_mut().map(async |person| {
            for n in 0..EACH {
                person.says(&format!("number {n}")).await;
            }
        });
        futures::future::join_all(talking).await;
        let mut heard = Vec::new();
        for person in &mut people {
            let mut lines = Vec::new();
            for _ in 0..3 * EACH {
                lines.push(person.line().await);
            }
            person.hears_nothing_more().await;
            heard.push(lines);
        }
        assert_eq!(heard[0], heard[1], "alice and bob");
        assert_eq!(heard[0], heard[2], "alice and carol");
        for nick in ["alice", "bob", "carol"] {
            let theirs = format!("[#general] {nick}: ");
            let theirs = heard[0]
                .iter()
                .filter_map(|line| line.strip_prefix(&theirs));
            let expected = (0..EACH).map(|n| format!("number {n}"));
            assert!(theirs.eq(expected), "what {nick} said is out of order");
        }
    });
}

pub(super) fn an_action_is_shown_as_one(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/me waves at bob").await;
        alice.hears("[#general] * alice waves at bob").await;
        bob.hears("[#general] * alice waves at bob").await;
        alice.says("/me").await;
        alice.is_refused().await;
        bob.hears_nothing_more().await;
    });
}

pub(super) fn two_slashes_say_one(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for (line, text) in [
            ("//quit", "/quit"),
            ("//", "/"),
            ("///", "//"),
            ("a /quit", "a /quit"),
            ("// spaces  stay ", "/ spaces  stay "),
        ] {
            alice.says(line).await;
            alice.hears(&format!("[#general] alice: {text}")).await;
            bob.hears(&format!("[#general] alice: {text}")).await;
        }
    });
}

pub(super) fn help_names_every_command(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        alice.says("/help").await;
        let help = alice.catches_up().await;
        assert!(help.iter().all(|line| line.starts_with("* ")), "{help:?}");
        for command in [
            "/join", "/nick", "/rooms", "/who", "/msg", "/me", "/history", "/quit", "//",
        ] {
            let named = help.iter().any(|line| line.contains(command));
            assert!(named, "{command} is missing: {help:?}");
        }
        bob.hears_nothing_more().await;
    });
}

pub(super) fn names_of_commands_are_read_without_regard_to_case(site: &dyn Site) {
    meet(site, async |venue| {
        let [mut alice] = venue.people(["alice"]).await;
        alice.says("/ME Waves").await;
        alice.hears("[#general] * alice Waves").await;
        alice.says("/Who").await;
        alice.hears("* in #general (1): alice").await;
    });
}
