use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use super::coalescing::Coalescing;
use super::config::HubConfig;
use super::outbox::Bounds;
use super::resume::Resumables;
use super::{Hub, Shared};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::policy::{AllowAll, Policy};
use crate::runtime::Runtime;

/// Puts a [`Hub`] together; made by [`Hub::builder`].
///
/// # Examples
///
/// ```no_run
/// # fn example(runtime: std::sync::Arc<dyn chat_core::runtime::Runtime>) {
/// use chat_core::hub::{Hub, HubConfig};
/// use chat_core::metrics::Metrics;
///
/// let mut config = HubConfig::default();
/// config.max_rooms = 100;
/// let metrics = Metrics::new();
/// let hub = Hub::builder(runtime).config(config).metrics(&metrics).build();
/// # }
/// ```
#[must_use = "a builder builds when it is told to"]
pub struct HubBuilder {
    runtime: Arc<dyn Runtime>,
    config: HubConfig,
    policy: Option<Arc<dyn Policy>>,
    token_bits: Box<dyn Fn() -> Option<u128> + Send + Sync>,
    metrics: Option<Metrics>,
}

impl HubBuilder {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            config: HubConfig::default(),
            policy: None,
            token_bits: Box::new(system_bits),
            metrics: None,
        }
    }

    /// Treats rooms and members like this. Default: as [`HubConfig`] says.
    pub fn config(mut self, config: HubConfig) -> Self {
        self.config = config;
        self
    }

    /// Lets `policy` decide what is allowed. Default: everything is.
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Makes [resume tokens](super::ResumeToken) of the bits that `token_bits` returns, for simulations.
    /// Without bits, sessions cannot be resumed. Anywhere else nobody must be able to predict them. Default:
    /// bits from the operating system.
    pub fn token_source(
        mut self,
        token_bits: impl Fn() -> Option<u128> + Send + Sync + 'static,
    ) -> Self {
        self.token_bits = Box::new(token_bits);
        self
    }

    /// Counts what happens in the hub, and in every connection and [`Server`](crate::server::Server) that
    /// uses it. Default: nothing is counted.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// The hub, with no rooms and nobody in it.
    pub fn build(self) -> Hub {
        let memory = Memory::new(self.config.max_memory);
        let bounds = Bounds::new(self.config.outbox, memory);
        let shared = Arc::new(Shared {
            runtime: self.runtime,
            coalescing: Coalescing::new(&bounds),
            bounds,
            config: self.config,
            has_policy: self.policy.is_some(),
            policy: self.policy.unwrap_or_else(|| Arc::new(AllowAll)),
            token_bits: self.token_bits,
            metrics: self.metrics,
            directory: Mutex::default(),
            resumables: Resumables::default(),
            in_several_rooms: AtomicUsize::new(0),
            last_session: AtomicU64::new(0),
        });
        if let Some(metrics) = &shared.metrics {
            metrics.watch(Arc::downgrade(&shared), Shared::levels);
        }
        Hub { shared }
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Bits from the operating system.
fn system_bits() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(u128::from_le_bytes(bytes))
}
