//! What people say.

use std::fmt;
use std::time::SystemTime;

use thiserror::Error;

use crate::name::{Nick, RoomName};

/// The text of a message: not empty, bounded, and without control characters, so that a chat line
/// cannot drive a terminal.
///
/// # Examples
///
/// ```
/// use chat_core::message::{Body, BodyError};
///
/// assert_eq!(Body::parse("hello, wörld")?.as_str(), "hello, wörld");
/// assert_eq!(Body::parse("\x1b[2J"), Err(BodyError::Control('\x1b')));
/// # Ok::<_, BodyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Body(Box<str>);

impl Body {
    /// How long a body is at most, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 4096;

    /// Checks `text` and makes it a body.
    ///
    /// # Errors
    ///
    /// Tells the first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, BodyError> {
        if text.is_empty() {
            return Err(BodyError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(BodyError::TooLong { len: text.len() });
        }
        // Most messages are told by their bytes, many at a time. Control characters beyond ASCII begin with C2.
        let suspicious = |byte| byte < b' ' || byte == 0x7f || byte == 0xc2;
        if text.bytes().fold(false, |any, byte| any | suspicious(byte))
            && let Some(control) = text.chars().find(|c| c.is_control())
        {
            return Err(BodyError::Control(control));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no [`Body`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// There is no text.
    #[error("a message needs a text")]
    Empty,
    /// It is too long.
    #[error("a message has at most {limit} bytes; this one has {len}", limit = Body::MAX_BYTES)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It holds a control character.
    #[error("a message has no control characters, not {0:?}")]
    Control(char),
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// Said.
    Say,
    /// Done: `* alice waves`.
    Action,
}

/// A message to a room, as the room has accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The room.
    pub room: RoomName,
    /// The room's number for it: 1 for the first, then up without holes.
    pub number: u64,
    /// Who sent it, as called at that time.
    pub sender: Nick,
    /// Said or done.
    pub kind: MessageKind,
    /// The text.
    pub body: Body,
    /// When the room accepted it, by the runtime's wall clock.
    pub at: SystemTime,
}

/// A message from one person to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivateMessage {
    /// Who sent it, as called at that time.
    pub sender: Nick,
    /// Whom it is for, as called at that time.
    pub recipient: Nick,
    /// The text.
    pub body: Body,
    /// When it was accepted, by the runtime's wall clock.
    pub at: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_control_characters_are_refused() {
        for code in 0..=0x2100 {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            let parsed = Body::parse(&format!("a{c}é"));
            if c.is_control() {
                assert_eq!(parsed, Err(BodyError::Control(c)));
            } else {
                assert!(parsed.is_ok(), "{c:?}");
            }
        }
    }
}
