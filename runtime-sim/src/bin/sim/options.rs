use std::path::PathBuf;

use clap::Parser;

/// Runs a chat server on a simulated machine, and says which promises were broken.
///
/// A seed decides everything: what clients do, what goes wrong, and in which order things happen. Exits with
/// failure when a promise was broken, and prints the command that does the same again.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Run so many seeds [default: 1000, or as many as there is time for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,

    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) first: u64,

    /// Stop after so many minutes
    #[arg(long, value_name = "MINUTES")]
    pub(crate) minutes: Option<u64>,

    /// Run this seed alone
    #[arg(long, conflicts_with_all = ["seeds", "first", "minutes", "plan", "load"])]
    pub(crate) seed: Option<u64>,

    /// Run a plan
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "first", "minutes", "load"])]
    pub(crate) plan: Option<PathBuf>,

    /// Run plans to measure with: ten people who say a hundred things each within two minutes
    #[arg(long)]
    pub(crate) load: bool,

    /// Make what fails as small as it gets, and print it, and all else to standard error
    #[arg(long)]
    pub(crate) shrink: bool,

    /// Try at most so many plans to make one smaller
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    pub(crate) tries: usize,

    /// Print the plan before it is run, and all else to standard error, so that it can be kept in a file
    #[arg(long)]
    pub(crate) print: bool,

    /// Run everything twice and compare the traces
    #[arg(long)]
    pub(crate) twice: bool,

    /// Fail also when some kind of fault or some rare branch never came up
    #[arg(long)]
    pub(crate) complete: bool,

    /// Do not stop at the first seed that fails
    #[arg(long)]
    pub(crate) keep_going: bool,
}
