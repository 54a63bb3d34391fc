//! One connection: a stream, a protocol and a session, driven as one future.

mod config;
mod driver;
mod error;
mod rate;
mod scratch;
mod telemetry;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::io::{AsyncRead, AsyncWrite};

pub use config::ConnectionConfig;
pub use driver::Connection;
pub use error::ConnectionError;
pub(crate) use rate::Pace;
pub use rate::{RateLimit, RateLimitError};

use crate::hub::Hub;
use crate::protocol::Protocol;
use crate::runtime::Runtime;

/// Serves one peer: lets it into `hub` over `stream`, until either side closes.
///
/// The returned future is the whole connection. It is `Send` when the stream and the protocol are, so
/// it also runs on a `LocalSet` or a `LocalExecutor`. It needs no socket: any stream of bytes will do.
///
/// # Cancel safety
///
/// Dropping the future closes the stream and lets the session leave its rooms; what waits in its
/// outbox is lost. To end it without loss, [close its session](Connection::handle) and let it run.
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// # use chat_core::runtime::{Duplex, Runtime};
/// # async fn example(stream: impl Duplex, runtime: Arc<dyn Runtime>) {
/// use chat_core::connection::serve_connection;
/// use chat_core::hub::{Hub, HubConfig};
/// use chat_core::protocol::TextProtocol;
///
/// let hub = Hub::new(runtime.clone(), HubConfig::default());
/// match serve_connection(stream, TextProtocol::default(), &hub, &runtime).await {
///     Ok(reason) => println!("closed: {reason}"),
///     Err(error) => println!("broke off: {error}"),
/// }
/// # }
/// ```
pub fn serve_connection<S, P>(
    stream: S,
    protocol: P,
    hub: &Hub,
    runtime: &Arc<dyn Runtime>,
) -> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    serve_connection_with(stream, protocol, hub, runtime, ConnectionConfig::default())
}

/// As [`serve_connection`], with time-outs of one's own, which many connections may share.
pub fn serve_connection_with<S, P>(
    stream: S,
    protocol: P,
    hub: &Hub,
    runtime: &Arc<dyn Runtime>,
    config: impl Into<Arc<ConnectionConfig>>,
) -> Connection<S, P>
where
    S: AsyncRead + AsyncWrite + Unpin,
    P: Protocol,
{
    Connection::new(stream, protocol, hub, runtime, config.into())
}
