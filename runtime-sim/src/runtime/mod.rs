//! The runtime: one thread, virtual time, and an order that comes from the seed.

mod clock;
mod sim;
mod spawn;
mod state;
mod tasks;
mod timer;

pub use sim::{Settings, Sim, SimRuntime, World};
pub(crate) use state::{Due, Shared};
