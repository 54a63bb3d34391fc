//! From the bytes of a server to frames: without I/O, and without a panic whatever comes.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::answer::{Joined, Said};
use super::event::Event;
use crate::event::Missed;
use crate::framing::{self, Lines};
use crate::hub::{Occupant, Role, RoomSummary};
use crate::message::{Body, BodyError, Message, MessageKind, PrivateMessage};
use crate::name::{NameError, Nick, RoomName};

/// Cuts what a server sends into frames.
#[derive(Debug)]
pub(super) struct Decoder {
    lines: Lines,
    /// What the server has said in text, before the first frame: one that speaks both takes a client that
    /// is slow to say hello for a person, and turns too many clients away before it knows what they speak.
    text: Option<String>,
    /// How many lines of text may still come; none once there was a frame.
    patience: usize,
}

/// One line of a server.
#[derive(Debug)]
pub(super) enum Frame {
    /// The answer to a request.
    Answer { id: Id, outcome: Outcome },
    /// Something happened.
    Event(Event),
    /// The server says why it closes.
    Closing { code: String, text: String },
    /// The server wants a sign of life.
    Ping,
    /// Something of a newer protocol.
    Unknown,
}

/// What became of a request: an object, or a refusal.
pub(super) type Outcome = Result<Value, Refusal>;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) text: String,
}

/// The client's own name for a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    /// A request of the program's.
    Number(u64),
    /// A request of the client's own.
    Word(String),
}

/// What is wrong with a line of the server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It is longer than the client takes.
    #[error("a line has more than {limit} bytes")]
    TooLong {
        /// How many it takes.
        limit: usize,
    },
    /// It is no JSON object, or fields are missing or of the wrong type.
    #[error("a line makes no sense: {0}")]
    Malformed(String),
    /// It holds a name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It holds a text that is none.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It says that a request made no sense, without saying which.
    #[error("it did not understand a request: {0}")]
    Unattributed(String),
    /// The answer to a request is not of the kind that was asked for.
    #[error("an answer makes no sense: {0}")]
    Answer(String),
}

#[derive(Deserialize)]
struct Envelope {
    event: Option<String>,
    id: Option<Id>,
    ok: Option<Value>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Wire {
    Message(WireMessage),
    Private {
        from: String,
        to: String,
        text: String,
        time: String,
    },
    Joined {
        room: String,
        nick: String,
    },
    Left {
        room: String,
        nick: String,
    },
    Quit {
        room: String,
        nick: String,
        reason: Option<String>,
    },
    Renamed {
        room: String,
        from: String,
        nick: String,
    },
    Topic {
        room: String,
        nick: String,
        topic: Option<String>,
    },
    Kicked {
        room: String,
        nick: String,
        reason: Option<String>,
    },
    RoomClosed {
        room: String,
        reason: Option<String>,
    },
    Missed {
        room: String,
        first: Option<u64>,
        last: Option<u64>,
        #[serde(default)]
        presence: u64,
    },
    Closing {
        code: String,
        text: String,
    },
    Ping,
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct WireMessage {
    room: String,
    number: u64,
    from: String,
    #[serde(default)]
    kind: String,
    text: String,
    time: String,
}

impl Decoder {
    pub(super) fn new(max_line: usize) -> Self {
        Self {
            lines: Lines::new(max_line),
            text: None,
            patience: 8,
        }
    }

    /// Takes the next frame from the front of `input`, which is moved on behind it; `None` when `input` is
    /// used up.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Result<Frame, FrameError>> {
        loop {
            match self.lines.next(input)? {
                framing::Frame::Line([]) => {}
                framing::Frame::Line(line) if self.patience > 0 && !is_object(line) => {
                    self.patience -= 1;
                    self.text = Some(String::from_utf8_lossy(line).into());
                }
                framing::Frame::Line(line) => {
                    self.patience = 0;
                    return Some(Frame::parse(line));
                }
                framing::Frame::TooLong { limit } => {
                    return Some(Err(FrameError::TooLong { limit }));
                }
            }
        }
    }

    /// The last line that came in text, without its control characters.
    pub(super) fn text(&self) -> Option<String> {
        let text = self.text.as_ref()?.chars();
        Some(text.filter(|c| !c.is_control()).take(200).collect())
    }
}

impl Frame {
    fn parse(line: &[u8]) -> Result<Self, FrameError> {
        // An array would pass for the fields in their order.
        if !is_object(line) {
            let start = line.get(..40).unwrap_or(line);
            let start = String::from_utf8_lossy(start).escape_debug().to_string();
            return Err(FrameError::Malformed(format!("no JSON object: {start}")));
        }
        let envelope: Envelope = parse(line)?;
        match envelope {
            Envelope { event: Some(_), .. } => parse::<Wire>(line)?.try_into(),
            Envelope {
                id: Some(id),
                error: Some(refusal),
                ..
            } => Ok(Self::Answer {
                id,
                outcome: Err(refusal),
            }),
            Envelope {
                id: Some(id),
                ok: Some(ok),
                ..
            } => Ok(Self::Answer {
                id,
                outcome: Ok(ok),
            }),
            Envelope {
                error: Some(refusal),
                ..
            } => Err(FrameError::Unattributed(refusal.text)),
            _ => Ok(Self::Unknown),
        }
    }
}

impl TryFrom<Wire> for Frame {
    type Error = FrameError;

