use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The tasks that wait to be [woken later](super::Spawn::wake_later), for an adapter whose executor does not tell when it
/// has looked at its sockets, or where others than the executor have to wake them. Clones are the same list.
///
/// An executor that fires its timers when it looks at its sockets, as most do, can be asked for that by a timer
/// for the shortest time: one for all who come together.
///
/// # Examples
///
/// ```
/// use chat_core::runtime::LateWakes;
/// use std::task::Waker;
///
/// let late = LateWakes::default();
/// let wakes = late.add(Waker::noop()).expect("the first one");
/// assert!(late.add(Waker::noop()).is_none(), "somebody sees to it already");
/// // Here a future waits for the executor's timer, and then:
/// drop(wakes);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LateWakes {
    waiting: Arc<Mutex<Vec<Waker>>>,
}

/// Wakes all that wait in its [`LateWakes`] when it is dropped: so they are woken also by a runtime that drops
/// the future that was to see to it.
#[derive(Debug)]
#[must_use = "dropping it wakes all who wait, and it is too early for that"]
pub struct WakesOnDrop(LateWakes);

impl LateWakes {
    /// Adds a task. Whoever adds the first one gets what is to be dropped soon, as it wakes all.
    pub fn add(&self, waker: &Waker) -> Option<WakesOnDrop> {
        let mut waiting = self.waiting();
        waiting.push(waker.clone());
        (waiting.len() == 1).then(|| WakesOnDrop(self.clone()))
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        // Nothing in this module can panic while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WakesOnDrop {
    fn drop(&mut self) {
        let waiting = std::mem::take(&mut *self.0.waiting());
        for waker in waiting {
            // Whoever panics keeps nobody else from being woken.
            let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            if woken.is_err() {
                tracing::error!("a waker panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;
    use crate::testing::Flag;

    #[test]
    fn a_waker_that_panics_keeps_nobody_from_being_woken() {
        struct Panics;

        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                std::panic::resume_unwind(Box::new("this panic belongs to the test"));
            }
        }

        let late = LateWakes::default();
        let flag = Flag::set();
        flag.take();
        let wakes = late.add(&Arc::new(Panics).into());
        assert!(late.add(&Arc::clone(&flag).into()).is_none());
        drop(wakes);
        assert!(flag.take());
    }

    #[test]
    fn all_who_wait_are_woken_together_and_those_who_come_after_have_a_turn_of_their_own() {
        let late = LateWakes::default();
        let flags = [Flag::set(), Flag::set(), Flag::set()];
        let woken = || flags.each_ref().map(|flag| flag.take());
        woken();
        let add = |n: usize| late.add(&Arc::clone(&flags[n]).into());
        let first = add(0);
        assert!(first.is_some() && add(1).is_none());
        assert_eq!(woken(), [false; 3]);
        drop(first);
        assert_eq!(woken(), [true, true, false]);
        let next = add(2);
        assert!(next.is_some());
        assert_eq!(woken(), [false; 3]);
        drop(next);
        assert_eq!(woken(), [false, false, true]);
    }
}
