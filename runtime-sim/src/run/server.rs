use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use chat_core::connection::{ConnectionConfig, RateLimit, serve_connection_with};
use chat_core::event::CloseReason;
use chat_core::hub::{Hub, HubConfig, SlowConsumer};
use chat_core::runtime::{
    Listener, Origin, Runtime, RuntimeExt, Sleep, Spawn, TaskGroup, TaskSpawner, Timer,
};
use chat_core::server::{Server, ServerConfig};
use chat_core::session::SessionHandle;

use super::witness::{Stage, Witness};
use crate::model::{Id, Promise, Tongue};
use crate::plan::PlanConfig;
use crate::strikes::Strike;
use crate::{SimListener, SimRuntime, SimStream};

/// The runtime, with an eye on what the shutdown does with it: right after a server has ordered its
/// sessions to close, it sets a timer, in the same poll. That is how the model learns of the orders in time.
pub(super) struct Tapped {
    pub(super) stage: Stage,
}

impl Spawn for Tapped {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.stage.runtime().spawn_detached(future);
    }

    fn spawn_detached_from(
        &self,
        origin: Origin,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) {
        self.stage.runtime().spawn_detached_from(origin, future);
    }

    fn wake_later(&self, waker: &Waker) {
        self.stage.runtime().wake_later(waker);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        self.stage.runtime().spawn_blocking_detached(work);
    }
}

impl Timer for Tapped {
    fn now(&self) -> Instant {
        self.stage.runtime().now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.stage.runtime().wall_clock()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let gives_orders = std::mem::take(&mut self.stage.model().giving_orders);
        if gives_orders {
            self.stage.model_before().orders_all_to_close(true);
        }
        self.stage.runtime().sleep_until(deadline)
    }
}

/// The runtime as the hub has it, with an eye on how long it waits for what: for decisions, and for people
/// to come back. So the model learns of what happens to a session while no connection has it.
pub(super) struct HubTapped {
    pub(super) stage: Stage,
    /// How long a session is kept, and how long a decision is waited for: as no other time that the hub waits for.
    pub(super) grace: Duration,
    pub(super) decision: Duration,
}

impl Spawn for HubTapped {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.stage.runtime().spawn_detached(future);
    }

    fn spawn_detached_from(
        &self,
        origin: Origin,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) {
        self.stage.runtime().spawn_detached_from(origin, future);
    }

    fn wake_later(&self, waker: &Waker) {
        self.stage.runtime().wake_later(waker);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        self.stage.runtime().spawn_blocking_detached(work);
    }
}

impl Timer for HubTapped {
    fn now(&self) -> Instant {
        self.stage.runtime().now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.stage.runtime().wall_clock()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let runtime = self.stage.runtime();
        let sleep = runtime.sleep_until(deadline);
        let mut model = self.stage.model();
        let what_for = if deadline == runtime.now() + self.grace {
            WhatFor::Return(model.begins_grace())
        } else if let Some(id) = model.handling
            && deadline == runtime.now() + self.decision
        {
            WhatFor::Decision(id)
        } else {
            return sleep;
        };
        drop(model);
        Box::pin(TappedSleep {
            sleep,
            what_for,
            stage: self.stage.clone(),
        })
    }
}

/// What the hub waits for.
enum WhatFor {
    /// A decision on what a connection wants; it looks for that right before each look at the clock.
    Decision(Id),
    /// Somebody to come back; this is the how-manieth one who went.
    Return(u64),
}

struct TappedSleep {
    sleep: Pin<Box<dyn Sleep>>,
    what_for: WhatFor,
    stage: Stage,
}

impl Future for TappedSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.sleep.as_mut().poll(cx);
        match self.what_for {
            WhatFor::Decision(id) => self.stage.model_before().looks_again(id),
            WhatFor::Return(number) if polled.is_ready() => {
                self.stage.model_before().expires(number);
            }
            WhatFor::Return(_) => {}
        }
        polled
    }
}

impl Sleep for TappedSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.sleep.as_mut().reset(deadline);
    }
}

/// The server of a run: the library's, or a loop as a program may have one of its own.
pub(super) enum Host {
    Server(Server),
    Loop(OwnLoop),
}

/// Accepts and serves without a `Server`, and can drop the future of a connection at any of its polls.
pub(super) struct OwnLoop {
    acceptors: TaskGroup,
    connections: TaskGroup,
    served: Served,
    stage: Stage,
}

/// The connections of an [`OwnLoop`]: which client, how to close it, and after how many polls it is dropped.
#[derive(Clone, Default)]
struct Served(Arc<Mutex<Vec<Seat>>>);

struct Seat {
    id: Id,
    handle: SessionHandle,
    doom: Arc<Mutex<Doom>>,
}

