use std::time::Instant;

use hdrhistogram::Histogram;

use super::CaseError;
use crate::load::{Heard, Payload};

/// Follows every message to every member: how long it takes, whether it comes once, and in the room's order.
#[derive(Debug)]
pub(super) struct Ledger {
    echoes: bool,
    messages: Vec<Sent>,
    members: Vec<Listener>,
    rooms: Vec<Room>,
    done: Vec<usize>,
    deliveries: u64,
    latencies: Latencies,
    now: Now,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    room: usize,
    /// How many members have not heard it yet.
    missing: usize,
}

#[derive(Debug, Clone)]
struct Listener {
    room: usize,
    listens: bool,
    heard: Tally,
    /// What it said itself, where one does not hear oneself.
    said: Tally,
}

#[derive(Debug)]
struct Room {
    listeners: usize,
    said: Tally,
}

/// Which messages there were, in whatever order, and in which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    sum: u64,
    chain: u64,
}

impl Tally {
    fn add(&mut self, number: u64) {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.count += 1;
        self.sum = self.sum.wrapping_add(mixed ^ (mixed >> 32));
        self.chain = (self.chain ^ mixed)
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(23);
    }
}

/// How long deliveries have taken.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Self {
        // Up to two minutes, in nanoseconds, with three digits.
        let histogram = Histogram::new_with_bounds(1, 120_000_000_000, 3);
        Self(histogram.expect("bounds that a histogram can have"))
    }

    pub(super) fn add(&mut self, from: Instant, to: Instant) {
        let nanoseconds = to.saturating_duration_since(from).as_nanos();
        self.0
            .saturating_record(u64::try_from(nanoseconds).unwrap_or(u64::MAX).max(1));
    }

    /// Those so far; it begins anew.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new())
    }

    /// Adds all of `more`.
    pub(super) fn add_all(&mut self, more: &Self) {
        self.0.add(&more.0).expect("the bounds that all have");
    }

    /// What such a part of them takes at most, in microseconds.
    pub(super) fn at_quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// The time, which is asked for once for all that a member hears at a time.
#[derive(Debug)]
pub(super) struct Now {
    member: usize,
    at: Instant,
}

impl Now {
    pub(super) fn new() -> Self {
        Self {
            member: usize::MAX,
            at: Instant::now(),
        }
    }

    /// To be called between turns.
    pub(super) fn forget(&mut self) {
        self.member = usize::MAX;
    }

    pub(super) fn when_hearing(&mut self, member: usize) -> Instant {
        if member != self.member {
            *self = Self {
                member,
                at: Instant::now(),
            };
        }
        self.at
    }
}

impl Ledger {
    /// For members that sit in the rooms with these numbers.
    pub(super) fn new(echoes: bool, rooms_of_members: Vec<usize>) -> Self {
        let rooms = rooms_of_members.iter().max().map_or(0, |last| last + 1);
        let mut ledger = Self {
            echoes,
            messages: Vec::new(),
            members: Vec::new(),
            rooms: Vec::new(),
            done: Vec::new(),
            deliveries: 0,
            latencies: Latencies::new(),
            now: Now::new(),
        };
        ledger.rooms.resize_with(rooms, || Room {
            listeners: 0,
            said: Tally::default(),
        });
        for room in rooms_of_members {
            ledger.rooms[room].listeners += 1;
            ledger.members.push(Listener {
                room,
                listens: true,
                heard: Tally::default(),
                said: Tally::default(),
            });
        }
        ledger
    }

    /// Expects nothing of a member, who reads nothing.
    pub(super) fn turn_away(&mut self, member: usize) {
        let member = &mut self.members[member];
        member.listens = false;
        self.rooms[member.room].listeners -= 1;
    }

    /// Begins a message of `sender`, and returns its number.
    pub(super) fn begin(&mut self, sender: usize) -> u64 {
        let number = self.messages.len() as u64;
        let sender = &mut self.members[sender];
        let room = &mut self.rooms[sender.room];
        room.said.add(number);
        if !self.echoes {
            sender.said.add(number);
        }
        self.messages.push(Sent {
            at: Instant::now(),
            room: sender.room,
            missing: room.listeners - usize::from(!self.echoes),
        });
        number
    }

