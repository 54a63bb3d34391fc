use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use futures::io::{AsyncRead, AsyncWrite};

/// A connected stream of bytes in both directions: TCP, Unix, TLS, memory.
///
/// Implemented for everything that can be one.
///
/// # Contract
///
/// - `poll_close` flushes, then tells the peer that nothing more comes (on a socket: sends FIN). The
///   reading half stays usable. Closing twice is no error.
/// - Dropping the stream closes both halves.
/// - `poll_write_vectored` passes on as many slices as the socket can take, instead of the first.
/// - Reads and writes may be polled from different tasks at the same time by means of
///   [`AsyncReadExt::split`](futures::io::AsyncReadExt::split).
///
/// # Examples
///
/// A stream that hears what it says, and can be handed to the library like any other:
///
/// ```
/// use std::collections::VecDeque;
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll, Waker};
///
/// use chat_core::runtime::Duplex;
/// use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
///
/// #[derive(Default)]
/// struct Echo {
///     bytes: VecDeque<u8>,
///     closed: bool,
///     reader: Option<Waker>,
/// }
///
/// impl AsyncRead for Echo {
///     fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
///         if self.bytes.is_empty() && !self.closed {
///             self.reader = Some(cx.waker().clone());
///             return Poll::Pending;
///         }
///         Poll::Ready(io::Read::read(&mut self.bytes, buf))
///     }
/// }
///
/// impl AsyncWrite for Echo {
///     fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
///         self.bytes.extend(buf);
///         self.reader.take().inspect(Waker::wake_by_ref);
///         Poll::Ready(Ok(buf.len()))
///     }
///
///     fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         self.closed = true;
///         self.reader.take().inspect(Waker::wake_by_ref);
///         Poll::Ready(Ok(()))
///     }
/// }
///
/// async fn repeat(mut stream: impl Duplex) -> io::Result<String> {
///     stream.write_all(b"hello").await?;
///     stream.close().await?;
///     let mut heard = String::new();
///     stream.read_to_string(&mut heard).await?;
///     Ok(heard)
/// }
///
/// assert_eq!(futures::executor::block_on(repeat(Echo::default())).unwrap(), "hello");
/// ```
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for S {}

