//! How a client stands with the server, for those who compare that with what the client says.

use std::collections::BTreeSet;

use super::session::Session;
use super::{Id, Model, folded};

impl Model {
    /// The folded names of the rooms that a connection's session is in, if it has one that has introduced itself.
    pub(crate) fn rooms_of(&self, id: Id) -> Option<BTreeSet<String>> {
        Some(self.standing_of(id)?.rooms().cloned().collect())
    }

    /// How many of the names that a connection's session has given to what it said in a room have to be recognized.
    pub(crate) fn names_kept(&self, id: Id, room: &str) -> Option<usize> {
        let said = &self.standing_of(id)?.said;
        Some(said.get(&folded(room)).map_or(0, Vec::len))
    }

    fn standing_of(&self, id: Id) -> Option<&Session> {
        let session = self.sessions.get(&self.session_of(id)?);
        session.filter(|session| session.nick.is_some())
    }
}
