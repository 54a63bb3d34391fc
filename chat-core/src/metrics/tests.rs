use std::collections::BTreeSet;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use super::meters::{CLOSINGS, REFUSALS};
use super::*;
use crate::connection::serve_connection;
use crate::event::CloseReason;
use crate::hub::{Hub, HubConfig};
use crate::name::{Nick, RoomName};
use crate::policy::{Decision, Person, Policy};
use crate::protocol::{JsonProtocol, Protocol, TextProtocol};
use crate::runtime::{Runtime, RuntimeExt};
use crate::testing::{TestRuntime, TestStream, at_once, duplex};

const PAGE: &str = include_str!("../../../docs/METRICS.md");

struct World {
    time: TestRuntime,
    runtime: Arc<dyn Runtime>,
    metrics: Metrics,
    hub: Hub,
}

impl World {
    fn new() -> Self {
        Self::with(at_once())
    }

    fn with(config: HubConfig) -> Self {
        let time = TestRuntime::new();
        let runtime: Arc<dyn Runtime> = Arc::new(time.clone());
        let metrics = Metrics::new();
        let hub = Hub::builder(runtime.clone()).config(config);
        Self {
            hub: hub.metrics(&metrics).build(),
            time,
            runtime,
            metrics,
        }
    }

    fn connect(&self, protocol: impl Protocol + Send + 'static, capacity: usize) -> TestStream {
        let (peer, stream) = duplex(capacity);
        let connection = serve_connection(stream, protocol, &self.hub, &self.runtime);
        self.runtime.spawn(connection).detach();
        self.time.run();
        peer
    }

    fn person(&self) -> TestStream {
        self.connect(TextProtocol::default(), 64 * 1024)
    }

    fn says(&self, peer: &TestStream, text: impl AsRef<[u8]>) {
        peer.send(text);
        self.time.run();
    }

    /// What is written down under this name and these labels.
    fn read(&self, name: &str) -> f64 {
        let text = self.metrics.encode();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no {name} in {text}"));
        value.parse().unwrap()
    }

    #[track_caller]
    fn shows<const N: usize>(&self, expected: [(&str, u64); N]) {
        for (name, value) in expected {
            assert_eq!(self.read(name), value as f64, "{name}");
        }
    }
}

#[test]
fn messages_deliveries_and_bytes_are_exactly_those_that_passed() {
    let world = World::new();
    let people = [(); 5].map(|()| world.person());
    let before = people
        .iter()
        .map(|peer| peer.receive().len())
        .sum::<usize>();
    world.shows([
        // Everybody hears everybody come who came later, and oneself.
        (
            "chat_deliveries_total{kind=\"presence\"}",
            5 + 4 + 3 + 2 + 1,
        ),
        ("chat_sent_bytes_total", before as u64),
        ("chat_received_bytes_total", 0),
    ]);
    let mut received = 0;
    for n in 0..7 {
        for person in &people {
            let line = format!("message {n}\n");
            received += line.len();
            world.says(person, line);
        }
    }
    world.says(&people[0], "/msg guest-3 psst\n");
    received += "/msg guest-3 psst\n".len();
    let sent = people
        .iter()
        .map(|peer| peer.receive().len())
        .sum::<usize>();
    world.shows([
        ("chat_messages_total{kind=\"room\"}", 7 * 5),
        ("chat_messages_total{kind=\"private\"}", 1),
        ("chat_deliveries_total{kind=\"room\"}", 7 * 5 * 5),
        ("chat_deliveries_total{kind=\"private\"}", 1),
        ("chat_deliveries_total{kind=\"presence\"}", 15),
        ("chat_frames_received_total", 7 * 5 + 1),
        ("chat_received_bytes_total", received as u64),
        ("chat_sent_bytes_total", (before + sent) as u64),
        ("chat_fan_out_seconds_count", 7 * 5),
        ("chat_outbox_dropped_total", 0),
    ]);
}

