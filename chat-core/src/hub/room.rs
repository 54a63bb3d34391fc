use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use slab::Slab;

use super::arrivals::{Place, Unannounced};
use super::coalescing::Coalescing;
use super::error::HubError;
use super::outbox::{Outbox, Succession, Wakes, When};
use crate::event::{CloseReason, Event, Missed, SessionId, SharedEvent, Who};
use crate::memory::{Charge, Memory};
use crate::message::{Body, Message, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::Denial;
use crate::store::{HistoryRange, MemoryLimits, RoomMemory};

/// What a member may do in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Talk and listen.
    #[default]
    Member,
    /// Also look after the room. Whoever opens a room gets this role in it.
    Operator,
}

/// Somebody in a room, as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupant {
    /// What they are called.
    pub nick: Nick,
    /// What they may do.
    pub role: Role,
}

/// A room at one moment: after all that a member has been told of it, and before what comes next.
#[derive(Clone, Copy)]
pub struct RoomView<'a> {
    name: &'a RoomName,
    state: &'a State,
}

impl RoomView<'_> {
    /// What it is called, as whoever opened it spelled it.
    pub fn name(&self) -> &RoomName {
        self.name
    }

    /// How many are in it.
    pub fn member_count(&self) -> usize {
        self.state.members.len()
    }

    /// The number of the last message; zero if there was none yet.
    pub fn last_number(&self) -> u64 {
        self.state.last_number
    }

    /// What it is about.
    pub fn topic(&self) -> Option<&Body> {
        self.state.topic()
    }
}

/// Without what anybody has said.
impl fmt::Debug for RoomView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomView")
            .field("name", self.name)
            .field("member_count", &self.member_count())
            .field("last_number", &self.last_number())
            .finish_non_exhaustive()
    }
}

/// One room: its members, its numbers and its memory, under one lock that gives it its order.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: RoomName,
    memory: Arc<Memory>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    members: Slab<Member>,
    /// Before whatever else happens, they are announced to everyone.
    unannounced: Unannounced,
    last_number: u64,
    memory: RoomMemory,
    /// Of the slots of `memory`.
    charge: Charge,
    /// The event that set the topic, which counts its memory.
    topic: Option<Arc<SharedEvent>>,
    listeners: Slab<Listener>,
    /// Whether the program has closed it. Nobody can come in any more.
    closed: bool,
}

/// A session in a room.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) who: Who,
    pub(crate) role: Role,
    pub(crate) outbox: Arc<Outbox>,
    /// It was told of all who came before this place.
    knows: Place,
}

impl Member {
    pub(super) fn new(who: Who, role: Role, outbox: &Arc<Outbox>) -> Self {
        Self {
            who,
            role,
            outbox: Arc::clone(outbox),
            knows: 0,
        }
    }
}

/// Somebody who hears what members hear.
#[derive(Debug)]
struct Listener {
    outbox: Arc<Outbox>,
    knows: Place,
}

/// Where a member sits in its room.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) room: Arc<Room>,
    key: usize,
}

/// Who has already been told of something that concerns several rooms. Not used for a single room.
#[derive(Default)]
pub(crate) struct Told(Option<HashSet<SessionId>>);

impl Told {
    pub(crate) fn across(rooms: usize) -> Self {
        Self((rooms > 1).then(HashSet::new))
    }

    fn first_time(&mut self, session: SessionId) -> bool {
        self.0.as_mut().is_none_or(|told| told.insert(session))
    }
}

impl Room {
    pub(crate) fn new(name: RoomName, limits: MemoryLimits, memory: &Arc<Memory>) -> Self {
        Self {
            name,
            memory: Arc::clone(memory),
            state: Mutex::new(State {
                members: Slab::new(),
                unannounced: Unannounced::new(memory),
                last_number: 0,
                memory: RoomMemory::new(limits),
                charge: Charge::new(memory),
                topic: None,
                listeners: Slab::new(),
                closed: false,
            }),
        }
    }

