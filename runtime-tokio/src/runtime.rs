use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime, TryCurrentError};

use crate::late::Late;

/// A handle to a tokio runtime. Clones are cheap and mean the same runtime.
///
/// | constructor | the tokio runtime | it ends |
/// | --- | --- | --- |
/// | [`multi_thread`](Self::multi_thread), [`current_thread`](Self::current_thread) | its own | with the last clone, or at [`shutdown`](Self::shutdown) |
/// | [`current`](Self::current), `From<Handle>` | the caller's | when the caller ends it |
///
/// A caller's runtime needs its time and I/O drivers: build it with `enable_all`.
///
/// On the multi-thread scheduler, once more than 512 tasks wait in the queue that its workers share, there is one more thread in the
/// process, called `chat-late-wakes`, for all runtimes. It sleeps, but when it helps with
/// [`wake_later`](chat_core::runtime::Spawn::wake_later).
///
/// Once the runtime has ended, futures that are spawned are dropped, sockets give errors, and a
/// sleep made by it panics when it is polled: nothing that was made by a runtime belongs outside
/// of it.
#[derive(Clone)]
pub struct TokioRuntime {
    pub(crate) handle: Handle,
    pub(crate) late: Late,
    owned: Option<Arc<Slot>>,
}

/// Holds a runtime until it is told to end, or until nobody is left to tell.
type Slot = Mutex<Option<Arc<Owner>>>;

/// Ends its runtime when dropped.
struct Owner(Option<Runtime>);

/// How many tasks a thread polls before it looks for new input and due timers. Tokio's 61 cut what a busy room
/// has to say into small pieces: members were written to for one message when several were on their way. So that a room of a
/// thousand gets through, which takes some four milliseconds.
const TASKS_PER_LOOK: u32 = 1024;

/// A worker takes every second task from the queue that all workers share, if there are any. Its own queue holds 256;
/// when a message wakes more connections than that, the rest goes into the shared one, and waits there for as long as
/// the own one does not run dry, which in a busy chat it never does.
const GLOBAL_QUEUE_INTERVAL: u32 = 2;

impl TokioRuntime {
    /// A runtime of its own, with a worker thread per processor.
    ///
    /// # Errors
    ///
    /// When the operating system has no threads or no I/O driver to give.
    pub fn multi_thread() -> io::Result<Self> {
        Builder::new_multi_thread()
            .enable_all()
            .event_interval(TASKS_PER_LOOK)
            .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
            .build()
            .map(Self::owning)
    }

    /// A runtime of its own that runs on the thread which calls [`block_on`](Self::block_on), and
    /// only while it does.
    ///
    /// # Errors
    ///
    /// When the operating system has no I/O driver to give.
    pub fn current_thread() -> io::Result<Self> {
        Builder::new_current_thread()
            .enable_all()
            .event_interval(TASKS_PER_LOOK)
            .build()
            .map(Self::owning)
    }

    /// The runtime that the caller is running inside.
    ///
    /// # Errors
    ///
    /// When the caller is not inside a tokio runtime.
    pub fn current() -> Result<Self, TryCurrentError> {
        Handle::try_current().map(Self::from)
    }

    /// Ends a runtime of its own, without waiting: futures that are not finished are dropped,
    /// blocking work goes on to its end.
    ///
    /// A [`block_on`](Self::block_on) on another thread keeps the runtime up until it returns. Does
    /// nothing to a caller's runtime, and nothing the second time.
    pub fn shutdown(&self) {
        if let Some(slot) = &self.owned {
            let owner = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(owner);
        }
    }

    /// Runs `future` to its end on this thread.
    ///
    /// With a caller's current-thread runtime somebody else must be running that runtime meanwhile,
    /// as this only runs `future`.
    ///
    /// # Panics
    ///
    /// Inside a tokio runtime, where blocking a thread is not allowed.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.owner().as_deref() {
            Some(Owner(Some(runtime))) => runtime.block_on(future),
            _ => self.handle.block_on(future),
        }
    }

    fn owner(&self) -> Option<Arc<Owner>> {
        let slot = self.owned.as_ref()?;
        slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn owning(runtime: Runtime) -> Self {
        let handle = Self::from(runtime.handle().clone());
        Self {
            owned: Some(Arc::new(Mutex::new(Some(Arc::new(Owner(Some(runtime))))))),
            ..handle
        }
    }
}

impl From<Handle> for TokioRuntime {
    fn from(handle: Handle) -> Self {
        Self {
            late: Late::new(&handle),
            handle,
            owned: None,
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, and panics where waiting is not allowed; the
        // last clone may well be dropped by a task.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioRuntime")
            .field("handle", &self.handle)
            .field("owned", &self.owned.is_some())
            .finish()
    }
}
