use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::event::CloseReason;
use crate::hub::{Closing, Outbox, Wakes, WeakHub};

/// Closes a [`Session`](super::Session) from elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct SessionHandle {
    pub(super) hub: WeakHub,
    pub(super) outbox: Arc<Outbox>,
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle")
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

impl SessionHandle {
    /// Lets the session's connection send what is queued, tell its peer `reason`, and close, as
    /// quickly as the connection is configured to. The first order given stands.
    pub fn close(&self, reason: CloseReason) {
        self.order(reason.into());
    }

    /// The same, where sending what is queued may take as long as `within`.
    pub fn close_within(&self, reason: CloseReason, within: Duration) {
        self.order(Closing {
            reason,
            within: Some(within),
        });
    }

    /// Why the connection is closing, or about to, whoever has decided that: the first reason that there was. `None` as
    /// long as there is none, and for a connection that broke off before there was one.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(session: &chat_core::session::Session) {
    /// use chat_core::event::CloseReason;
    ///
    /// let handle = session.handle();
    /// handle.close(CloseReason::Shutdown);
    /// assert_eq!(handle.closing(), Some(CloseReason::Shutdown));
    /// # }
    /// ```
    pub fn closing(&self) -> Option<CloseReason> {
        self.outbox.closing()
    }

    /// Whether the connection's stream has taken everything that was queued, and the peer was told
    /// that nothing more comes.
    pub fn is_drained(&self) -> bool {
        self.outbox.is_drained()
    }

    /// Accepts nothing any more of what the session says to rooms.
    pub(crate) fn hush(&self) {
        self.outbox.hush();
    }

    /// Gives the order to close without waking the connection yet.
    pub(crate) fn order_quietly(&self, closing: Closing, wakes: &mut Wakes) {
        self.outbox.close(closing, wakes);
    }

    fn order(&self, closing: Closing) {
        // What has happened before the order is still heard.
        if let Some(hub) = self.hub.upgrade() {
            hub.announce_arrivals();
        }
        let mut wakes = Wakes::default();
        self.order_quietly(closing, &mut wakes);
        wakes.wake();
    }
}
