use std::time::{Duration, Instant};

use super::CaseError;
use super::ledger::{Latencies, Ledger};
use super::run::Scene;
use super::stage::Stage;
use crate::load::Deadline;

/// Keeps messages on their way in all rooms.
#[derive(Debug)]
pub(super) struct Talk {
    ledger: Ledger,
    /// How many messages were said in each room.
    said: Vec<usize>,
    /// How many in each room do not only listen.
    speakers: usize,
    in_flight: usize,
}

impl Talk {
    pub(super) fn new(
        stage: &mut Stage,
        rooms: usize,
        members: usize,
        in_flight: usize,
        deaf: usize,
    ) -> Result<Self, CaseError> {
        let names: Vec<_> = (0..rooms * members)
            .map(|member| name(rooms, member % rooms))
            .collect();
        stage.gather(&names, Stage::ABREAST)?;
        let places = (0..rooms * members).map(|member| member % rooms).collect();
        let mut ledger = Ledger::new(stage.crowd.dialect().echoes(), places);
        for member in (0..rooms * members).rev().take(deaf * rooms) {
            stage.crowd.turn_away(member)?;
            ledger.turn_away(member);
        }
        Ok(Self {
            ledger,
            said: vec![0; rooms],
            speakers: members - deaf,
            in_flight,
        })
    }

    fn say(&mut self, stage: &mut Stage, room: usize) -> Result<(), CaseError> {
        let (said, rooms) = (self.said[room], self.said.len());
        // Another one each time, neither next to the one before nor in the order in which they came.
        let speaker = (said * 37 + said / self.speakers) % self.speakers;
        self.said[room] += 1;
        let member = speaker * rooms + room;
        let number = self.ledger.begin(member);
        Ok(stage.crowd.say(member, number)?)
    }
}

impl Scene for Talk {
    fn go_on(&mut self, stage: &mut Stage, duration: Duration) -> Result<(), CaseError> {
        let rooms = self.said.len();
        let end = Instant::now() + duration;
        let mut deadline = Deadline::for_("delivering");
        for room in 0..rooms {
            for _ in 0..self.in_flight {
                self.say(stage, room)?;
            }
        }
        let mut on_the_way = rooms * self.in_flight;
        while on_the_way > 0 {
            stage.crowd.turn(Some(deadline.left()?), |member, heard| {
                self.ledger.hear(member, heard);
            })?;
            let over = Instant::now() >= end;
            for room in self.ledger.take_done() {
                deadline = Deadline::for_("delivering");
                if over {
                    // One that is doubled is found in the end.
                    on_the_way = on_the_way.saturating_sub(1);
                } else {
                    self.say(stage, room)?;
                }
            }
        }
        Ok(())
    }

    fn take_deliveries(&mut self) -> (u64, Latencies) {
        self.ledger.take_deliveries()
    }

    fn check(&mut self, stage: &mut Stage) -> Result<(), CaseError> {
        stage.crowd_hears_no_more(&mut self.ledger)?;
        self.ledger.check()
    }
}

/// One room is the one that a server may let everybody into, so that very many need not all come through a door
/// that announces them.
fn name(rooms: usize, room: usize) -> String {
    if rooms == 1 {
        return "general".to_owned();
    }
    format!("room-{room}")
}
