//! What must hold whatever bytes arrive: for each thing that reads bytes from strangers, a function of the
//! bytes that panics when something does not hold.
//!
//! | function | the bytes are |
//! | --- | --- |
//! | [`lines`] | a limit, and what comes over a stream |
//! | [`text`], [`json`], [`detect`] | what the peers of a server send, in that protocol or the one they choose |
//! | [`client`] | what servers send to a client |
//! | [`plan`] | what clients do and what goes wrong in a simulation |
//!
//! The targets in `fuzz_targets/` hand them to libFuzzer. The tests of this crate call the same functions with what
//! is in `corpus/` and `crashes/`, with nothing but cargo. `README.md` tells how to run the former.
#![forbid(unsafe_code)]

mod answers;
mod client;
mod cut;
mod house;
mod json;
mod lines;
mod page;
mod plan;
mod server;
mod stream;
mod text;

#[cfg(test)]
mod tests;

pub use client::client;
pub use json::{detect, json};
pub use lines::lines;
pub use plan::plan;
pub use text::text;
