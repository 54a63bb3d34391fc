use chat_core::event::CloseReason;
use chat_core::message::Body;
use chat_core::protocol::{Command, Flow, TextProtocol};

use super::promise::Promise;
use super::session::{Refusal, SessionId, refusal};
use super::sometimes::Sort;
use super::{Id, Line, Model, folded, line};

/// The room where everyone starts.
const LOBBY: &str = "general";

/// How many bytes of nicks stand in a line of those who are in a room, at most.
const WHO_LINE: usize = 400;

impl Model {
    /// The server makes a person a guest and lets them into the first room, if it does. The last of that may have
    /// to `wait`.
    pub(crate) fn enters(&mut self, id: Id, waits: bool) {
        let Some(who) = self.session_of(id) else {
            return;
        };
        if self.nick_of(who).is_none() {
            if waits && self.rulings.is_empty() {
                return;
            }
            if let Err(refusal) = self.objection() {
                self.sometimes.count(Sort::NoGuest);
                return self.refuses(id, &refusal.text);
            }
            self.take_guest_nick(who);
        }
        self.enters_lobby(id, who, waits);
    }

    /// Whoever has a nick for the first time enters the first room.
    fn enters_lobby(&mut self, id: Id, who: SessionId, waits: bool) {
        if let Some(person) = self.people.get_mut(&id) {
            person.has_entered = true;
        }
        if waits {
            return self.sometimes.count(Sort::EntersLate);
        }
        if let Err(refusal) = self.joins(who, LOBBY, None) {
            self.refuses(id, &refusal.text);
        }
    }

    /// The server handles a line of a client, or one that was too long. Returns what that means for the
    /// connection.
    pub(super) fn handles_text(&mut self, id: Id, text: Option<&[u8]>) -> Flow {
        let Some(text) = text else {
            self.sometimes.count(Sort::TooLong);
            let limit = TextProtocol::MAX_LINE;
            let refusal =
                format!("a line has at most {limit} bytes; yours was longer and was dropped");
            self.refuses(id, &refusal);
            return Flow::Continue;
        };
        if text.is_empty() {
            return Flow::Continue;
        }
        let Ok(text) = std::str::from_utf8(text) else {
            self.sometimes.count(Sort::NotUtf8);
            self.refuses(id, "that line is not valid UTF-8");
            return Flow::Continue;
        };
        match Command::parse(text) {
            Ok(Command::Quit(reason)) => {
                let reason = self.last_words(reason.as_ref().map(Body::as_str));
                if let Some(who) = self.session_of(id) {
                    self.quits(who, reason.as_deref());
                }
                self.says_goodbye(id);
                return Flow::Close(CloseReason::Quit);
            }
            Ok(command) => {
                let done = match self.session_of(id) {
                    Some(who) => self.obeys(id, who, command),
                    None => Ok(()),
                };
                if let Err(refusal) = done {
                    self.refuses(id, &refusal.text);
                }
            }
            Err(error) => self.refuses(id, &error.to_string()),
        }
        Flow::Continue
    }

