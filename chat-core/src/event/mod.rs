//! What sessions get to hear: [`Event`]s, made once by the hub and shared by everyone who receives
//! them.

mod close;
mod encoding;
mod series;

use std::sync::Arc;

pub use close::CloseReason;
use encoding::Encodings;
pub use encoding::Variant;
pub use series::Batch;
pub(crate) use series::Series;

use crate::memory::Memory;
use crate::message::{Body, Message, PrivateMessage};
use crate::name::{Nick, RoomName};

/// Tells sessions of one hub apart, for as long as the hub lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl SessionId {
    /// What the program does without being anybody is done by this one, which no session has.
    pub const PROGRAM: Self = Self(0);
}

/// Something that happened, for a session to tell its peer.
///
/// Those about a room reach its members in the room's order. Where one is about a session, that
/// session gets it too; what it makes of it is its protocol's business.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message to a room.
    Message(Message),
    /// A message to this session alone.
    Private(PrivateMessage),
    /// Somebody came into a room.
    Joined {
        /// The room.
        room: RoomName,
        /// Who.
        who: Who,
    },
    /// Somebody left a room.
    Left {
        /// The room.
        room: RoomName,
        /// Who.
        who: Who,
    },
    /// Somebody left altogether. A session hears of it once, however many rooms it shared.
    Quit {
        /// A room that they shared.
        room: RoomName,
        /// Who.
        who: Who,
        /// What they said of it.
        reason: Option<Body>,
    },
    /// Somebody is called something else from now on. A session hears of it once, however many rooms
    /// it shares.
    Renamed {
        /// A room that they share.
        room: RoomName,
        /// Who, by the old nick.
        who: Who,
        /// The new nick.
        nick: Nick,
    },
    /// A room's topic was set or taken away.
    Topic {
        /// The room.
        room: RoomName,
        /// Who did it.
        who: Who,
        /// The topic from now on.
        topic: Option<Body>,
    },
    /// The program has taken somebody out of a room.
    Kicked {
        /// The room.
        room: RoomName,
        /// Who.
        who: Who,
        /// What the program said of it.
        reason: Option<Body>,
    },
    /// The program has closed a room: nobody is in it any more, and what it remembered is forgotten. One of
    /// the same name begins anew.
    RoomClosed {
        /// The room.
        room: RoomName,
        /// What the program said of it.
        reason: Option<Body>,
    },
}

/// The subject of an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The session.
    pub session: SessionId,
    /// What it was called at that time.
    pub nick: Nick,
}

impl Event {
    /// The room this is about.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Message(message) => Some(&message.room),
            Self::Private(_) => None,
            Self::Joined { room, .. }
            | Self::Left { room, .. }
            | Self::Quit { room, .. }
            | Self::Renamed { room, .. }
            | Self::Topic { room, .. }
            | Self::Kicked { room, .. }
            | Self::RoomClosed { room, .. } => Some(room),
        }
    }

    /// What it counts towards the bytes of an outbox: about its size on the wire.
    fn weight(&self) -> usize {
        SharedEvent::LEAST_WEIGHT + self.text_len()
    }

    fn text_len(&self) -> usize {
        match self {
            Self::Message(message) => message.body.as_str().len(),
            Self::Private(message) => message.body.as_str().len(),
            Self::Quit { reason: text, .. }
            | Self::Topic { topic: text, .. }
            | Self::Kicked { reason: text, .. }
            | Self::RoomClosed { reason: text, .. } => {
                text.as_ref().map_or(0, |text| text.as_str().len())
            }
            Self::Joined { .. } | Self::Left { .. } | Self::Renamed { .. } => 0,
        }
    }
}

/// An [`Event`] on its way to many sessions, with the bytes it has become so far.
///
/// Its memory is counted towards that of its hub
/// ([`HubConfig::max_memory`](crate::hub::HubConfig::max_memory)) once, however many hold it, until the last
/// of them drops it.
#[derive(Debug)]
pub struct SharedEvent {
    event: Event,
    encodings: Encodings<Box<[u8]>>,
    memory: Arc<Memory>,
    share: usize,
    /// What it counts towards the bytes of an outbox. Kept, because each outbox asks more than once.
    weight: usize,
}

