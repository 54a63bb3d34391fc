//! Those who came into a room and were not announced yet: whoever comes within a moment is announced together, as one
//! entry of each outbox.

use std::sync::Arc;

use super::config::OutboxLimits;
use super::outbox::{Load, Outbox, Wakes, When};
use crate::event::SharedEvent;
use crate::memory::{Charge, Memory};

/// Arrivals in one room that followed each other, shared by everyone who is told of them.
#[derive(Debug)]
pub(crate) struct Arrivals {
    events: Box<[Arc<SharedEvent>]>,
    load: Load,
    /// Of itself; events count their own.
    charge: Charge,
}

impl Arrivals {
    fn new(events: Box<[Arc<SharedEvent>]>, memory: &Arc<Memory>) -> Arc<Self> {
        let mut charge = Charge::new(memory);
        charge.set(Self::footprint(events.len()));
        Arc::new(Self {
            load: Load::of(&events),
            events,
            charge,
        })
    }

    /// How much memory so many take.
    const fn footprint(events: usize) -> usize {
        size_of::<Self>() + 16 + events * size_of::<Arc<SharedEvent>>()
    }

    /// Where it is and how much memory it takes itself.
    #[cfg(test)]
    fn audit(self: &Arc<Self>) -> (usize, usize) {
        let place = Arc::as_ptr(self) as usize;
        (place, Self::footprint(self.events.len()))
    }
}

/// What one member is told of [`Arrivals`]: all, or those after its own, and less once some have been taken. It holds on to no more
/// than twice as many as that.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    arrivals: Arc<Arrivals>,
    next: u32,
}

impl Latest {
    /// Those that are left.
    pub(crate) fn events(&self) -> &[Arc<SharedEvent>] {
        &self.arrivals.events[self.next as usize..]
    }

    /// What they count towards the limits of an outbox.
    pub(super) fn load(&self) -> Load {
        match self.next {
            0 => self.arrivals.load,
            _ => Load::of(self.events()),
        }
    }

    /// How much may be held for them to be kept, as it was when the last of them came.
    pub(super) fn share(&self) -> usize {
        self.events().last().map_or(0, |event| event.share())
    }

    /// All events that it holds on to, and where it is and how much memory it takes itself.
    #[cfg(test)]
    pub(super) fn audit(&self) -> (&[Arc<SharedEvent>], (usize, usize)) {
        (&self.arrivals.events, self.arrivals.audit())
    }

    /// Takes the first one that is left.
    pub(super) fn take_one(&mut self) -> Option<Arc<SharedEvent>> {
        let event = Arc::clone(self.events().first()?);
        self.next += 1;
        self.let_go();
        Some(event)
    }

    /// Keeps those that are left by itself where they are the lesser part.
    fn let_go(&mut self) {
        let left = self.events();
        if 2 * left.len() < self.arrivals.events.len() && !left.is_empty() {
            self.arrivals = Arrivals::new(left.into(), self.arrivals.charge.memory());
            self.next = 0;
        }
    }
}

/// A place in the order of those who ever came into a room.
pub(super) type Place = u64;

/// Who came and is still to be announced.
#[derive(Debug)]
pub(super) struct Unannounced {
    events: Vec<Arc<SharedEvent>>,
    load: Load,
    /// The place of the first of them: how many were announced before.
    start: Place,
    /// All of them, once somebody was told of them in advance: whoever looks next shares that.
    told: Option<Arc<Arrivals>>,
    /// Whether somebody has promised to announce them soon.
    is_promised: bool,
    /// Of the list.
    charge: Charge,
}

impl Unannounced {
    pub(super) fn new(memory: &Arc<Memory>) -> Self {
        Self {
            events: Vec::new(),
            load: Load::default(),
            start: 0,
            told: None,
            is_promised: false,
            charge: Charge::new(memory),
        }
    }

    /// The place of whoever comes next: those who are there have heard, or will, of all before it.
    pub(super) fn end(&self) -> Place {
        self.start + self.events.len() as Place
    }

