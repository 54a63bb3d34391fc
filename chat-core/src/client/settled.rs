use std::collections::{BTreeMap, BTreeSet};

use crate::name::RoomName;

/// Which of a client's messages have their answer, so that the server need not recognize them any more.
///
/// Messages go by the number in their name. Over one connection those of one room are said in the order of these. Not so
/// those whose answers were lost with a connection: one may have been refused and be said after another one that was said.
#[derive(Debug, Default)]
pub(super) struct Settled {
    rooms: BTreeMap<RoomName, InRoom>,
}

#[derive(Debug, Default)]
struct InRoom {
    /// Those that may be said again.
    open: BTreeSet<u64>,
    /// Those that were said, and of which the server has not been told that this is known.
    said: BTreeSet<u64>,
    /// Those up to this one that are open may have been said before any that was answered.
    unsure: u64,
}

impl Settled {
    /// A message is about to be said for the first time.
    pub(super) fn open(&mut self, room: &RoomName, number: u64) {
        let room = self.rooms.entry(room.clone()).or_default();
        room.open.insert(number);
    }

    /// A message will not be said again, and the server remembers it if it `was_said`.
    pub(super) fn close(&mut self, room: &RoomName, number: u64, was_said: bool) {
        let Some(in_room) = self.rooms.get_mut(room) else {
            return;
        };
        in_room.open.remove(&number);
        if was_said {
            in_room.said.insert(number);
        }
        if in_room.open.is_empty()
            && let Some(last) = in_room.said.pop_last()
        {
            in_room.said = BTreeSet::from([last]);
        }
    }

    /// The connection was lost, and answers with it.
    pub(super) fn lose_answers(&mut self) {
        for room in self.rooms.values_mut() {
            room.unsure = room.open.last().copied().unwrap_or_default();
        }
    }

    /// The last message in `room` that the server remembers and before which none is open, if the server
    /// has not been told of it. With it the server forgets all that was said before.
    pub(super) fn take(&mut self, room: &RoomName) -> Option<u64> {
        let in_room = self.rooms.get_mut(room)?;
        if in_room
            .open
            .first()
            .is_some_and(|&open| open <= in_room.unsure)
        {
            return None;
        }
        let end = in_room.open.first().copied().unwrap_or(u64::MAX);
        let later = in_room.said.split_off(&end);
        std::mem::replace(&mut in_room.said, later).last().copied()
    }

    /// The server remembers nothing: it is another session.
    pub(super) fn clear(&mut self) {
        self.rooms.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_settled_while_what_was_said_first_may_be_open() {
        let room = RoomName::general();
        let mut settled = Settled::default();
        (1..=2).for_each(|number| settled.open(&room, number));
        // The first was refused and the second said, and neither answer came; now the first is said, too.
        settled.lose_answers();
        settled.open(&room, 3);
        settled.close(&room, 1, true);
        assert_eq!(settled.take(&room), None, "it would forget the second");
        settled.close(&room, 2, true);
        assert_eq!(settled.take(&room), Some(2));
    }

    #[test]
    fn what_lies_before_the_first_open_message_is_settled() {
        let room = RoomName::general();
        let mut settled = Settled::default();
        (1..=5).for_each(|number| settled.open(&room, number));
        assert_eq!(settled.take(&room), None);
        settled.close(&room, 1, true);
        settled.close(&room, 2, false);
        settled.close(&room, 4, true);
        assert_eq!(settled.take(&room), Some(1));
        assert_eq!(settled.take(&room), None, "told already");
        settled.close(&room, 3, true);
        assert_eq!(settled.take(&room), Some(4));
        settled.close(&room, 5, false);
        assert_eq!(settled.take(&room), None);
        assert_eq!(settled.take(&RoomName::parse("other").unwrap()), None);
    }
}
