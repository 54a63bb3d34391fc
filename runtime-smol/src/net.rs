use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use async_io::Async;
use chat_core::runtime::{Address, BACKLOG, Listener, Net};
use socket2::SockRef;

use crate::{SmolRuntime, SmolStream};

impl Net for SmolRuntime {
    type TcpStream = SmolStream<TcpStream>;
    type TcpListener = SmolListener<TcpListener>;
    #[cfg(unix)]
    type UnixStream = SmolStream<UnixStream>;
    #[cfg(unix)]
    type UnixListener = SmolListener<UnixListener>;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpListener> {
        let listener = Async::<TcpListener>::bind(addr)?;
        SockRef::from(&listener).listen(BACKLOG.into())?;
        Ok(SmolListener(listener))
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpStream> {
        let stream = Async::<TcpStream>::connect(addr).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(SmolStream::new(stream))
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<Self::UnixListener> {
        let listener = Async::<UnixListener>::bind(path)?;
        SockRef::from(&listener).listen(BACKLOG.into())?;
        Ok(SmolListener(listener))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<Self::UnixStream> {
        Async::<UnixStream>::connect(path)
            .await
            .map(SmolStream::new)
    }
}

/// Accepts connections on a TCP or Unix listener of the standard library, watched by smol.
#[derive(Debug)]
pub struct SmolListener<L>(Async<L>);

impl<L> SmolListener<L> {
    /// The listener of the standard library.
    pub fn get_ref(&self) -> &L {
        self.0.get_ref()
    }
}

impl Listener for SmolListener<TcpListener> {
    type Stream = SmolStream<TcpStream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = self.0.accept().await?;
        // Some platforms refuse when the peer is gone already, which reading will tell.
        let _ = stream.get_ref().set_nodelay(true);
        Ok((SmolStream::new(stream), Address::Tcp(peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.get_ref().local_addr().map(Address::Tcp)
    }
}

#[cfg(unix)]
impl Listener for SmolListener<UnixListener> {
    type Stream = SmolStream<UnixStream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let (stream, peer) = self.0.accept().await?;
        Ok((SmolStream::new(stream), unix_address(&peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.get_ref().local_addr().map(|addr| unix_address(&addr))
    }
}

#[cfg(unix)]
fn unix_address(addr: &std::os::unix::net::SocketAddr) -> Address {
    Address::Unix(addr.as_pathname().map(PathBuf::from))
}
