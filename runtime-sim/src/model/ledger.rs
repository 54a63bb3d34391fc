use std::collections::BTreeMap;

use super::promise::Promise;
use super::{Model, folded};

/// What was said under a name of the sender's, and what senders were told of it. No two texts that are said
/// like that are the same, so that it can be counted how often a room got one.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The rooms that have it, and under which number. It is there once, and once more for each time that
    /// its name was settled before it was said again.
    said: Vec<(String, u64)>,
    /// What its sender was told.
    acknowledged: Vec<(String, u64)>,
    refused: bool,
    retried: bool,
    /// Whether its name is settled, so that it counts as new if it is said again.
    settled: bool,
    /// Whether it counts as the same even then: its sender promises not to say it again.
    once: bool,
    /// Whether it was said again although it did not count as new.
    doubled: bool,
}

impl Ledger {
    /// A room has got a message.
    pub(super) fn said(&mut self, room: &str, text: &str, number: u64) {
        let entry = self.entries.entry(text.into()).or_default();
        entry.doubled |= !entry.said.is_empty() && (entry.once || !entry.settled);
        entry.settled = false;
        entry.said.push((folded(room), number));
    }

    /// A sender was told that a room has a message.
    pub(crate) fn acknowledged(&mut self, room: &str, text: &str, number: u64) {
        let entry = self.entries.entry(text.into()).or_default();
        entry.acknowledged.push((folded(room), number));
    }

    /// A sender was told that a room does not have a message.
    pub(crate) fn refused(&mut self, text: &str) {
        self.entries.entry(text.into()).or_default().refused = true;
    }

    /// Something is going to be said by a sender who never says what was settled again.
    pub(crate) fn counts_once(&mut self, text: &str) {
        self.entries.entry(text.into()).or_default().once = true;
    }

    /// The name of a message will not be used again.
    pub(super) fn settled(&mut self, text: &str) {
        self.entries.entry(text.into()).or_default().settled = true;
    }

    /// Something is said again, and may have a better answer this time.
    pub(crate) fn retried(&mut self, text: &str) {
        self.entries.entry(text.into()).or_default().retried = true;
    }

    /// How it does not add up, if it does not.
    fn contradiction(&self) -> Option<String> {
        self.entries.iter().find_map(|(text, entry)| {
            let is_there = |place| entry.said.contains(place);
            let taken_back = entry.refused && !entry.retried && !entry.said.is_empty();
            let sound = !entry.doubled && !taken_back && entry.acknowledged.iter().all(is_there);
            (!sound).then(|| format!("{text:?}: {entry:?}"))
        })
    }
}

impl Model {
    /// Checks that whatever was acknowledged is in its room once, that what was refused is not there, and
    /// that nothing is there twice.
    pub(crate) fn balances(&mut self) {
        if let Some(detail) = self.ledger.contradiction() {
            self.breaks(Promise::Once, detail);
        }
    }
}
