//! The program that the hub belongs to: what a plan has it do there without being anybody, and what it hears.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::event::{Event, Heard};
use chat_core::hub::{Hub, Subscription};
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::runtime::{RuntimeExt, Task};
use chat_core::store::HistoryRange;
use futures::StreamExt;

use super::client::{nick, room};
use super::witness::{Stage, look_at_memory, look_at_rooms};
use crate::model::Promise;
use crate::plan::{Deed, DeedKind};
use crate::trace::What;

/// The subscriptions that there are.
pub(super) type Listeners = Arc<Mutex<Vec<Task<()>>>>;

/// Does what a plan says.
pub(super) struct Program {
    stage: Stage,
    hub: Hub,
    listeners: Listeners,
    said: u64,
}

impl Program {
    pub(super) fn new(stage: Stage, hub: Hub, listeners: Listeners) -> Self {
        Self {
            stage,
            hub,
            listeners,
            said: 0,
        }
    }

    /// Does everything in its time.
    pub(super) async fn run(mut self, deeds: Vec<Deed>) {
        for (index, deed) in deeds.into_iter().enumerate() {
            let runtime = self.stage.runtime();
            let wait = Duration::from_micros(deed.at).saturating_sub(runtime.elapsed());
            if !wait.is_zero() {
                runtime.sleep(wait).await;
            }
            self.stage.runtime().note(What::Deed, index as u64, 0);
            self.does(deed.kind).await;
        }
    }

    /// Does something, and lets the model do it: nothing comes between, as there is one thread.
    async fn does(&mut self, kind: DeedKind) {
        // Right before: buffers grow without the model being told.
        look_at_memory(&mut self.stage.model_before(), &self.hub);
        match kind {
            DeedKind::Publish(room, len) => self.publishes(&place(room), len),
            DeedKind::SetTopic(room, len) => {
                let (room, topic) = (place(room), self.words(len));
                let done = self.hub.set_topic(&room, topic.clone()).is_ok();
                let mut model = self.stage.model();
                let ours = model.topic_is_set(room.as_str(), topic.as_ref().map(Body::as_str));
                self.agree(model, done, ours, kind);
            }
            DeedKind::Kick(room, nick, len) => {
                let (room, nick, why) = (place(room), named(nick), self.words(len));
                let done = self.hub.kick(&room, &nick, why.clone()).is_ok();
                let mut model = self.stage.model();
                let why = why.as_ref().map(Body::as_str);
                let ours = model.kicks(room.as_str(), nick.as_str(), why);
                self.agree(model, done, ours, kind);
            }
            DeedKind::Disconnect(nick, len) => {
                let (nick, why) = (named(nick), self.words(len));
                let done = self.hub.disconnect(&nick, why.clone()).is_ok();
                let mut model = self.stage.model();
                let ours = model.is_removed(nick.as_str(), why.as_ref().map(Body::as_str));
                self.agree(model, done, ours, kind);
            }
            DeedKind::CloseRoom(room, len) => {
                let (room, why) = (place(room), self.words(len));
                let done = self.hub.close_room(&room, why.clone()).ok();
                let mut model = self.stage.model();
                let ours = model.room_is_closed(room.as_str(), why.as_ref().map(Body::as_str));
                self.agree(model, done, ours, kind);
            }
            DeedKind::Subscribe(room, ms) => self.subscribes(&place(room), ms),
            DeedKind::Unsubscribe(which) => {
                let task = {
                    let mut listeners = lock(&self.listeners);
                    let index = super::client::count(which).checked_rem(listeners.len());
                    index.map(|index| listeners.swap_remove(index))
                };
                if let Some(task) = task {
                    let _ = task.cancel().await;
                }
            }
            DeedKind::Look(room) => self.looks(&place(room), kind),
        }
    }

    fn publishes(&mut self, room: &RoomName, len: u32) {
        let Some(text) = self.words(len.max(1)) else {
            return;
        };
        let kind = match self.said.is_multiple_of(3) {
            true => MessageKind::Action,
            false => MessageKind::Say,
        };
        let number = self.hub.publish(room, kind, text.clone()).ok();
        let mut model = self.stage.model();
        let action = kind == MessageKind::Action;
        let ours = model.publishes(room.as_str(), action, text.as_str());
        look_at_rooms(&mut model, &self.hub);
        look_at_memory(&mut model, &self.hub);
        self.agree(model, number, ours, DeedKind::Publish(0, len));
    }

