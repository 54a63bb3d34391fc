use std::time::Duration;

use serde::Serialize;

use super::ledger::Latencies;
use crate::process::Cpu;

/// What was measured of one server in one case.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// What it cost to let everybody in.
    pub connecting: Connecting,
    /// What it cost to do the rest, if there was any.
    pub work: Option<Work>,
    /// How many bytes of the server's memory were resident at the end.
    pub resident_bytes: u64,
}

/// What it cost to let everybody in.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Connecting {
    /// Processor time to connect, introduce itself and join, for each connection, in microseconds.
    pub cpu_us: f64,
    /// Resident bytes for each connection, once all are in.
    pub bytes: f64,
    /// Processor time that the server uses while nobody says anything, in milliseconds a second.
    pub idle_ms_per_s: f64,
}

/// What it cost to deliver.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Work {
    /// How many deliveries there were.
    pub deliveries: u64,
    /// How many of them in a second.
    pub per_second: f64,
    /// Processor time for each, in microseconds.
    pub cpu_us: f64,
    /// What of that was spent in the server's own code; in steps of 10 ms of the whole time.
    pub user_us: f64,
    /// What of that was spent in the kernel; in steps of 10 ms of the whole time.
    pub system_us: f64,
    /// From sending a message to each member's having it.
    pub latency: Latency,
}

/// How long deliveries took, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// Half of them at most.
    pub p50_us: f64,
    /// 99 of 100 at most.
    pub p99_us: f64,
    /// 999 of 1,000 at most.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// Deliveries that were made while somebody measured.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// How many.
    pub(super) count: u64,
    /// How long all of it took.
    pub(super) within: Duration,
    /// What the server has used for them.
    pub(super) cpu: Cpu,
    /// How long each took.
    pub(super) latencies: Latencies,
}

impl Deliveries {
    pub(super) fn none() -> Self {
        Self {
            count: 0,
            within: Duration::ZERO,
            cpu: Cpu::default(),
            latencies: Latencies::new(),
        }
    }
}

impl From<Deliveries> for Work {
    fn from(deliveries: Deliveries) -> Self {
        let count = deliveries.count.max(1) as f64;
        let each = |duration: Duration| duration.as_secs_f64() * 1e6 / count;
        let at = |quantile| deliveries.latencies.at_quantile(quantile);
        Self {
            deliveries: deliveries.count,
            per_second: deliveries.count as f64 / deliveries.within.as_secs_f64(),
            cpu_us: each(deliveries.cpu.total),
            user_us: each(deliveries.cpu.user),
            system_us: each(deliveries.cpu.system),
            latency: Latency {
                p50_us: at(0.5),
                p99_us: at(0.99),
                p999_us: at(0.999),
                max_us: at(1.0),
            },
        }
    }
}