#[test]
fn what_was_dropped_is_what_the_slow_are_told() {
    let mut config = at_once();
    config.outbox.messages = 10;
    let world = World::with(config);
    let talker = world.person();
    // Room for the welcome and a few messages.
    let slow = world.connect(TextProtocol::default(), 200);
    for n in 0..100 {
        world.says(&talker, format!("message {n}\n"));
        talker.receive();
    }
    world.shows([
        ("chat_outbox_events", 10),
        ("chat_outbox_fullest_events", 10),
        ("chat_outbox_peak_events", 10),
        ("chat_missed_total{kind=\"room\"}", 0),
    ]);
    let dropped = world.read("chat_outbox_dropped_total");
    let bytes = world.read("chat_outbox_bytes");
    assert!(dropped > 0.0 && bytes > 0.0);
    assert_eq!(world.read("chat_outbox_peak_bytes"), bytes);
    let mut heard = String::new();
    loop {
        let some = slow.receive();
        world.time.run();
        if some.is_empty() {
            break;
        }
        heard.push_str(&some);
    }
    let missed = heard.split_once("* you missed ").unwrap().1;
    let missed: f64 = missed.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(missed, dropped);
    assert_eq!(world.read("chat_missed_total{kind=\"room\"}"), dropped);
    world.shows([
        ("chat_outbox_events", 0),
        ("chat_outbox_bytes", 0),
        ("chat_outbox_fullest_events", 0),
        ("chat_outbox_peak_events", 10),
    ]);
}

#[test]
fn a_message_that_fits_nowhere_is_dropped_too() {
    let mut config = at_once();
    config.outbox.bytes = 70;
    let world = World::with(config);
    let person = world.person();
    world.says(&person, "this is far too long\n");
    world.shows([
        ("chat_outbox_dropped_total", 1),
        ("chat_missed_total{kind=\"room\"}", 1),
        ("chat_deliveries_total{kind=\"room\"}", 0),
    ]);
}

#[test]
fn whoever_takes_nothing_is_counted_as_such() {
    let world = World::new();
    let person = world.connect(TextProtocol::default(), 16);
    world.says(&person, "/help\n");
    for _ in 0..20 {
        world.time.advance(Duration::from_secs(30));
        world.says(&person, "\n");
    }
    world.shows([("chat_connections_closed_total{reason=\"stalled\"}", 1)]);
}

#[test]
fn memory_is_what_the_hub_says() {
    let world = World::new();
    let person = world.person();
    world.says(&person, "something to remember\n");
    let used = world.hub.memory_used() as u64;
    assert!(used > 0);
    world.shows([
        ("chat_memory_bytes", used),
        (
            "chat_memory_limit_bytes",
            HubConfig::default().max_memory as u64,
        ),
    ]);
}

#[test]
fn rooms_members_and_sessions_are_those_there_are() {
    let world = World::new();
    let people = [(); 3].map(|()| world.person());
    world.says(&people[0], "/join rust\n");
    world.says(&people[1], "/join rust\n");
    world.says(&people[2], "/join cats\n");
    world.shows([
        ("chat_rooms", 2),
        ("chat_rooms_remembered", 1),
        ("chat_room_members", 3),
        ("chat_sessions", 3),
        ("chat_connections", 3),
    ]);
    people.iter().for_each(TestStream::end);
    world.time.run();
    world.time.advance(Duration::from_secs(10));
    world.shows([
        ("chat_rooms", 0),
        ("chat_rooms_remembered", 3),
        ("chat_room_members", 0),
        ("chat_sessions", 0),
        ("chat_sessions_opened_total", 3),
        ("chat_connections", 0),
        ("chat_connections_opened_total", 3),
        ("chat_connections_closed_total{reason=\"peer_closed\"}", 3),
    ]);
}

#[test]
fn sessions_wait_and_are_resumed() {
    let world = World::new();
    let connect = || world.connect(JsonProtocol::default(), 64 * 1024);
    let first = connect();
    world.says(&first, "{\"id\":1,\"op\":\"hello\",\"nick\":\"ann\"}\n");
    let welcome = first.receive();
    let token = welcome.split_once("\"token\":\"").unwrap().1;
    let token = token.split_once('"').unwrap().0;
    first.reset();
    world.time.run();
    world.shows([
        ("chat_sessions", 1),
        ("chat_sessions_waiting", 1),
        ("chat_sessions_parked_total", 1),
        ("chat_connections_closed_total{reason=\"failed\"}", 1),
    ]);
    let second = connect();
    world.says(
        &second,
        format!("{{\"id\":1,\"op\":\"hello\",\"resume\":\"{token}\"}}\n"),
    );
    world.shows([
        ("chat_sessions", 1),
        ("chat_sessions_waiting", 0),
        ("chat_sessions_opened_total", 1),
        ("chat_sessions_resumed_total", 1),
    ]);
}

