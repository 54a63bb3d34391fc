//! The hub: all rooms and nicks of one server, and the way of a message to everyone who gets it.
//!
//! Synchronous, with short locks that are never held across an `.await`: the directory of nicks and
//! rooms is never held together with another; of the others, a room is locked before the outboxes of
//! its members, one at a time. Connections are woken after all of them are released.

mod arrivals;
mod builder;
mod coalescing;
mod config;
mod control;
mod directory;
mod error;
mod outbox;
mod presence;
mod resume;
mod room;
mod subscription;

#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

pub use builder::HubBuilder;
use coalescing::{Coalescing, KeptOnDrop};
pub use config::{HubConfig, OutboxLimits, SlowConsumer};
pub use control::NoSuchRoom;
use directory::Directory;
pub use error::HubError;
use outbox::Bounds;
pub(crate) use outbox::{Closing, Outbox, Outgoing, Queue, Rest, Wakes};
pub(crate) use presence::Presence;
use resume::Resumables;
pub use resume::ResumeToken;
use room::{Member, Seat};
pub use room::{Occupant, Role, RoomView};
pub use subscription::Subscription;

use crate::event::{CloseReason, SessionId, SharedEvent, Who};
use crate::memory::Memory;
use crate::metrics::{Levels, Metrics};
use crate::name::{Nick, RoomName};
use crate::policy::Policy;
use crate::runtime::{Runtime, RuntimeExt, Sleep};

/// All rooms and nicks of one server. Cheap to clone: clones are the same hub.
///
/// What one does in a hub, one does as a [`Session`](crate::session::Session): a person by way of a
/// [protocol](crate::protocol), a program directly. What a program does without being somebody, such as closing a
/// room, are methods of the hub.
///
/// # Examples
///
/// ```no_run
/// # fn example(runtime: std::sync::Arc<dyn chat_core::runtime::Runtime>) {
/// use chat_core::hub::{Hub, HubConfig};
///
/// let hub = Hub::new(runtime, HubConfig::default());
/// for room in hub.rooms() {
///     println!("{} has {} members", room.name, room.members);
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Arc<dyn Runtime>,
    config: HubConfig,
    policy: Arc<dyn Policy>,
    /// Whether somebody has given it, so that its decisions are worth measuring.
    has_policy: bool,
    token_bits: Box<dyn Fn() -> Option<u128> + Send + Sync>,
    metrics: Option<Metrics>,
    bounds: Arc<Bounds>,
    directory: Mutex<Directory>,
    resumables: Resumables,
    coalescing: Coalescing,
    /// How many sessions are in several rooms. Who was put out of one counts until it enters or leaves another.
    in_several_rooms: AtomicUsize,
    last_session: AtomicU64,
}

/// A room that somebody is in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomSummary {
    /// Its name.
    pub name: RoomName,
    /// How many are in it.
    pub members: usize,
}

/// A hub, without keeping it.
#[derive(Clone)]
pub(crate) struct WeakHub(Weak<Shared>);

impl WeakHub {
    /// The hub, if anybody keeps it.
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(|shared| Hub { shared })
    }
}

impl Hub {
    /// A hub with no rooms and nobody in it, where everything is allowed. It dates messages by the
    /// runtime's wall clock.
    pub fn new(runtime: Arc<dyn Runtime>, config: HubConfig) -> Self {
        Self::builder(runtime).config(config).build()
    }

    /// Puts a hub together that is more than [`new`](Self::new) makes.
    pub fn builder(runtime: Arc<dyn Runtime>) -> HubBuilder {
        HubBuilder::new(runtime)
    }

    /// A hub where `policy` decides what is allowed.
    pub fn with_policy(
        runtime: Arc<dyn Runtime>,
        config: HubConfig,
        policy: Arc<dyn Policy>,
    ) -> Self {
        Self::builder(runtime).config(config).policy(policy).build()
    }

