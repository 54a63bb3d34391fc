use super::CaseError;
use super::stage::Stage;

/// Comes in, and says nothing.
pub(super) fn come_in(stage: &mut Stage, members: usize, per_room: usize) -> Result<(), CaseError> {
    let rooms: Vec<_> = (0..members)
        .map(|member| format!("room-{}", member / per_room))
        .collect();
    // A room at a time, as when everybody comes back after a restart.
    stage.gather(&rooms, per_room)?;
    stage.rest()
}
