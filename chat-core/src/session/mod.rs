//! A [`Session`]: somebody's presence in a hub, and what it asks for.

mod action;
mod handle;
mod pending;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub use action::{Action, Done, ParkedSession, Step};
pub use handle::SessionHandle;

use action::Allowed;
use pending::{Pending, Question};

use crate::event::{Heard, SessionId, SharedEvent};
use crate::hub::{Hub, HubError, Occupant, Outbox, Presence, ResumeToken, RoomView, Wakes};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::{Decision, Person};
use crate::runtime::Address;
use crate::store::{ClientId, HistoryRange};

/// Somebody's presence in a [`Hub`]: a nick, the rooms it is in, and the outbox where events wait for
/// it.
///
/// A protocol turns what its peer sends into [actions](Session::start), which the hub's
/// [`Policy`](crate::policy::Policy) has a say in, and into questions. A program that acts on its own
/// behalf calls the rest directly; nobody is asked then. What happened comes back as events, in the order
/// of the rooms, to the one who did it as well.
///
/// Dropping it is leaving without a word, unless it is [resumable](Session::make_resumable).
//
// In this order, so that what each delivery looks at is side by side.
#[repr(C)]
pub struct Session {
    /// Where events for this connection wait, also while the presence is another one's.
    outbox: Arc<Outbox>,
    pending: Option<Box<Pending>>,
    presence: Presence,
    peer: Option<Address>,
}

impl Session {
    /// Opens a session that has no nick and is in no room yet.
    ///
    /// Events wait for a connection that takes them. A session that nobody serves gets to hear what it
    /// missed at last, and is ordered to close when too many answers to its own commands wait.
    pub fn open(hub: &Hub) -> Self {
        let presence = Presence::new(hub);
        Self {
            outbox: Arc::clone(presence.outbox()),
            presence,
            peer: None,
            pending: None,
        }
    }

    /// Notes where the peer comes from, for the policy.
    pub fn set_peer(&mut self, address: Address) {
        self.peer = Some(address);
    }

    /// Asks the policy whether `action` is allowed, and does it if so.
    ///
    /// When that has to be waited for, nothing else is to be started before
    /// [`poll_done`](Session::poll_done) is ready.
    pub fn start(&mut self, action: Action) -> Step {
        if let Action::Say {
            room,
            client_id: Some(id),
            ..
        } = &action
            && let Some(number) = self.presence.number_of(room, id)
        {
            // Decided on when it was said for the first time.
            return Step::Done(Ok(Done::Said {
                number,
                duplicate: true,
            }));
        }
        let is_quit = matches!(action, Action::Quit { .. });
        let question = Question::about(&action, self.presence.hub());
        let asked = catch_unwind(AssertUnwindSafe(|| self.ask(action)));
        match asked.unwrap_or_else(|_| {
            tracing::error!(session = self.id().0, "the policy panicked");
            Asked::Now(Err(HubError::Undecided))
        }) {
            Asked::Now(verdict) => {
                if let Some(question) = question {
                    question.answered(self.presence.hub());
                }
                Step::Done(self.conclude(verdict, is_quit))
            }
            Asked::Later(verdict) => {
                let hub = self.presence.hub();
                let time_limit = hub.sleep(hub.config().decision_timeout);
                let pending = Pending::new(verdict, time_limit, is_quit, question);
                self.pending = Some(Box::new(pending));
                Step::Waiting
            }
        }
    }

    /// What came of the action that was [waited](Step::Waiting) for.
    ///
    /// # Panics
    ///
    /// When none is.
    pub fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<Result<Done, HubError>> {
        let pending = self.pending.as_mut().expect("an action that waits");
        let verdict = ready!(pending.poll(cx));
        let is_quit = pending.is_quit;
        if let Some(question) = self.pending.take().and_then(|pending| pending.question) {
            question.answered(self.presence.hub());
        }
        Poll::Ready(self.conclude(verdict, is_quit))
    }

