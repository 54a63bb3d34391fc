use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::connection::{Connection, serve_connection_with};
use crate::event::Event;
use crate::hub::{Hub, HubConfig};
use crate::policy::{AllowAll, Policy};
use crate::runtime::Runtime;
use crate::testing::{TestRuntime, TestStream, at_any_rate, at_once, duplex};

/// A hub on a runtime whose time is moved by hand, and programs that talk to it.
struct World {
    time: TestRuntime,
    runtime: Arc<dyn Runtime>,
    hub: Hub,
}

struct Program {
    peer: TestStream,
    time: TestRuntime,
    last_id: i64,
}

impl World {
    fn new() -> Self {
        Self::with(at_once())
    }

    fn with(config: HubConfig) -> Self {
        Self::with_policy(config, Arc::new(AllowAll))
    }

    fn with_policy(config: HubConfig, policy: Arc<dyn Policy>) -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        Self {
            hub: Hub::with_policy(runtime.clone(), config, policy),
            runtime,
            time,
        }
    }

    fn connect(&self) -> Program {
        let (peer, stream) = duplex(1024 * 1024);
        let connection: Connection<_, _> = serve_connection_with(
            stream,
            JsonProtocol::default(),
            &self.hub,
            &self.runtime,
            at_any_rate(),
        );
        crate::runtime::RuntimeExt::spawn(&*self.runtime, connection).detach();
        self.time.run();
        Program {
            peer,
            time: self.time.clone(),
            last_id: 0,
        }
    }

    fn called(&self, nick: &str) -> Program {
        let mut program = self.connect();
        program.asks(json!({"op": "hello", "nick": nick}));
        program
    }

    fn in_room(&self, nick: &str, room: &str) -> Program {
        let mut program = self.called(nick);
        program.asks(json!({"op": "join", "room": room}));
        program.hears();
        program
    }
}

impl Program {
    fn sends(&mut self, line: &str) -> Vec<Value> {
        self.peer.send(format!("{line}\n"));
        self.hears()
    }

