//! A client for programs: [`Client`] asks, [`Events`] tells, and a connection that is lost is made again
//! without losing or doubling a message.
//!
//! It speaks the JSON protocol (`docs/PROTOCOL.md`) over any stream of bytes, on any
//! [`Runtime`](crate::runtime::Runtime); it opens no sockets.
//!
//! - [`Client::connect`] talks over one stream, for as long as that lasts.
//! - [`Client::reconnecting`] has a [`Connector`], and connects again with exponential
//!   [back-off](Backoff) and jitter.
//!
//! Either one spawns the conversation as a task and returns a handle, of which there may be clones, and the
//! stream of events. Hyper returns its connection as a future instead, for the caller to spawn. Here that
//! would be one more thing to forget, and nothing would work before it is done: already the welcome needs
//! the conversation to run, and so does reconnecting, for as long as the client lives. What runs, and
//! where, is still the caller's choice: that of the runtime.
//!
//! # What is promised
//!
//! - **Exactly once.** When [`Client::say`] returns a number, the room has the message once, under that
//!   number, however often the connection was lost meanwhile. When it returns an error, the error says
//!   whether the room does not have it or whether that [is not known](ClientError::Unknown).
//! - **No silent gaps.** Messages of a room come in the order of their numbers, each once. What is not
//!   there is announced, with its numbers: by [`Event::Missed`] if the server no longer had it, by
//!   [`Event::Lagged`] if the program did not take it in time.
//! - **Bounds.** Requests without an answer, events that wait, the length of a line, the time to connect, to
//!   be silent and to close: all of them have one, in [`ClientOptions`].
//! - Nothing that a server sends makes it panic.
//!
//! What is not promised: a private message has no number, so one that was on its way when a connection broke
//! may be lost without either side knowing; and who came and went while the client was away is not told
//! after [`Event::Resumed`].
//!
//! # Examples
//!
//! A client and a server in one process, over a stream in memory, with
//! [`serve_connection`](crate::connection::serve_connection) on the other end:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use chat_core::runtime::{Duplex, Runtime};
//! # async fn example(here: impl Duplex, there: impl Duplex, runtime: Arc<dyn Runtime>) -> Result<(), Box<dyn std::error::Error>> {
//! use chat_core::client::{Client, ClientOptions};
//! use chat_core::connection::serve_connection;
//! use chat_core::hub::{Hub, HubConfig};
//! use chat_core::message::{Body, MessageKind};
//! use chat_core::name::RoomName;
//! use chat_core::protocol::JsonProtocol;
//! use chat_core::runtime::RuntimeExt;
//!
//! let hub = Hub::new(runtime.clone(), HubConfig::default());
//! runtime
//!     .spawn(serve_connection(there, JsonProtocol::default(), &hub, &runtime))
//!     .detach();
//!
//! let (client, _events) = Client::connect(here, ClientOptions::default(), &runtime).await?;
//! let rust = RoomName::parse("rust")?;
//! client.join(&rust).await?;
//! let said = client.say(&rust, MessageKind::Say, Body::parse("hello")?).await?;
//! assert_eq!(said.number, 1);
//! client.close().await?;
//! # Ok(()) }
//! ```

mod answer;
mod backoff;
mod connector;
mod conversation;
mod driver;
mod due;
mod error;
mod event;
mod frame;
mod handle;
mod link;
mod options;
mod queue;
mod random;
mod request;
mod settled;
mod shared;

#[cfg(test)]
mod tests;

pub use answer::{Joined, Said};
pub use backoff::Backoff;
pub use connector::Connector;
pub use error::{ClientError, Disconnect, End};
pub use event::{Event, Lagged};
pub use frame::FrameError;
pub use handle::{Client, Events};
pub use options::{ClientOptions, WhenFull};
pub use random::RandomBits;
