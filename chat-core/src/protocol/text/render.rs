//! What events look like as lines.

use std::fmt;
use std::io::Write;

use crate::event::{Event, Missed};
use crate::message::{Body, MessageKind};

/// Appends an event's line.
pub(super) fn event(event: &Event, out: &mut Vec<u8>) {
    write(out, EventLine(event));
}

pub(super) fn write(out: &mut Vec<u8>, text: impl fmt::Display) {
    // Writing to memory does not fail.
    let _ = write!(out, "{text}");
}

/// An [`Event`] as its line, newline and all.
pub(super) struct EventLine<'a>(pub(super) &'a Event);

impl fmt::Display for EventLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Message(message) => {
                let (room, sender, body) = (&message.room, &message.sender, &message.body);
                match message.kind {
                    MessageKind::Say => writeln!(f, "[{room}] {sender}: {body}"),
                    MessageKind::Action => writeln!(f, "[{room}] * {sender} {body}"),
                }
            }
            Event::Private(message) => {
                writeln!(f, "[private] {}: {}", message.sender, message.body)
            }
            Event::Joined { room, who } => writeln!(f, "* {} joined {room}", who.nick),
            Event::Left { room, who } => writeln!(f, "* {} left {room}", who.nick),
            Event::Quit { room, who, reason } => {
                let reason = InBrackets(reason.as_ref());
                writeln!(f, "* {} left {room}{reason}", who.nick)
            }
            Event::Renamed { who, nick, .. } => writeln!(f, "* {} is now {nick}", who.nick),
            Event::Topic {
                room,
                who,
                topic: Some(topic),
            } => writeln!(f, "* {} set the topic of {room}: {topic}", who.nick),
            Event::Topic { room, who, .. } => {
                writeln!(f, "* {} took away the topic of {room}", who.nick)
            }
            Event::Kicked { room, who, reason } => {
                let reason = InBrackets(reason.as_ref());
                writeln!(f, "* {} was kicked from {room}{reason}", who.nick)
            }
            Event::RoomClosed { room, reason } => {
                let reason = InBrackets(reason.as_ref());
                writeln!(f, "* {room} was closed{reason}")
            }
        }
    }
}

/// A reason, if there is one, behind what it is the reason of.
struct InBrackets<'a>(Option<&'a Body>);

impl fmt::Display for InBrackets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// What was [`Missed`] as a line or two.
pub(super) struct MissedLines<'a>(pub(super) &'a Missed);

impl fmt::Display for MissedLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missed {
            room,
            messages,
            presence,
        } = self.0;
        if let Some((first, last)) = messages {
            let count = last - first + 1;
            let plural = if count == 1 { "" } else { "s" };
            writeln!(
                f,
                "* you missed {count} message{plural} in {room} ({first}–{last})"
            )?;
        }
        if *presence > 0 {
            let plural = if *presence == 1 { "" } else { "s" };
            writeln!(
                f,
                "* you missed {presence} change{plural} of members, nicks or topic in {room}"
            )?;
        }
        Ok(())
    }
}
