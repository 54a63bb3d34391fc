//! What the program does in its hub without being anybody, and what it hears there.

use std::collections::BTreeSet;
use std::sync::Arc;

use chat_core::event::Heard;

use super::outbox::{Entry, Queue, RoomEvent};
use super::person::{Order, shown};
use super::promise::Promise;
use super::ruling::Kind;
use super::session::SessionId;
use super::sometimes::Sort;
use super::telling::{Happening, Telling};
use super::{Model, folded};

/// What the server calls itself.
const SERVER: &str = "server";

/// The number that no session has.
const PROGRAM: SessionId = 0;

/// A subscription to a room.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The folded name of the room, until that is closed.
    room: Option<String>,
    pub(crate) queue: Queue,
    /// Whether the program was told that there is no more to come.
    pub(crate) ended: bool,
}

impl Model {
    /// The program says something in a room. Returns the number that it has; `None` if there is no such room.
    pub(crate) fn publishes(&mut self, room: &str, action: bool, text: &str) -> Option<u64> {
        let number = self.numbers(room, SERVER, action, text);
        let members = self.rooms.rooms.get(&folded(room));
        self.sometimes.count(match (number, members) {
            (None, _) | (_, None) => Sort::NoSuchThing,
            (_, Some(room)) if room.members.is_empty() => Sort::PublishedToNobody,
            _ => Sort::Published,
        });
        number
    }

    /// The program sets or takes away a topic. Tells whether there is such a room.
    pub(crate) fn topic_is_set(&mut self, room: &str, topic: Option<&str>) -> bool {
        let room = folded(room);
        let Some(state) = self.rooms.rooms.get_mut(&room) else {
            self.sometimes.count(Sort::NoSuchThing);
            return false;
        };
        state.topic = topic.map(Into::into);
        let name = Arc::clone(&state.name);
        self.sometimes.count(Sort::TopicByProgram);
        self.happens(Kind::Topic);
        let happening = Happening::Topic {
            room: Arc::clone(&name),
            nick: SERVER.into(),
            topic: topic.map(Into::into),
        };
        let event = self.event(&name, None, topic.map_or(0, str::len), happening);
        self.announces(&room, &event, PROGRAM, None, &mut BTreeSet::new());
        true
    }

    /// The program takes somebody out of a room. Tells whether they were there.
    pub(crate) fn kicks(&mut self, room: &str, nick: &str, reason: Option<&str>) -> bool {
        let room = folded(room);
        let members = self.rooms.rooms.get(&room).map(|room| &room.members);
        let mut members = members.into_iter().flatten();
        let found = self.nicks.get(&folded(nick)).copied();
        let found = found.filter(|who| members.any(|member| member.session == *who));
        let Some(who) = found else {
            self.sometimes.count(Sort::NoSuchThing);
            return false;
        };
        let name = self.rooms.name(&room);
        let called = self.nick_of(who).unwrap_or_default();
        let happening = Happening::Kicked {
            room: Arc::clone(&name),
            nick: called.as_str().into(),
            reason: reason.map(Into::into),
        };
        self.happens(Kind::Kicked);
        let event = self.event(&name, None, reason.map_or(0, str::len), happening);
        let own = event.telling.clone();
        self.announces(&room, &event, who, Some(own), &mut BTreeSet::new());
        let away = self.loses(who, &room, &name);
        self.sometimes
            .count(if away { Sort::KickedAway } else { Sort::Kicked });
        self.rooms.left(&room, who, &mut self.sometimes);
        true
    }

    /// The program closes a room. Returns how many were in it; `None` if there is no such room.
    pub(crate) fn room_is_closed(&mut self, room: &str, reason: Option<&str>) -> Option<usize> {
        let Some(closed) = self.rooms.rooms.remove(&folded(room)) else {
            self.sometimes.count(Sort::NoSuchThing);
            return None;
        };
        self.happens(Kind::RoomClosed);
        let name = &closed.name;
        let happening = Happening::RoomClosed {
            room: Arc::clone(name),
            reason: reason.map(Into::into),
        };
        let telling = Telling::new(happening, self.wall);
        self.sometimes.count(match closed.members.is_empty() {
            true => Sort::EmptyRoomClosed,
            false => Sort::RoomClosed,
        });
        for member in &closed.members {
            let heard_by = self.sessions.get(&member.session);
            let heard_by = heard_by.map(|session| session.heard_by);
            if let Some(person) = heard_by.and_then(|id| self.people.get_mut(&id)) {
                person.queue.push_answer(Entry::Own(telling.clone()));
            }
            if self.loses(member.session, &folded(room), name) {
                self.sometimes.count(Sort::RoomClosedAway);
            }
        }
        for id in &closed.listeners {
            if let Some(listener) = self.listeners.get_mut(id) {
                listener.room = None;
                listener.queue.push_answer(Entry::Own(telling.clone()));
                listener.queue.closing = true;
            }
        }
        Some(closed.members.len())
    }

    /// Somebody is out of a room. Tells whether they have lost the connection.
    fn loses(&mut self, who: SessionId, room: &str, name: &Arc<str>) -> bool {
        let Some(session) = self.sessions.get_mut(&who) else {
            return false;
        };
        session.loses(room, name);
        session.parked.is_some()
    }

