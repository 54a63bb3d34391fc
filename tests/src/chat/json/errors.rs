//! Every code of an error, and what does not happen then.

use serde_json::json;

use super::program::{joined, message};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, meet_both, meet_both_with};

pub(in crate::chat) fn missing_field_names_what_is_missing(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        for (op, fields) in [
            ("nick", json!({})),
            ("nick", json!({ "nick": null })),
            ("join", json!({})),
            ("leave", json!({})),
            ("say", json!({ "room": "rust" })),
            ("say", json!({ "text": "hello" })),
            ("message", json!({ "to": "alice" })),
            ("message", json!({ "text": "hello" })),
            ("topic", json!({ "text": "crabs" })),
            ("who", json!({})),
            ("history", json!({ "limit": 1 })),
            ("login", json!({})),
            ("login", json!({ "account": "ann" })),
            ("login", json!({ "password": "open sesame" })),
        ] {
            let code = alice.is_refused(op, fields.clone()).await;
            assert_eq!(code, "missing_field", "{op} {fields}");
        }
        for (line, id) in [
            (r#"{}"#, json!(null)),
            (r#"{"op":"ping"}"#, json!(null)),
            (r#"{"id":null,"op":"ping"}"#, json!(null)),
            (r#"{"id":1}"#, json!(1)),
        ] {
            alice.person.says(line).await;
            let answer = alice.answer(&id).await;
            assert_eq!(answer["error"]["code"], "missing_field", "{line}");
        }
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn bad_field_is_a_value_that_cannot_be(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        for (op, fields) in [
            (
                "say",
                json!({ "room": "rust", "text": "la la", "kind": "sing" }),
            ),
            (
                "say",
                json!({ "room": "rust", "text": "hi", "client_id": "" }),
            ),
            (
                "say",
                json!({ "room": "rust", "text": "hi", "client_id": "x".repeat(65) }),
            ),
            (
                "say",
                json!({ "room": "rust", "text": "hi", "client_id": "a\nb" }),
            ),
            (
                "say",
                json!({ "room": "rust", "text": "hi", "client_id": 7 }),
            ),
            ("say", json!({ "room": "rust", "text": ["hi"] })),
            ("say", json!({ "room": 5, "text": "hi" })),
            ("nick", json!({ "nick": true })),
            ("history", json!({ "room": "rust", "limit": "many" })),
            ("history", json!({ "room": "rust", "limit": -1 })),
            ("history", json!({ "room": "rust", "limit": 1.0 })),
            (
                "history",
                json!({ "room": "rust", "before": 1, "after": 1 }),
            ),
            ("ping", json!({ "room": {} })),
        ] {
            let code = alice.is_refused(op, fields.clone()).await;
            assert_eq!(code, "bad_field", "{op} {fields}");
        }
        for (line, id) in [
            (r#"{"id":1,"op":"ping","op":"ping"}"#, json!(1)),
            (
                r#"{"id":1,"op":"say","room":"rust","room":"rust","text":"hi"}"#,
                json!(1),
            ),
            (r#"{"id":1,"op":7}"#, json!(1)),
            (
                r#"{"id":1,"op":"history","room":"rust","after":18446744073709551616}"#,
                json!(1),
            ),
        ] {
            alice.person.says(line).await;
            let answer = alice.answer(&id).await;
            assert_eq!(answer["error"]["code"], "bad_field", "{line}");
        }
        let mut bob = venue.silent_program("bob").await;
        for seen in [
            json!(7),
            json!([1]),
            json!({ "rust": "one" }),
            json!({ "rust": -1 }),
        ] {
            let fields = json!({ "resume": "0".repeat(32), "seen": seen });
            assert_eq!(bob.is_refused("hello", fields).await, "bad_field", "{seen}");
        }
        // Nothing of it was said.
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn unknown_op_is_no_request(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        let long = "x".repeat(10_000);
        for op in ["dance", "PING", " ping", "kick", &long] {
            assert_eq!(
                alice.is_refused(op, json!({})).await,
                "unknown_op",
                "{op:?}"
            );
        }
        // What is quoted of it has a bound.
        let refused = alice.requests(&long, json!({})).await;
        let answer = alice.answer(&refused).await;
        assert!(answer.to_string().len() < 500, "{answer}");
    });
}

pub(in crate::chat) fn hello_first_is_for_all_that_needs_a_nick(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut stranger = venue.silent_program("a stranger").await;
        for op in [
            "nick", "join", "leave", "say", "message", "topic", "rooms", "who", "history", "dance",
        ] {
            let everything = json!({ "nick": "x", "room": "rust", "text": "hi", "to": "x" });
            assert_eq!(
                stranger.is_refused(op, everything).await,
                "hello_first",
                "{op}"
            );
        }
        assert!(venue.server.hub().rooms().is_empty());
        stranger.says_hello("x").await;
    });
}

pub(in crate::chat) fn bad_names_and_texts_are_refused(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let long_nick = "x".repeat(33);
        for nick in ["", "4ever", "-x", "a b", "ä", "a:b", &long_nick, "a\u{0}"] {
            assert_eq!(
                alice.is_refused("nick", json!({ "nick": nick })).await,
                "bad_nick",
                "{nick:?}"
            );
            let to = json!({ "to": nick, "text": "hi" });
            assert_eq!(
                alice.is_refused("message", to).await,
                "bad_nick",
                "{nick:?}"
            );
        }
        let long_room = "ä".repeat(65);
        for room in ["", "#", "a b", "a,b", "a\tb", "\u{200b}", &long_room] {
            for (op, fields) in [
                ("join", json!({ "room": room })),
                ("leave", json!({ "room": room })),
                ("say", json!({ "room": room, "text": "hi" })),
                ("who", json!({ "room": room })),
                ("history", json!({ "room": room })),
                ("topic", json!({ "room": room })),
            ] {
                assert_eq!(
                    alice.is_refused(op, fields).await,
                    "bad_room",
                    "{op} {room:?}"
                );
            }
        }
        let long_text = "x".repeat(4097);
        for text in ["", "a\nb", "\u{1b}[31m", "a\u{85}b", "tab\t", &long_text] {
            for (op, fields) in [
                ("say", json!({ "room": "rust", "text": text })),
                (
                    "say",
                    json!({ "room": "rust", "text": text, "kind": "action" }),
                ),
                ("message", json!({ "to": "alice", "text": text })),
                ("topic", json!({ "room": "rust", "text": text })),
                ("quit", json!({ "text": text })),
            ] {
                // Without a text there is no topic.
                if (op, text) == ("topic", "") {
                    continue;
                }
                assert_eq!(
                    alice.is_refused(op, fields).await,
                    "bad_text",
                    "{op} {text:?}"
                );
            }
        }
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn names_that_are_taken_or_nobodys_are_refused(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut bob = venue.program("Bob", &["rust"]).await;
        alice.hears(joined("rust", "Bob")).await;
        assert_eq!(
            alice.is_refused("nick", json!({ "nick": "bOB" })).await,
            "nick_taken"
        );
        let to_nobody = json!({ "to": "eve", "text": "psst" });
        assert_eq!(alice.is_refused("message", to_nobody).await, "no_such_nick");
        bob.hears_nothing_more().await;
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn not_in_is_for_rooms_that_one_is_not_in(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["cats"]).await;
        let mut alice = venue.program("alice", &["rust"]).await;
        for room in ["cats", "nowhere"] {
            for (op, fields) in [
                ("leave", json!({ "room": room })),
                ("say", json!({ "room": room, "text": "miau" })),
                ("topic", json!({ "room": room, "text": "miau" })),
                ("who", json!({ "room": room })),
                ("history", json!({ "room": room })),
            ] {
                assert_eq!(alice.is_refused(op, fields).await, "not_in", "{op} {room}");
            }
        }
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn too_many_rooms_are_those_of_one_and_of_all(site: &dyn Site) {
    let setup = Setup::with(|setup| {
        setup.hub.max_rooms = 3;
        setup.hub.max_rooms_per_session = 2;
    });
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &["a", "b"]).await;
        assert_eq!(
            alice.is_refused("join", json!({ "room": "c" })).await,
            "too_many_rooms"
        );
        let mut bob = venue.program("bob", &["c"]).await;
        assert_eq!(
            bob.is_refused("join", json!({ "room": "d" })).await,
            "too_many_rooms"
        );
        // What is there already can be entered, and what is left can be opened anew.
        bob.joins("a").await;
        alice.hears(joined("a", "bob")).await;
        alice.asks("leave", json!({ "room": "b" })).await;
        let ok = alice.asks("join", json!({ "room": "d" })).await;
        assert_eq!(ok["room"], "d");
    });
}

pub(in crate::chat) fn room_full_leaves_everything_as_it_was(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.max_members_per_room = 2);
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        let mut carol = venue.program("carol", &["cats"]).await;
        for _ in 0..3 {
            assert_eq!(
                carol.is_refused("join", json!({ "room": "rust" })).await,
                "room_full"
            );
        }
        alice.hears_nothing_more().await;
        // Whoever has lost the connection still has the seat.
        drop(bob);
        venue.is_down_to(2).await;
        assert_eq!(
            carol.is_refused("join", json!({ "room": "rust" })).await,
            "room_full"
        );
        alice.asks("leave", json!({ "room": "rust" })).await;
        carol.joins("rust").await;
    });
}

