use super::Connection;

/// What a connection could not pass on at once. In a box that is only there while it is needed, as most
/// connections never need it.
#[derive(Default)]
pub(super) struct Backlog {
    /// Input that has been read and not been handled yet.
    pub(super) unread: Vec<u8>,
    /// Output that the stream had no room for, and how much of it has gone since.
    pub(super) unsent: Vec<u8>,
    pub(super) sent: usize,
}

impl Backlog {
    fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.unsent.is_empty()
    }

    /// How many bytes of memory it takes.
    pub(super) fn footprint(&self) -> usize {
        size_of::<Self>() + self.unread.capacity() + self.unsent.capacity()
    }
}

impl<S, P> Connection<S, P> {
    /// Keeps input for later.
    pub(super) fn keep_unread(&mut self, input: &[u8]) {
        if !input.is_empty() {
            self.backlog.get_or_insert_default().unread = input.to_vec();
        }
    }

    /// The input that was kept for now; most of the time there is none.
    pub(super) fn take_unread(&mut self) -> Vec<u8> {
        let backlog = self.backlog.as_mut();
        backlog.map_or_else(Vec::new, |backlog| std::mem::take(&mut backlog.unread))
    }

    /// Gives the memory back, if nothing is left.
    pub(super) fn forget_backlog(&mut self) {
        self.backlog.take_if(|backlog| backlog.is_empty());
    }
}