    /// The program ends a session. Tells whether anybody is called so.
    pub(crate) fn is_removed(&mut self, nick: &str, reason: Option<&str>) -> bool {
        let who = self.nicks.get(&folded(nick)).copied();
        let found = who.and_then(|who| Some((who, self.sessions.get_mut(&who)?)));
        let Some((who, session)) = found else {
            self.sometimes.count(Sort::NoSuchThing);
            return false;
        };
        let (heard_by, parked) = (session.heard_by, session.parked.is_some());
        if let Some(token) = session.token.take() {
            self.tokens.remove(&token);
        }
        if parked {
            self.sometimes.count(Sort::RemovedAway);
            self.quits(who, None);
            return true;
        }
        let now = self.now;
        if let Some(person) = self.people.get_mut(&heard_by) {
            if person.order.is_none() {
                person.removal = reason.map(Into::into);
            }
            person.is_ordered(Order::Removed, now);
        }
        true
    }

    /// The program listens to a room from now on. Returns what this subscription is known by.
    pub(crate) fn listens(&mut self, room: &str) -> u64 {
        self.rooms.reserve(room, &mut self.sometimes);
        self.subscriptions += 1;
        let id = self.subscriptions;
        if let Some(room) = self.rooms.rooms.get_mut(&folded(room)) {
            room.listeners.push(id);
        }
        let listener = Listener {
            room: Some(folded(room)),
            queue: Queue::default(),
            ended: false,
        };
        self.listeners.insert(id, listener);
        id
    }

    /// A subscription is dropped.
    pub(crate) fn stops_listening(&mut self, id: u64) {
        let listener = self.listeners.remove(&id);
        if let Some(room) = listener.and_then(|listener| listener.room) {
            self.rooms.stops_listening(&room, id, &mut self.sometimes);
        }
    }

    pub(super) fn lets_listeners_hear(&mut self, room: &str, event: &RoomEvent) {
        let share = self.least_share();
        let Some(room) = self.rooms.rooms.get(room) else {
            return;
        };
        for id in &room.listeners {
            if let Some(listener) = self.listeners.get_mut(id) {
                let queue = &mut listener.queue;
                queue.push_room(event, &self.limits, share, &mut self.sometimes);
            }
        }
    }

    /// A subscription has heard something.
    pub(crate) fn is_overheard(&mut self, id: u64, heard: &Heard) {
        let bounded = self.is_bounded() && !self.limits.disconnect;
        if bounded
            && let Heard::Missed(theirs) = heard
            && let Some(listener) = self.listeners.get_mut(&id)
            && listener.queue.take_note(|ours| ours.is(theirs)).is_some()
        {
            self.sometimes.count(Sort::ListenerGap);
            return;
        }
        let listener = self.listeners.get_mut(&id);
        let entry = listener.and_then(|listener| listener.queue.pop());
        let agrees = match (&entry, heard) {
            (Some(Entry::Room(RoomEvent { telling, .. }) | Entry::Own(telling)), heard) => {
                let told = heard.event().and_then(|event| {
                    let room = event.room()?.to_string();
                    let (happening, at) = Happening::of(event, &room)?;
                    Some(Telling::new(happening, at.unwrap_or(self.wall)))
                });
                told.is_some_and(|told| told.json() == telling.json() && told.text == telling.text)
            }
            (Some(Entry::Missed(ours)), Heard::Missed(theirs)) => {
                self.sometimes.count(Sort::ListenerGap);
                ours.is(theirs)
            }
            _ => false,
        };
        if !agrees {
            let ours = match &entry {
                Some(Entry::Room(RoomEvent { telling, .. }) | Entry::Own(telling)) => {
                    shown(telling.json())
                }
                entry => format!("{entry:?}"),
            };
            let detail = format!("subscription {id} heard {heard:?} where {ours} was next");
            self.breaks(Promise::Queue, detail);
        }
    }

    /// A subscription has heard that there is no more to come.
    pub(crate) fn has_heard_all(&mut self, id: u64) {
        let Some(listener) = self.listeners.get_mut(&id) else {
            return;
        };
        listener.ended = true;
        if self.limits.watches_queues() && listener.queue.is_shut_here() {
            self.sometimes.count(Sort::ShutForMemory);
        }
        let sort = match listener.queue.overflowed {
            true => Sort::ListenerOverflow,
            false => Sort::ListenerClosed,
        };
        let is_over = listener.queue.closing && listener.queue.entries.is_empty();
        self.sometimes.count(sort);
        if !is_over {
            let detail = format!("subscription {id} ended with nothing wrong");
            self.breaks(Promise::Queue, detail);
        }
    }

    /// A subscription that has not heard everything, if there is one.
    pub(crate) fn unheard_listener(&self) -> Option<u64> {
        let mut listeners = self.listeners.iter();
        let behind = |listener: &Listener| {
            !listener.queue.entries.is_empty() || (listener.queue.closing && !listener.ended)
        };
        listeners
            .find(|(_, listener)| behind(listener))
            .map(|(&id, _)| id)
    }

    /// What the program sees of a room: its members, the numbers that it remembers, and its topic.
    pub(crate) fn looks(&self, room: &str) -> Option<(Vec<String>, Vec<u64>, Option<String>)> {
        let room = self.rooms.rooms.get(&folded(room))?;
        let members = room.members.iter();
        let mut members: Vec<_> = members
            .filter_map(|member| self.nick_of(member.session))
            .collect();
        members.sort_by_key(|nick| folded(nick));
        let numbers = room.memory().filter_map(|event| event.number);
        Some((members, numbers.collect(), room.topic.clone()))
    }
}
