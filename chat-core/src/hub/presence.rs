use std::sync::Arc;

use smallvec::SmallVec;

use super::Hub;
use super::error::HubError;
use super::outbox::{Outbox, Wakes};
use super::resume::ResumeToken;
use super::room::{Occupant, Room, RoomView, Seat, Told};
use crate::event::{Event, SessionId, SharedEvent, Who};
use crate::memory::Charge;
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
    /// In place as long as there is one, as hardly anybody is in several rooms.
    seats: SmallVec<[Seat; 1]>,
    outbox: Arc<Outbox>,
    /// How many [evictions](Outbox::evictions) are known of; after another one, seats are looked at before
    /// they are believed in.
    evictions: u32,
    /// Whether it is counted among those in several rooms.
    is_in_several_rooms: bool,
    /// Only of those who give their messages names.
    names: Option<Box<Names>>,
    pub(crate) account: Option<Box<str>>,
    pub(crate) token: Option<ResumeToken>,
}

/// The names that somebody has given to messages, and the count of their memory.
#[derive(Debug)]
struct Names {
    said: Said,
    charge: Charge,
}

impl Names {
    /// None yet.
    fn new(hub: &Hub) -> Self {
        Self {
            said: Said::default(),
            charge: Charge::new(hub.memory()),
        }
    }

    fn count(&mut self) {
        self.charge.set(self.said.footprint(0));
    }
}

impl Presence {
    pub(crate) fn new(hub: &Hub) -> Self {
        let (id, outbox) = hub.new_session();
        Self {
            hub: hub.clone(),
            id,
            nick: None,
            seats: SmallVec::new(),
            outbox,
            evictions: 0,
            is_in_several_rooms: false,
            names: None,
            account: None,
            token: None,
        }
    }

    pub(crate) fn take_nick(&mut self, nick: Nick) -> Result<(), HubError> {
        self.hub.claim_nick(&nick, self.id, &self.outbox)?;
        if !self.seats.is_empty() {
            self.hub.keep_order_between_rooms();
        }
        let mut wakes = Wakes::default();
        let mut told = Told::across(self.seats.len());
        let mut announced = None;
        for seat in &self.seats {
            announced = seat
                .rename(self.id, &nick, &mut told, &mut wakes)
                .or(announced);
        }
        // Only now, so that nobody appears by this nick before all have heard that it is free.
        match self.nick.take() {
            Some(old) if old != nick => {
                self.hub.release_nick(&old);
            }
            Some(_) => {}
            None => self.count_as_opened(),
        }
        tracing::debug!(%nick, "took a nick");
        self.nick = Some(nick);
        self.hub.wake(wakes);
        self.hub.observe(announced);
        Ok(())
    }

    pub(crate) fn take_guest_nick(&mut self) -> &Nick {
        if self.nick.is_none() {
            self.count_as_opened();
        }
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
        self.forget_lost_seats();
        if let Ok(seat) = self.seat(room) {
            return Err(HubError::AlreadyIn(seat.room.name.clone()));
        }
        let old = instead_of.map(|old| self.position(old)).transpose()?;
        let limit = self.hub.config().max_rooms_per_session;
        if old.is_none() && self.seats.len() >= limit {
            return Err(HubError::TooManyRoomsForYou { limit });
        }
        let mut reservation = self.hub.reserve(room)?;
        self.expect_seats(self.seats.len() + usize::from(old.is_none()));
        if old.is_some_and(|old| self.seats[old].is_in_company()) {
            self.hub.keep_order_between_rooms();
        } else {
            reservation.keep_order_between_rooms(&self.hub);
            self.catch_up();
        }
        let mut wakes = Wakes::default();
        let left = old.and_then(|old| self.stand_up(old, &mut wakes));
        let entered = loop {
            if let Some(seat) = reservation.sit(&self.hub, who.clone(), &self.outbox, &mut wakes) {
                break Ok(seat);
            }
            // The room was closed on the way; a new one takes its place.
            match self.hub.reserve(room) {
                Ok(next) => reservation = next,
                Err(error) => break Err(error),
            }
        };
        self.hub.wake(wakes);
        self.hub.observe(left);
        if entered.is_err() {
            self.expect_seats(self.seats.len());
        }
        let (seat, joined) = entered?;
        self.seats.push(seat);
        tracing::debug!(%room, rooms = self.seats.len(), "joined");
        self.hub.observe(Some(joined));
        Ok(())
    }

    pub(crate) fn leave(&mut self, room: &RoomName) -> Result<(), HubError> {
        self.forget_lost_seats();
        let position = self.position(room)?;
        self.hub.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let left = self.stand_up(position, &mut wakes);
        self.expect_seats(self.seats.len());
        self.hub.wake(wakes);
        self.hub.observe(left);
        Ok(())
    }

