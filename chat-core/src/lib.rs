//! Rooms, people, messages and wire protocols for chat servers, on any async runtime.
//!
//! This crate holds no runtime and no sockets.
#![forbid(unsafe_code)]

pub mod runtime;
