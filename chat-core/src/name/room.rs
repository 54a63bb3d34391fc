use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{NameError, compare_folded, folded_name, hash_folded};

/// What a room is called: 1 to 64 visible characters without spaces, commas and control characters.
///
/// A `#` in front is no part of the name: it may be given, and is shown. Two spellings that differ
/// only in ASCII case are the same room.
///
/// # Examples
///
/// ```
/// use chat_core::name::{NameError, RoomName};
///
/// let rust = RoomName::parse("#Rust")?;
/// assert_eq!(rust, RoomName::parse("rust")?);
/// assert_eq!(rust.as_str(), "Rust");
/// assert_eq!(rust.to_string(), "#Rust");
/// assert_eq!(RoomName::parse("a,b"), Err(NameError::RoomCharacter(',')));
/// # Ok::<_, NameError>(())
/// ```
#[derive(Clone)]
pub struct RoomName(Arc<str>);

folded_name!(RoomName);

impl RoomName {
    /// How many characters a room name has at most, the `#` not counted.
    pub const MAX_CHARS: usize = 64;

    /// Checks `name`, with or without a `#` in front, and makes it a room name.
    ///
    /// # Errors
    ///
    /// Tells the first rule that `name` breaks.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let name = name.strip_prefix('#').unwrap_or(name);
        if name.is_empty() {
            return Err(NameError::EmptyRoom);
        }
        if let Some(stranger) = name.chars().find(|&c| c == ',' || !is_visible(c)) {
            return Err(NameError::RoomCharacter(stranger));
        }
        match name.chars().count() {
            ..=Self::MAX_CHARS => Ok(Self(name.into())),
            len => Err(NameError::LongRoom { len }),
        }
    }

    /// The room where people start: `#general`.
    pub fn general() -> Self {
        // Everybody who connects holds one.
        static GENERAL: LazyLock<RoomName> = LazyLock::new(|| RoomName("general".into()));
        GENERAL.clone()
    }
}

/// Neither a separator nor anything of Unicode's "other" group: control, format (zero width, text
/// direction), private use, unassigned.
fn is_visible(c: char) -> bool {
    !matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Separator | GeneralCategoryGroup::Other
    )
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_name_has_1_to_64_visible_characters() {
        for good in [
            "a",
            "#a",
            "rust-lang",
            "größe",
            "部屋",
            "🦀",
            &"ü".repeat(64),
        ] {
            let name = RoomName::parse(good).unwrap();
            assert_eq!(name.as_str(), good.trim_start_matches('#'));
        }
        for (bad, why) in [
            ("", NameError::EmptyRoom),
            ("#", NameError::EmptyRoom),
            ("a b", NameError::RoomCharacter(' ')),
            ("a,b", NameError::RoomCharacter(',')),
            ("a\u{7}b", NameError::RoomCharacter('\u{7}')),
            ("a\u{85}b", NameError::RoomCharacter('\u{85}')),
            ("a\u{a0}b", NameError::RoomCharacter('\u{a0}')),
            ("a\u{200b}b", NameError::RoomCharacter('\u{200b}')),
            ("a\u{202e}b", NameError::RoomCharacter('\u{202e}')),
            (&*"ü".repeat(65), NameError::LongRoom { len: 65 }),
        ] {
            assert_eq!(RoomName::parse(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn only_one_number_sign_in_front_is_optional() {
        assert_eq!(RoomName::parse("##a").unwrap().as_str(), "#a");
        assert_eq!(RoomName::parse("##a").unwrap().to_string(), "##a");
    }

    #[test]
    fn rooms_are_ordered_without_regard_to_ascii_case() {
        let name = |name| RoomName::parse(name).unwrap();
        assert!(name("apple") < name("Banana"));
        assert_eq!(name("RUST").cmp(&name("rust")), Ordering::Equal);
        assert_ne!(name("GRÖSSE"), name("größe"));
    }
}
