//! Messages that are sent again and said once.

use std::time::Duration;

use chat_core::runtime::RuntimeExt;
use serde_json::{Value, json};

use super::program::{Program, joined, message};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, meet_both, meet_both_with};

pub(in crate::chat) fn an_id_that_is_used_again_says_nothing_again(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        assert_eq!(
            say(&mut alice, "rust", "pay 5 to bob", "m-1").await,
            said("rust", 1, false)
        );
        assert_eq!(
            say(&mut alice, "rust", "thanks", "m-2").await,
            said("rust", 2, false)
        );
        // The text is not compared, nor is the kind, nor the spelling of the room.
        assert_eq!(
            say(&mut alice, "#RUST", "pay 500 to bob", "m-1").await,
            said("rust", 1, true)
        );
        assert_eq!(
            say(&mut alice, "rust", "thanks", "m-2").await,
            said("rust", 2, true)
        );
        // But the id is, byte by byte.
        assert_eq!(
            say(&mut alice, "rust", "shouted", "M-1").await,
            said("rust", 3, false)
        );
        for program in [&mut alice, &mut bob] {
            program
                .hears(message("rust", 1, "alice", "pay 5 to bob"))
                .await;
            program.hears(message("rust", 2, "alice", "thanks")).await;
            program.hears(message("rust", 3, "alice", "shouted")).await;
            program.hears_nothing_more().await;
        }
    });
}

pub(in crate::chat) fn copies_that_come_at_once_are_said_once(site: &dyn Site) {
    const COPIES: u64 = 50;
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let request =
            json!({ "id": 1, "op": "say", "room": "rust", "text": "hi", "client_id": "x" });
        alice
            .person
            .sends(format!("{request}\n").repeat(COPIES as usize).as_bytes())
            .await;
        alice.hears(message("rust", 1, "alice", "hi")).await;
        for copy in 0..COPIES {
            let ok = said("rust", 1, copy > 0);
            alice.hears(json!({ "id": 1, "ok": ok })).await;
        }
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn an_id_is_remembered_when_one_comes_back(site: &dyn Site) {
    const ROUNDS: u64 = 20;
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        for number in 1..=ROUNDS {
            let fields =
                json!({ "room": "rust", "text": "once", "client_id": format!("m-{number}") });
            alice.requests("say", fields).await;
            if number % 2 == 0 {
                // The room has it; the answer is never read.
                bob.hears(message("rust", number, "alice", "once")).await;
            }
            drop(alice);
            alice = venue.resumed(&welcome.token, &[("rust", number)]).await;
            // Said before, or lost and said now, and the same from then on.
            let first = say(&mut alice, "rust", "once", &format!("m-{number}")).await;
            assert_eq!(first["number"], number);
            assert!(first["duplicate"].is_boolean());
            if number % 2 == 0 {
                assert_eq!(first, said("rust", number, true));
            } else {
                bob.hears(message("rust", number, "alice", "once")).await;
            }
            let again = say(&mut alice, "rust", "once", &format!("m-{number}")).await;
            assert_eq!(again, said("rust", number, true));
            bob.hears_nothing_more().await;
        }
    });
}

pub(in crate::chat) fn an_id_belongs_to_its_session_and_room(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust", "cats"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        assert_eq!(
            say(&mut alice, "rust", "hi", "x").await,
            said("rust", 1, false)
        );
        assert_eq!(
            say(&mut bob, "rust", "hi", "x").await,
            said("rust", 2, false)
        );
        assert_eq!(
            say(&mut alice, "cats", "hi", "x").await,
            said("cats", 1, false)
        );
        assert_eq!(
            say(&mut alice, "rust", "hi", "x").await,
            said("rust", 1, true)
        );
        assert_eq!(
            say(&mut bob, "rust", "hi", "x").await,
            said("rust", 2, true)
        );
        // It stays with the session when that leaves and comes back to the room, under another nick.
        alice.asks("leave", json!({ "room": "rust" })).await;
        alice.asks("nick", json!({ "nick": "alicia" })).await;
        alice.asks("join", json!({ "room": "rust" })).await;
        assert_eq!(
            say(&mut alice, "rust", "hi", "x").await,
            said("rust", 1, true)
        );
        // A new session of the same nick knows nothing of it.
        bob.asks("quit", json!({})).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        assert_eq!(
            say(&mut bob, "rust", "hi", "x").await,
            said("rust", 3, false)
        );
    });
}

