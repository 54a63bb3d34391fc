use std::io::Write;

use memchr::memmem;

use super::{Heard, split};
use crate::load::Payload;

// Written and read by hand, as parsing every line in full would make the load slower than the servers.

pub(super) fn introduce(nick: &str, room: &str, out: &mut Vec<u8>) {
    put(
        out,
        format_args!(r#"{{"id":1,"op":"hello","nick":"{nick}"}}"#),
    );
    // Only the answer to this one tells that the member has settled.
    put(
        out,
        format_args!(r#"{{"id":2,"op":"join","room":"{room}"}}"#),
    );
}

pub(super) fn enter(room: &str, out: &mut Vec<u8>) {
    put(
        out,
        format_args!(r#"{{"id":3,"op":"join","room":"{room}"}}"#),
    );
}

pub(super) fn leave(room: &str, out: &mut Vec<u8>) {
    put(
        out,
        format_args!(r#"{{"id":3,"op":"leave","room":"{room}"}}"#),
    );
}

pub(super) fn say(room: &str, payload: &Payload, out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(payload.as_bytes());
    put(
        out,
        format_args!(r#"{{"id":3,"op":"say","room":"{room}","text":"{text}"}}"#),
    );
}

pub(super) fn hear(line: &[u8]) -> Heard<'_> {
    if let Some(event) = line.strip_prefix(br#"{"event":""#) {
        if event.starts_with(b"message\"") {
            return field(event, br#""text":""#).map_or(Heard::Other, Heard::Message);
        }
        if event.starts_with(b"missed\"") || event.starts_with(b"closing\"") {
            return Heard::Trouble(line);
        }
        let (Some(room), Some(nick)) = (field(event, br#""room":""#), field(event, br#""nick":""#))
        else {
            return Heard::Other;
        };
        if event.starts_with(b"joined\"") {
            return Heard::Came { nick, room };
        }
        if event.starts_with(b"left\"") {
            return Heard::Went { nick, room };
        }
        return Heard::Other;
    }
    if memmem::find(line, br#","error":"#).is_some() {
        return Heard::Trouble(line);
    }
    if line.starts_with(br#"{"id":2,"#) {
        return Heard::Settled;
    }
    Heard::Other
}

/// What stands between the name of a field and the next quotation mark; no name or message here has one inside.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split(line, name)?;
    let (value, _) = split(rest, b"\"")?;
    Some(value)
}

fn put(out: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = writeln!(out, "{line}");
}
