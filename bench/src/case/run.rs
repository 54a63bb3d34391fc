use std::time::{Duration, Instant};

use super::churn::Churn;
use super::figures::Deliveries;
use super::idle;
use super::ledger::Latencies;
use super::stage::Stage;
use super::steady::Steady;
use super::talk::Talk;
use super::{Case, CaseError, Figures, Plan, Setting};
use crate::process::Cpu;

/// A part of the time that is measured: so long it takes for everything to be warm.
const WARM_UP: u32 = 5;

/// A case in front of one server: everybody has come in, and is about to begin or to go on.
#[derive(Debug)]
pub struct Run {
    stage: Stage,
    scene: Option<Box<dyn Scene>>,
    turn: Duration,
    turns_left: u32,
    done: Deliveries,
    /// What the server had used when it was warm. What it does between its turns is for those before.
    cpu_before: Cpu,
}

/// What a crowd does that is measured.
pub(super) trait Scene: std::fmt::Debug {
    /// Goes on for so long, and until everybody has heard everything.
    fn go_on(&mut self, stage: &mut Stage, duration: Duration) -> Result<(), CaseError>;

    /// How many deliveries there were since this was asked last, and how long they took.
    fn take_deliveries(&mut self) -> (u64, Latencies);

    /// Whether everybody has heard everything that was to be heard, and nothing else.
    fn check(&mut self, stage: &mut Stage) -> Result<(), CaseError>;
}

impl Case {
    /// Lets everybody come in, and warms up.
    ///
    /// # Errors
    ///
    /// When the server does not let somebody in, or loses a delivery.
    pub fn begin(&self, setting: &Setting) -> Result<Run, CaseError> {
        let mut stage = Stage::new(setting)?;
        let mut scene: Option<Box<dyn Scene>> = match self.plan {
            Plan::Talk {
                rooms,
                members,
                in_flight,
                deaf,
            } => Some(Box::new(Talk::new(
                &mut stage, rooms, members, in_flight, deaf,
            )?)),
            Plan::Steady {
                members,
                per_second,
            } => Some(Box::new(Steady::new(&mut stage, members, per_second)?)),
            Plan::Churn { members, churners } => {
                Some(Box::new(Churn::new(&mut stage, members, churners)?))
            }
            Plan::Idle { members, per_room } => {
                idle::come_in(&mut stage, members, per_room)?;
                None
            }
        };
        let duration = match self.plan {
            Plan::Steady { .. } => setting.duration * Steady::LONGER,
            _ => setting.duration,
        };
        if let Some(scene) = &mut scene {
            scene.go_on(&mut stage, setting.duration / WARM_UP)?;
            scene.take_deliveries();
        }
        let cpu_before = stage.process.cpu()?;
        let turns = duration.div_duration_f64(setting.turn).round().max(1.0) as u32;
        Ok(Run {
            stage,
            scene,
            turn: duration / turns,
            turns_left: turns,
            done: Deliveries::none(),
            cpu_before,
        })
    }

    /// Runs it from the beginning to the end, with no other server in between.
    ///
    /// # Errors
    ///
    /// As [`begin`](Case::begin) and [`Run::finish`].
    pub fn run(&self, setting: &Setting) -> Result<Figures, CaseError> {
        let mut run = self.begin(setting)?;
        while run.take_turn()? {}
        run.finish()
    }
}

impl Run {
    /// Goes on for a [turn](Setting::turn), which is measured; `false` if it was measured long enough before.
    ///
    /// # Errors
    ///
    /// When a delivery is missing, or a connection breaks.
    pub fn take_turn(&mut self) -> Result<bool, CaseError> {
        let (Some(scene), 1..) = (&mut self.scene, self.turns_left) else {
            return Ok(false);
        };
        self.turns_left -= 1;
        let start = Instant::now();
        scene.go_on(&mut self.stage, self.turn)?;
        let (count, latencies) = scene.take_deliveries();
        let done = &mut self.done;
        done.within += start.elapsed();
        done.count += count;
        done.latencies.add_all(&latencies);
        Ok(true)
    }

    /// Checks that every delivery has arrived, once and in order, and says what they have cost.
    ///
    /// # Errors
    ///
    /// When one has not: no figures are better than wrong ones.
    pub fn finish(mut self) -> Result<Figures, CaseError> {
        self.done.cpu = self.stage.process.cpu()?.since(self.cpu_before);
        if let Some(scene) = &mut self.scene {
            scene.check(&mut self.stage)?;
        }
        let work = self.scene.is_some().then_some(self.done);
        self.stage.figures(work)
    }
}
