use chat_core::protocol::{JsonProtocol, TextProtocol};

use crate::cut::Cut;
use crate::page;
use crate::server::{Heard, Peer, serve};

/// How long a line from the server is at most, with its LF.
const MAX_LINE: usize = 4_408;

/// What a program sends that looks on in `#general`.
const ONLOOKER: &str = concat!(
    r#"{"id":1,"op":"hello","nick":"eve"}"#,
    "\n",
    r#"{"id":2,"op":"join","room":"general"}"#,
    "\n",
);

/// With what lines from the server begin.
const STARTS: [&str; 4] = ["* ", "! ", "[#", "[private] "];

/// The text protocol: up to four people who come one after the other, each of whom sends what ends in 0xff (and
/// hangs up) or 0xfe (and stays), and a program that looks on in `#general`.
///
/// # Panics
///
/// When something panics or does not end, when a line is not one of those that `docs/PROTOCOL.md` knows, or when
/// anything depends on how the bytes were split.
pub fn text(data: &[u8]) {
    let peers = Peer::all(data);
    let play = |cut| {
        let onlooker = (JsonProtocol::default(), ONLOOKER.as_bytes());
        serve(&peers, cut, TextProtocol::default, onlooker)
    };
    let whole = play(Cut::Whole);
    for cut in [Cut::Bytes, Cut::of(data)] {
        assert_eq!(play(cut), whole, "{cut:?}");
    }
    let (onlooker, people) = whole.split_first().expect("there is an onlooker");
    page::check_frames(&onlooker.bytes);
    people.iter().for_each(check_lines);
}

/// Checks that everything is made of lines that a person gets to read.
pub(crate) fn check_lines(heard: &Heard) {
    let text = std::str::from_utf8(&heard.bytes).expect("what the server sends is UTF-8");
    for line in text.split_inclusive('\n') {
        check_line(line);
    }
}

pub(crate) fn check_line(line: &str) {
    assert!(line.len() <= MAX_LINE, "too long: {line:?}");
    let line = line.strip_suffix('\n').expect("whole lines");
    assert!(
        STARTS.iter().any(|start| line.starts_with(start)),
        "no such line: {line:?}"
    );
    assert!(!line.contains(char::is_control), "a control: {line:?}");
}
