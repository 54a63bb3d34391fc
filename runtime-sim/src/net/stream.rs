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
    shared: Arc<Shared>,
    id: u64,
    end: End,
}

impl SimStream {
    pub(super) fn new(shared: Arc<Shared>, id: u64, end: End) -> Self {
        Self { shared, id, end }
    }

    /// The number of the connection; both ends have the same.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    fn at(&self) -> (u64, End) {
        (self.id, self.end)
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut network = self.shared.network();
        network.poll_read(&self.shared, self.at(), cx, buf)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut network = self.shared.network();
        network.poll_write(&self.shared, self.at(), cx, buf)
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
        let mut network = self.shared.network();
        network.poll_flush(&self.shared, self.at(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut network = self.shared.network();
        if network.is_broken(self.id) {
            return Poll::Ready(Ok(()));
        }
        ready!(network.poll_flush(&self.shared, self.at(), cx))?;
        network.finish(&self.shared, self.at(), true);
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut network = self.shared.network();
        network.let_go(&self.shared, self.at());
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStream")
            .field("id", &self.id)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