    /// Seats a member and tells it; `None` if the room was closed meanwhile. The others may be told a moment later.
    pub(super) fn join(
        self: &Arc<Self>,
        mut member: Member,
        coalescing: &Coalescing,
        wakes: &mut Wakes,
    ) -> Option<(Seat, Arc<SharedEvent>)> {
        let event = self.event(Event::Joined {
            room: self.name.clone(),
            who: member.who.clone(),
        });
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if state.is_heard() {
            state.unannounced.push(Arc::clone(&event));
        }
        member.knows = state.unannounced.end();
        member.outbox.push_own(Arc::clone(&event), wakes);
        let are_many = state.unannounced.are_many(member.outbox.limits());
        let key = state.members.insert(member);
        if are_many {
            self.announce_arrivals(&mut state, When::Now, wakes);
        } else if state.unannounced.need_promise() {
            coalescing.add_room(self);
            wakes.announce_later();
        }
        let seat = Seat {
            room: Arc::clone(self),
            key,
        };
        Some((seat, event))
    }

    /// Tells everyone who came, as was promised to be done after a moment.
    pub(super) fn announce_at_last(&self, wakes: &mut Wakes) {
        self.keep_promise(When::Now, wakes);
    }

    /// The same before that moment, so that something else comes after it: nobody is woken earlier for it.
    pub(super) fn announce_first(&self, wakes: &mut Wakes) {
        self.keep_promise(When::Soon, wakes);
    }

    fn keep_promise(&self, when: When, wakes: &mut Wakes) {
        let mut state = self.lock();
        state.unannounced.keep_promise();
        self.announce_arrivals(&mut state, when, wakes);
    }

    /// Whether anybody hears what happens here.
    pub(super) fn is_heard(&self) -> bool {
        self.lock().is_heard()
    }

    /// Lets `outbox` hear everything that is said and happens from now on; `None` if the room was closed
    /// meanwhile. Returns what ends it.
    pub(crate) fn listen(&self, outbox: Arc<Outbox>) -> Option<usize> {
        let mut state = self.lock();
        let knows = state.unannounced.end();
        (!state.closed).then(|| state.listeners.insert(Listener { outbox, knows }))
    }

    /// Tells whoever listens who came and was not announced yet.
    pub(crate) fn tell_listener(&self, key: usize, wakes: &mut Wakes) {
        let state = &mut *self.lock();
        if let Some(Listener { outbox, knows }) = state.listeners.get_mut(key) {
            state.unannounced.tell(outbox, knows, wakes);
        }
    }

    /// Ends what [`listen`](Room::listen) began.
    pub(crate) fn stop_listening(&self, key: usize) {
        self.lock().listeners.try_remove(key);
    }

    /// Numbers a message of the program's own, remembers it, and gives it to everyone.
    pub(crate) fn publish(
        &self,
        sender: Nick,
        kind: MessageKind,
        body: Body,
        clock: impl FnOnce() -> SystemTime,
        wakes: &mut Wakes,
    ) -> Option<(u64, Arc<SharedEvent>)> {
        let mut state = self.lock_announced(When::Now, wakes);
        if state.closed {
            return None;
        }
        Some(state.publish(&self.name, sender, kind, body, clock, wakes))
    }

    /// Sets or takes away the topic in the name of `who`, who need not be in the room; `None` if it was closed
    /// meanwhile.
    pub(crate) fn set_topic(
        &self,
        who: Who,
        topic: Option<Body>,
        wakes: &mut Wakes,
    ) -> Option<Arc<SharedEvent>> {
        let mut state = self.lock_announced(When::Now, wakes);
        (!state.closed).then(|| state.set_topic(&self.name, who, topic, usize::MAX, wakes))
    }