#[test]
fn refused_requests_are_counted_by_the_same_words_in_each_protocol() {
    let world = World::new();
    let person = world.person();
    world.says(
        &person,
        "/nope\n/who cares\n/nick guest-1\n/nick -\n\x07\n/msg nobody hi\n",
    );
    world.says(&person, [&[b'x'; 5000][..], b"\n"].concat());
    let program = world.connect(JsonProtocol::default(), 64 * 1024);
    world.says(
        &program,
        "{\"id\":1,\"op\":\"rooms\"}\n{\"id\":2,\"op\":\"hello\",\"nick\":\"-\"}\nnonsense\n",
    );
    world.says(
        &program,
        "{\"id\":3,\"op\":\"hello\",\"nick\":\"guest-1\"}\n",
    );
    world.shows([
        ("chat_requests_refused_total{reason=\"unknown_op\"}", 1),
        ("chat_requests_refused_total{reason=\"missing_field\"}", 1),
        ("chat_requests_refused_total{reason=\"same_nick\"}", 1),
        ("chat_requests_refused_total{reason=\"bad_nick\"}", 2),
        ("chat_requests_refused_total{reason=\"bad_text\"}", 1),
        ("chat_requests_refused_total{reason=\"no_such_nick\"}", 1),
        ("chat_requests_refused_total{reason=\"line_too_long\"}", 1),
        ("chat_requests_refused_total{reason=\"hello_first\"}", 1),
        ("chat_requests_refused_total{reason=\"bad_json\"}", 1),
        ("chat_requests_refused_total{reason=\"nick_taken\"}", 1),
    ]);
}

/// Takes its time over nicks, and never decides on rooms.
struct Slow(TestRuntime);

impl Policy for Slow {
    fn nick(&self, _: &Person<'_>, _: &Nick) -> Decision<()> {
        let wait = self.0.sleep(Duration::from_secs(2));
        Decision::later(async move {
            wait.await;
            Ok(())
        })
    }

    fn join(&self, _: &Person<'_>, room: &RoomName) -> Decision<()> {
        match room.as_str() {
            "limbo" => Decision::later(future::pending()),
            _ => Decision::allow(()),
        }
    }
}

#[test]
fn decisions_are_measured_to_their_end() {
    let mut world = World::new();
    let hub = Hub::builder(world.runtime.clone()).metrics(&world.metrics);
    world.hub = hub.policy(Arc::new(Slow(world.time.clone()))).build();
    let person = world.person();
    world.says(&person, "/nick ann\n");
    world.time.advance(Duration::from_secs(2));
    world.says(&person, "/join limbo\n");
    world.time.advance(HubConfig::default().decision_timeout);
    world.says(&person, "hello\n");
    world.shows([
        ("chat_policy_decision_seconds_count{hook=\"connect\"}", 1),
        ("chat_policy_decision_seconds_count{hook=\"nick\"}", 1),
        ("chat_policy_decision_seconds_sum{hook=\"nick\"}", 2),
        (
            "chat_policy_decision_seconds_bucket{le=\"1.0\",hook=\"nick\"}",
            0,
        ),
        (
            "chat_policy_decision_seconds_bucket{le=\"2.5\",hook=\"nick\"}",
            1,
        ),
        // At first the lobby, at once.
        ("chat_policy_decision_seconds_count{hook=\"join\"}", 2),
        ("chat_policy_decision_seconds_sum{hook=\"join\"}", 5),
        ("chat_policy_decision_seconds_count{hook=\"message\"}", 1),
        ("chat_policy_decision_seconds_count{hook=\"log_in\"}", 0),
        ("chat_requests_refused_total{reason=\"undecided\"}", 1),
    ]);
}

