use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

/// What a case is waiting for at the moment, readable from the watchdog's thread.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Mutex<Option<&'static str>>>);

thread_local! {
    static CURRENT: RefCell<Stage> = RefCell::default();
}

/// Notes what the case on this thread waits for next.
///
/// A case that fails is reported with the last note, which often is the whole diagnosis:
/// "still waiting after 20s for the peer to see the end of the stream".
pub fn waiting_for(event: &'static str) {
    CURRENT.with_borrow(|stage| stage.set(event));
}

impl Stage {
    /// Makes this the stage of the current thread.
    pub(crate) fn enter(self) {
        CURRENT.set(self);
    }

    pub(crate) fn get(&self) -> Option<&'static str> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, event: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }
}