    /// Leaves all rooms and gives up the nick, and with it the right to come back.
    pub(crate) fn quit(&mut self, reason: Option<Body>) {
        if !self.seats.is_empty() {
            self.hub.keep_order_between_rooms();
        }
        let mut wakes = Wakes::default();
        let mut told = Told::across(self.seats.len());
        let mut announced = None;
        for seat in std::mem::take(&mut self.seats) {
            let room = Arc::clone(&seat.room);
            if let Some(event) = seat.quit(self.id, reason.clone(), &mut told, &mut wakes) {
                announced = Some(event);
                self.hub.free_seat(&room);
            }
        }
        self.expect_seats(0);
        if let Some(nick) = self.nick.take() {
            self.hub.release_nick(&nick);
        }
        if let Some(token) = self.token.take() {
            self.hub.forget_token(&token);
        }
        self.hub.wake(wakes);
        self.hub.observe(announced);
    }

    pub(crate) fn say(
        &self,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
    ) -> Result<u64, HubError> {
        let seat = self.seat(room)?;
        self.hub.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let started = self.hub.start_of_fan_out();
        let (number, said) = seat.say(self.id, kind, body, || self.hub.wall_clock(), &mut wakes)?;
        self.hub.wake(wakes);
        self.hub.fanned_out(started);
        self.hub.observe(Some(said));
        Ok(number)
    }

    /// Forgets which messages were said before in `room` under `id` and the names before it.
    pub(crate) fn settle(&mut self, room: &RoomName, id: &ClientId) {
        if let Some(names) = &mut self.names {
            names.said.settle(room, id);
            names.count();
        }
    }

    /// The number of a message that was said before, under `id`.
    pub(crate) fn number_of(&self, room: &RoomName, id: &ClientId) -> Option<u64> {
        self.names.as_ref()?.said.number(room, id)
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
        let names = self
            .names
            .get_or_insert_with(|| Box::new(Names::new(&self.hub)));
        let said = &mut names.said;
        said.make_room(now, memory)
            .map_err(|Full| HubError::TooManyIds {
                limit: Said::CAPACITY,
            })?;
        let share = self.hub.memory().session_share();
        if said.footprint(1) > share {
            said.forget_old(now, memory);
            if said.footprint(1) > share {
                return Err(HubError::TooManyIds { limit: said.len() });
            }
        }
        let number = self.say(room, kind, body)?;
        if let Some(names) = &mut self.names {
            names.said.remember(now, room.clone(), id, number);
            names.count();
        }
        Ok((number, false))
    }

    pub(crate) fn say_privately(&self, recipient: &Nick, body: Body) -> Result<(), HubError> {
        let sender = self.registered()?;
        let (recipient, outbox) = self.hub.find_nick(recipient)?;
        let private = Event::Private(PrivateMessage {
            sender: sender.clone(),
            recipient: recipient.clone(),
            body,
            at: self.hub.wall_clock(),
        });
        let event = SharedEvent::new(private, self.hub.memory());
        self.hub.announce_arrivals();
        let mut wakes = Wakes::default();
        let accepted = outbox.push_direct(Arc::clone(&event), &mut wakes);
        self.hub.wake(wakes);
        if !accepted {
            return Err(match outbox.closing() {
                Some(_) => HubError::Away(recipient),
                None => HubError::RecipientFull(recipient),
            });
        }
        if let Some(metrics) = self.hub.metrics() {
            metrics.said_privately();
        }
        self.hub.observe(Some(event));
        Ok(())
    }

    pub(crate) fn set_topic(&self, room: &RoomName, topic: Option<Body>) -> Result<(), HubError> {
        let takes = topic.as_ref().map_or(0, |topic| topic.as_str().len());
        if takes > self.hub.memory().share() {
            return Err(HubError::NoMemory);
        }
        self.hub.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let set = self.seat(room)?.set_topic(self.id, topic, &mut wakes)?;
        self.hub.wake(wakes);
        self.hub.observe(Some(set));
        Ok(())
    }

