use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use chat_core::client::{Client, ClientOptions, WhenFull};
use chat_core::name::RoomName;
use futures::io::{AsyncRead, AsyncWrite};
use memchr::memchr;
use serde_json::Value;

use super::SLACK;
use crate::SimStream;
use crate::model::{Id, Promise, folded};
use crate::run::witness::Stage;

/// What is known of the connections of one client of the library's.
#[derive(Clone)]
pub(super) struct Lines {
    patience: Patience,
    made: Arc<Mutex<Made>>,
}

/// How long a client waits for a server that says nothing.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    connect: Duration,
    pub(super) ping_after: Duration,
    ping_timeout: Duration,
    /// Whether what is not read may count as silence: not where a client reads nothing for want of room.
    always_reads: bool,
}

#[derive(Default)]
struct Made {
    attempts: u64,
    /// When the last attempt to connect began.
    begun_at: Duration,
    /// When the last connection, or attempt to make one, ended.
    ended_at: Option<Duration>,
    /// The last connection.
    connection: Option<Id>,
    /// The last numbers of the gaps that the server has told of, with their rooms.
    gaps: BTreeSet<(String, u64)>,
    /// Tells how far a connection is, as long as the program has it.
    client: Option<Client>,
    /// Whether a connection has ended of which it is not known how far it was.
    is_blind: bool,
    /// How conversations ended, oldest first, as far as the program has not heard of it.
    losses: VecDeque<Loss>,
    /// How many requests to leave a room have no answer.
    leaving: BTreeMap<String, u64>,
}

/// How it was when a conversation ended with its connection.
pub(super) struct Loss {
    /// The rooms that the client said it was in, and whether it had asked to leave them without an answer.
    pub(super) rooms: BTreeMap<String, bool>,
    /// For how long nothing had come.
    pub(super) silence: Duration,
    /// Whether the client had something to send when the server had been silent for long enough to be asked.
    pub(super) has_asked: bool,
}

impl Patience {
    pub(super) fn of(options: &ClientOptions) -> Self {
        Self {
            connect: options.connect_timeout,
            ping_after: options.ping_after,
            ping_timeout: options.ping_timeout,
            always_reads: options.when_full != WhenFull::Backpressure,
        }
    }

    /// After how long a silence a server is given up.
    pub(super) fn with_silence(self) -> Duration {
        self.ping_after + self.ping_timeout
    }
}

