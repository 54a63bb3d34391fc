//! One bound for the memory of all that waits and all that is remembered.
//!
//! Each owner counts what it holds here, and asks how much one of its kind may hold. That is a fixed part of
//! what is free: the dynamic threshold of shared-memory switches (Choudhury and Hahne, "Dynamic queue length
//! thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking 6(2), 1998). The less is
//! free, the less each queue may hold, so that the longest give way first and what is left is shared evenly,
//! without anybody looking through all queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much memory is in use, of how much there may be.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: AtomicUsize,
}

/// What is free is shared so that one queue holds at most this part of it.
const PART: usize = 16;

impl Memory {
    /// What a session may hold of each kind whatever its share is, in bytes, so that whoever reads in time
    /// hears everything.
    pub(crate) const FLOOR: usize = 4 * 1024;

    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How much one queue, or one room, may hold at this moment.
    pub(crate) fn share(&self) -> usize {
        self.free() / PART
    }

    /// The same for what a session holds, which is never less than [`FLOOR`](Self::FLOOR).
    pub(crate) fn session_share(&self) -> usize {
        self.share().max(Self::FLOOR)
    }

    fn free(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// Counts `bytes` that are needed whatever is free.
    pub(crate) fn charge(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts `bytes` if they are free.
    #[must_use]
    pub(crate) fn try_charge(&self, bytes: usize) -> bool {
        let charged = |used: usize| used.checked_add(bytes).filter(|&used| used <= self.limit);
        let order = Ordering::Relaxed;
        self.used.fetch_update(order, order, charged).is_ok()
    }

    /// Whether so many bytes are free at this moment.
    pub(crate) fn has_free(&self, bytes: usize) -> bool {
        bytes <= self.free()
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one owner has counted; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Charge {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Charge {
    /// Of nothing yet.
    pub(crate) fn new(memory: &Arc<Memory>) -> Self {
        Self {
            memory: Arc::clone(memory),
            bytes: 0,
        }
    }

    /// Counts `bytes` from now on, whatever is free.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.memory.charge(bytes - self.bytes);
        } else if bytes < self.bytes {
            self.memory.release(self.bytes - bytes);
        }
        self.bytes = bytes;
    }

    /// Whether nothing is counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Memory counted in advance, for what is about to reach many queues: they share one count instead of
/// counting one by one. Dropping it gives back what was not used.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    memory: Option<Arc<Memory>>,
    left: usize,
}

impl Lease {
    /// How much is counted at once.
    const PIECE: usize = 4 * 1024;

    /// Takes `bytes` of `memory`, which is the same one each time, if they are free.
    #[must_use]
    pub(crate) fn try_take(&mut self, memory: &Arc<Memory>, bytes: usize) -> bool {
        if self.left < bytes {
            let missing = bytes - self.left;
            let piece = missing.max(Self::PIECE);
            if memory.try_charge(piece) {
                self.left += piece;
            } else if memory.try_charge(missing) {
                self.left += missing;
            } else {
                return false;
            }
            self.memory.get_or_insert_with(|| Arc::clone(memory));
        }
        self.left -= bytes;
        true
    }

    /// Takes `bytes`, whether they are free or not.
    pub(crate) fn take(&mut self, memory: &Arc<Memory>, bytes: usize) {
        if !self.try_take(memory, bytes) {
            memory.charge(bytes);
        }
    }

    /// Takes back `bytes` that are not needed any more.
    pub(crate) fn give_back(&mut self, memory: &Arc<Memory>, bytes: usize) {
        self.memory.get_or_insert_with(|| Arc::clone(memory));
        self.left += bytes;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.release(self.left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_of_what_is_free_and_for_a_session_never_less_than_the_floor() {
        let memory = Memory::new(1024 * 1024);
        assert_eq!(memory.share(), 64 * 1024);
        memory.charge(512 * 1024);
        assert_eq!(memory.share(), 32 * 1024);
        memory.charge(1024 * 1024);
        assert_eq!(memory.share(), 0, "more is used than there is");
        assert_eq!(memory.session_share(), Memory::FLOOR);
    }

    #[test]
    fn what_is_not_free_is_only_counted_when_it_is_needed() {
        let memory = Memory::new(100);
        assert!(memory.try_charge(60));
        assert!(!memory.try_charge(41));
        assert!(memory.try_charge(40));
        let mut charge = Charge::new(&memory);
        charge.set(50);
        charge.set(20);
        assert_eq!(memory.used(), 120);
        drop(charge);
        assert_eq!(memory.used(), 100);
    }

    #[test]
    fn a_lease_counts_in_pieces_and_gives_the_rest_back() {
        let memory = Memory::new(Lease::PIECE + 100);
        let mut lease = Lease::default();
        assert!(lease.try_take(&memory, 10));
        assert_eq!(memory.used(), Lease::PIECE);
        assert!(lease.try_take(&memory, Lease::PIECE));
        assert_eq!(memory.used(), Lease::PIECE + 10, "no more than is missing");
        assert!(!lease.try_take(&memory, 91));
        lease.give_back(&memory, 91);
        assert!(lease.try_take(&memory, 91));
        lease.take(&memory, 200);
        drop(lease);
        assert_eq!(memory.used(), Lease::PIECE + 210);
    }
}
