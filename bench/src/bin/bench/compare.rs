use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use chat_bench::case::{Case, CaseError, Figures, Run, Setting};
use chat_bench::contest::{Contestant, Running};
use chat_bench::machine::{Machine, Moment, Places};
use chat_bench::process::pin_this_thread;
use chat_bench::results::{Results, Sample};
use chat_bench::{open_files, report, serve};

use crate::options::{Options, Serve};

/// What there is of a server in a case.
type Outcome = Result<Figures, Box<dyn Error>>;

/// With more members, a turn of all servers takes too long.
const MEMBERS_TOGETHER: usize = 10_000;

/// How many open files each side needs beside its connections.
const SPARE_FILES: usize = 100;

/// How long a server is measured at a stretch: so short that whatever slows the machine down hits all, and that all have had their
/// turn within 200 ms. After so long a silence TCP acknowledges the next 16 segments at once, which the sender pays for.
const TURN: Duration = Duration::from_millis(20);

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(Serve::Serve { kind, processor }) = options.serve {
        if let Some(processor) = processor {
            pin_this_thread(processor)?;
        }
        return Ok(serve::run(kind)?);
    }
    let (results, failures) = measure(options)?;
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&results)? + "\n")?;
    }
    if let Some(path) = &options.svg {
        fs::write(path, report::svg(&results)?)?;
    }
    let overview = report::overview(&results);
    // A page shows all or nothing.
    for path in options.page.iter().filter(|_| failures == 0) {
        let page = report::with_overview(&fs::read_to_string(path)?, &overview);
        let page = page.ok_or_else(|| format!("{} has no place for it", path.display()))?;
        fs::write(path, page)?;
    }
    let tables = report::markdown(&results);
    match &options.markdown {
        Some(path) => fs::write(path, tables)?,
        None => print!("{tables}"),
    }
    if failures > 0 {
        return Err(io::Error::other(format!("{failures} measurements failed")).into());
    }
    Ok(())
}

/// Measures everything, and returns how many measurements failed.
fn measure(options: &Options) -> Result<(Results, usize), Box<dyn Error>> {
    if cfg!(debug_assertions) {
        eprintln!("bench: built without --release, so the figures mean nothing");
    }
    let open_files = open_files::allow_all().unwrap_or(u64::MAX);
    let are_enough = |members: usize| (members + SPARE_FILES) as u64 <= open_files;
    let largest = options.cases().into_iter().map(|case| case.plan.members());
    if !largest.max().is_none_or(are_enough) {
        eprintln!("bench: {open_files} open files are too few for the largest cases");
    }
    // Before there is but one processor left to see.
    let (machine, places) = (Machine::here(), Places::choose());
    pin_this_thread(places.load)?;
    let contestants = options.contestants();
    let date = jiff::Timestamp::now()
        .strftime("%Y-%m-%d %H:%M UTC")
        .to_string();
    let (start, before) = (Instant::now(), Moment::now()?);
    let mut samples = Vec::new();
    let mut failures = 0;
    for round in 0..options.rounds() {
        let cases = options.cases();
        for case in cases.iter().filter(|case| round < case.rounds) {
            let contestants = in_order_of(round, &contestants);
            let crowds = case.plan.members() * contestants.len();
            let may_fit = crowds <= MEMBERS_TOGETHER && contestants.len() > 1;
            let fit = may_fit && are_enough(crowds);
            if may_fit && !fit {
                let files = "open files are too few to take turns";
                eprintln!("bench: {open_files} {files}: one after the other, which tells less");
            }
            let at_a_time = if fit { contestants.len() } else { 1 };
            for together in contestants.chunks(at_a_time) {
                let names: Vec<_> = together.iter().map(ToString::to_string).collect();
                let seconds = start.elapsed().as_secs();
                let place = format!("{seconds:4} s, round {}, {}", round + 1, case.name);
                eprintln!("{place}: {}", names.join(", "));
                for (contestant, measured) in in_turn(together, case, places, options) {
                    match measured {
                        Ok(figures) => {
                            eprintln!("        {contestant}: {}", in_short(&figures));
                            samples.push(Sample {
                                round,
                                case: case.name,
                                contestant: contestant.name().to_owned(),
                                figures,
                            });
                        }
                        Err(error) => {
                            eprintln!("        {contestant}: {error}");
                            let does_not_apply = error.downcast_ref().is_some_and(|error| {
                                matches!(error, CaseError::DoesNotApply { .. })
                            });
                            failures += usize::from(!does_not_apply);
                        }
                    }
                }
            }
        }
    }
    let results = Results {
        command: command(),
        date,
        machine,
        places,
        seconds: options.duration().as_secs_f64(),
        disturbance: before.until(&Moment::now()?),
        contestants: contestants.iter().map(ToString::to_string).collect(),
        samples,
    };
    Ok((results, failures))
}

