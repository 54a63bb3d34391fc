//! What sessions do to each other, whatever protocol they speak.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chat_core::hub::HubError;

use super::outbox::{Entry, RoomEvent};
use super::promise::Promise;
use super::room::{Member, Room};
use super::ruling::Kind;
use super::sometimes::Sort;
use super::telling::{Happening, Telling};
use super::{Id, Line, Model, folded, line};

/// The number of a session.
pub(crate) type SessionId = u64;

/// Somebody's place in the hub, which may outlive a connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) nick: Option<String>,
    /// Its rooms, in the order in which it entered them.
    pub(super) seats: Vec<Seat>,
    /// The connection that hears what it hears; or did so last.
    pub(super) heard_by: Id,
    /// With what it can be resumed.
    pub(crate) token: Option<u128>,
    /// What it has said in a room under names of its own, oldest first.
    pub(super) said: BTreeMap<String, Vec<Said>>,
    pub(crate) parked: Option<Parking>,
}

/// Something said under a name.
#[derive(Debug)]
pub(super) struct Said {
    name: String,
    number: u64,
    text: String,
}

/// A session's place in a room.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// The folded name of the room.
    pub(super) room: String,
    /// The name of the room as it is spelled, where the program has taken the session out of it, or has
    /// closed it, and the session has not looked at its seats since.
    pub(super) lost: Option<Arc<str>>,
}

/// Since when a session waits for a connection, and the how-manieth time that is in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parking {
    pub(super) number: u64,
    pub(super) at: u64,
}

/// Why something is not done: a word for programs, and a sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) text: String,
}

/// Tells that somebody is in a room; a program that asks again is answered again.
pub(super) const ALREADY_IN: &str = "already in";

/// What an event counts beside its text.
const REST: usize = 64;

pub(super) fn refusal(code: &'static str, text: impl Into<String>) -> Refusal {
    let text = text.into();
    Refusal { code, text }
}

impl Session {
    /// The folded names of the rooms that it is in.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &String> {
        let held = self.seats.iter().filter(|seat| seat.lost.is_none());
        held.map(|seat| &seat.room)
    }

    fn is_in(&self, folded: &str) -> bool {
        self.rooms().any(|room| room == folded)
    }

    /// Looks which seats it has still.
    fn forgets_lost_seats(&mut self) {
        self.seats.retain(|seat| seat.lost.is_none());
    }

    /// Is taken out of a room of this name as it is spelled.
    pub(super) fn loses(&mut self, folded: &str, name: &Arc<str>) {
        let mut seats = self.seats.iter_mut();
        let held = |seat: &&mut Seat| seat.lost.is_none() && seat.room == folded;
        if let Some(seat) = seats.find(held) {
            seat.lost = Some(Arc::clone(name));
        }
    }
}

impl Model {
    /// A session for a connection, with no nick and no rooms yet.
    pub(super) fn new_session(&mut self, id: Id) -> SessionId {
        self.last_session += 1;
        let session = Session {
            nick: None,
            seats: Vec::new(),
            heard_by: id,
            token: None,
            said: BTreeMap::new(),
            parked: None,
        };
        self.sessions.insert(self.last_session, session);
        self.last_session
    }

    pub(super) fn take_guest_nick(&mut self, who: SessionId) {
        let nick = loop {
            self.last_guest += 1;
            let nick = format!("guest-{}", self.last_guest);
            if !self.nicks.contains_key(&nick) {
                break nick;
            }
        };
        self.nicks.insert(nick.clone(), who);
        if let Some(session) = self.sessions.get_mut(&who) {
            session.nick = Some(nick);
        }
    }

