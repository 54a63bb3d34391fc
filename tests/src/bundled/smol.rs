use std::future::Future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use chat_core::runtime::Runtime;
use chat_runtime_smol::SmolRuntime;
use smol::Executor;
use smol::channel::{Sender, bounded};

use crate::{Ending, Harness};

/// smol's global executor, which does not end.
#[derive(Debug)]
pub struct SmolGlobal;

impl Harness for SmolGlobal {
    type Net = SmolRuntime;

    fn new() -> Self {
        Self
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(SmolRuntime::new())
    }

    fn net(&self) -> Arc<SmolRuntime> {
        Arc::new(SmolRuntime::new())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        SmolRuntime::new().block_on(future)
    }
}

/// An executor of one's own, run by two threads.
#[derive(Debug)]
pub struct SmolExecutor {
    executor: Arc<Executor<'static>>,
    threads: Vec<JoinHandle<()>>,
    /// Closed to tell the threads to end.
    running: Sender<()>,
}

impl Harness for SmolExecutor {
    type Net = SmolRuntime;

    fn new() -> Self {
        let executor = Arc::new(Executor::new());
        let (running, stopped) = bounded::<()>(1);
        let run = || {
            let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
            thread::spawn(move || {
                // An error is what it waits for: the channel was closed.
                let _ = smol::block_on(executor.run(stopped.recv()));
            })
        };
        let threads = vec![run(), run()];
        Self {
            executor,
            threads,
            running,
        }
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(SmolRuntime::with_executor(&self.executor))
    }

    fn net(&self) -> Arc<SmolRuntime> {
        Arc::new(SmolRuntime::with_executor(&self.executor))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        SmolRuntime::with_executor(&self.executor).block_on(future)
    }

    fn shut_down(self) -> Ending {
        drop(self.running);
        for thread in self.threads {
            thread.join().expect("the executor's threads do not panic");
        }
        drop(self.executor);
        Ending::TasksDropped
    }
}
