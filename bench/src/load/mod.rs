//! The crowd that talks to a server: one thread, one epoll, and every delivery followed.

mod crowd;
pub mod dialect;
mod payload;
mod socket;

pub use crowd::{Crowd, CrowdError, Deadline};
pub use dialect::{Dialect, Heard};
pub use payload::Payload;
