use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::event::CloseReason;
use crate::framing::Frame;
use crate::hub::{HubConfig, OutboxLimits};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::{Decision, Denial, Person, Policy};
use crate::protocol::{Delivery, DetectProtocol, Flow, JsonProtocol, TextProtocol};
use crate::runtime::{Address, RuntimeExt};
use crate::session::{Session, SessionHandle};
use crate::testing::{Flag, TestRuntime, TestStream, at_any_rate, at_once, duplex};

/// A hub whose connections are polled by hand.
struct World {
    time: TestRuntime,
    runtime: Arc<dyn Runtime>,
    hub: Hub,
}

/// A connection and its peer.
struct Line<P = TextProtocol> {
    connection: Connection<TestStream, P>,
    woken: Arc<Flag>,
    peer: TestStream,
}

type Ended = Result<CloseReason, ConnectionError>;

impl World {
    fn new() -> Self {
        Self::with(at_once())
    }

    fn with(config: HubConfig) -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        Self {
            hub: Hub::new(runtime.clone(), config),
            runtime,
            time,
        }
    }

    /// Somebody who connected over a stream with room for `capacity` bytes, and was not served yet.
    fn connect(&self, capacity: usize) -> Line {
        self.connect_as(TextProtocol::default(), capacity)
    }

    fn connect_as<P: Protocol>(&self, protocol: P, capacity: usize) -> Line<P> {
        self.connect_with(protocol, capacity, at_any_rate())
    }

    fn connect_with<P: Protocol>(
        &self,
        protocol: P,
        capacity: usize,
        config: ConnectionConfig,
    ) -> Line<P> {
        let (peer, stream) = duplex(capacity);
        let connection = serve_connection_with(stream, protocol, &self.hub, &self.runtime, config);
        Line {
            connection,
            woken: Flag::set(),
            peer,
        }
    }

    /// Somebody who has been welcomed and renamed, and has read that.
    fn guest(&self, nick: &str) -> Line {
        let mut line = self.connect(1024 * 1024);
        line.peer.send(format!("/nick {nick}\n"));
        assert!(line.settle().is_none());
        line.peer.receive();
        line
    }
}

impl<P: Protocol> Line<P> {
    fn poll(&mut self) -> Option<Ended> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match Pin::new(&mut self.connection).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        }
    }

    /// Polls as long as the connection is woken, as a runtime does. How it ended, if it did.
    fn settle(&mut self) -> Option<Ended> {
        self.settle_counting().1
    }

    fn settle_counting(&mut self) -> (usize, Option<Ended>) {
        let mut polls = 0;
        while self.woken.take() {
            polls += 1;
            assert!(polls < 10_000, "the connection wakes itself for ever");
            if let Some(ended) = self.poll() {
                return (polls, Some(ended));
            }
        }
        (polls, None)
    }

    /// What the peer reads when it sends `bytes`.
    fn asks(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.peer.send(bytes);
        assert!(self.settle().is_none());
        self.peer.receive()
    }

    /// Closes the peer's side of a connection that has closed its own. How it ended.
    fn hang_up(&mut self) -> Option<Ended> {
        assert!(self.settle().is_none(), "waits for its peer");
        assert!(self.peer.is_ended());
        self.peer.end();
        self.settle()
    }

    /// Reads as fast as it can until nothing more comes.
    fn read_all(&mut self) -> (String, Option<Ended>) {
        let mut read = Vec::new();
        loop {
            let ended = self.settle();
            let more = self.peer.receive_bytes();
            read.extend_from_slice(&more);
            if more.is_empty() || ended.is_some() {
                return (String::from_utf8(read).unwrap(), ended);
            }
        }
    }
}

const NOT_YET: Duration = Duration::from_millis(1);

#[test]
fn a_peer_is_welcomed_and_heard() {
    let world = World::new();
    let mut line = world.connect(1024);
    let welcome = "* welcome, guest-1 — you are in #general\n";
    assert_eq!(
        line.asks("hello\n"),
        format!("{welcome}[#general] guest-1: hello\n")
    );
}

#[test]
fn a_conversation_byte_by_byte_is_the_same() {
    let world = World::new();
    let mut line = world.guest("alice");
    let answers: String = "hi\r\n/rooms\nho\n"
        .bytes()
        .map(|byte| line.asks([byte]))
        .collect();
    let expected = "[#general] alice: hi\n* #general (1 member)\n[#general] alice: ho\n";
    assert_eq!(answers, expected);
}

#[test]
fn answers_and_messages_come_in_the_order_of_the_commands() {
    let world = World::new();
    let mut line = world.guest("alice");
    let answers = line.asks("one\n/who\ntwo\n/nope\nthree\n");
    let expected = "[#general] alice: one\n* in #general (1): alice\n[#general] alice: two\n\
        ! there is no command /nope; /help lists them\n[#general] alice: three\n";
    assert_eq!(answers, expected);
}

#[test]
fn what_several_say_at_the_same_time_takes_one_write_each() {
    let world = World::new();
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    alice.settle();
    alice.peer.receive();
    alice.peer.send("one\n");
    bob.peer.send("two\n");
    assert!(alice.woken.take() && alice.poll().is_none());
    assert!(bob.woken.take() && bob.poll().is_none());
    assert_eq!(
        (alice.peer.receive(), bob.peer.receive()),
        Default::default()
    );
    for line in [&mut alice, &mut bob] {
        assert_eq!(line.settle_counting().0, 1);
        let both = "[#general] alice: one\n[#general] bob: two\n";
        assert_eq!(line.peer.receive(), both);
    }
}

