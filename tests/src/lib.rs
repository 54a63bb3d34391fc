//! What a runtime must do for the chat library, as tests to run on any runtime.
//!
//! A runtime comes in as a [`Harness`]. The promises it has to keep are [`Case`]s: [`runtime`] lists
//! those of the runtime contract, [`chat`] what has to come out when a chat server runs on it. Two
//! ways to run them:
//!
//! - [`runtime_suite!`] and [`chat_suite!`] make a `#[test]` of each;
//! - [`runtime::cases`] and [`chat::cases`] list them for a program, which gets an [`Outcome`] from
//!   each and decides itself what to make of it; [`run_all`] runs them side by side.
//!
//! `cargo run --bin compare-runtimes` is such a program: it prints what every runtime of this
//! repository keeps. The harnesses of those are behind the feature `bundled`, which is on by
//! default; a suite for another runtime can leave it out.
//!
//! Every case runs on a thread of its own, with a runtime of its own, under a watchdog that looks
//! at the clock of the operating system: a runtime whose timer never fires fails the cases that
//! are about timers, and hangs nothing.
//!
//! `docs/PORTING.md` walks through bringing a new runtime.
//!
//! # Examples
//!
//! ```
//! # #[cfg(feature = "bundled")] {
//! use chat_conformance::bundled::SmolGlobal;
//! use chat_conformance::{Outcome, runtime};
//!
//! let cases = runtime::cases::<SmolGlobal>();
//! let case = cases.iter().find(|case| case.name() == "a_task_returns_its_output").unwrap();
//! assert_eq!(case.run(), Outcome::Passed);
//! # }
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "bundled")]
pub mod bundled;
mod case;
pub mod chat;
mod harness;
mod outcome;
pub mod runtime;
mod stage;
mod transport;

pub use case::{Case, run_all};
pub use harness::{Ending, Harness};
pub use outcome::Outcome;
pub use stage::waiting_for;
