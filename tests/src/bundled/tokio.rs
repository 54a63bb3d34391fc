use std::future::Future;
use std::sync::Arc;

use chat_core::runtime::Runtime;
use chat_runtime_tokio::TokioRuntime;

use crate::{Ending, Harness};

/// A tokio runtime with threads of its own.
#[derive(Debug)]
pub struct TokioMultiThread(TokioRuntime);

impl Harness for TokioMultiThread {
    type Net = TokioRuntime;

    fn new() -> Self {
        Self(TokioRuntime::multi_thread().expect("there are threads to be had"))
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(self.0.clone())
    }

    fn net(&self) -> Arc<TokioRuntime> {
        Arc::new(self.0.clone())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn shut_down(self) -> Ending {
        self.0.shutdown();
        Ending::TasksDropped
    }
}

/// A tokio runtime that runs where it is waited for.
#[derive(Debug)]
pub struct TokioCurrentThread(TokioRuntime);

impl Harness for TokioCurrentThread {
    type Net = TokioRuntime;

    fn new() -> Self {
        Self(TokioRuntime::current_thread().expect("there is a driver to be had"))
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(self.0.clone())
    }

    fn net(&self) -> Arc<TokioRuntime> {
        Arc::new(self.0.clone())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn shut_down(self) -> Ending {
        self.0.shutdown();
        Ending::TasksDropped
    }
}

/// A tokio runtime that belongs to somebody else, used through its handle.
#[derive(Debug)]
pub struct TokioHandle {
    theirs: TokioMultiThread,
    ours: TokioRuntime,
}

impl Harness for TokioHandle {
    type Net = TokioRuntime;

    fn new() -> Self {
        let theirs = TokioMultiThread::new();
        let ours = theirs.block_on(async { TokioRuntime::current() });
        Self {
            theirs,
            ours: ours.expect("inside a runtime"),
        }
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(self.ours.clone())
    }

    fn net(&self) -> Arc<TokioRuntime> {
        Arc::new(self.ours.clone())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.ours.block_on(future)
    }

    fn shut_down(self) -> Ending {
        self.theirs.shut_down()
    }
}
