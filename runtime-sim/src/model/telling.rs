use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use chat_core::event::Event;
use chat_core::message::MessageKind;
use jiff::Timestamp;

use super::{Line, line};

/// Which protocol somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Text,
    Json,
}

/// What there is to tell, by the names that are shown.
#[derive(Debug)]
pub(super) enum Happening {
    Message {
        room: Arc<str>,
        number: u64,
        from: Arc<str>,
        action: bool,
        text: Arc<str>,
    },
    Private {
        from: Arc<str>,
        to: Arc<str>,
        text: Arc<str>,
    },
    Joined {
        room: Arc<str>,
        nick: Arc<str>,
    },
    Left {
        room: Arc<str>,
        nick: Arc<str>,
    },
    Quit {
        room: Arc<str>,
        nick: Arc<str>,
        reason: Option<Arc<str>>,
    },
    Renamed {
        room: Arc<str>,
        from: Arc<str>,
        nick: Arc<str>,
    },
    Topic {
        room: Arc<str>,
        nick: Arc<str>,
        topic: Option<Arc<str>>,
    },
    Kicked {
        room: Arc<str>,
        nick: Arc<str>,
        reason: Option<Arc<str>>,
    },
    RoomClosed {
        room: Arc<str>,
        reason: Option<Arc<str>>,
    },
}

/// The same as both protocols put it.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    pub(super) text: Line,
    json: Arc<Json>,
}

/// It is put into JSON when somebody wants it, as that costs more than all else about it.
#[derive(Debug)]
struct Json {
    happening: Happening,
    at: SystemTime,
    line: OnceLock<Line>,
}

impl Telling {
    pub(super) fn new(happening: Happening, at: SystemTime) -> Self {
        Self {
            text: line(happening.text()),
            json: Arc::new(Json {
                happening,
                at,
                line: OnceLock::new(),
            }),
        }
    }

    /// Whether somebody came into a room.
    pub(super) fn is_arrival(&self) -> bool {
        matches!(self.json.happening, Happening::Joined { .. })
    }

    pub(super) fn json(&self) -> &Line {
        let json = &self.json;
        json.line
            .get_or_init(|| line(json.happening.json(json.at) + "\n"))
    }

    pub(super) fn to(&self, tongue: Tongue) -> &Line {
        match tongue {
            Tongue::Text => &self.text,
            Tongue::Json => self.json(),
        }
    }
}

impl Happening {
    /// What the library has told of an event of a room, and when that was, where it says so. Names of rooms are
    /// to be spelled out for it by `room`.
    pub(super) fn of(event: &Event, room: &str) -> Option<(Self, Option<SystemTime>)> {
        let happening = match event {
            Event::Message(message) => {
                let happening = Self::Message {
                    room: room.into(),
                    number: message.number,
                    from: message.sender.as_str().into(),
                    action: message.kind == MessageKind::Action,
                    text: message.body.as_str().into(),
                };
                return Some((happening, Some(message.at)));
            }
            Event::Joined { who, .. } => Self::Joined {
                room: room.into(),
                nick: who.nick.as_str().into(),
            },
            Event::Left { who, .. } => Self::Left {
                room: room.into(),
                nick: who.nick.as_str().into(),
            },
            Event::Quit { who, reason, .. } => Self::Quit {
                room: room.into(),
                nick: who.nick.as_str().into(),
                reason: reason.as_ref().map(|text| text.as_str().into()),
            },
            Event::Renamed { who, nick, .. } => Self::Renamed {
                room: room.into(),
                from: who.nick.as_str().into(),
                nick: nick.as_str().into(),
            },
            Event::Topic { who, topic, .. } => Self::Topic {
                room: room.into(),
                nick: who.nick.as_str().into(),
                topic: topic.as_ref().map(|text| text.as_str().into()),
            },
            Event::Kicked { who, reason, .. } => Self::Kicked {
                room: room.into(),
                nick: who.nick.as_str().into(),
                reason: reason.as_ref().map(|text| text.as_str().into()),
            },
            Event::RoomClosed { reason, .. } => Self::RoomClosed {
                room: room.into(),
                reason: reason.as_ref().map(|text| text.as_str().into()),
            },
            _ => return None,
        };
        Some((happening, None))
    }

