use chat_core::protocol::{DetectProtocol, JsonProtocol, TextProtocol};

use crate::cut::Cut;
use crate::server::{Peer, serve};
use crate::{answers, page, text};

/// What a person types who looks on in `#rust`.
const ONLOOKER: &[u8] = b"/nick eve\n/join #rust\n";

/// The JSON protocol: up to four programs that come one after the other, each of which sends what ends in 0xff (and
/// hangs up) or 0xfe (and stays), and a person who looks on in `#rust`. Resume tokens are 1, 2, 3 and so on.
///
/// # Panics
///
/// When something panics or does not end, when a line is not one of those that `docs/PROTOCOL.md` knows, when a
/// request does not get exactly one answer, in order, or when anything depends on how the bytes were split.
pub fn json(data: &[u8]) {
    let peers = Peer::all(data);
    let play = |cut| {
        let onlooker = (TextProtocol::default(), ONLOOKER);
        serve(&peers, cut, JsonProtocol::default, onlooker)
    };
    let whole = play(Cut::Whole);
    for cut in [Cut::Bytes, Cut::of(data)] {
        assert_eq!(play(cut), whole, "{cut:?}");
    }
    let (onlooker, programs) = whole.split_first().expect("there is an onlooker");
    text::check_lines(onlooker);
    for (peer, heard) in peers.iter().zip(programs) {
        let frames = page::check_frames(&heard.bytes);
        answers::check(peer.sends, &frames);
    }
}

/// Both protocols on one port: as [`json`], but each peer speaks what its first byte says.
///
/// # Panics
///
/// As [`text`](crate::text) and [`json`], but answers are not counted.
pub fn detect(data: &[u8]) {
    let peers = Peer::all(data);
    let play = |cut| {
        let onlooker = (TextProtocol::default(), ONLOOKER);
        serve(&peers, cut, DetectProtocol::default, onlooker)
    };
    let whole = play(Cut::Whole);
    for cut in [Cut::Bytes, Cut::of(data)] {
        assert_eq!(play(cut), whole, "{cut:?}");
    }
    for heard in &whole {
        for line in heard.bytes.split_inclusive(|&byte| byte == b'\n') {
            if line.starts_with(b"{") {
                page::check_frame(line);
            } else {
                text::check_line(std::str::from_utf8(line).expect("text is UTF-8"));
            }
        }
    }
}
