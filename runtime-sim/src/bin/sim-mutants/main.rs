//! Plants bugs in a copy of the library, one at a time, and tells which seed finds which.
//!
//! A mutant is a piece of the library's text and what is put in its place (`mutants.rs`). The copy is made
//! under the target folder, so that no mutant can reach a normal build. One whose text is not there any more
//! is reported: it has to follow the library.

mod mutants;
mod workshop;

use std::process::ExitCode;

use mutants::MUTANTS;
use workshop::{Verdict, Workshop};

const USAGE: &str = "usage: sim-mutants [--seeds N] [NAME]...";

fn main() -> ExitCode {
    let mut seeds = 5_000;
    let mut names = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), word.starts_with('-')) {
            ("--seeds", _) => match words.next().and_then(|text| text.parse().ok()) {
                Some(number) => seeds = number,
                None => {
                    eprintln!("{USAGE}");
                    return ExitCode::from(2);
                }
            },
            (_, true) => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
            (_, false) => names.push(word),
        }
    }
    let workshop = match Workshop::open() {
        Ok(workshop) => workshop,
        Err(error) => {
            eprintln!("cannot make a copy to work on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut alive = Vec::new();
    let mut early = 0;
    let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let mutants: Vec<_> = MUTANTS
        .iter()
        .filter(|mutant| chosen(mutant.name))
        .collect();
    for mutant in &mutants {
        let verdict = workshop.try_out(mutant, seeds);
        println!("{:<44} {verdict}", mutant.name);
        match verdict {
            Verdict::Killed { seed, .. } => early += u32::from(seed < 100),
            _ => alive.push(mutant.name),
        }
    }
    println!(
        "{} of {} killed, {early} of them within 100 seeds",
        mutants.len() - alive.len(),
        mutants.len()
    );
    if alive.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("not killed: {}", alive.join(", "));
    ExitCode::FAILURE
}
