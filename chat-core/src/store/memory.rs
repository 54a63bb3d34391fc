use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::SharedEvent;

/// How much one room remembers. The oldest messages are forgotten first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryLimits {
    /// How many messages; zero for none. Default: 100.
    pub messages: usize,
    /// How many bytes of messages, about as on the wire. Default: 256 KiB.
    pub bytes: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            messages: 100,
            bytes: 256 * 1024,
        }
    }
}

/// The last messages of one room.
#[derive(Debug)]
pub struct RoomMemory {
    messages: VecDeque<Arc<SharedEvent>>,
    bytes: usize,
    limits: MemoryLimits,
}

impl RoomMemory {
    /// Remembers nothing yet, and at most `limits`.
    pub fn new(limits: MemoryLimits) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    /// Remembers one more message, and forgets the oldest ones if need be.
    pub fn push(&mut self, message: Arc<SharedEvent>) {
        self.bytes += message.weight();
        self.messages.push_back(message);
        while self.messages.len() > self.limits.messages || self.bytes > self.limits.bytes {
            let Some(forgotten) = self.messages.pop_front() else {
                return;
            };
            self.bytes -= forgotten.weight();
        }
    }

    /// The last `count` messages or as many as there are, oldest first.
    pub fn latest(&self, count: usize) -> impl ExactSizeIterator<Item = &Arc<SharedEvent>> {
        let forgotten = self.messages.len().saturating_sub(count);
        self.messages.iter().skip(forgotten)
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}
