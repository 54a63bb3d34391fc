use std::collections::VecDeque;
use std::future::{Future, Ready};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_core::client::{Backoff, Client, ClientError, ClientOptions, Event, RandomBits};
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::runtime::{Runtime, RuntimeExt};
use chat_core::store::HistoryRange;
use chat_runtime_sim::{Policy, Settings, Sim, SimRuntime};
use futures::StreamExt;
use serde_json::Value;

use crate::cut::Cut;
use crate::server::Peer;
use crate::stream::{Far, Near};

/// How the servers of one run send.
#[derive(Clone, Copy, Debug)]
struct Sending {
    cut: Cut,
    /// Whether there is a moment between two lines.
    pauses: bool,
}

/// A client that reconnects: up to four connections, and on each a server that sends what ends in 0xff (and hangs
/// up) or 0xfe (and is silent from then on), whatever it is asked.
///
/// # Panics
///
/// When something panics, when a request has no outcome, when the events do not end, when numbers of messages go
/// down within a session, when a line of the client is no request, or when anything depends on how the bytes were
/// split.
pub fn client(data: &[u8]) {
    let connections = Peer::all(data);
    let play = |cut, pauses| talk(&connections, Sending { cut, pauses });
    // What is asked between two lines depends on when they come.
    play(Cut::Whole, false);
    play(Cut::of(data), false);
    let whole = play(Cut::Whole, true);
    for cut in [Cut::Bytes, Cut::of(data)] {
        assert_eq!(play(cut, true), whole, "{cut:?}");
    }
}

/// Lets a program talk to such servers. Returns what came of it.
fn talk(servers: &[Peer<'_>], sending: Sending) -> Vec<String> {
    let mut settings = Settings::default();
    settings.policy = Policy::Fifo;
    settings.keep = 0;
    let sim = Sim::new(settings);
    let runtime = sim.runtime();
    let shared: Arc<dyn Runtime> = Arc::new(runtime.clone());
    let fars: Vec<_> = servers
        .iter()
        .map(|server| {
            let far = Far::default();
            far.send(server.sends);
            if !server.stays {
                far.hang_up();
            }
            far
        })
        .collect();
    let outcome = sim.block_on(async {
        let connect = connector(&fars, sending, &shared);
        let outcome = run_program(connect, &shared).await;
        check_nothing_runs(&runtime).await;
        outcome
    });
    assert_eq!(runtime.panics(), 0, "a task panicked");
    for far in &fars {
        check_requests(&far.received());
    }
    outcome
}

/// Connects to each of them once, and to nobody after that.
fn connector(
    fars: &[Far],
    Sending { cut, pauses }: Sending,
    runtime: &Arc<dyn Runtime>,
) -> impl FnMut() -> Ready<io::Result<Near>> + Send + use<> {
    let mut left: VecDeque<_> = fars.iter().cloned().collect();
    let runtime = Arc::clone(runtime);
    move || {
        let near = left.pop_front().map(|far| match pauses {
            true => far.near_with_pauses(cut, Arc::clone(&runtime)),
            false => far.near(cut),
        });
        std::future::ready(near.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()))
    }
}

