//! TCP and Unix sockets seen as the same thing.

use std::future::Future;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;
#[cfg(unix)]
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::runtime::{Address, Duplex, Listener, Net};

use crate::{Harness, waiting_for};

/// A kind of socket.
pub(crate) trait Transport<N: Net>: 'static {
    type Stream: Duplex;
    type Listener: Listener<Stream = Self::Stream>;
    /// Where nobody else listens. Dropping it cleans up.
    type Place: Send + Sync + 'static;

    fn free_place() -> Self::Place;

    fn bind(
        net: &N,
        place: &Self::Place,
    ) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    fn connect(net: &N, to: Address) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

pub(crate) struct Tcp;

impl<N: Net> Transport<N> for Tcp {
    type Stream = N::TcpStream;
    type Listener = N::TcpListener;
    type Place = ();

    fn free_place() {}

    fn bind(net: &N, (): &()) -> impl Future<Output = io::Result<N::TcpListener>> + Send {
        net.bind_tcp(([127, 0, 0, 1], 0).into())
    }

    async fn connect(net: &N, to: Address) -> io::Result<N::TcpStream> {
        match to {
            Address::Tcp(addr) => net.connect_tcp(addr).await,
            other => panic!("a TCP address is wanted, not {other:?}"),
        }
    }
}

#[cfg(unix)]
pub(crate) struct Unix;

#[cfg(unix)]
impl<N: Net> Transport<N> for Unix {
    type Stream = N::UnixStream;
    type Listener = N::UnixListener;
    type Place = SocketPath;

    fn free_place() -> SocketPath {
        SocketPath::free()
    }

    fn bind(
        net: &N,
        place: &SocketPath,
    ) -> impl Future<Output = io::Result<N::UnixListener>> + Send {
        net.bind_unix(&place.0)
    }

    async fn connect(net: &N, to: Address) -> io::Result<N::UnixStream> {
        match to {
            Address::Unix(Some(path)) => net.connect_unix(&path).await,
            other => panic!("a Unix path is wanted, not {other:?}"),
        }
    }
}

/// A path for a socket in the directory for temporary files, removed when dropped.
#[cfg(unix)]
pub(crate) struct SocketPath(pub(super) PathBuf);

#[cfg(unix)]
impl SocketPath {
    pub(crate) fn free() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat-conformance-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A process of the same number may have been killed before it could clean up.
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

#[cfg(unix)]
impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Both ends of a connection, and the listener that it came about at.
pub(crate) struct Pair<N: Net, T: Transport<N>> {
    pub(crate) client: T::Stream,
    pub(crate) server: T::Stream,
    /// The client's address, as the server sees it.
    pub(crate) peer: Address,
    pub(crate) listener: T::Listener,
}

/// A connection between two sockets of the harness.
pub(crate) async fn pair<H: Harness, T: Transport<H::Net>>(harness: &H) -> Pair<H::Net, T> {
    let net = harness.net();
    let place = T::free_place();
    waiting_for("a listener");
    let listener = T::bind(&net, &place).await.expect("a free place is bound");
    let addr = listener.local_addr().expect("a listener has an address");
    waiting_for("a connection to be made and accepted");
    let (client, accepted) = futures::join!(T::connect(&net, addr), listener.accept());
    // Cleaned up at once, as a case that hangs would leave it behind.
    drop(place);
    let (server, peer) = accepted.expect("the connection is accepted");
    Pair {
        client: client.expect("the connection is made"),
        server,
        peer,
        listener,
    }
}
