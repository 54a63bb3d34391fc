use std::fmt;

/// What is said: the number of the message, and filling up to a length that is usual in chats.
#[derive(Clone, Copy)]
pub struct Payload([u8; Payload::LEN]);

impl Payload {
    /// How long it is, in bytes.
    pub const LEN: usize = 64;

    const DIGITS: usize = 10;

    /// That of message `number`, below 10¹⁰.
    pub fn new(number: u64) -> Self {
        let mut bytes = [b'.'; Self::LEN];
        let mut rest = number;
        for digit in bytes[..Self::DIGITS].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self(bytes)
    }

    /// The number of the message that was heard, if it is one.
    pub fn number_in(text: &[u8]) -> Option<u64> {
        if text.len() != Self::LEN {
            return None;
        }
        text[..Self::DIGITS].iter().try_fold(0, |number, digit| {
            let digit = digit.wrapping_sub(b'0');
            (digit < 10).then(|| number * 10 + u64::from(digit))
        })
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_number() {
        for number in [0, 7, 1_234_567_890] {
            assert_eq!(
                Payload::number_in(Payload::new(number).as_bytes()),
                Some(number)
            );
        }
        assert_eq!(Payload::number_in(b"12345"), None);
        assert_eq!(Payload::number_in(&[b'x'; Payload::LEN]), None);
    }
}
