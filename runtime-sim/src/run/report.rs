use std::fmt;
use std::time::Duration;

use crate::Strikes;
use crate::model::{Broken, Sometimes};

/// What came of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The first promise that was broken, if any.
    pub broken: Option<Broken>,
    /// Everything that happened, as one number.
    pub hash: u64,
    /// How many things happened.
    pub events: u64,
    /// How much virtual time passed.
    pub simulated: Duration,
    /// How often each kind of fault struck.
    pub strikes: Strikes,
    /// How often each rare branch was taken.
    pub sometimes: Sometimes,
    /// The last things that happened, a line each.
    pub recent: Vec<String>,
    /// How many messages rooms accepted.
    pub messages: u64,
    /// How many bytes clients received.
    pub received: u64,
}

/// What somebody needs who wants to know what went wrong.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the last events, in virtual time:")?;
        for event in &self.recent {
            writeln!(f, "  {event}")?;
        }
        match &self.broken {
            None => writeln!(f, "all promises kept"),
            Some(broken) => writeln!(f, "{broken}"),
        }
    }
}
