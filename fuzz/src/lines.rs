use chat_core::framing::{Frame, Lines};

use crate::cut::Cut;

/// How many bytes are looked at: every split of them is tried.
const ENOUGH: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Line(Vec<u8>),
    TooLong,
}

/// Line framing: the first byte says how long a line may be, the others come over the stream.
///
/// # Panics
///
/// When frames are not those that a splitter without a memory finds, or depend on how the bytes were split.
pub fn lines(data: &[u8]) {
    let Some((&limit, stream)) = data.split_first() else {
        return;
    };
    let limit = usize::from(limit) % 32;
    let stream = &stream[..stream.len().min(ENOUGH)];
    let expected = split(limit, stream);
    for first in 0..=stream.len() {
        let (head, tail) = stream.split_at(first);
        assert_eq!(decode(limit, [head, tail]), expected, "split at {first}");
    }
    for cut in [Cut::Bytes, Cut::of(data), Cut::of(stream)] {
        assert_eq!(decode(limit, cut.pieces(stream)), expected, "{cut:?}");
    }
}

fn decode<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Owned> {
    let mut lines = Lines::new(limit);
    let mut frames = Vec::new();
    let own = |frame: Frame<'_>| match frame {
        Frame::Line(line) => Owned::Line(line.into()),
        Frame::TooLong { limit: told } => {
            assert_eq!(told, limit);
            Owned::TooLong
        }
    };
    for piece in pieces {
        let mut input = piece;
        while let Some(frame) = lines.next(&mut input) {
            frames.push(own(frame));
        }
        assert!(input.is_empty(), "input is left over");
    }
    frames.extend(lines.finish().map(own));
    assert_eq!(lines.finish(), None, "a stream ends once");
    frames
}

/// What `docs/PROTOCOL.md` says of lines, for somebody who has all of the stream.
fn split(limit: usize, stream: &[u8]) -> Vec<Owned> {
    let mut lines: Vec<_> = stream.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let frame = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.len() > limit {
            true => Owned::TooLong,
            false => Owned::Line(line.into()),
        }
    };
    lines.into_iter().map(frame).collect()
}
