//! Coming back over another connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat_core::client::{Client, ClientError, ClientOptions, Disconnect, End, Event, Events};
use chat_core::runtime::RuntimeExt;
use futures::StreamExt;
use serde_json::json;

use super::proxy::Proxy;
use super::{next, options, room, say};
use crate::chat::json::program::{joined, message};
use crate::chat::site::{Site, Socket};
use crate::chat::venue::{Setup, Venue, meet_both, meet_both_with};
use crate::waiting_for;

pub(in crate::chat) fn a_client_comes_back_and_nobody_notices(site: &dyn Site) {
    meet_both(site, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (proxy, client, mut events) = through_a_proxy(&venue, options("alice")).await;
        client.join(&room("rust")).await.expect("it may join");
        bob.hears(joined("rust", "alice")).await;
        assert!(matches!(next(&mut events).await, Event::Joined { .. }));
        for round in 1..=10 {
            proxy.cuts_now();
            // Some of it before it is back, some after, and all of it heard.
            bob.tells("rust", "meanwhile").await;
            bob.hears(message("rust", 2 * round - 1, "bob", "meanwhile"))
                .await;
            assert_eq!(
                say(&client, "rust", "I am back")
                    .await
                    .expect("it is sent again"),
                2 * round
            );
            bob.hears(message("rust", 2 * round, "alice", "I am back"))
                .await;
            let mut heard = Vec::new();
            let mut came_back = false;
            while heard.len() < 2 || !came_back {
                match next(&mut events).await {
                    Event::Message(message) => heard.push(message.number),
                    Event::Disconnected(_) | Event::Reconnecting { .. } => {}
                    Event::Resumed { nick, rooms } => {
                        assert_eq!((nick.as_str(), rooms), ("alice", vec![room("rust")]));
                        came_back = true;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(heard, [2 * round - 1, 2 * round]);
        }
        bob.hears_nothing_more().await;
        client.close().await.expect("it may leave");
        assert_eq!(bob.event().await["event"], "quit");
    });
}

pub(in crate::chat) fn a_client_is_told_what_it_missed_while_it_was_away(site: &dyn Site) {
    let setup = Setup::with(|setup| setup.hub.room_memory.messages = 5);
    meet_both_with(site, setup, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (proxy, client, mut events) = through_a_proxy(&venue, options("alice")).await;
        client.join(&room("rust")).await.expect("it may join");
        assert!(matches!(next(&mut events).await, Event::Joined { .. }));
        proxy.shuts();
        assert!(matches!(next(&mut events).await, Event::Disconnected(_)));
        for n in 1..=20 {
            assert_eq!(bob.tells("rust", "meanwhile").await, n);
        }
        proxy.opens();
        let mut expected = 1;
        while expected <= 20 {
            match next(&mut events).await {
                Event::Missed(missed) => {
                    assert_eq!(missed.messages, Some((1, 15)));
                    expected = 16;
                }
                Event::Message(message) => {
                    assert_eq!(message.number, expected);
                    expected += 1;
                }
                Event::Disconnected(_) | Event::Reconnecting { .. } => {}
                Event::Resumed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        client.ping().await.expect("the server is there");
    });
}

pub(in crate::chat) fn a_client_whose_session_is_over_begins_a_new_one_and_says_so(
    site: &dyn Site,
) {
    let setup = Setup::with(|setup| setup.hub.resume_grace = Duration::from_millis(50));
    meet_both_with(site, setup, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (proxy, client, mut events) = through_a_proxy(&venue, options("alice")).await;
        client.join(&room("rust")).await.expect("it may join");
        assert!(matches!(next(&mut events).await, Event::Joined { .. }));
        bob.hears(joined("rust", "alice")).await;
        proxy.shuts();
        let quit = json!({ "event": "quit", "room": "rust", "nick": "alice", "reason": null });
        bob.hears(quit).await;
        proxy.opens();
        let mut told = Vec::new();
        loop {
            match next(&mut events).await {
                Event::SessionLost { nick } => told.push(format!("a new session of {nick}")),
                Event::Rejoined(joined) => {
                    told.push(format!("in {} again", joined.room));
                    break;
                }
                Event::Disconnected(_) | Event::Reconnecting { .. } | Event::Joined { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(told, ["a new session of alice", "in #rust again"]);
        bob.hears(joined("rust", "alice")).await;
        assert_eq!(say(&client, "rust", "hello").await.expect("it is there"), 1);
    });
}

pub(in crate::chat) fn a_client_gives_up_after_as_many_attempts_as_it_may_make(site: &dyn Site) {
    const ATTEMPTS: u32 = 4;
    let runtime = site.runtime();
    site.run(Box::pin(async {
        let tried = Arc::new(AtomicU32::new(0));
        let nobody = {
            let tried = Arc::clone(&tried);
            move || {
                tried.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Err::<Socket, _>(io::Error::from(
                    io::ErrorKind::ConnectionRefused,
                )))
            }
        };
        let mut hopeful = options("alice");
        hopeful.insist = true;
        hopeful.backoff.attempts = Some(ATTEMPTS);
        hopeful.backoff.base = Duration::from_millis(20);
        hopeful.backoff.jitter = false;
        let before = runtime.now();
        waiting_for("a client to give up");
        let gave_up = Client::reconnecting(nobody, hopeful, &runtime).await;
        let took = runtime.now() - before;
        let unreachable = matches!(
            gave_up,
            Err(ClientError::NotConnected(Disconnect::Unreachable(_)))
        );
        assert!(unreachable, "{gave_up:?}");
        assert!(
            took >= Duration::from_millis(20 + 40 + 80),
            "within {took:?}"
        );
        assert!((ATTEMPTS..=ATTEMPTS + 1).contains(&tried.load(Ordering::Relaxed)));
    }));
}

pub(in crate::chat) fn closing_goes_on_over_the_next_connection(site: &dyn Site) {
    const MESSAGES: u64 = 50;
    // The goodbye may be what is cut: then the server waits in vain, and bob waits for that to end.
    let setup = Setup::with(|setup| setup.hub.resume_grace = Duration::from_secs(8));
    meet_both_with(site, setup, async |venue| {
        let mut bob = venue.program("bob", &["rust"]).await;
        let (proxy, client, events) = through_a_proxy(&venue, options("alice")).await;
        client.join(&room("rust")).await.expect("it may join");
        bob.hears(joined("rust", "alice")).await;
        // Said, cut, and closed before anybody knows what has arrived.
        let says = (1..=MESSAGES).map(async |n| {
            let number = say(&client, "rust", &n.to_string()).await;
            assert_eq!(number.expect("it is sent again"), n);
        });
        let closing = async {
            crate::chat::venue::breathe().await;
            proxy.cuts_now();
            client.close().await.expect("everything is answered");
        };
        futures::join!(futures::future::join_all(says), closing);
        for n in 1..=MESSAGES {
            bob.hears(message("rust", n, "alice", &n.to_string())).await;
        }
        assert_eq!(bob.event().await["event"], "quit");
        bob.hears_nothing_more().await;
        let last = venue
            .runtime
            .timeout(Duration::from_secs(15), events.collect::<Vec<_>>());
        let last = last.await.expect("the events end");
        assert!(
            matches!(last.last(), Some(Event::Ended(End::Closed))),
            "{last:?}"
        );
    });
}

/// A client that reconnects at once, and the proxy that it does so through.
async fn through_a_proxy(venue: &Venue<'_>, mut options: ClientOptions) -> (Proxy, Client, Events) {
    let proxy = Proxy::open(venue.site, venue.way.clone()).await;
    options.backoff.base = Duration::from_millis(1);
    options.backoff.max = Duration::from_millis(5);
    waiting_for("a client to be welcomed");
    let client = Client::reconnecting(proxy.connector(), options, &venue.runtime).await;
    let (client, events) = client.expect("the client is let in");
    (proxy, client, events)
}