#[test]
fn a_single_message_to_a_quiet_member_is_written_at_once_and_to_a_busy_one_a_poll_later() {
    let world = World::new();
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    alice.asks("zero\n");
    bob.settle();
    bob.peer.receive();
    for (said, polls) in [
        ("one\n", 1),
        ("two\nthree\n", 1),
        ("four\n", 2),
        ("five\n", 1),
        ("six\nseven\neight\n", 1),
        ("nine\nten\n", 2),
        ("eleven\ntwelve\n", 1),
    ] {
        alice.asks(said);
        assert_eq!(bob.settle_counting().0, polls, "{said}");
        assert_eq!(bob.peer.receive().lines().count(), said.lines().count());
    }
}

#[test]
fn a_stream_is_not_read_because_there_is_something_to_write() {
    struct Counted(TestStream, Arc<AtomicUsize>);

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_close(cx)
        }
    }

    let world = World::new();
    let mut alice = world.guest("alice");
    let reads = Arc::new(AtomicUsize::new(0));
    let (peer, stream) = duplex(1024);
    let stream = Counted(stream, Arc::clone(&reads));
    let mut bob = serve_connection(stream, TextProtocol::default(), &world.hub, &world.runtime);
    let woken = Flag::set();
    let mut settle = || {
        while woken.take() {
            let waker = Waker::from(Arc::clone(&woken));
            let polled = Pin::new(&mut bob).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        reads.swap(0, Ordering::Relaxed)
    };
    settle();
    peer.receive();

    alice.asks("listen\n");
    assert_eq!(settle(), 0);
    assert_eq!(peer.receive(), "[#general] alice: listen\n");
    peer.send("yes\n");
    assert_eq!(
        settle(),
        2,
        "once for the line, and once to find that there is no other"
    );
    assert_eq!(peer.receive(), "[#general] guest-2: yes\n");
}

#[test]
fn a_message_wakes_the_others_and_nobody_twice() {
    let world = World::new();
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    alice.settle();
    alice.peer.receive();
    alice.peer.send("one\ntwo\n");
    // Once to listen, and once to write, when others have had their say.
    assert_eq!(alice.settle_counting().0, 2);
    assert_eq!(bob.settle_counting().0, 1);
    assert_eq!(
        bob.peer.receive(),
        "[#general] alice: one\n[#general] alice: two\n"
    );
    assert_eq!(alice.settle_counting().0, 0);
}

#[test]
fn a_busy_member_is_left_alone_while_more_comes_but_not_for_ever() {
    let world = World::new();
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    let many = "and\n".repeat(10);
    // Lets bob run once after each, and tells how much he reads then.
    let mut read_after_each = |said: &[&str]| -> Vec<usize> {
        alice.asks(&many);
        bob.settle();
        assert_eq!(bob.peer.receive().lines().count(), 10);
        let read = said.iter().map(|said| {
            alice.asks(said);
            assert!(bob.woken.take() && bob.poll().is_none());
            bob.peer.receive().lines().count()
        });
        read.collect()
    };
    assert_eq!(read_after_each(&["a\n"; 6]), [0, 0, 0, 0, 0, 6]);
    assert_eq!(read_after_each(&["a\n", "a\n", ""]), [0, 0, 2]);
    assert_eq!(read_after_each(&["a\n", &many]), [0, 11]);
}

#[test]
fn a_busy_member_is_written_to_before_its_outbox_fills() {
    let mut config = at_once();
    config.outbox.messages = 32;
    let world = World::with(config);
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    alice.asks("and\n".repeat(10));
    bob.settle();
    bob.peer.receive();
    for (said, read) in [(8, 0), (1, 9)] {
        alice.asks("and\n".repeat(said));
        assert!(bob.woken.take() && bob.poll().is_none());
        assert_eq!(bob.peer.receive().lines().count(), read);
    }
}

#[test]
fn whoever_waits_for_others_to_speak_is_heard_when_it_speaks_again() {
    let world = World::new();
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    alice.settle();
    world.time.forget_who_waits();
    for said in ["one\n", "two\n"] {
        alice.peer.send(said);
        assert!(alice.woken.take());
        assert!(alice.poll().is_none());
    }
    assert!(bob.settle().is_none());
    assert!(bob.peer.receive().ends_with("alice: two\n"));
}

#[test]
fn a_connection_that_moves_to_another_task_is_woken_there() {
    let world = World::new();
    let mut line = world.connect(64);
    for said in ["one\n", "two\n"] {
        let before = std::mem::replace(&mut line.woken, Flag::set());
        assert!(line.settle().is_none());
        line.read_all();
        before.take();
        line.asks(said);
        assert!(!before.take());
    }
    // Also while it closes: its peer is stuck.
    line.peer.send("/help\n/quit\n");
    assert!(line.settle().is_none());
    let before = std::mem::replace(&mut line.woken, Flag::set());
    assert!(line.settle().is_none());
    before.take();
    let (read, _) = line.read_all();
    assert!(read.ends_with("* goodbye\n"), "{read:?}");
    assert!(!before.take());
    line.peer.end();
    assert!(matches!(line.settle(), Some(Ok(CloseReason::Quit))));
}

#[test]
fn a_busy_peer_lets_others_have_their_turn() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.peer.send("x\n".repeat(1000));
    let (polls, ended) = alice.settle_counting();
    assert!(ended.is_none());
    assert!(
        (30..60).contains(&polls),
        "{polls} polls for 1,000 messages"
    );
    assert_eq!(alice.peer.receive().lines().count(), 1000);
}

#[test]
fn the_last_line_counts_without_its_newline() {
    let world = World::new();
    let mut bob = world.guest("bob");
    let mut alice = world.guest("alice");
    bob.settle();
    bob.peer.receive();
    alice.peer.send("/me leaves in a hurry\nbye");
    alice.peer.end();
    assert!(matches!(alice.settle(), Some(Ok(CloseReason::PeerClosed))));
    let own = "[#general] * alice leaves in a hurry\n[#general] alice: bye\n";
    assert_eq!(
        alice.peer.receive(),
        own,
        "a half-closed peer gets its answers"
    );
    assert!(alice.peer.is_ended());
    bob.settle();
    assert_eq!(bob.peer.receive(), format!("{own}* alice left #general\n"));
}

