use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::event::{Event, Missed};

/// What one poll of a connection has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) received_bytes: u64,
    pub(crate) frames: u64,
    pub(crate) sent_bytes: u64,
    /// Messages to rooms, messages to the session alone, and what is no message.
    pub(crate) room_messages: u64,
    pub(crate) private_messages: u64,
    pub(crate) presence: u64,
    /// What the session was told that it missed.
    pub(crate) missed_messages: u64,
    pub(crate) missed_presence: u64,
}

impl Tally {
    /// Counts an event that is handed to a connection's protocol.
    pub(crate) fn deliver(&mut self, event: &Event) {
        *match event {
            Event::Message(_) => &mut self.room_messages,
            Event::Private(_) => &mut self.private_messages,
            _ => &mut self.presence,
        } += 1;
    }

    /// Counts what a session is told that it missed.
    pub(crate) fn miss(&mut self, missed: &Missed) {
        let count = |(first, last)| last + 1 - first;
        self.missed_messages += missed.messages.map_or(0, count);
        self.missed_presence += missed.presence;
    }
}

/// The sum of all tallies.
///
/// A message to a thousand members is a thousand polls, on all threads at once. One counter for all of them
/// would be a line of cache that every processor wants to write; so each thread has a stripe of its own to
/// write to, and whoever wants to know adds them up.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    stripes: [Stripe; STRIPES],
}

/// Threads beyond this number share.
const STRIPES: usize = 16;

/// Aligned so that no two of them share a line of cache, with the line next to it that some processors fetch
/// along.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    received_bytes: AtomicU64,
    frames: AtomicU64,
    sent_bytes: AtomicU64,
    room_messages: AtomicU64,
    private_messages: AtomicU64,
    presence: AtomicU64,
    missed_messages: AtomicU64,
    missed_presence: AtomicU64,
}

impl Traffic {
    pub(super) fn add(&self, tally: &Tally) {
        let stripe = &self.stripes[stripe_of_thread()];
        let add = |sum: &AtomicU64, count: u64| {
            // Most are zero most of the time.
            if count > 0 {
                sum.fetch_add(count, Ordering::Relaxed);
            }
        };
        add(&stripe.received_bytes, tally.received_bytes);
        add(&stripe.frames, tally.frames);
        add(&stripe.sent_bytes, tally.sent_bytes);
        add(&stripe.room_messages, tally.room_messages);
        add(&stripe.private_messages, tally.private_messages);
        add(&stripe.presence, tally.presence);
        add(&stripe.missed_messages, tally.missed_messages);
        add(&stripe.missed_presence, tally.missed_presence);
    }

    pub(super) fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        for stripe in &self.stripes {
            sum += stripe.get();
        }
        sum
    }
}

impl Stripe {
    fn get(&self) -> Tally {
        Tally {
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            frames: self.frames.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            room_messages: self.room_messages.load(Ordering::Relaxed),
            private_messages: self.private_messages.load(Ordering::Relaxed),
            presence: self.presence.load(Ordering::Relaxed),
            missed_messages: self.missed_messages.load(Ordering::Relaxed),
            missed_presence: self.missed_presence.load(Ordering::Relaxed),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.received_bytes += other.received_bytes;
        self.frames += other.frames;
        self.sent_bytes += other.sent_bytes;
        self.room_messages += other.room_messages;
        self.private_messages += other.private_messages;
        self.presence += other.presence;
        self.missed_messages += other.missed_messages;
        self.missed_presence += other.missed_presence;
    }
}

/// Threads take turns.
fn stripe_of_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    STRIPE.get().unwrap_or_else(|| {
        let stripe = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
        STRIPE.set(Some(stripe));
        stripe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_is_summed_up() {
        let traffic = Traffic::default();
        let tally = Tally {
            received_bytes: 1,
            frames: 2,
            sent_bytes: 3,
            room_messages: 4,
            private_messages: 5,
            presence: 6,
            missed_messages: 7,
            missed_presence: 8,
        };
        let threads = 2 * STRIPES;
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..100).for_each(|_| traffic.add(&tally)));
            }
        });
        let mut expected = Tally::default();
        (0..100 * threads).for_each(|_| expected += tally);
        assert_eq!(traffic.sum(), expected);
    }
}