impl Lines {
    pub(super) fn new(patience: Patience) -> Self {
        let made = Arc::default();
        Self { patience, made }
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// The program has the client from now on, which can be asked.
    pub(super) fn watch(&self, client: &Client) {
        self.lock().client = Some(client.clone());
    }

    /// The program is about to let go of the client. Nothing else must hold it.
    pub(super) fn unwatch(&self) {
        let client = self.lock().client.take();
        // That may end the client, and with it a connection, which is told here.
        drop(client);
    }

    /// Whether a connection has ended of which it is not known how far it was.
    pub(super) fn are_blind(&self) -> bool {
        self.lock().is_blind
    }

    /// How the next conversation ended, of those that the program has not heard of.
    pub(super) fn next_loss(&self) -> Option<Loss> {
        self.lock().losses.pop_front()
    }

    /// Whether a conversation has ended that the program has not heard of.
    pub(super) fn have_losses(&self) -> bool {
        !self.lock().losses.is_empty()
    }

    /// The program asks for being out of a room.
    pub(super) fn asks_to_leave(&self, room: &RoomName) {
        let mut made = self.lock();
        *made.leaving.entry(folded(room.as_str())).or_default() += 1;
    }

    /// That has an answer.
    pub(super) fn has_left(&self, room: &RoomName) {
        if let Some(asked) = self.lock().leaving.get_mut(&folded(room.as_str())) {
            *asked -= 1;
        }
    }

    /// There is a connection.
    pub(super) fn connected(&self, id: Id) {
        self.lock().connection = Some(id);
    }

    /// The last connection that there was.
    pub(super) fn connection(&self) -> Option<Id> {
        self.lock().connection
    }

    /// A connection ends that was heard last at `heard_at`, and for which there was something to write last at `wrote_at`.
    fn lose(&self, now: Duration, heard_at: Duration, wrote_at: Duration) {
        self.end(now);
        let mut made = self.lock();
        let Some(client) = &made.client else {
            made.is_blind = true;
            return;
        };
        if !client.is_connected() {
            return;
        }
        let rooms = client.joined_rooms().into_iter().map(|room| {
            let room = folded(room.as_str());
            let is_leaving = made.leaving.get(&room).is_some_and(|&asked| asked > 0);
            (room, is_leaving)
        });
        let loss = Loss {
            rooms: rooms.collect(),
            silence: now.saturating_sub(heard_at),
            has_asked: wrote_at >= heard_at + self.patience.ping_after,
        };
        made.losses.push_back(loss);
    }

    /// Until when a client may read from a connection that it heard last at `heard_at`, if that can be said.
    fn deadline(&self, heard_at: Duration) -> Option<Duration> {
        let made = self.lock();
        let welcome = made.begun_at + self.patience.connect;
        let silence = heard_at + self.patience.with_silence();
        let is_up = made.client.as_ref().map(Client::is_connected);
        let deadline = match is_up {
            Some(true) => silence,
            Some(false) => welcome,
            // As yet it is not known how far it is.
            None => welcome.max(silence),
        };
        self.patience.always_reads.then_some(deadline)
    }

    /// How often there was an attempt to connect.
    pub(super) fn attempts(&self) -> u64 {
        self.lock().attempts
    }

    /// Whether the server has told of a gap in `room` up to a number.
    pub(super) fn tell_of_gap(&self, room: &str, last: u64) -> bool {
        self.lock().gaps.contains(&(folded(room), last))
    }

    /// Whether the server has told of a gap in `room` that ends within a range.
    pub(super) fn tell_of_gap_within(&self, room: &str, (first, last): (u64, u64)) -> bool {
        let room = folded(room);
        let range = (room.clone(), first)..=(room, last);
        self.lock().gaps.range(range).next().is_some()
    }

    /// There is another attempt. Returns when the last connection, or attempt, ended.
    pub(super) fn begin(&self, now: Duration) -> Option<Duration> {
        let mut made = self.lock();
        made.attempts += 1;
        made.begun_at = now;
        made.ended_at
    }

    pub(super) fn end(&self, at: Duration) {
        self.lock().ended_at = Some(at);
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of a client of the library's, which shows the model what goes through it.
pub(super) struct Tap {
    stream: SimStream,
    stage: Stage,
    lines: Lines,
    /// The beginning of the line that is being read.
    line: Vec<u8>,
    /// When something was read last, or the client got hold of the stream.
    heard_at: Option<Duration>,
    /// When there was something to write last.
    wrote_at: Duration,
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
            heard_at: None,
            wrote_at: Duration::ZERO,
        }
    }

    /// The client has the stream, and reads from it: not for longer than it waits for a server that says nothing.
    fn listens(&mut self) {
        let now = self.stage.runtime().elapsed();
        let heard_at = *self.heard_at.get_or_insert(now);
        let deadline = self.lines.deadline(heard_at);
        if let Some(deadline) = deadline.filter(|&deadline| now > deadline + SLACK) {
            let id = self.stream.id();
            let detail = format!("connection {id} should have been given up at {deadline:?}");
            self.stage.model().breaks(Promise::Patience, detail);
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
        self.listens();
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
                self.heard_at = Some(self.stage.runtime().elapsed());
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
        self.wrote_at = self.stage.runtime().elapsed();
        let wrote_at = self.wrote_at;
        self.heard_at.get_or_insert(wrote_at);
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
        let now = self.stage.runtime().elapsed();
        let heard_at = self.heard_at.unwrap_or(now);
        self.lines.lose(now, heard_at, self.wrote_at);
        self.stage.model().stopped_listening(self.stream.id());
    }
}
