//! The machine that is measured on: what it is, and what else went on meanwhile.

use std::fs;

use procfs::{CpuInfo, Current, CurrentSI, KernelStats, LoadAverage, ProcError, ticks_per_second};
use rustix::thread::sched_getaffinity;
use serde::Serialize;

use crate::readiness::Waiting;

/// What the figures were made on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor, by the name that it gives itself.
    pub processor: String,
    /// How many processors this process may use.
    pub processors: usize,
    /// The kernel.
    pub kernel: String,
}

/// The processors that the server and the load run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Places {
    /// That of the server.
    pub server: usize,
    /// That of the load: another one, if there is one.
    pub load: usize,
}

/// How busy the machine was at a moment.
#[derive(Clone, Debug)]
pub struct Moment {
    stolen: u64,
    busy: u64,
    total: u64,
    load: f32,
}

/// What went on beside the measuring, from one moment to another.
#[derive(Clone, Debug, Serialize)]
pub struct Disturbance {
    /// The part of the processors' time that other machines on the same hardware took, from 0 to 1.
    pub stolen: f64,
    /// The part of the processors' time that something ran in at all, from 0 to 1.
    pub busy: f64,
    /// How many processes wanted to run, on average over the last minute, before and after.
    pub load_average: (f32, f32),
}

impl Machine {
    /// The machine that this runs on.
    pub fn here() -> Self {
        let processor = CpuInfo::current()
            .ok()
            .and_then(|cpus| cpus.model_name(0).map(str::to_owned));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: processor.unwrap_or_else(|| "unknown".to_owned()),
            processors: processors().len(),
            kernel: format!("Linux {}", kernel.trim()),
        }
    }
}

impl Places {
    /// The last two processors that this process may use, as the first has most to do with interrupts.
    pub fn choose() -> Self {
        let allowed = processors();
        let server = allowed.last().copied().unwrap_or(0);
        let load = allowed.iter().rev().nth(1).copied().unwrap_or(server);
        Self { server, load }
    }

    /// Whether the server has a processor to itself.
    pub fn are_apart(self) -> bool {
        self.server != self.load
    }

    /// How the load may wait without taking the processor from the server.
    pub fn waiting(self) -> Waiting {
        match self.are_apart() {
            true => Waiting::Awake,
            false => Waiting::Asleep,
        }
    }
}

impl Moment {
    /// How things stand now.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell.
    pub fn now() -> Result<Self, ProcError> {
        let cpu = KernelStats::current()?.total;
        let stolen = cpu.steal.unwrap_or(0);
        let idle = cpu.idle + cpu.iowait.unwrap_or(0);
        let busy =
            cpu.user + cpu.nice + cpu.system + cpu.irq.unwrap_or(0) + cpu.softirq.unwrap_or(0);
        Ok(Self {
            stolen,
            busy,
            total: busy + idle + stolen,
            load: LoadAverage::current()?.one,
        })
    }

    /// What went on until `later`.
    pub fn until(&self, later: &Self) -> Disturbance {
        let total = (later.total.saturating_sub(self.total)).max(1) as f64;
        Disturbance {
            stolen: later.stolen.saturating_sub(self.stolen) as f64 / total,
            busy: later.busy.saturating_sub(self.busy) as f64 / total,
            load_average: (self.load, later.load),
        }
    }

    /// How many seconds of processor time something has run, on all processors together.
    pub fn busy_seconds(&self) -> f64 {
        self.busy as f64 / ticks_per_second() as f64
    }
}

fn processors() -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(None) else {
        return vec![0];
    };
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|&processor| allowed.is_set(processor))
        .collect()
}
