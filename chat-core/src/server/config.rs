use std::time::Duration;

use crate::connection::{ConnectionConfig, RateLimit};

/// The limits of a [`Server`](super::Server).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How many connections it has at most; those beyond are told so and closed. Default: 10,000.
    pub max_connections: usize,
    /// How many connections one IP address (with IPv6: one network of 64 bits) has at most; those beyond
    /// are told so and closed.
    /// Connections without one (Unix sockets) are only counted in all. `None` for no limit, which is right
    /// behind a proxy, where everybody comes from its address. Default: a hundred, so that it takes
    /// more than one address to fill a server, and a household or an office still fits.
    pub max_per_address: Option<usize>,
    /// How fast connections may come from one IP address (with IPv6: one network of 64 bits); those that
    /// come faster are told so and closed. `None` for no limit. Default: a hundred at once, so that all of
    /// an address can come back at the same moment when a server was restarted, and a hundred a minute.
    pub connect_rate: Option<RateLimit>,
    /// How patient it is with each connection.
    pub connection: ConnectionConfig,
    /// How long connections may have to wait to be accepted after eight or more came at the same moment, so that more
    /// can come together: when everybody comes back after a restart, they are let in by the dozen. The runtime's timer
    /// may add to it (tokio's: up to a millisecond). Those that wait already are accepted at once, and so is whoever comes when there
    /// is no such rush. Zero for never. Default: a millisecond.
    pub accept_delay: Duration,
    /// How long it waits at first after an error of the listener that will not go away by itself, such
    /// as having no file descriptors left; doubled with each further one, up to a hundred times as
    /// long. Default: ten milliseconds.
    pub accept_backoff: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_per_address: Some(100),
            connect_rate: RateLimit::new(100, Duration::from_secs(60)),
            connection: ConnectionConfig::default(),
            accept_delay: Duration::from_millis(1),
            accept_backoff: Duration::from_millis(10),
        }
    }
}