#[test]
fn quitting_says_goodbye_and_closes() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.peer.send("/quit\nnever heard\n");
    alice.peer.end();
    assert!(matches!(alice.settle(), Some(Ok(CloseReason::Quit))));
    assert_eq!(alice.peer.receive(), "* goodbye\n");
    assert!(alice.peer.is_ended());
}

#[test]
fn a_reset_is_an_error_and_a_leave() {
    let world = World::new();
    let (mut alice, mut bob) = (world.guest("alice"), world.guest("bob"));
    alice.settle();
    alice.peer.receive();
    bob.peer.send("half a li");
    bob.settle();
    bob.peer.reset();
    assert!(matches!(bob.settle(), Some(Err(ConnectionError::Io(_)))));
    alice.settle();
    assert_eq!(alice.peer.receive(), "* bob left #general\n");
}

#[test]
fn dropping_the_future_leaves_the_rooms() {
    let world = World::new();
    let mut alice = world.guest("alice");
    let bob = world.guest("bob");
    alice.settle();
    alice.peer.receive();
    drop(bob.connection);
    alice.settle();
    assert_eq!(alice.peer.receive(), "* bob left #general\n");
    assert!(bob.peer.is_ended());
}

#[test]
fn an_idle_peer_is_told_and_closed_and_a_sign_of_life_puts_that_off() {
    let world = World::new();
    let mut alice = world.guest("alice");
    let limit = ConnectionConfig::default().idle_timeout.unwrap();
    world.time.advance(limit - NOT_YET);
    assert!(alice.settle().is_none());
    alice.peer.send("\n");
    assert!(alice.settle().is_none());
    for _ in 0..2 {
        world.time.advance((limit - NOT_YET) / 2);
        assert!(alice.settle().is_none());
    }
    world.time.advance(NOT_YET);
    assert!(alice.settle().is_none());
    assert_eq!(
        alice.peer.receive(),
        "! nothing heard from you for 5 minutes; goodbye\n"
    );
    assert!(matches!(alice.hang_up(), Some(Ok(CloseReason::Idle(_)))));
}

#[test]
fn without_a_limit_a_peer_may_be_idle_for_ever() {
    let world = World::new();
    let config = ConnectionConfig {
        idle_timeout: None,
        ..ConnectionConfig::default()
    };
    let mut line = world.connect_with(TextProtocol::default(), 1024, config);
    assert!(line.settle().is_none());
    world.time.advance(Duration::from_secs(1_000_000));
    assert!(line.settle().is_none());
}

/// Never takes a nick.
struct Shy;

impl Protocol for Shy {
    fn max_frame(&self) -> usize {
        100
    }

    fn open(&mut self, _: &mut Session) -> Flow {
        Flow::Continue
    }

    fn handle_frame(&mut self, _: Frame<'_>, _: &mut Session) -> Flow {
        Flow::Continue
    }

    fn encode(&mut self, _: Delivery<'_>, _: &Session, _: &mut Vec<u8>) {}

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        out.extend_from_slice(reason.to_string().as_bytes());
    }
}

#[test]
fn a_peer_that_does_not_introduce_itself_is_closed_however_much_it_talks() {
    let world = World::new();
    let mut line = world.connect_as(Shy, 1024);
    for _ in 0..9 {
        assert_eq!(line.asks("hello\n"), "");
        world.time.advance(Duration::from_secs(1));
    }
    assert!(line.settle().is_none());
    world.time.advance(Duration::from_secs(1));
    assert!(line.settle().is_none());
    assert_eq!(
        line.peer.receive(),
        "no introduction within 10 seconds; goodbye"
    );
    assert!(matches!(
        line.hang_up(),
        Some(Ok(CloseReason::Unregistered(_)))
    ));
}

#[test]
fn a_peer_that_does_not_read_misses_exactly_what_it_is_told() {
    let world = World::with(HubConfig {
        outbox: OutboxLimits {
            messages: 10,
            ..OutboxLimits::default()
        },
        ..at_once()
    });
    let mut alice = world.guest("alice");
    let mut sloth = world.connect(50);
    assert!(sloth.settle().is_none());
    alice.settle();
    alice.peer.receive();
    for number in 1..=1000 {
        let said = format!("message {number}");
        assert_eq!(
            alice.asks(format!("{said}\n")),
            format!("[#general] alice: {said}\n")
        );
        sloth.settle();
    }
    let (read, ended) = sloth.read_all();
    assert!(ended.is_none());
    let mut next = 1;
    let mut gaps = 0;
    for line in read.lines().skip(1) {
        if let Some(number) = line.strip_prefix("[#general] alice: message ") {
            assert_eq!(number, next.to_string());
            next += 1;
        } else {
            let range = line.rsplit('(').next().unwrap().trim_end_matches(')');
            let (first, last) = range.split_once('–').unwrap();
            let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
            let count = last - first + 1;
            let notice = format!("* you missed {count} messages in #general ({first}–{last})");
            assert_eq!((line, first), (&*notice, next));
            next = last + 1;
            gaps += 1;
        }
    }
    assert_eq!((next, gaps), (1001, 1));
}

