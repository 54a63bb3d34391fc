use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::event::Event;
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::policy::{Credentials, Decision, Denial, Person, Policy, Verdict};
use chat_core::runtime::Address;
use futures::channel::oneshot;

use crate::chat::venue::{Setup, breathe};
use crate::waiting_for;

/// What is decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hook {
    Connect,
    LogIn,
    Nick,
    Guest,
    Join,
    Message,
    Private,
    Topic,
    Quit,
}

/// How it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Now(What),
    /// Not before it was asked for a second time.
    Later(What),
    /// Allowed when the case [lets it go](House::lets_go).
    Wait,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Allow,
    Refuse,
    Rewrite,
    Panic,
}

/// The reason of every refusal.
pub(super) const NO: &str = "the house says no";

/// What a message is rewritten to.
pub(super) const BETTER: &str = "something better";

/// A product that decides as a case tells it, and remembers what it was asked.
#[derive(Default)]
pub(super) struct House(Mutex<State>);

#[derive(Default)]
struct State {
    /// Where there is none, all is allowed.
    rules: HashMap<Hook, Rule>,
    /// Those who [wait](Rule::Wait).
    waiting: Vec<oneshot::Sender<()>>,
    asked: Vec<String>,
    observed: Vec<String>,
    observer_panics: bool,
}

impl House {
    /// A house, and a setup with it in.
    pub(super) fn open() -> (Arc<Self>, Setup) {
        let house = Arc::new(Self::default());
        let policy: Arc<dyn Policy> = house.clone();
        (house, Setup::with(|setup| setup.policy = Some(policy)))
    }

    /// From now on it is decided so.
    pub(super) fn rules(&self, hook: Hook, rule: Rule) {
        self.lock().rules.insert(hook, rule);
    }

    pub(super) fn observer_panics(&self) {
        self.lock().observer_panics = true;
    }

    /// What was asked since this was called last: the hook, about whom, and about what.
    pub(super) fn was_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }

    /// What was observed since this was called last.
    pub(super) fn has_observed(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().observed)
    }

    /// Until so many decisions [wait](Rule::Wait).
    pub(super) async fn keeps_waiting(&self, decisions: usize) {
        waiting_for("the house to be asked");
        while self.lock().waiting.len() < decisions {
            breathe().await;
        }
    }

    /// Decides what waits.
    pub(super) fn lets_go(&self) {
        for decided in self.lock().waiting.drain(..) {
            // Whoever asked may not want to know any more.
            let _ = decided.send(());
        }
    }

    /// Until nobody wants to know any more.
    pub(super) async fn is_left_alone(&self) {
        waiting_for("the house to be left alone");
        while !self.lock().waiting.iter().all(oneshot::Sender::is_canceled) {
            breathe().await;
        }
    }

    fn asked(&self, hook: Hook, who: &Person<'_>, about: &str) {
        let nick = who.nick.map_or("nobody", Nick::as_str);
        let account = who.account.unwrap_or("no account");
        let asked = format!("{hook:?} {nick} ({account}): {about}");
        self.lock().asked.push(asked);
    }

    fn decide<T: Clone + Send + 'static>(
        &self,
        hook: Hook,
        value: T,
        rewrite: impl FnOnce() -> T + Send + 'static,
    ) -> Decision<T> {
        let rule = self.lock().rules.get(&hook).copied();
        match rule.unwrap_or(Rule::Now(What::Allow)) {
            Rule::Now(what) => Decision::Now(verdict(what, value, rewrite)),
            Rule::Later(what) => Decision::later(async move {
                breathe().await;
                verdict(what, value, rewrite)
            }),
            Rule::Wait => {
                let (decided, waits) = oneshot::channel();
                self.lock().waiting.push(decided);
                Decision::later(async move {
                    waits.await.map_err(|_| Denial::new("the house is gone"))?;
                    Ok(value)
                })
            }
            Rule::Never => Decision::later(std::future::pending()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verdict<T>(what: What, value: T, rewrite: impl FnOnce() -> T) -> Verdict<T> {
    match what {
        What::Allow => Ok(value),
        What::Refuse => Err(Denial::new(NO)),
        What::Rewrite => Ok(rewrite()),
        What::Panic => panic!("a hook that panics"),
    }
}

fn better() -> Body {
    Body::parse(BETTER).expect("a good text")
}

impl Policy for House {
    fn connect(&self, _: Option<&Address>) -> Decision<()> {
        self.decide(Hook::Connect, (), || ())
    }

    fn log_in(&self, who: &Person<'_>, credentials: Credentials) -> Decision<String> {
        let account = match credentials {
            Credentials::Password { account, password } if password == "open sesame" => account,
            Credentials::Token(token) if token == "d3adbeef" => "robots".into(),
            _ => return Decision::deny("wrong account or password"),
        };
        self.asked(Hook::LogIn, who, &account);
        self.decide(Hook::LogIn, account, || "somebody else".into())
    }

    fn nick(&self, who: &Person<'_>, nick: &Nick) -> Decision<()> {
        self.asked(Hook::Nick, who, nick.as_str());
        self.decide(Hook::Nick, (), || ())
    }

    fn join(&self, who: &Person<'_>, room: &RoomName) -> Decision<()> {
        self.asked(Hook::Join, who, room.as_str());
        self.decide(Hook::Join, (), || ())
    }

    fn message(
        &self,
        who: &Person<'_>,
        room: &RoomName,
        kind: MessageKind,
        body: Body,
    ) -> Decision<Body> {
        self.asked(Hook::Message, who, &format!("{kind:?} {body} in {room}"));
        self.decide(Hook::Message, body, better)
    }

    fn private_message(&self, who: &Person<'_>, recipient: &Nick, body: Body) -> Decision<Body> {
        self.asked(Hook::Private, who, &format!("{body} to {recipient}"));
        self.decide(Hook::Private, body, better)
    }

    fn guest(&self, who: &Person<'_>) -> Decision<()> {
        self.asked(Hook::Guest, who, "to stay");
        self.decide(Hook::Guest, (), || ())
    }

    fn topic(
        &self,
        who: &Person<'_>,
        room: &RoomName,
        topic: Option<Body>,
    ) -> Decision<Option<Body>> {
        let shown = topic.as_ref().map_or("nothing", Body::as_str);
        self.asked(Hook::Topic, who, &format!("{shown} in {room}"));
        self.decide(Hook::Topic, topic, || Some(better()))
    }

    fn quit(&self, who: &Person<'_>, reason: Body) -> Decision<Option<Body>> {
        self.asked(Hook::Quit, who, reason.as_str());
        self.decide(Hook::Quit, Some(reason), || Some(better()))
    }

    fn observe(&self, event: &Event) {
        let shown = match event {
            Event::Message(said) => format!("{} {}: {}", said.room, said.number, said.body),
            Event::Private(said) => format!("to {}: {}", said.recipient, said.body),
            Event::Joined { room, who } => format!("{} joined {room}", who.nick),
            Event::Left { room, who } => format!("{} left {room}", who.nick),
            Event::Quit { who, .. } => format!("{} quit", who.nick),
            Event::Renamed { who, nick, .. } => format!("{} is {nick}", who.nick),
            Event::Topic { room, topic, .. } => format!("topic of {room}: {topic:?}"),
            other => format!("{other:?}"),
        };
        let mut state = self.lock();
        state.observed.push(shown);
        let panics = state.observer_panics;
        drop(state);
        assert!(!panics, "an observer that panics");
    }
}
