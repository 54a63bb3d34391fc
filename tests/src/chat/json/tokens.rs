//! Who may come back: nobody but the owner of a token, and only one of them at a time.

use std::collections::HashSet;

use serde_json::json;

use super::program::{joined, message};
use crate::chat::site::Site;
use crate::chat::venue::meet_both;

pub(in crate::chat) fn a_token_that_is_nobodys_opens_nothing(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let token = &welcome.token;
        let mut guesses = Vec::new();
        // Wrong in one place.
        for place in 0..token.len() {
            let digit = if &token[place..=place] == "0" {
                "1"
            } else {
                "0"
            };
            guesses.push(format!("{}{digit}{}", &token[..place], &token[place + 1..]));
        }
        let reversed: String = token.chars().rev().collect();
        guesses.extend([
            reversed,
            "0".repeat(32),
            "f".repeat(32),
            String::new(),
            token[..31].into(),
            format!("{token}0"),
            format!(" {token}"),
            format!("{token}\n"),
            format!("0x{}", &token[2..]),
            format!("+{}", &token[1..]),
            "alice".into(),
            "x".repeat(30_000),
            "ä".repeat(16),
        ]);
        let mut thief = venue.silent_program("a thief").await;
        for guess in &guesses {
            let code = thief.is_refused("hello", json!({ "resume": guess })).await;
            assert_eq!(code, "not_resumable", "{guess:?}");
        }
        // Neither is any session without one.
        assert!(!thief.says_hello("mallory").await.resumed);
        alice.hears_nothing_more().await;
        drop(alice);
        venue.is_down_to(1).await;
        // Nor while nobody is there.
        let mut thief = venue.silent_program("a thief").await;
        for guess in &guesses {
            let code = thief.is_refused("hello", json!({ "resume": guess })).await;
            assert_eq!(code, "not_resumable", "{guess:?}");
        }
        venue.resumed(token, &[]).await.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn guessing_disturbs_nobody(site: &dyn Site) {
    const GUESSES: u64 = 3000;
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let (lost, away) = venue.welcomed_program("lost", &["rust"]).await;
        alice.hears(joined("rust", "lost")).await;
        drop(lost);
        venue.is_down_to(1).await;
        let mut thief = venue.silent_program("a thief").await;
        let near = &welcome.token[..28];
        let mut guesses = String::new();
        for n in 0..GUESSES {
            // As many as there are with that beginning, but for the right one.
            let guess = format!("{near}{n:04x}");
            let guess = if guess == welcome.token {
                "0".repeat(32)
            } else {
                guess
            };
            guesses += &format!("{}\n", json!({ "id": n, "op": "hello", "resume": guess }));
        }
        let guessing = async {
            for some in guesses.lines().collect::<Vec<_>>().chunks(100) {
                thief.person.says(&some.join("\n")).await;
                for _ in some {
                    let answer = thief.frame().await;
                    assert_eq!(answer["error"]["code"], "not_resumable", "{answer}");
                }
            }
        };
        // Meanwhile nobody waits, and nobody is pushed out.
        let talking = async {
            for n in 1..=200 {
                assert_eq!(alice.tells("rust", "hello").await, n);
                alice.hears(message("rust", n, "alice", "hello")).await;
            }
        };
        futures::join!(guessing, talking);
        venue
            .resumed(&away.token, &[])
            .await
            .hears_nothing_more()
            .await;
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn tokens_have_nothing_in_common(site: &dyn Site) {
    const TOKENS: u32 = 400;
    meet_both(site, async |venue| {
        let mut tokens = HashSet::new();
        let mut ones = [0; 128];
        for n in 0..TOKENS {
            let mut program = venue.silent_program("a program").await;
            let welcome = program.says_hello(&format!("number-{n}")).await;
            program.asks("quit", json!({})).await;
            let bits = u128::from_str_radix(&welcome.token, 16).expect("hexadecimal digits");
            for (place, ones) in ones.iter_mut().enumerate() {
                *ones += u32::from(bits >> place & 1 == 1);
            }
            assert!(tokens.insert(welcome.token), "a token was given twice");
        }
        // Every bit is drawn: of 400, so few or so many are set once in 10 ^ 15 runs.
        for (place, ones) in ones.iter().enumerate() {
            assert!(
                (120..=280).contains(ones),
                "bit {place} is set {ones} times of {TOKENS}"
            );
        }
    });
}

pub(in crate::chat) fn nobody_else_ever_sees_a_token(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.talker("bob").await;
        let mut carol = venue.program("carol", &["general"]).await;
        bob.hears("* carol joined #general").await;
        let (mut alice, welcome) = venue.welcomed_program("alice", &["general"]).await;
        alice.tells("general", "hello").await;
        alice.asks("nick", json!({ "nick": "alicia" })).await;
        alice
            .asks("message", json!({ "to": "carol", "text": "psst" }))
            .await;
        drop(alice);
        let mut alice = venue.resumed(&welcome.token, &[("general", 0)]).await;
        carol.requests("who", json!({ "room": "general" })).await;
        carol
            .requests("history", json!({ "room": "general" }))
            .await;
        alice.asks("quit", json!({})).await;
        let end = carol.requests("ping", json!({})).await;
        loop {
            let frame = carol.frame().await;
            assert!(!frame.to_string().contains(&welcome.token), "{frame}");
            if frame["id"] == end {
                break;
            }
        }
        bob.says("/history").await;
        for line in bob.catches_up().await {
            assert!(!line.contains(&welcome.token), "{line:?}");
        }
    });
}

