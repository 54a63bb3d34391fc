//! The JSON protocol: for programs. `docs/PROTOCOL.md` describes every frame.

mod error;
mod request;
mod response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use error::RequestError;
use request::{Id, Request};
use response::{Joined, Welcome};
use serde::Serialize;

use super::{Delivery, Flow, Protocol};
use crate::event::{Batch, CloseReason, Variant};
use crate::framing::Frame;
use crate::hub::{HubError, ResumeToken};
use crate::message::{Body, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::Credentials;
use crate::session::{Action, Done, Session, Step};
use crate::store::{ClientId, HistoryRange};

/// The JSON protocol as one connection speaks it.
#[derive(Debug, Default)]
pub struct JsonProtocol {
    /// The request that waits for a decision.
    waiting: Option<Box<(Id, Purpose)>>,
}

/// What all members read alike is encoded once.
const VARIANT: Variant = Variant::new("json");

/// What a request is after, once its action is done.
#[derive(Debug)]
enum Purpose {
    Hello,
    Resume(Vec<(RoomName, u64)>),
    LogIn,
    Nick,
    Join(RoomName),
    Say(RoomName),
    Message,
    Topic(RoomName),
    Quit,
}

impl JsonProtocol {
    /// How long a line may be, in bytes, its ending not counted: enough for the longest message with every
    /// byte escaped.
    pub const MAX_LINE: usize = 32 * 1024;

    /// How many messages `history` returns at most, and unless told.
    pub const HISTORY: usize = 100;

    /// Whether a line is a request, if perhaps not one that can be granted.
    pub(super) fn is_request(line: &[u8]) -> bool {
        Request::parse(line).is_ok()
    }

    fn handle_line(&mut self, line: &[u8], session: &mut Session) -> Flow {
        if line.is_empty() {
            return Flow::Continue;
        }
        let request = match Request::parse(line) {
            Ok(request) => request,
            Err((id, error)) => return refuse(&id, error, session),
        };
        let id = request.id.clone();
        self.handle_request(request, session)
            .unwrap_or_else(|error| refuse(&id, error, session))
    }

    fn handle_request(
        &mut self,
        request: Request<'_>,
        session: &mut Session,
    ) -> Result<Flow, RequestError> {
        let id = request.id.clone();
        match &*request.op {
            "hello" => return self.hello(request, session),
            "login" => {
                let credentials = match request.token {
                    Some(token) => Credentials::Token(token.into()),
                    None => Credentials::Password {
                        account: request.need("account", &request.account)?.into(),
                        password: request.need("password", &request.password)?.into(),
                    },
                };
                return Ok(self.start(id, Purpose::LogIn, Action::LogIn(credentials), session));
            }
            "ping" => return Ok(answer(&id, response::Nothing {}, session)),
            "quit" => {
                let reason = request.text.as_deref().map(Body::parse).transpose()?;
                return Ok(self.start(id, Purpose::Quit, Action::Quit { reason }, session));
            }
            _ => {}
        }
        if session.nick().is_none() {
            return Err(RequestError::HelloFirst);
        }
        match &*request.op {
            "nick" => {
                let nick = Nick::parse(request.need("nick", &request.nick)?)?;
                Ok(self.start(id, Purpose::Nick, Action::TakeNick(nick), session))
            }
            "join" => {
                let room = request.room()?;
                let join = Action::Join {
                    room: room.clone(),
                    instead_of: None,
                };
                Ok(self.start(id, Purpose::Join(room), join, session))
            }
            "leave" => {
                let room = request.room()?;
                session.leave(&room)?;
                Ok(answer(&id, response::Nothing {}, session))
            }
            "say" => {
                let room = request.room()?;
                let client_id = |name, field: &Option<Cow<'_, str>>| {
                    let id = field.as_deref().map(ClientId::parse);
                    id.map(|id| id.ok_or(RequestError::BadField(name)))
                        .transpose()
                };
                let settled = client_id("settled", &request.settled)?;
                let say = Action::Say {
                    room: room.clone(),
                    kind: match request.kind.as_deref() {
                        None | Some("say") => MessageKind::Say,
                        Some("action") => MessageKind::Action,
                        Some(_) => return Err(RequestError::BadField("kind")),
                    },
                    body: request.body()?,
                    client_id: client_id("client_id", &request.client_id)?,
                };
                if let Some(settled) = settled {
                    session.settle(&room, &settled);
                }
                Ok(self.start(id, Purpose::Say(room), say, session))
            }
            "message" => {
                let message = Action::SayPrivately {
                    recipient: Nick::parse(request.need("to", &request.to)?)?,
                    body: request.body()?,
                };
                Ok(self.start(id, Purpose::Message, message, session))
            }
            "topic" => {
                let room = request.room()?;
                let topic = match request.text.as_deref() {
                    None => {
                        let topic = session.topic(&room)?;
                        return Ok(answer_topic(&id, &room, topic, session));
                    }
                    Some("") => None,
                    Some(text) => Some(Body::parse(text)?),
                };
                let set_topic = Action::SetTopic {
                    room: room.clone(),
                    topic,
                };
                Ok(self.start(id, Purpose::Topic(room), set_topic, session))
            }
            "rooms" => {
                let rooms = response::Rooms::of(session.hub());
                session.try_reply(response::ok(&id, rooms))?;
                Ok(Flow::Continue)
            }
            "who" => {
                let room = request.room()?;
                let members = response::Members::of(&spelled(&room, session), session)?;
                session.try_reply(response::ok(&id, members))?;
                Ok(Flow::Continue)
            }
            "history" => {
                let room = request.room()?;
                let range = match (request.before, request.after) {
                    (None, None) => HistoryRange::Latest,
                    (Some(number), None) => HistoryRange::Before(number),
                    (None, Some(number)) => HistoryRange::After(number),
                    (Some(_), Some(_)) => return Err(RequestError::BadField("after")),
                };
                let limit = request.limit.unwrap_or(Self::HISTORY).min(Self::HISTORY);
                let messages = session.history(&room, range, limit)?;
                session.reply(response::history(&id, &spelled(&room, session), &messages));
                Ok(Flow::Continue)
            }
            op => Err(RequestError::UnknownOp(op.chars().take(32).collect())),
        }
    }

    fn hello(&mut self, request: Request<'_>, session: &mut Session) -> Result<Flow, RequestError> {
        let id = request.id.clone();
        if session.nick().is_some() {
            return Err(RequestError::HelloAgain);
        }
        if let Some(token) = &request.resume {
            let token = ResumeToken::parse(token).ok_or(HubError::NotResumable)?;
            let seen = seen(request.seen)?;
            return Ok(self.start(id, Purpose::Resume(seen), Action::Resume(token), session));
        }
        match &request.nick {
            Some(nick) => {
                let take_nick = Action::TakeNick(Nick::parse(nick)?);
                Ok(self.start(id, Purpose::Hello, take_nick, session))
            }
            None => Ok(self.start(id, Purpose::Hello, Action::TakeGuestNick, session)),
        }
    }

    fn start(&mut self, id: Id, purpose: Purpose, action: Action, session: &mut Session) -> Flow {
        match session.start(action) {
            Step::Done(done) => finish(&id, purpose, done, session),
            Step::Waiting => {
                self.waiting = Some(Box::new((id, purpose)));
                Flow::Wait
            }
        }
    }
}

