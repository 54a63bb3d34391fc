//! Runs seeds and plans, and says which promises were broken.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chat_runtime_sim::{Batch, Plan, Report, Size, run, shrink};

const USAGE: &str = "\
usage: sim [--seeds N] [--first SEED] [--minutes N]   run many seeds
       sim --seed SEED                                run one seed
       sim --plan FILE                                run a plan
       sim --load                                     measure: ten clients, a hundred messages each

  --shrink         make what fails as small as it gets, and print it
  --print          print the plan before it is run
  --twice          run everything twice and compare the traces
  --complete       fail also when some kind of fault or some rare branch never came up
  --keep-going     do not stop at the first seed that fails
  --help           this";

/// How many plans are tried to make one smaller.
const TRIES: usize = 4_000;

#[derive(Default)]
struct Arguments {
    seeds: Option<u64>,
    first: u64,
    minutes: Option<u64>,
    seed: Option<u64>,
    plan: Option<PathBuf>,
    load: bool,
    shrink: bool,
    print: bool,
    twice: bool,
    complete: bool,
    keep_going: bool,
}

fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Panics are caught and reported as what they are: broken promises.
    std::panic::set_hook(Box::new(|_| {}));
    let kept = match (&arguments.plan, arguments.seed) {
        (Some(path), _) => match read(path) {
            Ok(plan) => one(&plan, &format!("--plan {}", path.display()), &arguments),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::from(2);
            }
        },
        (None, Some(seed)) => one(
            &Plan::from_seed(seed),
            &format!("--seed {seed}"),
            &arguments,
        ),
        (None, None) => many(&arguments),
    };
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| {
            text.parse::<u64>()
                .map_err(|_| format!("{text:?} is no number"))
        };
        match word.as_str() {
            "--seeds" => arguments.seeds = Some(number(value()?)?),
            "--first" => arguments.first = number(value()?)?,
            "--minutes" => arguments.minutes = Some(number(value()?)?),
            "--seed" => arguments.seed = Some(number(value()?)?),
            "--plan" => arguments.plan = Some(value()?.into()),
            "--load" => arguments.load = true,
            "--shrink" => arguments.shrink = true,
            "--print" => arguments.print = true,
            "--twice" => arguments.twice = true,
            "--complete" => arguments.complete = true,
            "--keep-going" => arguments.keep_going = true,
            _ => return Err(format!("{word} is no option")),
        }
    }
    Ok(arguments)
}

fn read(path: &PathBuf) -> Result<Plan, String> {
    Plan::parse(&std::fs::read_to_string(path).map_err(|error| error.to_string())?)
}

/// Runs one plan, and returns whether all promises were kept.
fn one(plan: &Plan, origin: &str, arguments: &Arguments) -> bool {
    if arguments.print {
        print!("{plan}");
    }
    let report = run(plan);
    print!("{report}");
    println!(
        "trace {:016x}, {} events, {:?} simulated, {} messages, {} bytes received",
        report.hash, report.events, report.simulated, report.messages, report.received
    );
    if arguments.twice && run(plan).hash != report.hash {
        println!("a second run went another way");
        return false;
    }
    if report.broken.is_some() {
        fail(plan, &report, origin, arguments);
        return false;
    }
    true
}

fn fail(plan: &Plan, report: &Report, origin: &str, arguments: &Arguments) {
    println!("to replay: cargo run --release --bin sim -- {origin}");
    let Some(broken) = &report.broken else {
        return;
    };
    if !arguments.shrink {
        println!("to make it smaller: cargo run --release --bin sim -- {origin} --shrink");
        return;
    }
    let small = shrink(plan, TRIES, |plan| run(plan).is_broken_like(broken));
    let steps = small.operations.len() + small.faults.len();
    println!("\n; {steps} steps are enough:\n{small}");
    print!("{}", run(&small));
}

/// Runs many seeds, and returns whether all promises were kept in all of them.
#[expect(clippy::disallowed_methods, reason = "progress is told in real time")]
fn many(arguments: &Arguments) -> bool {
    let count = match (arguments.seeds, arguments.minutes) {
        (Some(count), _) => count,
        (None, Some(_)) => u64::MAX - arguments.first,
        (None, None) => 1_000,
    };
    let size = if arguments.load {
        Size::TenByHundred
    } else {
        Size::Drawn
    };
    let start = Instant::now();
    let limit = arguments
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    // A person gets a line that changes, a log a new one now and then.
    let watched = std::io::stderr().is_terminal();
    let pause = Duration::from_secs(if watched { 1 } else { 20 });
    let mut told = start;
    let mut batch = Batch::default();
    for seed in arguments.first..arguments.first + count {
        let plan = Plan::drawn(seed, size);
        let report = run(&plan);
        batch.add(seed, &report);
        if arguments.twice && run(&plan).hash != report.hash {
            println!("\nseed {seed}: a second run went another way");
            return false;
        }
        if report.broken.is_some() {
            println!("\nseed {seed}:");
            if arguments.keep_going {
                if let Some(broken) = &report.broken {
                    println!("{broken}");
                }
            } else {
                print!("{report}");
                fail(&plan, &report, &format!("--seed {seed}"), arguments);
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
    println!("{}", batch.progress(start.elapsed()));
    print!("{batch}");
    let never = batch.never();
    if arguments.complete && !never.is_empty() {
        println!("never came up: {}", never.join(", "));
        return false;
    }
    batch.failed().is_empty()
}
