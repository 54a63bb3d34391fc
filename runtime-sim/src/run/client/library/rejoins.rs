//! That a client tells of each room that it enters again in a new session.

use std::collections::BTreeMap;

use chat_core::name::RoomName;

use super::tap::Loss;
use crate::model::folded;

/// Which rooms a client has to tell of.
#[derive(Default)]
pub(super) struct Rejoins {
    /// The rooms that it was in when its last conversation ended, and whether it had asked to leave them.
    lost: BTreeMap<String, bool>,
    /// Those of which it has to tell once, as the session is another one now, and whether it must do so. It need not
    /// where it was leaving: nobody knows whether the server had heard of that.
    due: BTreeMap<String, bool>,
}

impl Rejoins {
    /// The connection is lost.
    pub(super) fn loses(&mut self, loss: Loss) {
        self.lost = loss.rooms;
    }

    /// The session goes on. What was due is so still, except of rooms that the client has been out of since.
    pub(super) fn resumes(&mut self) {
        let lost = &self.lost;
        self.due.retain(|room, must| {
            let leaving = lost.get(room);
            *must &= leaving == Some(&false);
            leaving.is_some()
        });
    }

    /// There is another session, and the client `rejoins` in it what it was in, or does not.
    pub(super) fn begins(&mut self, rejoins: bool) {
        let lost = std::mem::take(&mut self.lost);
        let due = lost.into_iter().filter(|_| rejoins);
        self.due = due.map(|(room, leaving)| (room, !leaving)).collect();
    }

    /// The client tells what came of entering a room again. Returns whether it had to tell of that room, or might.
    pub(super) fn tells(&mut self, room: &RoomName) -> bool {
        self.due.remove(&folded(room.as_str())).is_some()
    }

    /// Whether nothing was tried that it has not told of.
    pub(super) fn are_told(&self) -> bool {
        self.due.is_empty()
    }

    /// A room that it should have told of.
    pub(super) fn untold(&self) -> Option<&str> {
        let mut due = self.due.iter();
        due.find_map(|(room, &must)| must.then_some(room.as_str()))
    }
}