/// After how many polls a connection is dropped, and how to get it polled.
#[derive(Default)]
struct Doom {
    polls: Option<u32>,
    waker: Option<Waker>,
}

impl Served {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn hub_config(config: &PlanConfig) -> HubConfig {
    let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut hub = HubConfig::default();
    hub.room_memory.messages = small(config.memory_messages);
    hub.room_memory.bytes = small(config.memory_bytes);
    hub.empty_rooms = small(config.empty_rooms);
    if config.max_memory > 0 {
        hub.max_memory = small(config.max_memory);
    }
    hub.outbox.messages = small(config.outbox_messages);
    hub.outbox.bytes = small(config.outbox_bytes);
    hub.max_rooms = small(config.max_rooms);
    hub.max_members_per_room = small(config.max_members);
    hub.presence_delay = ms(config.presence_ms);
    hub.decision_timeout = decision(config);
    hub.resume_grace = grace(config);
    hub.max_parked = small(config.max_parked);
    hub.max_rooms_per_session = small(config.max_rooms_each);
    if config.disconnect > 0 {
        hub.outbox.slow_consumer = SlowConsumer::Disconnect;
    }
    hub
}

/// How long a session is kept. No other time that there is has an odd nanosecond.
pub(super) fn grace(config: &PlanConfig) -> Duration {
    ms(config.grace_ms) + Duration::from_nanos(1)
}

/// How long a decision is waited for. No other time that there is has two nanoseconds.
pub(super) fn decision(config: &PlanConfig) -> Duration {
    ms(config.decision_ms) + Duration::from_nanos(2)
}

/// How long somebody may have more to say than the rate lets them: as usual.
pub(super) fn flood() -> Option<Duration> {
    ConnectionConfig::default().flood_timeout
}

fn connection_config(config: &PlanConfig) -> ConnectionConfig {
    let mut connection = ConnectionConfig::default();
    connection.idle_timeout = (config.idle_ms > 0).then(|| ms(config.idle_ms));
    connection.write_timeout = (config.write_ms > 0).then(|| ms(config.write_ms));
    connection.registration_timeout = Some(ms(config.registration_ms));
    let rate = u32::try_from(config.rate).unwrap_or(u32::MAX);
    connection.rate_limit = RateLimit::new(rate, Duration::from_secs(1));
    connection.close_timeout = ms(config.close_ms);
    connection.linger = ms(config.linger_ms);
    connection
}

impl Host {
    pub(super) fn start(
        config: &PlanConfig,
        hub: &Hub,
        runtime: &Arc<dyn Runtime>,
        stage: &Stage,
        listeners: Vec<(Option<Tongue>, SimListener)>,
    ) -> Self {
        if config.own_loop > 0 {
            let own = OwnLoop {
                acceptors: TaskGroup::new(Arc::clone(runtime)),
                connections: TaskGroup::new(Arc::clone(runtime)),
                served: Served::default(),
                stage: stage.clone(),
            };
            for (tongue, listener) in listeners {
                let acceptor = Acceptor {
                    tongue,
                    hub: hub.clone(),
                    runtime: Arc::clone(runtime),
                    config: connection_config(config),
                    stage: stage.clone(),
                    connections: own.connections.spawner(),
                    served: own.served.clone(),
                };
                let _ = own.acceptors.spawn(acceptor.accept(listener));
            }
            return Self::Loop(own);
        }
        let mut server = ServerConfig::default();
        server.max_connections = usize::try_from(config.max_connections).unwrap_or(usize::MAX);
        server.max_per_address = usize::try_from(config.max_per_address)
            .ok()
            .filter(|&limit| limit > 0);
        let connect_rate = u32::try_from(config.connect_rate).unwrap_or(u32::MAX);
        server.connect_rate = RateLimit::new(connect_rate, Duration::from_secs(1));
        server.accept_delay = ms(config.accept_ms);
        server.connection = connection_config(config);
        let server = Server::new(hub.clone(), Arc::clone(runtime), server);
        for (tongue, listener) in listeners {
            let (stage, id) = (stage.clone(), listener.id());
            let protocol = move || {
                let (connection, arrivals) = {
                    let mut network = stage.runtime().shared.network();
                    (network.last_accepted(id), network.take_arrivals())
                };
                // Also those that were turned away without a word, and so without a protocol.
                for arrival in arrivals {
                    stage.model().arrives(&arrival);
                }
                Witness::new(stage.clone(), connection, tongue)
            };
            let listening = server.listen(listener, protocol);
            listening.expect("a simulated listener knows its address");
        }
        Self::Server(server)
    }

