//! Plans: everything that one run is to do, written down, so that it can be kept, replayed and made
//! smaller.

mod config;
mod generate;
mod shrink;
mod text;

pub use config::PlanConfig;
pub use generate::Size;
pub use shrink::shrink;

use crate::net::Way;

/// One run: how the machine and the server are set up, what the clients do, and what goes wrong.
///
/// [`Plan::from_seed`] draws one; [`Plan::parse`] reads what `Display` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Decides the schedule, and what the network does within its rates.
    pub seed: u64,
    /// How everything is set up.
    pub config: PlanConfig,
    /// What clients do, in the order of time.
    pub operations: Vec<Operation>,
    /// What goes wrong, in the order of time.
    pub faults: Vec<Fault>,
    /// What the program does that the hub belongs to, in the order of time.
    pub deeds: Vec<Deed>,
}

/// Something that a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// When, in microseconds; later if the client is still busy with the one before.
    pub at: u64,
    /// Who.
    pub client: u32,
    /// What. A client that is not connected connects first.
    pub action: Action,
}

/// What a client can do. Lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Nothing but to connect.
    Connect,
    /// Says something of this length.
    Say(u32),
    /// Says many things of this length in one write.
    Burst(u32, u32),
    /// Does something.
    Act(u32),
    /// Says something to whoever has a nick.
    Private(u32, u32),
    /// Goes to a room.
    Join(u32),
    /// Goes to and fro between two rooms, so many times in one write.
    Hop(u32),
    /// Takes a nick.
    Nick(u32),
    /// Asks who is in the room.
    Who,
    /// Asks which rooms there are.
    Rooms,
    /// Asks for the last messages.
    History(u32),
    /// Asks for all messages that the room remembers, so many times in one write.
    Recall(u32),
    /// Asks for the commands, so many times in one write.
    Help(u32),
    /// Leaves, with a reason of this length.
    Quit(u32),
    /// Sends an empty line.
    Blank,
    /// Sends bytes that mean nothing, with a newline behind.
    Rubbish(u32),
    /// Sends a line of this length, which may be too long.
    Line(u32),
    /// Sends a line without its end, and closes its half of the stream.
    Cut(u32),
    /// Closes its half of the stream.
    HalfClose,
    /// Drops the stream.
    Vanish,
    /// Reads nothing for so many milliseconds.
    Pause(u32),
    /// Reads nothing any more.
    Deaf,
    /// Says something of this length byte by byte.
    Drip(u32),
    /// Connects, says one thing and vanishes, so many times.
    Storm(u32),
    /// Leaves a room, and enters no other one if it speaks JSON.
    Leave(u32),
    /// Sets the topic of a room, or takes it away where the length is 0.
    Topic(u32),
    /// Says the last thing again, under the same name if it had one.
    Again,
    /// Connects once more without letting go of the connection that it has, and takes its session up there.
    TakeOver,
    /// Sends a request that makes no sense, out of several.
    Odd(u32),
}

/// Something that the program does that the hub belongs to, without being anybody in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When, in microseconds.
    pub at: u64,
    /// What.
    pub kind: DeedKind,
}

/// What the program can do in its hub. The first room is the one where people start; lengths are in bytes,
/// and a length of 0 is no reason and no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeedKind {
    /// Says something of this length in a room.
    Publish(u32, u32),
    /// Sets or takes away the topic of a room.
    SetTopic(u32, u32),
    /// Takes whoever has a nick out of a room, for a reason of this length.
    Kick(u32, u32, u32),
    /// Ends the session of whoever has a nick, for a reason of this length.
    Disconnect(u32, u32),
    /// Closes a room, for a reason of this length.
    CloseRoom(u32, u32),
    /// Listens to a room, and takes so many milliseconds for each thing that it hears.
    Subscribe(u32, u32),
    /// Ends one of the subscriptions that there are.
    Unsubscribe(u32),
    /// Looks who is in a room, what it remembers and what its topic is.
    Look(u32),
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, in microseconds.
    pub at: u64,
    /// What.
    pub kind: FaultKind,
}

/// What can go wrong at a given moment. Durations are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// Nothing gets through on the connections that a client has.
    Clog(u32, Way, u32),
    /// A client is cut off, also from new connections.
    Partition(u32, Way, u32),
    /// The connections of a client are reset.
    Reset(u32),
    /// They are reset after so many more bytes.
    ResetWithin(u32, Way, u32),
    /// Nobody can connect.
    Refuse(u32),
    /// Connecting takes longer by the second duration.
    Slow(u32, u32),
    /// So many accepts fail.
    AcceptErrors(u32),
    /// So many accepts find the peer gone.
    AcceptAborts(u32),
    /// The future of a client's connection is dropped after so many more polls.
    DropFuture(u32, u32),
    /// The wall clock is set back.
    WallClockBack(u32),
    /// The server is shut down.
    Shutdown,
    /// The server is dropped.
    DropServer,
}
