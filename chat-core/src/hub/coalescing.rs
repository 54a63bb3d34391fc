use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::outbox::{Bounds, Outbox, Wakes};
use super::room::Room;
use super::{Shared, WeakHub};

/// What is to be told a moment later, so that more of its kind can join it. Connections and rooms that go away meanwhile
/// take along what they had to tell.
#[derive(Debug)]
pub(super) struct Coalescing {
    /// Where it is noted whether some of what waits are rooms, for those who look without the lock.
    bounds: Arc<Bounds>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Those whose connections have something to tell.
    outboxes: Vec<Weak<Outbox>>,
    /// Those that have arrivals to announce.
    rooms: Vec<Weak<Room>>,
    /// Whether somebody has promised to tell all that.
    is_promised: bool,
}

/// Tells all that has waited when it is dropped: so does a runtime that drops the task which was to do it, as nobody
/// else would from then on.
pub(super) struct KeptOnDrop(pub(super) WeakHub);

impl Drop for KeptOnDrop {
    fn drop(&mut self) {
        if let Some(hub) = self.0.upgrade() {
            hub.shared.tell_what_waits();
        }
    }
}

impl Shared {
    /// Tells all that has waited so far.
    fn tell_what_waits(&self) {
        let waiting = self.coalescing.take_all();
        for room in waiting.rooms.iter().filter_map(Weak::upgrade) {
            let mut wakes = Wakes::default();
            room.announce_at_last(&mut wakes);
            self.wake(wakes);
        }
        let outboxes = waiting.outboxes.iter().filter_map(Weak::upgrade);
        outboxes.for_each(|outbox| outbox.wake_at_last());
    }
}

impl Coalescing {
    pub(super) fn new(bounds: &Arc<Bounds>) -> Self {
        Self {
            bounds: Arc::clone(bounds),
            waiting: Mutex::default(),
        }
    }

    /// Adds some; `true` if the caller has to see to it that they are [told](KeptOnDrop).
    #[must_use]
    pub(super) fn add(&self, outboxes: &[Arc<Outbox>], rooms: &[Arc<Room>]) -> bool {
        if outboxes.is_empty() && rooms.is_empty() {
            return false;
        }
        let mut waiting = self.waiting();
        waiting.outboxes.extend(outboxes.iter().map(Arc::downgrade));
        waiting.rooms.extend(rooms.iter().map(Arc::downgrade));
        self.note(&waiting);
        !std::mem::replace(&mut waiting.is_promised, true)
    }

    /// Takes out the rooms that have arrivals to announce, but perhaps for one.
    pub(super) fn take_rooms(&self, but: Option<&Arc<Room>>) -> Vec<Arc<Room>> {
        let mut waiting = self.waiting();
        let mut others = Vec::new();
        waiting.rooms.retain(|waits| match (waits.upgrade(), but) {
            (Some(waits), Some(room)) if Arc::ptr_eq(&waits, room) => true,
            (waits, _) => {
                others.extend(waits);
                false
            }
        });
        self.note(&waiting);
        others
    }

    fn take_all(&self) -> Waiting {
        let mut waiting = self.waiting();
        let all = std::mem::take(&mut *waiting);
        self.note(&waiting);
        all
    }

    fn note(&self, waiting: &Waiting) {
        let has_rooms = !waiting.rooms.is_empty();
        self.bounds
            .has_unannounced
            .store(has_rooms, Ordering::Release);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in this module can panic while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
