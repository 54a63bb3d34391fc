use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use chat_core::connection::{Connection, serve_connection};
use chat_core::event::SharedEvent;
use chat_core::hub::{Hub, HubConfig};
use chat_core::message::{Body, MessageKind};
use chat_core::name::RoomName;
use chat_core::protocol::TextProtocol;
use chat_core::runtime::Runtime;
use chat_core::session::Session;
use chat_core::store::HistoryRange;

use futures::task::{ArcWake, waker_ref};

use crate::stillness::{Listener, Stillness};

/// A room with somebody who talks, and members whose connections are polled by hand.
pub struct House {
    room: RoomName,
    speaker: Session,
    members: Vec<Connection<Listener, TextProtocol>>,
    woken: Arc<Woken>,
}

/// Whether a connection has been woken.
struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.store(true, Ordering::Relaxed);
    }
}

impl House {
    /// A room with so many members beside the speaker, who have heard all that was said of their coming.
    pub fn with_members(members: usize) -> Self {
        let runtime: Arc<dyn Runtime> = Arc::new(Stillness::new());
        let hub = Hub::new(Arc::clone(&runtime), HubConfig::default());
        let room = RoomName::general();
        let mut speaker = Session::open(&hub);
        speaker.take_guest_nick();
        speaker.join(&room).expect("a new room");
        let mut house = Self {
            room,
            speaker,
            members: Vec::with_capacity(members),
            woken: Arc::new(Woken(AtomicBool::new(false))),
        };
        for member in 1..=members {
            let connection = serve_connection(Listener, TextProtocol::default(), &hub, &runtime);
            house.members.push(connection);
            house.deliver_to(member - 1);
            // An outbox holds a thousand events.
            if member % 100 == 0 {
                house.deliver();
            }
        }
        house.deliver();
        house
    }

    /// Says something: it is queued for every member.
    pub fn say(&self, body: &Body) {
        let said = self.speaker.say(&self.room, MessageKind::Say, body.clone());
        said.expect("the speaker is in the room");
    }

    /// Lets every connection write what is queued.
    pub fn deliver(&mut self) {
        (0..self.members.len()).for_each(|member| self.deliver_to(member));
    }

    /// What was said last.
    pub fn last_said(&self) -> Arc<SharedEvent> {
        let history = self.speaker.history(&self.room, HistoryRange::Latest, 1);
        let last = history.expect("the speaker is in the room").pop();
        last.expect("something was said")
    }

    /// The one who talks.
    pub fn speaker(&self) -> &Session {
        &self.speaker
    }

    fn deliver_to(&mut self, member: usize) {
        let waker = waker_ref(&self.woken);
        let mut context = Context::from_waker(&waker);
        // A connection may want to be polled again at once.
        self.woken.0.store(true, Ordering::Relaxed);
        while self.woken.0.swap(false, Ordering::Relaxed) {
            let polled = Pin::new(&mut self.members[member]).poll(&mut context);
            assert!(polled.is_pending(), "nobody closes");
        }
    }
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("House")
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}
