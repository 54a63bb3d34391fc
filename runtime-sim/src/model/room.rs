use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::outbox::Limits;
use super::sometimes::{Sometimes, Sort};
use super::{Id, Line, folded};

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
    pub(crate) members: Vec<Id>,
    pub(crate) last: u64,
    memory: VecDeque<(Line, usize)>,
    memory_bytes: usize,
    /// When it became empty, of all times that a room did.
    emptied: Option<u64>,
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
            memory: VecDeque::new(),
            memory_bytes: 0,
            emptied: None,
        });
        if room.emptied.take().is_some() {
            some.count(Sort::RoomRemembered);
        }
    }

    /// Forgets the room that has been empty longest, if there are too many, after `name` was left.
    pub(crate) fn left(&mut self, name: &str, some: &mut Sometimes) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        if !room.members.is_empty() {
            return;
        }
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

    pub(crate) fn remember(&mut self, name: &str, line: Line, weight: usize, some: &mut Sometimes) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        room.memory.push_back((line, weight));
        room.memory_bytes += weight;
        while room.memory.len() > self.limits.memory_messages
            || room.memory_bytes > self.limits.memory_bytes
        {
            let Some((_, weight)) = room.memory.pop_front() else {
                break;
            };
            room.memory_bytes -= weight;
            some.count(Sort::MemoryFull);
        }
    }
}

impl Room {
    pub(crate) fn latest(&self, count: usize) -> impl Iterator<Item = &Line> {
        let skipped = self.memory.len().saturating_sub(count);
        self.memory.iter().skip(skipped).map(|(line, _)| line)
    }
}
