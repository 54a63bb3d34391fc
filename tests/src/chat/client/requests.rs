//! Asking, being told, and leaving, over one connection.

use std::collections::HashMap;
use std::time::Duration;

use chat_core::client::{ClientError, Disconnect, End, Event, WhenFull};
use chat_core::hub::Role;
use chat_core::message::MessageKind;
use chat_core::store::HistoryRange;
use futures::{FutureExt, StreamExt};
use serde_json::json;

use super::{body, next, nick, options, refusal, room, say};
use crate::chat::json::program::{joined, message};
use crate::chat::site::Site;
use crate::chat::venue::{Setup, Venue, meet_both, meet_both_with};
use crate::waiting_for;

pub(in crate::chat) fn a_client_may_ask_for_everything_there_is(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (client, _events) = venue.client("alice").await;
        let rust = room("rust");
        let joined_it = client.join(&rust).await.expect("it may join");
        assert_eq!(
            (joined_it.members, joined_it.last, joined_it.topic),
            (2, 0, None)
        );
        bob.hears(joined("rust", "alice")).await;
        assert_eq!(say(&client, "rust", "hello").await.expect("it may say"), 1);
        bob.hears(message("rust", 1, "alice", "hello")).await;
        let said = client.say(&rust, MessageKind::Action, body("waves")).await;
        assert_eq!(said.expect("it may say").number, 2);
        let mut waves = message("rust", 2, "alice", "waves");
        waves["kind"] = "action".into();
        bob.hears(waves).await;
        let history = client.history(&rust, HistoryRange::Latest, 9).await;
        let history = history.expect("there is a history");
        let texts: Vec<_> = history
            .iter()
            .map(|message| message.body.as_str())
            .collect();
        assert_eq!(texts, ["hello", "waves"]);
        client
            .set_topic(&rust, Some(body("crabs")))
            .await
            .expect("it may");
        assert_eq!(bob.event().await["topic"], "crabs");
        let topic = client.topic(&rust).await.expect("it is there");
        assert_eq!(topic, Some(body("crabs")));
        client.set_topic(&rust, None).await.expect("it may");
        assert_eq!(bob.event().await["topic"], json!(null));
        let rooms = client.rooms().await.expect("there are rooms");
        assert_eq!((rooms.len(), rooms[0].members), (1, 2));
        let who = client.who(&rust).await.expect("it is there");
        let who: Vec<_> = who
            .iter()
            .map(|who| (who.nick.as_str(), who.role))
            .collect();
        assert_eq!(who, [("alice", Role::Member), ("bob", Role::Operator)]);
        client
            .message(&nick("bob"), body("psst"))
            .await
            .expect("bob is there");
        assert_eq!(bob.event().await["text"], "psst");
        assert_eq!(
            client.take_nick(nick("alicia")).await.expect("it is free"),
            nick("alicia")
        );
        assert_eq!(bob.event().await["nick"], "alicia");
        client.ping().await.expect("the server is there");
        client.leave(&rust).await.expect("it was there");
        assert_eq!(bob.event().await["event"], "left");
        client.close().await.expect("it may leave");
        bob.hears_nothing_more().await;
    });
}

pub(in crate::chat) fn a_client_hears_what_happens(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (client, mut events) = venue.client("alice").await;
        client.join(&room("general")).await.expect("it may join");
        assert!(matches!(next(&mut events).await, Event::Joined { .. }));
        let mut bob = venue.talker("bob").await;
        let Event::Joined { nick: guest, .. } = next(&mut events).await else {
            panic!("somebody joined");
        };
        let Event::Renamed { from, nick: to, .. } = next(&mut events).await else {
            panic!("somebody was renamed");
        };
        assert_eq!((from, to), (guest, nick("bob")));
        bob.says("hello").await;
        bob.says("/msg alice psst").await;
        bob.says("/quit lunch").await;
        let Event::Message(said) = next(&mut events).await else {
            panic!("somebody said something");
        };
        assert_eq!((said.number, said.body.as_str()), (1, "hello"));
        assert!(
            matches!(next(&mut events).await, Event::Private(said) if said.body.as_str() == "psst")
        );
        let Event::Quit { reason, .. } = next(&mut events).await else {
            panic!("somebody quit");
        };
        assert_eq!(reason, Some(body("lunch")));
        drop(client);
        assert!(matches!(next(&mut events).await, Event::Ended(End::Closed)));
        assert!(events.next().await.is_none());
    });
}

