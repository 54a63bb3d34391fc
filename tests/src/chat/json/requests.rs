//! Every request there is, what it answers, and what others hear of it.

use serde_json::{Value, json};

use super::program::{Program, joined, message, parsed};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, Venue, meet_both, meet_both_with};

pub(in crate::chat) fn hello_gives_a_nick_and_a_token(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.silent_program("alice").await;
        alice
            .says(&json!({ "id": 1, "op": "hello", "nick": "Alice" }))
            .await;
        let mut answer = alice.frame().await;
        let token = answer["ok"]["token"].take();
        let token = token.as_str().expect("a token");
        let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        assert!(
            token.len() == 32 && token.bytes().all(hexadecimal),
            "{token}"
        );
        let ok =
            json!({ "nick": "Alice", "token": null, "grace": 120, "resumed": false, "rooms": [] });
        assert_eq!(answer["ok"], ok);
        // Who asks for none is a guest, and nobody else's guest.
        let mut nicks = Vec::new();
        for fields in [json!({}), json!({ "nick": null })] {
            let mut guest = venue.silent_program("a guest").await;
            let ok = guest.asks("hello", fields).await;
            let nick = ok["nick"].as_str().expect("a nick").to_owned();
            assert!(nick.starts_with("guest-"), "{nick}");
            nicks.push((guest, nick));
        }
        assert_ne!(nicks[0].1, nicks[1].1);
    });
}

pub(in crate::chat) fn hello_may_be_tried_again_after_a_refusal(site: &dyn Site) {
    meet_both(site, async |venue| {
        let _alice = venue.program("alice", &[]).await;
        let mut late = venue.silent_program("a late one").await;
        let token = "0".repeat(32);
        for (fields, code) in [
            (json!({ "nick": "ALICE" }), "nick_taken"),
            (json!({ "nick": "4ever" }), "bad_nick"),
            (json!({ "resume": token }), "not_resumable"),
            (json!({ "resume": "what?" }), "not_resumable"),
        ] {
            assert_eq!(late.is_refused("hello", fields).await, code);
        }
        late.says_hello("bob").await;
        for fields in [
            json!({}),
            json!({ "nick": "carol" }),
            json!({ "resume": token }),
        ] {
            assert_eq!(late.is_refused("hello", fields).await, "hello_again");
        }
        late.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_program_may_be_in_several_rooms(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, mut bob) = two_in_rust(&venue).await;
        alice.joins("cats").await;
        alice.joins("#dogs").await;
        bob.joins("dogs").await;
        alice.hears(joined("dogs", "bob")).await;
        for (number, room) in [(1, "rust"), (1, "dogs"), (2, "rust")] {
            alice.tells(room, "hello").await;
            alice.hears(message(room, number, "alice", "hello")).await;
            bob.hears(message(room, number, "alice", "hello")).await;
        }
        alice.tells("cats", "nobody else is here").await;
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn join_tells_what_the_room_is_like(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.silent_program("bob").await;
        bob.says_hello("bob").await;
        let ok = bob.asks("join", json!({ "room": "#Rust" })).await;
        assert_eq!(
            ok,
            json!({ "room": "Rust", "members": 1, "last": 0, "topic": null })
        );
        bob.hears(joined("Rust", "bob")).await;
        bob.tells("rust", "one").await;
        bob.tells("#RUST", "two").await;
        bob.asks("topic", json!({ "room": "rust", "text": "crabs" }))
            .await;
        let mut alice = venue.program("alice", &[]).await;
        // The event of one's own comes first.
        let join = alice.request("join", json!({ "room": "rust" }));
        alice.says(&join).await;
        alice.hears(joined("Rust", "alice")).await;
        let ok = json!({ "room": "Rust", "members": 2, "last": 2, "topic": "crabs" });
        alice.hears(json!({ "id": join["id"], "ok": ok })).await;
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn leave_is_heard_by_both_sides(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, mut bob) = two_in_rust(&venue).await;
        let leave = alice.request("leave", json!({ "room": "rust" }));
        alice.says(&leave).await;
        let left = json!({ "event": "left", "room": "rust", "nick": "alice" });
        alice.hears(left.clone()).await;
        alice.hears(json!({ "id": leave["id"], "ok": {} })).await;
        bob.hears(left).await;
        bob.tells("rust", "who is there?").await;
        alice.hears_nothing_more().await;
        assert_eq!(
            alice.is_refused("leave", json!({ "room": "rust" })).await,
            "not_in"
        );
    });
}

pub(in crate::chat) fn say_is_numbered_and_heard_by_everybody(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, mut bob) = two_in_rust(&venue).await;
        for (number, fields, kind) in [
            (1, json!({ "text": "hello, wörld 🦀" }), "say"),
            (
                2,
                json!({ "text": "  spaces stay  ", "kind": "say" }),
                "say",
            ),
            (3, json!({ "text": "waves", "kind": "action" }), "action"),
            (4, json!({ "text": "/quit", "kind": null }), "say"),
        ] {
            let mut expected = message(
                "rust",
                number,
                "alice",
                fields["text"].as_str().expect("text"),
            );
            expected["kind"] = kind.into();
            let mut fields = fields;
            fields["room"] = "#rust".into();
            let say = alice.request("say", fields);
            alice.says(&say).await;
            alice.hears(expected.clone()).await;
            let ok = json!({ "room": "rust", "number": number, "duplicate": false });
            alice.hears(json!({ "id": say["id"], "ok": ok })).await;
            bob.hears(expected).await;
        }
    });
}

