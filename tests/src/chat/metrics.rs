//! What is counted, compared with what was said and heard.

use std::time::Duration;

use chat_core::metrics::{Metrics, MetricsServer};
use chat_core::protocol::JsonProtocol;
use chat_core::runtime::{Duplex, RuntimeExt};
use futures::io::{AsyncReadExt, AsyncWriteExt};

use super::person::Person;
use super::site::{Door, Site};
use super::venue::{Setup, Venue, meet_speaking, meet_with};
use crate::waiting_for;

const PEOPLE: u64 = 5;
const EACH: u64 = 40;

pub(super) fn messages_deliveries_and_bytes_are_counted_exactly(site: &dyn Site) {
    let metrics = Metrics::new();
    meet_with(site, counted(&metrics), async |venue| {
        let mut people: Vec<Person> = Vec::new();
        let (mut said, mut heard) = (0, 0);
        for n in 0..PEOPLE {
            people.push(venue.stranger(&format!("number {n}")).await);
            // The welcome; to those who were there before it is a notice.
            for person in &mut people {
                heard += length(&person.line().await);
            }
        }
        for person in &mut people {
            for n in 0..EACH {
                let line = format!("message {n}");
                said += length(&line);
                person.says(&line).await;
            }
        }
        for person in &mut people {
            for _ in 0..PEOPLE * EACH {
                heard += length(&person.line().await);
            }
        }
        let metrics = Read(&venue, &metrics);
        metrics
            .becomes([
                ("chat_received_bytes_total", said),
                ("chat_sent_bytes_total", heard),
                ("chat_frames_received_total", PEOPLE * EACH),
                ("chat_messages_total{kind=\"room\"}", PEOPLE * EACH),
                ("chat_messages_total{kind=\"private\"}", 0),
                (
                    "chat_deliveries_total{kind=\"room\"}",
                    PEOPLE * EACH * PEOPLE,
                ),
                ("chat_deliveries_total{kind=\"private\"}", 0),
                (
                    "chat_deliveries_total{kind=\"presence\"}",
                    PEOPLE * (PEOPLE + 1) / 2,
                ),
                ("chat_fan_out_seconds_count", PEOPLE * EACH),
                ("chat_outbox_dropped_total", 0),
                ("chat_outbox_events", 0),
                ("chat_rooms", 1),
                ("chat_room_members", PEOPLE),
                ("chat_sessions", PEOPLE),
                ("chat_connections", PEOPLE),
            ])
            .await;
        people[0].says("/msg guest-2 psst").await;
        people[1].hears("[private] guest-1: psst").await;
        metrics
            .becomes([
                ("chat_messages_total{kind=\"private\"}", 1),
                ("chat_deliveries_total{kind=\"private\"}", 1),
            ])
            .await;
    });
}

pub(super) fn what_is_counted_as_dropped_is_what_the_slow_are_told(site: &dyn Site) {
    /// More than the sockets hold, in all.
    const MESSAGES: u64 = 3000;
    const OUTBOX: u64 = 16;
    let metrics = Metrics::new();
    let mut setup = counted(&metrics);
    setup.hub.outbox.messages = OUTBOX as usize;
    meet_with(site, setup, async |venue| {
        let [mut talker, mut slow] = venue.people(["talker", "slow"]).await;
        let text = "x".repeat(4000);
        for n in 0..MESSAGES {
            talker.says(&format!("{n} {text}")).await;
            talker
                .hears(&format!("[#general] talker: {n} {text}"))
                .await;
        }
        let (mut heard, mut missed) = (0, 0);
        while heard + missed < MESSAGES {
            match slow.line().await.strip_prefix("* you missed ") {
                Some(notice) => missed += number(notice.split(' ').next()),
                None => heard += 1,
            }
        }
        assert!(missed > 0, "nobody was slow");
        let metrics = Read(&venue, &metrics);
        metrics
            .becomes([
                ("chat_messages_total{kind=\"room\"}", MESSAGES),
                ("chat_deliveries_total{kind=\"room\"}", MESSAGES + heard),
                ("chat_missed_total{kind=\"room\"}", missed),
                ("chat_missed_total{kind=\"presence\"}", 0),
                ("chat_outbox_dropped_total", missed),
                ("chat_outbox_peak_events", OUTBOX),
                ("chat_outbox_events", 0),
            ])
            .await;
    });
}

pub(super) fn refusals_and_ends_are_counted_by_their_reasons(site: &dyn Site) {
    let metrics = Metrics::new();
    let mut setup = counted(&metrics);
    setup.server.max_connections = 2;
    meet_with(site, setup, async |venue| {
        let [mut alice, mut bob] = venue.people(["alice", "bob"]).await;
        for _ in 0..3 {
            let mut third = venue.stranger("the third").await;
            third.is_refused().await;
            third.hears_the_end().await;
        }
        for line in ["/nick bob", "/nick BOB", "/nope", "/msg nobody hello"] {
            alice.says(line).await;
            alice.is_refused().await;
        }
        bob.says("/quit").await;
        bob.hears("* goodbye").await;
        bob.hears_the_end().await;
        alice.hears("* bob left #general").await;
        drop((alice, bob));
        let metrics = Read(&venue, &metrics);
        metrics
            .becomes([
                ("chat_connections_refused_total{reason=\"server_full\"}", 3),
                ("chat_connections_refused_total{reason=\"address_full\"}", 0),
                ("chat_requests_refused_total{reason=\"nick_taken\"}", 2),
                ("chat_requests_refused_total{reason=\"unknown_op\"}", 1),
                ("chat_requests_refused_total{reason=\"no_such_nick\"}", 1),
                ("chat_connections_opened_total", 2),
                ("chat_connections_closed_total{reason=\"quit\"}", 1),
                ("chat_connections_closed_total{reason=\"peer_closed\"}", 1),
                ("chat_connections", 0),
                ("chat_sessions_opened_total", 2),
                ("chat_sessions", 0),
                ("chat_rooms", 0),
            ])
            .await;
    });
}