    /// A hub that makes its [resume tokens](ResumeToken) of the bits that `token_bits` returns, for
    /// simulations. Without bits, sessions cannot be resumed. Anywhere else nobody must be able to predict them.
    pub fn with_token_source(
        runtime: Arc<dyn Runtime>,
        config: HubConfig,
        policy: Arc<dyn Policy>,
        token_bits: impl Fn() -> Option<u128> + Send + Sync + 'static,
    ) -> Self {
        let builder = Self::builder(runtime).config(config).policy(policy);
        builder.token_source(token_bits).build()
    }

    /// The rooms with somebody in them, by name.
    pub fn rooms(&self) -> Vec<RoomSummary> {
        let rooms = self.directory().rooms();
        let summary = |(name, members)| RoomSummary { name, members };
        rooms.into_iter().map(summary).collect()
    }

    /// How many bytes are in use of [`HubConfig::max_memory`].
    pub fn memory_used(&self) -> usize {
        self.shared.bounds.memory.used()
    }

    /// How it was configured.
    pub fn config(&self) -> &HubConfig {
        &self.shared.config
    }

    /// The same hub, which is gone once nobody else keeps it.
    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.shared))
    }

    pub(crate) fn wall_clock(&self) -> SystemTime {
        self.shared.runtime.wall_clock()
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.shared.bounds.memory
    }

    pub(crate) fn now(&self) -> Instant {
        self.shared.runtime.now()
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.shared.runtime.sleep(duration)
    }

    pub(crate) fn policy(&self) -> &dyn Policy {
        &*self.shared.policy
    }

    /// What counts, if anything does.
    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.shared.metrics.as_ref()
    }

    /// The time, for something to be measured, if anybody wants to know.
    pub(crate) fn start_of_fan_out(&self) -> Option<Instant> {
        self.metrics().map(|_| self.now())
    }

    /// Counts a message to a room that everybody has been given and woken for since then.
    pub(crate) fn fanned_out(&self, started: Option<Instant>) {
        if let (Some(metrics), Some(started)) = (self.metrics(), started) {
            metrics.fanned_out(self.now() - started);
        }
    }

    /// The time, for what the policy is asked to be measured, which is worth measuring if there is one.
    pub(crate) fn start_of_decision(&self) -> Option<Instant> {
        let measured = self.shared.has_policy && self.metrics().is_some();
        measured.then(|| self.now())
    }

    /// Wakes whoever got something, and counts how the outboxes took it.
    pub(crate) fn wake(&self, mut wakes: Wakes) {
        let shared = &self.shared;
        let delay = shared.config.presence_delay;
        let rooms_wait = wakes.take_rooms_wait();
        if delay.is_zero() {
            if rooms_wait {
                shared.coalescing.announce_at_last(&mut wakes);
            }
            return shared.wake(wakes);
        }
        let outboxes = wakes.take_later();
        if (rooms_wait || !outboxes.is_empty()) && shared.coalescing.add(&outboxes) {
            let delay = shared.runtime.sleep(delay);
            let promise = KeptOnDrop(self.downgrade());
            let keep = async move {
                delay.await;
                drop(promise);
            };
            shared.runtime.spawn(keep).detach();
        }
        shared.wake(wakes);
    }

    /// Queues for everyone who came into their rooms, before something happens that is not heard in one room alone: a private message
    /// or an order to close.
    pub(crate) fn announce_arrivals(&self) {
        self.announce_arrivals_but_in(None);
    }

    /// The same before something happens that is heard in one room alone, if anybody would notice. That room announces itself who came
    /// there.
    pub(crate) fn keep_order_between_rooms(&self) {
        self.keep_order_between_rooms_but(None);
    }

    /// The same but for one room: for one more arrival there.
    fn keep_order_between_rooms_but(&self, room: Option<&Arc<room::Room>>) {
        if self.has_order_between_rooms() {
            self.announce_arrivals_but_in(room);
        }
    }

    /// Whether anybody can tell what happened first in two rooms: somebody who is in both.
    ///
    /// Whoever enters a second room is counted first, then announces who came into the rooms so far, and then hears what happens
    /// there. So if this says no, those who came before are announced by the time that anybody is in several rooms.
    pub(crate) fn has_order_between_rooms(&self) -> bool {
        self.shared.in_several_rooms.load(Ordering::SeqCst) > 0
    }

    /// Counts a session among those in several rooms, or no longer.
    pub(crate) fn count_in_several_rooms(&self, is_in_several: bool) {
        let count = &self.shared.in_several_rooms;
        match is_in_several {
            true => count.fetch_add(1, Ordering::SeqCst),
            false => count.fetch_sub(1, Ordering::SeqCst),
        };
    }

    fn announce_arrivals_but_in(&self, room: Option<&Arc<room::Room>>) {
        if self.shared.bounds.has_unannounced() {
            let mut wakes = Wakes::default();
            self.shared.coalescing.announce_first(room, &mut wakes);
            self.wake(wakes);
        }
    }

    /// Lets the policy see what happened, if anything did.
    pub(crate) fn observe(&self, event: Option<Arc<SharedEvent>>) {
        let Some(event) = event else {
            return;
        };
        let policy = &self.shared.policy;
        let observed = catch_unwind(AssertUnwindSafe(|| policy.observe(event.event())));
        if observed.is_err() {
            tracing::error!("the policy panicked at what it observed");
        }
    }

    /// From now on the session with this outbox can be resumed with the token that is returned; with
    /// none, where there are no random bits to make one of.
    pub(crate) fn issue_token(
        &self,
        session: SessionId,
        outbox: &Arc<Outbox>,
    ) -> Option<ResumeToken> {
        let token = ResumeToken::from_bits((self.shared.token_bits)()?);
        let resumables = &self.shared.resumables;
        resumables.insert(token, session, Arc::clone(outbox));
        Some(token)
    }

    pub(crate) fn forget_token(&self, token: &ResumeToken) {
        self.shared.resumables.forget(token);
    }

    /// Keeps somebody who has lost the connection for a while.
    pub(crate) fn park(&self, token: ResumeToken, presence: Presence) {
        presence
            .outbox()
            .seal(CloseReason::PeerClosed.into(), Box::default());
        let limit = self.shared.config.max_parked;
        let Some(parking) = self.shared.resumables.park(token, presence, limit) else {
            return;
        };
        tracing::debug!("parked");
        if let Some(metrics) = self.metrics() {
            metrics.session_parked();
        }
        let grace = self.shared.runtime.sleep(self.shared.config.resume_grace);
        let hub = Arc::downgrade(&self.shared);
        let wait = self.shared.runtime.spawn(async move {
            grace.await;
            if let Some(shared) = hub.upgrade() {
                shared.resumables.expire(&token, parking);
            }
        });
        self.shared.resumables.end_with(&token, parking, wait);
    }

    /// Somebody who was parked, for the connection with `outbox`.
    pub(crate) fn claim_parked(
        &self,
        token: ResumeToken,
        outbox: Arc<Outbox>,
    ) -> impl Future<Output = Result<Presence, HubError>> + Send + 'static {
        let hub = self.clone();
        async move { hub.shared.resumables.claim(&hub, token, outbox).await }
    }

    pub(crate) fn move_nick(&self, nick: &Nick, session: SessionId, outbox: &Arc<Outbox>) {
        self.directory().move_to(nick, session, outbox);
    }

    /// Returns when whatever was being said in any room has reached everyone.
    pub(crate) fn settle(&self) {
        let rooms = self.directory().all_rooms();
        let mut wakes = Wakes::default();
        rooms.iter().for_each(|room| room.settle(&mut wakes));
        self.wake(wakes);
    }

    pub(crate) fn new_session(&self) -> (SessionId, Arc<Outbox>) {
        let id = self.shared.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        (SessionId(id), self.new_outbox())
    }

    pub(crate) fn new_outbox(&self) -> Arc<Outbox> {
        Arc::new(Outbox::new(&self.shared.bounds))
    }

    pub(crate) fn claim_nick(
        &self,
        nick: &Nick,
        session: SessionId,
        outbox: &Arc<Outbox>,
    ) -> Result<(), HubError> {
        if *nick == self.shared.config.server_nick {
            return Err(HubError::NickTaken(self.shared.config.server_nick.clone()));
        }
        self.directory().claim(nick, session, outbox)
    }

    pub(crate) fn claim_guest_nick(&self, session: SessionId, outbox: &Arc<Outbox>) -> Nick {
        self.directory().claim_guest(session, outbox)
    }

    pub(crate) fn release_nick(&self, nick: &Nick) {
        self.directory().release(nick);
    }

    pub(crate) fn find_nick(&self, nick: &Nick) -> Result<(Nick, Arc<Outbox>), HubError> {
        let found = self.directory().find(nick);
        found.ok_or_else(|| HubError::NoSuchNick(nick.clone()))
    }

    /// Keeps a seat in a room, to be [taken](Reservation::sit).
    pub(crate) fn reserve(&self, name: &RoomName) -> Result<Reservation, HubError> {
        let shared = &self.shared;
        let (room, first) = self
            .directory()
            .enter(name, &shared.config, &shared.bounds.memory)?;
        Ok(Reservation {
            room,
            role: if first { Role::Operator } else { Role::Member },
        })
    }

    /// Counts a seat in `room` as free again, after it was left.
    pub(crate) fn free_seat(&self, room: &Arc<room::Room>) {
        self.directory().exit(room, self.shared.config.empty_rooms);
    }

    fn stop_listening(&self, room: &Arc<room::Room>) {
        let keep = self.shared.config.empty_rooms;
        self.directory().stop_listening(room, keep);
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        // Nothing in this module can panic while it holds the lock.
        self.shared
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Wakes whoever got something, those too that may be woken later, and counts how the outboxes took it.
    fn wake(&self, wakes: Wakes) {
        if let Some(metrics) = &self.metrics {
            metrics.queued(wakes.dropped, wakes.peak);
        }
        wakes.wake();
    }

    /// How much there is of everything. No two locks are held at the same time, so what is told may never
    /// have been true of one moment.
    fn levels(&self) -> Levels {
        let directory = self.directory.lock();
        let (mut levels, outboxes) = directory.unwrap_or_else(PoisonError::into_inner).levels();
        for outbox in outboxes {
            let level = outbox.level();
            levels.queued += level;
            levels.fullest = levels.fullest.max(level);
        }
        levels.parked = self.resumables.parked();
        levels.memory = self.bounds.memory.used();
        levels.max_memory = self.config.max_memory;
        levels
    }
}

/// A seat that is kept for a session on its way into a room, so that the room cannot be forgotten
/// meanwhile.
pub(crate) struct Reservation {
    room: Arc<room::Room>,
    role: Role,
}

impl Reservation {
    /// Lets those who are going to hear of the arrival hear first what happened before in other rooms.
    pub(crate) fn keep_order_between_rooms(&self, hub: &Hub) {
        if self.room.is_heard() {
            hub.keep_order_between_rooms_but(Some(&self.room));
        }
    }

    /// Takes the seat; `None` if the room was closed meanwhile.
    pub(crate) fn sit(
        self,
        hub: &Hub,
        who: Who,
        outbox: &Arc<Outbox>,
        wakes: &mut Wakes,
    ) -> Option<(Seat, Arc<SharedEvent>)> {
        let member = Member::new(who, self.role, outbox);
        self.room.join(member, &hub.shared.coalescing, wakes)
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
