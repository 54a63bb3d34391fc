use std::collections::HashMap;
use std::future;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::connection::serve_connection_with;
use crate::event::Event;
use crate::hub::HubConfig;
use crate::policy::{Credentials, Denial, Policy};
use crate::protocol::TextProtocol;
use crate::runtime::{Runtime, RuntimeExt};
use crate::testing::{TestRuntime, TestStream, at_any_rate, at_once, duplex};

/// Decides by what it is told about nicks, rooms and texts; keeps a list of what it saw.
#[derive(Default)]
struct House {
    seen: Mutex<Vec<String>>,
}

impl Policy for House {
    fn connect(&self, peer: Option<&Address>) -> Decision<()> {
        match peer {
            Some(Address::Unix(_)) => Decision::deny("not from there\nnor anywhere"),
            _ => Decision::allow(()),
        }
    }

    fn log_in(&self, _: &Person<'_>, credentials: Credentials) -> Decision<String> {
        let accounts = HashMap::from([("ann", "s3cret word")]);
        match credentials {
            Credentials::Password { account, password } => Decision::later(async move {
                match accounts.get(&*account) {
                    Some(right) if *right == password => Ok(account),
                    _ => Err(Denial::new("wrong account or password")),
                }
            }),
            Credentials::Token(_) => Decision::deny("no tokens here"),
        }
    }

    fn nick(&self, who: &Person<'_>, nick: &Nick) -> Decision<()> {
        match (nick.as_str(), who.account) {
            ("root", None) => Decision::deny("log in to be root"),
            ("never", _) => Decision::later(future::pending()),
            ("boom", _) => panic!("a fault of the product"),
            ("late-boom", _) => Decision::later(async { panic!("a later fault of the product") }),
            _ => Decision::allow(()),
        }
    }

    fn join(&self, who: &Person<'_>, room: &RoomName) -> Decision<()> {
        match (room.as_str(), who.account) {
            ("staff", None) => Decision::deny("staff only"),
            _ => Decision::allow(()),
        }
    }

    fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
        match body.as_str() {
            "spam" => Decision::deny("no spam"),
            "darn" => Decision::later(async { Ok(Body::parse("d***").unwrap()) }),
            _ => Decision::allow(body),
        }
    }

    fn guest(&self, who: &Person<'_>) -> Decision<()> {
        match who.peer {
            Some(Address::Tcp(_)) => Decision::later(async { Err(Denial::new("no guests")) }),
            _ => Decision::allow(()),
        }
    }

    fn topic(
        &self,
        _: &Person<'_>,
        room: &RoomName,
        topic: Option<Body>,
    ) -> Decision<Option<Body>> {
        match (room.as_str(), topic) {
            ("staff", _) => Decision::deny("ask the boss"),
            (_, None) => Decision::deny("a room needs a topic"),
            (_, Some(topic)) => {
                Decision::allow(Some(Body::parse(&topic.as_str().to_uppercase()).unwrap()))
            }
        }
    }

    fn quit(&self, _: &Person<'_>, reason: Body) -> Decision<Option<Body>> {
        match reason.as_str() {
            "spam" => Decision::deny("no spam"),
            "darn" => Decision::later(async { Ok(Some(Body::parse("d***").unwrap())) }),
            "hush" => Decision::allow(None),
            "boom" => panic!("a fault of the product"),
            "never" => Decision::later(future::pending()),
            _ => Decision::allow(Some(reason)),
        }
    }

    fn observe(&self, event: &Event) {
        if let Event::Message(message) = event {
            assert_ne!(message.body.as_str(), "ouch");
        }
        let kind = match event {
            Event::Message(message) => format!("message {}", message.body),
            Event::Joined { who, .. } => format!("{} joined", who.nick),
            Event::Quit { who, .. } => format!("{} quit", who.nick),
            Event::Renamed { nick, .. } => format!("{nick} named"),
            _ => "other".into(),
        };
        self.seen.lock().unwrap().push(kind);
    }
}

struct World {
    time: TestRuntime,
    runtime: Arc<dyn Runtime>,
    hub: Hub,
    house: Arc<House>,
}

impl World {
    fn new() -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        let house = Arc::<House>::default();
        Self {
            hub: Hub::with_policy(runtime.clone(), at_once(), house.clone()),
            runtime,
            time,
            house,
        }
    }

    fn connect(&self) -> TestStream {
        self.connect_from(Address::Memory)
    }

    fn connect_from(&self, address: Address) -> TestStream {
        let (peer, stream) = duplex(64 * 1024);
        let protocol = TextProtocol::default();
        let connection =
            serve_connection_with(stream, protocol, &self.hub, &self.runtime, at_any_rate());
        self.runtime.spawn(connection.with_peer(address)).detach();
        self.time.run();
        peer
    }

    fn ask(&self, peer: &TestStream, line: &str) -> String {
        peer.receive();
        peer.send(format!("{line}\n"));
        self.time.run();
        peer.receive()
    }
}

#[test]
fn a_connection_can_be_turned_away() {
    let world = World::new();
    let peer = world.connect_from(Address::Unix(None));
    assert_eq!(peer.receive(), "! not from there nor anywhere\n");
    assert!(peer.is_ended());
    assert!(world.hub.rooms().is_empty());
}

