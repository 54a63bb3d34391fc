//! From the stream to the protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::io::{AsyncRead, AsyncWrite};

use super::{Budget, Connection};
use crate::connection::scratch::Scratch;
use crate::event::CloseReason;
use crate::memory::Memory;
use crate::metrics::Tally;
use crate::protocol::Protocol;
use crate::runtime::after;

/// How many bytes of answers may wait for a peer before nothing more is heard from it, if there is memory.
const ANSWERS: usize = 64 * 1024;

impl<S, P> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    /// Reads and handles frames until there is nothing more to read or the budget is used up.
    pub(super) fn read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
        budget: &mut Budget,
    ) -> io::Result<Option<CloseReason>> {
        loop {
            while self.is_waiting() {
                let Poll::Ready(done) = self.session.poll_done(cx) else {
                    self.deaf = false;
                    return Ok(None);
                };
                self.end_wait();
                self.outbox.wake_up();
                let flow = self.protocol.handle_done(done, &mut self.session);
                if let Some(reason) = self.follow(flow) {
                    return Ok(Some(reason));
                }
            }
            if self.ended {
                return Ok(Some(CloseReason::PeerClosed));
            }
            if self.may_hear() && self.is_overdue() {
                // Not to be heard before it is closed, or it could go on asking for another decision. What it is told
                // of the last one may be held back until the next poll.
                return Ok(None);
            }
            self.deaf = self.is_deaf();
            if !budget.listens() || self.deaf || self.delays().held_until.is_some() {
                return Ok(None);
            }
            let unread = self.take_unread();
            let closing = if unread.is_empty() {
                let polled = if self.outbox.stir().is_stirred() {
                    self.poll_stream(&mut scratch.input)
                } else {
                    Poll::Pending
                };
                let read = match polled {
                    Poll::Ready(Ok(read)) => read,
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => {
                        self.hold_no_more();
                        return Ok(None);
                    }
                };
                self.listen_anew();
                budget.bytes = budget.bytes.saturating_sub(read);
                scratch.tally.received_bytes += read as u64;
                if read == 0 {
                    self.handle_end(&mut scratch.tally)
                } else {
                    self.handle_input(&scratch.input[..read], budget, &mut scratch.tally)
                }
            } else {
                self.handle_input(&unread, budget, &mut scratch.tally)
            };
            if closing.is_some() {
                return Ok(closing);
            }
        }
    }

    /// Whether there may be something to hear, as far as can be told without asking the stream.
    fn may_hear(&self) -> bool {
        self.outbox.stir().is_stirred() || self.backlog.is_some()
    }

    /// Reads from the stream, and notes whether there may be more.
    fn poll_stream(&mut self, input: &mut [u8]) -> Poll<io::Result<usize>> {
        self.outbox.stir().settle();
        let waker = self.outbox.stir_waker();
        let cx = &mut Context::from_waker(&waker);
        let polled = Pin::new(&mut self.stream).poll_read(cx, input);
        if polled.is_ready() {
            self.outbox.stir().stir();
        }
        polled
    }

    /// Handles the frames in `input`, and keeps what the budget does not reach.
    fn handle_input(
        &mut self,
        mut input: &[u8],
        budget: &mut Budget,
        tally: &mut Tally,
    ) -> Option<CloseReason> {
        self.outbox.wake_up();
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
        while budget.frames > 0 && !self.is_deaf() && !self.is_waiting() {
            if !input.is_empty() && self.is_too_fast() {
                break;
            }
            let now = self.reckoned_now();
            let offered = input.len();
            let Some(frame) = self.lines.next(&mut input) else {
                self.count_unframed(offered);
                return None;
            };
            self.unframed = 0;
            budget.frames -= 1;
            tally.frames += 1;
            if let Some(limit) = self.config.rate_limit {
                self.pace.count(limit, now);
            }
            let flow = self.protocol.handle_frame(frame, &mut self.session);
            self.lines.set_limit(self.protocol.max_frame());
            if let Some(reason) = self.follow(flow) {
                return Some(reason);
            }
        }
        self.keep_unread(input);
        None
    }

    /// Handles what the peer sent last without ending the line.
    fn handle_end(&mut self, tally: &mut Tally) -> Option<CloseReason> {
        self.ended = true;
        self.outbox.wake_up();
        let frame = self.lines.finish()?;
        let flow = self.protocol.handle_frame(frame, &mut self.session);
        tally.frames += 1;
        self.follow(flow)
    }

    /// Counts input without a frame towards the rate limit: as one frame for each that it could have been.
    fn count_unframed(&mut self, bytes: usize) {
        self.unframed += bytes;
        let now = self.reckoned_now();
        if let Some(limit) = self.config.rate_limit {
            while self.unframed > self.protocol.max_frame() {
                self.unframed -= self.protocol.max_frame().max(1);
                self.pace.count(limit, now);
            }
        }
    }

    /// Whether the peer has to wait before it is heard again, because it has said too much.
    fn is_too_fast(&mut self) -> bool {
        let Some(limit) = self.config.rate_limit else {
            return false;
        };
        let Err(until) = self.pace.check(limit, self.reckoned_now()) else {
            return false;
        };
        if self.delays().catching_up.is_some() && until <= self.runtime.now() {
            self.delays_mut().catching_up = Some(until);
            return false;
        }
        let heard_at = self.heard_at;
        let delays = self.delays_mut();
        delays.held_until = Some(until);
        // A wait for the policy is not the peer's doing.
        let since = delays.waited_until.map_or(heard_at, |at| at.max(heard_at));
        delays.held_since.get_or_insert(since);
        true
    }

    /// When the frame that is heard now is reckoned to have come, for the rate limit.
    fn reckoned_now(&self) -> Instant {
        self.delays().catching_up.unwrap_or(self.heard_at)
    }

    /// Goes on hearing the peer after a wait that it has no part in: what came meanwhile may be as much as
    /// the rate allows in that time, and the time does not count as flooding.
    fn end_wait(&mut self) {
        // Somebody who has not introduced themselves is waited for again.
        self.knows_due = false;
        let now = self.runtime.now();
        let is_paced = self.config.rate_limit.is_some();
        let delays = self.delays_mut();
        let Some(waiting_since) = delays.waiting_since.take().filter(|_| is_paced) else {
            return;
        };
        let waited = now.saturating_duration_since(waiting_since);
        delays.waited_until = Some(now);
        if let Some(since) = &mut delays.held_since {
            *since = after(*since, waited).min(now);
        }
        delays.catching_up.get_or_insert(waiting_since);
    }

    /// Whether the peer has to take answers before it is heard again.
    pub(super) fn is_deaf(&self) -> bool {
        let outbox = &self.outbox;
        let waiting = outbox.answer_bytes();
        waiting > Memory::FLOOR && waiting > ANSWERS.min(outbox.memory().share())
    }
}