    /// Lets another outbox hear what this one would have heard, from after the numbers in `seen` on.
    pub(crate) fn move_to(&mut self, outbox: &Arc<Outbox>, seen: &[(RoomName, u64)]) {
        self.hub.announce_arrivals();
        let mut wakes = Wakes::default();
        let old = std::mem::replace(&mut self.outbox, Arc::clone(outbox));
        // Before new ones can come.
        outbox.restore_direct(old.take_direct(), &mut wakes);
        if let Some(nick) = &self.nick {
            self.hub.move_nick(nick, self.id, outbox);
        }
        self.evictions = outbox.evictions();
        self.seats.retain(|seat| {
            let seen = seen.iter().find(|(room, _)| *room == seat.room.name);
            let seen = seen.map(|(_, number)| *number);
            let is_held = seat.move_to(self.id, outbox, seen, &mut wakes);
            // The session was away when that was announced.
            if !is_held && let Some(nick) = &self.nick {
                let who = Who {
                    session: self.id,
                    nick: nick.clone(),
                };
                let kicked = Event::Kicked {
                    room: seat.room.name.clone(),
                    who,
                    reason: None,
                };
                let event = SharedEvent::new(kicked, self.hub.memory());
                outbox.push_own(event, &mut wakes);
            }
            is_held
        });
        self.expect_seats(self.seats.len());
        self.hub.wake(wakes);
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

    pub(crate) fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        let in_doubt = self.seats_are_in_doubt();
        let mine = move |seat: &&Seat| !in_doubt || seat.is_held_by(self.id);
        self.seats.iter().filter(mine).map(|seat| &seat.room.name)
    }

    pub(crate) fn occupants(&self, room: &RoomName) -> Result<Vec<Occupant>, HubError> {
        let mut wakes = Wakes::default();
        let occupants = self.seat(room)?.occupants(self.id, &mut wakes);
        self.hub.wake(wakes);
        occupants
    }

    /// Queues who came into its rooms and was not announced yet.
    pub(crate) fn catch_up(&self) {
        if self.outbox.has_unannounced() {
            // Whoever calls this looks into the outbox before it sleeps.
            self.outbox.wake_up();
            let mut wakes = Wakes::default();
            for seat in &self.seats {
                seat.catch_up(self.id, &mut wakes);
            }
            self.hub.wake(wakes);
        }
    }

    /// Sends the peer an answer that tells what a room is like.
    pub(crate) fn reply_about(
        &self,
        room: &RoomName,
        encode: impl FnOnce(RoomView<'_>) -> Box<[u8]>,
    ) -> Result<(), HubError> {
        self.catch_up();
        let mut wakes = Wakes::default();
        self.seat(room)?.reply(self.id, encode, &mut wakes)?;
        self.hub.wake(wakes);
        Ok(())
    }

    pub(crate) fn room(&self, room: &RoomName) -> Result<&Arc<Room>, HubError> {
        Ok(&self.seat(room)?.room)
    }

    pub(crate) fn registered(&self) -> Result<&Nick, HubError> {
        self.nick.as_ref().ok_or(HubError::NotRegistered)
    }

    /// Counts somebody who gets a nick and had none.
    fn count_as_opened(&self) {
        if let Some(metrics) = self.hub.metrics() {
            metrics.session_opened();
        }
    }

    fn stand_up(&mut self, position: usize, wakes: &mut Wakes) -> Option<Arc<SharedEvent>> {
        let seat = self.seats.remove(position);
        let room = Arc::clone(&seat.room);
        let left = seat.leave(self.id, wakes)?;
        self.hub.free_seat(&room);
        tracing::debug!(room = %room.name, rooms = self.seats.len(), "left");
        Some(left)
    }

    /// Whether somebody else has ended a membership since the seats were looked at.
    fn seats_are_in_doubt(&self) -> bool {
        self.outbox.evictions() != self.evictions
    }

    /// Those are free already.
    fn forget_lost_seats(&mut self) {
        if self.seats_are_in_doubt() {
            self.evictions = self.outbox.evictions();
            self.seats.retain(|seat| seat.is_held_by(self.id));
            self.expect_seats(self.seats.len());
        }
    }

    /// Lets the hub count it among those in several rooms, or no longer.
    fn expect_seats(&mut self, seats: usize) {
        let is_in_several = seats > 1;
        if is_in_several != std::mem::replace(&mut self.is_in_several_rooms, is_in_several) {
            self.hub.count_in_several_rooms(is_in_several);
        }
    }

    pub(crate) fn is_in(&self, room: &RoomName) -> bool {
        self.seat(room).is_ok()
    }

    fn position(&self, room: &RoomName) -> Result<usize, HubError> {
        let position = self.seats.iter().position(|seat| seat.room.name == *room);
        position.ok_or_else(|| HubError::NotIn(room.clone()))
    }

    fn seat(&self, room: &RoomName) -> Result<&Seat, HubError> {
        let seat = &self.seats[self.position(room)?];
        match self.seats_are_in_doubt() && !seat.is_held_by(self.id) {
            true => Err(HubError::NotIn(room.clone())),
            false => Ok(seat),
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.quit(None);
    }
}
