//! Coming back to a session after its connection was lost.

use std::time::Duration;

use serde_json::json;

use super::program::{joined, message, missed};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, meet_both, meet_both_with};

/// A grace time that is over soon.
const SHORT: Duration = Duration::from_millis(300);

const MINUTE: Duration = Duration::from_secs(60);

pub(in crate::chat) fn whoever_comes_back_in_time_was_never_gone(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust", "cats"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        bob.tells("rust", "one").await;
        bob.hears(message("rust", 1, "bob", "one")).await;
        alice.hears(message("rust", 1, "bob", "one")).await;
        drop(alice);
        venue.is_down_to(1).await;
        for (number, text) in [(2, "two"), (3, "three")] {
            bob.tells("rust", text).await;
            bob.hears(message("rust", number, "bob", text)).await;
        }
        let mut alice = venue.silent_program("alice").await;
        let back = alice.resumes(&welcome.token, &[("rust", 1)]).await;
        assert!(back.resumed);
        assert_eq!((back.nick, back.token), (welcome.nick, welcome.token));
        let mut rooms = back.rooms;
        rooms.sort();
        assert_eq!(rooms, ["cats", "rust"]);
        alice.hears(message("rust", 2, "bob", "two")).await;
        alice.hears(message("rust", 3, "bob", "three")).await;
        alice.hears_nothing_more().await;
        // Nobody has seen anything, and everything is as it was.
        bob.hears_nothing_more().await;
        let members = json!([
            { "nick": "alice", "role": "operator" },
            { "nick": "bob", "role": "member" },
        ]);
        let who = bob.asks("who", json!({ "room": "rust" })).await;
        assert_eq!(who["members"], members);
        alice.tells("rust", "four").await;
        alice.hears(message("rust", 4, "alice", "four")).await;
        bob.hears(message("rust", 4, "alice", "four")).await;
    });
}

pub(in crate::chat) fn whoever_does_not_come_back_in_time_has_left(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.resume_grace = SHORT);
    meet_both_with(site, setup, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        let before = venue.runtime.now();
        drop(alice);
        let quit = json!({ "event": "quit", "room": "rust", "nick": "alice", "reason": null });
        bob.hears(quit).await;
        let waited = venue.runtime.now() - before;
        assert!(waited >= SHORT, "left after {waited:?}");
        let mut late = venue.silent_program("alice").await;
        let resume = json!({ "resume": welcome.token, "seen": { "rust": 0 } });
        assert_eq!(late.is_refused("hello", resume).await, "not_resumable");
        // The nick is free, and the new session is in no room.
        let new = late.says_hello("alice").await;
        assert!(!new.resumed && new.rooms.is_empty() && new.token != welcome.token);
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn the_grace_time_begins_anew_with_each_loss(site: &dyn Site) {
    const ROUNDS: u32 = 4;
    let grace = Duration::from_millis(1500);
    let setup = Setup::with(|setup| setup.hub.resume_grace = grace);
    meet_both_with(site, setup, async |venue| {
        use chat_core::runtime::RuntimeExt;
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let start = venue.runtime.now();
        let mut rounds = 0;
        // Longer than the time in all, and never for as long.
        while rounds < ROUNDS || venue.runtime.now() - start < 2 * grace {
            rounds += 1;
            drop(alice);
            venue.is_down_to(0).await;
            venue.runtime.sleep(grace / 4).await;
            alice = venue.resumed(&welcome.token, &[]).await;
        }
        let who = alice.asks("who", json!({ "room": "rust" })).await;
        assert_eq!(who["members"][0]["nick"], "alice");
    });
}

pub(in crate::chat) fn what_memory_no_longer_holds_is_missed_exactly(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.room_memory.messages = 5);
    meet_both_with(site, setup, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        for n in 1..=12 {
            bob.tells("rust", &format!("number {n}")).await;
            alice
                .hears(message("rust", n, "bob", &format!("number {n}")))
                .await;
        }
        drop(alice);
        venue.is_down_to(1).await;
        for n in 13..=30 {
            bob.tells("rust", &format!("number {n}")).await;
        }
        // Whatever was seen last, together it is everything once.
        for seen in [12, 0, 24, 25, 26, 29, 30] {
            let mut alice = venue.resumed(&welcome.token, &[("rust", seen)]).await;
            if seen < 25 {
                alice.hears(missed("rust", seen + 1, 25)).await;
            }
            for n in seen.max(25) + 1..=30 {
                alice
                    .hears(message("rust", n, "bob", &format!("number {n}")))
                    .await;
            }
            alice.hears_nothing_more().await;
            drop(alice);
            venue.is_down_to(1).await;
        }
        // Numbers that there were not yet are nothing to miss.
        let mut alice = venue
            .resumed(&welcome.token, &[("rust", u64::MAX), ("dogs", 3)])
            .await;
        alice.hears_nothing_more().await;
        bob.tells("rust", "number 31").await;
        alice.hears(message("rust", 31, "bob", "number 31")).await;
    });
}

pub(in crate::chat) fn rooms_that_are_not_asked_for_tell_only_what_is_new(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (alice, welcome) = venue.welcomed_program("alice", &["rust", "cats"]).await;
        let mut bob = venue.program("bob", &["rust", "cats"]).await;
        drop(alice);
        venue.is_down_to(1).await;
        for room in ["rust", "cats"] {
            bob.tells(room, "meanwhile").await;
        }
        // Names are compared without regard to case, and may have their `#`.
        let mut alice = venue.resumed(&welcome.token, &[("#Cats", 0)]).await;
        alice.hears(message("cats", 1, "bob", "meanwhile")).await;
        alice.hears_nothing_more().await;
        for room in ["rust", "cats"] {
            bob.tells(room, "now").await;
            alice.hears(message(room, 2, "bob", "now")).await;
        }
    });
}