    /// Takes a member out of the room, and announces it to everyone, the one who has to go included. Its seat is
    /// to be given back by the caller; `None` if nobody in the room is called `nick`.
    pub(crate) fn kick(
        &self,
        nick: &Nick,
        reason: Option<Body>,
        wakes: &mut Wakes,
    ) -> Option<Arc<SharedEvent>> {
        let mut state = self.lock();
        let mut members = state.members.iter();
        let (key, member) = members.find(|(_, member)| member.who.nick == *nick)?;
        let who = member.who.clone();
        self.announce_arrivals(&mut state, When::Now, wakes);
        let event = self.event(Event::Kicked {
            room: self.name.clone(),
            who,
            reason,
        });
        state.announce(&event, key, wakes);
        state.members.remove(key).outbox.note_eviction();
        Some(event)
    }

    /// Takes everyone out of the room, tells them, and lets nobody in any more. Returns how many there were;
    /// their seats need not be given back.
    pub(crate) fn close(
        &self,
        reason: Option<Body>,
        wakes: &mut Wakes,
    ) -> (usize, Arc<SharedEvent>) {
        let event = self.event(Event::RoomClosed {
            room: self.name.clone(),
            reason,
        });
        let mut state = self.lock_announced(When::Now, wakes);
        state.closed = true;
        let members = std::mem::take(&mut state.members);
        let count = members.len();
        for (_, member) in members {
            // As something of its own, which never makes way for anything else.
            member.outbox.push_own(Arc::clone(&event), wakes);
            member.outbox.note_eviction();
        }
        for (_, listener) in std::mem::take(&mut state.listeners) {
            listener.outbox.push_own(Arc::clone(&event), wakes);
            listener.outbox.close(CloseReason::Quit.into(), wakes);
        }
        (count, event)
    }

    /// Returns when whatever has happened or was being said has reached everyone.
    pub(crate) fn settle(&self, wakes: &mut Wakes) {
        drop(self.lock_announced(When::Now, wakes));
    }