#[test]
fn a_peer_that_asks_without_reading_is_not_heard_until_it_reads() {
    let world = World::new();
    let mut alice = world.connect(4096);
    let question = "/help\n";
    let answer = "/quit [reason]";
    let mut asked = 0;
    for _ in 0..1000 {
        let free = alice.peer.free();
        if free < question.len() {
            break;
        }
        let questions = free / question.len();
        alice.peer.send(question.repeat(questions));
        asked += questions;
        assert!(alice.settle().is_none());
    }
    assert!(asked < 3000, "asked {asked} times and was always heard");
    let (read, ended) = alice.read_all();
    assert!(ended.is_none());
    assert_eq!(
        read.matches(answer).count(),
        asked,
        "every question is answered in the end"
    );
}

#[test]
fn closing_drains_what_is_queued() {
    let world = World::new();
    let mut alice = world.guest("alice");
    let mut slow = world.connect(64);
    assert!(slow.settle().is_none());
    let said = "something to read\n".repeat(100);
    alice.asks(&said);
    slow.connection.handle().close(CloseReason::Shutdown);
    let (read, ended) = slow.read_all();
    assert!(ended.is_none());
    assert_eq!(read.matches("something to read").count(), 100);
    assert!(read.ends_with("* server shutting down\n"));
    assert!(matches!(slow.hang_up(), Some(Ok(CloseReason::Shutdown))));
}

#[test]
fn closing_reaches_a_peer_that_is_stuck_and_cuts_it_off_in_time() {
    let world = World::new();
    let mut alice = world.guest("alice");
    let mut stuck = world.connect(16);
    assert!(stuck.settle().is_none());
    alice.asks("hello\n");
    stuck.settle();
    stuck.connection.handle().close(CloseReason::Shutdown);
    assert!(stuck.settle().is_none());
    alice.settle();
    assert!(alice.peer.receive().ends_with("left #general\n"));
    world
        .time
        .advance(ConnectionConfig::default().close_timeout);
    let reason = CloseReason::Shutdown;
    let ended = stuck.settle().unwrap();
    assert!(
        matches!(&ended, Err(ConnectionError::CutOff { reason: r }) if *r == reason),
        "{ended:?}"
    );
}

#[test]
fn closing_drains_also_for_a_peer_that_writes_before_it_reads() {
    let world = World::new();
    let mut alice = world.guest("alice");
    let mut polite = world.connect(64);
    assert!(polite.settle().is_none());
    alice.asks("something to read\n".repeat(20));
    polite.connection.handle().close(CloseReason::Shutdown);
    let mut read = Vec::new();
    while !polite.peer.is_ended() {
        assert!(polite.settle().is_none());
        polite.peer.send("understood\n");
        assert!(polite.settle().is_none());
        read.extend(polite.peer.receive_bytes());
    }
    let read = String::from_utf8(read).unwrap();
    assert_eq!(read.matches("something to read").count(), 20);
}

#[test]
fn the_one_who_orders_the_close_may_set_its_time() {
    let world = World::new();
    let mut stuck = world.connect(16);
    assert!(stuck.settle().is_none());
    let within = Duration::from_secs(60);
    stuck
        .connection
        .handle()
        .close_within(CloseReason::Shutdown, within);
    assert!(stuck.settle().is_none());
    world.time.advance(within - NOT_YET);
    assert!(stuck.settle().is_none());
    world.time.advance(NOT_YET);
    assert!(matches!(
        stuck.settle(),
        Some(Err(ConnectionError::CutOff { .. }))
    ));
}

#[test]
fn a_connection_that_was_closed_stays_for_its_peer_to_close_too() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.peer.send("/quit\n");
    assert!(alice.settle().is_none());
    let handle = alice.connection.handle();
    assert!(handle.is_drained());
    for _ in 0..3 {
        alice.peer.send("and another thing\n");
        assert!(alice.settle().is_none());
    }
    assert_eq!(alice.peer.receive(), "* goodbye\n");
    assert!(matches!(alice.hang_up(), Some(Ok(CloseReason::Quit))));
}

#[test]
fn a_connection_that_was_closed_does_not_stay_for_long() {
    let world = World::new();
    let mut silent = world.guest("silent");
    silent.peer.send("/quit\n");
    assert!(silent.settle().is_none());
    let linger = ConnectionConfig::default().linger;
    world.time.advance(linger - NOT_YET);
    assert!(silent.settle().is_none());
    world.time.advance(NOT_YET);
    assert!(matches!(silent.settle(), Some(Ok(CloseReason::Quit))));
}

#[test]
fn whoever_talks_on_after_the_end_is_waited_for_no_longer_than_closing_may_take() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.peer.send("/quit\n");
    assert!(alice.settle().is_none());
    let mut waited = Duration::ZERO;
    while alice.settle().is_none() {
        alice.peer.send("and another thing\n");
        world.time.advance(Duration::from_millis(100));
        waited += Duration::from_millis(100);
    }
    assert_eq!(waited, ConnectionConfig::default().close_timeout);
}

#[test]
fn a_line_without_end_lets_others_have_their_turn() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.peer.send(vec![b'x'; 1024 * 1024]);
    let (polls, ended) = alice.settle_counting();
    assert!(ended.is_none());
    assert!(polls >= 16, "{polls} polls for a megabyte");
}

#[test]
fn an_idle_connection_owns_no_buffer() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.asks("x\n".repeat(500));
    assert_eq!(alice.connection.buffered(), 0);
}

/// On a machine of 64 bits, beside the stream. What only some connections need belongs into a box of its own
/// (`driver::backlog`, `driver::delays`); `docs/PERFORMANCE.md` has where an idle member's memory goes.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_connection_takes_little_memory_before_it_needs_more() {
    let connection = size_of::<Connection<(), TextProtocol>>();
    assert!(connection <= 448, "{connection} bytes");
}

#[test]
fn one_read_error_of_interruption_changes_nothing() {
    let world = World::new();
    let mut alice = world.guest("alice");
    alice.peer.interrupt();
    assert_eq!(alice.asks("hi\n"), "[#general] alice: hi\n");
}

