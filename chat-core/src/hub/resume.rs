use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;

use super::error::HubError;
use super::outbox::{Outbox, Wakes};
use super::presence::Presence;
use crate::event::CloseReason;
use crate::runtime::Task;

/// The right to become a session again after its connection was lost: 128 bits that nobody can guess.
///
/// Displays as 32 hexadecimal digits; its `Debug` shows nothing, so that it does not end up in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResumeToken(u128);

impl ResumeToken {
    /// The token of these bits, which have to come from a source that nobody can predict.
    pub fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(token: &str) -> Option<Self> {
        let digits = token.len() == 32 && token.bytes().all(|b| b.is_ascii_hexdigit());
        let bits = digits.then(|| u128::from_str_radix(token, 16).ok())?;
        bits.map(Self)
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
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
    by_token: Mutex<HashMap<ResumeToken, State>>,
    /// Notified whenever a session was parked.
    parked: Event,
}

#[derive(Debug)]
enum State {
    /// A connection serves it.
    Served(Arc<Outbox>),
    /// It waits for one, until its task ends the wait.
    Parked(
        Box<Presence>,
        #[expect(dead_code, reason = "ends with it")] Task<()>,
    ),
}

impl Resumables {
    /// From now on the session with this outbox can be resumed with `token`.
    pub(super) fn insert(&self, token: ResumeToken, outbox: Arc<Outbox>) {
        self.lock().insert(token, State::Served(outbox));
    }

    /// Ends the right to resume.
    pub(super) fn forget(&self, token: &ResumeToken) {
        let forgotten = self.lock().remove(token);
        // Outside of the lock: a presence that is dropped leaves its rooms, and forgets its token.
        drop(forgotten);
    }

    /// Keeps a session that has lost its connection until `wait` ends.
    pub(super) fn park(&self, token: ResumeToken, presence: Presence, wait: Task<()>) {
        let replaced = self
            .lock()
            .insert(token, State::Parked(Box::new(presence), wait));
        drop(replaced);
        self.parked.notify(usize::MAX);
    }

    /// The session of `token`, taken from whichever connection serves it, for the one with `outbox`.
    pub(super) async fn claim(
        &self,
        token: ResumeToken,
        outbox: Arc<Outbox>,
    ) -> Result<Presence, HubError> {
        loop {
            let parked = self.parked.listen();
            if let Some(presence) = self.try_claim(token, &outbox)? {
                return Ok(presence);
            }
            parked.await;
        }
    }

    fn try_claim(
        &self,
        token: ResumeToken,
        outbox: &Arc<Outbox>,
    ) -> Result<Option<Presence>, HubError> {
        let mut by_token = self.lock();
        let state = by_token.get_mut(&token).ok_or(HubError::NotResumable)?;
        if let State::Served(serving) = state {
            let mut wakes = Wakes::default();
            serving.close(CloseReason::Superseded.into(), &mut wakes);
            drop(by_token);
            wakes.wake();
            return Ok(None);
        }
        let served = State::Served(Arc::clone(outbox));
        match std::mem::replace(state, served) {
            State::Parked(presence, _) => Ok(Some(*presence)),
            State::Served(_) => Ok(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ResumeToken, State>> {
        // Nothing in this module can panic while it holds the lock.
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