/// Sockets: only for the edge of a program, where streams are made.
///
/// # Contract
///
/// - Binding to port 0 picks a free port; [`Listener::local_addr`] tells which.
/// - A TCP listener can be bound again right after a server on the same address has ended
///   (`SO_REUSEADDR` where the platform does not do so by itself).
/// - A listener queues a burst of [`BACKLOG`] connections, as far as the platform lets it.
/// - TCP streams, connected or accepted, send small writes at once (`TCP_NODELAY`).
/// - Sockets are usable on any thread and under any task of the runtime.
/// - Dropping a future before it completes has no effect but that the socket is not made.
/// - A Unix listener neither removes an existing file before binding nor its own file when it is
///   dropped: that is the program's choice.
///
/// # Examples
///
/// Non-blocking sockets of the standard library, asked again and again. A real adapter registers
/// the waker with its reactor where this one wakes itself:
///
/// ```
/// use std::future::{Future, poll_fn};
/// use std::io::{self, Read, Write};
/// use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use chat_core::runtime::{Address, Listener, Net};
/// use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
///
/// struct SpinNet;
/// struct SpinListener(TcpListener);
/// struct SpinStream(TcpStream);
///
/// fn spin<T>(cx: &Context<'_>, attempt: io::Result<T>) -> Poll<io::Result<T>> {
///     match attempt {
///         Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
///             cx.waker().wake_by_ref();
///             Poll::Pending
///         }
///         done => Poll::Ready(done),
///     }
/// }
///
/// impl SpinStream {
///     fn new(stream: TcpStream) -> io::Result<Self> {
///         stream.set_nonblocking(true)?;
///         stream.set_nodelay(true)?;
///         Ok(Self(stream))
///     }
/// }
///
/// impl AsyncRead for SpinStream {
///     fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
///         spin(cx, self.0.read(buf))
///     }
/// }
///
/// impl AsyncWrite for SpinStream {
///     fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
///         spin(cx, self.0.write(buf))
///     }
///
///     fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         match self.0.shutdown(Shutdown::Write) {
///             Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
///             _ => Poll::Ready(Ok(())),
///         }
///     }
/// }
///
/// impl Listener for SpinListener {
///     type Stream = SpinStream;
///
///     async fn accept(&self) -> io::Result<(SpinStream, Address)> {
///         let (stream, peer) = poll_fn(|cx| spin(cx, self.0.accept())).await?;
///         Ok((SpinStream::new(stream)?, Address::Tcp(peer)))
///     }
///
///     fn local_addr(&self) -> io::Result<Address> {
///         self.0.local_addr().map(Address::Tcp)
///     }
/// }
///
/// impl Net for SpinNet {
///     type TcpStream = SpinStream;
///     type TcpListener = SpinListener;
///
///     async fn bind_tcp(&self, addr: SocketAddr) -> io::Result<SpinListener> {
///         let listener = TcpListener::bind(addr)?;
///         listener.set_nonblocking(true)?;
///         Ok(SpinListener(listener))
///     }
///
///     async fn connect_tcp(&self, addr: SocketAddr) -> io::Result<SpinStream> {
///         SpinStream::new(TcpStream::connect(addr)?)
///     }
///     # // Unix sockets are the same once more, and left out of the picture.
///     # type UnixStream = SpinStream;
///     # type UnixListener = SpinListener;
///     # async fn bind_unix(&self, _: &std::path::Path) -> io::Result<SpinListener> { Err(io::ErrorKind::Unsupported.into()) }
///     # async fn connect_unix(&self, _: &std::path::Path) -> io::Result<SpinStream> { Err(io::ErrorKind::Unsupported.into()) }
/// }
///
/// # fn main() -> io::Result<()> { futures::executor::block_on(async {
/// let listener = SpinNet.bind_tcp(([127, 0, 0, 1], 0).into()).await?;
/// let Address::Tcp(addr) = listener.local_addr()? else { unreachable!() };
/// let mut client = SpinNet.connect_tcp(addr).await?;
/// let (mut server, _) = listener.accept().await?;
/// client.write_all(b"hello").await?;
/// client.close().await?;
/// let mut heard = String::new();
/// server.read_to_string(&mut heard).await?;
/// assert_eq!(heard, "hello");
/// # Ok(()) }) }
/// ```
pub trait Net: Send + Sync + 'static {
    /// A TCP connection.
    type TcpStream: Duplex;
    /// Accepts TCP connections.
    type TcpListener: Listener<Stream = Self::TcpStream>;
    /// A connection over a Unix socket.
    #[cfg(unix)]
    type UnixStream: Duplex;
    /// Accepts connections over a Unix socket.
    #[cfg(unix)]
    type UnixListener: Listener<Stream = Self::UnixStream>;

    /// Listens on a TCP address.
    fn bind_tcp(
        &self,
        addr: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpListener>> + Send;

    /// Connects to a TCP address.
    fn connect_tcp(
        &self,
        addr: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send;

    /// Listens on a path of the file system.
    #[cfg(unix)]
    fn bind_unix(&self, path: &Path)
    -> impl Future<Output = io::Result<Self::UnixListener>> + Send;

    /// Connects to a path of the file system.
    #[cfg(unix)]
    fn connect_unix(
        &self,
        path: &Path,
    ) -> impl Future<Output = io::Result<Self::UnixStream>> + Send;
}

/// How many connections a [`Listener`] lets wait to be accepted.
///
/// The standard library's 128 are too few for a chat server, to which everybody comes back at the same
/// moment after a restart: the platform silently drops what does not fit, and those clients wait for a
/// second or more before they try again. Platforms have a limit of their own on top (on Linux
/// `net.core.somaxconn`).
pub const BACKLOG: u16 = 4096;

/// Accepts connections.
///
/// # Contract
///
/// - [`accept`](Listener::accept) is cancel safe: dropping its future loses no connection, and the
///   next call gets it.
/// - Its future may be polled at any time, whoever was woken or not, and wakes whoever polled it last: the server
///   looks whether somebody is there before it sleeps.
/// - An error concerns one connection or one moment (the peer was gone, no file descriptors were
///   left); the listener stays usable and may be asked again.
/// - Dropping the listener stops listening.
///
/// # Examples
///
/// A listener whose connections come from a channel, as a test or an in-process client wants it:
///
/// ```
/// use std::io;
///
/// use chat_core::runtime::{Address, Duplex, Listener};
/// use futures::StreamExt;
/// use futures::channel::mpsc;
/// use futures::lock::Mutex;
///
/// struct ChannelListener<S>(Mutex<mpsc::Receiver<S>>);
///
/// impl<S: Duplex> Listener for ChannelListener<S> {
///     type Stream = S;
///
///     async fn accept(&self) -> io::Result<(S, Address)> {
///         let stream = self.0.lock().await.next().await;
///         Ok((stream.ok_or(io::ErrorKind::NotConnected)?, Address::Memory))
///     }
///
///     fn local_addr(&self) -> io::Result<Address> {
///         Ok(Address::Memory)
///     }
/// }
/// ```
pub trait Listener: Send + Sync + 'static {
    /// What a connection is.
    type Stream: Duplex;

    /// Waits for the next connection and tells where it comes from.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Address)>> + Send;

    /// Where this listens.
    fn local_addr(&self) -> io::Result<Address>;
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket; a connecting client usually has no path.
    Unix(Option<PathBuf>),
    /// Inside this process.
    Memory,
}

impl Address {
    /// The IP address, where there is one, with IPv4 written as IPv4 also on an IPv6 socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(addr) => Some(addr.ip().to_canonical()),
            Self::Unix(_) | Self::Memory => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix"),
            Self::Memory => f.write_str("memory"),
        }
    }
}