pub(in crate::chat) fn what_was_refused_can_be_said_under_its_id(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        let refused = json!({ "room": "rust", "text": "hi", "client_id": "x" });
        assert_eq!(alice.is_refused("say", refused).await, "not_in");
        alice.joins("rust").await;
        let refused = json!({ "room": "rust", "text": "", "client_id": "x" });
        assert_eq!(alice.is_refused("say", refused).await, "bad_text");
        assert_eq!(
            say(&mut alice, "rust", "hi", "x").await,
            said("rust", 1, false)
        );
    });
}

pub(in crate::chat) fn an_id_is_remembered_for_its_time_when_others_come(site: &dyn Site) {
    const MEMORY: Duration = Duration::from_millis(500);
    const REMEMBERED: u64 = 8192;
    let setup = Setup::with(|setup| setup.hub.message_id_memory = MEMORY);
    meet_both_with(site, setup, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut number = 0;
        let mut fill = async |alice: &mut Program, from: u64| {
            let requests = (from..from + REMEMBERED).map(|n| {
                json!({ "id": n, "op": "say", "room": "rust", "text": "x", "client_id": n.to_string() })
                    .to_string()
            });
            for some in requests.collect::<Vec<_>>().chunks(64) {
                alice.person.says(&some.join("\n")).await;
                let mut answered = 0;
                while answered < some.len() {
                    let frame = alice.frame().await;
                    if frame["ok"].is_object() {
                        number += 1;
                        assert_eq!(frame["ok"], said("rust", number, false));
                        answered += 1;
                    }
                }
            }
        };
        fill(&mut alice, 0).await;
        // When their time is over they make room for others, as many as there may be.
        venue.runtime.sleep(MEMORY).await;
        fill(&mut alice, REMEMBERED).await;
    });
}

pub(in crate::chat) fn ids_that_are_settled_make_room_for_others(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust", "cats"]).await;
        for (number, id) in [(1, "a"), (2, "b"), (3, "c")] {
            assert_eq!(
                say(&mut alice, "rust", "hi", id).await,
                said("rust", number, false)
            );
        }
        assert_eq!(
            say(&mut alice, "cats", "hi", "b").await,
            said("cats", 1, false)
        );
        let settles = |id: &str, settled: &str| json!({ "room": "rust", "text": "hi", "client_id": id, "settled": settled });
        // That one and all before it in the room are forgotten, and no others.
        assert_eq!(
            alice.asks("say", settles("d", "b")).await,
            said("rust", 4, false)
        );
        assert_eq!(
            say(&mut alice, "rust", "hi", "c").await,
            said("rust", 3, true)
        );
        assert_eq!(
            say(&mut alice, "cats", "hi", "b").await,
            said("cats", 1, true)
        );
        assert_eq!(
            say(&mut alice, "rust", "hi", "a").await,
            said("rust", 5, false)
        );
        // One that is not remembered does nothing.
        assert_eq!(
            alice.asks("say", settles("c", "b")).await,
            said("rust", 3, true)
        );
        assert_eq!(
            alice.asks("say", settles("c", "what?")).await,
            said("rust", 3, true)
        );
    });
}

async fn say(program: &mut Program, room: &str, text: &str, id: &str) -> Value {
    let fields = json!({ "room": room, "text": text, "client_id": id });
    program.asks("say", fields).await
}

fn said(room: &str, number: u64, duplicate: bool) -> Value {
    json!({ "room": room, "number": number, "duplicate": duplicate })
}
