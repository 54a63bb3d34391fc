//! Runs of plans: a server as it is, clients as they are, and the model that looks on.

mod batch;
mod client;
mod conductor;
mod errors;
mod hook;
mod program;
mod report;
mod server;
mod witness;

pub use batch::Batch;
pub use conductor::run;
pub use report::Report;
