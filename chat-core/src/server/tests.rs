use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::framing::Frame;
use crate::protocol::{Delivery, Flow, TextProtocol};
use crate::runtime::{RuntimeExt, Timer, give_way};
use crate::session::Session;
use crate::testing::{Flag, TestRuntime, TestStream, at_once, duplex};

/// A server on a runtime whose time is moved by hand.
struct World {
    time: TestRuntime,
    server: Server,
    door: Door,
}

/// Where peers come from.
#[derive(Clone, Default)]
struct Door(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    arrivals: VecDeque<io::Result<(TestStream, Address)>>,
    waker: Option<Waker>,
    asked: usize,
}

impl Listener for Door {
    type Stream = TestStream;

    fn accept(&self) -> impl Future<Output = io::Result<(TestStream, Address)>> + Send {
        poll_fn(|cx: &mut Context<'_>| {
            let mut queue = self.0.lock().unwrap();
            queue.waker = Some(cx.waker().clone());
            match queue.arrivals.pop_front() {
                Some(arrival) => {
                    queue.asked += 1;
                    Poll::Ready(arrival)
                }
                None => Poll::Pending,
            }
        })
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(Address::Memory)
    }
}

impl Door {
    /// How often somebody was let in through it, or an error came of it.
    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    fn arrive(&self, arrival: io::Result<(TestStream, Address)>) {
        let mut queue = self.0.lock().unwrap();
        queue.arrivals.push_back(arrival);
        let waker = queue.waker.take();
        drop(queue);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl World {
    fn new(config: ServerConfig) -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        let hub = Hub::new(runtime.clone(), at_once());
        let server = Server::new(hub, runtime, config);
        let door = Door::default();
        server.listen(door.clone(), TextProtocol::default).unwrap();
        time.run();
        Self { time, server, door }
    }

    fn connect_from(&self, address: Address, capacity: usize) -> TestStream {
        let (peer, stream) = duplex(capacity);
        self.door.arrive(Ok((stream, address)));
        self.time.run();
        peer
    }

    fn connect(&self) -> TestStream {
        self.connect_from(Address::Memory, 64 * 1024)
    }

    /// So many who are at the door at the same moment.
    fn arrive(&self, count: usize) -> Vec<TestStream> {
        let arrives = |_| {
            let (peer, stream) = duplex(1024);
            self.door.arrive(Ok((stream, Address::Memory)));
            peer
        };
        (0..count).map(arrives).collect()
    }

    /// The same, and what the server then does before any time passes.
    fn come(&self, count: usize) -> Vec<TestStream> {
        let peers = self.arrive(count);
        self.time.run();
        peers
    }

    fn asked(&self) -> usize {
        self.door.asked()
    }

    /// Shuts down while the time moves in steps of 100 ms; the report and how long it took.
    fn shut_down(self, within: Duration) -> (ShutdownReport, Duration) {
        let started = self.time.now();
        let mut shutdown = pin!(self.server.shutdown(within));
        let flag = Flag::set();
        let waker = Waker::from(Arc::clone(&flag));
        for _ in 0..10_000 {
            self.time.run();
            while flag.take() {
                if let Poll::Ready(report) =
                    shutdown.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return (report, self.time.now() - started);
                }
                self.time.run();
            }
            self.time.advance(Duration::from_millis(100));
        }
        panic!("the shutdown never ends");
    }
}

fn exhausted() -> io::Result<(TestStream, Address)> {
    // EMFILE has no kind of its own.
    Err(io::Error::other("too many open files"))
}

#[test]
fn everyone_who_connects_is_served() {
    let world = World::new(ServerConfig::default());
    let peers: Vec<_> = (0..40).map(|_| world.connect()).collect();
    assert_eq!(world.server.connections(), 40);
    peers[0].send("hello\n");
    world.time.run();
    for peer in &peers {
        assert!(peer.receive().ends_with("[#general] guest-1: hello\n"));
    }
    drop(peers);
    world.time.run();
    assert_eq!(world.server.connections(), 0);
}

