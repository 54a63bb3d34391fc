//! What a program hears and is answered that uses the client library, and whether that is as promised.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chat_core::client::{Backoff, Client, ClientError, Disconnect, Event, Lagged, Said};
use chat_core::name::{Nick, RoomName};

use super::rejoins::Rejoins;
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
    /// What it was ever called, as far as it was heard of.
    names: BTreeSet<String>,
    /// Whether it may be called something else since then: what was dropped may have told.
    may_be_anybody: bool,
    rooms: BTreeMap<String, Heard>,
    rejoined: Rejoins,
    /// Whether the last that was heard of the connection is that it is lost.
    is_down: bool,
    /// How many attempts to connect there had been when client and server agreed on everything, if they did.
    rested: Option<u64>,
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
    /// How often it was asked to be in, and how many of these requests have no answer.
    joins: u64,
    open_joins: u64,
    /// Whether it is out of the room because it asked for that.
    has_left: bool,
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
            may_be_anybody: false,
            rooms: BTreeMap::new(),
            rejoined: Rejoins::default(),
            is_down: false,
            rested: None,
            said: Vec::new(),
            answers: 0,
            has_dropped: false,
            ended: false,
        }
    }

    /// The program is about to ask for being in a room.
    pub(super) fn joins(&mut self, room: &RoomName) {
        let heard = self.room(room);
        heard.joins += 1;
        heard.open_joins += 1;
        heard.has_left = false;
    }

    /// That has an answer.
    pub(super) fn has_joined(&mut self, room: &RoomName) {
        self.answers += 1;
        self.room(room).open_joins -= 1;
    }

    /// The program is about to ask for being out of a room. Returns how often it was asked to be in by then, if all that has
    /// an answer.
    pub(super) fn leaves(&mut self, room: &RoomName) -> Option<u64> {
        self.lines.asks_to_leave(room);
        let heard = self.room(room);
        (heard.open_joins == 0).then_some(heard.joins)
    }

    /// That has an answer. It is out for good if nothing asks for being in at the same time.
    pub(super) fn has_left(&mut self, room: &RoomName, asked: Option<u64>, is_done: bool) {
        self.answers += 1;
        self.lines.has_left(room);
        let heard = self.room(room);
        heard.has_left |= is_done && asked == Some(heard.joins);
    }

    /// Client and server have nothing more to say to each other, and agree on which rooms it is in.
    pub(super) fn rests(&mut self, rooms: &BTreeSet<String>, model: &mut Model) {
        self.rested = Some(self.lines.attempts());
        let left = rooms
            .iter()
            .find(|room| self.rooms.get(*room).is_some_and(|heard| heard.has_left));
        if let Some(room) = left {
            let detail = format!("the client is in {room} again, which it has left");
            model.breaks(Promise::Rooms, detail);
        }
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

    /// Whether somebody who is called that may be the client.
    fn may_be(&self, nick: &Nick) -> bool {
        self.may_be_anybody || self.names.contains(&folded(nick.as_str()))
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
                if self.may_be(nick) =>
            {
                self.room(room).last = None;
            }
            Event::RoomClosed { room, .. } => self.room(room).last = None,
            Event::NotRejoined { room, .. } => {
                self.returns_to(room, model);
                self.room(room).last = None;
            }
            Event::Renamed { from, nick, .. } if self.names.contains(&folded(from.as_str())) => {
                self.is_called(nick);
            }
            Event::Disconnected(why) => self.is_disconnected(why, model),
            Event::Reconnecting { attempt, delay, .. } => self.waits(*attempt, *delay, model),
            Event::Resumed { nick, rooms } => {
                model.sometimes.count(Sort::LibraryResumed);
                self.is_called(nick);
                self.may_be_anybody = false;
                self.is_down = false;
                self.rejoined.resumes();
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
                self.may_be_anybody = false;
                self.is_down = false;
                self.rejoined.begins(self.rejoins);
                for heard in self.rooms.values_mut() {
                    heard.may_begin_anew = true;
                    heard.last = heard.last.filter(|_| self.rejoins);
                }
            }
            Event::Rejoined(joined) => {
                model.sometimes.count(Sort::LibraryRejoined);
                self.returns_to(&joined.room, model);
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
        // After that another session may have begun that there was no time to tell all of.
        let has_rested = self.rested == Some(self.lines.attempts());
        if let Some(room) = self
            .rejoined
            .untold()
            .filter(|_| self.sees_all() && has_rested)
        {
            let detail = format!("the client did not tell whether it is in {room} again");
            model.breaks(Promise::Rooms, detail);
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

    /// Whether all is known that there was to hear, and how each conversation ended.
    fn sees_all(&self) -> bool {
        !self.has_dropped && !self.lines.are_blind()
    }

    /// The connection is lost.
    fn is_disconnected(&mut self, why: &Disconnect, model: &mut Model) {
        self.is_down = true;
        if !self.sees_all() {
            return;
        }
        let Some(loss) = self.lines.next_loss() else {
            let detail = format!("{why:?}, and no conversation has ended");
            return model.breaks(Promise::Client, detail);
        };
        if matches!(why, Disconnect::TimedOut) {
            model.sometimes.count(Sort::LibraryGaveUp);
            let patience = self.lines.patience();
            if loss.silence < patience.with_silence() || !loss.has_asked {
                let asked = if loss.has_asked { "" } else { ", unasked" };
                let silence = loss.silence;
                let detail = format!("the server was given up after {silence:?} of silence{asked}");
                model.breaks(Promise::Patience, detail);
            }
        }
        self.rejoined.loses(loss);
    }

    /// In a new session the client is in a room again, or is not let in.
    fn returns_to(&mut self, room: &RoomName, model: &mut Model) {
        if !self.rejoined.tells(room) && self.sees_all() {
            let detail = format!("the client enters {room} again, which was not to be entered");
            model.breaks(Promise::Rooms, detail);
        }
    }

    fn hears_range(&mut self, room: &RoomName, (first, last): (u64, u64), model: &mut Model) {
        let heard = self.room(room);
        let known = heard.last.replace(last);
        // What comes next tells whether they have; that they do later shows in other events.
        let begins_anew = std::mem::take(&mut heard.may_begin_anew) && known >= Some(first);
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
        let mut ranges = lagged.messages.iter();
        let has_gap = ranges.any(|(room, &range)| {
            // It counts as one, but not as one message.
            self.lines.tell_of_gap_within(room.as_str(), range)
        });
        // Otherwise what happened to the rooms may be among what was dropped.
        let only_messages =
            counted == lagged.events && !goes_back && !has_gap && self.is_in_conversation();
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
        self.may_be_anybody = true;
        for heard in self.rooms.values_mut() {
            // It may have left a room and come back since the last message that was dropped.
            heard.last = None;
            heard.may_begin_anew = true;
        }
    }

    /// Whether nothing is to be heard of the connection or a new session, and nothing was dropped that was.
    fn is_in_conversation(&self) -> bool {
        self.sees_all() && !self.is_down && !self.lines.have_losses() && self.rejoined.are_told()
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
