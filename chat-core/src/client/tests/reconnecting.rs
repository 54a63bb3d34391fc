use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures::future::{AbortHandle, abortable};

use super::world::{Line, World, body, messages, nick, options, room};
use crate::client::{Client, ClientError, Disconnect, End, Event, Events, RandomBits, WhenFull};
use crate::message::MessageKind;
use crate::runtime::{Runtime, RuntimeExt, Sleep, Spawn, Timer};
use crate::testing::{TestRuntime, TestStream, at_once, duplex};

fn with_line(world: &World, name: &str) -> (Client, Events, Arc<Line>) {
    let connector = world.connector([]);
    let line = Arc::clone(&connector.line);
    let (client, events) = world.connect(connector, options(name)).unwrap();
    (client, events, line)
}

#[test]
fn attempts_follow_the_back_off_exactly() {
    for (bits, delays) in [
        (
            u64::MAX,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
        ),
        (
            1 << 63,
            [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000],
        ),
        (0, [0; 8]),
    ] {
        let world = World::new();
        let attempts = Arc::<Mutex<Vec<Instant>>>::default();
        let connector = {
            let (world, attempts) = (world.clone(), Arc::clone(&attempts));
            move || {
                attempts.lock().unwrap().push(world.time.now());
                async { Err::<TestStream, _>(io::ErrorKind::ConnectionRefused.into()) }
            }
        };
        let mut options = options("alice");
        options.insist = true;
        options.random = RandomBits::new(move || bits);
        options.backoff.attempts = Some(8);
        let start = world.time.now();
        let gave_up = world.connect(connector, options);
        assert!(matches!(
            gave_up,
            Err(ClientError::NotConnected(Disconnect::Unreachable(_)))
        ));
        let attempts = attempts.lock().unwrap();
        let mut at = start;
        assert_eq!(attempts.len(), 9);
        for (attempt, delay) in attempts[1..].iter().zip(delays) {
            at += Duration::from_millis(delay);
            let late = attempt.duration_since(at);
            // A share of the ceiling is rounded down; time moves in steps of 100 ms.
            assert!(late <= Duration::from_millis(100), "{late:?}");
            at = *attempt;
        }
    }
}

#[test]
fn a_connection_that_has_lasted_makes_up_for_failed_attempts() {
    let world = World::new();
    let (_alice, mut events, line) = with_line(&world, "alice");
    let mut attempts = Vec::new();
    for lasts in [1, 1, 1, 11, 1] {
        world.time.advance(Duration::from_secs(lasts));
        line.cut();
        world.time.run();
        world.time.advance(Duration::from_secs(10));
        for event in world.heard(&mut events) {
            if let Event::Reconnecting { attempt, .. } = event {
                attempts.push(attempt);
            }
        }
    }
    assert_eq!(attempts, [1, 2, 3, 1, 2]);
}

#[test]
fn a_session_is_resumed_and_what_came_meanwhile_follows() {
    let world = World::new();
    let (bob, _) = world.client("bob");
    world.join(&bob, "rust");
    let (alice, mut events, line) = with_line(&world, "alice");
    world.join(&alice, "rust");
    world.say(&bob, "rust", "one").unwrap();
    world.heard(&mut events);
    let hub = world.stop_server();
    line.cut();
    world.time.run();
    assert!(!alice.is_connected());
    world.start_server(hub);
    world.say(&bob, "rust", "two").unwrap();
    world.time.advance(Duration::from_secs(1));
    let heard = world.heard(&mut events);
    let [
        Event::Disconnected(Disconnect::Io(_)),
        Event::Reconnecting {
            attempt: 1, delay, ..
        },
        Event::Resumed {
            nick: called,
            rooms,
        },
        Event::Message(_),
    ] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    assert_eq!(*delay, Duration::from_millis(250));
    assert_eq!((called, &rooms[..]), (&nick("alice"), &[room("rust")][..]));
    assert_eq!(messages(&heard), [(2, "two".to_owned())]);
}

#[test]
fn a_room_is_entered_once_however_often_that_is_asked_for_and_the_line_is_cut() {
    for after in 0..400 {
        let world = World::new();
        let (bob, mut bobs) = world.client("bob");
        world.join(&bob, "rust");
        world.heard(&mut bobs);
        let cut = super::world::Cut {
            after: 300 + after,
            loses: after % 2 == 0,
        };
        let (alice, _events) = world
            .connect(world.connector([cut]), options("alice"))
            .unwrap();
        world.join(&alice, "rust");
        let again = alice.clone();
        let joined = world.wait(async move { again.join(&room("rust")).await });
        let joined = joined.unwrap_or_else(|error| panic!("cut after {after}: {error:?}"));
        assert_eq!((joined.members, joined.last), (2, 0), "cut after {after}");
        let heard = world.heard(&mut bobs);
        assert!(
            matches!(&heard[..], [Event::Joined { nick: who, .. }] if *who == nick("alice")),
            "cut after {after}: {heard:?}"
        );
    }
}

