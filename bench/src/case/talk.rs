use std::time::Instant;

use super::ledger::Ledger;
use super::stage::Stage;
use super::{CaseError, Figures};
use crate::load::Deadline;

/// Keeps messages on their way in all rooms.
pub(super) fn run(
    mut stage: Stage,
    rooms: usize,
    members: usize,
    in_flight: usize,
    deaf: usize,
) -> Result<Figures, CaseError> {
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

    let mut turns = vec![0; rooms];
    let mut say = |stage: &mut Stage, ledger: &mut Ledger, room: usize| {
        // Another one each time, neither next to the one before nor in the order in which they came.
        let speaker = (turns[room] * 37 + turns[room] / (members - deaf)) % (members - deaf);
        turns[room] += 1;
        let member = speaker * rooms + room;
        let number = ledger.begin(member);
        stage.crowd.say(member, number)
    };
    for room in 0..rooms {
        for _ in 0..in_flight {
            say(&mut stage, &mut ledger, room)?;
        }
    }
    let mut on_the_way = rooms * in_flight;
    let start = Instant::now();
    let mut warm = false;
    let deadline = Deadline::for_("delivering");
    while on_the_way > 0 {
        stage.crowd.turn(Some(deadline.left()?), |member, heard| {
            ledger.hear(member, heard);
        })?;
        if !warm && start.elapsed() >= stage.warm_up() {
            warm = true;
            ledger.take_latencies();
            stage.begin(ledger.deliveries())?;
        }
        let over = warm && start.elapsed() >= stage.warm_up() + stage.duration;
        for room in ledger.take_done() {
            if over {
                on_the_way -= 1;
            } else {
                say(&mut stage, &mut ledger, room)?;
            }
        }
    }
    let work = stage.end(ledger.deliveries(), ledger.take_latencies())?;
    stage.crowd_hears_no_more(&mut ledger)?;
    ledger.check()?;
    stage.figures(Some(work))
}

/// One room is the one that a server may let everybody into, so that very many need not all come through a door
/// that announces them.
fn name(rooms: usize, room: usize) -> String {
    if rooms == 1 {
        return "general".to_owned();
    }
    format!("room-{room}")
}