    /// Takes a nick, the first one or another one.
    pub(super) fn renames(&mut self, who: SessionId, nick: &str) -> Result<(), Refusal> {
        let old = self.nick_of(who);
        match self.nicks.get(&folded(nick)) {
            Some(&owner) if owner != who => {
                self.sometimes.count(Sort::NickTaken);
                let called = self.nick_of(owner).unwrap_or_default();
                return Err(refusal("nick_taken", format!("the nick {called} is taken")));
            }
            Some(_) => self.sometimes.count(Sort::NickRespelled),
            None => self.sometimes.count(Sort::NickChanged),
        }
        if let Some(old) = &old {
            self.nicks.remove(&folded(old));
        }
        self.nicks.insert(folded(nick), who);
        let Some(session) = self.sessions.get_mut(&who) else {
            return Ok(());
        };
        session.nick = Some(nick.into());
        let Some(from) = old else {
            return Ok(());
        };
        let mut told = BTreeSet::new();
        let rooms: Vec<_> = session.rooms().cloned().collect();
        if !rooms.is_empty() {
            self.happens(Kind::Renamed);
        }
        for room in rooms {
            let name = self.rooms.name(&room);
            let happening = Happening::Renamed {
                room: Arc::clone(&name),
                from: from.as_str().into(),
                nick: nick.into(),
            };
            let event = self.event(&name, None, 0, happening);
            self.announces(&room, &event, who, Some(event.telling.clone()), &mut told);
        }
        Ok(())
    }

    /// Enters a room, and leaves another one for it.
    pub(super) fn joins(
        &mut self,
        who: SessionId,
        to: &str,
        instead_of: Option<&str>,
    ) -> Result<(), Refusal> {
        self.objection()?;
        self.is_called_something(who)?;
        let Some(session) = self.sessions.get_mut(&who) else {
            return Ok(());
        };
        session.forgets_lost_seats();
        if session.is_in(&folded(to)) {
            let name = self.rooms.name(&folded(to));
            return Err(refusal(ALREADY_IN, format!("you are in {name} already")));
        }
        let limit = self.limits.max_rooms_each;
        if instead_of.is_none() && session.seats.len() >= limit {
            self.sometimes.count(Sort::TooManyForOne);
            let error = HubError::TooManyRoomsForYou { limit };
            return Err(refusal("too_many_rooms", error.to_string()));
        }
        self.has_room(to)?;
        self.rooms.reserve(to, &mut self.sometimes);
        if let Some(old) = instead_of {
            self.sometimes.count(Sort::Moved);
            self.stands_up(who, old);
        }
        self.sits_down(who, to);
        Ok(())
    }

    /// Whether somebody has introduced themselves.
    fn is_called_something(&mut self, who: SessionId) -> Result<(), Refusal> {
        if self.nick_of(who).is_some() {
            return Ok(());
        }
        self.sometimes.count(Sort::Nameless);
        Err(refusal("hello_first", HubError::NotRegistered.to_string()))
    }

    /// Whether the limits let one more into a room.
    fn has_room(&mut self, room: &str) -> Result<(), Refusal> {
        let known = self.rooms.rooms.get(&folded(room));
        let seats = known.map_or(0, |room| room.members.len());
        let used = known.is_some_and(Room::is_used);
        let limit = self.limits.max_rooms;
        if !used && self.rooms.used().count() >= limit {
            self.sometimes.count(Sort::TooManyRooms);
            let error = HubError::TooManyRooms { limit };
            return Err(refusal("too_many_rooms", error.to_string()));
        }
        let limit = self.limits.max_members;
        if seats >= limit {
            self.sometimes.count(Sort::RoomFull);
            let text = format!("#{room} is full (at most {limit})");
            return Err(refusal("room_full", text));
        }
        Ok(())
    }

