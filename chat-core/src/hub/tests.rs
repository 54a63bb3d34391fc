mod coalescing;
mod control;

use std::sync::Arc;

use crate::event::Event;
use crate::hub::{Hub, HubConfig, HubError, Outgoing, Queue, Role};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::session::Session;
use crate::store::{HistoryRange, MemoryLimits};
use crate::testing::TestRuntime;

fn hub() -> Hub {
    hub_with(HubConfig::default())
}

fn hub_with(config: HubConfig) -> Hub {
    Hub::new(Arc::new(TestRuntime::new()), config)
}

fn hub_remembering(room_memory: MemoryLimits) -> Hub {
    hub_with(HubConfig {
        room_memory,
        ..HubConfig::default()
    })
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn nick(name: &str) -> Nick {
    Nick::parse(name).unwrap()
}

fn body(text: &str) -> Body {
    Body::parse(text).unwrap()
}

fn join(hub: &Hub, name: &str, rooms: &[&str]) -> Session {
    let mut session = Session::open(hub);
    session.take_nick(nick(name)).unwrap();
    for name in rooms {
        session.join(&room(name)).unwrap();
    }
    session
}

fn say(session: &Session, room_name: &str, text: &str) -> u64 {
    session
        .say(&room(room_name), MessageKind::Say, body(text))
        .unwrap()
}

/// What waits for the session, in short.
fn hears(session: &Session) -> Vec<String> {
    session.catch_up();
    let mut taken = Queue::default();
    while session.outbox().take(usize::MAX, &mut taken) {}
    short(taken)
}

fn short(mut taken: Queue) -> Vec<String> {
    let describe = |outgoing: Outgoing| match outgoing {
        Outgoing::Room(event) | Outgoing::Direct(event) | Outgoing::Own(event) => {
            describe(event.event())
        }
        outgoing => format!("{outgoing:?}"),
    };
    taken.drain().into_iter().map(describe).collect()
}

fn describe(event: &Event) -> String {
    match event {
        Event::Message(message) => {
            let (room, number) = (&message.room, message.number);
            format!("{room} {number} {}: {}", message.sender, message.body)
        }
        Event::Private(message) => format!("{} whispers {}", message.sender, message.body),
        Event::Joined { room, who } => format!("{} joins {room}", who.nick),
        Event::Left { room, who } => format!("{} leaves {room}", who.nick),
        Event::Quit { room, who, reason } => format!("{} quits {room} {reason:?}", who.nick),
        Event::Renamed { who, nick, .. } => format!("{} becomes {nick}", who.nick),
        Event::Topic { room, who, topic } => format!("{} sets {room} to {topic:?}", who.nick),
        Event::Kicked { room, who, reason } => {
            format!("{} kicked from {room}: {reason:?}", who.nick)
        }
        Event::RoomClosed { room, reason } => format!("{room} closed: {reason:?}"),
    }
}

#[test]
fn a_room_numbers_its_messages_and_everyone_gets_them_in_order() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    let bob = join(&hub, "bob", &["rust"]);
    hears(&alice);
    hears(&bob);
    assert_eq!(say(&alice, "rust", "one"), 1);
    assert_eq!(say(&bob, "rust", "two"), 2);
    let expected = ["#rust 1 alice: one", "#rust 2 bob: two"];
    assert_eq!(hears(&alice), expected);
    assert_eq!(hears(&bob), expected);
}

#[test]
fn rooms_are_numbered_and_heard_apart() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust", "cats"]);
    let bob = join(&hub, "bob", &["cats"]);
    hears(&alice);
    hears(&bob);
    assert_eq!(say(&alice, "rust", "a"), 1);
    assert_eq!(say(&alice, "cats", "b"), 1);
    assert_eq!(hears(&alice), ["#rust 1 alice: a", "#cats 1 alice: b"]);
    assert_eq!(hears(&bob), ["#cats 1 alice: b"]);
}

