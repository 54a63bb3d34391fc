//! The client against the real server side, over streams in memory and in virtual time.

mod accounts;
mod closing;
mod cuts;
mod events;
mod numbers;
mod reconnecting;
mod requests;
mod world;
