use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::level::{Level, Levels};
use super::traffic::{Tally, Traffic};

/// What a server counts and measures. Cheap to clone: clones are the same.
///
/// Given to a [hub](crate::hub::HubBuilder::metrics), it sees that hub and every connection and
/// [`Server`](crate::server::Server) that uses it. Given to several hubs, it shows their sums.
///
/// It is a [`Collector`](prometheus_client::collector::Collector): a program that has a registry of its own
/// adds it there, under a prefix and labels of its choice.
///
/// # Examples
///
/// ```
/// use chat_core::metrics::Metrics;
/// use prometheus_client::registry::Registry;
///
/// let metrics = Metrics::new();
/// assert!(metrics.encode().contains("\nchat_connections_opened_total 0\n"));
///
/// let mut registry = Registry::with_prefix("shop");
/// registry.register_collector(Box::new(metrics));
/// ```
#[derive(Clone)]
pub struct Metrics {
    pub(super) meters: Arc<Meters>,
}

/// What is counted as it happens, and where to ask for the rest.
pub(super) struct Meters {
    pub(super) connections: Gauge,
    pub(super) connections_opened: Counter,
    pub(super) connections_closed: Family<Label, Counter>,
    pub(super) connections_refused: Family<Label, Counter>,
    pub(super) accept_errors: Counter,
    pub(super) sessions_opened: Counter,
    pub(super) sessions_parked: Counter,
    pub(super) sessions_resumed: Counter,
    pub(super) requests_refused: Family<Label, Counter>,
    pub(super) room_messages: Counter,
    pub(super) private_messages: Counter,
    pub(super) traffic: Traffic,
    pub(super) dropped: Counter,
    pub(super) peak_events: AtomicUsize,
    pub(super) peak_bytes: AtomicUsize,
    pub(super) fan_out: Histogram,
    pub(super) decisions: [Histogram; Hook::ALL.len()],
    sources: Mutex<Vec<Source>>,
}

/// One label, whose name and values are written down in the source: nothing that comes from a peer can make
/// a new one.
pub(super) type Label = [(&'static str, &'static str); 1];

/// Tells how much there is of something, as long as that exists.
type Source = Box<dyn Fn() -> Option<Levels> + Send + Sync>;

/// A question to the policy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hook {
    Connect,
    LogIn,
    Nick,
    Guest,
    Join,
    Message,
    PrivateMessage,
    Topic,
    Quit,
}

impl Hook {
    pub(super) const ALL: [&'static str; 9] = [
        "connect",
        "log_in",
        "nick",
        "guest",
        "join",
        "message",
        "private_message",
        "topic",
        "quit",
    ];
}

impl Metrics {
    /// Media type of what [`encode`](Self::encode) writes, for the header `Content-Type`.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Nothing has been counted yet.
    pub fn new() -> Self {
        let metrics = Self {
            meters: Arc::new(Meters {
                connections: Gauge::default(),
                connections_opened: Counter::default(),
                connections_closed: Family::default(),
                connections_refused: Family::default(),
                accept_errors: Counter::default(),
                sessions_opened: Counter::default(),
                sessions_parked: Counter::default(),
                sessions_resumed: Counter::default(),
                requests_refused: Family::default(),
                room_messages: Counter::default(),
                private_messages: Counter::default(),
                traffic: Traffic::default(),
                dropped: Counter::default(),
                peak_events: AtomicUsize::new(0),
                peak_bytes: AtomicUsize::new(0),
                fan_out: Histogram::new(FAN_OUT_SECONDS),
                decisions: Hook::ALL.map(|_| Histogram::new(DECISION_SECONDS)),
                sources: Mutex::default(),
            }),
        };
        metrics.start_at_zero();
        metrics
    }

    /// Everything, as OpenMetrics text.
    ///
    /// It reads the outbox of every session under a short lock each, so it takes longer the more people
    /// there are; whoever talks meanwhile is not held up.
    pub fn encode(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = text::encode(&mut text, &registry);
        text
    }

