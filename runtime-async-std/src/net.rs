use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;

use async_std::net::{TcpListener, TcpStream};
#[cfg(unix)]
use async_std::os::unix::net::{UnixListener, UnixStream};
use chat_core::runtime::{BACKLOG, Net};
use socket2::SockRef;

use crate::{AsyncStdRuntime, AsyncStdTcpListener, AsyncStdTcpStream};
#[cfg(unix)]
use crate::{AsyncStdUnixListener, AsyncStdUnixStream};

impl Net for AsyncStdRuntime {
    type TcpStream = AsyncStdTcpStream;
    type TcpListener = AsyncStdTcpListener;
    #[cfg(unix)]
    type UnixStream = AsyncStdUnixStream;
    #[cfg(unix)]
    type UnixListener = AsyncStdUnixListener;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpListener> {
        let listener = TcpListener::bind(addr).await?;
        SockRef::from(&listener).listen(BACKLOG.into())?;
        Ok(AsyncStdTcpListener(listener))
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpStream> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(AsyncStdTcpStream::new(stream))
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<Self::UnixListener> {
        let listener = UnixListener::bind(path).await?;
        SockRef::from(&listener).listen(BACKLOG.into())?;
        Ok(AsyncStdUnixListener(listener))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<Self::UnixStream> {
        UnixStream::connect(path).await.map(AsyncStdUnixStream::new)
    }
}

/// What closing comes to when shutting down the writing half came to `shutdown`.
pub(crate) fn closed(shutdown: io::Result<()>) -> io::Result<()> {
    match shutdown {
        // Nobody is left to be told: closed before, or the peer is gone.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}
