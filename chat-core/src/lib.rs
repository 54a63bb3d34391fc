//! Rooms, people, messages and wire protocols for chat servers, on any async runtime.
#![forbid(unsafe_code)]

pub mod connection;
pub mod event;
pub mod framing;
pub mod hub;
pub mod message;
pub mod name;
pub mod protocol;
pub mod runtime;
pub mod server;
pub mod session;
pub mod store;

#[cfg(test)]
mod testing;
