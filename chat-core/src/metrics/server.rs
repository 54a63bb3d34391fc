use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};

use super::http::{self, MAX_HEAD};
use super::meters::Metrics;
use crate::runtime::{
    Address, Duplex, Listener, Runtime, RuntimeExt, TaskGroup, TaskSpawner, give_way,
};

/// Answers `GET /metrics` over HTTP with [`Metrics::encode`].
///
/// It is for machines that one knows: there is no encryption and no password, so it should not listen where
/// strangers can connect. What they could do there is bounded all the same: in bytes, in time and in how
/// many of them are answered at the same time.
///
/// Dropping it stops listening and drops the scrapes that are under way.
///
/// # Examples
///
/// The [module](super#examples) has one.
pub struct MetricsServer {
    acceptors: TaskGroup,
    scrapes: TaskGroup,
    runtime: Arc<dyn Runtime>,
    metrics: Metrics,
}

/// How many are answered at the same time; those beyond are closed without a word.
const MAX_SCRAPES: usize = 16;

/// How long a peer may take to ask, to read the answer and to hang up, all together.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait when the listener fails, as without file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

impl MetricsServer {
    /// A server that hands out `metrics` and does not listen anywhere yet.
    pub fn new(metrics: Metrics, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            acceptors: TaskGroup::new(Arc::clone(&runtime)),
            scrapes: TaskGroup::new(Arc::clone(&runtime)),
            runtime,
            metrics,
        }
    }

    /// Answers whoever connects to `listener`. Returns the address it listens on. A server can listen on many.
    ///
    /// # Errors
    ///
    /// When the listener does not know its address.
    pub fn listen(&self, listener: impl Listener) -> io::Result<Address> {
        let address = listener.local_addr()?;
        let acceptor = Acceptor {
            listener,
            scrapes: self.scrapes.spawner(),
            runtime: Arc::clone(&self.runtime),
            metrics: self.metrics.clone(),
        };
        let spawned = self.acceptors.spawn(acceptor.run());
        spawned.map_err(|closed| io::Error::new(io::ErrorKind::NotConnected, closed))?;
        tracing::info!(%address, "metrics are at /metrics");
        Ok(address)
    }

    /// Stops listening, drops the scrapes that are under way, and returns when all of it is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the rest to be dropped in the background, as dropping the server does.
    pub async fn shutdown(self) {
        self.acceptors.cancel().await;
        self.scrapes.cancel().await;
    }
}

impl fmt::Debug for MetricsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsServer")
            .field("scrapes", &self.scrapes.len())
            .finish_non_exhaustive()
    }
}

/// Accepts the scrapes of one listener.
struct Acceptor<L> {
    listener: L,
    scrapes: TaskSpawner,
    runtime: Arc<dyn Runtime>,
    metrics: Metrics,
}

impl<L: Listener> Acceptor<L> {
    async fn run(self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if self.scrapes.len() < MAX_SCRAPES => self.serve(stream),
                Ok((_, peer)) => tracing::debug!(%peer, "too many scrapes at the same time"),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a scrape");
                    self.runtime.sleep(ACCEPT_BACKOFF).await;
                }
            }
            give_way().await;
        }
    }

    fn serve(&self, stream: L::Stream) {
        let metrics = self.metrics.clone();
        let runtime = Arc::clone(&self.runtime);
        // Closed when the server is dropped, and the stream with it.
        let _ = self.scrapes.spawn(async move {
            let answered = runtime.timeout(SCRAPE_TIMEOUT, answer(stream, &metrics, &*runtime));
            match answered.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a scrape broke off"),
                Err(elapsed) => tracing::debug!(%elapsed, "a scrape took too long"),
            }
        });
    }
}

