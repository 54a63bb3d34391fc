use std::fmt::Write;

use chat_core::event::{CloseReason, Event};
use chat_core::framing::Frame;
use chat_core::hub::Role;
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::protocol::{Delivery, Flow, Protocol};
use chat_core::session::Session;

use super::person::Person;
use super::venue::Venue;

/// A protocol that hides nothing: what a session can do, as commands, and what it hears, as lines.
///
/// For cases about what the library offers and the text protocol does not: several rooms at once, numbers,
/// roles and topics.
///
/// | command | answer |
/// | --- | --- |
/// | `nick <nick>`, `join <room>`, `leave <room>`, `quit [reason]` | events |
/// | `say <room> <text>`, `topic <room> [text]` | events |
/// | `who <room>` | `who <room>: @operator, member` |
/// | `rooms` | `rooms: <room> ...`, those the session is in |
/// | anything else | `error: ...` when it does not work |
pub(super) struct Plain;

impl Protocol for Plain {
    fn max_frame(&self) -> usize {
        4096
    }

    fn open(&mut self, session: &mut Session) -> Flow {
        session.reply(*b"hello\n");
        Flow::Continue
    }

    fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
        let Frame::Line(line) = frame else {
            return Flow::Close(CloseReason::Quit);
        };
        let line = String::from_utf8_lossy(line);
        match handle(&line, session) {
            Ok(Some(answer)) => session.reply(format!("{answer}\n").into_bytes()),
            Ok(None) if line.starts_with("quit") => return Flow::Close(CloseReason::Quit),
            Ok(None) => {}
            Err(error) => session.reply(format!("error: {error}\n").into_bytes()),
        }
        Flow::Continue
    }

    fn encode(&mut self, delivery: Delivery<'_>, _: &Session, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}\n", shown(delivery)).as_bytes());
    }

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("closed: {reason}\n").as_bytes());
    }
}

/// Somebody of that nick in those rooms.
pub(super) async fn person(venue: &Venue<'_>, nick: &str, rooms: &[&str]) -> Person {
    let mut person = venue.stranger(nick).await;
    person.hears("hello").await;
    person.says(&format!("nick {nick}")).await;
    for room in rooms {
        person.says(&format!("join {room}")).await;
        person.hears(&format!("#{room} joined {nick}")).await;
    }
    person
}

fn handle(line: &str, session: &mut Session) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match command {
        "nick" => session.take_nick(Nick::parse(first)?)?,
        "join" => session.join(&RoomName::parse(first)?)?,
        "leave" => session.leave(&RoomName::parse(first)?)?,
        "quit" => session.quit(Body::parse(rest).ok()),
        "say" => {
            session.say(
                &RoomName::parse(first)?,
                MessageKind::Say,
                Body::parse(text)?,
            )?;
        }
        "topic" => session.set_topic(&RoomName::parse(first)?, Body::parse(text).ok())?,
        "who" => {
            let room = RoomName::parse(first)?;
            let mut answer = format!("who {room}:");
            for occupant in session.occupants(&room)? {
                let mark = if occupant.role == Role::Operator {
                    "@"
                } else {
                    ""
                };
                write!(answer, " {mark}{}", occupant.nick)?;
            }
            return Ok(Some(answer));
        }
        "rooms" => {
            let mut answer = String::from("rooms:");
            for room in session.rooms() {
                write!(answer, " {room}")?;
            }
            return Ok(Some(answer));
        }
        other => return Err(format!("what is {other:?}?").into()),
    }
    Ok(None)
}

fn shown(delivery: Delivery<'_>) -> String {
    match delivery {
        Delivery::Event(event) => match event.event() {
            Event::Message(m) => format!("{} {} {}: {}", m.room, m.number, m.sender, m.body),
            Event::Private(m) => format!("private {}: {}", m.sender, m.body),
            Event::Joined { room, who } => format!("{room} joined {}", who.nick),
            Event::Left { room, who } => format!("{room} left {}", who.nick),
            Event::Quit { who, reason, .. } => match reason {
                Some(reason) => format!("quit {} ({reason})", who.nick),
                None => format!("quit {}", who.nick),
            },
            Event::Renamed { who, nick, .. } => format!("renamed {} {nick}", who.nick),
            Event::Topic { room, who, topic } => {
                let topic = topic.as_ref().map_or("", Body::as_str);
                format!("{room} topic of {}: {topic}", who.nick)
            }
            other => format!("{other:?}"),
        },
        Delivery::Missed(missed) => match missed.messages {
            Some((first, last)) => format!("{} missed {first}-{last}", missed.room),
            None => format!("{} missed {} changes", missed.room, missed.presence),
        },
        other => format!("{other:?}"),
    }
}
