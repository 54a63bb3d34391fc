//! The reference model: what the server has to do, said once more and as plainly as possible, and compared
//! with what it does on every step of every run.
//!
//! The model is told of every frame that the server's protocol is handed ([`Witness`](crate::run)), in the
//! order in which it happens, which is the order of the hub, as there is one thread. From that alone it
//! knows what each session has to hear, what has to make way for it, and what the notice of that says. What
//! is encoded for a session, and what its client receives, must be exactly that, byte for byte.

mod detect;
mod json;
mod ledger;
mod memory;
mod outbox;
mod person;
mod program;
mod promise;
mod resume;
mod room;
mod ruling;
mod session;
mod sometimes;
mod standing;
mod telling;
mod text;
mod timeout;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use chat_core::hub::HubError;
use chat_core::protocol::Flow;
use ledger::Ledger;
use memory::InUse;

pub(crate) use outbox::Limits;
pub(crate) use person::{Person, Presence};
use program::Listener;
pub use promise::{Broken, Promise};
use room::Rooms;
use ruling::Kind;
pub(crate) use ruling::Ruling;
use session::{Session, SessionId};
pub use sometimes::{Sometimes, Sort};
pub(crate) use telling::Tongue;
pub(crate) use timeout::Clocks;

/// The number of a connection in the network.
pub(crate) type Id = u64;

/// Everything that the server should know and do.
pub(crate) struct Model {
    pub(crate) limits: Limits,
    pub(crate) rooms: Rooms,
    /// Who has which nick, by its folded spelling.
    pub(crate) nicks: BTreeMap<String, SessionId>,
    last_guest: u64,
    pub(crate) people: BTreeMap<Id, Person>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    last_session: SessionId,
    /// Whom each token is for, the random bits that were drawn for the next one, how many sessions were kept
    /// so far, and for how many of them the server has set its timer.
    tokens: BTreeMap<u128, SessionId>,
    drawn: Option<u128>,
    parkings: u64,
    graces: u64,
    /// The subscriptions of the program, and how many there were.
    pub(crate) listeners: BTreeMap<u64, Listener>,
    subscriptions: u64,
    pub(crate) ledger: Ledger,
    /// When connections came in, by who they come from.
    arrivals: BTreeMap<u32, VecDeque<u64>>,
    pub(crate) broken: Option<Broken>,
    pub(crate) sometimes: Sometimes,
    /// Nanoseconds of virtual time, as of the last step.
    pub(crate) now: u64,
    /// The same as the clock on the wall has it.
    pub(crate) wall: SystemTime,
    /// The connection whose frame is being handled.
    pub(crate) handling: Option<Id>,
    pub(crate) shutdown: bool,
    /// Whether the shutdown future is being polled, and has not given its orders yet.
    pub(crate) giving_orders: bool,
    /// Whether the server does not accept any more.
    pub(crate) stopping: bool,
    /// How long a shutdown may take that is under way, in nanoseconds.
    pub(crate) shutdown_within: Option<u64>,
    /// Whether connections may be dropped without a word.
    pub(crate) cutting_off: bool,
    /// When connections were turned away lately.
    turned_away: VecDeque<u64>,
    /// How many connections the server has a protocol for.
    pub(crate) witnesses: usize,
    /// How many errors the library is going to report because a hook panics.
    pub(crate) planned_errors: u64,
    /// What hooks have just said to what is being done, in the order in which they were asked.
    pub(crate) rulings: VecDeque<Ruling>,
    /// Whether a person who gets a nick has to wait for being let into the first room.
    pub(crate) entering_waits: bool,
    /// How much memory is in use, where that is bounded, and the rooms that remember something new.
    memory: InUse,
    grown: Vec<String>,
    /// Which connections are ordered to close because they are slow, where the model cannot know by itself.
    slow: BTreeSet<Id>,
    /// How much more often each kind of thing has happened than the policy has seen it.
    unobserved: BTreeMap<Kind, i64>,
    pub(crate) received: u64,
    pub(crate) accepted: u64,
    /// How long a message may take to whom nothing is wrong with, in nanoseconds, where that can be said.
    pub(crate) promptness: Option<u64>,
    /// When the clocks of all connections are looked at next.
    next_look: u64,
}

