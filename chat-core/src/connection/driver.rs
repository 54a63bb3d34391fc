use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::io::{AsyncRead, AsyncWrite};
use thiserror::Error;

use super::alarm::Alarm;
use super::config::ConnectionConfig;
use super::rate::Pace;
use super::scratch::Scratch;
use crate::event::CloseReason;
use crate::framing::Lines;
use crate::hub::{Closing, Hub, HubError, Outgoing, Rest};
use crate::protocol::{Delivery, Flow, Protocol};
use crate::runtime::{Address, Runtime, after};
use crate::session::{Action, Done, Session, SessionHandle, Step};

/// A connection as a future; made by [`serve_connection`](super::serve_connection).
///
/// Completes with the reason for which it was closed, once the peer has taken everything and was told
/// that nothing more comes, or with an error if that was not possible.
#[must_use = "a connection does nothing unless polled"]
pub struct Connection<S, P> {
    stream: S,
    protocol: P,
    session: Session,
    runtime: Arc<dyn Runtime>,
    config: ConnectionConfig,
    phase: Phase,
    /// Whether the protocol waits for an action of the session.
    waiting: bool,
    /// Whether the peer has said that nothing more comes.
    ended: bool,
    lines: Lines,
    /// Input that has been read and not been handled yet; empty most of the time.
    unread: Vec<u8>,
    /// Output that the stream had no room for, and how much of it has gone since.
    unsent: Vec<u8>,
    sent: usize,
    /// Whether the stream was written to since it was last flushed.
    unflushed: bool,
    opened_at: Instant,
    heard_at: Instant,
    /// Whether the peer was pinged since it was last heard.
    pinged: bool,
    /// Whether the protocol knows the peer's first byte, and whether it knows that there was none for a
    /// moment.
    introduced: bool,
    greeted: bool,
    /// How the peer keeps to the rate limit, and how many bytes it has sent since its last frame.
    pace: Option<Pace>,
    unframed: usize,
    /// Until when nothing more is heard from a peer that is too fast, and since when there has always been
    /// more to hear than it may say.
    held_until: Option<Instant>,
    held_since: Option<Instant>,
    /// Whether the stream has taken something in this poll, and since when it has not while there was
    /// something to take.
    progressed: bool,
    stalled_since: Option<Instant>,
    alarm: Option<Alarm>,
}

enum Phase {
    /// Not polled yet.
    New,
    /// Waiting to be let in.
    Knocking,
    /// Talking.
    Open,
    /// Sending what is queued, and the last words.
    Draining(Ending),
    /// Telling the peer that nothing more comes.
    Closing(Ending),
    /// Throwing away what the peer still sends, until it closes too or has been silent for a while, here
    /// counted from this instant on.
    Lingering(Ending, Instant),
    Done,
}

/// How a connection that is being closed ends.
#[derive(Clone)]
struct Ending {
    reason: CloseReason,
    deadline: Instant,
}

/// What an open connection waits for.
enum Due {
    /// The peer has said nothing yet; the protocol may want to speak first.
    Greeting,
    /// The peer may be heard again.
    Release,
    /// The peer has been silent for half of the time that it may be.
    Ping,
    /// It has lasted too long.
    End(CloseReason),
}

/// What one poll may still do, so that one busy connection does not starve the others.
struct Budget {
    bytes: usize,
    frames: usize,
    writes: usize,
}

/// Whether the stream takes more output.
#[derive(PartialEq, Eq)]
enum Output {
    /// Everything was written.
    Empty,
    /// The stream is full; it will wake the task.
    Blocked,
    /// The budget is used up.
    Exhausted,
}

impl Budget {
    fn new() -> Self {
        Self {
            bytes: 64 * 1024,
            frames: 32,
            writes: 8,
        }
    }

    /// Whether more may be read.
    fn listens(&self) -> bool {
        self.frames > 0 && self.bytes > 0
    }
}

