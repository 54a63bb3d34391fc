//! The text protocol: for `nc`, telnet and people. `docs/PROTOCOL.md` describes it to them.

mod command;
mod render;

#[cfg(test)]
mod tests;

pub use command::{Command, CommandError};
use render::{EventLine, MissedLines};

use super::{Delivery, Flow, Protocol};
use crate::event::{Batch, CloseReason, Event, Variant};
use crate::framing::Frame;
use crate::hub::HubError;
use crate::message::{Body, MessageKind};
use crate::name::RoomName;
use crate::session::{Action, Done, Session, Step};
use crate::store::HistoryRange;

/// The text protocol as one connection speaks it.
#[derive(Debug)]
pub struct TextProtocol {
    lobby: RoomName,
    /// Whether it has tried to enter the lobby: it does when it first has a nick.
    has_entered: bool,
    /// Whether the peer has been told who and where it is.
    welcomed: bool,
}

/// What all members read alike is encoded once.
const VARIANT: Variant = Variant::new("text");

/// How many characters of nicks `/who` puts in one line, so that a full room stays readable and each
/// line within what a peer may expect.
const WHO_LINE: usize = 400;

impl TextProtocol {
    /// How long a line may be, in bytes, its ending not counted.
    pub const MAX_LINE: usize = 4096;

    /// How many messages `/history` shows unless told.
    pub const HISTORY: usize = 100;

    /// Starts everyone in the room `lobby`.
    pub fn new(lobby: RoomName) -> Self {
        Self {
            lobby,
            has_entered: false,
            welcomed: false,
        }
    }

    fn handle_line(&mut self, line: &[u8], session: &mut Session) -> Result<Flow, Refusal> {
        if line.is_empty() {
            return Ok(Flow::Continue);
        }
        let line = std::str::from_utf8(line).map_err(|_| Refusal::NotUtf8)?;
        match Command::parse(line)? {
            Command::Say(body) => return self.say(MessageKind::Say, body, session),
            Command::Action(body) => return self.say(MessageKind::Action, body, session),
            Command::Private(recipient, body) => {
                return self.start(Action::SayPrivately { recipient, body }, session);
            }
            Command::Join(room) => {
                let instead_of = session.rooms().next().cloned();
                return self.start(Action::Join { room, instead_of }, session);
            }
            Command::Nick(nick) => {
                if session
                    .nick()
                    .is_some_and(|old| old.as_str() == nick.as_str())
                {
                    return Err(Refusal::SameNick);
                }
                return self.start(Action::TakeNick(nick), session);
            }
            Command::LogIn(credentials) => {
                return self.start(Action::LogIn(credentials), session);
            }
            Command::Rooms => self.tell_rooms(session)?,
            Command::Who => self.tell_who(session)?,
            Command::History(count) => self.tell_history(count, session)?,
            Command::Help => session.reply(command::HELP.as_bytes()),
            Command::Quit(reason) => return self.start(Action::Quit { reason }, session),
        }
        Ok(Flow::Continue)
    }

    fn say(
        &mut self,
        kind: MessageKind,
        body: Body,
        session: &mut Session,
    ) -> Result<Flow, Refusal> {
        let say = Action::Say {
            room: current(session)?.clone(),
            kind,
            body,
            client_id: None,
        };
        self.start(say, session)
    }

    fn start(&mut self, action: Action, session: &mut Session) -> Result<Flow, Refusal> {
        match session.start(action) {
            Step::Done(done) => self.finish(done, session),
            Step::Waiting => Ok(Flow::Wait),
        }
    }

