use std::sync::Arc;

use super::Hub;
use super::error::HubError;
use super::outbox::{Outbox, Wakes};
use super::resume::ResumeToken;
use super::room::{Occupant, Room, Seat, Told};
use crate::event::{Event, SessionId, SharedEvent, Who};
use crate::message::{Body, MessageKind, PrivateMessage};
use crate::name::{Nick, RoomName};
use crate::store::{ClientId, Full, Said};

/// Somebody's place in a hub: a nick, seats in rooms, and the outbox where events wait.
///
/// A session holds one while it is served, and the hub keeps it while its session may be resumed.
/// Dropping it is leaving without a word.
#[derive(Debug)]
pub(crate) struct Presence {
    hub: Hub,
    id: SessionId,
    nick: Option<Nick>,
    seats: Vec<Seat>,
    outbox: Arc<Outbox>,
    /// Only of those who give their messages names.
    said: Option<Box<Said>>,
    pub(crate) account: Option<String>,
    pub(crate) token: Option<ResumeToken>,
}

impl Presence {
    pub(crate) fn new(hub: &Hub) -> Self {
        let (id, outbox) = hub.new_session();
        Self {
            hub: hub.clone(),
            id,
            nick: None,
            seats: Vec::new(),
            outbox,
            said: None,
            account: None,
            token: None,
        }
    }

    pub(crate) fn take_nick(&mut self, nick: Nick) -> Result<(), HubError> {
        self.hub.claim_nick(&nick, self.id, &self.outbox)?;
        let mut wakes = Wakes::default();
        let mut told = Told::across(self.seats.len());
        let mut announced = None;
        for seat in &self.seats {
            announced = seat.rename(self.id, &nick, &mut told, &mut wakes);
        }
        // Only now, so that nobody appears by this nick before all have heard that it is free.
        if let Some(old) = self.nick.take()
            && old != nick
        {
            self.hub.release_nick(&old);
        }
        self.nick = Some(nick);
        wakes.wake();
        self.hub.observe(announced);
        Ok(())
    }

    pub(crate) fn take_guest_nick(&mut self) -> &Nick {
        self.nick
            .get_or_insert_with(|| self.hub.claim_guest_nick(self.id, &self.outbox))
    }

    /// Enters a room, and leaves another one for it. When it cannot be entered, nothing is left.
    pub(crate) fn enter(
        &mut self,
        room: &RoomName,
        instead_of: Option<&RoomName>,
    ) -> Result<(), HubError> {
        let who = Who {
            session: self.id,
            nick: self.registered()?.clone(),
        };
        if let Ok(seat) = self.seat(room) {
            return Err(HubError::AlreadyIn(seat.room.name.clone()));
        }
        let old = instead_of.map(|old| self.position(old)).transpose()?;
        let limit = self.hub.config().max_rooms_per_session;
        if old.is_none() && self.seats.len() >= limit {
            return Err(HubError::TooManyRoomsForYou { limit });
        }
        let reservation = self.hub.reserve(room)?;
        let mut wakes = Wakes::default();
        let left = old.and_then(|old| self.stand_up(old, &mut wakes));
        let (seat, joined) = reservation.sit(who, &self.outbox, &mut wakes);
        self.seats.push(seat);
        wakes.wake();
        self.hub.observe(left);
        self.hub.observe(Some(joined));
        Ok(())
    }

    pub(crate) fn leave(&mut self, room: &RoomName) -> Result<(), HubError> {
        let mut wakes = Wakes::default();
        let position = self.position(room)?;
        let left = self.stand_up(position, &mut wakes);
        wakes.wake();
        self.hub.observe(left);
        Ok(())
    }

    /// Leaves all rooms and gives up the nick, and with it the right to come back.
    pub(crate) fn quit(&mut self, reason: Option<Body>) {
        let mut wakes = Wakes::default();
        let mut told = Told::across(self.seats.len());
        let mut announced = None;
        for seat in std::mem::take(&mut self.seats) {
            let room = seat.room.name.clone();
            announced = seat.quit(self.id, reason.clone(), &mut told, &mut wakes);
            self.hub.free_seat(&room);
        }
        if let Some(nick) = self.nick.take() {
            self.hub.release_nick(&nick);
        }
        if let Some(token) = self.token.take() {
            self.hub.forget_token(&token);
        }
        wakes.wake();
        self.hub.observe(announced);
    }

