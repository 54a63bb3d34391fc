use std::time::Duration;

use super::world::{Cut, World, body, messages, nick, options, room};
use crate::client::{Client, ClientError, Disconnect, End, Event};
use crate::hub::Role;
use crate::message::MessageKind;
use crate::store::HistoryRange;
use crate::testing::duplex;

#[test]
fn every_request_has_a_typed_answer() {
    let world = World::new();
    let (alice, mut alices) = world.client("alice");
    let (bob, mut bobs) = world.client("bob");
    assert_eq!(alice.nick(), Some(nick("alice")));
    world.wait(async move {
        let rust = room("rust");
        let joined = alice.join(&rust).await.unwrap();
        assert_eq!((joined.members, joined.last, joined.topic), (1, 0, None));
        alice.set_topic(&rust, Some(body("crabs"))).await.unwrap();
        let said = alice.say(&rust, MessageKind::Action, body("waves")).await;
        let said = said.unwrap();
        assert_eq!((said.number, said.duplicate), (1, false));
        let joined = bob.join(&rust).await.unwrap();
        assert_eq!((joined.members, joined.last), (2, 1));
        assert_eq!(joined.topic, Some(body("crabs")));
        assert_eq!(bob.take_nick(nick("Bobby")).await.unwrap(), nick("bobby"));
        assert_eq!(bob.nick().unwrap().as_str(), "Bobby");
        let rooms = bob.rooms().await.unwrap();
        assert_eq!((rooms[0].name.as_str(), rooms[0].members), ("rust", 2));
        let who = bob.who(&rust).await.unwrap();
        let who: Vec<_> = who
            .iter()
            .map(|who| (who.nick.as_str(), who.role))
            .collect();
        assert_eq!(who, [("alice", Role::Operator), ("Bobby", Role::Member)]);
        let history = bob
            .history(&rust, HistoryRange::Before(9), 5)
            .await
            .unwrap();
        assert_eq!(history.len(), 1);
        assert_eq!(history[0].kind, MessageKind::Action);
        bob.message(&nick("alice"), body("psst")).await.unwrap();
        bob.ping().await.unwrap();
        assert_eq!(bob.joined_rooms(), std::slice::from_ref(&rust));
        bob.leave(&rust).await.unwrap();
        assert!(bob.joined_rooms().is_empty());
        assert_eq!(alice.topic(&rust).await.unwrap(), Some(body("crabs")));
        alice.set_topic(&rust, None).await.unwrap();
        assert_eq!(alice.topic(&rust).await.unwrap(), None);
        bob.quit(Some(body("lunch"))).await.unwrap();
        alice.close().await.unwrap();
    });
    let heard = world.heard(&mut alices);
    assert_eq!(messages(&heard), [(1, "waves".to_owned())]);
    let names: Vec<_> = heard.iter().map(name).collect();
    assert_eq!(
        names,
        [
            "joined", "topic", "message", "joined", "renamed", "private", "left", "topic", "ended"
        ]
    );
    assert!(matches!(
        world.heard(&mut bobs).last(),
        Some(Event::Ended(End::Closed))
    ));
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Joined { .. } => "joined",
        Event::Topic { .. } => "topic",
        Event::Message(_) => "message",
        Event::Renamed { .. } => "renamed",
        Event::Private(_) => "private",
        Event::Left { .. } => "left",
        Event::Ended(_) => "ended",
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_may_say_as_much_as_it_likes() {
    let world = World::new();
    let (alice, _events) = world.client("alice");
    world.join(&alice, "rust");
    let count = 2 * crate::store::Said::CAPACITY as u64;
    let last = world.wait(async move {
        let mut last = 0;
        for _ in 0..count {
            let rust = room("rust");
            let said = alice.say(&rust, MessageKind::Say, body("x"));
            last = said.await.unwrap().number;
        }
        last
    });
    assert_eq!(last, count);
}

#[test]
fn a_client_knows_when_the_server_takes_it_out_of_a_room() {
    let world = World::new();
    let (alice, mut events) = world.client("alice");
    world.join(&alice, "rust");
    world.join(&alice, "cats");
    world.heard(&mut events);
    let hub = world.hub.lock().unwrap().clone().unwrap();
    let reason = Some(body("spring cleaning"));
    hub.kick(&room("rust"), &nick("alice"), None).unwrap();
    hub.close_room(&room("cats"), reason.clone()).unwrap();
    let heard = world.heard(&mut events);
    assert!(
        matches!(
            &heard[..],
            [Event::Kicked { nick: who, reason: None, .. }, Event::RoomClosed { reason: why, .. }]
                if *who == nick("alice") && *why == reason
        ),
        "{heard:?}"
    );
    assert!(alice.joined_rooms().is_empty());
    world.join(&alice, "cats");
    assert_eq!(world.say(&alice, "cats", "anew").unwrap(), 1);
    assert_eq!(messages(&world.heard(&mut events)).len(), 1);
}

#[test]
fn a_room_whose_name_starts_with_a_number_sign_is_another_room() {
    let world = World::new();
    let (alice, mut events, line) = {
        let connector = world.connector([]);
        let line = std::sync::Arc::clone(&connector.line);
        let (alice, events) = world.connect(connector, options("alice")).unwrap();
        (alice, events, line)
    };
    let odd = world.join(&alice, "##rust");
    assert_eq!((odd.as_str(), odd == room("rust")), ("#rust", false));
    assert_eq!(world.say(&alice, "##rust", "hello").unwrap(), 1);
    line.cut();
    assert_eq!(world.say(&alice, "##rust", "again").unwrap(), 2);
    assert_eq!(alice.joined_rooms(), [odd]);
    assert_eq!(messages(&world.heard(&mut events)).len(), 2);
}

#[test]
fn what_is_refused_is_refused_with_code_and_text() {
    let world = World::new();
    let (alice, _events) = world.client("alice");
    let refusal = world.say(&alice, "rust", "hello").unwrap_err();
    let ClientError::Refused { code, text } = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("not_in", "you are not in #rust")
    );
    let taken = world.connect(world.connector([]), options("ALICE"));
    assert!(matches!(taken, Err(ClientError::Refused { code, .. }) if code == "nick_taken"));
    world.join(&alice, "rust");
    assert_eq!(world.say(&alice, "rust", "hello").unwrap(), 1);
    let there = alice.clone();
    let rooms = world.wait(async move { there.rooms().await.unwrap() });
    assert_eq!(
        rooms[0].members, 1,
        "nothing is left of the one who was refused"
    );
}

