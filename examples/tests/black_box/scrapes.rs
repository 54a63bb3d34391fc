//! The metrics of the servers, over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use rustix::process::Signal;

use crate::DEADLINE;
use crate::client::Client;
use crate::program::Program;

const ARGS: [&str; 4] = ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];

pub(crate) fn whoever_scrapes_it_gets_the_metrics(server: &str) {
    let server = Program::start(server, &ARGS);
    let chat = server.listening_on();
    let metrics = metrics_of(&server);
    assert_eq!(read(&metrics, "chat_connections"), 0);
    let mut people = [(); 3].map(|()| Client::connect(&chat));
    let [nick, ..] = people.each_mut().map(|person| person.is_welcomed());
    for n in 0..10 {
        people[0].types(&format!("message {n}"));
    }
    for person in &mut people {
        person.hears(&format!("[#general] {nick}: message 9"));
    }
    // All have heard the last one, and what was said for it is counted at the end of the same poll.
    eventually(&metrics, "chat_deliveries_total{kind=\"room\"}", 10 * 3);
    assert_eq!(read(&metrics, "chat_messages_total{kind=\"room\"}"), 10);
    assert_eq!(read(&metrics, "chat_fan_out_seconds_count"), 10);
    assert_eq!(read(&metrics, "chat_rooms"), 1);
    assert_eq!(read(&metrics, "chat_room_members"), 3);
    assert_eq!(read(&metrics, "chat_connections"), 3);
    assert_eq!(read(&metrics, "chat_outbox_dropped_total"), 0);
    let asked = "message 0\n".len() as u64 * 10;
    assert_eq!(read(&metrics, "chat_received_bytes_total"), asked);
    drop(people);
    eventually(&metrics, "chat_connections", 0);
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code, Some(0));
}

pub(crate) fn what_is_no_scrape_is_told_so(server: &str) {
    let server = Program::start(server, &ARGS);
    let chat = server.listening_on();
    let metrics = metrics_of(&server);
    let field = "x".repeat(10_000);
    for (request, status) in [
        ("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        ("GET /metrics HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ("GET /metrics HTTP/1.1\r\n\r\n", "400"),
        ("/nick alice\r\n\r\n", "400"),
        (&format!("GET /metrics HTTP/1.1\r\nX: {field}"), "431"),
    ] {
        let answer = ask(&metrics, request);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{request:?}: {answer}");
    }
    // Somebody who never asks, and somebody who is gone, keep nobody from it.
    let _silent = TcpStream::connect(&metrics).unwrap();
    drop(TcpStream::connect(&metrics).unwrap());
    assert_eq!(read(&metrics, "chat_connections"), 0);
    Client::connect(&chat).is_welcomed();
}

pub(crate) fn a_taken_port_for_metrics_is_one_line_and_exit_code_1(server: &str) {
    let first = Program::start(server, &ARGS);
    let taken = first.listening_on();
    let args = ["--listen", "127.0.0.1:0", "--metrics", &taken];
    let ended = Program::start(server, &args).ended();
    assert_eq!(ended.code, Some(1));
    let why = format!("error: cannot listen on {taken}: address already in use");
    assert_eq!(ended.stderr, [why]);
    assert!(ended.stdout.is_empty());
}

/// The address in what a server says next.
fn metrics_of(server: &Program) -> String {
    let line = server.line();
    let address = line.strip_prefix("metrics at http://");
    let address = address.and_then(|rest| rest.strip_suffix("/metrics"));
    address.unwrap_or_else(|| panic!("{line}")).to_owned()
}

/// All that is answered to `request`.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn read(address: &str, metric: &str) -> u64 {
    let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let length = format!("\r\nContent-Length: {}\r\n", text.len());
    assert!(head.contains(&length), "{head}");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("no {metric} in {text}"));
    value.parse().unwrap()
}

/// Asks until `metric` has this value.
fn eventually(address: &str, metric: &str, value: u64) {
    let deadline = std::time::Instant::now() + DEADLINE;
    while read(address, metric) != value {
        let now = std::time::Instant::now();
        assert!(now < deadline, "{metric} is {}", read(address, metric));
        thread::yield_now();
    }
}
