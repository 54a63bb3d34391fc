//! Plays a conversation: a hub, real connections, and time that is moved by hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::coverage::Coverage;
use super::house::House;
use super::script::{Example, Step};
use crate::connection::{ConnectionConfig, serve_connection_with};
use crate::event::CloseReason;
use crate::hub::{Hub, SlowConsumer};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::protocol::{DetectProtocol, JsonProtocol, Protocol, TextProtocol};
use crate::runtime::{Runtime, RuntimeExt, Sleep, Spawn, Timer};
use crate::session::SessionHandle;
use crate::testing::{TestRuntime, TestStream, at_any_rate, at_once, duplex};

pub(super) struct Stage {
    json: bool,
    /// Whether the first byte decides on the protocol.
    both: bool,
    time: TestRuntime,
    runtime: Arc<dyn Runtime>,
    hub: Hub,
    connections: ConnectionConfig,
    clients: BTreeMap<String, Client>,
    /// The room that each client was put into first.
    homes: BTreeMap<String, String>,
    /// What somebody sends in one go.
    unsent: Option<(String, String)>,
}

struct Client {
    peer: TestStream,
    handle: SessionHandle,
    heard: VecDeque<String>,
}

/// The virtual time, at a day that looks well in an example.
struct Daytime {
    time: TestRuntime,
    started: Instant,
}

impl Stage {
    pub(super) fn play(example: &Example, coverage: &mut Coverage) {
        coverage.begin();
        let mut stage = Self::set_up(example);
        let mut listeners = BTreeSet::new();
        for (at, step) in &example.steps {
            match step {
                Step::Sends { who, line } => {
                    if stage.json {
                        coverage.sent(who, line);
                    }
                    stage.sends(who, line);
                }
                Step::Happens(what) => stage.happens(what, *at),
                Step::Gets { who, line } => {
                    listeners.insert(who);
                    stage.deliver();
                    let heard = stage.client(who).heard.pop_front();
                    let heard =
                        heard.unwrap_or_else(|| panic!("line {at}: {who} gets nothing any more"));
                    if stage.json {
                        let mut expected = parse(line, *at);
                        let frame = parse(&heard, *at);
                        if expected["error"]["text"] == "…" {
                            expected["error"]["text"] = frame["error"]["text"].clone();
                        }
                        assert_eq!(frame, expected, "line {at}: {who} gets {heard}");
                        coverage.heard(who, &frame);
                    } else {
                        assert_eq!(heard, *line, "line {at}");
                    }
                }
            }
        }
        stage.deliver();
        let end = example.steps.last().unwrap().0;
        for who in listeners {
            let more = &stage.client(who).heard;
            assert!(
                more.is_empty(),
                "line {end}: {who} gets more after it: {more:?}"
            );
        }
    }

    fn set_up(example: &Example) -> Self {
        let mut hub = at_once();
        let mut connections = at_any_rate();
        let mut house = House::default();
        let mut both = false;
        let mut acts = Vec::new();
        for (at, step) in &example.setup {
            let Step::Happens(what) = step else {
                acts.push((*at, step.clone()));
                continue;
            };
            let count = || what.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
            match what.split_once(' ').unwrap().0 {
                "outbox" => hub.outbox.messages = count(),
                "memory" => hub.room_memory.messages = count(),
                "rooms" => hub.max_rooms = count(),
                "seats" => hub.max_members_per_room = count(),
                "slow" => hub.outbox.slow_consumer = SlowConsumer::Disconnect,
                "rate" => connections.rate_limit = what.split(' ').nth(1).unwrap().parse().ok(),
                "no" => hub.max_memory = 0,
                "both" => both = true,
                "closed" => house.closed = true,
                _ => acts.push((*at, step.clone())),
            }
        }
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(Daytime {
            started: time.now(),
            time: time.clone(),
        });
        let mut stage = Self {
            json: example.json,
            both,
            hub: Hub::with_token_source(runtime.clone(), hub, Arc::new(house), token_bits()),
            runtime,
            time,
            connections,
            clients: BTreeMap::new(),
            homes: BTreeMap::new(),
            unsent: None,
        };
        for (at, step) in acts {
            match step {
                Step::Sends { who, line } => stage.sends(&who, &line),
                Step::Happens(what) => stage.happens(&what, at),
                Step::Gets { .. } => panic!("line {at}: nobody listens yet"),
            }
            stage.deliver();
            stage
                .clients
                .values_mut()
                .for_each(|client| client.heard.clear());
        }
        stage
    }

