use std::collections::HashMap;

use slab::Slab;

use super::peer::Peer;

/// All rooms there have been, by number.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    numbers: HashMap<String, usize>,
    rooms: Vec<Room>,
}

#[derive(Debug)]
struct Room {
    name: String,
    members: Vec<usize>,
}

impl Rooms {
    /// The number of a room, which is opened if there is none of that name.
    pub(super) fn named(&mut self, name: &str) -> usize {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.rooms.len();
        self.numbers.insert(name.to_owned(), number);
        self.rooms.push(Room {
            name: name.to_owned(),
            members: Vec::new(),
        });
        number
    }

    pub(super) fn name(&self, room: usize) -> &str {
        &self.rooms[room].name
    }

    pub(super) fn members(&self, room: usize) -> &[usize] {
        &self.rooms[room].members
    }

    pub(super) fn enter(&mut self, room: usize, key: usize, peers: &mut Slab<Peer>) {
        let members = &mut self.rooms[room].members;
        peers[key].place = members.len();
        members.push(key);
    }

    /// Takes a peer out of the room that it is in.
    pub(super) fn leave(&mut self, key: usize, peers: &mut Slab<Peer>) {
        let Peer { room, place, .. } = peers[key];
        let members = &mut self.rooms[room].members;
        members.swap_remove(place);
        if let Some(&moved) = members.get(place) {
            peers[moved].place = place;
        }
    }
}
