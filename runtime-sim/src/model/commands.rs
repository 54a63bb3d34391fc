use chat_core::event::CloseReason;
use chat_core::hub::HubError;
use chat_core::message::Body;
use chat_core::protocol::{Command, Flow, TextProtocol};

use super::outbox::{Entry, RoomEvent};
use super::person::Presence;
use super::promise::Promise;
use super::sometimes::Sort;
use super::{Id, Line, Model, folded, line};

/// What an entry counts beside its text.
const REST: usize = 64;

/// How many bytes of answers may wait before a client is not heard any more.
const ANSWERS: usize = 64 * 1024;

/// How many bytes a connection may hold itself: what it takes at once, the largest answer (a room's
/// memory) behind it, and the answers to the frames of one poll.
const TAKEN: usize = 64 * 1024 + 33 * 512 * 1024;

/// The room where everyone starts.
const LOBBY: &str = "general";

impl Model {
    /// The server opens the conversation with a client: a free nick, and a seat in the first room.
    pub(crate) fn opens(&mut self, id: Id) {
        let nick = loop {
            self.last_guest += 1;
            let nick = format!("guest-{}", self.last_guest);
            if !self.nicks.contains_key(&nick) {
                break nick;
            }
        };
        self.nicks.insert(nick.clone(), id);
        let Some(person) = self.people.get_mut(&id) else {
            return self.breaks(Promise::Frames, format!("nobody is connection {id}"));
        };
        person.nick = Some(nick);
        person.presence = Presence::Open;
    }

    /// The server lets a client into the first room, if it does.
    pub(crate) fn enters(&mut self, id: Id) {
        if let Some(refusal) = self.refusal(LOBBY) {
            return self.refuses(id, &refusal);
        }
        self.rooms.reserve(LOBBY, &mut self.sometimes);
        self.sits_down(id, LOBBY);
    }

    /// Why nobody gets into a room, if so: a hook, or a limit.
    fn refusal(&mut self, room: &str) -> Option<String> {
        if let Some(verdict) = self.verdict.take() {
            return Some(verdict);
        }
        let seats = self.rooms.rooms.get(&folded(room));
        let seats = seats.map_or(0, |room| room.members.len());
        let limit = self.limits.max_rooms;
        if seats == 0 && self.rooms.occupied().count() >= limit {
            self.sometimes.count(Sort::TooManyRooms);
            return Some(HubError::TooManyRooms { limit }.to_string());
        }
        let limit = self.limits.max_members;
        if seats >= limit {
            self.sometimes.count(Sort::RoomFull);
            return Some(format!("#{room} is full (at most {limit})"));
        }
        None
    }