    /// Does what is left to do, and tells the peer what no event tells it.
    fn finish(
        &mut self,
        done: Result<Done, HubError>,
        session: &mut Session,
    ) -> Result<Flow, Refusal> {
        match done? {
            Done::LoggedIn { account } => {
                let account = account.replace(char::is_control, " ");
                session.reply(format!("* you are logged in as {account}\n").into_bytes());
            }
            Done::NickTaken if !self.has_entered => {
                self.has_entered = true;
                let join = Action::Join {
                    room: self.lobby.clone(),
                    instead_of: None,
                };
                return self.start(join, session);
            }
            Done::Quit => return Ok(Flow::Close(CloseReason::Quit)),
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn tell_rooms(&self, session: &Session) -> Result<(), Refusal> {
        let rooms = session.hub().rooms();
        let lines = rooms.iter().map(|room| {
            let plural = if room.members == 1 { "" } else { "s" };
            format!("* {} ({} member{plural})\n", room.name, room.members)
        });
        let mut reply: String = lines.collect();
        if reply.is_empty() {
            reply.push_str("* nobody is in any room\n");
        }
        Ok(session.try_reply(reply.into_bytes())?)
    }

    fn tell_who(&self, session: &Session) -> Result<(), Refusal> {
        let room = current(session)?;
        let occupants = session.occupants(room)?;
        let mut lines = String::new();
        let mut on_line = 0;
        for occupant in &occupants {
            let nick = occupant.nick.as_str();
            if on_line > 0 && on_line + nick.len() <= WHO_LINE {
                lines.push_str(", ");
            } else {
                let end = if lines.is_empty() { "" } else { "\n" };
                lines.push_str(&format!("{end}* in {room} ({}): ", occupants.len()));
                on_line = 0;
            }
            lines.push_str(nick);
            on_line += nick.len() + 2;
        }
        lines.push('\n');
        Ok(session.try_reply(lines.into_bytes())?)
    }

    fn tell_history(&self, count: usize, session: &Session) -> Result<(), Refusal> {
        let room = current(session)?;
        let messages = session.history(room, HistoryRange::Latest, count)?;
        let mut reply = Vec::new();
        for message in &messages {
            message.encode_into(VARIANT, &mut reply, render::event);
        }
        if messages.is_empty() {
            reply = format!("* no messages in {room} yet\n").into_bytes();
        }
        session.reply(reply);
        Ok(())
    }
}

impl Default for TextProtocol {
    /// Starts everyone in `#general`.
    fn default() -> Self {
        Self::new(RoomName::general())
    }
}

impl Protocol for TextProtocol {
    fn name(&self) -> Option<&'static str> {
        Some("text")
    }

    fn max_frame(&self) -> usize {
        Self::MAX_LINE
    }

    fn open(&mut self, session: &mut Session) -> Flow {
        self.start(Action::TakeGuestNick, session)
            .unwrap_or_else(|refusal| refuse(session, refusal))
    }

    fn handle_frame(&mut self, frame: Frame<'_>, session: &mut Session) -> Flow {
        let handled = match frame {
            Frame::Line(line) => self.handle_line(line, session),
            Frame::TooLong { limit } => Err(Refusal::LineTooLong { limit }),
        };
        handled.unwrap_or_else(|refusal| refuse(session, refusal))
    }

    fn handle_done(&mut self, done: Result<Done, HubError>, session: &mut Session) -> Flow {
        self.finish(done, session)
            .unwrap_or_else(|refusal| refuse(session, refusal))
    }

    fn encode(&mut self, delivery: Delivery<'_>, session: &Session, out: &mut Vec<u8>) {
        match delivery {
            Delivery::Missed(missed) => render::write(out, MissedLines(missed)),
            Delivery::Event(event) => match event.event() {
                Event::Joined { room, who } if who.session == session.id() && !self.welcomed => {
                    self.welcomed = true;
                    let welcome = format_args!("* welcome, {} — you are in {room}", who.nick);
                    render::write(out, format_args!("{welcome}\n"));
                }
                // Told by the arrival in the next room.
                Event::Left { who, .. } if who.session == session.id() => {}
                Event::Private(_) => render::write(out, EventLine(event.event())),
                _ => event.encode_into(VARIANT, out, render::event),
            },
        }
    }

    fn encode_batch(&mut self, batch: Batch<'_>, _: &Session, out: &mut Vec<u8>) {
        batch.encode_into(VARIANT, out, render::event);
    }

    fn farewell(&mut self, reason: &CloseReason, out: &mut Vec<u8>) {
        match reason {
            CloseReason::PeerClosed => {}
            CloseReason::Quit | CloseReason::Shutdown => {
                render::write(out, format_args!("* {reason}\n"));
            }
            _ => render::write(out, format_args!("! {reason}\n")),
        }
    }
}

fn current(session: &Session) -> Result<&RoomName, Refusal> {
    session.rooms().next().ok_or(Refusal::NoRoom)
}

fn refuse(session: &Session, why: Refusal) -> Flow {
    session.count_refusal(why.code());
    session.reply(format!("! {why}\n").into_bytes());
    Flow::Continue
}

/// Why a line had no effect.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a line has at most {limit} bytes; yours was longer and was dropped")]
    LineTooLong { limit: usize },
    #[error("that line is not valid UTF-8")]
    NotUtf8,
    #[error("you are in no room; /join one")]
    NoRoom,
    #[error("you are called that already")]
    SameNick,
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl Refusal {
    /// The word for it in the JSON protocol, where that can have the same trouble.
    fn code(&self) -> &'static str {
        match self {
            Self::LineTooLong { .. } => "line_too_long",
            Self::NotUtf8 => "not_utf8",
            Self::NoRoom => "not_in",
            Self::SameNick => "same_nick",
            Self::Command(error) => match error {
                CommandError::Unknown(_) => "unknown_op",
                CommandError::Usage(_) => "missing_field",
                CommandError::Name(error) => error.code(),
                CommandError::Body(_) => "bad_text",
            },
            Self::Hub(error) => error.code(),
        }
    }
}
