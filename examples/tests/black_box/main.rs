//! The servers and the example programs as black boxes: started, connected to, told to stop, never
//! looked into.

#[cfg(unix)]
mod chat;
mod client;
mod embedding;
mod program;
#[cfg(unix)]
mod scrapes;
#[cfg(unix)]
mod servers;

use std::time::Duration;

/// How long anything may take before it counts as failed; the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(20);
