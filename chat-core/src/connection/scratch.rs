use std::cell::Cell;

use crate::hub::Queue;
use crate::metrics::Tally;

/// Memory that a connection needs while it is polled and at no other time: one per thread serves all
/// its connections.
pub(super) struct Scratch {
    pub(super) input: Box<[u8]>,
    pub(super) output: Vec<u8>,
    pub(super) taken: Queue,
    /// What this poll has moved so far.
    pub(super) tally: Tally,
}

thread_local! {
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    const INPUT: usize = 16 * 1024;

    /// About how much is taken out of an outbox for one write.
    pub(super) const OUTPUT: usize = 64 * 1024;

    /// The thread's scratch, or a new one while that is in use further up the stack.
    pub(super) fn take() -> Box<Self> {
        SPARE.take().unwrap_or_else(|| {
            Box::new(Self {
                input: vec![0; Self::INPUT].into(),
                output: Vec::with_capacity(Self::OUTPUT),
                taken: Queue::default(),
                tally: Tally::default(),
            })
        })
    }

    pub(super) fn give_back(mut self: Box<Self>) {
        self.output.clear();
        self.output.shrink_to(2 * Self::OUTPUT);
        self.taken.clear();
        self.tally = Tally::default();
        SPARE.set(Some(self));
    }
}
