//! What an option may be set to: numbers with a unit, and "off".

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use chat_core::connection::{RateLimit, RateLimitError};
use jiff::SignedDuration;
use thiserror::Error;

/// A rate limit such as `100/10`, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub Option<RateLimit>);

/// A number of at least one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub Option<usize>);

/// A time such as `90s`, `5m` or `1h 30m`, or none. A number alone is in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Option<Duration>);

/// So many bytes, such as `256MiB`, or none. A number alone is in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub Option<usize>);

/// Why a value was not understood. Displays as what is needed instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// It is no rate.
    #[error("{0}; \"off\" is no limit")]
    Rate(RateLimitError),
    /// It is no number, or zero.
    #[error("a number of at least 1 is needed; \"off\" is no limit")]
    Count,
    /// It is no time.
    #[error("a time is needed, such as 90s, 5m or 500ms; \"off\" is never")]
    Patience,
    /// It is no number of bytes.
    #[error("a size is needed, such as 64MiB or 1GiB; \"off\" is no limit")]
    Size,
}

const OFF: &str = "off";

impl Count {
    /// The number; the largest one for none.
    pub fn or_max(self) -> usize {
        self.0.unwrap_or(usize::MAX)
    }
}

impl Size {
    /// The number of bytes; the largest one for none.
    pub fn or_max(self) -> usize {
        self.0.unwrap_or(usize::MAX)
    }
}

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(value: &str) -> Result<Self, ValueError> {
        match value {
            OFF => Ok(Self(None)),
            limit => match limit.parse() {
                Ok(limit) => Ok(Self(Some(limit))),
                Err(error) => Err(ValueError::Rate(error)),
            },
        }
    }
}

impl FromStr for Count {
    type Err = ValueError;

    fn from_str(value: &str) -> Result<Self, ValueError> {
        match value {
            OFF => Ok(Self(None)),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(Self(Some(number))),
                _ => Err(ValueError::Count),
            },
        }
    }
}

impl FromStr for Patience {
    type Err = ValueError;

    fn from_str(value: &str) -> Result<Self, ValueError> {
        if value == OFF {
            return Ok(Self(None));
        }
        let time = match value.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let time: SignedDuration = value.parse().map_err(|_| ValueError::Patience)?;
                Duration::try_from(time).map_err(|_| ValueError::Patience)?
            }
        };
        Ok(Self(Some(time)))
    }
}

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(value: &str) -> Result<Self, ValueError> {
        if value == OFF {
            return Ok(Self(None));
        }
        let ByteSize(bytes) = value.parse().map_err(|_| ValueError::Size)?;
        let bytes = usize::try_from(bytes).map_err(|_| ValueError::Size)?;
        Ok(Self(Some(bytes)))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_or_off(self.0.as_ref(), f)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_or_off(self.0.as_ref(), f)
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self
            .0
            .map(|time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX));
        match time {
            // The friendly format of jiff.
            Some(time) => write!(f, "{time:#}"),
            None => f.write_str(OFF),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEBI: usize = 1024 * 1024;
        match self.0 {
            Some(bytes) if bytes > 0 && bytes % MEBI == 0 => write!(f, "{}MiB", bytes / MEBI),
            bytes => write_or_off(bytes.as_ref(), f),
        }
    }
}

fn write_or_off(value: Option<&impl fmt::Display>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Some(value) => value.fmt(f),
        None => f.write_str(OFF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T: FromStr<Err = ValueError>>(texts: &[&str]) -> Vec<Result<T, ValueError>> {
        texts.iter().map(|text| text.parse()).collect()
    }

    #[test]
    fn times_have_a_unit_or_are_in_seconds() {
        let millis = |millis| Ok(Patience(Some(Duration::from_millis(millis))));
        assert_eq!(
            all::<Patience>(&["300", "5m", "1h 30m", "500ms", "0", "0s", "1.5s", "off"]),
            [
                millis(300_000),
                millis(300_000),
                millis(5_400_000),
                millis(500),
                millis(0),
                millis(0),
                millis(1_500),
                Ok(Patience(None)),
            ]
        );
        for bad in ["soon", "", "-5", "-5s", "5 parsecs", "1 month"] {
            assert_eq!(bad.parse::<Patience>(), Err(ValueError::Patience), "{bad}");
        }
    }

    #[test]
    fn sizes_have_a_unit_or_are_in_bytes() {
        let bytes = |bytes| Ok(Size(Some(bytes)));
        assert_eq!(
            all::<Size>(&["4096", "64MiB", "1GiB", "1.5KiB", "2MB", "off"]),
            [
                bytes(4096),
                bytes(64 << 20),
                bytes(1 << 30),
                bytes(1536),
                bytes(2_000_000),
                Ok(Size(None)),
            ]
        );
        for bad in ["much", "", "-1", "1 acre"] {
            assert_eq!(bad.parse::<Size>(), Err(ValueError::Size), "{bad}");
        }
    }

    #[test]
    fn counts_are_at_least_one() {
        assert_eq!("7".parse(), Ok(Count(Some(7))));
        assert_eq!("off".parse(), Ok(Count(None)));
        for bad in ["0", "-1", "many", ""] {
            assert_eq!(bad.parse::<Count>(), Err(ValueError::Count), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_understood() {
        for text in ["100/10", "off"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["5m", "10s", "1h 30m", "off"] {
            assert_eq!(text.parse::<Patience>().unwrap().to_string(), text);
        }
        for text in ["256MiB", "1000", "off"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }
}
