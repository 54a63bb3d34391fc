//! What waits to be sent to one session: bounded, and honest about what it had to drop.

mod queue;
mod stir;
mod successor;
#[cfg(test)]
pub(super) mod tests;

use std::ops::{Add, AddAssign, SubAssign};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chat_prefetch::{ahead, prefetch, prefetch_bytes};
use futures::task::{ArcWake, WakerRef, waker_ref};
pub(crate) use queue::Queue;
use stir::Stir;
pub(super) use successor::Succession;
use successor::Successor;

use super::arrivals::Latest;
use super::config::{OutboxLimits, SlowConsumer};
use crate::event::{CloseReason, Heard, Missed, SharedEvent};
use crate::memory::{Lease, Memory};
use crate::metrics::Level;

/// When a connection that sleeps hears of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// As soon as no lock is held.
    Now,
    /// A moment later, together with more of its kind.
    Soon,
}

/// What the driver takes out of an outbox.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// An event about a room; the oldest of these make way for newer ones.
    Room(Arc<SharedEvent>),
    /// Events about a room that say who came; they make way one by one.
    Arrivals(Latest),
    /// An event for this session alone, from somebody else.
    Direct(Arc<SharedEvent>),
    /// An event that this session brought about itself.
    Own(Arc<SharedEvent>),
    /// What made way, in its place.
    Missed(Box<Missed>),
    /// The encoded answer to a command.
    Reply(Box<[u8]>),
}

impl Outgoing {
    fn is_answer(&self) -> bool {
        matches!(self, Self::Own(_) | Self::Reply(_))
    }

    /// Whether the connection hears less from its peer while it waits: answers, and the notes that they keep apart.
    fn holds_up_input(&self) -> bool {
        self.is_answer() || matches!(self, Self::Missed(_))
    }

    /// Whether it is what makes way.
    fn is_of_room(&self) -> bool {
        matches!(self, Self::Room(_) | Self::Arrivals(_))
    }

    /// What a program hears of it: its own commands are answered by what they return.
    fn into_heard(self) -> Option<Heard> {
        match self {
            Self::Room(event) | Self::Direct(event) | Self::Own(event) => Some(Heard::Event(event)),
            Self::Missed(missed) => Some(Heard::Missed(*missed)),
            // Arrivals are taken one by one.
            Self::Arrivals(_) | Self::Reply(_) => None,
        }
    }

    /// About how many bytes it has on the wire.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Room(event) | Self::Direct(event) | Self::Own(event) => event.weight(),
            Self::Arrivals(latest) => latest.load().bytes,
            Self::Missed(_) => NOTE_WEIGHT,
            Self::Reply(bytes) => bytes.len(),
        }
    }

    /// How much memory it has to itself, beside its slot in the queue. Events count their own.
    fn footprint(&self) -> usize {
        match self {
            Self::Room(_) | Self::Arrivals(_) | Self::Direct(_) | Self::Own(_) => 0,
            Self::Missed(_) => size_of::<Missed>(),
            Self::Reply(bytes) => bytes.len(),
        }
    }
}

/// What is left to do for everyone that something was pushed to when no lock is held: to wake the
/// connections that got their first event, and to count once for all of them how the outboxes took it. Until then
/// the pushes share one count of memory.
#[derive(Default)]
pub(crate) struct Wakes {
    wakers: Vec<Waker>,
    /// Those that may be woken a moment later.
    later: Vec<Arc<Outbox>>,
    /// Whether arrivals wait in a room to be announced a moment later.
    rooms_wait: bool,
    lease: Lease,
    /// How many events were dropped.
    pub(super) dropped: u64,
    /// How full the fullest outbox became.
    pub(super) peak: Level,
}

impl Wakes {
    pub(crate) fn wake(mut self) {
        let later = self.take_later();
        self.add_late(&later);
        let tasks = self.wakers.iter().map(Waker::data);
        tasks.take(WAKERS_ABREAST).for_each(prefetch);
        let mut wakers = self.wakers.into_iter();
        while let Some(waker) = wakers.next() {
            if let Some(soon) = wakers.as_slice().get(WAKERS_ABREAST - 1) {
                prefetch(soon.data());
            }
            waker.wake();
        }
    }

    /// Adds those that were to be woken a moment later, if they still sleep.
    pub(super) fn add_late(&mut self, outboxes: &[Arc<Outbox>]) {
        let mut succession = Succession::after(self);
        for outbox in ahead(outboxes.iter(), |soon| soon.prefetch()) {
            outbox.wake_at_last(self);
            succession.go_on(outbox, self);
        }
    }

