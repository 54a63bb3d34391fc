//! Plants bugs in a copy of the library, and tells which seed finds which.
//!
//! A mutant is a piece of the library's text and what is put in its place (`mutants.rs`). The copy is made
//! under the target folder, so that no mutant can reach a normal build. One whose text is not there any more
//! is reported: it has to follow the library. All of them are in one build, where each sleeps until a run
//! wakes it (`graft.rs`).

mod graft;
mod mutants;
mod options;
mod trial;
mod workshop;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use clap::Parser;
use mutants::{MUTANTS, Mutant};
use options::Options;
use trial::{FEW_STEPS, Verdict, try_out};
use workshop::{Planted, Workshop};

/// So many seeds are few.
const FEW_SEEDS: u64 = 100;

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        MUTANTS
            .iter()
            .for_each(|mutant| println!("{}", mutant.name));
        return ExitCode::SUCCESS;
    }
    let unknown = |name: &&String| MUTANTS.iter().all(|mutant| mutant.name != **name);
    if let Some(name) = options.names.iter().find(unknown) {
        eprintln!("there is no mutant {name:?}; --list tells which there are");
        return ExitCode::from(2);
    }
    let chosen = |name: &str| options.names.is_empty() || options.names.iter().any(|n| n == name);
    let mutants: BTreeMap<_, _> = MUTANTS
        .iter()
        .enumerate()
        .filter(|(_, mutant)| chosen(mutant.name))
        .collect();
    let planted = match Workshop::open().and_then(|workshop| workshop.plant(&mutants)) {
        Ok(planted) => planted,
        Err(error) => {
            eprintln!("cannot build a copy with mutants in it: {error}");
            return ExitCode::FAILURE;
        }
    };
    let verdicts = try_all(&planted, &mutants, &options);
    sum_up(&mutants, &verdicts)
}

/// Tries out all of `mutants`, as many at once as there are processors, and prints what becomes of them in
/// their order.
fn try_all(
    planted: &Planted,
    mutants: &BTreeMap<usize, &Mutant>,
    options: &Options,
) -> BTreeMap<usize, Verdict> {
    println!("| mutant | seed | steps | broken promise |\n| --- | ---: | ---: | --- |");
    let numbers: Vec<_> = mutants.keys().copied().collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut verdicts = BTreeMap::new();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = match planted.unusable.get(&number) {
                        Some(why) => Verdict::Unusable(why.clone()),
                        None => try_out(&planted.sim, Some(number), options),
                    };
                    // Nobody has to be interested any more.
                    let _ = sender.send((number, verdict));
                }
            });
        }
        drop(sender);
        let mut told = 0;
        for (number, verdict) in receiver {
            verdicts.insert(number, verdict);
            while let Some((number, verdict)) = numbers
                .get(told)
                .and_then(|number| verdicts.get_key_value(number))
            {
                println!("| {} | {verdict} |", mutants[number].name);
                told += 1;
            }
        }
    });
    verdicts
}

/// Prints how many were found and how fast, and tells whether it was all of them, with few steps if that was
/// looked for.
fn sum_up(mutants: &BTreeMap<usize, &Mutant>, verdicts: &BTreeMap<usize, Verdict>) -> ExitCode {
    let (mut early, mut steps, mut alive) = (0, Vec::new(), Vec::new());
    let mut too_large = Vec::new();
    for (number, verdict) in verdicts {
        match verdict {
            Verdict::Killed { seed, small, .. } => {
                early += u32::from(*seed < FEW_SEEDS);
                steps.extend(small.map(|small| small.steps));
                if small.is_some_and(|small| small.steps > FEW_STEPS) {
                    too_large.push(mutants[number].name);
                }
            }
            _ => alive.push(mutants[number].name),
        }
    }
    let (killed, all) = (mutants.len() - alive.len(), mutants.len());
    println!("\n{killed} of {all} killed, {early} of them within {FEW_SEEDS} seeds");
    steps.sort_unstable();
    let small = steps.partition_point(|&steps| steps <= FEW_STEPS);
    if let (Some(median), Some(largest)) = (steps.get(steps.len() / 2), steps.last()) {
        println!(
            "{small} plans have at most {FEW_STEPS} steps; the largest has {largest}, the median is {median}"
        );
    }
    if !alive.is_empty() {
        println!("not killed: {}", alive.join(", "));
    }
    if !too_large.is_empty() {
        println!("too many steps: {}", too_large.join(", "));
    }
    if alive.is_empty() && too_large.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
