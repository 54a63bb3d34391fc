use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use chat_core::runtime::{Address, Listener};
use futures::io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::net::closed;

/// How many slices one system call takes; more are an error (`IOV_MAX`).
const MAX_SLICES: usize = 1024;

/// async-std's Unix stream, which sends FIN when it is closed and takes vectored writes.
#[derive(Debug)]
pub struct AsyncStdUnixStream(UnixStream);

impl AsyncStdUnixStream {
    /// Wraps `stream`.
    pub fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// async-std's stream.
    pub fn get_ref(&self) -> &UnixStream {
        &self.0
    }

    /// async-std's stream, taken out.
    pub fn into_inner(self) -> UnixStream {
        self.0
    }
}

impl AsyncRead for AsyncStdUnixStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for AsyncStdUnixStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = &bufs[..bufs.len().min(MAX_SLICES)];
        loop {
            match SockRef::from(&self.0).send_vectored(bufs) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                done => return Poll::Ready(done),
            }
        }
        // The socket is full. Only async-std can register the waker, and it does so when a write
        // of its own finds no room either.
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(closed(self.0.shutdown(Shutdown::Write)))
    }
}

/// async-std's Unix listener.
#[derive(Debug)]
pub struct AsyncStdUnixListener(pub(crate) UnixListener);

impl Listener for AsyncStdUnixListener {
    type Stream = AsyncStdUnixStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = self.0.accept().await?;
        Ok((AsyncStdUnixStream::new(stream), address(&peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.local_addr().map(|addr| address(&addr))
    }
}

fn address(addr: &SocketAddr) -> Address {
    Address::Unix(addr.as_pathname().map(PathBuf::from))
}