/// Another one is first in each round, and they come in the other direction every other time, so that none always comes
/// after the same.
fn in_order_of(round: usize, contestants: &[Contestant]) -> Vec<&Contestant> {
    let (last, first) = contestants.split_at((round + round % 2) % contestants.len());
    let mut order: Vec<_> = first.iter().chain(last).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// Measures all of them at the same time: everybody comes in to each, and then each has its turn, again and again.
fn in_turn<'a>(
    contestants: &[&'a Contestant],
    case: &Case,
    places: Places,
    options: &Options,
) -> Vec<(&'a Contestant, Outcome)> {
    let turn = match contestants.len() {
        1 => options.duration(),
        _ => TURN,
    };
    let begin = |contestant: &Contestant| -> Result<(Running, Run), Box<dyn Error>> {
        let server = contestant.start(&env::current_exe()?, places.server)?;
        let run = case.begin(&Setting {
            dialect: server.dialect,
            address: server.address,
            process: server.process,
            duration: options.duration(),
            turn,
            waiting: places.waiting(),
        })?;
        Ok((server, run))
    };
    let mut runs: Vec<_> = contestants.iter().map(|one| begin(one)).collect();
    let mut goes_on = true;
    while goes_on {
        goes_on = false;
        for place in &mut runs {
            if let Ok((_, run)) = place {
                match run.take_turn() {
                    Ok(more) => goes_on |= more,
                    Err(error) => *place = Err(error.into()),
                }
            }
        }
    }
    let finished = runs.into_iter().map(|run| {
        let (_server, run) = run?;
        Ok(run.finish()?)
    });
    contestants.iter().copied().zip(finished).collect()
}

fn in_short(figures: &Figures) -> String {
    match &figures.work {
        Some(work) => format!(
            "{:.3} µs CPU a delivery, {:.0} deliveries/s, p99 {:.0} µs",
            work.cpu_us, work.per_second, work.latency.p99_us
        ),
        None => format!(
            "{:.1} µs CPU and {:.0} bytes a connection",
            figures.connecting.cpu_us, figures.connecting.bytes
        ),
    }
}

/// What was typed, as far as it matters.
fn command() -> String {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let mut command = match cfg!(debug_assertions) {
        true => "cargo run --bin bench".to_owned(),
        false => "cargo run --release --bin bench".to_owned(),
    };
    if !arguments.is_empty() {
        command += &format!(" -- {}", arguments.join(" "));
    }
    command
}

#[cfg(test)]
mod tests {
    use chat_bench::serve::Kind;

    use super::*;

    #[test]
    fn everybody_is_first_once_and_comes_after_another_one_each_time() {
        for count in 2..=Kind::ALL.len() {
            let contestants = Kind::ALL[..count].iter().copied().map(Contestant::Own);
            let contestants: Vec<_> = contestants.collect();
            let name = |place: usize| Kind::ALL[place % count].name();
            for round in 0..count {
                let order = in_order_of(round, &contestants);
                assert_eq!(order.len(), count);
                assert_eq!(order[0].name(), name(round));
                let next = if round % 2 == 0 {
                    round + 1
                } else {
                    round + count - 1
                };
                assert_eq!(order[1].name(), name(next));
            }
        }
    }
}
