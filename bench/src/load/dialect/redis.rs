use std::io::Write;

use memchr::memchr;

use super::Heard;
use crate::load::Payload;

pub(super) fn introduce(room: &str, out: &mut Vec<u8>) {
    put(out, &[b"HELLO", b"3"]);
    enter(room, out);
}

pub(super) fn enter(room: &str, out: &mut Vec<u8>) {
    put(out, &[b"SUBSCRIBE", room.as_bytes()]);
}

pub(super) fn leave(room: &str, out: &mut Vec<u8>) {
    put(out, &[b"UNSUBSCRIBE", room.as_bytes()]);
}

pub(super) fn say(room: &str, payload: &Payload, out: &mut Vec<u8>) {
    put(out, &[b"PUBLISH", room.as_bytes(), payload.as_bytes()]);
}

/// One value at the front of `input`.
pub(super) fn next(input: &[u8]) -> Option<(Heard<'_>, usize)> {
    let mut cursor = Cursor { input, at: 0 };
    let (kind, head) = cursor.header()?;
    let heard = match kind {
        b'>' => {
            let mut parts: [&[u8]; 3] = [b"", b"", b""];
            for n in 0..number(head) {
                let part = cursor.scalar()?;
                if let Some(place) = parts.get_mut(n) {
                    *place = part;
                }
            }
            match parts[0] {
                b"message" => Heard::Message(parts[2]),
                b"subscribe" => Heard::Settled,
                _ => Heard::Other,
            }
        }
        b'-' => Heard::Trouble(&input[..head.len() + 1]),
        _ => {
            cursor.at = 0;
            cursor.skip()?;
            Heard::Other
        }
    };
    Some((heard, cursor.at))
}

struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The kind of the next value and the rest of its first line.
    fn header(&mut self) -> Option<(u8, &'a [u8])> {
        let rest = &self.input[self.at..];
        let end = memchr(b'\n', rest)?;
        let (&kind, head) = rest[..end].split_first()?;
        self.at += end + 1;
        Some((kind, head.strip_suffix(b"\r").unwrap_or(head)))
    }

    /// A value that holds no other.
    fn scalar(&mut self) -> Option<&'a [u8]> {
        let (kind, head) = self.header()?;
        if !matches!(kind, b'$' | b'=' | b'!') || head.starts_with(b"-") {
            return Some(head);
        }
        let (start, len) = (self.at, number(head));
        let text = self.input.get(start..start + len)?;
        self.at = start + len + 2;
        (self.at <= self.input.len()).then_some(text)
    }

    /// Passes over a value, whatever it holds.
    fn skip(&mut self) -> Option<()> {
        let start = self.at;
        let (kind, head) = self.header()?;
        let parts = match kind {
            b'*' | b'~' | b'>' => number(head),
            b'%' => 2 * number(head),
            _ => {
                self.at = start;
                self.scalar()?;
                0
            }
        };
        for _ in 0..parts {
            self.skip()?;
        }
        Some(())
    }
}

fn number(digits: &[u8]) -> usize {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn put(out: &mut Vec<u8>, words: &[&[u8]]) {
    // Writing to memory does not fail.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