#[test]
fn after_many_came_together_the_next_ones_wait_for_each_other() {
    let config = ServerConfig::default();
    let delay = config.accept_delay;
    let world = World::new(config);
    // Far more than are accepted in a row.
    let _together = world.come(400);
    assert_eq!(world.asked(), 400, "all that wait are accepted at once");
    let _early = world.come(1);
    world.time.advance(delay / 2);
    let _late = world.come(8);
    assert_eq!(world.asked(), 400);
    world.time.advance(delay / 2);
    assert_eq!(world.asked(), 409);
    let _early = world.come(1);
    assert_eq!(world.asked(), 409, "these were many again");
    world.time.advance(delay);
    assert_eq!(world.asked(), 410);
    let _few = world.come(7);
    assert_eq!(world.asked(), 417, "only one had come");
    let _alone = world.come(1);
    assert_eq!(world.asked(), 418, "only few had come");
    let _alone = world.come(1);
    assert_eq!(world.asked(), 419, "one after the other");
}

#[test]
fn a_rush_leaves_others_their_turns() {
    let world = World::new(ServerConfig::default());
    let _peers = world.arrive(400);
    let (door, seen) = (world.door.clone(), Arc::new(Mutex::new(vec![0])));
    let turns = Arc::clone(&seen);
    let neighbour = world.time.spawn(async move {
        while door.asked() < 400 {
            turns.lock().unwrap().push(door.asked());
            give_way().await;
        }
    });
    neighbour.detach();
    world.time.run();
    assert_eq!(world.asked(), 400);
    seen.lock().unwrap().push(400);
    let seen = seen.lock().unwrap();
    let mut strides = seen.windows(2).map(|turns| turns[1] - turns[0]);
    assert!(strides.all(|accepted| accepted <= 100), "{seen:?}");
}

#[test]
fn without_a_delay_nobody_waits_to_be_accepted() {
    let world = World::new(ServerConfig {
        accept_delay: Duration::ZERO,
        ..ServerConfig::default()
    });
    let _peers = world.arrive(40);
    let peer = world.connect();
    assert_eq!(world.asked(), 41);
    assert!(peer.receive().starts_with("* welcome"));
    let peer = world.connect();
    assert!(peer.receive().starts_with("* welcome"));
}

#[test]
fn accepting_backs_off_from_errors_and_goes_on() {
    let world = World::new(ServerConfig::default());
    for _ in 0..20 {
        world.door.arrive(exhausted());
    }
    world.time.run();
    assert_eq!(world.asked(), 1, "one error, one pause");
    let mut asked_at = vec![0];
    for millis in 1..=10_000 {
        world.time.advance(Duration::from_millis(1));
        if world.asked() > asked_at.len() {
            asked_at.push(millis);
        }
    }
    let expected = [0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270];
    assert_eq!(asked_at[..10], expected, "pauses double up to a second");
    for _ in 0..20 {
        world.time.advance(Duration::from_secs(1));
    }
    let peer = world.connect();
    assert!(peer.receive().starts_with("* welcome"));
    world.door.arrive(exhausted());
    world.time.run();
    let asked = world.asked();
    let peer = world.connect();
    world.time.advance(Duration::from_millis(10));
    assert!(
        world.asked() > asked,
        "after a success the pause is short again"
    );
    assert!(peer.receive().starts_with("* welcome"));
}

#[test]
fn a_connection_that_was_gone_already_delays_nobody() {
    let world = World::new(ServerConfig::default());
    for _ in 0..100 {
        world
            .door
            .arrive(Err(io::ErrorKind::ConnectionAborted.into()));
    }
    let peer = world.connect();
    assert!(peer.receive().starts_with("* welcome"));
}

#[test]
fn whoever_comes_beyond_a_limit_is_told_and_closed() {
    let world = World::new(ServerConfig {
        max_connections: 2,
        max_per_address: Some(1),
        ..ServerConfig::default()
    });
    let from = |last| Address::Tcp(([10, 0, 0, last], 1234).into());
    let first = world.connect_from(from(1), 1024);
    let twin = world.connect_from(from(1), 1024);
    assert_eq!(
        twin.receive(),
        "! too many connections from your address (at most 1)\n"
    );
    assert!(twin.is_ended());
    let _second = world.connect_from(from(2), 1024);
    let third = world.connect_from(from(3), 1024);
    assert_eq!(
        third.receive(),
        "! the server is full (at most 2); try again later\n"
    );
    assert!(third.is_ended());
    first.end();
    world.time.run();
    let again = world.connect_from(from(1), 1024);
    assert!(again.receive().starts_with("* welcome"));
}

#[test]
fn a_refusal_that_is_interrupted_is_told_all_the_same() {
    let world = World::new(ServerConfig {
        max_connections: 0,
        ..ServerConfig::default()
    });
    let (peer, stream) = duplex(1024);
    peer.interrupt();
    world.door.arrive(Ok((stream, Address::Memory)));
    world.time.run();
    assert_eq!(
        peer.receive(),
        "! the server is full (at most 0); try again later\n"
    );
    assert!(peer.is_ended());
}