    fn sits_down(&mut self, who: SessionId, to: &str) {
        let room = folded(to);
        let nick = self.nick_of(who).unwrap_or_default();
        let (Some(session), Some(state)) =
            (self.sessions.get_mut(&who), self.rooms.rooms.get_mut(&room))
        else {
            return;
        };
        session.seats.push(Seat {
            room: room.clone(),
            lost: None,
        });
        state.members.push(Member {
            session: who,
            operator: state.members.is_empty(),
        });
        let name = state.name.clone();
        let heard_by = session.heard_by;
        self.happens(Kind::Joined);
        let event = self.event(
            &name,
            None,
            0,
            Happening::Joined {
                room: Arc::clone(&name),
                nick: nick.as_str().into(),
            },
        );
        let mut own = event.telling.clone();
        if let Some(person) = self.people.get_mut(&heard_by)
            && !person.welcomed
        {
            // The welcome is for who is told at all.
            person.welcomed = !person.queue.closing;
            own.text = line(format!("* welcome, {nick} \u{2014} you are in {name}\n"));
        }
        self.announces(&room, &event, who, Some(own), &mut BTreeSet::new());
    }

    /// Leaves one room.
    pub(super) fn leaves(&mut self, who: SessionId, room: &str) -> Result<(), Refusal> {
        if let Some(session) = self.sessions.get_mut(&who) {
            session.forgets_lost_seats();
        }
        self.seat(who, room)?;
        self.sometimes.count(Sort::Left);
        self.stands_up(who, &folded(room));
        Ok(())
    }

    fn stands_up(&mut self, who: SessionId, room: &str) {
        self.happens(Kind::Left);
        let name = self.rooms.name(room);
        let nick = self.nick_of(who).unwrap_or_default();
        let happening = Happening::Left {
            room: Arc::clone(&name),
            nick: nick.as_str().into(),
        };
        let event = self.event(&name, None, 0, happening);
        // Told by the arrival in the next room, in text.
        let mut own = event.telling.clone();
        own.text = Line::from([]);
        self.announces(room, &event, who, Some(own), &mut BTreeSet::new());
        if let Some(session) = self.sessions.get_mut(&who) {
            session.seats.retain(|seat| seat.room != room);
        }
        self.rooms.left(room, who, &mut self.sometimes);
    }

    /// Leaves the hub for good.
    pub(super) fn quits(&mut self, who: SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.remove(&who) else {
            return;
        };
        if let Some(token) = session.token {
            self.tokens.remove(&token);
        }
        let Some(nick) = &session.nick else {
            return;
        };
        if session.rooms().next().is_some() {
            self.happens(Kind::Quit);
        }
        let mut told = BTreeSet::new();
        for room in session.rooms() {
            let name = self.rooms.name(room);
            let happening = Happening::Quit {
                room: Arc::clone(&name),
                nick: nick.as_str().into(),
                reason: reason.map(Into::into),
            };
            let event = self.event(&name, None, reason.map_or(0, str::len), happening);
            self.announces(room, &event, who, None, &mut told);
            self.rooms.left(room, who, &mut self.sometimes);
        }
        self.nicks.remove(&folded(nick));
    }

    /// Says or does something in a room. Returns the message's number.
    pub(super) fn says(
        &mut self,
        who: SessionId,
        room: &str,
        action: bool,
        text: &str,
    ) -> Result<u64, Refusal> {
        self.seat(who, room)?;
        let heard_by = self.sessions.get(&who).map(|session| session.heard_by);
        let speaker = heard_by.and_then(|id| self.people.get(&id));
        if speaker.is_some_and(|person| person.hushed) {
            self.sometimes.count(Sort::Hushed);
            return Err(refusal("denied", "the server is shutting down"));
        }
        let from = self.nick_of(who).unwrap_or_default();
        Ok(self.numbers(room, &from, action, text).unwrap_or(0))
    }

    /// A room gets a message. Returns its number, if there is such a room.
    pub(super) fn numbers(
        &mut self,
        room: &str,
        from: &str,
        action: bool,
        text: &str,
    ) -> Option<u64> {
        let state = self.rooms.rooms.get_mut(&folded(room))?;
        state.last += 1;
        let number = state.last;
        let name = state.name.clone();
        let happening = Happening::Message {
            room: Arc::clone(&name),
            number,
            from: from.into(),
            action,
            text: text.into(),
        };
        let event = self.event(&name, Some(number), text.len(), happening);
        self.accepted += 1;
        self.happens(Kind::Message);
        for member in self.members(&folded(room)) {
            self.pushes(member, &event);
        }
        self.lets_listeners_hear(&folded(room), &event);
        self.rooms
            .remember(&folded(room), event, &mut self.sometimes);
        if self.is_bounded() {
            self.grown.push(folded(room));
        }
        Some(number)
    }