    fn try_from(wire: Wire) -> Result<Self, FrameError> {
        let body = |text: Option<String>| text.as_deref().map(Body::parse).transpose();
        Ok(Self::Event(match wire {
            Wire::Message(message) => Event::Message(message.try_into()?),
            Wire::Private {
                from,
                to,
                text,
                time,
            } => Event::Private(PrivateMessage {
                sender: Nick::parse(&from)?,
                recipient: Nick::parse(&to)?,
                body: Body::parse(&text)?,
                at: parse_time(&time)?,
            }),
            Wire::Joined { room, nick } => Event::Joined {
                room: parse_room(&room)?,
                nick: Nick::parse(&nick)?,
            },
            Wire::Left { room, nick } => Event::Left {
                room: parse_room(&room)?,
                nick: Nick::parse(&nick)?,
            },
            Wire::Quit { room, nick, reason } => Event::Quit {
                room: parse_room(&room)?,
                nick: Nick::parse(&nick)?,
                reason: body(reason)?,
            },
            Wire::Renamed { room, from, nick } => Event::Renamed {
                room: parse_room(&room)?,
                from: Nick::parse(&from)?,
                nick: Nick::parse(&nick)?,
            },
            Wire::Topic { room, nick, topic } => Event::Topic {
                room: parse_room(&room)?,
                nick: Nick::parse(&nick)?,
                topic: body(topic)?,
            },
            Wire::Kicked { room, nick, reason } => Event::Kicked {
                room: parse_room(&room)?,
                nick: Nick::parse(&nick)?,
                reason: body(reason)?,
            },
            Wire::RoomClosed { room, reason } => Event::RoomClosed {
                room: parse_room(&room)?,
                reason: body(reason)?,
            },
            Wire::Missed {
                room,
                first,
                last,
                presence,
            } => Event::Missed(Missed {
                room: parse_room(&room)?,
                messages: first.zip(last).filter(|(first, last)| first <= last),
                presence,
            }),
            Wire::Closing { code, text } => return Ok(Self::Closing { code, text }),
            Wire::Ping => return Ok(Self::Ping),
            Wire::Unknown => return Ok(Self::Unknown),
        }))
    }
}

impl TryFrom<WireMessage> for Message {
    type Error = FrameError;

    fn try_from(wire: WireMessage) -> Result<Self, FrameError> {
        Ok(Self {
            room: parse_room(&wire.room)?,
            number: wire.number,
            sender: Nick::parse(&wire.from)?,
            kind: match wire.kind.as_str() {
                "action" => MessageKind::Action,
                _ => MessageKind::Say,
            },
            body: Body::parse(&wire.text)?,
            at: parse_time(&wire.time)?,
        })
    }
}

/// An answer of one kind.
pub(super) trait Answer: Sized {
    fn read(ok: Value) -> Result<Self, FrameError>;
}

impl Answer for () {
    fn read(_: Value) -> Result<Self, FrameError> {
        Ok(())
    }
}

/// The server's welcome.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) nick: Nick,
    /// With what the session can be resumed.
    pub(super) token: Option<String>,
    pub(super) resumed: bool,
    pub(super) rooms: Vec<RoomName>,
}

