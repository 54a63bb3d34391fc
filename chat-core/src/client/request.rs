//! From requests to the bytes that a server reads.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::Credentials;
use crate::store::HistoryRange;

/// What a program can ask for.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Join(RoomName),
    Leave(RoomName),
    Say {
        room: RoomName,
        kind: MessageKind,
        body: Body,
        /// What the server knows it by, after what is in front of the names of all messages.
        sequence: u64,
    },
    Message {
        recipient: Nick,
        body: Body,
    },
    Nick(Nick),
    Topic {
        room: RoomName,
        topic: Option<Body>,
    },
    TopicOf(RoomName),
    Rooms,
    Who(RoomName),
    History {
        room: RoomName,
        range: HistoryRange,
        limit: usize,
    },
    Ping,
}

/// Names of messages in a `say`.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) own: Option<String>,
    pub(super) settled: Option<String>,
}

/// What a client asks for on its own behalf.
#[derive(Clone, Debug)]
pub(super) enum Own<'a> {
    LogIn(&'a Credentials),
    Hello,
    Resume {
        token: &'a str,
        seen: Vec<(&'a RoomName, u64)>,
    },
    Nick(&'a Nick),
    Rejoin {
        number: u64,
        room: &'a RoomName,
    },
    Ping,
    Quit(Option<&'a Body>),
}

/// The names of a client's own requests. Those of a program are numbers.
pub(super) mod id {
    pub(in super::super) const LOG_IN: &str = "login";
    pub(in super::super) const HELLO: &str = "hello";
    pub(in super::super) const RESUME: &str = "resume";
    pub(in super::super) const NICK: &str = "nick";
    pub(in super::super) const PING: &str = "ping";
    pub(in super::super) const QUIT: &str = "quit";
    /// In front of a number, as the name of a room may be longer than that of a request.
    pub(in super::super) const REJOIN: &str = "join-";
}

#[derive(Serialize)]
#[serde(untagged)]
enum LineId<'a> {
    Number(u64),
    Word(&'a str),
}

impl Default for LineId<'_> {
    fn default() -> Self {
        Self::Number(0)
    }
}

#[derive(Default, Serialize)]
struct Line<'a> {
    id: LineId<'a>,
    op: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "with_sign")]
    room: Option<&'a RoomName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nick: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<BTreeMap<String, u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
}

impl Request {
    /// Whether asking twice does no more than asking once.
    pub(super) fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::TopicOf(_) | Self::Rooms | Self::Who(_) | Self::History { .. } | Self::Ping
        )
    }

    /// Appends the line. A `say` has names of messages for the server: its own, and that of the last one which it
    /// may forget.
    pub(super) fn encode(&self, number: u64, names: &Names, out: &mut Vec<u8>) {
        let line = match self {
            Self::Join(room) => Line {
                op: "join",
                room: Some(room),
                ..Line::default()
            },
            Self::Leave(room) => Line {
                op: "leave",
                room: Some(room),
                ..Line::default()
            },
            Self::Say {
                room, kind, body, ..
            } => Line {
                op: "say",
                room: Some(room),
                kind: (*kind == MessageKind::Action).then_some("action"),
                text: Some(body.as_str()),
                client_id: names.own.as_deref(),
                settled: names.settled.as_deref(),
                ..Line::default()
            },
            Self::Message { recipient, body } => Line {
                op: "message",
                to: Some(recipient.as_str()),
                text: Some(body.as_str()),
                ..Line::default()
            },
            Self::Nick(nick) => Line {
                op: "nick",
                nick: Some(nick.as_str()),
                ..Line::default()
            },
            Self::Topic { room, topic } => Line {
                op: "topic",
                room: Some(room),
                text: Some(topic.as_ref().map_or("", Body::as_str)),
                ..Line::default()
            },
            Self::TopicOf(room) => Line {
                op: "topic",
                room: Some(room),
                ..Line::default()
            },
            Self::Rooms => Line {
                op: "rooms",
                ..Line::default()
            },
            Self::Who(room) => Line {
                op: "who",
                room: Some(room),
                ..Line::default()
            },
            Self::History { room, range, limit } => Line {
                op: "history",
                room: Some(room),
                before: match range {
                    HistoryRange::Before(number) => Some(*number),
                    _ => None,
                },
                after: match range {
                    HistoryRange::After(number) => Some(*number),
                    _ => None,
                },
                limit: Some(*limit),
                ..Line::default()
            },
            Self::Ping => Line {
                op: "ping",
                ..Line::default()
            },
        };
        let id = LineId::Number(number);
        write(&Line { id, ..line }, out);
    }
}