#[test]
fn a_connection_is_send_when_its_stream_is() {
    fn is_send<T: Send>() {}
    is_send::<Connection<TestStream, TextProtocol>>();
    is_send::<SessionHandle>();
}

fn five_a_second(world: &World) -> Line {
    let config = ConnectionConfig {
        rate_limit: Some("5/1".parse().unwrap()),
        ..ConnectionConfig::default()
    };
    let mut line = world.connect_with(TextProtocol::default(), 64 * 1024, config);
    assert!(line.settle().is_none());
    line.peer.receive();
    line
}

#[test]
fn a_peer_that_is_too_fast_is_heard_later_and_loses_nothing() {
    let world = World::new();
    let mut line = five_a_second(&world);
    let said: String = (0..12).map(|number| format!("{number}\n")).collect();
    let heard = line.asks(said).lines().count();
    assert_eq!(heard, 5, "a burst at once");
    let mut heard_by = Vec::new();
    for _ in 0..10 {
        world.time.advance(Duration::from_millis(200));
        assert!(line.settle().is_none());
        heard_by.push(line.peer.receive().lines().count());
    }
    assert_eq!(
        heard_by,
        [1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        "the rest at an even pace"
    );
}

#[test]
fn whoever_is_answered_hears_who_came_at_the_same_time() {
    let world = World::with(HubConfig::default());
    let mut alice = world.guest("alice");
    let mut bob = world.connect(1024 * 1024);
    assert!(bob.settle().is_none());
    assert_eq!(alice.settle_counting().0, 0, "nobody is told yet");
    let answer = "* guest-2 joined #general\n* #general (2 members)\n";
    assert_eq!(alice.asks("/rooms\n"), answer);
    world.time.advance(world.hub.config().presence_delay);
    assert_eq!(alice.asks(""), "", "nor once more");
}

#[test]
fn a_peer_that_is_held_back_cannot_send_more_than_the_stream_takes() {
    let world = World::new();
    let mut line = five_a_second(&world);
    line.peer.send("x\n".repeat(10_000));
    assert!(line.settle().is_none());
    line.peer.send(vec![b'x'; line.peer.free()]);
    assert!(line.settle().is_none());
    assert_eq!(line.peer.free(), 0, "nothing is read any more");
}

#[test]
fn a_peer_that_never_stops_flooding_is_closed() {
    let world = World::new();
    let mut line = five_a_second(&world);
    let patience = ConnectionConfig::default().flood_timeout.unwrap();
    let mut waited = Duration::ZERO;
    while !line.peer.is_ended() {
        line.peer.send("x\n".repeat(line.peer.free() / 2));
        assert!(line.settle().is_none());
        line.peer.receive_bytes();
        world.time.advance(Duration::from_millis(100));
        waited += Duration::from_millis(100);
        assert!(line.settle().is_none());
    }
    assert!(
        waited >= patience && waited <= patience + Duration::from_secs(1),
        "{waited:?}"
    );
}

#[test]
fn a_peer_that_pauses_in_time_may_burst_again_and_again() {
    let world = World::new();
    let mut line = five_a_second(&world);
    for _ in 0..100 {
        assert_eq!(line.asks("a\nb\nc\nd\ne\n").lines().count(), 5);
        world.time.advance(Duration::from_secs(1));
    }
}

#[test]
fn a_peer_that_takes_nothing_is_closed() {
    let world = World::new();
    let mut talker = world.guest("talker");
    let mut stuck = world.connect(16);
    assert!(stuck.settle().is_none());
    let config = ConnectionConfig::default();
    let patience = config.write_timeout.unwrap();
    // It goes on sending, and so is not idle.
    for _ in 0..10 {
        world.time.advance(patience / 10);
        stuck.peer.send("\n");
        talker.asks("\n");
        assert!(stuck.settle().is_none());
    }
    assert!(world.hub.rooms()[0].members == 1, "it has left");
    world.time.advance(config.close_timeout);
    assert!(matches!(
        stuck.settle(),
        Some(Err(ConnectionError::CutOff {
            reason: CloseReason::Stalled(_)
        }))
    ));
}

#[test]
fn a_silent_program_is_pinged_and_a_person_is_not() {
    let world = World::new();
    let half = ConnectionConfig::default().idle_timeout.unwrap() / 2;
    let mut program = world.connect_as(JsonProtocol::default(), 1024);
    program.asks("{\"id\":1,\"op\":\"hello\"}\n");
    let mut person = world.guest("person");
    for _ in 0..3 {
        world.time.advance(half);
        assert!(program.settle().is_none());
        assert_eq!(program.peer.receive(), "{\"event\":\"ping\"}\n");
        program.asks("{\"id\":2,\"op\":\"ping\"}\n");
    }
    person.settle();
    assert!(!person.peer.receive().contains("ping"));
}

#[test]
fn the_first_byte_decides_between_text_and_json() {
    let world = World::new();
    let mut person = world.connect_as(DetectProtocol::default(), 64 * 1024);
    assert!(person.settle().is_none());
    assert_eq!(person.peer.receive(), "");
    let heard = person.asks("hello\n");
    let welcome = "* welcome, guest-1 — you are in #general\n";
    assert_eq!(heard, format!("{welcome}[#general] guest-1: hello\n"));
    let mut program = world.connect_as(DetectProtocol::default(), 64 * 1024);
    let heard = program.asks("{\"id\":1,\"op\":\"hello\"}\n");
    assert!(
        heard.starts_with("{\"id\":1,\"ok\":{\"nick\":\"guest-2\""),
        "{heard}"
    );
    let long = format!("{{\"id\":2,\"op\":\"{}\"}}\n", "x".repeat(10_000));
    assert!(
        program.asks(long).contains("unknown_op"),
        "within the limit of JSON"
    );
    let long = format!("{}\n", "x".repeat(10_000));
    assert!(
        person.asks(long).contains("at most 4096 bytes"),
        "beyond that of text"
    );
}

#[test]
fn whoever_types_nothing_is_greeted_after_a_moment() {
    let world = World::new();
    let mut person = world.connect_as(DetectProtocol::default(), 1024);
    assert!(person.settle().is_none());
    world.time.advance(DetectProtocol::GREETING_DELAY - NOT_YET);
    assert!(person.settle().is_none());
    assert_eq!(person.peer.receive(), "");
    world.time.advance(NOT_YET);
    assert!(person.settle().is_none());
    assert_eq!(
        person.peer.receive(),
        "* welcome, guest-1 — you are in #general\n"
    );
    assert_eq!(person.asks("hi\n"), "[#general] guest-1: hi\n");
}

#[test]
fn a_program_that_was_slow_to_speak_is_still_understood() {
    let world = World::new();
    let mut slow = world.connect_as(DetectProtocol::default(), 1024);
    assert!(slow.settle().is_none());
    world.time.advance(DetectProtocol::GREETING_DELAY);
    assert!(slow.settle().is_none());
    slow.peer.receive();
    let mut person = world.connect_as(DetectProtocol::default(), 64 * 1024);
    assert!(person.settle().is_none());
    world.time.advance(DetectProtocol::GREETING_DELAY);
    assert!(person.settle().is_none());
    person.peer.receive();
    slow.settle();
    slow.peer.receive();
    let said = "{ is my favourite bracket";
    assert_eq!(
        person.asks(format!("{said}\n")),
        format!("[#general] guest-2: {said}\n")
    );
    let long = format!("{}\n", "x".repeat(10_000));
    assert!(person.asks(long).contains("at most 4096 bytes"));
    person.peer.send("/quit\n");
    person.settle();
    slow.settle();
    slow.peer.receive();
    let heard = slow.asks("{\"id\":1,\"op\":\"hello\",\"nick\":\"robot\"}\n");
    assert!(heard.contains("\"nick\":\"robot\""), "{heard}");
    assert!(world.hub.rooms().is_empty(), "the guest has left");
}

#[test]
fn a_line_without_end_counts_as_the_lines_it_could_have_been() {
    let world = World::new();
    let mut line = five_a_second(&world);
    line.peer.send(vec![b'x'; 64 * 1024]);
    assert!(line.settle().is_none());
    assert!(
        line.peer.free() <= 48 * 1024,
        "it is read no faster than lines are"
    );
}

#[test]
fn whoever_is_held_back_is_not_idle() {
    let world = World::new();
    let config = ConnectionConfig {
        // More than it says until it is not heard any more, and less than it has said by then.
        rate_limit: Some("1/1000".parse().unwrap()),
        flood_timeout: None,
        ..ConnectionConfig::default()
    };
    let mut line = world.connect_with(TextProtocol::default(), 64 * 1024, config);
    assert!(line.asks("one\ntwo\n").ends_with("one\n"));
    world.time.advance(Duration::from_secs(999));
    assert!(line.settle().is_none());
    assert_eq!(line.peer.receive(), "");
    world.time.advance(Duration::from_secs(1));
    assert!(line.settle().is_none());
    assert!(line.peer.receive().ends_with("two\n"));
}

#[test]
fn a_long_first_line_in_pieces_that_is_no_request_is_refused_as_text() {
    let world = World::new();
    let mut person = world.connect_as(DetectProtocol::default(), 64 * 1024);
    assert!(person.settle().is_none());
    world.time.advance(DetectProtocol::GREETING_DELAY);
    assert!(person.settle().is_none());
    person.peer.receive();
    assert_eq!(person.asks(format!("{{{}", "x".repeat(10_000))), "");
    assert!(person.asks("\n").contains("at most 4096 bytes"));
    assert_eq!(person.asks("hi\n"), "[#general] guest-1: hi\n");
}

/// Takes its time to decide on each message that begins with `slow`.
struct Thorough {
    time: TestRuntime,
    takes: Duration,
}

impl Policy for Thorough {
    fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
        if !body.as_str().starts_with("slow") {
            return Decision::allow(body);
        }
        let decided = self.time.sleep(self.takes);
        Decision::later(async move {
            decided.await;
            Ok(body)
        })
    }
}

