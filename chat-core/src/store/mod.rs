//! What is remembered: the last messages of a room, and what a session has said under names of its own.

mod memory;
mod said;

pub use memory::{HistoryRange, MemoryLimits, RoomMemory};
pub use said::{ClientId, Full, Said};
