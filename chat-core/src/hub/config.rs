use std::time::Duration;

use crate::name::Nick;
use crate::store::MemoryLimits;

/// How a [`Hub`](super::Hub) treats its rooms and its slow members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubConfig {
    /// What a room remembers.
    pub room_memory: MemoryLimits,
    /// How many rooms that everyone has left are remembered, with their messages and numbers, before
    /// the one that has been empty longest is forgotten. Default: 100.
    pub empty_rooms: usize,
    /// How many rooms there are at most, those that are empty and remembered not counted. Default: 10,000.
    pub max_rooms: usize,
    /// How many rooms one session is in at most. Default: 50, so that all connections of one address
    /// together cannot take all rooms.
    pub max_rooms_per_session: usize,
    /// How many members a room has at most. Default: 100,000.
    pub max_members_per_room: usize,
    /// What waits for one session at most.
    pub outbox: OutboxLimits,
    /// How many bytes of memory all that waits and all that is remembered may take: what the outboxes hold
    /// and what rooms remember, each message counted once; topics; message ids; a line that is not complete or not
    /// heard yet; and what was written for a peer that does not take it. `usize::MAX` for no limit. Default: 256 MiB.
    ///
    /// The less of it is free, the less one outbox or one room may hold: a sixteenth of what is free, but
    /// always 4 KiB and the newest message. So the outboxes of the slowest readers make way first, as if they
    /// had reached their own limits. What is promised whatever is free comes on top: for each session,
    /// these 4 KiB or one message, one private message, and the answer to one question.
    ///
    /// A line is counted, but taken whatever is free: up to 20 KiB of text, and 60 KiB of JSON. Not counted is what a
    /// connection takes in any case, about two kilobytes. Connections are limited by
    /// [`ServerConfig::max_connections`](crate::server::ServerConfig::max_connections).
    pub max_memory: usize,
    /// How long a session that has lost its connection can be resumed, if its protocol can do that.
    /// Default: two minutes.
    pub resume_grace: Duration,
    /// How many sessions that have lost their connection are kept at most; those beyond have left. Default:
    /// 1,000.
    pub max_parked: usize,
    /// How long messages that clients gave an id are recognized when they are sent again. It has to be
    /// longer than it may take until a lost connection is noticed
    /// ([`ConnectionConfig::idle_timeout`](crate::connection::ConnectionConfig)) and its session is gone.
    /// Default: ten minutes.
    pub message_id_memory: Duration,
    /// What the server calls itself where the [program](super::Hub::publish) speaks; nobody else can take it.
    /// Default: `server`.
    pub server_nick: Nick,
    /// How long the hub's [`Policy`](crate::policy::Policy) may take to decide. Default: five seconds.
    pub decision_timeout: Duration,
    /// How long members may have to wait for the news that others came or went, so that what happens within that
    /// time is one write to each of them: when everybody comes back after a restart, that is most of what a server
    /// does. Nothing overtakes it: a message that comes meanwhile takes it along. Zero tells it at once. Default: five
    /// milliseconds.
    pub presence_delay: Duration,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            room_memory: MemoryLimits::default(),
            empty_rooms: 100,
            max_rooms: 10_000,
            max_rooms_per_session: 50,
            max_members_per_room: 100_000,
            outbox: OutboxLimits::default(),
            max_memory: 256 * 1024 * 1024,
            resume_grace: Duration::from_secs(2 * 60),
            max_parked: 1_000,
            message_id_memory: Duration::from_secs(10 * 60),
            server_nick: Nick::server(),
            decision_timeout: Duration::from_secs(5),
            presence_delay: Duration::from_millis(5),
        }
    }
}

/// What may wait for one session that reads slower than others write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxLimits {
    /// How many events. Default: 1,024.
    pub messages: usize,
    /// How many bytes, about as on the wire. Default: 1 MiB.
    pub bytes: usize,
    /// What happens to a session that exceeds the limits.
    pub slow_consumer: SlowConsumer,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            messages: 1_024,
            bytes: 1024 * 1024,
            slow_consumer: SlowConsumer::default(),
        }
    }
}

/// What happens to a session whose outbox overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowConsumer {
    /// The oldest room messages are dropped, and the session is told exactly which.
    #[default]
    DropOldest,
    /// The connection is closed.
    Disconnect,
}
