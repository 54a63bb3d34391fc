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
