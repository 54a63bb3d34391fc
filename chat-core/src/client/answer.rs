use crate::hub::{Occupant, RoomSummary};
use crate::message::{Body, Message};
use crate::name::{Nick, RoomName};

/// What one learns by entering a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// The room, as it is spelled there.
    pub room: RoomName,
    /// How many are in it.
    pub members: usize,
    /// The number of its last message; zero if there was none yet.
    pub last: u64,
    /// Its topic.
    pub topic: Option<Body>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// The room.
    pub room: RoomName,
    /// The room's number for it.
    pub number: u64,
    /// Whether the room had it already when it was sent again after a lost connection.
    pub duplicate: bool,
}

/// The answer to any request.
#[derive(Debug)]
pub(super) enum Reply {
    Joined(Joined),
    Said(Said),
    Nick(Nick),
    Topic(Option<Body>),
    Rooms(Vec<RoomSummary>),
    Occupants(Vec<Occupant>),
    Messages(Vec<Message>),
    Done,
}
