//! The terminal client from outside, with pipes for a terminal.

use rustix::process::Signal;
use tempfile::TempDir;

use crate::client::Client;
use crate::program::Program;

const CHAT: &str = env!("CARGO_BIN_EXE_chat");

const SERVERS: [&str; 3] = [
    env!("CARGO_BIN_EXE_tokio-server"),
    env!("CARGO_BIN_EXE_smol-server"),
    env!("CARGO_BIN_EXE_async-std-server"),
];

fn chat(address: &str, nick: &str) -> Program {
    Program::start_typing(
        CHAT,
        &[address, "--nick", nick, "--room", "rust", "--plain"],
    )
}

#[test]
fn two_people_and_one_with_nc_chat_on_every_server() {
    for server in SERVERS {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("chat.sock");
        let path = path.to_str().unwrap();
        let server = Program::start(server, &["--listen", "127.0.0.1:0", "--unix", path]);
        let (tcp, unix) = (server.listening_on(), server.listening_on());
        let mut carol = Client::connect(&tcp);
        carol.types("/join rust\n/nick carol");
        carol.hears("* guest-1 is now carol");
        let mut alice = chat(&tcp, "alice");
        alice.prints("* you are in #rust (2 members)");
        let mut bob = chat(&unix, "bob");
        alice.prints("* bob joined #rust");
        bob.types("hello");
        alice.prints("[#rust] bob: hello");
        alice.types("/me waves\n/msg bob psst\n/topic crabs\n/who");
        carol.hears("[#rust] * alice waves");
        bob.prints("[private] alice: psst");
        bob.prints("* alice set the topic of #rust: crabs");
        alice.prints("* in #rust (3): alice, bob, carol (operator)");
        bob.types("/quit lunch");
        carol.hears("* bob left #rust (lunch)");
        alice.stops_typing();
        carol.hears("* alice left #rust");
        for ended in [alice.ended(), bob.ended()] {
            assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
        }
    }
}

#[test]
fn a_pipe_ends_when_the_server_has_everything() {
    let args = ["--listen", "127.0.0.1:0", "--rate", "off"];
    let server = Program::start(SERVERS[1], &args);
    let address = server.listening_on();
    let listener = chat(&address, "listener");
    listener.prints("* you are in #rust (1 member)");
    let mut pipe = chat(&address, "pipe");
    let lines: Vec<_> = (1..=300).map(|n| n.to_string()).collect();
    pipe.types(&lines.join("\n"));
    pipe.stops_typing();
    let ended = pipe.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    listener.prints("* pipe joined #rust");
    for line in lines {
        assert_eq!(listener.line(), format!("[#rust] pipe: {line}"));
    }
    assert_eq!(listener.line(), "* pipe left #rust");
}

#[test]
fn what_is_said_while_the_server_is_away_is_said_once_when_it_is_back() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("chat.sock");
    let path = path.to_str().unwrap();
    for server in SERVERS {
        let address = format!("unix:{path}");
        let first = Program::start(server, &["--unix", path]);
        first.listening_on();
        let mut alice = chat(&address, "alice");
        alice.prints("* you are in #rust (1 member)");
        first.signal(Signal::KILL);
        drop(first);
        alice.complains("! connection lost: ");
        alice.types("are you back?");
        let second = Program::start(server, &["--unix", path]);
        second.listening_on();
        alice.prints("* connected again, in a new session, as alice");
        alice.prints("[#rust] alice: are you back?");
        alice.types("/history");
        alice.prints("[#rust] alice: are you back?");
        alice.types("/quit");
        let ended = alice.ended();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(
            !ended
                .stdout
                .contains(&"[#rust] alice: are you back?".to_owned())
        );
    }
}

#[test]
fn members_say_when_they_were_told_to_stop() {
    let server = Program::start(SERVERS[1], &["--listen", "127.0.0.1:0"]);
    let address = server.listening_on();
    let bob = chat(&address, "bob");
    bob.prints("* you are in #rust (1 member)");
    let alice = chat(&address, "alice");
    alice.prints("* you are in #rust (2 members)");
    alice.signal(Signal::TERM);
    bob.prints("* alice left #rust");
    assert_eq!(alice.ended().code, Some(0));
}

#[test]
fn what_is_not_accepted_is_told_and_counts() {
    let server = Program::start(SERVERS[1], &["--listen", "127.0.0.1:0"]);
    let address = server.listening_on();
    let mut alice = chat(&address, "alice");
    alice.types("/dance\n/msg nobody psst\nhello");
    alice.stops_typing();
    let ended = alice.ended();
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.stderr,
        [
            "! there is no command /dance; /help lists them",
            "! there is nobody called nobody",
            "error: 2 lines were not accepted",
        ]
    );
    assert!(
        ended.stdout.contains(&"[#rust] alice: hello".to_owned()),
        "{ended:?}"
    );
}

#[test]
fn what_cannot_work_is_one_line_and_an_exit_code() {
    let server = Program::start(
        SERVERS[1],
        &["--listen", "127.0.0.1:0", "--max-connections", "1"],
    );
    let address = server.listening_on();
    let alice = chat(&address, "alice");
    alice.prints("* you are in #rust (1 member)");
    let full = format!("error: {address}: closed by the server: the server is full");
    let dir = TempDir::new().unwrap();
    let nobody = dir.path().join("nobody.sock");
    let nobody = format!("unix:{}", nobody.display());
    let not_there = format!("error: {nobody}: cannot connect: ");
    for (args, code, line) in [
        (vec![address.as_str(), "--plain"], 1, full.as_str()),
        (vec![&nobody], 1, &not_there),
        (vec!["nowhere"], 2, "error: "),
        (vec!["--nick", "4"], 2, "error: "),
        (vec!["--room", "a b"], 2, "error: "),
        (vec!["--colour"], 2, "error: "),
    ] {
        let ended = Program::start(CHAT, &args).ended();
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{args:?}: {ended:?}");
        let [said] = &ended.stderr[..] else {
            panic!("{args:?}: {ended:?}")
        };
        assert!(said.starts_with(line), "{said}");
    }
    let two = Program::start(SERVERS[1], &["--listen", "127.0.0.1:0"]);
    let address = two.listening_on();
    let first = chat(&address, "alice");
    first.prints("* you are in #rust (1 member)");
    let ended = chat(&address, "Alice").ended();
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.stderr,
        [format!("error: {address}: the nick alice is taken")]
    );
}

#[test]
fn help_and_version_are_for_standard_output() {
    let help = Program::start(CHAT, &["--help"]).ended();
    assert_eq!(help.code, Some(0));
    let text = help.stdout.join("\n");
    for option in ["--nick", "--room", "--plain", "unix:PATH"] {
        assert!(text.contains(option), "{text}");
    }
    let version = Program::start(CHAT, &["--version"]).ended();
    assert_eq!(
        version.stdout,
        [format!("chat {}", env!("CARGO_PKG_VERSION"))]
    );
}
