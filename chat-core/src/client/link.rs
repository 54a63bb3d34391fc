use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::io::{AsyncRead, AsyncWrite};

use super::error::Disconnect;
use super::frame::{Decoder, FrameError};
use super::options::ClientOptions;
use super::shared::Shared;
use crate::runtime::{Alarm, Runtime, after};

/// One connection to the server, for as long as it lasts: bytes on one side, the conversation on the
/// other.
pub(super) struct Link<'a, S> {
    stream: S,
    shared: &'a Shared,
    runtime: &'a Arc<dyn Runtime>,
    ping_after: Duration,
    ping_timeout: Duration,
    decoder: Decoder,
    /// What was read, and which part of it is not handled yet.
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// What is being written, and how much of it the stream has taken.
    output: Vec<u8>,
    sent: usize,
    is_flushed: bool,
    /// By when the server has to have welcomed the client.
    welcome_deadline: Instant,
    up_since: Option<Instant>,
    heard_at: Instant,
    /// When the server was asked for a sign of life, if it has not given one since.
    pinged_at: Option<Instant>,
    alarm: Alarm,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Hangup {
    /// Both sides said goodbye.
    Goodbye,
    /// It was lost.
    Lost(Disconnect),
    /// The client ran out of time to close.
    OutOfTime,
}

/// Whether there may be more to do at once.
#[derive(PartialEq, Eq)]
enum Progress {
    Some,
    None,
}

/// How many bytes are read at once.
const INPUT: usize = 16 * 1024;

/// What is a silence at least: in none at all, a server would be asked for signs of life without end.
const SHORTEST_SILENCE: Duration = Duration::from_millis(1);

