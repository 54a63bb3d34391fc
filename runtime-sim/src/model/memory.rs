//! What the bound of all memory means to the model.
//!
//! Which events make way for want of memory depends on every byte that is in use at that moment, and on how queues
//! grow. The model does not count that again. Where a plan sets a bound, it holds every event until it is either
//! encoded, in its place, or covered by a note in its place, exactly; and holds the server to have had a reason. What is
//! refused for want of memory it foresees, from what the hub says is in use right before: where a hook decides, at the
//! moment when it does, as what it allows is done at once, and only then handed to the protocol.

use std::collections::BTreeSet;

use chat_core::hub::HubError;

use super::outbox::{Entry, Limits, Missed, Queue};
use super::person::Presence;
use super::promise::Promise;
use super::session::{Refusal, refusal};
use super::sometimes::Sort;
use super::{Id, Model, folded};

/// What a session may hold of each kind whatever is free.
const FLOOR: usize = 4 * 1024;

/// The part of what is free that one may hold.
const PART: usize = 16;

/// More than an event takes beside its text, with its slot in a queue and its encodings.
const EVENT: usize = 512;

/// Less than that.
const LEAST_EVENT: usize = 64;

/// The longest message, and all that is longest of what is said here.
const LONGEST: usize = 4 * 1024 + EVENT;

/// About what a name that a message was given takes, and a room with such names.
const NAME: usize = 200;
const ROOM_OF_NAMES: usize = 256;

/// How much of what is in use may go unnoticed between two looks: what is counted in advance and given back.
const UNSEEN: usize = 16 * 1024;

/// How much is in use of how much there may be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InUse {
    limit: Option<usize>,
    now: usize,
    /// The same when a hook decided last.
    decided: usize,
    most: usize,
}

impl InUse {
    pub(super) fn of(limit: Option<usize>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// What one queue or room may hold while so much is in use.
    fn share(self, used: usize) -> usize {
        let free = |limit: usize| limit.saturating_sub(used) / PART;
        self.limit.map_or(usize::MAX, free)
    }

    /// What each might hold at any time so far.
    fn least_share(self) -> usize {
        self.share(self.most + UNSEEN)
    }
}

impl Model {
    /// Whether the plan sets a bound.
    pub(crate) fn is_bounded(&self) -> bool {
        self.memory.limit.is_some()
    }

    /// What each might hold at any time so far.
    pub(super) fn least_share(&self) -> usize {
        self.memory.least_share()
    }

    /// Something was done, which the model is about to do: these are the connections among all that are open which are
    /// ordered to close because they are slow.
    pub(crate) fn sees_slow(&mut self, slow: BTreeSet<Id>) {
        self.slow = slow;
    }

    /// Something is about to be done, and whatever came before has been, by the server and by the model: `open`
    /// connections have queues, and these are `slow` ones.
    pub(crate) fn settles_queues(&mut self, open: impl Iterator<Item = Id>, slow: BTreeSet<Id>) {
        let now = self.now;
        let mut wrong = None;
        for id in open {
            let Some(person) = self.people.get_mut(&id) else {
                continue;
            };
            match (slow.contains(&id), person.queue.overflowed) {
                (true, true) => {}
                (false, false) => person.queue.is_open(now, &self.limits),
                (false, true) if now > person.queue.unknown_until() => {
                    wrong = Some((id, "has more to hear than may wait"));
                }
                (false, true) => {}
                (true, false) => {
                    self.sometimes.count(Sort::ShutForMemory);
                    if person.queue.closing || !person.queue.is_shut() {
                        wrong = Some((id, "is closed for slowness, and keeps to its share"));
                    }
                    person.note_overflow(now);
                }
            }
        }
        self.slow = slow;
        if let Some((id, what)) = wrong {
            self.breaks(Promise::Memory, format!("connection {id} {what}"));
        }
    }

    /// The hub says how much memory is in use.
    pub(crate) fn uses_memory(&mut self, used: usize) {
        self.memory.now = used;
        self.memory.most = self.memory.most.max(used);
        let Some(limit) = self.memory.limit.filter(|&limit| used > limit) else {
            return;
        };
        self.sometimes.count(Sort::MemoryExceeded);
        let allowed = limit + self.promised();
        if used > allowed {
            let detail = format!("{used} bytes are in use, {allowed} may be");
            self.breaks(Promise::Memory, detail);
        }
    }

    /// The hub says how much memory is in use when a hook decides.
    pub(crate) fn decides_with_memory(&mut self, used: usize) {
        self.memory.decided = used;
    }

    /// How much may be in use in any case, because it is promised to those who are there or is on its way.
    fn promised(&self) -> usize {
        let people = self.people.values();
        let people = people.filter(|person| person.presence != Presence::Gone);
        let connections: usize = people.map(|person| person.footprint()).sum();
        let parked = self.sessions.values().filter(|s| s.parked.is_some());
        let sessions = self.sessions.values().map(|session| {
            let names: usize = session.said.values().map(Vec::len).sum();
            names * NAME + session.said.len() * ROOM_OF_NAMES
        });
        let listeners = self.listeners.values();
        let listeners: usize = listeners.map(|listener| listener.queue.footprint()).sum();
        // Each may have a topic that the program has set.
        let rooms = self.rooms.rooms.len() * (LONGEST + EVENT);
        connections + sessions.sum::<usize>() + parked.count() * LONGEST + listeners + rooms
    }

