//! The programs with a chat inside do what they show.

use std::env;
use std::path::PathBuf;

use crate::client::Client;
use crate::program::Program;

#[test]
fn a_program_on_tokio_lets_people_chat() {
    people_chat_in("embed-tokio");
}

#[test]
fn a_program_on_smol_lets_people_chat() {
    people_chat_in("embed-smol");
}

#[test]
fn a_program_on_async_std_lets_people_chat() {
    people_chat_in("embed-async-std");
}

#[test]
fn people_chat_in_memory() {
    let ended = Program::start(example("in-memory"), &[""; 0]).ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "  bob > anybody here?",
        "alice < [#general] bob: anybody here?",
        "  bob < [#general] * alice waves",
        "alice < * bob left #general",
    ] {
        assert!(ended.stdout.iter().any(|said| said == line), "{ended:#?}");
    }
}

#[test]
fn a_room_is_looked_after_by_rules_and_by_a_bot() {
    let program = Program::start(example("moderated"), &["127.0.0.1:0"]);
    let address = program.listening_on();
    let mut alice = Client::connect(&address);
    alice.is_welcomed();
    alice.hears("[#general] porter: welcome, guest-1");
    alice.types("/nick alice\nwell, darn it\n!who");
    alice.hears("[#general] alice: well, d*** it");
    alice.hears("[#general] porter: here are alice, porter");
    program.prints("2 alice: well, d*** it");

    let mut ann = Client::connect(&address);
    ann.is_welcomed();
    ann.types("/login ann s3cret\n/nick ann\n/join announcements\ntea at four");
    ann.hears("[#announcements] ann: tea at four");
    let mut bob = Client::connect(&address);
    bob.is_welcomed();
    bob.types("/nick bob\n/join announcements\n/history\nme too");
    bob.hears("[#announcements] ann: tea at four");
    bob.hears("! only staff speak here; /login first");
    alice.types("!close");
    bob.hears("* #announcements was closed");
    alice.hears("[#general] porter: closed, 2 had to leave");

    bob.types("/join general\nspam\nmore spam\nyet more spam");
    bob.hears("[#general] porter: bob: no spam here (2 of 3)");
    bob.hears("* bob was kicked from #general (no spam here)");
    alice.hears("* bob was kicked from #general (no spam here)");
    bob.types("hello?\n/join general");
    bob.hears("! you are in no room; /join one");
    bob.hears("[#general] porter: welcome, bob");
}

fn people_chat_in(name: &str) {
    let program = Program::start(example(name), &["127.0.0.1:0"]);
    let address = program.listening_on();
    let mut alice = Client::connect(&address);
    alice.is_welcomed();
    let mut bob = Client::connect(&address);
    bob.types("/nick bob\nhello\n/quit");
    alice.hears("[#general] bob: hello");
    alice.hears("* bob left #general");
    bob.hears("* goodbye");
    assert_eq!(bob.line(), None);
}

/// An example as cargo has built it. Cargo names only binaries to tests, but puts the examples
/// beside the folder that the tests are in.
fn example(name: &str) -> PathBuf {
    let mut path = env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "the examples are not built: run the whole `cargo test`, or `cargo build --examples` first"
    );
    path
}
