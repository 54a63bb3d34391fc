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
            self.arrivals = self.arrivals.tail(left);
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
    /// What somebody was told of them in advance: whoever looks next shares that.
    told: Tails,
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
            told: Tails::default(),
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
        self.told = Tails::default();
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
        let left = match self.since(known) {
            [] => return,
            [event] => return outbox.push_room(event, wakes),
            events => events.len(),
        };
        let latest = self.told.latest(&self.events, left, self.charge.memory());
        if let Some(latest) = latest {
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
        let told = std::mem::take(&mut self.told);
        self.count();
        let memory = self.charge.memory();
        Some(Announcement::new(start, events.into(), told, memory))
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
        self.told.series().cloned().collect()
    }
}

/// All of some arrivals, their last half, their last quarter and so on, once somebody has needed them. Whoever is told of
/// arrivals, but not of the first ones, gets the shortest of these that has all: so what is written down is shared, and nobody
/// holds on to much more than it is told of.
#[derive(Debug, Default)]
struct Tails(Vec<Option<Arc<Series>>>);

impl Tails {
    /// All `events`.
    fn all(&mut self, events: Box<[Arc<SharedEvent>]>, memory: &Arc<Memory>) -> Arc<Series> {
        if self.0.is_empty() {
            self.0.push(None);
        }
        let all = self.0[0].get_or_insert_with(|| Series::new(events, memory));
        Arc::clone(all)
    }

    /// What somebody is told of `events` who knows all but the last ones, of which so many are `left`; `None` if none are.
    fn latest(
        &mut self,
        events: &[Arc<SharedEvent>],
        left: usize,
        memory: &Arc<Memory>,
    ) -> Option<Latest> {
        let halvings = events.len().checked_div(left)?.checked_ilog2()?;
        let place = halvings as usize;
        if self.0.len() <= place {
            self.0.resize(place + 1, None);
        }
        let tail = || {
            let start = events.len() - (events.len() >> halvings);
            Series::new(events[start..].into(), memory)
        };
        let tail = self.0[place].get_or_insert_with(tail);
        Some(Latest {
            next: (tail.len() - left) as u32,
            arrivals: Arc::clone(tail),
        })
    }

    #[cfg(test)]
    fn series(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.0.iter().flatten()
    }
}

/// Arrivals, from a place on.
#[derive(Debug)]
pub(super) struct Announcement {
    start: Place,
    all: Arc<Series>,
    tails: Tails,
}

impl Announcement {
    /// Of all `events`, of which some may have been told in advance.
    fn new(
        start: Place,
        events: Box<[Arc<SharedEvent>]>,
        mut told: Tails,
        memory: &Arc<Memory>,
    ) -> Self {
        Self {
            start,
            all: told.all(events, memory),
            tails: told,
        }
    }

    /// What somebody is told who has heard of all before `place`; `None` if that is nothing.
    pub(super) fn since(&mut self, place: Place) -> Option<Latest> {
        let known = place.saturating_sub(self.start);
        let left = self.all.len().checked_sub(known as usize)?;
        let (events, memory) = (self.all.events(), self.all.memory());
        self.tails.latest(events, left, memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::outbox::{Bounds, Outgoing, Queue};
    use crate::testing::arrival;

    /// So many who came into a room where two were announced before.
    fn unannounced(count: u64, memory: &Arc<Memory>) -> Unannounced {
        let mut unannounced = Unannounced::new(memory);
        unannounced.push(arrival("rust", 1000, memory));
        unannounced.push(arrival("rust", 1001, memory));
        drop(unannounced.take());
        (0..count).for_each(|n| unannounced.push(arrival("rust", n, memory)));
        unannounced
    }

    fn check(latest: &Latest, expected: &[Arc<SharedEvent>]) {
        let pairs = expected.iter().zip(latest.events());
        assert!({ pairs }.all(|(a, b)| Arc::ptr_eq(a, b)));
        assert_eq!(latest.events().len(), expected.len());
        assert_eq!(latest.batch().events().len(), expected.len());
        assert_eq!(latest.load().entries, expected.len());
        assert!(latest.arrivals.len() <= 2 * expected.len());
    }

    #[test]
    fn each_is_told_of_what_it_does_not_know_and_holds_on_to_no_more_than_twice_as_much() {
        let memory = Memory::new(usize::MAX);
        for count in 1..=130 {
            let mut unannounced = unannounced(count, &memory);
            let events = unannounced.audit().0.to_vec();
            let mut announcement = unannounced.take().unwrap();
            assert!(unannounced.take().is_none());
            // Those who were there before all of them, too.
            for place in 0..count + 2 {
                let latest = announcement.since(place).unwrap();
                check(&latest, &events[place.saturating_sub(2) as usize..]);
            }
            for place in [count + 2, count + 3, Place::MAX] {
                assert!(announcement.since(place).is_none());
            }
            // All, the last half, the last quarter and so on.
            let series = announcement.tails.series().count();
            assert_eq!(series, 1 + count.ilog2() as usize);
        }
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn those_who_look_themselves_hear_of_all_until_then_and_share_it() {
        let memory = Memory::new(usize::MAX);
        let mut unannounced = unannounced(100, &memory);
        let events = unannounced.audit().0.to_vec();
        let told = |knows: u64, unannounced: &mut Unannounced| {
            let bounds = Bounds::new(OutboxLimits::default(), Arc::clone(&memory));
            let outbox = Arc::new(Outbox::new(&bounds));
            let mut place = knows + 2;
            unannounced.tell(&outbox, &mut place, &mut Wakes::default());
            assert_eq!(place, unannounced.end());
            let mut taken = Queue::default();
            outbox.take(usize::MAX, &mut taken);
            match taken.pop_front() {
                Some(Outgoing::Arrivals(latest)) => latest,
                other => panic!("{other:?}"),
            }
        };
        // The last ones need no list of all.
        check(&told(97, &mut unannounced), &events[97..]);
        assert_eq!(unannounced.audit_told().len(), 1);
        check(&told(96, &mut unannounced), &events[96..]);
        check(&told(40, &mut unannounced), &events[40..]);
        check(&told(0, &mut unannounced), &events);
        let shared = told(1, &mut unannounced);
        assert!(Arc::ptr_eq(
            &shared.arrivals,
            &told(2, &mut unannounced).arrivals
        ));
        let mut announcement = unannounced.take().unwrap();
        let latest = announcement.since(2).unwrap();
        assert!(Arc::ptr_eq(&latest.arrivals, &shared.arrivals));
    }
}