    fn obeys(&mut self, id: Id, who: SessionId, command: Command) -> Result<(), Refusal> {
        let session = self.sessions.get(&who);
        let room = session.and_then(|session| session.rooms().next().cloned());
        let needs_room = matches!(
            command,
            Command::Say(_) | Command::Action(_) | Command::Who | Command::History(_)
        );
        if needs_room && room.is_none() {
            if let Some(room) = self
                .people
                .get_mut(&id)
                .and_then(|person| person.room_then.take())
            {
                self.objection()?;
                self.sometimes.count(Sort::OutMeanwhile);
                return Err(refusal("not_in", format!("you are not in {room}")));
            }
            self.sometimes.count(Sort::NoRoom);
            return Err(refusal("not_in", "you are in no room; /join one"));
        }
        let here = room.as_deref().unwrap_or_default();
        match command {
            Command::Say(body) => {
                let words = self.rewrites(body.as_str())?;
                self.says(who, here, false, &words)?;
            }
            Command::Action(body) => {
                let words = self.rewrites(body.as_str())?;
                self.says(who, here, true, &words)?;
            }
            Command::Private(to, body) => {
                let words = self.rewrites(body.as_str())?;
                self.says_privately(who, to.as_str(), &words)?;
            }
            Command::Join(to) => self.joins(who, to.as_str(), room.as_deref())?,
            Command::Nick(nick) => {
                if self.nick_of(who).as_deref() == Some(nick.as_str()) {
                    return Err(refusal("nick_taken", "you are called that already"));
                }
                self.objection()?;
                self.renames(who, nick.as_str())?;
                let has_entered = self.people.get(&id).is_none_or(|person| person.has_entered);
                if !has_entered {
                    self.sometimes.count(Sort::EntersByNick);
                    let waits = std::mem::take(&mut self.entering_waits);
                    self.enters_lobby(id, who, waits);
                }
            }
            Command::Rooms => {
                let rooms = self.rooms.occupied().map(|room| {
                    let (name, count) = (&room.name, room.members.len());
                    let s = if count == 1 { "" } else { "s" };
                    format!("* {name} ({count} member{s})\n")
                });
                let mut text: String = rooms.collect();
                if text.is_empty() {
                    text = "* nobody is in any room\n".into();
                }
                self.may_answer(text.len())?;
                self.replies(id, line(text));
            }
            Command::Who => self.tells_who(id, here)?,
            Command::History(count) => self.tells_history(id, here, count)?,
            Command::LogIn(_) => return Err(refusal("denied", "there are no accounts here")),
            Command::Help => self.replies(id, HELP.as_bytes().into()),
            other => self.breaks(
                Promise::Frames,
                format!("the model does not know {other:?}"),
            ),
        }
        Ok(())
    }

    fn tells_who(&mut self, id: Id, room: &str) -> Result<(), Refusal> {
        let Some(room) = self.rooms.rooms.get(room) else {
            return Ok(());
        };
        let members = room.members.iter();
        let mut nicks: Vec<_> = members
            .filter_map(|member| self.nick_of(member.session))
            .collect();
        nicks.sort_by_key(|nick| folded(nick));
        let head = format!("* in {} ({}): ", room.name, nicks.len());
        let (mut text, mut in_line) = (head.clone(), 0);
        for nick in nicks {
            match in_line {
                0 => {}
                len if len + nick.len() > WHO_LINE => {
                    text += &format!("\n{head}");
                    in_line = 0;
                }
                _ => text += ", ",
            }
            text += &nick;
            in_line += nick.len() + ", ".len();
        }
        text.push('\n');
        self.may_answer(text.len())?;
        self.replies(id, line(text));
        Ok(())
    }

    fn tells_history(&mut self, id: Id, room: &str, count: usize) -> Result<(), Refusal> {
        let Some(state) = self.rooms.rooms.get(room) else {
            return Ok(());
        };
        let skipped = state.memory().count().saturating_sub(count);
        let takes = state.memory().skip(skipped).map(|event| event.weight).sum();
        self.may_answer(takes)?;
        let Some(room) = self.rooms.rooms.get(room) else {
            return Ok(());
        };
        let mut text = Vec::new();
        for event in room.memory().skip(skipped) {
            text.extend_from_slice(&event.telling.text);
        }
        if text.is_empty() {
            text = format!("* no messages in {} yet\n", room.name).into_bytes();
        } else {
            self.sometimes.count(Sort::History);
        }
        self.replies(id, text.into());
        Ok(())
    }

    fn refuses(&mut self, id: Id, why: &str) {
        self.sometimes.count(Sort::Refused);
        self.replies(id, line(format!("! {why}\n")));
    }
}

/// The last words to a person.
pub(super) fn closing(reason: &CloseReason) -> Line {
    line(match reason {
        CloseReason::PeerClosed => String::new(),
        CloseReason::Quit | CloseReason::Shutdown => format!("* {reason}\n"),
        reason => format!("! {reason}\n"),
    })
}

/// What `/help` answers, as `docs/PROTOCOL.md` has it.
const HELP: &str = "\
* /join <room>        leave this room and join another one
* /nick <name>        change your nick
* /rooms              the active rooms
* /who                who is in this room
* /msg <nick> <text>  a private message
* /me <action>        an action
* /history [n]        the last messages of this room
* /login <account> <password>  log in, where there are accounts
* /quit [reason]      leave
* //text              say \"/text\"
* anything else       say it to this room
";