    /// Takes out those that may be woken a moment later, which the caller promises to see to.
    pub(super) fn take_later(&mut self) -> Vec<Arc<Outbox>> {
        std::mem::take(&mut self.later)
    }

    /// Asks for the arrivals that wait in rooms to be announced a moment later.
    pub(super) fn announce_later(&mut self) {
        self.rooms_wait = true;
    }

    /// Whether that was asked for, which the caller promises to see to.
    pub(super) fn take_rooms_wait(&mut self) -> bool {
        std::mem::take(&mut self.rooms_wait)
    }
}

/// The queue between the hub, which never waits, and one connection, which may be slow.
///
/// The hub [pushes](Outbox::push_room) from any thread; only the session's connection takes out. A
/// push wakes the connection only if it went to sleep on an empty queue.
///
/// Room events and direct ones count towards the limits. Answers to the session's own commands do not:
/// whoever asks receives them, and is heard no further while too many of them wait.
///
/// Beside its own limits it keeps to its [share](Memory::session_share) of the hub's memory, with the same
/// consequences. One room event and one direct one it holds whatever its share is.
///
/// The waker that the connection leaves when it falls asleep is there for the stream and the timer too, which
/// [wake](Outbox::stir_waker) it by way of this.
#[derive(Debug)]
pub(crate) struct Outbox {
    bounds: Arc<Bounds>,
    /// How many bytes of answers and notes wait. Beside the lock, because the connection asks after every frame.
    answer_bytes: AtomicUsize,
    /// Whether nothing that the session says is accepted any more, because everyone is about to be closed.
    hushed: AtomicBool,
    /// Whether the stream has taken everything and the peer was told that nothing more comes.
    drained: AtomicBool,
    stir: Stir,
    state: Mutex<State>,
    /// How many times somebody else has ended the session's membership of a room.
    evictions: AtomicU32,
    /// Where in memory the connection is, or was when it was polled last.
    connection: AtomicPtr<()>,
    successor: Successor,
}

/// What all outboxes of a hub are bounded by, and look at: once for all of them, so that each is a line of cache less.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) limits: OutboxLimits,
    pub(crate) memory: Arc<Memory>,
    pub(super) has_unannounced: AtomicBool,
}

impl Bounds {
    pub(super) fn new(limits: OutboxLimits, memory: Arc<Memory>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            memory,
            has_unannounced: AtomicBool::new(false),
        })
    }

    /// Whether somebody has come into any room who may not have been announced to everyone there yet.
    pub(super) fn has_unannounced(&self) -> bool {
        self.has_unannounced.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// Whether more than a quiet queue has room for was taken the last time that all was.
    is_busy: bool,
    /// How many entries at the front of the queue are not room events. The first one behind them is
    /// the next to make way.
    lead: usize,
    room: Load,
    direct: Load,
    /// How many notes there are that `answer_bytes` does not know of yet.
    new_notes: usize,
    /// How much memory the entries have to themselves, and how much has been counted of that and of the
    /// queue's slots.
    entries_footprint: usize,
    charged: usize,
    /// The connection's, from when it left one until somebody takes it: whoever does, wakes.
    waker: Option<Waker>,
    /// Whether a push is what the waker waits for.
    wants_events: bool,
    /// Whether somebody has promised to [wake it](Wakes::add_late) soon.
    is_woken_later: bool,
    /// In a box, because hardly any connection has one, and all have room for it.
    closing: Option<Box<Closing>>,
}

/// What counts towards the limits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Load {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// An order to close.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub(crate) reason: CloseReason,
    /// How long sending what is queued may take, if not as long as the connection is configured to.
    pub(crate) within: Option<Duration>,
}

impl From<CloseReason> for Closing {
    fn from(reason: CloseReason) -> Self {
        Self {
            reason,
            within: None,
        }
    }
}

/// Whether a connection may rest.
#[derive(Debug)]
pub(crate) enum Rest {
    /// It may: it will be woken.
    Asleep,
    /// There are events to take.
    Awake,
    /// It is to close.
    Closing(Box<Closing>),
}

impl Outbox {
    pub(crate) fn new(bounds: &Arc<Bounds>) -> Self {
        Self {
            bounds: Arc::clone(bounds),
            stir: Stir::default(),
            answer_bytes: AtomicUsize::new(0),
            hushed: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            evictions: AtomicU32::new(0),
            connection: AtomicPtr::default(),
            successor: Successor::default(),
            state: Mutex::default(),
        }
    }

