use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::conversation::Conversation;
use super::due::Due;
use super::error::{Disconnect, End};
use super::event::Event;
use super::frame::Frame;
use super::queue::EventQueue;
use crate::message::Body;
use crate::runtime::{Runtime, after};

/// What the handles, the stream of events and the driver of a client have in common.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Notified when there is room for a request.
    pub(super) room: event_listener::Event,
    /// Notified when the client has ended.
    pub(super) ended: event_listener::Event,
    pub(super) runtime: Arc<dyn Runtime>,
    close_timeout: Duration,
}

pub(super) struct State {
    pub(super) conversation: Conversation,
    events: EventQueue,
    driver: Option<Waker>,
    handles: usize,
    /// By when the client has to have closed, once it is told to.
    pub(super) close_deadline: Option<Instant>,
    pub(super) end: Option<End>,
    /// How many requests the end has left without an answer.
    pub(super) unanswered: usize,
    pub(super) due: Due,
}

impl Shared {
    pub(super) fn new(
        conversation: Conversation,
        events: EventQueue,
        runtime: Arc<dyn Runtime>,
        close_timeout: Duration,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                conversation,
                events,
                driver: None,
                handles: 0,
                close_deadline: None,
                end: None,
                unanswered: 0,
                due: Due::default(),
            }),
            room: event_listener::Event::new(),
            ended: event_listener::Event::new(),
            runtime,
            close_timeout,
        }
    }

    /// Looks at the state or changes it, and then tells others what that means for them.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let output = act(&mut state);
        let due = std::mem::take(&mut state.due);
        drop(state);
        if due.freed > 0 {
            self.room.notify_additional(due.freed);
        }
        due.tell();
        output
    }

    pub(super) fn add_handle(&self) {
        self.lock().handles += 1;
    }

    pub(super) fn drop_handle(&self) {
        let was_last = self.with(|state| {
            state.handles -= 1;
            state.handles == 0
        });
        if was_last {
            self.close(None);
        }
    }

    /// Orders the driver to close.
    pub(super) fn close(&self, reason: Option<Body>) {
        let deadline = after(self.runtime.now(), self.close_timeout);
        self.with(|state| {
            state.conversation.close(reason);
            state.close_deadline.get_or_insert(deadline);
            state.events.give_way();
            state.wake_driver();
        });
    }

    /// The end of the client. The first reason stands.
    pub(super) fn end(&self, end: End) {
        self.with(|state| {
            if state.end.is_some() {
                return;
            }
            state.unanswered = state.conversation.end(&end, &mut state.due);
            state.events.push(Event::Ended(end.clone()), &mut state.due);
            state.events.end(&mut state.due);
            state.end = Some(end);
        });
        self.ended.notify(usize::MAX);
        // Whoever waits for room is not to wait in vain.
        self.room.notify(usize::MAX);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What can panic while it is held, if anything, is a program's waker that is cloned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn wake_driver(&mut self) {
        self.due.wake(self.driver.take());
    }

    /// Leaves a waker for whatever concerns the driver.
    pub(super) fn set_driver(&mut self, waker: &Waker) {
        match &mut self.driver {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn push_event(&mut self, event: Event) {
        self.events.push(event, &mut self.due);
    }

    pub(super) fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let (event, has_room) = self.events.poll(cx);
        if has_room {
            self.wake_driver();
        }
        event
    }

    pub(super) fn stop_reading(&mut self) {
        self.events.close();
        self.wake_driver();
    }

    /// Whether nothing more may be read from the server.
    pub(super) fn is_full(&self) -> bool {
        self.events.is_full()
    }

    pub(super) fn connected(&mut self) {
        self.conversation.connected(&mut self.due);
    }

    pub(super) fn handle(&mut self, frame: Frame) -> Result<(), Disconnect> {
        self.conversation
            .handle(frame, &mut self.events, &mut self.due)
    }

    pub(super) fn abandon(&mut self, number: u64) {
        self.conversation.abandon(number, &mut self.due);
        // It may have been the last one that a goodbye waits for.
        self.wake_driver();
    }
}
