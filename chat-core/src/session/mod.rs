//! A [`Session`]: somebody's presence in a hub.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{CloseReason, Event, SessionId, SharedEvent, Who};
use crate::hub::{Closing, Hub, HubError, Occupant, Outbox, Seat, Told, Wakes};
use crate::message::{Body, MessageKind, PrivateMessage};
use crate::name::{Nick, RoomName};

/// Somebody's presence in a [`Hub`]: a nick, the rooms it is in, and the outbox where events wait for
/// it.
///
/// A protocol turns what its peer sends into calls on this. Nothing here waits, and the calls take
/// effect in their order. What happened comes back as events, in the order of the rooms, to the one
/// who did it as well.
///
/// Dropping it is leaving without a word.
pub struct Session {
    hub: Hub,
    id: SessionId,
    nick: Option<Nick>,
    seats: Vec<Seat>,
    outbox: Arc<Outbox>,
}

impl Session {
    /// Opens a session that has no nick and is in no room yet.
    ///
    /// Events wait for a connection that takes them. A session that nobody serves gets to hear what it
    /// missed at last, and is ordered to close when too many answers to its own commands wait.
    pub fn open(hub: &Hub) -> Self {
        let (id, outbox) = hub.new_session();
        Self {
            hub: hub.clone(),
            id,
            nick: None,
            seats: Vec::new(),
            outbox,
        }
    }

    /// Takes a nick: the first one or another one. Everybody in the session's rooms hears of it.
    ///
    /// # Errors
    ///
    /// [`HubError::NickTaken`].
    pub fn take_nick(&mut self, nick: Nick) -> Result<(), HubError> {
        self.hub.claim_nick(&nick, self.id, &self.outbox)?;
        let mut wakes = Wakes::default();
        let mut told = Told::across(self.seats.len());
        for seat in &self.seats {
            seat.rename(self.id, &nick, &mut told, &mut wakes);
        }
        // Only now, so that nobody appears by this nick before all have heard that it is free.
        if let Some(old) = self.nick.take()
            && old != nick
        {
            self.hub.release_nick(&old);
        }
        self.nick = Some(nick);
        wakes.wake();
        Ok(())
    }

    /// Takes a free nick of the form `guest-<n>`, unless it has a nick.
    pub fn take_guest_nick(&mut self) -> &Nick {
        self.nick
            .get_or_insert_with(|| self.hub.claim_guest_nick(self.id, &self.outbox))
    }

    /// Enters a room, which is opened if there is none of that name.
    ///
    /// # Errors
    ///
    /// [`HubError::NotRegistered`], [`HubError::AlreadyIn`].
    pub fn join(&mut self, room: &RoomName) -> Result<(), HubError> {
        self.enter(room, None)
    }

    /// Leaves the room `from` and enters `to`. When `to` cannot be entered, nothing is left.
    ///
    /// # Errors
    ///
    /// Those of [`join`](Session::join) and [`leave`](Session::leave).
    pub fn switch(&mut self, from: &RoomName, to: &RoomName) -> Result<(), HubError> {
        self.enter(to, Some(from))
    }

