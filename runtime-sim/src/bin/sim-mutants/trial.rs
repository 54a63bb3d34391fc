use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::graft::SWITCH;
use crate::options::Options;

/// So many steps are easy to read.
pub(crate) const FEW_STEPS: u64 = 20;

/// What became of a mutant.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// This seed broke a promise.
    Killed {
        seed: u64,
        promise: String,
        /// How many steps are enough, if that was looked for.
        small: Option<Small>,
    },
    /// All seeds kept all promises.
    Alive,
    /// It could not be planted, or does not compile.
    Unusable(String),
}

/// The smallest plan that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Small {
    /// Operations and faults together.
    pub(crate) steps: u64,
    /// The seed that it came from.
    pub(crate) seed: u64,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed {
                seed,
                promise,
                small,
            } => {
                write!(f, "{seed} | ")?;
                if let Some(small) = small {
                    write!(f, "{}", small.steps)?;
                    if small.seed != *seed {
                        write!(f, " (seed {})", small.seed)?;
                    }
                }
                write!(f, " | {promise}")
            }
            Self::Alive => f.write_str("- | - | ALIVE"),
            Self::Unusable(why) => write!(f, "- | - | UNUSABLE: {why}"),
        }
    }
}

/// Wakes a mutant, or none, and runs seeds until one breaks a promise. If it is to be made smaller and stays
/// large, the next ones that break one are made smaller, too.
pub(crate) fn try_out(sim: &Path, mutant: Option<usize>, options: &Options) -> Verdict {
    let first = run(sim, mutant, 0, options);
    let Verdict::Killed {
        seed,
        promise,
        small: Some(mut small),
    } = first
    else {
        return first;
    };
    let mut last = seed;
    for _ in 1..options.plans {
        if small.steps <= FEW_STEPS {
            break;
        }
        let Verdict::Killed {
            seed,
            small: Some(other),
            ..
        } = run(sim, mutant, last + 1, options)
        else {
            break;
        };
        last = seed;
        if other.steps < small.steps {
            small = other;
        }
    }
    Verdict::Killed {
        seed,
        promise,
        small: Some(small),
    }
}

/// Runs seeds from `first` on until one breaks a promise.
fn run(sim: &Path, mutant: Option<usize>, first: u64, options: &Options) -> Verdict {
    let mut command = Command::new(sim);
    command
        .args(["--first", &first.to_string()])
        .args(["--seeds", &options.seeds.to_string()])
        .args(["--tries", &options.tries.to_string()])
        .args(options.shrink.then_some("--shrink"))
        .env_remove(SWITCH);
    if let Some(number) = mutant {
        command.env(SWITCH, number.to_string());
    }
    let text = match command.output() {
        Ok(ran) => String::from_utf8_lossy(&ran.stdout).into_owned(),
        Err(error) => return Verdict::Unusable(error.to_string()),
    };
    let after = |beginning: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(beginning))
    };
    let seed = after("seed ").and_then(|rest| rest.trim_end_matches(':').parse().ok());
    let steps = after("; ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    match seed {
        Some(seed) => Verdict::Killed {
            seed,
            promise: after("broken promise: ").unwrap_or("(not told)").into(),
            small: steps.map(|steps| Small { steps, seed }),
        },
        None if text.contains("faults that struck") => Verdict::Alive,
        // What takes the whole process down is found, too.
        None => Verdict::Killed {
            seed: first,
            promise: "the process did not survive it".into(),
            small: None,
        },
    }
}
