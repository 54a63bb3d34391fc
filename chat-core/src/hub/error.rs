use thiserror::Error;

use crate::name::{Nick, RoomName};

/// Why the hub did not do what a session asked for.
///
/// Displays as a sentence for the peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HubError {
    /// Somebody else is called that.
    #[error("the nick {0} is taken")]
    NickTaken(Nick),
    /// Nobody is called that.
    #[error("there is nobody called {0}")]
    NoSuchNick(Nick),
    /// The session has no nick yet.
    #[error("you have no nick yet")]
    NotRegistered,
    /// The session is in that room already.
    #[error("you are in {0} already")]
    AlreadyIn(RoomName),
    /// The session is not in that room.
    #[error("you are not in {0}")]
    NotIn(RoomName),
    /// There is too much waiting for the recipient of a private message; it was not accepted.
    #[error("{0} is not keeping up; your message was not delivered")]
    RecipientFull(Nick),
}
