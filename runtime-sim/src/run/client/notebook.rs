//! What a program writes and remembers that speaks JSON, and what it checks by itself: that each request
//! gets one answer, in order, and that it sees the numbers of each room without a hole that is not announced.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Words, nick};
use crate::model::{Model, Promise, folded};
use crate::plan::Action;
use crate::random::Random;

/// How much a program says again at most that had no answer.
const MOST_UNANSWERED: usize = 32;

/// What a program knows, on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Notebook {
    requests: u64,
    /// What has no answer yet, with the id that it was given.
    outstanding: VecDeque<(Value, Asked)>,
    greeting: Greeting,
    token: Option<String>,
    /// What it is called.
    nick: String,
    /// Whether the session of the token was given up.
    pub(super) token_is_stale: bool,
    /// The nick it had in mind is somebody else's.
    nick_is_taken: bool,
    /// The rooms it is in, and the last number that it knows of in each.
    rooms: BTreeMap<String, Option<u64>>,
    /// How many names it has given to what it said, by room.
    names: BTreeMap<String, u64>,
    /// The last name whose answer it knows, by room.
    settled: BTreeMap<String, String>,
    /// What has to be said again.
    unanswered: Vec<Saying>,
    last: Option<Saying>,
    /// Whether another connection has taken the session.
    pub(super) given_up: bool,
    partial: Vec<u8>,
    /// Whether what comes may be for the person that the server has taken it for.
    may_be_mistaken: bool,
    /// Whether it may even be in text.
    may_be_text: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Greeting {
    #[default]
    Missing,
    Sent,
    Answered,
}

/// What a request is about.
#[derive(Clone, Debug)]
enum Asked {
    Hello,
    Join(String),
    Leave(String),
    Nick,
    Say(Saying),
    Anything,
}

/// Something said to a room.
#[derive(Clone, Debug)]
struct Saying {
    room: String,
    text: String,
    kind: &'static str,
    name: Option<String>,
    settled: Option<String>,
    /// Whether it was said before, with or without an answer.
    again: bool,
}

/// What a program looks at of a frame: an event, if that is there, and otherwise an answer.
#[derive(Debug, Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    nick: Option<Cow<'a, str>>,
    number: Option<u64>,
    first: Option<u64>,
    last: Option<u64>,
    #[serde(default)]
    id: Value,
    #[serde(borrow, default)]
    ok: Granted<'a>,
    #[serde(borrow)]
    error: Option<Refused<'a>>,
}

