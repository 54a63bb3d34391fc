//! Sockets on which what the server writes is tampered with.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chat_core::runtime::{Address, Duplex, Listener, Net};
use futures::io::{AsyncRead, AsyncWrite};

use crate::lies::{Lie, MakeLie};

/// Sockets whose accepting side lies.
pub(crate) struct LyingNet<N> {
    good: Arc<N>,
    lie: MakeLie,
}

pub(crate) struct LyingListener<L> {
    good: L,
    lie: MakeLie,
}

/// The server's end of a connection lies; the other one does not.
pub(crate) struct LyingStream<S> {
    good: S,
    lie: Option<Box<dyn Lie>>,
    /// The beginning of a line.
    line: Vec<u8>,
    /// What has been made of lines and was not written yet.
    unsent: Vec<u8>,
}

impl<N> LyingNet<N> {
    pub(crate) fn new(good: Arc<N>, lie: MakeLie) -> Self {
        Self { good, lie }
    }
}

impl<N: Net> Net for LyingNet<N> {
    type TcpStream = LyingStream<N::TcpStream>;
    type TcpListener = LyingListener<N::TcpListener>;
    #[cfg(unix)]
    type UnixStream = LyingStream<N::UnixStream>;
    #[cfg(unix)]
    type UnixListener = LyingListener<N::UnixListener>;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpListener> {
        let good = self.good.bind_tcp(addr).await?;
        let lie = self.lie;
        Ok(LyingListener { good, lie })
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpStream> {
        let good = self.good.connect_tcp(addr).await?;
        Ok(LyingStream::new(good, None))
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<Self::UnixListener> {
        let good = self.good.bind_unix(path).await?;
        let lie = self.lie;
        Ok(LyingListener { good, lie })
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<Self::UnixStream> {
        let good = self.good.connect_unix(path).await?;
        Ok(LyingStream::new(good, None))
    }
}

impl<L: Listener> Listener for LyingListener<L> {
    type Stream = LyingStream<L::Stream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = self.good.accept().await?;
        Ok((LyingStream::new(stream, Some((self.lie)())), peer))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.good.local_addr()
    }
}

impl<S: Duplex> LyingStream<S> {
    fn new(good: S, lie: Option<Box<dyn Lie>>) -> Self {
        Self {
            good,
            lie,
            line: Vec::new(),
            unsent: Vec::new(),
        }
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut self.good).poll_write(cx, &self.unsent))?;
            self.unsent.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Duplex> AsyncRead for LyingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.good).poll_read(cx, buf)
    }
}

impl<S: Duplex> AsyncWrite for LyingStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(lie) = &mut this.lie else {
            return Pin::new(&mut this.good).poll_write(cx, buf);
        };
        if this.unsent.is_empty() {
            for byte in buf {
                this.line.push(*byte);
                if *byte == b'\n' {
                    let line = String::from_utf8(std::mem::take(&mut this.line));
                    lie.tell(line.expect("the server writes text"), &mut this.unsent);
                }
            }
            // What does not fit now is written with the next write or flush.
            if let Poll::Ready(Err(error)) = this.poll_unsent(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(buf.len()));
        }
        ready!(this.poll_unsent(cx))?;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.good).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.good).poll_close(cx)
    }
}
