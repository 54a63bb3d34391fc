//! What a product decides about those who chat, and what comes of each way to decide.

pub(super) mod accounts;
pub(super) mod hooks;
mod house;
