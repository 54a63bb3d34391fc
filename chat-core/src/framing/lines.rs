use memchr::memchr;

/// One frame from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A line, without its LF or CRLF.
    Line(&'a [u8]),
    /// A line longer than the limit. It is told once, as soon as it is known; the rest of the line
    /// is skipped.
    TooLong {
        /// How long a line may be, in bytes.
        limit: usize,
    },
}

/// Cuts a stream of bytes into lines that end in LF or CRLF and have at most a given number of
/// bytes, the ending not counted.
///
/// Holds on to bytes only while a line is incomplete, never to more than the limit and one, and
/// gives the memory back when the line is complete.
///
/// # Examples
///
/// ```
/// use chat_core::framing::{Frame, Lines};
///
/// let mut lines = Lines::new(8);
/// let mut input: &[u8] = b"one\r\ntwo\nfar too long\nfo";
/// assert_eq!(lines.next(&mut input), Some(Frame::Line(b"one")));
/// assert_eq!(lines.next(&mut input), Some(Frame::Line(b"two")));
/// assert_eq!(lines.next(&mut input), Some(Frame::TooLong { limit: 8 }));
/// assert_eq!(lines.next(&mut input), None);
/// let mut input: &[u8] = b"ur\nfive";
/// assert_eq!(lines.next(&mut input), Some(Frame::Line(b"four")));
/// assert_eq!(lines.next(&mut input), None);
/// assert_eq!(lines.finish(), Some(Frame::Line(b"five")));
/// ```
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    partial: Vec<u8>,
    /// Whether `partial` holds a line that was handed out, to be cleared at the next call.
    handed_out: bool,
    /// Whether the rest of a line that was too long is still to come.
    skipping: bool,
}

