use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Shared;
use super::outbox::{Outbox, Wakes};
use super::room::Room;

/// What is to be told a moment later, so that more of its kind can join it. Connections and rooms that go away meanwhile
/// take along what they had to tell.
#[derive(Debug, Default)]
pub(super) struct Coalescing {
    /// Whether some of what waits are rooms, or are just being told: for those who look without the lock.
    has_rooms: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Those whose connections have something to tell.
    outboxes: Vec<Weak<Outbox>>,
    /// Those that have arrivals to announce.
    rooms: Vec<Weak<Room>>,
    /// How many are about to announce what they have [taken out](Coalescing::take_rooms).
    announcing: usize,
    /// Whether somebody has promised to tell all that.
    is_promised: bool,
}

/// Tells all that has waited when it is dropped: so does a runtime that drops the task which was to do it, as nobody
/// else would from then on.
pub(super) struct KeptOnDrop(pub(super) Weak<Shared>);

impl Drop for KeptOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.tell_what_waits();
        }
    }
}

impl Shared {
    /// Tells all that has waited so far.
    fn tell_what_waits(&self) {
        let (rooms, outboxes) = self.coalescing.take_all();
        for room in rooms.iter().filter_map(Weak::upgrade) {
            let mut wakes = Wakes::default();
            room.announce_at_last(&mut wakes);
            self.wake(wakes);
        }
        self.coalescing.have_announced();
        let outboxes = outboxes.iter().filter_map(Weak::upgrade);
        outboxes.for_each(|outbox| outbox.wake_at_last());
    }
}

impl Coalescing {
    /// Adds some; `true` if the caller has to see to it that they are [told](KeptOnDrop).
    #[must_use]
    pub(super) fn add(&self, outboxes: &[Arc<Outbox>], rooms: &[Arc<Room>]) -> bool {
        if outboxes.is_empty() && rooms.is_empty() {
            return false;
        }
        let mut waiting = self.waiting();
        waiting.outboxes.extend(outboxes.iter().map(Arc::downgrade));
        waiting.rooms.extend(rooms.iter().map(Arc::downgrade));
        if !rooms.is_empty() {
            self.has_rooms.store(true, Ordering::Release);
        }
        !std::mem::replace(&mut waiting.is_promised, true)
    }

    /// Whether there are arrivals to announce in any room.
    pub(super) fn has_rooms(&self) -> bool {
        self.has_rooms.load(Ordering::Acquire)
    }

    /// Takes out the rooms that have arrivals to announce, but perhaps for one. Whoever does announces them, and tells when it
    /// [has](Self::have_announced).
    pub(super) fn take_rooms(&self, but: Option<&Arc<Room>>) -> Vec<Arc<Room>> {
        let mut waiting = self.waiting();
        waiting.announcing += 1;
        let mut others = Vec::new();
        waiting.rooms.retain(|waits| match (waits.upgrade(), but) {
            (Some(waits), Some(room)) if Arc::ptr_eq(&waits, room) => true,
            (waits, _) => {
                others.extend(waits);
                false
            }
        });
        others
    }

    /// All that was taken out by the caller has been announced.
    pub(super) fn have_announced(&self) {
        let mut waiting = self.waiting();
        waiting.announcing -= 1;
        let has_rooms = !waiting.rooms.is_empty() || waiting.announcing > 0;
        self.has_rooms.store(has_rooms, Ordering::Release);
    }

    /// Takes out everything. For the rooms there is the same to do.
    fn take_all(&self) -> (Vec<Weak<Room>>, Vec<Weak<Outbox>>) {
        let mut waiting = self.waiting();
        waiting.announcing += 1;
        waiting.is_promised = false;
        let rooms = std::mem::take(&mut waiting.rooms);
        (rooms, std::mem::take(&mut waiting.outboxes))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in this module can panic while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
