use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use chat_core::event::{Batch, CloseReason};
use chat_core::framing::Frame;
use chat_core::hub::{Hub, HubError};
use chat_core::name::RoomName;
use chat_core::protocol::{Delivery, DetectProtocol, Flow, JsonProtocol, Protocol, TextProtocol};
use chat_core::session::{Done, Session, SessionHandle};
use chat_core::store::HistoryRange;

use crate::SimRuntime;
use crate::model::{Clocks, Id, Model, Promise, Ruling, Tongue};

/// The model, shared by everything that tells it what happens. There is one thread, so it is never waited
/// for.
#[derive(Clone)]
pub(super) struct Stage {
    model: Arc<Mutex<Model>>,
    runtime: SimRuntime,
    /// The hub, which holds on to the stage itself.
    hub: Arc<OnceLock<Weak<Hub>>>,
    /// The sessions of all open connections, where their queues are looked at.
    queues: Arc<Mutex<BTreeMap<Id, SessionHandle>>>,
}

impl Stage {
    pub(super) fn new(model: Model, runtime: SimRuntime) -> Self {
        let model = Arc::new(Mutex::new(model));
        Self {
            model,
            runtime,
            hub: Arc::default(),
            queues: Arc::default(),
        }
    }

    /// There is a hub to look at from now on, for as long as somebody else holds it.
    pub(super) fn shows(&self, hub: &Arc<Hub>) {
        self.hub.get_or_init(|| Arc::downgrade(hub));
    }

    /// A hook decides. What it allows is done right after.
    pub(super) fn decides(&self, ruling: Ruling) {
        let hub = self.hub.get().and_then(Weak::upgrade);
        let mut model = self.model();
        if model.handling.is_none() {
            // Late, so that nothing has been done yet in this step.
            self.settle(&mut model);
        }
        model.rulings.push_back(ruling);
        if let Some(hub) = hub {
            model.decides_with_memory(hub.memory_used());
        }
    }

    /// The model, as of now.
    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        let clock = &self.runtime.shared.clock;
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        model.now = clock.now();
        model.wall = clock.wall_clock();
        if model.wants_clocks() {
            self.shows_clocks(&mut model);
        }
        model
    }

    /// Shows the model how long each connection has been left as it is.
    pub(super) fn shows_clocks(&self, model: &mut Model) {
        let network = self.runtime.shared.network();
        model.sees_clocks(|id| {
            let (heard_at, blocked_at) = network.clocks(id)?;
            Some(Clocks {
                heard_at,
                blocked_at,
            })
        });
    }

    /// The model, as of now, before something is done and with nothing half done. Where the model cannot know it, it is
    /// told whose queue has been closed by what was done last.
    pub(super) fn model_before(&self) -> MutexGuard<'_, Model> {
        let mut model = self.model();
        self.settle(&mut model);
        model
    }

    fn settle(&self, model: &mut Model) {
        if model.limits.watches_queues() {
            let queues = self.queues();
            let slow = slow(&queues);
            model.settles_queues(queues.keys().copied(), slow);
        }
    }

    /// The model, as of now, when something has been done that it is about to do.
    fn model_after(&self) -> MutexGuard<'_, Model> {
        let mut model = self.model();
        if model.limits.watches_queues() {
            model.sees_slow(slow(&self.queues()));
        }
        model
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<Id, SessionHandle>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn runtime(&self) -> &SimRuntime {
        &self.runtime
    }
}

/// Which of these sessions are ordered to close because they are slow.
fn slow(queues: &BTreeMap<Id, SessionHandle>) -> BTreeSet<Id> {
    let is_slow = |handle: &SessionHandle| handle.closing() == Some(CloseReason::SlowConsumer);
    let slow = queues.iter().filter(|(_, handle)| is_slow(handle));
    slow.map(|(&id, _)| id).collect()
}

