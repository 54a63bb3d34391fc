//! The JSON protocol as `docs/PROTOCOL.md` has it: requests in, answers out.

use chat_core::event::CloseReason;
use chat_core::hub::HubError;
use chat_core::message::Body;
use chat_core::name::{Nick, RoomName};
use chat_core::protocol::{Flow, JsonProtocol};
use serde_json::Value;

use super::outbox::RoomEvent;
use super::session::{ALREADY_IN, Refusal, SessionId, refusal};
use super::sometimes::Sort;
use super::telling::{bare, or_null, quoted};
use super::{Id, Line, Model, folded, line};

/// Stands for any text in what the model expects: words that the protocol leaves open.
pub(super) const ANY_TEXT: u8 = 0;

const ANY: &str = "\0";

/// What a request asks to come back to.
pub(super) struct Resume {
    pub(super) request: String,
    pub(super) token: Option<u128>,
    pub(super) seen: Vec<(String, u64)>,
}

/// How a request ends, when it is no refusal.
enum Answer {
    Ok(String),
    Quit,
}

impl Model {
    /// The server handles a line of a program, or one that was too long. Returns what that means for the
    /// connection.
    pub(super) fn handles_json(&mut self, id: Id, text: Option<&[u8]>) -> Flow {
        let Some(text) = text else {
            self.sometimes.count(Sort::TooLong);
            let limit = JsonProtocol::MAX_LINE;
            let text =
                format!("a line has at most {limit} bytes; yours was longer and was dropped");
            self.answers(id, "null", Err(refusal("line_too_long", text)));
            return Flow::Continue;
        };
        if text.is_empty() {
            return Flow::Continue;
        }
        let (request, value) = match read(text) {
            Ok(read) => read,
            Err((request, refusal)) => {
                self.sometimes.count(Sort::BadRequest);
                self.answers(id, &request, Err(refusal));
                return Flow::Continue;
            }
        };
        match self.does(id, &value) {
            Ok(Answer::Ok(ok)) => {
                // Of the two lists whose length is other people's doing.
                let is_list = matches!(value["op"].as_str(), Some("rooms" | "who"));
                let len = granted(&request, &ok).len();
                match is_list.then(|| self.may_answer(len)) {
                    Some(Err(refusal)) => self.answers(id, &request, Err(refusal)),
                    _ => self.answers(id, &request, Ok(ok)),
                }
            }
            Ok(Answer::Quit) => {
                self.answers(id, &request, Ok("{}".into()));
                self.says_goodbye(id);
                return Flow::Close(CloseReason::Quit);
            }
            Err(refusal) => self.answers(id, &request, Err(refusal)),
        }
        Flow::Continue
    }

    /// The session that a line asks for, if it is one that does.
    pub(super) fn asks_for(&self, text: &[u8]) -> Option<Resume> {
        let (request, value) = read(text).ok()?;
        let token = value.get("resume")?.as_str()?;
        let seen = value.get("seen").and_then(Value::as_object);
        let seen = seen.into_iter().flatten().map(|(room, number)| {
            let room = room.strip_prefix('#').unwrap_or(room);
            (folded(room), number.as_u64().unwrap_or(0))
        });
        (value["op"] == "hello").then(|| Resume {
            request,
            token: u128::from_str_radix(token, 16).ok(),
            seen: seen.collect(),
        })
    }

    /// Which name of whom a message settles that is being decided about.
    pub(super) fn settling(&self, id: Id, text: &[u8]) -> Option<(SessionId, String, String)> {
        let (_, request) = read(text).ok()?;
        let (room, name) = (field(&request, "room")?, field(&request, "settled")?);
        let room = RoomName::parse(&room).ok()?;
        let says = request["op"] == "say";
        says.then_some((self.session_of(id)?, room.as_str().into(), name))
    }