impl Own<'_> {
    /// How long the line of a resume may become, so that the server takes it.
    const MAX_SEEN: usize = 24 * 1024;

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let rejoin;
        let line = match self {
            Own::LogIn(Credentials::Password { account, password }) => Line {
                id: LineId::Word(id::LOG_IN),
                op: "login",
                account: Some(account),
                password: Some(password),
                ..Line::default()
            },
            Own::LogIn(Credentials::Token(token)) => Line {
                id: LineId::Word(id::LOG_IN),
                op: "login",
                token: Some(token),
                ..Line::default()
            },
            Own::Hello => Line {
                id: LineId::Word(id::HELLO),
                op: "hello",
                ..Line::default()
            },
            Own::Resume { token, seen } => {
                // A room that is left out shows the hole at its next message.
                let mut size = 0;
                let fits = |(room, _): &&(&RoomName, u64)| {
                    size += 2 * room.as_str().len() + 32;
                    size <= Self::MAX_SEEN
                };
                let seen = seen.iter().take_while(fits);
                Line {
                    id: LineId::Word(id::RESUME),
                    op: "hello",
                    resume: Some(token),
                    seen: Some(
                        seen.map(|(room, number)| (room.to_string(), *number))
                            .collect(),
                    ),
                    ..Line::default()
                }
            }
            Own::Nick(nick) => Line {
                id: LineId::Word(id::NICK),
                op: "nick",
                nick: Some(nick.as_str()),
                ..Line::default()
            },
            Own::Rejoin { number, room } => {
                rejoin = format!("{}{number}", id::REJOIN);
                Line {
                    id: LineId::Word(&rejoin),
                    op: "join",
                    room: Some(room),
                    ..Line::default()
                }
            }
            Own::Ping => Line {
                id: LineId::Word(id::PING),
                op: "ping",
                ..Line::default()
            },
            Own::Quit(reason) => Line {
                id: LineId::Word(id::QUIT),
                op: "quit",
                text: reason.map(Body::as_str),
                ..Line::default()
            },
        };
        write(&line, out);
    }
}

/// With a `#` in front, which is always right: the name itself may start with one.
fn with_sign<S: Serializer>(room: &Option<&RoomName>, serializer: S) -> Result<S::Ok, S::Error> {
    match room {
        Some(room) => serializer.collect_str(room),
        None => serializer.serialize_none(),
    }
}

fn write(line: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    // Writing plain data to memory does not fail.
    if serde_json::to_writer(&mut *out, line).is_err() {
        out.truncate(start);
        return;
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::strategies;

    /// A request that has no names of messages in it, and what `docs/PROTOCOL.md` says that it looks like.
    fn request() -> impl Strategy<Value = (Request, Value)> {
        let range = prop_oneof![
            Just((HistoryRange::Latest, json!({}))),
            any::<u64>().prop_map(|n| (HistoryRange::Before(n), json!({ "before": n }))),
            any::<u64>().prop_map(|n| (HistoryRange::After(n), json!({ "after": n }))),
        ];
        let room = strategies::room;
        prop_oneof![
            room().prop_map(|room| {
                let line = json!({"op": "join", "room": room.to_string()});
                (Request::Join(room), line)
            }),
            room().prop_map(|room| {
                let line = json!({"op": "leave", "room": room.to_string()});
                (Request::Leave(room), line)
            }),
            room().prop_map(|room| {
                let line = json!({"op": "who", "room": room.to_string()});
                (Request::Who(room), line)
            }),
            room().prop_map(|room| {
                let line = json!({"op": "topic", "room": room.to_string()});
                (Request::TopicOf(room), line)
            }),
            (strategies::nick(), strategies::body()).prop_map(|(recipient, body)| {
                let line =
                    json!({"op": "message", "to": recipient.as_str(), "text": body.as_str()});
                (Request::Message { recipient, body }, line)
            }),
            strategies::nick().prop_map(|nick| {
                let line = json!({"op": "nick", "nick": nick.as_str()});
                (Request::Nick(nick), line)
            }),
            (room(), proptest::option::of(strategies::body())).prop_map(|(room, topic)| {
                let text = topic.as_ref().map_or("", Body::as_str);
                let line = json!({"op": "topic", "room": room.to_string(), "text": text});
                (Request::Topic { room, topic }, line)
            }),
            (room(), range, any::<usize>()).prop_map(|(room, (range, mut line), limit)| {
                line["op"] = "history".into();
                line["room"] = room.to_string().into();
                line["limit"] = limit.into();
                (Request::History { room, range, limit }, line)
            }),
            Just((Request::Rooms, json!({"op": "rooms"}))),
            Just((Request::Ping, json!({"op": "ping"}))),
        ]
    }

    /// A message with its names, and the line.
    fn say() -> impl Strategy<Value = (Request, Names, Value)> {
        let name = || "[!-~]{1,64}";
        let names = (name(), proptest::option::of(name()));
        let said = (strategies::room(), strategies::kind(), strategies::body());
        (said, names).prop_map(|((room, kind, body), (own, settled))| {
            let mut line = json!({
                "op": "say",
                "room": room.to_string(),
                "text": body.as_str(),
                "client_id": own,
            });
            if kind == MessageKind::Action {
                line["kind"] = "action".into();
            }
            if let Some(settled) = &settled {
                line["settled"] = settled.as_str().into();
            }
            let names = Names {
                own: Some(own),
                settled,
            };
            (Request::say(&room, kind, body), names, line)
        })
    }

    fn check(
        request: &Request,
        names: &Names,
        number: u64,
        mut line: Value,
    ) -> Result<(), TestCaseError> {
        let mut out = Vec::new();
        request.encode(number, names, &mut out);
        prop_assert_eq!(out.pop(), Some(b'\n'));
        prop_assert!(!out.contains(&b'\n'));
        line["id"] = number.into();
        prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), line);
        Ok(())
    }

    proptest! {
        #[test]
        fn a_request_is_the_line_that_the_page_says((request, line) in request(), number: u64) {
            check(&request, &Names::default(), number, line)?;
        }

        #[test]
        fn a_message_is_the_line_that_the_page_says((say, names, line) in say(), number: u64) {
            check(&say, &names, number, line)?;
        }
    }
}
