use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Shared;
use super::outbox::Outbox;

/// The outboxes that have something to tell which may wait a moment for more of its kind. Those whose connection goes
/// away meanwhile go with it, and what is in them.
#[derive(Debug, Default)]
pub(super) struct Coalescing {
    waiting: Mutex<Vec<Weak<Outbox>>>,
}

/// Wakes all that have waited when it is dropped: so does a runtime that drops the task which was to do it, as nobody
/// else would from then on.
pub(super) struct WakesOnDrop(pub(super) Weak<Shared>);

impl Drop for WakesOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.coalescing.wake();
        }
    }
}

impl Coalescing {
    /// Adds some; `true` if they are the first, so that the caller has to see to it that they are
    /// [woken](Self::wake).
    #[must_use]
    pub(super) fn add(&self, outboxes: &[Arc<Outbox>]) -> bool {
        if outboxes.is_empty() {
            return false;
        }
        let mut waiting = self.waiting();
        let are_first = waiting.is_empty();
        waiting.extend(outboxes.iter().map(Arc::downgrade));
        are_first
    }

    /// Wakes the connections of all that have waited so far.
    pub(super) fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting());
        let there = waiting.iter().filter_map(Weak::upgrade);
        there.for_each(|outbox| outbox.wake_at_last());
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Weak<Outbox>>> {
        // Nothing in this module can panic while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
