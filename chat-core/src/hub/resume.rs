use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;

use super::Hub;
use super::error::HubError;
use super::outbox::{Outbox, Wakes};
use super::presence::Presence;
use crate::event::{CloseReason, SessionId};
use crate::runtime::Task;

/// The right to become a session again after its connection was lost: 128 bits that nobody can guess.
///
/// Displays as 32 hexadecimal digits; its `Debug` shows nothing, so that it does not end up in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResumeToken([u8; 16]);

impl ResumeToken {
    /// The token of these bits, which have to come from a source that nobody can predict.
    pub fn from_bits(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(token: &str) -> Option<Self> {
        let digits = token.len() == 32 && token.bytes().all(|b| b.is_ascii_hexdigit());
        let bits = digits.then(|| u128::from_str_radix(token, 16).ok())?;
        bits.map(Self::from_bits)
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(..)")
    }
}

/// The sessions of a hub that can be resumed.
#[derive(Debug, Default)]
pub(super) struct Resumables {
    tokens: Mutex<Tokens>,
    /// Notified whenever a session was parked, or can no longer be resumed.
    changed: Event,
}

#[derive(Debug, Default)]
struct Tokens {
    states: HashMap<ResumeToken, State>,
    /// How many of them are parked.
    parked: usize,
    /// How many times a session was parked, to tell one parking from the next.
    parkings: u64,
}

#[derive(Debug)]
enum State {
    /// A connection serves it.
    Served {
        session: SessionId,
        outbox: Arc<Outbox>,
    },
    /// It waits for one.
    Parked {
        presence: Box<Presence>,
        parking: u64,
        /// Ends the wait, and ends with it.
        wait: Option<Task<()>>,
    },
}

impl Resumables {
    /// From now on the session with this outbox can be resumed with `token`.
    pub(super) fn insert(&self, token: ResumeToken, session: SessionId, outbox: Arc<Outbox>) {
        let state = State::Served { session, outbox };
        drop(self.lock().replace(token, Some(state)));
    }

    /// Ends the right to resume.
    pub(super) fn forget(&self, token: &ResumeToken) {
        let forgotten = self.lock().replace(*token, None);
        // Outside of the lock: a presence that is dropped leaves its rooms, and forgets its token.
        drop(forgotten);
        self.changed.notify(usize::MAX);
    }

    /// Keeps a session that has lost its connection, unless `limit` are kept already. Returns what tells
    /// this parking from others of the same session.
    pub(super) fn park(&self, token: ResumeToken, presence: Presence, limit: usize) -> Option<u64> {
        let mut tokens = self.lock();
        // Nor one that was evicted a moment ago.
        if tokens.parked >= limit || !tokens.states.contains_key(&token) {
            drop(tokens);
            drop(presence);
            return None;
        }
        tokens.parkings += 1;
        let parking = tokens.parkings;
        let state = State::Parked {
            presence: Box::new(presence),
            parking,
            wait: None,
        };
        let replaced = tokens.replace(token, Some(state));
        drop(tokens);
        drop(replaced);
        self.changed.notify(usize::MAX);
        Some(parking)
    }

    /// Lets `task` live as long as that parking.
    pub(super) fn end_with(&self, token: &ResumeToken, parking: u64, task: Task<()>) {
        let mut task = Some(task);
        if let Some(State::Parked {
            parking: current,
            wait,
            ..
        }) = self.lock().states.get_mut(token)
            && *current == parking
        {
            *wait = task.take();
        }
    }

    /// Ends that parking, and the right to resume with it, if it still goes on.
    pub(super) fn expire(&self, token: &ResumeToken, parking: u64) {
        let mut tokens = self.lock();
        let goes_on = matches!(
            tokens.states.get(token),
            Some(State::Parked { parking: current, .. }) if *current == parking
        );
        let expired = goes_on.then(|| tokens.replace(*token, None));
        drop(tokens);
        drop(expired);
        self.changed.notify(usize::MAX);
    }

    /// Ends the right to resume a session, and with it the session itself if no connection serves it.
    /// Otherwise returns the outbox of the connection that does, or is about to.
    pub(super) fn evict(&self, session: SessionId) -> Option<Arc<Outbox>> {
        let mut tokens = self.lock();
        // Rare, and so not worth another map.
        #[expect(clippy::disallowed_methods, reason = "there is one at most")]
        let mut states = tokens.states.iter();
        let (token, _) = states.find(|(_, state)| state.session() == session)?;
        let token = *token;
        let evicted = tokens.replace(token, None);
        drop(tokens);
        self.changed.notify(usize::MAX);
        match evicted {
            Some(State::Served { outbox, .. }) => Some(outbox),
            // Dropped outside of the lock: the presence leaves its rooms.
            Some(State::Parked { .. }) | None => None,
        }
    }

    /// The session of `token`, taken from whichever connection serves it, for the one with `outbox`.
    pub(super) async fn claim(
        &self,
        hub: &Hub,
        token: ResumeToken,
        outbox: Arc<Outbox>,
    ) -> Result<Presence, HubError> {
        loop {
            let changed = self.changed.listen();
            // Whoever serves it is ordered to close, and hears before that what has happened.
            hub.announce_arrivals();
            if let Some(presence) = self.try_claim(token, &outbox)? {
                return Ok(presence);
            }
            changed.await;
        }
    }

    /// How many sessions are parked.
    pub(super) fn parked(&self) -> usize {
        self.lock().parked
    }

    fn try_claim(
        &self,
        token: ResumeToken,
        outbox: &Arc<Outbox>,
    ) -> Result<Option<Presence>, HubError> {
        let mut tokens = self.lock();
        let state = tokens.states.get(&token).ok_or(HubError::NotResumable)?;
        let session = match state {
            State::Served {
                outbox: serving, ..
            } => {
                let mut wakes = Wakes::default();
                serving.close(CloseReason::Superseded.into(), &mut wakes);
                drop(tokens);
                wakes.wake();
                return Ok(None);
            }
            State::Parked { presence, .. } => presence.id(),
        };
        let served = State::Served {
            session,
            outbox: Arc::clone(outbox),
        };
        let parked = tokens.replace(token, Some(served));
        drop(tokens);
        match parked {
            Some(State::Parked { presence, .. }) => Ok(Some(*presence)),
            Some(State::Served { .. }) | None => Ok(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        // Nothing in this module can panic while it holds the lock.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn session(&self) -> SessionId {
        match self {
            Self::Served { session, .. } => *session,
            Self::Parked { presence, .. } => presence.id(),
        }
    }
}

impl Tokens {
    /// Sets or takes away the state of a token. What it was before is to be dropped outside of the lock.
    fn replace(&mut self, token: ResumeToken, state: Option<State>) -> Option<State> {
        let is_parked = |state: &Option<State>| matches!(state, Some(State::Parked { .. }));
        self.parked += usize::from(is_parked(&state));
        let before = match state {
            Some(state) => self.states.insert(token, state),
            None => self.states.remove(&token),
        };
        self.parked -= usize::from(is_parked(&before));
        before
    }
}
