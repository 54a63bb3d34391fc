use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::{NameError, compare_folded, folded_name, hash_folded};

/// What a person is called: 1 to 32 ASCII letters, digits and ``-_[]{}\|^` ``, not starting with a
/// digit or `-`.
///
/// Two spellings that differ only in case are the same nick.
///
/// # Examples
///
/// ```
/// use chat_core::name::{NameError, Nick};
///
/// let alice = Nick::parse("Alice")?;
/// assert_eq!(alice, Nick::parse("aLICE")?);
/// assert_eq!(alice.to_string(), "Alice");
/// assert_eq!(Nick::parse("4ever"), Err(NameError::NickStart('4')));
/// # Ok::<_, NameError>(())
/// ```
#[derive(Clone)]
pub struct Nick(Arc<str>);

folded_name!(Nick);

impl Nick {
    /// How many characters a nick has at most.
    pub const MAX_CHARS: usize = 32;

    /// Checks `name` and makes it a nick.
    ///
    /// # Errors
    ///
    /// Tells the first rule that `name` breaks.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let Some(first) = name.chars().next() else {
            return Err(NameError::EmptyNick);
        };
        if let Some(stranger) = name.chars().find(|&c| !is_allowed(c)) {
            return Err(NameError::NickCharacter(stranger));
        }
        if first.is_ascii_digit() || first == '-' {
            return Err(NameError::NickStart(first));
        }
        if name.len() > Self::MAX_CHARS {
            return Err(NameError::LongNick { len: name.len() });
        }
        Ok(Self(name.into()))
    }

    /// The nick of a guest: `guest-<number>`.
    pub fn guest(number: u64) -> Self {
        Self(format!("guest-{number}").into())
    }

    /// `server`, what the server calls itself unless told.
    pub fn server() -> Self {
        Self("server".into())
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_[]{}\\|^`".contains(c)
}

impl fmt::Display for Nick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nick_has_1_to_32_of_the_listed_characters() {
        for good in [
            "a",
            "Z",
            "_",
            "[x]",
            "{x}",
            "a\\|^`-",
            "a4",
            &"n".repeat(32),
        ] {
            assert_eq!(Nick::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", NameError::EmptyNick),
            (&*"n".repeat(33), NameError::LongNick { len: 33 }),
            ("4a", NameError::NickStart('4')),
            ("-a", NameError::NickStart('-')),
            ("a b", NameError::NickCharacter(' ')),
            ("käthe", NameError::NickCharacter('ä')),
            ("a\0", NameError::NickCharacter('\0')),
            ("a:b", NameError::NickCharacter(':')),
        ] {
            assert_eq!(Nick::parse(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn every_guest_number_makes_a_valid_nick() {
        for number in [0, 7, u64::MAX] {
            let guest = Nick::guest(number);
            assert_eq!(Nick::parse(guest.as_str()), Ok(guest));
        }
    }

    #[test]
    fn case_makes_no_difference_to_a_map() {
        let nicks = std::collections::HashSet::from([Nick::parse("Bob").unwrap()]);
        assert!(nicks.contains(&Nick::parse("bOB").unwrap()));
        assert!(!nicks.contains(&Nick::parse("bo").unwrap()));
    }
}
