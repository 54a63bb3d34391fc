//! Two people chat in one room, and there is no network: their streams are pipes in memory.
//!
//! ```text
//! cargo run --example in-memory
//! ```
//!
//! A game, a test or a terminal program puts a chat into its own process like this. The pipes are
//! tokio's because tokio brings good ones; any stream of bytes will do.

use std::io;
use std::sync::Arc;

use chat_core::connection::serve_connection;
use chat_core::hub::{Hub, HubConfig};
use chat_core::protocol::TextProtocol;
use chat_core::runtime::{Runtime, RuntimeExt};
use chat_runtime_tokio::{TokioRuntime, TokioStream};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

fn main() -> io::Result<()> {
    let tokio = TokioRuntime::current_thread()?;
    let runtime: Arc<dyn Runtime> = Arc::new(tokio.clone());
    let hub = Hub::new(runtime.clone(), HubConfig::default());

    tokio.block_on(async {
        let mut alice = Person::connect("alice", &hub, &runtime);
        alice
            .hears("* welcome, guest-1 — you are in #general")
            .await?;
        alice.types("/nick alice").await?;
        alice.hears("* guest-1 is now alice").await?;

        let mut bob = Person::connect("bob", &hub, &runtime);
        bob.hears("* welcome, guest-2 — you are in #general")
            .await?;
        bob.types("/nick bob").await?;
        bob.hears("* guest-2 is now bob").await?;
        alice.hears("* guest-2 joined #general").await?;
        alice.hears("* guest-2 is now bob").await?;

        bob.types("anybody here?").await?;
        alice.hears("[#general] bob: anybody here?").await?;
        alice.types("/me waves").await?;
        bob.hears("[#general] * alice waves").await?;
        bob.types("/msg alice not even a socket between us").await?;
        alice
            .hears("[private] bob: not even a socket between us")
            .await?;

        bob.types("/quit").await?;
        bob.hears("* goodbye").await?;
        alice.hears("* bob left #general").await
    })
}

/// Somebody at the near end of a pipe whose far end is served by the chat.
struct Person {
    name: &'static str,
    pipe: BufReader<DuplexStream>,
}

impl Person {
    fn connect(name: &'static str, hub: &Hub, runtime: &Arc<dyn Runtime>) -> Self {
        let (near, far) = duplex(4096);
        let far = TokioStream::new(far);
        let connection = serve_connection(far, TextProtocol::default(), hub, runtime);
        runtime.spawn(connection).detach();
        Self {
            name,
            pipe: BufReader::new(near),
        }
    }

    async fn types(&mut self, line: &str) -> io::Result<()> {
        println!("{:>5} > {line}", self.name);
        self.pipe.write_all(format!("{line}\n").as_bytes()).await
    }

    /// Shows what arrives, up to this line.
    async fn hears(&mut self, awaited: &str) -> io::Result<()> {
        let mut line = String::new();
        while line.trim_end() != awaited {
            line.clear();
            if self.pipe.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            println!("{:>5} < {}", self.name, line.trim_end());
        }
        Ok(())
    }
}
