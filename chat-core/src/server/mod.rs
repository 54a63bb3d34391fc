//! A [`Server`]: listeners, limits and a graceful end, around
//! [`serve_connection`](crate::connection::serve_connection).

mod accept;
mod admission;
mod config;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slab::Slab;

pub use config::ServerConfig;

use crate::connection::ConnectionConfig;
use crate::event::CloseReason;
use crate::hub::{Closing, Hub, Wakes};
use crate::protocol::Protocol;
use crate::runtime::{Address, Listener, Runtime, RuntimeExt, TaskGroup};
use crate::session::SessionHandle;
use admission::Admission;

/// Accepts connections and serves them, until it is shut down.
///
/// Dropping it stops accepting and drops all connections on the spot;
/// [`shutdown`](Server::shutdown) lets them end in good order.
///
/// # Examples
///
/// ```no_run
/// # use std::io;
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use chat_core::runtime::{Net, Runtime};
/// # async fn example<R: Runtime + Net + Clone>(runtime: R) -> io::Result<()> {
/// use chat_core::hub::{Hub, HubConfig};
/// use chat_core::protocol::TextProtocol;
/// use chat_core::server::{Server, ServerConfig};
///
/// let listener = runtime.bind_tcp(([127, 0, 0, 1], 8080).into()).await?;
/// let runtime: Arc<dyn Runtime> = Arc::new(runtime);
/// let hub = Hub::new(runtime.clone(), HubConfig::default());
/// let server = Server::new(hub, runtime, ServerConfig::default());
/// let addr = server.listen(listener, TextProtocol::default)?;
/// println!("listening on {addr}");
/// // ... until it is enough:
/// let report = server.shutdown(Duration::from_secs(10)).await;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
pub struct Server {
    /// First, so that nothing is accepted any more when the connections are dropped.
    acceptors: TaskGroup,
    connections: TaskGroup,
    refusals: TaskGroup,
    shared: Arc<Shared>,
}

/// What the acceptors and the connections of a server have in common.
struct Shared {
    hub: Hub,
    runtime: Arc<dyn Runtime>,
    config: ServerConfig,
    /// That of `config`, shared with all connections.
    connection_config: Arc<ConnectionConfig>,
    admission: Arc<Admission>,
    sessions: Mutex<Slab<SessionHandle>>,
}

impl Server {
    /// A server that lets people into `hub` and does not listen anywhere yet.
    pub fn new(hub: Hub, runtime: Arc<dyn Runtime>, config: ServerConfig) -> Self {
        let group = || TaskGroup::new(Arc::clone(&runtime));
        Self {
            acceptors: group(),
            connections: group(),
            refusals: group(),
            shared: Arc::new(Shared {
                hub,
                admission: Admission::new(&config),
                connection_config: Arc::new(config.connection.clone()),
                config,
                sessions: Mutex::default(),

                runtime: Arc::clone(&runtime),
            }),
        }
    }

    /// Serves everyone who connects to `listener`, each with a protocol made by `protocol`. Returns the
    /// address it listens on. A server can listen on many.
    ///
    /// # Errors
    ///
    /// When the listener does not know its address.
    pub fn listen<L, P>(
        &self,
        listener: L,
        protocol: impl Fn() -> P + Send + Sync + 'static,
    ) -> io::Result<Address>
    where
        L: Listener,
        P: Protocol + Send + 'static,
    {
        let address = listener.local_addr()?;
        let acceptor = accept::Acceptor {
            listener,
            protocol,
            connections: self.connections.spawner(),
            refusals: self.refusals.spawner(),
            shared: Arc::clone(&self.shared),
        };
        let spawned = self.acceptors.spawn(acceptor.run());
        spawned.map_err(|closed| io::Error::new(io::ErrorKind::NotConnected, closed))?;
        tracing::info!(%address, "listening");
        Ok(address)
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The hub that it lets people into.
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Stops accepting, tells every session, lets their outboxes drain and closes their streams. What
    /// has not ended `within` that time is dropped.
    ///
    /// Nothing that was accepted from a peer before is lost on a healthy link.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops what is left at that moment, as dropping the server does.
    pub async fn shutdown(self, within: Duration) -> ShutdownReport {
        self.acceptors.cancel().await;
        self.connections.close();
        self.refusals.close();
        let sessions: Vec<_> = {
            let sessions = self.shared.sessions();
            sessions
                .iter()
                .map(|(_, session)| session.clone())
                .collect()
        };
        tracing::info!(connections = sessions.len(), ?within, "shutting down");
        // What was accepted has reached everyone before the first one is told to go.
        sessions.iter().for_each(SessionHandle::hush);
        self.shared.hub.settle();
        // All are told before the first one acts on it: nobody has to hear of the others leaving.
        let mut wakes = Wakes::default();
        for session in &sessions {
            let closing = Closing {
                reason: CloseReason::Shutdown,
                within: Some(within),
            };
            session.order_quietly(closing, &mut wakes);
        }
        wakes.wake();
        let ended = async {
            self.connections.join().await;
            self.refusals.join().await;
        };
        if self.shared.runtime.timeout(within, ended).await.is_err() {
            self.connections.cancel().await;
            self.refusals.cancel().await;
        }
        let drained = sessions
            .iter()
            .filter(|session| session.is_drained())
            .count();
        let report = ShutdownReport {
            drained,
            cut_off: sessions.len() - drained,
        };
        let ShutdownReport { drained, cut_off } = report;
        tracing::info!(drained, cut_off, "shut down");
        report
    }
}

impl Shared {
    fn sessions(&self) -> std::sync::MutexGuard<'_, Slab<SessionHandle>> {
        // Nothing in this module can panic while it holds the lock.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.shared.config)
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

/// What became of the connections of a server that was shut down.
///
/// Displays as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How many streams took everything that was queued for them, and were closed.
    pub drained: usize,
    /// How many did not: their peers were too slow, or broke off.
    pub cut_off: usize,
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} drained, {} cut off", self.drained, self.cut_off)
    }
}
