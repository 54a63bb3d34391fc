//! The three servers from outside. Every promise is checked on all of them.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use chat_examples::signals::StopOrder;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::client::Client;
use crate::program::Program;
use crate::scrapes::{
    a_taken_port_for_metrics_is_one_line_and_exit_code_1, what_is_no_scrape_is_told_so,
    whoever_scrapes_it_gets_the_metrics,
};

macro_rules! every_server {
    ($($promise:ident)*) => {
        every_server! { @ tokio env!("CARGO_BIN_EXE_tokio-server"), $($promise)* }
        every_server! { @ smol env!("CARGO_BIN_EXE_smol-server"), $($promise)* }
        every_server! { @ async_std env!("CARGO_BIN_EXE_async-std-server"), $($promise)* }
    };
    (@ $runtime:ident $server:expr, $($promise:ident)*) => {
        mod $runtime {
            $(#[test]
            fn $promise() {
                super::$promise($server);
            })*
        }
    };
}

every_server! {
    it_says_where_it_listens_and_lets_people_in_there
    two_people_chat
    ctrl_c_and_sigterm_tell_everyone_and_exit_well
    a_second_signal_does_not_wait_for_a_stuck_client
    a_shutdown_waits_for_a_stuck_client_no_longer_than_it_may
    a_taken_port_is_one_line_and_exit_code_1
    a_bad_option_is_one_line_and_exit_code_2
    the_socket_of_a_live_server_is_left_alone
    the_socket_of_a_dead_server_is_replaced_and_removed_in_the_end
    a_file_that_is_no_socket_is_left_alone
    a_connection_too_many_is_told_so
    a_connection_too_many_from_one_address_is_told_so
    who_says_nothing_for_too_long_is_told_so
    a_slow_reader_is_told_exactly_what_it_missed
    help_and_version_are_for_standard_output
    whoever_scrapes_it_gets_the_metrics
    what_is_no_scrape_is_told_so
    a_taken_port_for_metrics_is_one_line_and_exit_code_1
}

const ANY_PORT: &str = "127.0.0.1:0";

/// For those who say more in a second than people do.
const AT_ANY_RATE: [&str; 2] = ["--rate", "off"];

fn it_says_where_it_listens_and_lets_people_in_there(server: &str) {
    let socket = Socket::new();
    let tcp = ["--listen", ANY_PORT, "--listen", ANY_PORT];
    let server = Program::start(server, &[&tcp[..], &["--unix", socket.path()]].concat());
    let addresses = [(); 3].map(|()| server.listening_on());
    assert_eq!(addresses[2], format!("unix:{}", socket.path()));
    for address in addresses {
        assert!(!address.ends_with(":0"), "{address}");
        Client::connect(&address).is_welcomed();
    }
}

fn two_people_chat(server: &str) {
    let socket = Socket::new();
    let server = Program::start(server, &["--listen", ANY_PORT, "--unix", socket.path()]);
    let mut alice = server.connect();
    alice.is_welcomed();
    alice.types("/nick alice");
    alice.hears("* guest-1 is now alice");
    let mut bob = server.connect();
    bob.types("/nick bob\nhello\n/join #rust\n/msg alice psst");
    alice.hears("[#general] bob: hello");
    alice.hears("* bob left #general");
    alice.hears("[private] bob: psst");
}

fn ctrl_c_and_sigterm_tell_everyone_and_exit_well(server: &str) {
    for signal in [Signal::INT, Signal::TERM] {
        let socket = Socket::new();
        let args = ["--listen", ANY_PORT, "--unix", socket.path()];
        let server = Program::start(server, &args);
        let mut everyone = [server.connect(), server.connect()];
        for client in &mut everyone {
            client.is_welcomed();
        }
        server.signal(signal);
        for client in &mut everyone {
            client.hears("* server shutting down");
            assert_eq!(client.line(), None);
        }
        let ended = server.ended();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!Path::new(socket.path()).exists());
    }
}

