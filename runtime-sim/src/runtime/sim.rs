use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::state::{Ready, RootWaker, Shared};
use crate::policy::Policy;
use crate::strikes::Strikes;
use crate::trace::What;

/// How a simulation runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Decides everything that is left open. Default: 0.
    pub seed: u64,
    /// In which order tasks run. Default: random.
    pub policy: Policy,
    /// Whether there is a world outside. Default: there is none.
    pub world: World,
    /// How many polls may follow each other without time moving on, before this is called a livelock.
    /// Default: 100,000.
    pub patience: u64,
    /// How many of the last events are kept to be shown. Default: 64.
    pub keep: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            policy: Policy::Random,
            world: World::Closed,
            patience: 100_000,
            keep: 64,
        }
    }
}

/// Whether anything but the simulation itself can wake a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Nothing can: when nothing is ready and nothing is due, it is a deadlock, and a panic says which
    /// tasks wait. Blocking work is a task like the others.
    /// Runs are the same every time.
    Closed,
    /// Other threads spawn and wake, and blocking work gets threads of its own; there are no deadlocks,
    /// only waiting. Runs differ. This is for the conformance suite, which wants to see both.
    Open,
}

/// A simulated machine: a runtime and a network, with a clock that moves only when nobody has anything
/// left to do.
///
/// Dropping it drops all futures that it holds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use chat_core::runtime::{RuntimeExt, Timer};
/// use chat_runtime_sim::{Settings, Sim};
///
/// let sim = Sim::new(Settings::default());
/// let runtime = sim.runtime();
/// let start = runtime.now();
/// sim.block_on(runtime.sleep(Duration::from_secs(3600)));
/// assert_eq!(runtime.now() - start, Duration::from_secs(3600));
/// ```
pub struct Sim {
    shared: Arc<Shared>,
}

/// A handle to a [`Sim`]: the runtime contract. Cheap to clone.
///
/// It does not keep the simulation going; what is spawned after its end is dropped.
#[derive(Clone)]
pub struct SimRuntime {
    pub(crate) shared: Arc<Shared>,
}

impl Sim {
    /// A machine on which nothing has happened yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            shared: Shared::new(&settings, base()),
        }
    }

    /// The runtime, as the library sees it.
    pub fn runtime(&self) -> SimRuntime {
        SimRuntime {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Runs `future` to its end, and everything else along with it.
    ///
    /// # Panics
    ///
    /// In a closed world: when nothing is ready and nothing is due, a deadlock; when tasks run and run
    /// and time does not move on, a livelock. Both panics list the tasks.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let root = Arc::new(RootWaker {
            shared: Arc::clone(&self.shared),
            queued: AtomicBool::new(false),
        });
        let waker = Waker::from(Arc::clone(&root));
        let mut cx = Context::from_waker(&waker);
        waker.wake_by_ref();
        let mut doing = Vec::new();
        loop {
            let (next, livelocked) = {
                let mut core = self.shared.core();
                (core.pick(), core.is_livelocked())
            };
            if livelocked {
                self.give_up("a livelock: tasks run and run, and time does not move on");
            }
            match next {
                Some(Ready::Root) => {
                    root.queued.store(false, Ordering::Release);
                    if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                        return output;
                    }
                }
                Some(Ready::Task(runnable)) => {
                    let task = *runnable.metadata();
                    if catch_unwind(AssertUnwindSafe(|| runnable.run())).is_err() {
                        let mut core = self.shared.core();
                        core.panics += 1;
                        core.note(What::Panic, task, 0);
                    }
                }
                None if self.shared.advance(&mut doing) => {}
                None if self.shared.world == World::Open => self.shared.wait_for_the_world(),
                None => self.give_up("a deadlock: nothing is ready and nothing is due"),
            }
        }
    }

    fn give_up(&self, what: &str) -> ! {
        let core = self.shared.core();
        let now = Duration::from_nanos(core.now());
        let tasks = core.describe_tasks();
        drop(core);
        panic!("{what}, at {now:?}; there are{tasks}");
    }
}

impl SimRuntime {
    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.shared.clock.now())
    }

    /// Everything that has happened so far, as one number: the same for the same seed.
    pub fn trace_hash(&self) -> u64 {
        self.shared.core().trace.hash()
    }

    /// How many events make up the [trace](SimRuntime::trace_hash).
    pub fn trace_len(&self) -> u64 {
        self.shared.core().trace.count()
    }

    /// The last events, a line each.
    pub fn recent_events(&self) -> Vec<String> {
        let core = self.shared.core();
        core.trace.recent().map(ToString::to_string).collect()
    }

    /// How often each kind of fault has struck.
    pub fn strikes(&self) -> Strikes {
        self.shared.core().strikes.clone()
    }

    /// How many tasks have not ended.
    pub fn tasks(&self) -> usize {
        self.shared.core().tasks()
    }

    /// How many timers and arrivals are still to come.
    pub fn timers(&self) -> usize {
        self.shared.core().timers()
    }

    /// How many tasks have panicked and did not catch it themselves.
    pub fn panics(&self) -> u64 {
        self.shared.core().panics
    }

    /// All tasks there are, a line each.
    pub fn describe_tasks(&self) -> String {
        self.shared.core().describe_tasks()
    }

    /// Stops all faults that come from rates, for good: what is under way now may come to rest.
    pub fn calm_down(&self) {
        self.shared.network().calm_down(&self.shared);
        self.shared.core().calm = true;
    }

    /// Notes something in the trace.
    pub(crate) fn note(&self, what: What, subject: u64, amount: u64) {
        self.shared.core().note(what, subject, amount);
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").finish_non_exhaustive()
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRuntime").finish_non_exhaustive()
    }
}

/// The one instant that is taken from the real clock: an [`Instant`] cannot be made otherwise. Nothing
/// depends on which one it is.
#[expect(clippy::disallowed_methods, reason = "an instant to count from")]
fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}