#[test]
fn coming_and_going_is_heard_by_everyone_in_the_room() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    let mut bob = join(&hub, "bob", &["rust"]);
    bob.leave(&room("RUST")).unwrap();
    assert_eq!(
        hears(&alice),
        ["alice joins #rust", "bob joins #rust", "bob leaves #rust"]
    );
    assert_eq!(hears(&bob), ["bob joins #rust", "bob leaves #rust"]);
    say(&alice, "rust", "alone");
    assert_eq!(hears(&bob), [""; 0]);
}

#[test]
fn switching_leaves_before_it_enters() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &["rust"]);
    alice.switch(&room("rust"), &room("cats")).unwrap();
    assert_eq!(
        hears(&alice),
        [
            "alice joins #rust",
            "alice leaves #rust",
            "alice joins #cats"
        ]
    );
    let refused = alice.switch(&room("cats"), &room("Cats"));
    assert_eq!(refused, Err(HubError::AlreadyIn(room("cats"))));
    assert_eq!(alice.rooms().collect::<Vec<_>>(), [&room("cats")]);
}

#[test]
fn who_shares_many_rooms_hears_of_a_new_nick_and_of_a_quit_once() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &["a", "b", "c"]);
    let bob = join(&hub, "bob", &["c", "b"]);
    hears(&alice);
    hears(&bob);
    alice.take_nick(nick("Eve")).unwrap();
    assert_eq!(hears(&alice), ["alice becomes Eve"]);
    assert_eq!(hears(&bob), ["alice becomes Eve"]);
    alice.quit(Some(body("bye")));
    assert_eq!(hears(&bob), ["Eve quits #b Some(\"bye\")"]);
    assert_eq!(hears(&alice), [""; 0]);
}

#[test]
fn a_nick_has_one_owner_whatever_its_case() {
    let hub = hub();
    let mut alice = join(&hub, "Alice", &[]);
    let mut bob = join(&hub, "bob", &[]);
    assert_eq!(
        bob.take_nick(nick("aLICE")),
        Err(HubError::NickTaken(nick("Alice")))
    );
    assert_eq!(bob.nick().unwrap().as_str(), "bob");
    alice.take_nick(nick("ALICE")).unwrap();
    assert_eq!(alice.nick().unwrap().as_str(), "ALICE");
    assert!(bob.take_nick(nick("alice")).is_err());
    alice.take_nick(nick("carol")).unwrap();
    bob.take_nick(nick("alice")).unwrap();
    drop(bob);
    alice.take_nick(nick("alice")).unwrap();
}

#[test]
fn guests_get_the_next_number_that_is_free() {
    let hub = hub();
    let _squatter = join(&hub, "guest-2", &[]);
    let mut guests = [(); 3].map(|()| Session::open(&hub));
    let nicks = guests
        .each_mut()
        .map(|guest| guest.take_guest_nick().to_string());
    assert_eq!(nicks, ["guest-1", "guest-3", "guest-4"]);
}

#[test]
fn a_session_that_is_dropped_has_left() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    drop(join(&hub, "bob", &["rust"]));
    assert_eq!(
        hears(&alice)[1..],
        ["bob joins #rust", "bob quits #rust None"]
    );
    assert_eq!(alice.occupants(&room("rust")).unwrap().len(), 1);
    assert!(alice.say_privately(&nick("bob"), body("hi")).is_err());
}

#[test]
fn nothing_can_be_done_in_a_room_without_being_in_it() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &[]);
    let _bob = join(&hub, "bob", &["rust"]);
    let rust = room("rust");
    let not_in = Err(HubError::NotIn(rust.clone()));
    assert_eq!(
        alice.say(&rust, MessageKind::Say, body("hi")).map(drop),
        not_in
    );
    assert_eq!(alice.leave(&rust), not_in);
    assert_eq!(alice.set_topic(&rust, None), not_in);
    assert_eq!(alice.occupants(&rust).map(drop), not_in);
    assert_eq!(
        alice.history(&rust, HistoryRange::Latest, 1).map(drop),
        not_in
    );
    assert_eq!(alice.topic(&rust).map(drop), not_in);
}