impl Answer for Welcome {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            nick: String,
            token: Option<String>,
            resumed: bool,
            #[serde(default)]
            rooms: Vec<String>,
        }
        let wire: Wire = answer(ok)?;
        let rooms = wire.rooms.iter().map(|room| parse_room(room));
        Ok(Self {
            nick: Nick::parse(&wire.nick)?,
            token: wire.token,
            resumed: wire.resumed,
            rooms: rooms.collect::<Result<_, _>>()?,
        })
    }
}

impl Answer for Joined {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            room: String,
            members: usize,
            last: u64,
            topic: Option<String>,
        }
        let wire: Wire = answer(ok)?;
        Ok(Self {
            room: parse_room(&wire.room)?,
            members: wire.members,
            last: wire.last,
            topic: wire.topic.as_deref().map(Body::parse).transpose()?,
        })
    }
}

impl Answer for Said {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            room: String,
            number: u64,
            #[serde(default)]
            duplicate: bool,
        }
        let wire: Wire = answer(ok)?;
        Ok(Self {
            room: parse_room(&wire.room)?,
            number: wire.number,
            duplicate: wire.duplicate,
        })
    }
}

impl Answer for Nick {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            nick: String,
        }
        Ok(Self::parse(&answer::<Wire>(ok)?.nick)?)
    }
}

/// The topic of a room.
impl Answer for Option<Body> {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            topic: Option<String>,
        }
        let topic = answer::<Wire>(ok)?.topic;
        Ok(topic.as_deref().map(Body::parse).transpose()?)
    }
}

impl Answer for Vec<RoomSummary> {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            rooms: Vec<WireRoom>,
        }
        #[derive(Deserialize)]
        struct WireRoom {
            room: String,
            members: usize,
        }
        let rooms = answer::<Wire>(ok)?.rooms.into_iter().map(|wire| {
            Ok(RoomSummary {
                name: parse_room(&wire.room)?,
                members: wire.members,
            })
        });
        rooms.collect()
    }
}

impl Answer for Vec<Occupant> {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            members: Vec<WireMember>,
        }
        #[derive(Deserialize)]
        struct WireMember {
            nick: String,
            #[serde(default)]
            role: String,
        }
        let members = answer::<Wire>(ok)?.members.into_iter().map(|wire| {
            Ok(Occupant {
                nick: Nick::parse(&wire.nick)?,
                role: match wire.role.as_str() {
                    "operator" => Role::Operator,
                    _ => Role::Member,
                },
            })
        });
        members.collect()
    }
}

impl Answer for Vec<Message> {
    fn read(ok: Value) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Wire {
            messages: Vec<WireMessage>,
        }
        let messages = answer::<Wire>(ok)?.messages.into_iter();
        messages.map(Message::try_from).collect()
    }
}

fn is_object(line: &[u8]) -> bool {
    line.trim_ascii_start().first() == Some(&b'{')
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(line).map_err(|error| FrameError::Malformed(error.to_string()))
}

fn answer<T: DeserializeOwned>(ok: Value) -> Result<T, FrameError> {
    serde_json::from_value(ok).map_err(|error| FrameError::Answer(error.to_string()))
}

/// A room as the server names it: never with a `#` in front that is not part of the name.
fn parse_room(name: &str) -> Result<RoomName, NameError> {
    RoomName::parse(&format!("#{name}"))
}

