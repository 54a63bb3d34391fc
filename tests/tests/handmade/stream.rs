use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

use crate::readiness::Retry;
use crate::timer::Alarms;

/// A non-blocking socket of the standard library.
pub struct HandmadeStream<S> {
    socket: S,
    // One for each direction: a reader and a writer may be waiting at the same time.
    reads: Retry,
    writes: Retry,
}

/// What TCP and Unix streams do under the same name, but not under the same trait.
pub trait Socket: Read + Write + Send + Unpin + 'static {
    fn set_nonblocking(&self) -> io::Result<()>;
    fn shutdown_write(&self) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn set_nonblocking(&self) -> io::Result<()> {
        TcpStream::set_nonblocking(self, true)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn set_nonblocking(&self) -> io::Result<()> {
        UnixStream::set_nonblocking(self, true)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl<S: Socket> HandmadeStream<S> {
    pub fn new(socket: S, alarms: &Alarms) -> io::Result<Self> {
        socket.set_nonblocking()?;
        Ok(Self {
            socket,
            reads: Retry::new(alarms),
            writes: Retry::new(alarms),
        })
    }
}

impl<S: Socket> AsyncRead for HandmadeStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, reads, .. } = &mut *self;
        reads.poll(cx, || socket.read(buf))
    }
}

impl<S: Socket> AsyncWrite for HandmadeStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, writes, .. } = &mut *self;
        writes.poll(cx, || socket.write(buf))
    }

    // The trait's own version would write the first slice only.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, writes, .. } = &mut *self;
        writes.poll(cx, || socket.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        match self.socket.shutdown_write() {
            // Closed before, or the peer is gone: nobody is left to be told.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}