    /// As [`says`](Self::says), once for each name that the sender has for it. Tells whether it had been
    /// said before.
    pub(super) fn says_once(
        &mut self,
        who: SessionId,
        room: &str,
        action: bool,
        text: &str,
        name: Option<&str>,
    ) -> Result<(u64, bool), Refusal> {
        let known = self.sessions.get(&who);
        let known = known.and_then(|session| session.said.get(&folded(room)));
        let mut known = known.into_iter().flatten();
        let before = known.find(|said| Some(said.name.as_str()) == name);
        if let Some(&Said { number, .. }) = before {
            self.sometimes.count(Sort::Duplicate);
            return Ok((number, true));
        }
        let words = self.rewrites(text)?;
        if let (Some(_), Some(session)) = (name, self.sessions.get(&who)) {
            let names = session.said.values().map(Vec::len).sum();
            let rooms = session.said.values().filter(|said| !said.is_empty());
            let rooms = rooms.count();
            self.may_name(names, rooms)?;
        }
        let number = self.says(who, room, action, &words)?;
        if let (Some(name), Some(session)) = (name, self.sessions.get_mut(&who)) {
            let said = session.said.entry(folded(room)).or_default();
            said.push(Said {
                name: name.into(),
                number,
                text: text.into(),
            });
            self.ledger.said(room, text, number);
        }
        Ok((number, false))
    }

    /// Forgets a name, and all that were given before it in the same room.
    pub(super) fn settles(&mut self, who: SessionId, room: &str, name: &str) {
        let session = self.sessions.get_mut(&who);
        let Some(said) = session.and_then(|session| session.said.get_mut(&folded(room))) else {
            return;
        };
        if let Some(place) = said.iter().position(|said| said.name == name) {
            self.sometimes.count(Sort::Settled);
            for said in said.drain(..=place) {
                self.ledger.settled(&said.text);
            }
        }
    }

    pub(super) fn says_privately(
        &mut self,
        who: SessionId,
        to: &str,
        text: &str,
    ) -> Result<(), Refusal> {
        self.is_called_something(who)?;
        let from = self.nick_of(who).unwrap_or_default();
        let Some(&recipient) = self.nicks.get(&folded(to)) else {
            let text = format!("there is nobody called {to}");
            return Err(refusal("no_such_nick", text));
        };
        let called = self.nick_of(recipient).unwrap_or_default();
        let happening = Happening::Private {
            from: from.as_str().into(),
            to: called.as_str().into(),
            text: text.into(),
        };
        let telling = Telling::new(happening, self.wall);
        let Some(session) = self.sessions.get(&recipient) else {
            return Ok(());
        };
        let (heard_by, parked) = (session.heard_by, session.parked.is_some());
        // What was accepted has been observed by now.
        let (seen, share) = (self.was_seen(Kind::Private), self.least_share());
        let Some(person) = self.people.get_mut(&heard_by) else {
            return Ok(());
        };
        let weight = REST + text.len();
        let queue = &mut person.queue;
        let accepted = if self.limits.max_memory.is_some() {
            let shut = self.slow.contains(&heard_by);
            let limits = &self.limits;
            let right = queue.push_direct_if(seen, shut, telling, weight, limits, share);
            if !right {
                let detail = format!("a private message was refused or not: {seen}");
                self.breaks(Promise::Memory, detail);
            }
            seen
        } else {
            queue.push_direct(telling, weight, &self.limits, &mut self.sometimes)
        };
        let now = self.now;
        if let Some(person) = self.people.get_mut(&heard_by) {
            person.note_overflow(now);
        }
        if accepted {
            self.sometimes.count(Sort::Private);
            self.happens(Kind::Private);
            return Ok(());
        }
        if self
            .people
            .get(&heard_by)
            .is_some_and(|person| person.queue.closing)
        {
            self.sometimes
                .count(if parked { Sort::AwayParked } else { Sort::Away });
            let text = format!("{called} is away; your message was not delivered");
            return Err(refusal("away", text));
        }
        self.sometimes.count(Sort::RecipientFull);
        let text = format!("{called} is not keeping up; your message was not delivered");
        Err(refusal("recipient_full", text))
    }