    /// Drops the connection of a client after so many more polls, if it is one of an [`OwnLoop`].
    pub(super) fn doom(&self, client: u32, polls: u32) {
        let Self::Loop(own) = self else {
            return;
        };
        for seat in own.served.lock().iter() {
            let model = own.stage.model();
            let theirs = model.people.get(&seat.id);
            if theirs.is_some_and(|person| person.client == client) {
                let mut doom = seat.doom.lock().unwrap_or_else(PoisonError::into_inner);
                doom.polls = Some(polls);
                doom.waker.take().into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Shuts down, and returns how many connections were cut off.
    pub(super) async fn shut_down(self, within: Duration, stage: &Stage) -> usize {
        let start = stage.runtime().elapsed();
        {
            let mut model = stage.model();
            model.stopping = true;
            model.shutdown_within = u64::try_from(within.as_nanos()).ok();
        }
        let cut_off = match self {
            Self::Server(server) => {
                let mut shutdown = pin!(server.shutdown(within));
                poll_fn(|cx| {
                    let ordered = stage.model().shutdown;
                    stage.model().giving_orders = !ordered;
                    let polled = shutdown.as_mut().poll(cx);
                    stage.model().giving_orders = false;
                    cut_off_when_late(stage, start, within);
                    polled
                })
                .await
                .cut_off
            }
            Self::Loop(own) => own.shut_down(within, stage, start).await,
        };
        let took = stage.runtime().elapsed() - start;
        // A timer may be late, and a task held back.
        if took > within + ms(100) {
            let detail = format!("it took {took:?} instead of {within:?}");
            stage.model().breaks(Promise::Shutdown, detail);
        }
        cut_off
    }
}

/// From the deadline of a shutdown on, connections may be dropped.
fn cut_off_when_late(stage: &Stage, start: Duration, within: Duration) {
    if stage.runtime().elapsed() >= start + within {
        stage.model().cutting_off = true;
    }
}

impl OwnLoop {
    async fn shut_down(self, within: Duration, stage: &Stage, start: Duration) -> usize {
        self.acceptors.cancel().await;
        self.connections.close();
        stage.model_before().orders_all_to_close(false);
        for seat in self.served.lock().iter() {
            seat.handle.close_within(CloseReason::Shutdown, within);
        }
        let joined = stage.runtime().timeout(within, self.connections.join());
        if joined.await.is_err() {
            cut_off_when_late(stage, start, within);
            let left = self.connections.len();
            self.connections.cancel().await;
            return left;
        }
        0
    }
}

/// Serves whoever comes to one listener.
struct Acceptor {
    /// What is spoken there; `None` where that is up to the peer.
    tongue: Option<Tongue>,
    hub: Hub,
    runtime: Arc<dyn Runtime>,
    config: ConnectionConfig,
    stage: Stage,
    connections: TaskSpawner,
    served: Served,
}

impl Acceptor {
    async fn accept(self, listener: SimListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.serve(stream),
                Err(_) => self.runtime.sleep(ms(1)).await,
            }
        }
    }

    fn serve(&self, stream: SimStream) {
        let id = stream.id();
        let witness = Witness::new(self.stage.clone(), id, self.tongue);
        let config = self.config.clone();
        let connection = serve_connection_with(stream, witness, &self.hub, &self.runtime, config);
        let doom = Arc::<Mutex<Doom>>::default();
        self.served.lock().push(Seat {
            id,
            handle: connection.handle(),
            doom: Arc::clone(&doom),
        });
        let (stage, seats) = (self.stage.clone(), self.served.clone());
        let _ = self.connections.spawn(async move {
            let doomed = Doomed {
                future: Some(connection),
                doom,
                stage,
                id,
            };
            doomed.await;
            seats.lock().retain(|seat| seat.id != id);
        });
    }
}

/// A future that is dropped before it is done.
struct Doomed<F> {
    future: Option<F>,
    doom: Arc<Mutex<Doom>>,
    stage: Stage,
    id: Id,
}

impl<F: Future + Unpin> Future for Doomed<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let dropped = {
            let mut doom = this.doom.lock().unwrap_or_else(PoisonError::into_inner);
            doom.waker = Some(cx.waker().clone());
            match &mut doom.polls {
                Some(0) => true,
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => false,
            }
        };
        if dropped {
            if let Some(person) = this.stage.model().people.get_mut(&this.id) {
                person.excused = true;
            }
            let runtime: &SimRuntime = this.stage.runtime();
            runtime.shared.core().struck(Strike::DroppedFuture);
            this.future = None;
            return Poll::Ready(());
        }
        let Some(future) = &mut this.future else {
            return Poll::Ready(());
        };
        let polled = Pin::new(future).poll(cx);
        if polled.is_ready() {
            this.future = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