pub(in crate::chat) fn away_is_whoever_may_come_back(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        let (carol, welcome) = venue.welcomed_program("carol", &[]).await;
        drop(carol);
        venue.is_down_to(1).await;
        let psst = || json!({ "to": "carol", "text": "psst" });
        assert_eq!(alice.is_refused("message", psst()).await, "away");
        assert_eq!(
            alice.is_refused("nick", json!({ "nick": "Carol" })).await,
            "nick_taken"
        );
        let mut carol = venue.resumed(&welcome.token, &[]).await;
        carol.hears_nothing_more().await;
        alice.asks("message", psst()).await;
        assert_eq!(carol.event().await["text"], "psst");
    });
}

pub(in crate::chat) fn recipient_full_is_whoever_does_not_read(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.outbox.bytes = 64 * 1024);
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        let mut slow = venue.program("slow", &[]).await;
        // Until neither the sockets nor the server have room for more.
        let text = "x".repeat(4000);
        let mut accepted = 0_usize;
        loop {
            let fields = json!({ "to": "slow", "text": format!("{accepted} {text}") });
            let id = alice.requests("message", fields).await;
            let answer = alice.answer(&id).await;
            if answer["ok"].is_object() {
                accepted += 1;
                assert!(accepted < 10_000, "nobody is slow");
                continue;
            }
            assert_eq!(answer["error"]["code"], "recipient_full", "{answer}");
            break;
        }
        // All that were accepted are there, in order, and the refused one is not.
        for n in 0..accepted {
            assert_eq!(slow.event().await["text"], format!("{n} {text}"));
        }
        slow.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn too_many_ids_is_told_before_the_room_has_the_message(site: &dyn Site) {
    const REMEMBERED: usize = 8192;
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut requests = String::new();
        for n in 0..REMEMBERED {
            let say = json!({ "id": n, "op": "say", "room": "rust", "text": "x", "client_id": format!("m-{n}") });
            requests += &format!("{say}\n");
        }
        // A few at a time: whoever does not read what it asked for is not heard.
        for some in requests.lines().collect::<Vec<_>>().chunks(100) {
            alice.person.says(&some.join("\n")).await;
            let mut answered = 0;
            while answered < some.len() {
                answered += usize::from(alice.frame().await["ok"].is_object());
            }
        }
        let say = |id: &str| json!({ "room": "rust", "text": "one more", "client_id": id });
        assert_eq!(alice.is_refused("say", say("new")).await, "too_many_ids");
        // Those that are remembered are, and without an id it can be said.
        assert_eq!(alice.asks("say", say("m-0")).await["duplicate"], true);
        let number = alice.tells("rust", "one more").await;
        assert_eq!(number, REMEMBERED as u64 + 1);
        alice
            .hears(message("rust", number, "alice", "one more"))
            .await;
    });
}

pub(in crate::chat) fn no_memory_is_told_where_something_would_be_kept(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.max_memory = 0);
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let topic = json!({ "room": "rust", "text": "crabs" });
        assert_eq!(alice.is_refused("topic", topic).await, "no_memory");
        let none = alice.asks("topic", json!({ "room": "rust" })).await;
        assert_eq!(none["topic"], json!(null));
        // What need not be kept is said and heard as ever.
        let number = alice.tells("rust", "hello").await;
        alice.hears(message("rust", number, "alice", "hello")).await;
    });
}