    fn subscribes(&self, room: &RoomName, ms: u32) {
        let subscription = self.hub.subscribe(room);
        let id = self.stage.model().listens(room.as_str());
        let listener = Listener {
            subscription: Some(subscription),
            id,
            stage: self.stage.clone(),
            known: None,
        };
        let pause = Duration::from_millis(ms.into());
        let task = self.stage.runtime().spawn(listener.listen(pause));
        lock(&self.listeners).push(task);
    }

    fn looks(&self, room: &RoomName, kind: DeedKind) {
        let theirs = self.hub.members(room).ok().map(|members| {
            let members = members.iter().map(|member| member.nick.to_string());
            let history = self.hub.history(room, HistoryRange::Latest, usize::MAX);
            let history = history.into_iter().flatten();
            let numbers = history.filter_map(|event| event.number());
            let topic = self.hub.topic(room).ok().flatten();
            let topic = topic.map(|topic| topic.to_string());
            (members.collect(), numbers.collect(), topic)
        });
        let model = self.stage.model();
        let ours = model.looks(room.as_str());
        self.agree(model, theirs, ours, kind);
    }

    /// Compares what came of a deed.
    fn agree<T: PartialEq + std::fmt::Debug>(
        &self,
        mut model: std::sync::MutexGuard<'_, crate::model::Model>,
        theirs: T,
        ours: T,
        kind: DeedKind,
    ) {
        if theirs != ours {
            let detail = format!("{kind}: the hub says {theirs:?}, the model {ours:?}");
            model.breaks(Promise::Program, detail);
        }
    }

    /// Something new of about a length, or nothing.
    fn words(&mut self, len: u32) -> Option<Body> {
        let len = super::client::count(len);
        self.said += 1;
        let text = format!("p{}{}", self.said, " lorem ipsum".repeat(len / 12));
        (len > 0).then(|| Body::parse(&text).expect("these are words"))
    }
}

fn lock(listeners: &Listeners) -> std::sync::MutexGuard<'_, Vec<Task<()>>> {
    listeners.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rooms that the program knows, in two spellings each.
fn place(number: u32) -> RoomName {
    let name = match number {
        0 => "general".into(),
        1 => "General".into(),
        other => room(other - 2),
    };
    RoomName::parse(&name).expect("this names a room")
}

fn named(number: u32) -> Nick {
    Nick::parse(&nick(number)).expect("this is a nick")
}

/// Somebody who listens to a room.
struct Listener {
    subscription: Option<Subscription>,
    id: u64,
    stage: Stage,
    /// The last number that it has heard of.
    known: Option<u64>,
}

impl Listener {
    /// Hears everything, and takes its time about each thing while anything may be wrong.
    async fn listen(mut self, pause: Duration) {
        while let Some(subscription) = &mut self.subscription {
            let Some(heard) = subscription.next().await else {
                self.stage.model().has_heard_all(self.id);
                return;
            };
            self.hears(&heard);
            let runtime = self.stage.runtime();
            let calm = runtime.shared.core().calm;
            if !pause.is_zero() && !calm {
                runtime.sleep(pause).await;
            }
        }
    }

    /// Shows it to the model, and looks at the numbers itself.
    fn hears(&mut self, heard: &Heard) {
        self.stage.model().is_overheard(self.id, heard);
        let numbers = match heard {
            Heard::Missed(missed) => missed.messages,
            heard => match heard.event() {
                Some(Event::Message(message)) => Some((message.number, message.number)),
                _ => None,
            },
        };
        let Some((first, last)) = numbers else {
            return;
        };
        if let Some(known) = self.known
            && known + 1 != first
        {
            let id = self.id;
            let detail = format!("subscription {id} heard {heard:?} after number {known}");
            self.stage.model().breaks(Promise::Numbers, detail);
        }
        self.known = Some(last);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.subscription.take());
        self.stage.model().stops_listening(self.id);
    }
}
