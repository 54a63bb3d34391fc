use std::future::Future;
use std::sync::Arc;

use chat_conformance::{Harness, runtime_suite};
use chat_core::runtime::Runtime;

use crate::runtime::Handmade;

impl Harness for Handmade {
    type Net = Self;

    fn new() -> Self {
        Self::new().expect("there are threads to be had")
    }

    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(self.clone())
    }

    fn net(&self) -> Arc<Self> {
        Arc::new(self.clone())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.block_on(future)
    }
}

runtime_suite!(Handmade);