    fn sends(&mut self, who: &str, line: &str) {
        if self
            .unsent
            .as_ref()
            .is_some_and(|(sender, _)| sender != who)
        {
            self.deliver();
        }
        let (_, unsent) = self
            .unsent
            .get_or_insert_with(|| (who.into(), String::new()));
        *unsent += line;
        unsent.push('\n');
    }

    /// Lets everything that was sent arrive, and everything that came of it.
    fn deliver(&mut self) {
        if let Some((who, unsent)) = self.unsent.take() {
            self.client(&who).peer.send(unsent);
        }
        self.time.run();
        for client in self.clients.values_mut() {
            let heard = client.peer.receive();
            assert!(heard.is_empty() || heard.ends_with('\n'), "{heard:?}");
            client.heard.extend(heard.lines().map(Into::into));
        }
        self.time.run();
    }

    /// A client, who connects now if need be.
    fn client(&mut self, who: &str) -> &mut Client {
        if !self.clients.contains_key(who) {
            let client = match (self.both, self.json) {
                (true, _) => self.serve(DetectProtocol::default()),
                (false, true) => self.serve(JsonProtocol::default()),
                (false, false) => self.serve(TextProtocol::default()),
            };
            self.clients.insert(who.into(), client);
            self.time.run();
        }
        self.clients.get_mut(who).unwrap()
    }

    fn serve(&self, protocol: impl Protocol + Send + 'static) -> Client {
        let (peer, stream) = duplex(16 * 1024 * 1024);
        let config = self.connections.clone();
        let connection = serve_connection_with(stream, protocol, &self.hub, &self.runtime, config);
        let handle = connection.handle();
        self.runtime.spawn(connection).detach();
        Client {
            peer,
            handle,
            heard: VecDeque::new(),
        }
    }

    fn happens(&mut self, what: &str, at: usize) {
        self.deliver();
        let numbers: Vec<usize> = what
            .split(|c: char| !c.is_ascii_digit() && c != ',')
            .filter_map(|number| number.replace(',', "").parse().ok())
            .collect();
        let words: Vec<_> = what.split(' ').collect();
        match *words {
            [who, "connects"] => _ = self.client(who),
            ["the", "client", "connects"] => _ = self.client("alice"),
            [who, "is", "here"] => self.introduce(who),
            [who, "in", ref rooms @ ..] => {
                self.introduce(who);
                self.homes.insert(who.into(), rooms[0].into());
                for room in rooms {
                    let join = match self.json {
                        true => json!({"id": 0, "op": "join", "room": room}).to_string(),
                        false => format!("/join {room}"),
                    };
                    self.sends(who, &join);
                }
            }
            [_, "guests", "came", "and", "went"] => {
                for guest in 0..numbers[0] {
                    self.client(&guest.to_string());
                    self.clients.remove(&guest.to_string());
                    self.time.run();
                }
            }
            [_, "milliseconds", "pass"] => {
                self.time.advance(Duration::from_millis(numbers[0] as u64));
            }
            [_, "seconds", "pass"] => self.time.advance(Duration::from_secs(numbers[0] as u64)),
            [_, "minutes", "pass"] => self
                .time
                .advance(Duration::from_secs(60 * numbers[0] as u64)),
            ["the", "connection", "is", "lost"] => self.lose("alice"),
            [who, "loses", "the", "connection"] => self.lose(who),
            ["the", "client", "closes", ..] => self.client("alice").peer.end(),
            ["the", "server", "closes"] => {
                let alice = self.client("alice");
                assert!(alice.peer.is_ended(), "line {at}: it does not");
            }
            ["the", "server", "says", ref text @ .., "in", room] => {
                let text = Body::parse(&text.join(" ")).unwrap();
                let room = RoomName::parse(room).unwrap();
                self.hub.publish(&room, MessageKind::Say, text).unwrap();
            }
            ["the", "server", "kicks", who, "out", "of", room] => {
                let (room, who) = (RoomName::parse(room).unwrap(), Nick::parse(who).unwrap());
                self.hub.kick(&room, &who, None).unwrap();
            }
            ["the", "server", "closes", "the", "room", room, ref why @ ..] => {
                let room = RoomName::parse(room).unwrap();
                self.hub.close_room(&room, because(why)).unwrap();
            }
            ["the", "server", "removes", who, ref why @ ..] => {
                let who = Nick::parse(who).unwrap();
                self.hub.disconnect(&who, because(why)).unwrap();
            }
            ["the", "server", "stops"] => {
                for client in self.clients.values() {
                    client.handle.close(CloseReason::Shutdown);
                }
            }
            [who, "says", "message", "number", _, "to", _, "at", "once"] => {
                for number in numbers[0]..=numbers[1] {
                    self.says(who, &format!("message number {number}"), json!(null));
                }
            }
            [who, "says", _, "messages"] => {
                for number in 1..=numbers[0] {
                    self.says(who, &format!("message number {number}"), json!(null));
                    self.deliver();
                }
            }
            [who, "says", _, "messages", "with", "ids"] => {
                for number in 1..=numbers[0] {
                    self.says(who, "again", json!(format!("m-{number}")));
                    self.deliver();
                }
                self.client(who).heard.clear();
            }
            ["a", "line", "of", _, "bytes"] => self.sends("alice", &"x".repeat(numbers[0])),
            ["the", "server", "is", "full"] => {
                self.refuse(CloseReason::ServerFull { limit: 10_000 });
            }
            ["the", "address", "is", "full"] => self.refuse(CloseReason::AddressFull { limit: 4 }),
            ["the", "address", "connects", "too", "fast"] => {
                self.refuse(CloseReason::ConnectingTooFast);
            }
            ["the", "client", "takes", "nothing", "for", ..] => {
                self.refuse(CloseReason::Stalled(Duration::from_secs(5 * 60)));
            }
            _ => panic!("line {at}: what is {what:?}?"),
        }
        self.deliver();
    }