/// How many connections are told at the same time that they are turned away, and how long telling one may
/// take, in nanoseconds: the server's constants.
const TOLD_AT_A_TIME: usize = 64;
const TELLING: u64 = 1_000_000_000;

/// Bytes of the model's making, shared by all who get them.
pub(crate) type Line = Arc<[u8]>;

impl Model {
    pub(crate) fn new(limits: Limits, promptness: Option<u64>) -> Self {
        Self {
            memory: InUse::of(limits.max_memory),
            grown: Vec::new(),
            slow: BTreeSet::new(),
            rooms: Rooms::new(limits.clone()),
            limits,
            nicks: BTreeMap::new(),
            last_guest: 0,
            people: BTreeMap::new(),
            sessions: BTreeMap::new(),
            last_session: 0,
            tokens: BTreeMap::new(),
            drawn: None,
            parkings: 0,
            graces: 0,
            listeners: BTreeMap::new(),
            subscriptions: 0,
            ledger: Ledger::default(),
            arrivals: BTreeMap::new(),
            broken: None,
            sometimes: Sometimes::default(),
            now: 0,
            wall: SystemTime::UNIX_EPOCH,
            handling: None,
            shutdown: false,
            giving_orders: false,
            stopping: false,
            shutdown_within: None,
            cutting_off: false,
            turned_away: VecDeque::new(),
            witnesses: 0,
            planned_errors: 0,
            rulings: VecDeque::new(),
            entering_waits: false,
            unobserved: BTreeMap::new(),
            received: 0,
            accepted: 0,
            promptness,
            next_look: 0,
        }
    }

    /// The server handles a line of a client, or one that was too long. Returns what that means for the
    /// connection.
    pub(crate) fn handles(&mut self, id: Id, text: Option<&[u8]>) -> Flow {
        match self.tongue_of(id) {
            Tongue::Text => self.handles_text(id, text),
            Tongue::Json => self.handles_json(id, text),
        }
    }

    /// The server handles a line that had to wait. What came of it is an `error`, or what was asked for. Returns
    /// what that means for the connection.
    pub(crate) fn handles_late(
        &mut self,
        id: Id,
        text: Option<&[u8]>,
        error: Option<&HubError>,
    ) -> Flow {
        let resume = match self.tongue_of(id) {
            Tongue::Text => None,
            Tongue::Json => text.and_then(|text| self.asks_for(text)),
        };
        if let Some(resume) = resume {
            self.done_waiting(id, resume, error);
            return Flow::Continue;
        }
        let flow = self.handles(id, text);
        if let Some(person) = self.people.get_mut(&id) {
            person.room_then = None;
        }
        flow
    }

    fn tongue_of(&self, id: Id) -> Tongue {
        let person = self.people.get(&id);
        person.map_or(Tongue::Text, |person| person.tongue)
    }

    /// Notes that a connection is turned away.
    pub(crate) fn turns_away(&mut self) {
        self.turned_away.push_back(self.now);
        if self.turned_away.len() > TOLD_AT_A_TIME {
            self.turned_away.pop_front();
        }
    }

    /// Whether so many were turned away within the time that telling them may take, that others may be
    /// turned away without a word.
    pub(crate) fn turns_away_many(&self) -> bool {
        let first = self
            .turned_away
            .front()
            .filter(|_| self.turned_away.len() == TOLD_AT_A_TIME);
        first.is_some_and(|&at| self.now - at <= TELLING)
    }

    /// Notes that a promise was broken, unless another one was before.
    pub(crate) fn breaks(&mut self, promise: Promise, detail: impl Into<String>) {
        let at = self.now;
        self.broken.get_or_insert_with(|| Broken {
            promise,
            at: std::time::Duration::from_nanos(at),
            detail: detail.into(),
        });
    }
}

/// A name without regard to case.
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(crate) fn line(text: String) -> Line {
    text.into_bytes().into()
}