/// How many frames are handled, and how many buffers are written, before others get their turn.
const BUDGET: usize = 64;

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Link<'a, S> {
    pub(super) fn new(
        stream: S,
        shared: &'a Shared,
        options: &ClientOptions,
        welcome_deadline: Instant,
    ) -> Self {
        let runtime = &shared.runtime;
        let now = runtime.now();
        Self {
            stream,
            shared,
            runtime,
            ping_after: options.ping_after.max(SHORTEST_SILENCE),
            ping_timeout: options.ping_timeout,
            decoder: Decoder::new(options.max_line),
            input: vec![0; INPUT].into(),
            start: 0,
            end: 0,
            output: Vec::new(),
            sent: 0,
            is_flushed: true,
            welcome_deadline,
            up_since: None,
            heard_at: now,
            pinged_at: None,
            alarm: Alarm::new(&**runtime, welcome_deadline),
        }
    }

    /// Ready when the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Hangup> {
        match self.poll_streams(cx) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => return Poll::Ready(Hangup::Goodbye),
            // All answers are in; only the server's goodbye is not.
            Err(_) if self.shared.with(|state| state.conversation.is_quitting()) => {
                return Poll::Ready(Hangup::Goodbye);
            }
            Err(why) => return Poll::Ready(Hangup::Lost(self.in_words(why))),
        }
        self.poll_timers(cx)
    }

    /// When the conversation began, if it did.
    pub(super) fn up_since(&self) -> Option<Instant> {
        self.up_since
    }

    /// The stream, and the rest of what it has taken only a part of.
    pub(super) fn into_stream(mut self) -> (S, Vec<u8>) {
        self.output.drain(..self.sent);
        (self.stream, self.output)
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Disconnect> {
        self.shared.with(|state| state.set_driver(cx.waker()));
        for _ in 0..BUDGET {
            let wrote = self.write(cx)?;
            let read = self.read(cx)?;
            if self.up_since.is_none() && self.shared.with(|state| state.conversation.is_up()) {
                self.up_since = Some(self.runtime.now());
            }
            if self.shared.with(|state| state.conversation.is_over()) {
                return Ok(Poll::Ready(()));
            }
            if wrote == Progress::None && read == Progress::None {
                return Ok(Poll::Pending);
            }
        }
        cx.waker().wake_by_ref();
        Ok(Poll::Pending)
    }

    /// Writes what there is to say, as far as the stream takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<Progress, Disconnect> {
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
            self.shared
                .with(|state| state.conversation.transmit(&mut self.output));
            if self.output.is_empty() {
                return self.flush(cx);
            }
        }
        let stream = Pin::new(&mut self.stream);
        match stream.poll_write(cx, &self.output[self.sent..]) {
            Poll::Ready(Ok(0)) => Err(Disconnect::io(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => {
                self.sent += written;
                self.is_flushed = false;
                Ok(Progress::Some)
            }
            Poll::Ready(Err(error)) if is_interruption(&error) => Ok(Progress::Some),
            Poll::Ready(Err(error)) => Err(Disconnect::io(error)),
            Poll::Pending => Ok(Progress::None),
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<Progress, Disconnect> {
        if !self.is_flushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.is_flushed = true,
                Poll::Ready(Err(error)) if is_interruption(&error) => return Ok(Progress::Some),
                Poll::Ready(Err(error)) => return Err(Disconnect::io(error)),
                Poll::Pending => {}
            }
        }
        Ok(Progress::None)
    }

    /// Handles a frame, or reads when there is none, unless the program has to take events first.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<Progress, Disconnect> {
        if self.shared.with(|state| state.is_full()) {
            return Ok(Progress::None);
        }
        if self.start < self.end {
            let mut unread = &self.input[self.start..self.end];
            let frame = self.decoder.next(&mut unread);
            self.start = self.end - unread.len();
            if let Some(frame) = frame {
                let frame = frame.map_err(Disconnect::BadFrame)?;
                self.shared.with(|state| state.handle(frame))?;
            }
            return Ok(Progress::Some);
        }
        match Pin::new(&mut self.stream).poll_read(cx, &mut self.input) {
            Poll::Ready(Ok(0)) => Err(Disconnect::Ended),
            Poll::Ready(Ok(read)) => {
                self.heard_at = self.runtime.now();
                self.pinged_at = None;
                (self.start, self.end) = (0, read);
                Ok(Progress::Some)
            }
            Poll::Ready(Err(error)) if is_interruption(&error) => Ok(Progress::Some),
            Poll::Ready(Err(error)) => Err(Disconnect::io(error)),
            Poll::Pending => Ok(Progress::None),
        }
    }

    /// Looks after everything that must not take for ever.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<Hangup> {
        let (close_deadline, is_full) = self
            .shared
            .with(|state| (state.close_deadline, state.is_full()));
        loop {
            let (patience, is_ping) = self.patience(is_full);
            let deadline = close_deadline.map_or(patience, |close| close.min(patience));
            if self.alarm.poll(cx, deadline).is_pending() {
                return Poll::Pending;
            }
            if close_deadline == Some(deadline) {
                return Poll::Ready(Hangup::OutOfTime);
            }
            if !is_ping {
                return Poll::Ready(Hangup::Lost(self.in_words(Disconnect::TimedOut)));
            }
            self.pinged_at = Some(self.runtime.now());
            self.shared.with(|state| state.conversation.ping());
            // There is something to write.
            cx.waker().wake_by_ref();
        }
    }

    /// Why the connection was lost, as far as the server has said it in text only.
    fn in_words(&self, why: Disconnect) -> Disconnect {
        let text = self.decoder.text().filter(|_| self.up_since.is_none());
        match (text, why) {
            (None, why) | (_, why @ (Disconnect::Closed { .. } | Disconnect::Refused { .. })) => {
                why
            }
            (Some(text), why) => match text.strip_prefix("! ") {
                Some(reason) => Disconnect::Closed {
                    code: "text".into(),
                    text: reason.into(),
                },
                None if matches!(why, Disconnect::TimedOut) => {
                    let text = format!("no JSON, but {text:?}");
                    Disconnect::BadFrame(FrameError::Malformed(text))
                }
                None => why,
            },
        }
    }

    /// Until when the server may be silent, and whether it is only asked for a sign of life then.
    fn patience(&self, is_full: bool) -> (Instant, bool) {
        if self.up_since.is_none() && !is_full {
            return (self.welcome_deadline, false);
        }
        match self.pinged_at {
            // What is not read does not count as silence.
            Some(pinged) if is_full => (after(pinged, self.ping_after), true),
            Some(pinged) => (after(pinged, self.ping_timeout), false),
            None => (after(self.heard_at, self.ping_after), true),
        }
    }
}

fn is_interruption(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}
