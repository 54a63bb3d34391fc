use std::fmt;

use crate::rows::Row;

pub(crate) const HELP: &str = "\
Runs the runtime suite and the chat suite on every runtime of this repository,
and prints a table in Markdown: a row for each promise, a column for each runtime.

usage: cargo run --bin compare-runtimes -- [options] [filter]

  filter       only cases with this in their name
  --subjects   a row for each subject instead of each promise
  --list       the names of the cases, and nothing is run
  --help       this

The table, a summary and the messages of failures go to standard output, progress
goes to standard error.

  ✓    the runtime keeps the promise; on each kind of socket, where it is about sockets
  ✗    it does not
  n/a  the promise is about something that the runtime does not have: a runtime that
       is global to the process never ends

exit code:
  0  all runtimes behave alike: whatever applies to a runtime passes on it
  1  something failed on some runtime, or a promise applied to none of them and so
     was not tried at all; n/a beside ✓ is no difference
  2  the command line makes no sense

Every case is given up when it hangs, so this ends in any case: in about two minutes
when all is well.
";

/// What to do.
pub(crate) enum Order {
    Help,
    Run(Options),
}

/// What to run, and how to show it.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) list: bool,
    pub(crate) subjects: bool,
    pub(crate) filter: String,
}

/// An argument that is none.
pub(crate) struct BadArgument(String);

impl Options {
    pub(crate) fn from_args(args: impl Iterator<Item = String>) -> Result<Order, BadArgument> {
        let mut options = Self::default();
        for arg in args {
            match arg.as_str() {
                "-h" | "--help" => return Ok(Order::Help),
                "--list" => options.list = true,
                "--subjects" => options.subjects = true,
                flag if flag.starts_with('-') => {
                    return Err(BadArgument(format!("there is no option {flag}")));
                }
                filter if options.filter.is_empty() => options.filter = filter.into(),
                more => {
                    return Err(BadArgument(format!(
                        "one filter is enough, not also {more:?}"
                    )));
                }
            }
        }
        Ok(Order::Run(options))
    }

    /// What of `row` is to be run, if anything.
    pub(crate) fn select(&self, mut row: Row) -> Option<Row> {
        row.cases.retain(|case| case.contains(&self.filter));
        (!row.cases.is_empty()).then_some(row)
    }
}

impl fmt::Display for BadArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
