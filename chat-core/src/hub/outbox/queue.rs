use std::collections::VecDeque;
use std::sync::Arc;

use super::{IDLE_CAPACITY, Outgoing};
use crate::event::SharedEvent;

/// What waits, or was taken, in order. The entry that came to an empty queue is here itself, so that whoever gets one at a
/// time needs no memory elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Before all the others, if it is there.
    first: Option<Outgoing>,
    others: VecDeque<Outgoing>,
}

impl Queue {
    /// How much memory a [slot](Self::slots) takes.
    pub(super) const SLOT: usize = size_of::<Outgoing>();

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    /// For how many entries there is memory elsewhere.
    pub(super) fn slots(&self) -> usize {
        self.others.capacity()
    }

    /// Whether another entry needs no more memory.
    pub(super) fn has_room(&self) -> bool {
        self.others.len() < self.others.capacity() || self.is_empty()
    }

    /// Makes room for exactly `more` entries.
    pub(super) fn reserve(&mut self, more: usize) {
        self.others.reserve_exact(more);
    }

    /// Gives back the memory of an empty queue.
    pub(super) fn forget_slots(&mut self) {
        self.others = VecDeque::new();
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.others.shrink_to_fit();
    }

    pub(super) fn push_back(&mut self, entry: Outgoing) {
        if self.is_empty() {
            self.first = Some(entry);
        } else {
            self.others.push_back(entry);
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<Outgoing> {
        self.first.take().or_else(|| self.others.pop_front())
    }

    /// Moves all entries to the end of `taken`: few are copied, more take the memory along that they are in.
    pub(super) fn move_to(&mut self, taken: &mut Self) {
        let first = self.first.take();
        if !taken.is_empty() {
            taken.others.extend(first);
            taken.others.append(&mut self.others);
            return;
        }
        taken.first = first;
        if self.others.len() > IDLE_CAPACITY {
            taken.others = std::mem::take(&mut self.others);
        } else if !self.others.is_empty() {
            taken.others.append(&mut self.others);
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<&Outgoing> {
        match (&self.first, place) {
            (Some(first), 0) => Some(first),
            (Some(_), place) => self.others.get(place - 1),
            (None, place) => self.others.get(place),
        }
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut Outgoing> {
        match (&mut self.first, place) {
            (Some(first), 0) => Some(first),
            (Some(_), place) => self.others.get_mut(place - 1),
            (None, place) => self.others.get_mut(place),
        }
    }

    fn remove(&mut self, place: usize) -> Option<Outgoing> {
        match (&self.first, place) {
            (Some(_), 0) => self.first.take(),
            (Some(_), place) => self.others.remove(place - 1),
            (None, place) => self.others.remove(place),
        }
    }

    /// Takes the room event at `place`, and of arrivals there the first one; `None` if something else is there.
    pub(super) fn take_room_event(&mut self, place: usize) -> Option<Arc<SharedEvent>> {
        match self.get_mut(place)? {
            Outgoing::Room(_) => match self.remove(place) {
                Some(Outgoing::Room(event)) => Some(event),
                _ => None,
            },
            Outgoing::Arrivals(latest) => {
                let event = latest.take_one();
                if latest.events().is_empty() {
                    self.remove(place);
                }
                event
            }
            _ => None,
        }
    }

    /// Puts an entry before the one at `place`, or at the end if that is where it is.
    pub(super) fn insert(&mut self, place: usize, entry: Outgoing) {
        if self.is_empty() {
            self.first = Some(entry);
            return;
        }
        match (&mut self.first, place) {
            (Some(first), 0) => {
                let second = std::mem::replace(first, entry);
                self.others.push_front(second);
            }
            (Some(_), place) => self.others.insert(place - 1, entry),
            // Where an entry made way for a note of itself, this needs no more memory than there was.
            (None, 0) => self.first = Some(entry),
            (None, place) => self.others.insert(place, entry),
        }
    }

    /// The entries before `place`, the last one first.
    pub(super) fn back_from(&mut self, place: usize) -> impl Iterator<Item = &mut Outgoing> {
        let others = place.saturating_sub(usize::from(self.first.is_some()));
        let first = self.first.as_mut().filter(|_| place > 0);
        self.others.range_mut(..others).rev().chain(first)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Outgoing) -> bool) {
        self.first.take_if(|first| !keep(first));
        self.others.retain(keep);
    }

    pub(crate) fn clear(&mut self) {
        self.first = None;
        self.others.clear();
    }

    /// Empties it; each arrival is an entry of its own.
    #[cfg(test)]
    pub(crate) fn drain(&mut self) -> Vec<Outgoing> {
        let mut entries = Vec::new();
        while let Some(entry) = self.pop_front() {
            match entry {
                Outgoing::Arrivals(latest) => {
                    entries.extend(latest.events().iter().cloned().map(Outgoing::Room));
                }
                entry => entries.push(entry),
            }
        }
        entries
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.first.iter().chain(&self.others)
    }
}
