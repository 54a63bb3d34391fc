use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use memchr::memchr;
use serde_json::Value;

use crate::SimStream;
use crate::model::folded;
use crate::run::witness::Stage;

/// What is known of the connections of one client of the library's.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Made>>);

#[derive(Default)]
struct Made {
    attempts: u64,
    /// When the last connection, or attempt to make one, ended.
    ended_at: Option<Duration>,
    /// The last numbers of the gaps that the server has told of, with their rooms.
    gaps: BTreeSet<(String, u64)>,
}

impl Lines {
    /// How often there was an attempt to connect.
    pub(super) fn attempts(&self) -> u64 {
        self.lock().attempts
    }

    /// Whether the server has told of a gap in `room` up to a number.
    pub(super) fn tell_of_gap(&self, room: &str, last: u64) -> bool {
        self.lock().gaps.contains(&(folded(room), last))
    }

    /// There is another attempt. Returns when the last connection, or attempt, ended.
    pub(super) fn begin(&self) -> Option<Duration> {
        let mut made = self.lock();
        made.attempts += 1;
        made.ended_at
    }

    pub(super) fn end(&self, at: Duration) {
        self.lock().ended_at = Some(at);
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of a client of the library's, which shows the model what goes through it.
pub(super) struct Tap {
    stream: SimStream,
    stage: Stage,
    lines: Lines,
    /// The beginning of the line that is being read.
    line: Vec<u8>,
}

/// What the line of a gap begins with, and how long it is at most.
const GAP: &[u8] = b"{\"event\":\"missed\"";
const LONGEST_GAP: usize = 1_024;

impl Tap {
    pub(super) fn new(stream: SimStream, stage: Stage, lines: Lines) -> Self {
        stream.bears_interruptions();
        Self {
            stream,
            stage,
            lines,
            line: Vec::new(),
        }
    }

    /// Looks for gaps that the server tells of.
    fn hears(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = memchr(b'\n', bytes);
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            let room = LONGEST_GAP.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let Some(end) = end else {
                return;
            };
            if self.line.starts_with(GAP)
                && let Ok(gap) = serde_json::from_slice::<Value>(&self.line)
                && let (Some(room), Some(last)) = (gap["room"].as_str(), gap["last"].as_u64())
            {
                self.lines.lock().gaps.insert((folded(room), last));
            }
            self.line.clear();
            bytes = &bytes[end + 1..];
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let id = self.stream.id();
        match &read {
            Poll::Ready(Ok(0)) => {
                let closed = self.stream.peer_has_closed();
                let mut model = self.stage.model();
                model.ended(id, closed);
                model.finished(id);
            }
            Poll::Ready(Ok(read)) => {
                self.stage.model().received(id, &buf[..*read]);
                self.hears(&buf[..*read]);
            }
            Poll::Ready(Err(error)) if error.kind() != io::ErrorKind::Interrupted => {
                let dropped = self.stream.dropped_by_server();
                self.stage.model().was_reset(id, dropped);
            }
            _ => {}
        }
        read
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = written {
            self.stage.model().sent(self.stream.id(), &buf[..written]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stage.model().finished(self.stream.id());
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.lines.end(self.stage.runtime().elapsed());
        self.stage.model().stopped_listening(self.stream.id());
    }
}