fn a_second_signal_does_not_wait_for_a_stuck_client(server: &str) {
    let socket = Socket::new();
    let args = ["--unix", socket.path(), "--shutdown-timeout", "600"];
    let server = Program::start(server, &[&args[..], &AT_ANY_RATE].concat());
    let address = server.listening_on();
    let _stuck = Client::connect(&address);
    let mut other = Client::connect(&address);
    talk(&mut other, 600);
    server.signal(Signal::TERM);
    other.hears("* server shutting down");
    thread::sleep(2 * StopOrder::ECHO);
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code, Some(130));
}

fn a_shutdown_waits_for_a_stuck_client_no_longer_than_it_may(server: &str) {
    let socket = Socket::new();
    let args = ["--unix", socket.path(), "--shutdown-timeout", "1s"];
    let server = Program::start(server, &[&args[..], &AT_ANY_RATE].concat());
    let address = server.listening_on();
    let _stuck = Client::connect(&address);
    let mut other = Client::connect(&address);
    talk(&mut other, 600);
    server.signal(Signal::TERM);
    let ended = server.ended();
    assert_eq!(ended.code, Some(0));
}

fn a_taken_port_is_one_line_and_exit_code_1(server: &str) {
    let first = Program::start(server, &["--listen", ANY_PORT]);
    let address = first.listening_on();
    // The socket that could be had is not announced.
    let ended = Program::start(server, &["--listen", ANY_PORT, "--listen", &address]).ended();
    assert_eq!(ended.code, Some(1));
    let why = format!("error: cannot listen on {address}: address already in use");
    assert_eq!(ended.stderr, [why]);
    assert!(ended.stdout.is_empty());
}

fn a_bad_option_is_one_line_and_exit_code_2(server: &str) {
    for args in [
        &["--lisen", ANY_PORT][..],
        &["--listen"],
        &["--listen", "somewhere"],
        &["--max-connections", "0"],
        &["--max-per-address", "0"],
        &["--outbox", "0"],
        &["--metrics", "somewhere"],
        &["--idle-timeout", "soon"],
        &["--memory", "much"],
        &["--rate", "fast"],
        &["--log", "chat_core=loud"],
        &["stray"],
    ] {
        let ended = Program::start(server, args).ended();
        assert_eq!(ended.code, Some(2), "{args:?}");
        let [line] = &ended.stderr[..] else {
            panic!("{args:?}: {ended:?}")
        };
        assert!(line.starts_with("error: "), "{line}");
        assert!(ended.stdout.is_empty());
    }
}

fn the_socket_of_a_live_server_is_left_alone(server: &str) {
    let socket = Socket::new();
    let args = ["--unix", socket.path()];
    let first = Program::start(server, &args);
    let mut client = first.connect();
    client.is_welcomed();
    let ended = Program::start(server, &args).ended();
    assert_eq!(ended.code, Some(1));
    let path = socket.path();
    let why = format!("error: cannot listen on unix:{path}: address already in use");
    assert_eq!(ended.stderr, [why]);
    // Nobody has come and gone just to see whether there is a server.
    let nick = Client::connect(&format!("unix:{path}")).is_welcomed();
    assert_eq!(client.line(), Some(format!("* {nick} joined #general")));
}

fn the_socket_of_a_dead_server_is_replaced_and_removed_in_the_end(server: &str) {
    let socket = Socket::new();
    drop(UnixListener::bind(socket.path()).unwrap());
    assert!(Path::new(socket.path()).exists());
    let server = Program::start(server, &["--unix", socket.path()]);
    server.connect().is_welcomed();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code, Some(0));
    assert!(!Path::new(socket.path()).exists());
}

fn a_file_that_is_no_socket_is_left_alone(server: &str) {
    let file = Socket::new();
    fs::write(file.path(), "precious").unwrap();
    let ended = Program::start(server, &["--unix", file.path()]).ended();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr.len(), 1, "{ended:?}");
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "precious");
}

fn a_connection_too_many_is_told_so(server: &str) {
    let server = Program::start(server, &["--listen", ANY_PORT, "--max-connections", "1"]);
    let address = server.listening_on();
    let mut first = Client::connect(&address);
    first.is_welcomed();
    let mut second = Client::connect(&address);
    let refusal = second.line().unwrap_or_default();
    assert!(refusal.starts_with("! the server is full"), "{refusal}");
    assert_eq!(second.line(), None);
    first.types("still here");
    first.hears("[#general] guest-1: still here");
}

