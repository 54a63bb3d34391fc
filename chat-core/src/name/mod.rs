//! Names that can only be made valid: [`Nick`] and [`RoomName`].
//!
//! Both keep the spelling they were given, and compare, order and hash without regard to ASCII
//! case, so that a map keyed by them holds one `Alice`.

mod nick;
mod room;

use std::hash::{Hash, Hasher};

use thiserror::Error;

pub use nick::Nick;
pub use room::RoomName;

/// Why a name is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// A nick has no characters.
    #[error("a nick needs at least one character")]
    EmptyNick,
    /// A nick is too long.
    #[error("a nick has at most {limit} characters; this one has {len}", limit = Nick::MAX_CHARS)]
    LongNick {
        /// How many characters it has.
        len: usize,
    },
    /// A nick starts with a character that is only allowed further on.
    #[error("a nick cannot start with {0:?}")]
    NickStart(char),
    /// A nick holds a character that no nick may hold.
    #[error("a nick has only ASCII letters, digits and -_[]{{}}\\|^`, not {0:?}")]
    NickCharacter(char),
    /// A room name has no characters.
    #[error("a room name needs at least one character")]
    EmptyRoom,
    /// A room name is too long.
    #[error("a room name has at most {limit} characters; this one has {len}", limit = RoomName::MAX_CHARS)]
    LongRoom {
        /// How many characters it has.
        len: usize,
    },
    /// A room name holds a character that no room name may hold.
    #[error("a room name has only visible characters, no spaces and no commas, not {0:?}")]
    RoomCharacter(char),
}

impl NameError {
    /// A word for it that stays the same when the sentence is put better.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyNick
            | Self::LongNick { .. }
            | Self::NickStart(_)
            | Self::NickCharacter(_) => "bad_nick",
            Self::EmptyRoom | Self::LongRoom { .. } | Self::RoomCharacter(_) => "bad_room",
        }
    }
}

fn hash_folded<H: Hasher>(name: &str, state: &mut H) {
    for byte in name.bytes() {
        state.write_u8(byte.to_ascii_lowercase());
    }
    0xff_u8.hash(state);
}

fn folded(name: &str) -> impl Iterator<Item = u8> + '_ {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

/// Implements what both names share: shared text, compared without regard to ASCII case.
macro_rules! folded_name {
    ($name:ident) => {
        impl $name {
            /// The name as it was spelled.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                folded(&self.0).cmp(folded(&other.0))
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                hash_folded(&self.0, state);
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::parse(name)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

use folded_name;