    /// Sets or takes away the topic of a room.
    pub(super) fn sets_topic(
        &mut self,
        who: SessionId,
        room: &str,
        topic: Option<&str>,
    ) -> Result<(), Refusal> {
        self.may_set_topic(topic.map_or(0, str::len))?;
        self.seat(who, room)?;
        let room = folded(room);
        let nick = self.nick_of(who).unwrap_or_default();
        let name = self.rooms.name(&room);
        if let Some(state) = self.rooms.rooms.get_mut(&room) {
            state.topic = topic.map(Into::into);
        }
        self.sometimes.count(Sort::Topic);
        self.happens(Kind::Topic);
        let happening = Happening::Topic {
            room: Arc::clone(&name),
            nick: nick.as_str().into(),
            topic: topic.map(Into::into),
        };
        let event = self.event(&name, None, topic.map_or(0, str::len), happening);
        let own = event.telling.clone();
        self.announces(&room, &event, who, Some(own), &mut BTreeSet::new());
        Ok(())
    }

    /// Whether somebody is in a room.
    pub(super) fn seat(&self, who: SessionId, room: &str) -> Result<(), Refusal> {
        let session = self.sessions.get(&who);
        if session.is_some_and(|session| session.is_in(&folded(room))) {
            return Ok(());
        }
        Err(refusal("not_in", format!("you are not in #{room}")))
    }

    pub(super) fn nick_of(&self, who: SessionId) -> Option<String> {
        self.sessions.get(&who)?.nick.clone()
    }

    /// An event about a room, as of now.
    pub(super) fn event(
        &self,
        room: &Arc<str>,
        number: Option<u64>,
        len: usize,
        happening: Happening,
    ) -> RoomEvent {
        RoomEvent {
            telling: Telling::new(happening, self.wall),
            weight: REST + len,
            room: Arc::clone(room),
            number,
            at: self.now,
            in_doubt: false,
        }
    }

    fn members(&self, room: &str) -> Vec<SessionId> {
        let room = self.rooms.rooms.get(room);
        let members = room.map(|room| room.members.iter().map(|member| member.session));
        members.into_iter().flatten().collect()
    }

    /// Tells everyone in a room who was not told yet what `about` did, and `about` itself in its own
    /// words, if any; and all who listen.
    pub(super) fn announces(
        &mut self,
        room: &str,
        event: &RoomEvent,
        about: SessionId,
        own: Option<Telling>,
        told: &mut BTreeSet<SessionId>,
    ) {
        let mut own = own;
        for member in self.members(room) {
            if !told.insert(member) {
                continue;
            }
            if member != about {
                self.pushes(member, event);
                continue;
            }
            let heard_by = self.sessions.get(&about).map(|session| session.heard_by);
            if let Some(own) = own.take()
                && let Some(person) = heard_by.and_then(|id| self.people.get_mut(&id))
            {
                person.queue.push_answer(Entry::Own(own));
            }
        }
        self.lets_listeners_hear(room, event);
    }

    fn pushes(&mut self, to: SessionId, event: &RoomEvent) {
        let share = self.least_share();
        let heard_by = self.sessions.get(&to).map(|session| session.heard_by);
        if let Some(person) = heard_by.and_then(|id| self.people.get_mut(&id)) {
            person
                .queue
                .push_room(event, &self.limits, share, &mut self.sometimes);
            person.note_overflow(self.now);
        }
    }
}
