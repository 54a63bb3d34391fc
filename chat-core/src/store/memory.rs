use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::SharedEvent;

/// The last messages of one room, up to a fixed number of them.
#[derive(Debug)]
pub struct RoomMemory {
    messages: VecDeque<Arc<SharedEvent>>,
    capacity: usize,
}

impl RoomMemory {
    /// Remembers at most `capacity` messages; zero remembers none.
    pub fn new(capacity: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            capacity,
        }
    }

    /// Remembers one more message, and forgets the oldest one if need be.
    pub fn push(&mut self, message: Arc<SharedEvent>) {
        if self.messages.len() >= self.capacity {
            self.messages.pop_front();
        }
        if self.capacity > 0 {
            self.messages.push_back(message);
        }
    }

    /// The last `count` messages or as many as there are, oldest first.
    pub fn latest(&self, count: usize) -> impl ExactSizeIterator<Item = &Arc<SharedEvent>> {
        self.messages
            .iter()
            .skip(self.messages.len().saturating_sub(count))
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
