use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_std::net::{TcpListener, TcpStream};
use chat_core::runtime::{Address, Listener};
use futures::io::{AsyncRead, AsyncWrite};

use crate::net::closed;

/// async-std's TCP stream, which sends FIN when it is closed.
#[derive(Debug)]
pub struct AsyncStdTcpStream(TcpStream);

impl AsyncStdTcpStream {
    /// Wraps `stream`.
    pub fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// async-std's stream.
    pub fn get_ref(&self) -> &TcpStream {
        &self.0
    }

    /// async-std's stream, taken out.
    pub fn into_inner(self) -> TcpStream {
        self.0
    }
}

impl AsyncRead for AsyncStdTcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for AsyncStdTcpStream {
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
        Poll::Ready(closed(self.0.shutdown(Shutdown::Write)))
    }
}

/// async-std's TCP listener.
#[derive(Debug)]
pub struct AsyncStdTcpListener(pub(crate) TcpListener);

impl Listener for AsyncStdTcpListener {
    type Stream = AsyncStdTcpStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = self.0.accept().await?;
        // Some platforms refuse when the peer is gone already, which reading will tell.
        let _ = stream.set_nodelay(true);
        Ok((AsyncStdTcpStream::new(stream), Address::Tcp(peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.local_addr().map(Address::Tcp)
    }
}