    /// Sends for it, as it is pushed to a moment later.
    pub(super) fn prefetch(&self) {
        prefetch_bytes(self, size_of::<Self>());
    }

    /// Notes where in memory its connection is.
    pub(crate) fn note_connection<T>(&self, connection: &T) {
        let address = std::ptr::from_ref(connection).cast_mut().cast();
        // It hardly ever moves, and others read what is beside this.
        if self.connection.load(Ordering::Relaxed) != address {
            self.connection.store(address, Ordering::Relaxed);
        }
    }

    /// Sends for what is looked at when the connection has its turn that was woken right after this one: of it the first `bytes`, beside
    /// its task and its outbox.
    pub(crate) fn prefetch_successor(&self, bytes: usize) {
        self.successor.prefetch(bytes);
    }

    /// Queues an event about a room. If it does not fit, the oldest room events make way.
    pub(crate) fn push_room(&self, event: &Arc<SharedEvent>, wakes: &mut Wakes) {
        self.push_room_within(event.share(), event, wakes);
    }

    /// The same for an event that is not new, and may lead to no more memory than `share` being held.
    pub(crate) fn push_room_within(
        &self,
        share: usize,
        event: &Arc<SharedEvent>,
        wakes: &mut Wakes,
    ) {
        let mut state = self.lock();
        if self.queue_room(&mut state, share, event, wakes) {
            state.wake(wakes);
        }
    }

    /// As [`push_room`](Outbox::push_room), for an event that may reach the peer a moment later, so that it shares a
    /// write with others. It does not wait where it could make others make way.
    pub(crate) fn push_unhurried(self: &Arc<Self>, event: &Arc<SharedEvent>, wakes: &mut Wakes) {
        let mut state = self.lock();
        if self.queue_room(&mut state, event.share(), event, wakes) {
            self.wake_soon(&mut state, event.share(), wakes);
        }
    }

    /// Sees to it that the connection is woken soon, or now where what waits could make others make way.
    fn wake_soon(self: &Arc<Self>, state: &mut State, share: usize, wakes: &mut Wakes) {
        if state.is_filling(&self.bounds.limits, share) {
            state.wake(wakes);
        } else if state.wants_events && !state.is_woken_later {
            state.is_woken_later = true;
            wakes.later.push(Arc::clone(self));
        }
    }

    /// Queues who came into a room: as if each of them were pushed, but as one entry if there is room for all.
    pub(super) fn push_arrivals(self: &Arc<Self>, latest: Latest, when: When, wakes: &mut Wakes) {
        let mut state = self.lock();
        let share = latest.share();
        if !self.queue_arrivals(&mut state, share, latest, wakes) {
            return;
        }
        match when {
            When::Now => state.wake(wakes),
            When::Soon => self.wake_soon(&mut state, share, wakes),
        }
    }

    /// `false` if nobody is to be woken for it.
    fn queue_arrivals(
        &self,
        state: &mut State,
        share: usize,
        latest: Latest,
        wakes: &mut Wakes,
    ) -> bool {
        if state.closing.is_some() {
            return false;
        }
        let load = latest.load();
        let share = match state.make_slot(&self.bounds.memory, &mut wakes.lease) {
            true => share.max(Memory::FLOOR),
            false => Memory::FLOOR,
        };
        if state.fit(&self.bounds.limits, load, share) {
            state.room += load;
            wakes.peak = wakes.peak.max(state.level());
            state.push_back(Outgoing::Arrivals(latest));
            return true;
        }
        let mut is_news = false;
        for event in latest.events() {
            is_news |= self.queue_room(state, event.share(), event, wakes);
        }
        is_news
    }

    /// Whether there may be somebody in a room to be told of before anything is taken.
    pub(crate) fn has_unannounced(&self) -> bool {
        self.bounds.has_unannounced()
    }

    /// What it is bounded by.
    pub(super) fn limits(&self) -> &OutboxLimits {
        &self.bounds.limits
    }

    /// Has the connection woken, if there is still something that it sleeps on.
    fn wake_at_last(&self, wakes: &mut Wakes) {
        let mut state = self.lock();
        state.is_woken_later = false;
        if !state.queue.is_empty() {
            state.wake(wakes);
        }
    }

