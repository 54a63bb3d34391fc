//! What the program does in its hub.

use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::{FutureExt, StreamExt};

use super::*;
use crate::event::{CloseReason, Heard, SessionId};
use crate::hub::{NoSuchRoom, OutboxLimits, Subscription};

fn told(heard: Option<Heard>) -> String {
    match heard {
        Some(Heard::Event(event)) => describe(event.event()),
        Some(Heard::Missed(missed)) => format!("{missed:?}"),
        None => "the end".into(),
    }
}

fn next(subscription: &mut Subscription) -> Option<String> {
    subscription.next().now_or_never().map(told)
}

fn publish(hub: &Hub, name: &str, text: &str) -> Result<u64, NoSuchRoom> {
    hub.publish(&room(name), MessageKind::Say, body(text))
}

fn nicks(hub: &Hub, name: &str) -> Vec<String> {
    let members = hub.members(&room(name)).unwrap();
    members
        .iter()
        .map(|member| member.nick.to_string())
        .collect()
}

#[test]
fn the_program_speaks_in_a_room_as_the_server() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    hears(&alice);
    assert_eq!(say(&alice, "rust", "one"), 1);
    assert_eq!(publish(&hub, "rust", "two"), Ok(2));
    let told = hears(&alice);
    assert!(
        told[1].contains("server") && told[1].contains("two"),
        "{told:?}"
    );
    hub.set_topic(&room("rust"), Some(body("crabs"))).unwrap();
    assert_eq!(hub.topic(&room("rust")), Ok(Some(body("crabs"))));
    assert_eq!(hears(&alice), [r#"server sets #rust to Some("crabs")"#]);
    let history = hub.history(&room("rust"), HistoryRange::Latest, 10);
    assert_eq!(history.unwrap().len(), 2);
    assert_eq!(nicks(&hub, "rust"), ["alice"]);
}

#[test]
fn nobody_can_pass_for_the_server() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &["rust"]);
    let taken = Err(HubError::NickTaken(nick("server")));
    assert_eq!(alice.take_nick(nick("Server")), taken);
    let nobody = Err(HubError::NoSuchNick(nick("server")));
    assert_eq!(alice.say_privately(&nick("server"), body("hi")), nobody);
}

#[test]
fn there_is_nothing_to_do_in_a_room_that_is_not_there() {
    let hub = hub();
    let (name, none) = (room("rust"), NoSuchRoom(room("rust")));
    assert_eq!(publish(&hub, "rust", "hi"), Err(none.clone()));
    assert_eq!(hub.members(&name), Err(none.clone()));
    assert_eq!(hub.close_room(&name, None), Err(none.clone()));
    assert_eq!(none.to_string(), "there is no room #rust");
    let nobody = Err(HubError::NoSuchNick(nick("bob")));
    assert_eq!(hub.kick(&name, &nick("bob"), None), nobody);
    assert_eq!(hub.disconnect(&nick("bob"), None), nobody);
}

#[test]
fn a_subscription_hears_a_room_without_being_in_it() {
    let hub = hub();
    let mut rust = hub.subscribe(&room("rust"));
    assert_eq!(hub.rooms(), [], "nobody is in it");
    let mut alice = join(&hub, "alice", &["rust", "cats"]);
    assert_eq!(
        alice.occupants(&room("rust")).unwrap()[0].role,
        Role::Operator
    );
    say(&alice, "rust", "hello");
    say(&alice, "cats", "miau");
    alice.take_nick(nick("al")).unwrap();
    alice.leave(&room("rust")).unwrap();
    let heard: Vec<_> = std::iter::from_fn(|| next(&mut rust)).collect();
    assert_eq!(heard.len(), 4, "{heard:?}");
    assert!(heard[1].contains("hello"), "{heard:?}");
    assert_eq!(
        hub.members(&room("rust")),
        Ok(vec![]),
        "it stays as long as somebody listens"
    );
}

