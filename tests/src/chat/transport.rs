//! TCP and Unix sockets seen as the same thing.

use std::future::Future;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;
#[cfg(unix)]
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::runtime::{Address, Duplex, Listener, Net};

/// A kind of socket.
pub(super) trait Transport<N: Net>: 'static {
    type Stream: Duplex;
    type Listener: Listener<Stream = Self::Stream>;
    /// What has to be kept while the listener is used; dropping it cleans up.
    type Place;

    /// Listens where nobody else does.
    fn listen(net: &N) -> impl Future<Output = io::Result<(Self::Listener, Self::Place)>>;

    fn connect(net: &N, to: &Address) -> impl Future<Output = io::Result<Self::Stream>>;
}

pub(super) struct Tcp;

impl<N: Net> Transport<N> for Tcp {
    type Stream = N::TcpStream;
    type Listener = N::TcpListener;
    type Place = ();

    async fn listen(net: &N) -> io::Result<(N::TcpListener, ())> {
        let listener = net.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
        Ok((listener, ()))
    }

    async fn connect(net: &N, to: &Address) -> io::Result<N::TcpStream> {
        match to {
            Address::Tcp(addr) => net.connect_tcp(*addr).await,
            other => panic!("a TCP address is wanted, not {other:?}"),
        }
    }
}

#[cfg(unix)]
pub(super) struct Unix;

#[cfg(unix)]
impl<N: Net> Transport<N> for Unix {
    type Stream = N::UnixStream;
    type Listener = N::UnixListener;
    type Place = SocketPath;

    async fn listen(net: &N) -> io::Result<(N::UnixListener, SocketPath)> {
        let path = SocketPath::free();
        let listener = net.bind_unix(&path.0).await?;
        Ok((listener, path))
    }

    async fn connect(net: &N, to: &Address) -> io::Result<N::UnixStream> {
        match to {
            Address::Unix(Some(path)) => net.connect_unix(path).await,
            other => panic!("a Unix path is wanted, not {other:?}"),
        }
    }
}

/// A path in the directory for temporary files, removed when dropped.
#[cfg(unix)]
pub(super) struct SocketPath(PathBuf);

#[cfg(unix)]
impl SocketPath {
    fn free() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("chat-suite-{}-{number}", std::process::id());
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
