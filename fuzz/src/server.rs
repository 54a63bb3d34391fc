//! A server on a simulated machine, and what its peers get to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_core::connection::{ConnectionConfig, serve_connection_with};
use chat_core::event::CloseReason;
use chat_core::hub::{Hub, HubConfig};
use chat_core::protocol::Protocol;
use chat_core::runtime::{Runtime, RuntimeExt, Task};
use chat_runtime_sim::{Policy, Settings, Sim, SimRuntime};

use crate::cut::Cut;
use crate::house::House;
use crate::stream::Far;

/// What a peer does from beginning to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a> {
    /// Whether it says nothing at first, for so long that it is taken for a person.
    pub(crate) hesitates: bool,
    pub(crate) sends: &'a [u8],
    /// Whether it then keeps its connection and says nothing more, instead of hanging up.
    pub(crate) stays: bool,
}

/// What one peer has got to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: CloseReason,
}

/// How many peers there are at most.
const PEERS: usize = 4;

/// Bytes that are in no UTF-8, and here stand for what peers do beside sending.
const HESITATES: u8 = 0xfd;
const STAYS: u8 = 0xfe;
const HANGS_UP: u8 = 0xff;

impl<'a> Peer<'a> {
    /// Peers that come one after the other. What one sends ends in 0xff if it hangs up, and in 0xfe if it stays;
    /// 0xfd in front means that it hesitates.
    pub(crate) fn all(mut data: &'a [u8]) -> Vec<Self> {
        let mut peers = Vec::new();
        while peers.len() < PEERS - 1
            && let Some(end) = data.iter().position(|&byte| byte >= STAYS)
        {
            peers.push(Self::new(&data[..end], data[end]));
            data = &data[end + 1..];
        }
        peers.push(Self::new(data, HANGS_UP));
        peers
    }

    fn new(sends: &'a [u8], end: u8) -> Self {
        let after_a_while = sends.strip_prefix(&[HESITATES]);
        Self {
            hesitates: after_a_while.is_some(),
            sends: after_a_while.unwrap_or(sends),
            stays: end == STAYS,
        }
    }
}

/// Serves `onlooker`, who stays, and then `peers`, one after the other. Returns what they got to read, in that
/// order.
///
/// # Panics
///
/// When a connection panics, does not end though its peer has hung up, or leaves something behind.
pub(crate) fn serve<P, O>(
    peers: &[Peer<'_>],
    cut: Cut,
    protocol: impl Fn() -> P,
    (onlooker, says): (O, &[u8]),
) -> Vec<Heard>
where
    P: Protocol + Send + 'static,
    O: Protocol + Send + 'static,
{
    let mut settings = Settings::default();
    settings.policy = Policy::Fifo;
    settings.keep = 0;
    let sim = Sim::new(settings);
    let runtime = sim.runtime();
    let heard = sim.block_on(async {
        let mut server = Server::new(&runtime);
        server
            .serve(&Peer::new(says, STAYS), Cut::Whole, onlooker)
            .await;
        for peer in peers {
            server.serve(peer, cut, protocol()).await;
        }
        server.end().await
    });
    assert_eq!(runtime.panics(), 0, "a task panicked");
    heard
}

struct Server {
    runtime: Arc<dyn Runtime>,
    sim: SimRuntime,
    hub: Hub,
    connections: Vec<(Far, Task<CloseReason>)>,
}

impl Server {
    fn new(sim: &SimRuntime) -> Self {
        let runtime: Arc<dyn Runtime> = Arc::new(sim.clone());
        let house = House {
            runtime: Arc::clone(&runtime),
        };
        // Tokens that a fuzzer can guess.
        let tokens = AtomicU64::new(0);
        let token_bits = move || Some((tokens.fetch_add(1, Ordering::Relaxed) + 1).into());
        let config = HubConfig::default();
        Self {
            hub: Hub::with_token_source(Arc::clone(&runtime), config, Arc::new(house), token_bits),
            runtime,
            sim: sim.clone(),
            connections: Vec::new(),
        }
    }

    /// Serves a peer until nothing more happens.
    async fn serve(&mut self, peer: &Peer<'_>, cut: Cut, protocol: impl Protocol + Send + 'static) {
        let mut config = ConnectionConfig::default();
        // How fast it may be is nothing that the bytes tell.
        config.rate_limit = None;
        let far = Far::default();
        let say = |far: &Far| {
            far.send(peer.sends);
            if !peer.stays {
                far.hang_up();
            }
        };
        if !peer.hesitates {
            say(&far);
        }
        let connection =
            serve_connection_with(far.near(cut), protocol, &self.hub, &self.runtime, config);
        let task = self.runtime.spawn(async move {
            connection
                .await
                .unwrap_or_else(|error| panic!("a stream without errors broke: {error}"))
        });
        // Time stands still while anybody has anything to do.
        self.runtime.sleep(Duration::from_secs(1)).await;
        if peer.hesitates {
            say(&far);
            self.runtime.sleep(Duration::from_secs(1)).await;
        }
        self.connections.push((far, task));
    }

    async fn end(self) -> Vec<Heard> {
        let mut heard = Vec::new();
        for (far, _) in &self.connections {
            far.hang_up();
        }
        for (far, task) in self.connections {
            let patience = HubConfig::default().decision_timeout * 1_000;
            let ended = self.runtime.timeout(patience, task).await;
            let closed = ended
                .expect("a connection ends when its peer hangs up")
                .expect("a connection does not panic");
            heard.push(Heard {
                bytes: far.received(),
                closed,
            });
        }
        let grace = self.hub.config().resume_grace;
        self.runtime.sleep(grace + Duration::from_secs(1)).await;
        assert!(self.hub.rooms().is_empty(), "somebody is left in a room");
        assert_eq!(self.sim.tasks(), 0, "{}", self.sim.describe_tasks());
        heard
    }
}
