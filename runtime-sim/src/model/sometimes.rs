use std::fmt;

macro_rules! sometimes {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// A rare branch that should really be taken now and then.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Sort { $($(#[$doc])* $name,)* }

        impl Sort {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it is called in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

sometimes! {
    /// An outbox overflowed.
    Overflow => "outbox overflowed",
    /// A gap was announced.
    Gap => "gap announced",
    /// A gap of several messages was announced.
    LongGap => "gap of several messages",
    /// Missed joins and leaves were announced.
    PresenceGap => "missed presence announced",
    /// Not even an empty outbox could hold an event.
    TooBig => "event larger than an outbox",
    /// A slow consumer was disconnected.
    SlowConsumer => "slow consumer disconnected",
    /// Somebody was closed for holding more than a share of the memory.
    ShutForMemory => "queue closed for its share of memory",
    /// A private message was delivered.
    Private => "private message",
    /// A private message did not fit.
    RecipientFull => "private message refused",
    /// A nick was taken already.
    NickTaken => "nick taken",
    /// A nick was changed.
    NickChanged => "nick changed",
    /// A nick was respelled.
    NickRespelled => "nick respelled",
    /// A room was left for another.
    Moved => "room changed",
    /// A room was forgotten.
    RoomForgotten => "room forgotten",
    /// A remembered room was entered again.
    RoomRemembered => "empty room entered again",
    /// History was shown.
    History => "history shown",
    /// A room forgot its oldest message.
    MemoryFull => "message forgotten",
    /// A client was greeted because it had said nothing for a moment.
    Greeted => "greeted after a silence",
    /// It was a program nevertheless.
    Mistaken => "program taken for a person",
    /// It was a person whose first line began as a request does.
    Brace => "person's first line begins with {",
    /// A line was too long.
    TooLong => "line refused for its length",
    /// A line was not UTF-8.
    NotUtf8 => "line refused for its bytes",
    /// A command was refused.
    Refused => "command refused",
    /// The last line had no end.
    Unended => "last line without its end",
    /// The server was full.
    ServerFull => "refused: server full",
    /// An address had too many connections.
    AddressFull => "refused: address full",
    /// A silent client was closed.
    Idle => "closed for silence",
    /// A client that took nothing was closed.
    Stalled => "closed for taking nothing",
    /// A client that sent too much was closed.
    Flooding => "closed for flooding",
    /// A hook did not let somebody in.
    Denied => "not let in by a hook",
    /// There were as many rooms as may be.
    TooManyRooms => "refused: too many rooms",
    /// A room had as many members as it may have.
    RoomFull => "refused: room full",
    /// Somebody without a room wanted to do something in it.
    NoRoom => "refused: in no room",
    /// The recipient of a private message was leaving.
    Away => "private message to who leaves",
    /// The recipient of a private message had lost the connection.
    AwayParked => "private message to who is away",
    /// A room was left by itself.
    Left => "room left",
    /// A topic was set or taken away.
    Topic => "topic set",
    /// A session was in as many rooms as it may be.
    TooManyForOne => "refused: too many rooms for one",
    /// A session was in several rooms when it left, or was renamed.
    SeveralRooms => "in several rooms at once",
    /// A session was kept after its connection was lost.
    Parked => "session kept",
    /// As many sessions were kept as may be.
    ParkedFull => "session not kept: too many are",
    /// A session came back.
    Resumed => "session resumed",
    /// A session came back to messages that it had not seen.
    Replayed => "resumed: messages replayed",
    /// A session came back to messages that its rooms did not remember any more.
    ResumedGap => "resumed: gap announced",
    /// A session came back to more than its outbox holds.
    ResumedOverflow => "resumed: more than an outbox holds",
    /// A session came back to private messages that had waited.
    ResumedPrivate => "resumed: private messages kept",
    /// A session was taken from a connection that was still there.
    TakenOver => "session taken over",
    /// Two connections asked for the same session at the same time.
    Contended => "session wanted by several",
    /// Nobody came back in time.
    Expired => "session given up after its time",
    /// There was no session for a token any more.
    NotResumable => "refused: not resumable",
    /// A connection did not let go of a session in time.
    ResumeUndecided => "refused: session not let go of",
    /// A message was said again under the same name.
    Duplicate => "message said again, once",
    /// A program needed the answers to what it had said no more.
    Settled => "names of messages settled",
    /// A message was said again over another connection, because there was no answer to the first time.
    SaidAgain => "unanswered message said again",
    /// A client of the library's came back to its session.
    LibraryResumed => "library: resumed",
    /// It came back to find the session gone.
    LibrarySessionLost => "library: session lost",
    /// It said something again that the room had already.
    LibraryDuplicate => "library: said before",
    /// It could not find out whether a room has something.
    LibraryUnknown => "library: unknown whether said",
    /// It told of events that its program was too slow for.
    LibraryLagged => "library: program lagged",
    /// A client of the library's and its server were at rest, and compared.
    LibraryRests => "library: compared at rest",
    /// A client of the library's entered a room again.
    LibraryRejoined => "library: entered again",
    /// A client of the library's gave up a server that said nothing.
    LibraryGaveUp => "library: server given up",
    /// A program was told of a gap.
    JsonGap => "gap announced in JSON",
    /// A JSON request was refused before it was one.
    BadRequest => "request that makes no sense",
    /// A silent program was asked whether it is there.
    Ping => "ping sent",
    /// A connection did not introduce itself.
    Unregistered => "closed for no introduction",
    /// An address connected too fast.
    TooFast => "refused: connecting too fast",
    /// A hook put something in other words.
    Rewritten => "hook: other words",
    /// A hook put a topic in other words, or took it away, or set it instead.
    TopicRewritten => "hook: other topic",
    /// A hook put last words otherwise, or took them away.
    QuitRewritten => "hook: other last words",
    /// A hook was against somebody's last words, and they left without any.
    QuitWordless => "hook: no last words",
    /// A hook was against somebody who wanted to be a guest.
    NoGuest => "hook: no guest",
    /// Somebody without a nick wanted what takes one.
    Nameless => "refused: no nick",
    /// Somebody who was not let in as a guest took a nick, and entered the first room.
    EntersByNick => "entered the first room by nick",
    /// Whether somebody gets into the first room was decided late.
    EntersLate => "waited for the first room",
    /// Something made way for want of memory.
    MemoryGap => "memory short: gap announced",
    /// A room remembered less for want of memory.
    RoomMemoryShort => "memory short: room forgets",
    /// More was in use than the bound, for what is promised in any case.
    MemoryExceeded => "memory short: bound exceeded",
    /// Something was refused for want of memory.
    NoMemory => "memory short: refused",
    /// A name for a message was refused for want of memory.
    TooManyIds => "memory short: too many names",
    /// The program said something in a room.
    Published => "program: published",
    /// It did so where nobody was any more.
    PublishedToNobody => "program: published to nobody",
    /// It set or took away a topic.
    TopicByProgram => "program: topic set",
    /// It took somebody out of a room.
    Kicked => "program: kicked",
    /// It took somebody out of a room who had lost the connection.
    KickedAway => "program: kicked who is away",
    /// It ended a session with a connection.
    Removed => "program: closed a session",
    /// It ended a session that had lost its connection.
    RemovedAway => "program: ended a session kept",
    /// It closed a room with somebody in it.
    RoomClosed => "program: closed a room",
    /// It closed a room that somebody was in who had lost the connection.
    RoomClosedAway => "program: closed a room of who is away",
    /// It closed a room that only its memory was left of.
    EmptyRoomClosed => "program: closed an empty room",
    /// What it wanted to be done was about nobody, or no room.
    NoSuchThing => "program: no such room or nick",
    /// A session came back and was told that it is out of a room.
    ResumedOut => "resumed: out of a room meanwhile",
    /// Somebody was taken out of a room while what they wanted to say there was decided about.
    OutMeanwhile => "out of the room meanwhile",
    /// A subscription heard of a gap.
    ListenerGap => "subscription told of a gap",
    /// A subscription ended with its room.
    ListenerClosed => "subscription ended with its room",
    /// A subscription ended because nobody took what it had heard.
    ListenerOverflow => "subscription ended for slowness",
    /// A room stayed because somebody listened.
    KeptByListener => "room kept by a subscription",
    /// Somebody said goodbye.
    Quit => "closed by /quit",
    /// The peer closed first.
    PeerClosed => "closed by the peer",
    /// A session was told to close by a shutdown.
    Shutdown => "closed by shutdown",
    /// Somebody said something to a room that a shutdown had just closed to them.
    Hushed => "refused: shutting down",
    /// A shutdown found something waiting.
    ShutdownQueued => "shutdown with a full outbox",
    /// A connection was cut off.
    CutOff => "cut off while closing",
    /// More than 64 KiB of answers waited.
    Deaf => "answers held up the input",
    /// A client received everything up to the end of the stream.
    GracefulEnd => "closed in good order",
}

/// How often each rare branch was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sometimes([u64; Sort::ALL.len()]);

impl Default for Sometimes {
    fn default() -> Self {
        Self([0; Sort::ALL.len()])
    }
}

impl Sometimes {
    /// Counts one.
    pub fn count(&mut self, sort: Sort) {
        self.0[sort as usize] += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// How often it happened.
    pub fn of(&self, sort: Sort) -> u64 {
        self.0[sort as usize]
    }
}

/// A line for each.
impl fmt::Display for Sometimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &sort in Sort::ALL {
            writeln!(f, "  {:<32} {:>12}", sort.name(), self.of(sort))?;
        }
        Ok(())
    }
}
