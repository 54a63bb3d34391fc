//! Runs both suites on every runtime of this repository and prints what each of them keeps.

mod options;
mod report;
mod rows;
mod run;

use std::io::{self, Write};
use std::process::ExitCode;

use chat_conformance::bundled::{
    AsyncStd, SmolExecutor, SmolGlobal, TokioCurrentThread, TokioHandle, TokioMultiThread,
};
use clap::Parser;
use options::Options;
use report::Report;
use run::Column;

fn main() -> ExitCode {
    let options = Options::parse();
    let rows = rows::all();
    let rows: Vec<_> = rows
        .into_iter()
        .filter_map(|row| options.select(row))
        .collect();
    if rows.is_empty() {
        eprintln!(
            "compare-runtimes: no case has {:?} in its name",
            options.filter
        );
        return ExitCode::from(2);
    }
    if options.list {
        let names: String = rows
            .iter()
            .flat_map(|row| row.cases.iter().map(|case| format!("{case}\n")))
            .collect();
        return print(&names, ExitCode::SUCCESS);
    }
    options.cuts().set();
    // A case that fails panics, and its message is in the report.
    std::panic::set_hook(Box::new(|_| {}));
    let columns: Vec<Column> = vec![
        run::column::<TokioMultiThread>("tokio", &rows),
        run::column::<TokioCurrentThread>("tokio, one thread", &rows),
        run::column::<TokioHandle>("tokio, a handle", &rows),
        run::column::<SmolGlobal>("smol", &rows),
        run::column::<SmolExecutor>("smol, own executor", &rows),
        run::column::<AsyncStd>("async-std", &rows),
    ];
    let report = Report {
        rows: &rows,
        columns: &columns,
    };
    let code = if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    let shown = if options.subjects {
        report.by_subject()
    } else {
        report.by_case()
    };
    print(&format!("{shown}\n{}", report.summary()), code)
}

/// Prints to where the reader may have gone, which is no failure.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    code
}
