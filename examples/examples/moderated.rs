//! A chat with house rules: accounts, a room for announcements, words that are not said here, and a bot that
//! greets, answers, and shows people the door.
//!
//! ```text
//! cargo run --example moderated [ADDRESS]
//! ```
//!
//! Connect twice (`nc 127.0.0.1 8080`). `/login ann s3cret` makes you staff; the others may join
//! `#announcements`, and read. Try `!who` and `!close` in `#general`, and say "spam" three times.

use std::collections::HashMap;
use std::sync::Arc;
use std::{env, io};

use chat_core::event::{Event, SessionId};
use chat_core::hub::{Hub, HubConfig};
use chat_core::message::{Body, Message, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::policy::{Credentials, Decision, Person, Policy};
use chat_core::protocol::DetectProtocol;
use chat_core::runtime::{Net, Runtime};
use chat_core::server::{Server, ServerConfig};
use chat_core::session::Session;
use chat_runtime_tokio::TokioRuntime;
use futures::StreamExt;

/// Who may do what.
struct House;

impl Policy for House {
    fn log_in(&self, _: &Person<'_>, credentials: Credentials) -> Decision<String> {
        // A database would be asked in a future: `Decision::later(async move { … })`.
        match credentials {
            Credentials::Password { account, password }
                if account == "ann" && password == "s3cret" =>
            {
                Decision::allow(account)
            }
            _ => Decision::deny("wrong account or password"),
        }
    }

    fn message(
        &self,
        who: &Person<'_>,
        room: &RoomName,
        _: MessageKind,
        body: Body,
    ) -> Decision<Body> {
        if room.as_str() == "announcements" && who.account.is_none() {
            return Decision::deny("only staff speak here; /login first");
        }
        match Body::parse(&body.as_str().replace("darn", "d***")) {
            Ok(clean) => Decision::allow(clean),
            Err(error) => Decision::deny(error.to_string()),
        }
    }

    fn topic(&self, who: &Person<'_>, _: &RoomName, topic: Option<Body>) -> Decision<Option<Body>> {
        match who.account {
            Some(_) => Decision::allow(topic),
            None => Decision::deny("only staff set topics"),
        }
    }
}

/// Lives in `#general`.
struct Bot {
    hub: Hub,
    session: Session,
    warnings: HashMap<Nick, u32>,
}

impl Bot {
    fn new(hub: &Hub) -> Result<Self, Box<dyn std::error::Error>> {
        let mut session = Session::open(hub);
        session.take_nick(Nick::parse("porter")?)?;
        session.join(&RoomName::general())?;
        Ok(Self {
            hub: hub.clone(),
            session,
            warnings: HashMap::new(),
        })
    }

    async fn live(mut self) {
        while let Some(heard) = self.session.hear().await {
            match heard.event() {
                Some(Event::Joined { who, .. }) if !self.is_me(who.session) => {
                    self.say(&format!("welcome, {}", who.nick));
                }
                Some(Event::Message(message)) if Some(&message.sender) != self.session.nick() => {
                    self.answer(message);
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, message: &Message) {
        match message.body.as_str() {
            "!who" => {
                let members = self.hub.members(&message.room).unwrap_or_default();
                let nicks: Vec<_> = members.iter().map(|who| who.nick.as_str()).collect();
                self.say(&format!("here are {}", nicks.join(", ")));
            }
            "!close" => {
                let announcements = RoomName::parse("announcements").expect("a name");
                let closed = self.hub.close_room(&announcements, None);
                self.say(&match closed {
                    Ok(members) => format!("closed, {members} had to leave"),
                    Err(error) => error.to_string(),
                });
            }
            text if text.contains("spam") => {
                let warnings = self.warnings.entry(message.sender.clone()).or_default();
                *warnings += 1;
                if *warnings < 3 {
                    let warning = format!("{}: no spam here ({warnings} of 3)", message.sender);
                    return self.say(&warning);
                }
                self.warnings.remove(&message.sender);
                let reason = Body::parse("no spam here").ok();
                // They may have left by themselves meanwhile.
                let _ = self.hub.kick(&message.room, &message.sender, reason);
            }
            _ => {}
        }
    }

    fn say(&self, text: &str) {
        let Ok(body) = Body::parse(text) else {
            return;
        };
        // The room may have been closed, and the bot with it.
        let _ = self
            .session
            .say(&RoomName::general(), MessageKind::Say, body);
    }

    fn is_me(&self, session: SessionId) -> bool {
        session == self.session.id()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tokio = TokioRuntime::current().map_err(io::Error::other)?;
    let runtime: Arc<dyn Runtime> = Arc::new(tokio.clone());
    let hub = Hub::with_policy(runtime.clone(), HubConfig::default(), Arc::new(House));
    tokio::spawn(Bot::new(&hub)?.live());

    // A log of the room, by somebody who is not in it.
    let mut general = hub.subscribe(&RoomName::general());
    tokio::spawn(async move {
        while let Some(heard) = general.next().await {
            if let Some(Event::Message(message)) = heard.event() {
                println!("{} {}: {}", message.number, message.sender, message.body);
            }
        }
    });

    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let listener = tokio.bind_tcp(address.parse()?).await?;
    let server = Server::new(hub, runtime, ServerConfig::default());
    let address = server.listen(listener, DetectProtocol::default)?;
    println!("listening on {address}");
    // Until the process is killed; `Server::shutdown` would end it in good order.
    std::future::pending().await
}
