//! From the stream to the protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use super::{Budget, Connection};
use crate::connection::scratch::Scratch;
use crate::event::CloseReason;
use crate::metrics::Tally;
use crate::protocol::Protocol;

/// How many bytes of answers may wait for a peer before nothing more is heard from it.
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
                scratch.tally.received_bytes += read as u64;
                if read == 0 {
                    self.handle_end(&mut scratch.tally)
                } else {
                    self.handle_input(&scratch.input[..read], budget, &mut scratch.tally)
                }
            } else {
                let unread = std::mem::take(&mut self.unread);
                self.handle_input(&unread, budget, &mut scratch.tally)
            };
            if closing.is_some() {
                return Ok(closing);
            }
        }
    }

    /// Handles the frames in `input`, and keeps what the budget does not reach.
    fn handle_input(
        &mut self,
        mut input: &[u8],
        budget: &mut Budget,
        tally: &mut Tally,
    ) -> Option<CloseReason> {
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
            tally.frames += 1;
            if let Some(pace) = &mut self.pace {
                pace.count(self.heard_at);
            }
            let flow = self.protocol.handle_frame(frame, &mut self.session);
            self.lines.set_limit(self.protocol.max_frame());
            if let Some(reason) = self.follow(flow) {
                return Some(reason);
            }
        }
        self.unread = input.to_vec();
        None
    }

    /// Handles what the peer sent last without ending the line.
    fn handle_end(&mut self, tally: &mut Tally) -> Option<CloseReason> {
        self.ended = true;
        self.session.outbox().wake_up();
        let frame = self.lines.finish()?;
        let flow = self.protocol.handle_frame(frame, &mut self.session);
        tally.frames += 1;
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
    pub(super) fn is_deaf(&self) -> bool {
        self.session.outbox().answer_bytes() > ANSWERS
    }
}
