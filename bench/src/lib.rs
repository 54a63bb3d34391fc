//! How fast the chat library is, measured beside a server that does as little as one can.
//!
//! ```text
//! cargo run --release --bin bench
//! ```
//!
//! | module | is about |
//! | --- | --- |
//! | [`floor`] | the server to measure against: rooms and coalesced writes, and nothing else |
//! | [`serve`] | the servers under test: the library on each runtime |
//! | [`load`] | the crowd that talks to them, on sockets of its own |
//! | [`case`] | what the crowd does, and what is measured of it |
//! | [`contest`] | who is measured: servers as child processes, and servers that run already |
//! | [`process`], [`machine`] | what a process has cost, and what else went on meanwhile |
//! | [`results`], [`report`] | medians and ratios, as a table, as JSON and as a chart |
//!
//! The load generator is one thread with an epoll for each server, so that no runtime under test measures
//! itself. It follows every delivery: a case in which one is missing, doubled or out of order has failed, and
//! has no figures. It runs on Linux, whose accounting of processes it reads.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

pub mod case;
pub mod contest;
pub mod floor;
pub mod load;
pub mod machine;
pub mod open_files;
pub mod process;
pub mod readiness;
pub mod report;
pub mod results;
pub mod serve;