impl Protocol for JsonProtocol {
    fn name(&self) -> Option<&'static str> {
        Some("json")
    }

    fn max_frame(&self) -> usize {
        Self::MAX_LINE
    }

    fn open(&mut self, _: &mut Session) -> Flow {
        Flow::Continue
    }

    fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
        match frame {
            Frame::Line(line) => self.handle_line(line, session),
            Frame::TooLong { limit } => {
                refuse(&Id::Null, RequestError::LineTooLong { limit }, session)
            }
        }
    }

    fn handle_done(&mut self, done: Result<Done, HubError>, session: &mut Session) -> Flow {
        match self.waiting.take() {
            Some(waiting) => {
                let (id, purpose) = *waiting;
                finish(&id, purpose, done, session)
            }
            None => Flow::Continue,
        }
    }

    fn encode(&mut self, delivery: Delivery<'_>, _: &Session, out: &mut Vec<u8>) {
        match delivery {
            Delivery::Event(event) => {
                event.encode_into(VARIANT, out, response::event);
            }
            Delivery::Missed(missed) => response::missed(missed, out),
        }
    }

    fn encode_batch(&mut self, batch: Batch<'_>, _: &Session, out: &mut Vec<u8>) {
        batch.encode_into(VARIANT, out, response::event);
    }

    fn ping(&mut self, out: &mut Vec<u8>) {
        response::ping(out);
    }

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        response::closing(reason, out);
    }
}