    pub(super) fn push(&mut self, event: Arc<SharedEvent>) {
        self.load += Load::one(event.weight());
        self.told = None;
        self.events.push(event);
        self.count();
    }

    /// Those at `place` and after it.
    fn since(&self, place: Place) -> &[Arc<SharedEvent>] {
        &self.events[place.saturating_sub(self.start) as usize..]
    }

    /// Tells one member or listener in advance, and notes that it `knows` of all after that.
    pub(super) fn tell(&mut self, outbox: &Arc<Outbox>, knows: &mut Place, wakes: &mut Wakes) {
        let known = std::mem::replace(knows, self.end());
        let announcement = match self.since(known) {
            [] => return,
            [event] => return outbox.push_room(event, wakes),
            news if 2 * news.len() < self.events.len() => Announcement {
                start: known,
                arrivals: Arrivals::new(news.into(), self.charge.memory()),
            },
            _ => self.announcement(),
        };
        if let Some(latest) = announcement.since(known) {
            outbox.push_arrivals(latest, When::Now, wakes);
        }
    }

    /// Of all of them, who stay.
    fn announcement(&mut self) -> Announcement {
        let (events, memory) = (&self.events, self.charge.memory());
        let told = || Arrivals::new(events.as_slice().into(), memory);
        Announcement {
            start: self.start,
            arrivals: Arc::clone(self.told.get_or_insert_with(told)),
        }
    }

    /// Whether there are so many that they should wait no longer: an outbox would be a good part full.
    pub(super) fn are_many(&self, limits: &OutboxLimits) -> bool {
        let share = self.events.last().map_or(0, |event| event.share());
        self.load.is_much(limits, share)
    }

    /// Whether there is somebody to announce, and nobody has promised yet to do it; who is told so promises it.
    #[must_use]
    pub(super) fn need_promise(&mut self) -> bool {
        !self.events.is_empty() && !std::mem::replace(&mut self.is_promised, true)
    }

    /// The promise is being kept.
    pub(super) fn keep_promise(&mut self) {
        self.is_promised = false;
    }

    /// Takes them, to be announced; `None` if there is nobody.
    pub(super) fn take(&mut self) -> Option<Announcement> {
        if self.events.is_empty() {
            return None;
        }
        let start = self.start;
        self.start = self.end();
        self.load = Load::default();
        let events = std::mem::take(&mut self.events);
        let told = self.told.take();
        self.count();
        let memory = self.charge.memory();
        let arrivals = told.unwrap_or_else(|| Arrivals::new(events.into_boxed_slice(), memory));
        Some(Announcement { start, arrivals })
    }

    fn count(&mut self) {
        self.charge.set(self.slots());
    }

    /// How much memory the list takes.
    fn slots(&self) -> usize {
        self.events.capacity() * size_of::<Arc<SharedEvent>>()
    }

    /// All events, and how much memory the list takes.
    #[cfg(test)]
    pub(super) fn audit(&self) -> (&[Arc<SharedEvent>], usize) {
        (&self.events, self.slots())
    }

    /// Where that is which was told in advance, and how much memory it takes itself.
    #[cfg(test)]
    pub(super) fn audit_told(&self) -> Option<(usize, usize)> {
        self.told.as_ref().map(Arrivals::audit)
    }
}

/// Arrivals, from a place on.
pub(super) struct Announcement {
    start: Place,
    arrivals: Arc<Arrivals>,
}

impl Announcement {
    /// What somebody is told who has heard of all before `place`; `None` if that is nothing.
    pub(super) fn since(&self, place: Place) -> Option<Latest> {
        let next = place.saturating_sub(self.start);
        let is_new = next < self.arrivals.events.len() as Place;
        is_new.then(|| {
            let mut latest = Latest {
                arrivals: Arc::clone(&self.arrivals),
                next: next as u32,
            };
            latest.let_go();
            latest
        })
    }
}
