use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use chat_core::runtime::{Address, BACKLOG, JoinError, Listener, Net, RuntimeExt};
use socket2::SockRef;

use crate::readiness::Retry;
use crate::runtime::Handmade;
use crate::stream::HandmadeStream;
use crate::timer::Alarms;

impl Net for Handmade {
    type TcpStream = HandmadeStream<TcpStream>;
    type TcpListener = HandmadeListener<TcpListener>;
    #[cfg(unix)]
    type UnixStream = HandmadeStream<UnixStream>;
    #[cfg(unix)]
    type UnixListener = HandmadeListener<UnixListener>;

    async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpListener> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        SockRef::from(&listener).listen(BACKLOG.into())?;
        Ok(HandmadeListener::new(listener, &self.alarms))
    }

    async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<Self::TcpStream> {
        // The standard library only connects blocking, so that is where it has to happen.
        let connected = self.spawn_blocking(move || TcpStream::connect(addr)).await;
        let stream = connected.map_err(lost)??;
        stream.set_nodelay(true)?;
        HandmadeStream::new(stream, &self.alarms)
    }

    #[cfg(unix)]
    async fn bind_unix(&self, path: &Path) -> io::Result<Self::UnixListener> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        SockRef::from(&listener).listen(BACKLOG.into())?;
        Ok(HandmadeListener::new(listener, &self.alarms))
    }

    #[cfg(unix)]
    async fn connect_unix(&self, path: &Path) -> io::Result<Self::UnixStream> {
        let path = path.to_owned();
        let connected = self.spawn_blocking(|| UnixStream::connect(path)).await;
        HandmadeStream::new(connected.map_err(lost)??, &self.alarms)
    }
}

fn lost(error: JoinError) -> io::Error {
    io::Error::other(error.to_string())
}

/// A non-blocking listener of the standard library.
pub struct HandmadeListener<L> {
    listener: L,
    alarms: Alarms,
}

impl<L> HandmadeListener<L> {
    fn new(listener: L, alarms: &Alarms) -> Self {
        let alarms = alarms.clone();
        Self { listener, alarms }
    }
}

impl Listener for HandmadeListener<TcpListener> {
    type Stream = HandmadeStream<TcpStream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let mut retry = Retry::new(&self.alarms);
        // Nothing is awaited after this: giving up loses no connection.
        let (stream, peer) = poll_fn(|cx| retry.poll(cx, || self.listener.accept())).await?;
        stream.set_nodelay(true)?;
        let stream = HandmadeStream::new(stream, &self.alarms)?;
        Ok((stream, Address::Tcp(peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(Address::Tcp)
    }
}

#[cfg(unix)]
impl Listener for HandmadeListener<UnixListener> {
    type Stream = HandmadeStream<UnixStream>;

    async fn accept(&self) -> io::Result<(Self::Stream, Address)> {
        let mut retry = Retry::new(&self.alarms);
        let (stream, peer) = poll_fn(|cx| retry.poll(cx, || self.listener.accept())).await?;
        let stream = HandmadeStream::new(stream, &self.alarms)?;
        Ok((stream, unix_address(&peer)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(|addr| unix_address(&addr))
    }
}

#[cfg(unix)]
fn unix_address(addr: &std::os::unix::net::SocketAddr) -> Address {
    Address::Unix(addr.as_pathname().map(PathBuf::from))
}