#[test]
fn refused_peers_that_do_not_go_away_cost_little() {
    let world = World::new(ServerConfig {
        max_connections: 0,
        ..ServerConfig::default()
    });
    let peers: Vec<_> = (0..200).map(|_| world.connect()).collect();
    let told = peers
        .iter()
        .filter(|peer| !peer.receive().is_empty())
        .count();
    assert_eq!(told, 64);
    world.time.advance(Duration::from_secs(1));
    assert!(
        world
            .connect()
            .receive()
            .starts_with("! the server is full")
    );
}

#[test]
fn a_shutdown_drains_everyone_and_says_so() {
    let world = World::new(ServerConfig::default());
    let peers: Vec<_> = (0..10).map(|_| world.connect()).collect();
    peers.iter().for_each(|peer| drop(peer.receive()));
    peers[3].send("last orders\n");
    world.time.run();
    let (report, took) = world.shut_down(Duration::from_secs(5));
    assert_eq!((report.drained, report.cut_off), (10, 0));
    let linger = ServerConfig::default().connection.linger;
    assert!(took <= linger, "it waits for peers to close too: {took:?}");
    for peer in peers {
        let expected = "[#general] guest-4: last orders\n* server shutting down\n";
        assert_eq!(peer.receive(), expected);
        assert!(peer.is_ended());
    }
}

#[test]
fn a_shutdown_does_not_wait_for_a_stuck_peer_beyond_its_deadline() {
    let world = World::new(ServerConfig::default());
    let _stuck = world.connect_from(Address::Memory, 8);
    let fine = world.connect();
    let within = Duration::from_secs(30);
    let (report, took) = world.shut_down(within);
    assert_eq!((report.drained, report.cut_off), (1, 1));
    assert!(
        took >= within && took < within + Duration::from_secs(1),
        "{took:?}"
    );
    assert!(fine.receive().ends_with("* server shutting down\n"));
}

#[test]
fn nobody_is_let_in_during_a_shutdown() {
    let world = World::new(ServerConfig::default());
    let (late, stream) = duplex(1024);
    world
        .door
        .0
        .lock()
        .unwrap()
        .arrivals
        .push_back(Ok((stream, Address::Memory)));
    let door = world.door.clone();
    world.shut_down(Duration::from_secs(1));
    door.0.lock().unwrap().arrivals.clear();
    assert_eq!(late.receive(), "");
    assert!(late.is_ended());
}

#[test]
fn a_server_that_is_dropped_drops_its_connections() {
    let world = World::new(ServerConfig::default());
    let peer = world.connect();
    let (time, hub) = (world.time.clone(), world.server.hub().clone());
    drop(world);
    time.run();
    assert!(peer.receive().starts_with("* welcome"));
    assert!(peer.is_ended());
    assert!(hub.rooms().is_empty());
}

#[test]
fn a_panic_in_one_connection_is_nobody_elses() {
    struct Explosive(TextProtocol);

    impl Protocol for Explosive {
        fn max_frame(&self) -> usize {
            self.0.max_frame()
        }

        fn open(&mut self, session: &mut Session) -> Flow {
            self.0.open(session)
        }

        fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
            assert_ne!(frame, Frame::Line(b"boom"));
            self.0.handle_frame(frame, session)
        }

        fn encode(&mut self, delivery: Delivery<'_>, session: &Session, out: &mut Vec<u8>) {
            self.0.encode(delivery, session, out);
        }

        fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
            self.0.farewell(reason, out);
        }
    }

    let world = World::new(ServerConfig::default());
    let door = Door::default();
    let explosive = || Explosive(TextProtocol::default());
    world.server.listen(door.clone(), explosive).unwrap();
    let fine = world.connect();
    let (bomb, stream) = duplex(1024);
    door.arrive(Ok((stream, Address::Memory)));
    world.time.run();
    assert!(bomb.receive().starts_with("* welcome"));
    bomb.send("boom\n");
    world.time.run();
    assert!(bomb.is_ended());
    assert_eq!(world.server.connections(), 1);
    fine.send("still here\n");
    world.time.run();
    let expected = "* guest-2 joined #general\n* guest-2 left #general\n\
        [#general] guest-1: still here\n";
    assert!(fine.receive().ends_with(expected));
}