pub(in crate::chat) fn what_too_much_was_missed_for_is_told_as_missed(site: &dyn Site) {
    let setup = Setup::with(|setup| {
        setup.hub.outbox.messages = 8;
        setup.hub.room_memory.messages = 50;
    });
    meet_both_with(site, setup, async |venue| {
        let (alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        drop(alice);
        venue.is_down_to(1).await;
        for n in 1..=100_u64 {
            bob.tells("rust", "x").await;
            assert_eq!(bob.event().await["number"], n);
        }
        let mut alice = venue.resumed(&welcome.token, &[("rust", 0)]).await;
        let (mut next, mut heard) = (1, 0);
        while next <= 100 {
            let event = alice.event().await;
            if event["event"] == "missed" {
                assert_eq!(event["first"], next, "{event}");
                next = event["last"].as_u64().expect("a number") + 1;
            } else {
                assert_eq!(event["number"], next, "{event}");
                next += 1;
                heard += 1;
            }
        }
        assert!(heard <= 50, "more than the room remembers");
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn however_a_connection_is_lost_its_session_is_kept(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        // In good order, half of a request, many answers unread, and in the middle of a busy room.
        for way in 0..4 {
            match way {
                0 => {
                    alice.person.closes_its_half().await;
                    alice.person.hears_the_end().await;
                }
                1 => alice.person.sends(b"{\"id\":1,\"op\":\"quit").await,
                2 => {
                    for _ in 0..200 {
                        alice.requests("who", json!({ "room": "rust" })).await;
                    }
                }
                _ => {
                    for _ in 0..50 {
                        bob.requests("rooms", json!({})).await;
                    }
                    let mut answers = 0;
                    while answers < 50 {
                        answers += usize::from(bob.frame().await["ok"].is_object());
                    }
                }
            }
            drop(alice);
            venue.is_down_to(1).await;
            alice = venue.resumed(&welcome.token, &[]).await;
            alice.hears_nothing_more().await;
            bob.hears_nothing_more().await;
        }
    });
}

pub(in crate::chat) fn nothing_is_lost_or_doubled_however_often_one_comes_back(site: &dyn Site) {
    const ROUNDS: u64 = 60;
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        let mut seen = 0;
        let mut said = 0;
        for round in 0..ROUNDS {
            // Some of it is heard, some is on its way, some is said while nobody is there.
            for _ in 0..5 {
                said += 1;
                bob.requests(
                    "say",
                    json!({ "room": "rust", "text": format!("number {said}") }),
                )
                .await;
            }
            for _ in 0..round % 4 {
                seen += 1;
                alice
                    .hears(message("rust", seen, "bob", &format!("number {seen}")))
                    .await;
            }
            drop(alice);
            alice = venue.resumed(&welcome.token, &[("rust", seen)]).await;
            while seen + 7 < said {
                seen += 1;
                alice
                    .hears(message("rust", seen, "bob", &format!("number {seen}")))
                    .await;
            }
        }
        while seen < said {
            seen += 1;
            alice
                .hears(message("rust", seen, "bob", &format!("number {seen}")))
                .await;
        }
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn private_messages_that_waited_are_carried_over(site: &dyn Site) {
    // All of the time there is to read what was on its way.
    let setup = Setup::with(|setup| setup.server.connection.close_timeout = MINUTE);
    meet_both_with(site, setup, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &[]).await;
        let mut bob = venue.program("bob", &[]).await;
        // Taken over while it does not read: its old connection is too full for all of them.
        let text = "x".repeat(4000);
        let mut accepted = 0;
        loop {
            let fields = json!({ "to": "alice", "text": format!("{accepted} {text}") });
            let id = bob.requests("message", fields).await;
            if bob.answer(&id).await["error"]["code"] == "recipient_full" {
                break;
            }
            accepted += 1;
            assert!(accepted < 10_000, "nobody is slow");
        }
        let mut new = venue.resumed(&welcome.token, &[]).await;
        let text_of = |event: &serde_json::Value| event["text"].as_str().map(str::to_owned);
        // Those that were on their way already come over the old connection.
        let mut heard = Vec::new();
        loop {
            let event = alice.event().await;
            if event["event"] == "closing" {
                assert_eq!(event["code"], "superseded");
                break;
            }
            heard.push(text_of(&event));
        }
        let on_the_way = heard.len();
        assert!(on_the_way < accepted, "nothing waited");
        while heard.len() < accepted {
            heard.push(text_of(&new.event().await));
        }
        let expected = (0..accepted).map(|n| Some(format!("{n} {text}")));
        assert!(
            heard.into_iter().eq(expected),
            "out of order, or not the same"
        );
        new.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn only_so_many_lost_sessions_are_kept(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.max_parked = 2);
    meet_both_with(site, setup, async |venue| {
        let mut tokens = Vec::new();
        for n in 0..4 {
            let (program, welcome) = venue.welcomed_program(&format!("number-{n}"), &[]).await;
            tokens.push(welcome.token);
            drop(program);
            venue.is_down_to(0).await;
        }
        for (n, token) in tokens.iter().enumerate() {
            let mut late = venue.silent_program("a late one").await;
            if n < 2 {
                assert!(late.resumes(token, &[]).await.resumed);
                late.asks("quit", json!({})).await;
            } else {
                let resume = json!({ "resume": token });
                assert_eq!(late.is_refused("hello", resume).await, "not_resumable");
            }
        }
    });
}
