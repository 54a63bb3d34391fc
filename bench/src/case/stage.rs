use std::time::{Duration, Instant};

use super::figures::{Connecting, Deliveries, Figures};
use super::ledger::Ledger;
use super::{CaseError, Setting};
use crate::load::{Crowd, Deadline};
use crate::process::Measured;

/// A server, and a crowd that comes to it: what all cases begin and end with.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) crowd: Crowd,
    pub(super) process: Measured,
    duration: Duration,
    connecting: Connecting,
}

impl Stage {
    /// How many come in at the same time, unless it matters: so few that nobody hears of more than fit into an
    /// outbox before it is its turn to be written to.
    pub(super) const ABREAST: usize = 128;

    pub(super) fn new(setting: &Setting) -> Result<Self, CaseError> {
        Ok(Self {
            crowd: Crowd::new(setting.dialect, setting.address, setting.waiting)?,
            process: setting.process,
            duration: setting.duration,
            connecting: Connecting {
                cpu_us: 0.0,
                bytes: 0.0,
                idle_ms_per_s: 0.0,
            },
        })
    }

    /// Lets a member into each of `rooms`, `abreast` at a time.
    pub(super) fn gather(&mut self, rooms: &[String], abreast: usize) -> Result<(), CaseError> {
        let cpu = self.process.cpu()?;
        let bytes = self.process.resident_bytes()?;
        self.crowd.gather(rooms, abreast)?;
        let cpu = self.process.cpu()?.since(cpu);
        let bytes = self.process.resident_bytes()?.saturating_sub(bytes);
        let count = rooms.len() as f64;
        self.connecting.cpu_us = cpu.total.as_secs_f64() * 1e6 / count;
        self.connecting.bytes = bytes as f64 / count;
        Ok(())
    }

    /// Does nothing for a while, and measures what that costs.
    pub(super) fn rest(&mut self) -> Result<(), CaseError> {
        let (start, cpu) = (Instant::now(), self.process.cpu()?);
        let end = start + self.duration;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.crowd.turn(Some(left), |_, _| {})?;
        }
        let cpu = self.process.cpu()?.since(cpu);
        let seconds = start.elapsed().as_secs_f64();
        self.connecting.idle_ms_per_s = cpu.total.as_secs_f64() * 1e3 / seconds;
        Ok(())
    }

    /// Waits for deliveries that should not come, so that the ledger has them too.
    pub(super) fn crowd_hears_no_more(&mut self, ledger: &mut Ledger) -> Result<(), CaseError> {
        let moment = Some(Duration::from_millis(5));
        let deadline = Deadline::for_("falling silent");
        while self
            .crowd
            .turn(moment, |member, heard| ledger.hear(member, heard))?
        {
            deadline.left()?;
        }
        Ok(())
    }

    /// Waits for what should not come.
    pub(super) fn quieten(&mut self) -> Result<(), CaseError> {
        Ok(self.crowd.quieten(Deadline::for_("falling silent"))?)
    }

    pub(super) fn figures(self, work: Option<Deliveries>) -> Result<Figures, CaseError> {
        Ok(Figures {
            connecting: self.connecting,
            work: work.map(Into::into),
            resident_bytes: self.process.resident_bytes()?,
        })
    }
}
