use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chat_core::runtime::{Net, Runtime};

/// A runtime under test.
///
/// Every case makes one of its own, so that no case sees the traces of another. A runtime that
/// there is only one of in a process is shared, and that is all right too.
///
/// Dropping the harness must not wait for tasks: a case that fails leaves them behind.
pub trait Harness: Sized + 'static {
    /// The runtime's sockets.
    type Net: Net;

    /// How long a case may take before it counts as hanging.
    ///
    /// Cases that pass never come near it, so it can be generous; a busy machine is no failure.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Starts the runtime.
    fn new() -> Self;

    /// The runtime as the library sees it.
    fn runtime(&self) -> Arc<dyn Runtime>;

    /// The runtime's sockets.
    fn net(&self) -> Arc<Self::Net>;

    /// Runs `future` to its end on this thread; tasks and blocking work run meanwhile.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Ends the runtime and says what came of it.
    ///
    /// Returns when the end has been set off; the cases wait for what follows from it.
    fn shut_down(self) -> Ending {
        Ending::Never
    }
}

/// What [`Harness::shut_down`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The runtime ends, and drops the futures that were waiting.
    TasksDropped,
    /// The runtime cannot be ended, or keeps what was waiting. The cases about it do not apply.
    Never,
}