/// Reads a request and answers it; whoever hangs up before has asked for nothing.
async fn answer(
    mut stream: impl Duplex,
    metrics: &Metrics,
    runtime: &dyn Runtime,
) -> io::Result<()> {
    let mut head = vec![0; MAX_HEAD];
    let mut length = 0;
    let response = loop {
        let read = stream.read(&mut head[length..]).await?;
        if read == 0 {
            return Ok(());
        }
        length += read;
        let page = || metrics.encode();
        if let Some(response) = http::answer(&head[..length], page, runtime.wall_clock()) {
            break response;
        }
    };
    drop(head);
    stream.write_all(&response).await?;
    stream.close().await?;
    // Until the peer has read it: closing earlier could send a reset that overtakes it.
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use futures::channel::mpsc;
    use futures::lock::Mutex;

    use super::*;
    use crate::testing::{TestRuntime, TestStream, duplex};

    struct World {
        time: TestRuntime,
        door: mpsc::UnboundedSender<io::Result<TestStream>>,
        _server: MetricsServer,
    }

    struct Door(Mutex<mpsc::UnboundedReceiver<io::Result<TestStream>>>);

    impl Listener for Door {
        type Stream = TestStream;

        async fn accept(&self) -> io::Result<(TestStream, Address)> {
            match self.0.lock().await.next().await {
                Some(stream) => Ok((stream?, Address::Memory)),
                None => futures::future::pending().await,
            }
        }

        fn local_addr(&self) -> io::Result<Address> {
            Ok(Address::Memory)
        }
    }

    impl World {
        fn new() -> Self {
            let time = TestRuntime::new();
            let server = MetricsServer::new(Metrics::new(), Arc::new(time.clone()));
            let (door, inside) = mpsc::unbounded();
            server.listen(Door(Mutex::new(inside))).unwrap();
            Self {
                time,
                door,
                _server: server,
            }
        }

        fn connect(&self) -> TestStream {
            let (peer, stream) = duplex(64 * 1024);
            self.door.unbounded_send(Ok(stream)).unwrap();
            self.time.run();
            peer
        }

        fn asks(&self, peer: &TestStream, request: &str) -> String {
            peer.send(request);
            self.time.run();
            peer.receive()
        }
    }

    const GET: &str = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";

    #[test]
    fn a_request_may_come_byte_by_byte() {
        let world = World::new();
        let peer = world.connect();
        let (last, rest) = GET.as_bytes().split_last().unwrap();
        for byte in rest {
            peer.send([*byte]);
            world.time.run();
        }
        assert_eq!(peer.receive(), "");
        peer.send([*last]);
        world.time.run();
        let answer = peer.receive();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\n# EOF\n"), "{answer}");
        assert!(peer.is_ended());
    }

    #[test]
    fn whoever_asks_too_slowly_is_let_go() {
        let world = World::new();
        let peer = world.connect();
        peer.send("GET /met");
        world.time.run();
        world
            .time
            .advance(SCRAPE_TIMEOUT - Duration::from_millis(1));
        assert!(!peer.is_ended());
        world.time.advance(Duration::from_millis(1));
        assert!(peer.is_ended());
    }

    #[test]
    fn whoever_does_not_hang_up_is_let_go() {
        let world = World::new();
        let peers: Vec<_> = (0..MAX_SCRAPES).map(|_| world.connect()).collect();
        for peer in &peers {
            assert!(world.asks(peer, GET).starts_with("HTTP/1.1 200"));
        }
        let refused = world.connect();
        assert_eq!(world.asks(&refused, GET), "");
        world.time.advance(SCRAPE_TIMEOUT);
        let served = world.connect();
        assert!(world.asks(&served, GET).starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn a_listener_that_fails_is_waited_for() {
        let world = World::new();
        let failure = io::Error::other("no file descriptors left");
        world.door.unbounded_send(Err(failure)).unwrap();
        let peer = world.connect();
        assert_eq!(world.asks(&peer, GET), "");
        world.time.advance(ACCEPT_BACKOFF);
        assert!(peer.receive().starts_with("HTTP/1.1 200"));
    }
}