    fn text(&self) -> String {
        match self {
            Self::Message {
                room,
                from,
                action: false,
                text,
                ..
            } => format!("[{room}] {from}: {text}\n"),
            Self::Message {
                room, from, text, ..
            } => format!("[{room}] * {from} {text}\n"),
            Self::Private { from, text, .. } => format!("[private] {from}: {text}\n"),
            Self::Joined { room, nick } => format!("* {nick} joined {room}\n"),
            Self::Left { room, nick }
            | Self::Quit {
                room,
                nick,
                reason: None,
            } => format!("* {nick} left {room}\n"),
            Self::Quit {
                room,
                nick,
                reason: Some(reason),
            } => format!("* {nick} left {room} ({reason})\n"),
            Self::Renamed { from, nick, .. } => format!("* {from} is now {nick}\n"),
            Self::Topic {
                room,
                nick,
                topic: Some(topic),
            } => format!("* {nick} set the topic of {room}: {topic}\n"),
            Self::Topic { room, nick, .. } => format!("* {nick} took away the topic of {room}\n"),
            Self::Kicked { room, nick, reason } => {
                format!(
                    "* {nick} was kicked from {room}{}\n",
                    in_brackets(reason.as_deref())
                )
            }
            Self::RoomClosed { room, reason } => {
                format!("* {room} was closed{}\n", in_brackets(reason.as_deref()))
            }
        }
    }

    fn json(&self, at: SystemTime) -> String {
        match self {
            Self::Message {
                room,
                number,
                from,
                action,
                text,
            } => format!(
                r#"{{"event":"message","room":{},"number":{number},"from":{},"kind":"{}","text":{},"time":"{}"}}"#,
                bare(room),
                quoted(from),
                if *action { "action" } else { "say" },
                quoted(text),
                time(at),
            ),
            Self::Private { from, to, text } => format!(
                r#"{{"event":"private","from":{},"to":{},"text":{},"time":"{}"}}"#,
                quoted(from),
                quoted(to),
                quoted(text),
                time(at),
            ),
            Self::Joined { room, nick } => format!(
                r#"{{"event":"joined","room":{},"nick":{}}}"#,
                bare(room),
                quoted(nick)
            ),
            Self::Left { room, nick } => format!(
                r#"{{"event":"left","room":{},"nick":{}}}"#,
                bare(room),
                quoted(nick)
            ),
            Self::Quit { room, nick, reason } => format!(
                r#"{{"event":"quit","room":{},"nick":{},"reason":{}}}"#,
                bare(room),
                quoted(nick),
                or_null(reason.as_deref())
            ),
            Self::Renamed { room, from, nick } => format!(
                r#"{{"event":"renamed","room":{},"from":{},"nick":{}}}"#,
                bare(room),
                quoted(from),
                quoted(nick)
            ),
            Self::Topic { room, nick, topic } => format!(
                r#"{{"event":"topic","room":{},"nick":{},"topic":{}}}"#,
                bare(room),
                quoted(nick),
                or_null(topic.as_deref())
            ),
            Self::Kicked { room, nick, reason } => format!(
                r#"{{"event":"kicked","room":{},"nick":{},"reason":{}}}"#,
                bare(room),
                quoted(nick),
                or_null(reason.as_deref())
            ),
            Self::RoomClosed { room, reason } => format!(
                r#"{{"event":"room_closed","room":{},"reason":{}}}"#,
                bare(room),
                or_null(reason.as_deref())
            ),
        }
    }
}

/// A reason, if there is one, behind what it is the reason of.
fn in_brackets(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

/// A string as JSON has it.
pub(super) fn quoted(text: &str) -> String {
    // A string is always some JSON.
    serde_json::to_string(text).unwrap_or_default()
}

pub(super) fn or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".into(), quoted)
}

/// The name of a room without the `#` that the model keeps it with, as JSON has it.
pub(super) fn bare(room: &str) -> String {
    quoted(room.strip_prefix('#').unwrap_or(room))
}

/// A time as RFC 3339 has it, in UTC and to the millisecond.
fn time(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}
