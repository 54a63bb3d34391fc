use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use event_listener::Event;
use slab::Slab;
use thiserror::Error;

use super::runner::{Holder, Outcome, Runner};
use super::task::Panic;
use super::{Origin, Runtime};

/// Background futures that belong together and are waited for together.
///
/// A child that ends, in whatever way, leaves the group by itself; the group grows with the
/// children that run, not with those that ever ran. Dropping the group cancels all children without
/// waiting for them.
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// # async fn example(runtime: Arc<dyn chat_core::runtime::Runtime>) {
/// use chat_core::runtime::TaskGroup;
///
/// let group = TaskGroup::new(runtime);
/// for child in 0..3 {
///     group.spawn(async move { println!("child {child}") }).expect("the group is open");
/// }
/// group.join().await;
/// assert!(group.is_empty());
/// # }
/// ```
pub struct TaskGroup {
    spawner: TaskSpawner,
}

/// Adds children to a [`TaskGroup`] from elsewhere, without keeping it alive. Cheap to clone.
#[derive(Clone)]
pub struct TaskSpawner {
    runtime: Arc<dyn Runtime>,
    shared: Arc<Shared>,
}

struct Shared {
    /// Whether all children are to stop: in one place for all of them, as each asks in each poll.
    cancelled: AtomicBool,
    children: Mutex<Children>,
    /// Notified when the last child has ended.
    emptied: Event,
}

struct Children {
    /// What wakes each of them, once it has been polled.
    running: Slab<Option<Waker>>,
    panicked: usize,
    closed: bool,
}

impl TaskGroup {
    /// An empty group whose children run on `runtime`.
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        let children = Children {
            running: Slab::new(),
            panicked: 0,
            closed: false,
        };
        let shared = Arc::new(Shared {
            cancelled: AtomicBool::new(false),
            children: Mutex::new(children),
            emptied: Event::new(),
        });
        Self {
            spawner: TaskSpawner { runtime, shared },
        }
    }

    /// Runs `future` as a child of this group.
    ///
    /// # Errors
    ///
    /// [`Closed`] after [`close`](TaskGroup::close) or [`cancel`](TaskGroup::cancel); the future is
    /// dropped unpolled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Result<(), Closed>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawner.spawn(future)
    }

    /// A way to spawn children from elsewhere.
    pub fn spawner(&self) -> TaskSpawner {
        self.spawner.clone()
    }

    /// Takes no more children.
    pub fn close(&self) {
        self.spawner.shared.children().closed = true;
    }

    /// Waits until no child is left. Children may still be spawned meanwhile, unless the group is
    /// [closed](TaskGroup::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only stops waiting.
    pub async fn join(&self) {
        loop {
            let emptied = self.spawner.shared.emptied.listen();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Closes the group, cancels its children, and waits until the destructors of all of them have
    /// run.
    ///
    /// # Cancel safety
    ///
    /// The order to stop is given at the first poll; dropping the future after it only stops
    /// waiting.
    pub async fn cancel(&self) {
        self.order_all();
        self.join().await;
    }

    /// How many children are running.
    pub fn len(&self) -> usize {
        self.spawner.len()
    }

    /// Whether no child is running.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many children have panicked so far.
    pub fn panicked(&self) -> usize {
        self.spawner.shared.children().panicked
    }

    fn order_all(&self) {
        let shared = &self.spawner.shared;
        let wakers: Vec<_> = {
            let mut children = shared.children();
            children.closed = true;
            // Under the lock: whoever leaves a waker after it was looked for sees this.
            shared.cancelled.store(true, Ordering::SeqCst);
            let running = children.running.iter_mut();
            running.filter_map(|(_, waker)| waker.take()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl TaskSpawner {
    /// As [`TaskGroup::spawn`].
    ///
    /// # Errors
    ///
    /// [`Closed`] when the group takes no more children; the future is dropped unpolled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Result<(), Closed>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let key = {
            let mut children = self.shared.children();
            if children.closed {
                return Err(Closed);
            }
            children.running.insert(None)
        };
        let membership = Membership {
            key,
            shared: Arc::clone(&self.shared),
        };
        let runner = Runner::new(future, membership);
        self.runtime
            .spawn_detached_from(Origin::of::<F>(), Box::pin(runner));
        Ok(())
    }

    /// How many children of the group are running.
    pub fn len(&self) -> usize {
        self.shared.children().running.len()
    }

    /// Whether no child of the group is running.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        self.order_all();
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("running", &self.len())
            .field("panicked", &self.panicked())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TaskSpawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSpawner").finish_non_exhaustive()
    }
}

/// A child's place in its group; dropping it gives the place back.
struct Membership {
    key: usize,
    shared: Arc<Shared>,
}

impl Holder<()> for Membership {
    fn set_task(&self, waker: &Waker) {
        // Cloning and dropping a waker runs code of the runtime's, which is not to find the group locked.
        let waker = Some(waker.clone());
        let old = std::mem::replace(&mut self.shared.children().running[self.key], waker);
        drop(old);
    }

    fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    fn report(self, outcome: Outcome<()>) {
        if let Outcome::Panicked(panic) = outcome {
            tracing::error!(panic = %Panic::new(panic), "a task panicked");
            self.shared.children().panicked += 1;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut children = self.shared.children();
        let waker = children.running.remove(self.key);
        let is_last = children.running.is_empty();
        drop(children);
        drop(waker);
        if is_last {
            self.shared.emptied.notify(usize::MAX);
        }
    }
}

impl Shared {
    fn children(&self) -> MutexGuard<'_, Children> {
        // Nothing in this module can panic while it holds the lock.
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The [`TaskGroup`] takes no more children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the task group is closed")]
pub struct Closed;
