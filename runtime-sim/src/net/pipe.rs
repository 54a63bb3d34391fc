use std::collections::VecDeque;
use std::task::Waker;

/// One direction of a connection: bytes on their way from a writer to a reader.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Written and not read yet, arrived or not.
    pub(super) bytes: VecDeque<u8>,
    /// How many bytes at the front of `bytes` have arrived.
    arrived: usize,
    /// What is under way: how many bytes arrive when.
    under_way: VecDeque<(u64, usize)>,
    /// When the end of the stream arrives, if it is under way.
    pub(super) end: Option<u64>,
    /// Whether it was closed, and not just dropped.
    pub(super) closed: bool,
    /// Nothing arrives before this.
    pub(super) clogged_until: u64,
    /// After how many more written bytes the connection breaks.
    pub(super) breaks_after: Option<usize>,
    /// Up to when a flush is stalled.
    pub(super) flush_until: u64,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// When the reader is going to be woken for what is under way.
    pub(super) alarm: Option<u64>,
    last_arrival: u64,
}

impl Pipe {
    /// How many bytes may be written.
    pub(super) fn room(&self, window: usize) -> usize {
        window.saturating_sub(self.bytes.len())
    }

    /// Puts bytes on their way; they arrive at `at`, or later if others are before them. Returns when.
    pub(super) fn send(&mut self, bytes: &[u8], at: u64) -> u64 {
        self.last_arrival = self.last_arrival.max(at);
        self.bytes.extend(bytes);
        match self.under_way.back_mut() {
            Some((last, more)) if *last == self.last_arrival => *more += bytes.len(),
            _ => self.under_way.push_back((self.last_arrival, bytes.len())),
        }
        self.last_arrival
    }

    /// Sends the end of the stream behind all bytes.
    pub(super) fn finish(&mut self, at: u64) {
        if self.end.is_none() {
            self.last_arrival = self.last_arrival.max(at);
            self.end = Some(self.last_arrival);
        }
    }

    /// How many bytes can be read at `now`.
    pub(super) fn readable(&mut self, now: u64) -> usize {
        if now >= self.clogged_until {
            while let Some(&(at, more)) = self.under_way.front()
                && at <= now
            {
                self.arrived += more;
                self.under_way.pop_front();
            }
        }
        self.arrived
    }

    /// Whether the reader has everything and the end of the stream.
    pub(super) fn is_ended(&self, now: u64) -> bool {
        self.bytes.is_empty() && now >= self.clogged_until && self.end.is_some_and(|at| at <= now)
    }

    /// Takes as many bytes as `buf` holds, which must have arrived.
    pub(super) fn read(&mut self, buf: &mut [u8]) {
        let (front, back) = self.bytes.as_slices();
        let len = buf.len();
        let first = front.len().min(len);
        buf[..first].copy_from_slice(&front[..first]);
        buf[first..].copy_from_slice(&back[..len - first]);
        self.bytes.drain(..len);
        self.arrived -= len;
    }

    /// When there is going to be something new for the reader.
    pub(super) fn next_arrival(&self) -> Option<u64> {
        let bytes = self.under_way.front().map(|&(at, _)| at);
        Some(bytes.or(self.end)?.max(self.clogged_until))
    }
}
