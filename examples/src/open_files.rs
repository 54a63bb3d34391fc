//! Every connection is an open file; most systems allow a process few of them unless it asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides connections: standard streams, listeners, the runtime's own.
const OTHERS: u64 = 32;

/// Raises the limit of open files as far as the system allows without privileges, and warns where
/// that is not enough for so many `connections`.
pub fn allow_for(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            limit.current
        }
    };
    // No limit is written as none.
    let Some(allowed) = allowed else { return };
    tracing::info!(limit = allowed, "open files");
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHERS);
    if allowed < needed {
        tracing::warn!(
            "{allowed} open files are too few for {connections} connections; those beyond have to wait"
        );
    }
}
