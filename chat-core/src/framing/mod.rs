//! From bytes to frames.

mod lines;

pub use lines::{Frame, Lines};
