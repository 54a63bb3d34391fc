//! Those who came into a room and were not announced yet: whoever comes within a moment is announced together, as one
//! entry of each outbox.

use std::sync::Arc;

use super::config::OutboxLimits;
use super::outbox::{Load, Outbox, Wakes, When};
use crate::event::{Batch, Series, SharedEvent};
use crate::memory::{Charge, Memory};

/// What one member is told of arrivals: all of a series, or those after its own, and less once some have been taken. It holds on to
/// no more than twice as many as that.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    arrivals: Arc<Series>,
    next: u32,
}

impl Latest {
    /// Those that are left.
    pub(crate) fn events(&self) -> &[Arc<SharedEvent>] {
        &self.arrivals.events()[self.next as usize..]
    }

    /// The same, to be written down.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch::new(&self.arrivals, self.next as usize)
    }

    /// What they count towards the limits of an outbox.
    pub(super) fn load(&self) -> Load {
        match self.next {
            0 => Load {
                entries: self.arrivals.len(),
                bytes: self.arrivals.weight(),
            },
            _ => Load::of(self.events()),
        }
    }

    /// How much may be held for them to be kept, as it was when the last of them came.
    pub(super) fn share(&self) -> usize {
        self.events().last().map_or(0, |event| event.share())
    }

    #[cfg(test)]
    pub(super) fn audit(&self) -> &Arc<Series> {
        &self.arrivals
    }

    /// Takes the first one that is left.
    pub(super) fn take_one(&mut self) -> Option<Arc<SharedEvent>> {
        let event = Arc::clone(self.events().first()?);
        self.next += 1;
        let left = self.events().len();
        // Keeps those that are left by itself where they are the lesser part.
        if 2 * left < self.arrivals.len() && left > 0 {
            self.arrivals = self.arrivals.last(left);
            self.next = 0;
        }
        Some(event)
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
    told: Option<Announcement>,
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
        match self.since(known) {
            [] => return,
            [event] => return outbox.push_room(event, wakes),
            _ => {}
        }
        let (events, start, memory) = (&self.events, self.start, self.charge.memory());
        let announcement = || Announcement::new(start, events.as_slice().into(), memory);
        let told = self.told.get_or_insert_with(announcement);
        if let Some(latest) = told.since(known) {
            outbox.push_arrivals(latest, When::Now, wakes);
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
        let announcement = || Announcement::new(start, events.into(), self.charge.memory());
        Some(told.unwrap_or_else(announcement))
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

    /// What was told in advance.
    #[cfg(test)]
    pub(super) fn audit_told(&self) -> Vec<Arc<Series>> {
        let told = self.told.iter().flat_map(Announcement::series);
        told.cloned().collect()
    }
}

/// Arrivals, from a place on.
#[derive(Debug)]
pub(super) struct Announcement {
    start: Place,
    all: Arc<Series>,
    /// Their last half, their last quarter and so on, for those who know the others, once somebody has needed them: so they
    /// share what is written down, and nobody holds on to much more than it is told of.
    ends: Vec<Option<Arc<Series>>>,
}

impl Announcement {
    fn new(start: Place, events: Box<[Arc<SharedEvent>]>, memory: &Arc<Memory>) -> Self {
        Self {
            start,
            all: Series::new(events, memory),
            ends: Vec::new(),
        }
    }

    /// What somebody is told who has heard of all before `place`; `None` if that is nothing.
    pub(super) fn since(&mut self, place: Place) -> Option<Latest> {
        let known = place.saturating_sub(self.start);
        let left = self.all.len().checked_sub(known as usize)?;
        // The shortest end that has all of them.
        let halvings = self.all.len().checked_div(left)?.ilog2();
        let arrivals = self.end(halvings as usize);
        Some(Latest {
            next: (arrivals.len() - left) as u32,
            arrivals: Arc::clone(arrivals),
        })
    }

    fn end(&mut self, halvings: usize) -> &Arc<Series> {
        let Some(place) = halvings.checked_sub(1) else {
            return &self.all;
        };
        if self.ends.len() < halvings {
            self.ends.resize(halvings, None);
        }
        self.ends[place].get_or_insert_with(|| self.all.last(self.all.len() >> halvings))
    }

    #[cfg(test)]
    fn series(&self) -> impl Iterator<Item = &Arc<Series>> {
        std::iter::once(&self.all).chain(self.ends.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, SessionId, Who};
    use crate::name::{Nick, RoomName};

    #[test]
    fn each_is_told_of_what_it_does_not_know_and_holds_on_to_no_more_than_twice_as_much() {
        let memory = Memory::new(usize::MAX);
        let mut unannounced = Unannounced::new(&memory);
        for n in 0..100 {
            let room = RoomName::parse("rust").unwrap();
            let who = Who {
                session: SessionId(n),
                nick: Nick::parse(&format!("guest-{n}")).unwrap(),
            };
            unannounced.push(SharedEvent::new(Event::Joined { room, who }, &memory));
        }
        let events = unannounced.audit().0.to_vec();
        let mut announcement = unannounced.take().unwrap();
        let told: Vec<_> = (0..100)
            .map(|known| announcement.since(known).unwrap())
            .collect();
        for (known, latest) in told.iter().enumerate() {
            let expected = &events[known..];
            assert!(
                expected
                    .iter()
                    .zip(latest.events())
                    .all(|(a, b)| Arc::ptr_eq(a, b))
            );
            assert_eq!(latest.events().len(), expected.len());
            assert_eq!(latest.load().entries, expected.len());
            assert!(latest.arrivals.len() <= 2 * expected.len());
        }
        assert!(announcement.since(100).is_none());
        assert!(announcement.since(1000).is_none());
        // All, the last 50, 25, 12, 6, 3 and the last one.
        assert_eq!(announcement.series().count(), 7);
        drop((told, events, announcement, unannounced));
        assert_eq!(memory.used(), 0);
    }
}