impl Lines {
    /// Lines of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            partial: Vec::new(),
            handed_out: false,
            skipping: false,
        }
    }

    /// Sets another limit for the lines to come. The one that has begun must be within both.
    pub fn set_limit(&mut self, limit: usize) {
        // A line that was handed out was within the limit before.
        self.let_go();
        debug_assert!(self.partial.len() <= limit + 1);
        self.limit = limit;
    }

    /// Takes the next frame from the front of `input`, which is moved on behind it.
    ///
    /// `None` when `input` is used up.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Frame<'a>> {
        self.let_go();
        if self.skipping {
            let Some(end) = memchr(b'\n', input) else {
                *input = &[];
                return None;
            };
            *input = &input[end + 1..];
            self.skipping = false;
        }
        // One more than the limit may be the CR of a CRLF.
        let room = self.limit + 2 - self.partial.len();
        let near = &input[..room.min(input.len())];
        if let Some(end) = memchr(b'\n', near) {
            let line = &near[..end];
            *input = &input[end + 1..];
            if self.partial.is_empty() {
                return Some(self.complete(line));
            }
            self.partial.extend_from_slice(line);
            self.handed_out = true;
            return Some(self.complete(&self.partial));
        }
        if near.len() == room
            || (near.len() + 1 == room && near.last().is_some_and(|&b| b != b'\r'))
        {
            *input = &input[near.len()..];
            self.partial = Vec::new();
            self.skipping = true;
            return Some(Frame::TooLong { limit: self.limit });
        }
        self.partial.extend_from_slice(near);
        *input = &[];
        None
    }

    /// How many bytes of memory it holds for a line that is not complete.
    pub fn buffered(&self) -> usize {
        self.partial.capacity()
    }

    /// The last line, when the input has ended and did not end in a newline.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.let_go();
        self.skipping = false;
        if self.partial.is_empty() {
            return None;
        }
        self.handed_out = true;
        Some(self.complete(&self.partial))
    }

    fn let_go(&mut self) {
        if self.handed_out {
            self.partial = Vec::new();
            self.handed_out = false;
        }
    }

    fn complete<'a>(&self, line: &'a [u8]) -> Frame<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.limit {
            return Frame::TooLong { limit: self.limit };
        }
        Frame::Line(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof};
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    const LIMIT: usize = 8;

    #[derive(Debug, PartialEq, Eq)]
    enum Owned {
        Line(Vec<u8>),
        TooLong,
    }

    fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Owned> {
        let mut lines = Lines::new(LIMIT);
        let mut frames = Vec::new();
        let mut push = |frame: Frame<'_>| {
            frames.push(match frame {
                Frame::Line(line) => Owned::Line(line.to_vec()),
                Frame::TooLong { limit } => {
                    assert_eq!(limit, LIMIT);
                    Owned::TooLong
                }
            });
        };
        for chunk in chunks {
            let mut input = chunk;
            while let Some(frame) = lines.next(&mut input) {
                push(frame);
            }
            assert!(input.is_empty());
            assert!(lines.partial.len() <= LIMIT + 1);
        }
        lines.finish().into_iter().for_each(push);
        frames
    }

    fn line(line: &str) -> Owned {
        Owned::Line(line.into())
    }

    #[test]
    fn a_line_ends_in_lf_or_crlf() {
        let frames = decode([&b"a\nb\r\n\n\r\nc"[..]]);
        assert_eq!(
            frames,
            [line("a"), line("b"), line(""), line(""), line("c")]
        );
    }

    #[test]
    fn only_a_carriage_return_before_the_newline_belongs_to_the_ending() {
        assert_eq!(decode([&b"a\rb\r\r\n"[..]]), [line("a\rb\r")]);
    }

    #[test]
    fn the_limit_counts_the_line_without_its_ending() {
        let frames = decode([&b"12345678\n12345678\r\n123456789\n123456789\r\nok\n"[..]]);
        let eight = || line("12345678");
        assert_eq!(
            frames,
            [eight(), eight(), Owned::TooLong, Owned::TooLong, line("ok")]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_before_it_ends() {
        let mut lines = Lines::new(LIMIT);
        let mut input: &[u8] = b"123456789";
        assert_eq!(
            lines.next(&mut input),
            Some(Frame::TooLong { limit: LIMIT })
        );
        for _ in 0..3 {
            let mut input: &[u8] = b"and on and on";
            assert_eq!(lines.next(&mut input), None);
        }
        let mut input: &[u8] = b"...\nnext\n";
        assert_eq!(lines.next(&mut input), Some(Frame::Line(b"next")));
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn nothing_is_left_after_an_end_within_a_line_that_is_too_long() {
        assert_eq!(decode([&b"12345678901234"[..]]), [Owned::TooLong]);
    }

    #[test]
    fn every_split_decodes_alike() {
        let input = b"one\r\n\r\n12345678\r\n123456789\r\n\r\r\n1234567890\nx\n12345678\r9\nlast\r";
        let whole = decode([&input[..]]);
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let chunks = [&input[..first], &input[first..second], &input[second..]];
                assert_eq!(decode(chunks), whole, "split at {first} and {second}");
            }
        }
        assert_eq!(decode(input.chunks(1)), whole);
    }

    #[test]
    fn an_idle_decoder_owns_no_memory() {
        let mut lines = Lines::new(LIMIT);
        for mut input in [&b"par"[..], b"tial\n", b""] {
            while lines.next(&mut input).is_some() {}
        }
        assert_eq!(lines.partial.capacity(), 0);
    }

    /// What lines are for somebody who has all of the stream.
    fn split(stream: &[u8]) -> Vec<Owned> {
        let mut lines: Vec<_> = stream.split(|&byte| byte == b'\n').collect();
        lines.pop_if(|last| last.is_empty());
        let frame = |line: &[u8]| match line.strip_suffix(b"\r").unwrap_or(line) {
            line if line.len() > LIMIT => Owned::TooLong,
            line => Owned::Line(line.into()),
        };
        lines.into_iter().map(frame).collect()
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x'), any::<u8>()];
        proptest::collection::vec(byte, 0..14)
    }

    proptest! {
        #[test]
        fn pieces_make_the_lines_that_the_whole_has(
            pieces in proptest::collection::vec(piece(), 0..12),
        ) {
            let frames = decode(pieces.iter().map(Vec::as_slice));
            prop_assert_eq!(frames, split(&pieces.concat()));
        }
    }
}