    /// The server handles a line of a client, or one that was too long. Returns what that means for the
    /// connection.
    pub(crate) fn handles(&mut self, id: Id, text: Option<&[u8]>) -> Flow {
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
                self.leave(id, reason.as_ref());
                if let Some(person) = self.people.get_mut(&id) {
                    person.presence = Presence::Leaving;
                }
                return Flow::Close(CloseReason::Quit);
            }
            Ok(command) => self.obeys(id, command),
            Err(error) => self.refuses(id, &error.to_string()),
        }
        Flow::Continue
    }

    fn obeys(&mut self, id: Id, command: Command) {
        let needs_room = matches!(
            command,
            Command::Say(_) | Command::Action(_) | Command::Who | Command::History(_)
        );
        if needs_room && self.room_of(id).is_none() {
            self.sometimes.count(Sort::NoRoom);
            return self.refuses(id, "you are in no room; /join one");
        }
        let same_nick = matches!(&command, Command::Nick(nick) if self.nick_of(id).as_deref() == Some(nick.as_str()));
        let asks = matches!(
            command,
            Command::Say(_) | Command::Action(_) | Command::Private(..) | Command::Nick(_)
        );
        if asks
            && !same_nick
            && let Some(verdict) = self.verdict.take()
        {
            return self.refuses(id, &verdict);
        }
        match command {
            Command::Say(body) => {
                self.says(id, |room, nick| format!("[{room}] {nick}: {body}\n"), &body)
            }
            Command::Action(body) => {
                self.says(
                    id,
                    |room, nick| format!("[{room}] * {nick} {body}\n"),
                    &body,
                );
            }
            Command::Private(to, body) => self.says_privately(id, to.as_str(), &body),
            Command::Join(room) => self.moves(id, room.as_str()),
            Command::Nick(nick) => self.renames(id, nick.as_str()),
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
                self.answers(id, text);
            }
            Command::Who => {
                let Some((name, members)) = self.room_of(id) else {
                    return;
                };
                let nicks = members.iter().filter_map(|member| self.nick_of(*member));
                let mut nicks: Vec<_> = nicks.collect();
                nicks.sort_by_key(|nick| folded(nick));
                let text = format!("* in {name} ({}): {}\n", nicks.len(), nicks.join(", "));
                self.answers(id, text);
            }
            Command::History(count) => {
                let room = self.people.get(&id).and_then(|person| person.room.as_ref());
                let Some(room) = room.and_then(|room| self.rooms.rooms.get(room)) else {
                    return;
                };
                let mut text = Vec::new();
                for line in room.latest(count) {
                    text.extend_from_slice(line);
                }
                if text.is_empty() {
                    text = format!("* no messages in {} yet\n", room.name).into_bytes();
                } else {
                    self.sometimes.count(Sort::History);
                }
                self.replies(id, text.into());
            }
            Command::LogIn(_) => self.refuses(id, "there are no accounts here"),
            Command::Help => self.replies(id, HELP.as_bytes().into()),
            other => self.breaks(
                Promise::Frames,
                format!("the model does not know {other:?}"),
            ),
        }
    }

    fn says(&mut self, id: Id, text: impl FnOnce(&str, &str) -> String, body: &Body) {
        let Some(nick) = self.nick_of(id) else {
            return;
        };
        let Some(room) = self.people.get(&id).and_then(|person| person.room.clone()) else {
            return;
        };
        let Some(state) = self.rooms.rooms.get_mut(&room) else {
            return;
        };
        state.last += 1;
        let number = state.last;
        let line = line(text(&state.name, &nick));
        let weight = REST + body.as_str().len();
        let name = state.name.clone();
        let members = state.members.clone();
        self.accepted += 1;
        let event = RoomEvent {
            line: line.clone(),
            weight,
            room: name,
            number: Some(number),
            at: self.now,
        };
        for member in members {
            self.pushes(member, &event);
        }
        self.rooms
            .remember(&room, line, weight, &mut self.sometimes);
    }

    fn says_privately(&mut self, id: Id, to: &str, body: &Body) {
        let Some(nick) = self.nick_of(id) else {
            return;
        };
        let Some(&recipient) = self.nicks.get(&folded(to)) else {
            return self.refuses(id, &format!("there is nobody called {to}"));
        };
        let called = self.nick_of(recipient).unwrap_or_default();
        let line = line(format!("[private] {nick}: {body}\n"));
        let weight = REST + body.as_str().len();
        let accepted = self.people.get_mut(&recipient).is_some_and(|person| {
            let queue = &mut person.queue;
            let accepted = queue.push_direct(line, weight, &self.limits, &mut self.sometimes);
            if queue.overflowed {
                person.ordered_at.get_or_insert(self.now);
            }
            accepted
        });
        let away = self
            .people
            .get(&recipient)
            .is_some_and(|person| person.queue.closing);
        if accepted {
            self.sometimes.count(Sort::Private);
        } else if away {
            self.sometimes.count(Sort::Away);
            self.refuses(
                id,
                &format!("{called} is away; your message was not delivered"),
            );
        } else {
            self.sometimes.count(Sort::RecipientFull);
            let refusal = format!("{called} is not keeping up; your message was not delivered");
            self.refuses(id, &refusal);
        }
    }

    fn moves(&mut self, id: Id, to: &str) {
        let Some((name, _)) = self.room_of(id) else {
            return self.enters_from_nowhere(id, to);
        };
        if let Some(verdict) = self.verdict.take() {
            return self.refuses(id, &verdict);
        }
        if folded(&name[1..]) == folded(to) {
            return self.refuses(id, &format!("you are in {name} already"));
        }
        if let Some(refusal) = self.refusal(to) {
            return self.refuses(id, &refusal);
        }
        self.sometimes.count(Sort::Moved);
        self.rooms.reserve(to, &mut self.sometimes);
        let nick = self.nick_of(id).unwrap_or_default();
        // Whoever moves gets to hear of the arrival only.
        self.announces(
            id,
            Some(Line::from([])),
            &format!("* {nick} left {name}\n"),
            0,
        );
        self.stands_up(id);
        self.sits_down(id, to);
    }

    fn enters_from_nowhere(&mut self, id: Id, to: &str) {
        if let Some(refusal) = self.refusal(to) {
            return self.refuses(id, &refusal);
        }
        self.rooms.reserve(to, &mut self.sometimes);
        self.sits_down(id, to);
    }

    fn renames(&mut self, id: Id, nick: &str) {
        let Some(old) = self.nick_of(id) else {
            return;
        };
        if old == nick {
            return self.refuses(id, "you are called that already");
        }
        match self.nicks.get(&folded(nick)) {
            Some(&owner) if owner != id => {
                self.sometimes.count(Sort::NickTaken);
                let called = self.nick_of(owner).unwrap_or_default();
                return self.refuses(id, &format!("the nick {called} is taken"));
            }
            Some(_) => self.sometimes.count(Sort::NickRespelled),
            None => self.sometimes.count(Sort::NickChanged),
        }
        self.nicks.remove(&folded(&old));
        self.nicks.insert(folded(nick), id);
        if let Some(person) = self.people.get_mut(&id) {
            person.nick = Some(nick.into());
        }
        let text = format!("* {old} is now {nick}\n");
        // Nobody is told in no room, not even who did it.
        self.announces(id, Some(line(text.clone())), &text, 0);
    }

    /// Somebody leaves the hub.
    pub(super) fn leave(&mut self, id: Id, reason: Option<&Body>) {
        let Some(nick) = self.nick_of(id) else {
            return;
        };
        if let Some((name, _)) = self.room_of(id) {
            let (text, weight) = match reason {
                Some(reason) => (
                    format!("* {nick} left {name} ({reason})\n"),
                    reason.as_str().len(),
                ),
                None => (format!("* {nick} left {name}\n"), 0),
            };
            self.announces(id, None, &text, weight);
            self.stands_up(id);
        }
        self.nicks.remove(&folded(&nick));
        if let Some(person) = self.people.get_mut(&id) {
            person.nick = None;
        }
    }

    /// Tells everyone in the room of `id` what `id` did, and `id` itself in its own words, if any.
    fn announces(&mut self, id: Id, own: Option<Line>, text: &str, weight: usize) {
        let Some((room, members)) = self.room_of(id) else {
            return;
        };
        let event = RoomEvent {
            line: text.as_bytes().into(),
            weight: REST + weight,
            room: room.as_str().into(),
            number: None,
            at: self.now,
        };
        for member in members {
            if member != id {
                self.pushes(member, &event);
            } else if let Some(own) = &own
                && let Some(person) = self.people.get_mut(&id)
            {
                person.queue.push_answer(Entry::Own(own.clone()));
            }
        }
    }

    fn sits_down(&mut self, id: Id, room: &str) {
        let Some(person) = self.people.get_mut(&id) else {
            return;
        };
        person.room = Some(folded(room));
        let nick = person.nick.clone().unwrap_or_default();
        let Some(state) = self.rooms.rooms.get_mut(&folded(room)) else {
            return;
        };
        state.members.push(id);
        let name = state.name.clone();
        let text = format!("* {nick} joined {name}\n");
        let first = !person.welcomed;
        // The welcome is for who is told at all.
        person.welcomed |= !person.queue.closing;
        let own = if first {
            line(format!("* welcome, {nick} \u{2014} you are in {name}\n"))
        } else {
            line(text.clone())
        };
        self.announces(id, Some(own), &text, 0);
    }

    fn stands_up(&mut self, id: Id) {
        let Some(room) = self
            .people
            .get_mut(&id)
            .and_then(|person| person.room.take())
        else {
            return;
        };
        if let Some(state) = self.rooms.rooms.get_mut(&room) {
            state.members.retain(|member| *member != id);
        }
        self.rooms.left(&room, &mut self.sometimes);
    }

    fn pushes(&mut self, to: Id, event: &RoomEvent) {
        if let Some(person) = self.people.get_mut(&to) {
            let queue = &mut person.queue;
            queue.push_room(event, &self.limits, &mut self.sometimes);
            if queue.overflowed {
                person.ordered_at.get_or_insert(self.now);
            }
        }
    }

    fn refuses(&mut self, id: Id, why: &str) {
        self.sometimes.count(Sort::Refused);
        self.answers(id, format!("! {why}\n"));
    }

    fn answers(&mut self, id: Id, text: String) {
        self.replies(id, line(text));
    }

    fn replies(&mut self, id: Id, bytes: Line) {
        // What the connection has taken and the client has not, is not the outbox's.
        let bound = ANSWERS + TAKEN + self.limits.window;
        let waiting = self
            .people
            .get(&id)
            .map_or(0, |person| person.queue.answers());
        if waiting > bound {
            let detail = format!("connection {id}: {waiting} bytes of answers wait");
            self.breaks(Promise::Queue, detail);
        }
        // Where there are no rooms, the list of them is empty.
        if let Some(person) = self.people.get_mut(&id)
            && !bytes.is_empty()
        {
            person.queue.push_answer(Entry::Reply(bytes));
            if person.queue.answers() > ANSWERS {
                self.sometimes.count(Sort::Deaf);
            }
        }
    }

    fn nick_of(&self, id: Id) -> Option<String> {
        self.people.get(&id)?.nick.clone()
    }

    /// The room of somebody, by its name with the `#`, and who is in it.
    fn room_of(&self, id: Id) -> Option<(String, Vec<Id>)> {
        let room = self.people.get(&id)?.room.as_ref()?;
        let room = self.rooms.rooms.get(room)?;
        Some((room.name.to_string(), room.members.clone()))
    }

    /// All sessions are ordered to close at this moment.
    pub(crate) fn orders_all_to_close(&mut self) {
        self.shutdown = true;
        for person in self.people.values_mut() {
            // One that was accepted and has not been opened yet gets the order, too.
            person.queue.closing = true;
            if person.presence == Presence::Open {
                person.ordered_at.get_or_insert(self.now);
            }
        }
    }
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
