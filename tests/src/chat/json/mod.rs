//! What programs may rely on that speak the JSON protocol.
//!
//! The frames are written and read here as `docs/PROTOCOL.md` has them, without the library's own client, so that
//! the two are two opinions. The servers speak text too, as the example servers do.

pub(super) mod closing;
pub(super) mod detection;
pub(super) mod duplicates;
pub(super) mod errors;
pub(super) mod events;
pub(super) mod frames;
pub(super) mod program;
pub(super) mod requests;
pub(super) mod resuming;
pub(super) mod tokens;