#[test]
fn what_the_room_no_longer_remembers_is_told_exactly() {
    let mut config = at_once();
    config.room_memory.messages = 2;
    let world = World::with(config);
    let (bob, _) = world.client("bob");
    world.join(&bob, "rust");
    let (alice, mut events, line) = with_line(&world, "alice");
    world.join(&alice, "rust");
    let hub = world.stop_server();
    line.cut();
    world.time.run();
    for text in ["one", "two", "three", "four", "five"] {
        world.say(&bob, "rust", text).unwrap();
    }
    world.start_server(hub);
    world.time.advance(Duration::from_secs(1));
    let heard = world.heard(&mut events);
    let missed = heard.iter().find_map(|event| match event {
        Event::Missed(missed) => missed.messages,
        _ => None,
    });
    assert_eq!(missed, Some((1, 3)));
    assert_eq!(
        messages(&heard),
        [(4, "four".to_owned()), (5, "five".to_owned())]
    );
}

#[test]
fn after_the_grace_period_a_new_session_begins_and_nothing_is_passed_over_in_silence() {
    let world = World::new();
    let (bob, _) = world.client("bob");
    world.join(&bob, "rust");
    let (alice, mut events, line) = with_line(&world, "alice");
    let rust = world.join(&alice, "rust");
    world.join(&alice, "cats");
    world.heard(&mut events);
    // Said, and the answer is lost.
    let hub = world.stop_server();
    let says = ["maybe", "not yet"].map(|text| {
        let (alice, rust) = (alice.clone(), rust.clone());
        let say = async move { alice.say(&rust, MessageKind::Say, body(text)).await };
        let task = world.runtime.spawn(say);
        if text == "maybe" {
            world.time.run();
            line.cut();
            world.time.run();
        }
        task
    });
    let [maybe, not_yet] = says;
    // The first one got its answer before the line was cut.
    let number = world.wait(maybe).unwrap().unwrap().number;
    assert_eq!(number, 1);
    for _ in 0..13 {
        world.time.advance(Duration::from_secs(10));
    }
    assert_eq!(world.say(&bob, "rust", "meanwhile").unwrap(), 2);
    world.start_server(hub);
    assert_eq!(world.wait(not_yet).unwrap().unwrap().number, 3);
    let heard = world.heard(&mut events);
    let at = heard.iter().position(
        |event| matches!(event, Event::SessionLost { nick: called } if *called == nick("alice")),
    );
    let heard = &heard[at.unwrap() + 1..];
    let rejoined: Vec<_> = heard
        .iter()
        .filter_map(|event| match event {
            Event::Rejoined(joined) => Some((joined.room.as_str(), joined.last)),
            _ => None,
        })
        .collect();
    assert_eq!(rejoined, [("cats", 0), ("rust", 2)]);
    let missed = heard.iter().find_map(|event| match event {
        Event::Missed(missed) => missed.messages,
        _ => None,
    });
    assert_eq!(missed, Some((2, 2)));
    assert_eq!(messages(heard), [(3, "not yet".to_owned())]);
}

#[test]
fn what_may_have_been_said_in_a_session_that_is_lost_is_unknown() {
    let world = World::new();
    let (here, there) = duplex(1024 * 1024);
    let streams = Arc::new(Mutex::new(vec![here]));
    let connector = {
        let (world, streams) = (world.clone(), Arc::clone(&streams));
        move || {
            let stream = streams.lock().unwrap().pop();
            let stream = stream.map_or_else(
                || {
                    let (here, there) = duplex(1024 * 1024);
                    world.serve(there).map(|()| here)
                },
                Ok,
            );
            async { stream }
        }
    };
    let runtime = world.runtime.clone();
    let connect = world
        .runtime
        .spawn(async move { Client::reconnecting(connector, options("alice"), &runtime).await });
    world.time.run();
    let token = "0".repeat(32);
    let welcome = format!(
        "{{\"id\":\"hello\",\"ok\":{{\"nick\":\"alice\",\"resumed\":false,\"token\":\"{token}\"}}}}\n"
    );
    there.send(welcome);
    let (alice, mut events) = world.wait(connect).unwrap().unwrap();
    let rust = room("rust");
    let requests = alice.clone();
    let said = world.runtime.spawn(async move {
        let say = requests.say(&rust, MessageKind::Say, body("hello"));
        let topic = requests.set_topic(&rust, None);
        let rooms = requests.rooms();
        futures::join!(say, topic, rooms)
    });
    world.time.run();
    assert!(there.receive().contains("\"topic\""));
    there.reset();
    let (said, topic, rooms) = world.wait(said).unwrap();
    assert!(matches!(said, Err(ClientError::Unknown)));
    assert!(matches!(topic, Err(ClientError::Unknown)));
    assert!(rooms.unwrap().is_empty());
    let heard = world.heard(&mut events);
    assert!(
        heard
            .iter()
            .any(|event| matches!(event, Event::SessionLost { .. }))
    );
}

