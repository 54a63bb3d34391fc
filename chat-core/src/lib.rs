//! Rooms, people, messages and wire protocols for chat servers, on any async runtime.
//!
//! This crate holds no runtime and opens no sockets. It is written against `std::future` and the
//! `futures` traits, and is handed two things: a [`Runtime`](runtime::Runtime), which spawns and tells
//! the time, and streams of bytes. Adapter crates bring both for tokio, smol and async-std.
//!
//! - A [`Hub`](hub::Hub) holds the rooms and nicks of one server, and brings each message to everyone
//!   who gets it.
//! - [`serve_connection`](connection::serve_connection) lets one peer into a hub over any stream, in a
//!   [protocol](protocol::Protocol) of its own, as one future.
//! - A [`Server`](server::Server) accepts connections, keeps to limits and ends in good order.
//!
//! From bytes to rooms and back, one layer after the other: a stream, [`framing`], a [`protocol`], a
//! [`session`], the [`hub`], and the [`store`] that remembers. What they speak of is in [`name`],
//! [`message`] and [`event`].
//!
//! # Examples
//!
//! A chat room for whatever connects, on whatever runtime:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use chat_core::connection::serve_connection;
//! use chat_core::hub::{Hub, HubConfig};
//! use chat_core::protocol::TextProtocol;
//! use chat_core::runtime::{Listener, Runtime, RuntimeExt};
//!
//! async fn serve(listener: impl Listener, runtime: Arc<dyn Runtime>) -> std::io::Result<()> {
//!     let hub = Hub::new(runtime.clone(), HubConfig::default());
//!     loop {
//!         let (stream, _peer) = listener.accept().await?;
//!         let connection = serve_connection(stream, TextProtocol::default(), &hub, &runtime);
//!         runtime.spawn(connection).detach();
//!     }
//! }
//! ```
#![forbid(unsafe_code)]
// The order of a hash map changes from run to run; see also clippy.toml.
#![deny(clippy::iter_over_hash_type)]

pub mod client;
pub mod connection;
pub mod event;
pub mod framing;
pub mod hub;
mod memory;
pub mod message;
pub mod metrics;
pub mod name;
pub mod policy;
pub mod protocol;
pub mod runtime;
pub mod server;
pub mod session;
pub mod store;

#[cfg(test)]
mod testing;
