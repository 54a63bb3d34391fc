//! Wire protocols: what a peer's frames mean, and what events look like to it.

mod detect;
mod json;
mod text;

#[cfg(test)]
mod page_tests;

pub use detect::DetectProtocol;
pub use json::JsonProtocol;
pub use text::{Command, CommandError, TextProtocol};

use std::time::Duration;

use crate::event::{Batch, CloseReason, Missed, SharedEvent};
use crate::framing::Frame;
use crate::hub::HubError;
use crate::session::{Done, Session};

/// One side of a conversation as a state machine without I/O: a frame in becomes calls on the session,
/// an event in becomes bytes out.
///
/// The connection driver calls it, and so can a unit test, a fuzzer or a simulator.
///
/// # Contract
///
/// - Nothing here waits, and nothing panics, whatever the peer sends.
/// - Answers to commands go through [`Session::reply`], behind the events that are queued already, so
///   that the peer sees things in the order in which they happened. That it is in a room is told through
///   [`Session::reply_about`], as it may be over at any moment; what else is asked about a room may have changed by the time
///   that the answer is queued.
/// - [`encode`](Protocol::encode), and so [`encode_batch`](Protocol::encode_batch), appends whole frames and nothing else. What it makes of an event
///   depends on the event and the protocol's own state only.
///
/// # Examples
///
/// Everybody who connects is in one room, and every line is a message to it:
///
/// ```
/// use chat_core::event::{CloseReason, Event};
/// use chat_core::framing::Frame;
/// use chat_core::message::{Body, MessageKind};
/// use chat_core::name::RoomName;
/// use chat_core::protocol::{Delivery, Flow, Protocol};
/// use chat_core::session::Session;
///
/// struct OneRoom(RoomName);
///
/// impl Protocol for OneRoom {
///     fn max_frame(&self) -> usize {
///         512
///     }
///
///     fn open(&mut self, session: &mut Session) -> Flow {
///         session.take_guest_nick();
///         match session.join(&self.0) {
///             Ok(()) => Flow::Continue,
///             Err(_) => Flow::Close(CloseReason::Quit),
///         }
///     }
///
///     fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
///         if let Frame::Line(line) = frame
///             && let Ok(body) = Body::parse(&String::from_utf8_lossy(line))
///         {
///             let _ = session.say(&self.0, MessageKind::Say, body);
///         }
///         Flow::Continue
///     }
///
///     fn encode(&mut self, delivery: Delivery<'_>, _: &Session, out: &mut Vec<u8>) {
///         if let Delivery::Event(event) = delivery
///             && let Event::Message(message) = event.event()
///         {
///             out.extend_from_slice(format!("{}: {}\n", message.sender, message.body).as_bytes());
///         }
///     }
///
///     fn farewell(&mut self, _: &CloseReason, out: &mut Vec<u8>) {
///         out.extend_from_slice(b"bye\n");
///     }
/// }
/// ```
pub trait Protocol {
    /// What it is called in traces, once it is known which one the peer speaks.
    fn name(&self) -> Option<&'static str> {
        None
    }

    /// How long a frame may be, in bytes.
    fn max_frame(&self) -> usize;

    /// The peer has connected.
    fn open(&mut self, session: &mut Session) -> Flow;

    /// How long a peer may be silent at first before [`handle_silence`](Protocol::handle_silence) is called;
    /// `None` for ever.
    fn greeting_delay(&self) -> Option<Duration> {
        None
    }

    /// The peer has said nothing for the [greeting delay](Protocol::greeting_delay).
    fn handle_silence(&mut self, session: &mut Session) -> Flow {
        let _ = session;
        Flow::Continue
    }

    /// The first byte that the peer has sent, before any frame. The [limit](Protocol::max_frame) of frames
    /// may be another one afterwards.
    fn handle_first_byte(&mut self, byte: u8, session: &mut Session) -> Flow {
        let _ = (byte, session);
        Flow::Continue
    }

    /// The peer has sent a frame.
    fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow;

    /// An action is over that a frame, or the opening, has started and that had to
    /// [wait](Flow::Wait) for a decision.
    fn handle_done(&mut self, done: Result<Done, HubError>, session: &mut Session) -> Flow {
        let _ = (done, session);
        Flow::Continue
    }

    /// Writes down what the session gets to hear.
    fn encode(&mut self, delivery: Delivery<'_>, session: &Session, out: &mut Vec<u8>);

    /// Writes down events that the session hears together, as if each were [encoded](Protocol::encode) by itself. They were brought
    /// about by others, and are heard by others too.
    ///
    /// A protocol that writes the same for all who hear them can do so once ([`Batch::encode_into`]).
    fn encode_batch(&mut self, batch: Batch<'_>, session: &Session, out: &mut Vec<u8>) {
        for event in batch.events() {
            self.encode(Delivery::Event(event), session, out);
        }
    }

    /// Writes down something that the peer answers when it is still there, if the protocol has such a
    /// thing.
    fn ping(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Writes down the last words to the peer, if any. It may not have been
    /// [opened](Protocol::open), when the connection was refused.
    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>);
}

/// Whether a conversation goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// It does.
    Continue,
    /// It does when the [action](crate::session::Session::start) that was started last is over. Until then
    /// no further frame is handled.
    Wait,
    /// It ends, once everything queued is sent.
    Close(CloseReason),
}

/// What a session gets to hear.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Delivery<'a> {
    /// Something happened.
    Event(&'a SharedEvent),
    /// The session was too slow for this much.
    Missed(&'a Missed),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Series;
    use crate::hub::Hub;
    use crate::memory::Memory;
    use crate::testing::{TestRuntime, arrival, at_once};

    fn writes_a_batch_as_its_events<P: Protocol + Default>() {
        let hub = Hub::new(Arc::new(TestRuntime::new()), at_once());
        let session = Session::open(&hub);
        let memory = Memory::new(usize::MAX);
        let arrivals = (0..5).map(|n| arrival("rust", 100 + n, &memory));
        let series = Series::new(arrivals.collect(), &memory);
        for from in 0..5 {
            let batch = Batch::new(&series, from);
            let (mut together, mut one_by_one) = (Vec::new(), Vec::new());
            P::default().encode_batch(batch, &session, &mut together);
            for event in batch.events() {
                P::default().encode(Delivery::Event(event), &session, &mut one_by_one);
            }
            assert_eq!(together, one_by_one);
            let lines = together.iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(lines, 5 - from);
        }
    }

    #[test]
    fn those_who_came_together_are_written_as_if_they_came_one_by_one() {
        writes_a_batch_as_its_events::<TextProtocol>();
        writes_a_batch_as_its_events::<JsonProtocol>();
        writes_a_batch_as_its_events::<DetectProtocol>();
    }
}
