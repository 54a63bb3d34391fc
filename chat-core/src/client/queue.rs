use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::due::Due;
use super::event::{Event, Lagged};
use super::options::WhenFull;

/// The events that wait for the program: bounded, and honest about what it had to drop.
#[derive(Debug)]
pub(super) struct EventQueue {
    waiting: VecDeque<Event>,
    capacity: usize,
    when_full: WhenFull,
    /// What was dropped since an event was taken last: all older than those that wait.
    lagged: Lagged,
    reader: Option<Waker>,
    /// Whether the program still reads.
    is_read: bool,
    /// Whether nothing more will come.
    is_ended: bool,
}

impl EventQueue {
    pub(super) fn new(capacity: usize, when_full: WhenFull) -> Self {
        Self {
            waiting: VecDeque::new(),
            capacity: capacity.max(1),
            when_full,
            lagged: Lagged::default(),
            reader: None,
            is_read: true,
            is_ended: false,
        }
    }

    pub(super) fn push(&mut self, event: Event, due: &mut Due) {
        if !self.is_read || self.is_ended {
            return;
        }
        let is_attempt = |event: &Event| matches!(event, Event::Reconnecting { .. });
        if is_attempt(&event) && self.waiting.back().is_some_and(is_attempt) {
            // Only the latest attempt is news; a server that is down for long would fill the queue.
            self.waiting.pop_back();
        }
        while self.when_full == WhenFull::DropOldest
            && self.waiting.len() >= self.capacity
            && let Some(dropped) = self.waiting.pop_front()
        {
            self.lagged.add(&dropped);
        }
        self.waiting.push_back(event);
        due.wake(self.reader.take());
    }

    /// The next event, and whether there is room again since.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> (Poll<Option<Event>>, bool) {
        if self.lagged.events > 0 {
            let lagged = std::mem::take(&mut self.lagged);
            return (Poll::Ready(Some(Event::Lagged(lagged))), false);
        }
        let was_full = self.is_full();
        if let Some(event) = self.waiting.pop_front() {
            let has_room = was_full && !self.is_full();
            return (Poll::Ready(Some(event)), has_room);
        }
        if self.is_ended {
            return (Poll::Ready(None), false);
        }
        self.reader = Some(cx.waker().clone());
        (Poll::Pending, false)
    }

    /// Whether nothing more may be read from the server.
    pub(super) fn is_full(&self) -> bool {
        self.is_read
            && self.when_full == WhenFull::Backpressure
            && self.waiting.len() >= self.capacity
    }

    /// Does not hold anything up from now on.
    pub(super) fn give_way(&mut self) {
        self.when_full = WhenFull::DropOldest;
    }

    /// Nobody reads any more.
    pub(super) fn close(&mut self) {
        self.is_read = false;
        self.waiting = VecDeque::new();
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, due: &mut Due) {
        self.is_ended = true;
        due.wake(self.reader.take());
    }
}
