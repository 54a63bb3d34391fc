use std::io::Write;

use super::{Heard, split};
use crate::load::Payload;

pub(super) fn introduce(nick: &str, room: &str, out: &mut Vec<u8>) {
    put(
        out,
        format_args!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n"),
    );
    enter(room, out);
}

pub(super) fn enter(room: &str, out: &mut Vec<u8>) {
    put(out, format_args!("JOIN #{room}\r\n"));
}

pub(super) fn leave(room: &str, out: &mut Vec<u8>) {
    put(out, format_args!("PART #{room}\r\n"));
}

pub(super) fn say(room: &str, payload: &Payload, out: &mut Vec<u8>) {
    put(out, format_args!("PRIVMSG #{room} :"));
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn answer_ping(token: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"PONG ");
    out.extend_from_slice(token);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn hear(line: &[u8]) -> Heard<'_> {
    if let Some(token) = line.strip_prefix(b"PING ") {
        return Heard::Ping(token);
    }
    if line.starts_with(b"ERROR") {
        return Heard::Trouble(line);
    }
    let Some((source, rest)) = line.strip_prefix(b":").and_then(|rest| split(rest, b" ")) else {
        return Heard::Other;
    };
    let (command, rest) = split(rest, b" ").unwrap_or((rest, b""));
    let nick = split(source, b"!").map_or(source, |(nick, _)| nick);
    match command {
        b"PRIVMSG" => split(rest, b" :").map_or(Heard::Other, |(_, text)| Heard::Message(text)),
        b"JOIN" => Heard::Came {
            nick,
            room: room(rest),
        },
        b"PART" => Heard::Went {
            nick,
            room: room(rest),
        },
        b"001" => Heard::Named(split(rest, b" ").map_or(rest, |(nick, _)| nick)),
        // No message of the day is no trouble.
        b"422" => Heard::Other,
        [b'4' | b'5', _, _] => Heard::Trouble(line),
        _ => Heard::Other,
    }
}

/// The first argument, a channel, without what is around it.
fn room(arguments: &[u8]) -> &[u8] {
    let first = split(arguments, b" ").map_or(arguments, |(first, _)| first);
    let first = first.strip_prefix(b":").unwrap_or(first);
    first.strip_prefix(b"#").unwrap_or(first)
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = write!(out, "{text}");
}
