use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::config::HubConfig;
use super::error::HubError;
use super::outbox::Outbox;
use super::room::Room;
use crate::event::SessionId;
use crate::memory::Memory;
use crate::metrics::Levels;
use crate::name::{Nick, RoomName};

/// Who and what there is: all nicks and all rooms of a hub.
///
/// A room is found, opened and forgotten here, by the number of sessions that have a seat in it or are
/// on their way to one; what goes on in a room is the room's own affair.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Nicks as their owners spell them.
    nicks: HashMap<Nick, Owner>,
    rooms: BTreeMap<RoomName, Entry>,
    /// The rooms that nobody is in or listens to, by when they became so.
    emptied: BTreeMap<u64, RoomName>,
    /// How many times a room has become empty.
    emptyings: u64,
    last_guest: u64,
}

#[derive(Debug)]
struct Owner {
    session: SessionId,
    outbox: Arc<Outbox>,
}

#[derive(Debug)]
struct Entry {
    room: Arc<Room>,
    seats: usize,
    /// How many [subscriptions](super::Subscription) there are.
    listeners: usize,
    /// When it became empty last, as a key of `emptied`.
    emptying: u64,
}

impl Entry {
    fn is_used(&self) -> bool {
        self.seats > 0 || self.listeners > 0
    }

    /// Keeps a seat in the room; `true` if nobody else has one.
    fn take_seat(&mut self) -> (Arc<Room>, bool) {
        let first = self.seats == 0;
        self.seats += 1;
        (Arc::clone(&self.room), first)
    }
}

impl Directory {
    /// Reserves a nick. A session may take its own nick again, in another spelling.
    pub(super) fn claim(
        &mut self,
        nick: &Nick,
        session: SessionId,
        outbox: &Arc<Outbox>,
    ) -> Result<(), HubError> {
        match self.nicks.get_key_value(nick) {
            Some((taken, owner)) if owner.session != session => {
                return Err(HubError::NickTaken(taken.clone()));
            }
            // Otherwise the map would keep the old spelling.
            Some(_) => drop(self.nicks.remove(nick)),
            None => {}
        }
        let outbox = Arc::clone(outbox);
        self.nicks.insert(nick.clone(), Owner { session, outbox });
        Ok(())
    }

    /// Reserves the next free `guest-<n>`.
    pub(super) fn claim_guest(&mut self, session: SessionId, outbox: &Arc<Outbox>) -> Nick {
        loop {
            self.last_guest += 1;
            let nick = Nick::guest(self.last_guest);
            if self.claim(&nick, session, outbox).is_ok() {
                return nick;
            }
        }
    }

    pub(super) fn release(&mut self, nick: &Nick) {
        self.nicks.remove(nick);
    }

    /// Lets another outbox hear what is meant for `session` alone.
    pub(super) fn move_to(&mut self, nick: &Nick, session: SessionId, outbox: &Arc<Outbox>) {
        if let Some(owner) = self.nicks.get_mut(nick)
            && owner.session == session
        {
            owner.outbox = Arc::clone(outbox);
        }
    }

    pub(super) fn owner(&self, nick: &Nick) -> Option<(SessionId, Arc<Outbox>)> {
        let owner = self.nicks.get(nick)?;
        Some((owner.session, Arc::clone(&owner.outbox)))
    }

    pub(super) fn find(&self, nick: &Nick) -> Option<(Nick, Arc<Outbox>)> {
        let (nick, owner) = self.nicks.get_key_value(nick)?;
        Some((nick.clone(), Arc::clone(&owner.outbox)))
    }

    /// Finds or opens a room and keeps a seat in it; `true` if nobody else has one.
    ///
    /// # Errors
    ///
    /// When there would be too many rooms, or too many members in this one.
    pub(super) fn enter(
        &mut self,
        name: &RoomName,
        config: &HubConfig,
        memory: &Arc<Memory>,
    ) -> Result<(Arc<Room>, bool), HubError> {
        let used = self.rooms.len() - self.emptied.len();
        let limit = config.max_members_per_room;
        let full = || HubError::RoomFull {
            room: name.clone(),
            limit,
        };
        if let Some(entry) = self.rooms.get_mut(name)
            && entry.is_used()
        {
            return match entry.seats < limit {
                true => Ok(entry.take_seat()),
                false => Err(full()),
            };
        }
        if used >= config.max_rooms {
            return Err(HubError::TooManyRooms {
                limit: config.max_rooms,
            });
        }
        match limit {
            0 => Err(full()),
            _ => Ok(self.open(name, config, memory).take_seat()),
        }
    }