#[test]
fn nothing_can_be_said_without_a_nick() {
    let hub = hub();
    let _alice = join(&hub, "alice", &[]);
    let mut stranger = Session::open(&hub);
    assert_eq!(stranger.join(&room("rust")), Err(HubError::NotRegistered));
    let said = stranger.say_privately(&nick("alice"), body("hi"));
    assert_eq!(said, Err(HubError::NotRegistered));
}

#[test]
fn a_private_message_reaches_its_recipient_alone() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    let bob = join(&hub, "bob", &["rust"]);
    let eve = join(&hub, "eve", &["rust"]);
    for session in [&alice, &bob, &eve] {
        hears(session);
    }
    alice.say_privately(&nick("BOB"), body("psst")).unwrap();
    assert_eq!(hears(&bob), ["alice whispers psst"]);
    assert_eq!(hears(&alice), [""; 0]);
    assert_eq!(hears(&eve), [""; 0]);
}

#[test]
fn a_private_message_that_cannot_be_kept_is_refused() {
    let mut config = HubConfig::default();
    config.outbox.messages = 2;
    let hub = hub_with(config);
    let alice = join(&hub, "alice", &[]);
    let _bob = join(&hub, "bob", &[]);
    alice.say_privately(&nick("bob"), body("one")).unwrap();
    let refused = alice.say_privately(&nick("bob"), body("two"));
    assert_eq!(refused, Err(HubError::RecipientFull(nick("bob"))));
}

#[test]
fn a_room_remembers_its_last_messages() {
    let hub = hub_remembering(MemoryLimits {
        messages: 3,
        ..MemoryLimits::default()
    });
    let alice = join(&hub, "alice", &["rust"]);
    for text in ["a", "b", "c", "d"] {
        say(&alice, "rust", text);
    }
    let remembered = |count| {
        let history = alice
            .history(&room("rust"), HistoryRange::Latest, count)
            .unwrap();
        history
            .iter()
            .map(|event| describe(event.event()))
            .collect::<Vec<_>>()
    };
    assert_eq!(remembered(2), ["#rust 3 alice: c", "#rust 4 alice: d"]);
    assert_eq!(remembered(100).len(), 3);
}

