//! From the outbox to the stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use super::{Budget, Connection};
use crate::connection::scratch::Scratch;
use crate::hub::{Outbox, Outgoing};
use crate::metrics::Tally;
use crate::protocol::{Delivery, Protocol};

/// Whether the stream takes more output.
#[derive(PartialEq, Eq)]
pub(super) enum Output {
    /// Everything was written.
    Empty,
    /// The stream is full; it will wake the task.
    Blocked,
    /// The budget is used up.
    Exhausted,
}

/// How many times in a row what is queued may wait for more, even if a little more comes each time.
const TIMES_HELD: u8 = 5;

impl<S, P> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    /// Writes what is queued until nothing is left, the stream is full or the budget is used up.
    pub(super) fn write(
        &mut self,
        scratch: &mut Scratch,
        budget: &mut Budget,
    ) -> io::Result<Output> {
        let mut more = true;
        loop {
            if self.poll_unsent(&mut scratch.tally)?.is_pending() {
                return Ok(Output::Blocked);
            }
            if !more {
                return self.flush();
            }
            if budget.writes == 0 {
                return Ok(Output::Exhausted);
            }
            budget.writes -= 1;
            if self.outbox.has_unannounced() {
                self.session.catch_up();
            }
            let outbox = &self.outbox;
            // What the stream has no room for is kept.
            let piece = Scratch::OUTPUT.min(outbox.memory().session_share());
            more = outbox.take(piece, &mut scratch.taken);
            outbox.prefetch_successor(const { std::mem::offset_of!(Self, lines) });
            if !scratch.taken.is_empty() {
                self.usual = scratch.taken.len() as u32;
            }
            while let Some(outgoing) = scratch.taken.pop_front() {
                self.encode(&outgoing, &mut scratch.output, &mut scratch.tally);
            }
            self.send(&mut scratch.output, &mut scratch.tally)?;
        }
    }

    /// Whether it is worth while to let others speak first, and notes that it does: the peer was heard, or there is less to
    /// write than there usually is. Each further time there has to be more than the time before.
    pub(super) fn holds_back(&mut self, has_heard: bool) -> bool {
        let first = self.times_held == 0;
        let before = if first { 0 } else { self.held };
        // Not with each bit that a slow peer takes; and where one is usual, there is no need to look.
        let queued = match self.usual > 1 && self.backlog.is_none() {
            true => self.outbox.len_unless_filling() as u32,
            false => 0,
        };
        let expects_more = before < queued && queued < self.usual;
        let holds = (has_heard && first) || (expects_more && self.times_held < TIMES_HELD);
        if holds {
            self.times_held += 1;
            self.held = queued;
        }
        holds
    }

    fn encode(&mut self, outgoing: &Outgoing, out: &mut Vec<u8>, tally: &mut Tally) {
        let delivery = match outgoing {
            Outgoing::Room(event) | Outgoing::Direct(event) | Outgoing::Own(event) => {
                tally.deliver(event.event());
                Delivery::Event(event)
            }
            Outgoing::Arrivals(latest) => {
                let batch = latest.batch();
                tally.presence += batch.events().len() as u64;
                return self.protocol.encode_batch(batch, &self.session, out);
            }
            Outgoing::Missed(missed) => {
                tally.miss(missed);
                Delivery::Missed(missed)
            }
            Outgoing::Reply(bytes) => return out.extend_from_slice(bytes),
        };
        self.protocol.encode(delivery, &self.session, out);
    }

    /// Writes `output` and empties it; keeps what the stream has no room for.
    fn send(&mut self, output: &mut Vec<u8>, tally: &mut Tally) -> io::Result<()> {
        let mut sent = 0;
        while sent < output.len() {
            match poll_write(&mut self.stream, &self.outbox, &output[sent..])? {
                Poll::Ready(written) => {
                    tally.sent_bytes += written as u64;
                    self.unflushed = true;
                    self.progressed = true;
                    sent += written;
                }
                Poll::Pending => {
                    let backlog = self.backlog.get_or_insert_default();
                    backlog.unsent.extend_from_slice(&output[sent..]);
                    break;
                }
            }
        }
        output.clear();
        Ok(())
    }

    /// Writes what the stream had no room for.
    fn poll_unsent(&mut self, tally: &mut Tally) -> io::Result<Poll<()>> {
        let Some(backlog) = &mut self.backlog else {
            return Ok(Poll::Ready(()));
        };
        while backlog.sent < backlog.unsent.len() {
            let rest = &backlog.unsent[backlog.sent..];
            match poll_write(&mut self.stream, &self.outbox, rest)? {
                Poll::Ready(written) => {
                    tally.sent_bytes += written as u64;
                    self.unflushed = true;
                    self.progressed = true;
                    backlog.sent += written;
                }
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        backlog.unsent = Vec::new();
        backlog.sent = 0;
        Ok(Poll::Ready(()))
    }

    fn flush(&mut self) -> io::Result<Output> {
        if self.unflushed {
            let waker = self.outbox.stir_waker();
            let cx = &mut Context::from_waker(&waker);
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Ok(Output::Blocked),
            }
            self.unflushed = false;
        }
        Ok(Output::Empty)
    }
}

/// Writes, and leaves the stream's own waker and not the task's: a stream such as TLS may have to read before it
/// can write.
fn poll_write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    outbox: &Arc<Outbox>,
    bytes: &[u8],
) -> io::Result<Poll<usize>> {
    let waker = outbox.stir_waker();
    let cx = &mut Context::from_waker(&waker);
    loop {
        return match Pin::new(&mut *stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(written)) => Ok(Poll::Ready(written)),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        };
    }
}
