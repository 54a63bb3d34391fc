use std::future::Future;
use std::io;

use crate::runtime::Duplex;

/// Makes a stream to the server, again and again: how a client reconnects.
///
/// Implemented for closures that return a future of a stream.
///
/// # Contract
///
/// - Each call makes a new stream. What was left of the one before is gone by then.
/// - The future is dropped when it takes longer than
///   [`connect_timeout`](super::ClientOptions::connect_timeout).
///
/// # Examples
///
/// Over TCP, with the sockets of whatever runtime:
///
/// ```
/// use std::net::SocketAddr;
/// use std::sync::Arc;
///
/// use chat_core::client::Connector;
/// use chat_core::runtime::Net;
///
/// fn over_tcp<N: Net>(net: Arc<N>, server: SocketAddr) -> impl Connector {
///     move || {
///         let net = Arc::clone(&net);
///         async move { net.connect_tcp(server).await }
///     }
/// }
/// ```
pub trait Connector: Send + 'static {
    /// What a connection is.
    type Stream: Duplex;

    /// Connects to the server.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect but that there is no stream.
    fn connect(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl<F, C, S> Connector for F
where
    F: FnMut() -> C + Send + 'static,
    C: Future<Output = io::Result<S>> + Send,
    S: Duplex,
{
    type Stream = S;

    fn connect(&mut self) -> impl Future<Output = io::Result<S>> + Send {
        self()
    }
}
