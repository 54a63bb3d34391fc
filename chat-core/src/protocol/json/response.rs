//! What the server writes: answers and events.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::error::RequestError;
use super::request::Id;
use crate::event::{CloseReason, Event, Missed, SharedEvent};
use crate::hub::{Hub, HubError, ResumeToken, Role, RoomView};
use crate::message::{Body, Message, MessageKind};
use crate::name::RoomName;
use crate::session::{ParkedSession, Session};

#[derive(Serialize)]
struct Answer<'a, T> {
    id: &'a Id,
    ok: T,
}

#[derive(Serialize)]
struct Refusal<'a> {
    id: &'a Id,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    text: String,
}

/// An answer that says all there is to say by being one.
#[derive(Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
pub(super) struct Welcome {
    nick: String,
    /// With what the session can be resumed, and for how many seconds.
    token: Option<String>,
    grace: u64,
    resumed: bool,
    rooms: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct LoggedIn {
    pub(super) account: String,
}

#[derive(Serialize)]
pub(super) struct Called {
    pub(super) nick: String,
}

#[derive(Serialize)]
pub(super) struct Joined<'a> {
    room: &'a str,
    members: usize,
    /// The number of the last message.
    last: u64,
    topic: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Said {
    pub(super) room: String,
    pub(super) number: u64,
    pub(super) duplicate: bool,
}

#[derive(Serialize)]
pub(super) struct Topic {
    pub(super) room: String,
    pub(super) topic: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Rooms {
    rooms: Vec<Room>,
}

#[derive(Serialize)]
struct Room {
    room: String,
    members: usize,
}

#[derive(Serialize)]
pub(super) struct Members {
    room: String,
    members: Vec<Member>,
}

#[derive(Serialize)]
struct Member {
    nick: String,
    role: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Frame<'a> {
    Message {
        room: &'a str,
        number: u64,
        from: &'a str,
        kind: &'static str,
        text: &'a str,
        #[serde(serialize_with = "rfc3339")]
        time: SystemTime,
    },
    Private {
        from: &'a str,
        to: &'a str,
        text: &'a str,
        #[serde(serialize_with = "rfc3339")]
        time: SystemTime,
    },
    Joined {
        room: &'a str,
        nick: &'a str,
    },
    Left {
        room: &'a str,
        nick: &'a str,
    },
    Quit {
        room: &'a str,
        nick: &'a str,
        reason: Option<&'a str>,
    },
    Renamed {
        room: &'a str,
        from: &'a str,
        nick: &'a str,
    },
    Topic {
        room: &'a str,
        nick: &'a str,
        topic: Option<&'a str>,
    },
    Kicked {
        room: &'a str,
        nick: &'a str,
        reason: Option<&'a str>,
    },
    RoomClosed {
        room: &'a str,
        reason: Option<&'a str>,
    },
    Missed {
        room: &'a str,
        first: Option<u64>,
        last: Option<u64>,
        presence: u64,
    },
    Closing {
        code: &'a str,
        text: String,
    },
    Ping {},
}

impl Welcome {
    pub(super) fn new(session: &Session, token: Option<ResumeToken>) -> Self {
        Self {
            nick: session.nick().map(ToString::to_string).unwrap_or_default(),
            token: token.as_ref().map(ToString::to_string),
            grace: session.hub().config().resume_grace.as_secs(),
            resumed: false,
            rooms: session.rooms().map(|room| room.as_str().into()).collect(),
        }
    }

