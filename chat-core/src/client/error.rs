use std::io;
use std::sync::Arc;

use thiserror::Error;

use super::frame::FrameError;

/// Why a request has no answer, or there is no client.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused, and has done nothing. The connection goes on.
    #[error("{text}")]
    Refused {
        /// A word for programs, such as `nick_taken`. `docs/PROTOCOL.md` lists them.
        code: String,
        /// A sentence for people.
        text: String,
    },
    /// The connection was lost after the request may have reached the server and before the answer came,
    /// and there is no way to ask: it has been done once or not at all.
    #[error("the connection was lost, and it is not known whether that was done")]
    Unknown,
    /// The client has ended. The request was not sent.
    #[error("the client has ended: {0}")]
    Ended(End),
    /// No connection came about.
    #[error(transparent)]
    NotConnected(Disconnect),
    /// [`close`](super::Client::close) ran out of time. So many requests had no answer by then.
    #[error("{outstanding} requests had no answer in time")]
    NotDrained {
        /// How many requests.
        outstanding: usize,
    },
    /// The operating system gave no random bits, without which messages cannot be told apart.
    #[error("the system gave no random bits")]
    NoRandomBits,
}

/// Why a client has ended.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum End {
    /// It was [closed](super::Client::close), or the last handle to it was dropped.
    #[error("it was closed")]
    Closed,
    /// The connection was lost and is not to be made again: the client was given one stream only, or the
    /// server does not want it back.
    #[error(transparent)]
    Lost(Disconnect),
    /// Too many attempts to reconnect failed.
    #[error("gave up after {attempts} attempts; at last: {last}")]
    GaveUp {
        /// How many.
        attempts: u32,
        /// What became of the last one.
        last: Disconnect,
    },
    /// The runtime has ended first.
    #[error("its runtime has ended")]
    Abandoned,
}

/// Why there is no connection (any more).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Disconnect {
    /// The connector got none.
    #[error("cannot connect: {0}")]
    Unreachable(#[source] Arc<io::Error>),
    /// The stream failed.
    #[error("the connection failed: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The server ended it without a word.
    #[error("the connection was closed by the server")]
    Ended,
    /// The server ended it and said why.
    #[error("closed by the server: {text}")]
    Closed {
        /// A word for programs, such as `shutdown`; `text` where the server said it before it knew what the
        /// client speaks.
        code: String,
        /// A sentence for people.
        text: String,
    },
    /// The server did not let the client in.
    #[error("{text}")]
    Refused {
        /// A word for programs, such as `denied`.
        code: String,
        /// A sentence for people.
        text: String,
    },
    /// The server gave no sign of life in time.
    #[error("the server does not answer")]
    TimedOut,
    /// What came from the server was not the protocol.
    #[error("the server does not keep to the protocol: {0}")]
    BadFrame(#[source] FrameError),
}

impl Disconnect {
    pub(super) fn io(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }

    /// Whether the server does not want this client back.
    pub(super) fn is_final(&self) -> bool {
        match self {
            // Coming back would take the session from whoever has it now, and so on for ever.
            Self::Closed { code, .. } => code == "superseded" || code == "denied",
            Self::Refused { code, .. } => code != "undecided",
            _ => false,
        }
    }
}
