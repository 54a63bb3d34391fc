use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

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
    /// It was ended after so many seconds: it spins within one poll, or is hardly ever found.
    Unfinished(u64),
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
            Self::Unfinished(seconds) => write!(f, "- | - | UNFINISHED after {seconds} s"),
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
    match output_within(&mut command, Duration::from_secs(options.patience)) {
        Ok(Some(text)) => judge(&text, first),
        Ok(None) => Verdict::Unfinished(options.patience),
        Err(error) => Verdict::Unusable(error.to_string()),
    }
}

/// What the simulator's words mean, when it has run seeds from `first` on.
fn judge(text: &str, first: u64) -> Verdict {
    let between = |beginning: &str, end: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(beginning)?.strip_suffix(end))
    };
    // Without the colon it is that of the plan that was made smaller.
    let seed = between("seed ", ":").and_then(|seed| seed.parse().ok());
    let steps = between("; ", " steps are enough:").and_then(|steps| steps.parse().ok());
    match seed {
        Some(seed) => Verdict::Killed {
            seed,
            promise: between("broken promise: ", "")
                .unwrap_or("(not told)")
                .into(),
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

/// Runs a command and returns what it prints: the plan is in one of its streams, and with `--shrink` all else in the
/// other. One that does not end in time is killed, and `None` returned: it may spin within one poll, where the
/// simulator does not look.
fn output_within(command: &mut Command, patience: Duration) -> io::Result<Option<String>> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Nothing is sent: it is over when both readers have let go of it.
    let (reading, end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let too = reading.clone();
        let out = scope.spawn(move || read_all(stdout, too));
        let err = scope.spawn(move || read_all(stderr, reading));
        let ended = end.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected);
        if !ended {
            child.kill()?;
        }
        child.wait()?;
        let text = [out, err].map(|reader| reader.join().unwrap_or_default());
        Ok(ended.then(|| String::from_utf8_lossy(&text.concat()).into_owned()))
    })
}

/// Reads a stream to its end, and then lets go of `_reading`.
fn read_all(stream: Option<impl Read>, _reading: mpsc::Sender<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What was read until then is all there is.
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_the_one_that_broke_the_promise_and_not_that_of_the_small_plan() {
        let plan = "; 4 steps are enough:\nseed 1\nset clients 3\n";
        let report = "14773 seeds, 1 failed\nseed 14772:\nbroken promise: nothing is lost\n";
        for text in [format!("{plan}{report}"), format!("{report}{plan}")] {
            match judge(&text, 7) {
                Verdict::Killed {
                    seed: 14_772,
                    promise,
                    small: Some(small),
                } => assert_eq!((&*promise, small.steps), ("nothing is lost", 4)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn who_survives_is_alive_and_who_takes_the_process_along_is_found() {
        assert!(matches!(
            judge("20000 seeds, 0 failed\nfaults that struck:\n", 7),
            Verdict::Alive
        ));
        assert!(matches!(
            judge("stack overflow\n", 7),
            Verdict::Killed {
                seed: 7,
                small: None,
                ..
            }
        ));
    }
}