    fn does(&mut self, id: Id, request: &Value) -> Result<Answer, Refusal> {
        let Some(who) = self.session_of(id) else {
            return Ok(Answer::Ok("{}".into()));
        };
        let registered = self.nick_of(who).is_some();
        let ok = |text: String| Ok(Answer::Ok(text));
        match request["op"].as_str().unwrap_or_default() {
            "hello" => return self.hears_hello(who, request).map(Answer::Ok),
            "ping" => return ok("{}".into()),
            "quit" => {
                let reason = text(request)?;
                let reason = self.last_words(reason.as_deref());
                self.quits(who, reason.as_deref());
                return Ok(Answer::Quit);
            }
            _ if !registered => return Err(refusal("hello_first", "say hello first")),
            "nick" => {
                let nick = nick(&need(request, "nick")?)?;
                self.objection()?;
                self.renames(who, &nick)?;
                return ok(format!("{{\"nick\":{}}}", quoted(&nick)));
            }
            "rooms" => return ok(self.lists_rooms()),
            "message" => {
                let to = nick(&need(request, "to")?)?;
                let text = needed_text(request)?;
                let words = self.rewrites(&text)?;
                self.says_privately(who, &to, &words)?;
                return ok("{}".into());
            }
            "join" | "leave" | "say" | "topic" | "who" | "history" => {}
            op => {
                let op: String = op.chars().take(32).collect();
                return Err(refusal("unknown_op", format!("there is no request {op:?}")));
            }
        }
        let room = need(request, "room")?;
        let room =
            RoomName::parse(&room).map_err(|error| refusal("bad_room", error.to_string()))?;
        let room = room.as_str();
        match request["op"].as_str().unwrap_or_default() {
            "join" => {
                if let Err(refusal) = self.joins(who, room, None)
                    && refusal.code != ALREADY_IN
                {
                    return Err(refusal);
                }
                ok(self.tells_of_joining(room))
            }
            "leave" => {
                self.leaves(who, room)?;
                ok("{}".into())
            }
            "say" => {
                let (name, settled) = (field(request, "client_id"), field(request, "settled"));
                let fits = |name: &String| (1..=64).contains(&name.len());
                if !settled.as_ref().is_none_or(fits) {
                    return Err(no_valid("settled"));
                }
                let action = match field(request, "kind").as_deref() {
                    None | Some("say") => false,
                    Some("action") => true,
                    Some(_) => return Err(no_valid("kind")),
                };
                let text = needed_text(request)?;
                if !name.as_ref().is_none_or(fits) {
                    return Err(no_valid("client_id"));
                }
                if let Some(settled) = settled {
                    self.settles(who, room, &settled);
                }
                let (number, duplicate) =
                    self.says_once(who, room, action, &text, name.as_deref())?;
                let room = self.spelled(who, room);
                ok(format!(
                    "{{\"room\":{room},\"number\":{number},\"duplicate\":{duplicate}}}"
                ))
            }
            "topic" => {
                let topic = match field(request, "text").as_deref() {
                    Some("") => Some(self.rewrites_topic(None)?),
                    _ => match text(request)? {
                        Some(topic) => Some(self.rewrites_topic(Some(&topic))?),
                        None => None,
                    },
                };
                if let Some(topic) = topic {
                    self.sets_topic(who, room, topic.as_deref())?;
                }
                self.seat(who, room)?;
                ok(self.tells_topic(room))
            }
            "who" => {
                self.seat(who, room)?;
                ok(self.lists_members(room))
            }
            _ => {
                let (before, after) = (request["before"].as_u64(), request["after"].as_u64());
                if before.is_some() && after.is_some() {
                    return Err(no_valid("after"));
                }
                let limit = request["limit"].as_u64().unwrap_or(100).min(100);
                self.seat(who, room)?;
                self.shows_history(room, before, after, limit)
                    .map(Answer::Ok)
            }
        }
    }

    fn hears_hello(&mut self, who: SessionId, request: &Value) -> Result<String, Refusal> {
        if self.nick_of(who).is_some() {
            return Err(refusal("hello_again", "you have said hello already"));
        }
        if field(request, "resume").is_some() {
            // One that could be a token is waited for, and does not come here.
            return Err(self.knows_no_session());
        }
        match field(request, "nick") {
            Some(name) => {
                let name = nick(&name)?;
                self.objection()?;
                self.renames(who, &name)?;
            }
            None => {
                self.objection()?;
                self.take_guest_nick(who);
            }
        }
        self.makes_resumable(who);
        Ok(self.welcome(who, false))
    }

    pub(super) fn knows_no_session(&mut self) -> Refusal {
        self.sometimes.count(Sort::NotResumable);
        refusal("not_resumable", HubError::NotResumable.to_string())
    }

