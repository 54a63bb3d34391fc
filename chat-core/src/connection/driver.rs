//! A connection from its first poll to its last: what comes in is in `input`, what goes out in `output`, and
//! the clocks are in `watch`. `backlog` and `delays` are what only some connections have.

mod backlog;
mod delays;
mod input;
mod output;
mod watch;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use backlog::Backlog;
use delays::Delays;
use futures::io::{AsyncRead, AsyncWrite};
use output::Output;

use super::config::ConnectionConfig;
use super::error::ConnectionError;
use super::rate::Pace;
use super::scratch::Scratch;
use super::telemetry::Telemetry;
use crate::event::CloseReason;
use crate::framing::Lines;
use crate::hub::{Closing, Hub, HubError, Outbox, Rest};
use crate::memory::Charge;
use crate::protocol::{Flow, Protocol};
use crate::runtime::{Address, Alarm, Runtime, after};
use crate::session::{Action, Done, Session, SessionHandle, Step};

/// A connection as a future; made by [`serve_connection`](super::serve_connection).
///
/// Completes with the reason for which it was closed, once the peer has taken everything and was told
/// that nothing more comes, or with an error if that was not possible.
#[must_use = "a connection does nothing unless polled"]
//
// In this order, so that what each delivery looks at is side by side: a room of a thousand does not fit into a processor's
// caches, and a line of cache that is not touched leaves room for one of somebody else's.
#[repr(C)]
pub struct Connection<S, P> {
    stream: S,
    /// The session's; here too, because each poll looks at it. Tells as well whether the stream may have something to
    /// read.
    outbox: Arc<Outbox>,
    backlog: Option<Box<Backlog>>,
    delays: Option<Box<Delays>>,
    phase: Phase,
    /// Whether the peer has said that nothing more comes.
    ended: bool,
    /// Whether the stream was written to since it was last flushed.
    unflushed: bool,
    /// How many times in a row what is queued was left for the next poll, so that more may come together.
    times_held: u8,
    /// Whether the stream has taken something in this poll.
    progressed: bool,
    /// Whether nothing has changed that could be due since the alarm was set.
    knows_due: bool,
    /// Whether the peer has to take answers before it is heard again, when that was looked at last.
    deaf: bool,
    /// Whether the protocol knows the peer's first byte, and whether it knows that there was none for a
    /// moment.
    introduced: bool,
    greeted: bool,
    /// How many entries of the outbox were written together, the last time.
    usual: u32,
    /// How many were queued when they were left for the next poll.
    held: u32,
    /// Whether the peer was pinged since it was last heard, or was let be heard again.
    pinged: bool,
    telemetry: Telemetry,
    protocol: P,
    /// Of the memory of its buffers.
    charge: Charge,
    session: Session,
    // What follows is for those who are heard, and for what is due.
    lines: Lines,
    runtime: Arc<dyn Runtime>,
    config: Arc<ConnectionConfig>,
    opened_at: Instant,
    heard_at: Instant,
    /// How the peer keeps to the rate limit, if there is one, and how many bytes it has sent since its last frame.
    pace: Pace,
    unframed: usize,
    alarm: Option<Alarm>,
}

/// What comes at the end is in a box, so that all the others need no room for it.
enum Phase {
    /// Not polled yet.
    New,
    /// Waiting to be let in.
    Knocking,
    /// Talking.
    Open,
    /// Sending what is queued, and the last words.
    Draining(Box<Ending>),
    /// Telling the peer that nothing more comes.
    Closing(Box<Ending>),
    /// Throwing away what the peer still sends, until it closes too or has been silent for a while, here
    /// counted from [`Ending::closed_at`] on.
    Lingering(Box<Ending>),
    Done,
}

impl Phase {
    /// Whether it sends no more than what is queued.
    fn is_ending(&self) -> bool {
        matches!(
            self,
            Self::Draining(_) | Self::Closing(_) | Self::Lingering(_)
        )
    }
}

/// How a connection that is being closed ends.
#[derive(Clone)]
struct Ending {
    reason: CloseReason,
    deadline: Instant,
    /// When the peer was told that nothing more comes; before that, when it was decided to close.
    closed_at: Instant,
}

/// What one poll may still do, so that one busy connection does not starve the others.
struct Budget {
    bytes: usize,
    frames: usize,
    writes: usize,
}

impl Budget {
    const BYTES: usize = 64 * 1024;
    const FRAMES: usize = 32;

    fn new() -> Self {
        Self {
            bytes: Self::BYTES,
            frames: Self::FRAMES,
            writes: 8,
        }
    }

    /// Whether something was read or handled.
    fn is_touched(&self) -> bool {
        self.bytes < Self::BYTES || self.frames < Self::FRAMES
    }

    /// Whether more may be read.
    fn listens(&self) -> bool {
        self.frames > 0 && self.bytes > 0
    }
}

