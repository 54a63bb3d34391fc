//! The conformance suite on the simulator, in a world where other threads exist.

use std::future::Future;
use std::sync::Arc;

use chat_conformance::{Ending, Harness};
use chat_core::runtime::Runtime;
use chat_runtime_sim::{Policy, Settings, Sim, SimRuntime, World};

macro_rules! harness {
    ($name:ident, $policy:expr) => {
        mod $name {
            use super::*;

            struct Simulated(Sim);

            impl Harness for Simulated {
                type Net = SimRuntime;

                fn new() -> Self {
                    let mut settings = Settings::default();
                    settings.policy = $policy;
                    settings.world = World::Open;
                    Self(Sim::new(settings))
                }

                fn runtime(&self) -> Arc<dyn Runtime> {
                    Arc::new(self.0.runtime())
                }

                fn net(&self) -> Arc<SimRuntime> {
                    Arc::new(self.0.runtime())
                }

                fn block_on<F: Future>(&self, future: F) -> F::Output {
                    self.0.block_on(future)
                }

                fn shut_down(self) -> Ending {
                    Ending::TasksDropped
                }
            }

            chat_conformance::runtime_suite!(Simulated);
        }
    };
}

harness!(random, Policy::Random);
harness!(fifo, Policy::Fifo);
harness!(lifo, Policy::Lifo);
harness!(priorities, Policy::Priorities { changes: 50 });