    /// Whether a list may be sent.
    pub(super) fn may_answer(&mut self, len: usize) -> Result<(), Refusal> {
        match len <= self.memory.share(self.memory.now).max(FLOOR) {
            true => Ok(()),
            false => Err(self.no_memory()),
        }
    }

    /// Whether somebody may set a topic that is so long, as a hook has allowed.
    pub(super) fn may_set_topic(&mut self, len: usize) -> Result<(), Refusal> {
        match len <= self.memory.share(self.memory.decided) {
            true => Ok(()),
            false => Err(self.no_memory()),
        }
    }

    fn no_memory(&mut self) -> Refusal {
        self.sometimes.count(Sort::NoMemory);
        refusal("no_memory", HubError::NoMemory.to_string())
    }

    /// Whether another name of somebody's own may be remembered, who has so many in so many rooms, for
    /// something that a hook has allowed.
    pub(super) fn may_name(&mut self, names: usize, rooms: usize) -> Result<(), Refusal> {
        let takes = (names + 1) * NAME + (rooms + 1) * ROOM_OF_NAMES;
        if takes <= self.memory.share(self.memory.decided).max(FLOOR) {
            return Ok(());
        }
        self.sometimes.count(Sort::TooManyIds);
        let error = HubError::TooManyIds { limit: names };
        Err(refusal("too_many_ids", error.to_string()))
    }

    /// The rooms that have got a message since this was asked.
    pub(crate) fn rooms_that_grew(&mut self) -> Vec<String> {
        std::mem::take(&mut self.grown)
    }

    /// A room remembers messages from `first` on, of those that its own limits let it; `None` if none.
    pub(crate) fn room_remembers(&mut self, room: &str, first: Option<u64>) {
        let share = self.memory.least_share();
        let Some(state) = self.rooms.rooms.get_mut(&folded(room)) else {
            return;
        };
        let (takes, forgotten) = state.forgets_before(first);
        let remembered = state.memory().next().and_then(|event| event.number);
        if forgotten > 0 {
            self.sometimes.count(Sort::RoomMemoryShort);
        }
        if remembered != first {
            let detail = format!("{room} remembers messages from {first:?} on, not {remembered:?}");
            self.breaks(Promise::Memory, detail);
        } else if forgotten > 0 && takes <= share {
            let detail =
                format!("{room} has forgotten {forgotten} messages, all took {takes} bytes");
            self.breaks(Promise::Memory, detail);
        }
    }
}

impl Queue {
    /// Notes whether something might have to make way for an event of this weight.
    pub(super) fn crowds(&mut self, weight: usize, fits: bool, share: usize) {
        let (count, bytes) = self.load();
        let takes = (count + 1) * EVENT + bytes + weight;
        self.crowded |= !fits || takes > share.max(FLOOR);
    }

    /// Whether the queue may be closed for an event of this weight, as it has held more than its share. One event of a
    /// room is within any share.
    pub(super) fn may_be_shut(&self, weight: usize, share: usize) -> bool {
        let (count, bytes) = self.load();
        let takes = (count + 1) * EVENT + bytes + weight;
        self.holds_room_events() && takes > share.max(FLOOR)
    }

    /// Whether the queue has to be closed for such an event: it would hold more than a share of all memory.
    pub(super) fn must_be_shut(&self, weight: usize, limits: &Limits) -> bool {
        let (count, bytes) = self.load();
        let takes = (count + 1) * LEAST_EVENT + bytes + weight;
        let largest_share = limits.max_memory.map_or(usize::MAX, |limit| limit / PART);
        self.holds_room_events() && takes > largest_share.max(FLOOR)
    }

    /// Takes out what a note covers that `is` what was told: the first events of one room, up to something of the
    /// session's own. `None` if there is no such thing, or no reason for it.
    pub(super) fn take_note(&mut self, is: impl Fn(&Missed) -> bool) -> Option<Missed> {
        let room = match self.entries.front()? {
            Entry::Room(event) => event.room.clone(),
            Entry::Missed(missed) => missed.room.clone(),
            _ => return None,
        };
        let mut note = Missed {
            room,
            messages: None,
            presence: 0,
        };
        let mut covered = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            match entry {
                Entry::Own(_) | Entry::Reply(_) => return None,
                Entry::Missed(missed) if missed.room == note.room && covered.is_empty() => {
                    note = missed.clone();
                }
                Entry::Room(event) if event.room == note.room => {
                    match (event.number, note.messages) {
                        (None, _) => note.presence += 1,
                        (Some(number), None) => note.messages = Some((number, number)),
                        (Some(number), Some((first, last))) if last + 1 == number => {
                            note.messages = Some((first, number));
                        }
                        _ => return None,
                    }
                }
                _ => continue,
            }
            covered.push(index);
            if self.crowded && is(&note) {
                for index in covered.into_iter().rev() {
                    self.remove(index);
                }
                return Some(note);
            }
        }
        None
    }

    /// How much memory it may take in any case.
    pub(super) fn footprint(&self) -> usize {
        let waiting = self.entries.iter().map(|entry| match entry {
            // These are held to a share, or to the floor.
            Entry::Room(_) => 0,
            Entry::Direct(_, weight) => weight + EVENT,
            Entry::Own(_) | Entry::Missed(_) => EVENT,
            Entry::Reply(bytes) => bytes.len() + EVENT,
        });
        FLOOR + 2 * LONGEST + waiting.sum::<usize>()
    }
}
