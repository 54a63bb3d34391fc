use std::fmt;
use std::time::Duration;

use super::report::Report;
use crate::model::{Sometimes, Sort};
use crate::strikes::{Strike, Strikes};

/// What came of many runs.
///
/// Displays as the counts of all faults and of all rare branches.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    runs: u64,
    failed: Vec<u64>,
    simulated: Duration,
    strikes: Strikes,
    sometimes: Sometimes,
    messages: u64,
    received: u64,
}

impl Batch {
    /// Adds the run of a seed.
    pub fn add(&mut self, seed: u64, report: &Report) {
        self.runs += 1;
        if report.broken.is_some() {
            self.failed.push(seed);
        }
        self.simulated += report.simulated;
        self.strikes.add(&report.strikes);
        self.sometimes.add(&report.sometimes);
        self.messages += report.messages;
        self.received += report.received;
    }

    /// The seeds that broke a promise.
    pub fn failed(&self) -> &[u64] {
        &self.failed
    }

    /// How often each kind of fault struck.
    pub fn strikes(&self) -> &Strikes {
        &self.strikes
    }

    /// How often each rare branch was taken.
    pub fn sometimes(&self) -> &Sometimes {
        &self.sometimes
    }

    /// The kinds of faults and the rare branches that never came up.
    pub fn never(&self) -> Vec<&'static str> {
        let strikes = Strike::ALL
            .iter()
            .filter(|&&strike| self.strikes.of(strike) == 0);
        let sorts = Sort::ALL
            .iter()
            .filter(|&&sort| self.sometimes.of(sort) == 0);
        let strikes = strikes.map(|strike| strike.name());
        strikes.chain(sorts.map(|sort| sort.name())).collect()
    }

    /// A line on how far it is, after so much real time.
    pub fn progress(&self, took: Duration) -> String {
        let seconds = took.as_secs_f64().max(1e-9);
        format!(
            "{} seeds, {} failed, {:.0} seeds/s, {:.1} h simulated ({:.0} times real time), \
             {} messages, {:.1} MB received",
            self.runs,
            self.failed.len(),
            self.runs as f64 / seconds,
            self.simulated.as_secs_f64() / 3600.0,
            self.simulated.as_secs_f64() / seconds,
            self.messages,
            self.received as f64 / 1e6,
        )
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faults that struck:\n{}", self.strikes)?;
        write!(f, "rare branches taken:\n{}", self.sometimes)?;
        if !self.failed.is_empty() {
            writeln!(f, "failed: {:?}", self.failed)?;
        }
        Ok(())
    }
}
