//! The chat library on a machine that does not exist: one thread, virtual time, a network made of
//! memory, and a seed that decides everything.
//!
//! - [`Sim`] is the machine, [`SimRuntime`] the handle to it that the library gets: the runtime contract,
//!   as on any other runtime. What runs when, and what the network does to bytes, comes from the seed.
//!
//! - A [`Plan`] says what clients do on such a machine and what goes wrong; a seed yields one, and
//!   [`run`] compares a chat server with a reference model, step by step, while it carries it out.
//!   The [`Report`] says which [`Promise`] was broken, if any, and [`shrink`] makes the plan smaller.
//!
//! ```
//! use chat_runtime_sim::{Plan, run};
//!
//! let report = run(&Plan::from_seed(7));
//! assert!(report.broken.is_none(), "{report}");
//! ```
//!
//! `docs/TESTING.md` tells what is promised, how it is checked, and how to replay what was found.
#![forbid(unsafe_code)]

mod model;
mod net;
mod plan;
mod policy;
mod random;
mod run;
mod runtime;
mod strikes;
mod trace;

pub use model::{Broken, Promise, Sometimes, Sort};
pub use net::{Rates, SimListener, SimStream, Way};
pub use plan::{
    Action, Deed, DeedKind, Fault, FaultKind, Operation, Plan, PlanConfig, Size, shrink,
};
pub use policy::Policy;
pub use random::{Purpose, Random};
pub use run::{Batch, Report, run};
pub use runtime::{Settings, Sim, SimRuntime, World};
pub use strikes::{Strike, Strikes};
