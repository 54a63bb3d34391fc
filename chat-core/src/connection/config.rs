use std::time::Duration;

use super::rate::RateLimit;

/// How patient a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionConfig {
    /// How long nothing may come from the peer before the connection is closed; `None` for ever. After half
    /// of it the peer is pinged, if its protocol can do that. Default: five minutes.
    pub idle_timeout: Option<Duration>,
    /// How long a peer may take to introduce itself, that is, to get a nick; `None` for ever. It counts from when the
    /// peer is let in, and while a decision of the policy is waited for nobody is closed for it. Default: ten seconds.
    pub registration_timeout: Option<Duration>,
    /// How many frames the peer may send, and how fast. One that is faster is heard later, so that it cannot
    /// send more than the platform buffers; `None` for no limit. Default: a hundred at once, and ten a second,
    /// which is far more than people type and lets a program that comes back catch up quickly. A program that
    /// speaks for many, or measures how fast a server is, needs more.
    pub rate_limit: Option<RateLimit>,
    /// How long a peer may always have more to say than the rate limit lets it, before the connection is
    /// closed; `None` for ever. Default: one minute.
    pub flood_timeout: Option<Duration>,
    /// How long a peer may accept nothing of what is sent to it, before the connection is closed; `None` for
    /// ever. Default: five minutes.
    pub write_timeout: Option<Duration>,
    /// How long the peer may take to accept what is queued when the connection is closed. Default: five
    /// seconds.
    pub close_timeout: Duration,
    /// How long a connection that was closed stays for a silent peer to close it too; one that goes on
    /// sending is waited for as long as [`close_timeout`](Self::close_timeout) lets it. What a peer sends
    /// to a connection that is gone is answered with a reset, which destroys what the peer has not read
    /// yet. Default: one second.
    pub linger: Duration,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(5 * 60)),
            registration_timeout: Some(Duration::from_secs(10)),
            rate_limit: RateLimit::new(100, Duration::from_secs(10)),
            flood_timeout: Some(Duration::from_secs(60)),
            write_timeout: Some(Duration::from_secs(5 * 60)),
            close_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(1),
        }
    }
}
