//! Sessions that outlive their connections.

use std::sync::Arc;

use chat_core::event::CloseReason;
use chat_core::hub::HubError;

use super::json::Resume;
use super::outbox::{Entry, Queue, RoomEvent};
use super::person::Order;
use super::promise::Promise;
use super::session::{Parking, SessionId, refusal};
use super::sometimes::Sort;
use super::telling::{Happening, Telling, Tongue};
use super::{Id, Model};

/// How many nanoseconds later than promised a session may be given up: timers may be late, and tasks held
/// back.
const SLACK: u64 = 1_000_000_000;

/// What a connection wants to become, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    token: Option<u128>,
    since: u64,
}

impl Claim {
    pub(super) fn token(self) -> Option<u128> {
        self.token
    }
}

impl Model {
    /// Random bits were drawn for a session that is to be resumable; `None` where there were none.
    pub(crate) fn draws(&mut self, bits: Option<u128>) {
        self.drawn = bits;
    }

    /// A session gets the token that was drawn last.
    pub(super) fn makes_resumable(&mut self, who: SessionId) {
        let drawn = self.drawn.take();
        if let Some(session) = self.sessions.get_mut(&who)
            && let Some(token) = drawn
        {
            session.token = Some(token);
            self.tokens.insert(token, who);
        }
    }

    /// A line has to wait for a decision.
    pub(crate) fn waits(&mut self, id: Id, text: Option<&[u8]>) {
        let now = self.now;
        if let Some(person) = self.people.get_mut(&id) {
            person.waits_since = now;
            person.waits = true;
        }
        if self.tongue_of(id) == Tongue::Text {
            // What is said is said to the room of this moment.
            let session = self.session_of(id).and_then(|who| self.sessions.get(&who));
            let room = session.and_then(|session| session.rooms().next());
            let name = room.map(|room| self.rooms.name(room));
            if let Some(person) = self.people.get_mut(&id) {
                person.room_then = name;
            }
            return;
        }
        // This does not wait, and is done even if the rest never is.
        if let Some((who, room, name)) = text.and_then(|text| self.settling(id, text)) {
            self.settles(who, &room, &name);
        }
        let resume = text.and_then(|text| self.asks_for(text));
        let since = self.now;
        if let (Some(resume), Some(person)) = (resume, self.people.get_mut(&id)) {
            let token = resume.token;
            person.claim = Some(Claim { token, since });
        }
    }

    /// A connection that waits has just looked for what it waits for, in vain. If that was a session, it
    /// is taken from whoever has it.
    pub(crate) fn looks_again(&mut self, id: Id) {
        let claim = self.people.get(&id).and_then(|person| person.claim);
        let Some(Claim {
            token: Some(token), ..
        }) = claim
        else {
            return;
        };
        let session = self
            .tokens
            .get(&token)
            .and_then(|who| self.sessions.get(who));
        let Some(session) = session else {
            let detail = format!("connection {id} waits for a session that there is not");
            return self.breaks(Promise::Resume, detail);
        };
        if session.parked.is_some() {
            let detail = format!("connection {id} does not get a session that nobody has");
            return self.breaks(Promise::Resume, detail);
        }
        let others = self.people.values();
        if others.filter(|person| person.wants(token)).count() > 1 {
            self.sometimes.count(Sort::Contended);
        }
        let now = self.now;
        if let Some(owner) = self.people.get_mut(&session.heard_by) {
            owner.is_ordered(Order::Superseded, now);
        }
    }

