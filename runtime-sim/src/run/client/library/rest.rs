//! That a client and its server agree when nothing is under way between them.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_core::client::Client;
use chat_core::message::MessageKind;
use chat_core::runtime::RuntimeExt;

use super::{Program, Running, body};
use crate::model::{Id, Promise, Sort, folded};

/// For how long a server is waited for that may be gone.
const PEACE: Duration = Duration::from_secs(5);

impl Program {
    /// Looks whether the client is where the server has it, has told of all rooms that it entered again, and lets the
    /// server forget what it has said.
    ///
    /// All that can be said is what holds after a round trip over one connection, with no request open: the
    /// program of the hub has come to its end by then, and does nothing to anybody any more.
    pub(super) async fn comes_to_rest(&mut self) {
        let Some(running) = &self.client else {
            return;
        };
        if !running.requests.is_empty() || !running.client.is_connected() {
            return;
        }
        let runtime = self.runtime.clone();
        // Whether there is a server at all is not looked at here, nor how long it takes.
        let _ = runtime.timeout(PEACE, self.agrees()).await;
    }

    async fn agrees(&mut self) {
        // Where a rate is limited, what is said may have to wait, or be too much.
        if self.config.rate == 0 {
            self.lets_forget().await;
        }
        let Some(running) = &self.client else {
            return;
        };
        let Some(id) = running.round_trip().await else {
            return;
        };
        let rooms = rooms_of(&running.client);
        let mut model = self.stage.model();
        let Some(theirs) = model.rooms_of(id) else {
            return;
        };
        model.sometimes.count(Sort::LibraryRests);
        if rooms != theirs {
            let detail = format!(
                "client {} says that it is in {rooms:?}; the server has it in {theirs:?}",
                self.number
            );
            model.breaks(Promise::Rooms, detail);
        }
        running.pages.open().rests(&rooms, &mut model);
    }

    /// Says two things. With the second one the server is told that the first one is known to have been said, and it
    /// came after all others: only the second is to be recognized from then on.
    async fn lets_forget(&mut self) {
        let room = self.some_room();
        let Some(running) = &self.client else {
            return;
        };
        if !running.client.joined_rooms().contains(&room) {
            return;
        }
        let connection = running.lines.connection();
        for _ in 0..2 {
            let text = self.words.whole_text(10);
            self.stage.model().ledger.counts_once(&text);
            let answer = running.client.say(&room, MessageKind::Say, body(&text));
            let answer = answer.await;
            let is_said = answer.is_ok();
            let mut book = running.pages.open();
            book.is_answered(&text, answer, &mut self.stage.model());
            if !is_said {
                return;
            }
        }
        let mut model = self.stage.model();
        let known = connection.filter(|_| connection == running.lines.connection());
        let Some(kept) = known.and_then(|id| model.names_kept(id, room.as_str())) else {
            return;
        };
        if kept > 1 {
            let detail = format!(
                "client {} has all its answers, and the server has to remember {kept} names for it in {room}",
                self.number
            );
            model.breaks(Promise::Settles, detail);
        }
    }
}

impl Running {
    /// Waits until all that was sent before has its answer, and was handled with all that came before that. Returns the
    /// connection, if there was one all the time.
    async fn round_trip(&self) -> Option<Id> {
        let connection = self.lines.connection();
        self.client.ping().await.ok()?;
        connection.filter(|_| self.client.is_connected() && self.lines.connection() == connection)
    }
}

fn rooms_of(client: &Client) -> BTreeSet<String> {
    let rooms = client.joined_rooms().into_iter();
    rooms.map(|room| folded(room.as_str())).collect()
}
