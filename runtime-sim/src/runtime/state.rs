use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use async_task::Runnable;

use super::clock::Clock;
use super::sim::{Settings, World};
use super::tasks::Tasks;
use crate::net::Network;
use crate::policy::Policy;
use crate::random::{Purpose, Random};
use crate::strikes::{Strike, Strikes};
use crate::trace::{Happening, Trace, What};

/// Number 0 is the future given to `block_on`.
pub(crate) type TaskId = u64;

/// What a simulation consists of.
///
/// The network is locked before the core, never the other way round. No waker is dropped under the lock
/// of the core: it may be a task's last one, which runs destructors.
pub(crate) struct Shared {
    pub(crate) base: Instant,
    pub(crate) world: World,
    pub(crate) clock: Arc<Clock>,
    pub(crate) network: Mutex<Network>,
    core: Mutex<Core>,
    /// Notified when something becomes ready, for an open world.
    readied: Condvar,
}

/// The schedule, the clock and the record of what happened.
pub(crate) struct Core {
    clock: Arc<Clock>,
    pub(crate) trace: Trace,
    pub(crate) strikes: Strikes,
    pub(crate) random: Random,
    pub(crate) ended: bool,
    /// Whether faults have stopped.
    pub(crate) calm: bool,
    pub(crate) panics: u64,
    pub(crate) polls: u64,
    pub(crate) current: TaskId,
    policy: Policy,
    ready: VecDeque<Ready>,
    /// The same where priorities decide: by priority, and then by when it became ready.
    ranked: BTreeMap<(u64, u64), Ready>,
    due: BTreeMap<(u64, u64), Due>,
    last_due: u64,
    tasks: Tasks<TaskRecord>,
    polls_at_this_instant: u64,
    patience: u64,
    /// The steps at which priorities change.
    changes: VecDeque<u64>,
    lowest: u64,
}

/// Something to be polled.
pub(crate) enum Ready {
    Root,
    Task(Runnable<TaskId>),
}

/// Something that is to happen at an instant.
pub(crate) enum Due {
    Wake(Waker),
    /// Look after the bytes that connection `.0` carries in direction `.1`.
    Arrival(u64, usize),
    /// A task that was held back.
    Held(Runnable<TaskId>),
}

struct TaskRecord {
    name: Arc<str>,
    parent: TaskId,
    location: Option<&'static Location<'static>>,
    spawned_at: u64,
    polls: u64,
    priority: u64,
    waker: Option<Waker>,
}

impl Shared {
    pub(crate) fn new(settings: &Settings, base: Instant) -> Arc<Self> {
        let mut random = Random::new(settings.seed, Purpose::Schedule);
        let changes = match settings.policy {
            Policy::Priorities { changes } => {
                let mut steps: Vec<_> = (0..changes).map(|_| random.below(20_000)).collect();
                steps.sort_unstable();
                steps.into()
            }
            _ => VecDeque::new(),
        };
        let clock = Arc::<Clock>::default();
        Arc::new(Self {
            base,
            world: settings.world,
            clock: Arc::clone(&clock),
            network: Mutex::new(Network::new(settings.seed)),
            core: Mutex::new(Core {
                clock,
                trace: Trace::new(settings.keep),
                strikes: Strikes::default(),
                random,
                ended: false,
                calm: false,
                panics: 0,
                polls: 0,
                current: 0,
                policy: settings.policy,
                ready: VecDeque::new(),
                ranked: BTreeMap::new(),
                due: BTreeMap::new(),
                last_due: 0,
                tasks: Tasks::new(),
                polls_at_this_instant: 0,
                patience: settings.patience,
                changes,
                lowest: u64::MAX / 2,
            }),
            readied: Condvar::new(),
        })
    }

    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        // Nothing in this crate panics while it holds the lock, but to end the simulation.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes something ready to run.
    pub(crate) fn make_ready(&self, ready: Ready) {
        let mut core = self.core();
        if core.ended {
            drop(core);
            drop(ready);
            return;
        }
        let ready = match ready {
            Ready::Task(runnable) => match core.hold_back(runnable) {
                Some(runnable) => Ready::Task(runnable),
                None => return,
            },
            Ready::Root => Ready::Root,
        };
        core.push_ready(ready);
        drop(core);
        if self.world == World::Open {
            self.readied.notify_one();
        }
    }

