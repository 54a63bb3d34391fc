use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use crate::chat::person::{Heard, Person};
use crate::chat::venue::Venue;

/// A program with a connection, that asks in JSON frames and checks every frame that comes back.
pub(in crate::chat) struct Program {
    pub(in crate::chat) person: Person,
    /// How many requests it has made; their ids are counted.
    asked: i64,
    /// What happened before an answer came, and has not been looked at.
    events: VecDeque<Value>,
}

/// What one is told with the welcome.
#[derive(Debug)]
pub(in crate::chat) struct Welcome {
    pub(in crate::chat) nick: String,
    pub(in crate::chat) token: String,
    pub(in crate::chat) resumed: bool,
    pub(in crate::chat) rooms: Vec<String>,
}

impl Program {
    pub(in crate::chat) fn new(person: Person) -> Self {
        Self {
            person,
            asked: 0,
            events: VecDeque::new(),
        }
    }

    /// Sends a frame as it is.
    pub(in crate::chat) async fn says(&mut self, frame: &Value) {
        self.person.says(&frame.to_string()).await;
    }

    /// Sends a request, and returns the id under which the answer will come.
    pub(in crate::chat) async fn requests(&mut self, op: &str, fields: Value) -> Value {
        let request = self.request(op, fields);
        self.says(&request).await;
        request["id"].clone()
    }

    /// A request with an id of its own.
    pub(in crate::chat) fn request(&mut self, op: &str, mut fields: Value) -> Value {
        self.asked += 1;
        fields["id"] = self.asked.into();
        fields["op"] = op.into();
        fields
    }

