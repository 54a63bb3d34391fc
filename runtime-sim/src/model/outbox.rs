use std::collections::VecDeque;
use std::sync::Arc;

use super::person::OBEDIENCE;
use super::sometimes::{Sometimes, Sort};
use super::telling::{Telling, Tongue, bare};
use super::{Line, line};

/// What the server was configured to.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) outbox_messages: usize,
    pub(crate) outbox_bytes: usize,
    pub(crate) disconnect: bool,
    /// `HubConfig::max_memory`, where the plan sets it.
    pub(crate) max_memory: Option<usize>,
    pub(crate) memory_messages: usize,
    pub(crate) memory_bytes: usize,
    pub(crate) empty_rooms: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_per_address: Option<usize>,
    /// In nanoseconds, as the others.
    pub(crate) idle: Option<u64>,
    pub(crate) write: Option<u64>,
    /// In frames for each second; 0 for no limit.
    pub(crate) rate: u64,
    /// How long one may always have more to say than that.
    pub(crate) flood: u64,
    pub(crate) max_rooms: usize,
    pub(crate) max_members: usize,
    pub(crate) max_rooms_each: usize,
    pub(crate) max_parked: usize,
    pub(crate) grace: u64,
    pub(crate) decision: u64,
    pub(crate) registration: u64,
    /// In connections of one address for each second, and as many at once; 0 for no limit.
    pub(crate) connect_rate: u64,
    pub(crate) window: usize,
    pub(crate) linger: u64,
    /// How long it may take until it is told who came or went.
    pub(crate) presence: u64,
    pub(crate) close: u64,
}

/// Something that happened in a room.
#[derive(Clone, Debug)]
pub(crate) struct RoomEvent {
    pub(super) telling: Telling,
    pub(crate) weight: usize,
    pub(crate) room: Arc<str>,
    /// Of a message.
    pub(crate) number: Option<u64>,
    pub(crate) at: u64,
    /// Whether the server had a reason to close the queue instead of taking it, and has not been seen to have taken it.
    pub(super) in_doubt: bool,
}

/// What waits for one session.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Room(RoomEvent),
    Direct(Telling, usize),
    Own(Telling),
    Missed(Missed),
    /// The protocol does not see these go by.
    Reply(Line),
}

#[derive(Clone, Debug)]
pub(crate) struct Missed {
    pub(super) room: Arc<str>,
    pub(super) messages: Option<(u64, u64)>,
    pub(super) presence: u64,
}

/// A queue that is as slow as it is simple.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) entries: VecDeque<Entry>,
    count: usize,
    bytes: usize,
    direct_count: usize,
    direct_bytes: usize,
    answers: usize,
    /// Whether there was a reason to let something make way since nothing waited, where memory is bounded.
    pub(super) crowded: bool,
    /// Whether nothing is taken any more.
    pub(crate) closing: bool,
    /// Whether the last entry that there was to take is what is said at the end.
    has_last_words: bool,
    /// Whether that is because it overflowed.
    pub(crate) overflowed: bool,
    /// Until when the server may not know that: somebody came for whom there was no room, and that may wait a moment.
    unknown_until: u64,
}

impl Queue {
    fn fits(&self, limits: &Limits, weight: usize) -> bool {
        self.count < limits.outbox_messages && self.bytes + weight <= limits.outbox_bytes
    }

    /// Queues an event of a room, of which `share` bytes may be held where memory is bounded.
    pub(crate) fn push_room(
        &mut self,
        event: &RoomEvent,
        limits: &Limits,
        share: usize,
        some: &mut Sometimes,
    ) {
        if self.closing {
            return;
        }
        if limits.watches_queues() {
            if !self.fits(limits, event.weight) || self.must_be_shut(event.weight, limits) {
                some.count(Sort::Overflow);
                return self.overflow_for(event, limits);
            }
            let in_doubt = self.may_be_shut(event.weight, share);
            return self.keep_room(&RoomEvent {
                in_doubt,
                ..event.clone()
            });
        }
        if limits.max_memory.is_some() {
            self.crowds(event.weight, self.fits(limits, event.weight), share);
            return self.keep_room(event);
        }
        while !self.fits(limits, event.weight) {
            some.count(Sort::Overflow);
            if limits.disconnect {
                return self.overflow_for(event, limits);
            }
            if !self.drop_oldest(some) {
                some.count(Sort::TooBig);
                return self.note(self.entries.len(), event, some);
            }
        }
        self.keep_room(event);
    }

    fn keep_room(&mut self, event: &RoomEvent) {
        self.count += 1;
        self.bytes += event.weight;
        self.entries.push_back(Entry::Room(event.clone()));
    }

    /// Until when the server may not know that it overflowed.
    pub(super) fn unknown_until(&self) -> u64 {
        self.unknown_until
    }

