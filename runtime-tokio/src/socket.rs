use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::TokioStream;

/// A socket of tokio's, as a stream for this library: a [`TokioStream`] that writes as soon as it is asked to.
///
/// Tokio looks up whether a socket was full before it writes, in memory that belongs to its reactor. A chat server
/// writes to sockets that hardly ever are, one after the other: in a large room that memory is in no cache, and
/// looking there was one to two per cent of what a delivery costs. So on Linux this writes first, and lets tokio wait if the
/// socket was full. On other systems it is the same as a `TokioStream`. What is written that way counts for nothing in the
/// budget that tokio gives a task (see [`tokio::task::coop`]); a connection of this library has bounds of its own for each poll.
///
/// # Examples
///
/// ```
/// use chat_runtime_tokio::TokioSocket;
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # #[cfg(unix)] {
/// let (here, there) = tokio::net::UnixStream::pair()?;
/// let (mut here, mut there) = (TokioSocket::new(here), TokioSocket::new(there));
/// here.write_all(b"hello").await?;
/// here.close().await?;
/// let mut heard = String::new();
/// there.read_to_string(&mut heard).await?;
/// assert_eq!(heard, "hello");
/// # }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TokioSocket<S>(TokioStream<S>);

impl<S> TokioSocket<S> {
    /// Wraps `socket`.
    pub fn new(socket: S) -> Self {
        Self(TokioStream::new(socket))
    }

    /// The socket inside.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    /// The socket inside, taken out.
    pub fn into_inner(self) -> S {
        self.0.into_inner()
    }
}

/// TCP and Unix sockets. Sealed: nobody can name it.
pub trait Socket: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {
    /// Sends what there is room for, without a word to tokio.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if tokio is to be asked.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl Socket for TcpStream {
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        send(self, bytes)
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        send(self, bytes)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send(socket: &impl std::os::fd::AsFd, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::SendFlags;
    // As the standard library does: a peer that is gone is an error, not a signal.
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send<S>(_: &S, _: &[u8]) -> io::Result<usize> {
    Err(io::ErrorKind::WouldBlock.into())
}

impl<S: Socket> AsyncRead for TokioSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: Socket> AsyncWrite for TokioSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_ref().send(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Pin::new(&mut self.0).poll_write(cx, buf)
            }
            sent => Poll::Ready(sent),
        }
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

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
