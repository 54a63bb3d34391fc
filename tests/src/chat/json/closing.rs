//! Every way in which a server closes, and whether the session can be resumed then.

use std::time::Duration;

use chat_core::connection::RateLimit;
use chat_core::hub::SlowConsumer;
use chat_core::protocol::JsonProtocol;
use chat_core::runtime::RuntimeExt;
use serde_json::json;

use super::program::Program;
use crate::chat::person::Heard;
use crate::chat::site::Site;
use crate::chat::venue::{Setup, Venue, meet_both, meet_both_with, meet_speaking};
use crate::waiting_for;

const MINUTE: Duration = Duration::from_secs(60);

pub(in crate::chat) fn a_server_that_stops_says_so_to_programs(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut programs = Vec::new();
        for nick in ["alice", "bob", "carol"] {
            programs.push(venue.program(nick, &[]).await);
        }
        let Venue { server, .. } = venue;
        waiting_for("the server to shut down");
        let listening = programs.into_iter().map(async |mut program| {
            program.is_sent_away("shutdown").await;
        });
        let listening = futures::future::join_all(listening);
        let (report, _) = futures::join!(server.shutdown(MINUTE), listening);
        assert_eq!((report.drained, report.cut_off), (3, 0), "{report}");
    });
}

pub(in crate::chat) fn a_program_without_a_nick_is_sent_away_whatever_it_sends(site: &dyn Site) {
    const LIMIT: Duration = Duration::from_millis(300);
    let setup = Setup::with(|setup| setup.server.connection.registration_timeout = Some(LIMIT));
    meet_both_with(site, setup, async |venue| {
        // A request that goes on and on, a byte at a time; requests that need no nick; and silence after `{`.
        let slow_loris = async {
            let mut loris = venue.stranger("a slow loris").await;
            let before = venue.runtime.now();
            let request = format!("{{\"id\":1,\"op\":\"hello\",\"x\":\"{}", "x".repeat(30_000));
            for byte in request.bytes() {
                // Until nobody listens any more.
                if loris.try_send(&[byte]).await.is_err() {
                    break;
                }
                if venue.runtime.now() - before > 2 * LIMIT {
                    break;
                }
                venue.runtime.sleep(Duration::from_millis(5)).await;
            }
            let (lines, _) = loris.hears_out().await;
            let closing = lines.last().expect("a last line");
            assert!(closing.contains("\"unregistered\""), "{lines:?}");
        };
        let talkative = async {
            let mut program = venue.silent_program("a talkative one").await;
            loop {
                let ping = program.request("ping", json!({}));
                if program
                    .person
                    .try_send(format!("{ping}\n").as_bytes())
                    .await
                    .is_err()
                {
                    break;
                }
                match program.person.next().await {
                    Heard::Line(line) if line.contains("\"ok\"") => {}
                    Heard::Line(line) => {
                        assert!(line.contains("\"unregistered\""), "{line}");
                        break;
                    }
                    Heard::End | Heard::Broken(_) => break,
                }
            }
        };
        let silent = async {
            let mut program = venue.silent_program("a silent one").await;
            program.person.sends(b"{").await;
            program.is_sent_away("unregistered").await;
        };
        futures::join!(slow_loris, talkative, silent);
        venue.is_down_to(0).await;
    });
}

pub(in crate::chat) fn a_program_that_sends_too_fast_is_heard_later(site: &dyn Site) {
    const BURST: u32 = 10;
    const BEYOND: u32 = 8;
    let rate = RateLimit::new(BURST, Duration::from_secs(1)).expect("a rate");
    let setup = Setup::with(|setup| setup.server.connection.rate_limit = Some(rate));
    meet_both_with(site, setup, async |venue| {
        let mut other = venue.program("other", &[]).await;
        let mut fast = venue.silent_program("fast").await;
        let before = venue.runtime.now();
        let hello = fast.request("hello", json!({ "nick": "fast" }));
        let mut requests = format!("{hello}\n");
        let mut ids = vec![hello["id"].clone()];
        for _ in 1..BURST + BEYOND {
            let ping = fast.request("ping", json!({}));
            requests += &format!("{ping}\n");
            ids.push(ping["id"].clone());
        }
        fast.person.sends(requests.as_bytes()).await;
        // Nobody else waits.
        other.hears_nothing_more().await;
        // Nothing is refused, and nothing is lost.
        for id in ids {
            assert!(fast.answer(&id).await["ok"].is_object());
        }
        let took = venue.runtime.now() - before;
        let at_least = Duration::from_millis(100) * (BEYOND - 1);
        assert!(took >= at_least, "all of them within {took:?}");
    });
}

