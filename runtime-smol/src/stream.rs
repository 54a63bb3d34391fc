use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::{Async, IoSafe};
use futures_lite::io::{AsyncRead, AsyncWrite};

/// A socket of the standard library, watched by smol, as a stream for this library.
///
/// The bare [`Async`] sends no FIN when it is closed, and `smol::net`'s Unix stream writes one
/// slice at a time; this does both right for both kinds of socket.
#[derive(Debug)]
pub struct SmolStream<S>(Async<S>);

/// A socket that can be a [`SmolStream`].
pub trait Socket: IoSafe + Read + Write + Send + Sync + 'static {
    /// Tells the peer that nothing more comes.
    fn shutdown_write(&self) -> io::Result<()>;
}

impl<S: Socket> SmolStream<S> {
    /// Wraps `stream`.
    pub fn new(stream: Async<S>) -> Self {
        Self(stream)
    }

    /// The socket of the standard library.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    /// The stream inside, taken out.
    pub fn into_inner(self) -> Async<S> {
        self.0
    }
}

impl Socket for TcpStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl<S: Socket> AsyncRead for SmolStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: Socket> AsyncWrite for SmolStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_ref().shutdown_write() {
            // Nobody is left to be told: closed before, or the peer is gone.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}