fn a_connection_too_many_from_one_address_is_told_so(server: &str) {
    let socket = Socket::new();
    let unix = ["--unix", socket.path()];
    let tcp = ["--listen", ANY_PORT, "--max-per-address", "1"];
    let server = Program::start(server, &[&tcp[..], &unix].concat());
    let address = server.listening_on();
    let mut first = Client::connect(&address);
    first.is_welcomed();
    let mut second = Client::connect(&address);
    let refusal = second.line().unwrap_or_default();
    assert!(refusal.starts_with("! too many connections"), "{refusal}");
    assert_eq!(second.line(), None);
    let address = server.listening_on();
    Client::connect(&address).is_welcomed();
    Client::connect(&address).is_welcomed();
}

fn who_says_nothing_for_too_long_is_told_so(server: &str) {
    let server = Program::start(server, &["--listen", ANY_PORT, "--idle-timeout", "1"]);
    let mut client = server.connect();
    client.is_welcomed();
    let last_words = client.line().unwrap_or_default();
    assert_eq!(last_words, "! nothing heard from you for 1 second; goodbye");
    assert_eq!(client.line(), None);
}

fn a_slow_reader_is_told_exactly_what_it_missed(server: &str) {
    let socket = Socket::new();
    let args = ["--unix", socket.path(), "--outbox", "10"];
    let server = Program::start(server, &[&args[..], &AT_ANY_RATE].concat());
    let address = server.listening_on();
    let mut slow = Client::connect(&address);
    slow.is_welcomed();
    let mut other = Client::connect(&address);
    talk(&mut other, 600);
    let mut accounted = 0;
    let mut notices = 0;
    while accounted < 600 {
        let line = slow.line().unwrap();
        if let Some((_, text)) = line.split_once("] guest-2: ") {
            let number: usize = text.trim_end_matches('.').parse().unwrap();
            assert_eq!(number, accounted + 1);
            accounted = number;
        } else if let Some((_, range)) = line.split_once(" in #general (") {
            let (first, last) = range.trim_end_matches(')').split_once('–').unwrap();
            let (first, last) = (first.parse::<usize>().unwrap(), last.parse().unwrap());
            let count = last - first + 1;
            assert!(
                line.starts_with(&format!("* you missed {count} message")),
                "{line}"
            );
            assert_eq!(first, accounted + 1);
            accounted = last;
            notices += 1;
        } else {
            assert_eq!(line, "* guest-2 joined #general");
        }
    }
    assert_eq!(accounted, 600);
    assert!(notices > 0);
}

fn help_and_version_are_for_standard_output(server: &str) {
    let help = Program::start(server, &["--help"]).ended();
    assert_eq!(help.code, Some(0));
    let text = help.stdout.join("\n");
    for option in [
        "--listen",
        "--unix",
        "--outbox",
        "--metrics",
        "127.0.0.1:8080",
    ] {
        assert!(text.contains(option), "{text}");
    }
    let version = Program::start(server, &["--version"]).ended();
    let name = Path::new(server).file_stem().unwrap().to_str().unwrap();
    assert_eq!(
        version.stdout,
        [format!("{name} {}", env!("CARGO_PKG_VERSION"))]
    );
}

/// Says the numbers from 1 to `count` in messages of 1,000 bytes, and hears them all, so that every
/// other member has them in its socket or its outbox. A Unix socket holds no 600 of them.
fn talk(client: &mut Client, count: usize) {
    let nick = client.is_welcomed();
    for first in (1..=count).step_by(5) {
        let texts: Vec<_> = (first..first + 5).map(|n| format!("{n:.<1000}")).collect();
        client.types(&texts.join("\n"));
        for text in texts {
            client.hears(&format!("[#general] {nick}: {text}"));
        }
    }
}

/// A place for a Unix socket.
struct Socket {
    path: String,
    _dir: TempDir,
}

impl Socket {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("chat.sock").to_str().unwrap().to_owned();
        Self { path, _dir: dir }
    }

    fn path(&self) -> &str {
        &self.path
    }
}