pub(in crate::chat) fn a_client_is_told_why_it_is_refused(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (client, _events) = venue.client("alice").await;
        assert_eq!(
            refusal(venue.try_client(options("Alice")).await),
            "nick_taken"
        );
        assert_eq!(refusal(client.leave(&room("rust")).await), "not_in");
        assert_eq!(refusal(say(&client, "rust", "hello").await), "not_in");
        assert_eq!(
            refusal(client.message(&nick("eve"), body("psst")).await),
            "no_such_nick"
        );
        client.join(&room("rust")).await.expect("it may join");
        // And goes on.
        assert_eq!(say(&client, "rust", "hello").await.expect("it is there"), 1);
    });
}

pub(in crate::chat) fn a_client_of_one_connection_ends_with_it(site: &dyn Site) {
    meet_both(site, async |venue| {
        let (client, events) = venue.client("alice").await;
        let Venue { server, .. } = venue;
        waiting_for("the server to shut down");
        let (_, events) = futures::join!(
            server.shutdown(Duration::from_secs(15)),
            events.collect::<Vec<_>>()
        );
        let closed =
            |why: &Disconnect| matches!(why, Disconnect::Closed { code, .. } if code == "shutdown");
        assert!(
            matches!(events.last(), Some(Event::Ended(End::Lost(why))) if closed(why)),
            "{events:?}"
        );
        assert!(
            matches!(client.ping().await, Err(ClientError::Ended(End::Lost(why))) if closed(&why))
        );
    });
}

pub(in crate::chat) fn a_request_may_be_dropped_at_any_time(site: &dyn Site) {
    const REQUESTS: usize = 200;
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (client, _events) = venue.client("alice").await;
        client.join(&room("rust")).await.expect("it may join");
        bob.hears(joined("rust", "alice")).await;
        let rust = room("rust");
        for n in 0..REQUESTS {
            let mut say = Box::pin(client.say(&rust, MessageKind::Say, body(&format!("{n}"))));
            // Never asked for, asked for once, twice, and until it is done.
            let mut done = false;
            for _ in 0..n % 4 {
                done |= !done && (&mut say).now_or_never().is_some();
                crate::chat::venue::breathe().await;
            }
            if n % 4 == 3 && !done {
                say.await.expect("it may say");
            }
        }
        let last = say(&client, "rust", "the last")
            .await
            .expect("the client goes on");
        let mut heard = HashMap::new();
        let mut order = Vec::new();
        for number in 1..last {
            let event = bob.event().await;
            assert_eq!(event["number"], number);
            let n: usize = event["text"]
                .as_str()
                .and_then(|n| n.parse().ok())
                .expect("a number");
            *heard.entry(n).or_insert(0) += 1;
            order.push(n);
        }
        bob.hears(message("rust", last, "alice", "the last")).await;
        assert!(order.is_sorted(), "{order:?}");
        for n in 0..REQUESTS {
            let times = heard.get(&n).copied().unwrap_or(0);
            match n % 4 {
                0 => assert_eq!(times, 0, "{n} was never asked for"),
                3 => assert_eq!(times, 1, "{n} was answered"),
                _ => assert!(times <= 1, "{n} was said {times} times"),
            }
        }
    });
}

