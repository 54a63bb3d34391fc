//! A product that has a say in everything, by words that a fuzzer can find.

use std::sync::Arc;
use std::time::Duration;

use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::policy::{Credentials, Decision, Denial, Person, Policy, Verdict};
use chat_core::runtime::{Runtime, RuntimeExt};

/// Whoever knows the name of an account knows its password, and nobody is let do anything with "never" in it.
/// What has "later" in it is decided after a moment, and what has "late" in it after the time to decide.
pub(crate) struct House {
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl House {
    fn decide<T: Send + 'static>(&self, word: &str, allowed: T) -> Decision<T> {
        let verdict: Verdict<T> = match word.contains("never") {
            true => Err(Denial::new("never\n")),
            false => Ok(allowed),
        };
        let wait = match word {
            word if word.contains("later") => Duration::from_millis(10),
            word if word.contains("late") => Duration::from_secs(3600),
            _ => return Decision::Now(verdict),
        };
        let wait = self.runtime.sleep(wait);
        Decision::later(async move {
            wait.await;
            verdict
        })
    }
}

impl Policy for House {
    fn log_in(&self, _: &Person<'_>, credentials: Credentials) -> Decision<String> {
        match credentials {
            Credentials::Password { account, password } if account == password => {
                self.decide(&password, account)
            }
            Credentials::Token(token) => self.decide(&token, token.clone()),
            _ => Decision::deny("wrong account or password"),
        }
    }

    fn nick(&self, _: &Person<'_>, nick: &Nick) -> Decision<()> {
        self.decide(nick.as_str(), ())
    }

    fn join(&self, _: &Person<'_>, room: &RoomName) -> Decision<()> {
        self.decide(room.as_str(), ())
    }

    fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
        self.decide(body.clone().as_str(), body)
    }

    fn topic(&self, _: &Person<'_>, _: &RoomName, topic: Option<Body>) -> Decision<Option<Body>> {
        let word = topic.as_ref().map_or("", Body::as_str).to_owned();
        self.decide(&word, topic)
    }

    fn quit(&self, _: &Person<'_>, reason: Body) -> Decision<Option<Body>> {
        self.decide(reason.clone().as_str(), Some(reason))
    }

    fn private_message(&self, _: &Person<'_>, _: &Nick, body: Body) -> Decision<Body> {
        self.decide(body.clone().as_str(), body)
    }
}
