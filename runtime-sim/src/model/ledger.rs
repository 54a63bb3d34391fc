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
    /// The rooms that have it, and under which number.
    said: Vec<(String, u64)>,
    /// What its sender was told.
    acknowledged: Option<(String, u64)>,
    refused: bool,
    retried: bool,
    /// Whether its name was settled: it counts as new if it is said again.
    settled: bool,
}

impl Ledger {
    /// A room has got a message.
    pub(super) fn said(&mut self, room: &str, text: &str, number: u64) {
        let entry = self.entries.entry(text.into()).or_default();
        entry.said.push((folded(room), number));
    }

    /// A sender was told that a room has a message.
    pub(crate) fn acknowledged(&mut self, room: &str, text: &str, number: u64) {
        let entry = self.entries.entry(text.into()).or_default();
        entry.acknowledged = Some((folded(room), number));
    }

    /// A sender was told that a room does not have a message.
    pub(crate) fn refused(&mut self, text: &str) {
        self.entries.entry(text.into()).or_default().refused = true;
    }

    /// The name of a message will not be used again.
    pub(super) fn settled(&mut self, room: &str, number: u64) {
        let of_room = |(name, known): &(String, u64)| *known == number && *name == folded(room);
        let mut entries = self.entries.values_mut();
        if let Some(entry) = entries.find(|entry| entry.said.iter().any(of_room)) {
            entry.settled = true;
        }
    }

    /// Something is said again, and may have a better answer this time.
    pub(crate) fn retried(&mut self, text: &str) {
        self.entries.entry(text.into()).or_default().retried = true;
    }

    /// How it does not add up, if it does not.
    fn contradiction(&self) -> Option<String> {
        self.entries.iter().find_map(|(text, entry)| {
            let said = &entry.said;
            let sound = match &entry.acknowledged {
                _ if entry.settled => true,
                _ if said.len() > 1 => false,
                Some(acknowledged) => said.first() == Some(acknowledged),
                None if entry.refused && !entry.retried => said.is_empty(),
                None => true,
            };
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