    fn introduce(&mut self, who: &str) {
        let hello = match self.json {
            true => json!({"id": 0, "op": "hello", "nick": who}).to_string(),
            false => format!("/nick {who}"),
        };
        self.sends(who, &hello);
    }

    fn says(&mut self, who: &str, text: &str, client_id: Value) {
        let say = match self.json {
            true => {
                let room = self.homes[who].as_str();
                json!({"id": 0, "op": "say", "room": room, "text": text, "client_id": client_id})
                    .to_string()
            }
            false => text.into(),
        };
        self.sends(who, &say);
    }

    fn lose(&mut self, who: &str) {
        self.client(who).peer.reset();
        self.time.run();
        self.clients.remove(who);
    }

    /// What the server says to somebody whom it turns away.
    fn refuse(&mut self, reason: CloseReason) {
        let mut last_words = Vec::new();
        match self.json {
            true => JsonProtocol::default().farewell(&reason, &mut last_words),
            false => TextProtocol::default().farewell(&reason, &mut last_words),
        }
        let last_words = String::from_utf8(last_words).unwrap();
        let heard = &mut self.client("alice").heard;
        heard.extend(last_words.lines().map(Into::into));
    }
}

impl Spawn for Daytime {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.time.spawn_detached(future);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        self.time.spawn_blocking_detached(work);
    }
}

impl Timer for Daytime {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn wall_clock(&self) -> SystemTime {
        // 2026-03-14T15:09:26.535Z
        const THEN: Duration = Duration::from_millis(1_773_500_966_535);
        SystemTime::UNIX_EPOCH + THEN + (self.now() - self.started)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.time.sleep_until(deadline)
    }
}

/// The reason in `because of …`, if there is one.
fn because(words: &[&str]) -> Option<Body> {
    let reason = words.strip_prefix(&["because", "of"])?;
    Some(Body::parse(&reason.join(" ")).unwrap())
}

fn parse(line: &str, at: usize) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("line {at}: {line:?}: {error}"))
}

/// The same tokens in every example.
fn token_bits() -> impl Fn() -> Option<u128> + Send + Sync {
    const FIRST: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;
    let last = std::sync::Mutex::new(0_u128);
    move || {
        let mut last = last.lock().unwrap();
        *last = last.wrapping_add(FIRST);
        Some(*last)
    }
}
