//! The client's side of the conversation as a state machine without I/O: frames in, bytes and events out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::channel::oneshot;
use serde_json::Value;

use super::answer::{Joined, Reply, Said};
use super::due::{Due, ReplySender};
use super::error::{ClientError, Disconnect, End};
use super::event::Event;
use super::frame::{Answer, Frame, FrameError, Id, Outcome, Refusal, Welcome};
use super::queue::EventQueue;
use super::request::{Names, Own, Request, id};
use super::settled::Settled;
use crate::event::Missed;
use crate::message::{Body, Message, MessageKind};
use crate::name::{Nick, RoomName};
use crate::policy::Credentials;

#[derive(Debug)]
pub(super) struct Conversation {
    stage: Stage,
    credentials: Option<Credentials>,
    /// What to be called in a new session.
    wanted_nick: Option<Nick>,
    rejoin: bool,
    max_outstanding: usize,
    /// In front of the names of messages.
    prefix: String,
    last_said: u64,
    settled: Settled,
    nick: Option<Nick>,
    /// With what the session can be resumed.
    token: Option<String>,
    /// Whether the session has got as far as to take requests.
    is_entered: bool,
    /// Whether there was a session before.
    had_session: bool,
    rooms: BTreeMap<RoomName, Seat>,
    /// The rooms that are being entered again, by the number of the request: in this session, over however many
    /// connections.
    rejoining: BTreeMap<u64, RoomName>,
    last_number: u64,
    /// Requests without an answer, by number: in the order in which they were made.
    requests: BTreeMap<u64, Pending>,
    /// Those of them that are to be written.
    unsent: VecDeque<u64>,
    /// Lines of the client's own that are to be written.
    own: Vec<u8>,
    closing: Option<Option<Body>>,
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Down,
    LoggingIn,
    Greeting,
    Resuming,
    Naming,
    Up,
    Quitting,
    Over,
}

/// A request without an answer.
#[derive(Debug)]
struct Pending {
    request: Request,
    sender: ReplySender,
    /// Whether the server may have it.
    may_have_reached: bool,
    /// Whether nobody waits for it any more.
    is_abandoned: bool,
}

/// What the client knows of a room that it is in.
#[derive(Debug, Default)]
struct Seat {
    /// The number of the last message that was received or is known to be missed.
    seen: Option<u64>,
    /// Whether it may have been entered again since anything was heard of it, and its numbers may have begun anew:
    /// it is being entered in a new session, or a join got no answer before the connection was lost.
    is_returning: bool,
}

impl Conversation {
    pub(super) fn new(
        nick: Option<Nick>,
        credentials: Option<Credentials>,
        rejoin: bool,
        max_outstanding: usize,
        prefix: String,
    ) -> Self {
        Self {
            stage: Stage::Down,
            credentials,
            wanted_nick: nick,
            rejoin,
            max_outstanding: max_outstanding.max(1),
            prefix,
            last_said: 0,
            settled: Settled::default(),
            nick: None,
            token: None,
            is_entered: false,
            had_session: false,
            rooms: BTreeMap::new(),
            rejoining: BTreeMap::new(),
            last_number: 0,
            requests: BTreeMap::new(),
            unsent: VecDeque::new(),
            own: Vec::new(),
            closing: None,
        }
    }

    /// Takes a request, unless there are too many.
    pub(super) fn submit(
        &mut self,
        request: &Request,
    ) -> Option<(u64, oneshot::Receiver<Result<Reply, ClientError>>)> {
        if self.requests.len() >= self.max_outstanding {
            return None;
        }
        let mut request = request.clone();
        if let Request::Say { room, sequence, .. } = &mut request {
            self.last_said += 1;
            *sequence = self.last_said;
            self.settled.open(room, *sequence);
        }
        let (sender, receiver) = oneshot::channel();
        self.last_number += 1;
        let pending = Pending {
            request,
            sender,
            may_have_reached: false,
            is_abandoned: false,
        };
        self.requests.insert(self.last_number, pending);
        self.unsent.push_back(self.last_number);
        Some((self.last_number, receiver))
    }

