use std::fmt;
use std::str::FromStr;

/// How good the network is, and how often it does something that streams may do but seldom do. Rates are
/// per thousand calls.
///
/// The default is a network without a fault and without latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// How many bytes may be under way in one direction.
    pub window: usize,
    /// How many microseconds a byte is under way at least.
    pub latency: u64,
    /// How many microseconds more it may take.
    pub jitter: u64,
    /// A read gets less than there is.
    pub short_read: u32,
    /// A read gets one byte.
    pub one_byte_read: u32,
    /// A read has to be asked for again.
    pub spurious_read: u32,
    /// The server's read is interrupted.
    pub interrupted_read: u32,
    /// A write takes less than there is room for.
    pub short_write: u32,
    /// A write takes one byte.
    pub one_byte_write: u32,
    /// A write has to be asked for again.
    pub spurious_write: u32,
    /// The server's write is interrupted.
    pub interrupted_write: u32,
    /// A flush takes its time.
    pub stalled_flush: u32,
    /// What is written in one piece arrives in several.
    pub split: u32,
    /// What is written in several pieces arrives in one.
    pub coalesce: u32,
    /// A timer goes off late.
    pub timer_skew: u32,
    /// A task that is to be woken later is not woken soon.
    pub late_wake: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            window: 64 * 1024,
            latency: 0,
            jitter: 0,
            short_read: 0,
            one_byte_read: 0,
            spurious_read: 0,
            interrupted_read: 0,
            short_write: 0,
            one_byte_write: 0,
            spurious_write: 0,
            interrupted_write: 0,
            stalled_flush: 0,
            split: 0,
            coalesce: 0,
            timer_skew: 0,
            late_wake: 0,
        }
    }
}

impl Rates {
    /// The network as it is when nothing is wrong any more: as fast as this one at least, and not slow.
    #[must_use]
    pub fn calm(self) -> Self {
        let usual = Self::default();
        Self {
            window: self.window.max(usual.window),
            latency: self.latency.min(1_000),
            ..usual
        }
    }
}

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    /// Both.
    Both,
}

impl Way {
    /// The pipes that it stands for.
    pub(crate) fn pipes(self) -> &'static [usize] {
        match self {
            Self::Up => &[0],
            Self::Down => &[1],
            Self::Both => &[0, 1],
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
        })
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "both" => Ok(Self::Both),
            _ => Err(format!("{text:?} is no way")),
        }
    }
}
