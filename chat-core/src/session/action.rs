use crate::hub::{HubError, Presence, ResumeToken};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::Credentials;
use crate::store::ClientId;

/// Something that a session wants done, and that the hub's [`Policy`](crate::policy::Policy) has a say in.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Come in. The connection driver wants this before anything else.
    Connect,
    /// Prove who one is.
    LogIn(Credentials),
    /// Be called this.
    TakeNick(Nick),
    /// Be called `guest-<n>`, unless it has a nick.
    TakeGuestNick,
    /// Enter a room, and leave another one for it if so wished.
    Join {
        /// The room.
        room: RoomName,
        /// The room to leave.
        instead_of: Option<RoomName>,
    },
    /// Say something to a room.
    Say {
        /// The room.
        room: RoomName,
        /// Said or done.
        kind: MessageKind,
        /// The text.
        body: Body,
        /// The sender's own name for the message. Saying it again under the same one is saying it once.
        client_id: Option<ClientId>,
    },
    /// Say something to one person.
    SayPrivately {
        /// Whom it is for.
        recipient: Nick,
        /// The text.
        body: Body,
    },
    /// Set a room's topic, or take it away.
    SetTopic {
        /// The room.
        room: RoomName,
        /// The topic from now on.
        topic: Option<Body>,
    },
    /// Leave all rooms and give up the nick, for good. This cannot be refused, only left unexplained.
    Quit {
        /// Last words.
        reason: Option<Body>,
    },
    /// Become a session that has lost its connection, or is about to be taken from it.
    Resume(ResumeToken),
}

/// What came of an [`Action`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// The session was let in.
    Connected,
    /// It proved to be of this account.
    LoggedIn {
        /// The account.
        account: String,
    },
    /// It has the nick.
    NickTaken,
    /// It is in the room.
    Joined,
    /// The room has the message.
    Said {
        /// The room's number for it.
        number: u64,
        /// Whether it had it before, under the same [`ClientId`].
        duplicate: bool,
    },
    /// The recipient will get the message.
    SaidPrivately,
    /// The topic is set or taken away.
    TopicSet {
        /// The topic from now on.
        topic: Option<Body>,
    },
    /// The session is over.
    Quit,
    /// The session to become is at hand. What it is called and where it is can be told to the peer before
    /// it [is become](super::Session::become_parked).
    Resumable(ParkedSession),
}

/// Whether an [`Action`] is over.
#[derive(Debug)]
#[must_use = "an action that waits is to be polled"]
pub enum Step {
    /// It is, and this is what came of it.
    Done(Result<Done, HubError>),
    /// A decision is awaited: [`Session::poll_done`](super::Session::poll_done) tells when it is there.
    Waiting,
}

/// A session without a connection. Dropping it is leaving for good.
#[derive(Debug)]
pub struct ParkedSession(pub(super) Box<Presence>);

impl ParkedSession {
    /// What it is called.
    pub fn nick(&self) -> Option<&Nick> {
        self.0.nick()
    }

    /// With what it can be resumed again.
    pub fn token(&self) -> Option<ResumeToken> {
        self.0.token
    }

    /// The rooms it is in.
    pub fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        self.0.rooms()
    }
}

/// An [`Action`] that is allowed.
pub(super) enum Allowed {
    Connect,
    LogIn(String),
    TakeNick(Nick),
    TakeGuestNick,
    Join(RoomName, Option<RoomName>),
    Say(RoomName, MessageKind, Body, Option<ClientId>),
    SayPrivately(Nick, Body),
    SetTopic(RoomName, Option<Body>),
    Quit(Option<Body>),
    Resume(Box<Presence>),
}
