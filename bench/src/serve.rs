//! The servers under test: the library on each runtime, as the example servers have it, but that nobody is too
//! fast for them.
//!
//! What protects users stays on: the bounds of outboxes, rooms and history, notices of what was missed, idle and
//! write time-outs. Off are the rate limits, as a load is nothing but fast, and higher is the number of connections.

use std::fmt;
use std::future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use chat_core::hub::{Hub, HubConfig};
use chat_core::protocol::DetectProtocol;
use chat_core::runtime::{Net, Runtime};
use chat_core::server::{Server, ServerConfig};
use chat_runtime_async_std::AsyncStdRuntime;
use chat_runtime_smol::SmolRuntime;
use chat_runtime_tokio::TokioRuntime;
use clap::ValueEnum;
use smol::Executor;

use crate::floor::Floor;
use crate::open_files;

/// A server that this crate can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    /// The floor server, which all others are measured against.
    Floor,
    /// The library on tokio's multi-thread scheduler.
    Tokio,
    /// The library on tokio's current-thread scheduler.
    TokioCurrent,
    /// The library on smol.
    Smol,
    /// The library on async-std.
    AsyncStd,
}

impl Kind {
    /// All of them, the floor first.
    pub const ALL: [Self; 5] = [
        Self::Floor,
        Self::Tokio,
        Self::TokioCurrent,
        Self::Smol,
        Self::AsyncStd,
    ];

    /// What it is called in commands and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Tokio => "tokio",
            Self::TokioCurrent => "tokio-current",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a server prints once it listens; its address follows.
pub const ANNOUNCEMENT: &str = "listening on ";

/// Serves on a free port of this machine until the process ends. There is a worker thread for each processor
/// that this process may run on.
///
/// # Errors
///
/// When the operating system has no port, no thread or no epoll to give.
pub fn run(kind: Kind) -> io::Result<()> {
    open_files::allow_all();
    match kind {
        Kind::Floor => {
            let floor = Floor::bind(any_port())?;
            announce(floor.local_addr()?)?;
            floor.run()
        }
        Kind::Tokio => {
            let tokio = TokioRuntime::multi_thread()?;
            tokio.block_on(serve(tokio.clone()))
        }
        Kind::TokioCurrent => {
            let tokio = TokioRuntime::current_thread()?;
            tokio.block_on(serve(tokio.clone()))
        }
        Kind::Smol => {
            let executor = Arc::new(Executor::new());
            for n in 1..thread::available_parallelism()?.get() {
                let executor = Arc::clone(&executor);
                let work = move || smol::block_on(executor.run(future::pending::<()>()));
                thread::Builder::new()
                    .name(format!("smol-{n}"))
                    .spawn(work)?;
            }
            let smol = SmolRuntime::with_executor(&executor);
            smol.block_on(serve(smol.clone()))
        }
        Kind::AsyncStd => AsyncStdRuntime.block_on(serve(AsyncStdRuntime)),
    }
}

async fn serve<N: Net + Runtime + 'static>(runtime: N) -> io::Result<()> {
    let listener = runtime.bind_tcp(any_port()).await?;
    let runtime: Arc<dyn Runtime> = Arc::new(runtime);
    let hub = Hub::new(Arc::clone(&runtime), HubConfig::default());
    let mut config = ServerConfig::default();
    config.max_connections = 100_000;
    config.max_per_address = None;
    config.connect_rate = None;
    config.connection.rate_limit = None;
    let server = Server::new(hub, runtime, config);
    let address = server
        .listen(listener, DetectProtocol::default)
        .map_err(io::Error::other)?;
    announce(address)?;
    future::pending().await
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn announce(address: impl fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{ANNOUNCEMENT}{address}")?;
    stdout.flush()
}
