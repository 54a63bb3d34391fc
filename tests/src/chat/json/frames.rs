//! Lines and what is in them: half ones, long ones, many at once, and what is no request.

use std::fmt::Write;

use serde_json::json;

use super::program::{joined, message, parsed};
use crate::chat::site::Site;
use crate::chat::venue::meet_both;

/// How long a line may be, without its ending.
const MAX_LINE: usize = 32 * 1024;

pub(in crate::chat) fn an_answer_has_the_id_of_its_request(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        for id in [
            json!(0),
            json!(-1),
            json!(i64::MIN),
            json!(i64::MAX),
            json!(""),
            json!("ein Straßenname 🦀 \" \\ \n"),
            json!("x".repeat(64)),
        ] {
            alice.says(&json!({ "id": id, "op": "ping" })).await;
            alice.hears(json!({ "id": id, "ok": {} })).await;
            alice.says(&json!({ "id": id, "op": "dance" })).await;
            let answer = alice.answer(&id).await;
            assert_eq!(answer["error"]["code"], "unknown_op");
        }
        // Using one twice is the client's business.
        alice
            .person
            .sends(b"{\"id\":1,\"op\":\"ping\"}\n{\"id\":1,\"op\":\"ping\"}\n")
            .await;
        alice
            .hears_all([json!({ "id": 1, "ok": {} }), json!({ "id": 1, "ok": {} })])
            .await;
        // What is no id is not carried back.
        for id in ["1.0", "9223372036854775808", "true", "[]", "{}"] {
            alice
                .person
                .says(&format!("{{\"id\":{id},\"op\":\"ping\"}}"))
                .await;
            let answer = alice.answer(&json!(null)).await;
            assert_eq!(answer["error"]["code"], "bad_field", "{id}");
        }
        let long = json!({ "id": "x".repeat(65), "op": "ping" });
        alice.says(&long).await;
        let answer = alice.answer(&json!(null)).await;
        assert_eq!(answer["error"]["code"], "bad_field");
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn requests_that_come_at_once_are_answered_in_order(site: &dyn Site) {
    const ROUNDS: u64 = 100;
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut requests = String::new();
        for n in 1..=ROUNDS {
            for request in [
                json!({ "id": format!("say {n}"), "op": "say", "room": "rust", "text": format!("number {n}") }),
                json!({ "id": format!("who {n}"), "op": "who", "room": "rust" }),
                json!({ "id": format!("no {n}"), "op": "leave", "room": "cats" }),
                json!({ "id": format!("ping {n}"), "op": "ping" }),
            ] {
                writeln!(requests, "{request}").expect("memory");
            }
        }
        // All of them before the first answer is read; what is asked for is more than waits unread.
        alice.person.sends(requests.as_bytes()).await;
        for n in 1..=ROUNDS {
            alice
                .hears(message("rust", n, "alice", &format!("number {n}")))
                .await;
            let said = json!({ "room": "rust", "number": n, "duplicate": false });
            alice
                .hears(json!({ "id": format!("say {n}"), "ok": said }))
                .await;
            let members = json!([{ "nick": "alice", "role": "operator" }]);
            let who = json!({ "room": "rust", "members": members });
            alice
                .hears(json!({ "id": format!("who {n}"), "ok": who }))
                .await;
            let refused = alice.answer(&json!(format!("no {n}"))).await;
            assert_eq!(refused["error"]["code"], "not_in");
            alice
                .hears(json!({ "id": format!("ping {n}"), "ok": {} }))
                .await;
        }
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn half_a_request_is_none_until_the_other_half_comes(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        let mut bob = venue.program("bob", &["rust"]).await;
        alice.hears(joined("rust", "bob")).await;
        let request = json!({ "id": 7, "op": "say", "room": "rust", "text": "in halves, ä" });
        let request = format!("{request}\n");
        // Cut everywhere, in the middle of a character too.
        for cut in 1..request.len() {
            let (head, tail) = request.as_bytes().split_at(cut);
            alice.person.sends(head).await;
            // Nothing has been said yet, and nobody waits for it.
            bob.hears_nothing_more().await;
            alice.person.sends(tail).await;
            let number = cut as u64;
            let said = json!({ "room": "rust", "number": number, "duplicate": false });
            alice
                .hears(message("rust", number, "alice", "in halves, ä"))
                .await;
            alice.hears(json!({ "id": 7, "ok": said })).await;
            bob.hears(message("rust", number, "alice", "in halves, ä"))
                .await;
        }
    });
}

