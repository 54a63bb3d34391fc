//! Sockets with a fault.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use chat_core::runtime::{Address, Duplex, Listener, Net};
use futures::io::{AsyncRead, AsyncWrite, IoSlice};
use futures::task::AtomicWaker;

/// What is wrong with the sockets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetFault {
    None,
    /// Closing only flushes, as smol's bare `Async` and async-std do.
    CloseSendsNoFin,
    /// What `tokio_util::compat` makes of vectored writes.
    OnlyTheFirstSlice,
    /// Closing again passes on what the operating system says about it.
    SecondCloseFails,
    /// Dropping leaves the connection open.
    DropLeaves,
    /// A connection is taken, and lost when the caller gives up before it gets it.
    AcceptForgets,
    /// Whoever polls first is woken, even if somebody else has polled since.
    AcceptKeepsItsFirstWaker,
    /// Whoever polls with another waker than before has to wait for it to be woken.
    AcceptCountsOnItsWaker,
}

pub(crate) struct FaultyNet<N> {
    good: Arc<N>,
    fault: NetFault,
}

pub(crate) struct FaultyListener<L> {
    good: L,
    fault: NetFault,
}

pub(crate) struct FaultyStream<S: Duplex> {
    good: Option<S>,
    fault: NetFault,
    closed: bool,
}

/// Wakes whoever has polled last.
#[derive(Default)]
struct Relay(AtomicWaker);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

impl<N> FaultyNet<N> {
    pub(crate) fn new(good: Arc<N>, fault: NetFault) -> Self {
        Self { good, fault }
    }

    fn listener<L>(&self, good: L) -> FaultyListener<L> {
        let fault = self.fault;
        FaultyListener { good, fault }
    }
}

impl<N: Net> Net for FaultyNet<N> {
    type TcpStream = FaultyStream<N::TcpStream>;
    type TcpListener = FaultyListener<N::TcpListener>;
    #[cfg(unix)]
    type UnixStream = FaultyStream<N::UnixStream>;
    #[cfg(unix)]
    type UnixListener = FaultyListener<N::UnixListener>;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpListener> {
        Ok(self.listener(self.good.bind_tcp(addr).await?))
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpStream> {
        Ok(FaultyStream::new(
            self.good.connect_tcp(addr).await?,
            self.fault,
        ))
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<Self::UnixListener> {
        Ok(self.listener(self.good.bind_unix(path).await?))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<Self::UnixStream> {
        Ok(FaultyStream::new(
            self.good.connect_unix(path).await?,
            self.fault,
        ))
    }
}

impl<L: Listener> Listener for FaultyListener<L> {
    type Stream = FaultyStream<L::Stream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let mut accept = pin!(self.good.accept());
        let mut last = None;
        let relay = Arc::new(Relay::default());
        let waker = Waker::from(Arc::clone(&relay));
        let (stream, peer) = poll_fn(|cx| match self.fault {
            NetFault::AcceptKeepsItsFirstWaker => {
                let first = last.get_or_insert_with(|| cx.waker().clone());
                accept.as_mut().poll(&mut Context::from_waker(first))
            }
            NetFault::AcceptCountsOnItsWaker => {
                relay.0.register(cx.waker());
                match last.replace(cx.waker().clone()) {
                    Some(last) if !last.will_wake(cx.waker()) => Poll::Pending,
                    _ => accept.as_mut().poll(&mut Context::from_waker(&waker)),
                }
            }
            _ => accept.as_mut().poll(cx),
        })
        .await?;
        if self.fault == NetFault::AcceptForgets {
            let mut waited = false;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                match std::mem::replace(&mut waited, true) {
                    false => Poll::Pending,
                    true => Poll::Ready(()),
                }
            })
            .await;
        }
        Ok((FaultyStream::new(stream, self.fault), peer))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.good.local_addr()
    }
}

impl<S: Duplex> FaultyStream<S> {
    fn new(good: S, fault: NetFault) -> Self {
        Self {
            good: Some(good),
            fault,
            closed: false,
        }
    }

    fn good(&mut self) -> Pin<&mut S> {
        Pin::new(self.good.as_mut().expect("only dropping takes it"))
    }
}

impl<S: Duplex> Drop for FaultyStream<S> {
    fn drop(&mut self) {
        if self.fault == NetFault::DropLeaves {
            std::mem::forget(self.good.take());
        }
    }
}

impl<S: Duplex> AsyncRead for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.good().poll_read(cx, buf)
    }
}

impl<S: Duplex> AsyncWrite for FaultyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.good().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.fault == NetFault::OnlyTheFirstSlice {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            return self.good().poll_write(cx, first.map_or(&[], |buf| buf));
        }
        self.good().poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.good().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.fault {
            NetFault::CloseSendsNoFin => self.good().poll_flush(cx),
            NetFault::SecondCloseFails if self.closed => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
            _ => {
                self.closed = true;
                self.good().poll_close(cx)
            }
        }
    }
}