impl SharedEvent {
    /// What the shortest event counts towards the bytes of an outbox.
    const LEAST_WEIGHT: usize = 64;

    /// How much more memory an event takes than its [weight](Self::weight), its encodings not counted: its
    /// own size and the two counts of its `Arc`.
    pub(crate) const OVERHEAD: usize = size_of::<Self>() + 16 - Self::LEAST_WEIGHT;

    /// An event that takes `memory`, whatever is free of it: nobody waits for a slow reader.
    pub(crate) fn new(event: Event, memory: &Arc<Memory>) -> Arc<Self> {
        let weight = event.weight();
        memory.charge(weight + Self::OVERHEAD);
        Arc::new(Self {
            weight,
            event,
            encodings: Encodings::default(),
            // Asked after it was counted, so that what is queued at the same time elsewhere cannot be
            // promised the same memory.
            share: memory.share(),
            memory: Arc::clone(memory),
        })
    }

    /// What happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Appends the bytes of this event in `variant` to `out`: made by `encode` for the first who asks, and
    /// copied for everyone after. Where there is no memory to keep them in, they are made anew each time.
    ///
    /// `encode` appends, and leaves what is there already. All who use the same variant must encode alike.
    pub fn encode_into(
        &self,
        variant: Variant,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&Event, &mut Vec<u8>),
    ) {
        if let Some(bytes) = self.encodings.get(variant) {
            return out.extend_from_slice(bytes);
        }
        let start = out.len();
        encode(&self.event, out);
        let bytes = out.get(start..).unwrap_or_default();
        let takes = Self::footprint_of(bytes);
        let kept = || bytes.into();
        self.encodings.keep(variant, takes, &self.memory, kept);
    }

    /// Appends the same and keeps nothing.
    fn write(
        &self,
        variant: Variant,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&Event, &mut Vec<u8>),
    ) {
        match self.encodings.get(variant) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => encode(&self.event, out),
        }
    }

    /// The room's number for it, if it is a message to a room.
    pub fn number(&self) -> Option<u64> {
        match &self.event {
            Event::Message(message) => Some(message.number),
            _ => None,
        }
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// How much one outbox, or one room, may hold for this event to be kept, as it was when this happened.
    pub(crate) fn share(&self) -> usize {
        self.share
    }

    /// How much memory it takes.
    pub(crate) fn footprint(&self) -> usize {
        let encodings = self.encodings.iter().map(|bytes| Self::footprint_of(bytes));
        self.weight() + Self::OVERHEAD + encodings.sum::<usize>()
    }

    /// How much memory its `bytes` in one variant take.
    fn footprint_of(bytes: &[u8]) -> usize {
        Encodings::<Box<[u8]>>::OVERHEAD + bytes.len()
    }
}

impl Drop for SharedEvent {
    fn drop(&mut self) {
        self.memory.release(self.footprint());
    }
}

/// What a program gets to hear: from a [`Session`](crate::session::Session) of its own, or from a
/// [`Subscription`](crate::hub::Subscription).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Heard {
    /// Something happened.
    Event(Arc<SharedEvent>),
    /// The program was too slow for this much.
    Missed(Missed),
}

impl Heard {
    /// What happened, unless something was missed.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event.event()),
            Self::Missed(_) => None,
        }
    }
}

/// What a session missed of a room because it was too slow.
///
/// It takes the place of what was dropped: before the next message that is delivered, after the last
/// one that was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missed {
    /// The room.
    pub room: RoomName,
    /// The numbers of the messages, if there were any: the first and the last, all between them too.
    pub messages: Option<(u64, u64)>,
    /// How many joins, leaves, new nicks, topics and so on.
    pub presence: u64,
}