#[test]
fn who_allows_everything_is_not_measured() {
    let world = World::new();
    let person = world.person();
    world.says(&person, "hello\n");
    world.shows([("chat_policy_decision_seconds_count{hook=\"message\"}", 0)]);
}

#[test]
fn a_connection_that_is_dropped_is_counted_as_such() {
    let world = World::new();
    let (_peer, stream) = duplex(1024);
    let connection = serve_connection(stream, TextProtocol::default(), &world.hub, &world.runtime);
    world.shows([("chat_connections", 1)]);
    drop(connection);
    world.shows([
        ("chat_connections", 0),
        ("chat_connections_closed_total{reason=\"dropped\"}", 1),
    ]);
}

#[test]
fn two_servers_count_apart_and_two_hubs_with_the_same_metrics_together() {
    let (one, other) = (World::new(), World::new());
    let _person = one.person();
    other.shows([("chat_sessions", 0), ("chat_connections_opened_total", 0)]);
    let second = Hub::builder(one.runtime.clone());
    let second = World {
        hub: second.metrics(&one.metrics).build(),
        time: one.time.clone(),
        runtime: one.runtime.clone(),
        metrics: one.metrics.clone(),
    };
    let _person = second.person();
    one.shows([("chat_sessions", 2), ("chat_rooms", 2)]);
}

#[test]
fn a_hub_that_is_gone_is_not_told_of() {
    let world = World::new();
    let World { metrics, hub, .. } = world;
    drop(hub);
    assert!(metrics.encode().contains("\nchat_rooms 0\n"));
}

#[test]
fn every_reason_to_close_has_its_counter_from_the_beginning() {
    let some = Duration::ZERO;
    let reasons = [
        CloseReason::Quit,
        CloseReason::PeerClosed,
        CloseReason::Idle(some),
        CloseReason::Unregistered(some),
        CloseReason::SlowConsumer,
        CloseReason::Flooding,
        CloseReason::Stalled(some),
        CloseReason::Superseded,
        CloseReason::Denied(String::new()),
        CloseReason::Removed(None),
        CloseReason::Shutdown,
        CloseReason::ServerFull { limit: 0 },
        CloseReason::ConnectingTooFast,
        CloseReason::AddressFull { limit: 0 },
    ];
    for reason in &reasons {
        let code = reason.code();
        let known = CLOSINGS.contains(&code) || REFUSALS.contains(&code);
        assert!(known, "{code}");
    }
    let otherwise = ["failed", "cut_off", "dropped"];
    assert_eq!(
        CLOSINGS.len() + REFUSALS.len(),
        reasons.len() + otherwise.len()
    );
}

/// The names in the tables of the page, each as a line of the exposition has it.
fn described() -> BTreeSet<String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    let name = |row: &str| row.split(['`', '{']).next().unwrap_or_default().to_owned();
    rows.map(name)
        .filter(|name| name.starts_with("chat_"))
        .collect()
}

#[test]
fn the_page_describes_every_metric_and_no_other() {
    let text = Metrics::new().encode();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.map(|line| match line.split_once(' ').unwrap() {
        (name, "counter") => format!("{name}_total"),
        (name, _) => name.to_owned(),
    });
    assert_eq!(described(), names.collect());
}

#[test]
fn the_page_names_every_value_of_a_label() {
    let hooks = super::meters::Hook::ALL;
    for value in CLOSINGS.iter().chain(&REFUSALS).chain(&hooks) {
        assert!(PAGE.contains(&format!("`{value}`")), "{value}");
    }
}

/// What OpenMetrics 1.0.0 asks of the text, as far as it is ours to get wrong.
#[test]
fn the_text_is_well_formed() {
    let text = Metrics::new().encode();
    assert!(text.ends_with("\n# EOF\n"));
    let mut families = BTreeSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
            assert!(families.insert(family), "{family} comes twice");
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').unwrap();
            assert!(name.ends_with(&format!("_{unit}")), "{line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.ends_with('.'), "{line}");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(family), "{line} under {family}");
        }
    }
}