    pub(super) fn welcome(&self, who: SessionId, resumed: bool) -> String {
        let Some(session) = self.sessions.get(&who) else {
            return "{}".into();
        };
        let rooms = session.rooms().map(|room| bare(&self.rooms.name(room)));
        let rooms: Vec<_> = rooms.collect();
        let token = session.token.map(|token| format!("{token:032x}"));
        format!(
            "{{\"nick\":{},\"token\":{},\"grace\":{},\"resumed\":{resumed},\"rooms\":[{}]}}",
            or_null(session.nick.as_deref()),
            or_null(token.as_deref()),
            self.limits.grace / 1_000_000_000,
            rooms.join(","),
        )
    }

    fn tells_of_joining(&self, room: &str) -> String {
        let Some(room) = self.rooms.rooms.get(&folded(room)) else {
            return "{}".into();
        };
        format!(
            "{{\"room\":{},\"members\":{},\"last\":{},\"topic\":{}}}",
            bare(&room.name),
            room.members.len(),
            room.last,
            or_null(room.topic.as_deref()),
        )
    }

    fn tells_topic(&self, room: &str) -> String {
        let Some(room) = self.rooms.rooms.get(&folded(room)) else {
            return "{}".into();
        };
        let topic = or_null(room.topic.as_deref());
        format!("{{\"room\":{},\"topic\":{topic}}}", bare(&room.name))
    }

    fn lists_rooms(&self) -> String {
        let rooms = self.rooms.occupied().map(|room| {
            let (name, members) = (bare(&room.name), room.members.len());
            format!("{{\"room\":{name},\"members\":{members}}}")
        });
        let rooms: Vec<_> = rooms.collect();
        format!("{{\"rooms\":[{}]}}", rooms.join(","))
    }

    fn lists_members(&self, room: &str) -> String {
        let Some(room) = self.rooms.rooms.get(&folded(room)) else {
            return "{}".into();
        };
        let members = room.members.iter().filter_map(|member| {
            let role = if member.operator {
                "operator"
            } else {
                "member"
            };
            Some((self.nick_of(member.session)?, role))
        });
        let mut members: Vec<_> = members.collect();
        members.sort_by_key(|(nick, _)| folded(nick));
        let members = members
            .iter()
            .map(|(nick, role)| format!("{{\"nick\":{},\"role\":\"{role}\"}}", quoted(nick)));
        let members: Vec<_> = members.collect();
        format!(
            "{{\"room\":{},\"members\":[{}]}}",
            bare(&room.name),
            members.join(",")
        )
    }

    fn shows_history(
        &mut self,
        room: &str,
        before: Option<u64>,
        after: Option<u64>,
        limit: u64,
    ) -> Result<String, Refusal> {
        let Some(room) = self.rooms.rooms.get(&folded(room)) else {
            return Ok("{}".into());
        };
        let number = |event: &&RoomEvent| event.number.unwrap_or(0);
        let wanted = room.memory().filter(|event| {
            before.is_none_or(|before| number(event) < before)
                && after.is_none_or(|after| number(event) > after)
        });
        let wanted: Vec<_> = wanted.collect();
        let limit = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .min(wanted.len());
        let wanted = match after {
            Some(_) => &wanted[..limit],
            None => &wanted[wanted.len() - limit..],
        };
        let takes = wanted.iter().map(|event| event.weight).sum();
        let messages = wanted.iter().map(|event| {
            let json = String::from_utf8_lossy(event.telling.json());
            json.trim_end().to_owned()
        });
        let messages: Vec<_> = messages.collect();
        if !messages.is_empty() {
            self.sometimes.count(Sort::History);
        }
        let shown = format!(
            "{{\"room\":{},\"messages\":[{}]}}",
            bare(&room.name),
            messages.join(",")
        );
        self.may_answer(takes)?;
        Ok(shown)
    }

    /// The name of a room that somebody is in, as the room spells it; otherwise as the request does.
    fn spelled(&self, who: SessionId, room: &str) -> String {
        match self.seat(who, room) {
            Ok(()) => bare(&self.rooms.name(&folded(room))),
            Err(_) => quoted(room),
        }
    }

    pub(super) fn answers(&mut self, id: Id, request: &str, answer: Result<String, Refusal>) {
        let text = match answer {
            Ok(ok) => granted(request, &ok),
            Err(Refusal { code, text }) => {
                self.sometimes.count(Sort::Refused);
                let text = if text == ANY {
                    "\"\0\"".into()
                } else {
                    quoted(&text)
                };
                format!("{{\"id\":{request},\"error\":{{\"code\":\"{code}\",\"text\":{text}}}}}\n")
            }
        };
        self.replies(id, line(text));
    }
}

