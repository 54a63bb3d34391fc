use std::future::Future;
use std::sync::Arc;

use chat_core::runtime::Runtime;
use chat_runtime_async_std::AsyncStdRuntime;

use crate::Harness;

/// async-std's runtime, which does not end.
#[derive(Debug)]
pub struct AsyncStd;

impl Harness for AsyncStd {
    type Net = AsyncStdRuntime;

    fn new() -> Self {
        Self
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(AsyncStdRuntime)
    }

    fn net(&self) -> Arc<AsyncStdRuntime> {
        Arc::new(AsyncStdRuntime)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        AsyncStdRuntime.block_on(future)
    }
}