    /// Asks, and returns what is in the `ok`. Events that come first are kept for later.
    #[track_caller]
    pub(in crate::chat) fn asks(
        &mut self,
        op: &str,
        fields: Value,
    ) -> impl Future<Output = Value> + '_ {
        let caller = std::panic::Location::caller();
        let request = self.request(op, fields);
        async move {
            self.says(&request).await;
            let mut answer = self.answer(&request["id"]).await;
            let ok = answer["ok"].take();
            let name = &self.person.name;
            assert!(ok.is_object(), "{name} asks {request}, {answer} ({caller})");
            ok
        }
    }

    /// Asks what it is not granted, and returns the code of the error.
    #[track_caller]
    pub(in crate::chat) fn is_refused(
        &mut self,
        op: &str,
        fields: Value,
    ) -> impl Future<Output = String> + '_ {
        let caller = std::panic::Location::caller();
        let request = self.request(op, fields);
        async move {
            self.says(&request).await;
            let answer = self.answer(&request["id"]).await;
            let code = answer["error"]["code"].as_str();
            let name = &self.person.name;
            code.unwrap_or_else(|| panic!("{name} asks {request}, {answer} ({caller})"))
                .to_owned()
        }
    }

    /// The answer to a request. Events that come first are kept for later.
    pub(in crate::chat) async fn answer(&mut self, id: &Value) -> Value {
        loop {
            let frame = self.frame().await;
            if frame.get("event").is_some() {
                self.events.push_back(frame);
                continue;
            }
            assert_eq!(frame["id"], *id, "{} hears {frame}", self.person.name);
            return frame;
        }
    }

    /// The next event.
    pub(in crate::chat) async fn event(&mut self) -> Value {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        let frame = self.frame().await;
        let is_event = frame.get("event").is_some();
        let name = &self.person.name;
        assert!(is_event, "{name} waits for an event, and hears {frame}");
        frame
    }

    /// The next frame is this one. The time of an event is checked to be one and not compared.
    #[track_caller]
    pub(in crate::chat) fn hears(&mut self, expected: Value) -> impl Future<Output = ()> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let frame = match self.events.pop_front() {
                Some(event) => event,
                None => self.frame().await,
            };
            let name = &self.person.name;
            let frame = without_time(frame);
            assert_eq!(frame, expected, "what {name} hears ({caller})");
        }
    }

    /// The next frames are these.
    #[track_caller]
    pub(in crate::chat) fn hears_all(
        &mut self,
        expected: impl IntoIterator<Item = Value>,
    ) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for expected in expected {
                let frame = match self.events.pop_front() {
                    Some(event) => event,
                    None => self.frame().await,
                };
                let name = &self.person.name;
                let frame = without_time(frame);
                assert_eq!(frame, expected, "what {name} hears ({caller})");
            }
        }
    }

    /// The server has handled everything asked so far, and there is nothing to hear of it.
    #[track_caller]
    pub(in crate::chat) fn hears_nothing_more(&mut self) -> impl Future<Output = ()> + '_ {
        let caller = std::panic::Location::caller();
        let ping = self.request("ping", json!({}));
        async move {
            self.says(&ping).await;
            self.answer(&ping["id"]).await;
            let (name, events) = (&self.person.name, &self.events);
            assert!(events.is_empty(), "{name} hears {events:?} ({caller})");
        }
    }

    /// Whatever has happened; returns when the server has handled everything asked so far.
    pub(in crate::chat) async fn catches_up(&mut self) -> Vec<Value> {
        let ping = self.requests("ping", json!({})).await;
        self.answer(&ping).await;
        self.events.drain(..).collect()
    }

    /// Nothing comes but the last frame, with this code, and the end.
    pub(in crate::chat) async fn is_sent_away(&mut self, code: &str) {
        let closing = self.event().await;
        let name = &self.person.name;
        assert_eq!(closing["event"], "closing", "{name} hears {closing}");
        assert_eq!(closing["code"], *code, "{name} hears {closing}");
        assert!(is_sentence(&closing["text"]), "{closing}");
        self.person.hears_the_end().await;
    }

    /// Says hello, and takes `nick`.
    pub(in crate::chat) async fn says_hello(&mut self, nick: &str) -> Welcome {
        let ok = self.asks("hello", json!({ "nick": nick })).await;
        Welcome::read(&ok)
    }

    /// Says hello with a token, and with the last numbers that were seen.
    pub(in crate::chat) async fn resumes(&mut self, token: &str, seen: &[(&str, u64)]) -> Welcome {
        let seen: BTreeMap<_, _> = seen.iter().copied().collect();
        let fields = json!({ "resume": token, "seen": seen });
        Welcome::read(&self.asks("hello", fields).await)
    }

    /// Enters a room, and has heard of it. Returns the number of the last message there.
    pub(in crate::chat) async fn joins(&mut self, room: &str) -> u64 {
        let joined = self.asks("join", json!({ "room": room })).await;
        let event = self.event().await;
        assert_eq!(event["event"], "joined", "{event}");
        joined["last"].as_u64().expect("a number")
    }

    /// Says something, and returns its number. It is heard by oneself as by everybody.
    pub(in crate::chat) async fn tells(&mut self, room: &str, text: &str) -> u64 {
        let said = self
            .asks("say", json!({ "room": room, "text": text }))
            .await;
        said["number"].as_u64().expect("a number")
    }

    /// The next frame, whatever it is, as long as the protocol knows it.
    pub(in crate::chat) async fn frame(&mut self) -> Value {
        match self.person.next().await {
            Heard::Line(line) => parsed(&line),
            other => panic!("{} waits for a frame: {other:?}", self.person.name),
        }
    }
}

impl Welcome {
    fn read(ok: &Value) -> Self {
        let text = |field: &str| ok[field].as_str().map(str::to_owned);
        let rooms = ok["rooms"].as_array().expect("rooms");
        let rooms = rooms.iter().map(|room| room.as_str().expect("a name"));
        assert!(ok["grace"].is_u64(), "{ok}");
        Self {
            nick: text("nick").expect("a nick"),
            token: text("token").expect("a token"),
            resumed: ok["resumed"].as_bool().expect("resumed or not"),
            rooms: rooms.map(Into::into).collect(),
        }
    }
}

