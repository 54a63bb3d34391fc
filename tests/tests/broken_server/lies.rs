//! What can be wrong with what a server says. Each lie is made anew for every connection.

/// Makes something else of the lines of a server.
pub(crate) trait Lie: Send {
    /// The server has written `line`; appends what its peer gets to read instead.
    fn tell(&mut self, line: String, out: &mut Vec<u8>);
}

pub(crate) type MakeLie = fn() -> Box<dyn Lie>;

/// How many lines there were of those that the lie is about.
#[derive(Default)]
pub(crate) struct Counted<F>(pub(crate) F, u32);

impl<F> Counted<F> {
    pub(crate) fn new(lie: F) -> Self {
        Self(lie, 0)
    }
}

/// A lie about every third message of a room.
impl<F: FnMut(String, &mut Vec<u8>) + Send> Lie for Counted<F> {
    fn tell(&mut self, line: String, out: &mut Vec<u8>) {
        self.1 += u32::from(is_message(&line));
        if is_message(&line) && self.1.is_multiple_of(3) {
            return (self.0)(line, out);
        }
        out.extend_from_slice(line.as_bytes());
    }
}

/// A lie about each line for itself.
pub(crate) struct Each<F>(pub(crate) F);

impl<F: FnMut(String, &mut Vec<u8>) + Send> Lie for Each<F> {
    fn tell(&mut self, line: String, out: &mut Vec<u8>) {
        (self.0)(line, out);
    }
}

/// Two messages in a row come the other way round.
#[derive(Default)]
pub(crate) struct Swapped(Option<String>);

impl Lie for Swapped {
    fn tell(&mut self, line: String, out: &mut Vec<u8>) {
        match self.0.take() {
            None if is_message(&line) => self.0 = Some(line),
            held => {
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(held.unwrap_or_default().as_bytes());
            }
        }
    }
}

pub(crate) fn is_message(line: &str) -> bool {
    line.starts_with("[#") || line.starts_with("{\"event\":\"message\"")
}