pub(super) fn sessions_that_wait_and_come_back_are_counted(site: &dyn Site) {
    let metrics = Metrics::new();
    let setup = counted(&metrics);
    let scene = async |venue: Venue<'_>| {
        let mut program = venue.stranger("a program").await;
        program
            .says(r#"{"id":1,"op":"hello","nick":"alice"}"#)
            .await;
        let welcome = program.line().await;
        let token = welcome.split_once(r#""token":""#);
        let token = token.and_then(|(_, rest)| rest.split('"').next());
        let token = token.expect("a welcome with a token").to_owned();
        drop(program);
        let metrics = Read(&venue, &metrics);
        metrics
            .becomes([
                ("chat_sessions", 1),
                ("chat_sessions_waiting", 1),
                ("chat_sessions_parked_total", 1),
                ("chat_connections", 0),
            ])
            .await;
        let mut program = venue.stranger("the program again").await;
        program
            .says(&format!(r#"{{"id":1,"op":"hello","resume":"{token}"}}"#))
            .await;
        let welcome = program.line().await;
        assert!(welcome.contains(r#""resumed":true"#), "{welcome}");
        metrics
            .becomes([
                ("chat_sessions", 1),
                ("chat_sessions_waiting", 0),
                ("chat_sessions_opened_total", 1),
                ("chat_sessions_resumed_total", 1),
                ("chat_connections", 1),
                ("chat_connections_opened_total", 2),
            ])
            .await;
    };
    meet_speaking(site, setup, JsonProtocol::default, scene);
}

pub(super) fn metrics_are_scraped_over_http(site: &dyn Site) {
    let metrics = Metrics::new();
    meet_with(site, counted(&metrics), async |venue| {
        let [_alice, _bob] = venue.people(["alice", "bob"]).await;
        let scrapes = MetricsServer::new(metrics.clone(), venue.runtime.clone());
        let door = venue.site.listen().await;
        let Door { listener, way } = door.expect("a free place is bound");
        scrapes.listen(listener).expect("it has an address");
        let ask = async |request: &str| {
            waiting_for("a scrape");
            let stream = way.connect().await;
            ask(stream.expect("the connection is made"), request).await
        };
        let page = ask("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await;
        let (head, text) = page.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let media_type = format!("\r\nContent-Type: {}\r\n", Metrics::CONTENT_TYPE);
        assert!(head.contains(&media_type), "{head}");
        assert_eq!(value(text, "chat_room_members"), Some(2), "{text}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        for (request, status) in [
            ("HEAD /metrics HTTP/1.1\r\nHost: here\r\n\r\n", "200"),
            ("GET /favicon.ico HTTP/1.1\r\nHost: here\r\n\r\n", "404"),
            ("DELETE /metrics HTTP/1.1\r\nHost: here\r\n\r\n", "405"),
            ("hello, is this the chat?\r\n\r\n", "400"),
            (&format!("GET /{}", "x".repeat(100_000)), "431"),
        ] {
            let answer = ask(request).await;
            let status = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&status), "{answer}");
        }
        waiting_for("the scrapes to be shut down");
        scrapes.shutdown().await;
    });
}

fn counted(metrics: &Metrics) -> Setup {
    Setup::with(|setup| setup.metrics = Some(metrics.clone()))
}

/// How many bytes a line is on its way.
fn length(line: &str) -> u64 {
    line.len() as u64 + 1
}

fn number(digits: Option<&str>) -> u64 {
    let number = digits.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("{digits:?} is no number"))
}

/// What `metric` is in `text`.
fn value(text: &str, metric: &str) -> Option<u64> {
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
}

/// All that is answered to `request`.
async fn ask(mut stream: impl Duplex, request: &str) -> String {
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request is taken");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    read.expect("the answer ends");
    answer
}

/// The metrics of a venue.
struct Read<'a>(&'a Venue<'a>, &'a Metrics);

impl Read<'_> {
    /// Waits until all of this is counted, and no more: what a connection moves is counted after it was
    /// heard, at the end of a poll.
    async fn becomes<const N: usize>(&self, expected: [(&str, u64); N]) {
        waiting_for("the metrics to be what they have to be");
        let deadline = self.0.runtime.now() + Duration::from_secs(10);
        loop {
            let text = self.1.encode();
            let wrong = expected
                .iter()
                .map(|&(metric, expected)| (metric, value(&text, metric), expected))
                .find(|(_, value, expected)| *value != Some(*expected));
            let Some((metric, value, expected)) = wrong else {
                return;
            };
            if self.0.runtime.now() > deadline {
                panic!("{metric} should be {expected} and is {value:?}");
            }
            self.0.runtime.sleep(Duration::from_millis(2)).await;
        }
    }
}