    pub(super) fn hear(&mut self, member: usize, heard: Heard<'_>) {
        let Heard::Message(text) = heard else {
            return;
        };
        // What is no message of this load is counted as wrong at the end.
        let number = Payload::number_in(text).unwrap_or(u64::MAX >> 1);
        let now = self.now.when_hearing(member);
        self.members[member].heard.add(number);
        self.deliveries += 1;
        let Some(sent) = self.messages.get_mut(number as usize) else {
            return;
        };
        self.latencies.add(sent.at, now);
        sent.missing = sent.missing.saturating_sub(1);
        if sent.missing == 0 {
            self.done.push(sent.room);
        }
    }

    /// The rooms in which everybody has heard a message, once for each, since this was asked last.
    pub(super) fn take_done(&mut self) -> Vec<usize> {
        self.now.forget();
        std::mem::take(&mut self.done)
    }

    /// How many deliveries there were since this was asked last, and how long they took.
    pub(super) fn take_deliveries(&mut self) -> (u64, Latencies) {
        (std::mem::take(&mut self.deliveries), self.latencies.take())
    }

    /// Whether everybody has heard everything that was to be heard, once, and in the same order as all others.
    pub(super) fn check(&self) -> Result<(), CaseError> {
        let mut orders = vec![None; self.rooms.len()];
        for (number, member) in self.members.iter().enumerate() {
            if !member.listens {
                continue;
            }
            let said = self.rooms[member.room].said;
            let expected = Tally {
                count: said.count - member.said.count,
                sum: said.sum.wrapping_sub(member.said.sum),
                ..Tally::default()
            };
            // Whoever does not hear itself hears another order than the others.
            let order = orders[member.room].get_or_insert(member.heard.chain);
            let in_order = !self.echoes || *order == member.heard.chain;
            if (expected.count, expected.sum) != (member.heard.count, member.heard.sum) || !in_order
            {
                return Err(CaseError::Wrong {
                    member: number,
                    got: member.heard.count,
                    expected: expected.count,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(ledger: &mut Ledger, member: usize, number: u64) {
        ledger.hear(member, Heard::Message(Payload::new(number).as_bytes()));
    }

    /// Two messages in a room of two, which its members hear as told.
    fn heard(first: &[u64], second: &[u64]) -> Ledger {
        let mut ledger = Ledger::new(true, vec![0, 0]);
        let numbers = [ledger.begin(0), ledger.begin(1)];
        assert_eq!(numbers, [0, 1]);
        first
            .iter()
            .for_each(|&number| tell(&mut ledger, 0, number));
        second
            .iter()
            .for_each(|&number| tell(&mut ledger, 1, number));
        ledger
    }

    #[test]
    fn a_message_is_done_when_everybody_has_it() {
        let mut ledger = heard(&[0], &[]);
        assert!(ledger.take_done().is_empty());
        tell(&mut ledger, 1, 0);
        assert_eq!(ledger.take_done(), [0]);
        assert_eq!(ledger.take_deliveries().0, 2);
    }

    #[test]
    fn the_same_order_for_all_is_right_whichever_it_is() {
        heard(&[0, 1], &[0, 1]).check().unwrap();
        heard(&[1, 0], &[1, 0]).check().unwrap();
    }

    #[test]
    fn missing_doubled_swapped_and_strange_messages_are_wrong() {
        for (first, second) in [
            (&[0, 1][..], &[0][..]),
            (&[0, 1], &[0, 1, 1]),
            (&[0, 1], &[0, 0]),
            (&[0, 1], &[1, 0]),
            (&[0, 1], &[0, 2]),
        ] {
            assert!(
                heard(first, second).check().is_err(),
                "{first:?} {second:?}"
            );
        }
    }

    #[test]
    fn nothing_is_expected_of_those_who_do_not_read_or_do_not_hear_themselves() {
        let mut ledger = Ledger::new(false, vec![0, 0, 0]);
        ledger.turn_away(2);
        ledger.begin(0);
        tell(&mut ledger, 1, 0);
        assert_eq!(ledger.take_done(), [0]);
        ledger.check().unwrap();
    }
}
