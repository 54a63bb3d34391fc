use std::fmt;
use std::str::FromStr;

/// In which order tasks that are ready get to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Any of them, each time anew.
    Random,
    /// As they became ready.
    Fifo,
    /// The last to become ready first.
    Lifo,
    /// Each task has a random priority and the highest runs; at a few random steps the task that runs
    /// falls behind all others, as in probabilistic concurrency testing.
    Priorities {
        /// At how many steps.
        changes: u32,
    },
    /// Any of them, but one task runs only when it is the only one, and is held back on top.
    Starve {
        /// The how-manieth task to be spawned.
        task: u64,
        /// For how many microseconds of virtual time it is held back at most.
        hold: u64,
    },
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Fifo => f.write_str("fifo"),
            Self::Lifo => f.write_str("lifo"),
            Self::Priorities { changes } => write!(f, "priorities:{changes}"),
            Self::Starve { task, hold } => write!(f, "starve:{task}:{hold}"),
        }
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        let mut number = || -> Result<u64, String> {
            let word = words
                .next()
                .ok_or_else(|| format!("{text:?} lacks a number"))?;
            word.parse().map_err(|_| format!("{word:?} is no number"))
        };
        match name {
            "random" => Ok(Self::Random),
            "fifo" => Ok(Self::Fifo),
            "lifo" => Ok(Self::Lifo),
            "priorities" => Ok(Self::Priorities {
                changes: u32::try_from(number()?).map_err(|error| error.to_string())?,
            }),
            "starve" => Ok(Self::Starve {
                task: number()?,
                hold: number()?,
            }),
            _ => Err(format!("{text:?} is no policy")),
        }
    }
}
