//! When connections have to be closed, or asked for a sign of life, because nothing comes of them.
//!
//! The model does not set timers. It is shown the clocks of all connections whenever anything happens, however busy
//! everybody is, and knows until when each of them may have been left as it is.

use super::detect::{Detection, GREETING};
use super::person::{OBEDIENCE, Person, Presence};
use super::promise::Promise;
use super::{Id, Model};

/// How often the clocks of all connections are looked at, in nanoseconds, if anything happens.
const EVERY: u64 = 20_000_000;

/// What the network knows of a connection, as the server's end sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// When something was read last.
    pub(crate) heard_at: u64,
    /// Since when there has been no room for what is written, if there is none.
    pub(crate) blocked_at: Option<u64>,
}

impl Model {
    /// Whether it is time to look at all clocks again.
    pub(crate) fn wants_clocks(&self) -> bool {
        self.now >= self.next_look
    }

    /// Checks that nobody is there still who was due to time out, and that all have been pinged who were due.
    pub(crate) fn sees_clocks(&mut self, clocks: impl Fn(Id) -> Option<Clocks>) {
        self.next_look = self.now + EVERY;
        let ids = self.people.iter().map(|(&id, person)| (id, person));
        let late = ids
            .filter(|(_, person)| person.presence == Presence::Open)
            .find_map(|(id, person)| Some((id, self.lateness(id, person, clocks(id)?)?)));
        if let Some((id, what)) = late
            && !self.cutting_off
        {
            let detail = format!("connection {id} {what}");
            self.breaks(Promise::TimeOut, detail);
        }
    }

    /// What was due for a connection long ago, if anything was.
    fn lateness(&self, id: Id, person: &Person, clocks: Clocks) -> Option<&'static str> {
        if !person.listens || person.excused || person.order.is_some() || person.session.is_none() {
            return None;
        }
        let is_late = |due: u64| self.now > due + OBEDIENCE;
        let limits = &self.limits;
        if let (Some(blocked_at), Some(write)) = (clocks.blocked_at, limits.write)
            && is_late(blocked_at.max(person.opened_at) + write)
        {
            return Some("takes nothing and was not closed");
        }
        if person.detection == Detection::Silent && is_late(person.opened_at + GREETING) {
            return Some("has said nothing and was not greeted");
        }
        if !self.is_registered(id) {
            let due = person.opened_at + limits.registration;
            return (!person.waits && is_late(due.max(person.stranger_at)))
                .then_some("has not introduced itself and was not closed");
        }
        // Who has closed is not pinged, and who may be held back for a rate is not silent.
        let is_silent = !person.finished && (limits.rate == 0 || person.is_heard_out());
        let idle = limits.idle.filter(|_| is_silent)?;
        let read_at = clocks.heard_at.max(person.opened_at);
        let since = match limits.rate {
            0 => read_at,
            // Who was held back counts as heard when let go, and was heard then.
            _ => read_at.max(person.framed_at),
        };
        if is_late((since + idle).max(person.stranger_at)) {
            return Some("is silent and was not closed");
        }
        let pinged = person.pinged_at.is_some_and(|at| at >= read_at);
        (!pinged && is_late((since + idle / 2).max(person.stranger_at)))
            .then_some("is silent and was not pinged")
    }

    /// The server hears a line of somebody: not of a stranger who has had time enough.
    pub(super) fn hears_in_time(&mut self, id: Id) {
        if self.is_registered(id) {
            return;
        }
        let (now, registration) = (self.now, self.limits.registration);
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        person.stranger_at = now;
        let due = person.opened_at + registration + OBEDIENCE;
        if person.presence == Presence::Open && person.order.is_none() && now > due {
            let detail =
                format!("connection {id} has not introduced itself in time, and is still heard");
            self.breaks(Promise::TimeOut, detail);
        }
    }
}
