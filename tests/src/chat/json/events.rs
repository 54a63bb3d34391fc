//! What programs hear without having asked.

use std::time::Duration;

use serde_json::{Value, json};

use super::program::{joined, message};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, meet_both, meet_both_with};

/// How long each message is, so that what nobody reads does not vanish in the buffers of the sockets.
const LENGTH: usize = 4000;

pub(in crate::chat) fn a_slow_program_is_told_exactly_what_it_missed(site: &dyn Site) {
    const AT_ONCE: u64 = 16;
    const MESSAGES: u64 = 2400;
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 2 * AT_ONCE as usize);
    meet_both_with(site, setup, async |venue| {
        let mut slow = venue.program("slow", &["rust"]).await;
        let mut talker = venue.program("talker", &["rust"]).await;
        slow.hears(joined("rust", "talker")).await;
        let text = "x".repeat(LENGTH);
        for _ in 0..MESSAGES / AT_ONCE {
            for _ in 0..AT_ONCE {
                talker
                    .requests("say", json!({ "room": "rust", "text": text }))
                    .await;
            }
            let mut answered = 0;
            while answered < AT_ONCE {
                answered += u64::from(talker.frame().await["ok"].is_object());
            }
        }
        talker
            .asks("message", json!({ "to": "slow", "text": "done" }))
            .await;
        let (mut next, mut missed) = (1, 0);
        loop {
            let event = slow.event().await;
            match event["event"].as_str() {
                Some("message") => {
                    assert_eq!(event["number"], next, "out of order");
                    assert_eq!(event["text"], *text);
                    next += 1;
                }
                Some("missed") => {
                    let (first, last) = range(&event);
                    assert_eq!((first, &event["presence"]), (next, &json!(0)), "{event}");
                    missed += last + 1 - first;
                    next = last + 1;
                }
                Some("private") => break,
                _ => panic!("{event}"),
            }
        }
        assert_eq!(next, MESSAGES + 1);
        assert!(missed > 0, "nobody was slow");
        slow.hears_nothing_more().await;
        // Caught up, it misses nothing.
        talker.tells("rust", "afterwards").await;
        slow.hears(message("rust", next, "talker", "afterwards"))
            .await;
    });
}

pub(in crate::chat) fn changes_that_are_missed_are_counted(site: &dyn Site) {
    const CHANGES: u64 = 30_000;
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 4);
    meet_both_with(site, setup, async |venue| {
        let mut slow = venue.program("slow", &["rust"]).await;
        let mut fickle = venue.program("fickle", &["rust"]).await;
        slow.hears(joined("rust", "fickle")).await;
        // So many that the buffers of the sockets do not hold all of them.
        let mut requests = String::new();
        for n in 0..100 {
            requests += &format!(
                "{}\n",
                json!({ "id": n, "op": "nick", "nick": format!("{}-{n}", "f".repeat(28)) })
            );
        }
        for _ in 0..CHANGES / 100 {
            fickle.person.sends(requests.as_bytes()).await;
            for _ in 0..100 {
                while fickle.frame().await.get("event").is_some() {}
            }
        }
        fickle
            .asks("message", json!({ "to": "slow", "text": "done" }))
            .await;
        let (mut heard, mut missed) = (0, 0);
        loop {
            let event = slow.event().await;
            match event["event"].as_str() {
                Some("renamed") => heard += 1,
                Some("missed") => {
                    assert_eq!(
                        (&event["first"], &event["last"]),
                        (&json!(null), &json!(null))
                    );
                    missed += event["presence"].as_u64().expect("a number");
                }
                Some("private") => break,
                _ => panic!("{event}"),
            }
        }
        assert_eq!(heard + missed, CHANGES);
        assert!(missed > 0, "nobody was slow");
    });
}

pub(in crate::chat) fn a_program_hears_only_of_the_rooms_that_it_is_in(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["cats"]).await;
        bob.tells("cats", "miau").await;
        bob.asks("topic", json!({ "room": "cats", "text": "fur" }))
            .await;
        bob.asks("nick", json!({ "nick": "robert" })).await;
        bob.asks("leave", json!({ "room": "cats" })).await;
        alice.hears_nothing_more().await;
        bob.asks("join", json!({ "room": "rust" })).await;
        alice.hears(joined("rust", "robert")).await;
        bob.asks("quit", json!({})).await;
        let quit = json!({ "event": "quit", "room": "rust", "nick": "robert", "reason": null });
        alice.hears(quit).await;
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn all_programs_hear_a_room_in_the_same_order(site: &dyn Site) {
    const EACH: u64 = 100;
    meet_both(site, async |venue| {
        let mut programs = Vec::new();
        for nick in ["alice", "bob", "carol"] {
            programs.push(venue.program(nick, &["rust"]).await);
        }
        for (nick, hears_of) in [("alice", ["bob", "carol"].as_slice()), ("bob", &["carol"])] {
            for other in hears_of {
                let program = programs
                    .iter_mut()
                    .find(|program| program.person.name == nick);
                program
                    .expect("one of them")
                    .hears(joined("rust", other))
                    .await;
            }
        }
        // At the same time, each of them one at a time.
        let talking = programs.iter_mut().map(async |program| {
            let mut said = Vec::new();
            for n in 0..EACH {
                said.push(program.tells("rust", &format!("number {n}")).await);
            }
            said
        });
        let said = futures::future::join_all(talking).await;
        let mut heard = Vec::new();
        for (program, said) in programs.iter_mut().zip(said) {
            let mut own = Vec::new();
            let mut all = Vec::new();
            for number in 1..=3 * EACH {
                let mut event = program.event().await;
                assert_eq!(event["number"], number);
                if event["from"] == *program.person.name {
                    own.push(number);
                }
                event["time"].take();
                all.push(event);
            }
            program.hears_nothing_more().await;
            assert_eq!(
                own, said,
                "the numbers of the answers are those of the events"
            );
            heard.push(all);
        }
        assert!(
            heard[0] == heard[1] && heard[1] == heard[2],
            "they heard different things"
        );
    });
}

pub(in crate::chat) fn a_silent_program_is_pinged_and_then_sent_away(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_secs(3);
    let setup = Setup::with(|setup| setup.server.connection.idle_timeout = Some(LIMIT));
    meet_both_with(site, setup, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let ping = || json!({ "event": "ping" });
        alice.hears(ping()).await;
        // Any line will do, also none at all.
        let said = venue.runtime.now();
        alice.person.says("").await;
        alice.hears(ping()).await;
        alice.is_sent_away("idle").await;
        let silent = venue.runtime.now() - said;
        assert!(silent >= LIMIT, "sent away after {silent:?}");
        // It may only have lost its way.
        let mut alice = venue.resumed(&welcome.token, &[]).await;
        alice.hears_nothing_more().await;
    });
}

fn range(missed: &Value) -> (u64, u64) {
    let number = |field: &str| missed[field].as_u64().expect("a number");
    let (first, last) = (number("first"), number("last"));
    assert!(first <= last, "{missed}");
    (first, last)
}
