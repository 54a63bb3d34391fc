use std::fmt;
use std::time::Duration;

macro_rules! promises {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// Something that the library promises.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Promise { $($(#[$doc])* $name,)* }

        impl fmt::Display for Promise {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

promises! {
    /// Nothing panics, and nothing goes on for ever.
    NoPanic => "nothing panics, waits for ever or spins",
    /// Lines are cut out of the bytes as the peer sent them, in their order.
    Frames => "the lines of a client are handled as it sent them, once and in order",
    /// A session hears of everything in its rooms, once and in the order of the room; what made way for
    /// other things is announced exactly; what waits is bounded.
    Queue => "a session is told exactly what happened, in order, or exactly what it missed",
    /// A client receives what was encoded for it.
    Delivery => "a client receives exactly what was meant for it, in order",
    /// What was accepted arrives, as long as the connection is closed in good order.
    Complete => "a connection that is closed in good order has delivered everything",
    /// Every request gets one answer, in the order of the requests.
    Answers => "every request gets exactly one answer, in order",
    /// Messages of a room come to a program in the order of their numbers, or are announced as missed.
    Numbers => "a program sees the numbers of a room in order, and every gap announced",
    /// What was acknowledged is in its room once; what was refused is not.
    Once => "what is acknowledged is in its room exactly once, what is refused is not",
    /// The client library keeps at it, and ends when it is told to.
    Client => "a client waits before it connects again, and ends in time when it is told to",
    /// The client library knows where it is, and tells where it comes back to.
    Rooms => "a client knows which rooms it is in, and tells of each that it enters again",
    /// The client library does not wait for ever for a server, and not for less than it is told to.
    Patience => "a client gives a silent server up when it is time for that, and not before",
    /// The client library tells what it has an answer to.
    Settles => "a server need not recognize for ever what a client has an answer to",
    /// What the program is told of what it has done, and of what there is.
    Program => "what the program does in its hub is done, and what it sees is there",
    /// The policy sees what happens.
    Observed => "the policy sees each thing that happens once",
    /// Memory is bounded, and nobody is refused anything for want of it that there is enough for.
    Memory => "memory is within its bound, and nothing is refused or forgotten while there is enough",
    /// A session that has lost its connection is kept as long as promised, for whoever has the token.
    Resume => "a session is kept for its time, for one owner, and whole",
    /// Connections end for a reason.
    Reason => "a connection is closed for a reason that is there",
    /// Connections are greeted, pinged and closed when it is time for that, whatever else happens.
    TimeOut => "a connection that is due to time out does so in time",
    /// Connections do not just vanish.
    Silence => "a connection does not end without a word",
    /// A slow member does not hold up others.
    Prompt => "nobody waits because another member is slow",
    /// When nothing is wrong any more, everything comes to rest.
    Drains => "everything is delivered soon after the faults have stopped",
    /// The rooms and members are those of the model.
    Membership => "at rest, rooms and members are those that they should be",
    /// A shutdown says how many connections drained.
    Shutdown => "a shutdown ends in time and reports what became of the connections",
    /// At the end nothing is left.
    NothingLeft => "at the end no task, timer, connection, byte, nick or room is left",
}

/// A promise that was broken, and how that showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub promise: Promise,
    /// When, in virtual time.
    pub at: Duration,
    /// How.
    pub detail: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "broken promise: {}\n  at {:?}: {}",
            self.promise, self.at, self.detail
        )
    }
}