    /// Nobody waits for this request any more. It is taken back where that is still possible.
    pub(super) fn abandon(&mut self, number: u64, due: &mut Due) {
        let unsent = self.unsent.iter().position(|unsent| *unsent == number);
        if let Some(position) = unsent {
            self.unsent.remove(position);
            if let Some(pending) = self.requests.remove(&number) {
                self.close_say(&pending.request, false);
            }
            due.freed += 1;
        } else if let Some(pending) = self.requests.get_mut(&number) {
            pending.is_abandoned = true;
        }
    }

    /// Says goodbye once every request has its answer.
    pub(super) fn close(&mut self, reason: Option<Body>) {
        self.closing.get_or_insert(reason);
    }

    /// There is a connection.
    pub(super) fn connected(&mut self, due: &mut Due) {
        self.own.clear();
        match &self.token {
            Some(token) => {
                let seen = |(room, seat): (_, &Seat)| Some((room, seat.seen?));
                let seen = self.rooms.iter().filter_map(seen).collect();
                Own::Resume { token, seen }.encode(&mut self.own);
                self.stage = Stage::Resuming;
            }
            None => self.begin_session(due),
        }
    }

    /// There is no connection any more.
    pub(super) fn disconnected(&mut self) {
        self.own.clear();
        self.settled.lose_answers();
        self.stage = Stage::Down;
    }

    /// Asks for a sign of life, unless it is about to already.
    pub(super) fn ping(&mut self) {
        if self.own.is_empty() {
            Own::Ping.encode(&mut self.own);
        }
    }

    /// The server has sent a frame.
    ///
    /// # Errors
    ///
    /// When the connection cannot go on.
    pub(super) fn handle(
        &mut self,
        frame: Frame,
        events: &mut EventQueue,
        due: &mut Due,
    ) -> Result<(), Disconnect> {
        match frame {
            Frame::Answer { id, outcome } => {
                let handled = match id {
                    Id::Number(number) => self.handle_answer(number, outcome, due),
                    Id::Word(word) => self.handle_own_answer(&word, outcome, events, due)?,
                };
                handled.map_err(Disconnect::BadFrame)
            }
            Frame::Event(event) => {
                if self.has_session() {
                    self.handle_event(event, events, due);
                }
                Ok(())
            }
            Frame::Closing { .. } if self.stage == Stage::Quitting => {
                self.stage = Stage::Over;
                Ok(())
            }
            Frame::Closing { code, text } => Err(Disconnect::Closed { code, text }),
            Frame::Ping => {
                self.ping();
                Ok(())
            }
            Frame::Unknown => Ok(()),
        }
    }

    /// Whether the connection has the session. What comes before is for the person that the server took the peer for, if
    /// the first line was late.
    fn has_session(&self) -> bool {
        !matches!(
            self.stage,
            Stage::LoggingIn | Stage::Greeting | Stage::Resuming
        )
    }

    /// Appends what is to be sent: about as much as goes into one write.
    pub(super) fn transmit(&mut self, out: &mut Vec<u8>) {
        const ENOUGH: usize = 16 * 1024;
        out.append(&mut self.own);
        if self.stage != Stage::Up {
            return;
        }
        while out.len() < ENOUGH
            && let Some(number) = self.unsent.pop_front()
        {
            let Some(pending) = self.requests.get_mut(&number) else {
                continue;
            };
            let name = |sequence| format!("{}-{sequence}", self.prefix);
            let names = match &pending.request {
                Request::Say { room, sequence, .. } => Names {
                    own: Some(name(*sequence)),
                    settled: self.settled.take(room).map(name),
                },
                _ => Names::default(),
            };
            pending.request.encode(number, &names, out);
            pending.may_have_reached = true;
        }
        if let Some(reason) = &self.closing
            && self.requests.is_empty()
        {
            Own::Quit(reason.as_ref()).encode(out);
            self.stage = Stage::Quitting;
        }
    }

