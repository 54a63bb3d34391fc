use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::Hub;
use super::outbox::{Outbox, Wakes};
use super::room::Room;
use crate::event::Heard;
use crate::name::RoomName;

/// All that is said and happens in one room, as a stream: for programs that are not in it. Made by
/// [`Hub::subscribe`].
///
/// What waits in it is bounded like what waits for a [session](super::HubConfig::outbox): a program that
/// falls behind is told exactly what it missed. The stream ends when the room is
/// [closed](Hub::close_room), and, under [`SlowConsumer::Disconnect`](super::SlowConsumer), when the program
/// falls behind.
///
/// # Cancel safety
///
/// Nothing is lost when a future that waits for the next item is dropped.
#[must_use = "a subscription ends when it is dropped"]
pub struct Subscription {
    hub: Hub,
    room: Arc<Room>,
    key: usize,
    outbox: Arc<Outbox>,
}

impl Subscription {
    pub(super) fn new(hub: &Hub, name: &RoomName) -> Self {
        let outbox = hub.new_outbox();
        loop {
            let room = hub.directory().listen(name, hub.config(), hub.memory());
            // One that was closed since is not found again.
            if let Some(key) = room.listen(Arc::clone(&outbox)) {
                return Self {
                    hub: hub.clone(),
                    room,
                    key,
                    outbox,
                };
            }
        }
    }

    /// The room.
    pub fn room(&self) -> &RoomName {
        &self.room.name
    }
}

impl Stream for Subscription {
    type Item = Heard;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        if self.outbox.has_unannounced() {
            let mut wakes = Wakes::default();
            self.room.tell_listener(self.key, &mut wakes);
            self.hub.wake(wakes);
        }
        self.outbox.poll_heard(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.room.stop_listening(self.key);
        self.hub.stop_listening(&self.room);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("room", self.room())
            .finish_non_exhaustive()
    }
}
