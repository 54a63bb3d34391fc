use std::future::Future;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};

use chat_core::runtime::{Address, BACKLOG, Listener, Net};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

use crate::{TokioRuntime, TokioSocket};

/// Whether a connection that is accepted has `TCP_NODELAY` from its listener, which saves each of them a system call.
const HANDS_NODELAY_ON: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Net for TokioRuntime {
    type TcpStream = TokioSocket<TcpStream>;
    type TcpListener = TokioListener<TcpListener>;
    #[cfg(unix)]
    type UnixStream = TokioSocket<UnixStream>;
    #[cfg(unix)]
    type UnixListener = TokioListener<UnixListener>;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpListener> {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // On Windows the option would let two servers have the same address.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        if HANDS_NODELAY_ON {
            socket.set_nodelay(true)?;
        }
        socket.bind(addr)?;
        let listener = inside(&self.handle, async { socket.listen(BACKLOG.into()) }).await?;
        Ok(TokioListener::new(listener, &self.handle))
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpStream> {
        let stream = inside(&self.handle, TcpStream::connect(addr)).await?;
        stream.set_nodelay(true)?;
        Ok(TokioSocket::new(stream))
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<Self::UnixListener> {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let listener = inside(&self.handle, async { socket.listen(BACKLOG.into()) }).await?;
        Ok(TokioListener::new(listener, &self.handle))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<Self::UnixStream> {
        let stream = inside(&self.handle, UnixStream::connect(path)).await?;
        Ok(TokioSocket::new(stream))
    }
}

/// Accepts connections on tokio's TCP or Unix listener.
#[derive(Debug)]
pub struct TokioListener<L> {
    listener: L,
    handle: Handle,
}

impl<L> TokioListener<L> {
    fn new(listener: L, handle: &Handle) -> Self {
        Self {
            listener,
            handle: handle.clone(),
        }
    }

    /// Tokio's listener.
    pub fn get_ref(&self) -> &L {
        &self.listener
    }
}

impl Listener for TokioListener<TcpListener> {
    type Stream = TokioSocket<TcpStream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = inside(&self.handle, self.listener.accept()).await?;
        if !HANDS_NODELAY_ON {
            // Some platforms refuse when the peer is gone already, which reading will tell.
            let _ = stream.set_nodelay(true);
        }
        Ok((TokioSocket::new(stream), Address::Tcp(peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(Address::Tcp)
    }
}

#[cfg(unix)]
impl Listener for TokioListener<UnixListener> {
    type Stream = TokioSocket<UnixStream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = inside(&self.handle, self.listener.accept()).await?;
        Ok((TokioSocket::new(stream), unix_address(&peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(|addr| unix_address(&addr))
    }
}

#[cfg(unix)]
fn unix_address(addr: &tokio::net::unix::SocketAddr) -> Address {
    Address::Unix(addr.as_pathname().map(PathBuf::from))
}

/// Polls `future` inside the runtime, where sockets can be made, whoever the caller is.
fn inside<F: Future>(handle: &Handle, future: F) -> TokioContext<F> {
    TokioContext::new(future, handle.clone())
}