    /// How many events wait, and how much they weigh.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.count, self.bytes)
    }

    /// Whether an event of a room waits.
    pub(super) fn holds_room_events(&self) -> bool {
        self.count > self.direct_count
    }

    /// Queues a private message if it was `accepted`, where memory is bounded. Tells whether that is right, where the
    /// queue may have been `shut` for it.
    pub(super) fn push_direct_if(
        &mut self,
        accepted: bool,
        shut: bool,
        telling: Telling,
        weight: usize,
        limits: &Limits,
        share: usize,
    ) -> bool {
        let within_half = self.direct_count < limits.outbox_messages.div_ceil(2)
            && self.direct_bytes + weight <= limits.outbox_bytes.div_ceil(2);
        let fits = self.fits(limits, weight);
        let must_be_shut = self.must_be_shut(weight, limits);
        if accepted {
            self.crowds(weight, fits, share);
            self.keep_direct(telling, weight);
            let is_held = !limits.disconnect || (fits && !must_be_shut);
            return within_half && !self.closing && is_held;
        }
        if limits.disconnect && shut && !self.closing && within_half {
            let reason = !fits || self.may_be_shut(weight, share);
            self.overflow();
            return reason;
        }
        // One is kept whatever is free.
        self.closing || !within_half || self.direct_count > 0
    }

    /// Takes out what made way.
    pub(super) fn remove(&mut self, index: usize) {
        if let Some(Entry::Room(event)) = self.entries.remove(index) {
            self.count -= 1;
            self.bytes -= event.weight;
        }
    }

    pub(crate) fn push_direct(
        &mut self,
        telling: Telling,
        weight: usize,
        limits: &Limits,
        some: &mut Sometimes,
    ) -> bool {
        let half = |limit: usize| limit.div_ceil(2);
        if self.closing
            || self.direct_count + 1 > half(limits.outbox_messages)
            || self.direct_bytes + weight > half(limits.outbox_bytes)
        {
            return false;
        }
        if !self.fits(limits, weight) && limits.disconnect {
            self.overflow();
            return false;
        }
        while !self.fits(limits, weight) && self.drop_oldest(some) {}
        self.keep_direct(telling, weight);
        true
    }

    /// Queues what is for this session alone, whether it fits or not.
    fn keep_direct(&mut self, telling: Telling, weight: usize) {
        self.count += 1;
        self.bytes += weight;
        self.direct_count += 1;
        self.direct_bytes += weight;
        self.entries.push_back(Entry::Direct(telling, weight));
    }

    /// Takes what was for the session alone out of another queue. Returns how much that was.
    pub(super) fn inherit(&mut self, other: &mut Self) -> usize {
        let mut inherited = 0;
        for entry in std::mem::take(&mut other.entries) {
            if let Entry::Direct(telling, weight) = entry {
                self.keep_direct(telling, weight);
                inherited += 1;
            } else {
                other.entries.push_back(entry);
            }
        }
        inherited
    }

    /// Queues a note of messages that are not remembered any more.
    pub(super) fn push_missed(&mut self, room: &Arc<str>, first: u64, last: u64) {
        self.push_answer(Entry::Missed(Missed {
            room: Arc::clone(room),
            messages: Some((first, last)),
            presence: 0,
        }));
    }

    pub(crate) fn push_answer(&mut self, entry: Entry) {
        if !self.closing {
            if let Entry::Reply(bytes) = &entry {
                self.answers += bytes.len();
            }
            self.entries.push_back(entry);
        }
    }

    /// How many bytes of answers wait.
    pub(crate) fn answers(&self) -> usize {
        self.answers
    }

    /// Takes nothing more but these last words.
    pub(crate) fn seal(&mut self, last_words: Line) {
        self.closing = true;
        if !last_words.is_empty() {
            self.answers += last_words.len();
            self.has_last_words = true;
            self.entries.push_back(Entry::Reply(last_words));
        }
    }

    /// Takes the first entry out.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        if self.entries.is_empty() {
            self.crowded = false;
        }
        match &entry {
            Entry::Room(event) => {
                self.count -= 1;
                self.bytes -= event.weight;
            }
            Entry::Direct(_, weight) => {
                self.count -= 1;
                self.bytes -= weight;
                self.direct_count -= 1;
                self.direct_bytes -= weight;
            }
            Entry::Reply(bytes) => self.answers -= bytes.len(),
            Entry::Own(_) | Entry::Missed(_) => {}
        }
        Some(entry)
    }

    /// Nothing more was taken than what is there, from some event in doubt on not even that. Tells whether there was a
    /// reason for it.
    pub(super) fn is_shut(&mut self) -> bool {
        let mut entries = self.entries.iter();
        let reason = entries.any(Entry::is_in_doubt);
        self.overflow();
        reason
    }

    /// The same where nobody has looked before what was taken is out: what is next has to be in doubt.
    pub(super) fn is_shut_here(&mut self) -> bool {
        let is_shut = self.entries.front().is_some_and(Entry::is_in_doubt);
        if is_shut {
            self.overflow();
            self.skip_untaken();
        }
        is_shut
    }

    /// All that is there was taken, but perhaps for somebody who came a moment ago.
    pub(super) fn is_open(&mut self, now: u64, limits: &Limits) {
        for entry in &mut self.entries {
            if let Entry::Room(event) = entry {
                event.in_doubt &= now <= event.may_wait_until(limits);
            }
        }
    }

    /// Takes out what the server has not taken when it shut the queue, if that may begin with what is next: all but the
    /// last words.
    pub(super) fn skip_untaken(&mut self) {
        if !self.overflowed || !self.entries.front().is_some_and(Entry::is_in_doubt) {
            return;
        }
        while self.entries.len() > usize::from(self.has_last_words) {
            self.pop();
        }
    }

    /// Overflows for an event of a room.
    fn overflow_for(&mut self, event: &RoomEvent, limits: &Limits) {
        self.unknown_until = event.may_wait_until(limits);
        self.overflow();
    }

    fn overflow(&mut self) {
        self.closing = true;
        self.overflowed = true;
    }

    fn drop_oldest(&mut self, some: &mut Sometimes) -> bool {
        let is_room = |entry: &Entry| matches!(entry, Entry::Room(_));
        let Some(place) = self.entries.iter().position(is_room) else {
            return false;
        };
        let Some(Entry::Room(event)) = self.entries.remove(place) else {
            return false;
        };
        self.count -= 1;
        self.bytes -= event.weight;
        self.note(place, &event, some);
        true
    }

    /// Adds to the last note for that room before `place`, and behind the last answer there, if its numbers go
    /// on, or puts a new one there.
    fn note(&mut self, place: usize, event: &RoomEvent, some: &mut Sometimes) {
        some.count(match event.number {
            Some(_) => Sort::Gap,
            None => Sort::PresenceGap,
        });
        let before = self.entries.iter_mut().take(place).rev();
        let before = before.take_while(|entry| !matches!(entry, Entry::Own(_) | Entry::Reply(_)));
        let mut notes = before.filter_map(|entry| match entry {
            Entry::Missed(missed) if missed.room.eq_ignore_ascii_case(&event.room) => Some(missed),
            _ => None,
        });
        if let Some(missed) = notes.next() {
            match (event.number, &mut missed.messages) {
                (None, _) => {
                    missed.presence += 1;
                    return;
                }
                (Some(number), Some((_, last))) if *last + 1 == number => {
                    some.count(Sort::LongGap);
                    *last = number;
                    return;
                }
                (Some(number), none @ None) => {
                    *none = Some((number, number));
                    return;
                }
                _ => {}
            }
        }
        let missed = Missed {
            room: Arc::clone(&event.room),
            messages: event.number.map(|number| (number, number)),
            presence: u64::from(event.number.is_none()),
        };
        self.entries.insert(place, Entry::Missed(missed));
    }
}

