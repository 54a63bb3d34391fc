use std::path::PathBuf;
use std::time::Duration;

use chat_bench::case::{CASES, Case};
use chat_bench::contest::{Contestant, Peer};
use chat_bench::serve::Kind;
use clap::{Parser, Subcommand, ValueEnum};

/// How many members a case has that is too large to only see whether everything works.
const LARGE: usize = 10_000;

/// Measures the library on each runtime, beside a floor server that does as little as one can, and prints medians and
/// their ratios to the floor of the same round.
///
/// Every delivery is followed: a case in which one is missing, doubled or out of order fails.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// Measure only these servers and cases; names may be joined by commas
    ///
    /// The floor is measured with any server, for the ratios.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = choice)]
    only: Vec<Choice>,

    /// Measure another server that runs already; may be repeated
    ///
    /// PROTO is text, json, irc or redis; ADDR is IP:PORT. The process is bound to the server's processor.
    #[arg(long, value_name = "NAME=PROTO:ADDR:PID")]
    peer: Vec<Peer>,

    /// Measure everything so many times, one after the other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Measure each case for so many seconds
    #[arg(long, value_name = "SECS", default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,

    /// One short round without the largest cases, to see that everything works
    #[arg(long)]
    quick: bool,

    /// Write all figures to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Draw a chart for each case into a file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Write the tables to a file, and not to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Put the overview into a page, between its lines <!-- bench --> and <!-- /bench -->; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Vec<PathBuf>,

    #[command(subcommand)]
    pub(crate) serve: Option<Serve>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Serve {
    /// Run one of the servers, to look at it by other means; prints where it listens
    Serve {
        /// Which.
        kind: Kind,
        /// The processor to run on [default: any]
        #[arg(long, value_name = "N")]
        processor: Option<usize>,
    },
}

#[derive(Clone, Debug)]
enum Choice {
    Server(Kind),
    Case(&'static Case),
}

impl Options {
    /// Who is measured, in the order of the tables.
    pub(crate) fn contestants(&self) -> Vec<Contestant> {
        let chosen = |kind: Kind| {
            self.only
                .iter()
                .any(|choice| matches!(choice, Choice::Server(one) if *one == kind))
        };
        let all = !self
            .only
            .iter()
            .any(|choice| matches!(choice, Choice::Server(_)));
        let own = Kind::ALL
            .into_iter()
            .filter(|&kind| kind == Kind::Floor || all || chosen(kind))
            .map(Contestant::Own);
        own.chain(self.peer.iter().cloned().map(Contestant::Peer))
            .collect()
    }

    /// What is measured.
    pub(crate) fn cases(&self) -> Vec<&'static Case> {
        let named: Vec<_> = self
            .only
            .iter()
            .filter_map(|choice| match choice {
                Choice::Case(case) => Some(*case),
                Choice::Server(_) => None,
            })
            .collect();
        CASES
            .iter()
            .filter(|case| {
                if named.is_empty() {
                    !self.quick || case.plan.members() < LARGE
                } else {
                    named.contains(case)
                }
            })
            .collect()
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds as usize }
    }

    /// How long a case is measured.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(if self.quick { 0.3 } else { self.seconds })
    }
}

fn choice(name: &str) -> Result<Choice, String> {
    if let Ok(kind) = Kind::from_str(name, false) {
        return Ok(Choice::Server(kind));
    }
    Case::named(name).map(Choice::Case).ok_or_else(|| {
        let servers = Kind::ALL.map(Kind::name).join(", ");
        let cases: Vec<_> = CASES.iter().map(|case| case.name).collect();
        format!(
            "there are the servers {servers}, and the cases {}",
            cases.join(", ")
        )
    })
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.05..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("it takes a number of seconds from 0.05 to 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Options {
        Options::try_parse_from(["bench"].iter().chain(arguments)).unwrap()
    }

    fn names(options: &Options) -> (Vec<String>, Vec<&str>) {
        let contestants = options.contestants();
        (
            contestants.iter().map(ToString::to_string).collect(),
            options.cases().iter().map(|case| case.name).collect(),
        )
    }

    #[test]
    fn everything_is_measured_unless_told() {
        let options = parsed(&[]);
        let (servers, cases) = names(&options);
        assert_eq!(
            servers,
            ["floor", "tokio", "tokio-current", "smol", "async-std"]
        );
        assert_eq!(cases.len(), CASES.len());
    }

    #[test]
    fn the_floor_is_measured_beside_whatever_is_chosen() {
        let options = parsed(&["--only", "smol,room-100-1", "--peer", "p=irc:127.0.0.1:1:2"]);
        let (servers, cases) = names(&options);
        assert_eq!(servers, ["floor", "smol", "p"]);
        assert_eq!(cases, ["room-100-1"]);
    }

    #[test]
    fn what_there_is_not_cannot_be_chosen() {
        assert!(Options::try_parse_from(["bench", "--only", "glommio"]).is_err());
    }
}
