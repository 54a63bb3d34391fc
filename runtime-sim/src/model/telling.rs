use std::time::SystemTime;

use chat_core::event::Event;
use chat_core::message::{Body, MessageKind};
use jiff::Timestamp;

use super::{Line, line};

/// Which protocol somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Text,
    Json,
}

/// What there is to tell, by the names that are shown.
pub(super) enum Happening<'a> {
    Message {
        room: &'a str,
        number: u64,
        from: &'a str,
        action: bool,
        text: &'a str,
    },
    Private {
        from: &'a str,
        to: &'a str,
        text: &'a str,
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
}

/// The same as both protocols put it.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    pub(super) text: Line,
    pub(super) json: Line,
}

impl Telling {
    pub(super) fn new(happening: &Happening<'_>, at: SystemTime) -> Self {
        Self {
            text: line(happening.text()),
            json: line(happening.json(at) + "\n"),
        }
    }

    pub(super) fn to(&self, tongue: Tongue) -> &Line {
        match tongue {
            Tongue::Text => &self.text,
            Tongue::Json => &self.json,
        }
    }
}

impl<'a> Happening<'a> {
    /// What the library has told of an event of a room, and when that was, where it says so. Names of rooms are
    /// to be spelled out for it by `room`.
    pub(super) fn of(event: &'a Event, room: &'a str) -> Option<(Self, Option<SystemTime>)> {
        let happening = match event {
            Event::Message(message) => {
                let happening = Self::Message {
                    room,
                    number: message.number,
                    from: message.sender.as_str(),
                    action: message.kind == MessageKind::Action,
                    text: message.body.as_str(),
                };
                return Some((happening, Some(message.at)));
            }
            Event::Joined { who, .. } => Self::Joined {
                room,
                nick: who.nick.as_str(),
            },
            Event::Left { who, .. } => Self::Left {
                room,
                nick: who.nick.as_str(),
            },
            Event::Quit { who, reason, .. } => Self::Quit {
                room,
                nick: who.nick.as_str(),
                reason: reason.as_ref().map(Body::as_str),
            },
            Event::Renamed { who, nick, .. } => Self::Renamed {
                room,
                from: who.nick.as_str(),
                nick: nick.as_str(),
            },
            Event::Topic { who, topic, .. } => Self::Topic {
                room,
                nick: who.nick.as_str(),
                topic: topic.as_ref().map(Body::as_str),
            },
            Event::Kicked { who, reason, .. } => Self::Kicked {
                room,
                nick: who.nick.as_str(),
                reason: reason.as_ref().map(Body::as_str),
            },
            Event::RoomClosed { reason, .. } => Self::RoomClosed {
                room,
                reason: reason.as_ref().map(Body::as_str),
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
                format!("* {nick} was kicked from {room}{}\n", in_brackets(*reason))
            }
            Self::RoomClosed { room, reason } => {
                format!("* {room} was closed{}\n", in_brackets(*reason))
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
                or_null(*reason)
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
                or_null(*topic)
            ),
            Self::Kicked { room, nick, reason } => format!(
                r#"{{"event":"kicked","room":{},"nick":{},"reason":{}}}"#,
                bare(room),
                quoted(nick),
                or_null(*reason)
            ),
            Self::RoomClosed { room, reason } => format!(
                r#"{{"event":"room_closed","room":{},"reason":{}}}"#,
                bare(room),
                or_null(*reason)
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
