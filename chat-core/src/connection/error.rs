use std::io;

use thiserror::Error;

use crate::event::CloseReason;

/// Why a connection ended without being closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
    /// The peer did not take what was queued in time.
    #[error("the peer did not take what was queued in time (closing: {reason})")]
    CutOff {
        /// Why the connection was being closed.
        reason: CloseReason,
    },
}
