use std::ops::AddAssign;

/// How much of something there is at this moment: read when somebody asks, so that keeping it costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Rooms with somebody in them, the seats taken in all of them, and rooms that are empty and remembered.
    pub(crate) rooms: usize,
    pub(crate) members: usize,
    pub(crate) empty_rooms: usize,
    /// Sessions with a nick, and those of them that have lost their connection.
    pub(crate) sessions: usize,
    pub(crate) parked: usize,
    /// What waits in all outboxes, and in the fullest one.
    pub(crate) queued: Level,
    pub(crate) fullest: Level,
    /// Bytes in use of [`HubConfig::max_memory`](crate::hub::HubConfig::max_memory), and that limit.
    pub(crate) memory: usize,
    pub(crate) max_memory: usize,
}

/// What an outbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Level {
    /// The higher of both, each by itself.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            events: self.events.max(other.events),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl AddAssign for Level {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Levels {
    /// Of two hubs the fullest outbox is the fuller one; of everything else there is as much as in both.
    fn add_assign(&mut self, other: Self) {
        self.rooms += other.rooms;
        self.members += other.members;
        self.empty_rooms += other.empty_rooms;
        self.sessions += other.sessions;
        self.parked += other.parked;
        self.queued += other.queued;
        self.fullest = self.fullest.max(other.fullest);
        self.memory += other.memory;
        self.max_memory = self.max_memory.saturating_add(other.max_memory);
    }
}
