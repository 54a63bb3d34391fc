use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::{Async, IoSafe};
use futures_lite::io::{AsyncRead, AsyncWrite};

/// A socket of the standard library, watched by smol, as a stream for this library.
///
/// The bare [`Async`] sends no FIN when it is closed, and `smol::net`'s Unix stream writes one
/// slice at a time; this does both right for both kinds of socket.
#[derive(Debug)]
pub struct SmolStream<S> {
    socket: Async<S>,
    /// Whether the last read took everything there was. The next one then waits for the reactor
    /// instead of asking the socket: a connection is polled far more often because it has something to
    /// send than because it has something to read.
    drained: bool,
}

/// A socket that can be a [`SmolStream`].
pub trait Socket: IoSafe + Write + Send + Sync + 'static {
    /// Tells the peer that nothing more comes.
    fn shutdown_write(&self) -> io::Result<()>;

    /// Reads what there is, or finds that it would block.
    fn read_some(&self, buf: &mut [u8]) -> io::Result<usize>;
}

impl<S: Socket> SmolStream<S> {
    /// Wraps `stream`.
    pub fn new(stream: Async<S>) -> Self {
        Self {
            socket: stream,
            drained: false,
        }
    }

    /// The socket of the standard library.
    pub fn get_ref(&self) -> &S {
        self.socket.get_ref()
    }

    /// The stream inside, taken out.
    pub fn into_inner(self) -> Async<S> {
        self.socket
    }
}

impl Socket for TcpStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn read_some(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut socket = self;
        socket.read(buf)
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn read_some(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut socket = self;
        socket.read(buf)
    }
}

impl<S: Socket> AsyncRead for SmolStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.drained {
                ready!(self.socket.poll_readable(cx))?;
                self.drained = false;
            }
            match self.get_ref().read_some(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(read) => {
                    self.drained = read < buf.len();
                    return Poll::Ready(Ok(read));
                }
            }
        }
    }
}

impl<S: Socket> AsyncWrite for SmolStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_ref().shutdown_write() {
            // Nobody is left to be told: closed before, or the peer is gone.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}
