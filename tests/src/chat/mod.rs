//! What people, and those who build on the library, may rely on in a chat server.
//!
//! The cases talk to a [`Server`](chat_core::server::Server) over sockets of the runtime under test: as
//! somebody with `nc` would, as a program that writes its own JSON, and with the library's client. They know
//! nothing of the server's inside but its configuration. Most of them run once over TCP and once over Unix
//! sockets.
//!
//! That nothing was heard is never found out by waiting: whoever should have heard nothing asks the server
//! a question, and the answer is the next thing to come.

mod abuse;
mod client;
mod control;
mod crowd;
mod descriptors;
mod general;
mod greedy;
mod history;
mod input;
mod json;
mod leaving;
mod limits;
mod lines;
mod list;
mod metrics;
mod nicks;
mod patience;
mod person;
mod plain;
mod policy;
mod private;
mod rooms;
mod sessions;
mod shutdown;
mod site;
mod slow;
mod venue;

pub use client::cuts::Cuts;
pub use list::{cases, check, run};
