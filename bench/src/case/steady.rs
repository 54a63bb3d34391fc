use std::time::{Duration, Instant};

use super::CaseError;
use super::ledger::{Latencies, Ledger};
use super::run::Scene;
use super::stage::Stage;
use crate::load::Deadline;

/// Says a message whenever it is time, whether or not those before have arrived.
#[derive(Debug)]
pub(super) struct Steady {
    ledger: Ledger,
    members: usize,
    pause: Duration,
    said: usize,
}

impl Steady {
    /// How many times as long as other cases it is measured: in the same time there are so few deliveries that one
    /// moment in which the machine is slow changes the figures.
    pub(super) const LONGER: u32 = 3;

    pub(super) fn new(
        stage: &mut Stage,
        members: usize,
        per_second: u32,
    ) -> Result<Self, CaseError> {
        stage.gather(&vec!["general".to_owned(); members], Stage::ABREAST)?;
        Ok(Self {
            ledger: Ledger::new(stage.crowd.dialect().echoes(), vec![0; members]),
            members,
            pause: Duration::from_secs(1) / per_second,
            said: 0,
        })
    }
}

impl Scene for Steady {
    fn go_on(&mut self, stage: &mut Stage, duration: Duration) -> Result<(), CaseError> {
        let mut next = Instant::now();
        let end = next + duration;
        let mut deadline = Deadline::for_("delivering");
        let mut on_the_way = 0_usize;
        loop {
            let now = Instant::now();
            let over = next >= end;
            let timeout = if over && on_the_way > 0 {
                deadline.left()?
            } else if now >= end {
                return Ok(());
            } else if over {
                // The pause after the last one belongs to it.
                end - now
            } else if now >= next {
                deadline = Deadline::for_("delivering");
                let member = self.said * 37 % self.members;
                let number = self.ledger.begin(member);
                stage.crowd.say(member, number)?;
                self.said += 1;
                on_the_way += 1;
                next += self.pause;
                Duration::ZERO
            } else {
                next - now
            };
            stage.crowd.turn(Some(timeout), |member, heard| {
                self.ledger.hear(member, heard);
            })?;
            // One that is doubled is found in the end.
            on_the_way = on_the_way.saturating_sub(self.ledger.take_done().len());
        }
    }

    fn take_deliveries(&mut self) -> (u64, Latencies) {
        self.ledger.take_deliveries()
    }

    fn check(&mut self, stage: &mut Stage) -> Result<(), CaseError> {
        stage.crowd_hears_no_more(&mut self.ledger)?;
        self.ledger.check()
    }
}
