use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::stage::Stage;
use super::{CaseError, Figures};
use crate::load::Deadline;

/// How many times as long as other cases it is measured: in the same time there are so few deliveries that one
/// moment in which the machine is slow changes the figures.
const LONGER: u32 = 3;

/// Says a message whenever it is time, whether or not those before have arrived.
pub(super) fn run(mut stage: Stage, members: usize, per_second: u32) -> Result<Figures, CaseError> {
    stage.gather(&vec!["general".to_owned(); members], Stage::ABREAST)?;
    let mut ledger = Ledger::new(stage.crowd.dialect().echoes(), vec![0; members]);
    let pause = Duration::from_secs(1) / per_second;
    let warm_up = stage.warm_up();
    let duration = stage.duration * LONGER;
    let start = Instant::now();
    let mut deadline = Deadline::for_("delivering");
    let mut warm = false;
    let mut said = 0;
    let mut done = 0;
    loop {
        let now = Instant::now();
        if !warm && now >= start + warm_up {
            warm = true;
            ledger.take_latencies();
            stage.begin(ledger.deliveries())?;
        }
        let over = now >= start + warm_up + duration;
        if over && done == said {
            break;
        }
        let next = start + pause * u32::try_from(said).unwrap_or(u32::MAX);
        let timeout = if over {
            deadline.left()?
        } else if now >= next {
            deadline = Deadline::for_("delivering");
            let member = said * 37 % members;
            let number = ledger.begin(member);
            stage.crowd.say(member, number)?;
            said += 1;
            Duration::ZERO
        } else {
            next - now
        };
        stage.crowd.turn(Some(timeout), |member, heard| {
            ledger.hear(member, heard);
        })?;
        done += ledger.take_done().len();
    }
    let work = stage.end(ledger.deliveries(), ledger.take_latencies())?;
    stage.crowd_hears_no_more(&mut ledger)?;
    ledger.check()?;
    stage.figures(Some(work))
}