#[test]
fn a_server_that_is_none_is_an_error_at_once() {
    let world = World::new();
    let connect = |answer: &'static [u8]| {
        let (here, there) = duplex(1_000);
        there.send(answer);
        let runtime = world.runtime.clone();
        let end = answer.is_empty();
        let connected = world.wait(async move {
            if end {
                drop(there);
            }
            Client::connect(here, options("alice"), &runtime).await
        });
        match connected {
            Err(ClientError::NotConnected(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let full = connect(b"! the server is full (at most 1); try again later\n");
    assert!(matches!(full, Disconnect::Closed { text, .. } if text.starts_with("the server is")));
    let text = connect("* welcome, guest-1 — you are in #general\n".as_bytes());
    assert!(matches!(text, Disconnect::BadFrame(_)), "{text:?}");
    assert!(matches!(connect(b"{}\n"), Disconnect::TimedOut));
    let gone = connect(b"");
    assert!(
        matches!(gone, Disconnect::Ended | Disconnect::Io(_)),
        "{gone:?}"
    );
    let full = connect(b"{\"event\":\"closing\",\"code\":\"server_full\",\"text\":\"full\"}\n");
    assert!(matches!(full, Disconnect::Closed { code, .. } if code == "server_full"));
    world.stop_server();
    let nobody = world.connect(world.connector([]), options("alice"));
    assert!(matches!(
        nobody,
        Err(ClientError::NotConnected(Disconnect::Unreachable(_)))
    ));
}

#[test]
fn a_client_of_one_stream_ends_with_it() {
    let world = World::new();
    let (here, there) = duplex(1024 * 1024);
    world.serve(there).unwrap();
    let runtime = world.runtime.clone();
    let (alice, mut events) = world.wait(async move {
        Client::connect(here, options("alice"), &runtime)
            .await
            .unwrap()
    });
    world.join(&alice, "rust");
    assert_eq!(world.say(&alice, "rust", "hello").unwrap(), 1);
    let alone = alice.clone();
    world.wait(async move { alone.close().await.unwrap() });
    assert!(matches!(
        world.heard(&mut events).last(),
        Some(Event::Ended(End::Closed))
    ));
    assert!(matches!(
        world.say(&alice, "rust", "too late"),
        Err(ClientError::Ended(End::Closed))
    ));
}

#[test]
fn what_was_on_its_way_over_the_only_stream_is_unknown_and_the_rest_was_not_sent() {
    let world = World::new();
    let (here, there) = duplex(1024 * 1024);
    let runtime = world.runtime.clone();
    let task = crate::runtime::RuntimeExt::spawn(&*runtime.clone(), async move {
        Client::connect(here, options("alice"), &runtime)
            .await
            .unwrap()
    });
    world.time.run();
    there.send(b"{\"id\":\"hello\",\"ok\":{\"nick\":\"alice\",\"resumed\":false}}\n");
    let (alice, _events) = world.wait(task).unwrap();
    let rust = room("rust");
    let says = [(); 2].map(|()| {
        let (alice, rust) = (alice.clone(), rust.clone());
        crate::runtime::RuntimeExt::spawn(&*world.runtime, async move {
            alice.say(&rust, MessageKind::Say, body("hello")).await
        })
    });
    world.time.run();
    assert!(there.receive().contains("\"say\""));
    there.reset();
    for said in says {
        assert!(matches!(
            world.wait(said).unwrap(),
            Err(ClientError::Unknown)
        ));
    }
    let later = world.say(&alice, "rust", "hello");
    assert!(matches!(later, Err(ClientError::Ended(End::Lost(_)))));
}

#[test]
fn requests_beyond_the_limit_wait_for_room() {
    let world = World::new();
    let mut options = options("alice");
    options.max_outstanding = 2;
    let (alice, mut events) = world.connect(world.connector([]), options).unwrap();
    let rust = world.join(&alice, "rust");
    let all = world.wait(async move {
        let says = (0..50).map(|n| alice.say(&rust, MessageKind::Say, body(&n.to_string())));
        let said = futures::future::join_all(says).await;
        said.into_iter()
            .map(|said| said.unwrap().number)
            .collect::<Vec<_>>()
    });
    assert_eq!(all, (1..=50).collect::<Vec<_>>());
    assert_eq!(messages(&world.heard(&mut events)).len(), 50);
}

#[test]
fn a_request_that_is_dropped_at_any_point_happens_once_or_not_at_all() {
    for cut in [None, Some(0), Some(40), Some(100), Some(200)] {
        for polls in 0..5 {
            let world = World::new();
            let mut first = Vec::new();
            if let Some(after) = cut {
                // The bytes until the room is joined.
                first.push(Cut {
                    after: measure() + after,
                    loses: after % 80 == 0,
                });
            }
            let mut options = options("alice");
            options.max_outstanding = 1;
            let (alice, mut events) = world.connect(world.connector(first), options).unwrap();
            let rust = world.join(&alice, "rust");
            let mut say = Box::pin({
                let (alice, rust) = (alice.clone(), rust.clone());
                async move { alice.say(&rust, MessageKind::Say, body("dropped")).await }
            });
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            for poll in 0..polls {
                if std::future::Future::poll(say.as_mut(), &mut cx).is_ready() {
                    break;
                }
                if poll > 0 {
                    world.time.run();
                    world.time.advance(Duration::from_millis(100));
                }
            }
            drop(say);
            world.say(&alice, "rust", "kept").unwrap();
            let heard = messages(&world.heard(&mut events));
            let texts: Vec<_> = heard.iter().map(|(_, text)| text.as_str()).collect();
            assert!(
                texts == ["kept"] || texts == ["dropped", "kept"],
                "cut at {cut:?}, dropped after {polls} polls: {texts:?}"
            );
            if polls == 0 || (polls == 1 && cut.is_none()) {
                assert_eq!(texts, ["kept"], "it was not sent");
            }
            assert_eq!(world.remembered("rust"), texts);
        }
    }
}

/// How many bytes it takes to connect and to join a room.
fn measure() -> usize {
    let world = World::new();
    let connector = world.connector([]);
    let line = std::sync::Arc::clone(&connector.line);
    let (alice, _events) = world.connect(connector, options("alice")).unwrap();
    world.join(&alice, "rust");
    *line.carried.lock().unwrap()
}