fn world_with_slow_policy(takes: Duration, config: HubConfig) -> World {
    let mut world = World::new();
    let policy = Thorough {
        time: world.time.clone(),
        takes,
    };
    let runtime = Arc::clone(&world.runtime);
    world.hub = Hub::with_policy(runtime, config, Arc::new(policy));
    world
}

fn with_slow_policy(takes: Duration, config: ConnectionConfig) -> (World, Line) {
    let world = world_with_slow_policy(takes, at_once());
    let mut line = world.connect_with(TextProtocol::default(), 64 * 1024, config);
    assert!(line.settle().is_none());
    line.peer.receive();
    (world, line)
}

const FLOOD_TIMEOUT: Duration = Duration::from_secs(10);

/// Who says more than that for so long is flooding.
fn two_a_second() -> ConnectionConfig {
    ConnectionConfig {
        rate_limit: Some("2/1".parse().unwrap()),
        flood_timeout: Some(FLOOD_TIMEOUT),
        ..ConnectionConfig::default()
    }
}

#[test]
fn waiting_for_a_slow_policy_is_not_flooding() {
    let (world, mut line) = with_slow_policy(Duration::from_secs(3), two_a_second());
    // As many as the rate allows, which are far more than can be decided on in that time.
    let mut heard = 0;
    for _ in 0..20 * FLOOD_TIMEOUT.as_secs() {
        line.peer.send("slow\n");
        world.time.advance(Duration::from_millis(500));
        assert!(line.settle().is_none());
        heard += line.peer.receive().matches("slow").count();
        assert!(!line.peer.is_ended(), "closed after {heard} messages");
    }
    assert_eq!(heard, 33, "one every three seconds");
}

