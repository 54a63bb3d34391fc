//! Carries out what was typed, and says what happens in words.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::client::{Client, ClientError, End, Event, Joined};
use chat_core::event::Missed;
use chat_core::hub::Role;
use chat_core::message::{Body, Message, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::store::HistoryRange;

use crate::command::{Command, HELP};
use crate::line::{Kind, Line};

/// The client, and where in the chat one is.
#[derive(Clone)]
pub(crate) struct Chat {
    client: Client,
    /// Where messages go.
    current: Arc<Mutex<Option<RoomName>>>,
    /// How many messages of a room that is entered are shown.
    history: usize,
}

/// What came of a command.
pub(crate) type Outcome = Result<Vec<Line>, Failure>;

/// Why a command did not work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not done, or one does not know; others may be.
    Refused(String),
    /// Nothing will be done any more.
    Ended,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Ended(_) => Self::Ended,
            error => Self::Refused(in_words(&error)),
        }
    }
}

impl Chat {
    pub(crate) fn new(client: Client, history: usize) -> Self {
        Self {
            client,
            current: Arc::default(),
            history,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn current(&self) -> Option<RoomName> {
        self.lock().clone()
    }

    /// Carries out a command; says what is not told by an event.
    pub(crate) async fn execute(&self, command: Command) -> Outcome {
        let client = &self.client;
        match command {
            Command::Say(body) => self.say(MessageKind::Say, body).await?,
            Command::Act(body) => self.say(MessageKind::Action, body).await?,
            Command::Join(room) => return self.join(room).await,
            Command::Leave(room) => {
                let room = room.map_or_else(|| self.here(), Ok)?;
                client.leave(&room).await?;
                let mut current = self.lock();
                if current.as_ref() == Some(&room) {
                    *current = client.joined_rooms().into_iter().next();
                }
            }
            Command::Nick(nick) => {
                let nick = client.take_nick(nick).await?;
                if client.joined_rooms().is_empty() {
                    return Ok(vec![Line::notice(format!("you are now {nick}"))]);
                }
            }
            Command::Who => {
                let room = self.here()?;
                let who = client.who(&room).await?;
                let nick = |occupant: &chat_core::hub::Occupant| match occupant.role {
                    Role::Operator => format!("{} (operator)", occupant.nick),
                    _ => occupant.nick.to_string(),
                };
                let nicks: Vec<_> = who.iter().map(nick).collect();
                let nicks = nicks.join(", ");
                let count = who.len();
                return Ok(vec![Line::notice(format!("in {room} ({count}): {nicks}"))]);
            }
            Command::Rooms => {
                let rooms = client.rooms().await?.into_iter().map(|room| {
                    let members = counted(room.members, "member");
                    Line::notice(format!("{} ({members})", room.name))
                });
                return Ok(rooms.collect());
            }
            Command::Message(nick, body) => {
                let line = Line::new(Kind::Private, format!("[private to {nick}] {body}"));
                client.message(&nick, body).await?;
                return Ok(vec![line]);
            }
            Command::Topic => {
                let room = self.here()?;
                let topic = client.topic(&room).await?;
                return Ok(vec![Line::notice(match topic {
                    Some(topic) => format!("the topic of {room}: {topic}"),
                    None => format!("{room} has no topic"),
                })]);
            }
            Command::SetTopic(topic) => client.set_topic(&self.here()?, topic).await?,
            Command::History(count) => {
                let room = self.here()?;
                let count = count.map_or(self.history.max(1), NonZeroUsize::get);
                let messages = client.history(&room, HistoryRange::Latest, count).await?;
                if messages.is_empty() {
                    return Ok(vec![Line::notice(format!("no messages in {room} yet"))]);
                }
                return Ok(messages.iter().map(said).collect());
            }
            Command::Help => return Ok(HELP.iter().map(Line::notice).collect()),
            Command::Quit(reason) => client.quit(reason).await?,
        }
        Ok(Vec::new())
    }

    async fn say(&self, kind: MessageKind, body: Body) -> Result<(), Failure> {
        let said = self.client.say(&self.here()?, kind, body.clone()).await;
        match said {
            Ok(_) => Ok(()),
            Err(ClientError::Unknown) => Err(Failure::Refused(format!(
                "the connection was lost, and it is not known whether this was said: {body}"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    async fn join(&self, room: RoomName) -> Outcome {
        if self.client.joined_rooms().contains(&room) {
            let line = Line::notice(format!("what you say goes to {room} now"));
            *self.lock() = Some(room);
            return Ok(vec![line]);
        }
        let joined = self.client.join(&room).await?;
        *self.lock() = Some(joined.room.clone());
        let mut lines = introduced(&joined);
        if self.history > 0 && joined.last > 0 {
            // What came after joining is told by events.
            let before = HistoryRange::Before(joined.last.saturating_add(1));
            let messages = self.client.history(&room, before, self.history).await?;
            lines.extend(messages.iter().map(said));
        }
        Ok(lines)
    }

    fn here(&self) -> Result<RoomName, Failure> {
        let nowhere = || Failure::Refused("you are in no room; /join one".to_owned());
        self.current().ok_or_else(nowhere)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<RoomName>> {
        // Nothing can panic while it is held.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reason behind what it is the reason of.
fn bracketed(reason: &Option<Body>) -> String {
    match reason {
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    }
}

/// An event in words.
pub(crate) fn told(event: &Event, own: Option<&Nick>) -> Vec<Line> {
    let notice = |text: String| vec![Line::notice(text)];
    match event {
        Event::Message(message) => vec![said(message)],
        Event::Private(message) => {
            let text = format!("[private] {}: {}", message.sender, message.body);
            vec![Line::new(Kind::Private, text)]
        }
        Event::Joined { room, nick } => notice(format!("{nick} joined {room}")),
        Event::Left { room, nick } => notice(format!("{nick} left {room}")),
        Event::Quit { room, nick, reason } => {
            notice(format!("{nick} left {room}{}", bracketed(reason)))
        }
        Event::Renamed { from, nick, .. } => notice(format!("{from} is now {nick}")),
        Event::Topic { room, nick, topic } => notice(match topic {
            Some(topic) => format!("{nick} set the topic of {room}: {topic}"),
            None => format!("{nick} took away the topic of {room}"),
        }),
        Event::Kicked { room, nick, reason } => notice(format!(
            "{nick} was kicked from {room}{}",
            bracketed(reason)
        )),
        Event::RoomClosed { room, reason } => {
            notice(format!("{room} was closed{}", bracketed(reason)))
        }
        Event::Missed(missed) => missed_in_words(missed),
        Event::Lagged(lagged) => {
            let rooms = lagged.messages.iter();
            let rooms = rooms.map(|(room, range)| not_seen(room, *range));
            rooms.collect()
        }
        Event::Disconnected(why) => {
            vec![Line::refusal(format!("connection lost: {}", in_words(why)))]
        }
        Event::Reconnecting {
            attempt,
            delay,
            why,
        } => {
            let after = seconds(*delay);
            match attempt {
                1 => notice(format!("trying again in {after}")),
                _ => notice(format!(
                    "{}; trying again in {after} (attempt {attempt})",
                    in_words(why)
                )),
            }
        }
        Event::Resumed { nick, .. } => notice(format!("connected again, as {nick}")),
        Event::SessionLost { nick } => {
            notice(format!("connected again, in a new session, as {nick}"))
        }
        Event::Rejoined(joined) => introduced(joined),
        Event::NotRejoined { room, text, .. } => {
            vec![Line::refusal(format!(
                "you are no longer in {room}: {text}"
            ))]
        }
        Event::Ended(End::Closed) => match own {
            Some(nick) => notice(format!("goodbye, {nick}")),
            None => notice("goodbye".to_owned()),
        },
        Event::Ended(end) => vec![Line::refusal(in_words(end))],
        _ => Vec::new(),
    }
}

/// An error as people say it, without the system's number for it.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((before, after)) => match after.split_once(')') {
            Some((_, after)) => format!("{before}{after}"),
            None => before.to_owned(),
        },
        None => text,
    }
}

/// A duration as people say it.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn said(message: &Message) -> Line {
    let Message {
        room,
        sender,
        body,
        kind,
        ..
    } = message;
    let text = match kind {
        MessageKind::Action => format!("[{room}] * {sender} {body}"),
        _ => format!("[{room}] {sender}: {body}"),
    };
    Line::new(Kind::Message, text)
}

fn introduced(joined: &Joined) -> Vec<Line> {
    let room = &joined.room;
    let members = counted(joined.members, "member");
    let mut lines = vec![Line::notice(format!("you are in {room} ({members})"))];
    if let Some(topic) = &joined.topic {
        lines.push(Line::notice(format!("the topic of {room}: {topic}")));
    }
    lines
}

fn missed_in_words(missed: &Missed) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(missed.messages.map(|range| not_seen(&missed.room, range)));
    if missed.presence > 0 {
        let changes = usize::try_from(missed.presence).unwrap_or(usize::MAX);
        let changes = counted(changes, "change");
        let room = &missed.room;
        lines.push(Line::notice(format!(
            "you missed {changes} of members, nicks or topic in {room}"
        )));
    }
    lines
}

fn not_seen(room: &RoomName, (first, last): (u64, u64)) -> Line {
    let count = usize::try_from(last - first).unwrap_or(usize::MAX);
    let messages = counted(count.saturating_add(1), "message");
    Line::notice(format!("you missed {messages} in {room} ({first}–{last})"))
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use chat_core::client::Disconnect;

    use super::*;

    #[test]
    fn the_systems_number_for_an_error_is_not_told() {
        let refused = Arc::new(io::Error::from_raw_os_error(111));
        let again = Event::Reconnecting {
            attempt: 2,
            delay: Duration::from_millis(1500),
            why: Disconnect::Unreachable(Arc::clone(&refused)),
        };
        let lost = Event::Disconnected(Disconnect::Io(refused));
        for (event, begins, ends) in [
            (
                again,
                "* cannot connect: ",
                "; trying again in 1.5 s (attempt 2)",
            ),
            (lost, "! connection lost: the connection failed: ", ""),
        ] {
            let lines = told(&event, None);
            let [line] = &lines[..] else {
                panic!("{lines:?}");
            };
            assert!(
                line.text.starts_with(begins) && line.text.ends_with(ends),
                "{line:?}"
            );
            assert!(!line.text.contains("os error"), "{line:?}");
        }
    }
}
