use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Joined;
use super::error::{Disconnect, End};
use crate::event::Missed;
use crate::message::{Body, Message, PrivateMessage};
use crate::name::{Nick, RoomName};

/// Something that happened: in a room, to the connection, or to the stream of events itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message to a room, one's own ones too. Their numbers go up by one; wherever they do not,
    /// [`Missed`](Event::Missed) or [`Lagged`](Event::Lagged) comes first and says which are not there.
    Message(Message),
    /// A message to this client alone.
    Private(PrivateMessage),
    /// Somebody came into a room; perhaps oneself.
    Joined {
        /// The room.
        room: RoomName,
        /// Who.
        nick: Nick,
    },
    /// Somebody left a room; perhaps oneself.
    Left {
        /// The room.
        room: RoomName,
        /// Who.
        nick: Nick,
    },
    /// Somebody left altogether.
    Quit {
        /// A room that they shared.
        room: RoomName,
        /// Who.
        nick: Nick,
        /// What they said of it.
        reason: Option<Body>,
    },
    /// Somebody is called something else; perhaps oneself.
    Renamed {
        /// A room that they share.
        room: RoomName,
        /// The old nick.
        from: Nick,
        /// The new one.
        nick: Nick,
    },
    /// A room's topic was set or taken away.
    Topic {
        /// The room.
        room: RoomName,
        /// Who did it.
        nick: Nick,
        /// The topic from now on.
        topic: Option<Body>,
    },
    /// The server has taken somebody out of a room; perhaps oneself.
    Kicked {
        /// The room.
        room: RoomName,
        /// Who.
        nick: Nick,
        /// What the server said of it.
        reason: Option<Body>,
    },
    /// The server has closed a room. Nobody is in it any more.
    RoomClosed {
        /// The room.
        room: RoomName,
        /// What the server said of it.
        reason: Option<Body>,
    },
    /// This much of a room was missed: the client was too slow for the server, or away for longer than
    /// the room remembers. [`history`](super::Client::history) may still know the messages.
    Missed(Missed),
    /// This much was dropped because it was not taken in time; see
    /// [`WhenFull::DropOldest`](super::WhenFull::DropOldest).
    Lagged(Lagged),
    /// The connection is lost.
    Disconnected(Disconnect),
    /// There will be an attempt to connect.
    Reconnecting {
        /// Which one since the connection was lost, counted from 1.
        attempt: u32,
        /// How long until then.
        delay: Duration,
        /// Why there is no connection.
        why: Disconnect,
    },
    /// The connection is back, and the session goes on: others saw nothing of it. The messages that came
    /// meanwhile follow. Who came, left or was renamed meanwhile is not told;
    /// [`who`](super::Client::who) tells who is there.
    Resumed {
        /// What the client is called.
        nick: Nick,
        /// The rooms it is in.
        rooms: Vec<RoomName>,
    },
    /// The connection is back, but the session is over and a new one has begun. Says without an answer
    /// have ended as [unknown](super::ClientError::Unknown), if they may have been sent.
    SessionLost {
        /// What the client is called now. Another one may have taken the nick that it had.
        nick: Nick,
    },
    /// In the new session the client is in this room again. What it missed meanwhile is told by
    /// [`Missed`](Event::Missed).
    Rejoined(Joined),
    /// In the new session the client was not let into this room again.
    NotRejoined {
        /// The room.
        room: RoomName,
        /// A word for programs.
        code: String,
        /// A sentence for people.
        text: String,
    },
    /// The client has ended. Nothing more comes.
    Ended(End),
}

/// What was dropped, in a row, because it was not taken in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lagged {
    /// How many events.
    pub events: u64,
    /// How many of them were messages to this client alone.
    pub private: u64,
    /// Per room, the lowest and the highest number of the messages that were dropped; all between them too, unless
    /// the room's numbers have begun anew meanwhile, in a new session.
    pub messages: BTreeMap<RoomName, (u64, u64)>,
}

impl Lagged {
    pub(super) fn add(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::Message(message) => {
                self.add_range(&message.room, (message.number, message.number));
            }
            Event::Private(_) => self.private += 1,
            Event::Missed(missed) => {
                if let Some(range) = missed.messages {
                    self.add_range(&missed.room, range);
                }
            }
            _ => {}
        }
    }

    fn add_range(&mut self, room: &RoomName, (first, last): (u64, u64)) {
        let range = self.messages.entry(room.clone()).or_insert((first, last));
        *range = (range.0.min(first), range.1.max(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_of_a_room_that_began_anew_is_all_in_one_range() {
        let room = RoomName::general();
        let mut lagged = Lagged::default();
        for messages in [(3, 5), (6, 6), (1, 2)] {
            lagged.add(&Event::Missed(Missed {
                room: room.clone(),
                messages: Some(messages),
                presence: 0,
            }));
        }
        assert_eq!((lagged.events, lagged.messages[&room]), (3, (1, 6)));
    }
}