#[test]
fn a_room_can_remember_nothing() {
    let hub = hub_remembering(MemoryLimits {
        messages: 0,
        ..MemoryLimits::default()
    });
    let alice = join(&hub, "alice", &["rust"]);
    say(&alice, "rust", "a");
    assert!(
        alice
            .history(&room("rust"), HistoryRange::Latest, 9)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_room_remembers_no_more_bytes_than_it_may() {
    let hub = hub_remembering(MemoryLimits {
        bytes: 10_000,
        ..MemoryLimits::default()
    });
    let alice = join(&hub, "alice", &["rust"]);
    for _ in 0..5 {
        say(&alice, "rust", &"x".repeat(4000));
    }
    let history = || {
        alice
            .history(&room("rust"), HistoryRange::Latest, 100)
            .unwrap()
            .len()
    };
    assert_eq!(history(), 2);
    for _ in 0..100 {
        say(&alice, "rust", "short");
    }
    assert_eq!(history(), 100);
}

#[test]
fn rooms_with_somebody_in_them_are_listed_by_name() {
    let hub = hub();
    let mut alice = join(&hub, "alice", &["rust", "Cats"]);
    let _bob = join(&hub, "bob", &["RUST"]);
    let listed = || {
        let rooms = hub.rooms();
        rooms
            .iter()
            .map(|room| format!("{} {}", room.name, room.members))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(), ["#Cats 1", "#rust 2"]);
    alice.leave(&room("cats")).unwrap();
    assert_eq!(listed(), ["#rust 2"]);
    alice.quit(None);
    assert_eq!(listed(), ["#rust 1"]);
}

#[test]
fn an_empty_room_keeps_its_messages_and_numbers_until_too_many_are_empty() {
    let hub = hub_with(HubConfig {
        empty_rooms: 2,
        ..HubConfig::default()
    });
    let mut alice = join(&hub, "alice", &[]);
    let mut visit = |name: &str| {
        alice.join(&room(name)).unwrap();
        let number = say(&alice, name, "hi");
        alice.leave(&room(name)).unwrap();
        number
    };
    assert_eq!(visit("a"), 1);
    assert_eq!(visit("a"), 2);
    assert_eq!(visit("b"), 1);
    assert_eq!(visit("a"), 3);
    assert_eq!(visit("c"), 1);
    assert_eq!(visit("a"), 4, "emptied after b");
    assert_eq!(visit("b"), 1, "forgotten");
}

#[test]
fn rooms_and_seats_are_limited() {
    let mut config = HubConfig::default();
    (
        config.max_rooms,
        config.max_rooms_per_session,
        config.max_members_per_room,
    ) = (3, 2, 2);
    let hub = hub_with(config);
    let mut alice = join(&hub, "alice", &["a", "b"]);
    let refused = alice.join(&room("c"));
    assert_eq!(refused, Err(HubError::TooManyRoomsForYou { limit: 2 }));
    alice.switch(&room("b"), &room("c")).unwrap();
    let mut bob = join(&hub, "bob", &["a", "b"]);
    bob.leave(&room("a")).unwrap();
    assert_eq!(
        bob.join(&room("d")),
        Err(HubError::TooManyRooms { limit: 3 })
    );
    bob.join(&room("a")).unwrap();
    let mut eve = join(&hub, "eve", &["b"]);
    let full = HubError::RoomFull {
        room: room("a"),
        limit: 2,
    };
    assert_eq!(eve.switch(&room("b"), &room("a")), Err(full));
    assert_eq!(
        eve.rooms().collect::<Vec<_>>(),
        [&room("b")],
        "nothing is left for a full room"
    );
    drop(alice);
    eve.switch(&room("b"), &room("d")).unwrap();
}

#[test]
fn a_topic_is_announced_and_kept() {
    let hub = hub();
    let alice = join(&hub, "alice", &["rust"]);
    hears(&alice);
    alice.set_topic(&room("rust"), Some(body("crabs"))).unwrap();
    assert_eq!(hears(&alice), ["alice sets #rust to Some(\"crabs\")"]);
    let bob = join(&hub, "bob", &["rust"]);
    assert_eq!(bob.topic(&room("rust")).unwrap(), Some(body("crabs")));
}

#[test]
fn whoever_opens_a_room_is_its_operator() {
    let hub = hub();
    let zoe = join(&hub, "zoe", &["rust"]);
    let _alice = join(&hub, "alice", &["rust"]);
    let occupants = zoe.occupants(&room("rust")).unwrap();
    let roles: Vec<_> = occupants
        .iter()
        .map(|o| (o.nick.as_str(), o.role))
        .collect();
    assert_eq!(roles, [("alice", Role::Member), ("zoe", Role::Operator)]);
}

#[test]
fn a_member_that_does_not_listen_costs_the_others_nothing_and_learns_what_it_missed() {
    let mut config = HubConfig::default();
    config.outbox.messages = 10;
    let hub = hub_with(config);
    let alice = join(&hub, "alice", &["rust"]);
    let sloth = join(&hub, "sloth", &["rust"]);
    hears(&alice);
    hears(&sloth);
    for number in 1..=1000 {
        assert_eq!(say(&alice, "rust", "hi"), number);
        assert_eq!(hears(&alice), [format!("#rust {number} alice: hi")]);
    }
    let heard = hears(&sloth);
    assert!(
        heard[0].contains("messages: Some((1, 990))"),
        "{}",
        heard[0]
    );
    assert_eq!(heard[1], "#rust 991 alice: hi");
    assert_eq!(heard.len(), 11);
}
