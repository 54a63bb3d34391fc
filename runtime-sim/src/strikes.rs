use std::fmt;

macro_rules! strikes {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// A kind of fault that can strike.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Strike { $($(#[$doc])* $name,)* }

        impl Strike {
            /// All kinds there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it is called in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

strikes! {
    /// A task runs only when no other is ready.
    Starvation => "task starved",
    /// A task was held back though it was ready.
    HeldTask => "task held back",
    /// A task fell behind all others in the middle of its work.
    PriorityChange => "priority changed",
    /// A timer went off late.
    TimerSkew => "timer late",
    /// A task that asked to be woken later had to wait for that.
    LateWake => "task woken late",
    /// The wall clock was set back.
    WallClockBack => "wall clock set back",
    /// A read got less than there was.
    ShortRead => "short read",
    /// A read got one byte.
    OneByteRead => "one-byte read",
    /// A read was interrupted.
    InterruptedRead => "read interrupted",
    /// A read had to be asked for again although there was something.
    SpuriousRead => "read asked for again",
    /// A write took less than it could.
    ShortWrite => "short write",
    /// A write took one byte.
    OneByteWrite => "one-byte write",
    /// A write was interrupted.
    InterruptedWrite => "write interrupted",
    /// A write had to be asked for again although there was room.
    SpuriousWrite => "write asked for again",
    /// A write found no room.
    FullWindow => "window full",
    /// A flush took its time.
    StalledFlush => "flush stalled",
    /// What was written in one piece arrived in several.
    Split => "write split",
    /// What was written in several pieces arrived in one.
    Coalesced => "writes coalesced",
    /// Bytes were late.
    Jitter => "bytes late",
    /// Nothing got through in one direction for a while.
    Clog => "link clogged",
    /// A client could not be heard for a while.
    PartitionUp => "partition towards the server",
    /// A client could not hear for a while.
    PartitionDown => "partition towards the client",
    /// A client was cut off both ways for a while.
    Partition => "partition both ways",
    /// A connection was reset.
    Reset => "connection reset",
    /// A connection was reset in the middle of what was being written.
    ResetWithin => "reset within a frame",
    /// A connection was reset by whoever dropped it with input unread.
    ResetByDrop => "reset by unread input",
    /// The stream ended in the middle of a line.
    FinWithin => "FIN within a frame",
    /// A client closed its sending half only.
    HalfClose => "half-close",
    /// A client dropped its stream without a word.
    Vanished => "client vanished",
    /// A connection was refused.
    RefusedConnect => "connect refused",
    /// A connection took its time to come about.
    SlowConnect => "connect slow",
    /// Accepting failed for a reason that does not go away at once.
    AcceptError => "accept failed",
    /// Accepting failed because the peer was gone.
    AcceptAborted => "accepted peer gone",
    /// A client stopped reading for a while.
    PausedReader => "reader paused",
    /// A client never read anything.
    DeafClient => "reader deaf",
    /// A client sent byte after byte.
    Drip => "bytes dripped",
    /// A client said nothing for a while where its first byte decides what is spoken.
    Hesitated => "client silent at first",
    /// It sent its first byte alone.
    LoneByte => "first byte alone",
    /// A client sent bytes that mean nothing.
    Rubbish => "rubbish sent",
    /// A client sent a line that is too long.
    LongLine => "line too long",
    /// A client connected again and again.
    Storm => "reconnect storm",
    /// A client came back over another connection while it still had one.
    SecondLogin => "logged in twice",
    /// A client came back with a token that it had given up.
    StaleToken => "stale token used",
    /// The system gave no random bits for a token.
    NoBits => "no random bits",
    /// The future of a connection was dropped between two of its polls.
    DroppedFuture => "connection future dropped",
    /// A hook took its time to decide.
    HookLate => "hook late",
    /// A hook decided against it.
    HookDenied => "hook denied",
    /// A hook never decided.
    HookSilent => "hook silent",
    /// A hook panicked.
    HookPanicked => "hook panicked",
    /// A hook put something in other words.
    HookRewrote => "hook rewrote",
    /// A hook panicked at what it saw.
    ObserverPanicked => "observer panicked",
    /// The server was shut down while people were talking.
    Shutdown => "shutdown under load",
    /// The server was dropped while people were talking.
    ServerDropped => "server dropped",
}

/// How often each kind of fault has struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strikes([u64; Strike::ALL.len()]);

impl Default for Strikes {
    fn default() -> Self {
        Self([0; Strike::ALL.len()])
    }
}

impl Strikes {
    /// Counts one.
    pub fn count(&mut self, strike: Strike) {
        self.0[strike as usize] += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// How often `strike` has struck.
    pub fn of(&self, strike: Strike) -> u64 {
        self.0[strike as usize]
    }

    /// How many kinds have struck.
    pub fn kinds(&self) -> usize {
        self.0.iter().filter(|&&count| count > 0).count()
    }
}

/// A line for each kind.
impl fmt::Display for Strikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &strike in Strike::ALL {
            writeln!(f, "  {:<32} {:>12}", strike.name(), self.of(strike))?;
        }
        Ok(())
    }
}