    /// A connection has done waiting for a session: it gets it, or `error` says why not.
    pub(super) fn done_waiting(&mut self, id: Id, resume: Resume, error: Option<&HubError>) {
        let claim = self
            .people
            .get_mut(&id)
            .and_then(|person| person.claim.take());
        let since = claim.map_or(self.now, |claim| claim.since);
        let who = resume
            .token
            .and_then(|token| self.tokens.get(&token))
            .copied();
        match (error, who) {
            (None, Some(who)) => self.comes_back(id, who, resume),
            (None, None) => {
                let detail = format!("connection {id} got a session that there is not");
                self.breaks(Promise::Resume, detail);
            }
            (Some(HubError::NotResumable), who) => {
                if let Some(who) = who {
                    let detail = format!("connection {id} does not get session {who}");
                    self.breaks(Promise::Resume, detail);
                }
                let refusal = self.knows_no_session();
                self.answers(id, &resume.request, Err(refusal));
            }
            (Some(HubError::Undecided), _) => {
                self.sometimes.count(Sort::ResumeUndecided);
                if self.now < since + self.limits.decision {
                    let detail = format!("connection {id} was not waited for");
                    self.breaks(Promise::Resume, detail);
                }
                let refusal = refusal("undecided", HubError::Undecided.to_string());
                self.answers(id, &resume.request, Err(refusal));
            }
            (Some(error), _) => {
                let detail = format!("connection {id} does not get its session: {error}");
                self.breaks(Promise::Resume, detail);
            }
        }
    }

    fn comes_back(&mut self, id: Id, who: SessionId, resume: Resume) {
        let Some(session) = self.sessions.get_mut(&who) else {
            return;
        };
        let Some(parking) = session.parked.take() else {
            let detail = format!("connection {id} got session {who}, which has an owner");
            return self.breaks(Promise::Resume, detail);
        };
        if self.now > parking.at + self.limits.grace + SLACK {
            let detail = format!("connection {id} got session {who} long after its time");
            return self.breaks(Promise::Resume, detail);
        }
        self.sometimes.count(Sort::Resumed);
        let before = std::mem::replace(&mut session.heard_by, id);
        let seats = session.seats.clone();
        session.seats.retain(|seat| seat.lost.is_none());
        let nick = session.nick.clone().unwrap_or_default();
        if seats.len() > 1 {
            self.sometimes.count(Sort::SeveralRooms);
        }
        let welcome = self.welcome(who, true);
        self.answers(id, &resume.request, Ok(welcome));
        let mut old = Queue::default();
        if let Some(owner) = self.people.get_mut(&before) {
            if owner.order == Some(Order::Superseded) {
                self.sometimes.count(Sort::TakenOver);
            }
            old = std::mem::take(&mut owner.queue);
        }
        let mut queue = match self.people.get_mut(&id) {
            Some(person) => {
                let own = person.session.replace(who);
                // It had neither nick nor rooms.
                own.and_then(|own| self.sessions.remove(&own));
                std::mem::take(&mut person.queue)
            }
            None => return,
        };
        if queue.inherit(&mut old) > 0 {
            self.sometimes.count(Sort::ResumedPrivate);
        }
        if let Some(owner) = self.people.get_mut(&before) {
            owner.queue = old;
        }
        for seat in seats {
            match seat.lost {
                None => self.catches_up(&mut queue, &seat.room, &resume.seen),
                Some(room) => {
                    self.sometimes.count(Sort::ResumedOut);
                    let happening = Happening::Kicked {
                        room: Arc::clone(&room),
                        nick: nick.as_str().into(),
                        reason: None,
                    };
                    queue.push_answer(Entry::Own(Telling::new(happening, self.wall)));
                }
            }
        }
        let now = self.now;
        if let Some(person) = self.people.get_mut(&id) {
            person.queue = queue;
            person.note_overflow(now);
        }
    }

