use std::time::Duration;

use thiserror::Error;

use crate::message::Body;

/// Why a connection was closed.
///
/// Displays as a sentence for the peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer said goodbye.
    #[error("goodbye")]
    Quit,
    /// The peer closed its half of the stream.
    #[error("the connection was closed by the peer")]
    PeerClosed,
    /// Nothing came from the peer for too long.
    #[error("nothing heard from you for {}; goodbye", Spoken(.0))]
    Idle(Duration),
    /// The peer did not introduce itself in time.
    #[error("no introduction within {}; goodbye", Spoken(.0))]
    Unregistered(Duration),
    /// The outbox overflowed, and the policy for slow consumers is to disconnect them.
    #[error("you are not keeping up; goodbye")]
    SlowConsumer,
    /// The peer sent more than it may for too long.
    #[error("you are sending too much; goodbye")]
    Flooding,
    /// The peer accepted nothing of what was sent to it for too long.
    #[error("you took nothing for {}; goodbye", Spoken(.0))]
    Stalled(Duration),
    /// The session was resumed over another connection.
    #[error("resumed over another connection")]
    Superseded,
    /// The hub's policy does not let the peer in, for this reason.
    #[error("{0}")]
    Denied(String),
    /// The program has ended the session.
    #[error("you were removed{}", Because(.0))]
    Removed(Option<Body>),
    /// The server is shutting down.
    #[error("server shutting down")]
    Shutdown,
    /// The server has as many connections as it may have.
    #[error("the server is full (at most {limit}); try again later")]
    ServerFull {
        /// How many connections it may have.
        limit: usize,
    },
    /// The peer's address has made too many connections in a short time.
    #[error("too many connections from your address in a short time; try again later")]
    ConnectingTooFast,
    /// The peer's address has as many connections as one address may have.
    #[error("too many connections from your address (at most {limit})")]
    AddressFull {
        /// How many connections an address may have.
        limit: usize,
    },
}

impl CloseReason {
    /// A word for it that stays the same when the sentence is put better.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::PeerClosed => "peer_closed",
            Self::Idle(_) => "idle",
            Self::Unregistered(_) => "unregistered",
            Self::SlowConsumer => "slow_consumer",
            Self::Flooding => "flooding",
            Self::Stalled(_) => "stalled",
            Self::Superseded => "superseded",
            Self::Denied(_) => "denied",
            Self::Removed(_) => "removed",
            Self::Shutdown => "shutdown",
            Self::ServerFull { .. } => "server_full",
            Self::AddressFull { .. } => "address_full",
            Self::ConnectingTooFast => "connecting_too_fast",
        }
    }

    /// Whether a session that is closed for this may be resumed: it ended by accident and not because
    /// somebody decided so.
    pub(crate) fn lets_come_back(&self) -> bool {
        match self {
            Self::PeerClosed
            | Self::Idle(_)
            | Self::SlowConsumer
            | Self::Stalled(_)
            | Self::Superseded => true,
            Self::Quit
            | Self::Unregistered(_)
            | Self::Flooding
            | Self::Denied(_)
            | Self::Removed(_)
            | Self::Shutdown
            | Self::ServerFull { .. }
            | Self::ConnectingTooFast
            | Self::AddressFull { .. } => false,
        }
    }
}

/// A reason behind what it is the reason of.
struct Because<'a>(&'a Option<Body>);

impl std::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// A duration as people say it.
struct Spoken<'a>(&'a Duration);

impl std::fmt::Display for Spoken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (1, 0) => f.write_str("1 second"),
            (60, 0) => f.write_str("1 minute"),
            (seconds, 0) if seconds >= 120 && seconds % 60 == 0 => {
                write!(f, "{} minutes", seconds / 60)
            }
            (seconds, 0) if seconds > 0 => write!(f, "{seconds} seconds"),
            _ => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_people_say_them() {
        for (millis, said) in [
            (1_000, "1 second"),
            (90_000, "90 seconds"),
            (60_000, "1 minute"),
            (300_000, "5 minutes"),
            (1_500, "1.5s"),
            (40, "40ms"),
        ] {
            assert_eq!(Spoken(&Duration::from_millis(millis)).to_string(), said);
        }
    }
}
