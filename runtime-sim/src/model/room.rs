use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::folded;
use super::outbox::{Limits, RoomEvent};
use super::session::SessionId;
use super::sometimes::{Sometimes, Sort};

/// All rooms, by their folded names.
pub(crate) struct Rooms {
    pub(crate) rooms: BTreeMap<String, Room>,
    limits: Limits,
    emptyings: u64,
}

/// One room.
pub(crate) struct Room {
    /// As whoever opened it spelled it, with the `#`.
    pub(crate) name: Arc<str>,
    pub(crate) members: Vec<Member>,
    pub(crate) last: u64,
    pub(super) topic: Option<String>,
    memory: VecDeque<RoomEvent>,
    memory_bytes: usize,
    /// The subscriptions to it.
    pub(super) listeners: Vec<u64>,
    /// When it became empty, of all times that a room did.
    emptied: Option<u64>,
}

/// Somebody in a room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(super) session: SessionId,
    /// Whether they have opened it.
    pub(super) operator: bool,
}

impl Rooms {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            rooms: BTreeMap::new(),
            limits,
            emptyings: 0,
        }
    }

    /// Finds or opens a room for somebody who is on the way in.
    pub(crate) fn reserve(&mut self, name: &str, some: &mut Sometimes) {
        let room = self.rooms.entry(folded(name)).or_insert_with(|| Room {
            name: format!("#{name}").into(),
            members: Vec::new(),
            last: 0,
            topic: None,
            memory: VecDeque::new(),
            memory_bytes: 0,
            listeners: Vec::new(),
            emptied: None,
        });
        if room.emptied.take().is_some() {
            some.count(Sort::RoomRemembered);
        }
    }

    /// A member leaves.
    pub(crate) fn left(&mut self, name: &str, who: SessionId, some: &mut Sometimes) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        room.members.retain(|member| member.session != who);
        if room.members.is_empty() && room.is_used() {
            some.count(Sort::KeptByListener);
        }
        self.is_let_go_of(name, some);
    }

    /// A subscription ends.
    pub(super) fn stops_listening(&mut self, name: &str, listener: u64, some: &mut Sometimes) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.listeners.retain(|&other| other != listener);
            self.is_let_go_of(name, some);
        }
    }

    /// Of the rooms that nobody uses after this, the one that nobody has used for the longest time is forgotten
    /// if there are too many.
    fn is_let_go_of(&mut self, name: &str, some: &mut Sometimes) {
        let room = self.rooms.get_mut(name);
        let Some(room) = room.filter(|room| !room.is_used()) else {
            return;
        };
        self.emptyings += 1;
        room.emptied = Some(self.emptyings);
        let empty = self
            .rooms
            .iter()
            .filter_map(|(name, room)| Some((room.emptied?, name)));
        let empty: Vec<_> = empty.collect();
        if empty.len() > self.limits.empty_rooms
            && let Some((_, oldest)) = empty.into_iter().min()
        {
            let oldest = oldest.clone();
            self.rooms.remove(&oldest);
            some.count(Sort::RoomForgotten);
        }
    }

    /// The rooms with somebody in them.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(|room| !room.members.is_empty())
    }

    /// The rooms with somebody in them, or somebody who listens.
    pub(super) fn used(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(|room| room.is_used())
    }

    /// The name of a room as it is spelled, with the `#`.
    pub(super) fn name(&self, folded: &str) -> Arc<str> {
        let room = self.rooms.get(folded);
        room.map_or_else(
            || format!("#{folded}").into(),
            |room| Arc::clone(&room.name),
        )
    }

    pub(crate) fn remember(&mut self, name: &str, event: RoomEvent, some: &mut Sometimes) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        room.memory_bytes += event.weight;
        room.memory.push_back(event);
        while room.memory.len() > self.limits.memory_messages
            || room.memory_bytes > self.limits.memory_bytes
        {
            let Some(forgotten) = room.memory.pop_front() else {
                break;
            };
            room.memory_bytes -= forgotten.weight;
            some.count(Sort::MemoryFull);
        }
    }
}

impl Room {
    pub(super) fn is_used(&self) -> bool {
        !self.members.is_empty() || !self.listeners.is_empty()
    }

    /// Forgets what it remembers from before a message; everything, if that is none. Returns how much memory all
    /// took at most, and how many it was that are forgotten.
    pub(super) fn forgets_before(&mut self, first: Option<u64>) -> (usize, usize) {
        let takes = self.memory_bytes + self.memory.len() * 256;
        let mut forgotten = 0;
        while let Some(event) = self.memory.front()
            && (first.is_none() || event.number < first)
        {
            self.memory_bytes -= event.weight;
            self.memory.pop_front();
            forgotten += 1;
        }
        (takes, forgotten)
    }

    /// All that it remembers, oldest first.
    pub(super) fn memory(&self) -> impl DoubleEndedIterator<Item = &RoomEvent> {
        self.memory.iter()
    }
}