    /// In an open world: waits until something is ready.
    pub(crate) fn wait_for_the_world(&self) {
        let core = self.core();
        let waited = self.readied.wait_while(core, |core| {
            core.ready.is_empty() && core.ranked.is_empty() && core.due.is_empty()
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Moves the time to the next thing that is due, and does all that is due then; `all` is room for that, empty
    /// before and after. Returns whether there was anything.
    pub(crate) fn advance(self: &Arc<Self>, all: &mut Vec<Due>) -> bool {
        {
            let mut core = self.core();
            let Some(((at, _), first)) = core.due.pop_first() else {
                return false;
            };
            if at > core.now() {
                core.clock.set(at);
                core.polls_at_this_instant = 0;
            }
            all.push(first);
            while let Some(entry) = core.due.first_entry()
                && entry.key().0 <= at
            {
                all.push(entry.remove());
            }
            core.note(What::Advance, all.len() as u64, 0);
        }
        for due in all.drain(..) {
            match due {
                Due::Wake(waker) => waker.wake(),
                Due::Arrival(connection, pipe) => {
                    let waker = self.network().arrive(connection, pipe);
                    waker.into_iter().for_each(Waker::wake);
                }
                Due::Held(runnable) => self.core().push_ready(Ready::Task(runnable)),
            }
        }
        true
    }

    /// Ends the simulation: drops all futures, destructors and all.
    pub(crate) fn end(&self) {
        let (ready, due, tasks) = {
            let mut core = self.core();
            core.ended = true;
            (
                (
                    std::mem::take(&mut core.ready),
                    std::mem::take(&mut core.ranked),
                ),
                std::mem::take(&mut core.due),
                core.tasks.drain(),
            )
        };
        drop((ready, due));
        // Waking a task hands it to `make_ready`, which drops it.
        let wakers = tasks.filter_map(|task| task.waker);
        wakers.for_each(Waker::wake);
        self.readied.notify_all();
    }
}

impl Core {
    pub(crate) fn note(&mut self, what: What, subject: u64, amount: u64) {
        let at = self.now();
        self.trace.note(Happening {
            at,
            what,
            subject,
            amount,
        });
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Counts a fault that has struck.
    pub(crate) fn struck(&mut self, strike: Strike) {
        self.strikes.count(strike);
    }

    pub(crate) fn schedule(&mut self, at: u64, due: Due) -> (u64, u64) {
        self.last_due += 1;
        let key = (at.max(self.now()), self.last_due);
        self.due.insert(key, due);
        key
    }

    #[must_use = "to be dropped when the core is not locked"]
    pub(crate) fn unschedule(&mut self, key: (u64, u64)) -> Option<Due> {
        self.due.remove(&key)
    }

    /// Whether what is due at `key` is to wake who `waker` wakes.
    pub(crate) fn wakes(&self, key: (u64, u64), waker: &Waker) -> bool {
        matches!(self.due.get(&key), Some(Due::Wake(old)) if old.will_wake(waker))
    }

    pub(crate) fn add_task(
        &mut self,
        name: Option<&str>,
        location: Option<&'static Location<'static>>,
    ) -> TaskId {
        let parent = self.current;
        let inherited = || self.tasks.get(parent).map(|task| Arc::clone(&task.name));
        let name = match name {
            Some(name) => name.into(),
            None => inherited().unwrap_or_else(|| "main".into()),
        };
        // New tasks may come before all others or behind, as the dice fall.
        let priority = match self.policy {
            Policy::Priorities { .. } => u64::MAX / 2 + self.random.below(u64::MAX / 2),
            _ => 0,
        };
        let record = TaskRecord {
            name,
            parent,
            location,
            spawned_at: self.now(),
            polls: 0,
            priority,
            waker: None,
        };
        let id = self.tasks.push(record);
        self.note(What::Spawn, id, parent);
        id
    }

    pub(crate) fn set_waker(&mut self, task: TaskId, waker: Waker) {
        if let Some(record) = self.tasks.get_mut(task) {
            record.waker = Some(waker);
        }
    }

    /// Forgets a task that has ended. Returns what must be dropped when the core is not locked.
    #[must_use = "to be dropped when the core is not locked"]
    pub(crate) fn remove_task(&mut self, task: TaskId) -> Option<Waker> {
        let record = self.tasks.remove(task)?;
        self.note(What::End, task, 0);
        record.waker
    }

    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn timers(&self) -> usize {
        self.due.len()
    }

    /// The next thing to poll, as the policy has it.
    pub(crate) fn pick(&mut self) -> Option<Ready> {
        let picked = self.pick_by_policy()?;
        let id = picked.id();
        self.polls += 1;
        self.polls_at_this_instant += 1;
        if let Some(record) = self.tasks.get_mut(id) {
            record.polls += 1;
        }
        self.current = id;
        let others = (self.ready.len() + self.ranked.len()) as u64;
        self.note(What::Poll, id, others);
        Some(picked)
    }

    fn pick_by_policy(&mut self) -> Option<Ready> {
        if !self.ranked.is_empty() {
            return self.pick_highest();
        }
        let len = self.ready.len();
        match self.policy {
            _ if len < 2 => self.ready.pop_front(),
            Policy::Fifo => self.ready.pop_front(),
            // What goes on for long at one instant may be waiting for what is never the last.
            Policy::Lifo if self.polls_at_this_instant % 64 == 63 => self.ready.pop_front(),
            Policy::Lifo => self.ready.pop_back(),
            Policy::Random => {
                let index = self.random.index(len);
                self.ready.swap_remove_back(index)
            }
            Policy::Starve { task, .. } => {
                let mut index = self.random.index(len);
                if self.ready[index].id() == task {
                    self.struck(Strike::Starvation);
                    index = (index + 1) % len;
                }
                self.ready.swap_remove_back(index)
            }
            // They are in `ranked`.
            Policy::Priorities { .. } => None,
        }
    }

    fn push_ready(&mut self, ready: Ready) {
        if !matches!(self.policy, Policy::Priorities { .. }) {
            return self.ready.push_back(ready);
        }
        let record = self.tasks.get(ready.id());
        let priority = record.map_or(u64::MAX, |task| task.priority);
        self.last_due += 1;
        self.ranked.insert((priority, self.last_due), ready);
    }

    /// The task of the highest priority, unless it is time for it to fall behind.
    fn pick_highest(&mut self) -> Option<Ready> {
        let (_, highest) = self.ranked.pop_last()?;
        let due = self.changes.front().is_some_and(|&step| step <= self.polls);
        // A task that yields to wait for another would be picked for ever.
        let yields = self.polls_at_this_instant % 64 == 63;
        if self.ranked.is_empty() || !(due || yields) {
            return Some(highest);
        }
        if due {
            self.changes.pop_front();
            self.struck(Strike::PriorityChange);
        }
        self.lowest -= 1;
        let lowest = self.lowest;
        if let Some(task) = self.tasks.get_mut(highest.id()) {
            task.priority = lowest;
        }
        self.ranked.insert((lowest, 0), highest);
        self.ranked.pop_last().map(|(_, ready)| ready)
    }

    /// Holds back the one task that is to be starved, or gives it back.
    fn hold_back(&mut self, runnable: Runnable<TaskId>) -> Option<Runnable<TaskId>> {
        match self.policy {
            Policy::Starve { task, hold } if *runnable.metadata() == task && !self.calm => {
                let wait = self.random.below(hold.max(1) * 1_000);
                self.struck(Strike::HeldTask);
                self.note(What::Held, task, wait);
                self.schedule(self.now() + wait, Due::Held(runnable));
                None
            }
            _ => Some(runnable),
        }
    }

    /// Whether the tasks have been at it for too long without time moving on.
    pub(crate) fn is_livelocked(&self) -> bool {
        self.polls_at_this_instant > self.patience
    }

    /// All tasks there are, for people.
    pub(crate) fn describe_tasks(&self) -> String {
        let mut text = String::new();
        for (id, task) in self.tasks.iter() {
            let _ = write!(text, "\n  task {id} \"{}\"", task.name);
            match task.location {
                Some(location) => {
                    let _ = write!(text, ", spawned at {}:{}", location.file(), location.line());
                }
                None => {
                    let _ = write!(text, ", spawned by task {}", task.parent);
                }
            }
            let _ = write!(
                text,
                " at {} µs, polled {} times",
                task.spawned_at / 1_000,
                task.polls
            );
        }
        text
    }
}

impl Ready {
    pub(crate) fn id(&self) -> TaskId {
        match self {
            Self::Root => 0,
            Self::Task(runnable) => *runnable.metadata(),
        }
    }
}

/// Wakes the future given to `block_on`.
pub(crate) struct RootWaker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queued: AtomicBool,
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shared.make_ready(Ready::Root);
        }
    }
}