    /// What a session has not seen of a room: what the room remembers, and a note of what it does not.
    fn catches_up(&mut self, queue: &mut Queue, room: &str, seen: &[(String, u64)]) {
        let share = self.least_share();
        let seen = seen.iter().find(|(name, _)| name == room);
        let (Some(&(_, seen)), Some(room)) = (seen, self.rooms.rooms.get(room)) else {
            return;
        };
        if seen >= room.last {
            return;
        }
        let unseen = room.memory().filter(|event| event.number > Some(seen));
        let unseen: Vec<_> = unseen.cloned().collect();
        let first = unseen.first().and_then(|event| event.number);
        let first = first.unwrap_or(room.last + 1);
        if first > seen + 1 {
            self.sometimes.count(Sort::ResumedGap);
            queue.push_missed(&room.name, seen + 1, first - 1);
        }
        let notes = |queue: &Queue| {
            let missed = |entry: &&Entry| matches!(entry, Entry::Missed(_));
            queue.entries.iter().filter(missed).count()
        };
        let before = notes(queue);
        for event in unseen {
            self.sometimes.count(Sort::Replayed);
            // It is said anew as far as patience is concerned.
            let event = RoomEvent {
                at: self.now,
                ..event
            };
            queue.push_room(&event, &self.limits, share, &mut self.sometimes);
        }
        if notes(queue) > before || queue.overflowed {
            self.sometimes.count(Sort::ResumedOverflow);
        }
    }

    /// A connection lets go of its session, which is kept for a while or is gone.
    ///
    /// `reason` is why the connection is closed; what it was ordered first stands.
    pub(super) fn lets_go(&mut self, id: Id, reason: Option<&CloseReason>) {
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        person.claim = None;
        let Some(who) = person.session.take() else {
            return;
        };
        let may_come_back = match person.order {
            Some(Order::Shutdown | Order::Removed) => false,
            Some(Order::SlowConsumer | Order::Superseded) => true,
            None => reason.is_none_or(lets_come_back),
        };
        person.queue.closing = true;
        let parked = self
            .sessions
            .values()
            .filter(|s| s.parked.is_some())
            .count();
        let session = self.sessions.get_mut(&who);
        let Some(session) = session.filter(|session| may_come_back && session.token.is_some())
        else {
            return self.quits(who, None);
        };
        if parked >= self.limits.max_parked {
            self.sometimes.count(Sort::ParkedFull);
            return self.quits(who, None);
        }
        self.sometimes.count(Sort::Parked);
        self.parkings += 1;
        session.parked = Some(Parking {
            number: self.parkings,
            at: self.now,
        });
    }

    /// The time to come back begins for the session that is let go of in this step. Returns the number of
    /// the parking.
    pub(crate) fn begins_grace(&mut self) -> u64 {
        self.graces += 1;
        self.graces
    }

    /// The time to come back is over for a session that was kept.
    pub(crate) fn expires(&mut self, number: u64) {
        let expired = self.sessions.iter().find(|(_, session)| {
            session
                .parked
                .is_some_and(|parking| parking.number == number)
        });
        let Some((&who, session)) = expired else {
            let detail = format!("the time of parking {number} is over, which nobody waits for");
            return self.breaks(Promise::Resume, detail);
        };
        let at = session.parked.map_or(0, |parking| parking.at);
        if self.now < at + self.limits.grace {
            let detail = format!("session {who} is given up before its time");
            self.breaks(Promise::Resume, detail);
        }
        self.sometimes.count(Sort::Expired);
        self.quits(who, None);
    }

    /// Something is said again that had no answer.
    pub(crate) fn says_again(&mut self) {
        self.sometimes.count(Sort::SaidAgain);
    }

    /// Whether sessions wait for a connection.
    pub(crate) fn keeps_somebody(&self) -> bool {
        let mut sessions = self.sessions.values();
        sessions.any(|session| session.parked.is_some())
    }

    /// Checks that no session is kept for longer than promised.
    pub(crate) fn keeps_nobody_for_ever(&mut self) {
        let limit = self.limits.grace + SLACK;
        let forgotten = self.sessions.iter().find(|(_, session)| {
            session
                .parked
                .is_some_and(|parking| self.now > parking.at + limit)
        });
        if let Some((who, session)) = forgotten {
            let detail = format!("session {who} is kept for ever: {session:?}");
            self.breaks(Promise::Resume, detail);
        }
    }
}

/// Whether a session that is closed for this may be resumed, as the table of closing codes has it.
fn lets_come_back(reason: &CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::PeerClosed
            | CloseReason::Idle(_)
            | CloseReason::SlowConsumer
            | CloseReason::Stalled(_)
            | CloseReason::Superseded
    )
}