impl Venue<'_> {
    /// A program that has said nothing yet.
    pub(in crate::chat) async fn silent_program(&self, name: &str) -> Program {
        Program::new(self.stranger(name).await)
    }

    /// A program with a nick, which is in these rooms and has heard of nobody but itself there.
    pub(in crate::chat) async fn program(&self, nick: &str, rooms: &[&str]) -> Program {
        self.welcomed_program(nick, rooms).await.0
    }

    /// The same with what it was told with the welcome.
    pub(in crate::chat) async fn welcomed_program(
        &self,
        nick: &str,
        rooms: &[&str],
    ) -> (Program, Welcome) {
        let mut program = self.silent_program(nick).await;
        let welcome = program.says_hello(nick).await;
        for room in rooms {
            program.joins(room).await;
        }
        (program, welcome)
    }

    /// A new connection that resumes a session.
    pub(in crate::chat) async fn resumed(&self, token: &str, seen: &[(&str, u64)]) -> Program {
        let mut program = self.silent_program("a program that comes back").await;
        let welcome = program.resumes(token, seen).await;
        assert!(welcome.resumed, "{welcome:?}");
        program.person.name = welcome.nick;
        program
    }
}

/// The event of a message, without its time.
pub(in crate::chat) fn message(room: &str, number: u64, from: &str, text: &str) -> Value {
    json!({
        "event": "message", "room": room, "number": number, "from": from, "kind": "say", "text": text,
    })
}

/// The event of somebody coming into a room.
pub(in crate::chat) fn joined(room: &str, nick: &str) -> Value {
    json!({ "event": "joined", "room": room, "nick": nick })
}

/// The event of messages that were missed.
pub(in crate::chat) fn missed(room: &str, first: u64, last: u64) -> Value {
    json!({ "event": "missed", "room": room, "first": first, "last": last, "presence": 0 })
}

/// Reads a line of the server, and checks that it is one of the three kinds of frames.
pub(in crate::chat) fn parsed(line: &str) -> Value {
    assert!(!line.ends_with('\r'), "a line ends in LF alone: {line:?}");
    let frame: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
    let fields = frame.as_object().expect("an object");
    let has = |field| fields.contains_key(field);
    if has("event") {
        assert!(!has("id") && !has("ok") && !has("error"), "{line}");
        check_event(&frame);
    } else if has("ok") {
        assert!(has("id") && frame["ok"].is_object(), "{line}");
        assert_eq!(fields.len(), 2, "{line}");
    } else {
        assert!(has("id") && is_sentence(&frame["error"]["text"]), "{line}");
        assert!(frame["error"]["code"].is_string(), "{line}");
    }
    frame
}

/// The fields that each event has, and no others.
fn check_event(event: &Value) {
    let name = event["event"].as_str().expect("a name");
    let fields: &[&str] = match name {
        "message" => &["room", "number", "from", "kind", "text", "time"],
        "private" => &["from", "to", "text", "time"],
        "joined" | "left" => &["room", "nick"],
        "quit" => &["room", "nick", "reason"],
        "renamed" => &["room", "from", "nick"],
        "topic" => &["room", "nick", "topic"],
        "kicked" => &["room", "nick", "reason"],
        "room_closed" => &["room", "reason"],
        "missed" => &["room", "first", "last", "presence"],
        "ping" => &[],
        "closing" => &["code", "text"],
        other => panic!("there is no event {other:?}"),
    };
    for field in fields {
        assert!(event.get(field).is_some(), "{field} is missing: {event}");
    }
    let count = event.as_object().map_or(0, serde_json::Map::len);
    assert_eq!(count, fields.len() + 1, "{event}");
    if let Some(time) = event.get("time") {
        assert!(is_time(time), "{event}");
    }
}

fn without_time(mut frame: Value) -> Value {
    if let Some(fields) = frame.as_object_mut() {
        fields.remove("time");
    }
    frame
}

/// `2026-03-14T15:09:26.535Z`, and nothing else.
fn is_time(time: &Value) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    let time = time.as_str().unwrap_or_default().as_bytes();
    time.len() == FORM.len()
        && time.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
}

fn is_sentence(text: &Value) -> bool {
    let text = text.as_str().unwrap_or_default();
    !text.is_empty() && !text.contains(char::is_control)
}