    /// The end: nothing gets an answer any more. Returns how many requests that leaves without one.
    pub(super) fn end(&mut self, end: &End, due: &mut Due) -> usize {
        self.disconnected();
        self.unsent.clear();
        let requests = std::mem::take(&mut self.requests);
        let mut unanswered = 0;
        for pending in requests.into_values() {
            if pending.is_abandoned {
                due.freed += 1;
                continue;
            }
            unanswered += 1;
            let is_open = pending.may_have_reached && !pending.request.only_reads();
            let error = match is_open {
                true => ClientError::Unknown,
                false => ClientError::Ended(end.clone()),
            };
            due.reply(pending.sender, Err(error));
        }
        unanswered
    }

    pub(super) fn nick(&self) -> Option<&Nick> {
        self.nick.as_ref()
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        self.rooms.keys()
    }

    /// Whether requests are being answered.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up | Stage::Quitting)
    }

    /// Whether the goodbye was said, and nothing is left to be done but to hang up.
    pub(super) fn is_quitting(&self) -> bool {
        matches!(self.stage, Stage::Quitting | Stage::Over)
    }

    /// Whether the server has taken leave as well.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether every request has its answer.
    pub(super) fn is_drained(&self) -> bool {
        self.requests.is_empty()
    }

    fn handle_answer(
        &mut self,
        number: u64,
        outcome: Outcome,
        due: &mut Due,
    ) -> Result<(), FrameError> {
        let Some(pending) = self.requests.remove(&number) else {
            return Ok(());
        };
        self.close_say(&pending.request, outcome.is_ok());
        let reply = match outcome {
            Ok(ok) => self.read_reply(&pending.request, ok),
            Err(Refusal { code, text }) => {
                due.reply(pending.sender, Err(ClientError::Refused { code, text }));
                return Ok(());
            }
        };
        match reply {
            Ok(reply) => {
                due.reply(pending.sender, Ok(reply));
                Ok(())
            }
            Err(error) => {
                due.reply(pending.sender, Err(ClientError::Unknown));
                Err(error)
            }
        }
    }

    fn read_reply(&mut self, request: &Request, ok: Value) -> Result<Reply, FrameError> {
        Ok(match request {
            Request::Join(room) => {
                let joined = Joined::read(ok)?;
                let seat = self.rooms.entry(room.clone()).or_default();
                seat.seen = match std::mem::take(&mut seat.is_returning) {
                    true => Some(joined.last),
                    false => seat.seen.max(Some(joined.last)),
                };
                Reply::Joined(joined)
            }
            Request::Leave(room) => {
                self.rooms.remove(room);
                Reply::Done
            }
            Request::Say { .. } => Reply::Said(Said::read(ok)?),
            Request::Nick(_) => {
                let nick = Nick::read(ok)?;
                self.wanted_nick = Some(nick.clone());
                self.nick = Some(nick.clone());
                Reply::Nick(nick)
            }
            Request::TopicOf(_) => Reply::Topic(Answer::read(ok)?),
            Request::Rooms => Reply::Rooms(Answer::read(ok)?),
            Request::Who(_) => Reply::Occupants(Answer::read(ok)?),
            Request::History { .. } => Reply::Messages(Answer::read(ok)?),
            Request::Message { .. } | Request::Topic { .. } | Request::Ping => Reply::Done,
        })
    }

    /// The answer to something that the client has asked for itself. What makes no sense is the inner
    /// error.
    fn handle_own_answer(
        &mut self,
        word: &str,
        outcome: Outcome,
        events: &mut EventQueue,
        due: &mut Due,
    ) -> Result<Result<(), FrameError>, Disconnect> {
        match (self.stage, word) {
            (Stage::LoggingIn, id::LOG_IN) => {
                outcome.map_err(refused)?;
                self.greet();
            }
            (Stage::Greeting, id::HELLO) => match Welcome::read(outcome.map_err(refused)?) {
                Ok(welcome) => self.name(welcome, events, due),
                Err(error) => return Ok(Err(error)),
            },
            (Stage::Resuming, id::RESUME) => match outcome.map(Welcome::read) {
                Ok(Ok(welcome)) if welcome.resumed && self.is_entered => {
                    self.resume(welcome, events, due);
                }
                Ok(Ok(welcome)) => self.name(welcome, events, due),
                Ok(Err(error)) => return Ok(Err(error)),
                Err(refusal) if refusal.code == "undecided" => return Err(refused(refusal)),
                Err(_) => self.begin_session(due),
            },
            (Stage::Naming, id::NICK) => match outcome.map(Nick::read) {
                Ok(Ok(nick)) => {
                    self.nick = Some(nick);
                    self.enter(events, due);
                }
                Ok(Err(error)) => return Ok(Err(error)),
                // In a session that takes the place of a lost one, another nick is better than none.
                Err(_) if self.had_session => self.enter(events, due),
                Err(refusal) => return Err(refused(refusal)),
            },
            (Stage::Quitting, id::QUIT) => self.stage = Stage::Over,
            (_, word) => {
                let number = word.strip_prefix(id::REJOIN);
                if let Some(number) = number.and_then(|number| number.parse().ok())
                    && let Some(room) = self.rejoining.remove(&number)
                {
                    return Ok(self.handle_rejoin(room, outcome, events, due));
                }
            }
        }
        Ok(Ok(()))
    }

    fn handle_rejoin(
        &mut self,
        room: RoomName,
        outcome: Outcome,
        events: &mut EventQueue,
        due: &mut Due,
    ) -> Result<(), FrameError> {
        match outcome.map(Joined::read) {
            Ok(joined) => {
                let joined = joined?;
                let last = joined.last;
                let seat = self.rooms.entry(room.clone()).or_default();
                seat.is_returning = false;
                let missed = seat.seen.filter(|&seen| seen < last);
                seat.seen = Some(last);
                events.push(Event::Rejoined(joined), due);
                if let Some(seen) = missed {
                    events.push(missing(room, seen + 1, last), due);
                }
            }
            Err(Refusal { code, text }) => {
                self.rooms.remove(&room);
                events.push(Event::NotRejoined { room, code, text }, due);
            }
        }
        Ok(())
    }

    fn handle_event(&mut self, event: Event, events: &mut EventQueue, due: &mut Due) {
        match event {
            Event::Message(message) => self.handle_message(message, events, due),
            Event::Missed(missed) => self.handle_missed(missed, events, due),
            event => {
                match &event {
                    Event::Left { room, nick } | Event::Kicked { room, nick, .. }
                        if Some(nick) == self.nick.as_ref() =>
                    {
                        self.rooms.remove(room);
                    }
                    // A place that is known may be that of before: the answer that told of it may have been made when
                    // it was already lost.
                    Event::Joined { room, nick } if Some(nick) == self.nick.as_ref() => {
                        if let Some(seat) = self.rooms.get_mut(room)
                            && !seat.is_returning
                        {
                            seat.seen = None;
                        }
                    }
                    Event::RoomClosed { room, .. } => {
                        self.rooms.remove(room);
                    }
                    Event::Renamed { from, nick, .. } if Some(from) == self.nick.as_ref() => {
                        self.nick = Some(nick.clone());
                    }
                    _ => {}
                }
                events.push(event, due);
            }
        }
    }

    fn handle_message(&mut self, message: Message, events: &mut EventQueue, due: &mut Due) {
        if let Some(seat) = self.seat(&message.room) {
            let seen = seat.seen.replace(message.number);
            if !std::mem::take(&mut seat.is_returning) && seen >= Some(message.number) {
                seat.seen = seen;
                return;
            }
            if let Some(first) = seen.and_then(|seen| seen.checked_add(1))
                && first < message.number
            {
                let room = message.room.clone();
                events.push(missing(room, first, message.number - 1), due);
            }
        }
        events.push(Event::Message(message), due);
    }

    fn handle_missed(&mut self, mut missed: Missed, events: &mut EventQueue, due: &mut Due) {
        if let Some((first, last)) = missed.messages
            && let Some(seat) = self.seat(&missed.room)
        {
            // What was seen is not missed.
            let begins_anew = std::mem::take(&mut seat.is_returning) && seat.seen >= Some(first);
            let seen = seat.seen.filter(|_| !begins_anew);
            let first = seen.map_or(first, |seen| seen.saturating_add(1));
            missed.messages = (first <= last).then_some((first, last));
            seat.seen = seen.max(Some(last));
        }
        if missed.messages.is_some() || missed.presence > 0 {
            events.push(Event::Missed(missed), due);
        }
    }

    /// What is known of a room that the client is in, or is about to be told that it is in: messages may
    /// come before the answer to the join.
    fn seat(&mut self, room: &RoomName) -> Option<&mut Seat> {
        let is_join =
            |pending: &Pending| matches!(&pending.request, Request::Join(joined) if joined == room);
        if !self.rooms.contains_key(room) && self.requests.values().any(is_join) {
            self.rooms.insert(room.clone(), Seat::default());
        }
        self.rooms.get_mut(room)
    }

    /// Says who one is, in a new session.
    fn begin_session(&mut self, due: &mut Due) {
        if self.is_entered {
            self.lose_session(due);
        }
        self.token = None;
        self.is_entered = false;
        match &self.credentials {
            Some(credentials) => {
                Own::LogIn(credentials).encode(&mut self.own);
                self.stage = Stage::LoggingIn;
            }
            None => self.greet(),
        }
    }

    /// Says hello without a nick, which is taken in a second step: if the welcome were lost on the way,
    /// a session that cannot be resumed would hold on to the nick for the whole grace period.
    fn greet(&mut self) {
        Own::Hello.encode(&mut self.own);
        self.stage = Stage::Greeting;
    }

    fn name(&mut self, welcome: Welcome, events: &mut EventQueue, due: &mut Due) {
        self.token = welcome.token;
        let is_named = match &self.wanted_nick {
            Some(wanted) => wanted.as_str() == welcome.nick.as_str(),
            None => true,
        };
        self.nick = Some(welcome.nick);
        match &self.wanted_nick {
            Some(wanted) if !is_named => {
                Own::Nick(wanted).encode(&mut self.own);
                self.stage = Stage::Naming;
            }
            _ => self.enter(events, due),
        }
    }

    /// Goes on in a new session.
    fn enter(&mut self, events: &mut EventQueue, due: &mut Due) {
        self.is_entered = true;
        self.stage = Stage::Up;
        if !std::mem::replace(&mut self.had_session, true) {
            return;
        }
        if let Some(nick) = self.nick.clone() {
            events.push(Event::SessionLost { nick }, due);
        }
        if !self.rejoin {
            self.rooms.clear();
        }
        self.rejoining.clear();
        for (room, seat) in &mut self.rooms {
            seat.is_returning = true;
            self.last_number += 1;
            let number = self.last_number;
            self.rejoining.insert(number, room.clone());
            Own::Rejoin { number, room }.encode(&mut self.own);
        }
    }

    /// Goes on in the session from before.
    fn resume(&mut self, welcome: Welcome, events: &mut EventQueue, due: &mut Due) {
        self.token = welcome.token;
        self.nick = Some(welcome.nick.clone());
        let there: BTreeSet<_> = welcome.rooms.iter().cloned().collect();
        // It may have been done, and a leave before it, without a word of either.
        for pending in self.requests.values() {
            if let Request::Join(room) = &pending.request
                && pending.may_have_reached
                && let Some(seat) = self.rooms.get_mut(room)
            {
                seat.is_returning = true;
            }
        }
        self.settle(&Fate::Resumed(&welcome.nick, &there), due);
        // What had no answer is asked for again, unless the room was left since.
        self.rejoining
            .retain(|_, room| self.rooms.contains_key(room));
        self.rooms.retain(|room, _| {
            there.contains(room) || self.rejoining.values().any(|rejoined| rejoined == room)
        });
        for (&number, room) in &self.rejoining {
            Own::Rejoin { number, room }.encode(&mut self.own);
        }
        for room in there {
            self.rooms.entry(room).or_default();
        }
        self.stage = Stage::Up;
        let resumed = Event::Resumed {
            nick: welcome.nick,
            rooms: welcome.rooms,
        };
        events.push(resumed, due);
    }

    fn lose_session(&mut self, due: &mut Due) {
        self.settle(&Fate::Lost, due);
        self.settled.clear();
        for pending in self.requests.values() {
            if let Request::Say { room, sequence, .. } = &pending.request {
                self.settled.open(room, *sequence);
            }
        }
    }

    /// Decides for every request what becomes of it after the connection was lost: it is answered by what
    /// is known of the session, or sent again, or nobody knows.
    fn settle(&mut self, fate: &Fate<'_>, due: &mut Due) {
        let joins = self.requests_of(|request| match request {
            Request::Join(room) => Some(room.clone()),
            _ => None,
        });
        let last_nick = self
            .requests_of(|request| matches!(request, Request::Nick(_)).then_some(()))
            .last()
            .map(|(number, ())| *number);
        let requests = std::mem::take(&mut self.requests);
        self.unsent.clear();
        for (number, pending) in requests {
            let verdict = match (pending.may_have_reached, &pending.request, fate) {
                _ if pending.is_abandoned => Verdict::Forget,
                (false, ..) => Verdict::Send,
                (_, Request::Message { .. } | Request::Topic { .. }, _) => Verdict::Unknown,
                (_, Request::Say { .. }, Fate::Lost) => Verdict::Unknown,
                (_, Request::Leave(room), Fate::Lost) => {
                    self.rooms.remove(room);
                    Verdict::Answer(Reply::Done)
                }
                (_, Request::Leave(room), Fate::Resumed(_, there)) => {
                    let may_be_entered = joins.iter().any(|(_, joined)| joined == room);
                    if !there.contains(room) && !may_be_entered {
                        self.rooms.remove(room);
                        Verdict::Answer(Reply::Done)
                    } else {
                        Verdict::Send
                    }
                }
                (_, Request::Nick(_), Fate::Resumed(..)) if last_nick != Some(number) => {
                    Verdict::Unknown
                }
                (_, Request::Nick(wanted), Fate::Resumed(nick, _))
                    if wanted.as_str() == nick.as_str() =>
                {
                    self.wanted_nick = Some(wanted.clone());
                    Verdict::Answer(Reply::Nick(wanted.clone()))
                }
                _ => Verdict::Send,
            };
            match verdict {
                Verdict::Send => {
                    self.unsent.push_back(number);
                    self.requests.insert(number, pending);
                }
                Verdict::Answer(reply) => due.reply(pending.sender, Ok(reply)),
                Verdict::Unknown => due.reply(pending.sender, Err(ClientError::Unknown)),
                Verdict::Forget => {
                    self.close_say(&pending.request, false);
                    due.freed += 1;
                }
            }
        }
    }

    /// A message will not be said again.
    fn close_say(&mut self, request: &Request, was_said: bool) {
        if let Request::Say { room, sequence, .. } = request {
            self.settled.close(room, *sequence, was_said);
        }
    }

    fn requests_of<T>(&self, of: impl Fn(&Request) -> Option<T>) -> Vec<(u64, T)> {
        let requests = self.requests.iter();
        let requests =
            requests.filter_map(|(number, pending)| Some((*number, of(&pending.request)?)));
        requests.collect()
    }
}

/// What became of the session when the connection was lost.
enum Fate<'a> {
    /// It goes on, under this nick and in these rooms.
    Resumed(&'a Nick, &'a BTreeSet<RoomName>),
    /// It is over.
    Lost,
}

/// What becomes of a request.
enum Verdict {
    Send,
    Answer(Reply),
    Unknown,
    Forget,
}

fn refused(Refusal { code, text }: Refusal) -> Disconnect {
    Disconnect::Refused { code, text }
}

fn missing(room: RoomName, first: u64, last: u64) -> Event {
    Event::Missed(Missed {
        room,
        messages: Some((first, last)),
        presence: 0,
    })
}

impl Request {
    pub(super) fn say(room: &RoomName, kind: MessageKind, body: Body) -> Self {
        Self::Say {
            room: room.clone(),
            kind,
            body,
            sequence: 0,
        }
    }
}