    /// The next thing that the session hears, for a program that has it to itself and does not
    /// [serve](crate::connection) it; `None` once it is closed and all was heard.
    ///
    /// What it has done itself is heard too, in its place in the room's order.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(hub: chat_core::hub::Hub) -> Result<(), Box<dyn std::error::Error>> {
    /// use chat_core::event::Event;
    /// use chat_core::message::{Body, MessageKind};
    /// use chat_core::name::{Nick, RoomName};
    /// use chat_core::session::Session;
    ///
    /// let mut bot = Session::open(&hub);
    /// bot.take_nick(Nick::parse("greeter")?)?;
    /// bot.join(&RoomName::general())?;
    /// while let Some(heard) = bot.hear().await {
    ///     if let Some(Event::Joined { room, who }) = heard.event()
    ///         && who.session != bot.id()
    ///     {
    ///         bot.say(room, MessageKind::Say, Body::parse(&format!("hello, {}", who.nick))?)?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn hear(&mut self) -> impl Future<Output = Option<Heard>> + Send + '_ {
        std::future::poll_fn(|cx| self.poll_hear(cx))
    }

    /// As [`hear`](Session::hear), to be polled.
    pub fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.catch_up();
        self.outbox.poll_heard(cx)
    }

    /// Takes a nick: the first one or another one. Everybody in the session's rooms hears of it.
    ///
    /// # Errors
    ///
    /// [`HubError::NickTaken`].
    pub fn take_nick(&mut self, nick: Nick) -> Result<(), HubError> {
        self.presence.take_nick(nick)
    }

    /// Takes a free nick of the form `guest-<n>`, unless it has a nick.
    pub fn take_guest_nick(&mut self) -> &Nick {
        self.presence.take_guest_nick()
    }

    /// Enters a room, which is opened if there is none of that name.
    ///
    /// # Errors
    ///
    /// [`HubError::NotRegistered`], [`HubError::AlreadyIn`].
    pub fn join(&mut self, room: &RoomName) -> Result<(), HubError> {
        self.presence.enter(room, None)
    }

    /// Leaves the room `from` and enters `to`. When `to` cannot be entered, nothing is left.
    ///
    /// # Errors
    ///
    /// Those of [`join`](Session::join) and [`leave`](Session::leave).
    pub fn switch(&mut self, from: &RoomName, to: &RoomName) -> Result<(), HubError> {
        self.presence.enter(to, Some(from))
    }

    /// Leaves a room.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn leave(&mut self, room: &RoomName) -> Result<(), HubError> {
        self.presence.leave(room)
    }

    /// Leaves all rooms and gives up the nick, for good. What was queued before is still delivered.
    pub fn quit(&mut self, reason: Option<Body>) {
        self.presence.quit(reason);
    }

    /// Says or does something in a room. Returns the message's number.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn say(&self, room: &RoomName, kind: MessageKind, body: Body) -> Result<u64, HubError> {
        self.presence.say(room, kind, body)
    }

    /// Says something to one person. Whoever sent it gets no event of it.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchNick`], [`HubError::NotRegistered`], and [`HubError::RecipientFull`] or
    /// [`HubError::Away`] when the message could not be kept for the recipient; it was not accepted then.
    pub fn say_privately(&self, recipient: &Nick, body: Body) -> Result<(), HubError> {
        self.presence.say_privately(recipient, body)
    }

    /// Sets a room's topic, or takes it away.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`], [`HubError::NoMemory`].
    pub fn set_topic(&self, room: &RoomName, topic: Option<Body>) -> Result<(), HubError> {
        self.presence.set_topic(room, topic)
    }

    /// Notes that the message which was said in `room` as `id`, and all those that were said there before, will not
    /// be said again, so that their names need not be remembered.
    pub fn settle(&mut self, room: &RoomName, id: &ClientId) {
        self.presence.settle(room, id);
    }

    /// Sends the peer bytes of the protocol's own: the answer to a command, behind what is queued.
    pub fn reply(&self, bytes: impl Into<Box<[u8]>>) {
        self.catch_up();
        let mut wakes = Wakes::default();
        self.outbox.push_reply(bytes.into(), &mut wakes);
        wakes.wake();
    }

    /// As [`reply`](Session::reply), for an answer whose length depends on others.
    ///
    /// # Errors
    ///
    /// [`HubError::NoMemory`] when it takes more memory than there is to spare for one session, or more than may wait for
    /// it in any case; nothing is sent then.
    pub fn try_reply(&self, bytes: impl Into<Box<[u8]>>) -> Result<(), HubError> {
        let bytes = bytes.into();
        if !self.outbox.may_answer(bytes.len()) {
            return Err(HubError::NoMemory);
        }
        self.reply(bytes);
        Ok(())
    }

    /// As [`reply`](Session::reply), for an answer that tells what one of the session's rooms is like: it comes after
    /// all that has happened there, and before what happens next, the end of the membership included.
    ///
    /// `encode` is called while the room waits, so it must not wait for anything itself, nor ask this room's hub; the
    /// session cannot be asked meanwhile, as it is borrowed.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`]; nothing is sent then, and `encode` not called.
    pub fn reply_about<B: Into<Box<[u8]>>>(
        &mut self,
        room: &RoomName,
        encode: impl FnOnce(RoomView<'_>) -> B,
    ) -> Result<(), HubError> {
        self.presence.reply_about(room, |room| encode(room).into())
    }

    /// Queues who came into its rooms and was not announced yet: before anything is taken, and before an answer.
    pub(crate) fn catch_up(&self) {
        self.presence.catch_up();
    }

    /// From now on the session outlives its connection for a while: others see no leave, and whoever has
    /// the token that is returned can [become](Action::Resume) it. Without a token it cannot be resumed,
    /// because the system gave no random bits.
    pub fn make_resumable(&mut self) -> Option<ResumeToken> {
        let outbox = Arc::clone(&self.outbox);
        let presence = &mut self.presence;
        if presence.token.is_none() {
            presence.token = presence.hub().issue_token(presence.id(), &outbox);
        }
        presence.token
    }

    /// Becomes another session, whose nick and rooms it takes over. Of the rooms in `seen` it hears what
    /// came after the number there, as far as the room remembers it, and is told what the room does not.
    pub fn become_parked(&mut self, parked: ParkedSession, seen: &[(RoomName, u64)]) {
        let outbox = Arc::clone(&self.outbox);
        let mut presence = *parked.0;
        presence.account = presence.account.take().or(self.presence.account.take());
        presence.move_to(&outbox, seen);
        self.presence = presence;
        tracing::debug!(session = self.id().0, "resumed");
        if let Some(metrics) = self.hub().metrics() {
            metrics.session_resumed();
        }
    }

    /// Counts a request that the peer was told will not be granted, by a word that stays the same. There
    /// should be few of these words, and none that comes from the peer.
    ///
    /// For protocols; the ones in this library count every error that they answer with.
    pub fn count_refusal(&self, code: &'static str) {
        if let Some(metrics) = self.hub().metrics() {
            metrics.request_refused(code);
        }
    }

    /// Ends the session, or keeps it for a while where it can be resumed. What was queued before is still
    /// delivered, and nothing is queued any more.
    pub(crate) fn disconnect(&mut self) {
        let may_come_back = match self.outbox.closing() {
            None => true,
            Some(reason) => reason.lets_come_back(),
        };
        let token = self.presence.token.filter(|_| may_come_back);
        let Some(token) = token else {
            self.presence.quit(None);
            return;
        };
        let hub = self.presence.hub().clone();
        let successor = Presence::new(&hub);
        hub.park(token, std::mem::replace(&mut self.presence, successor));
    }

    /// What tells this session from others.
    pub fn id(&self) -> SessionId {
        self.presence.id()
    }

    /// What it is called, once it has introduced itself.
    pub fn nick(&self) -> Option<&Nick> {
        self.presence.nick()
    }

    /// Where its peer comes from, where that is known.
    pub(crate) fn peer(&self) -> Option<&Address> {
        self.peer.as_ref()
    }

    /// Whose it is, once it has logged in.
    pub fn account(&self) -> Option<&str> {
        self.presence.account.as_deref()
    }

    /// The rooms it is in, in the order in which it entered them.
    pub fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        self.presence.rooms()
    }

    /// Who is in one of the session's rooms, by nick.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn occupants(&self, room: &RoomName) -> Result<Vec<Occupant>, HubError> {
        self.presence.occupants(room)
    }

    /// At most `count` of the messages that one of the session's rooms remembers, oldest first.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`], [`HubError::NoMemory`].
    pub fn history(
        &self,
        room: &RoomName,
        range: HistoryRange,
        count: usize,
    ) -> Result<Vec<Arc<SharedEvent>>, HubError> {
        self.presence.room(room)?.history_to_send(range, count)
    }

    /// The topic of one of the session's rooms.
    ///
    /// # Errors
    ///
    /// [`HubError::NotIn`].
    pub fn topic(&self, room: &RoomName) -> Result<Option<Body>, HubError> {
        Ok(self.presence.room(room)?.topic())
    }

    /// The hub it is in.
    pub fn hub(&self) -> &Hub {
        self.presence.hub()
    }

    /// A way to close it from elsewhere.
    pub fn handle(&self) -> SessionHandle {
        SessionHandle {
            hub: self.hub().downgrade(),
            outbox: Arc::clone(&self.outbox),
        }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// What the policy says to `action`.
    fn ask(&self, action: Action) -> Asked {
        let presence = &self.presence;
        let policy = presence.hub().policy();
        match action {
            Action::Connect => policy
                .connect(self.peer.as_ref())
                .map(|()| Allowed::Connect)
                .into(),
            Action::LogIn(credentials) => policy
                .log_in(&self.person(), credentials)
                .map(Allowed::LogIn)
                .into(),
            Action::TakeNick(nick) => {
                let decision = policy.nick(&self.person(), &nick);
                decision.map(|()| Allowed::TakeNick(nick)).into()
            }
            Action::TakeGuestNick if presence.nick().is_some() => {
                Asked::Now(Ok(Allowed::TakeGuestNick))
            }
            Action::TakeGuestNick => policy
                .guest(&self.person())
                .map(|()| Allowed::TakeGuestNick)
                .into(),
            Action::Join { room, instead_of } => {
                let decision = policy.join(&self.person(), &room);
                decision.map(|()| Allowed::Join(room, instead_of)).into()
            }
            Action::Say {
                room,
                kind,
                body,
                client_id,
            } => {
                let decision = policy.message(&self.person(), &room, kind, body);
                decision
                    .map(move |body| Allowed::Say(room, kind, body, client_id))
                    .into()
            }
            Action::SayPrivately { recipient, body } => {
                let decision = policy.private_message(&self.person(), &recipient, body);
                decision
                    .map(|body| Allowed::SayPrivately(recipient, body))
                    .into()
            }
            Action::SetTopic { room, topic } => {
                let decision = policy.topic(&self.person(), &room, topic);
                decision.map(|topic| Allowed::SetTopic(room, topic)).into()
            }
            Action::Quit { reason: None } => Asked::Now(Ok(Allowed::Quit(None))),
            Action::Quit {
                reason: Some(reason),
            } => policy
                .quit(&self.person(), reason)
                .map(Allowed::Quit)
                .into(),
            Action::Resume(token) => {
                let claimed = presence.hub().claim_parked(token, Arc::clone(&self.outbox));
                Asked::Later(Box::pin(async move {
                    Ok(Allowed::Resume(Box::new(claimed.await?)))
                }))
            }
        }
    }

    /// Acts on what was said to an action.
    fn conclude(
        &mut self,
        verdict: Result<Allowed, HubError>,
        is_quit: bool,
    ) -> Result<Done, HubError> {
        match verdict {
            Err(_) if is_quit => self.perform(Allowed::Quit(None)),
            verdict => self.perform(verdict?),
        }
    }

    fn perform(&mut self, allowed: Allowed) -> Result<Done, HubError> {
        let presence = &mut self.presence;
        match allowed {
            Allowed::Connect => Ok(Done::Connected),
            Allowed::LogIn(account) => {
                presence.account = Some(account.as_str().into());
                Ok(Done::LoggedIn { account })
            }
            Allowed::TakeNick(nick) => presence.take_nick(nick).map(|()| Done::NickTaken),
            Allowed::TakeGuestNick => {
                presence.take_guest_nick();
                Ok(Done::NickTaken)
            }
            Allowed::Join(room, instead_of) => presence
                // It may have been taken out of the other room while it waited for the decision.
                .enter(&room, instead_of.as_ref().filter(|old| presence.is_in(old)))
                .map(|()| Done::Joined),
            Allowed::Say(room, kind, body, None) => {
                let number = presence.say(&room, kind, body)?;
                Ok(Done::Said {
                    number,
                    duplicate: false,
                })
            }
            Allowed::Say(room, kind, body, Some(id)) => {
                let (number, duplicate) = presence.say_once(&room, kind, body, id)?;
                Ok(Done::Said { number, duplicate })
            }
            Allowed::SayPrivately(recipient, body) => presence
                .say_privately(&recipient, body)
                .map(|()| Done::SaidPrivately),
            Allowed::SetTopic(room, topic) => {
                presence.set_topic(&room, topic.clone())?;
                Ok(Done::TopicSet { topic })
            }
            Allowed::Quit(reason) => {
                presence.quit(reason);
                Ok(Done::Quit)
            }
            Allowed::Resume(presence) => Ok(Done::Resumable(ParkedSession(presence))),
        }
    }

    fn person(&self) -> Person<'_> {
        Person {
            session: self.presence.id(),
            nick: self.presence.nick(),
            account: self.account(),
            peer: self.peer.as_ref(),
        }
    }
}

/// What the policy said.
enum Asked {
    Now(Result<Allowed, HubError>),
    Later(pending::Verdict),
}

impl From<Decision<Allowed>> for Asked {
    fn from(decision: Decision<Allowed>) -> Self {
        match decision {
            Decision::Now(verdict) => Self::Now(verdict.map_err(HubError::Denied)),
            Decision::Later(verdict) => {
                Self::Later(Box::pin(
                    async move { verdict.await.map_err(HubError::Denied) },
                ))
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.disconnect();
        self.outbox.keep_direct();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("nick", &self.nick())
            .field("rooms", &self.rooms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
