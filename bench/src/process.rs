//! What a process has cost, from the kernel's accounting of it, and where it runs.

use std::time::Duration;

use procfs::process::{MMapPath, Process};
use procfs::{ProcError, ticks_per_second};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// A process that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pid: i32,
}

/// The processor time that a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// All of it, to the nanosecond, of the threads that it has now.
    pub total: Duration,
    /// What it used in its own code, in steps of the kernel's tick, which is 10 ms mostly.
    pub user: Duration,
    /// What the kernel used on its behalf, in the same steps.
    pub system: Duration,
}

impl Measured {
    /// The process with this id.
    pub fn new(pid: i32) -> Self {
        Self { pid }
    }

    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// When the process is gone, or another user's.
    pub fn cpu(&self) -> Result<Cpu, ProcError> {
        let process = Process::new(self.pid)?;
        let mut nanoseconds = 0;
        for task in process.tasks()? {
            // A thread may have ended since it was listed.
            if let Ok(stat) = task.and_then(|task| task.schedstat()) {
                nanoseconds += stat.sum_exec_runtime;
            }
        }
        let stat = process.stat()?;
        Ok(Cpu {
            total: Duration::from_nanos(nanoseconds),
            user: ticks(stat.utime),
            system: ticks(stat.stime),
        })
    }

    /// How many bytes of its memory are resident.
    ///
    /// # Errors
    ///
    /// When the process is gone, or another user's.
    pub fn resident_bytes(&self) -> Result<u64, ProcError> {
        let process = Process::new(self.pid)?;
        // Exact, unlike the counters in `status`, which each processor updates in batches of its own.
        let maps = process.smaps_rollup()?;
        let rollup = maps
            .memory_map_rollup
            .iter()
            .find(|map| map.pathname == MMapPath::Rollup)
            .and_then(|map| map.extension.map.get("Rss"));
        match rollup {
            Some(&bytes) => Ok(bytes),
            None => Ok(process.statm()?.resident * procfs::page_size()),
        }
    }

    /// Lets its threads run on this processor only.
    ///
    /// # Errors
    ///
    /// When the process is gone, or another user's, or there is no such processor.
    pub fn pin_to(&self, processor: usize) -> Result<(), ProcError> {
        for task in Process::new(self.pid)?.tasks()? {
            pin(Pid::from_raw(task?.tid), processor).map_err(ProcError::from)?;
        }
        Ok(())
    }
}

impl Cpu {
    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Lets this thread, and those that it starts from now on, run on this processor only.
///
/// # Errors
///
/// When there is no such processor.
pub fn pin_this_thread(processor: usize) -> std::io::Result<()> {
    pin(None, processor)
}

fn pin(thread: Option<Pid>, processor: usize) -> std::io::Result<()> {
    let mut processors = CpuSet::new();
    processors.set(processor);
    Ok(sched_setaffinity(thread, &processors)?)
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_charged_for_what_it_does() {
        let here = Measured::new(std::process::id() as i32);
        let before = here.cpu().unwrap();
        let mut ballast = vec![0_u8; 64 << 20];
        let resident_before = here.resident_bytes().unwrap();
        ballast.fill(1);
        std::hint::black_box(&ballast);
        assert!(here.resident_bytes().unwrap() > resident_before + (32 << 20));
        assert!(here.cpu().unwrap().since(before).total > Duration::ZERO);
    }
}
