//! Names that can only be made valid: [`Nick`] and [`RoomName`].
//!
//! Both keep the spelling they were given, and compare, order and hash without regard to ASCII
//! case, so that a map keyed by them holds one `Alice`.

mod nick;
mod room;

use std::cmp::Ordering;
use std::hash::Hasher;

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
    // A hasher takes much longer for bytes one by one.
    let mut folded = [0; 32];
    for piece in name.as_bytes().chunks(folded.len()) {
        let folded = &mut folded[..piece.len()];
        folded.copy_from_slice(piece);
        folded.make_ascii_lowercase();
        state.write(folded);
    }
    state.write_u8(0xff);
}

fn compare_folded(one: &str, other: &str) -> Ordering {
    // Most names that are compared begin alike, and are spelled alike.
    for (one, other) in one.bytes().zip(other.bytes()) {
        if one != other {
            let order = one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase());
            if order.is_ne() {
                return order;
            }
        }
    }
    one.len().cmp(&other.len())
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
                compare_folded(&self.0, &other.0)
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

#[cfg(test)]
mod tests {
    use std::collections::hash_map::DefaultHasher;
    use std::hash::Hash;

    use proptest::prelude::{Strategy, any, prop_oneof};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// What is a name now and then.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            r"[-a-zA-Z0-9_\[\]{}|^`\\]{0,40}",
            r"#{0,2}[!-~äßÄ部🦀]{0,70}",
            r"\PC{0,10}",
            any::<String>(),
        ]
    }

    fn is_nick(text: &str) -> bool {
        let first = text.chars().next();
        (1..=32).contains(&text.chars().count())
            && !first.is_some_and(|c| matches!(c, '0'..='9' | '-'))
            && text.chars().all(|c| {
                matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '[' | ']')
                    || matches!(c, '{' | '}' | '\\' | '|' | '^' | '`')
            })
    }

    fn hash(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// The same letters in other cases.
    fn respelled(text: &str, upper: u64) -> String {
        let respell = |(index, c): (usize, char)| match upper >> (index % 64) & 1 {
            0 => c.to_ascii_lowercase(),
            _ => c.to_ascii_uppercase(),
        };
        text.chars().enumerate().map(respell).collect()
    }

    proptest! {
        #[test]
        fn a_nick_is_what_the_rules_say_and_keeps_its_spelling(text in text()) {
            let nick = Nick::parse(&text);
            prop_assert_eq!(nick.is_ok(), is_nick(&text));
            if let Ok(nick) = nick {
                prop_assert_eq!(nick.as_str(), &text);
                prop_assert_eq!(nick.to_string(), text);
            }
        }

        #[test]
        fn a_room_name_is_read_as_it_is_shown(text in text()) {
            let Ok(room) = RoomName::parse(&text) else {
                return Ok(());
            };
            prop_assert_eq!(room.as_str(), text.strip_prefix('#').unwrap_or(&text));
            prop_assert!((1..=64).contains(&room.as_str().chars().count()));
            prop_assert!(!room.as_str().contains(|c: char| c.is_control() || c.is_whitespace() || c == ','));
            let shown = room.to_string();
            let again = RoomName::parse(&shown).unwrap();
            prop_assert_eq!(again.as_str(), room.as_str());
        }

        #[test]
        fn names_compare_order_and_hash_as_if_in_lower_case(
            one in text(),
            other in text(),
            (upper, more) in any::<(u64, u64)>(),
        ) {
            let pairs = [(one.clone(), other), (respelled(&one, upper), respelled(&one, more))];
            for (one, other) in pairs {
                let order = one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase());
                if let (Ok(one), Ok(other)) = (Nick::parse(&one), Nick::parse(&other)) {
                    prop_assert_eq!(one == other, order.is_eq());
                    prop_assert_eq!(one.cmp(&other), order);
                    prop_assert!(one != other || hash(&one) == hash(&other));
                }
                let strip = |name: &str| name.strip_prefix('#').unwrap_or(name).to_ascii_lowercase();
                let order = strip(&one).cmp(&strip(&other));
                if let (Ok(one), Ok(other)) = (RoomName::parse(&one), RoomName::parse(&other)) {
                    prop_assert_eq!(one == other, order.is_eq());
                    prop_assert_eq!(one.cmp(&other), order);
                    prop_assert!(one != other || hash(&one) == hash(&other));
                }
            }
        }
    }
}