    /// Puts an event about a room into the queue, or a note that it was missed; `false` if nobody is to be woken for it.
    fn queue_room(
        &self,
        state: &mut State,
        share: usize,
        event: &Arc<SharedEvent>,
        wakes: &mut Wakes,
    ) -> bool {
        let weight = event.weight();
        if state.closing.is_some() {
            return false;
        }
        let granted = state.make_slot(&self.bounds.memory, &mut wakes.lease);
        let share = if granted {
            share.max(Memory::FLOOR)
        } else {
            Memory::FLOOR
        };
        let mut made_way = false;
        while !state.fits(&self.bounds.limits, weight, share) {
            if self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
                state.close(CloseReason::SlowConsumer.into(), wakes);
                return false;
            }
            wakes.dropped += 1;
            if !state.drop_oldest_room_event() {
                let end = state.queue.len();
                state.note_missed(end, event);
                self.count_notes(state);
                state.count(&self.bounds.memory, &mut wakes.lease);
                return true;
            }
            made_way = true;
        }
        state.room += Load::one(weight);
        wakes.peak = wakes.peak.max(state.level());
        state.push_back(Outgoing::Room(Arc::clone(event)));
        if made_way {
            self.count_notes(state);
            state.count(&self.bounds.memory, &mut wakes.lease);
        }
        true
    }

    /// Queues a note of what the session missed elsewhere.
    pub(crate) fn push_missed(&self, missed: Missed, wakes: &mut Wakes) {
        self.push_answer(Outgoing::Missed(Box::new(missed)), wakes);
    }

    /// Queues an event for this session alone, which never makes way; `false` if there is no room
    /// for it. Such events may take up half of the outbox.
    pub(crate) fn push_direct(&self, event: Arc<SharedEvent>, wakes: &mut Wakes) -> bool {
        let weight = event.weight();
        let mut state = self.lock();
        if state.closing.is_some() {
            return false;
        }
        let share = match state.make_slot(&self.bounds.memory, &mut wakes.lease) {
            true => event.share().max(Memory::FLOOR),
            false => Memory::FLOOR,
        };
        let half_full = state.direct.entries + 1 > self.bounds.limits.messages.div_ceil(2)
            || state.direct.bytes + weight > self.bounds.limits.bytes.div_ceil(2)
            || (state.direct.entries > 0 && !state.direct.shares(weight, share / 2));
        if half_full {
            return false;
        }
        let fits = |state: &State| state.fits(&self.bounds.limits, weight, share);
        if !fits(&state) && self.bounds.limits.slow_consumer == SlowConsumer::Disconnect {
            state.close(CloseReason::SlowConsumer.into(), wakes);
            return false;
        }
        while !fits(&state) && state.drop_oldest_room_event() {
            wakes.dropped += 1;
        }
        self.count_notes(&mut state);
        state.direct += Load::one(weight);
        wakes.peak = wakes.peak.max(state.level());
        self.push(&mut state, Outgoing::Direct(event), wakes);
        true
    }

    /// Queues an event that this session brought about itself.
    pub(crate) fn push_own(&self, event: Arc<SharedEvent>, wakes: &mut Wakes) {
        self.push_answer(Outgoing::Own(event), wakes);
    }

    /// Queues the encoded answer to a command of this session.
    pub(crate) fn push_reply(&self, bytes: Box<[u8]>, wakes: &mut Wakes) {
        self.push_answer(Outgoing::Reply(bytes), wakes);
    }

    fn push_answer(&self, answer: Outgoing, wakes: &mut Wakes) {
        let mut state = self.lock();
        if state.closing.is_some() {
            return;
        }
        // A connection stops listening long before; this is for a session that nobody serves.
        if self.answer_bytes() > self.bounds.limits.bytes.max(ANSWERS_AT_LEAST) {
            state.close(CloseReason::SlowConsumer.into(), wakes);
            return;
        }
        self.answer_bytes
            .fetch_add(answer.weight(), Ordering::Relaxed);
        state.make_slot(&self.bounds.memory, &mut wakes.lease);
        self.push(&mut state, answer, wakes);
    }

    /// Lets notes hold up the input as well: each answer may be followed by one for each room.
    fn count_notes(&self, state: &mut State) {
        let notes = std::mem::take(&mut state.new_notes);
        self.answer_bytes
            .fetch_add(notes * NOTE_WEIGHT, Ordering::Relaxed);
    }

    fn push(&self, state: &mut State, entry: Outgoing, wakes: &mut Wakes) {
        state.entries_footprint += entry.footprint();
        state.push_back(entry);
        state.count(&self.bounds.memory, &mut wakes.lease);
        state.wake(wakes);
    }

    /// Notes that the connection is awake and will look here before it sleeps again, so that what it
    /// sends to itself does not wake it.
    pub(crate) fn wake_up(&self) {
        self.lock().wants_events = false;
    }

    /// Takes entries from the front until they weigh `budget` bytes or none is left; `true` if some are.
    ///
    /// From here on the connection is awake: pushes do not wake it before the next
    /// [`fall_asleep`](Outbox::fall_asleep).
    pub(crate) fn take(&self, budget: usize, taken: &mut Queue) -> bool {
        let mut state = self.lock();
        state.wants_events = false;
        let answers = self.answer_bytes();
        if state.room.bytes + state.direct.bytes + answers <= budget {
            state.take_all(taken);
            if answers > 0 {
                self.answer_bytes.store(0, Ordering::Relaxed);
            }
        } else {
            let mut weight = 0;
            while weight < budget
                && let Some(entry) = state.pop()
            {
                weight += entry.weight();
                if entry.holds_up_input() {
                    self.answer_bytes
                        .fetch_sub(entry.weight(), Ordering::Relaxed);
                }
                taken.push_back(entry);
            }
        }
        state.rest();
        state.count_alone(&self.bounds.memory);
        !state.queue.is_empty()
    }

    /// Takes one entry from the front.
    pub(crate) fn take_one(&self) -> Option<Outgoing> {
        let mut state = self.lock();
        let entry = state.pop()?;
        if entry.holds_up_input() {
            self.answer_bytes
                .fetch_sub(entry.weight(), Ordering::Relaxed);
        }
        state.rest();
        state.count_alone(&self.bounds.memory);
        Some(entry)
    }

    /// The next thing that a program gets to hear, which takes this outbox out itself; `None` once there is
    /// an order to close and nothing is left.
    pub(crate) fn poll_heard(&self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        let mut closing = false;
        loop {
            while let Some(entry) = self.take_one() {
                if let Some(heard) = entry.into_heard() {
                    return Poll::Ready(Some(heard));
                }
            }
            if closing {
                return Poll::Ready(None);
            }
            match self.fall_asleep(cx.waker(), true) {
                Rest::Asleep => return Poll::Pending,
                Rest::Awake => {}
                // Something may have come before the order.
                Rest::Closing(_) => closing = true,
            }
        }
    }

    /// How many entries wait that may share a write with more; none where more could make them make way.
    pub(crate) fn len_unless_filling(&self) -> usize {
        let share = self.bounds.memory.share();
        let state = self.lock();
        match state.is_filling(&self.bounds.limits, share) {
            true => 0,
            false => state.queue.len(),
        }
    }

    /// Leaves a waker for the order to close, for the stream and the timer, and, if `wants_events`, for the next
    /// push.
    pub(crate) fn fall_asleep(&self, waker: &Waker, wants_events: bool) -> Rest {
        let mut state = self.lock();
        if let Some(closing) = &state.closing {
            return Rest::Closing(closing.clone());
        }
        if self.stir.is_called() || (wants_events && !state.queue.is_empty()) {
            return Rest::Awake;
        }
        state.wants_events = wants_events;
        let old = state.set_waker(waker);
        drop(state);
        drop(old);
        Rest::Asleep
    }

    /// Leaves a waker for the stream, the timer and the order to close, without looking whether there is anything yet: for a
    /// connection that is going to ask them after this, or in a poll that is certain to come.
    pub(crate) fn leave_waker(&self, waker: &Waker) {
        let old = self.lock().set_waker(waker);
        drop(old);
    }

    /// What the stream and the timer are to wake.
    pub(crate) fn stir_waker(self: &Arc<Self>) -> WakerRef<'_> {
        waker_ref(self)
    }

    /// What is noted of how they have woken the connection.
    pub(crate) fn stir(&self) -> &Stir {
        &self.stir
    }

    /// How many bytes of answers and notes wait. A peer that asks but does not read is not heard any further
    /// while there are many.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.answer_bytes.load(Ordering::Relaxed)
    }

    /// Whether an answer may be that long, now that this much memory is free.
    pub(crate) fn may_answer(&self, bytes: usize) -> bool {
        bytes <= self.bounds.memory.session_share()
            && bytes <= self.bounds.limits.bytes.max(ANSWERS_AT_LEAST)
    }

    /// Takes nothing more but these last words. For the connection itself, when it starts to close.
    pub(crate) fn seal(&self, closing: Closing, last_words: Box<[u8]>) {
        let mut state = self.lock();
        state.closing.get_or_insert_with(|| Box::new(closing));
        if !last_words.is_empty() {
            self.answer_bytes
                .fetch_add(last_words.len(), Ordering::Relaxed);
            state.entries_footprint += last_words.len();
            state.push_back(Outgoing::Reply(last_words));
            state.count_alone(&self.bounds.memory);
        }
    }

    /// Orders the connection to send what is queued, and then to close. The first reason stands.
    pub(crate) fn close(&self, closing: Closing, wakes: &mut Wakes) {
        self.lock().close(closing, wakes);
    }

    /// Forgets all that is queued but the events for this session alone: of a room, the room's memory
    /// tells whoever resumes the session.
    pub(crate) fn keep_direct(&self) {
        let mut state = self.lock();
        state
            .queue
            .retain(|entry| matches!(entry, Outgoing::Direct(_)));
        state.queue.shrink_to_fit();
        state.lead = state.queue.len();
        state.room = Load::default();
        state.entries_footprint = 0;
        state.count_alone(&self.bounds.memory);
        let waker = state.waker.take();
        self.answer_bytes.store(0, Ordering::Relaxed);
        drop(state);
        // The connection is gone: nobody needs to be woken.
        drop(waker);
    }

    /// Takes out the events for this session alone that nobody has taken. What else waits, such as answers and
    /// the last words, stays for the peer that may still be there.
    pub(crate) fn take_direct(&self) -> Vec<Arc<SharedEvent>> {
        let mut state = self.lock();
        let mut direct = Vec::new();
        state.queue.retain(|entry| match entry {
            Outgoing::Direct(event) => {
                direct.push(Arc::clone(event));
                false
            }
            _ => true,
        });
        state.direct = Load::default();
        state.lead = 0;
        state.find_lead();
        direct
    }

    /// Queues events for this session alone that were accepted before, whatever the limits are.
    pub(crate) fn restore_direct(&self, events: Vec<Arc<SharedEvent>>, wakes: &mut Wakes) {
        let mut state = self.lock();
        for event in events {
            state.make_slot(&self.bounds.memory, &mut wakes.lease);
            state.direct += Load::one(event.weight());
            wakes.peak = wakes.peak.max(state.level());
            self.push(&mut state, Outgoing::Direct(event), wakes);
        }
    }

    /// How much of what counts towards the limits waits.
    pub(super) fn level(&self) -> Level {
        self.lock().level()
    }

    /// The memory that it takes part in.
    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.bounds.memory
    }

    /// Why it is to close, once it is.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.lock()
            .closing
            .as_ref()
            .map(|closing| closing.reason.clone())
    }

    /// Accepts nothing any more of what the session says to rooms.
    pub(crate) fn hush(&self) {
        self.hushed.store(true, Ordering::Release);
    }

    pub(crate) fn is_hushed(&self) -> bool {
        self.hushed.load(Ordering::Acquire)
    }

    /// Notes that the session is no longer in one of its rooms, because somebody else said so. The room does,
    /// before it forgets the member.
    pub(crate) fn note_eviction(&self) {
        self.evictions.fetch_add(1, Ordering::Release);
    }

    /// How many times that was noted.
    pub(crate) fn evictions(&self) -> u32 {
        self.evictions.load(Ordering::Acquire)
    }

    /// Notes that the stream has taken everything and the peer was told that nothing more comes.
    pub(crate) fn set_drained(&self) {
        self.drained.store(true, Ordering::Release);
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }

    /// Lets nobody push or take while what is returned is there.
    #[cfg(test)]
    pub(super) fn hold(&self) -> impl Drop {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in this module can panic while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many tasks that are woken one after the other are on their way from memory at a time.
const WAKERS_ABREAST: usize = 8;

/// About how many bytes a note of what was missed has on the wire.
const NOTE_WEIGHT: usize = 64;

/// How many bytes of answers may wait in any case, whatever the limit for events is; so long may one be.
const ANSWERS_AT_LEAST: usize = 1024 * 1024;

/// Events wait to share a write while they are at most this part of what an outbox may hold.
const PART_THAT_WAITS: usize = 4;

/// How many entries an empty queue keeps memory for, beside the one that needs none, so that quiet rooms do not
/// allocate for every other message and idle connections own next to nothing.
const IDLE_CAPACITY: usize = 4;

/// How many entries a queue that needs more gets memory for at once. To grow from four to eight to sixteen, when a
/// hundred queues do it at the same time, takes as long as all else that is done for an event.
const BUSY_CAPACITY: usize = 32;

impl State {
    /// Whether another event of that weight may be held, within the outbox's own limits and its share of
    /// memory. One room event is within any share.
    fn fits(&self, limits: &OutboxLimits, weight: usize, share: usize) -> bool {
        let share = match self.room.entries {
            0 => usize::MAX,
            _ => share,
        };
        self.fit(limits, Load::one(weight), share)
    }

    /// Whether so many more events may be held.
    fn fit(&self, limits: &OutboxLimits, more: Load, share: usize) -> bool {
        let load = self.load() + more;
        load.entries <= limits.messages && load.bytes <= limits.bytes && load.footprint() <= share
    }

    /// Whether so much waits, of what it may hold at all or within `share`, that it should wait no longer.
    fn is_filling(&self, limits: &OutboxLimits, share: usize) -> bool {
        let waiting = Load {
            entries: self.queue.len().max(self.room.entries),
            ..self.room
        };
        waiting.is_much(limits, share)
    }

    /// What counts towards the limits.
    fn load(&self) -> Load {
        self.room + self.direct
    }

    fn level(&self) -> Level {
        let Load { entries, bytes } = self.load();
        Level {
            events: entries,
            bytes,
        }
    }

    /// Makes sure that there is a slot for one more entry. `false` if there is no memory for the queue to grow
    /// by as many as it should, and it has grown by a few.
    fn make_slot(&mut self, memory: &Arc<Memory>, lease: &mut Lease) -> bool {
        if self.queue.has_room() {
            return true;
        }
        let more = match self.queue.slots() {
            0 if self.is_busy => BUSY_CAPACITY,
            0 => IDLE_CAPACITY,
            slots => slots.max(BUSY_CAPACITY - IDLE_CAPACITY),
        };
        if !lease.try_take(memory, more * Queue::SLOT) {
            self.queue.reserve(IDLE_CAPACITY);
            self.count(memory, lease);
            return false;
        }
        self.queue.reserve(more);
        self.charged += more * Queue::SLOT;
        true
    }

    /// Lets go of what an empty queue does not need.
    fn rest(&mut self) {
        if self.queue.is_empty() && self.queue.slots() > IDLE_CAPACITY {
            self.queue.forget_slots();
        }
    }

    /// Counts the memory that it takes now, where that has changed.
    fn count(&mut self, memory: &Arc<Memory>, lease: &mut Lease) {
        let takes = self.takes();
        if takes > self.charged {
            lease.take(memory, takes - self.charged);
        } else if takes < self.charged {
            lease.give_back(memory, self.charged - takes);
        }
        self.charged = takes;
    }

    /// The same where nothing is pushed to others.
    fn count_alone(&mut self, memory: &Memory) {
        let takes = self.takes();
        if takes > self.charged {
            memory.charge(takes - self.charged);
        } else if takes < self.charged {
            memory.release(self.charged - takes);
        }
        self.charged = takes;
    }

    /// How much memory it takes, beside events.
    fn takes(&self) -> usize {
        self.queue.slots() * Queue::SLOT + self.entries_footprint
    }

    /// Returns the one before, to be dropped when there is no lock any more.
    fn set_waker(&mut self, waker: &Waker) -> Option<Waker> {
        match &self.waker {
            Some(old) if old.will_wake(waker) => None,
            _ => self.waker.replace(waker.clone()),
        }
    }

    fn wake(&mut self, wakes: &mut Wakes) {
        if self.wants_events {
            self.wants_events = false;
            wakes.wakers.extend(self.waker.take());
        }
    }

    fn push_back(&mut self, entry: Outgoing) {
        if !entry.is_of_room() && self.lead == self.queue.len() {
            self.lead += 1;
        }
        self.queue.push_back(entry);
    }

    /// Empties the queue, answers and notes too.
    fn take_all(&mut self, taken: &mut Queue) {
        self.lead = 0;
        self.room = Load::default();
        self.direct = Load::default();
        self.entries_footprint = 0;
        self.is_busy = self.queue.len() > 1 + IDLE_CAPACITY;
        self.queue.move_to(taken);
    }

    /// Takes the first entry, and of arrivals the first one.
    fn pop(&mut self) -> Option<Outgoing> {
        if self.lead == 0 {
            let event = self.take_oldest_room_event()?;
            self.find_lead();
            return Some(Outgoing::Room(event));
        }
        self.lead -= 1;
        let entry = self.queue.pop_front()?;
        match &entry {
            Outgoing::Direct(event) => self.direct -= Load::one(event.weight()),
            _ => self.entries_footprint -= entry.footprint(),
        }
        Some(entry)
    }

    /// Drops the oldest room event and notes in its place that it was missed.
    fn drop_oldest_room_event(&mut self) -> bool {
        let Some(event) = self.take_oldest_room_event() else {
            return false;
        };
        self.note_missed(self.lead, &event);
        self.find_lead();
        true
    }

    fn take_oldest_room_event(&mut self) -> Option<Arc<SharedEvent>> {
        let event = self.queue.take_room_event(self.lead)?;
        self.room -= Load::one(event.weight());
        Some(event)
    }

    /// Adds `event` to what was missed just before `place`: to the room's last note since the last answer if it
    /// goes on from that, as a new note otherwise.
    fn note_missed(&mut self, place: usize, event: &SharedEvent) {
        let Some(room) = event.event().room() else {
            return;
        };
        let number = event.number();
        let last = self
            .queue
            .back_from(place)
            // An answer tells how things were then, such as the last number of a room.
            .take_while(|entry| !entry.is_answer())
            .find_map(|entry| match entry {
                Outgoing::Missed(missed) if missed.room == *room => Some(missed),
                _ => None,
            });
        if let Some(missed) = last
            && missed.goes_on_with(number)
        {
            match number {
                Some(number) => {
                    let first = missed.messages.map_or(number, |(first, _)| first);
                    missed.messages = Some((first, number));
                }
                None => missed.presence += 1,
            }
            return;
        }
        let missed = Missed {
            room: room.clone(),
            messages: number.map(|number| (number, number)),
            presence: u64::from(number.is_none()),
        };
        let note = Outgoing::Missed(Box::new(missed));
        self.entries_footprint += note.footprint();
        self.new_notes += 1;
        self.queue.insert(place, note);
        if place == self.lead {
            self.lead += 1;
        }
    }

    fn find_lead(&mut self) {
        while matches!(self.queue.get(self.lead), Some(entry) if !entry.is_of_room()) {
            self.lead += 1;
        }
    }

    fn close(&mut self, closing: Closing, wakes: &mut Wakes) {
        if self.closing.is_none() {
            let closing = Box::new(closing);
            self.closing = Some(closing);
            self.wants_events = false;
            wakes.wakers.extend(self.waker.take());
        }
    }
}

impl ArcWake for Outbox {
    fn wake_by_ref(outbox: &Arc<Self>) {
        // Before the lock: a connection that is about to fall asleep sees it then, or has left its waker.
        outbox.stir.call();
        let waker = outbox.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let charged = state.unwrap_or_else(PoisonError::into_inner).charged;
        self.bounds.memory.release(charged);
    }
}

impl Missed {
    /// Whether what came next in the room belongs to the same note.
    fn goes_on_with(&self, number: Option<u64>) -> bool {
        match (self.messages, number) {
            (Some((_, last)), Some(number)) => last + 1 == number,
            _ => true,
        }
    }
}

impl Load {
    pub(super) fn one(bytes: usize) -> Self {
        Self { entries: 1, bytes }
    }

    /// Of all these together.
    pub(super) fn of(events: &[Arc<SharedEvent>]) -> Self {
        Self {
            entries: events.len(),
            bytes: events.iter().map(|event| event.weight()).sum(),
        }
    }

    /// How much memory it takes, the slots of the queue too.
    fn footprint(&self) -> usize {
        self.entries * (SharedEvent::OVERHEAD + Queue::SLOT) + self.bytes
    }

    /// Whether it takes no more memory than `share` with another event of that weight.
    fn shares(&self, weight: usize, share: usize) -> bool {
        (*self + Self::one(weight)).footprint() <= share
    }

    /// Whether it is so much, of what an outbox may hold at all or within `share`, that it should wait no longer.
    pub(super) fn is_much(&self, limits: &OutboxLimits, share: usize) -> bool {
        let share = share.max(Memory::FLOOR) / PART_THAT_WAITS;
        self.entries > limits.messages / PART_THAT_WAITS || !self.shares(0, share)
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, more: Self) {
        self.entries += more.entries;
        self.bytes += more.bytes;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, less: Self) {
        self.entries -= less.entries;
        self.bytes -= less.bytes;
    }
}

impl Add for Load {
    type Output = Self;

    fn add(mut self, more: Self) -> Self {
        self += more;
        self
    }
}
