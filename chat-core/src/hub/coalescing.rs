use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chat_prefetch::{ahead, prefetch};

use super::outbox::{Bounds, Outbox, Wakes};
use super::room::Room;
use super::{Shared, WeakHub};

/// What is to be told a moment later, so that more of its kind can join it. Connections and rooms that go away meanwhile
/// take along what they had to tell.
#[derive(Debug)]
pub(super) struct Coalescing {
    /// Where it is noted whether somebody came into a room who is not announced yet, for those who look without the lock.
    bounds: Arc<Bounds>,
    /// Held by whoever has taken out rooms, until it has announced who came. Locked before rooms are, and those before what waits.
    announcing: Mutex<()>,
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
        let mut wakes = Wakes::default();
        let outboxes = self.coalescing.announce_at_last(&mut wakes);
        wakes.add_late(&outboxes);
        self.wake(wakes);
    }
}

impl Coalescing {
    pub(super) fn new(bounds: &Arc<Bounds>) -> Self {
        Self {
            bounds: Arc::clone(bounds),
            announcing: Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    /// Adds a room that has arrivals to announce. Under the lock of the room, so that whoever came there is known to wait by the time
    /// that it can do anything else. The caller [asks](Wakes::announce_later) for them to be told later.
    pub(super) fn add_room(&self, room: &Arc<Room>) {
        let mut waiting = self.waiting();
        waiting.rooms.push(Arc::downgrade(room));
        self.note(true);
    }

    /// Adds those whose connections have something to tell; `true` if the caller has to see to it that all who wait are
    /// [told](KeptOnDrop).
    #[must_use]
    pub(super) fn add(&self, outboxes: &[Arc<Outbox>]) -> bool {
        let mut waiting = self.waiting();
        waiting.outboxes.extend(outboxes.iter().map(Arc::downgrade));
        !std::mem::replace(&mut waiting.is_promised, true)
    }

    /// Announces who came into rooms, but perhaps for one room, so that something else comes after it. When it returns, they are
    /// announced, also those whom another thread was about to announce.
    pub(super) fn announce_first(&self, but: Option<&Arc<Room>>, wakes: &mut Wakes) {
        let announcing = self.announcing();
        let rooms = self.waiting().take_rooms(but);
        rooms.iter().for_each(|room| room.announce_first(wakes));
        self.finish(announcing);
    }

    /// Announces who came into rooms, as was promised to be done after a moment. Returns who waits beside them.
    pub(super) fn announce_at_last(&self, wakes: &mut Wakes) -> Vec<Arc<Outbox>> {
        let announcing = self.announcing();
        let mut waiting = std::mem::take(&mut *self.waiting());
        let rooms = waiting.take_rooms(None);
        rooms.iter().for_each(|room| room.announce_at_last(wakes));
        self.finish(announcing);
        // To upgrade one is to write to its beginning.
        let outboxes = ahead(waiting.outboxes.iter(), |soon| prefetch(soon.as_ptr()));
        outboxes.filter_map(Weak::upgrade).collect()
    }

    /// Notes that those who were taken out to be announced are.
    fn finish(&self, announcing: MutexGuard<'_, ()>) {
        let waiting = self.waiting();
        self.note(!waiting.rooms.is_empty());
        drop(announcing);
    }

    fn note(&self, has_rooms: bool) {
        self.bounds
            .has_unannounced
            .store(has_rooms, Ordering::SeqCst);
    }

    #[cfg(test)]
    pub(super) fn is_announcing(&self) -> bool {
        self.announcing.try_lock().is_err()
    }

    fn announcing(&self) -> MutexGuard<'_, ()> {
        // Nothing that is done while it is held can panic, either.
        self.announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in this module can panic while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes out the rooms that have arrivals to announce, but perhaps for one.
    fn take_rooms(&mut self, but: Option<&Arc<Room>>) -> Vec<Arc<Room>> {
        let mut others = Vec::new();
        self.rooms.retain(|waits| match (waits.upgrade(), but) {
            (Some(waits), Some(room)) if Arc::ptr_eq(&waits, room) => true,
            (waits, _) => {
                others.extend(waits);
                false
            }
        });
        others
    }
}
