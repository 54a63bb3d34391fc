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

/// Which of a room's messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryRange {
    /// The last ones.
    Latest,
    /// Those with numbers smaller than this one.
    Before(u64),
    /// Those with numbers greater than this one.
    After(u64),
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
            self.forget_oldest();
        }
    }

    /// Forgets the oldest messages until they take no more than `share` bytes of memory.
    pub(crate) fn shrink_to(&mut self, share: usize) {
        while self.bytes + self.messages.len() * SharedEvent::OVERHEAD > share {
            self.forget_oldest();
        }
    }

    /// How many bytes of memory it takes beside those of the messages.
    pub(crate) fn slots(&self) -> usize {
        self.messages.capacity() * size_of::<Arc<SharedEvent>>()
    }

    fn forget_oldest(&mut self) {
        if let Some(forgotten) = self.messages.pop_front() {
            self.bytes -= forgotten.weight();
        }
    }

    /// At most `count` of the messages in `range`, oldest first: the first ones [after](HistoryRange::After)
    /// a number, otherwise the last ones.
    pub fn range(
        &self,
        range: HistoryRange,
        count: usize,
    ) -> impl ExactSizeIterator<Item = &Arc<SharedEvent>> + Clone {
        let numbered = |number: u64| move |event: &Arc<SharedEvent>| event.number() < Some(number);
        let (start, end) = match range {
            HistoryRange::Latest => (0, self.messages.len()),
            HistoryRange::Before(number) => (0, self.messages.partition_point(numbered(number))),
            HistoryRange::After(number) => {
                let next = number.saturating_add(1);
                (
                    self.messages.partition_point(numbered(next)),
                    self.messages.len(),
                )
            }
        };
        let (start, end) = match range {
            HistoryRange::After(_) => (start, end.min(start.saturating_add(count))),
            _ => (end.saturating_sub(count), end),
        };
        self.messages.range(start..end)
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