    /// Finds or opens a room to listen to, whatever the limits are.
    pub(super) fn listen(
        &mut self,
        name: &RoomName,
        config: &HubConfig,
        memory: &Arc<Memory>,
    ) -> Arc<Room> {
        let entry = self.open(name, config, memory);
        entry.listeners += 1;
        Arc::clone(&entry.room)
    }

    /// Finds or opens a room that somebody is about to use.
    fn open(&mut self, name: &RoomName, config: &HubConfig, memory: &Arc<Memory>) -> &mut Entry {
        let entry = self.rooms.entry(name.clone()).or_insert_with(|| Entry {
            room: Arc::new(Room::new(name.clone(), config.room_memory, memory)),
            seats: 0,
            listeners: 0,
            emptying: 0,
        });
        if !entry.is_used() {
            self.emptied.remove(&entry.emptying);
        }
        entry
    }

    /// A room, in use or remembered.
    pub(super) fn room(&self, name: &RoomName) -> Option<&Arc<Room>> {
        self.rooms.get(name).map(|entry| &entry.room)
    }

    /// Forgets a room at once, whoever is in it. What they give back later is not counted any more.
    pub(super) fn remove(&mut self, name: &RoomName) -> Option<Arc<Room>> {
        let entry = self.rooms.remove(name)?;
        if !entry.is_used() {
            self.emptied.remove(&entry.emptying);
        }
        Some(entry.room)
    }

    /// Gives a seat back.
    pub(super) fn exit(&mut self, room: &Arc<Room>, keep: usize) {
        self.give_back(room, keep, |entry| entry.seats -= 1);
    }

    /// Listens no more.
    pub(super) fn stop_listening(&mut self, room: &Arc<Room>, keep: usize) {
        self.give_back(room, keep, |entry| entry.listeners -= 1);
    }

    /// Of the rooms that are not used any more, the last `keep` to become so are remembered.
    fn give_back(&mut self, room: &Arc<Room>, keep: usize, what: impl FnOnce(&mut Entry)) {
        let entry = self.rooms.get_mut(&room.name);
        // It may have been closed, and opened anew.
        let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.room, room)) else {
            return;
        };
        what(entry);
        if entry.is_used() {
            return;
        }
        self.emptyings += 1;
        entry.emptying = self.emptyings;
        self.emptied.insert(entry.emptying, entry.room.name.clone());
        if self.emptied.len() > keep
            && let Some((_, oldest)) = self.emptied.pop_first()
        {
            self.rooms.remove(&oldest);
        }
    }

    pub(super) fn all_rooms(&self) -> Vec<Arc<Room>> {
        self.rooms
            .values()
            .map(|entry| Arc::clone(&entry.room))
            .collect()
    }

    /// How much there is of what is counted here, and the outboxes of all who have a nick, to be looked into
    /// when this is not locked any more.
    pub(super) fn levels(&self) -> (Levels, Vec<Arc<Outbox>>) {
        let mut levels = Levels {
            sessions: self.nicks.len(),
            ..Levels::default()
        };
        for entry in self.rooms.values() {
            if entry.seats > 0 {
                levels.rooms += 1;
                levels.members += entry.seats;
            } else {
                levels.empty_rooms += 1;
            }
        }
        #[expect(clippy::disallowed_methods, reason = "sums do not depend on the order")]
        let owners = self.nicks.values();
        let outboxes = owners.map(|owner| Arc::clone(&owner.outbox)).collect();
        (levels, outboxes)
    }

    /// The rooms with somebody in them, by name.
    pub(super) fn rooms(&self) -> Vec<(RoomName, usize)> {
        let occupied = self.rooms.values().filter(|entry| entry.seats > 0);
        occupied
            .map(|entry| (entry.room.name.clone(), entry.seats))
            .collect()
    }
}
