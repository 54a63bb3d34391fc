//! Runs seeds and plans, and says which promises were broken.

mod options;

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chat_runtime_sim::{Batch, Plan, Report, Size, run, shrink};
use clap::Parser;
use options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    // Panics are caught and reported as what they are: broken promises.
    std::panic::set_hook(Box::new(|_| {}));
    let kept = match (&options.plan, options.seed) {
        (Some(path), _) => match read(path) {
            Ok(plan) => one(&plan, &format!("--plan {}", path.display()), &options),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::from(2);
            }
        },
        (None, Some(seed)) => one(&Plan::from_seed(seed), &format!("--seed {seed}"), &options),
        (None, None) => many(&options),
    };
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(path: &PathBuf) -> Result<Plan, String> {
    Plan::parse(&std::fs::read_to_string(path).map_err(|error| error.to_string())?)
}

/// Runs one plan, and returns whether all promises were kept.
fn one(plan: &Plan, origin: &str, options: &Options) -> bool {
    if options.print {
        print!("{plan}");
    }
    let report = run(plan);
    tell(options, &report);
    tell(
        options,
        format_args!(
            "trace {:016x}, {} events, {:?} simulated, {} messages, {} bytes received\n",
            report.hash, report.events, report.simulated, report.messages, report.received
        ),
    );
    if options.twice && run(plan).hash != report.hash {
        tell(options, "a second run went another way\n");
        return false;
    }
    if report.broken.is_some() {
        fail(plan, &report, origin, options);
        return false;
    }
    true
}

/// Prints what is no plan: not to where plans are printed, so that they can be kept in a file.
fn tell(options: &Options, text: impl Display) {
    if options.print || options.shrink {
        eprint!("{text}");
    } else {
        print!("{text}");
    }
}

fn fail(plan: &Plan, report: &Report, origin: &str, options: &Options) {
    let replay = format!("cargo run --release --bin sim -- {origin}");
    tell(options, format_args!("to replay: {replay}\n"));
    let Some(broken) = &report.broken else {
        return;
    };
    if !options.shrink {
        tell(
            options,
            format_args!("to make it smaller: {replay} --shrink\n"),
        );
        return;
    }
    let small = shrink(plan, options.tries, |plan| run(plan).is_broken_like(broken));
    let steps = small.operations.len() + small.faults.len() + small.deeds.len();
    println!("; {steps} steps are enough:\n{small}");
    tell(options, run(&small));
}

/// Runs many seeds, and returns whether all promises were kept in all of them.
#[expect(clippy::disallowed_methods, reason = "progress is told in real time")]
fn many(options: &Options) -> bool {
    let count = match (options.seeds, options.minutes) {
        (Some(count), _) => count,
        (None, Some(_)) => u64::MAX - options.first,
        (None, None) => 1_000,
    };
    let size = match options.load {
        true => Size::TenByHundred,
        false => Size::Drawn,
    };
    let start = Instant::now();
    let limit = options
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    // A person gets a line that changes, a log a new one now and then.
    let watched = std::io::stderr().is_terminal();
    let pause = Duration::from_secs(if watched { 1 } else { 20 });
    let mut told = start;
    let mut batch = Batch::default();
    for seed in options.first..options.first.saturating_add(count) {
        let plan = Plan::drawn(seed, size);
        let report = run(&plan);
        batch.add(seed, &report);
        if options.twice && run(&plan).hash != report.hash {
            let text = format!("\nseed {seed}: a second run went another way\n");
            tell(options, text);
            return false;
        }
        if report.broken.is_some() {
            tell(options, format_args!("\nseed {seed}:\n"));
            if options.keep_going {
                if let Some(broken) = &report.broken {
                    tell(options, format_args!("{broken}\n"));
                }
            } else {
                tell(options, &report);
                fail(&plan, &report, &format!("--seed {seed}"), options);
                break;
            }
        }
        if told.elapsed() > pause {
            told = Instant::now();
            let progress = batch.progress(start.elapsed());
            match watched {
                true => eprint!("\r{progress}"),
                false => eprintln!("{progress}"),
            }
        }
        if limit.is_some_and(|limit| start.elapsed() > limit) {
            break;
        }
    }
    if watched {
        eprintln!();
    }
    tell(
        options,
        format_args!("{}\n{batch}", batch.progress(start.elapsed())),
    );
    let never = batch.never();
    if options.complete && !never.is_empty() {
        tell(
            options,
            format_args!("never came up: {}\n", never.join(", ")),
        );
        return false;
    }
    batch.failed().is_empty()
}
