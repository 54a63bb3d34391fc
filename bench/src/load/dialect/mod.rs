//! What servers speak, as much of it as a crowd needs: coming in, rooms, messages, and who comes and goes.

mod irc;
mod json;
mod redis;
mod text;

use std::fmt;

use clap::ValueEnum;
use memchr::memchr;

use super::Payload;

/// A protocol that the load can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// The text protocol of `docs/PROTOCOL.md`.
    Text,
    /// The JSON protocol of `docs/PROTOCOL.md`.
    Json,
    /// IRC, as in RFC 2812.
    Irc,
    /// Redis' publish and subscribe, in RESP3, where one connection may do both.
    Redis,
}

/// What a server has said to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A message to its room, with this text.
    Message(&'a [u8]),
    /// What the member is called from now on.
    Named(&'a [u8]),
    /// The member is where it wanted to go first.
    Settled,
    /// Somebody, perhaps itself, came into a room.
    Came {
        /// Who.
        nick: &'a [u8],
        /// Where, without any prefix.
        room: &'a [u8],
    },
    /// Somebody left a room.
    Went {
        /// Who.
        nick: &'a [u8],
        /// Where, without any prefix.
        room: &'a [u8],
    },
    /// The server wants to hear this back.
    Ping(&'a [u8]),
    /// The member was too slow, or did something wrong: the line that says so.
    Trouble(&'a [u8]),
    /// Nothing that matters here.
    Other,
}

impl Dialect {
    /// Whether whoever says something hears it too.
    pub fn echoes(self) -> bool {
        self != Self::Irc
    }

    /// Whether members hear of each other's coming and going.
    pub fn has_presence(self) -> bool {
        self != Self::Redis
    }

    /// Comes in as `nick`, where one may choose, and goes to `room`.
    pub(super) fn introduce(self, nick: &str, room: &str, out: &mut Vec<u8>) {
        match self {
            Self::Text => text::introduce(room, out),
            Self::Json => json::introduce(nick, room, out),
            Self::Irc => irc::introduce(nick, room, out),
            Self::Redis => redis::introduce(room, out),
        }
    }

    /// Goes into `room`; where one is in one room at a time, instead of the one it is in.
    pub(super) fn enter(self, room: &str, out: &mut Vec<u8>) {
        match self {
            Self::Text => text::enter(room, out),
            Self::Json => json::enter(room, out),
            Self::Irc => irc::enter(room, out),
            Self::Redis => redis::enter(room, out),
        }
    }

    /// Goes from `room` back to `home`.
    pub(super) fn leave(self, room: &str, home: &str, out: &mut Vec<u8>) {
        match self {
            Self::Text => text::enter(home, out),
            Self::Json => json::leave(room, out),
            Self::Irc => irc::leave(room, out),
            Self::Redis => redis::leave(room, out),
        }
    }

    pub(super) fn say(self, room: &str, payload: &Payload, out: &mut Vec<u8>) {
        match self {
            Self::Text => text::say(payload, out),
            Self::Json => json::say(room, payload, out),
            Self::Irc => irc::say(room, payload, out),
            Self::Redis => redis::say(room, payload, out),
        }
    }

    pub(super) fn answer_ping(self, token: &[u8], out: &mut Vec<u8>) {
        if self == Self::Irc {
            irc::answer_ping(token, out);
        }
    }

    /// What stands at the front of `input`, and how many bytes it takes; `None` when it is not all there.
    pub fn next(self, input: &[u8]) -> Option<(Heard<'_>, usize)> {
        if self == Self::Redis {
            return redis::next(input);
        }
        let end = memchr(b'\n', input)?;
        let line = &input[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let heard = match self {
            Self::Text => text::hear(line),
            Self::Json => json::hear(line),
            Self::Irc | Self::Redis => irc::hear(line),
        };
        Some((heard, end + 1))
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Irc => "irc",
            Self::Redis => "redis",
        })
    }
}

/// The parts of `text` before and behind the first `separator`.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(text, separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(dialect: Dialect, mut input: &[u8]) -> Vec<Heard<'_>> {
        let mut heard = Vec::new();
        while let Some((next, used)) = dialect.next(input) {
            heard.push(next);
            input = &input[used..];
        }
        assert!(input.is_empty(), "{input:?}");
        heard
    }

    #[test]
    fn text_is_understood() {
        let input = "* welcome, guest-7 — you are in #general\n* guest-7 joined #a\n\
            [#a] bob: hello: you\n* bob left #a\n* you missed 2 messages in #a (3–4)\n! no\n";
        let heard = [
            Heard::Named(b"guest-7"),
            Heard::Came {
                nick: b"guest-7",
                room: b"a",
            },
            Heard::Message(b"hello: you"),
            Heard::Went {
                nick: b"bob",
                room: b"a",
            },
            Heard::Trouble("* you missed 2 messages in #a (3–4)".as_bytes()),
            Heard::Trouble(b"! no"),
        ];
        assert_eq!(all(Dialect::Text, input.as_bytes()), heard);
    }

    #[test]
    fn json_is_understood() {
        let input = concat!(
            r#"{"id":1,"ok":{"nick":"n","token":"t"}}"#,
            "\n",
            r#"{"event":"joined","room":"a","nick":"bob"}"#,
            "\n",
            r#"{"id":2,"ok":{"room":"a"}}"#,
            "\n",
            r#"{"event":"message","room":"a","number":1,"from":"n","kind":"say","text":"hi","time":"x"}"#,
            "\n",
            r#"{"event":"left","room":"a","nick":"bob"}"#,
            "\n",
            r#"{"id":3,"ok":{"room":"a","number":1,"duplicate":false}}"#,
            "\n",
            r#"{"id":3,"error":{"code":"not_in","text":"no"}}"#,
            "\n",
        );
        let heard = [
            Heard::Other,
            Heard::Came {
                nick: b"bob",
                room: b"a",
            },
            Heard::Settled,
            Heard::Message(b"hi"),
            Heard::Went {
                nick: b"bob",
                room: b"a",
            },
            Heard::Other,
            Heard::Trouble(br#"{"id":3,"error":{"code":"not_in","text":"no"}}"#),
        ];
        assert_eq!(all(Dialect::Json, input.as_bytes()), heard);
    }

    #[test]
    fn irc_is_understood() {
        let input = b":irc.local 001 n :Welcome\r\n:n!n@host JOIN :#a\r\n:bob!b@host JOIN #a\r\n\
            PING :tok\r\n:bob!b@host PRIVMSG #a :hi : there\r\n:bob!b@host PART #a\r\n\
            :irc.local 433 * n :Nickname is already in use.\r\nERROR :bye\r\n";
        let heard = [
            Heard::Named(b"n"),
            Heard::Came {
                nick: b"n",
                room: b"a",
            },
            Heard::Came {
                nick: b"bob",
                room: b"a",
            },
            Heard::Ping(b":tok"),
            Heard::Message(b"hi : there"),
            Heard::Went {
                nick: b"bob",
                room: b"a",
            },
            Heard::Trouble(b":irc.local 433 * n :Nickname is already in use."),
            Heard::Trouble(b"ERROR :bye"),
        ];
        assert_eq!(all(Dialect::Irc, input), heard);
    }

    #[test]
    fn redis_is_understood() {
        let input =
            b"%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n\
            >3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n:5\r\n-ERR no\r\n";
        let heard = [
            Heard::Other,
            Heard::Settled,
            Heard::Message(b"hi"),
            Heard::Other,
            Heard::Trouble(b"-ERR no"),
        ];
        assert_eq!(all(Dialect::Redis, input), heard);
        for cut in 0..20 {
            assert_eq!(Dialect::Redis.next(&input[..cut]), None, "{cut}");
        }
    }
}
