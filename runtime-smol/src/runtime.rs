use std::future::Future;
use std::sync::{Arc, Weak};

use chat_core::runtime::LateWakes;
use smol::Executor;

/// A handle to a smol executor. Clones are cheap and mean the same executor.
#[derive(Clone, Debug, Default)]
pub struct SmolRuntime {
    /// `None` is the global executor.
    executor: Option<Weak<Executor<'static>>>,
    pub(crate) late: LateWakes,
}

impl SmolRuntime {
    /// Smol's global executor.
    ///
    /// It runs on one thread, or on as many as the environment variable `SMOL_THREADS` says when
    /// it is first used, until the process ends.
    pub fn new() -> Self {
        Self::default()
    }

    /// An executor of the caller's, who runs it, on as many threads as it should have.
    ///
    /// The executor ends when the caller drops it. This handle does not keep it alive (tasks hold
    /// handles, and so it would live forever); what is spawned after its end is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use chat_core::runtime::RuntimeExt;
    /// use chat_runtime_smol::SmolRuntime;
    ///
    /// let executor = Arc::new(smol::Executor::new());
    /// let runtime = SmolRuntime::with_executor(&executor);
    /// let task = runtime.spawn(async { 6 * 7 });
    /// assert_eq!(smol::block_on(executor.run(task)).unwrap(), 42);
    /// ```
    pub fn with_executor(executor: &Arc<Executor<'static>>) -> Self {
        Self {
            executor: Some(Arc::downgrade(executor)),
            late: LateWakes::default(),
        }
    }

    /// Runs `future` to its end on this thread, and an executor of the caller's along with it.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.executor.as_ref().and_then(Weak::upgrade) {
            Some(executor) => smol::block_on(executor.run(future)),
            None => smol::block_on(future),
        }
    }

    /// Spawns on the executor, or drops `future` where that has ended.
    pub(crate) fn spawn_on_executor(&self, future: impl Future<Output = ()> + Send + 'static) {
        match &self.executor {
            None => smol::spawn(future).detach(),
            Some(executor) => {
                if let Some(executor) = executor.upgrade() {
                    executor.spawn(future).detach();
                }
            }
        }
    }
}
