//! What the program itself does in its hub. Nobody is asked: a [`Policy`](crate::policy::Policy) decides
//! about people, and these are the program's own acts. It does observe them.

use std::sync::Arc;

use thiserror::Error;

use super::outbox::Wakes;
use super::room::{Occupant, Room};
use super::subscription::Subscription;
use super::{Hub, HubError};
use crate::event::{CloseReason, SessionId, SharedEvent, Who};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::store::HistoryRange;

/// There is no room of that name: nobody is in it, and it is not remembered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no room {0}")]
pub struct NoSuchRoom(pub RoomName);

/// The program's own side.
impl Hub {
    /// Says something in a room in the name of the [server](super::HubConfig::server_nick), which is in no
    /// room itself. Returns the message's number.
    ///
    /// A program that wants a name and a seat of its own opens a [`Session`](crate::session::Session).
    ///
    /// # Errors
    ///
    /// When there is no such room.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(hub: chat_core::hub::Hub) -> Result<(), Box<dyn std::error::Error>> {
    /// use chat_core::message::{Body, MessageKind};
    ///
    /// let text = Body::parse("the server restarts in five minutes")?;
    /// for room in hub.rooms() {
    ///     // Everyone may just have left it.
    ///     let _ = hub.publish(&room.name, MessageKind::Say, text.clone());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish(
        &self,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
    ) -> Result<u64, NoSuchRoom> {
        let found = self.room(room)?;
        self.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let sender = self.config().server_nick.clone();
        let started = self.start_of_fan_out();
        let published = found.publish(sender, kind, body, || self.wall_clock(), &mut wakes);
        let (number, event) = published.ok_or_else(|| NoSuchRoom(room.clone()))?;
        self.wake(wakes);
        self.fanned_out(started);
        self.observe(Some(event));
        Ok(number)
    }

    /// Sets a room's topic in the name of the server, or takes it away.
    ///
    /// # Errors
    ///
    /// When there is no such room.
    pub fn set_topic(&self, room: &RoomName, topic: Option<Body>) -> Result<(), NoSuchRoom> {
        let found = self.room(room)?;
        self.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let who = Who {
            session: SessionId::PROGRAM,
            nick: self.config().server_nick.clone(),
        };
        let event = found.set_topic(who, topic, &mut wakes);
        self.tell(wakes, event.ok_or_else(|| NoSuchRoom(room.clone()))?);
        Ok(())
    }

    /// Hears everything that is said and happens in a room from now on, without being in it: it is not
    /// listed among the members, and does not count as one.
    ///
    /// The room is opened if there is none of that name, whatever the limits are, and stays as long as
    /// somebody listens.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(hub: chat_core::hub::Hub) {
    /// use chat_core::event::{Event, Heard};
    /// use chat_core::name::RoomName;
    /// use futures::StreamExt;
    ///
    /// let mut general = hub.subscribe(&RoomName::general());
    /// while let Some(heard) = general.next().await {
    ///     match heard.event() {
    ///         Some(Event::Message(message)) => println!("{}: {}", message.sender, message.body),
    ///         Some(_) => {}
    ///         None => println!("too slow: {heard:?}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn subscribe(&self, room: &RoomName) -> Subscription {
        Subscription::new(self, room)
    }

    /// Who is in a room, by nick.
    ///
    /// # Errors
    ///
    /// When there is no such room.
    pub fn members(&self, room: &RoomName) -> Result<Vec<Occupant>, NoSuchRoom> {
        Ok(self.room(room)?.occupants())
    }

    /// At most `count` of the messages that a room remembers, oldest first.
    ///
    /// # Errors
    ///
    /// When there is no such room.
    pub fn history(
        &self,
        room: &RoomName,
        range: HistoryRange,
        count: usize,
    ) -> Result<Vec<Arc<SharedEvent>>, NoSuchRoom> {
        Ok(self.room(room)?.history(range, count))
    }

    /// The topic of a room.
    ///
    /// # Errors
    ///
    /// When there is no such room.
    pub fn topic(&self, room: &RoomName) -> Result<Option<Body>, NoSuchRoom> {
        Ok(self.room(room)?.topic())
    }

    /// Takes somebody out of a room, and tells everyone in it. They may come back, unless the
    /// [policy](crate::policy::Policy::join) says no.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchNick`] when nobody in that room is called so, or there is no such room.
    pub fn kick(&self, room: &RoomName, nick: &Nick, reason: Option<Body>) -> Result<(), HubError> {
        let absent = || HubError::NoSuchNick(nick.clone());
        let found = self.room(room).map_err(|_| absent())?;
        self.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let event = found.kick(nick, reason, &mut wakes).ok_or_else(absent)?;
        self.free_seat(&found);
        self.tell(wakes, event);
        Ok(())
    }

    /// Ends a session: its connection sends what is queued, tells its peer `reason`, and closes. It cannot be
    /// resumed, also if it has lost its connection already.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchNick`].
    pub fn disconnect(&self, nick: &Nick, reason: Option<Body>) -> Result<(), HubError> {
        let owner = self.directory().owner(nick);
        let (session, outbox) = owner.ok_or_else(|| HubError::NoSuchNick(nick.clone()))?;
        let reason = CloseReason::Removed(reason);
        self.announce_arrivals();
        let mut wakes = Wakes::default();
        // A connection that is about to take the session over has another outbox.
        if let Some(next) = self.shared.resumables.evict(session) {
            next.close(reason.clone().into(), &mut wakes);
        }
        outbox.close(reason.into(), &mut wakes);
        wakes.wake();
        Ok(())
    }

    /// Closes a room: everyone in it is told and out of it, subscriptions to it end, and what it remembered
    /// is forgotten. Whoever enters a room of that name afterwards opens a new one. Returns how many were in it.
    ///
    /// # Errors
    ///
    /// When there is no such room.
    pub fn close_room(&self, room: &RoomName, reason: Option<Body>) -> Result<usize, NoSuchRoom> {
        let removed = self.directory().remove(room);
        let removed = removed.ok_or_else(|| NoSuchRoom(room.clone()))?;
        self.keep_order_between_rooms();
        let mut wakes = Wakes::default();
        let (members, event) = removed.close(reason, &mut wakes);
        self.tell(wakes, event);
        Ok(members)
    }

    pub(super) fn room(&self, name: &RoomName) -> Result<Arc<Room>, NoSuchRoom> {
        let found = self.directory().room(name).cloned();
        found.ok_or_else(|| NoSuchRoom(name.clone()))
    }

    fn tell(&self, wakes: Wakes, event: Arc<SharedEvent>) {
        self.wake(wakes);
        self.observe(Some(event));
    }
}
