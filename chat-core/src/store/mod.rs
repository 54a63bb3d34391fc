//! History: what a room remembers.

mod memory;

pub use memory::{MemoryLimits, RoomMemory};