pub(in crate::chat) fn message_reaches_one_person_wherever_they_are(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut bob = venue.program("Bob", &[]).await;
        let mut carol = venue.program("carol", &["rust"]).await;
        alice.hears(joined("rust", "carol")).await;
        let private =
            |to, text| json!({ "event": "private", "from": "alice", "to": to, "text": text });
        let ok = alice
            .asks("message", json!({ "to": "bob", "text": "are you there?" }))
            .await;
        assert_eq!(ok, json!({}));
        bob.hears(private("Bob", "are you there?")).await;
        alice
            .asks("message", json!({ "to": "alice", "text": "note to self" }))
            .await;
        alice.hears(private("alice", "note to self")).await;
        for program in [&mut alice, &mut bob, &mut carol] {
            program.hears_nothing_more().await;
        }
        let history = alice.asks("history", json!({ "room": "rust" })).await;
        assert_eq!(history["messages"], json!([]));
    });
}

pub(in crate::chat) fn topic_is_set_told_asked_for_and_taken_away(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, mut bob) = two_in_rust(&venue).await;
        for (text, topic) in [
            ("crabs", json!("crabs")),
            ("crabs and bears", json!("crabs and bears")),
            ("", json!(null)),
        ] {
            let fields = json!({ "room": "rust", "text": text });
            let answer = json!({ "room": "rust", "topic": topic });
            assert_eq!(bob.asks("topic", fields).await, answer);
            let event = json!({ "event": "topic", "room": "rust", "nick": "bob", "topic": topic });
            bob.hears(event.clone()).await;
            alice.hears(event).await;
            // Asking changes nothing, and nobody hears of it.
            for fields in [
                json!({ "room": "#RUST" }),
                json!({ "room": "rust", "text": null }),
            ] {
                assert_eq!(alice.asks("topic", fields).await, answer);
            }
            bob.hears_nothing_more().await;
            let mut late = venue.silent_program("a late one").await;
            late.asks("hello", json!({})).await;
            let ok = late.asks("join", json!({ "room": "rust" })).await;
            assert_eq!(ok["topic"], topic);
            late.asks("quit", json!({})).await;
            for program in [&mut alice, &mut bob] {
                assert_eq!(program.event().await["event"], "joined");
                assert_eq!(program.event().await["event"], "quit");
            }
        }
    });
}

pub(in crate::chat) fn rooms_are_those_with_somebody_in_them(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust", "cats"]).await;
        let _bob = venue.program("bob", &["rust", "dogs"]).await;
        let gone = venue.program("carol", &["birds"]).await;
        let ok = alice.asks("rooms", json!({})).await;
        let room = |name, members| json!({ "room": name, "members": members });
        let rooms = json!([
            room("birds", 1),
            room("cats", 1),
            room("dogs", 1),
            room("rust", 2)
        ]);
        assert_eq!(ok, json!({ "rooms": rooms }));
        leaves_for_good(gone).await;
        let ok = alice.asks("rooms", json!({})).await;
        let rooms = json!([room("cats", 1), room("dogs", 1), room("rust", 2)]);
        assert_eq!(ok, json!({ "rooms": rooms }));
    });
}

pub(in crate::chat) fn only_so_many_empty_rooms_are_remembered(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.empty_rooms = 2);
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        for room in ["a", "b", "c"] {
            alice.joins(room).await;
            alice.tells(room, "remember me").await;
            alice.asks("leave", json!({ "room": room })).await;
            alice.catches_up().await;
        }
        // The one that has been empty longest is forgotten, and its numbers with it.
        for (room, last) in [("c", 1), ("b", 1), ("a", 0)] {
            assert_eq!(alice.joins(room).await, last, "{room}");
        }
    });
}

pub(in crate::chat) fn who_lists_members_with_their_roles(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["Rust"]).await;
        let mut alice = venue.program("Alice", &["rust"]).await;
        let members = json!([
            { "nick": "Alice", "role": "member" },
            { "nick": "bob", "role": "operator" },
        ]);
        for program in [&mut bob, &mut alice] {
            let ok = program.asks("who", json!({ "room": "#rust" })).await;
            assert_eq!(ok, json!({ "room": "Rust", "members": members }));
        }
    });
}

