use std::time::Instant;

use super::Connection;

/// What a connection is waiting for that should not take long. In a box that is only there meanwhile, as most
/// connections hardly ever are.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Delays {
    /// Since when the protocol has waited for an action of the session.
    pub(super) waiting_since: Option<Instant>,
    /// When that was over the last time, while there is still something to hear of what came before.
    pub(super) waited_until: Option<Instant>,
    /// Until when nothing more is heard from a peer that is too fast, and since when there has always been
    /// more to hear than it may say.
    pub(super) held_until: Option<Instant>,
    pub(super) held_since: Option<Instant>,
    /// While there is still something to hear of what came during a wait: the time that this is reckoned to
    /// have come at, so that the wait is not held against the peer.
    pub(super) catching_up: Option<Instant>,
    /// Since when the stream has taken nothing, while there was something to take.
    pub(super) stalled_since: Option<Instant>,
}

impl Delays {
    const NONE: Self = Self {
        waiting_since: None,
        waited_until: None,
        held_until: None,
        held_since: None,
        catching_up: None,
        stalled_since: None,
    };
}

impl<S, P> Connection<S, P> {
    pub(super) fn delays(&self) -> &Delays {
        self.delays.as_deref().unwrap_or(&Delays::NONE)
    }

    pub(super) fn delays_mut(&mut self) -> &mut Delays {
        self.delays.get_or_insert_default()
    }

    /// Whether the protocol waits for an action of the session.
    pub(super) fn is_waiting(&self) -> bool {
        self.delays().waiting_since.is_some()
    }

    /// Notes that everything was heard that the peer has said so far.
    pub(super) fn hold_no_more(&mut self) {
        if let Some(delays) = &mut self.delays {
            delays.held_since = None;
            delays.waited_until = None;
            delays.catching_up = None;
        }
    }

    /// Gives the memory back, if nothing is waited for.
    pub(super) fn forget_delays(&mut self) {
        self.delays.take_if(|delays| **delays == Delays::NONE);
    }
}
