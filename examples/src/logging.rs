//! Logs on standard error; standard output is for what scripts read.

use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Logs what passes `filter` from now on, in colour where somebody sees it.
pub fn start(filter: &Targets) {
    let colour =
        io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colour)
        // Told on standard error as well, which panics when that is what is broken.
        .log_internal_errors(false)
        .with_filter(filter.clone());
    registry().with(lines).init();
}