impl RoomEvent {
    /// Until when the server may not have asked whether there is room for it.
    fn may_wait_until(&self, limits: &Limits) -> u64 {
        match limits.presence > 0 && self.telling.is_arrival() {
            true => self.at + limits.presence + OBEDIENCE,
            false => 0,
        }
    }
}

impl Limits {
    /// Whether queues are closed for their share of the memory, so that somebody has to look which are.
    pub(crate) fn watches_queues(&self) -> bool {
        self.disconnect && self.max_memory.is_some()
    }
}

impl Entry {
    fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Room(event) if event.in_doubt)
    }
}

impl Missed {
    /// Whether the library says the same.
    pub(super) fn is(&self, theirs: &chat_core::event::Missed) -> bool {
        let room = theirs.room.to_string();
        *self.room == *room && self.messages == theirs.messages && self.presence == theirs.presence
    }

    pub(crate) fn line(&self, tongue: Tongue) -> Line {
        line(match tongue {
            Tongue::Text => self.text(),
            Tongue::Json => self.json(),
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let room = &self.room;
        if let Some((first, last)) = self.messages {
            let count = last - first + 1;
            let s = if count == 1 { "" } else { "s" };
            text += &format!("* you missed {count} message{s} in {room} ({first}\u{2013}{last})\n");
        }
        if self.presence > 0 {
            let (count, s) = (self.presence, if self.presence == 1 { "" } else { "s" });
            text +=
                &format!("* you missed {count} change{s} of members, nicks or topic in {room}\n");
        }
        text
    }

    fn json(&self) -> String {
        let number = |number: Option<u64>| number.map_or("null".into(), |n| n.to_string());
        format!(
            "{{\"event\":\"missed\",\"room\":{},\"first\":{},\"last\":{},\"presence\":{}}}\n",
            bare(&self.room),
            number(self.messages.map(|(first, _)| first)),
            number(self.messages.map(|(_, last)| last)),
            self.presence,
        )
    }
}
