//! Single steps of the library, without sockets, clocks and threads, so that nothing but they is measured.
//!
//! ```text
//! cargo bench -p chat-microbench                                    # in time
//! cargo run --release -p chat-microbench --bin count-instructions   # in instructions, with valgrind
//! ```
#![forbid(unsafe_code)]

mod house;
mod stillness;

pub use house::House;

/// A line as a client sends it.
pub const LINE: &[u8] = b"has anybody seen the cat that was asleep on the printer at noon?\n";

/// Reads a line as a connection does: cuts it out of the input, and finds out what it asks for.
pub fn decode(lines: &mut chat_core::framing::Lines, mut input: &[u8]) {
    use chat_core::framing::Frame;
    use chat_core::protocol::Command;

    while let Some(frame) = lines.next(&mut input) {
        let Frame::Line(line) = frame else { continue };
        let text = std::str::from_utf8(line).expect("a line of UTF-8");
        std::hint::black_box(Command::parse(text)).expect("a message");
    }
}