#[test]
fn the_time_to_decide_is_not_counted_as_flooding_where_a_peer_floods() {
    let takes = Duration::from_secs(4);
    // Held back from its third line on, it is heard with the fourth a second later; or it is waited for first. In all that
    // time there is more to hear.
    for first in ["fast\n".repeat(3), String::new()] {
        let (world, mut line) = with_slow_policy(takes, two_a_second());
        line.peer
            .send(format!("{first}slow\n{}", "fast\n".repeat(100)));
        assert!(line.settle().is_none());
        let mut open_for = Duration::ZERO;
        while !line.peer.is_ended() {
            world.time.advance(Duration::from_millis(500));
            open_for += Duration::from_millis(500);
            assert!(line.settle().is_none());
            line.peer.receive();
            assert!(open_for < Duration::from_secs(60), "never closed");
        }
        assert_eq!(open_for, FLOOD_TIMEOUT + takes);
    }
}

#[test]
fn what_came_during_a_wait_may_be_as_much_as_the_rate_allows() {
    let config = ConnectionConfig {
        rate_limit: Some("2/1".parse().unwrap()),
        ..ConnectionConfig::default()
    };
    let (world, mut line) = with_slow_policy(Duration::from_secs(5), config);
    assert_eq!(line.asks("slow\n"), "");
    line.peer.send("fast\n".repeat(20));
    world.time.advance(Duration::from_secs(5));
    assert!(line.settle().is_none());
    let heard = line.peer.receive();
    assert_eq!(heard.matches("slow").count(), 1);
    // Two in each of five seconds, and the burst, of which one was said before.
    assert_eq!(heard.matches("fast").count(), 11);
    world.time.advance(Duration::from_millis(500));
    assert!(line.settle().is_none());
    assert_eq!(
        line.peer.receive().matches("fast").count(),
        1,
        "at the rate"
    );
}

#[test]
fn flooding_between_waits_is_still_flooding() {
    let (world, mut line) = with_slow_policy(Duration::from_millis(100), two_a_second());
    let mut waited = Duration::ZERO;
    while !line.peer.is_ended() {
        line.peer.send("slow\n".repeat(line.peer.free() / 5));
        world.time.advance(Duration::from_millis(100));
        waited += Duration::from_millis(100);
        assert!(line.settle().is_none());
        line.peer.receive();
        assert!(waited < Duration::from_secs(20), "never closed");
    }
}

#[test]
fn whoever_was_pinged_and_then_held_back_is_pinged_again() {
    let (half, takes) = (Duration::from_secs(150), Duration::from_secs(200));
    let config = ConnectionConfig {
        idle_timeout: Some(2 * half),
        rate_limit: Some("3/1000".parse().unwrap()),
        flood_timeout: None,
        ..ConnectionConfig::default()
    };
    let patient = HubConfig {
        decision_timeout: 2 * takes,
        ..at_once()
    };
    let world = world_with_slow_policy(takes, patient);
    let mut program = world.connect_with(JsonProtocol::default(), 64 * 1024, config);
    // The last one is more than it may say, and is there from the beginning.
    program.asks(concat!(
        r#"{"id":1,"op":"hello","nick":"bot"}"#,
        "\n",
        r#"{"id":2,"op":"join","room":"rust"}"#,
        "\n",
        r#"{"id":3,"op":"say","room":"rust","text":"slow"}"#,
        "\n",
        r#"{"id":4,"op":"ping"}"#,
        "\n",
    ));
    let start = world.runtime.now();
    let mut heard = Vec::new();
    while !program.peer.is_ended() {
        world.time.advance(Duration::from_secs(1));
        assert!(program.settle().is_none());
        let now = world.runtime.now() - start;
        assert!(now < 10 * half, "never closed");
        let said = program.peer.receive();
        heard.extend(said.lines().map(|line| (now, line.to_owned())));
    }
    let at = |what: &str| -> Vec<_> {
        let lines = heard.iter().filter(|(_, line)| line.contains(what));
        lines.map(|&(at, _)| at).collect()
    };
    let (pings, answers) = (at("\"event\":\"ping\""), at("\"id\":4"));
    assert_eq!(answers.len(), 1, "{heard:?}");
    assert!(answers[0] > takes);
    assert_eq!(pings, [half, answers[0] + half], "{heard:?}");
}

/// Takes its time to decide on who comes in, and on nicks.
struct SlowDoor {
    time: TestRuntime,
    takes: Duration,
}

impl SlowDoor {
    fn world(takes: Duration) -> World {
        let mut world = World::new();
        let policy = Self {
            time: world.time.clone(),
            takes,
        };
        let runtime = Arc::clone(&world.runtime);
        world.hub = Hub::with_policy(runtime, HubConfig::default(), Arc::new(policy));
        world
    }

    fn decide(&self) -> Decision<()> {
        let decided = self.time.sleep(self.takes);
        Decision::later(async move {
            decided.await;
            Ok(())
        })
    }
}

impl Policy for SlowDoor {
    fn connect(&self, _: Option<&Address>) -> Decision<()> {
        self.decide()
    }

    fn nick(&self, _: &Person<'_>, _: &Nick) -> Decision<()> {
        self.decide()
    }
}