fn granted(request: &str, ok: &str) -> String {
    format!("{{\"id\":{request},\"ok\":{ok}}}\n")
}

/// The last words to a program.
pub(super) fn closing(reason: &CloseReason) -> Line {
    let code = match reason {
        CloseReason::PeerClosed => return line(String::new()),
        CloseReason::Quit => "quit",
        CloseReason::Shutdown => "shutdown",
        CloseReason::Idle(_) => "idle",
        CloseReason::SlowConsumer => "slow_consumer",
        CloseReason::Flooding => "flooding",
        CloseReason::Stalled(_) => "stalled",
        CloseReason::Superseded => "superseded",
        CloseReason::Unregistered(_) => "unregistered",
        CloseReason::Denied(_) => "denied",
        CloseReason::Removed(_) => "removed",
        CloseReason::ServerFull { .. } => "server_full",
        CloseReason::AddressFull { .. } => "address_full",
        CloseReason::ConnectingTooFast => "connecting_too_fast",
        _ => "unknown to the model",
    };
    let text = quoted(&reason.to_string());
    line(format!(
        "{{\"event\":\"closing\",\"code\":\"{code}\",\"text\":{text}}}\n"
    ))
}

/// The fields that have to be strings, and those that have to be numbers.
const STRINGS: [&str; 11] = [
    "op",
    "room",
    "nick",
    "to",
    "text",
    "kind",
    "client_id",
    "settled",
    "account",
    "password",
    "resume",
];
const NUMBERS: [&str; 3] = ["before", "after", "limit"];

/// A request, and its id as it was; or what to answer to which id.
fn read(text: &[u8]) -> Result<(String, Value), (String, Refusal)> {
    let null = || "null".to_owned();
    if text.trim_ascii_start().first() != Some(&b'{') {
        let text = "that line is no JSON object: it does not start with {";
        return Err((null(), refusal("bad_json", text)));
    }
    let value: Value =
        serde_json::from_slice(text).map_err(|_| (null(), refusal("bad_json", ANY)))?;
    let request = value["id"].to_string();
    let is_wrong = |name: &&str, is_right: fn(&Value) -> bool| {
        value
            .get(name)
            .is_some_and(|v| !v.is_null() && !is_right(v))
    };
    let strings = STRINGS.iter().any(|name| is_wrong(name, Value::is_string));
    let numbers = NUMBERS.iter().any(|name| is_wrong(name, Value::is_u64));
    if strings || numbers {
        return Err((request, refusal("bad_field", ANY)));
    }
    if value["id"].is_null() {
        let text = "the field \"id\" is missing";
        return Err((request, refusal("missing_field", text)));
    }
    if value["op"].as_str().unwrap_or_default().is_empty() {
        let text = "the field \"op\" is missing";
        return Err((request, refusal("missing_field", text)));
    }
    Ok((request, value))
}

/// Whether a line is a request, if perhaps not one that can be granted.
pub(super) fn is_request(line: &[u8]) -> bool {
    read(line).is_ok()
}

fn field(request: &Value, name: &str) -> Option<String> {
    request[name].as_str().map(Into::into)
}

fn need(request: &Value, name: &str) -> Result<String, Refusal> {
    let missing = || refusal("missing_field", format!("the field {name:?} is missing"));
    field(request, name).ok_or_else(missing)
}

fn no_valid(name: &str) -> Refusal {
    let text = format!("the field {name:?} has no valid value");
    refusal("bad_field", text)
}

fn nick(name: &str) -> Result<String, Refusal> {
    let nick = Nick::parse(name).map_err(|error| refusal("bad_nick", error.to_string()))?;
    Ok(nick.as_str().into())
}

fn text(request: &Value) -> Result<Option<String>, Refusal> {
    let Some(text) = field(request, "text") else {
        return Ok(None);
    };
    match Body::parse(&text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(refusal("bad_text", error.to_string())),
    }
}

fn needed_text(request: &Value) -> Result<String, Refusal> {
    need(request, "text")?;
    Ok(text(request)?.unwrap_or_default())
}
