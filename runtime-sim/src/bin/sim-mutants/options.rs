use clap::Parser;

/// Plants bugs in a copy of the library, and tells which seed finds which.
///
/// Exits with failure when one of them was not found, or, with --shrink, needs more than 20 steps.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Only these [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// Give each of them so many seeds
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) seeds: u64,

    /// Make the plan that found it as small as it gets, and tell how many steps that is: operations of clients
    /// and faults, each counted once, whatever it does
    #[arg(long)]
    pub(crate) shrink: bool,

    /// Try at most so many plans for that
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) tries: usize,

    /// If it stays large, make the plans of so many seeds smaller, and tell of the smallest
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) plans: u32,

    /// Give up a run that takes longer than so many seconds of real time; its mutant counts as not killed
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) patience: u64,

    /// Print the names and do nothing
    #[arg(long)]
    pub(crate) list: bool,
}