/// How many bytes of answers may wait for a peer before nothing more is heard from it.
const ANSWERS: usize = 64 * 1024;

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
        config: ConnectionConfig,
    ) -> Self {
        let now = runtime.now();
        Self {
            lines: Lines::new(protocol.max_frame()),
            session: Session::open(hub),
            opened_at: now,
            heard_at: now,
            pinged: false,
            introduced: false,
            greeted: false,
            pace: config.rate_limit.map(|limit| Pace::new(limit, now)),
            unframed: 0,
            held_until: None,
            held_since: None,
            progressed: false,
            stalled_since: None,
            runtime: Arc::clone(runtime),
            stream,
            protocol,
            config,
            phase: Phase::New,
            waiting: false,
            ended: false,
            unread: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            unflushed: false,
            alarm: None,
        }
    }

    fn poll_phases(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<CloseReason, ConnectionError>> {
        loop {
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
                        match self.session.outbox().fall_asleep(cx.waker(), false) {
                            Rest::Closing(closing) => self.start_closing(closing),
                            Rest::Asleep | Rest::Awake => return Poll::Pending,
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
                        return self.poll_cut_off(cx, ending);
                    }
                    self.phase = Phase::Closing(ending);
                }
                Phase::Closing(ending) => {
                    let ending = ending.clone();
                    match Pin::new(&mut self.stream).poll_close(cx) {
                        Poll::Ready(Ok(())) => {
                            self.session.outbox().set_drained();
                            self.phase = Phase::Lingering(ending, self.runtime.now());
                        }
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                        Poll::Pending => return self.poll_cut_off(cx, ending),
                    }
                }
                Phase::Lingering(ending, closed_at) => {
                    let (ending, closed_at) = (ending.clone(), *closed_at);
                    if self.poll_hung_up(cx, scratch).is_pending() {
                        let patience = after(self.heard_at.max(closed_at), self.config.linger);
                        let deadline = ending.deadline.min(patience);
                        if self.poll_deadline(cx, deadline).is_pending() {
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
        tracing::debug!(session = ?self.session.id(), "opened");
        self.phase = Phase::Open;
        let flow = self.protocol.open(&mut self.session);
        if let Some(reason) = self.follow(flow) {
            self.start_closing(reason.into());
        }
    }

    fn follow(&mut self, flow: Flow) -> Option<CloseReason> {
        match flow {
            Flow::Continue => None,
            Flow::Wait => {
                self.waiting = true;
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
        let (deaf, output) = loop {
            if let Some(reason) = self.read(cx, scratch, &mut budget)? {
                return Poll::Ready(Ok(reason.into()));
            }
            let deaf = self.is_deaf();
            let output = self.write(cx, scratch, &mut budget)?;
            self.watch_for_stalling(&output);
            let Some((deadline, due)) = self.next_due() else {
                break (deaf, output);
            };
            if self.poll_deadline(cx, deadline).is_pending() {
                break (deaf, output);
            }
            if let Some(reason) = self.handle_due(due) {
                return Poll::Ready(Ok(reason.into()));
            }
        };
        let wants_events = output != Output::Blocked;
        let more = match self.session.outbox().fall_asleep(cx.waker(), wants_events) {
            Rest::Closing(closing) => return Poll::Ready(Ok(closing)),
            Rest::Awake => true,
            Rest::Asleep => {
                output == Output::Exhausted || !budget.listens() || (deaf && !self.is_deaf())
            }
        };
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Reads and handles frames until there is nothing more to read or the budget is used up.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        budget: &mut Budget,
    ) -> io::Result<Option<CloseReason>> {
        loop {
            while self.waiting {
                let Poll::Ready(done) = self.session.poll_done(cx) else {
                    return Ok(None);
                };
                self.waiting = false;
                self.session.outbox().wake_up();
                let flow = self.protocol.handle_done(done, &mut self.session);
                if let Some(reason) = self.follow(flow) {
                    return Ok(Some(reason));
                }
            }
            if self.ended {
                return Ok(Some(CloseReason::PeerClosed));
            }
            if !budget.listens() || self.is_deaf() || self.held_until.is_some() {
                return Ok(None);
            }
            let closing = if self.unread.is_empty() {
                let read = match Pin::new(&mut self.stream).poll_read(cx, &mut scratch.input) {
                    Poll::Ready(Ok(read)) => read,
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => {
                        self.held_since = None;
                        return Ok(None);
                    }
                };
                self.heard_at = self.runtime.now();
                self.pinged = false;
                budget.bytes = budget.bytes.saturating_sub(read);
                if read == 0 {
                    self.handle_end()
                } else {
                    self.handle_input(&scratch.input[..read], budget)
                }
            } else {
                let unread = std::mem::take(&mut self.unread);
                self.handle_input(&unread, budget)
            };
            if closing.is_some() {
                return Ok(closing);
            }
        }
    }

    /// Handles the frames in `input`, and keeps what the budget does not reach.
    fn handle_input(&mut self, mut input: &[u8], budget: &mut Budget) -> Option<CloseReason> {
        self.session.outbox().wake_up();
        if !self.introduced
            && let Some(&byte) = input.first()
        {
            self.introduced = true;
            // Whoever was taken for a person has all the time to introduce itself as a program.
            self.opened_at = self.heard_at;
            let flow = self.protocol.handle_first_byte(byte, &mut self.session);
            self.lines.set_limit(self.protocol.max_frame());
            if let Some(reason) = self.follow(flow) {
                return Some(reason);
            }
        }
        while budget.frames > 0 && !self.is_deaf() && !self.waiting {
            if !input.is_empty() && self.is_too_fast() {
                break;
            }
            let offered = input.len();
            let Some(frame) = self.lines.next(&mut input) else {
                self.count_unframed(offered);
                return None;
            };
            self.unframed = 0;
            budget.frames -= 1;
            if let Some(pace) = &mut self.pace {
                pace.count(self.heard_at);
            }
            let flow = self.protocol.handle_frame(frame, &mut self.session);
            if let Some(reason) = self.follow(flow) {
                return Some(reason);
            }
        }
        self.unread = input.to_vec();
        None
    }

    /// Handles what the peer sent last without ending the line.
    fn handle_end(&mut self) -> Option<CloseReason> {
        self.ended = true;
        self.session.outbox().wake_up();
        let frame = self.lines.finish()?;
        let flow = self.protocol.handle_frame(frame, &mut self.session);
        self.follow(flow)
    }

    /// Counts input without a frame towards the rate limit: as one frame for each that it could have been.
    fn count_unframed(&mut self, bytes: usize) {
        self.unframed += bytes;
        if let Some(pace) = &mut self.pace {
            while self.unframed > self.protocol.max_frame() {
                self.unframed -= self.protocol.max_frame().max(1);
                pace.count(self.heard_at);
            }
        }
    }

    /// Whether the peer has to wait before it is heard again, because it has said too much.
    fn is_too_fast(&mut self) -> bool {
        let Some(pace) = &self.pace else {
            return false;
        };
        let Err(until) = pace.check(self.heard_at) else {
            return false;
        };
        self.held_until = Some(until);
        self.held_since.get_or_insert(self.heard_at);
        true
    }

    /// Whether the peer has to take answers before it is heard again.
    fn is_deaf(&self) -> bool {
        self.session.outbox().answer_bytes() > ANSWERS
    }

    /// Writes what is queued until nothing is left, the stream is full or the budget is used up.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        budget: &mut Budget,
    ) -> io::Result<Output> {
        let mut more = true;
        loop {
            if self.poll_unsent(cx)?.is_pending() {
                return Ok(Output::Blocked);
            }
            if !more {
                return self.flush(cx);
            }
            if budget.writes == 0 {
                return Ok(Output::Exhausted);
            }
            budget.writes -= 1;
            more = self
                .session
                .outbox()
                .take(Scratch::OUTPUT, &mut scratch.taken);
            for outgoing in scratch.taken.drain(..) {
                self.encode(&outgoing, &mut scratch.output);
            }
            self.send(cx, &mut scratch.output)?;
        }
    }

    fn encode(&mut self, outgoing: &Outgoing, out: &mut Vec<u8>) {
        let delivery = match outgoing {
            Outgoing::Room(event) | Outgoing::Direct(event) | Outgoing::Own(event) => {
                Delivery::Event(event)
            }
            Outgoing::Missed(missed) => Delivery::Missed(missed),
            Outgoing::Reply(bytes) => return out.extend_from_slice(bytes),
        };
        self.protocol.encode(delivery, &self.session, out);
    }

    /// Writes `output` and empties it; keeps what the stream has no room for.
    fn send(&mut self, cx: &mut Context<'_>, output: &mut Vec<u8>) -> io::Result<()> {
        let mut sent = 0;
        while sent < output.len() {
            match poll_write(Pin::new(&mut self.stream), cx, &output[sent..])? {
                Poll::Ready(written) => {
                    self.unflushed = true;
                    self.progressed = true;
                    sent += written;
                }
                Poll::Pending => {
                    self.unsent.extend_from_slice(&output[sent..]);
                    break;
                }
            }
        }
        output.clear();
        Ok(())
    }

    /// Writes what the stream had no room for.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        while self.sent < self.unsent.len() {
            match poll_write(Pin::new(&mut self.stream), cx, &self.unsent[self.sent..])? {
                Poll::Ready(written) => {
                    self.unflushed = true;
                    self.progressed = true;
                    self.sent += written;
                }
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        if self.sent > 0 {
            self.unsent = Vec::new();
            self.sent = 0;
        }
        Ok(Poll::Ready(()))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<Output> {
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Ok(Output::Blocked),
            }
            self.unflushed = false;
        }
        Ok(Output::Empty)
    }

    fn watch_for_stalling(&mut self, output: &Output) {
        let progressed = std::mem::take(&mut self.progressed);
        if *output != Output::Blocked {
            self.stalled_since = None;
        } else if progressed || self.stalled_since.is_none() {
            self.stalled_since = Some(self.runtime.now());
        }
    }

    /// What is due next while the connection is open, and when.
    fn next_due(&self) -> Option<(Instant, Due)> {
        let mut next: Option<(Instant, Due)> = None;
        let mut consider = |since, patience, due| {
            let at = after(since, patience);
            if next.as_ref().is_none_or(|(earliest, _)| at < *earliest) {
                next = Some((at, due));
            }
        };
        let config = &self.config;
        if self.session.nick().is_some() {
            // Whoever is held back has more to say.
            if let Some(patience) = config.idle_timeout
                && self.held_until.is_none()
            {
                consider(
                    self.heard_at,
                    patience,
                    Due::End(CloseReason::Idle(patience)),
                );
                if !self.pinged {
                    consider(self.heard_at, patience / 2, Due::Ping);
                }
            }
        } else if let Some(patience) = config.registration_timeout {
            let reason = CloseReason::Unregistered(patience);
            consider(self.opened_at, patience, Due::End(reason));
        }
        if !self.introduced
            && !self.greeted
            && let Some(patience) = self.protocol.greeting_delay()
        {
            consider(self.opened_at, patience, Due::Greeting);
        }
        if let Some(until) = self.held_until {
            consider(until, Duration::ZERO, Due::Release);
        }
        if let Some(since) = self.held_since
            && let Some(patience) = config.flood_timeout
        {
            consider(since, patience, Due::End(CloseReason::Flooding));
        }
        if let Some(since) = self.stalled_since
            && let Some(patience) = config.write_timeout
        {
            consider(since, patience, Due::End(CloseReason::Stalled(patience)));
        }
        next
    }

    fn handle_due(&mut self, due: Due) -> Option<CloseReason> {
        match due {
            Due::Greeting => {
                self.greeted = true;
                self.session.outbox().wake_up();
                let flow = self.protocol.handle_silence(&mut self.session);
                self.follow(flow)
            }
            Due::Release => {
                self.held_until = None;
                self.heard_at = self.runtime.now();
                None
            }
            Due::Ping => {
                self.pinged = true;
                let mut ping = Vec::new();
                self.protocol.ping(&mut ping);
                if !ping.is_empty() {
                    self.session.reply(ping);
                }
                None
            }
            Due::End(reason) => Some(reason),
        }
    }

    /// Lets the session go, and the queue end with the last words.
    fn start_closing(&mut self, closing: Closing) {
        tracing::debug!(session = ?self.session.id(), reason = %closing.reason, "closing");
        let within = closing.within.unwrap_or(self.config.close_timeout);
        let mut farewell = Vec::new();
        self.protocol.farewell(&closing.reason, &mut farewell);
        // Whether the session may be resumed depends on the reason.
        self.session.outbox().seal(closing.clone(), Box::default());
        self.session.disconnect();
        self.session.outbox().seal(closing.clone(), farewell.into());
        self.unread = Vec::new();
        self.phase = Phase::Draining(Ending {
            reason: closing.reason,
            deadline: after(self.runtime.now(), within),
        });
    }

    fn poll_drained(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> io::Result<Poll<()>> {
        Ok(match self.write(cx, scratch, &mut Budget::new())? {
            Output::Empty => Poll::Ready(()),
            Output::Blocked => Poll::Pending,
            Output::Exhausted => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
    }

    /// Ends a connection whose peer does not take what is queued.
    fn poll_cut_off(
        &mut self,
        cx: &mut Context<'_>,
        ending: Ending,
    ) -> Poll<Result<CloseReason, ConnectionError>> {
        ready!(self.poll_deadline(cx, ending.deadline));
        self.phase = Phase::Done;
        Poll::Ready(Err(ConnectionError::CutOff {
            reason: ending.reason,
        }))
    }

    /// Reads and throws away until the peer has closed too.
    ///
    /// A socket that is dropped earlier answers what the peer still sends with a reset, which destroys
    /// what the peer has not read yet.
    fn poll_hung_up(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<()> {
        for _ in 0..Budget::new().frames {
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scratch.input)) {
                Ok(read) if read > 0 => self.heard_at = self.runtime.now(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let alarm = self
            .alarm
            .get_or_insert_with(|| Alarm::new(&*self.runtime, deadline));
        alarm.poll(cx, deadline)
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
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.unread.capacity() + self.unsent.capacity()
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
        let mut scratch = Scratch::take();
        let polled = this.poll_phases(cx, &mut scratch);
        scratch.give_back();
        if let Poll::Ready(ended) = &polled {
            this.phase = Phase::Done;
            // Whoever keeps the future does not keep the seat.
            this.session.disconnect();
            tracing::debug!(session = ?this.session.id(), ?ended, "closed");
        }
        polled
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

fn poll_write<S: AsyncWrite>(
    mut stream: Pin<&mut S>,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> io::Result<Poll<usize>> {
    loop {
        return match stream.as_mut().poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(written)) => Ok(Poll::Ready(written)),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        };
    }
}

/// Why a connection ended without being closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
    /// The peer did not take what was queued in time.
    #[error("the peer did not take what was queued in time (closing: {reason})")]
    CutOff {
        /// Why the connection was being closed.
        reason: CloseReason,
    },
}
