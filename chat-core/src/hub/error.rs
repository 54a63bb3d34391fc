use thiserror::Error;

use crate::name::{Nick, RoomName};
use crate::policy::Denial;

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
    /// There are as many rooms as there may be.
    #[error("no room can be opened; there may be {limit} at most")]
    TooManyRooms {
        /// How many there may be.
        limit: usize,
    },
    /// The session is in as many rooms as it may be.
    #[error("you may be in {limit} rooms at most; leave one first")]
    TooManyRoomsForYou {
        /// How many it may be in.
        limit: usize,
    },
    /// The room has as many members as it may have.
    #[error("{room} is full (at most {limit})")]
    RoomFull {
        /// The room.
        room: RoomName,
        /// How many members it may have.
        limit: usize,
    },
    /// Somebody by that nick has lost the connection and may come back; a private message was not
    /// accepted.
    #[error("{0} is away; your message was not delivered")]
    Away(Nick),
    /// The policy of the hub decided against it.
    #[error("{0}")]
    Denied(#[from] Denial),
    /// The policy of the hub did not decide in time, or failed.
    #[error("that could not be decided; try again")]
    Undecided,
    /// No session can be resumed with this token: it never could, or no longer can.
    #[error("there is no session to resume")]
    NotResumable,
    /// Too many messages with names of the client's own were sent in the time for which these are
    /// remembered.
    #[error("more than {limit} messages with an id are remembered; wait, or send it without")]
    TooManyIds {
        /// How many are remembered.
        limit: usize,
    },
    /// It would take more memory than there is to spare, see
    /// [`HubConfig::max_memory`](super::HubConfig::max_memory).
    #[error("there is no memory to spare for that; try again later")]
    NoMemory,
    /// There is too much waiting for the recipient of a private message; it was not accepted.
    #[error("{0} is not keeping up; your message was not delivered")]
    RecipientFull(Nick),
}

impl HubError {
    /// A word for it that stays the same when the sentence is put better.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NickTaken(_) => "nick_taken",
            Self::NoSuchNick(_) => "no_such_nick",
            Self::NotRegistered => "hello_first",
            Self::AlreadyIn(_) => "already_in",
            Self::NotIn(_) => "not_in",
            Self::TooManyRooms { .. } | Self::TooManyRoomsForYou { .. } => "too_many_rooms",
            Self::RoomFull { .. } => "room_full",
            Self::Away(_) => "away",
            Self::RecipientFull(_) => "recipient_full",
            Self::NoMemory => "no_memory",
            Self::Denied(_) => "denied",
            Self::Undecided => "undecided",
            Self::NotResumable => "not_resumable",
            Self::TooManyIds { .. } => "too_many_ids",
        }
    }
}
