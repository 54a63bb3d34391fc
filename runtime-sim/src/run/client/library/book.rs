//! What a program hears and is answered that uses the client library, and whether that is as promised.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chat_core::client::{Backoff, Client, ClientError, Event, Lagged, Said};
use chat_core::name::{Nick, RoomName};

use super::tap::Lines;
use crate::model::{Model, Promise, Sort, folded};
use crate::plan::PlanConfig;

/// Of one client, from its beginning to its end.
pub(super) struct Book {
    backoff: Backoff,
    lines: Lines,
    /// Whether what is said may come in other words.
    reworded: bool,
    /// Whether the client enters its rooms again in a new session.
    rejoins: bool,
    /// What it was ever called.
    names: BTreeSet<String>,
    rooms: BTreeMap<String, Heard>,
    /// What was said, and is to be heard: the room, the number, and the text.
    said: Vec<(String, u64, String)>,
    /// How many requests have an answer.
    pub(super) answers: u64,
    /// Whether it has dropped more than messages, so that it is not known what else happened.
    has_dropped: bool,
    /// Whether the end was announced.
    ended: bool,
}

/// What was heard of a room.
#[derive(Default)]
struct Heard {
    /// The last number, as long as the client is in the room.
    last: Option<u64>,
    /// Whether the client may have been out of the room without having heard of it, so that its numbers may
    /// have begun anew.
    may_begin_anew: bool,
    /// How often it was asked to be in.
    joins: u64,
    texts: BTreeSet<(u64, String)>,
    gaps: Vec<(u64, u64)>,
    /// The last numbers that there were when the client was let in again.
    returns: BTreeSet<u64>,
}

impl Book {
    pub(super) fn new(backoff: Backoff, lines: Lines, config: &PlanConfig) -> Self {
        Self {
            backoff,
            lines,
            reworded: config.hook_rewrites > 0,
            rejoins: config.library_rejoin > 0,
            names: BTreeSet::new(),
            rooms: BTreeMap::new(),
            said: Vec::new(),
            answers: 0,
            has_dropped: false,
            ended: false,
        }
    }

    /// The program is about to ask for being in a room.
    pub(super) fn joins(&mut self, room: &RoomName) {
        self.room(room).joins += 1;
    }

    /// What the client is called in its first session.
    pub(super) fn names_of(&mut self, client: &Client) {
        if let Some(nick) = client.nick() {
            self.is_called(&nick);
        }
    }

    /// The client is, or may be, called that.
    pub(super) fn is_called(&mut self, nick: &Nick) {
        self.names.insert(folded(nick.as_str()));
    }

    /// A message has its answer.
    pub(super) fn is_answered(
        &mut self,
        text: &str,
        answer: Result<Said, ClientError>,
        model: &mut Model,
    ) {
        match answer {
            Ok(said) => {
                let room = said.room.as_str();
                model.ledger.acknowledged(room, text, said.number);
                if said.duplicate {
                    model.sometimes.count(Sort::LibraryDuplicate);
                } else {
                    self.said.push((folded(room), said.number, text.into()));
                }
            }
            Err(ClientError::Refused { .. } | ClientError::Ended(_)) => model.ledger.refused(text),
            Err(ClientError::Unknown) => model.sometimes.count(Sort::LibraryUnknown),
            Err(error) => {
                let detail = format!("{text:?} is answered with {error:?}");
                model.breaks(Promise::Answers, detail);
            }
        }
    }

