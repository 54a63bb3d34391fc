//! What programs may rely on that use the library's own client.

pub(in crate::chat) mod cuts;
mod proxy;
pub(super) mod reconnecting;
pub(super) mod requests;

use chat_core::client::{Client, ClientError, ClientOptions, Event, Events};
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use futures::StreamExt;

use super::venue::Venue;
use crate::waiting_for;

impl Venue<'_> {
    /// A client over one connection.
    async fn client(&self, name: &str) -> (Client, Events) {
        let client = self.try_client(options(name)).await;
        client.expect("the client is let in")
    }

    async fn try_client(&self, options: ClientOptions) -> Result<(Client, Events), ClientError> {
        waiting_for("a client to be welcomed");
        let stream = self.way.connect().await.expect("the connection is made");
        Client::connect(stream, options, &self.runtime).await
    }
}

fn options(name: &str) -> ClientOptions {
    let mut options = ClientOptions::default();
    options.nick = Some(nick(name));
    options
}

fn nick(name: &str) -> Nick {
    Nick::parse(name).expect("a good nick")
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect("a good name")
}

fn body(text: &str) -> Body {
    Body::parse(text).expect("a good text")
}

async fn say(client: &Client, name: &str, text: &str) -> Result<u64, ClientError> {
    waiting_for("a client's message to be answered");
    let said = client.say(&room(name), MessageKind::Say, body(text)).await;
    said.map(|said| said.number)
}

async fn next(events: &mut Events) -> Event {
    waiting_for("a client to hear something");
    events.next().await.expect("not the end")
}

/// The code of a refusal.
fn refusal<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { code, text }) if !text.is_empty() => code,
        other => panic!("no refusal: {other:?}"),
    }
}