    pub(crate) fn say(
        &self,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
    ) -> Result<u64, HubError> {
        let seat = self.seat(room)?;
        let mut wakes = Wakes::default();
        let (number, said) = seat.say(self.id, kind, body, || self.hub.wall_clock(), &mut wakes)?;
        wakes.wake();
        self.hub.observe(Some(said));
        Ok(number)
    }

    /// The number of a message that was said before, under `id`.
    pub(crate) fn number_of(&self, room: &RoomName, id: &ClientId) -> Option<u64> {
        self.said.as_ref()?.number(room, id)
    }

    /// As [`say`](Self::say), once for each `id`. Tells whether it had been said before.
    pub(crate) fn say_once(
        &mut self,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
        id: ClientId,
    ) -> Result<(u64, bool), HubError> {
        if let Some(number) = self.number_of(room, &id) {
            return Ok((number, true));
        }
        let now = self.hub.now();
        let memory = self.hub.config().message_id_memory;
        let said = self.said.get_or_insert_default();
        said.make_room(now, memory)
            .map_err(|Full| HubError::TooManyIds {
                limit: Said::CAPACITY,
            })?;
        let number = self.say(room, kind, body)?;
        if let Some(said) = &mut self.said {
            said.remember(now, room.clone(), id, number);
        }
        Ok((number, false))
    }

    pub(crate) fn say_privately(&self, recipient: &Nick, body: Body) -> Result<(), HubError> {
        let sender = self.registered()?;
        let (recipient, outbox) = self.hub.find_nick(recipient)?;
        let event = SharedEvent::new(Event::Private(PrivateMessage {
            sender: sender.clone(),
            recipient: recipient.clone(),
            body,
            at: self.hub.wall_clock(),
        }));
        let mut wakes = Wakes::default();
        let accepted = outbox.push_direct(Arc::clone(&event), &mut wakes);
        wakes.wake();
        if !accepted {
            return Err(match outbox.closing() {
                Some(_) => HubError::Away(recipient),
                None => HubError::RecipientFull(recipient),
            });
        }
        self.hub.observe(Some(event));
        Ok(())
    }

    pub(crate) fn set_topic(&self, room: &RoomName, topic: Option<Body>) -> Result<(), HubError> {
        let mut wakes = Wakes::default();
        let set = self.seat(room)?.set_topic(self.id, topic, &mut wakes)?;
        wakes.wake();
        self.hub.observe(Some(set));
        Ok(())
    }

    /// Lets another outbox hear what this one would have heard, from after the numbers in `seen` on.
    pub(crate) fn move_to(&mut self, outbox: &Arc<Outbox>, seen: &[(RoomName, u64)]) {
        let mut wakes = Wakes::default();
        let old = std::mem::replace(&mut self.outbox, Arc::clone(outbox));
        // Before new ones can come.
        outbox.restore_direct(old.take_direct(), &mut wakes);
        if let Some(nick) = &self.nick {
            self.hub.move_nick(nick, self.id, outbox);
        }
        for seat in &self.seats {
            let seen = seen.iter().find(|(room, _)| *room == seat.room.name);
            let seen = seen.map(|(_, number)| *number);
            seat.move_to(self.id, outbox, seen, &mut wakes);
        }
        wakes.wake();
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn nick(&self) -> Option<&Nick> {
        self.nick.as_ref()
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    pub(crate) fn rooms(&self) -> impl ExactSizeIterator<Item = &RoomName> {
        self.seats.iter().map(|seat| &seat.room.name)
    }

    pub(crate) fn occupants(&self, room: &RoomName) -> Result<Vec<Occupant>, HubError> {
        Ok(self.room(room)?.occupants())
    }

    pub(crate) fn room(&self, room: &RoomName) -> Result<&Arc<Room>, HubError> {
        Ok(&self.seat(room)?.room)
    }

    pub(crate) fn registered(&self) -> Result<&Nick, HubError> {
        self.nick.as_ref().ok_or(HubError::NotRegistered)
    }

    fn stand_up(&mut self, position: usize, wakes: &mut Wakes) -> Option<Arc<SharedEvent>> {
        let seat = self.seats.remove(position);
        let room = seat.room.name.clone();
        let left = seat.leave(self.id, wakes);
        self.hub.free_seat(&room);
        left
    }

    fn position(&self, room: &RoomName) -> Result<usize, HubError> {
        let position = self.seats.iter().position(|seat| seat.room.name == *room);
        position.ok_or_else(|| HubError::NotIn(room.clone()))
    }

    fn seat(&self, room: &RoomName) -> Result<&Seat, HubError> {
        Ok(&self.seats[self.position(room)?])
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.quit(None);
    }
}