    /// The client tells of something.
    pub(super) fn hears(&mut self, event: &Event, model: &mut Model) {
        if self.ended {
            let detail = format!("{event:?} comes after the end");
            model.breaks(Promise::Client, detail);
        }
        match event {
            Event::Message(message) => {
                let number = message.number;
                self.hears_range(&message.room, (number, number), model);
                let text = match self.reworded {
                    true => String::new(),
                    false => message.body.as_str().into(),
                };
                self.room(&message.room).texts.insert((number, text));
            }
            Event::Missed(missed) => {
                if let Some(range) = missed.messages {
                    let (room, last) = (missed.room.as_str(), range.1);
                    let is_told = self.has_dropped
                        || self.lines.tell_of_gap(room, last)
                        || self.room(&missed.room).returns.contains(&last);
                    if !is_told {
                        let detail = format!("{range:?} of {room} was not missed");
                        model.breaks(Promise::Numbers, detail);
                    }
                    self.hears_range(&missed.room, range, model);
                    self.room(&missed.room).gaps.push(range);
                }
            }
            Event::Lagged(lagged) => self.lags(lagged, model),
            Event::Joined { room, nick }
            | Event::Left { room, nick }
            | Event::Kicked { room, nick, .. }
                if self.names.contains(&folded(nick.as_str())) =>
            {
                self.room(room).last = None;
            }
            Event::RoomClosed { room, .. } | Event::NotRejoined { room, .. } => {
                self.room(room).last = None;
            }
            Event::Renamed { from, nick, .. } if self.names.contains(&folded(from.as_str())) => {
                self.is_called(nick);
            }
            Event::Reconnecting { attempt, delay, .. } => self.waits(*attempt, *delay, model),
            Event::Resumed { nick, rooms } => {
                model.sometimes.count(Sort::LibraryResumed);
                self.is_called(nick);
                let rooms: BTreeSet<_> = rooms.iter().map(|room| folded(room.as_str())).collect();
                for (room, heard) in &mut self.rooms {
                    if !rooms.contains(room) {
                        heard.last = None;
                    }
                    // A leave and a join may have been done without an answer.
                    heard.may_begin_anew |= heard.joins > 1;
                }
            }
            Event::SessionLost { nick } => {
                model.sometimes.count(Sort::LibrarySessionLost);
                self.is_called(nick);
                for heard in self.rooms.values_mut() {
                    heard.may_begin_anew = true;
                    heard.last = heard.last.filter(|_| self.rejoins);
                }
            }
            Event::Rejoined(joined) => {
                let heard = self.room(&joined.room);
                heard.returns.insert(joined.last);
                heard.may_begin_anew = false;
                heard.last = heard.last.map(|last| last.min(joined.last));
            }
            Event::Ended(_) => self.ended = true,
            _ => {}
        }
    }

    /// Nothing more comes: what was said has to be among it.
    pub(super) fn closes(&self, model: &mut Model) {
        if !self.ended {
            model.breaks(Promise::Client, "the events ended without the end");
        }
        for (room, number, text) in &self.said {
            let text = if self.reworded { "" } else { text };
            let is_told = self.rooms.get(room).is_some_and(|heard| {
                heard.texts.contains(&(*number, text.into()))
                    || heard
                        .gaps
                        .iter()
                        .any(|&(first, last)| (first..=last).contains(number))
            });
            if !is_told {
                let detail = format!(
                    "{text:?} was said as number {number} of {room}, and neither heard nor missed"
                );
                model.breaks(Promise::Numbers, detail);
            }
        }
    }

    fn room(&mut self, room: &RoomName) -> &mut Heard {
        self.rooms.entry(folded(room.as_str())).or_default()
    }

    fn hears_range(&mut self, room: &RoomName, (first, last): (u64, u64), model: &mut Model) {
        let heard = self.room(room);
        let known = heard.last.replace(last);
        let begins_anew = heard.may_begin_anew && known >= Some(first);
        if let Some(known) = known
            && known + 1 != first
            && !begins_anew
        {
            let detail = format!("{first} to {last} of {room} come after number {known}");
            model.breaks(Promise::Numbers, detail);
        }
    }

    /// Something was dropped because the program was slow.
    fn lags(&mut self, lagged: &Lagged, model: &mut Model) {
        model.sometimes.count(Sort::LibraryLagged);
        let counted = lagged
            .messages
            .values()
            .map(|(first, last)| last - first + 1);
        let counted: u64 = counted.sum::<u64>() + lagged.private;
        let mut ranges = lagged.messages.iter();
        let goes_back = ranges.any(|(room, &(first, _))| self.room(room).last >= Some(first));
        // Otherwise what happened to the rooms may be among what was dropped.
        let only_messages = counted == lagged.events && !goes_back;
        for (room, &range) in &lagged.messages {
            if only_messages {
                self.hears_range(room, range, model);
            }
            let heard = self.room(room);
            heard.last = Some(range.1);
            heard.gaps.push(range);
            // From the lowest to the highest: so many may have been in two beginnings of the room as well.
            heard.may_begin_anew = true;
        }
        if only_messages {
            return;
        }
        self.has_dropped = true;
        for heard in self.rooms.values_mut() {
            // It may have left a room and come back since the last message that was dropped.
            heard.last = None;
            heard.may_begin_anew = true;
        }
    }

    fn waits(&self, attempt: u32, delay: Duration, model: &mut Model) {
        let doublings = attempt.saturating_sub(1).min(31);
        let longest = self.backoff.base.saturating_mul(1 << doublings);
        let too_long = delay > longest.min(self.backoff.max);
        let too_often = self.backoff.attempts.is_some_and(|most| attempt > most);
        if too_long || too_often || attempt == 0 {
            let detail = format!("attempt {attempt} is to be made after {delay:?}");
            model.breaks(Promise::Client, detail);
        }
    }
}