    /// The members by nick.
    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        sorted(self.lock().occupants())
    }

    pub(crate) fn history(&self, range: HistoryRange, count: usize) -> Vec<Arc<SharedEvent>> {
        self.lock().memory.range(range, count).cloned().collect()
    }

    /// The same for an answer to a peer.
    ///
    /// # Errors
    ///
    /// When there is no memory for one with that much in it.
    pub(crate) fn history_to_send(
        &self,
        range: HistoryRange,
        count: usize,
    ) -> Result<Vec<Arc<SharedEvent>>, HubError> {
        let messages = self.history(range, count);
        let takes: usize = messages.iter().map(|message| message.weight()).sum();
        match takes <= self.memory.session_share() {
            true => Ok(messages),
            false => Err(HubError::NoMemory),
        }
    }

    pub(crate) fn topic(&self) -> Option<Body> {
        self.lock().topic().cloned()
    }

    /// Something that happens here.
    fn event(&self, event: Event) -> Arc<SharedEvent> {
        SharedEvent::new(event, &self.memory)
    }

    /// The events that it holds, the memory of its slots, and the arrivals that were told in advance.
    #[cfg(test)]
    pub(super) fn audit(&self) -> (Vec<Arc<SharedEvent>>, usize, Vec<Arc<crate::event::Series>>) {
        let state = self.lock();
        let remembered = state.memory.range(HistoryRange::Latest, usize::MAX);
        let (unannounced, list) = state.unannounced.audit();
        let held = remembered.chain(&state.topic).chain(unannounced);
        let slots = state.memory.slots() + list;
        (
            held.cloned().collect(),
            slots,
            state.unannounced.audit_told(),
        )
    }

    #[cfg(test)]
    pub(super) fn is_locked(&self) -> bool {
        self.state.try_lock().is_err()
    }

    /// Locks it after everyone has been told who came: for all that the members hear of.
    fn lock_announced(&self, when: When, wakes: &mut Wakes) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        self.announce_arrivals(&mut state, when, wakes);
        state
    }

    fn announce_arrivals(&self, state: &mut State, when: When, wakes: &mut Wakes) {
        let Some(mut announcement) = state.unannounced.take() else {
            return;
        };
        let members = state.approach_members();
        let members = members.map(|(_, member)| (&member.outbox, member.knows));
        let listeners = state.listeners.iter();
        let listeners = listeners.map(|(_, listener)| (&listener.outbox, listener.knows));
        let mut succession = Succession::after(wakes);
        for (outbox, knows) in members.chain(listeners) {
            if let Some(latest) = announcement.since(knows) {
                outbox.push_arrivals(latest, when, wakes);
                succession.go_on(outbox, wakes);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in this module can panic while it holds the lock, and an answer that does leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Numbers a message, remembers it, and gives it to every member.
    pub(crate) fn say(
        &self,
        session: SessionId,
        kind: MessageKind,
        body: Body,
        clock: impl FnOnce() -> SystemTime,
        wakes: &mut Wakes,
    ) -> Result<(u64, Arc<SharedEvent>), HubError> {
        let mut state = self.room.lock();
        let member = state.member(self, session)?;
        if member.outbox.is_hushed() {
            return Err(HubError::Denied(Denial::new("the server is shutting down")));
        }
        let sender = member.who.nick.clone();
        self.room.announce_arrivals(&mut state, When::Now, wakes);
        Ok(state.publish(&self.room.name, sender, kind, body, clock, wakes))
    }

    /// Sets or takes away the topic.
    pub(crate) fn set_topic(
        &self,
        session: SessionId,
        topic: Option<Body>,
        wakes: &mut Wakes,
    ) -> Result<Arc<SharedEvent>, HubError> {
        let mut state = self.room.lock();
        let who = state.member(self, session)?.who.clone();
        self.room.announce_arrivals(&mut state, When::Now, wakes);
        Ok(state.set_topic(&self.room.name, who, topic, self.key, wakes))
    }

    /// Queues an answer that tells what the room is like, in its place among the events that made it so.
    pub(crate) fn reply(
        &self,
        session: SessionId,
        encode: impl FnOnce(RoomView<'_>) -> Box<[u8]>,
        wakes: &mut Wakes,
    ) -> Result<(), HubError> {
        let mut state = self.room.lock();
        state.tell(self, session, wakes)?;
        let member = state.member(self, session)?;
        let bytes = encode(RoomView {
            name: &self.room.name,
            state: &state,
        });
        member.outbox.push_reply(bytes, wakes);
        Ok(())
    }

    /// The members by nick, after the session was told of all of them who came.
    pub(crate) fn occupants(
        &self,
        session: SessionId,
        wakes: &mut Wakes,
    ) -> Result<Vec<Occupant>, HubError> {
        let mut state = self.room.lock();
        state.tell(self, session, wakes)?;
        let occupants = state.occupants();
        drop(state);
        Ok(sorted(occupants))
    }

    /// Whether anybody else hears what the member does.
    pub(crate) fn is_in_company(&self) -> bool {
        let state = self.room.lock();
        state.members.len() > 1 || !state.listeners.is_empty()
    }

    /// Tells the session who came and was not announced yet.
    pub(crate) fn catch_up(&self, session: SessionId, wakes: &mut Wakes) {
        // Whoever has been taken out of the room is told no more.
        let _ = self.room.lock().tell(self, session, wakes);
    }

    /// Whether it is still the session's.
    pub(crate) fn is_held_by(&self, session: SessionId) -> bool {
        self.room.lock().member(self, session).is_ok()
    }

    /// Calls the member by another nick from now on, and announces it to those not told yet.
    pub(crate) fn rename(
        &self,
        session: SessionId,
        nick: &Nick,
        told: &mut Told,
        wakes: &mut Wakes,
    ) -> Option<Arc<SharedEvent>> {
        let mut state = self.room.lock_announced(When::Now, wakes);
        let member = state.member_mut(self, session).ok()?;
        let who = Who {
            session,
            nick: std::mem::replace(&mut member.who.nick, nick.clone()),
        };
        let event = self.room.event(Event::Renamed {
            room: self.room.name.clone(),
            who,
            nick: nick.clone(),
        });
        state.announce_once(&event, self.key, told, wakes);
        Some(event)
    }

    /// Leaves the room, and announces it to everyone, the one who leaves included.
    pub(crate) fn leave(self, session: SessionId, wakes: &mut Wakes) -> Option<Arc<SharedEvent>> {
        let mut state = self.room.lock_announced(When::Soon, wakes);
        let event = self.room.event(Event::Left {
            room: self.room.name.clone(),
            who: state.member(&self, session).ok()?.who.clone(),
        });
        state.announce(&event, self.key, wakes);
        state.members.remove(self.key);
        Some(event)
    }

    /// Leaves the room for good, and announces it to those who stay and were not told yet.
    pub(crate) fn quit(
        self,
        session: SessionId,
        reason: Option<Body>,
        told: &mut Told,
        wakes: &mut Wakes,
    ) -> Option<Arc<SharedEvent>> {
        let mut state = self.room.lock_announced(When::Soon, wakes);
        let event = self.room.event(Event::Quit {
            room: self.room.name.clone(),
            who: state.member(&self, session).ok()?.who.clone(),
            reason,
        });
        state.members.remove(self.key);
        state.announce_once(&event, usize::MAX, told, wakes);
        Some(event)
    }

    /// Lets `outbox` hear what the member hears from now on, and before that what the room remembers
    /// from after the number `seen`, with a note of what it does not; `false` if the seat is no longer the
    /// session's.
    pub(crate) fn move_to(
        &self,
        session: SessionId,
        outbox: &Arc<Outbox>,
        seen: Option<u64>,
        wakes: &mut Wakes,
    ) -> bool {
        let mut state = self.room.lock();
        let last = state.last_number;
        let Ok(member) = state.member_mut(self, session) else {
            return false;
        };
        member.outbox = Arc::clone(outbox);
        let Some(seen) = seen.filter(|&seen| seen < last) else {
            return true;
        };
        let unseen = HistoryRange::After(seen);
        let oldest = state.memory.range(unseen, usize::MAX).next();
        let first = oldest.and_then(|event| event.number()).unwrap_or(last + 1);
        if first > seen + 1 {
            let forgotten = Missed {
                room: self.room.name.clone(),
                messages: Some((seen + 1, first - 1)),
                presence: 0,
            };
            outbox.push_missed(forgotten, wakes);
        }
        let share = self.room.memory.share();
        for event in state.memory.range(unseen, usize::MAX) {
            outbox.push_room_within(share, event, wakes);
        }
        true
    }
}

impl State {
    /// The member in `seat`, if it is still the one of `session`.
    fn member(&self, seat: &Seat, session: SessionId) -> Result<&Member, HubError> {
        let member = self.members.get(seat.key);
        member
            .filter(|member| member.who.session == session)
            .ok_or_else(|| HubError::NotIn(seat.room.name.clone()))
    }

    fn member_mut(&mut self, seat: &Seat, session: SessionId) -> Result<&mut Member, HubError> {
        let member = self.members.get_mut(seat.key);
        member
            .filter(|member| member.who.session == session)
            .ok_or_else(|| HubError::NotIn(seat.room.name.clone()))
    }

    /// Whether anybody hears what happens.
    fn is_heard(&self) -> bool {
        !self.members.is_empty() || !self.listeners.is_empty()
    }

    /// Tells the member in `seat`, and nobody else, who came: for an answer that shows them.
    fn tell(&mut self, seat: &Seat, session: SessionId, wakes: &mut Wakes) -> Result<(), HubError> {
        self.member(seat, session)?;
        if let Some(Member { outbox, knows, .. }) = self.members.get_mut(seat.key) {
            self.unannounced.tell(outbox, knows, wakes);
        }
        Ok(())
    }

    /// The members, in no order.
    fn occupants(&self) -> Vec<Occupant> {
        let occupant = |(_, member): (_, &Member)| Occupant {
            nick: member.who.nick.clone(),
            role: member.role,
        };
        self.members.iter().map(occupant).collect()
    }

    fn topic(&self) -> Option<&Body> {
        match self.topic.as_ref()?.event() {
            Event::Topic { topic, .. } => topic.as_ref(),
            _ => None,
        }
    }

    /// The members, whose outboxes are on their way from memory by the time of their turn: each push by itself would wait for
    /// its own.
    fn approach_members(&self) -> impl Iterator<Item = (usize, &Member)> {
        chat_prefetch::ahead(self.members.iter(), |(_, soon)| soon.outbox.prefetch())
    }

    /// Numbers a message, remembers it, and gives it to everyone.
    fn publish(
        &mut self,
        room: &RoomName,
        sender: Nick,
        kind: MessageKind,
        body: Body,
        clock: impl FnOnce() -> SystemTime,
        wakes: &mut Wakes,
    ) -> (u64, Arc<SharedEvent>) {
        let number = self.last_number + 1;
        self.last_number = number;
        let message = Event::Message(Message {
            room: room.clone(),
            number,
            sender,
            kind,
            body,
            // Under the lock, so that the times are in the order of the numbers.
            at: clock(),
        });
        let event = SharedEvent::new(message, self.charge.memory());
        let mut succession = Succession::after(wakes);
        for (_, member) in self.approach_members() {
            member.outbox.push_room(&event, wakes);
            succession.go_on(&member.outbox, wakes);
        }
        for (_, listener) in &self.listeners {
            listener.outbox.push_room(&event, wakes);
        }
        self.memory.push(Arc::clone(&event));
        // No more than the room's share of the memory that is free.
        self.memory.shrink_to(event.share());
        self.charge.set(self.memory.slots());
        (number, event)
    }

    fn set_topic(
        &mut self,
        room: &RoomName,
        who: Who,
        topic: Option<Body>,
        own_key: usize,
        wakes: &mut Wakes,
    ) -> Arc<SharedEvent> {
        let is_set = topic.is_some();
        let set = Event::Topic {
            room: room.clone(),
            who,
            topic,
        };
        let event = SharedEvent::new(set, self.charge.memory());
        self.topic = is_set.then(|| Arc::clone(&event));
        self.announce(&event, own_key, wakes);
        event
    }

    fn announce(&self, event: &Arc<SharedEvent>, own_key: usize, wakes: &mut Wakes) {
        self.announce_once(event, own_key, &mut Told::default(), wakes);
    }

    /// Pushes `event` to all listeners, and to all members but those in `told`; to the one it is about as
    /// its own.
    fn announce_once(
        &self,
        event: &Arc<SharedEvent>,
        own_key: usize,
        told: &mut Told,
        wakes: &mut Wakes,
    ) {
        let push = match event.event() {
            Event::Left { .. } | Event::Quit { .. } => Outbox::push_unhurried,
            _ => |outbox: &Arc<Outbox>, event: &_, wakes: &mut _| outbox.push_room(event, wakes),
        };
        let mut succession = Succession::after(wakes);
        for (key, member) in self.approach_members() {
            if !told.first_time(member.who.session) {
                continue;
            }
            if key == own_key {
                member.outbox.push_own(Arc::clone(event), wakes);
            } else {
                push(&member.outbox, event, wakes);
            }
            succession.go_on(&member.outbox, wakes);
        }
        for (_, listener) in &self.listeners {
            push(&listener.outbox, event, wakes);
        }
    }
}

fn sorted(mut occupants: Vec<Occupant>) -> Vec<Occupant> {
    occupants.sort_by(|a, b| a.nick.cmp(&b.nick));
    occupants
}
