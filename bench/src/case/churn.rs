use std::collections::HashMap;
use std::time::Instant;

use super::ledger::{Latencies, Now};
use super::stage::Stage;
use super::{CaseError, Figures};
use crate::load::{Deadline, Heard};

/// The room that some come to and go from.
const HALL: &str = "hall";

/// Somebody who comes and goes.
struct Churner {
    inside: bool,
    moved_at: Instant,
    /// How many have not heard of it yet.
    missing: usize,
}

/// Lets some come and go, and the others hear of it.
pub(super) fn run(mut stage: Stage, members: usize, churners: usize) -> Result<Figures, CaseError> {
    let dialect = stage.crowd.dialect();
    if !dialect.has_presence() {
        return Err(CaseError::DoesNotApply { dialect });
    }
    let mut rooms = vec![HALL.to_owned(); members];
    rooms.extend((0..churners).map(|churner| format!("home-{churner}")));
    stage.gather(&rooms, Stage::ABREAST)?;

    let nicks: HashMap<_, _> = (0..churners)
        .map(|churner| (stage.crowd.nick(members + churner).to_owned(), churner))
        .collect();
    let mut moving: Vec<_> = (0..churners)
        .map(|_| Churner {
            inside: false,
            moved_at: Instant::now(),
            missing: 0,
        })
        .collect();
    let mut heard = vec![0_u64; members];
    let mut moves = 0_u64;
    let mut deliveries = 0_u64;
    let mut latencies = Latencies::new();
    let mut now = Now::new();

    let warm_up = stage.warm_up();
    let start = Instant::now();
    let deadline = Deadline::for_("hearing of who comes and goes");
    let mut warm = false;
    loop {
        let over = start.elapsed() >= warm_up + stage.duration;
        let mut at_rest = true;
        for (number, churner) in moving.iter_mut().enumerate() {
            if churner.missing == 0 && !over {
                churner.missing = members;
                churner.moved_at = Instant::now();
                moves += 1;
                churner.inside = !churner.inside;
                if !churner.inside {
                    stage.crowd.leave(members + number, HALL)?;
                } else {
                    stage.crowd.enter(members + number, HALL)?;
                }
            }
            at_rest &= churner.missing == 0;
        }
        if at_rest {
            break;
        }
        now.forget();
        stage.crowd.turn(Some(deadline.left()?), |member, said| {
            let (Heard::Came { nick, room } | Heard::Went { nick, room }) = said else {
                return;
            };
            if room != HALL.as_bytes() || member >= members {
                return;
            }
            heard[member] += 1;
            if let Some(&churner) = nicks.get(nick) {
                let churner = &mut moving[churner];
                churner.missing = churner.missing.saturating_sub(1);
                latencies.add(churner.moved_at, now.when_hearing(member));
                deliveries += 1;
            }
        })?;
        if !warm && start.elapsed() >= warm_up {
            warm = true;
            latencies = Latencies::new();
            stage.begin(deliveries)?;
        }
    }
    let work = stage.end(deliveries, latencies)?;
    stage.quieten()?;
    if let Some(member) = heard.iter().position(|&heard| heard != moves) {
        return Err(CaseError::Wrong {
            member,
            got: heard[member],
            expected: moves,
        });
    }
    stage.figures(Some(work))
}