    /// From now on `levels` of `source` are among what is told, until that is dropped.
    pub(crate) fn watch<S: Send + Sync + 'static>(
        &self,
        source: Weak<S>,
        levels: impl Fn(&S) -> Levels + Send + Sync + 'static,
    ) {
        let mut sources = self.sources();
        sources.retain(|source| source().is_some());
        sources.push(Box::new(move || {
            source.upgrade().map(|source| levels(&source))
        }));
    }

    pub(super) fn levels(&self) -> Levels {
        let mut sum = Levels::default();
        for source in self.sources().iter() {
            sum += source().unwrap_or_default();
        }
        sum
    }

    pub(crate) fn connection_opened(&self) {
        self.meters.connections.inc();
        self.meters.connections_opened.inc();
    }

    pub(crate) fn connection_closed(&self, reason: &'static str) {
        self.meters.connections.dec();
        count(&self.meters.connections_closed, reason);
    }

    pub(crate) fn connection_refused(&self, reason: &'static str) {
        count(&self.meters.connections_refused, reason);
    }

    pub(crate) fn accept_failed(&self) {
        self.meters.accept_errors.inc();
    }

    pub(crate) fn session_opened(&self) {
        self.meters.sessions_opened.inc();
    }

    pub(crate) fn session_parked(&self) {
        self.meters.sessions_parked.inc();
    }

    pub(crate) fn session_resumed(&self) {
        self.meters.sessions_resumed.inc();
    }

    pub(crate) fn request_refused(&self, reason: &'static str) {
        count(&self.meters.requests_refused, reason);
    }

    pub(crate) fn said_privately(&self) {
        self.meters.private_messages.inc();
    }

    pub(crate) fn fanned_out(&self, took: Duration) {
        self.meters.room_messages.inc();
        self.meters.fan_out.observe(took.as_secs_f64());
    }

    pub(crate) fn decided(&self, hook: Hook, took: Duration) {
        self.meters.decisions[hook as usize].observe(took.as_secs_f64());
    }

    pub(crate) fn moved(&self, tally: &Tally) {
        self.meters.traffic.add(tally);
    }

    /// Counts what outboxes had to drop, and remembers how full the fullest one became.
    pub(crate) fn queued(&self, dropped: u64, peak: Level) {
        if dropped > 0 {
            self.meters.dropped.inc_by(dropped);
        }
        raise(&self.meters.peak_events, peak.events);
        raise(&self.meters.peak_bytes, peak.bytes);
    }

    pub(super) fn peak(&self) -> Level {
        Level {
            events: self.meters.peak_events.load(Ordering::Relaxed),
            bytes: self.meters.peak_bytes.load(Ordering::Relaxed),
        }
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Vec<Source>> {
        self.meters
            .sources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same as [`Metrics::new`].
impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// From a quiet room to one whose members fill a machine.
const FAN_OUT_SECONDS: [f64; 10] = [
    1e-6, 4e-6, 16e-6, 64e-6, 256e-6, 1e-3, 4e-3, 16e-3, 64e-3, 256e-3,
];

/// From a look into memory to what is taken for no answer.
const DECISION_SECONDS: [f64; 11] = [
    10e-6, 100e-6, 1e-3, 5e-3, 10e-3, 50e-3, 0.1, 0.5, 1.0, 2.5, 5.0,
];

/// Why connections end: the codes of [`CloseReason`](crate::event::CloseReason), and what happens instead of
/// being closed.
pub(super) const CLOSINGS: [&str; 14] = [
    "quit",
    "peer_closed",
    "idle",
    "unregistered",
    "slow_consumer",
    "flooding",
    "stalled",
    "superseded",
    "denied",
    "removed",
    "shutdown",
    "failed",
    "cut_off",
    "dropped",
];

/// Why connections are not served.
pub(super) const REFUSALS: [&str; 3] = ["server_full", "address_full", "connecting_too_fast"];

impl Metrics {
    /// Makes the counters of rare things exist from the beginning: the first time that a counter is seen
    /// tells nobody by how much it has grown.
    fn start_at_zero(&self) {
        let meters = &self.meters;
        for reason in CLOSINGS {
            drop(meters.connections_closed.get_or_create(&label(reason)));
        }
        for reason in REFUSALS {
            drop(meters.connections_refused.get_or_create(&label(reason)));
        }
    }
}

fn label(reason: &'static str) -> Label {
    [("reason", reason)]
}

fn count(family: &Family<Label, Counter>, reason: &'static str) {
    family.get_or_create(&label(reason)).inc();
}

/// Sets `peak` to `level` if that is higher. It seldom is, and reading is cheap where nobody writes.
fn raise(peak: &AtomicUsize, level: usize) {
    if level > peak.load(Ordering::Relaxed) {
        peak.fetch_max(level, Ordering::Relaxed);
    }
}