#[test]
fn an_account_opens_doors() {
    let world = World::new();
    let peer = world.connect();
    assert_eq!(world.ask(&peer, "/join staff"), "! staff only\n");
    assert_eq!(world.ask(&peer, "/nick root"), "! log in to be root\n");
    assert_eq!(
        world.ask(&peer, "/login ann wrong"),
        "! wrong account or password\n"
    );
    assert_eq!(
        world.ask(&peer, "/login ann s3cret word"),
        "* you are logged in as ann\n"
    );
    assert_eq!(world.ask(&peer, "/nick root"), "* guest-1 is now root\n");
    assert_eq!(world.ask(&peer, "/join staff"), "* root joined #staff\n");
}

#[test]
fn what_is_said_can_be_refused_and_rewritten_and_keeps_its_order() {
    let world = World::new();
    let peer = world.connect();
    let heard = world.ask(&peer, "one\nspam\ndarn\ntwo");
    let expected = "[#general] guest-1: one\n! no spam\n[#general] guest-1: d***\n\
        [#general] guest-1: two\n";
    assert_eq!(heard, expected);
}

#[test]
fn a_decision_that_takes_too_long_is_a_refusal_and_delays_nobody_else() {
    let world = World::new();
    let (slow, other) = (world.connect(), world.connect());
    assert_eq!(world.ask(&slow, "/nick never\nafter"), "");
    assert_eq!(world.ask(&other, "hello"), "[#general] guest-2: hello\n");
    world
        .time
        .advance(HubConfig::default().decision_timeout - Duration::from_millis(1));
    assert_eq!(slow.receive(), "[#general] guest-2: hello\n");
    world.time.advance(Duration::from_millis(1));
    let expected = "! that could not be decided; try again\n[#general] guest-1: after\n";
    assert_eq!(slow.receive(), expected);
}

#[test]
fn a_policy_that_panics_refuses_that_one_action() {
    let world = World::new();
    let peer = world.connect();
    let refused = "! that could not be decided; try again\n";
    assert_eq!(world.ask(&peer, "/nick boom"), refused);
    assert_eq!(world.ask(&peer, "/nick late-boom"), refused);
    assert_eq!(
        world.ask(&peer, "still here"),
        "[#general] guest-1: still here\n"
    );
}

#[test]
fn guests_can_be_asked_for_a_nick_first() {
    let world = World::new();
    let peer = world.connect_from(Address::Tcp(([127, 0, 0, 1], 9).into()));
    assert_eq!(peer.receive(), "! no guests\n");
    assert_eq!(
        world.ask(&peer, "hello"),
        "! you are in no room; /join one\n"
    );
    assert_eq!(
        world.ask(&peer, "/nick ann"),
        "* welcome, ann — you are in #general\n"
    );
    assert_eq!(world.ask(&peer, "/nick anna"), "* ann is now anna\n");
    assert_eq!(world.ask(&peer, "hello"), "[#general] anna: hello\n");
}

#[test]
fn a_topic_can_be_refused_and_rewritten() {
    let world = World::new();
    let mut session = Session::open(&world.hub);
    session.take_guest_nick();
    let general = RoomName::general();
    session.join(&general).unwrap();
    let mut set = |topic: Option<&str>| {
        let topic = topic.map(|topic| Body::parse(topic).unwrap());
        let room = general.clone();
        match session.start(Action::SetTopic { room, topic }) {
            Step::Done(Ok(Done::TopicSet { topic })) => topic.unwrap().to_string(),
            Step::Done(Err(error)) => error.to_string(),
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(set(Some("crabs")), "CRABS");
    assert_eq!(set(None), "a room needs a topic");
    let topic = world.hub.topic(&general).unwrap().unwrap();
    assert_eq!(topic.as_str(), "CRABS");
}

#[test]
fn last_words_can_be_rewritten_and_refused_but_everyone_may_go() {
    for (said, heard) in [
        ("lunch", " (lunch)"),
        ("spam", ""),
        ("darn", " (d***)"),
        ("hush", ""),
        ("boom", ""),
        ("never", ""),
    ] {
        let world = World::new();
        let (peer, other) = (world.connect(), world.connect());
        other.receive();
        world.ask(&peer, &format!("/quit {said}"));
        if said == "never" {
            assert!(!peer.is_ended());
            world.time.advance(HubConfig::default().decision_timeout);
        }
        peer.receive();
        assert!(peer.is_ended(), "{said}");
        let expected = format!("* guest-1 left #general{heard}\n");
        assert_eq!(other.receive(), expected, "{said}");
    }
}

#[test]
fn the_last_line_without_a_newline_is_decided_on_too() {
    let world = World::new();
    let (peer, other) = (world.connect(), world.connect());
    other.receive();
    peer.send("darn");
    peer.end();
    world.time.run();
    assert_eq!(
        other.receive(),
        "[#general] guest-1: d***\n* guest-1 left #general\n"
    );
}

#[test]
fn whatever_happens_is_observed() {
    let world = World::new();
    let peer = world.connect();
    world.ask(&peer, "/nick ann");
    world.ask(&peer, "hello");
    peer.end();
    world.time.run();
    let seen = world.house.seen.lock().unwrap();
    assert_eq!(
        *seen,
        ["guest-1 joined", "ann named", "message hello", "ann quit"]
    );
}

#[test]
fn a_session_that_waits_is_polled_until_it_is_done() {
    let world = World::new();
    let mut session = Session::open(&world.hub);
    let login = Action::LogIn(Credentials::Password {
        account: "ann".into(),
        password: "s3cret word".into(),
    });
    assert!(matches!(session.start(login), Step::Waiting));
    let done = session.poll_done(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(done, Poll::Ready(Ok(Done::LoggedIn { .. }))));
    assert_eq!(session.account(), Some("ann"));
}