    fn hears(&mut self) -> Vec<Value> {
        self.time.run();
        let heard = self.peer.receive();
        heard
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The answer to a request, without the events around it.
    fn asks(&mut self, mut request: Value) -> Value {
        self.last_id += 1;
        request["id"] = self.last_id.into();
        let heard = self.sends(&request.to_string());
        let answers = heard.iter().filter(|frame| frame["id"] == self.last_id);
        let answers: Vec<_> = answers.collect();
        assert_eq!(answers.len(), 1, "{request} is answered by {heard:?}");
        answers[0].clone()
    }

    fn code(&mut self, request: Value) -> String {
        self.asks(request)["error"]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn a_program_says_hello_and_is_welcomed() {
    let world = World::new();
    let mut program = world.connect();
    assert!(program.hears().is_empty());
    let welcome = program.asks(json!({"op": "hello", "nick": "Robot"}));
    assert_eq!(welcome["ok"]["nick"], "Robot");
    assert_eq!(welcome["ok"]["resumed"], false);
    assert_eq!(welcome["ok"]["grace"], 120);
    assert_eq!(welcome["ok"]["rooms"], json!([]));
    assert_eq!(welcome["ok"]["token"].as_str().unwrap().len(), 32);
    assert_eq!(program.code(json!({"op": "hello"})), "hello_again");
    let guest = world.connect().asks(json!({"op": "hello"}));
    assert_eq!(guest["ok"]["nick"], "guest-1");
}

#[test]
fn a_program_sits_in_several_rooms() {
    let world = World::new();
    let mut alice = world.in_room("alice", "rust");
    let joined = alice.asks(json!({"op": "join", "room": "#cats"}));
    let expected = json!({"room": "cats", "members": 1, "last": 0, "topic": null});
    assert_eq!(joined["ok"], expected);
    let mut bob = world.in_room("bob", "cats");
    assert_eq!(
        alice.hears(),
        [json!({"event": "joined", "room": "cats", "nick": "bob"})]
    );
    let said = bob.asks(json!({"op": "say", "room": "cats", "text": "miau"}));
    assert_eq!(
        said["ok"],
        json!({"room": "cats", "number": 1, "duplicate": false})
    );
    let expected = json!({
        "event": "message", "room": "cats", "number": 1, "from": "bob", "kind": "say",
        "text": "miau", "time": "1970-01-01T00:00:00.000Z",
    });
    assert_eq!(alice.hears(), [expected]);
    let said = alice.asks(json!({"op": "say", "room": "rust", "kind": "action", "text": "waves"}));
    assert_eq!(said["ok"]["number"], 1);
    assert!(bob.hears().is_empty());
    alice.asks(json!({"op": "leave", "room": "cats"}));
    assert_eq!(
        bob.hears(),
        [json!({"event": "left", "room": "cats", "nick": "alice"})]
    );
}

#[test]
fn every_other_request_is_answered_too() {
    let world = World::new();
    let mut alice = world.in_room("alice", "rust");
    let mut bob = world.in_room("bob", "rust");
    alice.hears();
    let mut ok = |request| alice.asks(request)["ok"].clone();
    assert_eq!(
        ok(json!({"op": "nick", "nick": "Alicia"})),
        json!({"nick": "Alicia"})
    );
    assert_eq!(
        ok(json!({"op": "topic", "room": "rust", "text": "crabs"})),
        json!({"room": "rust", "topic": "crabs"})
    );
    assert_eq!(
        ok(json!({"op": "rooms"})),
        json!({"rooms": [{"room": "rust", "members": 2}]})
    );
    let members = json!([
        {"nick": "Alicia", "role": "operator"}, {"nick": "bob", "role": "member"},
    ]);
    assert_eq!(ok(json!({"op": "who", "room": "rust"}))["members"], members);
    assert_eq!(
        ok(json!({"op": "message", "to": "bob", "text": "psst"})),
        json!({})
    );
    assert_eq!(ok(json!({"op": "ping"})), json!({}));
    let expected = [
        json!({"event": "renamed", "room": "rust", "from": "alice", "nick": "Alicia"}),
        json!({"event": "topic", "room": "rust", "nick": "Alicia", "topic": "crabs"}),
        json!({
            "event": "private", "from": "Alicia", "to": "bob", "text": "psst",
            "time": "1970-01-01T00:00:00.000Z",
        }),
    ];
    assert_eq!(bob.hears(), expected);
    let heard = alice.sends(r#"{"id":"bye","op":"quit","text":"lunch"}"#);
    assert_eq!(heard[0], json!({"id": "bye", "ok": {}}));
    assert_eq!(heard[1]["event"], "closing");
    assert_eq!(heard[1]["code"], "quit");
    assert!(alice.peer.is_ended());
    let quit = json!({"event": "quit", "room": "rust", "nick": "Alicia", "reason": "lunch"});
    assert_eq!(bob.hears(), [quit]);
}

#[test]
fn history_is_asked_for_by_number() {
    let world = World::new();
    let mut alice = world.in_room("alice", "rust");
    for number in 1..=10 {
        alice.asks(json!({"op": "say", "room": "rust", "text": number.to_string()}));
    }
    let mut numbers = |request: Value| {
        let answer = alice.asks(request);
        let messages = answer["ok"]["messages"].as_array().unwrap().clone();
        messages
            .iter()
            .map(|message| message["number"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let history = |range: Value| {
        let mut request = json!({"op": "history", "room": "rust"});
        request
            .as_object_mut()
            .unwrap()
            .extend(range.as_object().unwrap().clone());
        request
    };
    assert_eq!(numbers(history(json!({"limit": 3}))), [8, 9, 10]);
    assert_eq!(numbers(history(json!({"before": 8, "limit": 2}))), [6, 7]);
    assert_eq!(numbers(history(json!({"after": 2, "limit": 3}))), [3, 4, 5]);
    assert_eq!(numbers(history(json!({"after": 10}))), [0; 0]);
    assert_eq!(numbers(history(json!({"before": 0}))), [0; 0]);
    assert_eq!(numbers(history(json!({"after": u64::MAX}))), [0; 0]);
    assert_eq!(numbers(history(json!({}))).len(), 10);
}

#[test]
fn a_request_that_makes_no_sense_gets_an_error_and_closes_nothing() {
    let world = World::new();
    let mut alice = world.in_room("alice", "rust");
    for (line, id, code) in [
        ("{", json!(null), "bad_json"),
        ("[1]", json!(null), "bad_json"),
        ("hello", json!(null), "bad_json"),
        ("\"x\"", json!(null), "bad_json"),
        (r#"{"op":"ping"}"#, json!(null), "missing_field"),
        (r#"{"id":7}"#, json!(7), "missing_field"),
        (r#"{"id":7,"op":3}"#, json!(7), "bad_field"),
        (r#"{"id":{},"op":"ping"}"#, json!(null), "bad_field"),
        (r#"{"id":7,"op":"dance"}"#, json!(7), "unknown_op"),
        (
            r#"{"id":7,"op":"say","room":"rust"}"#,
            json!(7),
            "missing_field",
        ),
        (
            r#"{"id":7,"op":"say","text":"x"}"#,
            json!(7),
            "missing_field",
        ),
        (
            r#"{"id":7,"op":"say","room":"rust","text":""}"#,
            json!(7),
            "bad_text",
        ),
        (
            r#"{"id":7,"op":"say","room":"rust","text":"a\u0007b"}"#,
            json!(7),
            "bad_text",
        ),
        (
            r#"{"id":7,"op":"say","room":"rust","text":"x","kind":"sing"}"#,
            json!(7),
            "bad_field",
        ),
        (
            r#"{"id":7,"op":"say","room":"cats","text":"x"}"#,
            json!(7),
            "not_in",
        ),
        (
            r#"{"id":7,"op":"say","room":"rust","text":"x","client_id":""}"#,
            json!(7),
            "bad_field",
        ),
        (r#"{"id":7,"op":"join","room":"a b"}"#, json!(7), "bad_room"),
        (r#"{"id":7,"op":"leave","room":"cats"}"#, json!(7), "not_in"),
        (r#"{"id":7,"op":"nick","nick":"4"}"#, json!(7), "bad_nick"),
        (
            r#"{"id":7,"op":"message","to":"eve","text":"x"}"#,
            json!(7),
            "no_such_nick",
        ),
        (
            r#"{"id":7,"op":"history","room":"rust","limit":-1}"#,
            json!(7),
            "bad_field",
        ),
        (
            r#"{"id":7,"op":"history","room":"rust","before":1,"after":1}"#,
            json!(7),
            "bad_field",
        ),
        (
            r#"{"id":7,"op":"login","account":"a","password":"b"}"#,
            json!(7),
            "denied",
        ),
    ] {
        let heard = alice.sends(line);
        assert_eq!(heard.len(), 1, "{line}");
        assert_eq!(
            (&heard[0]["id"], &heard[0]["error"]["code"]),
            (&id, &json!(code)),
            "{line}"
        );
    }
    let heard = alice.sends(&format!(r#"{{"id":7,"op":"{}"}}"#, "x".repeat(40_000)));
    assert_eq!(heard[0]["error"]["code"], "line_too_long");
    let unknown_field = json!({"op": "ping", "colour": "red"});
    assert_eq!(alice.asks(unknown_field)["ok"], json!({}));
    let mut stranger = world.connect();
    for op in [
        "nick", "join", "leave", "say", "message", "topic", "rooms", "who", "history",
    ] {
        assert_eq!(stranger.code(json!({"op": op})), "hello_first", "{op}");
    }
}

#[test]
fn a_line_that_is_not_utf8_is_refused_whichever_field_is_not() {
    let world = World::new();
    let mut alice = world.called("alice");
    for line in [
        &b"{\"id\":1,\"op\":\"join\",\"room\":\"\xff\"}\n"[..],
        b"{\"id\":1,\"op\":\"ping\",\"unknown\":\"\xff\"}\n",
    ] {
        alice.peer.send(line);
        let heard = alice.hears();
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0]["id"], json!(null));
        assert_eq!(heard[0]["error"]["code"], "bad_json");
    }
}

#[test]
fn saying_it_again_under_the_same_id_is_saying_it_once() {
    let world = World::new();
    let mut alice = world.in_room("alice", "rust");
    let say = json!({"op": "say", "room": "rust", "text": "once", "client_id": "m1"});
    let first = alice.asks(say.clone())["ok"].clone();
    assert_eq!(
        first,
        json!({"room": "rust", "number": 1, "duplicate": false})
    );
    let again = alice.asks(say)["ok"].clone();
    assert_eq!(
        again,
        json!({"room": "rust", "number": 1, "duplicate": true})
    );
    let history = alice.asks(json!({"op": "history", "room": "rust"}));
    assert_eq!(history["ok"]["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn a_session_is_resumed_with_nick_rooms_and_what_was_missed() {
    let world = World::new();
    let mut bob = world.in_room("bob", "rust");
    let mut alice = world.connect();
    let welcome = alice.asks(json!({"op": "hello", "nick": "alice"}));
    let token = welcome["ok"]["token"].clone();
    alice.asks(json!({"op": "join", "room": "rust"}));
    alice.asks(json!({"op": "say", "room": "rust", "text": "one", "client_id": "m1"}));
    bob.hears();
    alice.peer.reset();
    world.time.run();
    assert!(bob.hears().is_empty(), "nobody sees her leave");
    bob.asks(json!({"op": "say", "room": "rust", "text": "two"}));
    bob.asks(json!({"op": "say", "room": "rust", "text": "three"}));
    let away = json!({"op": "message", "to": "alice", "text": "psst"});
    assert_eq!(bob.code(away), "away");

    let mut back = world.connect();
    let heard = back
        .sends(&json!({"id": 1, "op": "hello", "resume": token, "seen": {"rust": 1}}).to_string());
    assert_eq!(heard[0]["ok"]["resumed"], true);
    assert_eq!(heard[0]["ok"]["nick"], "alice");
    assert_eq!(heard[0]["ok"]["rooms"], json!(["rust"]));
    let texts: Vec<_> = heard[1..]
        .iter()
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["two", "three"]);
    assert!(bob.hears().is_empty(), "nor come back");
    let say = json!({"op": "say", "room": "rust", "text": "one", "client_id": "m1"});
    assert_eq!(
        back.asks(say)["ok"]["number"],
        1,
        "remembered across the two connections"
    );
    bob.asks(json!({"op": "message", "to": "alice", "text": "psst"}));
    assert_eq!(back.hears()[0]["text"], "psst");
}

#[test]
fn what_the_room_no_longer_remembers_is_announced_exactly() {
    let mut config = at_once();
    config.room_memory.messages = 2;
    let world = World::with(config);
    let mut bob = world.in_room("bob", "rust");
    let mut alice = world.connect();
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    alice.asks(json!({"op": "join", "room": "rust"}));
    drop(alice);
    for number in 1..=5 {
        bob.asks(json!({"op": "say", "room": "rust", "text": number.to_string()}));
    }
    let mut back = world.connect();
    let hello = json!({"id": 1, "op": "hello", "resume": token, "seen": {"rust": 0}});
    let heard = back.sends(&hello.to_string());
    let missed = json!({"event": "missed", "room": "rust", "first": 1, "last": 3, "presence": 0});
    assert_eq!(heard[1], missed);
    assert_eq!(
        (&heard[2]["number"], &heard[3]["number"]),
        (&json!(4), &json!(5))
    );
    assert_eq!(heard.len(), 4);
}

#[test]
fn after_the_grace_period_the_session_is_gone() {
    let world = World::new();
    let mut bob = world.in_room("bob", "rust");
    let mut alice = world.connect();
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    alice.asks(json!({"op": "join", "room": "rust"}));
    bob.hears();
    drop(alice);
    world.time.run();
    let grace = HubConfig::default().resume_grace;
    world.time.advance(grace - Duration::from_millis(1));
    assert!(bob.hears().is_empty());
    world.time.advance(Duration::from_millis(1));
    assert_eq!(bob.hears()[0]["event"], "quit");
    let mut late = world.connect();
    assert_eq!(
        late.code(json!({"op": "hello", "resume": token})),
        "not_resumable"
    );
    let welcome = late.asks(json!({"op": "hello", "nick": "alice"}));
    assert_eq!(welcome["ok"]["resumed"], false);
}

#[test]
fn a_token_dies_with_quit_and_cannot_be_guessed() {
    let world = World::new();
    let mut alice = world.connect();
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    alice.asks(json!({"op": "quit"}));
    drop(alice);
    world.time.run();
    let mut thief = world.connect();
    let mut guess = |token: Value| thief.code(json!({"op": "hello", "resume": token}));
    assert_eq!(guess(token), "not_resumable");
    assert_eq!(guess(json!("0".repeat(32))), "not_resumable");
    assert_eq!(guess(json!("")), "not_resumable");
    assert_eq!(guess(json!("+".repeat(32))), "not_resumable");
}

#[test]
fn a_session_has_one_owner_and_the_one_before_is_told() {
    let world = World::new();
    let mut alice = world.connect();
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    alice.asks(json!({"op": "join", "room": "rust"}));
    alice.hears();
    let mut second = world.connect();
    let welcome = second.asks(json!({"op": "hello", "resume": token}));
    assert_eq!(welcome["ok"]["resumed"], true);
    let told = alice.hears();
    assert_eq!(
        (&told[0]["event"], &told[0]["code"]),
        (&json!("closing"), &json!("superseded"))
    );
    assert!(alice.peer.is_ended());
    second.asks(json!({"op": "say", "room": "rust", "text": "me"}));
    drop(alice);
    world.time.run();
    assert_eq!(world.hub.rooms()[0].members, 1);
    drop(second);
    world.time.run();
    world.time.advance(HubConfig::default().resume_grace);
    assert!(world.hub.rooms().is_empty());
}

#[test]
fn private_messages_that_were_not_delivered_wait_for_whoever_comes_back() {
    let world = World::new();
    let mut bob = world.in_room("bob", "rust");
    let (peer, stream) = duplex(400);
    let connection = serve_connection_with(
        stream,
        JsonProtocol::default(),
        &world.hub,
        &world.runtime,
        at_any_rate(),
    );
    crate::runtime::RuntimeExt::spawn(&*world.runtime, connection).detach();
    let mut alice = Program {
        peer,
        time: world.time.clone(),
        last_id: 0,
    };
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    for number in 0..300 {
        let text = format!("{number:03} {}", "x".repeat(1000));
        bob.asks(json!({"op": "message", "to": "alice", "text": text}));
    }
    alice.peer.reset();
    world.time.run();
    let mut back = world.connect();
    let hello = json!({"id": 1, "op": "hello", "resume": token});
    let heard = back.sends(&hello.to_string());
    assert!(heard.len() > 200, "{} frames", heard.len());
    assert!(
        heard.last().unwrap()["text"]
            .as_str()
            .unwrap()
            .starts_with("299 ")
    );
}

#[test]
fn a_message_is_decided_on_once_however_often_it_is_sent() {
    struct NoRepeats(std::sync::Mutex<Option<String>>);

    impl crate::policy::Policy for NoRepeats {
        fn message(
            &self,
            _: &crate::policy::Person<'_>,
            _: &RoomName,
            _: MessageKind,
            body: Body,
        ) -> crate::policy::Decision<Body> {
            let last = self.0.lock().unwrap().replace(body.as_str().to_owned());
            match last.as_deref() == Some(body.as_str()) {
                true => crate::policy::Decision::deny("you have just said that"),
                false => crate::policy::Decision::allow(body),
            }
        }
    }

    let time = TestRuntime::new();
    let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
    let policy = Arc::new(NoRepeats(std::sync::Mutex::default()));
    let world = World {
        hub: Hub::with_policy(runtime.clone(), at_once(), policy),
        runtime,
        time,
    };
    let mut alice = world.in_room("alice", "rust");
    let say = json!({"op": "say", "room": "rust", "text": "once", "client_id": "m1"});
    assert_eq!(alice.asks(say.clone())["ok"]["number"], 1);
    assert_eq!(alice.asks(say)["ok"]["duplicate"], true);
    assert_eq!(
        alice.code(json!({"op": "say", "room": "rust", "text": "once"})),
        "denied"
    );
}

#[test]
fn only_so_many_sessions_are_kept_for_those_who_may_come_back() {
    let world = World::with(HubConfig {
        max_parked: 2,
        ..at_once()
    });
    for number in 0..5 {
        drop(world.in_room(&format!("p{number}"), "rust"));
        world.time.run();
    }
    assert_eq!(world.hub.rooms()[0].members, 2);
    world.time.advance(HubConfig::default().resume_grace);
    assert!(world.hub.rooms().is_empty());
    drop(world.in_room("late", "rust"));
    world.time.run();
    assert_eq!(world.hub.rooms()[0].members, 1, "there is room again");
}

#[test]
fn whoever_was_sent_away_cannot_come_back() {
    let world = World::new();
    let (peer, stream) = duplex(1024);
    let connection = serve_connection_with(
        stream,
        JsonProtocol::default(),
        &world.hub,
        &world.runtime,
        at_any_rate(),
    );
    let handle = connection.handle();
    crate::runtime::RuntimeExt::spawn(&*world.runtime, connection).detach();
    let mut alice = Program {
        peer,
        time: world.time.clone(),
        last_id: 0,
    };
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    handle.close(CloseReason::Denied("behave".into()));
    assert_eq!(alice.hears()[0]["code"], "denied");
    let resume = json!({"op": "hello", "resume": token});
    assert_eq!(world.connect().code(resume), "not_resumable");
}

#[test]
fn a_claim_on_a_session_that_ends_for_good_is_refused_at_once() {
    let world = World::new();
    let (stuck_peer, stream) = duplex(300);
    let connection = serve_connection_with(
        stream,
        JsonProtocol::default(),
        &world.hub,
        &world.runtime,
        at_any_rate(),
    );
    let handle = connection.handle();
    crate::runtime::RuntimeExt::spawn(&*world.runtime, connection).detach();
    let mut alice = Program {
        peer: stuck_peer,
        time: world.time.clone(),
        last_id: 0,
    };
    let token = alice.asks(json!({"op": "hello", "nick": "alice"}))["ok"]["token"].clone();
    // Ordered to close for good before the claim, and acting on it after.
    handle.close(CloseReason::Quit);
    assert_eq!(
        world
            .connect()
            .code(json!({"op": "hello", "resume": token})),
        "not_resumable"
    );
}

#[test]
fn an_error_quotes_little_of_what_was_sent() {
    let world = World::new();
    let mut alice = world.connect();
    let long_value = format!(
        r#"{{"id":1,"op":"hello","nick":["{}"]}}"#,
        "x".repeat(20_000)
    );
    let heard = alice.sends(&long_value);
    assert!(heard[0]["error"]["text"].as_str().unwrap().len() < 300);
}

/// Closes each room as soon as somebody is in it.
#[derive(Default)]
struct Bouncer(OnceLock<Hub>);

impl Policy for Bouncer {
    fn observe(&self, event: &Event) {
        if let Event::Joined { room, .. } = event {
            self.0.get().unwrap().close_room(room, None).unwrap();
        }
    }
}

#[test]
fn a_join_that_is_over_before_it_is_answered_is_refused() {
    let bouncer = Arc::new(Bouncer::default());
    let world = World::with_policy(at_once(), bouncer.clone());
    bouncer.0.set(world.hub.clone()).unwrap();
    let mut alice = world.called("alice");
    let heard = alice.sends(r#"{"id":"j","op":"join","room":"rust"}"#);
    let kinds = heard.iter().map(|frame| match frame["event"].as_str() {
        Some(event) => event,
        None => frame["error"]["code"].as_str().unwrap(),
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, ["joined", "room_closed", "not_in"]);
}