#[test]
fn the_time_to_introduce_oneself_begins_when_one_is_let_in() {
    let world = SlowDoor::world(Duration::from_secs(4));
    let mut line = world.connect_as(Shy, 1024);
    assert!(line.settle().is_none());
    world.time.advance(Duration::from_secs(4));
    assert!(line.settle().is_none());
    world.time.advance(Duration::from_millis(9_900));
    assert!(line.settle().is_none());
    assert_eq!(line.peer.receive(), "");
    world.time.advance(Duration::from_millis(100));
    assert!(line.settle().is_none());
    assert!(line.peer.receive().starts_with("no introduction"));
}

#[test]
fn nobody_is_closed_for_no_introduction_while_it_is_decided_about() {
    let world = SlowDoor::world(Duration::from_secs(4));
    let mut line = world.connect_as(JsonProtocol::default(), 1024);
    assert!(line.settle().is_none());
    world.time.advance(Duration::from_secs(4));
    assert!(line.settle().is_none());
    world.time.advance(Duration::from_secs(9));
    assert_eq!(
        line.asks("{\"id\":1,\"op\":\"hello\",\"nick\":\"late\"}\n"),
        ""
    );
    // In two steps, so that it could be closed between them.
    for _ in 0..2 {
        world.time.advance(Duration::from_secs(2));
        assert!(line.settle().is_none());
    }
    assert!(line.peer.receive().contains("\"nick\":\"late\""));
}

fn with_memory(max_memory: usize) -> World {
    World::with(HubConfig {
        max_memory,
        empty_rooms: 0,
        ..at_once()
    })
}

#[test]
fn what_a_connection_keeps_for_its_peer_is_counted_until_it_is_gone() {
    let world = with_memory(64 * 1024 * 1024);
    let mut alice = world.guest("alice");
    let idle = world.hub.memory_used();
    alice.peer.send(vec![b'x'; 3_000]);
    assert!(alice.settle().is_none());
    assert!(world.hub.memory_used() >= idle + 3_000, "half a line");
    alice.peer.send("\n");
    assert!(alice.settle().is_none());
    let remembered = world.hub.memory_used();
    let mut slow = world.connect(16);
    assert!(slow.settle().is_none());
    for _ in 0..10 {
        alice.asks(format!("{}\n", "y".repeat(3_000)));
    }
    let before = world.hub.memory_used();
    assert!(before > remembered + 30_000);
    // The first of them are written down for it in one piece, of which the stream takes 16 bytes.
    let mut kept = before;
    for _ in 0..10 {
        slow.peer.receive_bytes();
        assert!(slow.settle().is_none());
        kept = world.hub.memory_used();
    }
    assert!(kept > before + 20_000, "{kept} after {before} bytes");
    let (_, ended) = slow.read_all();
    assert!(ended.is_none());
    assert!(world.hub.memory_used() < before);
    drop((alice, slow));
    assert_eq!(world.hub.memory_used(), 0);
}

#[test]
fn where_memory_is_short_a_peer_that_asks_without_reading_is_not_heard_for_long() {
    let asked_by = |max_memory| {
        let world = with_memory(max_memory);
        let mut alice = world.connect(64);
        assert!(alice.settle().is_none());
        let mut asked = 0;
        while alice.peer.free() >= 6 {
            alice.peer.send("/help\n");
            asked += 1;
            assert!(alice.settle().is_none());
        }
        let (read, ended) = alice.read_all();
        assert!(ended.is_none());
        assert_eq!(read.matches("/quit [reason]").count(), asked);
        asked
    };
    let (plenty, short) = (asked_by(1024 * 1024 * 1024), asked_by(0));
    assert!(short < 30 && 4 * short < plenty, "{short} of {plenty}");
}

/// Takes its time, and then refuses every nick.
struct SlowRefusal(TestRuntime);

impl Policy for SlowRefusal {
    fn nick(&self, _: &Person<'_>, _: &Nick) -> Decision<()> {
        let decided = self.0.sleep(Duration::from_secs(1));
        Decision::later(async move {
            decided.await;
            Err(Denial::new("not that one"))
        })
    }
}

#[test]
fn asking_for_decisions_again_and_again_gains_no_time_to_introduce_oneself() {
    let mut world = World::new();
    let policy = SlowRefusal(world.time.clone());
    world.hub = Hub::with_policy(Arc::clone(&world.runtime), at_once(), Arc::new(policy));
    let mut line = world.connect_as(JsonProtocol::default(), 64 * 1024);
    let hello = "{\"id\":1,\"op\":\"hello\",\"nick\":\"late\"}\n";
    line.asks(hello);
    // There is always one more to be decided about.
    let mut answers = String::new();
    for _ in 0..12 {
        answers += &line.asks(hello);
        world.time.advance(Duration::from_secs(1));
        if line.settle().is_some() {
            break;
        }
    }
    answers += &line.peer.receive();
    assert_eq!(answers.matches("not that one").count(), 10, "{answers}");
    assert!(answers.contains("unregistered"), "{answers}");
}

#[test]
fn a_peer_that_takes_nothing_is_cut_off_in_time() {
    let world = World::new();
    let mut alice = world.guest("alice");
    let config = ConnectionConfig {
        write_timeout: Some(Duration::from_secs(5)),
        ..at_any_rate()
    };
    let mut sloth = world.connect_with(TextProtocol::default(), 200, config);
    assert!(sloth.settle().is_none());
    sloth.peer.receive();
    for _ in 0..50 {
        alice.asks("hello hello hello\n");
    }
    assert!(sloth.settle().is_none());
    world.time.advance(Duration::from_millis(4_999));
    assert!(sloth.settle().is_none());
    assert!(alice.asks("/who\n").contains("(2)"));
    world.time.advance(Duration::from_millis(1));
    assert!(sloth.settle().is_none(), "it may still take the last words");
    assert!(alice.asks("/who\n").contains("(1)"));
}