/// A protocol as it is, with somebody who listens at both of its ends.
pub(super) struct Witness {
    protocol: Box<dyn Protocol + Send>,
    /// What is spoken; `None` where that is up to the peer.
    tongue: Option<Tongue>,
    id: Id,
    stage: Stage,
    opened: bool,
    waiting: Option<Step>,
}

/// What a hook has to decide.
enum Step {
    Entering,
    Line(Option<Vec<u8>>),
}

impl Witness {
    pub(super) fn new(stage: Stage, id: Id, tongue: Option<Tongue>) -> Self {
        stage.model().witnesses += 1;
        Self {
            protocol: match tongue {
                Some(Tongue::Text) => Box::new(TextProtocol::default()),
                Some(Tongue::Json) => Box::new(JsonProtocol::default()),
                None => Box::new(DetectProtocol::default()),
            },
            tongue,
            id,
            stage,
            opened: false,
            waiting: None,
        }
    }
}

impl Witness {
    /// The protocol does something before the first frame; by that the peer `comes_in` as a person, or does not.
    fn begins(
        &mut self,
        comes_in: bool,
        begin: impl FnOnce(&mut Box<dyn Protocol + Send>) -> Flow,
    ) -> Flow {
        {
            let mut model = self.stage.model_before();
            model.rulings.clear();
            model.handling = Some(self.id);
        }
        let flow = begin(&mut self.protocol);
        let stage = self.stage.clone();
        let mut model = stage.model_after();
        model.handling = None;
        if comes_in {
            self.enters(&mut model, &flow);
        }
        model.rulings.clear();
        flow
    }

    /// A person comes in, as far as that is decided.
    fn enters(&mut self, model: &mut Model, flow: &Flow) {
        let waits = *flow == Flow::Wait;
        model.enters(self.id, waits);
        if waits {
            model.waits(self.id, None);
            self.waiting = Some(Step::Entering);
        }
    }
}

impl Protocol for Witness {
    fn max_frame(&self) -> usize {
        self.protocol.max_frame()
    }

    fn open(&mut self, session: &mut Session) -> Flow {
        self.opened = true;
        let mut model = self.stage.model_before();
        model.opens(self.id);
        if model.limits.watches_queues() {
            self.stage.queues().insert(self.id, session.handle());
        }
        drop(model);
        let comes_in = self.tongue == Some(Tongue::Text);
        self.begins(comes_in, |protocol| protocol.open(session))
    }

    fn greeting_delay(&self) -> Option<Duration> {
        self.protocol.greeting_delay()
    }

    fn handle_silence(&mut self, session: &mut Session) -> Flow {
        self.stage.model().greets(self.id);
        self.begins(true, |protocol| protocol.handle_silence(session))
    }

    fn handle_first_byte(&mut self, byte: u8, session: &mut Session) -> Flow {
        let comes_in = self.stage.model().hears_first_byte(self.id, byte);
        self.begins(comes_in, |protocol| {
            protocol.handle_first_byte(byte, session)
        })
    }

    fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
        {
            let mut model = self.stage.model_before();
            model.rulings.clear();
            model.handling = Some(self.id);
            look_at_memory(&mut model, session.hub());
        }
        let flow = self.protocol.handle_frame(frame, session);
        let mut model = self.stage.model_after();
        model.handling = None;
        let line = model.framed(self.id, &frame);
        let line = model.decides_by(self.id, line);
        // What is decided already when something has to be waited for is the first of two things: that a person
        // gets a nick, and with it into the first room.
        model.entering_waits = flow == Flow::Wait && !model.rulings.is_empty();
        if flow == Flow::Wait {
            model.waits(self.id, line.as_deref());
            if model.entering_waits {
                model.handles(self.id, line.as_deref());
                self.waiting = Some(Step::Entering);
            } else {
                self.waiting = Some(Step::Line(line));
            }
            model.rulings.clear();
            return flow;
        }
        let expected = model.handles(self.id, line.as_deref());
        model.rulings.clear();
        look_at_rooms(&mut model, session.hub());
        if flow != expected {
            let detail = format!(
                "connection {}: {frame:?} leads to {flow:?} instead of {expected:?}",
                self.id
            );
            model.breaks(Promise::Reason, detail);
        }
        flow
    }

    fn handle_done(&mut self, done: Result<Done, HubError>, session: &mut Session) -> Flow {
        let error = done.as_ref().err().cloned();
        {
            // What was decided has been done already.
            let mut model = self.stage.model_after();
            model.decides_late(self.id, error.as_ref());
            look_at_memory(&mut model, session.hub());
            model.handling = Some(self.id);
        }
        let flow = self.protocol.handle_done(done, session);
        let stage = self.stage.clone();
        let mut model = stage.model_after();
        model.handling = None;
        match self.waiting.take() {
            Some(Step::Entering) => self.enters(&mut model, &flow),
            Some(Step::Line(line)) => {
                model.entering_waits = flow == Flow::Wait;
                let expected = model.handles_late(self.id, line.as_deref(), error.as_ref());
                if flow == Flow::Wait {
                    model.waits(self.id, None);
                    self.waiting = Some(Step::Entering);
                } else if flow != expected {
                    let id = self.id;
                    let detail = format!("connection {id}: {flow:?} instead of {expected:?}");
                    model.breaks(Promise::Reason, detail);
                }
            }
            None => {
                let detail = format!("connection {}: nothing was waited for", self.id);
                model.breaks(Promise::Reason, detail);
            }
        }
        model.rulings.clear();
        look_at_rooms(&mut model, session.hub());
        flow
    }

    fn ping(&mut self, out: &mut Vec<u8>) {
        let before = out.len();
        self.protocol.ping(out);
        self.stage.model_before().pings(self.id, &out[before..]);
    }

    fn encode(&mut self, delivery: Delivery<'_>, session: &Session, out: &mut Vec<u8>) {
        let before = out.len();
        self.protocol.encode(delivery, session, out);
        let mut model = self.stage.model();
        model.encoded(self.id, &out[before..]);
        look_at_memory(&mut model, session.hub());
    }

    fn encode_batch(&mut self, batch: Batch<'_>, session: &Session, out: &mut Vec<u8>) {
        let before = out.len();
        self.protocol.encode_batch(batch, session, out);
        let mut model = self.stage.model();
        // As if they came one by one; both protocols write a line for each.
        for line in out[before..].split_inclusive(|&byte| byte == b'\n') {
            model.encoded(self.id, line);
        }
        look_at_memory(&mut model, session.hub());
    }

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        self.protocol.farewell(reason, out);
        let (heard_at, told_at) = {
            let network = self.stage.runtime().shared.network();
            (network.heard_at(self.id), network.told_at(self.id))
        };
        let mut model = self.stage.model_before();
        self.stage.shows_clocks(&mut model);
        model.bids_farewell(self.id, reason, heard_at, told_at);
    }
}

/// Shows the model how much memory is in use, where that is bounded.
pub(super) fn look_at_memory(model: &mut Model, hub: &Hub) {
    if model.is_bounded() {
        model.uses_memory(hub.memory_used());
    }
}

/// Shows the model what the rooms remember that have got a message, where memory is bounded.
pub(super) fn look_at_rooms(model: &mut Model, hub: &Hub) {
    for room in model.rooms_that_grew() {
        let name = RoomName::parse(&room).expect("a room has a name");
        let Ok(remembered) = hub.history(&name, HistoryRange::Latest, usize::MAX) else {
            continue;
        };
        let first = remembered.first().and_then(|event| event.number());
        drop(remembered);
        model.room_remembers(&room, first);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // The session of a connection that has broken off is gone already, and that of one that is dropped is not.
        let mut model = self.stage.model_after();
        model.witnesses -= 1;
        if self.opened {
            model.dropped(self.id);
            self.stage.queues().remove(&self.id);
        }
    }
}