    /// Leaves a room.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn leave(&mut self, room: &RoomName) -> Result<(), HubError> {
        let mut wakes = Wakes::default();
        let seat = self.seats.remove(self.position(room)?);
        self.stand_up(seat, &mut wakes);
        wakes.wake();
        Ok(())
    }

    /// Leaves all rooms and gives up the nick. What was queued before is still delivered.
    pub fn quit(&mut self, reason: Option<Body>) {
        let mut wakes = Wakes::default();
        let mut told = Told::across(self.seats.len());
        for seat in std::mem::take(&mut self.seats) {
            let room = seat.room.name.clone();
            seat.quit(self.id, reason.clone(), &mut told, &mut wakes);
            self.hub.free_seat(&room);
        }
        if let Some(nick) = self.nick.take() {
            self.hub.release_nick(&nick);
        }
        wakes.wake();
    }

    /// Says or does something in a room. Returns the message's number.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn say(&self, room: &RoomName, kind: MessageKind, body: Body) -> Result<u64, HubError> {
        let seat = self.seat(room)?;
        let mut wakes = Wakes::default();
        let number = seat.say(self.id, kind, body, || self.hub.wall_clock(), &mut wakes)?;
        wakes.wake();
        Ok(number)
    }

    /// Says something to one person. Whoever sent it gets no event of it.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchNick`], [`HubError::NotRegistered`], and [`HubError::RecipientFull`] when the
    /// message could not be kept for the recipient; it was not accepted then.
    pub fn say_privately(&self, recipient: &Nick, body: Body) -> Result<(), HubError> {
        let sender = self.registered()?;
        let (recipient, outbox) = self.hub.find_nick(recipient)?;
        let event = SharedEvent::new(Event::Private(PrivateMessage {
            sender: sender.clone(),
            recipient: recipient.clone(),
            body,
            at: self.hub.wall_clock(),
        }));
        let mut wakes = Wakes::default();
        let accepted = outbox.push_direct(event, &mut wakes);
        wakes.wake();
        if accepted {
            Ok(())
        } else {
            Err(HubError::RecipientFull(recipient))
        }
    }

    /// Sets a room's topic, or takes it away.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn set_topic(&self, room: &RoomName, topic: Option<Body>) -> Result<(), HubError> {
        let mut wakes = Wakes::default();
        self.seat(room)?.set_topic(self.id, topic, &mut wakes)?;
        wakes.wake();
        Ok(())
    }

    /// Sends the peer bytes of the protocol's own: the answer to a command, behind what is queued.
    pub fn reply(&self, bytes: impl Into<Box<[u8]>>) {
        let mut wakes = Wakes::default();
        self.outbox.push_reply(bytes.into(), &mut wakes);
        wakes.wake();
    }

    /// What tells this session from others.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// What it is called, once it has introduced itself.
    pub fn nick(&self) -> Option<&Nick> {
        self.nick.as_ref()
    }

    /// The rooms it is in, in the order in which it entered them.
    pub fn rooms(&self) -> impl ExactSizeIterator<Item = &RoomName> {
        self.seats.iter().map(|seat| &seat.room.name)
    }

    /// Who is in one of the session's rooms, by nick.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn occupants(&self, room: &RoomName) -> Result<Vec<Occupant>, HubError> {
        Ok(self.seat(room)?.room.occupants())
    }

    /// The last `count` messages of one of the session's rooms, or as many as it remembers, oldest
    /// first.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn history(
        &self,
        room: &RoomName,
        count: usize,
    ) -> Result<Vec<Arc<SharedEvent>>, HubError> {
        Ok(self.seat(room)?.room.history(count))
    }

    /// The topic of one of the session's rooms.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn topic(&self, room: &RoomName) -> Result<Option<Body>, HubError> {
        Ok(self.seat(room)?.room.topic())
    }

    /// The hub it is in.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// A way to close it from elsewhere.
    pub fn handle(&self) -> SessionHandle {
        SessionHandle {
            outbox: Arc::clone(&self.outbox),
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn enter(&mut self, room: &RoomName, instead_of: Option<&RoomName>) -> Result<(), HubError> {
        let who = Who {
            session: self.id,
            nick: self.registered()?.clone(),
        };
        if let Ok(seat) = self.seat(room) {
            return Err(HubError::AlreadyIn(seat.room.name.clone()));
        }
        let old = instead_of.map(|old| self.position(old)).transpose()?;
        let reservation = self.hub.reserve(room);
        let mut wakes = Wakes::default();
        if let Some(old) = old {
            let seat = self.seats.remove(old);
            self.stand_up(seat, &mut wakes);
        }
        self.seats
            .push(reservation.sit(who, &self.outbox, &mut wakes));
        wakes.wake();
        Ok(())
    }

    fn stand_up(&self, seat: Seat, wakes: &mut Wakes) {
        let room = seat.room.name.clone();
        seat.leave(self.id, wakes);
        self.hub.free_seat(&room);
    }

    fn registered(&self) -> Result<&Nick, HubError> {
        self.nick.as_ref().ok_or(HubError::NotRegistered)
    }

    fn position(&self, room: &RoomName) -> Result<usize, HubError> {
        let position = self.seats.iter().position(|seat| seat.room.name == *room);
        position.ok_or_else(|| HubError::NotIn(room.clone()))
    }

    fn seat(&self, room: &RoomName) -> Result<&Seat, HubError> {
        Ok(&self.seats[self.position(room)?])
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.quit(None);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("nick", &self.nick)
            .field("rooms", &self.rooms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Closes a [`Session`] from elsewhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    outbox: Arc<Outbox>,
}

impl SessionHandle {
    /// Lets the session's connection send what is queued, tell its peer `reason`, and close, as
    /// quickly as the connection is configured to. The first order given stands.
    pub fn close(&self, reason: CloseReason) {
        self.order(reason.into());
    }

    /// The same, where sending what is queued may take as long as `within`.
    pub fn close_within(&self, reason: CloseReason, within: Duration) {
        self.order(Closing {
            reason,
            within: Some(within),
        });
    }

    /// Whether the connection's stream has taken everything that was queued, and the peer was told
    /// that nothing more comes.
    pub fn is_drained(&self) -> bool {
        self.outbox.is_drained()
    }

    /// Gives the order to close without waking the connection yet.
    pub(crate) fn order_quietly(&self, closing: Closing, wakes: &mut Wakes) {
        self.outbox.close(closing, wakes);
    }

    fn order(&self, closing: Closing) {
        let mut wakes = Wakes::default();
        self.order_quietly(closing, &mut wakes);
        wakes.wake();
    }
}
