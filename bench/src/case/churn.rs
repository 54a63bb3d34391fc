use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::CaseError;
use super::ledger::{Latencies, Now};
use super::run::Scene;
use super::stage::Stage;
use crate::load::{Deadline, Heard};

/// The room that some come to and go from.
const HALL: &str = "hall";

/// Lets some come and go, and the others hear of it.
#[derive(Debug)]
pub(super) struct Churn {
    /// How many hear of it.
    members: usize,
    nicks: HashMap<Vec<u8>, usize>,
    churners: Vec<Churner>,
    moves: u64,
    heard: Vec<u64>,
    deliveries: u64,
    latencies: Latencies,
    now: Now,
}

/// Somebody who comes and goes.
#[derive(Debug)]
struct Churner {
    inside: bool,
    moved_at: Instant,
    /// How many have not heard of it yet.
    missing: usize,
}

impl Churn {
    pub(super) fn new(
        stage: &mut Stage,
        members: usize,
        churners: usize,
    ) -> Result<Self, CaseError> {
        let dialect = stage.crowd.dialect();
        if !dialect.has_presence() {
            return Err(CaseError::DoesNotApply { dialect });
        }
        let mut rooms = vec![HALL.to_owned(); members];
        rooms.extend((0..churners).map(|churner| format!("home-{churner}")));
        stage.gather(&rooms, Stage::ABREAST)?;
        let nicks = (0..churners)
            .map(|churner| (stage.crowd.nick(members + churner).to_owned(), churner))
            .collect();
        let churner = || Churner {
            inside: false,
            moved_at: Instant::now(),
            missing: 0,
        };
        Ok(Self {
            members,
            nicks,
            churners: std::iter::repeat_with(churner).take(churners).collect(),
            moves: 0,
            heard: vec![0; members],
            deliveries: 0,
            latencies: Latencies::new(),
            now: Now::new(),
        })
    }

    /// Lets everybody move of whom all have heard; `false` if nobody is on the way.
    fn go_and_come(&mut self, stage: &mut Stage, over: bool) -> Result<bool, CaseError> {
        for (number, churner) in self.churners.iter_mut().enumerate() {
            if churner.missing > 0 || over {
                continue;
            }
            churner.missing = self.members;
            churner.moved_at = Instant::now();
            churner.inside = !churner.inside;
            self.moves += 1;
            let member = self.members + number;
            match churner.inside {
                true => stage.crowd.enter(member, HALL)?,
                false => stage.crowd.leave(member, HALL)?,
            }
        }
        Ok(self.churners.iter().any(|churner| churner.missing > 0))
    }

    fn hear(&mut self, member: usize, said: Heard<'_>) {
        let (Heard::Came { nick, room } | Heard::Went { nick, room }) = said else {
            return;
        };
        if room != HALL.as_bytes() || member >= self.members {
            return;
        }
        self.heard[member] += 1;
        if let Some(&churner) = self.nicks.get(nick) {
            let churner = &mut self.churners[churner];
            churner.missing = churner.missing.saturating_sub(1);
            let now = self.now.when_hearing(member);
            self.latencies.add(churner.moved_at, now);
            self.deliveries += 1;
        }
    }
}

impl Scene for Churn {
    fn go_on(&mut self, stage: &mut Stage, duration: Duration) -> Result<(), CaseError> {
        let end = Instant::now() + duration;
        let newly = || Deadline::for_("hearing of who comes and goes");
        let (mut deadline, mut moves) = (newly(), self.moves);
        while self.go_and_come(stage, Instant::now() >= end)? {
            if moves < self.moves {
                (deadline, moves) = (newly(), self.moves);
            }
            self.now.forget();
            stage.crowd.turn(Some(deadline.left()?), |member, said| {
                self.hear(member, said)
            })?;
        }
        Ok(())
    }

    fn take_deliveries(&mut self) -> (u64, Latencies) {
        (std::mem::take(&mut self.deliveries), self.latencies.take())
    }

    fn check(&mut self, stage: &mut Stage) -> Result<(), CaseError> {
        stage.quieten()?;
        match self.heard.iter().position(|&heard| heard != self.moves) {
            None => Ok(()),
            Some(member) => Err(CaseError::Wrong {
                member,
                got: self.heard[member],
                expected: self.moves,
            }),
        }
    }
}
