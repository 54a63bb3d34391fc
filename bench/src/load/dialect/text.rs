use memchr::memchr;

use super::{Heard, split};
use crate::load::Payload;

/// The room that everybody starts in.
const LOBBY: &str = "general";

pub(super) fn introduce(room: &str, out: &mut Vec<u8>) {
    if room == LOBBY {
        // Something, so that a server that speaks several protocols knows which.
        out.push(b'\n');
    } else {
        enter(room, out);
    }
}

pub(super) fn enter(room: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"/join ");
    out.extend_from_slice(room.as_bytes());
    out.push(b'\n');
}

pub(super) fn say(payload: &Payload, out: &mut Vec<u8>) {
    out.extend_from_slice(payload.as_bytes());
    out.push(b'\n');
}

pub(super) fn hear(line: &[u8]) -> Heard<'_> {
    match line.first() {
        Some(b'[') => message(line).map_or(Heard::Other, Heard::Message),
        Some(b'*') => notice(line),
        Some(b'!') => Heard::Trouble(line),
        _ => Heard::Other,
    }
}

/// What was said in a line like `[#room] nick: text`; neither room nor nick hold what ends them.
fn message(line: &[u8]) -> Option<&[u8]> {
    let behind_room = memchr(b']', line)? + 1;
    let behind_nick = behind_room + memchr(b':', &line[behind_room..])? + 1;
    line.get(behind_nick + 1..)
}

fn notice(line: &[u8]) -> Heard<'_> {
    let notice = line.get(2..).unwrap_or_default();
    if let Some(rest) = notice.strip_prefix(b"welcome, ") {
        return split(rest, b" ").map_or(Heard::Other, |(nick, _)| Heard::Named(nick));
    }
    if notice.starts_with(b"you missed") {
        return Heard::Trouble(line);
    }
    let Some((nick, what)) = split(notice, b" ") else {
        return Heard::Other;
    };
    if let Some(room) = what.strip_prefix(b"joined #") {
        return Heard::Came { nick, room };
    }
    match what.strip_prefix(b"left #") {
        Some(room) => Heard::Went { nick, room },
        None => Heard::Other,
    }
}
