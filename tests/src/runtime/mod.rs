//! The promises of `chat_core::runtime`.
//!
//! Each case leans only on what it is about: the cases about sockets spawn nothing, the cases
//! about tasks do not sleep. So one broken ability fails its own cases and no others.

mod blocking;
mod foreign;
mod group;
mod interval;
mod list;
mod shutdown;
mod sockets;
mod spawn;
mod task;
mod timeout;
mod timer;

pub use list::{cases, check};