pub(in crate::chat) fn a_program_may_send_its_requests_byte_by_byte(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.silent_program("alice").await;
        let requests = concat!(
            "{\"id\":1,\"op\":\"hello\",\"nick\":\"alice\"}\r\n",
            "\n",
            "{\"id\":2,\"op\":\"join\",\"room\":\"rust\"}\n",
        );
        for byte in requests.bytes() {
            alice.person.sends(&[byte]).await;
        }
        assert_eq!(alice.frame().await["ok"]["nick"], "alice");
        alice.hears(joined("rust", "alice")).await;
        assert_eq!(alice.frame().await["ok"]["members"], 1);
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_request_may_have_32768_bytes(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        for ending in ["\n", "\r\n"] {
            let start = r#"{"id":1,"op":"ping","padding":""#;
            let padding = "x".repeat(MAX_LINE - start.len() - 2);
            let line = format!("{start}{padding}\"}}");
            assert_eq!(line.len(), MAX_LINE);
            alice
                .person
                .sends(format!("{line}{ending}").as_bytes())
                .await;
            alice.hears(json!({ "id": 1, "ok": {} })).await;
        }
        // The longest text, in the longest way to write it down.
        let text: String = "\u{2028}".repeat(4096 / 3);
        let escaped = "\\u2028".repeat(4096 / 3);
        let line = format!(r#"{{"id":2,"op":"say","room":"rust","text":"{escaped}"}}"#);
        alice.person.says(&line).await;
        alice.hears(message("rust", 1, "alice", &text)).await;
        assert_eq!(alice.frame().await["ok"]["number"], 1);
        let escaped = "\\u0061".repeat(4096);
        let line = format!(r#"{{"id":3,"op":"say","room":"rust","text":"{escaped}"}}"#);
        alice.person.says(&line).await;
        alice
            .hears(message("rust", 2, "alice", &"a".repeat(4096)))
            .await;
        assert_eq!(alice.frame().await["ok"]["number"], 2);
    });
}

pub(in crate::chat) fn a_request_that_is_too_long_is_refused_once_and_skipped(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        for length in [MAX_LINE + 1, 2 * MAX_LINE, 1024 * 1024] {
            let start = r#"{"id":1,"op":"ping","padding":""#;
            let line = format!("{start}{}\n", "x".repeat(length - start.len()));
            // In pieces, of which none looks like the end.
            for piece in line.as_bytes().chunks(10_000) {
                alice.person.sends(piece).await;
            }
            let answer = alice.answer(&json!(null)).await;
            assert_eq!(answer["error"]["code"], "line_too_long", "{length}");
            alice.hears_nothing_more().await;
        }
    });
}

pub(in crate::chat) fn an_empty_line_is_no_request(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        alice.person.sends(&b"\n\r\n".repeat(100)).await;
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn what_is_no_json_object_is_refused_and_ends_nothing(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        let deep = format!("{{\"id\":1,\"x\":{}", "[".repeat(20_000));
        let lines: [&[u8]; 14] = [
            b"what?",
            b"/join rust",
            b" ",
            b"{",
            b"}",
            b"[]",
            b"null",
            b"42",
            b"\"ping\"",
            b"{\"id\":1,\"op\":\"ping\"",
            b"{\"id\":1,\"op\":\"ping\"} {\"id\":2,\"op\":\"ping\"}",
            b"{'id':1,'op':'ping'}",
            b"{\"id\":1,\"op\":\"\xff\xfe\"}",
            deep.as_bytes(),
        ];
        for line in lines {
            alice.person.sends(&[line, b"\n"].concat()).await;
            let answer = alice.frame().await;
            let shown = String::from_utf8_lossy(&line[..line.len().min(60)]);
            let code = answer["error"]["code"].as_str();
            assert_eq!(code, Some("bad_json"), "{shown}: {answer}");
            alice.hears_nothing_more().await;
        }
    });
}

pub(in crate::chat) fn what_is_not_known_in_a_request_is_ignored(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut alice = venue.program("alice", &["rust"]).await;
        for line in [
            r#"{"id":1,"op":"ping","colour":"red","mood":{"now":["fine",{"really":null}]}}"#,
            r#"{"op":"ping","id":1}"#,
            r#"  {  "id" : 1 , "op" : "ping" }  "#,
            r#"{"id":1,"op":"ping","room":null,"text":null,"limit":null}"#,
            r#"{"id":1,"op":"ping","room":"elsewhere","text":"","limit":5,"colour":1,"colour":2}"#,
        ] {
            alice.person.says(line).await;
            alice.hears(json!({ "id": 1, "ok": {} })).await;
        }
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        alice
            .person
            .says(&format!(r#"{{"id":1,"op":"ping","x":{deep}}}"#))
            .await;
        // However deep it is, there is one answer, and the conversation goes on.
        let answer = alice.frame().await;
        let refused = answer["error"]["code"] == "bad_json";
        assert!(refused || answer["ok"].is_object(), "{answer}");
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn the_last_request_needs_no_newline(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let mut alice = venue.program("alice", &["rust"]).await;
        bob.hears(joined("rust", "alice")).await;
        let last = json!({ "id": 1, "op": "say", "room": "rust", "text": "one last thing" });
        alice.person.sends(last.to_string().as_bytes()).await;
        alice.person.closes_its_half().await;
        alice
            .hears(message("rust", 1, "alice", "one last thing"))
            .await;
        let said = json!({ "room": "rust", "number": 1, "duplicate": false });
        alice.hears(json!({ "id": 1, "ok": said })).await;
        alice.person.hears_the_end().await;
        bob.hears(message("rust", 1, "alice", "one last thing"))
            .await;
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn half_a_request_that_is_left_behind_does_nothing(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let mut alice = venue.program("alice", &["rust"]).await;
        bob.hears(joined("rust", "alice")).await;
        let half = r#"{"id":1,"op":"say","room":"rust","text":"half"#;
        alice.person.sends(half.as_bytes()).await;
        alice.person.closes_its_half().await;
        let answer = parsed(&alice.person.line().await);
        assert_eq!(answer["error"]["code"], "bad_json");
        alice.person.hears_the_end().await;
        bob.hears_nothing_more().await;
    });
}
