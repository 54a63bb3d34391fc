use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

use super::network::End;
use crate::runtime::Shared;

/// One end of a simulated connection.
pub struct SimStream {
    held: Arc<Held>,
}

/// What ends when nobody holds it any more.
struct Held {
    shared: Arc<Shared>,
    id: u64,
    end: End,
}

impl SimStream {
    pub(super) fn new(shared: Arc<Shared>, id: u64, end: End) -> Self {
        let held = Arc::new(Held { shared, id, end });
        Self { held }
    }

    /// The number of the connection; both ends have the same.
    pub(crate) fn id(&self) -> u64 {
        self.held.id
    }

    /// The same end once more, for a task that reads while another one writes. It is dropped when both are.
    pub(crate) fn twin(&self) -> Self {
        let held = Arc::clone(&self.held);
        Self { held }
    }

    /// Lets reads and writes of this end be interrupted, as those of the server are.
    pub(crate) fn bears_interruptions(&self) {
        let (id, end) = self.at();
        self.held.shared.network().bears_interruptions(id, end);
    }

    /// Whether the other end has closed its sending half, and not just dropped it.
    pub(crate) fn peer_has_closed(&self) -> bool {
        let network = self.held.shared.network();
        network.has_closed(self.held.id, 1 - self.held.end)
    }

    /// If the server has reset the connection by dropping its end with input unread: how long it had waited
    /// for that after closing, if it had closed.
    pub(crate) fn dropped_by_server(&self) -> Option<Option<u64>> {
        self.held.shared.network().dropped(self.held.id)
    }

    fn at(&self) -> (u64, End) {
        (self.held.id, self.held.end)
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut network = self.held.shared.network();
        network.poll_read(&self.held.shared, self.at(), cx, buf)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut network = self.held.shared.network();
        network.poll_write(&self.held.shared, self.at(), cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut all = Vec::new();
        for buf in bufs {
            all.extend_from_slice(buf);
        }
        self.poll_write(cx, &all)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut network = self.held.shared.network();
        network.poll_flush(&self.held.shared, self.at(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut network = self.held.shared.network();
        if network.is_broken(self.held.id) {
            return Poll::Ready(Ok(()));
        }
        ready!(network.poll_flush(&self.held.shared, self.at(), cx))?;
        network.finish(&self.held.shared, self.at(), true);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut network = self.shared.network();
        network.let_go(&self.shared, (self.id, self.end));
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStream")
            .field("id", &self.held.id)
            .field("end", &self.held.end)
            .finish_non_exhaustive()
    }
}