pub(in crate::chat) fn a_token_in_use_takes_the_session_from_its_connection(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut old, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        old.hears(joined("rust", "bob")).await;
        for round in 0..10 {
            let mut new = venue.resumed(&welcome.token, &[]).await;
            old.is_sent_away("superseded").await;
            // What the old one still asks for is not done.
            let say = old.request("say", json!({ "room": "rust", "text": "as two" }));
            let _ = old.person.try_send(format!("{say}\n").as_bytes()).await;
            let number = new.tells("rust", "as one").await;
            assert_eq!(number, round + 1);
            new.hears(message("rust", number, "alice", "as one")).await;
            bob.hears(message("rust", number, "alice", "as one")).await;
            new.hears_nothing_more().await;
            old = new;
        }
        bob.hears_nothing_more().await;
        drop(old);
        venue.is_down_to(1).await;
    });
}

pub(in crate::chat) fn of_many_who_claim_a_session_at_once_one_has_it(site: &dyn Site) {
    const CLAIMS: usize = 16;
    meet_both(site, async |venue| {
        let (mut first, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        first.hears(joined("rust", "bob")).await;
        let mut claims = vec![first];
        for _ in 0..CLAIMS {
            claims.push(venue.silent_program("one of many").await);
        }
        for claim in &mut claims[1..] {
            let hello = json!({ "resume": welcome.token, "seen": { "rust": 0 } });
            claim.requests("hello", hello).await;
        }
        // All but one are sent away in the end; that one gets what is said then.
        bob.tells("rust", "who is alice?").await;
        bob.hears(message("rust", 1, "bob", "who is alice?")).await;
        venue.is_down_to(2).await;
        bob.tells("rust", "only one").await;
        bob.hears(message("rust", 2, "bob", "only one")).await;
        let mut owners = 0;
        for mut claim in claims {
            let last = loop {
                let frame = claim.frame().await;
                let is_last = frame["event"] == "closing" || frame["number"] == 2;
                if is_last {
                    break frame;
                }
            };
            if last["number"] == 2 {
                owners += 1;
                claim.hears_nothing_more().await;
            } else {
                assert_eq!(last["code"], "superseded");
                claim.person.hears_the_end().await;
            }
        }
        assert_eq!(owners, 1);
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_token_dies_with_quit(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (mut alice, welcome) = venue.welcomed_program("alice", &["rust"]).await;
        alice.asks("quit", json!({ "text": "for good" })).await;
        alice.is_sent_away("quit").await;
        let mut late = venue.silent_program("a late one").await;
        let resume = || json!({ "resume": welcome.token, "seen": { "rust": 0 } });
        assert_eq!(late.is_refused("hello", resume()).await, "not_resumable");
        // Also when it was resumed before, and when the nick is somebody's again.
        let new = late.says_hello("alice").await;
        drop(late);
        let mut late = venue.resumed(&new.token, &[]).await;
        late.asks("quit", json!({})).await;
        late.is_sent_away("quit").await;
        for token in [&welcome.token, &new.token] {
            let mut thief = venue.silent_program("a thief").await;
            let resume = json!({ "resume": token });
            assert_eq!(thief.is_refused("hello", resume).await, "not_resumable");
        }
    });
}