/// Tells the peer what came of a request.
fn finish(id: &Id, purpose: Purpose, done: Result<Done, HubError>, session: &mut Session) -> Flow {
    let done = match done {
        Ok(done) => done,
        // Whoever asks again did not get the first answer.
        Err(HubError::AlreadyIn(_)) if matches!(purpose, Purpose::Join(_)) => Done::Joined,
        Err(error) => return refuse(id, error.into(), session),
    };
    match (purpose, done) {
        (Purpose::Hello, _) => welcome(id, session),
        (Purpose::Resume(seen), Done::Resumable(parked)) => {
            // Answered before what was missed is told.
            answer(id, Welcome::back(&parked, session.hub()), session);
            session.become_parked(parked, &seen);
            Flow::Continue
        }
        (Purpose::LogIn, Done::LoggedIn { account }) => {
            answer(id, response::LoggedIn { account }, session)
        }
        (Purpose::Nick, _) => {
            let nick = session.nick().map(Nick::as_str).unwrap_or_default().into();
            answer(id, response::Called { nick }, session)
        }
        (Purpose::Join(room), _) => {
            let joined = session.reply_about(&room, |view| response::ok(id, Joined::from(&view)));
            match joined {
                Ok(()) => Flow::Continue,
                Err(error) => refuse(id, error.into(), session),
            }
        }
        (Purpose::Say(room), Done::Said { number, duplicate }) => {
            let said = response::Said {
                room: spelled(&room, session).as_str().into(),
                number,
                duplicate,
            };
            answer(id, said, session)
        }
        (Purpose::Topic(room), Done::TopicSet { topic }) => answer_topic(id, &room, topic, session),
        (Purpose::Quit, _) => {
            answer(id, response::Nothing {}, session);
            Flow::Close(CloseReason::Quit)
        }
        _ => answer(id, response::Nothing {}, session),
    }
}

fn answer_topic(id: &Id, room: &RoomName, topic: Option<Body>, session: &Session) -> Flow {
    let topic = response::Topic {
        room: spelled(room, session).as_str().into(),
        topic: topic.map(|topic| topic.to_string()),
    };
    answer(id, topic, session)
}

fn welcome(id: &Id, session: &mut Session) -> Flow {
    let token = session.make_resumable();
    answer(id, Welcome::new(session, token), session)
}

fn answer(id: &Id, ok: impl Serialize, session: &Session) -> Flow {
    session.reply(response::ok(id, ok));
    Flow::Continue
}

fn refuse(id: &Id, error: RequestError, session: &Session) -> Flow {
    session.count_refusal(error.code());
    session.reply(response::error(id, &error));
    Flow::Continue
}

/// A room's name as the room spells it.
fn spelled(room: &RoomName, session: &Session) -> RoomName {
    let mut rooms = session.rooms();
    rooms.find(|own| *own == room).unwrap_or(room).clone()
}

fn seen(seen: BTreeMap<String, u64>) -> Result<Vec<(RoomName, u64)>, RequestError> {
    let parsed = seen
        .into_iter()
        .map(|(room, number)| Ok((RoomName::parse(&room)?, number)));
    parsed.collect()
}
