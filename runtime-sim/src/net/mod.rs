//! The network: connections made of memory, with windows, latency and everything that goes wrong.

mod connect;
mod link;
mod listener;
mod network;
mod pipe;
mod stream;

pub(crate) use connect::Place;
pub use link::{Rates, Way};
pub use listener::SimListener;
pub(crate) use network::{Arrival, Network};
pub use stream::SimStream;
