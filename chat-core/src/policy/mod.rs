//! Where a product decides: who may come in, be called what, join where and say what.

mod decision;

pub use decision::{Decision, Denial, Verdict};

use crate::event::{Event, SessionId};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::runtime::Address;

/// What a product decides about the people in its hub. Everything is allowed by default.
///
/// # Contract
///
/// - A decision may [take its time](Decision::later). It delays the commands of its own session, which
///   keep their order, and nobody else's.
/// - One that takes longer than [`HubConfig::decision_timeout`](crate::hub::HubConfig) is a refusal, and so
///   is one that panics.
/// - What is decided [at once](Decision::Now) costs nothing more than the call. The call itself must
///   not block: it runs where connections are served.
///
/// # Examples
///
/// A room for staff, and no shouting:
///
/// ```
/// use chat_core::message::{Body, MessageKind};
/// use chat_core::name::RoomName;
/// use chat_core::policy::{Decision, Denial, Person, Policy};
///
/// struct House;
///
/// impl Policy for House {
///     fn join(&self, who: &Person<'_>, room: &RoomName) -> Decision<()> {
///         match (room.as_str(), who.account) {
///             ("staff", None) => Decision::deny("this room is for staff; log in first"),
///             _ => Decision::allow(()),
///         }
///     }
///
///     fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
///         match Body::parse(&body.as_str().to_lowercase()) {
///             Ok(quiet) => Decision::allow(quiet),
///             Err(error) => Decision::deny(error.to_string()),
///         }
///     }
/// }
/// ```
pub trait Policy: Send + Sync + 'static {
    /// Whether a connection from `peer` is let in at all.
    fn connect(&self, peer: Option<&Address>) -> Decision<()> {
        let _ = peer;
        Decision::allow(())
    }

    /// Whether these credentials are right, and whose they are. What comes back is
    /// [`Person::account`] from then on.
    fn log_in(&self, who: &Person<'_>, credentials: Credentials) -> Decision<String> {
        let _ = (who, credentials);
        Decision::deny("there are no accounts here")
    }

    /// Whether the session may be called `nick`, which nobody else is.
    fn nick(&self, who: &Person<'_>, nick: &Nick) -> Decision<()> {
        let _ = (who, nick);
        Decision::allow(())
    }

    /// Whether the session may stay without choosing a nick, as `guest-<n>`.
    fn guest(&self, who: &Person<'_>) -> Decision<()> {
        let _ = who;
        Decision::allow(())
    }

    /// Whether the session may enter `room`.
    fn join(&self, who: &Person<'_>, room: &RoomName) -> Decision<()> {
        let _ = (who, room);
        Decision::allow(())
    }

    /// What is said in `room`: `body`, something else, or nothing.
    fn message(
        &self,
        who: &Person<'_>,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
    ) -> Decision<Body> {
        let _ = (who, room, kind);
        Decision::allow(body)
    }

    /// What is said to `recipient` alone: `body`, something else, or nothing.
    fn private_message(&self, who: &Person<'_>, recipient: &Nick, body: Body) -> Decision<Body> {
        let _ = (who, recipient);
        Decision::allow(body)
    }

    /// What becomes of `room`'s topic: `topic`, something else, or nothing; a topic of `None` takes it away.
    fn topic(
        &self,
        who: &Person<'_>,
        room: &RoomName,
        topic: Option<Body>,
    ) -> Decision<Option<Body>> {
        let _ = (who, room);
        Decision::allow(topic)
    }

    /// The last words of somebody who leaves for good, to everyone who shares a room with them: `reason`,
    /// something else, or nothing. Nobody can be kept from leaving: a refusal is leaving without a word.
    fn quit(&self, who: &Person<'_>, reason: Body) -> Decision<Option<Body>> {
        let _ = who;
        Decision::allow(Some(reason))
    }

    /// Something has happened. Called once for each event, outside of all locks, so that two events of
    /// different sessions may come in another order than in their room.
    fn observe(&self, event: &Event) {
        let _ = event;
    }
}

/// The policy of a hub that was given none: everything is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Policy for AllowAll {}

/// Whom a decision is about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Person<'a> {
    /// The session.
    pub session: SessionId,
    /// What it is called, once it has introduced itself.
    pub nick: Option<&'a Nick>,
    /// Whose it is, once it has [logged in](Policy::log_in).
    pub account: Option<&'a str>,
    /// Where it comes from, where that is known.
    pub peer: Option<&'a Address>,
}

/// What somebody gives to prove who they are.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// A name and a password.
    Password {
        /// The name of the account.
        account: String,
        /// The password.
        password: String,
    },
    /// A token that tells whose it is.
    Token(String),
}

/// Shows no secrets.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password { account, .. } => {
                let mut shown = f.debug_struct("Password");
                shown.field("account", account).finish_non_exhaustive()
            }
            Self::Token(_) => f.debug_tuple("Token").finish_non_exhaustive(),
        }
    }
}