#[test]
fn after_a_restart_of_the_server_numbers_may_begin_anew() {
    let world = World::new();
    let (alice, mut events, line) = with_line(&world, "alice");
    world.join(&alice, "rust");
    for text in ["one", "two", "three"] {
        world.say(&alice, "rust", text).unwrap();
    }
    world.heard(&mut events);
    drop(world.stop_server());
    world.start_server(None);
    line.cut();
    assert_eq!(world.say(&alice, "rust", "again").unwrap(), 1);
    let heard = world.heard(&mut events);
    assert_eq!(messages(&heard), [(1, "again".to_owned())]);
    assert!(!heard.iter().any(|event| matches!(event, Event::Missed(_))));
}

#[test]
fn a_nick_that_was_taken_later_is_the_one_in_a_new_session_too() {
    let world = World::new();
    let (alice, mut events, line) = with_line(&world, "alice");
    let there = alice.clone();
    world
        .wait(async move { there.take_nick(nick("carol")).await })
        .unwrap();
    world.heard(&mut events);
    drop(world.stop_server());
    world.start_server(None);
    line.cut();
    world.time.run();
    world.time.advance(Duration::from_secs(1));
    let heard = world.heard(&mut events);
    let is_lost = |event: &Event| matches!(event, Event::SessionLost { nick: called } if *called == nick("carol"));
    assert!(heard.iter().any(is_lost), "{heard:?}");
}

#[test]
fn somebody_else_may_have_taken_the_nick_meanwhile() {
    let world = World::new();
    let (alice, mut events, line) = with_line(&world, "alice");
    drop(world.stop_server());
    world.start_server(None);
    let (_thief, _) = world.client("alice");
    line.cut();
    world.time.run();
    world.time.advance(Duration::from_secs(1));
    let heard = world.heard(&mut events);
    let lost = heard.iter().find_map(|event| match event {
        Event::SessionLost { nick } => Some(nick.clone()),
        _ => None,
    });
    assert_eq!(lost, Some(nick("guest-2")));
    assert_eq!(alice.nick(), lost);
}

#[test]
fn a_session_that_another_client_has_taken_over_is_not_taken_back() {
    let world = World::new();
    let (here, there) = duplex(1_000);
    let runtime = world.runtime.clone();
    let mut stream = Some(here);
    let connector = move || {
        let stream = stream.take().ok_or(io::ErrorKind::ConnectionRefused.into());
        async { stream }
    };
    let connect = world
        .runtime
        .spawn(async move { Client::reconnecting(connector, options("alice"), &runtime).await });
    world.time.run();
    there.send("{\"id\":\"hello\",\"ok\":{\"nick\":\"alice\",\"resumed\":false}}\n");
    let (_alice, mut events) = world.wait(connect).unwrap().unwrap();
    there.send("{\"event\":\"closing\",\"code\":\"superseded\",\"text\":\"elsewhere\"}\n");
    let heard = world.heard(&mut events);
    let [
        Event::Disconnected(_),
        Event::Ended(End::Lost(Disconnect::Closed { code, .. })),
    ] = &heard[..]
    else {
        panic!("{heard:?}")
    };
    assert_eq!(code, "superseded");
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let world = World::new();
    let (here, there) = duplex(10_000);
    let runtime = world.runtime.clone();
    let mut stream = Some(here);
    let connector = move || {
        let stream = stream.take().ok_or(io::ErrorKind::ConnectionRefused.into());
        async { stream }
    };
    let connect = world
        .runtime
        .spawn(async move { Client::reconnecting(connector, options("alice"), &runtime).await });
    world.time.run();
    there.send("{\"id\":\"hello\",\"ok\":{\"nick\":\"alice\",\"resumed\":false}}\n");
    let (_alice, mut events) = world.wait(connect).unwrap().unwrap();
    there.receive();
    world.time.advance(Duration::from_secs(29));
    assert_eq!(there.receive(), "");
    world.time.advance(Duration::from_secs(1));
    assert_eq!(there.receive(), "{\"id\":\"ping\",\"op\":\"ping\"}\n");
    there.send("{\"id\":\"ping\",\"ok\":{}}\n");
    world.time.run();
    world.time.advance(Duration::from_secs(30));
    assert_eq!(there.receive(), "{\"id\":\"ping\",\"op\":\"ping\"}\n");
    world.time.advance(Duration::from_secs(9));
    assert!(world.heard(&mut events).is_empty());
    world.time.advance(Duration::from_secs(1));
    assert!(matches!(
        world.heard(&mut events)[0],
        Event::Disconnected(Disconnect::TimedOut)
    ));
}