    pub(super) fn back(parked: &ParkedSession, hub: &Hub) -> Self {
        Self {
            nick: parked.nick().map(ToString::to_string).unwrap_or_default(),
            token: parked.token().as_ref().map(ToString::to_string),
            grace: hub.config().resume_grace.as_secs(),
            resumed: true,
            rooms: parked.rooms().map(|room| room.as_str().into()).collect(),
        }
    }
}

impl<'a> From<&'a RoomView<'_>> for Joined<'a> {
    fn from(room: &'a RoomView<'_>) -> Self {
        Self {
            room: room.name().as_str(),
            members: room.member_count(),
            last: room.last_number(),
            topic: room.topic().map(Body::as_str),
        }
    }
}

impl Rooms {
    pub(super) fn of(hub: &Hub) -> Self {
        let room = |room: crate::hub::RoomSummary| Room {
            room: room.name.as_str().into(),
            members: room.members,
        };
        Self {
            rooms: hub.rooms().into_iter().map(room).collect(),
        }
    }
}

impl Members {
    pub(super) fn of(room: &RoomName, session: &Session) -> Result<Self, HubError> {
        let members = session.occupants(room)?.into_iter().map(|occupant| Member {
            nick: occupant.nick.to_string(),
            role: match occupant.role {
                Role::Member => "member",
                Role::Operator => "operator",
            },
        });
        Ok(Self {
            room: room.as_str().into(),
            members: members.collect(),
        })
    }
}

pub(super) fn ok(id: &Id, ok: impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, &Answer { id, ok });
    out
}

pub(super) fn error(id: &Id, error: &RequestError) -> Vec<u8> {
    let mut out = Vec::new();
    let error = ErrorBody {
        code: error.code(),
        text: error.to_string(),
    };
    write(&mut out, &Refusal { id, error });
    out
}

/// The answer to `history`: its messages are the events as they were, encoded already.
pub(super) fn history(id: &Id, room: &RoomName, messages: &[Arc<SharedEvent>]) -> Vec<u8> {
    let mut out = b"{\"id\":".to_vec();
    append(&mut out, id);
    out.extend_from_slice(b",\"ok\":{\"room\":");
    append(&mut out, room.as_str());
    out.extend_from_slice(b",\"messages\":[");
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        message.encode_into(super::VARIANT, &mut out, event);
        out.pop_if(|last| *last == b'\n');
    }
    out.extend_from_slice(b"]}}\n");
    out
}

pub(super) fn event(event: &Event, out: &mut Vec<u8>) {
    let frame = match event {
        Event::Message(message) => said(message),
        Event::Private(message) => Frame::Private {
            from: message.sender.as_str(),
            to: message.recipient.as_str(),
            text: message.body.as_str(),
            time: message.at,
        },
        Event::Joined { room, who } => Frame::Joined {
            room: room.as_str(),
            nick: who.nick.as_str(),
        },
        Event::Left { room, who } => Frame::Left {
            room: room.as_str(),
            nick: who.nick.as_str(),
        },
        Event::Quit { room, who, reason } => Frame::Quit {
            room: room.as_str(),
            nick: who.nick.as_str(),
            reason: reason.as_ref().map(|reason| reason.as_str()),
        },
        Event::Renamed { room, who, nick } => Frame::Renamed {
            room: room.as_str(),
            from: who.nick.as_str(),
            nick: nick.as_str(),
        },
        Event::Topic { room, who, topic } => Frame::Topic {
            room: room.as_str(),
            nick: who.nick.as_str(),
            topic: topic.as_ref().map(|topic| topic.as_str()),
        },
        Event::Kicked { room, who, reason } => Frame::Kicked {
            room: room.as_str(),
            nick: who.nick.as_str(),
            reason: reason.as_ref().map(|reason| reason.as_str()),
        },
        Event::RoomClosed { room, reason } => Frame::RoomClosed {
            room: room.as_str(),
            reason: reason.as_ref().map(|reason| reason.as_str()),
        },
    };
    write(out, &frame);
}

pub(super) fn missed(missed: &Missed, out: &mut Vec<u8>) {
    let frame = Frame::Missed {
        room: missed.room.as_str(),
        first: missed.messages.map(|(first, _)| first),
        last: missed.messages.map(|(_, last)| last),
        presence: missed.presence,
    };
    write(out, &frame);
}

pub(super) fn closing(reason: &CloseReason, out: &mut Vec<u8>) {
    // Whoever has hung up reads nothing more.
    if matches!(reason, CloseReason::PeerClosed) {
        return;
    }
    let code = reason.code();
    let text = reason.to_string();
    write(out, &Frame::Closing { code, text });
}

pub(super) fn ping(out: &mut Vec<u8>) {
    write(out, &Frame::Ping {});
}

fn said(message: &Message) -> Frame<'_> {
    Frame::Message {
        room: message.room.as_str(),
        number: message.number,
        from: message.sender.as_str(),
        kind: match message.kind {
            MessageKind::Say => "say",
            MessageKind::Action => "action",
        },
        text: message.body.as_str(),
        time: message.at,
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let timestamp = Timestamp::try_from(*time).unwrap_or(Timestamp::UNIX_EPOCH);
    serializer.collect_str(&format_args!("{timestamp:.3}"))
}

fn write(out: &mut Vec<u8>, frame: &impl Serialize) {
    append(out, frame);
    out.push(b'\n');
}

fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    // Writing plain data to memory does not fail.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
    }
}