impl<S, P> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    pub(super) fn new(
        stream: S,
        protocol: P,
        hub: &Hub,
        runtime: &Arc<dyn Runtime>,
        config: Arc<ConnectionConfig>,
    ) -> Self {
        let now = runtime.now();
        let session = Session::open(hub);
        Self {
            lines: Lines::new(protocol.max_frame()),
            outbox: Arc::clone(session.outbox()),
            session,
            charge: Charge::new(hub.memory()),
            deaf: false,
            opened_at: now,
            heard_at: now,
            pinged: false,
            introduced: false,
            greeted: false,
            pace: Pace::new(now),
            unframed: 0,
            delays: None,
            progressed: false,
            runtime: Arc::clone(runtime),
            stream,
            protocol,
            config,
            phase: Phase::New,
            ended: false,
            backlog: None,
            unflushed: false,
            times_held: 0,
            usual: 0,
            held: 0,
            alarm: None,
            knows_due: false,
            telemetry: Telemetry::new(hub),
        }
    }

    fn poll_phases(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<CloseReason, ConnectionError>> {
        loop {
            if self.phase.is_ending() {
                self.outbox.leave_waker(cx.waker());
            }
            match &self.phase {
                Phase::New => {
                    self.phase = Phase::Knocking;
                    match self.session.start(Action::Connect) {
                        Step::Done(let_in) => self.enter(let_in),
                        Step::Waiting => {}
                    }
                }
                Phase::Knocking => {
                    let Poll::Ready(let_in) = self.session.poll_done(cx) else {
                        match self.outbox.fall_asleep(cx.waker(), false) {
                            Rest::Closing(closing) => self.start_closing(*closing),
                            Rest::Asleep => return Poll::Pending,
                            Rest::Awake => {
                                cx.waker().wake_by_ref();
                                return Poll::Pending;
                            }
                        }
                        continue;
                    };
                    self.enter(let_in);
                }
                Phase::Open => {
                    let closing = ready!(self.poll_open(cx, scratch))?;
                    self.start_closing(closing);
                }
                Phase::Draining(ending) => {
                    let ending = ending.clone();
                    if self.poll_drained(cx, scratch)?.is_pending() {
                        // A peer that cannot write, because nobody reads, may not read either.
                        let _ = self.poll_hung_up(cx, scratch);
                        return self.poll_cut_off(&ending);
                    }
                    self.phase = Phase::Closing(ending);
                }
                Phase::Closing(ending) => {
                    let ending = ending.clone();
                    match Pin::new(&mut self.stream).poll_close(cx) {
                        Poll::Ready(Ok(())) => {
                            self.outbox.set_drained();
                            let closed_at = self.runtime.now();
                            self.phase = Phase::Lingering(Box::new(Ending {
                                closed_at,
                                ..*ending
                            }));
                        }
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                        Poll::Pending => return self.poll_cut_off(&ending),
                    }
                }
                Phase::Lingering(ending) => {
                    let ending = ending.clone();
                    let closed_at = ending.closed_at;
                    if self.poll_hung_up(cx, scratch).is_pending() {
                        let patience = after(self.heard_at.max(closed_at), self.config.linger);
                        let limit = after(closed_at, self.config.close_timeout);
                        let deadline = ending.deadline.min(patience).min(limit);
                        if self.poll_deadline(deadline).is_pending() {
                            return Poll::Pending;
                        }
                    }
                    self.phase = Phase::Done;
                    return Poll::Ready(Ok(ending.reason));
                }
                Phase::Done => panic!("a connection was polled after it had completed"),
            }
        }
    }

    /// Opens the conversation, or closes the connection if the peer is not let in.
    fn enter(&mut self, let_in: Result<Done, HubError>) {
        if let Err(error) = let_in {
            self.start_closing(CloseReason::Denied(error.to_string()).into());
            return;
        }
        tracing::debug!("opened");
        self.phase = Phase::Open;
        // The policy may have taken its time, which is not the peer's.
        self.listen_anew();
        self.opened_at = self.heard_at;
        let flow = self.protocol.open(&mut self.session);
        if let Some(reason) = self.follow(flow) {
            self.start_closing(reason.into());
        }
    }

    fn follow(&mut self, flow: Flow) -> Option<CloseReason> {
        if !matches!(flow, Flow::Close(_)) {
            self.telemetry.update(&self.session, self.protocol.name());
        }
        match flow {
            Flow::Continue => None,
            Flow::Wait => {
                self.delays_mut().waiting_since = Some(self.runtime.now());
                None
            }
            Flow::Close(reason) => Some(reason),
        }
    }

    /// Lets bytes in and events out, until there is a reason to close.
    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<Closing, ConnectionError>> {
        let mut budget = Budget::new();
        let output = loop {
            let frames = budget.frames;
            if let Some(reason) = self.read(cx, scratch, &mut budget)? {
                return Poll::Ready(Ok(reason.into()));
            }
            let has_heard = budget.frames < frames;
            self.knows_due &= !budget.is_touched();
            if self.holds_back(has_heard) {
                // Others may be about to speak too. Then it takes one write instead of two.
                // If its own peer speaks meanwhile, it is polled at once: what is said is then heard before the others write who
                // hold back as well.
                self.outbox.leave_waker(cx.waker());
                self.runtime.wake_later(cx.waker());
                return Poll::Pending;
            }
            self.times_held = 0;
            let output = self.write(scratch, &mut budget)?;
            self.watch_for_stalling(&output);
            if self.is_calm() {
                break output;
            }
            self.knows_due = true;
            let Some((deadline, due)) = self.next_due() else {
                break output;
            };
            if self.poll_deadline(deadline).is_pending() {
                break output;
            }
            self.knows_due = false;
            if let Some(reason) = self.handle_due(due) {
                return Poll::Ready(Ok(reason.into()));
            }
        };
        let wants_events = output != Output::Blocked;
        let more = match self.outbox.fall_asleep(cx.waker(), wants_events) {
            Rest::Closing(closing) => return Poll::Ready(Ok(*closing)),
            Rest::Awake => true,
            Rest::Asleep => {
                output == Output::Exhausted || !budget.listens() || (self.deaf && !self.is_deaf())
            }
        };
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Lets the session go, and the queue end with the last words.
    fn start_closing(&mut self, closing: Closing) {
        tracing::debug!(reason = closing.reason.code(), "closing");
        self.telemetry.leaving();
        let within = closing.within.unwrap_or(self.config.close_timeout);
        let mut farewell = Vec::new();
        self.protocol.farewell(&closing.reason, &mut farewell);
        self.session.catch_up();
        // Whether the session may be resumed depends on the reason.
        self.outbox.seal(closing.clone(), Box::default());
        self.session.disconnect();
        self.outbox.seal(closing.clone(), farewell.into());
        self.take_unread();
        let now = self.runtime.now();
        self.phase = Phase::Draining(Box::new(Ending {
            reason: closing.reason,
            deadline: after(now, within),
            closed_at: now,
        }));
    }

    fn poll_drained(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> io::Result<Poll<()>> {
        Ok(match self.write(scratch, &mut Budget::new())? {
            Output::Empty => Poll::Ready(()),
            Output::Blocked => Poll::Pending,
            Output::Exhausted => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
    }

    /// Ends a connection whose peer does not take what is queued.
    fn poll_cut_off(&mut self, ending: &Ending) -> Poll<Result<CloseReason, ConnectionError>> {
        ready!(self.poll_deadline(ending.deadline));
        self.phase = Phase::Done;
        Poll::Ready(Err(ConnectionError::CutOff {
            reason: ending.reason.clone(),
        }))
    }

    /// Reads and throws away until the peer has closed too.
    ///
    /// A socket that is dropped earlier answers what the peer still sends with a reset, which destroys
    /// what the peer has not read yet.
    fn poll_hung_up(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<()> {
        for _ in 0..Budget::new().frames {
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scratch.input)) {
                Ok(read) if read > 0 => {
                    scratch.tally.received_bytes += read as u64;
                    self.heard_at = self.runtime.now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S, P> Connection<S, P> {
    /// Tells the hub's [`Policy`](crate::policy::Policy) where the peer comes from.
    pub fn with_peer(mut self, address: Address) -> Self {
        self.session.set_peer(address);
        self
    }

    /// A way to close the connection from elsewhere, without loss.
    pub fn handle(&self) -> SessionHandle {
        self.session.handle()
    }

    /// How many bytes of memory its own buffers take.
    pub(super) fn buffered(&self) -> usize {
        let backlog = self
            .backlog
            .as_ref()
            .map_or(0, |backlog| backlog.footprint());
        self.lines.buffered() + backlog
    }
}

impl<S, P> Future for Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    type Output = Result<CloseReason, ConnectionError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if matches!(this.phase, Phase::New) {
            this.telemetry.open_spans(&this.session);
        }
        let _entered = this.telemetry.enter();
        this.outbox.stir().answer();
        this.outbox.note_connection(this);
        let mut scratch = Scratch::take();
        let polled = this.poll_phases(cx, &mut scratch);
        this.telemetry.moved(&scratch.tally);
        let has_heard = scratch.tally.received_bytes > 0;
        scratch.give_back();
        if let Poll::Ready(ended) = &polled {
            this.phase = Phase::Done;
            // Whoever keeps the future does not keep the seat.
            this.session.disconnect();
            this.telemetry.ended(ended);
        }
        this.forget_backlog();
        this.forget_delays();
        // What is buffered was heard now or left over, or was there before.
        if has_heard || this.backlog.is_some() || !this.charge.is_empty() {
            let buffered = this.buffered();
            this.charge.set(buffered);
        }
        polled
    }
}

impl<S, P> Drop for Connection<S, P> {
    fn drop(&mut self) {
        // Before the telemetry, which is dropped earlier than the session and tells the end: by then everything has been left.
        self.session.disconnect();
    }
}

// Nothing in it is pinned in place.
impl<S: Unpin, P> Unpin for Connection<S, P> {}

impl<S, P> fmt::Debug for Connection<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