#[test]
fn a_quiet_client_is_not_taken_for_gone() {
    let world = World::new();
    let (alice, mut events) = world.client("alice");
    for _ in 0..3_600 {
        world.time.advance(Duration::from_secs(1));
    }
    assert!(alice.is_connected());
    assert!(world.heard(&mut events).is_empty());
}

#[test]
fn a_connector_takes_no_longer_than_it_may() {
    let world = World::new();
    let never = || async { futures::future::pending::<io::Result<TestStream>>().await };
    let timed_out = world.connect(never, options("alice"));
    assert!(matches!(
        timed_out,
        Err(ClientError::NotConnected(Disconnect::TimedOut))
    ));
}

/// A runtime that can end before its time does.
struct Mortal {
    time: TestRuntime,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Spawn for Mortal {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let (task, handle) = abortable(future);
        self.tasks.lock().unwrap().push(handle);
        self.time.spawn_detached(Box::pin(async {
            let _ = task.await;
        }));
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl Timer for Mortal {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.time.wall_clock()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.time.sleep_until(deadline)
    }
}

#[test]
fn a_client_whose_runtime_ends_ends_with_it() {
    let world = World::new();
    let mortal = Arc::new(Mortal {
        time: world.time.clone(),
        tasks: Mutex::default(),
    });
    let runtime: Arc<dyn Runtime> = mortal.clone();
    let connector = world.connector([]);
    let (alice, mut events) = world
        .wait(async move { Client::reconnecting(connector, options("alice"), &runtime).await })
        .unwrap();
    world.join(&alice, "rust");
    world.heard(&mut events);
    mortal
        .tasks
        .lock()
        .unwrap()
        .iter()
        .for_each(AbortHandle::abort);
    let heard = world.heard(&mut events);
    assert!(
        matches!(heard[..], [Event::Ended(End::Abandoned)]),
        "{heard:?}"
    );
    let said = world.say(&alice, "rust", "too late");
    assert!(matches!(said, Err(ClientError::Ended(End::Abandoned))));
}

#[test]
fn without_a_back_off_time_passes_between_attempts_all_the_same() {
    let world = World::new();
    let attempts = Arc::new(Mutex::new(0));
    let connector = {
        let attempts = Arc::clone(&attempts);
        move || {
            *attempts.lock().unwrap() += 1;
            assert!(*attempts.lock().unwrap() < 1_000, "without a pause");
            async { Err::<TestStream, _>(io::ErrorKind::ConnectionRefused.into()) }
        }
    };
    let mut options = options("alice");
    options.insist = true;
    options.backoff.base = Duration::ZERO;
    let runtime = world.runtime.clone();
    let connecting = async move { Client::reconnecting(connector, options, &runtime).await };
    assert!(world.now(connecting).is_none());
    assert_eq!(*attempts.lock().unwrap(), 1);
}

/// A runtime that does not let anybody look at the clock without end.
struct Watched {
    time: TestRuntime,
    looks: AtomicUsize,
}

impl Spawn for Watched {
    fn spawn_detached(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.time.spawn_detached(future);
    }

    fn spawn_blocking_detached(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl Timer for Watched {
    fn now(&self) -> Instant {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        assert!(looks < 10_000, "looks at the clock all the time");
        self.time.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.time.wall_clock()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.time.sleep_until(deadline)
    }
}

#[test]
fn a_client_that_is_full_does_not_ask_for_signs_of_life_without_end() {
    let world = World::new();
    let runtime: Arc<dyn Runtime> = Arc::new(Watched {
        time: world.time.clone(),
        looks: AtomicUsize::new(0),
    });
    let mut options = options("alice");
    options.ping_after = Duration::ZERO;
    options.when_full = WhenFull::Backpressure;
    options.event_capacity = 1;
    let connector = world.connector([]);
    let (alice, mut events) = world
        .wait(async move { Client::reconnecting(connector, options, &runtime).await })
        .unwrap();
    // That it is there now is an event of its own, and comes before the answer.
    let (there, rust) = (alice.clone(), room("rust"));
    assert!(world.now(async move { there.join(&rust).await }).is_none());
    world.time.advance(Duration::from_secs(1));
    let heard = world.heard(&mut events);
    assert!(matches!(heard[..], [Event::Joined { .. }]), "{heard:?}");
}
