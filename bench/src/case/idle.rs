use super::stage::Stage;
use super::{CaseError, Figures};

/// Comes in, and says nothing.
pub(super) fn run(mut stage: Stage, members: usize, per_room: usize) -> Result<Figures, CaseError> {
    let rooms: Vec<_> = (0..members)
        .map(|member| format!("room-{}", member / per_room))
        .collect();
    // A room at a time, as when everybody comes back after a restart.
    stage.gather(&rooms, per_room)?;
    stage.rest()?;
    stage.figures(None)
}
