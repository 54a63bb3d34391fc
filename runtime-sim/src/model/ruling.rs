//! What the hooks of the policy decide, and what they see.

use std::collections::VecDeque;

use chat_core::event::Event;
use chat_core::hub::HubError;

use super::promise::Promise;
use super::session::{Refusal, refusal};
use super::sometimes::Sort;
use super::{Id, Model};

/// What a hook has said to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Yes.
    Allowed,
    /// Yes, in these words instead, or without any.
    Rewritten(Option<String>),
    /// No, with what the peer reads.
    Refused(String),
}

/// What can happen that the policy gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Message,
    Private,
    Joined,
    Left,
    Quit,
    Renamed,
    Topic,
    Kicked,
    RoomClosed,
}

impl Model {
    /// A decision that was waited for is there, as what its hook has said at last, if it has, and as the `error` that
    /// came of it.
    pub(crate) fn decides_late(&mut self, id: Id, error: Option<&HubError>) {
        let said = self.rulings.pop_front();
        let now = self.now;
        let since = self.people.get_mut(&id).map_or(0, |person| {
            person.waits = false;
            person.framed_at = now;
            person.stranger_at = now;
            person.waits_since
        });
        if said.is_none()
            && error == Some(&HubError::Undecided)
            && self.now < since + self.limits.decision
        {
            let detail = format!("connection {id}: a decision was not waited for");
            self.breaks(Promise::Reason, detail);
        }
        let ruling = match error {
            Some(error @ (HubError::Denied(_) | HubError::Undecided)) => {
                Ruling::Refused(error.to_string())
            }
            // One that nobody has made in time is a refusal, even where nobody is told.
            _ => said.unwrap_or_else(|| Ruling::Refused(HubError::Undecided.to_string())),
        };
        self.rulings = VecDeque::from([ruling]);
    }

    /// What a hook has just said to what is being done: other words for it, if any.
    fn ruling(&mut self) -> Result<Option<Option<String>>, Refusal> {
        match self.rulings.pop_front() {
            None | Some(Ruling::Allowed) => Ok(None),
            Some(Ruling::Rewritten(words)) => {
                self.sometimes.count(Sort::Rewritten);
                Ok(Some(words))
            }
            Some(Ruling::Refused(text)) if text == HubError::Undecided.to_string() => {
                Err(refusal("undecided", text))
            }
            Some(Ruling::Refused(text)) => Err(refusal("denied", text)),
        }
    }

    /// What a hook has just said against what is being done.
    pub(super) fn objection(&mut self) -> Result<(), Refusal> {
        self.ruling().map(|_| ())
    }

    /// What becomes of a message.
    pub(super) fn rewrites(&mut self, text: &str) -> Result<String, Refusal> {
        let words = self.ruling()?.flatten();
        Ok(words.unwrap_or_else(|| text.into()))
    }

    /// What becomes of a topic.
    pub(super) fn rewrites_topic(
        &mut self,
        topic: Option<&str>,
    ) -> Result<Option<String>, Refusal> {
        let words = self.ruling()?;
        if words.is_some() {
            self.sometimes.count(Sort::TopicRewritten);
        }
        Ok(words.unwrap_or_else(|| topic.map(Into::into)))
    }

    /// What becomes of the last words of somebody whom nobody can keep.
    pub(super) fn last_words(&mut self, reason: Option<&str>) -> Option<String> {
        let reason = reason?;
        match self.ruling() {
            Ok(None) => Some(reason.into()),
            Ok(Some(words)) => {
                self.sometimes.count(Sort::QuitRewritten);
                words
            }
            Err(_) => {
                self.sometimes.count(Sort::QuitWordless);
                None
            }
        }
    }

    /// Something happens that the policy is to see once.
    pub(super) fn happens(&mut self, kind: Kind) {
        *self.unobserved.entry(kind).or_default() += 1;
    }

    /// Whether something that happens now was seen already.
    pub(super) fn was_seen(&self, kind: Kind) -> bool {
        self.unobserved.get(&kind).is_some_and(|&more| more < 0)
    }

    /// The policy sees something.
    pub(crate) fn is_observed(&mut self, event: &Event) {
        let kind = match event {
            Event::Message(_) => Kind::Message,
            Event::Private(_) => Kind::Private,
            Event::Joined { .. } => Kind::Joined,
            Event::Left { .. } => Kind::Left,
            Event::Quit { .. } => Kind::Quit,
            Event::Renamed { .. } => Kind::Renamed,
            Event::Topic { .. } => Kind::Topic,
            Event::Kicked { .. } => Kind::Kicked,
            Event::RoomClosed { .. } => Kind::RoomClosed,
            event => return self.breaks(Promise::Observed, format!("{event:?} is unknown")),
        };
        *self.unobserved.entry(kind).or_default() -= 1;
    }

    /// Checks that the policy has seen each thing once.
    pub(crate) fn everything_was_observed(&mut self) {
        let off = self.unobserved.iter().find(|(_, more)| **more != 0);
        if let Some((kind, more)) = off {
            let detail = format!("{kind:?}: happened {more} times more than it was seen");
            self.breaks(Promise::Observed, detail);
        }
    }
}
