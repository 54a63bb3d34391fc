use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::hub::Hub;
use chat_core::name::RoomName;
use chat_core::runtime::{Net, Runtime, RuntimeExt, Task};

use super::client::{Client, LibraryProgram, Places, Shared};
use super::errors::Errors;
use super::hook::Hook;
use super::program::{Listeners, Program};
use super::report::Report;
use super::server::{Host, HubTapped, Tapped, decision, flood, grace, hub_config};
use super::witness::Stage;
use crate::model::{Broken, Limits, Model, Presence, Promise, Tongue};
use crate::plan::{Action, FaultKind, Plan, PlanConfig};
use crate::policy::Policy;
use crate::random::{Purpose, Random};
use crate::strikes::Strike;
use crate::trace::What;
use crate::{Settings, Sim, SimRuntime};

/// How long everything may take to come to rest when nothing is wrong any more.
const DRAIN: Duration = Duration::from_secs(60);

/// How many of the last events a report shows.
const EVENTS: usize = 40;

/// How much longer where a rate is limited: so long may a client have more to say than it may.
const FLOOD: Duration = Duration::from_secs(120);

/// Runs a plan and says what came of it.
pub fn run(plan: &Plan) -> Report {
    let sim = Sim::new(Settings {
        seed: plan.seed,
        policy: plan.config.policy,
        keep: EVENTS,
        ..Settings::default()
    });
    let runtime = sim.runtime();
    let stage = Stage::new(Model::new(limits(plan), promptness(plan)), runtime.clone());
    let errors = Errors::default();
    let conducted = tracing::subscriber::with_default(errors.clone(), || {
        catch_unwind(AssertUnwindSafe(|| sim.block_on(conduct(plan, &stage))))
    });
    let mut model = stage.model();
    if let Err(panic) = conducted {
        // What it says comes first: a broken promise before it may be the reason.
        model.breaks(Promise::NoPanic, message(&*panic));
    }
    if errors.count() > model.planned_errors || runtime.panics() > 0 {
        model.breaks(Promise::NoPanic, "a task panicked");
    }
    let report = Report {
        broken: model.broken.clone(),
        hash: runtime.trace_hash(),
        events: runtime.trace_len(),
        simulated: runtime.elapsed(),
        strikes: runtime.strikes(),
        sometimes: model.sometimes.clone(),
        recent: runtime.recent_events(),
        messages: model.accepted,
        received: model.received,
    };
    drop(model);
    drop(sim);
    report
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&'static str>()
        .map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

fn limits(plan: &Plan) -> Limits {
    let config = &plan.config;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        outbox_messages: size(config.outbox_messages),
        outbox_bytes: size(config.outbox_bytes),
        disconnect: config.disconnect > 0,
        max_memory: Some(size(config.max_memory)).filter(|&limit| limit > 0),
        memory_messages: size(config.memory_messages),
        memory_bytes: size(config.memory_bytes),
        empty_rooms: size(config.empty_rooms),
        max_connections: size(config.max_connections),
        max_per_address: Some(size(config.max_per_address)).filter(|&limit| limit > 0),
        idle: Some(config.idle_ms * 1_000_000).filter(|&idle| idle > 0),
        write: Some(config.write_ms * 1_000_000).filter(|&limit| limit > 0),
        rate: config.rate,
        flood: flood().map_or(u64::MAX, nanos),
        max_rooms: size(config.max_rooms),
        max_members: size(config.max_members),
        max_rooms_each: size(config.max_rooms_each),
        max_parked: size(config.max_parked),
        grace: nanos(grace(config)),
        decision: config.decision_ms * 1_000_000,
        registration: config.registration_ms * 1_000_000,
        connect_rate: config.connect_rate,
        window: size(config.window).max(64 * 1024),
        linger: config.linger_ms * 1_000_000,
        presence: config.presence_ms * 1_000_000,
        close: config.close_ms * 1_000_000,
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How long a message may take to a member with whom nothing is wrong, where the plan lets it be said: its
/// time under way, some of these where the window is smaller than what is said, and a millisecond.
fn promptness(plan: &Plan) -> Option<u64> {
    let config = &plan.config;
    let late = config.timer_skew + config.late_wake;
    let strange = config.stalled_flush + config.split + config.coalesce + late;
    let hooked = config.hook_late + config.hook_silent;
    let starved = matches!(config.policy, Policy::Starve { .. });
    let under_way = 1_000 * (config.latency + config.jitter);
    (strange + hooked == 0 && !starved && config.window >= 64 * 1024)
        .then_some(8 * under_way + 1_000_000)
}

/// Whether the plan does nothing to a client, and the client nothing strange.
fn is_prompt(plan: &Plan, number: u32) -> bool {
    let strange = |action: Action| {
        matches!(
            action,
            Action::Pause(_) | Action::Deaf | Action::Help(_) | Action::Recall(_)
        )
    };
    let theirs = plan.operations.iter().filter(|op| op.client == number);
    let hit = |kind: FaultKind| match kind {
        FaultKind::Clog(client, ..)
        | FaultKind::Partition(client, ..)
        | FaultKind::ResetWithin(client, ..)
        | FaultKind::Reset(client) => client == number,
        _ => false,
    };
    theirs.into_iter().all(|op| !strange(op.action))
        && !plan.faults.iter().any(|fault| hit(fault.kind))
}

async fn conduct(plan: &Plan, stage: &Stage) {
    let runtime = stage.runtime().clone();
    let tapped: Arc<dyn Runtime> = Arc::new(Tapped {
        stage: stage.clone(),
    });
    let hook = Hook::new(stage.clone(), plan.seed, &plan.config);
    let eyes = HubTapped {
        stage: stage.clone(),
        grace: grace(&plan.config),
        decision: decision(&plan.config),
    };
    let hub = Arc::new(Hub::with_token_source(
        Arc::new(eyes),
        hub_config(&plan.config),
        Arc::new(hook),
        token_bits(plan, stage),
    ));
    stage.shows(&hub);
    let detects = plan.config.detect > 0;
    let places = [
        places(Tongue::Text, 8080, &plan.config),
        places(
            Tongue::Json,
            if detects { 8080 } else { 8081 },
            &plan.config,
        ),
    ];
    let mut listeners = Vec::new();
    for place in &places[..if detects { 1 } else { places.len() }] {
        let listener = runtime.bind_tcp(place.tcp).await;
        let listener = listener.expect("a new machine has all ports free");
        listeners.push((place.served(), listener));
        if let Some(path) = &place.unix {
            let listener = runtime.bind_unix(path).await;
            let listener = listener.expect("a new machine has no files");
            listeners.push((place.served(), listener));
        }
    }
    let mut host = Some(Host::start(&plan.config, &hub, &tapped, stage, listeners));
    runtime.set_rates(plan.config.rates());
    let clients = start_clients(plan, stage, &places);
    let listeners = Listeners::default();
    let program = Program::new(stage.clone(), Hub::clone(&hub), Arc::clone(&listeners));
    let program = runtime.spawn(program.run(plan.deeds.clone()));
    for (index, fault) in plan.faults.iter().enumerate() {
        let wait = Duration::from_micros(fault.at).saturating_sub(runtime.elapsed());
        if !wait.is_zero() {
            runtime.sleep(wait).await;
        }
        runtime.note(What::Fault, index as u64, 0);
        strike(fault.kind, plan, stage, &mut host).await;
    }
    let last = plan.operations.last().map_or(0, |operation| operation.at);
    let wait = Duration::from_micros(last).saturating_sub(runtime.elapsed());
    runtime.sleep(wait).await;
    if program.await.is_err() {
        let detail = "the program panicked in its own hub";
        stage.model().breaks(Promise::NoPanic, detail);
    }

    runtime.note(What::Mark, 1, 0);
    runtime.calm_down();
    for (_, shared) in &clients {
        shared.calm.store(true, Ordering::Relaxed);
    }
    // Whoever waits for a decision does not see yet that the peer is gone.
    runtime
        .sleep(Duration::from_millis(plan.config.decision_ms))
        .await;
    let rated = if plan.config.rate > 0 {
        FLOOD
    } else {
        Duration::ZERO
    };
    come_to_rest(stage, &clients, DRAIN + rated).await;
    check_rest(stage, &hub, host.is_some());

    runtime.note(What::Mark, 2, 0);
    if let Some(host) = host.take() {
        let within = Duration::from_secs(5);
        let cut_off = host.shut_down(within, stage).await;
        // One that is held back for its rate does not see that its peer is gone.
        if cut_off > 0 && plan.config.rate == 0 {
            let detail = format!("{cut_off} connections were cut off, with nothing wrong with any");
            stage.model().breaks(Promise::Shutdown, detail);
        }
    }
    runtime.sleep(Duration::from_secs(10)).await;
    check_told(stage, "after the shutdown");
    let listeners = std::mem::take(&mut *listeners.lock().unwrap_or_else(PoisonError::into_inner));
    for listener in listeners {
        let _ = listener.cancel().await;
    }
    runtime.note(What::Mark, 3, 0);
    for (task, _) in clients {
        let _ = task.cancel().await;
    }
    stage.model().balances();
    if stage.model().keeps_somebody() {
        runtime.sleep(grace(&plan.config)).await;
        runtime.sleep(Duration::from_secs(1)).await;
    }
    stage.model().keeps_nobody_for_ever();
    stage.model().everything_was_observed();
    let rooms = hub.rooms();
    gives_all_back(stage, &hub);
    drop(hub);
    runtime.sleep(Duration::from_secs(10)).await;
    check_nothing_left(stage, &runtime, rooms.len(), &tapped);
}

/// Where the listeners of a protocol are.
fn places(tongue: Tongue, port: u16, config: &PlanConfig) -> Places {
    Places {
        tongue,
        detects: config.detect > 0,
        tcp: ([127, 0, 0, 1], port).into(),
        unix: (config.unix > 0).then(|| PathBuf::from(format!("/run/chat-{port}.sock"))),
    }
}

/// Bits for tokens that anybody could guess, which the model is told.
fn token_bits(plan: &Plan, stage: &Stage) -> impl Fn() -> Option<u128> + Send + Sync + 'static {
    let random = Mutex::new(Random::new(plan.seed ^ 0x70c3, Purpose::Network));
    let none = u32::try_from(plan.config.no_bits).unwrap_or(u32::MAX);
    let stage = stage.clone();
    move || {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        let bits = u128::from(random.bits()) << 64 | u128::from(random.bits());
        let bits = (!random.per_mille(none)).then_some(bits);
        if bits.is_none() {
            stage.runtime().shared.core().struck(Strike::NoBits);
        }
        stage.model().draws(bits);
        bits
    }
}

/// Whether a client speaks JSON.
fn tongue(number: u32, config: &PlanConfig) -> Tongue {
    match config.json {
        0 => Tongue::Text,
        // Every other one of those that come over TCP, and of the others.
        1 if (number / 2).is_multiple_of(2) => Tongue::Text,
        _ => Tongue::Json,
    }
}

/// Whether a client uses the client library.
fn uses_library(number: u32, config: &PlanConfig) -> bool {
    let chosen = match config.library {
        0 => false,
        1 => (number / 4 + number).is_multiple_of(2),
        _ => true,
    };
    chosen && tongue(number, config) == Tongue::Json
}

type Clients = Vec<(Task<()>, Arc<Shared>)>;

fn start_clients(plan: &Plan, stage: &Stage, places: &[Places; 2]) -> Clients {
    let runtime = stage.runtime();
    let mut clients = Vec::new();
    for number in 0..u32::try_from(plan.config.clients).unwrap_or(u32::MAX) {
        let operations = plan.operations.iter().copied().enumerate();
        let theirs: Vec<_> = operations.filter(|(_, op)| op.client == number).collect();
        if theirs.is_empty() {
            continue;
        }
        let shared = Arc::new(Shared::of(&plan.config));
        let tongue = tongue(number, &plan.config);
        let places = places.iter().find(|places| places.tongue == tongue);
        let places = places.expect("there are places for both").clone();
        let (stage, seed, prompt) = (stage.clone(), plan.seed, is_prompt(plan, number));
        let common = Arc::clone(&shared);
        let task = if uses_library(number, &plan.config) {
            let config = &plan.config;
            let program = LibraryProgram::new(number, seed, stage, places, common, prompt, config);
            runtime.spawn(program.run(theirs))
        } else {
            let client = Client::new(number, seed, stage, places, common, prompt);
            runtime.spawn(client.run(theirs))
        };
        clients.push((task, shared));
    }
    clients
}

async fn strike(kind: FaultKind, plan: &Plan, stage: &Stage, host: &mut Option<Host>) {
    let runtime = stage.runtime();
    let shared = &runtime.shared;
    let now = shared.clock.now();
    let after = |ms: u32| now + u64::from(ms) * 1_000_000;
    let count = |times: u32| usize::try_from(times).unwrap_or(0);
    match kind {
        FaultKind::Clog(client, way, ms) => {
            let clogged = shared.network().clog(shared, client, way, after(ms));
            if clogged {
                shared.core().struck(Strike::Clog);
            }
        }
        FaultKind::Partition(client, way, ms) => {
            let mut network = shared.network();
            network.partition(shared, client, way, after(ms));
        }
        FaultKind::Reset(client) => shared.network().reset(shared, client, None),
        FaultKind::ResetWithin(client, way, bytes) => {
            let within = Some((way, count(bytes)));
            shared.network().reset(shared, client, within);
        }
        FaultKind::Refuse(ms) => shared.network().refuse_until(after(ms)),
        FaultKind::Slow(ms, by) => {
            let by = u64::from(by) * 1_000_000;
            shared.network().slow_until(after(ms), by);
        }
        FaultKind::AcceptErrors(times) => {
            let error = std::io::ErrorKind::OutOfMemory;
            shared.network().fail_accepts(error, count(times));
        }
        FaultKind::AcceptAborts(times) => {
            let error = std::io::ErrorKind::ConnectionAborted;
            shared.network().fail_accepts(error, count(times));
        }
        FaultKind::DropFuture(client, polls) => {
            if let Some(host) = host {
                host.doom(client, polls);
            }
        }
        FaultKind::WallClockBack(ms) => {
            let by = u64::from(ms) * 1_000_000;
            let mut core = shared.core();
            shared.clock.set_wall_clock_back(by);
            core.struck(Strike::WallClockBack);
        }
        FaultKind::Shutdown => {
            if let Some(host) = host.take() {
                shared.core().struck(Strike::Shutdown);
                let within = Duration::from_millis(plan.config.shutdown_ms);
                host.shut_down(within, stage).await;
            }
        }
        FaultKind::DropServer => {
            if let Some(host) = host.take() {
                shared.core().struck(Strike::ServerDropped);
                stage.model().cutting_off = true;
                drop(host);
            }
        }
    }
}

/// Waits until all clients are done and everybody has been heard and told.
async fn come_to_rest(stage: &Stage, clients: &Clients, within: Duration) {
    let runtime = stage.runtime();
    let start = runtime.elapsed();
    loop {
        runtime.sleep(Duration::from_millis(1_000)).await;
        let done = |(_, shared): &(_, Arc<Shared>)| shared.done.load(Ordering::Relaxed);
        if clients.iter().all(done) && is_at_rest(stage) {
            return;
        }
        if runtime.elapsed() > start + within {
            let busy = clients.iter().filter(|client| !done(client)).count();
            if busy > 0 {
                let detail = format!("{busy} clients cannot do what they want to do");
                stage.model().breaks(Promise::Drains, detail);
            }
            return;
        }
    }
}

/// Whether nobody waits for anything.
fn is_at_rest(stage: &Stage) -> bool {
    let model = stage.model();
    let mut people = model.people.values();
    model.unheard_listener().is_none()
        && people.all(|person| match person.presence {
            // The server has to see first who has let go, and may have said something before that.
            Presence::Open => person.listens && person.is_heard() && person.is_told(),
            Presence::New => !person.listens,
            Presence::Leaving | Presence::Gone => !person.listens,
        })
}

/// Checks that everybody who is connected was heard and told, and that the hub knows who is where.
fn check_rest(stage: &Stage, hub: &Hub, serving: bool) {
    check_told(stage, "at rest");
    let mut model = stage.model();
    let unheard = model.people.iter().find(|(_, person)| {
        person.presence == Presence::Open && person.listens && !person.is_heard()
    });
    if let Some((&id, _)) = unheard {
        let detail = format!("connection {id} has sent lines that were not handled");
        model.breaks(Promise::Drains, detail);
    }
    stage.shows_clocks(&mut model);
    model.keeps_nobody_for_ever();
    if !serving {
        return;
    }
    let unseen = model
        .people
        .iter()
        .find(|(_, person)| person.presence == Presence::New && person.listens && !person.excused);
    if let Some((&id, _)) = unseen {
        let detail = format!("connection {id} was never served");
        model.breaks(Promise::Drains, detail);
    }
    let theirs: Vec<_> = hub
        .rooms()
        .into_iter()
        .map(|room| (room.name.to_string(), room.members))
        .collect();
    let ours: Vec<_> = model
        .rooms
        .occupied()
        .map(|room| (room.name.to_string(), room.members.len()))
        .collect();
    if theirs != ours {
        let detail = format!("the hub has {theirs:?}, the model {ours:?}");
        model.breaks(Promise::Membership, detail);
    }
}

fn check_told(stage: &Stage, when: &str) {
    let mut model = stage.model();
    let untold = model.people.iter().find(|(_, person)| {
        person.presence == Presence::Open && person.listens && !person.is_told()
    });
    if let Some((&id, person)) = untold {
        let detail = format!("{when}, connection {id} was not told: {}", person.untold());
        model.breaks(Promise::Drains, detail);
    }
    if let Some(id) = model.unheard_listener() {
        let detail = format!("{when}, subscription {id} has not heard everything");
        model.breaks(Promise::Drains, detail);
    }
}

/// Checks that no memory is counted any more when no room is remembered.
fn gives_all_back(stage: &Stage, hub: &Hub) {
    let rooms: Vec<_> = stage.model().rooms.rooms.keys().cloned().collect();
    for room in rooms {
        let room = RoomName::parse(&room).expect("a room has a name");
        let _ = hub.close_room(&room, None);
    }
    let used = hub.memory_used();
    if used > 0 {
        let detail = format!("{used} bytes of memory are counted, and nobody is there");
        stage.model().breaks(Promise::Memory, detail);
    }
}

fn check_nothing_left(
    stage: &Stage,
    runtime: &SimRuntime,
    rooms: usize,
    tapped: &Arc<dyn Runtime>,
) {
    let (connections, bytes) = runtime.connections_left();
    let (tasks, timers) = (runtime.tasks(), runtime.timers());
    let handles = Arc::strong_count(tapped) - 1;
    let mut model = stage.model();
    let nicks = model.nicks.len();
    let left = [
        ("tasks", tasks),
        ("timers", timers),
        ("connections", connections),
        ("bytes", bytes),
        ("rooms", rooms),
        ("nicks", nicks),
        ("handles of the runtime", handles),
    ];
    let left: Vec<_> = left
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if !left.is_empty() {
        let tasks = runtime.describe_tasks();
        let detail = format!("there are left: {}{tasks}", left.join(", "));
        model.breaks(Promise::NothingLeft, detail);
    }
}

impl Report {
    /// Whether another run broke the same promise.
    pub fn is_broken_like(&self, other: &Broken) -> bool {
        self.broken
            .as_ref()
            .is_some_and(|broken| broken.promise == other.promise)
    }
}
