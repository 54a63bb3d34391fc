//! Which protocol a connection speaks, where that is up to its client.

use chat_core::protocol::TextProtocol;

use super::person::Presence;
use super::promise::Promise;
use super::sometimes::Sort;
use super::telling::Tongue;
use super::{Id, Model, json};

/// How many nanoseconds a client may say nothing before it is greeted as a person.
pub(super) const GREETING: u64 = 300_000_000;

/// What is known of what a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detection {
    /// Nothing: neither side has said anything.
    Silent,
    /// It was greeted as a person, and has not been heard yet.
    Greeted,
    /// It was greeted as a person, and what it says first begins as a request does.
    Doubtful,
    /// Everything.
    Done,
}

impl Detection {
    /// Of a client that has just connected to where a protocol is spoken, or to where both are.
    pub(super) fn of(tongue: Option<Tongue>) -> Self {
        match tongue {
            Some(_) => Self::Done,
            None => Self::Silent,
        }
    }
}

impl Model {
    /// The server greets a client that has said nothing for a moment.
    pub(crate) fn greets(&mut self, id: Id) {
        let now = self.now;
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        let is_due = now >= person.opened_at + GREETING;
        if person.detection != Detection::Silent || !is_due {
            let detail = format!("connection {id} is greeted, and that is not due");
            return self.breaks(Promise::TimeOut, detail);
        }
        person.detection = Detection::Greeted;
        // It may be late for a member already, and was none until now.
        person.stranger_at = now;
        self.sometimes.count(Sort::Greeted);
    }

    /// The server hears a client for the first time. The time to introduce itself begins anew. Tells whether the
    /// client comes in as a person by that.
    pub(crate) fn hears_first_byte(&mut self, id: Id, byte: u8) -> bool {
        let now = self.now;
        let Some(person) = self.people.get_mut(&id) else {
            return false;
        };
        person.opened_at = now;
        let sent = person.first_unheard();
        let (tongue, detection) = match (person.detection, byte) {
            (Detection::Silent, b'{') => (Tongue::Json, Detection::Done),
            (Detection::Greeted, b'{') => (Tongue::Text, Detection::Doubtful),
            (Detection::Silent | Detection::Greeted, _) => (Tongue::Text, Detection::Done),
            (Detection::Doubtful | Detection::Done, _) => (person.tongue, person.detection),
        };
        let comes_in = person.detection == Detection::Silent && tongue == Tongue::Text;
        person.tongue = tongue;
        person.detection = detection;
        person.note_unheard();
        if sent != Some(byte) {
            let detail = format!("connection {id}: {byte} is the first byte instead of {sent:?}");
            self.breaks(Promise::Frames, detail);
        }
        comes_in
    }

    /// The server handles a line, the first one perhaps of a client that may be a program after all: then it leaves
    /// as a person. Returns the line as it is to be handled.
    pub(crate) fn decides_by(&mut self, id: Id, line: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let now = self.now;
        let Some(person) = self.people.get_mut(&id) else {
            return line;
        };
        if person.detection != Detection::Doubtful {
            return line;
        }
        person.detection = Detection::Done;
        if !line.as_deref().is_some_and(json::is_request) {
            self.sometimes.count(Sort::Brace);
            return line.filter(|line| line.len() <= TextProtocol::MAX_LINE);
        }
        person.tongue = Tongue::Json;
        // If it has been too long about that, it is closed after this line.
        person.stranger_at = now;
        debug_assert_eq!(person.presence, Presence::Open);
        self.sometimes.count(Sort::Mistaken);
        if let Some(who) = self.session_of(id) {
            self.quits(who, None);
        }
        let session = self.new_session(id);
        if let Some(person) = self.people.get_mut(&id) {
            person.session = Some(session);
        }
        line
    }
}