#[test]
fn a_subscription_that_falls_behind_is_told_what_it_missed() {
    let hub = hub_with(HubConfig {
        outbox: OutboxLimits {
            messages: 2,
            ..OutboxLimits::default()
        },
        ..HubConfig::default()
    });
    let alice = join(&hub, "alice", &["rust"]);
    let mut rust = hub.subscribe(&room("rust"));
    for number in 1..=5 {
        assert_eq!(say(&alice, "rust", "x"), number);
    }
    let Some(Some(Heard::Missed(missed))) = rust.next().now_or_never() else {
        panic!("nothing missed")
    };
    assert_eq!(missed.messages, Some((1, 3)));
    let Some(Some(Heard::Event(event))) = rust.next().now_or_never() else {
        panic!("nothing heard")
    };
    assert_eq!(event.number(), Some(4));
}

#[test]
fn rooms_are_forgotten_when_nobody_listens_any_more() {
    let hub = hub_with(HubConfig {
        empty_rooms: 0,
        ..HubConfig::default()
    });
    let first = hub.subscribe(&room("rust"));
    let second = hub.subscribe(&room("rust"));
    let alice = join(&hub, "alice", &["rust"]);
    drop(alice);
    drop(first);
    assert_eq!(publish(&hub, "rust", "still here"), Ok(1));
    drop(second);
    assert!(publish(&hub, "rust", "gone").is_err());
}

#[test]
fn whoever_is_kicked_is_out_and_may_come_back() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    let mut bob = join(&hub, "bob", &["cats", "rust"]);
    hears(&alice);
    hears(&bob);
    let kicked = "bob kicked from #rust: Some(\"shouting\")";
    hub.kick(&room("rust"), &nick("Bob"), Some(body("shouting")))
        .unwrap();
    assert_eq!(hears(&alice), [kicked]);
    assert_eq!(hears(&bob), [kicked]);
    assert_eq!(bob.rooms().collect::<Vec<_>>(), [&room("cats")]);
    let not_in = HubError::NotIn(room("rust"));
    let said = bob.say(&room("rust"), MessageKind::Say, body("what?"));
    assert_eq!(said, Err(not_in.clone()));
    assert_eq!(bob.occupants(&room("rust")), Err(not_in.clone()));
    assert_eq!(bob.leave(&room("rust")), Err(not_in));
    assert_eq!(nicks(&hub, "rust"), ["alice"]);
    assert_eq!(
        hub.rooms()[1].members,
        1,
        "the seat is free once, not twice"
    );
    bob.join(&room("rust")).unwrap();
    say(&bob, "rust", "back");
    assert_eq!(hub.rooms()[1].members, 2);
    // One who was kicked and never looked leaves nothing behind.
    hub.kick(&room("rust"), &nick("bob"), None).unwrap();
    bob.quit(None);
    drop(alice);
    assert_eq!(hub.rooms(), []);
}

#[test]
fn an_answer_about_a_room_comes_before_its_end_and_not_after() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &["rust"]);
    say(&alice, "rust", "one");
    hub.set_topic(&room("rust"), Some(body("crabs"))).unwrap();
    hears(&alice);
    let place = hub.room(&room("rust")).unwrap();
    let outbox = Arc::clone(alice.outbox());
    let held = outbox.hold();
    let (encoded, encodes) = mpsc::channel();
    thread::scope(|scope| {
        let reply = scope.spawn(|| {
            alice.reply_about(&room("Rust"), |view| {
                assert_eq!((view.name().as_str(), view.member_count()), ("rust", 1));
                assert_eq!(
                    (view.last_number(), view.topic()),
                    (1, Some(&body("crabs")))
                );
                encoded.send(()).unwrap();
                *b"answer"
            })
        });
        encodes.recv_timeout(Duration::from_secs(10)).unwrap();
        // It cannot be queued as yet. Until it is, nothing happens in the room.
        for _ in 0..1_000 {
            assert!(place.is_locked());
            thread::yield_now();
        }
        drop(held);
        assert_eq!(reply.join().unwrap(), Ok(()));
    });
    assert_eq!(hub.close_room(&room("rust"), None), Ok(1));
    let told = hears(&alice);
    assert!(
        told[0].starts_with("Reply") && told[1] == "#rust closed: None",
        "{told:?}"
    );
    let answered = alice.reply_about(&room("rust"), |_| -> Vec<u8> { unreachable!() });
    assert_eq!(answered, Err(HubError::NotIn(room("rust"))));
    assert_eq!(hears(&alice), [""; 0]);
}