pub(in crate::chat) fn closing_waits_for_every_answer(site: &dyn Site) {
    const MESSAGES: usize = 200;
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (client, _events) = venue.client("alice").await;
        let rust = room("rust");
        client.join(&rust).await.expect("it may join");
        bob.hears(joined("rust", "alice")).await;
        let says =
            (0..MESSAGES).map(|n| client.say(&rust, MessageKind::Say, body(&format!("{n}"))));
        let mut says: Vec<_> = says.map(Box::pin).collect();
        // Asked for, and perhaps already answered on another thread.
        let mut answers: Vec<_> = says.iter_mut().map(FutureExt::now_or_never).collect();
        waiting_for("a client to close");
        client.close().await.expect("everything is answered");
        for ((number, answer), say) in (1..).zip(&mut answers).zip(says) {
            let said = match answer.take() {
                Some(said) => said,
                None => say.await,
            };
            assert_eq!(said.expect("it was said").number, number);
        }
        for n in 0..MESSAGES {
            bob.hears(message("rust", n as u64 + 1, "alice", &n.to_string()))
                .await;
        }
        assert_eq!(bob.event().await["event"], "quit");
        assert!(matches!(
            client.ping().await,
            Err(ClientError::Ended(End::Closed))
        ));
    });
}

pub(in crate::chat) fn a_client_that_is_dropped_takes_leave(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (client, events) = venue.client("alice").await;
        client.join(&room("rust")).await.expect("it may join");
        bob.hears(joined("rust", "alice")).await;
        let other = client.clone();
        drop((client, events));
        assert_eq!(
            say(&other, "rust", "still here")
                .await
                .expect("a clone is the client"),
            1
        );
        bob.hears(message("rust", 1, "alice", "still here")).await;
        drop(other);
        assert_eq!(bob.event().await["event"], "quit");
        venue.is_down_to(1).await;
    });
}

pub(in crate::chat) fn whoever_takes_no_events_is_told_what_was_dropped(site: &dyn Site) {
    const MESSAGES: u64 = 300;
    const CAPACITY: usize = 10;
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let mut slow = options("slow");
        slow.event_capacity = CAPACITY;
        slow.when_full = WhenFull::DropOldest;
        let (client, mut events) = venue.try_client(slow).await.expect("it is let in");
        client.join(&room("rust")).await.expect("it may join");
        assert!(matches!(next(&mut events).await, Event::Joined { .. }));
        for n in 1..=MESSAGES {
            assert_eq!(bob.tells("rust", "hello").await, n);
        }
        // Answers are not held up, and this one is behind all of it.
        client.ping().await.expect("the server is there");
        let mut expected = 1;
        let mut lagged = 0;
        while expected <= MESSAGES {
            match next(&mut events).await {
                Event::Message(message) => {
                    assert_eq!(message.number, expected);
                    expected += 1;
                }
                Event::Lagged(lag) => {
                    let (first, last) = lag.messages[&room("rust")];
                    assert_eq!((first, lag.events), (expected, last + 1 - first));
                    lagged += lag.events;
                    expected = last + 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(
            lagged >= MESSAGES - CAPACITY as u64,
            "{lagged} were dropped"
        );
    });
}

pub(in crate::chat) fn whoever_wants_backpressure_misses_nothing_of_what_fits(site: &dyn Site) {
    const MESSAGES: u64 = 3000;
    let setup = Setup::with(|setup| setup.hub.outbox.messages = 100_000);
    meet_both_with(site, setup, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let mut slow = options("slow");
        slow.event_capacity = 4;
        slow.when_full = WhenFull::Backpressure;
        let (client, mut events) = venue.try_client(slow).await.expect("it is let in");
        client.join(&room("rust")).await.expect("it may join");
        assert!(matches!(next(&mut events).await, Event::Joined { .. }));
        let mut said = 0;
        for _ in 0..MESSAGES / 100 {
            for _ in 0..100 {
                bob.requests("say", json!({ "room": "rust", "text": "hello" }))
                    .await;
            }
            let mut answered = 0;
            while answered < 100 {
                answered += u64::from(bob.frame().await["ok"].is_object());
            }
            said += answered;
        }
        for number in 1..=said {
            match next(&mut events).await {
                Event::Message(message) => assert_eq!(message.number, number),
                other => panic!("{other:?}"),
            }
        }
        client.ping().await.expect("the server is there");
    });
}
