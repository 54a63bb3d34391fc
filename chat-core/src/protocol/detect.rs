use std::time::Duration;

use super::{Delivery, Flow, JsonProtocol, Protocol, TextProtocol};
use crate::event::{Batch, CloseReason};
use crate::framing::Frame;
use crate::hub::HubError;
use crate::session::{Done, Session};

/// Text or JSON on the same port, as the peer chooses: one that starts with `{` speaks JSON, anyone else
/// text. One that says nothing for a moment is taken for a person, and greeted.
#[derive(Debug, Default)]
pub struct DetectProtocol {
    text: TextProtocol,
    json: JsonProtocol,
    spoken: Spoken,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Spoken {
    /// Nothing has been heard yet.
    #[default]
    Unknown,
    Text,
    /// Text so far; but the first line that comes after the greeting may turn out to be a request.
    Open,
    Json,
}

impl DetectProtocol {
    /// How long a peer may be silent before it is greeted in text.
    pub const GREETING_DELAY: Duration = Duration::from_millis(300);

    /// Text as `text` speaks it, or JSON as `json` does.
    pub fn new(text: TextProtocol, json: JsonProtocol) -> Self {
        Self {
            text,
            json,
            spoken: Spoken::Unknown,
        }
    }

    /// Decides by the whole of the first line what it is that is spoken.
    fn handle_open_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
        let limit = self.text.max_frame();
        match frame {
            Frame::Line(line) if JsonProtocol::is_request(line) => {
                session.quit(None);
                self.spoken = Spoken::Json;
                self.json.handle_frame(frame, session)
            }
            Frame::Line(line) if line.len() <= limit => {
                self.spoken = Spoken::Text;
                self.text.handle_frame(frame, session)
            }
            Frame::Line(_) | Frame::TooLong { .. } => {
                self.spoken = Spoken::Text;
                self.text.handle_frame(Frame::TooLong { limit }, session)
            }
        }
    }

    fn spoken(&mut self) -> &mut dyn Protocol {
        match self.spoken {
            Spoken::Json => &mut self.json,
            Spoken::Unknown | Spoken::Text | Spoken::Open => &mut self.text,
        }
    }
}

impl Protocol for DetectProtocol {
    fn name(&self) -> Option<&'static str> {
        match self.spoken {
            Spoken::Unknown | Spoken::Open => None,
            Spoken::Text => self.text.name(),
            Spoken::Json => self.json.name(),
        }
    }

    fn max_frame(&self) -> usize {
        match self.spoken {
            Spoken::Json | Spoken::Open => self.json.max_frame(),
            Spoken::Unknown | Spoken::Text => self.text.max_frame(),
        }
    }

    fn greeting_delay(&self) -> Option<Duration> {
        Some(Self::GREETING_DELAY)
    }

    fn open(&mut self, _: &mut Session) -> Flow {
        Flow::Continue
    }

    fn handle_silence(&mut self, session: &mut Session) -> Flow {
        self.spoken = Spoken::Text;
        self.text.open(session)
    }

    fn handle_first_byte(&mut self, byte: u8, session: &mut Session) -> Flow {
        match (byte, &self.spoken) {
            // A person, or a program that was so slow that it was taken for one.
            (b'{', Spoken::Text) => {
                self.spoken = Spoken::Open;
                Flow::Continue
            }
            (b'{', _) => {
                self.spoken = Spoken::Json;
                self.json.open(session)
            }
            (_, Spoken::Text) => Flow::Continue,
            _ => {
                self.spoken = Spoken::Text;
                self.text.open(session)
            }
        }
    }

    fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
        if self.spoken == Spoken::Open {
            return self.handle_open_frame(frame, session);
        }
        self.spoken().handle_frame(frame, session)
    }

    fn handle_done(&mut self, done: Result<Done, HubError>, session: &mut Session) -> Flow {
        self.spoken().handle_done(done, session)
    }

    fn encode(&mut self, delivery: Delivery<'_>, session: &Session, out: &mut Vec<u8>) {
        self.spoken().encode(delivery, session, out);
    }

    fn encode_batch(&mut self, batch: Batch<'_>, session: &Session, out: &mut Vec<u8>) {
        self.spoken().encode_batch(batch, session, out);
    }

    fn ping(&mut self, out: &mut Vec<u8>) {
        self.spoken().ping(out);
    }

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        self.spoken().farewell(reason, out);
    }
}
