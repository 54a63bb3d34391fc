//! The hub: all rooms and nicks of one server, and the way of a message to everyone who gets it.
//!
//! Synchronous, with short locks that are never held across an `.await`: the directory of nicks and
//! rooms is never held together with another; of the others, a room is locked before the outboxes of
//! its members, one at a time. Connections are woken after all of them are released.

mod config;
mod directory;
mod error;
mod outbox;
mod room;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use config::{HubConfig, OutboxLimits, SlowConsumer};
use directory::Directory;
pub use error::HubError;
pub(crate) use outbox::{Closing, Outbox, Outgoing, Rest, Wakes};
pub(crate) use room::{Member, Seat, Told};
pub use room::{Occupant, Role};

use crate::event::{SessionId, Who};
use crate::name::{Nick, RoomName};
use crate::runtime::Timer;

/// All rooms and nicks of one server. Cheap to clone: clones are the same hub.
///
/// What one does in a hub, one does as a [`Session`](crate::session::Session).
///
/// # Examples
///
/// ```no_run
/// # fn example(runtime: std::sync::Arc<dyn chat_core::runtime::Runtime>) {
/// use chat_core::hub::{Hub, HubConfig};
///
/// let hub = Hub::new(runtime, HubConfig::default());
/// for room in hub.rooms() {
///     println!("{} has {} members", room.name, room.members);
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    timer: Arc<dyn Timer>,
    config: HubConfig,
    directory: Mutex<Directory>,
    last_session: AtomicU64,
}

/// A room that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomSummary {
    /// Its name.
    pub name: RoomName,
    /// How many are in it.
    pub members: usize,
}

impl Hub {
    /// A hub with no rooms and nobody in it, which dates messages by `timer`'s wall clock.
    pub fn new(timer: Arc<dyn Timer>, config: HubConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                timer,
                config,
                directory: Mutex::default(),
                last_session: AtomicU64::new(0),
            }),
        }
    }

    /// The rooms with somebody in them, by name.
    pub fn rooms(&self) -> Vec<RoomSummary> {
        let rooms = self.directory().rooms();
        let summary = |(name, members)| RoomSummary { name, members };
        rooms.into_iter().map(summary).collect()
    }

    /// How it was configured.
    pub fn config(&self) -> &HubConfig {
        &self.shared.config
    }

    pub(crate) fn wall_clock(&self) -> SystemTime {
        self.shared.timer.wall_clock()
    }

    pub(crate) fn new_session(&self) -> (SessionId, Arc<Outbox>) {
        let id = self.shared.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        (
            SessionId(id),
            Arc::new(Outbox::new(self.shared.config.outbox)),
        )
    }

    pub(crate) fn claim_nick(
        &self,
        nick: &Nick,
        session: SessionId,
        outbox: &Arc<Outbox>,
    ) -> Result<(), HubError> {
        self.directory().claim(nick, session, outbox)
    }

    pub(crate) fn claim_guest_nick(&self, session: SessionId, outbox: &Arc<Outbox>) -> Nick {
        self.directory().claim_guest(session, outbox)
    }

    pub(crate) fn release_nick(&self, nick: &Nick) {
        self.directory().release(nick);
    }

    pub(crate) fn find_nick(&self, nick: &Nick) -> Result<(Nick, Arc<Outbox>), HubError> {
        let found = self.directory().find(nick);
        found.ok_or_else(|| HubError::NoSuchNick(nick.clone()))
    }

    /// Keeps a seat in a room, to be [taken](Reservation::sit).
    pub(crate) fn reserve(&self, name: &RoomName) -> Reservation {
        let (room, first) = self.directory().enter(name, self.shared.config.room_memory);
        Reservation {
            room,
            role: if first { Role::Operator } else { Role::Member },
        }
    }

    /// Counts a seat in `room` as free again, after it was left.
    pub(crate) fn free_seat(&self, room: &RoomName) {
        self.directory().exit(room, self.shared.config.empty_rooms);
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        // Nothing in this module can panic while it holds the lock.
        self.shared
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat that is kept for a session on its way into a room, so that the room cannot be forgotten
/// meanwhile.
pub(crate) struct Reservation {
    room: Arc<room::Room>,
    role: Role,
}

impl Reservation {
    pub(crate) fn sit(self, who: Who, outbox: &Arc<Outbox>, wakes: &mut Wakes) -> Seat {
        let member = Member {
            who,
            role: self.role,
            outbox: Arc::clone(outbox),
        };
        self.room.join(member, wakes)
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
