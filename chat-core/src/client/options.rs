use std::time::Duration;

use super::backoff::Backoff;
use super::random::RandomBits;
use crate::name::Nick;
use crate::policy::Credentials;

/// How a [`Client`](super::Client) introduces itself, how patient it is and how much it keeps.
///
/// # Examples
///
/// ```
/// use chat_core::client::ClientOptions;
/// use chat_core::name::Nick;
///
/// let mut options = ClientOptions::default();
/// options.nick = Some(Nick::parse("robot")?);
/// options.backoff.attempts = Some(5);
/// # Ok::<_, chat_core::name::NameError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// What to be called; `None` for whatever the server chooses. Default: `None`.
    pub nick: Option<Nick>,
    /// What to prove oneself with in every new session, if anything. Default: `None`.
    pub credentials: Option<Credentials>,
    /// How many requests may be on their way or wait for a connection. Those beyond wait before they are
    /// sent. Default: 256.
    pub max_outstanding: usize,
    /// How many events may wait to be taken. Default: 1,024.
    pub event_capacity: usize,
    /// What happens when so many events wait.
    pub when_full: WhenFull,
    /// How long a line of the server may be, in bytes. Default: 4 MiB, enough for the longest history.
    pub max_line: usize,
    /// How long it may take to connect and to be welcomed. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// After how long a silence the server is asked for a sign of life; a millisecond at least. Default: 30 seconds.
    pub ping_after: Duration,
    /// How long the server may take to give it before the connection counts as lost. Default: 10
    /// seconds.
    pub ping_timeout: Duration,
    /// How long [`close`](super::Client::close) may take. Default: 10 seconds.
    pub close_timeout: Duration,
    /// How long to wait before reconnecting, and how often.
    pub backoff: Backoff,
    /// Whether the back-off already applies to the very first connection. Otherwise, when that fails, so
    /// does [`Client::reconnecting`](super::Client::reconnecting). Default: no.
    pub insist: bool,
    /// Whether to enter the rooms again when the session could not be resumed and a new one was begun.
    /// Default: yes.
    pub rejoin: bool,
    /// Where random bits come from.
    pub random: RandomBits,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            nick: None,
            credentials: None,
            max_outstanding: 256,
            event_capacity: 1_024,
            when_full: WhenFull::default(),
            max_line: 4 * 1024 * 1024,
            connect_timeout: Duration::from_secs(10),
            ping_after: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
            insist: false,
            rejoin: true,
            random: RandomBits::default(),
        }
    }
}

/// What a client does with events that its program is too slow to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It drops the oldest ones and tells so with [`Event::Lagged`](super::Event::Lagged). Answers to
    /// requests are never held up.
    #[default]
    DropOldest,
    /// It reads nothing more from the server until there is room, so that the server is pushed back and
    /// its own limits for slow readers apply. Answers are behind the events in the same stream: a program
    /// that waits for one and does not take its events waits in vain.
    Backpressure,
}
