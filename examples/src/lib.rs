//! What the example servers share. Each server is a page of its own in `src/bin/`, made of these
//! parts and of the library:
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`cli`] | the options, and what they mean for the hub and the server |
//! | [`listeners`] | the sockets that the options ask for |
//! | `socket_file` | the files that Unix sockets leave behind |
//! | `open_files` | as many sockets as the system allows |
//! | [`metrics`] | numbers over HTTP |
//! | [`signals`] | Ctrl-C and SIGTERM as a future |
//! | [`logging`] | logs on standard error |
//! | [`exit`] | how the process ends |
//!
//! The client is a folder of its own, `src/bin/chat/`, and uses the last three of these.
//!
//! The programs in `examples/` do without all this: they show the least it takes to put a chat into
//! a program that already lives on some runtime, or into one without a network.
#![forbid(unsafe_code)]

pub mod cli;
pub mod exit;
pub mod listeners;
pub mod logging;
pub mod metrics;
#[cfg(unix)]
pub mod open_files;
pub mod signals;
#[cfg(unix)]
pub mod socket_file;