/// What an answer grants. What histories and lists hold is for the model to judge.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Granted<'a> {
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    nick: Option<Cow<'a, str>>,
    resumed: Option<bool>,
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    rooms: Value,
    last: Option<u64>,
    number: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Refused<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Notebook {
    /// What is known on the next connection, to a server that `detects` what is spoken or does not need to.
    pub(super) fn next(&self, detects: bool) -> Self {
        let outstanding = self
            .outstanding
            .iter()
            .filter_map(|(_, asked)| match asked {
                Asked::Say(saying) if saying.name.is_some() => Some(Saying {
                    again: true,
                    ..saying.clone()
                }),
                _ => None,
            });
        let unanswered = self.unanswered.iter().cloned().chain(outstanding);
        let mut unanswered: Vec<_> = unanswered.collect();
        // What is older than that it will never know.
        unanswered.drain(..unanswered.len().saturating_sub(MOST_UNANSWERED));
        let mut rooms = self.rooms.clone();
        for (_, asked) in &self.outstanding {
            // It may have been in again, and the numbers may have begun anew.
            if let Asked::Join(room) = asked
                && let Some(last) = rooms.get_mut(room)
            {
                *last = None;
            }
        }
        Self {
            rooms,
            greeting: Greeting::Missing,
            outstanding: VecDeque::new(),
            partial: Vec::new(),
            may_be_mistaken: detects,
            may_be_text: detects,
            unanswered,
            ..self.clone()
        }
    }

    /// Whether there is a session to come back to.
    pub(super) fn has_session(&self) -> bool {
        self.token.is_some()
    }

    /// What to say at first, unless it was said: comes back where it can, with what had no answer.
    pub(super) fn greets(&mut self, client: u32, random: &mut Random, model: &mut Model) -> String {
        if self.greeting != Greeting::Missing {
            return String::new();
        }
        self.greeting = Greeting::Sent;
        let Some(token) = self.token.clone() else {
            // Another session knows nothing of this.
            self.unanswered.clear();
            self.last = None;
            self.settled.clear();
            let mut hello = json!({ "op": "hello" });
            if !self.nick_is_taken && random.below(2) == 0 {
                hello["nick"] = nick(client).into();
            }
            let mut text = self.request(hello, Asked::Hello);
            text += &self.joins("general");
            return text;
        };
        // Now and then it has forgotten something.
        let mut seen = serde_json::Map::new();
        for (room, last) in &mut self.rooms {
            match random.below(8) {
                0 => *last = None,
                1 => *last = last.map(|last| last.saturating_sub(random.below(5))),
                _ => {}
            }
            if let Some(last) = *last {
                seen.insert(room.clone(), last.into());
            }
        }
        let hello = json!({ "op": "hello", "resume": token, "seen": seen });
        let mut text = self.request(hello, Asked::Hello);
        for saying in std::mem::take(&mut self.unanswered) {
            model.says_again();
            model.ledger.retried(&saying.text);
            text += &self.says(saying);
        }
        text
    }

    /// The requests for an action, each with its end.
    pub(super) fn requests(
        &mut self,
        action: Action,
        words: &mut Words,
        random: &mut Random,
        model: &mut Model,
    ) -> String {
        let times = |times: u32| 0..times;
        match action {
            Action::Say(len) => self.says_something("say", len, words, random),
            Action::Act(len) => self.says_something("action", len, words, random),
            Action::Burst(count, len) => times(count)
                .map(|_| self.says_something("say", len, words, random))
                .collect(),
            Action::Again => match self.last.clone() {
                Some(saying) => {
                    model.ledger.retried(&saying.text);
                    self.says(saying)
                }
                None => self.says_something("say", 10, words, random),
            },
            Action::Private(to, len) => self.asks(json!({
                "op": "message", "to": nick(to), "text": words.text(len),
            })),
            Action::Join(room) => self.joins(&super::room(room)),
            Action::Leave(room) => self.leaves(&super::room(room)),
            Action::Hop(count) => times(count)
                .map(|_| self.joins("room0") + &self.leaves("room0"))
                .collect(),
            Action::Nick(number) => {
                let rename = json!({ "op": "nick", "nick": nick(number) });
                self.request(rename, Asked::Nick)
            }
            Action::Topic(len) => {
                let room = self.some_room(random);
                let text = match random.below(4) {
                    0 => Value::Null,
                    _ if len == 0 => "".into(),
                    _ => words.text(len).into(),
                };
                self.asks(json!({ "op": "topic", "room": room, "text": text }))
            }
            Action::Who => {
                let room = self.some_room(random);
                self.asks(json!({ "op": "who", "room": room }))
            }
            Action::Rooms => self.asks(json!({ "op": "rooms" })),
            Action::History(count) => {
                let room = self.some_room(random);
                let range = ["limit", "before", "after"][super::count(count) % 3];
                let mut history = json!({ "op": "history", "room": room, "limit": count });
                history[range] = count.into();
                self.asks(history)
            }
            Action::Recall(count) => times(count)
                .map(|_| {
                    let room = self.some_room(random);
                    self.asks(json!({ "op": "history", "room": room }))
                })
                .collect(),
            Action::Help(count) => times(count)
                .map(|_| self.asks(json!({ "op": "ping" })))
                .collect(),
            Action::Quit(len) => {
                let text = (len > 0).then(|| words.text(len));
                if random.below(2) == 0 {
                    self.token = None;
                }
                self.token_is_stale = true;
                self.asks(json!({ "op": "quit", "text": text }))
            }
            Action::Odd(which) => self.asks_something_odd(which),
            _ => String::new(),
        }
    }

    /// Notes that a line is sent that is no request, and is to be refused.
    pub(super) fn sends_rubbish(&mut self) {
        self.outstanding.push_back((Value::Null, Asked::Anything));
    }

    fn joins(&mut self, room: &str) -> String {
        let bare = room.strip_prefix('#').unwrap_or(room);
        let join = json!({ "op": "join", "room": room });
        self.request(join, Asked::Join(folded(bare)))
    }

    fn leaves(&mut self, room: &str) -> String {
        let bare = room.strip_prefix('#').unwrap_or(room);
        let leave = json!({ "op": "leave", "room": room });
        self.request(leave, Asked::Leave(folded(bare)))
    }

    fn says_something(
        &mut self,
        kind: &'static str,
        len: u32,
        words: &mut Words,
        random: &mut Random,
    ) -> String {
        let room = self.some_room(random);
        let name = (random.below(4) > 0).then(|| {
            let names = self.names.entry(room.clone()).or_default();
            *names += 1;
            format!("m{names}")
        });
        let text = words.whole_text(len);
        // Nothing may be settled that is being said again.
        let is_again = |asked: &Asked| matches!(asked, Asked::Say(saying) if saying.again);
        let mut outstanding = self.outstanding.iter();
        let repeats = outstanding.any(|(_, asked)| is_again(asked)) || !self.unanswered.is_empty();
        let settled = match random.below(8) {
            0 if !repeats => self.settled.remove(&room),
            _ => None,
        };
        self.says(Saying {
            room,
            text,
            kind,
            name,
            settled,
            again: false,
        })
    }

    fn says(&mut self, saying: Saying) -> String {
        let say = json!({
            "op": "say",
            "room": saying.room,
            "text": saying.text,
            "kind": saying.kind,
            "client_id": saying.name,
            "settled": saying.settled,
        });
        self.last = Some(Saying {
            again: true,
            ..saying.clone()
        });
        self.request(say, Asked::Say(saying))
    }

    fn asks(&mut self, request: Value) -> String {
        self.request(request, Asked::Anything)
    }

    fn asks_something_odd(&mut self, which: u32) -> String {
        let odd = match which % 11 {
            0 => json!({ "op": "dance" }),
            1 => json!({ "op": "say", "room": "general" }),
            2 => json!({ "op": "say", "room": 7, "text": "hello" }),
            3 => json!({ "op": "nick", "nick": "4ever" }),
            4 => json!({ "op": "join", "room": "a room" }),
            5 => json!({ "op": "say", "room": "general", "text": "" }),
            6 => json!({ "op": "say", "room": "nowhere", "text": "hello" }),
            7 => json!({ "op": "history", "room": "general", "before": 3, "after": 2 }),
            8 => json!({ "op": "say", "room": "general", "text": "la", "kind": "sing" }),
            9 => return self.request(json!({ "op": "hello", "resume": "me" }), Asked::Hello),
            _ => {
                self.sends_rubbish();
                return "{\"op\":\"ping\"}\n".into();
            }
        };
        self.asks(odd)
    }

    fn request(&mut self, mut request: Value, asked: Asked) -> String {
        self.requests += 1;
        // Some programs count, some name.
        let id: Value = match self.requests % 3 {
            0 => format!("r{}", self.requests).into(),
            _ => self.requests.into(),
        };
        request["id"] = id.clone();
        self.outstanding.push_back((id, asked));
        // Faster than its `Display`.
        let mut line = serde_json::to_string(&request).unwrap_or_default();
        line.push('\n');
        line
    }

    fn some_room(&self, random: &mut Random) -> String {
        let rooms: Vec<_> = self.rooms.keys().collect();
        match rooms.is_empty() {
            true => "general".into(),
            false => rooms[random.index(rooms.len())].clone(),
        }
    }

    /// Takes what has come from the server.
    pub(super) fn hears(&mut self, bytes: &[u8], model: &mut Model) {
        let mut heard = std::mem::take(&mut self.partial);
        heard.extend_from_slice(bytes);
        let mut done = 0;
        for end in memchr::memchr_iter(b'\n', &heard) {
            self.hears_line(&heard[done..end], model);
            done = end + 1;
        }
        heard.drain(..done);
        self.partial = heard;
    }

    fn hears_line(&mut self, line: &[u8], model: &mut Model) {
        self.may_be_text &= line.first() != Some(&b'{');
        if self.may_be_text {
            return;
        }
        match serde_json::from_slice::<Heard<'_>>(line) {
            Ok(heard) if heard.event.is_some() => {
                if !self.may_be_mistaken {
                    self.hears_event(&heard, line, model);
                }
            }
            Ok(heard) => {
                self.may_be_mistaken = false;
                self.hears_answer(heard, line, model);
            }
            Err(error) => {
                let detail = format!("{} is no frame: {error}", text(line));
                model.breaks(Promise::Answers, detail);
            }
        }
    }

    fn hears_event(&mut self, heard: &Heard<'_>, line: &[u8], model: &mut Model) {
        let (first, last) = match heard.event.as_deref() {
            Some("message") => (heard.number, heard.number),
            Some("missed") => (heard.first, heard.last),
            Some("kicked") => {
                let nick = heard.nick.as_deref().unwrap_or_default();
                if folded(nick) == folded(&self.nick) {
                    let room = folded(heard.room.as_deref().unwrap_or_default());
                    self.rooms.remove(&room);
                }
                return;
            }
            Some("room_closed") => {
                let room = folded(heard.room.as_deref().unwrap_or_default());
                if self.rooms.remove(&room).is_none() {
                    let detail = format!("{} is about a room that it is not in", text(line));
                    model.breaks(Promise::Numbers, detail);
                }
                return;
            }
            _ => return,
        };
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        let room = folded(heard.room.as_deref().unwrap_or_default());
        match self.rooms.get_mut(&room) {
            Some(Some(known)) if *known + 1 != first => {
                let detail = format!("{} comes after number {known}", text(line));
                model.breaks(Promise::Numbers, detail);
            }
            Some(known) => *known = Some(last),
            None => {
                let detail = format!("{} comes from a room that it is not in", text(line));
                model.breaks(Promise::Numbers, detail);
            }
        }
    }

    fn hears_answer(&mut self, heard: Heard<'_>, line: &[u8], model: &mut Model) {
        let Some((id, asked)) = self.outstanding.pop_front() else {
            let detail = format!("{} answers nothing", text(line));
            return model.breaks(Promise::Answers, detail);
        };
        if id != heard.id {
            let detail = format!("{} comes where request {id} was to be answered", text(line));
            return model.breaks(Promise::Answers, detail);
        }
        let code = heard.error.as_ref().map(|error| &*error.code);
        match asked {
            Asked::Hello => match code {
                None => self.is_welcomed(&heard.ok),
                Some(code) => self.is_not_welcomed(code),
            },
            Asked::Nick if code.is_none() => {
                self.nick = heard.ok.nick.as_deref().unwrap_or_default().into();
            }
            Asked::Join(_) if code.is_none() => {
                let room = folded(heard.ok.room.as_deref().unwrap_or_default());
                self.rooms.insert(room, heard.ok.last);
            }
            Asked::Leave(room) if code.is_none() => {
                self.rooms.remove(&room);
            }
            // What another connection says after it has the session counts.
            Asked::Say(saying) if saying.name.is_some() && !self.given_up => match code {
                None => {
                    let number = heard.ok.number.unwrap_or(0);
                    model
                        .ledger
                        .acknowledged(&saying.room, &saying.text, number);
                    self.settled.extend(Some(saying.room).zip(saying.name));
                }
                // The first time may have been another answer.
                Some(_) if !saying.again => model.ledger.refused(&saying.text),
                Some(_) => {}
            },
            _ => {}
        }
    }

    fn is_welcomed(&mut self, ok: &Granted<'_>) {
        self.greeting = Greeting::Answered;
        self.token = ok.token.as_deref().map(Into::into);
        self.token_is_stale = false;
        self.nick = ok.nick.as_deref().unwrap_or_default().into();
        if ok.resumed == Some(false) {
            self.last = None;
        }
        let rooms = ok.rooms.as_array();
        let rooms = rooms.into_iter().flatten().filter_map(Value::as_str);
        let known = std::mem::take(&mut self.rooms);
        self.rooms = rooms
            .map(|room| {
                let room = folded(room);
                let last = known.get(&room).copied().flatten();
                (room, last)
            })
            .collect();
    }

    fn is_not_welcomed(&mut self, code: &str) {
        match code {
            "hello_again" => return,
            "not_resumable" => {
                self.token = None;
                self.token_is_stale = false;
                self.rooms.clear();
                self.last = None;
            }
            "nick_taken" => self.nick_is_taken = true,
            _ => {}
        }
        self.greeting = Greeting::Missing;
    }
}

/// A line, for people.
fn text(line: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(line))
}
