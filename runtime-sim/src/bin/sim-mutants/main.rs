//! Plants bugs in a copy of the library, one at a time, and tells which seed finds which.
//!
//! A mutant is a piece of the library's text and what is put in its place (`mutants.rs`). The copy is made
//! under the target folder, so that no mutant can reach a normal build. One whose text is not there any more
//! is reported: it has to follow the library.

mod mutants;
mod options;
mod workshop;

use std::process::ExitCode;

use clap::Parser;
use mutants::MUTANTS;
use options::Options;
use workshop::{Verdict, Workshop};

/// So many seeds are few, and so many steps are easy to read.
const FEW_SEEDS: u64 = 100;
const FEW_STEPS: u64 = 20;

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
    let workshop = match Workshop::open() {
        Ok(workshop) => workshop,
        Err(error) => {
            eprintln!("cannot make a copy to work on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let chosen = |name: &str| options.names.is_empty() || options.names.iter().any(|n| n == name);
    let mutants: Vec<_> = MUTANTS
        .iter()
        .filter(|mutant| chosen(mutant.name))
        .collect();
    println!("| mutant | seed | steps | broken promise |\n| --- | ---: | ---: | --- |");
    let mut alive = Vec::new();
    let (mut early, mut small, mut largest) = (0, 0, 0);
    for mutant in &mutants {
        let verdict = workshop.try_out(mutant, &options);
        println!("| {} | {verdict} |", mutant.name);
        match verdict {
            Verdict::Killed { seed, steps, .. } => {
                early += u32::from(seed < FEW_SEEDS);
                small += u32::from(steps.is_some_and(|steps| steps <= FEW_STEPS));
                largest = largest.max(steps.unwrap_or(0));
            }
            _ => alive.push(mutant.name),
        }
    }
    let (killed, all) = (mutants.len() - alive.len(), mutants.len());
    println!("\n{killed} of {all} killed, {early} of them within {FEW_SEEDS} seeds");
    if options.shrink {
        println!("{small} plans have at most {FEW_STEPS} steps; the largest has {largest}");
    }
    if alive.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("not killed: {}", alive.join(", "));
    ExitCode::FAILURE
}
