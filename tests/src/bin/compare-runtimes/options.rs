use chat_conformance::chat::Cuts;
use clap::Parser;

use crate::rows::Row;

/// Runs the runtime suite and the chat suite on every runtime of this repository, and prints a table in Markdown:
/// a row for each promise, a column for each runtime.
///
/// The table, a summary and the messages of failures go to standard output, progress goes to standard error.
#[derive(Debug, Parser)]
#[command(version, after_help = LEGEND)]
pub(crate) struct Options {
    /// Only cases with this in their name
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    /// A row for each subject instead of each promise
    #[arg(long)]
    pub(crate) subjects: bool,
    /// The names of the cases, and nothing is run
    #[arg(long)]
    pub(crate) list: bool,
    /// How many connections are cut while two clients talk
    #[arg(long, value_name = "NUMBER", default_value_t = Cuts::default().count)]
    cuts: usize,
    /// What decides where they are cut; another one in each run if not given
    #[arg(long)]
    seed: Option<u64>,
}

const LEGEND: &str = "\
✓    the runtime keeps the promise; on each kind of socket, where it is about sockets
✗    it does not
n/a  the promise is about something that the runtime does not have: a runtime that
     is global to the process never ends

Exit code:
  0  all runtimes behave alike: whatever applies to a runtime passes on it
  1  something failed on some runtime, or a promise applied to none of them and so
     was not tried at all; n/a beside ✓ is no difference
  2  the command line makes no sense

Every case is given up when it hangs, so this ends in any case: in a few minutes
when all is well.";

impl Options {
    /// What of `row` is to be run, if anything.
    pub(crate) fn select(&self, mut row: Row) -> Option<Row> {
        row.cases.retain(|case| case.contains(&self.filter));
        (!row.cases.is_empty()).then_some(row)
    }

    /// How often connections are cut, and where.
    pub(crate) fn cuts(&self) -> Cuts {
        let mut cuts = Cuts::default();
        cuts.count = self.cuts;
        cuts.seed = self.seed;
        cuts
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Options::command().debug_assert();
    }

    #[test]
    fn cuts_are_as_many_as_usual_unless_told() {
        let options = Options::parse_from(["compare-runtimes"]);
        assert_eq!(options.cuts(), Cuts::default());
        let options =
            Options::parse_from(["compare-runtimes", "--cuts", "5", "--seed", "7", "cut"]);
        assert_eq!((options.cuts().count, options.cuts().seed), (5, Some(7)));
        assert_eq!(options.filter, "cut");
    }
}