pub(in crate::chat) fn history_is_read_by_number(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.room_memory.messages = 20);
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        for n in 1..=30_u64 {
            alice.tells("rust", &format!("number {n}")).await;
            let heard = alice.event().await;
            assert_eq!(heard["number"], n);
        }
        for (fields, expected) in [
            (json!({}), 11..=30),
            (json!({ "limit": 1 }), 30..=30),
            (json!({ "limit": 7 }), 24..=30),
            (json!({ "limit": 100_000 }), 11..=30),
            (json!({ "before": 15 }), 11..=14),
            (json!({ "before": 25, "limit": 3 }), 22..=24),
            (json!({ "before": u64::MAX, "limit": 2 }), 29..=30),
            (json!({ "after": 27 }), 28..=30),
            (json!({ "after": 0, "limit": 2 }), 11..=12),
            (json!({ "after": 3, "limit": 2, "before": null }), 11..=12),
        ] {
            assert_eq!(
                numbers(&mut alice, fields.clone()).await,
                expected.collect::<Vec<_>>(),
                "{fields}"
            );
        }
        for fields in [
            json!({ "limit": 0 }),
            json!({ "before": 0 }),
            json!({ "before": 11 }),
            json!({ "after": 30 }),
            json!({ "after": u64::MAX }),
        ] {
            let none: [u64; 0] = [];
            assert_eq!(numbers(&mut alice, fields.clone()).await, none, "{fields}");
        }
        // The messages are the events as they were.
        let ok = alice
            .asks("history", json!({ "room": "rust", "limit": 1 }))
            .await;
        let again = parsed(&ok["messages"][0].to_string());
        alice.tells("rust", "number 31").await;
        let new = alice.event().await;
        for field in ["event", "room", "from", "kind"] {
            assert_eq!(again[field], new[field], "{field}");
        }
        assert_eq!(again["text"], "number 30");
    });
}

pub(in crate::chat) fn nick_is_heard_once_however_many_rooms_are_shared(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["a", "b", "c"]).await;
        let mut alice = venue.program("alice", &["a", "b", "c"]).await;
        for room in ["a", "b", "c"] {
            bob.hears(joined(room, "alice")).await;
        }
        for (from, nick) in [("alice", "Alice"), ("Alice", "alicia")] {
            let ok = alice.asks("nick", json!({ "nick": nick })).await;
            assert_eq!(ok, json!({ "nick": nick }));
            for program in [&mut alice, &mut bob] {
                let event = program.event().await;
                let heard = (&event["event"], &event["from"], &event["nick"]);
                assert_eq!(heard, (&json!("renamed"), &json!(from), &json!(nick)));
                program.hears_nothing_more().await;
            }
        }
        // The one that was given back is free.
        alice.tells("a", "hello").await;
        bob.hears(message("a", 1, "alicia", "hello")).await;
        venue.program("alice", &[]).await;
        // Another one of one's own spelling is fine, and so is the same.
        assert_eq!(
            alice.asks("nick", json!({ "nick": "alicia" })).await["nick"],
            "alicia"
        );
    });
}

pub(in crate::chat) fn ping_is_answered_also_before_hello(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.silent_program("alice").await;
        assert_eq!(alice.asks("ping", json!({})).await, json!({}));
        alice.says_hello("alice").await;
        assert_eq!(alice.asks("ping", json!({})).await, json!({}));
    });
}

pub(in crate::chat) fn quit_is_heard_once_and_frees_the_nick(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["a", "b"]).await;
        for reason in [json!("lunch"), json!(null)] {
            let mut alice = venue.program("alice", &["a", "b"]).await;
            bob.hears_all([joined("a", "alice"), joined("b", "alice")])
                .await;
            let ok = alice.asks("quit", json!({ "text": reason })).await;
            assert_eq!(ok, json!({}));
            alice.is_sent_away("quit").await;
            let event = bob.event().await;
            let heard = (&event["event"], &event["nick"], &event["reason"]);
            assert_eq!(heard, (&json!("quit"), &json!("alice"), &reason));
            bob.hears_nothing_more().await;
        }
        let mut nobody = venue.silent_program("nobody").await;
        nobody.asks("quit", json!({})).await;
        nobody.is_sent_away("quit").await;
    });
}

/// alice and bob in one room, with nothing to hear yet.
async fn two_in_rust(venue: &Venue<'_>) -> (Program, Program) {
    let mut alice = venue.program("alice", &["rust"]).await;
    let bob = venue.program("bob", &["rust"]).await;
    alice.hears(joined("rust", "bob")).await;
    (alice, bob)
}

async fn leaves_for_good(mut program: Program) {
    program.asks("quit", json!({})).await;
    program.is_sent_away("quit").await;
}

/// The numbers of what `history` answers, of messages whose text is their number.
async fn numbers(program: &mut Program, mut fields: Value) -> Vec<u64> {
    fields["room"] = "rust".into();
    let ok = program.asks("history", fields).await;
    let messages = ok["messages"].as_array().expect("messages");
    let number = |message: &Value| {
        let message = parsed(&message.to_string());
        let number = message["number"].as_u64().expect("a number");
        assert_eq!(message["text"], format!("number {number}"));
        number
    };
    messages.iter().map(number).collect()
}