fn parse_time(time: &str) -> Result<SystemTime, FrameError> {
    let timestamp = time.parse::<Timestamp>();
    let timestamp = timestamp.map_err(|error| FrameError::Malformed(error.to_string()))?;
    Ok(timestamp.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::event::{CloseReason, Event as Happened, SessionId, SharedEvent, Who};
    use crate::hub::{Hub, HubConfig};
    use crate::memory::Memory;
    use crate::protocol::{Delivery, JsonProtocol, Protocol};
    use crate::session::Session;
    use crate::testing::{TestRuntime, strategies};

    fn decode(mut input: &[u8]) -> Vec<Result<Frame, FrameError>> {
        let mut decoder = Decoder::new(1_000);
        let mut first: &[u8] = b"* welcome\n{}\n";
        assert!(matches!(decoder.next(&mut first), Some(Ok(Frame::Unknown))));
        std::iter::from_fn(|| decoder.next(&mut input)).collect()
    }

    fn one(line: &str) -> Result<Frame, FrameError> {
        let mut frames = decode(format!("{line}\n").as_bytes());
        assert_eq!(frames.len(), 1, "{frames:?}");
        frames.remove(0)
    }

    #[test]
    fn answers_and_events_are_told_apart() {
        let said = r#"{"id":7,"ok":{"room":"rust","number":3,"duplicate":true}}"#;
        let Ok(Frame::Answer {
            id: Id::Number(7),
            outcome: Ok(ok),
        }) = one(said)
        else {
            panic!("{:?}", one(said))
        };
        let said = Said::read(ok).unwrap();
        assert_eq!((said.number, said.duplicate), (3, true));
        let refused = one(r#"{"id":"hello","error":{"code":"x","text":"y"}}"#);
        assert!(matches!(
            refused,
            Ok(Frame::Answer { id: Id::Word(word), outcome: Err(refusal) })
                if word == "hello" && refusal.code == "x"
        ));
        let event = r##"{"event":"message","room":"rust","number":1,"from":"bob","kind":"action",
            "text":"waves","time":"1970-01-01T00:00:01.500Z"}"##
            .replace('\n', " ");
        let Ok(Frame::Event(Event::Message(message))) = one(&event) else {
            panic!("{:?}", one(&event))
        };
        assert_eq!(message.kind, MessageKind::Action);
        let since = message.at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_millis(), 1_500);
    }

    #[test]
    fn what_a_newer_server_may_say_is_passed_over() {
        for line in [
            r#"{"event":"confetti","colour":"red"}"#,
            r#"{"id":7}"#,
            "{}",
            r#"{"hint":"x"}"#,
        ] {
            assert!(matches!(one(line), Ok(Frame::Unknown)), "{line}");
        }
        let extended = one(r#"{"event":"left","room":"rust","nick":"bob","why":"kicked"}"#);
        assert!(matches!(extended, Ok(Frame::Event(Event::Left { .. }))));
    }

    #[test]
    fn what_makes_no_sense_is_an_error_and_no_panic() {
        for line in [
            "* welcome, guest-1",
            "[1,2]",
            "{",
            r#"{"event":7}"#,
            r#"{"event":"message"}"#,
            r#"{"event":"left","room":"a b","nick":"bob"}"#,
            r#"{"event":"left","room":"rust","nick":""}"#,
            r#"{"id":null,"error":{"code":"bad_json","text":"what?"}}"#,
            r#"{"event":"private","from":"a","to":"b","text":"\u001b[2J","time":"1970-01-01T00:00:00Z"}"#,
            r#"{"event":"private","from":"a","to":"b","text":"x","time":"noon"}"#,
            "{\"\u{fffd}",
        ] {
            assert!(one(line).is_err(), "{line}");
        }
        let long = decode(&[b'x'; 1_002]);
        assert!(matches!(
            long[..],
            [Err(FrameError::TooLong { limit: 1_000 })]
        ));
    }

    #[test]
    fn text_before_the_first_frame_is_passed_over_for_a_while() {
        let mut decoder = Decoder::new(1_000);
        let mut input: &[u8] = b"* welcome, guest-1\n! full\x1b[2J\n";
        assert!(decoder.next(&mut input).is_none());
        assert_eq!(decoder.text().as_deref(), Some("! full[2J"));
        let mut more: &[u8] = b"a\nb\nc\nd\ne\nf\ng\n";
        assert!(matches!(decoder.next(&mut more), Some(Err(_))));
    }

    #[test]
    fn a_room_is_named_without_a_number_sign_of_the_servers_own() {
        let left = one(r##"{"event":"left","room":"#odd","nick":"bob"}"##);
        assert!(matches!(
            left,
            Ok(Frame::Event(Event::Left { room, .. })) if room.as_str() == "#odd"
        ));
    }

    /// What the server writes down.
    fn written(delivery: Delivery<'_>) -> String {
        let hub = Hub::new(Arc::new(TestRuntime::new()), HubConfig::default());
        let mut out = Vec::new();
        JsonProtocol::default().encode(delivery, &Session::open(&hub), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn who(nick: Nick) -> Who {
        let session = SessionId(7);
        Who { session, nick }
    }

    /// What happened, as the server knows it and as the client tells it.
    fn happening() -> impl Strategy<Value = (Happened, Event)> {
        let parts = || (strategies::room(), strategies::nick());
        let text = || proptest::option::of(strategies::body());
        prop_oneof![
            strategies::message().prop_map(|message| {
                let told = Event::Message(message.clone());
                (Happened::Message(message), told)
            }),
            strategies::private_message().prop_map(|message| {
                let told = Event::Private(message.clone());
                (Happened::Private(message), told)
            }),
            parts().prop_map(|(room, nick)| {
                let told = Event::Joined {
                    room: room.clone(),
                    nick: nick.clone(),
                };
                (
                    Happened::Joined {
                        room,
                        who: who(nick),
                    },
                    told,
                )
            }),
            parts().prop_map(|(room, nick)| {
                let told = Event::Left {
                    room: room.clone(),
                    nick: nick.clone(),
                };
                (
                    Happened::Left {
                        room,
                        who: who(nick),
                    },
                    told,
                )
            }),
            (parts(), text()).prop_map(|((room, nick), reason)| {
                let told = Event::Quit {
                    room: room.clone(),
                    nick: nick.clone(),
                    reason: reason.clone(),
                };
                (
                    Happened::Quit {
                        room,
                        who: who(nick),
                        reason,
                    },
                    told,
                )
            }),
            (parts(), text()).prop_map(|((room, nick), reason)| {
                let told = Event::Kicked {
                    room: room.clone(),
                    nick: nick.clone(),
                    reason: reason.clone(),
                };
                (
                    Happened::Kicked {
                        room,
                        who: who(nick),
                        reason,
                    },
                    told,
                )
            }),
            (strategies::room(), text()).prop_map(|(room, reason)| {
                let told = Event::RoomClosed {
                    room: room.clone(),
                    reason: reason.clone(),
                };
                (Happened::RoomClosed { room, reason }, told)
            }),
            (parts(), strategies::nick()).prop_map(|((room, from), nick)| {
                let told = Event::Renamed {
                    room: room.clone(),
                    from: from.clone(),
                    nick: nick.clone(),
                };
                (
                    Happened::Renamed {
                        room,
                        who: who(from),
                        nick,
                    },
                    told,
                )
            }),
            (parts(), text()).prop_map(|((room, nick), topic)| {
                let told = Event::Topic {
                    room: room.clone(),
                    nick: nick.clone(),
                    topic: topic.clone(),
                };
                (
                    Happened::Topic {
                        room,
                        who: who(nick),
                        topic,
                    },
                    told,
                )
            }),
        ]
    }

    fn missed() -> impl Strategy<Value = Missed> {
        let messages = proptest::option::of((any::<u64>(), any::<u64>()));
        (strategies::room(), messages, any::<u64>()).prop_map(|(room, messages, presence)| Missed {
            room,
            messages: messages.map(|(one, other)| (one.min(other), one.max(other))),
            presence,
        })
    }

    proptest! {
        #[test]
        fn what_happens_is_told_as_it_happened((happened, told) in happening()) {
            let line = written(Delivery::Event(&SharedEvent::new(happened, &Memory::new(0))));
            let Ok(Frame::Event(event)) = one(line.trim_end_matches('\n')) else {
                panic!("{line}");
            };
            // There are no two values that show alike.
            prop_assert_eq!(format!("{:?}", event), format!("{:?}", told));
        }

        #[test]
        fn what_was_missed_is_told_as_it_was_missed(missed in missed()) {
            let line = written(Delivery::Missed(&missed));
            let Ok(Frame::Event(Event::Missed(told))) = one(line.trim_end_matches('\n')) else {
                panic!("{line}");
            };
            prop_assert_eq!(told, missed);
        }

        #[test]
        fn the_last_words_are_heard_as_they_were_said(why in r"\PC{1,60}") {
            let mut out = Vec::new();
            JsonProtocol::default().farewell(&CloseReason::Denied(why.clone()), &mut out);
            let line = String::from_utf8(out).unwrap();
            let Ok(Frame::Closing { code, text }) = one(line.trim_end_matches('\n')) else {
                panic!("{line}");
            };
            prop_assert_eq!((code.as_str(), text), ("denied", why));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode(&bytes);
        }

        #[test]
        fn no_almost_frame_makes_it_panic(
            line in r#"\{("(id|ok|event|error|room|number|code)":("(message|left|missed|closing)"|[0-9]{1,25}|null|\{"code":1\}),?){0,5}\}?"#,
        ) {
            decode(format!("{line}\n").as_bytes());
        }
    }
}