/// Asks everything there is to ask, takes all events, and closes.
async fn run_program(
    connect: impl FnMut() -> Ready<io::Result<Near>> + Send + 'static,
    runtime: &Arc<dyn Runtime>,
) -> Vec<String> {
    let (client, events) = match Client::reconnecting(connect, options(), runtime).await {
        Ok(started) => started,
        Err(error) => return vec![format!("{error:?}")],
    };
    let taken = Arc::<Mutex<Vec<Event>>>::default();
    let takes = Arc::clone(&taken);
    let reader = runtime.spawn(events.for_each(move |event| {
        lock(&takes).push(event);
        std::future::ready(())
    }));
    let rust = RoomName::parse("rust").expect("a name");
    // What came while the client was not in the room is in no order.
    let before = async {
        client.join(&rust).await.ok()?;
        runtime.sleep(Duration::from_micros(1)).await;
        Some(lock(&taken).len())
    };
    let outcomes = futures::future::join(before, ask_everything(&client, &rust));
    let (before, mut log) = within(runtime, outcomes).await;
    let closed = within(runtime, client.close()).await;
    log.push(format!("{closed:?}, {:?}", client.end()));
    within(runtime, reader).await.expect("no panic");
    let events = std::mem::take(&mut *lock(&taken));
    assert!(
        matches!(events.last(), Some(Event::Ended(_))),
        "the last event is the end"
    );
    if let Some(before) = before {
        check_order(&events[before..], &rust);
    }
    log.extend(events.iter().map(|event| format!("{event:?}")));
    log
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options() -> ClientOptions {
    let mut options = ClientOptions::default();
    options.nick = Nick::parse("alice").ok();
    options.max_line = 2_000;
    options.backoff = Backoff::default();
    options.backoff.attempts = Some(2);
    options.backoff.jitter = false;
    options.random = RandomBits::new(|| 7);
    options
}

async fn ask_everything(client: &Client, rust: &RoomName) -> Vec<String> {
    fn show<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
        format!("{outcome:?}")
    }
    let cats = RoomName::parse("cats").expect("a name");
    let bob = Nick::parse("bob").expect("a nick");
    let hi = Body::parse("hi").expect("a text");
    // The order in which they are polled first is that of their ids: 2, 3, 4 and so on.
    let (a, b, c, d, e, f, g, h, i, j, k) = futures::join!(
        client.say(rust, MessageKind::Say, hi.clone()),
        client.who(rust),
        client.history(rust, HistoryRange::Latest, 10),
        client.rooms(),
        client.take_nick(Nick::parse("alicia").expect("a nick")),
        client.message(&bob, hi.clone()),
        client.set_topic(rust, Some(hi.clone())),
        client.topic(rust),
        client.ping(),
        client.join(&cats),
        client.leave(&cats),
    );
    let said = client.say(rust, MessageKind::Action, hi).await;
    vec![
        show(a),
        show(b),
        show(c),
        show(d),
        show(e),
        show(f),
        show(g),
        show(h),
        show(i),
        show(j),
        show(k),
        show(said),
    ]
}

/// The outcome of something that has to have one.
async fn within<F: Future>(runtime: &Arc<dyn Runtime>, future: F) -> F::Output {
    let patience = Duration::from_secs(24 * 60 * 60);
    let outcome = runtime.timeout(patience, future).await;
    outcome.expect("everything has an outcome at last")
}

/// Checks that the numbers of messages go up in a room that the client is in, for as long as it is.
fn check_order(events: &[Event], room: &RoomName) {
    let mut seen = None;
    for event in events {
        match event {
            Event::Message(message) if message.room == *room => {
                let number = Some(message.number);
                assert!(seen < number, "out of order: {message:?}");
                seen = number;
            }
            Event::SessionLost { .. } | Event::Rejoined(_) | Event::NotRejoined { .. } => {
                seen = None;
            }
            Event::Left { room: left, .. }
            | Event::Kicked { room: left, .. }
            | Event::RoomClosed { room: left, .. }
                if left == room =>
            {
                seen = None;
            }
            Event::Resumed { rooms, .. } if !rooms.contains(room) => seen = None,
            _ => {}
        }
    }
}

/// Checks that what a client sends is made of lines that are requests.
fn check_requests(bytes: &[u8]) {
    // The last one may have been cut off.
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    let Some(end) = end else { return };
    for line in bytes[..end].split(|&byte| byte == b'\n') {
        let shown = String::from_utf8_lossy(line);
        assert!(line.len() <= 32 * 1024, "too long: {shown}");
        let request: Value =
            serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert!(
            request["id"].is_i64() || request["id"].is_string(),
            "{shown}"
        );
        assert!(request["op"].is_string(), "{shown}");
    }
}

/// Checks that a client that has ended runs no more.
async fn check_nothing_runs(runtime: &SimRuntime) {
    runtime.sleep(Duration::from_secs(60)).await;
    assert_eq!(runtime.tasks(), 0, "{}", runtime.describe_tasks());
}