#[test]
fn a_room_that_is_closed_is_closed_for_all_and_forgotten() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &["rust"]);
    let bob = join(&hub, "bob", &["rust"]);
    let mut listener = hub.subscribe(&room("rust"));
    say(&alice, "rust", "one");
    hears(&alice);
    hears(&bob);
    assert_eq!(hub.close_room(&room("rust"), None), Ok(2));
    assert_eq!(hears(&alice), ["#rust closed: None"]);
    assert_eq!(hears(&bob), ["#rust closed: None"]);
    assert!(next(&mut listener).unwrap().contains("one"));
    assert_eq!(next(&mut listener).unwrap(), "#rust closed: None");
    assert_eq!(next(&mut listener).unwrap(), "the end");
    assert_eq!((alice.rooms().count(), hub.rooms().len()), (0, 0));
    alice.join(&room("rust")).unwrap();
    assert_eq!(say(&alice, "rust", "anew"), 1);
    // What is given back of the old room is not taken from the new one.
    drop((listener, bob));
    assert_eq!(hub.rooms()[0].members, 1);
    assert_eq!(nicks(&hub, "rust"), ["alice"]);
}

#[test]
fn a_session_that_is_disconnected_cannot_be_resumed() {
    let time = TestRuntime::new();
    let hub = Hub::new(Arc::new(time.clone()), HubConfig::default());
    let mut alice = join(&hub, "alice", &["rust"]);
    let token = alice.make_resumable().unwrap();
    hub.disconnect(&nick("alice"), Some(body("enough")))
        .unwrap();
    let removed = CloseReason::Removed(Some(body("enough")));
    assert_eq!(alice.outbox().closing(), Some(removed.clone()));
    assert_eq!(removed.to_string(), "you were removed: enough");
    drop(alice);
    assert_eq!(hub.rooms(), []);
    let mut next = Session::open(&hub);
    let resumed = next.start(crate::session::Action::Resume(token));
    assert!(matches!(resumed, crate::session::Step::Waiting));
    let mut cx = Context::from_waker(Waker::noop());
    let resumed = next.poll_done(&mut cx);
    assert!(matches!(resumed, Poll::Ready(Err(HubError::NotResumable))));
}

#[test]
fn a_session_that_waits_for_its_connection_can_be_disconnected() {
    let time = TestRuntime::new();
    let hub = Hub::new(Arc::new(time.clone()), HubConfig::default());
    let mut alice = join(&hub, "alice", &["rust"]);
    alice.make_resumable().unwrap();
    drop(alice);
    assert_eq!(nicks(&hub, "rust"), ["alice"], "kept");
    hub.disconnect(&nick("alice"), None).unwrap();
    assert_eq!(hub.rooms(), []);
    join(&hub, "alice", &["rust"]);
}

#[test]
fn a_program_hears_what_its_session_hears() {
    let hub = hub();
    let mut bot = join(&hub, "bot", &["rust"]);
    let alice = join(&hub, "alice", &["rust"]);
    say(&alice, "rust", "hello");
    assert_eq!(bot.handle().closing(), None);
    bot.handle().close(CloseReason::Quit);
    assert_eq!(bot.handle().closing(), Some(CloseReason::Quit));
    let heard: Vec<_> = std::iter::from_fn(|| bot.hear().now_or_never().map(told))
        .take(4)
        .collect();
    assert_eq!(heard[3], "the end", "{heard:?}");
    assert!(heard[2].contains("hello"), "{heard:?}");
}

#[test]
fn what_is_done_in_nobodys_name_is_done_by_no_session() {
    let hub = hub();
    assert_ne!(Session::open(&hub).id(), SessionId::PROGRAM);
}