pub(in crate::chat) fn a_program_that_floods_for_too_long_is_sent_away(site: &dyn Site) {
    let setup = Setup::with(|setup| {
        setup.server.connection.rate_limit = RateLimit::new(5, MINUTE);
        setup.server.connection.flood_timeout = Some(Duration::from_millis(300));
    });
    meet_both_with(site, setup, async |venue| {
        let (mut fast, welcome) = venue.welcomed_program("fast", &[]).await;
        for _ in 0..50 {
            fast.requests("ping", json!({})).await;
        }
        let mut answered = 0;
        let closing = loop {
            let frame = fast.frame().await;
            if frame["ok"].is_object() {
                answered += 1;
            } else {
                break frame;
            }
        };
        assert_eq!(closing["code"], "flooding", "{closing}");
        // Those that fit, and at most one that came due meanwhile.
        assert!((4..=5).contains(&answered), "{answered}");
        fast.person.hears_the_end().await;
        is_gone(&venue, &welcome.token).await;
    });
}

pub(in crate::chat) fn a_slow_program_may_be_disconnected_and_come_back(site: &dyn Site) {
    let setup = Setup::with(|setup| {
        setup.hub.outbox.messages = 16;
        setup.hub.outbox.slow_consumer = SlowConsumer::Disconnect;
        setup.hub.room_memory.messages = 10_000;
        setup.hub.room_memory.bytes = 1024 * 1024 * 1024;
        setup.server.connection.close_timeout = MINUTE;
    });
    meet_both_with(site, setup, async |venue| {
        let (mut slow, welcome) = venue.welcomed_program("slow", &["rust"]).await;
        let said = overwhelm(&venue).await;
        let mut next = 1;
        let closing = loop {
            let event = slow.event().await;
            if event["event"] == "closing" {
                break event;
            }
            if event["event"] == "message" {
                assert_eq!(event["number"], next);
                next += 1;
            }
        };
        assert_eq!(closing["code"], "slow_consumer");
        slow.person.hears_the_end().await;
        assert!(next <= said + 1, "more than was said");
        // What it did not get is still there to be had. All of it would be too much at once, again.
        let mut slow = venue.resumed(&welcome.token, &[("rust", said - 5)]).await;
        for number in said - 4..=said {
            assert_eq!(slow.event().await["number"], number);
        }
    });
}

pub(in crate::chat) fn a_program_that_takes_nothing_is_sent_away_and_may_come_back(
    site: &dyn Site,
) {
    let setup = Setup::with(|setup| {
        setup.server.connection.write_timeout = Some(Duration::from_millis(400));
        setup.server.connection.close_timeout = MINUTE;
        setup.hub.outbox.messages = 16;
    });
    meet_both_with(site, setup, async |venue| {
        let (mut stuck, welcome) = venue.welcomed_program("slow", &["rust"]).await;
        overwhelm(&venue).await;
        let closing = loop {
            let event = stuck.event().await;
            if event["event"] == "closing" {
                break event;
            }
        };
        assert_eq!(closing["code"], "stalled");
        stuck.person.hears_the_end().await;
        let mut stuck = venue.resumed(&welcome.token, &[]).await;
        stuck.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_full_server_says_so_in_json_where_only_that_is_spoken(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.server.max_connections = 1);
    meet_speaking(site, setup, JsonProtocol::default, async |venue| {
        let mut alice = venue.program("alice", &[]).await;
        for _ in 0..3 {
            let mut other = venue.silent_program("one too many").await;
            other.is_sent_away("server_full").await;
        }
        alice.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn an_address_may_be_full_or_too_fast(site: &dyn Site) {
    let full = Setup::with(|setup| setup.server.max_per_address = Some(2));
    let fast = Setup::with(|setup| setup.server.connect_rate = RateLimit::new(2, MINUTE));
    for (setup, code) in [(full, "address_full"), (fast, "connecting_too_fast")] {
        meet_speaking(site, setup, JsonProtocol::default, async |venue| {
            let mut alice = venue.program("alice", &[]).await;
            let mut bob = venue.program("bob", &[]).await;
            let mut third = venue.silent_program("the third").await;
            match venue.way.address.ip() {
                Some(_) => third.is_sent_away(code).await,
                // Unix sockets have no address that could be one too many.
                None => drop(third.says_hello("carol").await),
            }
            alice.hears_nothing_more().await;
            bob.hears_nothing_more().await;
        });
    }
}

/// Lets somebody talk in `rust` until a member called slow, who reads nothing, has lost its connection.
/// Returns how many messages that took.
async fn overwhelm(venue: &Venue<'_>) -> u64 {
    let mut talker = venue.program("talker", &["rust"]).await;
    let text = "x".repeat(4000);
    let mut said = 0;
    loop {
        for _ in 0..10 {
            said = talker.tells("rust", &text).await;
            talker.event().await;
        }
        assert!(said < 20_000, "nobody was slow");
        let fields = json!({ "to": "slow", "text": "still there?" });
        let id = talker.requests("message", fields).await;
        if talker.answer(&id).await["error"]["code"] == "away" {
            return said;
        }
    }
}

async fn is_gone(venue: &Venue<'_>, token: &str) {
    let mut late: Program = venue.silent_program("a late one").await;
    let code = late.is_refused("hello", json!({ "resume": token })).await;
    assert_eq!(code, "not_resumable");
}
